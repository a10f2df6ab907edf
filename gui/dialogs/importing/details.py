"""The scan that is looked at in the tree: a larger picture, all words, and what is to be chosen of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QSlider, QSpinBox, QWidget

from core.messages import text
from gui import theme
from gui.dialogs.importing import words
from gui.dialogs.importing.model import Row

_SIDE = 148


class Details(QFrame):
    """What is known of one scan, in full."""

    chosen = Signal(object, int, str)
    """(Row, volume or -1, dataset): another volume or dataset was picked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "card")
        self._row: Row | None = None
        self._filling = False
        self.picture = QLabel()
        self.picture.setFixedSize(_SIDE, _SIDE)
        self.title = theme.label("", "strong", wrap=True)
        self.facts = theme.label("", "muted", wrap=True)
        self.warnings = theme.label("", "warning", wrap=True)
        self.dataset = QComboBox()
        self.dataset.setAccessibleName(text("importing.dataset"))
        self.dataset.activated.connect(self._dataset_chosen)
        self.volume = QSpinBox()
        self.volume.setAccessibleName(text("importing.volume"))
        theme.inset(self.volume)
        self.volume.setKeyboardTracking(False)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(text("importing.volume"))
        self.slider.valueChanged.connect(self.volume.setValue)
        self.volume.valueChanged.connect(self._volume_chosen)
        self._lay_out()
        self.show_row(None)

    def _lay_out(self) -> None:
        lay = theme.column(self, margin=theme.space("m"), gap=theme.space("s"))
        lay.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignHCenter)
        lay.addWidget(self.title)
        lay.addWidget(self.facts)
        self._datasets = QWidget()
        self._datasets.setProperty("area", "clear")
        inner = theme.column(self._datasets, gap=4)
        inner.addWidget(theme.label(text("importing.dataset"), "muted"))
        inner.addWidget(self.dataset)
        self._volumes = QWidget()
        self._volumes.setProperty("area", "clear")
        column = theme.column(self._volumes, gap=4)
        self.volume_words = theme.label("", "muted")
        column.addWidget(self.volume_words)
        line = theme.row()
        line.addWidget(self.slider, 1)
        line.addWidget(self.volume)
        column.addLayout(line)
        lay.addWidget(self._datasets)
        lay.addWidget(self._volumes)
        lay.addWidget(self.warnings)
        lay.addStretch()

    def show_row(self, row: Row | None) -> None:
        """Show a scan, or that none is picked."""
        self._row = row
        self._filling = True
        picture = row.picture if row is not None else None
        self.picture.setPixmap(_rounded(picture, _SIDE))
        seen = row.seen if row is not None else None
        preview = seen.preview if seen is not None else None
        self.title.setText(words.kind(row.source, seen) if row is not None else text("importing.pick"))
        lines = [words.where(row.source)] if row is not None else []
        if row is not None and preview is not None:
            lines += [*words.size(preview).split("  ·  "), words.files(row.source), *words.remarks(seen)]
            mask = words.mask(row.source, seen)
            if mask:
                lines.append(mask)
        if row is not None and row.present:
            lines.append(text("importing.present_long", scan=row.present))
        self.facts.setText("\n".join(lines))
        said = words.warnings(row.source, seen) if row is not None else []
        self.warnings.setText("\n".join(said))
        self.warnings.setVisible(bool(said))
        theme.set_role(self.warnings, "danger" if row is not None and not row.usable else "warning")
        self._show_choices(row)
        self._filling = False

    def _show_choices(self, row: Row | None) -> None:
        preview = row.seen.preview if row is not None and row.seen is not None else None
        datasets = preview.datasets if preview is not None else ()
        self._datasets.setVisible(len(datasets) > 1)
        if row is not None and preview is not None and len(datasets) > 1:
            self.dataset.clear()
            self.dataset.addItems(list(datasets))
            self.dataset.setCurrentText(row.source.dataset or words.taken_dataset(preview))
        volumes = words.volumes_of(preview) if preview is not None else 1
        self._volumes.setVisible(volumes > 1)
        if row is not None and volumes > 1:
            self.volume_words.setText(text("importing.volume_of", count=volumes))
            for widget in (self.volume, self.slider):
                widget.setRange(1, volumes)
                widget.setValue((row.source.volume or 0) + 1)

    @Slot(int)
    def _volume_chosen(self, number: int) -> None:
        if self._row is not None and not self._filling:
            self.slider.setValue(number)
            self.chosen.emit(self._row, number - 1, "")

    @Slot(int)
    def _dataset_chosen(self, _place: int) -> None:
        if self._row is not None and not self._filling:
            self.chosen.emit(self._row, -1, self.dataset.currentText())


def _rounded(picture: QPixmap | None, side: int) -> QPixmap:
    """Draw a picture with round corners on black, twice as dense for sharp screens."""
    drawn = QPixmap(side * 2, side * 2)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    path = QPainterPath()
    path.addRoundedRect(0, 0, side * 2, side * 2, 14, 14)
    painter.setClipPath(path)
    painter.fillRect(drawn.rect(), theme.qcolor("viewer"))
    if picture is not None:
        painter.drawPixmap(drawn.rect(), picture)
    painter.end()
    drawn.setDevicePixelRatio(2.0)
    return drawn
