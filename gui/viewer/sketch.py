"""What a tool shows of its work before it becomes voxels: outlines, corners, a tinted region.

A sketch is in rows and columns of a slice, and painted at the resolution of the
screen whatever the zoom. It never touches the mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen, QPolygonF

from core.geometry import PlaneView
from gui import theme
from gui.viewer.events import ViewEvent

ToolKey = Literal["accept", "cut", "cancel", "back"]
"""Enter, Ctrl+Enter, Escape, Backspace."""
Place = tuple[float, float]

_HALO = QColor(0, 0, 0, 130)
_MARGIN = 7
_CORNER = 3.5
_TINT = 0.35
_WORDS_WIDE = 180


@dataclass(frozen=True, slots=True)
class Line:
    """A line through (row, column); ``dashed`` takes away rather than adds, ``faint`` isn't fixed yet."""

    points: tuple[Place, ...]
    closed: bool = False
    dashed: bool = False
    faint: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Sketch:
    """What a tool shows on one slice.

    Parameters
    ----------
    color
        Red, green, blue, 0..255.
    lines
        Outlines and paths.
    corners
        Points (row, column) that can be taken hold of; the first is drawn larger.
    edges
        float ``[n, 4]``: straight pieces (row, column, row, column) along pixels.
    region
        bool ``[row, column]`` that is tinted.
    words
        Written beside a point (row, column).
    """

    color: tuple[int, int, int]
    lines: tuple[Line, ...] = ()
    corners: tuple[Place, ...] = ()
    edges: NDArray[np.float64] | None = None
    region: NDArray[np.bool_] | None = None
    words: tuple[tuple[Place, str], ...] = ()


@runtime_checkable
class Sketching(Protocol):
    """A tool that shows a sketch, follows the pointer without a button, and hears keys."""

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return what is to be seen on a slice, None for nothing."""

    def hover(self, event: ViewEvent | None) -> None:
        """Hear that the pointer moved with no button down; None: it left the pane."""

    def wants(self, key: ToolKey) -> bool:
        """Return whether a key means something now; it is the window's otherwise."""

    def key(self, key: ToolKey) -> None:
        """Hear a key that was wanted."""


def is_sketching(tool: object) -> TypeGuard[Sketching]:
    """Return whether a tool shows sketches."""
    return isinstance(tool, Sketching)


