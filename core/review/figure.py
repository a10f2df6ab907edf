"""Line plots as pictures for print: the same drawing as SVG and as PNG, without Qt and without a screen."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from xml.sax.saxutils import escape

from core.letters import for_pillow
from core.messages import numeral

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

INK, QUIET, GRID, PAPER, ALARM = "#1b1f24", "#5b6572", "#dde2e8", "#ffffff", "#b3261e"
WIDTH = 1200
_MARGIN, _GAP = 36, 28
_PANEL_HEIGHT = 290
_LEFT, _BOTTOM, _TOP = 58, 42, 34
"""Room of a panel for its figures on the left and below, and for its title."""
_OVERSAMPLE, _DENSITY = 2, 2
"""The PNG has two pixels per unit, for print; drawn twice as large again, for smooth lines."""


@dataclass(frozen=True)
class Series:
    """One line of a plot; NaN leaves a gap."""

    name: str
    color: str
    xs: Sequence[float]
    ys: Sequence[float]
    dashed: bool = False


@dataclass(frozen=True)
class Plot:
    """One panel.

    Parameters
    ----------
    title
        Above it.
    series
        Its lines.
    low, high
        Ends of the upright axis.
    across
        Words below the level axis.
    floor
        A level drawn as a dotted line, with its words; None for none.
    mark
        A place on the level axis drawn as a dotted line; None for none.
    span
        Ends of the level axis; None for epochs, from 1 on.
    """

    title: str
    series: Sequence[Series]
    low: float
    high: float
    across: str
    floor: tuple[float, str] | None = None
    mark: float | None = None
    span: tuple[float, float] | None = None


@dataclass(frozen=True)
class Figure:
    """A sheet of plots, two in a row.

    Parameters
    ----------
    title, lines
        Heading, and what must be known to read it.
    stamp
        Why the numbers may flatter, in red; empty for none.
    plots
        Its panels.
    legend
        (words, colour, dashed) of each kind of line.
    """

    title: str
    lines: Sequence[str]
    plots: Sequence[Plot]
    legend: Sequence[tuple[str, str, bool]]
    stamp: str = ""
    size: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        rows = -(-len(self.plots) // 2)
        height = self.head + rows * (_PANEL_HEIGHT + _GAP) - _GAP + _MARGIN
        object.__setattr__(self, "size", (WIDTH, height))

    @property
    def head(self) -> int:
        """Height of what stands above the plots."""
        return _MARGIN + 34 + 21 * (len(self.lines) + len(wrapped(self.stamp))) + 40


class Canvas(Protocol):
    """What a plot is drawn on; units are those of :data:`WIDTH`."""

    def line(self, points: Sequence[Point], color: str, width: float, dashes: tuple[float, float] | None) -> None:
        """Draw a line through points."""

    def words(self, at: Point, words: str, size: float, color: str, anchor: Anchor, *, strong: bool) -> None:
        """Write words, upright middle at ``at``."""


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG: text stays text, lines stay lines."""
    canvas = _Svg(figure.size)
    _draw(figure, canvas)
    return canvas.content()


def png(figure: Figure) -> bytes:
    """Return a figure as PNG of twice :data:`WIDTH` pixels."""
    canvas = _Png(figure.size)
    _draw(figure, canvas)
    return canvas.content()


def painted_svg(size: tuple[int, int], draw: Callable[[Canvas], None], *, paper: str = PAPER) -> bytes:
    """Return any other drawing of this style as SVG; ``size`` in the units of :data:`WIDTH`."""
    canvas = _Svg(size, paper)
    draw(canvas)
    return canvas.content()


def painted_png(size: tuple[int, int], draw: Callable[[Canvas], None], *, paper: str = PAPER) -> bytes:
    """Return any other drawing of this style as PNG of two pixels per unit."""
    canvas = _Png(size, paper)
    draw(canvas)
    return canvas.content()


def ticks(low: float, high: float, most: int = 6, *, whole: bool = False) -> list[float]:
    """Return round numbers within a range, at most about ``most``."""
    span = max(high - low, 1e-9)
    step = 10.0 ** math.floor(math.log10(span / most))
    for factor in (1, 2, 5, 10):
        if span / (step * factor) <= most:
            step *= factor
            break
    if whole:
        step = max(1.0, step)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def wrapped(words: str, width: int = 150) -> list[str]:
    """Break words into lines of about so many letters."""
    import textwrap

    return textwrap.wrap(words, width)


