"""What to write out, of which scans, and where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QWidget

from core.labels import LabelSet
from core.messages import text
from gui import theme
from gui.dialogs.base import Dialog


class ExportDialog(Dialog):
    """Masks and stripped brains as files, in the scan's own geometry.

    Parameters
    ----------
    labels
        Labels to choose from; the first shown is ``label``.
    label
        Name of the label that is drawn now.
    scan
        Id of the scan shown, and its name.
    listed
        Ids of the scans that the worklist shows.
    folder
        Where the files go unless another folder is chosen.
    """

    def __init__(
        self,
        labels: LabelSet,
        label: str,
        scan: tuple[str, str],
        listed: Sequence[str],
        folder: Path,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text("dialogs.export_title"), text("dialogs.export"), parent, width=520)
        self._scan = scan[0]
        self._listed = list(listed)
        self.which = QComboBox()
        self.which.addItem(text("dialogs.export_this", name=scan[1]), "this")
        self.which.addItem(text("dialogs.export_listed", count=len(listed)), "listed")
        self.field(text("dialogs.export_which"), self.which)
        self.label = QComboBox()
        self.label.addItems([one.name for one in labels])
        self.label.setCurrentText(label)
        self.field(text("dialogs.export_label"), self.label)
        self.mask_box = QCheckBox(text("dialogs.export_mask"))
        self.mask_box.setChecked(True)
        self.brain_box = QCheckBox(text("dialogs.export_brain"))
        for box in (self.mask_box, self.brain_box):
            box.toggled.connect(self._check)
            self.body.addWidget(box)
        self.body.addWidget(theme.label(text("dialogs.export_hint"), "muted", wrap=True))
        self.body.addSpacing(6)
        place = QWidget()
        line = theme.row(place)
        self.folder = QLineEdit(str(folder))
        self.folder.textChanged.connect(self._check)
        line.addWidget(self.folder, 1)
        other = theme.button(text("dialogs.choose_folder"))
        other.clicked.connect(self._choose)
        line.addWidget(other)
        self.field(text("dialogs.export_folder"), place)

    def arguments(self) -> dict[str, Any]:
        """Return what the export job takes."""
        return {
            "folder": Path(self.folder.text().strip()),
            "scans": [self._scan] if self.which.currentData() == "this" else self._listed,
            "label": self.label.currentText(),
            "mask": self.mask_box.isChecked(),
            "brain": self.brain_box.isChecked(),
        }

    @Slot()
    def _check(self) -> None:
        some = self.mask_box.isChecked() or self.brain_box.isChecked()
        self.accept_button.setEnabled(some and bool(self.folder.text().strip()))

    @Slot()
    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, text("dialogs.export_folder"), self.folder.text())
        if name:
            self.folder.setText(name)
