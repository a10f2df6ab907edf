"""What to look at before training, in the order of its weight."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.learning.explore_found import Exploration, Remark, Size

NAMED = 5
"""So many names stand in a sentence; the rest is counted."""
SIZE_FACTOR = 1.5
"""A size is odd if its longer side differs from the commonest by more than this factor, or its shape does."""
RARE = 0.1
"""And if at most this part of the scans has it."""
FEW_PATIENTS = 3
UNEVEN = 0.05
"""Below this part of known slices with (or without) the label, the balance is worth a word."""
FULL = 0.5
"""A label that covers more of the slices that show it, in the median, may be inverted."""


def remarks(found: Exploration) -> tuple[Remark, ...]:
    """Return what speaks against training as things stand."""
    return tuple(_remarks(found))


def _remarks(found: Exploration) -> Iterator[Remark]:
    if found.labels and not found.known:
        yield Remark("nothing_finished", {"labels": ", ".join(found.labels)})
    elif found.labels and not found.with_label:
        yield Remark("nowhere", {"labels": ", ".join(found.labels)})
    yield from _twins(found)
    if found.empty and found.with_label:
        yield Remark("empty", {"count": len(found.empty), "names": named(found.empty)}, found.empty)
    if found.patients_unknown:
        yield Remark("patients_unknown", {"count": found.patients_unknown})
    yield from _few(found)
    yield from _sizes(found)
    if found.unfinished:
        yield Remark("unfinished", {"count": found.unfinished})


def _twins(found: Exploration) -> Iterator[Remark]:
    for twin in found.twins[:NAMED]:
        key = "twins_exact" if twin.exact == twin.count else "twins"
        fields = {
            "first": twin.patients[0],
            "second": twin.patients[1],
            "count": twin.count,
            "first_scan": twin.scans[0],
            "first_slice": twin.slices[0] + 1,
            "second_scan": twin.scans[1],
            "second_slice": twin.slices[1] + 1,
        }
        yield Remark(key, fields, twin.scans)
    if len(found.twins) > NAMED:
        yield Remark("twins_more", {"count": len(found.twins) - NAMED})


def _few(found: Exploration) -> Iterator[Remark]:
    if not found.with_label:
        return
    if found.patients_with_label < FEW_PATIENTS:
        yield Remark("few_patients", {"count": found.patients_with_label})
    share = found.with_label / found.known
    if share < UNEVEN or share > 1 - UNEVEN:
        yield Remark("uneven" if share < 0.5 else "no_empty_slices", {"percent": f"{100 * share:.3g}"})
    middle = float(np.median(found.areas))
    if middle > FULL:
        yield Remark("covers_much", {"percent": f"{100 * middle:.0f}"})


def _sizes(found: Exploration) -> Iterator[Remark]:
    modalities = {size.modality for size in found.sizes if size.modality}
    if len(modalities) > 1:
        yield Remark("modalities", {"names": ", ".join(sorted(modalities))})
    if len({size.channels > 1 for size in found.sizes}) > 1:
        yield Remark("colours_mixed", {})
    if not found.sizes:
        return
    usual = found.sizes[0]
    odd = [size for size in found.sizes[1:] if len(size.scans) <= RARE * found.scans and _differs(size, usual)]
    names = tuple(name for size in odd for name in size.scans)
    if names:
        yield Remark(
            "odd_sizes",
            {"count": len(names), "names": named(names), "rows": usual.rows, "columns": usual.columns},
            names,
        )


def _differs(size: Size, usual: Size) -> bool:
    """Whether a size is another one to the eye: of another scale (in mm where both are known) or another shape."""
    tall, wide = _extent(size, usual.spacing is not None)
    usual_tall, usual_wide = _extent(usual, size.spacing is not None)
    scale = max(tall, wide) / max(usual_tall, usual_wide)
    shape = (tall / wide) / (usual_tall / usual_wide)
    return any(max(ratio, 1 / ratio) > SIZE_FACTOR for ratio in (scale, shape))


def _extent(size: Size, in_mm: bool) -> tuple[float, float]:
    if in_mm and size.spacing is not None:
        return size.rows * size.spacing[1], size.columns * size.spacing[2]
    return float(size.rows), float(size.columns)


def named(names: tuple[str, ...]) -> str:
    """Return the first few names of many."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
