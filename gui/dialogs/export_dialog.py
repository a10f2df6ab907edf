"""What to write out, in whose format, of which scans, and where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStackedWidget,
    QWidget,
)

from core.exchange.registry import FORMATS
from core.labels import LabelSet
from core.messages import text
from core.volume import Volume
from gui import theme
from gui.dialogs.base import Dialog
from gui.dialogs.box_dialog import BoxDialog, PixelBox

FILES = "files"
"""Plain mask files and stripped brains: no tool's own format."""
_OPEN_WITH_IMAGES = ("coco", "label-studio")
"""Formats that are lists of pictures: without them nothing is seen there."""
_WITH_IMAGES = ("nifti", "nrrd", "dicom-seg", "png", "hdf5", "bids", *_OPEN_WITH_IMAGES)
_WITH_LAYOUT = ("nifti", "png", "bids")


class ExportDialog(Dialog):
    """Masks for another tool, or masks and stripped brains as plain files.

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
    volume
        The scan shown, to draw boxes on over words in its pictures.
    """

    def __init__(
        self,
        labels: LabelSet,
        label: str,
        scan: tuple[str, str],
        listed: Sequence[str],
        folder: Path,
        parent: QWidget | None = None,
        *,
        volume: Volume | None = None,
    ) -> None:
        super().__init__(text("dialogs.export_title"), text("dialogs.export"), parent, width=820)
        self._scan = scan[0]
        self._listed = list(listed)
        self._base = folder
        self._own_folder = False
        self._own_images = False
        self._volume = volume
        self.boxes: tuple[PixelBox, ...] = ()
        line = theme.row(gap=theme.space("m"))
        line.addWidget(self._make_formats())
        right = theme.column(gap=theme.space("s"))
        self.about = theme.label("", "muted", wrap=True)
        self.about.setMinimumHeight(52)
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        right.addWidget(self.about)
        self.which = QComboBox()
        self.which.addItem(text("dialogs.export_this", name=scan[1]), "this")
        self.which.addItem(text("dialogs.export_listed", count=len(listed)), "listed")
        right.addWidget(theme.label(text("dialogs.export_which"), of=self.which))
        right.addWidget(self.which)
        self.pages = QStackedWidget()
        self.pages.addWidget(self._make_plain(labels, label))
        self.pages.addWidget(self._make_tool(labels))
        right.addWidget(self.pages, 1)
        place = self._make_place(folder)
        right.addWidget(theme.label(text("dialogs.export_folder"), of=self.folder))
        right.addWidget(place)
        line.addLayout(right, 1)
        self.body.addLayout(line, 1)
        self.formats.setCurrentRow(0)

    @property
    def format(self) -> str:
        """The format that is chosen."""
        item = self.formats.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else FILES

    def _make_formats(self) -> QListWidget:
        self.formats = QListWidget()
        self.formats.setFixedWidth(230)
        self.formats.setStyleSheet("QListWidget::item { padding-left: 10px; border-radius: 4px; }")
        self.formats.setAccessibleName(text("exchange.format"))
        for name in (FILES, *FORMATS):
            key = name.replace("-", "_")
            item = QListWidgetItem(text(f"exchange.name_{key}"))
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setToolTip(text(f"exchange.about_{key}"))
            item.setSizeHint(QSize(0, 34))
            self.formats.addItem(item)
        self.formats.currentRowChanged.connect(self._show_format)
        return self.formats

    def _make_plain(self, labels: LabelSet, label: str) -> QWidget:
        page = QWidget()
        body = theme.column(page, gap=theme.space("s"))
        self.label = QComboBox()
        self.label.addItems([one.name for one in labels])
        self.label.setCurrentText(label)
        body.addWidget(theme.label(text("dialogs.export_label"), of=self.label))
        body.addWidget(self.label)
        self.mask_box = QCheckBox(text("dialogs.export_mask"))
        self.mask_box.setChecked(True)
        self.brain_box = QCheckBox(text("dialogs.export_brain"))
        for box in (self.mask_box, self.brain_box):
            box.toggled.connect(self._check)
            body.addWidget(box)
        body.addStretch()
        return page

    def _make_tool(self, labels: LabelSet) -> QWidget:
        page = QWidget()
        body = theme.column(page, gap=theme.space("s"))
        self.only = QComboBox()
        self.only.setAccessibleName(text("exchange.only"))
        for name in ("all", "done", "approved"):
            self.only.addItem(text(f"exchange.only_{name}"), name)
        body.addWidget(self.only)
        self.labels = QListWidget()
        body.addWidget(theme.label(text("exchange.labels"), of=self.labels))
        self.labels.setMinimumHeight(96)
        for one in labels:
            item = QListWidgetItem(one.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            item.setSizeHint(QSize(0, 26))
            self.labels.addItem(item)
        self.labels.itemChanged.connect(self._check)
        body.addWidget(self.labels, 1)
        self.layout_box = QComboBox()
        self.layout_box.setAccessibleName(text("exchange.layout"))
        for name in ("each", "map", "both"):
            self.layout_box.addItem(text(f"exchange.layout_{name}"), name)
        body.addWidget(self.layout_box)
        self.images_box = QCheckBox(text("exchange.images"))
        self.stripped_box = QCheckBox(text("exchange.stripped"))
        self.stripped_box.setToolTip(text("exchange.stripped_tip"))
        self.deidentify_box = QCheckBox(text("exchange.deidentify"))
        self.deidentify_box.setToolTip(text("exchange.deidentify_tip"))
        for box in (self.images_box, self.stripped_box, self.deidentify_box):
            body.addWidget(box)
            box.toggled.connect(self._show_boxes)
        self.images_box.clicked.connect(self._keep_images)
        self.boxes_button = theme.button("", tip=text("boxes.tip"))
        self.boxes_button.clicked.connect(self._ask_boxes)
        body.addWidget(self.boxes_button)
        return page

    @Slot()
    def _show_boxes(self) -> None:
        """Offer boxes where pictures with a header go out without names: words may stand in the pictures too."""
        wanted = self.format == "dicom-seg" and self.images_box.isChecked() and self.deidentify_box.isChecked()
        self.boxes_button.setVisible(wanted and self._volume is not None)
        self.boxes_button.setText(text("boxes.ask", count=len(self.boxes)) if self.boxes else text("boxes.ask_first"))

    @Slot()
    def _ask_boxes(self) -> None:
        if self._volume is None:
            return
        dialog = BoxDialog(self._volume, self.boxes, self)
        if dialog.exec() == Dialog.DialogCode.Accepted:
            self.boxes = dialog.boxes
        dialog.deleteLater()
        self._show_boxes()

    def _make_place(self, folder: Path) -> QWidget:
        place = QWidget()
        line = theme.row(place)
        self.folder = QLineEdit(str(folder))
        self.folder.textChanged.connect(self._check)
        self.folder.textEdited.connect(self._folder_typed)
        line.addWidget(self.folder, 1)
        other = theme.button(text("dialogs.choose_folder"))
        other.clicked.connect(self._choose)
        line.addWidget(other)
        return place

    def arguments(self) -> dict[str, Any]:
        """Return what the export job takes; with a ``format`` it is the job for other tools."""
        scans = [self._scan] if self.which.currentData() == "this" else self._listed
        target = Path(self.folder.text().strip())
        if self.format == FILES:
            return {
                "folder": target,
                "scans": scans,
                "label": self.label.currentText(),
                "mask": self.mask_box.isChecked(),
                "brain": self.brain_box.isChecked(),
            }
        return {
            "format": self.format,
            "target": target,
            "scans": scans,
            "only": self.only.currentData(),
            "labels": self._chosen_labels(),
            "images": self.images_box.isChecked() and self.format in _WITH_IMAGES,
            "stripped": self.stripped_box.isChecked(),
            "deidentify": self.deidentify_box.isChecked(),
            "layout": self.layout_box.currentData() if self.format in _WITH_LAYOUT else "each",
            "boxes": self.boxes if not self.boxes_button.isHidden() else (),
        }

    @Slot()
    def _keep_images(self) -> None:
        """What the person chose holds for other formats too."""
        self._own_images = True

    def _chosen_labels(self) -> list[str]:
        items = [self.labels.item(row) for row in range(self.labels.count())]
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    @Slot(int)
    def _show_format(self, _row: int) -> None:
        name = self.format
        self.about.setText(text(f"exchange.about_{name.replace('-', '_')}"))
        self.pages.setCurrentIndex(0 if name == FILES else 1)
        self.layout_box.setVisible(name in _WITH_LAYOUT)
        self.images_box.setVisible(name in _WITH_IMAGES)
        if not self._own_images:
            self.images_box.setChecked(name in _OPEN_WITH_IMAGES)
        self._show_boxes()
        if not self._own_folder:
            # a folder of its own: nothing is mixed with what another export wrote
            now = datetime.now(UTC).astimezone().strftime("%Y-%m-%d-%H%M%S")
            self.folder.setText(str(self._base if name == FILES else self._base / f"{name}-{now}"))
        self._check()

    @Slot()
    def _check(self) -> None:
        plain = self.mask_box.isChecked() or self.brain_box.isChecked()
        some = plain if self.format == FILES else bool(self._chosen_labels())
        self.accept_button.setEnabled(some and bool(self.folder.text().strip()))

    @Slot()
    def _folder_typed(self) -> None:
        self._own_folder = True

    @Slot()
    def _choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, text("dialogs.export_folder"), self.folder.text())
        if name:
            self._own_folder = True
            self.folder.setText(name)
