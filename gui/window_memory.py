"""The grey levels chosen last, per modality, for the next scan."""

from __future__ import annotations

from core.volume import Window


class WindowMemory:
    """Remembers the window a person chose.

    Hounsfield units mean the same everywhere, so a CT window stays as it is. Other
    values have no unit: there the window stays what it was in proportion to the one that fits
    each scan by itself, so that "a little darker" stays a little darker.
    """

    def __init__(self) -> None:
        self._ct: Window | None = None
        self._shares: dict[str, tuple[float, float, str]] = {}

    def keep(self, window: Window, own: Window, modality: str) -> None:
        """Note a choice; ``own`` is the window the scan is opened with by itself."""
        if modality == "CT":
            self._ct = window
            return
        wide = max(own.width, 1e-9)
        self._shares[modality] = ((window.low - own.low) / wide, (window.high - own.low) / wide, window.name)

    def recall(self, own: Window, modality: str) -> Window:
        """Return the window for another scan: the scan's own one if nothing was chosen yet."""
        if modality == "CT":
            return self._ct or own
        if modality not in self._shares:
            return own
        low, high, name = self._shares[modality]
        return Window.between(own.low + low * own.width, own.low + high * own.width, name)
