"""How a scan looks in the worklist: picture, pseudonym, words, status dot."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from core.messages import text
from core.project.records import Scan, ScanStatus
from gui import theme
from gui.icons import icon
from gui.worklist.model import Role, ScanModel
from gui.worklist.rows import Row, status_words, title

HEIGHT = 54
NAMED_HEIGHT = 72
"""Of rows while names are shown."""
PICTURE = 42
_WORDY = 100
"""Narrower (px), a row shows the picture and the status alone."""

_SHORTEST = 30
"""Less of the classes (px) would say nothing."""

_COLORS = {
    ScanStatus.TO_DO: "faint",
    ScanStatus.IN_PROGRESS: "accent",
    ScanStatus.DONE: "good",
    ScanStatus.IN_REVIEW: "accent_bright",
    ScanStatus.RETURNED: "warning",
    ScanStatus.APPROVED: "good",
    ScanStatus.SKIPPED: "faint",
}
_HALF = {ScanStatus.IN_PROGRESS, ScanStatus.IN_REVIEW, ScanStatus.RETURNED}
_HOLLOW = {ScanStatus.TO_DO, ScanStatus.SKIPPED}


class ScanDelegate(QStyledItemDelegate):
    """Paints rows; shape of the dot and words both tell the status, not colour alone."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        model = index.model()
        named = isinstance(model, ScanModel) and model.names.shown and model.names.known
        return QSize(PICTURE, NAMED_HEIGHT if named else HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        scan = index.data(Role.SCAN)
        if not isinstance(scan, Scan):
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        area: QRect = option.rect.adjusted(6, 1, -6, -1)
        current = bool(index.data(Role.CURRENT))
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        self._background(painter, area, current, hovered or focused or chosen, focused)
        if chosen and not current:
            painter.fillRect(QRect(area.left(), area.top() + 8, 3, area.height() - 16), theme.qcolor("accent"))
        left = QRect(area.left() + 6, area.center().y() - PICTURE // 2 + 1, PICTURE, PICTURE)
        if area.width() < _WORDY:
            left.moveLeft(area.center().x() - PICTURE // 2)
        self._picture(painter, left, index.data(Role.THUMBNAIL))
        if area.width() < _WORDY:
            self._corner_dot(painter, left, scan.status)
            painter.restore()
            return
        words = area.adjusted(PICTURE + 16, 0, -8, 0)
        if area.height() > HEIGHT:
            self._named(painter, words, str(index.data(Role.NAMED) or ""))
            # the line of the name stands between the two others
            self._words(painter, words, index, current, apart=NAMED_HEIGHT - HEIGHT)
        else:
            self._words(painter, words, index, current)
        painter.restore()

    @staticmethod
    def _background(painter: QPainter, area: QRect, current: bool, raised: bool, focused: bool) -> None:
        if not (current or raised):
            return
        path = QPainterPath()
        path.addRoundedRect(QRectF(area), theme.space("radius"), theme.space("radius"))
        painter.fillPath(path, theme.qcolor("accent_soft") if current else theme.qcolor("raised", 120))
        if focused and not current:
            painter.setPen(QPen(theme.qcolor("line_strong"), 1))
            painter.drawPath(path)

    @staticmethod
    def _picture(painter: QPainter, place: QRect, picture: QPixmap | None) -> None:
        path = QPainterPath()
        path.addRoundedRect(QRectF(place), 5, 5)
        painter.fillPath(path, theme.qcolor("viewer"))
        if picture is not None:
            painter.save()
            painter.setClipPath(path)
            painter.drawPixmap(place, picture)
            painter.restore()

    def _corner_dot(self, painter: QPainter, picture: QRect, status: ScanStatus) -> None:
        """Draw the status over the lower right corner of the picture, where there is no room for words."""
        place = QRectF(picture.right() - 9, picture.bottom() - 9, 8, 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.qcolor("panel"))
        painter.drawEllipse(place.adjusted(-3, -3, 3, 3))
        self._dot(painter, place, status)

    @staticmethod
    def _named(painter: QPainter, area: QRect, named: str) -> None:
        font = theme.font("small")
        painter.setFont(font)
        painter.setPen(theme.qcolor("text" if named else "muted"))
        line = QRect(area.left(), area.top() + 27, area.width(), 18)
        said = named or text("worklist.name_unknown")
        elided = QFontMetrics(font).elidedText(said, Qt.TextElideMode.ElideRight, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, elided)

    def _words(
        self,
        painter: QPainter,
        area: QRect,
        index: QModelIndex | QPersistentModelIndex,
        current: bool,
        apart: int = 0,
    ) -> None:
        scan: Scan = index.data(Role.SCAN)
        name_font = theme.font(weight=QFont.Weight.DemiBold)
        top = QRect(area.left(), area.top() + 8, area.width(), 18)
        painter.setFont(name_font)
        painter.setPen(theme.qcolor("text_bright" if current else "text"))
        name = title(scan)
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, name)
        used = QFontMetrics(name_font).horizontalAdvance(name) + 7
        words_font = theme.font("small")
        painter.setFont(words_font)
        painter.setPen(theme.qcolor("text"))
        row = index.data(Role.ROW)
        rest = top.adjusted(used, 0, -self._comments(painter, top, row.comments if isinstance(row, Row) else 0), 0)
        said = scan.description or (scan.name if name != scan.name else "")
        elided = QFontMetrics(words_font).elidedText(said, Qt.TextElideMode.ElideRight, rest.width())
        painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, elided)
        bottom = QRect(area.left(), area.top() + 28 + apart, area.width(), 18)
        dot = QRectF(bottom.left() + 0.5, bottom.center().y() - 3.5, 8, 8)
        self._dot(painter, dot, scan.status)
        painter.setFont(theme.font("small"))
        painter.setPen(theme.qcolor("muted"))
        own = scan.name if name != scan.name and said != scan.name else ""
        parts = [status_words(scan.status), str(index.data(Role.CLASSES) or "")]
        if isinstance(row, Row):
            if row.finished and scan.status is ScanStatus.IN_PROGRESS:
                # somebody else has still to read it
                parts[0] = text("worklist.done_by_me")
            parts += [_initials(row.readers), " ".join(f"#{tag}" for tag in row.tags)]
        status = bottom.adjusted(15, 0, 0, 0)
        parts[1] = fitting_classes(parts, own, status.width(), QFontMetrics(words_font))
        line = " · ".join(part for part in parts if part)
        line, own = fitting(line, own, status.width(), QFontMetrics(words_font))
        painter.drawText(status, Qt.AlignmentFlag.AlignVCenter, line)
        if own:
            # a patient may have several scans
            painter.setPen(theme.qcolor("muted"))
            painter.drawText(bottom, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, own)

    @staticmethod
    def _comments(painter: QPainter, line: QRect, count: int) -> int:
        """Draw how many comments are open at the right end of a line; return the room it takes."""
        if not count:
            return 0
        words = str(count)
        wide = QFontMetrics(painter.font()).horizontalAdvance(words)
        painter.save()
        painter.setPen(theme.qcolor("warning"))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, words)
        sign = QRect(line.right() - wide - 18, line.center().y() - 7, 15, 15)
        icon("comment", "warning").paint(painter, sign)
        painter.restore()
        return wide + 24

    @staticmethod
    def _dot(painter: QPainter, place: QRectF, status: ScanStatus) -> None:
        color = QColor(theme.color(_COLORS[status]))
        painter.setPen(QPen(color, 1.4))
        painter.setBrush(Qt.BrushStyle.NoBrush if status in _HOLLOW or status in _HALF else color)
        painter.drawEllipse(place)
        if status in _HALF:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawPie(place, 90 * 16, 180 * 16)


