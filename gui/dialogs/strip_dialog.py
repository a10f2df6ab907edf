"""Strip brains out of files and folders: which, with what, how, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QSizePolicy,
    QWidget,
)

from core.messages import text
from core.review.strip import Stripping
from gui import theme
from gui.decimal_spin import DecimalSpin
from gui.dialogs.base import Dialog
from gui.review.ways_dialog import WaysBox, length


class StripDialog(Dialog):
    """What ``strip`` asks on the command line.

    Parameters
    ----------
    models
        (what ``--model`` takes, words) of all there is to strip with, the best first.
    inputs
        Files and folders to begin with.
    folder
        Where the files go unless another folder is chosen.
    """

    def __init__(
        self, models: Sequence[tuple[str, str]], inputs: Sequence[Path], folder: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(text("strip_page.title"), text("strip_page.accept"), parent, width=860)
        self._last = folder
        line = theme.row(gap=theme.space("xl"))
        line.addLayout(self._make_files(folder), 1)
        line.addLayout(self._make_ways(models))
        self.body.addLayout(line, 1)
        self.add(inputs)

    def _make_files(self, folder: Path) -> Any:
        column = theme.column(gap=theme.space("s"))
        self.files = QListWidget()
        self.files.setMinimumSize(380, 220)
        self.files.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        theme.style(
            self.files,
            "QListWidget { background: $field; border: 1px solid $line_strong; border-radius: 6px; padding: 5px; }",
        )
        self.files.setTextElideMode(Qt.TextElideMode.ElideLeft)
        column.addWidget(theme.label(text("strip_page.files"), of=self.files))
        column.addWidget(self.files, 1)
        buttons = theme.row()
        for name, slot in (("add_files", self._ask_files), ("add_folder", self._ask_folder), ("remove", self._remove)):
            button = theme.button(text(f"strip_page.{name}"), "small")
            button.setAutoDefault(False)
            button.clicked.connect(slot)
            buttons.addWidget(button)
        # the last of them: there is nothing to remove until something is chosen
        self.remove_button = button
        button.setEnabled(False)
        self.files.itemSelectionChanged.connect(self._selected)
        buttons.addStretch()
        column.addLayout(buttons)
        column.addSpacing(theme.space("s"))
        self.folder = QLineEdit(str(folder))
        column.addWidget(theme.label(text("dialogs.export_folder"), of=self.folder))
        place = theme.row()
        self.folder.textChanged.connect(self._check)
        other = theme.button(text("dialogs.choose_folder"))
        other.setAutoDefault(False)
        other.clicked.connect(self._choose)
        place.addWidget(self.folder, 1)
        place.addWidget(other)
        column.addLayout(place)
        return column

    def _make_ways(self, models: Sequence[tuple[str, str]]) -> Any:
        column = theme.column(gap=theme.space("s"))
        self.model = QComboBox()
        for model, words in models:
            self.model.addItem(words, model)
        self.model.setMinimumWidth(330)
        # long names of runs do not make the dialog wide
        self.model.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column.addWidget(theme.label(text("strip_page.model"), of=self.model))
        column.addWidget(self.model)
        self.ways = WaysBox()
        self.ways.leave_out("smallest")
        column.addWidget(self.ways)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(theme.space("s"))
        self.soft = length("mm", 50)
        self.crop_box = QCheckBox(text("strip_page.crop"))
        self.crop = length("mm", 200, off=False)
        self.background_box = QCheckBox(text("strip_page.background"))
        self.background = DecimalSpin()
        self.background.setRange(-1e6, 1e6)
        self.background.setDecimals(1)
        theme.inset(self.background)
        soft = theme.label(text("strip_page.soft"), of=self.soft)
        for widget in (soft, self.soft):
            widget.setToolTip(text("strip_page.soft_tip"))
        form.addRow(soft, self.soft)
        for name in ("crop", "background"):
            box, field = getattr(self, f"{name}_box"), getattr(self, name)
            field.setEnabled(False)
            field.setAccessibleName(box.text())
            box.toggled.connect(field.setEnabled)
            for widget in (box, field):
                widget.setToolTip(text(f"strip_page.{name}_tip"))
            form.addRow(box, field)
        # both forms stand in one column
        wide = max(self.ways.words_wide, self.crop_box.sizeHint().width())
        self.ways.set_words_wide(wide)
        soft.setMinimumWidth(wide)
        column.addLayout(form)
        self.dicom = QComboBox()
        self.dicom.addItem(text("strip_page.dicom_no"), False)
        self.dicom.addItem(text("strip_page.dicom_yes"), True)
        self.dicom.setToolTip(text("strip_page.dicom_tip"))
        column.addWidget(theme.label(text("strip_page.dicom"), of=self.dicom))
        column.addWidget(self.dicom)
        self.masks_only = QCheckBox(text("strip_page.masks_only"))
        column.addWidget(self.masks_only)
        column.addStretch()
        return column

    @property
    def inputs(self) -> list[Path]:
        """Files and folders listed."""
        return [Path(self.files.item(row).text()) for row in range(self.files.count())]

    def add(self, paths: Sequence[Path]) -> None:
        """List more files and folders."""
        there = set(self.inputs)
        self.files.addItems([str(path) for path in paths if path not in there])
        self._check()

    def arguments(self) -> dict[str, Any]:
        """Return what :func:`gui.jobs.runners.strip` takes."""
        stripping = Stripping(
            self.background.value() if self.background_box.isChecked() else None,
            self.soft.value(),
            self.crop.value() if self.crop_box.isChecked() else None,
        )
        return {
            "inputs": self.inputs,
            "folder": Path(self.folder.text().strip()),
            "model": str(self.model.currentData()),
            "masks_only": self.masks_only.isChecked(),
            "mirrored": self.ways.mirrored.isChecked(),
            "three_views": self.ways.three_views.isChecked(),
            "tidying": self.ways.tidying,
            "stripping": stripping,
            "dicom": bool(self.dicom.currentData()),
        }

    @Slot()
    def _check(self) -> None:
        self.accept_button.setEnabled(self.files.count() > 0 and bool(self.folder.text().strip()))

    @Slot()
    def _selected(self) -> None:
        self.remove_button.setEnabled(bool(self.files.selectedItems()))

    @Slot()
    def _ask_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, text("strip_page.add_files"), str(self._last))
        if chosen:
            self._last = Path(chosen[0]).parent
            self.add([Path(one) for one in chosen])

    @Slot()
    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, text("strip_page.add_folder"), str(self._last))
        if chosen:
            self._last = Path(chosen)
            self.add([self._last])

    @Slot()
    def _remove(self) -> None:
        for item in self.files.selectedItems():
            self.files.takeItem(self.files.row(item))
        self._check()

    @Slot()
    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, text("dialogs.export_folder"), self.folder.text())
        if chosen:
            self.folder.setText(chosen)
