"""What every pointer tool needs: may it draw, which values lie under it, and how a region becomes a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.editing.editor import Editor, Step
from core.editing.tools.placing import place, values_on
from core.geometry import PlaneView
from core.labels import Label
from core.volume import Volume
from gui.annotate.tools.hand import Hand
from gui.session import Session
from gui.viewer.events import ViewEvent
from gui.viewer.overlay import rgb
from gui.viewer.sketch import Sketch, ToolKey

if TYPE_CHECKING:
    from gui.viewer.linked import LinkedViews

NO_LABEL = (220, 227, 236)


class Bench:
    """What tools share.

    Parameters
    ----------
    session
        Where the editor and the label are.
    hand
        Settings of the tools.
    views
        The panes.
    refused
        Called with the key of a reason when something is not possible.
    """

    def __init__(self, session: Session, hand: Hand, views: LinkedViews, refused: Callable[[str], None]) -> None:
        self.session = session
        self.hand = hand
        self.views = views
        self.refused = refused
        self._values: tuple[Volume, PlaneView, int, NDArray[np.float32]] | None = None

    def drawable(self) -> Label | None:
        """Return the label that may be drawn now; None, and the reason is told, if none may."""
        session = self.session
        if session.read_only:
            self.refused("read_only")
        elif not session.can_edit:
            self.refused("busy")
        elif session.label is None:
            self.refused("no_label")
        elif session.label.locked:
            self.refused("label_locked")
        elif session.label.name in session.hidden:
            self.refused("label_hidden")
        elif not session.overlay.visible:
            self.refused("overlay_hidden")
        else:
            return session.label
        return None

    @property
    def editor(self) -> Editor | None:
        """Of the scan shown."""
        return self.session.editor

    @property
    def color(self) -> tuple[int, int, int]:
        """Of the label chosen."""
        label = self.session.label
        return NO_LABEL if label is None else rgb(label.color)

    def values(self, view: PlaneView, index: int) -> NDArray[np.float32] | None:
        """Return the real values of a slice, float32 ``[row, column]``; None without a scan."""
        volume = self.session.volume
        if volume is None or not 0 <= index < view.slices:
            return None
        kept = self._values
        if kept is None or kept[0] is not volume or kept[1] != view or kept[2] != index:
            kept = self._values = (volume, view, index, values_on(volume, view, index))
        return kept[3]

    def forget(self) -> None:
        """Let go of the scan."""
        self._values = None

    def draw(
        self, action: str, view: PlaneView, index: int, region: NDArray[np.bool_], *, erase: bool = False
    ) -> Step | None:
        """Draw or erase a region of a slice, bool ``[row, column]``, as one step; None if nothing changes."""
        label, editor, found = self.session.label, self.editor, place(view, index, region)
        if label is None or editor is None or found is None:
            return None
        editor.begin(action, label, erase=erase)
        editor.paint(*found)
        return editor.commit()

    def take_back(self, step: Step | None) -> bool:
        """Undo a step if it is the last one still; return whether it was."""
        editor = self.editor
        if step is None or editor is None or not self.session.can_edit or editor.stroking:
            return False
        steps = editor.steps()
        last = steps[editor.position - 1] if 0 < editor.position <= len(steps) else None
        if last is None or last.sequence != step.sequence:
            return False
        editor.undo()
        return True


class PointerTool:
    """A tool that does nothing yet; those of Annotate say what they do differently."""

    cursor_radius_px = 0.0
    action = ""
    """Key of the step's name."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._clicked: Step | None = None

    @property
    def busy(self) -> bool:
        """Whether something is about to be worked out."""
        return False

    @property
    def cursor_color(self) -> tuple[int, int, int]:
        """The label's colour."""
        return self.bench.color

    def press(self, event: ViewEvent) -> None:
        """The left button went down."""

    def move(self, event: ViewEvent) -> None:
        """The pointer moved with it down."""

    def release(self, event: ViewEvent) -> None:
        """The left button went up."""

    def double_click(self, event: ViewEvent) -> bool:
        """Take back what the first of the two clicks drew: they meant the pane, not the mask."""
        self.bench.take_back(self._clicked)
        self._clicked = None
        return False

    def hover(self, event: ViewEvent | None) -> None:
        """The pointer moved with no button down."""

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return what is shown on a slice."""
        return None

    def wants(self, key: ToolKey) -> bool:
        """Return whether a key means something now."""
        return False

    def key(self, key: ToolKey) -> None:
        """Hear a key that was wanted."""

    def forget(self) -> None:
        """Another scan is shown: nothing of the last one stays."""
        self._clicked = None

    def take_up(self) -> None:
        """The tool is taken into the hand."""

    def put_down(self) -> None:
        """Another tool is taken."""


def screen_distance(event: ViewEvent, row: float, column: float) -> float:
    """Return how far a point of the slice is from the pointer, in screen pixels."""
    down = (event.row - row) * event.view.row_size
    across = (event.column - column) * event.view.column_size
    return float(np.hypot(down, across)) * event.zoom


def turned(points: list[tuple[float, float]], old: PlaneView, new: PlaneView) -> list[tuple[float, float]]:
    """Return points of a slice as another view of the same plane shows them (left and right swapped)."""
    if old == new:
        return points
    moved = [new.to_screen(old.to_voxel(row, column, 0)) for row, column in points]
    return [(row, column) for row, column, _index in moved]
