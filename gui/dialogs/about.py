"""What this program is, and what it is not for."""

from __future__ import annotations

import platform

import pyqtgraph as pg
from PySide6 import __version__ as pyside_version
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QWidget

from core.messages import text
from core.version import VERSION
from gui import theme
from gui.actions import ACTIONS, keymap, words_of
from gui.dialogs.base import Dialog
from gui.icons import pixmap


class AboutDialog(Dialog):
    """Name, version, purpose, licence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(text("app.name"), "", parent)
        sign = QLabel()
        drawn = pixmap("meninx", size=128)
        drawn.setDevicePixelRatio(2.0)
        sign.setPixmap(drawn)
        self.body.addWidget(sign)
        self.body.addWidget(theme.label(text("app.tagline")))
        warning = theme.label(text("app.research_only"), "warning")
        self.body.addWidget(warning)
        facts = text(
            "dialogs.about_facts",
            version=VERSION,
            python=platform.python_version(),
            pyside=pyside_version,
            pyqtgraph=pg.__version__,
        )
        self.body.addWidget(theme.label(facts, "muted", wrap=True))
        self.body.addWidget(theme.label(text("dialogs.about_offline"), "muted", wrap=True))
        self.body.addWidget(theme.label(text("dialogs.about_licence"), "muted", wrap=True))


class KeysDialog(Dialog):
    """All keys, made from the table of actions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(text("actions.keys"), "", parent, width=620)
        keys = keymap()
        box = QWidget()
        grid = QGridLayout(box)
        grid.setHorizontalSpacing(theme.space("l"))
        grid.setVerticalSpacing(5)
        numbered = ("label_", "window_")
        listed = [
            ("   ".join(keys[spec.id][:2]).replace("Return", "↵"), words_of(spec.id))
            for spec in ACTIONS
            if keys.get(spec.id) and not spec.id.startswith(numbered)
        ]
        listed += [("1 … 9", text("mouse.labels")), ("Shift+1 … 6", text("mouse.windows"))]
        mouse = [(text(f"mouse.{name}"), text(f"mouse.{name}_does")) for name in _MOUSE]
        rows = [*mouse, *listed]
        half = (len(rows) + 1) // 2
        for place, (key, words) in enumerate(rows):
            column = 0 if place < half else 2
            pressed = theme.label(key, "strong")
            pressed.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            grid.addWidget(pressed, place % half, column)
            grid.addWidget(theme.label(words, "muted"), place % half, column + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(box)
        scroll.setMinimumSize(820, 560)
        self.body.addWidget(scroll)


_MOUSE = ("left", "ctrl_left", "alt_left", "right", "middle", "wheel", "ctrl_wheel", "shift_wheel", "peek")
