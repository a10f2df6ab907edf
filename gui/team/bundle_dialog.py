"""Hand over: which scans go into one file, with or without the scans themselves, for whom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QButtonGroup, QComboBox, QFileDialog, QLineEdit, QRadioButton, QWidget

from core.errors import MeninxError
from core.messages import numeral, sentence, text
from core.team.bundle_file import ENDING
from gui import theme
from gui.dialogs.base import Dialog
from gui.jobs import runners
from gui.session import Session
from gui.team.job_box import JobBox

_MEGA = 1 << 20


class BundleDialog(Dialog):
    """Asks, packs, and says where the file is.

    Parameters
    ----------
    session
        Whose project is handed over.
    chosen
        Ids of the scans chosen in the list.
    readers
        Names that it can be made for.
    """

    def __init__(
        self, session: Session, chosen: Sequence[str], readers: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(text("team.bundle_title"), text("team.bundle_accept"), parent, width=520)
        self._session = session
        self._chosen = list(chosen)
        self._over = False
        self.every = QRadioButton(text("team.bundle_every"))
        self.some = QRadioButton(text("team.bundle_some", count=len(self._chosen)))
        self.some.setEnabled(bool(self._chosen))
        self.whole = QRadioButton(text("team.bundle_whole"))
        self.masks = QRadioButton(text("team.bundle_masks"))
        self._groups = [self._group(self.every, self.some), self._group(self.whole, self.masks)]
        (self.some if len(self._chosen) > 1 else self.every).setChecked(True)
        self.whole.setChecked(True)
        self.reader = QComboBox()
        self.reader.addItem(text("team.bundle_anyone"), "")
        for name in readers:
            self.reader.addItem(text("team.bundle_reader", reader=name), name)
        self.file = QLineEdit()
        self.file.setPlaceholderText(text("team.bundle_where"))
        self.file.setAccessibleName(text("team.bundle_file"))
        browse = theme.button(text("team.browse"))
        browse.clicked.connect(self._browse)
        place = QWidget()
        line = theme.row(place)
        line.addWidget(self.file, 1)
        line.addWidget(browse)
        self.job = JobBox(session.jobs)
        self.said = theme.label("", wrap=True)
        for title, widgets in (("bundle_which", (self.every, self.some)), ("bundle_what", (self.whole, self.masks))):
            self.body.addWidget(theme.label(text(f"team.{title}")))
            for widget in widgets:
                self.body.addWidget(widget)
            self.body.addSpacing(4)
        self.field(text("team.bundle_for"), self.reader, text("team.bundle_for_hint"))
        self.field(text("team.bundle_file"), place)
        self.body.addWidget(self.job)
        self.body.addWidget(self.said)
        self.said.hide()
        self.file.textChanged.connect(self._check)
        self.job.finished.connect(self._made)
        self.job.failed.connect(self._failed)
        self.job.stopped.connect(self._stopped)
        self._suggest()
        self._check()

    def _group(self, *buttons: QRadioButton) -> QButtonGroup:
        group = QButtonGroup(self)
        for button in buttons:
            group.addButton(button)
        return group

    def _suggest(self) -> None:
        project = self._session.project
        folder = self._session.settings.preferences.last_folder
        if project is not None and folder:
            self.file.setText(str(Path(folder) / f"{project.name}{ENDING}"))

    @Slot()
    def _browse(self) -> None:
        project = self._session.project
        start = self.file.text() or str(Path.home() / f"{project.name if project is not None else ''}{ENDING}")
        chosen, _ = QFileDialog.getSaveFileName(
            self, text("team.bundle_title"), start, text("team.bundle_filter", ending=ENDING)
        )
        if chosen:
            self.file.setText(chosen)

    @property
    def target(self) -> Path:
        """The file that is written."""
        path = Path(self.file.text().strip())
        return path if path.suffix == ENDING else path.with_name(path.name + ENDING)

    @Slot()
    def _check(self) -> None:
        self.accept_button.setEnabled(bool(self.file.text().strip()) and not self.job.running)

    def accept(self) -> None:
        if self._over:
            super().accept()
            return
        session = self._session
        if session.project is None or self.job.running:
            return
        session.settings.preferences.last_folder = str(self.target.parent)
        scans = self._chosen if self.some.isChecked() else []
        # what is drawn on the screen goes along
        session.save_now()
        reader = str(self.reader.currentData())
        self.said.hide()
        self._allow(False)
        whole = self.whole.isChecked()
        place = Path(session.project.path)
        me = session.team.me
        self.job.start(runners.bundle(place, self.target, scans, with_scans=whole, reader=reader, by=me))

    def _allow(self, allowed: bool) -> None:
        for widget in (self.every, self.some, self.whole, self.masks, self.reader, self.file):
            widget.setEnabled(allowed)
        self.some.setEnabled(allowed and bool(self._chosen))
        self._check()

    def reject(self) -> None:
        if self.job.running:
            self.job.stop()
            return
        super().reject()

    def _say(self, words: str, role: theme.Role) -> None:
        theme.set_role(self.said, role)
        self.said.setText(words)
        self.said.show()

    @Slot(dict)
    def _made(self, result: dict[str, int]) -> None:
        size = numeral(max(result["bytes"] / _MEGA, 0.1), ".1f")
        scans, drawn = text("team.scans", count=result["scans"]), text("team.annotations", count=result["annotations"])
        words = text("team.bundle_made", file=self.target.name, folder=self.target.parent, scans=scans,
                     annotations=drawn, size=size)  # fmt: skip
        self._say(words, "good")
        self._over = True
        self.accept_button.setText(text("dialogs.close"))
        self.accept_button.setEnabled(True)
        self.cancel_button.hide()

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._allow(True)
        self._say(sentence(error), "danger")

    @Slot()
    def _stopped(self) -> None:
        self._allow(True)
        self._say(text("team.stopped"), "muted")
