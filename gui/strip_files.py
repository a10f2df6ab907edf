"""Stripping files from the window: the dialog, the job, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QDialog

from core.events import Failed, Finished, JobEvent, Notice, Skipped
from core.labels import BRAIN
from core.learning.runs import list_runs
from core.learning.starters import starters
from core.messages import sentence, text
from gui.dialogs.strip_dialog import StripDialog
from gui.jobs import runners
from gui.jobs.jobs import Work

if TYPE_CHECKING:
    from gui.main_window import MainWindow
    from gui.session import Session

CLASSICAL = "classical"


class Stripper(QObject):
    """Asks, starts the job and tells how it ended.

    Parameters
    ----------
    window, session
        Parent of the dialog; what is open.
    """

    def __init__(self, window: MainWindow, session: Session) -> None:
        super().__init__(window)
        self._window, self._session = window, session
        self._folder = Path.home()
        self._skipped: dict[str, list[str]] = {}
        self.dialog: StripDialog | None = None
        session.jobs.said.connect(self._heard)
        session.jobs.ended.connect(self._ended)

    def models(self) -> list[tuple[str, str]]:
        """Return (what ``--model`` takes, words) of all there is to strip with."""
        found = [(one.name, one.name) for one in starters() if any(_is_brain(name) for name in one.labels)]
        project = self._session.project
        if project is not None:
            runs = [run for run in reversed(list_runs(project)) if run.usable and not run.config.classifies]
            drawing = [run for run in runs if any(_is_brain(name) for name in run.labels)]
            found += [(f"{project.path}:{run.name}", text("strip_page.model_run", run=run.name)) for run in drawing]
        return [*found, (CLASSICAL, text("strip_page.model_classical"))]

    @Slot()
    def ask(self) -> None:
        """Ask what to strip, and do it."""
        self.ask_about(())

    def ask_about(self, inputs: Sequence[Path]) -> None:
        """Ask with these files listed already."""
        self.dialog = StripDialog(self.models(), inputs, self._folder, self._window)
        if self.dialog.exec() == QDialog.DialogCode.Accepted:
            arguments = self.dialog.arguments()
            self._folder = arguments["folder"]
            self._session.jobs.start(runners.strip(arguments))
        self.dialog.deleteLater()
        self.dialog = None

    @Slot(object, object)
    def _heard(self, work: Work, event: JobEvent) -> None:
        if work.kind != "strip":
            return
        if isinstance(event, Skipped):
            told = text("line.skipped", source=event.source, reason=sentence(event.error))
            self._skipped.setdefault(work.id, []).append(told)
        elif isinstance(event, Notice):
            self._session.notifier.tell(text(f"notices.{event.key}", **event.fields), "info")

    @Slot(object)
    def _ended(self, work: Work) -> None:
        if work.kind != "strip":
            return
        skipped = self._skipped.pop(work.id, [])
        if isinstance(work.outcome, Failed):
            self._session.notifier.error(work.outcome.error)
        elif isinstance(work.outcome, Finished):
            scans, failed = work.result.get("scans", 0), work.result.get("failed", 0)
            words = text("strip_page.done", scans=scans, folder=self._folder)
            self._session.notifier.tell(" ".join([words, *skipped[:3]]), "warning" if failed else "good")


def _is_brain(label: str) -> bool:
    return label.casefold() == BRAIN.casefold()