def fitting(line: str, own: str, room: int, metrics: QFontMetrics) -> tuple[str, str]:
    """Return what of a line, and of the scan's own name at its end, has room.

    In a narrow list what is known of a scan comes before its name, which the tip tells.
    """
    if own and metrics.horizontalAdvance(line) > room - metrics.horizontalAdvance(own) - 6:
        own = ""
    return metrics.elidedText(line, Qt.TextElideMode.ElideRight, room), own


def fitting_classes(parts: Sequence[str], own: str, room: int, metrics: QFontMetrics) -> str:
    """Return what of the classes (the second part of a line) leaves room for the other parts and the scan's own name.

    Several classes with their names are long, and the tip tells all of them.
    """
    classes = parts[1]
    others = " · ".join(part for part in (*parts[:1], *parts[2:]) if part)
    left = room - metrics.horizontalAdvance(f"{others} · ") - (metrics.horizontalAdvance(own) + 6 if own else 0)
    if left < _SHORTEST:
        return classes
    return metrics.elidedText(classes, Qt.TextElideMode.ElideRight, left)


def _initials(readers: tuple[str, ...]) -> str:
    """Word who reads: one name, or the initials of several, for which the line has no room."""
    if len(readers) < 2:
        return "".join(readers)
    return " ".join("".join(part[0] for part in name.split()[:2]).upper() for name in readers)
