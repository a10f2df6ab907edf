"""How far a job is that a dialog waits for: bar, words, Stop."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QProgressBar, QWidget

from core.errors import MeninxError
from core.events import Failed, Finished, JobEvent, Progress
from core.messages import text
from gui import theme
from gui.jobs.jobs import Jobs, Work, time_left
from gui.jobs.runners import Job


class JobBox(QWidget):
    """Starts a job and shows it; hidden while none runs.

    Parameters
    ----------
    jobs
        Runs it.
    """

    finished = Signal(dict)
    """Its result."""
    failed = Signal(object)
    """The MeninxError that it ended with."""
    stopped = Signal()
    """It was stopped, and nothing came of it."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._work: Work | None = None
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.words = theme.label("", "muted")
        self.stop_button = theme.button(text("annotate.stop"), "small")
        self.stop_button.clicked.connect(self.stop)
        line = theme.row()
        line.addWidget(self.bar, 1)
        line.addWidget(self.stop_button)
        column = theme.column(self, gap=4)
        column.addLayout(line)
        column.addWidget(self.words)
        jobs.said.connect(self._said)
        jobs.ended.connect(self._ended)
        self.hide()

    @property
    def running(self) -> bool:
        """Whether a job runs."""
        return self._work is not None

    def start(self, job: Job) -> None:
        """Start a job."""
        self.bar.setRange(0, 0)
        self.words.clear()
        self.stop_button.setEnabled(True)
        self.show()
        self._work = self._jobs.start(job)

    @Slot()
    def stop(self) -> None:
        """Call the job off; it leaves nothing behind."""
        if self._work is not None:
            self.stop_button.setEnabled(False)
            self._jobs.cancel(self._work)

    @Slot(object, object)
    def _said(self, work: Work, event: JobEvent) -> None:
        if work is not self._work or not isinstance(event, Progress):
            return
        self.bar.setRange(0, event.total)
        self.bar.setValue(event.done)
        parts = [text(f"stages.{event.stage}")]
        if event.total:
            parts.append(text("jobs.done_of", done=event.done, total=event.total))
        if event.seconds_left >= 0:
            parts.append(time_left(event.seconds_left))
        self.words.setText(" · ".join(parts))

    @Slot(object)
    def _ended(self, work: Work) -> None:
        if work is not self._work:
            return
        self._work = None
        self.hide()
        outcome = work.outcome
        if isinstance(outcome, Finished):
            self.finished.emit(dict(outcome.result))
        elif isinstance(outcome, Failed):
            error: MeninxError = outcome.error
            self.failed.emit(error)
        else:
            self.stopped.emit()
