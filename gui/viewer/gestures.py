"""What mouse and keys do in a pane.

As it comes (a keymap may say otherwise for four of them):
wheel: slice · Ctrl+wheel: zoom · Shift+wheel: brush size · middle-drag or
Space+left: pan · right-drag: window and level · Alt+click: pick the label there ·
Alt+left or Shift+move: crosshair · left: the tool, or the crosshair without one ·
double-click: maximise · tapping Space is left free for an action.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, QEvent, QPointF, Qt
from PySide6.QtGui import QInputDevice, QKeyEvent, QMouseEvent, QPointingDevice, QTabletEvent, QWheelEvent

from core.volume import Window
from gui.viewer.events import hears_double_clicks
from gui.viewer.sketch import ToolKey, is_sketching

if TYPE_CHECKING:
    from gui.viewer.events import ViewTool
    from gui.viewer.slice_view import SliceView

_NOTCH = 120
_ZOOM_STEP = 1.18
_CLICK = 4
"""A right-drag shorter than this many pixels was a click."""
_SAME_PLACE = 2
"""Two presses at most this many pixels apart are a double-click where a tool is in the hand."""
_TAP_MS = 300
_FULL_DRAG = 300.0
"""Dragging so far doubles the width, or moves the level by the width."""


USUAL: Mapping[str, str] = {
    "right_drag": "window",
    "left_navigate": "crosshair",
    "wheel": "slice",
    "ctrl_wheel": "zoom",
}
"""What the mouse does where a keymap may choose; the choices are in :mod:`gui.keymap`."""
_TOOL_KEYS: Mapping[Qt.Key, ToolKey] = {
    Qt.Key.Key_Return: "accept",
    Qt.Key.Key_Enter: "accept",
    Qt.Key.Key_Escape: "cancel",
    Qt.Key.Key_Backspace: "back",
}
_ZOOM_DRAG = 200.0
"""Dragging so far up doubles the zoom."""


class Drag(Enum):
    """What a held button does."""

    NONE = auto()
    PAN = auto()
    WINDOW = auto()
    ZOOM = auto()
    CROSSHAIR = auto()
    TOOL = auto()


class Gestures:
    """The mouse over one pane: turns Qt's events into calls of the view."""

    def __init__(self, view: SliceView) -> None:
        self._view = view
        self.drag = Drag.NONE
        self.space = False
        self._start = QPointF()
        self._last = QPointF()
        self._window: Window | None = None
        self._tool: ViewTool | None = None
        self._wheel = 0.0
        self._moved = False
        self._button = Qt.MouseButton.NoButton
        self._picking = False
        self._space_used = False
        self._space_since = QElapsedTimer()
        self._pen = (1.0, False)
        self.ways = USUAL

    def press(self, event: QMouseEvent) -> None:
        """Begin what the button stands for; a second button during a drag changes nothing."""
        if self.drag is not Drag.NONE:
            return
        if event.deviceType() != QInputDevice.DeviceType.Stylus:
            self._pen = (1.0, False)
        self._start = self._last = event.position()
        self._moved = False
        button, keys = event.button(), event.modifiers()
        self._button = button
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self.space):
            self.drag = Drag.PAN
            self._space_used = True
        elif button == Qt.MouseButton.RightButton:
            self._begin(self.ways["right_drag"], event)
        elif button == Qt.MouseButton.LeftButton:
            self._picking = bool(keys & Qt.KeyboardModifier.AltModifier)
            if self._picking:
                self._begin("crosshair", event)
            else:
                self._begin(self.ways["left_navigate"] if self._view.tool is None else "tool", event)

    def _begin(self, way: str, event: QMouseEvent) -> None:
        """Begin a drag that does one of the things a button can be set to."""
        tool = self._view.tool
        if way in ("tool", "erase") and tool is not None:
            self.drag = Drag.TOOL
            self._pen = (self._pen[0], self._pen[1] or way == "erase")
            # the stroke stays with its tool even if a key changes the tool meanwhile
            self._tool = tool
            tool.press(self._view.event_at(event.position(), event.buttons(), event.modifiers(), self._pen))
        elif way == "pan":
            self.drag = Drag.PAN
        elif way == "zoom":
            self.drag = Drag.ZOOM
        elif way == "crosshair":
            self.drag = Drag.CROSSHAIR
            self._view.point_crosshair(event.position())
        else:
            self.drag = Drag.WINDOW
            self._window = self._view.window_shown

    def move(self, event: QMouseEvent) -> None:
        """Go on with the drag, or follow the pointer."""
        if self.drag is not Drag.NONE and not event.buttons() & self._button:
            # the release went elsewhere (a dialog opened, the window lost its grab)
            self.release(event)
        place = event.position()
        step = place - self._last
        self._last = place
        if (place - self._start).manhattanLength() > _CLICK:
            self._moved = True
        if self.drag is Drag.PAN:
            self._view.pan(step.x(), step.y())
        elif self.drag is Drag.WINDOW:
            self._drag_window(place)
        elif self.drag is Drag.ZOOM:
            self._view.zoom_about(self._start, 2.0 ** (-step.y() / _ZOOM_DRAG))
        elif self.drag is Drag.CROSSHAIR:
            self._view.point_crosshair(place)
        elif self.drag is Drag.TOOL:
            if self._tool is not None:
                self._tool.move(self._view.event_at(place, event.buttons(), event.modifiers(), self._pen))
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier and not event.buttons():
            self._view.point_crosshair(place)
        elif not event.buttons() and is_sketching(self._view.tool):
            self._view.tool.hover(self._view.event_at(place, event.buttons(), event.modifiers()))

    def leave(self) -> None:
        """Tell the tool that the pointer is gone."""
        if is_sketching(self._view.tool):
            self._view.tool.hover(None)

    def release(self, event: QMouseEvent) -> None:
        """End the drag when its own button goes up."""
        if self.drag is Drag.NONE or event.buttons() & self._button:
            return
        drag, self.drag = self.drag, Drag.NONE
        if drag is Drag.TOOL and self._tool is not None:
            self._tool.release(self._view.event_at(event.position(), event.buttons(), event.modifiers(), self._pen))
        elif drag is Drag.CROSSHAIR and self._picking and not self._moved:
            self._view.picked.emit(self._view.voxel_at(event.position()))
        elif self._button == Qt.MouseButton.RightButton and not self._moved:
            self._view.menu_requested.emit(event.globalPosition().toPoint())

    def doubled(self, event: QMouseEvent) -> bool:
        """Return whether a second press means one thing with the first: not where a tool may be dabbing quickly."""
        tool, near = self._view.tool, event.position() - self._start
        if self.space or event.modifiers() & Qt.KeyboardModifier.AltModifier:
            return False
        still = near.manhattanLength() <= _SAME_PLACE and not self._moved
        return tool is None or (hears_double_clicks(tool) and still)

    def tool_doubled(self, event: QMouseEvent) -> bool:
        """Let the tool have a double-click; return whether it took it."""
        tool = self._view.tool
        if not hears_double_clicks(tool) or self.drag is not Drag.NONE:
            return False
        return tool.double_click(self._view.event_at(event.position(), event.buttons(), event.modifiers(), self._pen))

    def pen(self, event: QTabletEvent) -> None:
        """Note how hard the pen presses; the mouse event that follows carries it."""
        # at the end it presses no more, but the stroke ends as wide as it was
        if event.type() != QEvent.Type.TabletRelease:
            turned = event.pointerType() == QPointingDevice.PointerType.Eraser
            self._pen = (min(max(event.pressure(), 0.0), 1.0), turned)

    def wheel(self, event: QWheelEvent) -> None:
        """One slice, zoom step or brush step per notch; touchpads add up to notches."""
        # Alt turns the wheel sideways on some systems, Shift on macOS: take whichever moved
        turned = event.angleDelta().y() or event.angleDelta().x()
        keys = event.modifiers()
        ctrl = bool(keys & Qt.KeyboardModifier.ControlModifier)
        way = self.ways["ctrl_wheel" if ctrl else "wheel"]
        if way == "zoom" and not keys & Qt.KeyboardModifier.ShiftModifier:
            self._view.zoom_about(event.position(), _ZOOM_STEP ** (turned / _NOTCH))
            return
        self._wheel += turned
        notches = math.trunc(self._wheel / _NOTCH)
        if not notches:
            return
        self._wheel -= notches * _NOTCH
        if keys & Qt.KeyboardModifier.ShiftModifier:
            self._view.brush_size_step.emit(1 if notches > 0 else -1)
        else:
            self._view.step(-notches)

    def key(self, event: QKeyEvent) -> bool:
        """Take Space (the hand that pans), even where a menu has it as a shortcut; return whether it was ours."""
        if self._tool_key(event):
            return True
        if event.key() != Qt.Key.Key_Space or event.modifiers() != Qt.KeyboardModifier.NoModifier:
            return False
        if event.type() != QEvent.Type.ShortcutOverride and not event.isAutoRepeat():
            self.hold_space(event.type() == QEvent.Type.KeyPress)
        return True

    def _tool_key(self, event: QKeyEvent) -> bool:
        """Let the tool have Enter (with Ctrl too), Escape and Backspace while they mean something to it."""
        name, tool = _TOOL_KEYS.get(Qt.Key(event.key())), self._view.tool
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if name == "accept" and held == Qt.KeyboardModifier.ControlModifier:
            name, held = "cut", Qt.KeyboardModifier.NoModifier
        if (
            name is None
            or held != Qt.KeyboardModifier.NoModifier
            or event.type() == QEvent.Type.KeyRelease
            or not is_sketching(tool)
        ):
            return False
        if not tool.wants(name):
            return False
        if event.type() == QEvent.Type.KeyPress:
            tool.key(name)
        return True

    def hold_space(self, held: bool) -> None:
        """Note whether Space is down."""
        if held == self.space:
            return
        self.space = held
        self._view.cursor_changed()
        if held:
            self._space_used = False
            self._space_since.start()
        elif not self._space_used and self._space_since.elapsed() < _TAP_MS and self._view.hasFocus():
            self._view.space_tapped.emit()

    def _drag_window(self, place: QPointF) -> None:
        if self._window is None or not self._moved:
            return
        across, down = (place.x() - self._start.x()) / _FULL_DRAG, (place.y() - self._start.y()) / _FULL_DRAG
        # doubling per distance: never reaches nought, and as fine for narrow windows as for wide ones
        width = max(self._window.width * 2.0**across, 1e-6)
        self._view.drag_window(Window(self._window.center + down * self._window.width, width))
