"""Brush and eraser: one tool and its opposite, which Ctrl swaps while it is held; and the brush for background."""

from __future__ import annotations

from core.editing.editor import Step
from core.labels import SCRIBBLE_COLOR, background_of
from gui.annotate.tools.bench import Bench
from gui.viewer.events import ViewEvent
from gui.viewer.overlay import rgb

_ERASER = (220, 227, 236)


class BrushTool:
    """Draws or erases the chosen label.

    Parameters
    ----------
    bench
        Where the editor and the label are, size and shape.
    erase
        Whether it erases by itself (and draws while Ctrl is held).
    background
        Whether it says what is background on the layer of the chosen label, instead of drawing that.
    """

    def __init__(self, bench: Bench, *, erase: bool = False, background: bool = False) -> None:
        self._bench = bench
        self._session = bench.session
        self._hand = bench.hand
        self._erase = erase
        self._background = background
        self._last: tuple[float, float] | None = None
        self._clicked: Step | None = None

    @property
    def cursor_radius_px(self) -> float:
        """Radius of the ring, in the unit of the slice."""
        return self._hand.size / 2

    @property
    def cursor_color(self) -> tuple[int, int, int]:
        """The label's colour; near white for the eraser."""
        label = self._session.label
        if self._background:
            return rgb(SCRIBBLE_COLOR)
        return _ERASER if self._erase or label is None else rgb(label.color)

    def press(self, event: ViewEvent) -> None:
        """Begin a stroke with one dab."""
        self._last = self._clicked = None
        label = self._bench.drawable()
        editor = self._session.editor
        if label is None or editor is None:
            return
        erase = self._erase != event.inverted
        if self._background:
            editor.begin("background", background_of(label.layer), erase=erase)
        else:
            editor.begin("erase" if erase else "brush", label, erase=erase)
        self._last = (event.row, event.column)
        self._dab(event, self._last)

    def move(self, event: ViewEvent) -> None:
        """Go on with the stroke."""
        if self._last is not None:
            self._dab(event, self._last)
            self._last = (event.row, event.column)

    def release(self, event: ViewEvent) -> None:
        """End the stroke: one step, or none if nothing changed."""
        if self._last is None:
            return
        self.move(event)
        self._last = None
        if self._session.editor is not None:
            self._clicked = self._session.editor.commit()

    def double_click(self, event: ViewEvent) -> bool:
        """Take back what the first of the two clicks drew: they meant the pane, not the mask."""
        self._bench.take_back(self._clicked)
        self._clicked = None
        return False

    def _dab(self, event: ViewEvent, start: tuple[float, float]) -> None:
        editor = self._session.editor
        if editor is None or not editor.stroking:
            # undone or closed in the middle of the stroke: what is left of the drag draws nothing
            self._last = None
            return
        editor.dab(
            event.view,
            event.index,
            start,
            (event.row, event.column),
            self._hand.size / 2 * self._hand.share_of(event.pressure),
            sphere=self._hand.sphere,
        )
