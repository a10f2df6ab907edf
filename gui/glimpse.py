"""What has been seen of a scan so far, told a few times a second while it is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from core.volume import Volume, Window, auto_window

_EVERY_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What has arrived of a scan.

    Parameters
    ----------
    volume
        Its array goes on filling.
    window
        Fits the slice that came first, the middle one.
    done, total
        Slices.
    scan
        Id of the scan that is being opened; empty while it is not stored yet.
    """

    volume: Volume
    window: Window
    done: int
    total: int
    scan: str = ""


class Teller:
    """Makes glimpses of the slices that come, in the thread that reads.

    Parameters
    ----------
    tell
        Called with the first glimpse, a few more, and the last.
    scan
        Id of a stored scan.
    patience
        Seconds within which nothing is told: what is there at once need not be looked at twice.
    """

    def __init__(self, tell: Callable[[Glimpse], None], scan: str = "", patience: float = 0.0) -> None:
        self._tell = tell
        self._scan = scan
        self._volume: Volume | None = None
        self._window: Window | None = None
        self._done = 0
        self._next = time.monotonic() + patience

    def begin(self, volume: Volume) -> None:
        """Take a scan whose slices follow."""
        # an object of its own: what is worked out for a volume is kept with it, and this one is not whole yet
        self._volume, self._window, self._done = replace(volume), None, 0

    def slice_came(self, index: int) -> None:
        """Count a slice, and tell if it is time."""
        volume = self._volume
        if volume is None:
            return
        self._done += 1
        if self._window is None:
            self._window = _window_of(volume, index)
        total = volume.shape[0]
        now = time.monotonic()
        whole = self._done == total and not self._scan
        if now >= self._next or whole:
            self._next = now + _EVERY_SECONDS
            self._tell(Glimpse(volume, self._window, self._done, total, self._scan))


def _window_of(volume: Volume, index: int) -> Window:
    if volume.modality == "CT" and volume.windows:
        return volume.windows[0]
    geometry = replace(volume.geometry, shape=(1, *volume.shape[1:]))
    return auto_window(replace(volume, array=volume.array[index : index + 1], geometry=geometry))
