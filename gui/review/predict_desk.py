"""Starts predictions from Review and tells what came of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from core.errors import MeninxError
from core.events import Failed, Finished, JobEvent, ScanReady
from core.learning.runs import Run
from core.messages import text
from gui.jobs.jobs import Work
from gui.review.compare_bar import CompareBar
from gui.review.job_line import JobLine
from gui.starter_menu import StarterMenu

if TYPE_CHECKING:
    from gui.session import Session


class PredictDesk(QObject):
    """Behind the menu *Predict*.

    Parameters
    ----------
    session, bar, line
        What is open, and where is asked and shown.
    run
        Gives the run that predicts.
    parent
        Of the dialog.
    """

    changed = Signal()
    """A prediction began or ended."""

    def __init__(
        self, session: Session, bar: CompareBar, line: JobLine, run: Callable[[], Run | None], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session, self._bar, self._run, self._parent = session, bar, run, parent
        self.ways: dict[str, Any] = {}
        """How is predicted, as :func:`models.predicting.predict_job` takes it; nothing for the usual."""
        session.jobs.started.connect(self._job_started)
        session.jobs.said.connect(self._job_said)
        session.jobs.ended.connect(self._job_ended)
        bar.predict_scan_asked.connect(self.predict_scan)
        bar.predict_missing_asked.connect(self.predict_missing)
        bar.predict_all_asked.connect(self.predict_all)
        bar.ways_asked.connect(self.ask_ways)
        line.stop_asked.connect(self.stop)
        bar.offer(StarterMenu(session, bar))

    @Slot()
    def predict_scan(self) -> None:
        """Predict the scan shown."""
        if self._session.scan is not None:
            self._predict([self._session.scan.id])

    @Slot()
    def predict_missing(self) -> None:
        """Predict all scans that the run has not predicted."""
        self._predict([], missing_only=True)

    @Slot()
    def predict_all(self) -> None:
        """Predict all scans again."""
        self._predict([])

    def _predict(self, scans: list[str], *, missing_only: bool = False) -> None:
        run = self._run()
        if run is None:
            return
        gate = self._bar.chosen_gate
        try:
            self._session.jobs.start_prediction(run.id, scans, missing_only=missing_only, gate=gate, ways=self.ways)
        except MeninxError as error:
            self._session.notifier.error(error)

    @Slot()
    def ask_ways(self) -> None:
        """Let the person choose how is predicted."""
        from gui.review.ways_dialog import WaysDialog  # rarely asked for

        dialog = WaysDialog(self.ways, self._parent)
        if dialog.exec():
            self.ways = dialog.ways()
        dialog.deleteLater()

    @Slot()
    def stop(self) -> None:
        """End the prediction that runs after its scan."""
        for work in self._session.jobs.of_kind("predict"):
            self._session.jobs.stop(work)

    # ------------------------------------------------------------ hearing

    @Slot(object)
    def _job_started(self, work: Work) -> None:
        if work.kind == "predict":
            self.changed.emit()

    @Slot(object, object)
    def _job_said(self, work: Work, event: JobEvent) -> None:
        if work.kind == "predict" and isinstance(event, ScanReady):
            self._session.predictions_changed.emit(event.scan)

    @Slot(object)
    def _job_ended(self, work: Work) -> None:
        if work.kind != "predict":
            return
        if isinstance(work.outcome, Failed):
            self._session.notifier.error(work.outcome.error)
        elif isinstance(work.outcome, Finished):
            count = len(work.result.get("scans", []))
            name = work.result.get("name", "")
            key = "told_predicted_one" if count == 1 else "told_predicted"
            words = text(f"review.{key}", run=name, count=count)
            if "emptied" in work.result:
                words += " " + text("review.told_gated", **{key: work.result[key] for key in ("clean", "emptied")})
            if work.result.get("windows"):
                words += " " + text("review.told_windows", count=work.result["windows"])
            self._session.notifier.tell(words, "warning" if work.result.get("windows") else "good")
        self.changed.emit()
