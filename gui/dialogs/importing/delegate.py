"""How patients and scans look in the tree of what was found."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
    QPolygonF,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView

from core.messages import text
from gui import theme
from gui.dialogs.importing import words
from gui.dialogs.importing.model import Group, ImportModel, Role, Row

GROUP_HEIGHT = 38
ROW_HEIGHT = 78
PICTURE = 60
_GROUP_SIZE = QSize(200, GROUP_HEIGHT)
_ROW_SIZE = QSize(200, ROW_HEIGHT)
_BOX = 16
_LEFT = 12
_INDENT = 30


class FoundDelegate(QStyledItemDelegate):
    """Paints rows: a box to choose it, a picture, what it is, how large, what is irregular."""

    def __init__(self, view: QTreeView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        # asked of every row at once when a tree is filled: only patients have no parent
        return _GROUP_SIZE if index.internalId() == 0 else _ROW_SIZE

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        # the whole width: the tree's own indentation is not used
        area = QRect(0, option.rect.top(), self._view.viewport().width(), option.rect.height())
        group, row = index.data(Role.GROUP), index.data(Role.ROW)
        state = index.data(Qt.ItemDataRole.CheckStateRole)
        if isinstance(group, Group):
            model_index = self._view.model().index(index.row(), 0)
            self._paint_group(painter, area, group, Qt.CheckState(state), self._view.isExpanded(model_index))
        elif isinstance(row, Row):
            self._background(painter, area, option)
            _check_box(painter, _box_of(area, indent=_INDENT), Qt.CheckState(state), row.usable)
            picture = index.data(Role.THUMBNAIL)
            self._paint_row(painter, area, row, picture if isinstance(picture, QPixmap) else None)
        painter.restore()

    # -------------------------------------------------------------- painting

    def _paint_group(self, painter: QPainter, area: QRect, group: Group, state: Qt.CheckState, opened: bool) -> None:
        painter.fillRect(area, theme.qcolor("backdrop"))
        painter.setPen(QPen(theme.qcolor("line"), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        middle = QPointF(_LEFT + 5, area.center().y() + 0.5)
        painter.setPen(QPen(theme.qcolor("muted"), 1.6))
        steps = ((-3, -2), (0, 1.5), (3, -2)) if opened else ((-1.5, -3.5), (2, 0), (-1.5, 3.5))
        painter.drawPolyline(QPolygonF([middle + QPointF(x, y) for x, y in steps]))
        _check_box(painter, _box_of(area, indent=_INDENT), state, any(row.usable for row in group.rows))
        model = self._view.model()
        named = isinstance(model, ImportModel) and model.names_shown
        font = theme.font(weight=QFont.Weight.DemiBold)
        count = text("importing.one_scan" if len(group.rows) == 1 else "importing.scans", count=len(group.rows))
        small = theme.font("small")
        wide = QFontMetrics(small).horizontalAdvance(count)
        line = QRect(_INDENT + _BOX + 12, area.top(), area.width() - _INDENT - _BOX - 40 - wide, area.height())
        used = _words(painter, line, group.named if named else group.title, font, theme.qcolor("text_bright"))
        if group.hint and line.width() - used > 60:
            _words(painter, line.adjusted(used + 10, 0, 0, 0), group.hint, small, theme.qcolor("muted"))
        right = QRect(area.right() - wide - 14, area.top(), wide + 2, area.height())
        _words(painter, right, count, small, theme.qcolor("muted"))

    @staticmethod
    def _background(painter: QPainter, area: QRect, option: QStyleOptionViewItem) -> None:
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if chosen or hovered:
            inner = QRectF(area.adjusted(6, 2, -6, -2))
            path = QPainterPath()
            path.addRoundedRect(inner, theme.space("radius"), theme.space("radius"))
            painter.fillPath(path, theme.qcolor("accent_soft") if chosen else theme.qcolor("raised", 90))

    def _paint_row(self, painter: QPainter, area: QRect, row: Row, picture: QPixmap | None) -> None:
        place = QRect(_INDENT + _BOX + 14, area.center().y() - PICTURE // 2 + 1, PICTURE, PICTURE)
        frame = QPainterPath()
        frame.addRoundedRect(QRectF(place), 5, 5)
        painter.fillPath(frame, theme.qcolor("viewer"))
        if picture is not None:
            painter.save()
            painter.setClipPath(frame)
            painter.setOpacity(1.0 if row.usable else 0.4)
            painter.drawPixmap(place, picture)
            painter.restore()
        left = place.right() + 14
        lines = [QRect(left, area.top() + top, area.right() - left - 16, 18) for top in (10, 31, 51)]
        self._first_line(painter, lines[0], row)
        self._second_line(painter, lines[1], row)
        self._third_line(painter, lines[2], row)

    def _first_line(self, painter: QPainter, line: QRect, row: Row) -> None:
        model = self._view.model()
        named = isinstance(model, ImportModel) and model.names_shown
        small = theme.font("small")
        right = text("importing.present", scan=row.present) if row.present else ""
        # a little more than it measures: what is scaled is rounded, and a whole word would go for half a pixel
        wide = QFontMetrics(small).horizontalAdvance(right) + 16 if right else 0
        if right:
            place = line.adjusted(line.width() - wide + 12, 0, 0, 0)
            _words(painter, place, right, small, theme.qcolor("accent_bright"))
        bright = theme.qcolor("text_bright" if row.usable else "faint")
        room = line.adjusted(0, 0, -wide, 0)
        used = _words(painter, room, words.kind(row.source, row.seen), theme.font(weight=QFont.Weight.DemiBold), bright)
        beside = row.name if named and row.name else words.where(row.source)
        if room.width() - used > 40:
            _words(painter, room.adjusted(used + 10, 0, 0, 0), beside, small, theme.qcolor("muted"))

    @staticmethod
    def _second_line(painter: QPainter, line: QRect, row: Row) -> None:
        parts = [words.files(row.source)]
        if row.seen is not None and row.seen.preview is not None:
            parts.insert(0, words.size(row.seen.preview))
            parts += words.remarks(row.seen)
        _words(painter, line, "  ·  ".join(parts), theme.font("small"), theme.qcolor("muted"))

    @staticmethod
    def _third_line(painter: QPainter, line: QRect, row: Row) -> None:
        font = theme.font("small")
        unusable = not row.usable
        said = words.warnings(row.source, row.seen)
        shown = [
            (words.choice(row.seen, row.source.volume, row.source.dataset), "accent_bright"),
            ("" if unusable else words.mask(row.source, row.seen), "best"),
        ]
        for words_, color in shown:
            if words_:
                line = line.adjusted(_words(painter, line, words_, font, theme.qcolor(color)) + 16, 0, 0, 0)
        if said and line.width() > 60:
            alarm = theme.qcolor("danger" if unusable else "warning")
            _sign(painter, QPointF(line.left() + 6, line.center().y()), alarm)
            more = text("importing.and_more", count=len(said) - 1) if len(said) > 1 else ""
            rest = line.adjusted(18, 0, 0, 0)
            wide = QFontMetrics(font).horizontalAdvance(more) + 8 if more else 0
            used = _words(painter, rest.adjusted(0, 0, -wide, 0), said[0], font, alarm)
            if more:
                _words(painter, rest.adjusted(used + 8, 0, 0, 0), more, font, theme.qcolor("muted"))

    # ----------------------------------------------------------------- mouse

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        if not isinstance(model, ImportModel):
            return False
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Select):
                model.toggle(index)
                return True
            return False
        if not isinstance(event, QMouseEvent) or event.button() != Qt.MouseButton.LeftButton:
            return False
        in_box = event.position().x() < _INDENT + _BOX + 12 and event.position().x() > _INDENT - 8
        if in_box and event.type() in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            # the press is the box's: it neither selects nor folds
            return True
        if event.type() == QEvent.Type.MouseButtonRelease:
            if in_box:
                model.toggle(index)
                return True
            if model.group_at(index) is not None:
                patient = model.index(index.row(), 0)
                self._view.setExpanded(patient, not self._view.isExpanded(patient))
                return True
        return False


def _box_of(area: QRect, *, indent: int) -> QRectF:
    return QRectF(indent, area.center().y() - _BOX / 2 + 0.5, _BOX, _BOX)


def _check_box(painter: QPainter, box: QRectF, state: Qt.CheckState, enabled: bool) -> None:
    on = state != Qt.CheckState.Unchecked and enabled
    painter.setPen(QPen(theme.qcolor("accent" if on else "line_strong" if enabled else "line"), 1))
    painter.setBrush(theme.qcolor("accent") if on else theme.qcolor("field"))
    painter.drawRoundedRect(box, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if not on:
        return
    painter.setPen(
        QPen(QColor(theme.color("accent_text")), 1.8, c=Qt.PenCapStyle.RoundCap, j=Qt.PenJoinStyle.RoundJoin)
    )
    middle = box.center()
    if state == Qt.CheckState.PartiallyChecked:
        painter.drawLine(middle + QPointF(-3.5, 0), middle + QPointF(3.5, 0))
    else:
        steps = ((-3.8, 0.2), (-1.2, 2.8), (3.8, -2.6))
        painter.drawPolyline(QPolygonF([middle + QPointF(x, y) for x, y in steps]))


def _sign(painter: QPainter, middle: QPointF, color: QColor) -> None:
    """Draw a small warning triangle."""
    painter.setPen(QPen(color, 1.3, c=Qt.PenCapStyle.RoundCap, j=Qt.PenJoinStyle.RoundJoin))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolygon(QPolygonF([middle + QPointF(x, y) for x, y in ((0, -4.6), (5.2, 4.4), (-5.2, 4.4))]))
    painter.drawLine(middle + QPointF(0, -1.4), middle + QPointF(0, 1.4))
    painter.drawPoint(middle + QPointF(0, 3))


def _words(painter: QPainter, place: QRect, words_: str, font: QFont, color: QColor) -> int:
    """Write words into a place, cut off with an ellipsis; return how wide they are."""
    painter.setFont(font)
    painter.setPen(color)
    metrics = QFontMetrics(font)
    elided = metrics.elidedText(words_, Qt.TextElideMode.ElideRight, max(0, place.width()))
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided)
    return metrics.horizontalAdvance(elided)
