"""What becomes of the state of a slice that somebody draws on, or says is finished."""

from __future__ import annotations

from dataclasses import replace

from core.editing.steps import StateChange
from core.project.records import Origin, SliceState


def drawn_on(layer: str, number: int, before: SliceState | None, reader: str, seconds: float) -> StateChange:
    """Return what becomes of a slice that was drawn on by hand for some seconds.

    A slice that came from elsewhere (predicted, imported, interpolated) is
    corrected from now on and keeps the run it came from; "finished" stays.
    """
    if before is None:
        after = SliceState(number, Origin.DRAWN, None, False, reader, round(seconds, 3))
    else:
        origin = before.origin if before.origin is Origin.DRAWN else Origin.CORRECTED
        after = replace(before, origin=origin, reader=reader, seconds=round(before.seconds + seconds, 3))
    return StateChange(layer, number, before, after)


def finished_now(layer: str, number: int, before: SliceState | None, reader: str, finished: bool) -> StateChange | None:
    """Return what becomes of a slice that is said to be finished or not; None if it was so already."""
    if before is None:
        after = SliceState(number, Origin.DRAWN, None, True, reader, 0.0)
        return StateChange(layer, number, None, after) if finished else None
    if before.finished == finished:
        return None
    return StateChange(layer, number, before, replace(before, finished=finished, reader=reader))