def _draw(figure: Figure, canvas: Canvas) -> None:
    y = _MARGIN + 10.0
    _write(canvas, (_MARGIN, y), figure.title, 22, INK, strong=True)
    y += 30
    for line in figure.lines:
        _write(canvas, (_MARGIN, y), line, 13.5, QUIET)
        y += 21
    for line in wrapped(figure.stamp):
        _write(canvas, (_MARGIN, y), line, 13.5, ALARM, strong=True)
        y += 21
    _legend(figure, canvas, y + 8)
    across = (WIDTH - 2 * _MARGIN - _GAP) / 2
    for number, plot in enumerate(figure.plots):
        left = _MARGIN + (number % 2) * (across + _GAP)
        top = figure.head + (number // 2) * (_PANEL_HEIGHT + _GAP)
        _panel(plot, canvas, (left, top, across, _PANEL_HEIGHT))


def _legend(figure: Figure, canvas: Canvas, y: float) -> None:
    x = float(_MARGIN)
    for words, color, dashed in figure.legend:
        canvas.line([(x, y), (x + 30, y)], color, 2.4, (7, 4) if dashed else None)
        _write(canvas, (x + 38, y), words, 13.5, INK)
        # about the width of the words in any plain typeface
        x += 38 + 7.4 * len(words) + 26


def _panel(plot: Plot, canvas: Canvas, place: tuple[float, float, float, float]) -> None:
    left, top, width, height = place
    x0, x1, y0, y1 = left + _LEFT, left + width, top + height - _BOTTOM, top + _TOP
    last = max((max(one.xs, default=1.0) for one in plot.series), default=1.0)
    first, last = plot.span or (1.0, max(last, 2.0))

    def at(x: float, y: float) -> Point:
        share = (y - plot.low) / max(plot.high - plot.low, 1e-9)
        return x0 + (x - first) / (last - first) * (x1 - x0), y0 + min(max(share, 0.0), 1.0) * (y1 - y0)

    _write(canvas, (x0, top + 10), plot.title, 15, INK, strong=True)
    levels = ticks(plot.low, plot.high)
    digits = digits_of(levels)
    for value in levels:
        y = at(first, value)[1]
        canvas.line([(x0, y), (x1, y)], GRID, 1.0, None)
        _write(canvas, (x0 - 8, y), numeral(value, f".{digits}f"), 12, QUIET, anchor="end")
    places = ticks(first, last, 8, whole=plot.span is None) or [first]
    for value in places:
        x = at(value, plot.low)[0]
        canvas.line([(x, y0), (x, y0 + 5)], QUIET, 1.0, None)
        _write(canvas, (x, y0 + 16), numeral(value, f".{digits_of(places)}f"), 12, QUIET, anchor="middle")
    canvas.line([(x0, y1), (x0, y0), (x1, y0)], QUIET, 1.2, None)
    _write(canvas, ((x0 + x1) / 2, y0 + 34), plot.across, 12, QUIET, anchor="middle")
    if plot.floor is not None:
        level = at(first, plot.floor[0])[1]
        canvas.line([(x0, level), (x1, level)], QUIET, 1.4, (2, 4))
        _write(canvas, (x1 - 4, level - 9), plot.floor[1], 12, QUIET, anchor="end")
    if plot.mark is not None:
        x = at(plot.mark, plot.low)[0]
        canvas.line([(x, y0), (x, y1)], QUIET, 1.4, (2, 4))
    for one in plot.series:
        _series(one, canvas, at)


def _series(one: Series, canvas: Canvas, at: Any) -> None:
    piece: list[Point] = []
    for x, y in [*zip(one.xs, one.ys, strict=True), (0.0, math.nan)]:
        if math.isfinite(y):
            piece.append(at(x, y))
            continue
        if len(piece) == 1:
            # a point alone has no line: a short stroke lets it be seen
            piece = [(piece[0][0] - 3, piece[0][1]), (piece[0][0] + 3, piece[0][1])]
        if piece:
            canvas.line(piece, one.color, 2.4 if not one.dashed else 2.0, (7, 4) if one.dashed else None)
        piece = []


def digits_of(levels: Sequence[float]) -> int:
    """Return how many decimals tell ticks apart."""
    step = min((b - a for a, b in itertools.pairwise(levels)), default=1.0)
    return max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0


def _write(
    canvas: Canvas, at: Point, words: str, size: float, color: str, *, anchor: Anchor = "start", strong: bool = False
) -> None:
    canvas.words(at, words, size, color, anchor, strong=strong)


class _Svg:
    def __init__(self, size: tuple[int, int], paper: str = PAPER) -> None:
        width, height = size
        self._parts = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" '
            'font-family="Inter, Segoe UI, Helvetica, Arial, DejaVu Sans, sans-serif">',
            f'<rect width="{width}" height="{height}" fill="{paper}"/>',
        ]

    def line(self, points: Sequence[Point], color: str, width: float, dashes: tuple[float, float] | None) -> None:
        path = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
        dashed = f' stroke-dasharray="{dashes[0]:g} {dashes[1]:g}"' if dashes else ""
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width:g}"'
            f' stroke-linejoin="round"{dashed}/>'
        )

    def words(self, at: Point, words: str, size: float, color: str, anchor: Anchor, *, strong: bool) -> None:
        weight = ' font-weight="600"' if strong else ""
        # not dominant-baseline: several programs do not know it
        self._parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1] + 0.35 * size:.1f}" font-size="{size:g}" fill="{color}"'
            f' text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )

    def content(self) -> bytes:
        return ("\n".join([*self._parts, "</svg>"]) + "\n").encode()


