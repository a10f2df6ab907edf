"""How work on a whole scan tells how far it has come, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable

OnSlice = Callable[[int, int], bool]
"""Told (done, total) while a scan is worked through; False stops the work."""


class Stopped(Exception):
    """The person stopped what was being computed."""


def quiet(_done: int, _total: int) -> bool:
    """Hear of progress, and go on."""
    return True


def share_of(on: OnSlice, start: float, end: float) -> OnSlice:
    """Return progress of one part of some work: its own 0 to 1 lies between ``start`` and ``end`` of the whole."""

    def told(done: int, total: int) -> bool:
        return on(round(1000 * (start + (end - start) * done / max(total, 1))), 1000)

    return told
