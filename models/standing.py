"""How a training stands: what is kept beside the network, for it to go on after a pause or a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COUNTS = ("epoch", "best_epoch", "risen_epoch")
VALUES = ("best_dice", "smoothed", "best_smoothed", "risen")
"""What of the training itself is kept beside what the learner keeps."""


def stood(state: Mapping[str, Any], best: Mapping[str, float], *, newest: bool) -> dict[str, int | float]:
    """Return the counts, values and ``seconds`` that a training goes on with.

    Parameters
    ----------
    state
        What was kept of it, now and then.
    best
        ``best_epoch``, ``best_dice``, ``best_smoothed`` and ``newest`` as they were kept with the best weights, in the
        same file: after a crash they are younger. Empty for a file of before.
    newest
        Whether it keeps its newest epoch, as too few slices check to tell which is best. Where that was otherwise
        before, as slices were finished meanwhile, an epoch's number is not held against a Dice: the best so far is
        kept until the next epoch is through.

    Raises
    ------
    KeyError, ValueError, TypeError
        If it is not such a state.
    """
    found: dict[str, int | float] = {name: int(state[name]) for name in COUNTS}
    found |= {name: float(state[name]) for name in (*VALUES, "seconds")}
    # a file of before does not say: then the measure of the newest was its number
    was = bool(state.get("newest", found["best_smoothed"] == found["best_epoch"]))
    if was != newest:
        found |= {"smoothed": -1.0, "risen": -1.0}
    if best:
        found |= {name: float(best[name]) for name in ("best_dice", "best_smoothed")}
        found["best_epoch"], was = int(best["best_epoch"]), bool(best["newest"])
    if was != newest:
        found["best_smoothed"] = -1.0
    return found
