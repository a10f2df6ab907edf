"""What passes between a pane and the tool in the hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeGuard, runtime_checkable

from PySide6.QtCore import Qt

from core.geometry import PlaneView


@dataclass(frozen=True, slots=True)
class ViewEvent:
    """The pointer on a slice.

    Parameters
    ----------
    view
        The plane, with what :meth:`core.editing.editor.Editor.dab` needs.
    index
        Slice shown.
    row, column
        Where, in screen rows and columns of that slice; pixel centres are whole numbers.
    buttons
        Mouse buttons down (for a release: still down after it).
    modifiers
        Keys held.
    pressure
        Of a pen, 0..1; 1 for a mouse.
    turned
        The pen is held with its eraser down.
    zoom
        Screen pixels per unit of the slice (mm, or px where the spacing is unknown).
    """

    view: PlaneView
    index: int
    row: float
    column: float
    buttons: Qt.MouseButton
    modifiers: Qt.KeyboardModifier
    pressure: float = 1.0
    turned: bool = False
    zoom: float = 1.0

    @property
    def xyz(self) -> tuple[float, float, float]:
        """The voxel (x, y, z), not rounded."""
        return self.view.to_voxel(self.row, self.column, self.index)

    @property
    def inverted(self) -> bool:
        """Whether Ctrl is held or the pen turned round: the tool does its opposite (paint erases, erase paints)."""
        return self.turned or bool(self.modifiers & Qt.KeyboardModifier.ControlModifier)


class ViewTool(Protocol):
    """A tool. A view with no tool (None) moves the crosshair instead.

    Attributes
    ----------
    cursor_radius_px
        Radius of the ring around the pointer, in the slice's own unit: mm, or
        picture pixels where the spacing is unknown; the same number that
        ``Editor.dab`` takes, so the ring is as large as what is drawn. 0 for no ring.
    cursor_color
        Red, green, blue of the ring, 0..255.
    """

    @property
    def cursor_radius_px(self) -> float: ...

    @property
    def cursor_color(self) -> tuple[int, int, int]: ...

    def press(self, event: ViewEvent) -> None:
        """The left button went down."""

    def move(self, event: ViewEvent) -> None:
        """The pointer moved with the left button down."""

    def release(self, event: ViewEvent) -> None:
        """The left button went up."""


@runtime_checkable
class HearsDoubleClicks(Protocol):
    """A tool that a double-click means something to; for others it is two clicks."""

    def double_click(self, event: ViewEvent) -> bool:
        """Hear the second press at one place, after a click that the tool was told of.

        Returns
        -------
        bool
            False gives the pane all the room, and the tool has left nothing of the click behind.
        """


def hears_double_clicks(tool: object) -> TypeGuard[HearsDoubleClicks]:
    """Return whether a double-click means something to a tool."""
    return isinstance(tool, HearsDoubleClicks)
