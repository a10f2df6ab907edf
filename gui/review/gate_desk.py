"""Looks through all scans, in a thread, for what a gate says otherwise, and lists it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from core.commands.gate import heading, left_out, place
from core.errors import MeninxError
from core.learning.runs import Run, find_run
from core.messages import sentence, text
from core.project.project import Project
from core.review.gate_list import GateList, GateRow, gate_of, list_gate
from gui.jobs.asking import Asker
from gui.review.gate_page import MOST, GatePage

if TYPE_CHECKING:
    from gui.session import Session

_TELL_MS = 200


class _Look:
    """One look through the scans: how far it is, and whether it still matters."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.done, self.total, self.name = 0, 0, ""

    def told(self, done: int, total: int, name: str) -> None:
        self.done, self.total, self.name = done, total, name


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
        self._look: _Look | None = None
        self._asker = Asker(self)
        self._asker.answered.connect(self._take)
        self._asker.refused.connect(self._refused)
        self._telling = QTimer(self)
        self._telling.setInterval(_TELL_MS)
        self._telling.timeout.connect(self._tell)
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

    @property
    def busy(self) -> bool:
        """Whether it is looked for still."""
        return self._asker.busy

    def show(self, run: Run | None, gate: str) -> None:
        """Look through what a gate (id of a run; empty: the one the run was predicted with) and a run say."""
        self._run, self._gate = run, gate
        self.look()

    @Slot()
    def look(self) -> None:
        """Look through the scans anew."""
        project = self._session.project
        self._stop()
        if project is None:
            return
        # what is finished counts as finished: it is read from the project
        self._session.save_now()
        self._rows = ()
        self.page.show_rows((), (), {})
        self._look = look = _Look()
        self._telling.start()
        self._tell()
        # last: a quick answer is there before this returns
        self._asker.ask(_found, project, self._run, self._gate, look)

    @Slot()
    def forget(self) -> None:
        """List nothing any more."""
        self._stop()
        self._asker.forget()
        self._rows = ()
        if self._page is not None:
            self._page.show_rows((), (), {})
            self._page.say("")

    def _stop(self) -> None:
        if self._look is not None:
            self._look.stop.set()
        self._telling.stop()

    @Slot()
    def _tell(self) -> None:
        look = self._look
        if look is not None:
            total = look.total or "…"
            self.page.say(text("gating.looking", done=min(look.done + 1, look.total or 1), total=total, scan=look.name))

    @Slot(object)
    def _take(self, found: GateList) -> None:
        self._telling.stop()
        project = self._session.project
        self._rows = found.rows
        patients = {scan.id: scan.patient_name for scan in project.scans()} if project is not None else {}
        self.page.show_rows(found.rows, [place(row) for row in found.rows[:MOST]], patients)
        more = [text("gating.most", shown=MOST, count=len(found.rows))] if len(found.rows) > MOST else []
        self.page.say(heading(found), [*more, *left_out(found)])

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._telling.stop()
        self.page.say(sentence(error))

    @Slot(int)
    def _open(self, number: int) -> None:
        row = self._rows[number]
        self.open_asked.emit(row.scan, row.slice)

    def close(self) -> None:
        """End the thread."""
        self._stop()
        self._asker.close()


def _found(project: Project, run: Run | None, gate: str, look: _Look) -> GateList:
    """Runs in a thread."""
    classifier = find_run(project, gate) if gate else gate_of(project, run)
    return list_gate(project, classifier, run, go_on=lambda: not look.stop.is_set(), told=look.told)
