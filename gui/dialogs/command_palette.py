"""The command palette: type a few letters of what you want to do."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from core.messages import text
from gui import theme
from gui.actions import ACTIONS, Actions, shown_key, words_of
from gui.keymap import group_of

_WIDTH = 560
_ROW = 34
_SHOWN = 11

Index = QModelIndex | QPersistentModelIndex


def rank(words: str, typed: str) -> int | None:
    """Say how well words fit what was typed: less is better, None is not at all.

    Every typed part must begin a word of it (best), stand in it, or at least its
    letters must stand there in their order.
    """
    whole = words.casefold()
    total = 0
    for part in typed.casefold().split():
        if any(word.startswith(part) for word in whole.split()):
            continue
        if part in whole:
            total += 10
            continue
        at = -1
        for letter in part:
            at = whole.find(letter, at + 1)
            if at < 0:
                return None
        total += 100
    return total


class _Found(QAbstractListModel):
    """The actions that fit, those that are possible now first."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._actions = actions
        self._words = {spec.id: words_of(spec.id).rstrip("…") for spec in ACTIONS if spec.id != "palette"}
        self.ids: list[str] = []
        self.search("")

    def search(self, typed: str) -> None:
        """Show what fits."""
        found = []
        for place, (name, words) in enumerate(self._words.items()):
            fit = rank(words, typed)
            if fit is not None:
                found.append((not self._actions[name].isEnabled(), fit, place, name))
        self.beginResetModel()
        self.ids = [name for *_order, name in sorted(found)]
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.ids)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        name = self.ids[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._words[name]
        if role == Qt.ItemDataRole.UserRole:
            return text(f"keys.group_{group_of(name)}"), shown_key(self._actions[name])
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        possible = self._actions[self.ids[index.row()]].isEnabled()
        on = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return on if possible else Qt.ItemFlag.NoItemFlags


class _Rows(QStyledItemDelegate):
    """What it is, what it is about, and its key at the right."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(0, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        possible = bool(state & QStyle.StateFlag.State_Enabled)
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, theme.qcolor("accent_rail"))
        about, key = index.data(Qt.ItemDataRole.UserRole)
        inner = rect.adjusted(16, 0, -16, 0)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.font())
        painter.setPen(theme.qcolor("text_bright" if possible else "faint"))
        painter.drawText(inner, left, index.data())
        painter.setFont(theme.font("small"))
        painter.setPen(theme.qcolor("accent_bright" if possible else "faint"))
        painter.drawText(inner, right, key)
        painter.setPen(theme.qcolor("muted" if possible else "faint"))
        painter.drawText(inner.adjusted(0, 0, -110, 0), right, about)
        painter.restore()


class CommandPalette(QDialog):
    """A field and a list over the middle of the window; Return does it, Esc leaves.

    Parameters
    ----------
    actions
        What can be done.
    """

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self._actions = actions
        self.chosen = ""
        theme.style(
            self,
            "QDialog { border: 1px solid $line_strong; background: $panel; }",
        )
        self.field = QLineEdit()
        self.field.setPlaceholderText(text("keys.palette_hint"))
        self.field.setAccessibleName(text("actions.palette"))
        self.field.setStyleSheet("font-size: 15px; min-height: 36px;")
        self.model = _Found(actions)
        self.list = QListView()
        self.list.setAccessibleName(text("actions.palette"))
        self.list.setModel(self.model)
        self.list.setItemDelegate(_Rows(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setFixedHeight(_ROW * _SHOWN)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.none = theme.label(text("keys.palette_none"), "muted")
        lay = theme.column(self, margin=8, gap=6)
        lay.addWidget(self.field)
        lay.addWidget(self.list)
        lay.addWidget(self.none)
        self.none.hide()
        self.setFixedWidth(_WIDTH)
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.list.clicked.connect(self._take)
        self._select(0)
        if parent is not None:
            top = parent.mapToGlobal(parent.rect().topLeft())
            self.move(top.x() + (parent.width() - _WIDTH) // 2, top.y() + 90)
        self.field.setFocus()

    @Slot(str)
    def _search(self, typed: str) -> None:
        self.model.search(typed)
        self.none.setVisible(not self.model.ids)
        self.list.setVisible(bool(self.model.ids))
        self._select(0)

    def _select(self, row: int) -> None:
        if self.model.ids:
            row = max(0, min(row, len(self.model.ids) - 1))
            self.list.setCurrentIndex(self.model.index(row))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            row = self.list.currentIndex().row()
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: _SHOWN, Qt.Key.Key_PageUp: -_SHOWN}
            if event.key() in steps:
                self._select(row + steps[Qt.Key(event.key())])
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self.list.currentIndex())
                return True
        return super().eventFilter(watched, event)

    @Slot(QModelIndex)
    def _take(self, index: QModelIndex) -> None:
        if not index.isValid() or not self.model.flags(index) & Qt.ItemFlag.ItemIsEnabled:
            return
        self.chosen = self.model.ids[index.row()]
        self.accept()
