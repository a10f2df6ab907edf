"""Pictures of what exploring found, for print: balance, areas, where the label lies, intensity, hue."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.late import cv2
from core.learning.explore_found import Exploration, Heat, Histogram
from core.letters import for_pillow
from core.messages import THIN, numeral, text
from core.review.figure import GRID, INK, PAPER, QUIET, ticks

Picture = NDArray[np.uint8]
"""``[rows, columns, 3]`` RGB."""

WIDTH, HEIGHT = 900, 520
INSIDE, OUTSIDE, OPEN = "#d1495b", "#4f86c6", "#c9d1db"
"""Colours told apart under the common colour-blindnesses and in grey print."""
_SCALE = 2
"""Pixels per unit."""
_MARGIN, _LEFT, _TOP, _BOTTOM = 40, 78, 92, 66
AREA_BINS = 40
_SURE = 0.6
"""Strength of the colour where the label is met most often."""


def pictures(found: Exploration) -> dict[str, Picture]:
    """Return the pictures there is something to draw for.

    Returns
    -------
    dict
        ``balance``, ``areas``, ``heat``, ``intensity``, ``hue`` to RGB pictures.
    """
    labels = ", ".join(found.labels)
    drawn: dict[str, Picture] = {}
    if found.labels and found.slices:
        drawn["balance"] = _balance(found, labels)
    if found.areas.size:
        drawn["areas"] = _areas(found.areas, labels)
    if found.heat is not None:
        drawn["heat"] = _heat(found.heat, labels)
    if found.intensity is not None:
        drawn["intensity"] = _histogram(found.intensity, text("explore.picture_intensity", labels=labels))
    if found.hue is not None:
        drawn["hue"] = _histogram(found.hue, text("explore.picture_hue", labels=labels))
    return drawn


class Sheet:
    """A white sheet with a title; units are those of :data:`WIDTH`."""

    def __init__(self, title: str, width: int = WIDTH, height: int = HEIGHT) -> None:
        from PIL import Image, ImageDraw  # slow to load: not before it is needed

        self.width, self.height = width, height
        self._picture = Image.new("RGB", (width * _SCALE, height * _SCALE), PAPER)
        self._pen = ImageDraw.Draw(self._picture)
        self._fonts: dict[float, Any] = {}
        self.words((_MARGIN, 36), title, 20, INK, strong=True)

    def words(
        self, at: tuple[float, float], words: str, size: float, color: str, *, side: str = "l", strong: bool = False
    ) -> float:
        """Write words, upright middle at ``at``; return how wide they are."""
        from PIL import ImageFont

        if size not in self._fonts:
            self._fonts[size] = ImageFont.load_default(size * _SCALE)
        font = self._fonts[size]
        # the typeface that Pillow carries has one weight: a hair of outline makes it strong
        hair = round(size * _SCALE / 52) if strong else 0
        place = (at[0] * _SCALE, at[1] * _SCALE)
        words = for_pillow(words)
        self._pen.text(place, words, fill=color, font=font, anchor=f"{side}m", stroke_width=hair, stroke_fill=color)
        return float(self._pen.textlength(words, font=font)) / _SCALE

    def bar(self, left: float, top: float, right: float, bottom: float, color: str) -> None:
        """Fill a box."""
        if right - left > 0 and bottom - top > 0:
            box = [round(edge * _SCALE) for edge in (left, top, right, bottom)]
            self._pen.rectangle((box[0], box[1], max(box[0], box[2] - 1), max(box[1], box[3] - 1)), fill=color)

    def line(self, points: Sequence[tuple[float, float]], color: str, width: float) -> None:
        """Draw a line through points."""
        places = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._pen.line(places, fill=color, width=max(1, round(width * _SCALE)), joint="curve")

    def tint(self, points: Sequence[tuple[float, float]], color: str, strength: float) -> None:
        """Fill what a line encloses, so that what lies below shows through."""
        from PIL import Image, ImageDraw

        mask = Image.new("L", self._picture.size, 0)
        ImageDraw.Draw(mask).polygon([(x * _SCALE, y * _SCALE) for x, y in points], fill=round(255 * strength))
        self._picture.paste(Image.new("RGB", self._picture.size, color), mask=mask)
        self._pen = ImageDraw.Draw(self._picture)

    def paste(self, picture: Picture, left: float, top: float, width: float, height: float) -> None:
        """Lay a picture down, resized smoothly."""
        from PIL import Image

        size = (max(1, round(width * _SCALE)), max(1, round(height * _SCALE)))
        large = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
        self._picture.paste(Image.fromarray(large), (round(left * _SCALE), round(top * _SCALE)))

    def legend(self, entries: Sequence[tuple[str, str]], y: float) -> None:
        """Write words beside their colours, from the left."""
        x = float(_MARGIN)
        for words, color in entries:
            self.bar(x, y - 6, x + 18, y + 6, color)
            x += 26 + self.words((x + 26, y), words, 13, INK) + 28

    def content(self) -> Picture:
        """Return what was drawn."""
        return np.asarray(self._picture, dtype=np.uint8).copy()


def _balance(found: Exploration, labels: str) -> Picture:
    sheet = Sheet(text("explore.picture_balance"), height=340)
    known = [row for row in found.rows if row.known]
    finished_scans = {row.scan for row in known}
    with_scans = {row.scan for row in known if row.has_label}
    finished_patients = {row.patient for row in known}
    with_patients = {row.patient for row in known if row.has_label}
    rows = (
        ("slices", found.with_label, found.without_label, found.slices - found.known),
        ("scans", len(with_scans), len(finished_scans - with_scans), found.scans - len(finished_scans)),
        (
            "patients",
            len(with_patients),
            len(finished_patients - with_patients),
            found.patients - len(finished_patients),
        ),
    )
    entries = [(text("explore.picture_with", labels=labels), INSIDE), (text("explore.picture_without"), OUTSIDE)]
    if any(row[3] for row in rows):
        entries.append((text("explore.picture_open"), OPEN))
    sheet.legend(entries, 78)
    left, right = 150.0, sheet.width - _MARGIN
    for number, (name, *counts) in enumerate(rows):
        top = 112.0 + 72 * number
        sheet.words((left - 14, top + 22), text(f"explore.picture_row_{name}"), 15, INK, side="r")
        total, x = max(1, sum(counts)), left
        for count, color in zip(counts, (INSIDE, OUTSIDE, OPEN), strict=True):
            wide = (right - left) * count / total
            sheet.bar(x, top, x + wide, top + 44, color)
            if wide > 34:
                ink = INK if color == OPEN else PAPER
                sheet.words(
                    (x + wide / 2, top + 22), numeral(count, ",").replace(THIN, " "), 15, ink, side="m", strong=True
                )
            x += wide
    return sheet.content()


def _areas(areas: NDArray[np.float32], labels: str) -> Picture:
    sheet = Sheet(text("explore.picture_areas", labels=labels))
    percents = 100 * areas.astype(np.float64)
    # a few huge ones would press all others into one bar: they are counted in the last
    high = max(float(np.percentile(percents, 99)), 1e-3)
    counts, edges = np.histogram(np.minimum(percents, high), bins=AREA_BINS, range=(0, high))
    plot = _Axes(sheet, 0, high, 0, float(counts.max()), top=78)
    more = int(np.count_nonzero(percents > high))
    axis = text("explore.picture_areas_axis")
    plot.grid(
        f"{axis} ({text('explore.picture_areas_more', count=more)})" if more else axis, text("explore.picture_slices")
    )
    for count, start, end in zip(counts, edges[:-1], edges[1:], strict=True):
        left, right = plot.x(start), plot.x(end)
        sheet.bar(left + 0.75, plot.y(float(count)), right - 0.75, plot.bottom, INSIDE)
    plot.base()
    return sheet.content()


def _histogram(histogram: Histogram, title: str) -> Picture:
    sheet = Sheet(title)
    inside, outside = 100 * histogram.inside, 100 * histogram.outside
    first, last = _span(histogram)
    plot = _Axes(sheet, first, last, 0, float(max(inside.max(), outside.max(), 1e-6)))
    plot.grid(text(f"explore.axis_{histogram.unit.casefold()}"), text("explore.picture_pixels"))
    for values, color in ((outside, OUTSIDE), (inside, INSIDE)):
        corners = [(float(histogram.edges[0]), 0.0)]
        for value, start, end in zip(values, histogram.edges[:-1], histogram.edges[1:], strict=True):
            corners += [(float(start), float(value)), (float(end), float(value))]
        corners.append((float(histogram.edges[-1]), 0.0))
        points = [(plot.x(min(max(x, first), last)), plot.y(y)) for x, y in corners]
        sheet.tint(points, color, 0.28)
        sheet.line(points, color, 1.6)
    plot.base()
    if histogram.unit == "degrees":
        _rainbow(sheet, plot)
    entries = [(text("explore.picture_inside"), INSIDE), (text("explore.picture_outside"), OUTSIDE)]
    sheet.legend(entries, 68)
    return sheet.content()


def _span(histogram: Histogram) -> tuple[float, float]:
    """Return the part of the axis on which there is anything."""
    if histogram.unit == "degrees":
        return float(histogram.edges[0]), float(histogram.edges[-1])
    there = np.flatnonzero((histogram.inside > 1e-4) | (histogram.outside > 1e-4))
    if not there.size:
        return float(histogram.edges[0]), float(histogram.edges[-1])
    return float(histogram.edges[there[0]]), float(histogram.edges[there[-1] + 1])


def _rainbow(sheet: Sheet, plot: _Axes) -> None:
    """Draw the hues themselves below the axis."""
    colors = [[round(255 * part) for part in colorsys.hsv_to_rgb(hue / 360, 0.85, 0.95)] for hue in range(360)]
    strip = np.array([colors], dtype=np.uint8)
    sheet.paste(np.repeat(strip, 2, axis=0), plot.x(0), plot.bottom + 1, plot.x(360) - plot.x(0), 8)


class _Axes:
    """The frame of a plot: values to places."""

    def __init__(self, sheet: Sheet, first: float, last: float, low: float, high: float, *, top: float = _TOP) -> None:
        self.sheet = sheet
        self.first, self.last = first, max(last, first + 1e-9)
        self.low, self.high = low, max(high * 1.05, low + 1e-9)
        self.left, self.right = float(_LEFT), float(sheet.width - _MARGIN)
        self.top, self.bottom = top + 18, float(sheet.height - _BOTTOM)

    def x(self, value: float) -> float:
        return self.left + (value - self.first) / (self.last - self.first) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def grid(self, across: str, up: str) -> None:
        for value in ticks(self.low, self.high):
            self.sheet.line([(self.left, self.y(value)), (self.right, self.y(value))], GRID, 1)
            self.sheet.words((self.left - 10, self.y(value)), numeral(value, "g"), 12, QUIET, side="r")
        for value in ticks(self.first, self.last, 9):
            self.sheet.line([(self.x(value), self.bottom), (self.x(value), self.bottom + 5)], QUIET, 1)
            self.sheet.words((self.x(value), self.bottom + 20), numeral(value, "g"), 12, QUIET, side="m")
        self.sheet.words(((self.left + self.right) / 2, self.bottom + 46), across, 13, QUIET, side="m")
        self.sheet.words((_MARGIN, self.top - 14), up, 13, QUIET)

    def base(self) -> None:
        self.sheet.line([(self.left, self.bottom), (self.right, self.bottom)], QUIET, 1.2)


def _heat(heat: Heat, labels: str) -> Picture:
    tall = 520.0
    wide = tall / min(max(heat.aspect, 0.5), 2.0)
    plane = text(f"explore.plane_{heat.plane}")
    title = text("explore.picture_heat", labels=labels, plane=plane, slices=heat.slices)
    sheet = Sheet(title, width=round(max(640, wide + 2 * _MARGIN + 150)), height=round(tall + 130))
    sheet.paste(heat_picture(heat), _MARGIN, 66, wide, tall)
    most = float(heat.share.max())
    left, top = _MARGIN + wide + 28, 66.0
    steps = np.linspace(1, 0, 128, dtype=np.float32)[:, None]
    sheet.paste(_colored(np.repeat(steps, 2, axis=1)), left, top, 20, tall)
    for value in ticks(0, 100 * most, 6):
        y = top + tall * (1 - value / max(100 * most, 1e-9))
        sheet.words((left + 30, y), f"{numeral(value, 'g')} %", 12, QUIET)
    note = text("explore.picture_heat_most", percent=numeral(100 * most, ".3g"))
    sheet.words((_MARGIN, tall + 92), f"{note}; {text('explore.picture_heat_rim')}", 13, QUIET)
    return sheet.content()


def heat_picture(heat: Heat) -> Picture:
    """Return the map alone, ``[96, 96, 3]``: the mean head, and over it the label, the stronger the more often."""
    most = max(float(heat.share.max()), 1e-9)
    part = np.clip(heat.share / most, 0, 1)
    head = np.repeat((np.clip(heat.head / max(float(heat.head.max()), 1e-9), 0, 1) * 200)[..., None], 3, axis=2)
    strength = (np.minimum(1, 2.5 * part) * _SURE + (1 - _SURE) * part)[..., None]
    return np.asarray(head * (1 - strength) + _colored(part) * strength, dtype=np.float32).round().astype(np.uint8)


def _colored(part: NDArray[np.float32]) -> Picture:
    """Turn shares 0..1 into colours that grow brighter as they grow (inferno: also in grey print)."""
    levels = np.rint(np.clip(0.25 + 0.75 * part, 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB), dtype=np.uint8)
