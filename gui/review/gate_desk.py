"""Lists what a gate says otherwise than masks or predictions, over all scans."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from core.commands.gate import heading, left_out, place
from core.learning.runs import Run, find_run
from core.messages import text
from core.project.project import Project
from core.review.gate_list import GateList, GateRow, gate_of, list_gate
from gui.review.gate_page import MOST, GatePage
from gui.review.looker import Look, Looker

if TYPE_CHECKING:
    from gui.session import Session


class GateDesk(QObject):
    """Behind :class:`GatePage`."""

    open_asked = Signal(str, int)
    """Id of a scan, and its slice (from 0) or -1."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._page: GatePage | None = None
        self._rows: tuple[GateRow, ...] = ()
        self._run: Run | None = None
        self._gate = ""
        self._looker = Looker(self)
        self._looker.found.connect(self._take)
        session.project_changed.connect(self.forget)

    @property
    def page(self) -> GatePage:
        """The list, made when it is first needed."""
        if self._page is None:
            self._page = GatePage()
            self._page.again_asked.connect(self.look)
            self._page.row_asked.connect(self._open)
        return self._page

    @property
    def rows(self) -> tuple[GateRow, ...]:
        """What is listed."""
        return self._rows

    def show(self, run: Run | None, gate: str) -> None:
        """Look through what a gate (id of a run; empty: the one the run was predicted with) and a run say."""
        self._run, self._gate = run, gate
        self.look()

    @Slot()
    def look(self) -> None:
        """Look through the scans anew."""
        project = self._session.project
        if project is not None:
            # what is finished counts as finished: it is read from the project
            self._session.save_now()
            self._rows = ()
            self._looker.ask(self.page, functools.partial(_found, project, self._run, self._gate))

    @Slot()
    def forget(self) -> None:
        """List nothing any more."""
        self._rows = ()
        self._looker.forget()

    @Slot(object)
    def _take(self, found: GateList) -> None:
        project = self._session.project
        self._rows = found.rows
        patients = {scan.id: scan.patient_name for scan in project.scans()} if project is not None else {}
        shown = found.rows[:MOST]
        self.page.fill([(row.name, patients.get(row.scan, ""), place(row), row.words) for row in shown])
        more = [text("gating.most", shown=MOST, count=len(found.rows))] if len(found.rows) > MOST else []
        self.page.say(heading(found), [*more, *left_out(found)])

    @Slot(int)
    def _open(self, number: int) -> None:
        row = self._rows[number]
        self.open_asked.emit(row.scan, row.slice)

    def close(self) -> None:
        """End the thread."""
        self._looker.close()


def _found(project: Project, run: Run | None, gate: str, look: Look) -> GateList:
    """Runs in a thread."""
    classifier = find_run(project, gate) if gate else gate_of(project, run)
    return list_gate(project, classifier, run, go_on=look.goes_on, told=look.told)
