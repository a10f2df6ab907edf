"""Settings: what training runs on, the processor or a graphics card by a pack that somebody chose."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from core.errors import MeninxError
from core.messages import numeral, sentence, text
from gui import theme
from gui.background import Tasks
from gui.jobs import packs
from gui.jobs.jobs import Jobs
from gui.jobs.runners import Job
from gui.team.job_box import JobBox


class ComputingPage(QWidget):
    """Chooses, checks and removes a GPU pack; what it does counts at once, whatever becomes of the dialog.

    Parameters
    ----------
    jobs
        Runs what takes long, in a child.
    """

    busy_changed = Signal(bool)
    """Whether something is going on that should be waited for, or stopped."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self._jobs = jobs
        self._tasks = Tasks(self)
        self._checking = False
        self.box = JobBox(jobs)
        self.box.finished.connect(self._done)
        self.box.failed.connect(self._failed)
        self.box.stopped.connect(self._stopped)
        body = theme.column(self, margin=theme.space("l"), gap=theme.space("s"))
        body.addWidget(theme.heading(text("gpu.title")))
        body.addWidget(self._make_card())
        body.addSpacing(theme.space("xs"))
        body.addLayout(self._make_buttons())
        body.addWidget(self.box)
        self.outcome = theme.label("", wrap=True)
        body.addWidget(self.outcome)
        body.addSpacing(theme.space("s"))
        body.addWidget(theme.label(text("gpu.hint"), "muted", wrap=True))
        body.addStretch()
        self.show_choice()

    def _make_card(self) -> QWidget:
        card = theme.frame("card")
        inside = theme.column(card, margin=theme.space("m"), gap=4)
        self.device = theme.label("", "strong", wrap=True)
        self.facts = theme.label("", "muted", wrap=True)
        self.reason = theme.label("", "warning", wrap=True)
        for words in (self.device, self.facts, self.reason):
            inside.addWidget(words)
        return card

    def _make_buttons(self) -> QHBoxLayout:
        line = theme.row()
        self.choose_button = theme.primary_button(text("gpu.choose"))
        self.check_button = theme.button(text("gpu.check"))
        self.remove_button = theme.button(text("gpu.remove"), "flat")
        self.choose_button.clicked.connect(self.ask)
        self.check_button.clicked.connect(self.check)
        self.remove_button.clicked.connect(self.remove)
        for button in (self.choose_button, self.check_button, self.remove_button):
            button.setAutoDefault(False)
            line.addWidget(button)
        line.addStretch()
        return line

    # ------------------------------------------------------------------ state

    @property
    def busy(self) -> bool:
        """Whether something is going on."""
        return self.box.running

    def show_choice(self) -> None:
        """Show what training runs on now, and what can be done about it."""
        found = packs.choice()
        if found is None or found.why is not None:
            self.device.setText(text("gpu.processor"))
        elif found.device:
            self.device.setText(text("gpu.on", device=found.device, torch=found.torch))
        else:
            self.device.setText(text("gpu.on_cpu", torch=found.torch))
        self.facts.setText(_facts(found))
        self.reason.setText(sentence(found.why) if found is not None and found.why is not None else "")
        self.reason.setVisible(bool(self.reason.text()))
        self.choose_button.setText(text("gpu.choose" if found is None else "gpu.choose_other"))
        training = bool(self._jobs.training)
        self.choose_button.setEnabled(packs.can_choose() and not training and not self.busy)
        for button in (self.check_button, self.remove_button):
            button.setVisible(found is not None)
            button.setEnabled(not training and not self.busy)
        if training:
            self._say(text("gpu.busy"), "muted")

    def _say(self, words: str, role: theme.Role) -> None:
        self.outcome.setText(words)
        theme.set_role(self.outcome, role)

    # ------------------------------------------------------------------ doing

    @Slot()
    def ask(self) -> None:
        """Ask for a pack file."""
        given, _ = QFileDialog.getOpenFileName(self, text("gpu.open_title"), str(Path.home()), text("gpu.open_filter"))
        if given:
            self.choose(Path(given))

    def choose(self, file: Path) -> None:
        """Unpack a pack file, test it and use it."""
        self._checking = False
        self._start(packs.choose_pack(file))

    @Slot()
    def check(self) -> None:
        """Test the chosen pack once more."""
        self._checking = True
        self._start(packs.check_pack())

    def _start(self, job: Job) -> None:
        self._say("", "")
        self.box.start(job)
        self.show_choice()
        self.busy_changed.emit(True)

    @Slot()
    def stop(self) -> None:
        """Call off what is going on."""
        self.box.stop()

    @Slot()
    def remove(self) -> None:
        """Delete the chosen pack: gigabytes, so not in the window's own thread."""
        for button in (self.choose_button, self.check_button, self.remove_button):
            button.setEnabled(False)
        self._tasks.start(packs.remove, self._removed, self._failed)

    @Slot(object)
    def _removed(self, _there: bool) -> None:
        self._say(text("gpu.removed"), "good")
        self.show_choice()

    @Slot(dict)
    def _done(self, result: dict[str, str]) -> None:
        if self._checking:
            self._say(text("gpu.checked"), "good")
        elif result["device"]:
            self._say(text("gpu.done", device=result["device"]), "good")
        else:
            self._say(text("gpu.done_cpu"), "good")
        self._ended()

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._say(sentence(error), "danger")
        self._ended()
        if self.reason.text() == self.outcome.text():
            # a pack that was switched off says so in its card already
            self._say("", "")

    @Slot()
    def _stopped(self) -> None:
        self._say(text("gpu.stopped"), "muted")
        self._ended()

    def _ended(self) -> None:
        self.show_choice()
        self.busy_changed.emit(False)

    def close_tasks(self) -> None:
        """Wait for what is being deleted."""
        self._tasks.wait()


def _facts(found: packs.Choice | None) -> str:
    """Return the quiet line below the device."""
    if not packs.can_choose():
        return text("gpu.checkout")
    if found is None:
        return text("gpu.processor_more")
    if found.why is not None:
        return text("gpu.switched_off", name=found.name)
    size = numeral(found.bytes / 1e9, ".1f")
    return text("gpu.in_use", name=found.name, torch=found.torch, size=size)