def outline_of(region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the border of a region along the edges of its pixels.

    Parameters
    ----------
    region
        bool ``[row, column]``.

    Returns
    -------
    ndarray
        float ``[n, 4]``: pieces (row, column, row, column), each as long as it is straight.
    """
    padded = np.pad(region, 1)
    pieces = []
    for across in (padded, padded.T):
        # where a line of pixels differs from the one before it
        border = across[1:] != across[:-1]
        steps = np.diff(np.pad(border, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        line, start = np.nonzero(steps == 1)
        _line, stop = np.nonzero(steps == -1)
        # the padding is one pixel, and the edge of a pixel half a pixel before its centre
        pieces.append(np.stack((line - 0.5, start - 1.5, line - 0.5, stop - 1.5), axis=1))
    return np.concatenate((pieces[0], pieces[1][:, [1, 0, 3, 2]]))


class SketchPainter:
    """Paints the sketch of one pane, and knows what it covers.

    Parameters
    ----------
    point
        From (row, column) to the screen.
    """

    def __init__(self, point: Callable[[float, float], QPointF]) -> None:
        self._point = point
        self._region: NDArray[np.bool_] | None = None
        self._picture: QImage | None = None
        self._tint = (0, 0, 0)
        self.covered = QRect()

    def cover(self, sketch: Sketch | None) -> QRect:
        """Note what a sketch covers on the screen; return what has to be painted anew: that and what was before."""
        before, self.covered = self.covered, self._reach(sketch)
        return before.united(self.covered)

    def paint(self, painter: QPainter, sketch: Sketch) -> None:
        """Draw a sketch."""
        self.covered = self._reach(sketch)
        if sketch.region is not None:
            self._paint_region(painter, sketch.region, sketch.color)
        # lighter than the label: it is seen on the label's own mask as well
        color = QColor(*((part + 255) // 2 for part in sketch.color))
        if sketch.edges is not None and len(sketch.edges):
            pieces = [QLineF(*one) for one in self._on_screen(sketch.edges).tolist()]
            for pen in (QPen(_HALO, 3), QPen(color, 1)):
                painter.setPen(pen)
                painter.drawLines(pieces)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for line in sketch.lines:
            self._paint_line(painter, line, color)
        for number, (row, column) in enumerate(sketch.corners):
            half = _CORNER + (1.5 if number == 0 else 0.0)
            at = self._point(row, column)
            painter.setPen(QPen(_HALO, 1))
            painter.setBrush(color)
            painter.drawRect(QRectF(at.x() - half, at.y() - half, 2 * half, 2 * half))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for place, words in sketch.words:
            self._paint_words(painter, place, words, color)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_words(self, painter: QPainter, place: Place, words: str, color: QColor) -> None:
        beside = self._words_box(place)
        painter.setFont(theme.font("small", weight=QFont.Weight.DemiBold))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(_HALO)
        for across, down in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            painter.drawText(beside.translated(across, down), left, words)
        painter.setPen(color)
        painter.drawText(beside, left, words)

    def _words_box(self, place: Place) -> QRectF:
        at = self._point(*place)
        return QRectF(at.x() + 9, at.y() - 22, _WORDS_WIDE, 18)

    def _on_screen(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return pieces (row, column, row, column) as (x, y, x, y): thousands follow the pointer."""
        first, second = self._point(0.0, 0.0), self._point(1.0, 1.0)
        start = np.array([first.x(), first.y()] * 2)
        step = np.array([second.x() - first.x(), second.y() - first.y()] * 2)
        return start + edges[:, [1, 0, 3, 2]] * step

    def _paint_line(self, painter: QPainter, line: Line, color: QColor) -> None:
        points = QPolygonF([self._point(row, column) for row, column in line.points])
        seen = QColor(color)
        if line.faint:
            seen.setAlpha(170)
        pen = QPen(seen, 1.6)
        if line.dashed or line.faint:
            pen.setDashPattern([3, 2.5])
        for one in (QPen(_HALO, 3.5), pen):
            painter.setPen(one)
            if line.closed:
                painter.drawPolygon(points)
            else:
                painter.drawPolyline(points)

    def _paint_region(self, painter: QPainter, region: NDArray[np.bool_], color: tuple[int, int, int]) -> None:
        if self._region is not region or self._tint != color or self._picture is None:
            rows, columns = region.shape
            table = np.zeros((2, 4), dtype=np.uint8)
            red, green, blue = (round(part * _TINT) for part in color)
            table[1] = (blue, green, red, round(255 * _TINT))
            pixels = np.ascontiguousarray(table[region.astype(np.uint8)])
            shown = QImage(pixels.data, columns, rows, 4 * columns, QImage.Format.Format_ARGB32_Premultiplied)
            self._region, self._tint, self._picture = region, color, shown.copy()
        rows, columns = region.shape
        painter.drawImage(QRectF(self._point(-0.5, -0.5), self._point(rows - 0.5, columns - 0.5)), self._picture)

    def _reach(self, sketch: Sketch | None) -> QRect:
        if sketch is None:
            return QRect()
        whole = QRectF()
        if sketch.region is not None:
            rows, columns = sketch.region.shape
            whole = QRectF(self._point(-0.5, -0.5), self._point(rows - 0.5, columns - 0.5))
        places = [*sketch.corners, *(point for line in sketch.lines for point in line.points)]
        if sketch.edges is not None and len(sketch.edges):
            low, high = sketch.edges.min(axis=0), sketch.edges.max(axis=0)
            places += [
                (float(min(low[0], low[2])), float(min(low[1], low[3]))),
                (float(max(high[0], high[2])), float(max(high[1], high[3]))),
            ]
        if places:
            rows_, columns_ = zip(*places, strict=True)
            spanned = QRectF(self._point(min(rows_), min(columns_)), self._point(max(rows_), max(columns_)))
            # a straight line has no area, and united() would leave it out
            whole = whole.united(spanned.adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN))
        for place, _words in sketch.words:
            whole = whole.united(self._words_box(place))
        return whole.toAlignedRect().adjusted(-1, -1, 1, 1)
