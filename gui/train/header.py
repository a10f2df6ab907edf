"""The head of the Train page: which run, how far, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QProgressBar, QPushButton, QSizePolicy, QWidget

from core.messages import text
from gui import theme
from gui.train.watch import RunWatch

STEPS = 1000


class RunHeader(QWidget):
    """Name, facts, buttons, bar, and the line that says how it stands.

    Parameters
    ----------
    refuge
        Gets the keyboard when the button that had it goes: Qt would hand it to the next, which may be Stop.
    """

    pause_asked = Signal()
    stop_asked = Signal()
    cancel_asked = Signal()
    review_asked = Signal()
    resume_asked = Signal()
    test_asked = Signal()

    def __init__(self, refuge: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._refuge = refuge
        self._title = theme.label("", "title")
        self._facts = theme.label("", "muted", wrap=True)
        self._facts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.pause = theme.button(text("train.pause"), tip=text("train.pause_tip"))
        self.stop = theme.button(text("train.stop"), tip=text("train.stop_tip"))
        self.cancel = theme.button(text("train.cancel"), "danger", tip=text("train.cancel_tip"))
        self.review = theme.button(text("train.review"), tip=text("train.review_tip"))
        self.test = theme.button(text("train.test"), tip=text("train.test_tip"))
        self.resume = theme.button(text("train.resume"), tip=text("train.resume_tip"))
        for button, signal in (
            (self.pause, self.pause_asked),
            (self.stop, self.stop_asked),
            (self.cancel, self.cancel_asked),
            (self.review, self.review_asked),
            (self.resume, self.resume_asked),
            (self.test, self.test_asked),
        ):
            button.clicked.connect(signal)
        top = theme.row(gap=theme.space("s"))
        top.addWidget(self._title)
        top.addSpacing(theme.space("xs"))
        top.addWidget(self._facts, 1)
        for button in (self.resume, self.test, self.review, self.pause, self.stop, self.cancel):
            top.addWidget(button)
        self._bar = QProgressBar()
        self._bar.setProperty("kind", "large")
        self._bar.setTextVisible(False)
        self._line = theme.label("", "muted")
        self._words = theme.label("", "danger", wrap=True)
        self._words.hide()
        outer = theme.column(self, gap=theme.space("s"))
        outer.addLayout(top)
        outer.addWidget(self._bar)
        outer.addWidget(self._line)
        outer.addWidget(self._words)

    @property
    def line(self) -> str:
        """The line below the bar."""
        return self._line.text()

    @property
    def title(self) -> str:
        """Name of the run shown."""
        return self._title.text()

    @property
    def words(self) -> str:
        """What went wrong, empty for nothing."""
        return self._words.text()

    def show_run(
        self,
        watch: RunWatch,
        *,
        name: str,
        live: bool,
        asked: str,
        usable: bool,
        resumable: bool,
        testable: bool = False,
        testing: bool = False,
    ) -> None:
        """Show a run.

        Parameters
        ----------
        live
            It trains now, under this window: it can be stopped.
        asked
            What it was asked to do and has not done yet (``stop pause cancel``).
        usable, resumable
            It can predict; it can go on.
        testable, testing
            It can be measured on its test scans; that, or a prediction, runs now.
        """
        self._title.setText(name or text("train.new_run_title"))
        self._facts.setText(watch.facts())
        self.review.setText(text("train.look_class" if watch.classifies else "train.review"))
        self.review.setToolTip(text("train.look_class_tip" if watch.classifies else "train.review_tip"))
        kept_aside = watch.started.test if watch.started is not None else 0
        self._offer(self.pause, live, not asked and watch.started is not None)
        self._offer(self.stop, live, not asked and bool(watch.epochs))
        self._offer(self.cancel, live, asked != "cancel")
        self._offer(self.review, not live and usable)
        self._offer(self.resume, not live and resumable)
        self._offer(self.test, not live and testable and kept_aside > 0, not testing)
        self.test.setText(text("train.testing" if testing else "train.test"))
        self._show_progress(watch, live, asked)
        words = watch.words or (text(f"train.words_{watch.state}") if watch.state in ("interrupted", "failed") else "")
        self._words.setText(words)
        self._words.setVisible(bool(words))

    def _offer(self, button: QPushButton, visible: bool, enabled: bool = True) -> None:
        """Show a button or not; who has just pressed it does not press the next one with another Space."""
        if not (visible and enabled) and self.window().focusWidget() is button:
            self._refuge.setFocus()
        button.setVisible(visible)
        button.setEnabled(enabled)

    def _show_progress(self, watch: RunWatch, live: bool, asked: str) -> None:
        progress = watch.progress
        waiting = live and watch.started is None and (progress is None or progress.total <= 0)
        self._bar.setRange(0, 0 if waiting else STEPS)
        if not waiting:
            self._bar.setValue(STEPS if watch.state == "done" else round(watch.fraction * STEPS))
        if asked:
            self._line.setText(text(f"train.asked_{asked}"))
        elif live and watch.started is None:
            stage = text(f"stages.{progress.stage}") if progress is not None else text("train.starting")
            self._line.setText(stage)
        else:
            self._line.setText(watch.line())

    @Slot()
    def clear(self) -> None:
        """Show nothing."""
        self._title.clear()
        self._facts.clear()
        self._line.clear()
