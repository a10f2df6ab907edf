"""The cheat sheet: every key and what the mouse does, as they are in force."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QLabel, QScrollArea, QWidget

from core.messages import text
from gui import roomy, theme
from gui.actions import ACTIONS, words_of
from gui.dialogs.base import Dialog
from gui.keymap import Keymap, group_of, load

_NUMBERED = ("label_", "window_")
_COLUMNS = (("mouse", "program"), ("draw", "scans"), ("view",))
_MOUSE_FIXED = ("left", "ctrl_left", "alt_left", "middle", "shift_wheel", "peek")
_LONG = 12
"""Letters of keys that have room beside each other."""
_LEAST, _ROUND = 160, 120
"""Height (px) of the columns at least, and of what is around them."""
_SIZE = 1180, 660
"""Wide enough for three columns; a smaller screen gets a scroll bar."""


class KeysDialog(Dialog):
    """All keys in three columns, made from the table of actions and the keymap.

    Parameters
    ----------
    keymap
        What is in force; None for the default.
    """

    def __init__(self, keymap: Keymap | None = None, parent: QWidget | None = None) -> None:
        room = QGuiApplication.primaryScreen().availableSize() if parent is None else roomy.room_of(parent)
        width, height = min(_SIZE[0], room.width() - 60), min(_SIZE[1], room.height() - 180)
        super().__init__(text("actions.keys"), "", parent, width=width)
        self.keymap = keymap or load()
        if self.keymap.preset != "default":
            preset = text(f"keys.preset_{self.keymap.preset}")
            self.body.addWidget(theme.label(text("keys.sheet_preset", preset=preset), "muted"))
        box = QWidget()
        line = theme.row(box, gap=theme.space("m"))
        for names in _COLUMNS:
            column = theme.column(gap=theme.space("l"))
            for name in names:
                column.addWidget(self._group(name))
            column.addStretch()
            line.addLayout(column, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(box)
        # the columns scroll, not the dialog around them
        scroll.setMinimumHeight(_LEAST)
        self.body.addWidget(scroll, 1)
        self.resize(width, height + _ROUND)

    def rows(self, group: str) -> list[tuple[tuple[str, ...], str]]:
        """Return the keys and words of one group."""
        if group == "mouse":
            return _mouse_rows(self.keymap)
        rows = [
            (tuple(shown(key) for key in self.keymap.keys[spec.id][:2]), words_of(spec.id))
            for spec in ACTIONS
            if self.keymap.keys.get(spec.id) and group_of(spec.id) == group and not spec.id.startswith(_NUMBERED)
        ]
        numbered = {"draw": ("label_", 9, "mouse.labels"), "view": ("window_", 6, "mouse.windows")}
        if group in numbered:
            stem, last, words = numbered[group]
            first, end = (self.keymap.keys.get(f"{stem}{digit}") for digit in (1, last))
            if first and end:
                rows.append(((f"{shown(first[0])} … {shown(end[0])}",), text(words)))
        return rows

    def _group(self, group: str) -> QFrame:
        frame = theme.frame("card")
        column = theme.column(frame, margin=theme.space("m"), gap=theme.space("s"))
        column.addWidget(theme.heading(text(f"keys.group_{group}")))
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.space("s"))
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        for place, (keys, words) in enumerate(self.rows(group)):
            grid.addWidget(theme.label(words, wrap=True), place, 0)
            grid.addLayout(_caps(keys), place, 1)
        column.addLayout(grid)
        return frame


def _mouse_rows(keymap: Keymap) -> list[tuple[tuple[str, ...], str]]:
    mouse = keymap.mouse
    chosen: list[tuple[tuple[str, ...], str]] = [
        ((text("mouse.left_navigate"),), text(f"mouse.does_{mouse['left_navigate']}")),
        ((text("mouse.right"),), text(f"mouse.does_{mouse['right_drag']}")),
        ((text("mouse.wheel"),), text(f"mouse.does_{mouse['wheel']}")),
        ((text("mouse.ctrl_wheel"),), text(f"mouse.does_{mouse['ctrl_wheel']}")),
    ]
    fixed: list[tuple[tuple[str, ...], str]] = [
        ((text(f"mouse.{name}"),), text(f"mouse.{name}_does")) for name in _MOUSE_FIXED
    ]
    return fixed + chosen


def _caps(keys: tuple[str, ...]) -> QBoxLayout:
    """Return keys drawn as keys: beside each other, or below where they are long."""
    line: QBoxLayout = theme.row(gap=4)
    if sum(map(len, keys)) > _LONG:
        line = theme.column(gap=4)
    else:
        line.addStretch()
    for key in keys:
        line.addWidget(key_cap(key), 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return line


def key_cap(words: str) -> QLabel:
    """Return a label that looks like a key."""
    cap = theme.label(words, "strong")
    cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
    theme.style(
        cap,
        "background: $raised; border: 1px solid $line_strong; border-radius: 4px; padding: 1px 6px; font-size: 12px;",
    )
    return cap


def shown(key: str) -> str:
    """Return a key as the platform writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText).replace("Return", "↵") or key
