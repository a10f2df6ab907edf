"""What to bring in, and what the masks beside it are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QListWidget, QWidget

from core.labels import BRAIN, LabelSet
from core.messages import text
from core.project.importing import ImportOptions
from gui import theme
from gui.dialogs.base import Dialog


class ImportDialog(Dialog):
    """Files and folders with three questions, each with an answer that is mostly right.

    Parameters
    ----------
    labels
        Labels of the project, offered for masks beside scans.
    folder
        Where file dialogs begin.
    paths
        What was given already.
    """

    def __init__(
        self, labels: LabelSet, folder: str, paths: Sequence[Path] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(text("dialogs.import_title"), text("dialogs.import"), parent, width=560)
        self.setAcceptDrops(True)
        self.folder = folder
        self.paths: list[Path] = []
        self.body.addWidget(theme.label(text("dialogs.import_words"), "muted", wrap=True))
        self.list = QListWidget()
        self.list.setFixedHeight(120)
        self.list.setStyleSheet(
            f"QListWidget {{ background: {theme.color('field')}; border: 1px solid {theme.color('line_strong')};"
            f" border-radius: {theme.space('radius')}px; padding: 6px; }}"
        )
        self.body.addWidget(self.list)
        line = theme.row()
        files = theme.button(text("dialogs.choose_files"))
        files.clicked.connect(self._choose_files)
        folders = theme.button(text("dialogs.choose_folder"))
        folders.clicked.connect(self._choose_folder)
        line.addWidget(files)
        line.addWidget(folders)
        line.addStretch()
        self.body.addLayout(line)
        self.body.addSpacing(6)
        self.label = QComboBox()
        self.label.setEditable(True)
        self.label.addItem(text("dialogs.masks_none"))
        names = [label.name for label in labels] or [BRAIN]
        self.label.addItems(names)
        self.field(text("dialogs.masks"), self.label, text("dialogs.masks_hint"))
        self.patient = QComboBox()
        for key in ("", "folder", "dicom", "none"):
            self.patient.addItem(text(f"dialogs.patient_{key or 'auto'}"), key)
        self.field(text("dialogs.patient"), self.patient, text("dialogs.patient_hint"))
        self.as_ = QComboBox()
        for key in ("auto", "stack", "pictures"):
            self.as_.addItem(text(f"dialogs.as_{key}"), key)
        self.field(text("dialogs.as"), self.as_)
        self.add(paths)

    def add(self, paths: Sequence[Path]) -> None:
        """Add files or folders."""
        for path in paths:
            if path not in self.paths:
                self.paths.append(path)
                self.list.addItem(str(path))
        self.accept_button.setEnabled(bool(self.paths))

    def options(self) -> ImportOptions:
        """Return the answers."""
        words = self.label.currentText().strip()
        none = self.label.currentIndex() == 0 and words == self.label.itemText(0)
        return ImportOptions(
            label=None if none or not words else words,
            patient_from=str(self.patient.currentData()),
            as_=str(self.as_.currentData()),
        )

    @Slot()
    def _choose_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, text("dialogs.choose_files"), self.folder)
        if names:
            self.folder = str(Path(names[0]).parent)
            self.add([Path(name) for name in names])

    @Slot()
    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, text("dialogs.choose_folder"), self.folder)
        if name:
            self.folder = str(Path(name).parent)
            self.add([Path(name)])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.add([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])
