"""What is in the hand: which tool, how large, which shape. Stays from scan to scan."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from gui.settings import Preferences

SMALLEST, LARGEST = 1.0, 120.0
"""Diameters, mm (px where the spacing is unknown)."""
_STEP = 1.2
_LIGHTEST = 0.15
"""Share of its size that a brush has under a pen that barely touches."""


class Hand(QObject):
    """The tool chosen and its settings.

    Attributes
    ----------
    tool
        Name of the tool: the id of its action.
    size
        Diameter in mm (px where the spacing is unknown).
    sphere
        Ball through slices rather than a disc.
    """

    tool_changed = Signal()
    shape_changed = Signal()

    def __init__(self, preferences: Preferences, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self.tool = "brush"
        self.size = min(max(preferences.brush_size, SMALLEST), LARGEST)
        self.sphere = preferences.sphere

    def take(self, tool: str) -> None:
        """Take another tool."""
        if tool != self.tool:
            self.tool = tool
            self.tool_changed.emit()

    def set_size(self, size: float) -> None:
        """Make the brush this wide, within bounds."""
        size = round(min(max(size, SMALLEST), LARGEST), 1)
        if size != self.size:
            self.size = self._preferences.brush_size = size
            self.shape_changed.emit()

    def grow(self, steps: int) -> None:
        """Make it a fifth larger (or smaller) per step, at least by half a unit."""
        wanted = self.size * _STEP**steps
        least = self.size + (0.5 if steps > 0 else -0.5)
        self.set_size(max(wanted, least) if steps > 0 else min(wanted, least))

    def share_of(self, pressure: float) -> float:
        """Return how much of its size the brush draws with at a pen's pressure (1 for a mouse)."""
        return _LIGHTEST + (1 - _LIGHTEST) * pressure if self._preferences.pen_pressure else 1.0

    def set_sphere(self, sphere: bool) -> None:
        """Choose ball or disc."""
        if sphere != self.sphere:
            self.sphere = self._preferences.sphere = sphere
            self.shape_changed.emit()
