"""What passes between a pane and the tool in the hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
    """

    view: PlaneView
    index: int
    row: float
    column: float
    buttons: Qt.MouseButton
    modifiers: Qt.KeyboardModifier

    @property
    def xyz(self) -> tuple[float, float, float]:
        """The voxel (x, y, z), not rounded."""
        return self.view.to_voxel(self.row, self.column, self.index)

    @property
    def inverted(self) -> bool:
        """Whether Ctrl is held: the tool does its opposite (paint erases, erase paints)."""
        return bool(self.modifiers & Qt.KeyboardModifier.ControlModifier)


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
