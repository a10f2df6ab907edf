"""Four validation slices, drawn anew after each epoch: truth outlined, prediction filled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from core.errors import MeninxError
from core.learning.events import Sample
from core.messages import numeral, text
from core.project.project import Project
from gui import theme
from gui.jobs.asking import Asker
from gui.train.watch import RunWatch
from gui.worklist.model import title

COUNT = 4


class Tile(QWidget):
    """One picture in a black field with its words in the corner."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QImage()
        self._title = ""
        self._words = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(90, 90)

    @property
    def words(self) -> tuple[str, str]:
        """Title and line below it."""
        return self._title, self._words

    @property
    def picture(self) -> QImage:
        """What is shown (null for nothing)."""
        return self._picture

    def sizeHint(self) -> QSize:
        return QSize(240, 220)

    def show_picture(self, picture: QImage, title: str, words: str) -> None:
        """Show another picture; a null one leaves the words alone in the field."""
        self._picture, self._title, self._words = picture, title, words
        self.setToolTip(f"{title}\n{words}" if title else "")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.qcolor("viewer"))
        if self._picture.isNull():
            painter.setPen(theme.scan_qcolor("muted"))
            painter.setFont(theme.font("small"))
            place = self.rect().adjusted(12, 12, -12, -12)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), self._words)
            painter.end()
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self._picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        painter.drawImage(QRectF(left, top, size.width(), size.height()), self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font("small", weight=QFont.Weight.DemiBold))
        title = painter.fontMetrics().elidedText(self._title, Qt.TextElideMode.ElideMiddle, self.width() - 20)
        _words_over(painter, 20, title, theme.scan_qcolor("text_bright"))
        painter.setFont(theme.font("small"))
        _words_over(painter, 37, self._words, theme.scan_qcolor("text"))
        painter.end()


def _words_over(painter: QPainter, line: int, words: str, color: QColor) -> None:
    """Write over a picture, on a dark ground: bone and burnt-in letters are as bright as words."""
    if words:
        metrics = painter.fontMetrics()
        ground = QRectF(6, line - metrics.ascent() - 1, metrics.horizontalAdvance(words) + 8, metrics.height() + 2)
        painter.fillRect(ground, theme.scan_qcolor("viewer", 190))
        painter.setPen(color)
        painter.drawText(10, line, words)


def _load(folder: Path, samples: Sequence[Sample], project: Project) -> list[tuple[Sample, str, QImage]]:
    """Return the pictures with the name that the worklist gives each scan."""
    return [(sample, _name(project, sample.scan_name), QImage(str(folder / sample.file))) for sample in samples]


def _name(project: Project, scan: str) -> str:
    try:
        return title(project.scan(scan))
    except MeninxError:
        # the scan was taken away since
        return scan


class Samples(QWidget):
    """The row of four tiles with its heading."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._asker = Asker(self)
        self._asker.answered.connect(self._show)
        self._key: tuple[object, ...] = ()
        self.tiles = [Tile() for _ in range(COUNT)]
        self._heading = theme.heading(text("train.samples"))
        row = theme.row(gap=theme.space("s"))
        for tile in self.tiles:
            row.addWidget(tile, 1)
        outer = theme.column(self, gap=6)
        outer.addWidget(self._heading)
        outer.addLayout(row, 1)
        self.clear()

    def clear(self, run: RunWatch | None = None) -> None:
        """Show empty fields that say when the pictures of a run come, or that one that is over has none."""
        over = run is not None and run.state not in ("waiting", "running")
        self._name(run is not None and run.classifies)
        self._key = ()
        self._asker.forget()
        for tile in self.tiles:
            tile.show_picture(QImage(), "", text("train.samples_none" if over else "train.samples_later"))

    def show_samples(self, project: Project, folder: Path, samples: Sequence[Sample], epoch: int) -> None:
        """Load the pictures (off the window's thread) and show them."""
        key = (folder, epoch, tuple(samples))
        if key != self._key:
            self._key = key
            self._asker.ask(_load, folder, tuple(samples)[:COUNT], project)

    def close_page(self) -> None:
        """End the loading thread."""
        self._asker.close()

    @Slot(object)
    def _show(self, loaded: list[tuple[Sample, str, QImage]]) -> None:
        for number, tile in enumerate(self.tiles):
            if number >= len(loaded):
                tile.show_picture(QImage(), "", text("train.samples_no_more") if number == len(loaded) else "")
                continue
            sample, name, picture = loaded[number]
            heading = text("train.sample_title", scan=name, slice=sample.slice + 1)
            tile.show_picture(picture, heading, sample_words(sample))
        self._name(bool(loaded) and loaded[0][0].truth is not None)

    def _name(self, classifies: bool) -> None:
        self._heading.setText(text("train.samples_class" if classifies else "train.samples").upper())


def sample_words(sample: Sample) -> str:
    """Say how well a slice was drawn, or what was said of it."""
    if sample.truth is not None and sample.probability is not None:
        truth = text("train.word_yes" if sample.truth else "train.word_no")
        return text("train.sample_class", truth=truth, percent=numeral(100 * sample.probability, ".0f"))
    return (
        text("train.sample_empty") if sample.dice < 0 else text("train.sample_dice", dice=numeral(sample.dice, ".3f"))
    )
