"""Name, project, the three workspaces, Import and Export."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QButtonGroup, QFrame, QGridLayout, QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from core.messages import text
from gui import theme
from gui.actions import Actions, shown_key
from gui.icons import pixmap
from gui.session import Session
from gui.starter_menu import StarterMenu
from gui.team.reader_button import ReaderButton

WORKSPACES = ("annotate", "train", "review")
_ROWS = (6, 4, 3, 2, 1)
"""Pixels above and below a row of the menu: as many as the screen has room for."""
_EDGES = 24
STARTERS = "starters"
"""A menu of its own."""
MENU = (
    "open_project",
    "new_project",
    "demo_project",
    "",
    "keep_project",
    "start_page",
    "",
    "strip_now",
    STARTERS,
    "mask_file",
    "foreign_file",
    "foreign_folder",
    "foreign_labels",
    "header",
    "show_names",
    "",
    "reader",
    "bundle",
    "merge",
    "timeline",
    "",
    "guide",
    "palette",
    "keys",
    "settings",
    "tour",
    "log",
    "about",
    "quit",
)


class TopBar(QFrame):
    """The line above everything."""

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setProperty("area", "top")
        self.setFixedHeight(theme.space("top_bar"))
        self.tabs: dict[str, QPushButton] = {}
        left = theme.row(gap=10)
        left.addWidget(self._make_name())
        self.project = self._make_menu(actions)
        left.addWidget(self.project)
        left.addStretch()
        right = theme.row(gap=theme.space("s"))
        right.addStretch()
        self.reader = ReaderButton(session, actions)
        right.addWidget(self.reader)
        for name in ("import", "export"):
            right.addWidget(_action_button(actions, name))
        grid = QGridLayout(self)
        grid.setContentsMargins(14, 0, 12, 0)
        grid.setHorizontalSpacing(0)
        grid.addLayout(left, 0, 0)
        grid.addLayout(self._make_tabs(actions), 0, 1, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
        grid.addLayout(right, 0, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(2, 1)
        session.project_changed.connect(self._show)
        self._show()

    def _make_name(self) -> QWidget:
        box = QWidget()
        box.setProperty("area", "clear")
        line = theme.row(box, gap=8)
        sign = theme.label()
        drawn = pixmap("meninx", size=44)
        drawn.setDevicePixelRatio(2.0)
        sign.setPixmap(drawn)
        name = theme.label(text("app.name"), "strong")
        name.setFont(theme.font())
        theme.style(name, "font-size: 17px; font-weight: 700; color: $text_bright;")
        line.addWidget(sign)
        line.addWidget(name)
        return box

    def _make_menu(self, actions: Actions) -> QToolButton:
        button = QToolButton()
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setIconSize(QSize(14, 14))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        menu = QMenu(button)
        for name in MENU:
            if name == STARTERS:
                menu.addMenu(StarterMenu(self._session, menu))
            elif name:
                menu.addAction(actions[name])
            else:
                menu.addSeparator()
        menu.aboutToShow.connect(self._fit_menu)
        button.setMenu(menu)
        return button

    @Slot()
    def _fit_menu(self) -> None:
        """Put the rows closer together on a low screen: else the last of them stands alone in a second column."""
        menu = self.project.menu()
        row, lines = QFontMetrics(menu.font()).height(), sum(action.isSeparator() for action in menu.actions())
        rows = sum(action.isVisible() for action in menu.actions()) - lines
        room = self.screen().availableSize().height() - _EDGES
        close = next((gap for gap in _ROWS if rows * (row + 2 * gap) + lines * (2 * gap + 1) <= room), _ROWS[-1])
        padding = f"padding: {close}px 26px {close}px 14px;"
        style = f"QMenu::item {{ {padding} }} QMenu::separator {{ margin: {close}px 8px; }}"
        menu.setStyleSheet("" if close == _ROWS[0] else style)

    def _make_tabs(self, actions: Actions) -> QHBoxLayout:
        line = theme.row(gap=0)
        group = QButtonGroup(self)
        for name in WORKSPACES:
            action = actions[f"workspace_{name}"]
            tab = theme.button(action.text(), "tab", tip=shown_key(action))
            tab.setCheckable(True)
            tab.clicked.connect(action.trigger)
            group.addButton(tab)
            line.addWidget(tab)
            self.tabs[name] = tab
        self.tabs["annotate"].setChecked(True)
        return line

    def show_workspace(self, name: str) -> None:
        """Mark the workspace that is shown."""
        self.tabs[name].setChecked(True)

    @Slot()
    def _show(self) -> None:
        project = self._session.project
        name = project.name if project is not None else text("window.no_project")
        # an ampersand would become an underline
        self.project.setText(f"{name.replace('&', '&&')}  ▾")
        self.project.setToolTip(str(project.path) if project is not None else "")
        for tab in self.tabs.values():
            tab.setEnabled(project is not None)


def _action_button(actions: Actions, name: str) -> QPushButton:
    action = actions[name]
    button = theme.button(action.text(), tip=action.toolTip())
    button.clicked.connect(action.trigger)
    button.setEnabled(action.isEnabled())
    action.enabledChanged.connect(button.setEnabled)
    return button
