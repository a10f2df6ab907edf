"""A set of scans in two pictures: volumes against each other (Bland and Altman), and the spread of the scores.

Bland-Altman (Lancet 1986;1:307-310): across, the mean of the two volumes of a scan; up, predicted minus
annotated. The lines are the mean difference and the limits of agreement, mean +- 1.96 standard deviations
(none for fewer than three scans). Box plots after Tukey: box from quartile to quartile, line at the median,
whiskers to the last value within 1.5 box lengths, and every scan as a dot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.messages import numeral, text
from core.review.figure import (
    GRID,
    INK,
    PAPER,
    QUIET,
    Canvas,
    digits_of,
    painted_png,
    painted_svg,
    ticks,
)

SCORES = ("dice", "iou", "sensitivity", "precision", "lesion_f1")
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 20, 64, 50
_FEWEST = 3


@dataclass(frozen=True)
class Inks:
    """Colours of a picture.

    Parameters
    ----------
    ink, quiet, grid, paper
        Words, axes, faint lines, ground.
    dot, line
        Scans, and what is computed from them.
    size
        Of a picture, in units; the PNG has twice as many pixels.
    """

    ink: str = INK
    quiet: str = QUIET
    grid: str = GRID
    paper: str = PAPER
    dot: str = "#1f5fbf"
    line: str = "#c46a00"
    size: tuple[int, int] = (760, 420)


PRINT = Inks()
SCREEN = Inks("#dce3ec", "#98a3b3", "#232a34", "#0f1319", "#56b4e9", "#f0b93a", (460, 264))
"""For the dark window."""
SCREEN_LIGHT = Inks("#232b36", "#4d5867", "#d0d7e0", "#ffffff", "#0b6cab", "#8f5000", SCREEN.size)
"""For the light one."""


@dataclass(frozen=True)
class BlandAltman:
    """Volumes of a set of scans against each other.

    Parameters
    ----------
    means, differences
        Of each scan, in mL.
    bias
        Mean difference.
    limits
        Limits of agreement; None for fewer than three scans.
    """

    means: tuple[float, ...]
    differences: tuple[float, ...]
    bias: float
    limits: tuple[float, float] | None


@dataclass(frozen=True)
class Box:
    """The spread of one score.

    Parameters
    ----------
    name
        Of the score.
    values
        All of them.
    quartiles
        First, median, third.
    whiskers
        Last values within 1.5 box lengths.
    """

    name: str
    values: tuple[float, ...]
    quartiles: tuple[float, float, float]
    whiskers: tuple[float, float]


def bland_altman(rows: Sequence[Mapping[str, Any]]) -> BlandAltman | None:
    """Compare volumes; None where no row has both.

    Parameters
    ----------
    rows
        Facts of scans, with ``truth_ml`` and ``predicted_ml``.
    """
    pairs = [
        (float(row["truth_ml"]), float(row["predicted_ml"]))
        for row in rows
        if row.get("truth_ml") is not None and row.get("predicted_ml") is not None
    ]
    if not pairs:
        return None
    differences = np.array([predicted - truth for truth, predicted in pairs])
    bias = float(differences.mean())
    limits = None
    if len(pairs) >= _FEWEST:
        width = 1.96 * float(differences.std(ddof=1))
        limits = (bias - width, bias + width)
    return BlandAltman(tuple(sum(pair) / 2 for pair in pairs), tuple(differences.tolist()), bias, limits)


def boxes(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = SCORES) -> tuple[Box, ...]:
    """Return the spread of each score that some row has a value of."""
    found = []
    for name in names:
        values = [float(row[name]) for row in rows if row.get(name) is not None]
        if not values:
            continue
        low, middle, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
        reach = 1.5 * (high - low)
        inside = [value for value in values if low - reach <= value <= high + reach]
        found.append(Box(name, tuple(values), (low, middle, high), (min(inside), max(inside))))
    return tuple(found)


def figures(
    rows: Sequence[Mapping[str, Any]], *, inks: Inks = PRINT, svg: bool = False, title: str = ""
) -> dict[str, bytes]:
    """Draw what there is to draw: ``bland_altman`` and ``boxes`` to PNG (or SVG).

    Parameters
    ----------
    rows
        Facts of scans (:meth:`core.review.metrics.Measures.facts`).
    title
        What the rows are of, beside the name of the picture.
    """
    paint = painted_svg if svg else painted_png
    drawn: dict[str, bytes] = {}
    compared, spread = bland_altman(rows), boxes(rows)
    if compared is not None:
        drawn["bland_altman"] = paint(
            inks.size, lambda canvas: _bland_altman(canvas, compared, inks, title), paper=inks.paper
        )
    if spread:

        def scores(canvas: Canvas) -> None:
            _boxes(canvas, spread, inks, title)

        drawn["boxes"] = paint(inks.size, scores, paper=inks.paper)
    return drawn


def _head(canvas: Canvas, key: str, title: str, line: str, inks: Inks) -> None:
    words = text(f"review.figure_{key}")
    canvas.words((20, 22), f"{words} · {title}" if title else words, 16, inks.ink, "start", strong=True)
    canvas.words((20, 43), line, 12.5, inks.quiet, "start", strong=False)


def _frame(
    canvas: Canvas, low: float, high: float, inks: Inks, spare: float = _RIGHT
) -> tuple[float, float, float, float]:
    """Draw the upright axis; return left, right, bottom, top of the room for the plot."""
    left, right, bottom, top = float(_LEFT), float(inks.size[0] - spare), float(inks.size[1] - _BOTTOM), float(_TOP)
    levels = ticks(low, high)
    digits = digits_of(levels)
    for level in levels:
        y = bottom + (level - low) / (high - low) * (top - bottom)
        canvas.line([(left, y), (right, y)], inks.grid, 1.0, None)
        canvas.words(
            (left - 8, y), numeral(level, f".{digits}f").replace("-", "−"), 12, inks.quiet, "end", strong=False
        )
    canvas.line([(left, top), (left, bottom), (right, bottom)], inks.quiet, 1.2, None)
    return left, right, bottom, top


def _dot(canvas: Canvas, x: float, y: float, radius: float, color: str) -> None:
    turns = [math.tau * step / 12 for step in range(13)]
    ring = [(x + radius / 2 * math.cos(turn), y + radius / 2 * math.sin(turn)) for turn in turns]
    canvas.line(ring, color, radius, None)


def _bland_altman(canvas: Canvas, found: BlandAltman, inks: Inks, title: str) -> None:
    line = text("review.figure_bias", bias=_signed(found.bias), count=len(found.means))
    if found.limits is not None:
        low, high = (_signed(value) for value in found.limits)
        line = text("review.figure_limits", bias=_signed(found.bias), low=low, high=high, count=len(found.means))
    _head(canvas, "bland_altman", title, line, inks)
    levels = [0.0, *found.differences, *(found.limits or ())]
    low, high = min(levels), max(levels)
    room = max(high - low, 1e-3) * 0.12
    low, high = low - room, high + room
    # the lines' figures stand beside the plot, where no scan can lie below them
    left, right, bottom, top = _frame(canvas, low, high, inks, 74)
    first, last = min(found.means), max(found.means)
    edge = max(last - first, abs(last) * 0.05, 1e-3) * 0.08
    first, last = first - edge, last + edge
    marks = ticks(first, last, 7)
    digits = digits_of(marks)
    for mark in marks:
        x = left + (mark - first) / (last - first) * (right - left)
        canvas.line([(x, bottom), (x, bottom + 5)], inks.quiet, 1.0, None)
        canvas.words((x, bottom + 16), numeral(mark, f".{digits}f"), 12, inks.quiet, "middle", strong=False)
    canvas.words(
        ((left + right) / 2, bottom + 36), text("review.figure_mean_ml"), 12, inks.quiet, "middle", strong=False
    )
    for level, dashes in [(found.bias, None), *((limit, (7.0, 4.0)) for limit in found.limits or ())]:
        y = bottom + (level - low) / (high - low) * (top - bottom)
        canvas.line([(left, y), (right, y)], inks.line, 1.8, dashes)
        canvas.words((right + 6, y), f"{_signed(level)} mL", 12, inks.line, "start", strong=False)
    for mean, difference in zip(found.means, found.differences, strict=True):
        x = left + (mean - first) / (last - first) * (right - left)
        _dot(canvas, x, bottom + (difference - low) / (high - low) * (top - bottom), 4.0, inks.dot)


def _boxes(canvas: Canvas, found: Sequence[Box], inks: Inks, title: str) -> None:
    _head(canvas, "boxes", title, text("review.figure_boxes_line", count=max(len(box.values) for box in found)), inks)
    low = min(min(box.values) for box in found)
    low = max(0.0, low - 0.08 * (1.0 - low))
    # scores end at 1: how much is left to gain is seen
    high = 1.0 if low < 1.0 else low + 1e-3
    low = min(low, high - 0.01)
    left, right, bottom, top = _frame(canvas, low, high, inks)

    def up(value: float) -> float:
        return bottom + (value - low) / (high - low) * (top - bottom)

    step = (right - left) / len(found)
    half = min(38.0, step * 0.22)
    for number, box in enumerate(found):
        x = left + step * (number + 0.5)
        first, middle, third = (up(value) for value in box.quartiles)
        ends = [up(value) for value in box.whiskers]
        for one, other in ((first, ends[0]), (third, ends[1])):
            canvas.line([(x, one), (x, other)], inks.quiet, 1.4, None)
            canvas.line([(x - half / 2, other), (x + half / 2, other)], inks.quiet, 1.4, None)
        corners = [(x - half, first), (x + half, first), (x + half, third), (x - half, third), (x - half, first)]
        canvas.line(corners, inks.ink, 1.6, None)
        for place, value in _strewn(box.values, half):
            _dot(canvas, x + place, up(value), 2.6, inks.dot)
        canvas.line([(x - half, middle), (x + half, middle)], inks.line, 2.6, None)
        canvas.words((x, bottom + 16), text(f"review.column_{box.name}"), 12, inks.ink, "middle", strong=False)
        words = text("review.figure_median", value=numeral(box.quartiles[1], ".3f"))
        canvas.words((x, bottom + 34), words, 12, inks.quiet, "middle", strong=False)


def _strewn(values: Sequence[float], half: float) -> list[tuple[float, float]]:
    """Give dots a place beside each other that follows from their order, so that they hide one another less."""
    golden = 0.618034
    return [((number * golden % 1.0 - 0.5) * half * 1.5, value) for number, value in enumerate(sorted(values))]


def _signed(value: float) -> str:
    sign = "+" if value > 0.0499 else "−" if value < -0.0499 else ""
    return f"{sign}{numeral(abs(value), '.1f')}"


__all__ = [
    "PRINT",
    "SCORES",
    "SCREEN",
    "SCREEN_LIGHT",
    "BlandAltman",
    "Box",
    "Inks",
    "bland_altman",
    "boxes",
    "figures",
]
