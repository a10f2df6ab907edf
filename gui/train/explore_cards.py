"""The cards of the exploration: where the label lies, how large and how bright it is, what there is of what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QImage, QLinearGradient, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QWidget

from core.learning.explore_found import Heat, Histogram, Remark
from core.messages import numeral, text
from gui import plots, theme
from gui.marking import let_mark
from gui.train.watch import grouped

AREA_BINS = 20
_SHADES = 256
_COLORS = ("run_1", "best")
"""Of the values outside of the label, and inside."""


class Card(QFrame):
    """A titled card with a quiet line below its contents."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "card")
        self.wanted = True
        """Whether there is something to show; a card without is left out."""
        self.body = theme.column(self, gap=6)
        self.body.setContentsMargins(14, 10, 14, 12)
        self.body.addWidget(theme.label(title, "strong"))
        self.note = theme.label("", "muted", wrap=True)

    def end(self) -> None:
        """Put the line below what was added."""
        self.body.addWidget(self.note)


class HeatView(QWidget):
    """The mean head with the share of slices that show the label at each place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QImage()
        self._aspect = 1.0
        self._most = 0.0
        self.setMinimumSize(180, 190)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def picture(self) -> QImage:
        """What is shown (null for nothing)."""
        return self._picture

    def show_heat(self, heat: Heat | None) -> None:
        """Show another map."""
        if heat is None:
            self._picture, self._most = QImage(), 0.0
        else:
            self._picture, self._aspect, self._most = heat_picture(heat), heat.aspect, float(heat.share.max())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.qcolor("viewer"))
        if self._picture.isNull():
            painter.setPen(theme.scan_qcolor("muted"))
            painter.setFont(theme.font("small"))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), text("explore_page.no_heat"))
            painter.end()
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        room = self.rect().adjusted(10, 10, -64, -10)
        width = min(room.width(), room.height() / max(self._aspect, 0.1))
        height = width * self._aspect
        left = room.left() + (room.width() - width) / 2
        painter.drawImage(QRectF(left, room.top() + (room.height() - height) / 2, width, height), self._picture)
        self._scale(painter)
        painter.end()

    def _scale(self, painter: QPainter) -> None:
        """Draw the bar that says which colour means how much."""
        bar = QRectF(self.width() - 54, 16, 10, self.height() - 32)
        gradient = QLinearGradient(bar.bottomLeft(), bar.topLeft())
        for share in np.linspace(0, 1, 9):
            gradient.setColorAt(float(share), QColor(*(int(part) for part in _table()[round(share * (_SHADES - 1))])))
        painter.fillRect(bar, gradient)
        painter.setPen(theme.scan_qcolor("muted"))
        painter.setFont(theme.font("heading"))
        painter.drawText(round(bar.right() + 5), round(bar.top() + 9), f"{numeral(100 * self._most, '.0f')} %")
        painter.drawText(round(bar.right() + 5), round(bar.bottom()), "0 %")


def _table() -> np.ndarray:
    """Return 256 colours from dark to bright that colour-blind people can follow."""
    return np.asarray(pg.colormap.get("inferno").getLookupTable(nPts=_SHADES, alpha=False), dtype=np.uint8)


def heat_picture(heat: Heat) -> QImage:
    """Return the map over the mean head, RGB."""
    share = heat.share / max(float(heat.share.max()), 1e-6)
    colour = _table()[np.clip(share * (_SHADES - 1), 0, _SHADES - 1).astype(np.uint8)].astype(np.float32)
    head = np.repeat((heat.head / max(float(heat.head.max()), 1e-6))[..., None] * 170.0, 3, axis=2)
    # the more of the label, the less of the head below it
    cover = np.clip(share * 1.6, 0, 0.85)[..., None].astype(np.float32)
    mixed = np.ascontiguousarray((head * (1 - cover) + colour * cover).clip(0, 255).astype(np.uint8))
    rows, columns = mixed.shape[:2]
    return QImage(mixed.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()


class HistogramPlot(plots.QuietPlot):
    """Up to two stepped histograms."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, values=False)
        self.setMinimumSize(150, 150)
        item = self.getPlotItem()
        self._steps = [item.plot(stepMode="center", fillLevel=0, x=[0, 1], y=[0]) for _ in _COLORS]
        self.tint(self._tint)

    def _tint(self) -> None:
        for steps, color in zip(self._steps, _COLORS, strict=True):
            steps.setPen(plots.pen(color, 1.4))
            steps.setBrush(theme.qcolor(color, 70))

    def show_parts(self, edges: np.ndarray, below: np.ndarray | None, above: np.ndarray) -> None:
        """Draw counts per bin; ``below`` lies behind."""
        nothing = np.zeros(len(edges) - 1)
        self._steps[0].setVisible(below is not None)
        self._steps[0].setData(x=edges, y=nothing if below is None else below)
        self._steps[1].setData(x=edges, y=above)
        self.setXRange(float(edges[0]), float(edges[-1]), padding=0.01)
        highest = max(float(above.max(initial=0)), 0.0 if below is None else float(below.max(initial=0)))
        self.setYRange(0.0, max(highest, 1e-9) * 1.05, padding=0)


