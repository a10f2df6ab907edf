"""Keys and mouse: presets, own keys and what would clash."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from core.messages import text
from gui import keymap, theme
from gui.actions import ACTIONS, words_of
from gui.dialogs.keys_sheet import shown
from gui.keymap import MOUSE, PRESETS, group_of
from gui.quiet_table import make_quiet
from gui.search_field import SearchField
from gui.settings import Preferences


class KeysPage(QWidget):
    """Keys and mouse.

    Parameters
    ----------
    preferences
        What is chosen now; :attr:`keymap` and :attr:`changes` hold what is chosen at the end.
    """

    usable_changed = Signal(bool)
    """Whether these keys can be used: no two actions share one."""

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self.body = theme.column(self, margin=theme.space("m"))
        self.changes: dict[str, list[str]] = {name: list(keys) for name, keys in preferences.keys.items()}
        self.keymap = keymap.load(preferences.keymap, self.changes)
        self._make_preset()
        self._make_table()
        self._make_editor()
        self._make_mouse()
        self.problem = theme.label("", "warning", wrap=True)
        self.problem.setMinimumHeight(34)
        self.body.addWidget(self.problem)
        self._show()

    # --------------------------------------------------------------- layout

    def _make_preset(self) -> None:
        line = theme.row()
        self.preset = QComboBox()
        for name in PRESETS:
            self.preset.addItem(text(f"keys.preset_{name}"), name)
        self.preset.setCurrentIndex(PRESETS.index(self.keymap.preset))
        self.preset.setMinimumWidth(220)
        self.preset.activated.connect(self._preset_chosen)
        self.own = theme.label("", "muted")
        self.reset = theme.button(text("keys.reset"), "flat")
        self.reset.clicked.connect(self._reset)
        line.addWidget(theme.label(text("keys.preset"), of=self.preset))
        line.addWidget(self.preset)
        line.addWidget(self.own)
        line.addStretch()
        line.addWidget(self.reset)
        self.body.addLayout(line)
        self.search = SearchField(text("keys.search"))
        self.search.textChanged.connect(self._filter)
        self.body.addWidget(self.search)

    def _make_table(self) -> None:
        self.table = QTableWidget(len(ACTIONS), 3)
        self.table.setAccessibleName(text("keys.settings_title"))
        self.table.setHorizontalHeaderLabels([text("keys.action"), text("keys.about"), text("keys.key")])
        make_quiet(self.table)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(2, 220)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.keys: dict[str, QTableWidgetItem] = {}
        for row, spec in enumerate(ACTIONS):
            name = QTableWidgetItem(words_of(spec.id).rstrip("…"))
            self.table.setItem(row, 0, name)
            about = QTableWidgetItem(text(f"keys.group_{group_of(spec.id)}"))
            about.setForeground(theme.qcolor("muted"))
            self.table.setItem(row, 1, about)
            self.keys[spec.id] = QTableWidgetItem()
            self.table.setItem(row, 2, self.keys[spec.id])
        self.table.setMinimumHeight(300)
        self.table.currentItemChanged.connect(self._chosen)
        self.body.addWidget(self.table, 1)

    def _make_editor(self) -> None:
        line = theme.row()
        self.pressed = QKeySequenceEdit()
        self.pressed.setMaximumSequenceLength(1)
        self.pressed.setClearButtonEnabled(True)
        self.pressed.setFixedWidth(200)
        self.set_button = theme.button(text("keys.set"))
        self.add_button = theme.button(text("keys.add"))
        self.clear_button = theme.button(text("keys.clear"), "flat")
        self.set_button.clicked.connect(self._set)
        self.add_button.clicked.connect(self._add)
        self.clear_button.clicked.connect(self._clear)
        self.pressed.keySequenceChanged.connect(self.check)
        self.pressed.installEventFilter(self)
        for inner in self.pressed.findChildren(QLineEdit):
            inner.setAccessibleName(text("keys.press"))
        line.addWidget(theme.label(text("keys.press"), of=self.pressed))
        for widget in (self.pressed, self.set_button, self.add_button, self.clear_button):
            line.addWidget(widget)
        line.addStretch()
        self.body.addLayout(line)

    def _make_mouse(self) -> None:
        self.mouse: dict[str, QComboBox] = {}
        line = theme.row(gap=theme.space("m"))
        for entry, choices in MOUSE.items():
            column = theme.column(gap=2)
            box = QComboBox()
            column.addWidget(theme.label(text(f"keys.mouse_{entry}"), "muted", of=box))
            for choice in choices:
                box.addItem(text(f"mouse.does_{choice}"), choice)
            box.setObjectName(entry)
            box.activated.connect(self._mouse_chosen)
            self.mouse[entry] = box
            column.addWidget(box)
            line.addLayout(column, 1)
        self.body.addLayout(line)

    # ---------------------------------------------------------------- state

    def _show(self) -> None:
        self.keymap = keymap.load(self.preset.currentData(), self.changes)
        clashing = {name for names in keymap.conflicts(self._known()).values() for name in names}
        for name, item in self.keys.items():
            item.setText("   ".join(shown(key) for key in self.keymap.keys.get(name, ())))
            item.setForeground(theme.qcolor("danger" if name in clashing else "text_bright"))
        for entry, box in self.mouse.items():
            box.setCurrentIndex(MOUSE[entry].index(self.keymap.mouse[entry]))
        count = len(self.changes)
        self.own.setText(text("keys.own_one" if count == 1 else "keys.own", count=count) if count else "")
        self.reset.setEnabled(bool(count))
        self.check()

    def _known(self) -> dict[str, tuple[str, ...]]:
        return {spec.id: tuple(self.keymap.keys.get(spec.id, ())) for spec in ACTIONS}

    def current(self) -> str:
        """Return the id of the action that is selected, or empty."""
        row = self.table.currentRow()
        return ACTIONS[row].id if row >= 0 else ""

    def typed(self) -> str:
        """Return the key that was pressed in the field, in Qt's portable name."""
        return self.pressed.keySequence().toString(QKeySequence.SequenceFormat.PortableText)

    def select(self, action: str) -> None:
        """Select the row of an action."""
        row = next(row for row, spec in enumerate(ACTIONS) if spec.id == action)
        self.table.setCurrentCell(row, 0)

    @Slot()
    def check(self) -> None:
        """Say which action has the key that was pressed, and whether any two share one."""
        current, key = self.current(), self.typed()
        able = bool(current and key)
        self.set_button.setEnabled(able)
        self.add_button.setEnabled(able)
        self.clear_button.setEnabled(bool(current and self.keymap.keys.get(current)))
        others = [name for name, keys in self._known().items() if key and key in keys and name != current]
        clashes = keymap.conflicts(self._known())
        if others and current:
            names = ", ".join(words_of(name).rstrip("…") for name in others)
            self.problem.setText(text("keys.taken", key=shown(key), action=names))
        elif clashes:
            key, names_of = next(iter(clashes.items()))
            names = ", ".join(words_of(name).rstrip("…") for name in names_of)
            self.problem.setText(text("keys.clash", key=shown(key), actions=names))
        else:
            self.problem.setText("")
        self.usable_changed.emit(not clashes)

    @Slot(int)
    def _preset_chosen(self, _index: int) -> None:
        self._show()

    @Slot()
    def _reset(self) -> None:
        self.changes.clear()
        self._show()

    @Slot()
    def _chosen(self) -> None:
        self.pressed.clear()
        self.check()

    @Slot(str)
    def _filter(self, typed: str) -> None:
        wanted = typed.casefold().split()
        for row, spec in enumerate(ACTIONS):
            words = (
                f"{words_of(spec.id)} {text(f'keys.group_{group_of(spec.id)}')} {self.keys[spec.id].text()}".casefold()
            )
            self.table.setRowHidden(row, not all(part in words for part in wanted))

    @Slot()
    def _set(self) -> None:
        self._give([self.typed()])

    @Slot()
    def _add(self) -> None:
        self._give([*self.keymap.keys.get(self.current(), ()), self.typed()])

    @Slot()
    def _clear(self) -> None:
        self._give([])

    def _give(self, keys: list[str]) -> None:
        """Give the selected action these keys and take them from whoever had them."""
        current = self.current()
        for name, had in self._known().items():
            if name != current and set(had) & set(keys):
                self._change(name, [key for key in had if key not in keys])
        self._change(current, list(dict.fromkeys(keys)))
        self.pressed.clear()
        self._show()

    def _change(self, name: str, keys: list[str]) -> None:
        usual = keymap.load(self.preset.currentData()).keys.get(name, ())
        if tuple(keys) == tuple(usual):
            self.changes.pop(name, None)
        else:
            self.changes[name] = keys

    @Slot(int)
    def _mouse_chosen(self, _index: int) -> None:
        usual = keymap.load(self.preset.currentData()).mouse
        for entry, box in self.mouse.items():
            chosen = str(box.currentData())
            if chosen == usual[entry]:
                self.changes.pop(f"mouse.{entry}", None)
            else:
                self.changes[f"mouse.{entry}"] = [chosen]
        self._show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Return and Escape would be taken as keys to set, and there would be no way out by keyboard
        if watched is self.pressed and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.typed() and not event.modifiers():
                self._set()
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.pressed.clear()
                return True
        return super().eventFilter(watched, event)
