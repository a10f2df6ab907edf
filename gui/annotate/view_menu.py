"""How scans are shown: a menu at the end of the option bar, and what it remembers."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from core.messages import text
from gui.actions import Actions
from gui.icons import icon
from gui.session import Session
from gui.viewer import colormaps
from gui.viewer.linked import LinkedViews

_SWITCHES = ("smooth", "crosshair", "zoom_linked", "neurological")


class ViewMenu(QToolButton):
    """Smooth pixels, crosshair, zoom, sides, colours; kept in the preferences.

    Parameters
    ----------
    session
        Has the preferences.
    actions
        The switches are actions of the window, so that keys and the palette know them.
    views
        What is switched.
    """

    changed = Signal()
    """Something is shown another way: whoever shows scans elsewhere follows."""

    def __init__(self, session: Session, actions: Actions, views: LinkedViews, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences = session.settings.preferences
        self._actions = actions
        self._views = views
        self.setText(text("annotate.view"))
        self.setToolTip(text("annotate.view_tip"))
        self.setIcon(icon("chevron-down"))
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMenu(self._make_menu())
        for name in (*_SWITCHES, "pen_pressure"):
            actions[name].setChecked(getattr(self._preferences, name))
            actions[name].toggled.connect(self._switched)
        self._apply()

    def _make_menu(self) -> QMenu:
        menu = QMenu(self)
        # only the arrow of the button is to stand on the right
        menu.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        for name in ("maximise", "reset_view", "surface"):
            menu.addAction(self._actions[name])
        menu.addSeparator()
        for name in (*_SWITCHES, "pen_pressure"):
            menu.addAction(self._actions[name])
        menu.addSeparator()
        colors = menu.addMenu(text("annotate.colors"))
        colors.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self._colors = QActionGroup(self)
        for name in colormaps.NAMES:
            action = QAction(colormaps.words_of(name), self)
            action.setCheckable(True)
            action.setData(name)
            action.setChecked(name == self._preferences.colors)
            action.triggered.connect(self._colors_chosen)
            self._colors.addAction(action)
            colors.addAction(action)
        return menu

    @Slot()
    def _switched(self) -> None:
        for name in (*_SWITCHES, "pen_pressure"):
            setattr(self._preferences, name, self._actions[name].isChecked())
        self._apply()

    @Slot()
    def _colors_chosen(self) -> None:
        action = self._colors.checkedAction()
        if action is not None:
            self._preferences.colors = str(action.data())
            self._apply()

    def _apply(self) -> None:
        preferences, views = self._preferences, self._views
        views.set_smooth(preferences.smooth)
        views.set_crosshair_wanted(preferences.crosshair)
        views.set_zoom_linked(preferences.zoom_linked)
        views.set_radiological(not preferences.neurological)
        views.set_colors(preferences.colors)
        self.changed.emit()
