"""The line that shows how far a prediction is, with its Stop."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QProgressBar, QWidget

from core.messages import text
from gui import theme
from gui.jobs.jobs import Work, time_left


class JobLine(QFrame):
    """One thin row; hidden while nothing runs."""

    stop_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "options")
        self._words = theme.label("", "muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._stop = theme.button(text("review.stop"), "small", tip=text("review.stop_tip"))
        self._stop.clicked.connect(self.stop_asked)
        row = theme.row(self, gap=theme.space("m"))
        row.setContentsMargins(theme.space("m"), 5, theme.space("m"), 5)
        row.addWidget(self._words)
        row.addWidget(self._bar, 1)
        row.addWidget(self._stop)
        self.hide()

    def lie_over(self, panes: QWidget) -> None:
        """Lie over the lower edge of the panes: they would jump if the row came between."""
        self.setParent(panes)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        panes.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._lie_below()
        return super().eventFilter(watched, event)

    def _lie_below(self) -> None:
        panes = self.parentWidget()
        if panes is not None:
            height = self.sizeHint().height()
            self.setGeometry(0, panes.height() - height, panes.width(), height)

    @property
    def words(self) -> str:
        """What the row says."""
        return self._words.text()

    def show_work(self, work: Work | None) -> None:
        """Show a job's progress; None hides the row."""
        self.setVisible(work is not None)
        if work is None:
            return
        self._lie_below()
        self.raise_()
        progress = work.progress
        parts = [text("review.stopping") if work.asked else text("jobs.kind_predict")]
        known = progress is not None and progress.total > 0
        self._bar.setRange(0, 1000 if known else 0)
        if progress is not None:
            if not work.asked:
                parts = [text(f"stages.{progress.stage}").capitalize()]
            if progress.detail:
                parts.append(progress.detail)
            if known:
                self._bar.setValue(round(1000 * progress.done / progress.total))
            if progress.seconds_left >= 0 and not work.asked:
                parts.append(time_left(progress.seconds_left))
        self._words.setText("  ·  ".join(parts))
        self._stop.setEnabled(not work.asked)
