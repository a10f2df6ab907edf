"""Measures the chosen run scan by scan while its page is open; writes tables and reports."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
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
from core.review.set_numbers import HIDDEN, Against, ScanNumbers, more_to_predict, scan_numbers, scans_with_basis
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


@dataclass(frozen=True, eq=False)
class _Wanted:
    """The scans that are predicted, each with what its figures rest on; and whether the reader finished others."""

    scans: list[tuple[Scan, Hashable]]
    others: bool


class NumbersDesk(QObject):
    """Behind :class:`NumbersPage`.

    Once something has changed that figures may rest on, the scans concerned are measured again: as soon as the page
    is looked at, or at once where it is.
    """

    open_asked = Signal(str, int)
    """Id of a scan, and its slice (from 0) or -1."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._parent = parent
        self.page = NumbersPage()
        self._asked: tuple[str, Reference] | None = None
        self._name = ""
        self._stale = False
        self._bases: dict[str, Hashable] = {}
        self._left: list[tuple[Scan, Hashable]] = []
        self._measured = ""
        self._predicted = self._total = 0
        self._others = False
        self._looks = 0
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
        self._begin, self._wait, self._again = (_timer(self, after) for after in (0, _WAIT_MS, _WAIT_MS))
        self._begin.timeout.connect(self._begin_now)
        self._wait.timeout.connect(self._draw)
        self._again.timeout.connect(self._renew)
        self.page.shown_changed.connect(self._wait.start)
        self.page.shown_changed.connect(self._say)
        self.page.seen.connect(self._seen)
        changes = (session.predictions_changed, session.work_changed, session.scan_updated)
        for signal in (*changes, session.labels_changed, session.scans_changed, session.runs_changed):
            signal.connect(self._changed)
        theme.changes().changed.connect(self._wait.start)
        self.page.open_asked.connect(self.open_asked)
        self.page.save_asked.connect(self.save_table)
        self.page.test_looked_at.connect(self._count_look)

    # ------------------------------------------------------------ measuring

    def show(self, run: Run | None, reference: Reference | None) -> None:
        """Measure a run against a reference; where that is shown already, only what has changed since."""
        project = self._session.project
        if project is None or run is None or reference is None:
            self.forget()
            return
        wanted = (run.id, reference)
        if wanted == self._asked:
            self._seen()
            return
        self._stop()
        self._asked = wanted
        self._name = run.name
        self._labels = run.labels
        # in a turn of its own: the page is laid out and painted in this one
        self._begin.start()

    @Slot()
    def _begin_now(self) -> None:
        project, asked = self._session.project, self._asked
        if project is not None and asked is not None:
            self.page.begin(self._labels)
            self.page.say(text("review.measuring", done=0, total="…"))
            self._list(project, asked)

    def _list(self, project: Project, asked: tuple[str, Reference]) -> None:
        self._stale = False
        self._lists.ask(_listed, project, asked[0], _against(asked[1]))

    @Slot()
    def _changed(self) -> None:
        """Hear that figures may be out of date; several changes in a row are one."""
        self._stale = self._asked is not None
        if self.page.isVisible():
            self._seen()

    @Slot()
    def _seen(self) -> None:
        if self._stale:
            self._again.start()

    @Slot()
    def _renew(self) -> None:
        """Measure what has changed, unless something is measured still: it is asked for again after that."""
        project, asked = self._session.project, self._asked
        if self._stale and project is not None and asked is not None and not self._measuring:
            self._list(project, asked)

    @property
    def _measuring(self) -> bool:
        return self._begin.isActive() or self._lists.busy or self._scans.busy

    def _stop(self) -> None:
        self._asked = None
        self._stale = False
        self._bases, self._left, self._fresh = {}, [], []
        self._predicted = self._total = self._looks = 0
        self._begin.stop()
        self._again.stop()
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
        waits = self._wait.isActive() or self._again.isActive()
        return self._measuring or self._pictures.busy or waits

    @Slot(object)
    def _take_list(self, wanted: _Wanted) -> None:
        there = {scan.id for scan, _ in wanted.scans}
        self._bases = {scan: basis for scan, basis in self._bases.items() if scan in there}
        self.page.keep(there)
        self._left = [(scan, basis) for scan, basis in wanted.scans if self._bases.get(scan.id) != basis]
        self._predicted, self._total, self._others = len(there), len(self._left), wanted.others
        self._next()

    def _next(self) -> None:
        done = self._total - len(self._left)
        if len(self._fresh) >= _AT_ONCE or (self._fresh and not self._left) or done == 1:
            # a table that is filled anew for each scan would keep the window busy
            self.page.add(self._fresh)
            self._fresh = []
        project, asked = self._session.project, self._asked
        if not self._left or project is None or asked is None:
            self._say()
            if self.page.isVisible():
                self._seen()
            return
        self.page.say(text("review.measuring", done=done, total=self._total))
        scan, basis = self._left.pop(0)
        self._measured, self._bases[scan.id] = scan.id, basis
        self._scans.ask(_measured, project, asked[0], scan, _against(asked[1]))

    @Slot(object)
    def _take_scan(self, found: ScanNumbers) -> None:
        self._fresh.append(found)
        self._next()

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        # one damaged scan does not hide the figures of the others, nor does it keep those it had
        self._session.notifier.error(error)
        self._take_scan(ScanNumbers(self._measured, (), ()))

    @Slot()
    def _say(self) -> None:
        """Say what is shown, or why nothing is."""
        if self._asked is None or self._measuring:
            return
        page, total, other_run = self.page, self._predicted, self._asked[1].kind == "run"
        if page.model.rowCount():
            looked = page.chosen_part == "test" and self._looks
            key = "looks" if looked else "measured_one" if total == 1 else "measured"
        elif page.measured:
            # there are figures, but not of the part that is chosen
            key = "measured_hidden" if page.chosen_part == "seen" else "measured_part"
        elif not total:
            key = "measured_unpredicted" if self._others else "measured_nothing"
        elif other_run:
            key = "measured_no_other"
        else:
            key = "measured_elsewhere" if self._others else "measured_none"
        page.say(text(f"review.{key}", **({"count": self._looks} if key == "looks" else {"total": total})))

    @Slot()
    def _count_look(self) -> None:
        project, asked = self._session.project, self._asked
        if project is not None and asked is not None and not project.read_only:
            work = functools.partial(_looked, project, asked[0])
            self._tasks.start(work, self._say_looks, self._session.notifier.error)

    @Slot(object)
    def _say_looks(self, looks: int) -> None:
        self._looks = looks
        self._say()

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
        for timer in (self._wait, self._begin, self._again):
            timer.stop()
        for asker in (self._lists, self._scans, self._pictures):
            asker.close()
        self._tasks.wait()


def _timer(parent: QObject, after: int) -> QTimer:
    made = QTimer(parent)
    made.setSingleShot(True)
    made.setInterval(after)
    return made


def _listed(project: Project, run: str, against: Against) -> _Wanted:
    return _Wanted(scans_with_basis(project, run, against), more_to_predict(project, run, against.reader))


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