class HistogramCard(Card):
    """A histogram with its legend and a line of words."""

    def __init__(self, title: str, *, both: bool, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.plot = HistogramPlot()
        if both:
            legend = theme.row(gap=6)
            for key, color in (("inside", "best"), ("outside", "run_1")):
                legend.addWidget(_Swatch(color))
                legend.addWidget(theme.label(text(f"explore_page.{key}"), "muted"))
                legend.addSpacing(theme.space("s"))
            legend.addStretch(1)
            self.body.addLayout(legend)
        self.body.addWidget(self.plot, 1)
        self.end()

    def show_histogram(self, found: Histogram | None) -> None:
        """Show values inside and outside of the label; None: there is nothing to show."""
        self.wanted = found is not None
        if found is None:
            return
        self.plot.show_parts(found.edges, found.outside, found.inside)
        unit = text(f"explore_page.unit_{found.unit}")
        peaks = [numeral(peak, ".3g") if np.isfinite(peak) else "—" for peak in (found.peak_inside, found.peak_outside)]
        self.note.setText(text("explore_page.peaks", inside=peaks[0], outside=peaks[1], unit=unit))

    def show_areas(self, areas: np.ndarray) -> None:
        """Show the part of a slice that the label covers, in percent."""
        self.wanted = areas.size > 0
        if not areas.size:
            return
        percent = 100.0 * areas.astype(np.float64)
        counts, edges = np.histogram(percent, bins=AREA_BINS, range=(0.0, max(float(percent.max()), 1e-3)))
        self.plot.show_parts(edges, None, counts.astype(float))
        low, middle, high = np.percentile(percent, (5, 50, 95))
        self.note.setText(
            text(
                "explore_page.areas", middle=numeral(middle, ".2g"), low=numeral(low, ".2g"), high=numeral(high, ".2g")
            )
        )


class _Swatch(QWidget):
    def __init__(self, color: str) -> None:
        super().__init__()
        self._color = color
        self.setFixedSize(12, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.qcolor(self._color))
        painter.drawRoundedRect(self.rect().adjusted(0, 1, 0, -1), 3, 3)
        painter.end()


class Bar(QWidget):
    """Parts of a whole as one bar with its legend."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parts: list[tuple[str, int, str]] = []
        """Words, count, colour of the theme."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(46)

    def show_parts(self, parts: list[tuple[str, int, str]]) -> None:
        """Show other parts."""
        self.parts = parts
        self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _places(self) -> list[tuple[int, int]]:
        """Return where the words of each part begin: in one line, or in as many as they need."""
        metrics = QFontMetrics(theme.font("small"))
        found, x, y = [], 0, 36
        for words, count, _ in self.parts:
            wide = metrics.horizontalAdvance(_told(words, count)) + 34
            if x and x + wide > self.width():
                x, y = 0, y + 20
            found.append((x, y))
            x += wide
        return found

    def _fit(self) -> None:
        self.setFixedHeight(max((y for _, y in self._places()), default=36) + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        total = max(1, sum(count for _, count, _ in self.parts))
        left = 0.0
        for _, count, color in self.parts:
            width = self.width() * count / total
            painter.setBrush(theme.qcolor(color))
            painter.drawRoundedRect(QRectF(left, 2, max(0.0, width - 2), 14), 3, 3)
            left += width
        painter.setFont(theme.font("small"))
        for (words, count, color), (x, y) in zip(self.parts, self._places(), strict=True):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.qcolor(color))
            painter.drawRoundedRect(QRectF(x, y - 9, 10, 10), 3, 3)
            painter.setPen(theme.qcolor("muted"))
            painter.drawText(x + 16, y, _told(words, count))
        painter.end()


def _told(words: str, count: int) -> str:
    return f"{words} {grouped(count)}"


class RowsCard(Card):
    """A small table of words."""

    def __init__(self, title: str, columns: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self._columns = columns
        self._holder = QWidget()
        self._holder.setProperty("area", "clear")
        self._grid = QGridLayout(self._holder)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.space("l"))
        self._grid.setVerticalSpacing(4)
        self.body.addWidget(self._holder)
        self.end()
        self.body.addStretch(1)
        self.rows: list[list[str]] = []

    def fill(self, rows: list[list[str]], note: str = "") -> None:
        """Show other rows."""
        _clear(self._grid)
        self.rows = rows
        self._holder.setVisible(bool(rows))
        for column, words in enumerate(self._columns if rows and any(self._columns) else ()):
            self._grid.addWidget(theme.label(words, "muted"), 0, column)
        for number, row in enumerate(rows, start=1):
            for column, words in enumerate(row):
                made = theme.label(words)
                let_mark(made)
                self._grid.addWidget(made, number, column)
        self._grid.setColumnStretch(max(0, len(self._columns) - 1), 1)
        self.note.setText(note)
        self.note.setVisible(bool(note))


class RemarksCard(QFrame):
    """What to look at before training, each with a way to the scan."""

    scan_asked = Signal(str)
    """Display name of a scan to open."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "caution")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 8, 12, 8)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self.words: list[str] = []

    def fill(self, remarks: Sequence[Remark]) -> None:
        """Show other remarks; none hides the card."""
        _clear(self._grid)
        self.words = [remark.words for remark in remarks]
        self.setVisible(bool(remarks))
        top = Qt.AlignmentFlag.AlignTop
        for number, remark in enumerate(remarks):
            self._grid.addWidget(theme.label("⚠", "warning"), number, 0, top)
            self._grid.addWidget(theme.label(remark.words, "warning", wrap=True), number, 1)
            if remark.scans:
                open_it = theme.button(text("explore_page.open", scan=remark.scans[0]), "small")
                open_it.setObjectName(remark.scans[0])
                open_it.clicked.connect(self._ask_scan)
                self._grid.addWidget(open_it, number, 2, top)

    @Slot()
    def _ask_scan(self) -> None:
        pressed = self.sender()
        if pressed is not None:
            self.scan_asked.emit(pressed.objectName())


def _clear(grid: QGridLayout) -> None:
    while grid.count():
        item = grid.takeAt(0)
        old = item.widget() if item is not None else None
        if old is not None:
            old.hide()
            old.deleteLater()
