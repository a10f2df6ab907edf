"""Reads the figures of runs for their page, and has runs measured that were not yet."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.errors import MeninxError
from core.learning.runs import run_folder
from core.messages import numeral, text
from core.review.run_compare import RunComparison, compare_runs
from gui.jobs.asking import Asker
from gui.jobs.jobs import Work
from gui.train.figures_page import FiguresPage

if TYPE_CHECKING:
    from gui.session import Session


class FiguresDesk(QObject):
    """Behind :class:`FiguresPage`."""

    ready = Signal()
    """The page shows what was asked for."""
    measured = Signal()
    """A run was measured; its figures are other ones now."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.page = FiguresPage()
        self._to_measure: list[str] = []
        self._wanted: tuple[str, int] | None = None
        """A scan that is being opened, and the slice of it that was clicked on."""
        self._class = ""
        """What the one run shown says of slices."""
        self._asker = Asker(self)
        self._asker.answered.connect(self._take)
        self._asker.refused.connect(session.notifier.error)
        self.page.measure_asked.connect(self._measure)
        self.page.open_asked.connect(self._open)
        session.jobs.changed.connect(self._show_measuring)
        session.jobs.ended.connect(self._job_ended)
        session.project_changed.connect(self._forget)
        session.scan_changed.connect(self._scan_there)

    @Slot(list)
    def ask(self, runs: list[str]) -> None:
        """Read the figures of these runs (ids); :attr:`ready` follows."""
        if self._session.project is not None and runs and all(runs):
            self._asker.ask(functools.partial(compare_runs, least=1), self._session.project, runs)

    @Slot(object)
    def _take(self, found: RunComparison) -> None:
        project = self._session.project
        alone = len(found.runs) == 1 and project is not None
        self._class = found.runs[0].run.config.class_name if alone else ""
        folder = Path(run_folder(project, found.runs[0].run.id)) if alone and project is not None else None
        self.page.show_figures(found, measurable=not self._session.read_only, folder=folder)
        self._show_measuring()
        self.ready.emit()

    @Slot(str, int)
    def _open(self, name: str, index: int) -> None:
        """Show a slice in Annotate."""
        session = self._session
        try:
            scan = session.project.scan(name) if session.project is not None else None
        except MeninxError as error:
            session.notifier.error(error)
            return
        if scan is None:
            return
        session.workspace_requested.emit("annotate")
        if self._class:
            session.class_requested.emit(self._class)
        self._wanted = (scan.id, index)
        if session.scan is not None and session.scan.id == scan.id:
            self._go()
        else:
            session.open_scan(scan.id)

    @Slot()
    def _scan_there(self) -> None:
        # behind what else hears of the scan: each page first shows its first slice
        QTimer.singleShot(0, self, self._go)

    @Slot()
    def _go(self) -> None:
        scan, volume = self._session.scan, self._session.volume
        if self._wanted is None or scan is None or volume is None or scan.id != self._wanted[0]:
            return
        index, self._wanted = self._wanted[1], None
        _, rows, columns = volume.shape
        self._session.position_requested.emit((columns // 2, rows // 2, index))

    @Slot()
    def _forget(self) -> None:
        self._asker.forget()
        self._to_measure, self._wanted = [], None

    @Slot(list)
    def _measure(self, runs: list[str]) -> None:
        """Measure runs on their validation scans, one after the other."""
        self._to_measure = list(runs)
        self._measure_next()

    def _measure_next(self) -> None:
        if not self._to_measure:
            return
        run, *self._to_measure = self._to_measure
        self.measure(run, "val")

    def measure(self, run: str, part: str) -> None:
        """Measure a run (id) on its validation (``val``) or test scans; a look at the test scans is counted."""
        try:
            self._session.jobs.start_test(run, part)
        except MeninxError as error:
            self._to_measure = []
            self._session.notifier.error(error)

    @Slot(object)
    def _job_ended(self, work: Work) -> None:
        if work.kind != "evaluate":
            return
        if work.error is not None:
            self._session.notifier.error(work.error)
        if work.result:
            self._tell(work)
        else:
            # what could not be measured once is not asked for again
            self._to_measure = []
        self._session.runs_changed.emit()
        self.measured.emit()
        self._measure_next()

    def _tell(self, work: Work) -> None:
        classifies = work.result.get("task") == "classify"
        dice = work.result["summary"]["auc" if classifies else "dice"]["mean"]
        words = "" if dice is None else numeral(dice, ".3f")
        key = "told_measured" if work.result.get("on") == "val" else "told_tested"
        key = f"{key}_class" if classifies and words else key if words else f"{key}_empty"
        self._session.notifier.tell(text(f"train.{key}", run=work.result["run"], dice=words), "good")

    @Slot()
    def _show_measuring(self) -> None:
        jobs = self._session.jobs
        busy = bool(jobs.of_kind("evaluate") or jobs.of_kind("predict"))
        self.page.set_measuring(busy, allowed=not self._session.read_only)

    def close(self) -> None:
        """End the reading thread."""
        self._asker.close()
        self.page.close_page()