class _Png:
    def __init__(self, size: tuple[int, int], paper: str = PAPER) -> None:
        from PIL import Image, ImageDraw  # slow to load: not before it is needed

        self._scale = _OVERSAMPLE * _DENSITY
        self._size = size
        self._picture = Image.new("RGB", (size[0] * self._scale, size[1] * self._scale), paper)
        self._pen = ImageDraw.Draw(self._picture)
        self._fonts: dict[float, Any] = {}

    def line(self, points: Sequence[Point], color: str, width: float, dashes: tuple[float, float] | None) -> None:
        scale = self._scale
        for piece in _dashed(points, dashes) if dashes else [points]:
            places = [(x * scale, y * scale) for x, y in piece]
            self._pen.line(places, fill=color, width=max(1, round(width * scale)), joint="curve")

    def words(self, at: Point, words: str, size: float, color: str, anchor: Anchor, *, strong: bool) -> None:
        side = {"start": "l", "middle": "m", "end": "r"}[anchor]
        place = (at[0] * self._scale, at[1] * self._scale)
        # the typeface that Pillow carries has one weight: a hair of outline makes it strong
        hair = round(size * self._scale / 52) if strong else 0
        font = self._font(size)
        self._pen.text(
            place, for_pillow(words), fill=color, font=font, anchor=f"{side}m", stroke_width=hair, stroke_fill=color
        )

    def _font(self, size: float) -> Any:
        from PIL import ImageFont

        if size not in self._fonts:
            self._fonts[size] = ImageFont.load_default(size * self._scale)
        return self._fonts[size]

    def content(self) -> bytes:
        out = io.BytesIO()
        self._picture.reduce(_OVERSAMPLE).save(out, "PNG", optimize=True, dpi=(_DENSITY * 96, _DENSITY * 96))
        return out.getvalue()


def _dashed(points: Sequence[Point], dashes: tuple[float, float]) -> list[list[Point]]:
    """Cut a line into its dashes."""
    pieces: list[list[Point]] = []
    drawing, left = True, dashes[0]
    piece = [points[0]]
    for start, end in itertools.pairwise(points):
        length = math.dist(start, end)
        gone = 0.0
        while length - gone > left:
            gone += left
            share = gone / length
            place = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
            if drawing:
                pieces.append([*piece, place])
            drawing = not drawing
            piece, left = [place], dashes[0] if drawing else dashes[1]
        left -= length - gone
        piece.append(end)
    if drawing and len(piece) > 1:
        pieces.append(piece)
    return pieces
