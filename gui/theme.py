"""How the window looks: tokens, style sheet, and small builders for what every workspace needs.

Workspaces take colours and distances from here and never write a colour of
their own, so that one file changes the look of all of them. There is a dark and a
light theme; scans stand on black in both, so what is drawn over them takes the
colours of :func:`scan_color`.
"""

from __future__ import annotations

import functools
import tomllib
from string import Template
from typing import Any, Literal, TypeVar

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
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


_TABLES = {"dark": "colors", "light": "light"}
_HINTS = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light, "system": Qt.ColorScheme.Unknown}


@functools.cache
def _tokens() -> dict[str, Any]:
    with (RESOURCES / "theme" / "tokens.toml").open("rb") as file:
        return tomllib.load(file)


class Changes(QObject):
    """Tells when the theme has changed, and follows the desktop where it was asked to."""

    changed = Signal()
    """All colours are others now: what keeps colours or pictures made of them makes them anew."""

    def __init__(self) -> None:
        super().__init__()
        self.chosen = "dark"
        """One of :data:`gui.settings.LOOKS`."""
        self.worn = "dark"
        """``dark`` or ``light``."""

    @Slot()
    def follow(self) -> None:
        """Wear what the desktop wears now, if that was chosen."""
        if self.chosen == "system":
            wear("system")


@functools.cache
def changes() -> Changes:
    """Return the one that tells when the theme changes."""
    return Changes()


def color(name: str) -> str:
    """Return a colour of the theme as ``#rrggbb`` (``"accent"``, ``"muted"``, ``"train"``, ...)."""
    return str(_tokens()[_TABLES[changes().worn]][name])


def qcolor(name: str, alpha: int = 255) -> QColor:
    """Return a colour of the theme as :class:`QColor` with an opacity of 0..255."""
    return _with(color(name), alpha)


def scan_color(name: str) -> str:
    """Return a colour for what lies over a scan: scans stand on black, whatever the theme."""
    return str(_tokens()["colors"][name])


def scan_qcolor(name: str, alpha: int = 255) -> QColor:
    """Return a colour for what lies over a scan as :class:`QColor` with an opacity of 0..255."""
    return _with(scan_color(name), alpha)


def _with(name: str, alpha: int) -> QColor:
    found = QColor(name)
    found.setAlpha(alpha)
    return found


def space(name: str) -> int:
    """Return a distance or size in px (``"xs" "s" "m" "l" "xl" "control" "side"`` ...)."""
    return int(_tokens()["spacing"][name])


@functools.cache
def _bring_fonts() -> None:
    """Make the typeface known that comes along: words need the same room on every system (ADR 0014)."""
    for file in sorted((RESOURCES / "fonts").glob("*.otf")):
        QFontDatabase.addApplicationFont(str(file))


def font(size: str = "body", *, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
    """Return the program's font at a named size (``"body" "small" "heading" "title"``)."""
    made = QFont(list(_tokens()["fonts"]["families"]))
    made.setPixelSize(int(_tokens()["fonts"][size]))
    made.setWeight(weight)
    return made


def _filled(words: str) -> str:
    """Return a style sheet with the tokens in place of ``$name``."""
    tokens = _tokens()
    known: dict[str, Any] = tokens[_TABLES[changes().worn]] | tokens["spacing"]
    known |= {name: value for name, value in tokens["fonts"].items() if name != "families"}
    known["icons"] = (RESOURCES / "icons").as_posix()
    return Template(words).substitute(known)


@functools.cache
def _sheet() -> str:
    return (RESOURCES / "theme" / "meninx.qss").read_text(encoding="utf-8")


def style_sheet() -> str:
    """Return the style sheet of the window with the tokens filled in."""
    return _filled(_sheet())


def style(widget: QWidget, words: str) -> None:
    """Give one widget a style sheet of its own; colours in it (``$accent``) follow the theme."""
    widget.setProperty("sheet", words)
    widget.setStyleSheet(_filled(words))


def apply(app: QApplication, looks: str = "dark") -> None:
    """Give the application its style, font, and palette."""
    app.setStyle("Fusion")
    _bring_fonts()
    app.setFont(font())
    wear(looks)
    _paint(app)
    if not app.property("follows"):
        app.setProperty("follows", True)
        app.styleHints().colorSchemeChanged.connect(changes().follow)


def wear(looks: str) -> None:
    """Change the theme of everything that is shown, now.

    Parameters
    ----------
    looks
        ``dark``, ``light``, or ``system`` for whichever the desktop has; dark where it does not say.
    """
    app, told = QApplication.instance(), changes()
    if not isinstance(app, QApplication):
        return
    told.chosen = looks if looks in _HINTS else "dark"
    hints = app.styleHints()
    # frames of windows and dialogs of the desktop go with it
    hints.setColorScheme(_HINTS[told.chosen])
    light = told.chosen == "light" or (told.chosen == "system" and hints.colorScheme() == Qt.ColorScheme.Light)
    worn = "light" if light else "dark"
    if worn == told.worn:
        return
    told.worn = worn
    _paint(app)
    for widget in app.allWidgets():
        if widget.property("dressed"):
            widget.setStyleSheet(style_sheet())
        elif isinstance(words := widget.property("sheet"), str):
            widget.setStyleSheet(_filled(words))
    told.changed.emit()
    for widget in app.allWidgets():
        widget.update()


def _paint(app: QApplication) -> None:
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
        (QPalette.ColorRole.Highlight, "accent_fill"),
        (QPalette.ColorRole.HighlightedText, "accent_text"),
        (QPalette.ColorRole.PlaceholderText, "muted"),
        (QPalette.ColorRole.Link, "accent_bright"),
    ):
        palette.setColor(role, qcolor(name))
    app.setPalette(palette)


def dress(window: QWidget) -> None:
    """Give a window, and every dialog and menu that it is the parent of, the style sheet.

    A window is dressed once it is built. As the application's own the sheet would be matched anew
    against a whole branch of widgets each time that branch gets a parent: three quarters of the
    time that building the window took.
    """
    window.setProperty("dressed", True)
    window.setStyleSheet(style_sheet())


# ------------------------------------------------------------------ builders


def label(words: str = "", role: Role = "", *, wrap: bool = False, of: QWidget | None = None) -> QLabel:
    """Return a label in one of the roles of the style sheet; to screen readers it is the name of what it is ``of``."""
    made = QLabel(words)
    set_role(made, role)
    made.setWordWrap(wrap)
    if of is not None:
        made.setBuddy(of)
        # Qt looks for a label only beside it
        of.setAccessibleName(words)
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
