"""How the window looks: tokens, style sheet, and small builders for what every workspace needs.

Workspaces take colours and distances from here and never write a colour of
their own, so that one file changes the look of all of them.
"""

from __future__ import annotations

import functools
import tomllib
from string import Template
from typing import Any, Literal, TypeVar

import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from core.messages import RESOURCES

LayoutT = TypeVar("LayoutT", bound=QBoxLayout)
Role = Literal["heading", "title", "muted", "strong", "good", "warning", "danger", ""]
ButtonKind = Literal["primary", "danger", "flat", "small", "tab", ""]
ICON = QSize(20, 20)
"""Size of an icon in buttons."""


@functools.cache
def _tokens() -> dict[str, Any]:
    with (RESOURCES / "theme" / "tokens.toml").open("rb") as file:
        return tomllib.load(file)


def color(name: str) -> str:
    """Return a colour of the theme as ``#rrggbb`` (``"accent"``, ``"muted"``, ``"train"``, ...)."""
    return str(_tokens()["colors"][name])


def qcolor(name: str, alpha: int = 255) -> QColor:
    """Return a colour of the theme as :class:`QColor` with an opacity of 0..255."""
    found = QColor(color(name))
    found.setAlpha(alpha)
    return found


def space(name: str) -> int:
    """Return a distance or size in px (``"xs" "s" "m" "l" "xl" "control" "side"`` ...)."""
    return int(_tokens()["spacing"][name])


def font(size: str = "body", *, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the program's font at a named size (``"body" "small" "heading" "title"``)."""
    made = QFont(list(_tokens()["fonts"]["families"]))
    made.setPixelSize(int(_tokens()["fonts"][size]))
    made.setWeight(weight)
    return made


@functools.cache
def style_sheet() -> str:
    """Return the style sheet with the tokens filled in."""
    words: dict[str, Any] = _tokens()["colors"] | _tokens()["spacing"]
    words |= {name: value for name, value in _tokens()["fonts"].items() if name != "families"}
    words["icons"] = (RESOURCES / "icons").as_posix()
    return Template((RESOURCES / "theme" / "meninx.qss").read_text(encoding="utf-8")).substitute(words)


def apply(app: QApplication) -> None:
    """Give the application its palette, font and pyqtgraph defaults."""
    app.setStyle("Fusion")
    palette = QPalette()
    for role, name in (
        (QPalette.ColorRole.Window, "panel"),
        (QPalette.ColorRole.Base, "field"),
        (QPalette.ColorRole.AlternateBase, "panel"),
        (QPalette.ColorRole.Button, "raised"),
        (QPalette.ColorRole.Text, "text"),
        (QPalette.ColorRole.WindowText, "text"),
        (QPalette.ColorRole.ButtonText, "text"),
        (QPalette.ColorRole.ToolTipBase, "raised"),
        (QPalette.ColorRole.ToolTipText, "text_bright"),
        (QPalette.ColorRole.Highlight, "accent"),
        (QPalette.ColorRole.HighlightedText, "accent_text"),
        (QPalette.ColorRole.PlaceholderText, "faint"),
        (QPalette.ColorRole.Link, "accent_bright"),
    ):
        palette.setColor(role, qcolor(name))
    app.setPalette(palette)
    app.setFont(font())
    pg.setConfigOptions(
        imageAxisOrder="row-major", background=color("panel"), foreground=color("muted"), antialias=True
    )


def dress(window: QWidget) -> None:
    """Give a window, and every dialog and menu that it is the parent of, the style sheet.

    A window is dressed once it is built. As the application's own the sheet would be matched anew
    against a whole branch of widgets each time that branch gets a parent: three quarters of the
    time that building the window took.
    """
    window.setStyleSheet(style_sheet())


# ------------------------------------------------------------------ builders


def label(words: str = "", role: Role = "", *, wrap: bool = False) -> QLabel:
    """Return a label in one of the roles of the style sheet."""
    made = QLabel(words)
    set_role(made, role)
    made.setWordWrap(wrap)
    return made


def heading(words: str) -> QLabel:
    """Return the small capitals above a group of controls."""
    return label(words.upper(), "heading")


def button(words: str, kind: ButtonKind = "", *, tip: str = "") -> QPushButton:
    """Return a push button; ``primary`` is for the one main step of a view."""
    made = QPushButton(words)
    if kind:
        made.setProperty("kind", kind)
    if tip:
        made.setToolTip(tip)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made


def primary_button(words: str, *, tip: str = "") -> QPushButton:
    """Return the one blue button of a view."""
    return button(words, "primary", tip=tip)


def frame(area: str) -> QFrame:
    """Return a frame of a named area (``top left right rail options card bottom``)."""
    made = QFrame()
    made.setProperty("area", area)
    return made


def separator() -> QFrame:
    """Return a horizontal hairline."""
    made = frame("separator")
    made.setFixedHeight(1)
    return made


def column(parent: QWidget | None = None, *, margin: int = 0, gap: int | None = None) -> QVBoxLayout:
    """Return a vertical layout with the theme's distances."""
    return _lay(QVBoxLayout(), parent, margin, gap)


def row(parent: QWidget | None = None, *, margin: int = 0, gap: int | None = None) -> QHBoxLayout:
    """Return a horizontal layout with the theme's distances."""
    return _lay(QHBoxLayout(), parent, margin, gap)


def _lay(made: LayoutT, parent: QWidget | None, margin: int, gap: int | None) -> LayoutT:
    made.setContentsMargins(margin, margin, margin, margin)
    made.setSpacing(space("s") if gap is None else gap)
    if parent is not None:
        parent.setLayout(made)
    return made


def side_panel(*, width: int | None = None) -> tuple[QFrame, QVBoxLayout]:
    """Return the panel on the right of a workspace and the layout to fill."""
    made = frame("right")
    made.setFixedWidth(width or space("side"))
    return made, column(made, margin=space("m"), gap=space("s"))


def section(title: str, *contents: QWidget | QLayout) -> QWidget:
    """Return a heading with its controls below it."""
    made = QWidget()
    made.setProperty("area", "clear")
    inner = column(made, gap=6)
    inner.addWidget(heading(title))
    for content in contents:
        if isinstance(content, QLayout):
            inner.addLayout(content)
        else:
            inner.addWidget(content)
    return made


def inset(spin: QAbstractSpinBox) -> None:
    """Keep the figures of a spin box away from its edge (style sheets cannot)."""
    spin.lineEdit().setTextMargins(7, 0, 0, 0)


def spacer(*, horizontal: bool = True) -> QWidget:
    """Return an empty widget that takes the room that is left."""
    made = QWidget()
    made.setProperty("area", "clear")
    grow, keep = QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum
    made.setSizePolicy(grow if horizontal else keep, keep if horizontal else grow)
    return made


def set_role(widget: QWidget, role: Role) -> None:
    """Change the role of a label and let the style sheet see it."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        restyle(widget)


def restyle(widget: QWidget) -> None:
    """Let the style sheet look again after a property it selects on has changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
