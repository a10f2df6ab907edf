"""Measures the chosen run scan by scan while its page is open; writes tables and reports."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QWidget

from core.errors import MeninxError
from core.io import atomic
from core.learning.runs import Run
from core.messages import text
from core.project.project import Project
from core.project.records import Scan
from core.review.curves import slug
from core.review.evaluation import count_looks, record_look
from core.review.evaluation_files import table
from core.review.set_figures import SCREEN, SCREEN_LIGHT, Inks, figures
from core.review.set_numbers import HIDDEN, Against, ScanNumbers, scan_numbers, scans_to_measure
from gui import theme
from gui.background import Tasks
from gui.jobs.asking import Asker
from gui.report.apart import write_apart
from gui.report.command import ENDINGS
from gui.review.case import Reference
from gui.review.numbers_model import Row
from gui.review.numbers_page import NumbersPage

if TYPE_CHECKING:
    from gui.session import Session

_WAIT_MS = 250
_AT_ONCE = 8


class NumbersDesk(QObject):
    """Behind :class:`NumbersPage`."""

    open_asked = Signal(str, int)
    """Id of a scan, and its slice (from 0) or -1."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._parent = parent
        self.page = NumbersPage()
        self._asked: tuple[str, Reference] | None = None
        self._name = ""
        self._left: list[Scan] = []
        self._total = 0
        self._fresh: list[ScanNumbers] = []
        self._folder = Path.home()
        self._tasks = Tasks(self)
        self._lists, self._scans, self._pictures = Asker(self), Asker(self), Asker(self)
        self._lists.answered.connect(self._take_list)
        self._scans.answered.connect(self._take_scan)
        self._pictures.answered.connect(self.page.show_figures)
        self._lists.refused.connect(session.notifier.error)
        self._scans.refused.connect(self._refused)
        self._pictures.refused.connect(session.notifier.error)
        self._labels: tuple[str, ...] = ()
        self._begin = QTimer(self)
        self._begin.setSingleShot(True)
        self._begin.setInterval(0)
        self._begin.timeout.connect(self._begin_now)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_WAIT_MS)
        self._wait.timeout.connect(self._draw)
        self.page.shown_changed.connect(self._wait.start)
        theme.changes().changed.connect(self._wait.start)
        self.page.open_asked.connect(self.open_asked)
        self.page.save_asked.connect(self.save_table)
        self.page.test_looked_at.connect(self._count_look)

    # ------------------------------------------------------------ measuring

    def show(self, run: Run | None, reference: Reference | None, *, again: bool = False) -> None:
        """Measure a run against a reference, unless that is what is shown."""
        project = self._session.project
        if project is None or run is None or reference is None:
            self.forget()
            return
        wanted = (run.id, reference)
        if wanted == self._asked and not again:
            return
        self._stop()
        self._asked = wanted
        self._name = run.name
        self._labels = run.labels
        self.page.say(text("review.measuring", done=0, total="…"))
        # in a turn of its own: the page is laid out and painted in this one
        self._begin.start()

    @Slot()
    def _begin_now(self) -> None:
        project, asked = self._session.project, self._asked
        if project is not None and asked is not None:
            self.page.begin(self._labels)
            self._lists.ask(scans_to_measure, project, asked[0])

    def _stop(self) -> None:
        self._asked = None
        self._left = []
        self._fresh = []
        self._begin.stop()
        for asker in (self._lists, self._scans, self._pictures):
            asker.forget()

    def forget(self) -> None:
        """Stop measuring; nothing is shown any more."""
        self._stop()
        self.page.begin(())
        self.page.say("")

    @property
    def busy(self) -> bool:
        """Whether something is measured or drawn still."""
        return (
            self._begin.isActive()
            or self._lists.busy
            or self._scans.busy
            or self._pictures.busy
            or self._wait.isActive()
        )

    @Slot(object)
    def _take_list(self, scans: list[Scan]) -> None:
        self._left = list(scans)
        self._total = len(scans)
        self._next()

    def _next(self) -> None:
        done = self._total - len(self._left)
        if len(self._fresh) >= _AT_ONCE or (self._fresh and not self._left) or done == 1:
            # a table that is filled anew for each scan would keep the window busy
            self.page.add(self._fresh)
            self._fresh = []
        project, asked = self._session.project, self._asked
        if not self._left or project is None or asked is None:
            self._say_done()
            return
        self.page.say(text("review.measuring", done=done, total=self._total))
        self._scans.ask(_measured, project, asked[0], self._left.pop(0), _against(asked[1]))

    @Slot(object)
    def _take_scan(self, found: ScanNumbers) -> None:
        self._fresh.append(found)
        self._next()

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        # one damaged scan does not hide the figures of the others
        self._session.notifier.error(error)
        self._next()

    def _say_done(self) -> None:
        rows = self.page.model.rowCount()
        key = "measured_none" if not rows else "measured_one" if self._total == 1 else "measured"
        self.page.say(text(f"review.{key}", total=self._total))

    @Slot()
    def _count_look(self) -> None:
        project, asked = self._session.project, self._asked
        if project is not None and asked is not None and not project.read_only:
            work = functools.partial(_looked, project, asked[0])
            self._tasks.start(work, self._say_looks, self._session.notifier.error)

    @Slot(object)
    def _say_looks(self, looks: int) -> None:
        self.page.say(text("review.looks", count=looks))

    @Slot()
    def _draw(self) -> None:
        rows = self.page.scan_rows()
        if rows:
            light = theme.changes().worn == "light"
            self._pictures.ask(_drawn, rows, SCREEN_LIGHT if light else SCREEN)
        else:
            self._pictures.forget()
            self.page.show_figures({})

    # ------------------------------------------------------------ files

    @Slot()
    def save_table(self) -> None:
        """Write the rows shown as CSV, in the order they stand."""
        stem = f"{slug(self._name)}_{self.page.level}.csv"
        chosen, _ = QFileDialog.getSaveFileName(
            self._parent, text("review.save_table_title"), str(self._folder / stem), text("review.filter_csv")
        )
        if not chosen:
            return
        target = Path(chosen) if chosen.casefold().endswith(".csv") else Path(f"{chosen}.csv")
        self._folder = target.parent
        rows = [{name: value for name, value in row.items() if name not in HIDDEN} for row in self.page.selected]
        self._tasks.start(functools.partial(_write_table, target, rows), self._written, self._session.notifier.error)

    def save_report(self, run: Run) -> None:
        """Write the report of a run."""
        stem = f"{slug(run.name)}_report.pdf"
        chosen, _ = QFileDialog.getSaveFileName(
            self._parent, text("review.report_title"), str(self._folder / stem), text("review.filter_report")
        )
        project = self._session.project
        if not chosen or project is None:
            return
        target = Path(chosen)
        if target.suffix.casefold() not in ENDINGS:
            target = target.with_name(target.name + ".pdf")
        self._folder = target.parent
        self._session.notifier.tell(text("review.report_begun", run=run.name), "info")
        self._tasks.start(
            functools.partial(write_apart, project.path, run.id, target), self._written, self._session.notifier.error
        )

    @Slot(object)
    def _written(self, target: Path) -> None:
        self._session.notifier.tell(text("review.saved_one", file=target.name, folder=target.parent), "good")

    def close(self) -> None:
        """End the threads."""
        self._wait.stop()
        self._begin.stop()
        for asker in (self._lists, self._scans, self._pictures):
            asker.close()
        self._tasks.wait()


def _against(reference: Reference) -> Against:
    return Against(run=reference.id) if reference.kind == "run" else Against(reader=reference.id)


def _measured(project: Project, run: str, scan: Scan, against: Against) -> ScanNumbers:
    return scan_numbers(project, run, scan, against)


def _drawn(rows: Sequence[Row], inks: Inks) -> dict[str, QImage]:
    """Runs in a thread: drawn and unpacked there."""
    return {name: QImage.fromData(content) for name, content in figures(rows, inks=inks).items()}


def _looked(project: Project, run: str) -> int:
    record_look(project, run)
    return count_looks(project, run)


def _write_table(target: Path, rows: list[dict[str, object]]) -> Path:
    atomic.write_bytes(target, table(rows).encode())
    return target
