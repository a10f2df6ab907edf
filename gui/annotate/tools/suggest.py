"""Suggest: what a run predicts, region by region; a click accepts one, Ctrl or Backspace rejects it."""

from __future__ import annotations

import numpy as np

from core.editing.operations import Where
from core.editing.tools.placing import nearest
from core.geometry import PlaneView
from gui.annotate.operations.proposal import Proposal
from gui.annotate.tools.bench import Bench, PointerTool
from gui.viewer.events import ViewEvent
from gui.viewer.sketch import Sketch, ToolKey


class SuggestTool(PointerTool):
    """Shows the open regions of a suggestion and takes a word on each.

    Parameters
    ----------
    bench
        What tools share.
    proposal
        What is suggested.
    """

    action = "suggest_region"

    def __init__(self, bench: Bench, proposal: Proposal) -> None:
        super().__init__(bench)
        self._proposal = proposal
        self._over = 0
        proposal.changed.connect(self._changed)

    @property
    def busy(self) -> bool:
        """Whether it is still looked for."""
        return self._proposal.busy

    def take_up(self) -> None:
        """Show what is suggested."""
        self._proposal.set_active(True)

    def put_down(self) -> None:
        """Show it no longer."""
        self._over = 0
        self._proposal.set_active(False)

    def forget(self) -> None:
        """Another scan is shown."""
        super().forget()
        self._over = 0

    def press(self, event: ViewEvent) -> None:
        """Accept the region under the pointer, or reject it."""
        number = self._number(event)
        if self._proposal.suggestion is None:
            self.bench.refused("suggestions_busy" if self._proposal.busy else "suggestions_none")
        elif nearest(event.view, event.row, event.column) is None:
            self.bench.refused("outside")
        elif not number:
            self.bench.refused("suggestions_elsewhere")
        elif event.inverted:
            self._proposal.reject((number,))
        elif self.bench.drawable() is not None:
            self._proposal.accept((number,))

    def double_click(self, event: ViewEvent) -> bool:
        """The second click means what the first one did: the pane stays as it is."""
        return True

    def hover(self, event: ViewEvent | None) -> None:
        """Show which region is meant."""
        number = 0 if event is None else self._number(event)
        if number != self._over:
            self._over = number
            self.bench.views.sketch_changed()

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return the region under the pointer."""
        found = self._proposal.suggestion
        if not self._over or found is None or not 0 <= index < view.slices:
            return None
        region = np.ascontiguousarray(view.extract(found.numbers, index) == self._over)
        return Sketch(self.bench.color, region=region) if region.any() else None

    def wants(self, key: ToolKey) -> bool:
        """Enter accepts all on this slice, Backspace rejects the region under the pointer."""
        return key == "accept" or (key == "back" and self._over > 0)

    def key(self, key: ToolKey) -> None:
        """Accept or reject."""
        if key == "back":
            self._proposal.reject((self._over,))
        elif key == "accept":
            self.accept_slice()

    def accept_slice(self) -> None:
        """Take all that is open on the slice of the pane last worked in."""
        self._take(Where.SLICE)

    def accept_all(self) -> None:
        """Take all that is open."""
        self._take(Where.SPACE)

    def _take(self, where: Where) -> None:
        bench, proposal = self.bench, self._proposal
        if bench.drawable() is None:
            return
        found, active = proposal.suggestion, bench.views.active
        numbers = {region.number for region in proposal.open}
        if where is Where.SLICE and found is not None and active.plane_view is not None:
            here = active.plane_view.extract(found.numbers, active.index)
            numbers &= {int(number) for number in np.flatnonzero(np.bincount(here.ravel(), minlength=256))}
        if not proposal.accept(numbers, where):
            bench.refused("suggestions_busy" if proposal.busy else "suggestions_left")

    def _number(self, event: ViewEvent) -> int:
        pixel = nearest(event.view, event.row, event.column)
        if pixel is None:
            return 0
        x, y, z = event.view.to_voxel(*pixel, event.index)
        return self._proposal.number_at((int(z), int(y), int(x)))

    def _changed(self) -> None:
        if self._over and not self._proposal.is_open(self._over):
            self._over = 0
        self.bench.views.sketch_changed()
