"""What stands around a slice: title, second line, orientation letters, scale bar."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QRectF
from PySide6.QtGui import QColor, QPainter, QRegion

from core.geometry import PlaneView
from core.messages import numeral, text
from core.volume import Window
from gui import theme
from gui.viewer import words
from gui.viewer.remarks import Remarks

if TYPE_CHECKING:
    from gui.viewer.slice_source import SliceSource

MARGIN = 12
LETTER = 20
"""Side of the square that a letter is drawn in."""
_SHADOW = QColor(0, 0, 0, 190)
_BAR_MOST = 120
_BAR_LEAST_PANE = 170


def number(value: float) -> str:
    """Word a grey level: whole from 10 up, else three digits."""
    if abs(value) >= 10 or value == round(value):
        return numeral(value, ".0f").replace("-", "\N{MINUS SIGN}")
    return numeral(value, ".3g").replace("-", "\N{MINUS SIGN}")


def _details(view: PlaneView, window: Window, unit: str) -> str:
    """Word the second line: window, level and slice thickness."""
    said = text("viewer.window", width=number(window.width), level=number(window.center))
    if unit != "mm":
        return said
    return text("viewer.details", window=said, thickness=numeral(view.slice_size, ".2f"), unit=unit)


def bar_length(zoom: float, most: float = _BAR_MOST) -> float:
    """Return the longest 1, 2 or 5 times a power of ten whose bar is at most ``most`` pixels."""
    fits = most / zoom
    power = 10.0 ** math.floor(math.log10(fits))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= fits * (1 + 1e-9))


def _widest(line: str, strong: bool) -> int:
    """Return the width of a line whose numbers are all as long as its longest: it does not change with the slice."""
    numbers = re.findall(r"\d+", line)
    return words.width(re.sub(r"\d+", max(numbers, key=len, default=""), line), strong)


class Corner:
    """Draws the words of one pane and says where they are, so that little is repainted."""

    def __init__(self) -> None:
        self.title = ""
        self.subtitle = ""
        self.letters = ("", "", "", "")
        self.unit = "mm"
        self.note = ""
        self.note_color = "muted"
        self.shown = True

    @property
    def said(self) -> tuple[object, ...]:
        """All that is said, to see whether it changed."""
        return self.title, self.subtitle, self.note, self.note_color, self.letters, self.unit

    def say_nothing(self) -> None:
        """Leave the pane empty."""
        self.title = self.subtitle = self.note = ""
        self.letters = ("", "", "", "")

    def say(self, source: SliceSource, second: str, remarks: Remarks, *, details: bool) -> None:
        """Say what is shown: plane and slice, grey levels, a second scan, and what the scan says about itself."""
        view, geometry = source.view, source.volume.geometry
        self.letters, self.unit = view.letters, geometry.unit
        name = text(f"viewer.{view.plane.value}" if geometry.orientation_known else "viewer.slice").upper()
        self.title = text("viewer.title", name=name, index=source.index + 1, slices=view.slices)
        if source.volume.is_picture:
            self.title = text("viewer.picture").upper()
        if second and source.second_alone:
            self.title = text("viewer.second_title", second=second, title=self.title)
        self.subtitle = self.note = ""
        if not details:
            return
        self.subtitle = _details(view, source.window, self.unit)
        if second and not source.second_alone and source.second is not None:
            percent = round(100 * source.second.opacity)
            self.subtitle = text("viewer.blended", details=self.subtitle, second=second, percent=percent)
        if not source.second_alone:
            self.note, self.note_color = remarks.words, "warning" if remarks.warns else "muted"

    @property
    def inset(self) -> int:
        """How far lines stay away from the sides so as not to run through the letters."""
        return LETTER + 8 if self.shown and any(self.letters) else 0

    def top_inset(self, size: QRect) -> int:
        """How far lines stay away from the top, where the letter may stand below the title."""
        return self.letter_rects(size)[2].bottom() + 5 if self.inset else 0

    def text_rect(self, size: QRect) -> QRect:
        """Return where title and second line are, at least as large as what was there before."""
        height = MARGIN + words.line_height(True) + words.line_height(False) + 8
        return QRect(0, 0, size.width(), self._below_subtitle() + words.line_height(False) + 4 if self.note else height)

    def note_rect(self, size: QRect) -> QRect:
        """Return where the remarks are; empty without any."""
        if not self.note:
            return QRect()
        wide = min(words.width(self.note, False), size.width() - 2 * MARGIN)
        return QRect(MARGIN, self._below_subtitle(), wide, words.line_height(False) + 4)

    def _below_subtitle(self) -> int:
        return MARGIN - 3 + words.line_height(True) + 4 + words.line_height(False) + 3

    def letter_rects(self, size: QRect) -> tuple[QRect, QRect, QRect, QRect]:
        """Return the squares of the left, right, top and bottom letter, always inside the pane."""
        middle = size.center()
        half = LETTER // 2
        # in a narrow pane the title needs the whole line, and the letter steps below it
        below = MARGIN + words.line_height(True) + (words.line_height(False) + 4 if self.subtitle else 0)
        if self.note:
            below = self._below_subtitle() + words.line_height(False) + 2
        widest = max(_widest(self.title, True), _widest(self.subtitle, False), _widest(self.note, False))
        narrow = widest > middle.x() - half - MARGIN - 4
        return (
            QRect(4, middle.y() - half, LETTER, LETTER),
            QRect(size.width() - 4 - LETTER, middle.y() - half, LETTER, LETTER),
            QRect(middle.x() - half, below if narrow else 4, LETTER, LETTER),
            QRect(middle.x() - half, size.height() - 4 - LETTER, LETTER, LETTER),
        )

    def bar_rect(self, size: QRect) -> QRect:
        """Return where the scale bar is."""
        return QRect(0, size.height() - 40, _BAR_MOST + 2 * MARGIN, 40)

    def bar_room(self, size: QRect) -> int:
        """Return how long the scale bar may be: in a narrow pane it ends before the letter at the bottom."""
        letter = self.letter_rects(size)[3]
        return min(_BAR_MOST, letter.left() - MARGIN) if self.letters[3] else _BAR_MOST

    def paint(self, painter: QPainter, region: QRegion, size: QRect, zoom: float) -> None:
        """Draw what lies in the region that is being painted."""
        if not self.shown:
            return
        if region.intersects(self.text_rect(size)):
            self._paint_words(painter, size)
        for letter, rect in zip(self.letters, self.letter_rects(size), strict=True):
            if letter and region.intersects(rect):
                words.draw_centered(painter, QRectF(rect), letter, "text", strong=True)
        if size.width() >= _BAR_LEAST_PANE and zoom > 0 and region.intersects(self.bar_rect(size)):
            self._paint_bar(painter, size, zoom)

    def _paint_words(self, painter: QPainter, size: QRect) -> None:
        room = size.width() - 2 * MARGIN
        top = QPoint(MARGIN, MARGIN - 3)
        words.draw(painter, top, self.title, "text", strong=True, room=room)
        words.draw(painter, top + QPoint(0, words.line_height(True) + 4), self.subtitle, "muted", room=room)
        if self.note:
            place = QPoint(MARGIN, self._below_subtitle())
            words.draw(painter, place, self.note, self.note_color, room=room)

    def paint_missing(self, painter: QPainter, region: QRegion, size: QRect) -> None:
        """Say in the middle of the pane that this slice is not in the files."""
        said = text("viewer.missing_slice")
        wide = words.width(said, True)
        rect = QRect(size.center().x() - wide // 2, size.center().y() - 15, wide, 30)
        if self.shown and region.intersects(rect.adjusted(-words.HALO, -words.HALO, words.HALO, words.HALO)):
            words.draw_centered(painter, QRectF(rect), said, "warning", strong=True)

    def _paint_bar(self, painter: QPainter, size: QRect, zoom: float) -> None:
        length = bar_length(zoom, self.bar_room(size))
        across = round(length * zoom)
        left, bottom = MARGIN, size.height() - MARGIN
        parts = (
            QRect(left, bottom - 1, across, 2),
            QRect(left, bottom - 5, 2, 6),
            QRect(left + across - 2, bottom - 5, 2, 6),
        )
        for part in parts:
            painter.fillRect(part.adjusted(-1, -1, 1, 1), _SHADOW)
        for part in parts:
            painter.fillRect(part, theme.scan_qcolor("muted"))
        said = text("viewer.length", length=numeral(length, "g"), unit=self.unit)
        words.draw(painter, QPoint(left, bottom - 9 - words.line_height(False)), said, "muted")
