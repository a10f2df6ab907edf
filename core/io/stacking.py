"""From single slices to one grid: order along the normal, gaps, tilt, repeats.

DICOM positions are LPS millimetres; the affine is turned to RAS here, once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.events import Notice
from core.geometry import Geometry
from core.io.dicom_file import SliceHeader

ORIENTATION_MATCH = 1e-4
"""Direction cosines that differ by less are one orientation (headers round at 1e-5 or so)."""
SPACING_MATCH = 0.01
"""Slice distances within 1 % are even (the tolerance of Slicer and highdicom)."""
SAME_PLACE_MM = 1e-3
_TILT_DEGREES = 0.1
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Grid:
    """Slices laid on one grid.

    Parameters
    ----------
    slots
        One per z: the slice, or None where it is missing.
    geometry
        The grid.
    notices
        What the person should know; ``{name}`` is filled in by the caller.
    tilt
        Degrees between the slice normal and the stacking direction.
    even
        Whether the slices lie at even distances.
    """

    slots: tuple[SliceHeader | None, ...]
    geometry: Geometry
    notices: tuple[Notice, ...]
    tilt: float = 0.0
    even: bool = True

    @property
    def missing(self) -> tuple[int, ...]:
        """Slices (from 0) that no file holds."""
        return tuple(index for index, slot in enumerate(self.slots) if slot is None)


def groups_of(slices: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """Split slices that cannot share a grid: series, frame of reference, orientation, size, spacing."""
    groups: list[tuple[tuple[object, ...], SliceHeader, list[SliceHeader]]] = []
    for header in slices:
        key = (
            header.series,
            str(header.dataset.get("FrameOfReferenceUID", "")),
            header.rows,
            header.columns,
            header.samples,
            header.position is None or header.orientation is None,
        )
        for known, first, inside in groups:
            if known == key and _alike(first, header):
                inside.append(header)
                break
        else:
            groups.append((key, header, [header]))
    return [inside for _key, _first, inside in groups]


def _alike(one: SliceHeader, other: SliceHeader) -> bool:
    if (one.spacing is None) != (other.spacing is None):
        return False
    if one.spacing and other.spacing and not np.allclose(one.spacing, other.spacing, rtol=1e-4, atol=1e-6):
        return False
    if one.orientation is None or other.orientation is None:
        return one.orientation == other.orientation
    return bool(np.allclose(one.orientation, other.orientation, atol=ORIENTATION_MATCH))


def normal_of(header: SliceHeader) -> NDArray[np.float64]:
    """Return the unit normal of a slice's plane (LPS)."""
    cosines = np.asarray(header.orientation, dtype=float)
    normal = np.cross(cosines[:3], cosines[3:])
    length = float(np.linalg.norm(normal))
    return normal / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])


def split_repeats(slices: list[SliceHeader]) -> tuple[list[list[SliceHeader]], int]:
    """Split slices that share positions into volumes.

    Returns
    -------
    tuple
        The volumes, and how many exact copies of a file were left out.
    """
    unique: dict[tuple[str, int], SliceHeader] = {}
    for header in slices:
        uid = str(header.dataset.get("SOPInstanceUID", "")) or str(header.path)
        unique.setdefault((uid, header.frame), header)
    kept = list(unique.values())
    copies = len(slices) - len(kept)
    if not _repeated(kept):
        return [kept], copies
    for index in range(len(kept[0].splitters)):
        parts: dict[str, list[SliceHeader]] = defaultdict(list)
        for header in kept:
            parts[header.splitters[index]].append(header)
        if len(parts) > 1 and not any(_repeated(part) for part in parts.values()):
            return [parts[key] for key in sorted(parts, key=_numeric)], copies
    # nothing names the repeats: the first at each position, then the second...
    turns: dict[int, list[SliceHeader]] = defaultdict(list)
    seen: dict[float, int] = defaultdict(int)
    for header in sorted(kept, key=lambda one: (one.number, one.frame, one.path.name)):
        place = round(_along(header) / SAME_PLACE_MM / 10)
        turns[seen[place]].append(header)
        seen[place] += 1
    return [turns[turn] for turn in sorted(turns)], copies


def _numeric(text: str) -> tuple[int, float, str]:
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)


def _along(header: SliceHeader) -> float:
    return float(np.dot(np.asarray(header.position, dtype=float), normal_of(header)))


def _repeated(slices: Sequence[SliceHeader]) -> bool:
    places = np.sort([_along(header) for header in slices])
    return bool(len(places) > 1 and (np.diff(places) < SAME_PLACE_MM * 10).any())


def lay(slices: Sequence[SliceHeader], name: str) -> Grid:
    """Lay slices of one volume on a grid.

    Slices with positions are sorted along their normal; missing ones leave an
    empty slot, so that all others keep their true place. Slices without positions
    stand in the order of their numbers on a grid of unknown orientation.
    """
    first = slices[0]
    if first.position is None or first.orientation is None:
        return _unplaced(slices, name)
    ordered = sorted(slices, key=lambda header: (_along(header), header.path.name, header.frame))
    first = ordered[0]
    slots, notices, even = _slots(ordered, name)
    step, tilt = _step(ordered, len(slots))
    if tilt > _TILT_DEGREES:
        notices.append(Notice("slices-tilted", {"name": name, "degrees": round(tilt, 1)}))
    cosines = np.asarray(first.orientation, dtype=float)
    between_rows, between_columns = first.spacing or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, 0] = cosines[:3] * between_columns
    affine[:3, 1] = cosines[3:] * between_rows
    affine[:3, 2] = step
    affine[:3, 3] = first.position
    shape = (len(slots), first.rows, first.columns)
    geometry = Geometry(shape, _LPS_TO_RAS @ affine, first.spacing is not None, True)
    return Grid(tuple(slots), geometry, tuple(notices), tilt, even)


def _unplaced(slices: Sequence[SliceHeader], name: str) -> Grid:
    ordered = sorted(slices, key=lambda header: (header.number, header.path.name, header.frame))
    first = ordered[0]
    between_rows, between_columns = first.spacing or (1.0, 1.0)
    affine = np.diag([-between_columns, -between_rows, first.thickness or 1.0, 1.0])
    known = first.spacing is not None and (len(slices) == 1 or first.thickness is not None)
    if not known:
        affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    notices = (Notice("slices-unplaced", {"name": name}),) if len(slices) > 1 else ()
    return Grid(tuple(ordered), Geometry((len(ordered), first.rows, first.columns), affine, known, False), notices)


def _slots(ordered: Sequence[SliceHeader], name: str) -> tuple[list[SliceHeader | None], list[Notice], bool]:
    """Put sorted slices into slots, one per regular step, and say what is irregular."""
    if len(ordered) < 3:
        return list(ordered), [], True
    gaps = np.diff([_along(header) for header in ordered])
    step = float(np.median(gaps))
    steps = np.rint(gaps / step).astype(int)
    apart = np.abs(gaps - steps * step)
    missing = int((steps - 1).sum())
    even = bool((steps >= 1).all() and (apart <= SPACING_MATCH * step * np.maximum(steps, 1) + SAME_PLACE_MM).all())
    if not even or missing > len(ordered):
        facts = {"name": name, "least": round(float(gaps.min()), 3), "most": round(float(gaps.max()), 3)}
        return list(ordered), [Notice("slices-uneven", facts)], False
    slots: list[SliceHeader | None] = [ordered[0]]
    for header, count in zip(ordered[1:], steps, strict=True):
        slots += [None] * (int(count) - 1)
        slots.append(header)
    if not missing:
        return slots, [], True
    numbers = ", ".join(str(index + 1) for index, slot in enumerate(slots) if slot is None)
    return slots, [Notice("slices-missing", {"name": name, "count": missing, "slices": _short(numbers)})], True


def _short(words: str) -> str:
    return words if len(words) <= 80 else words[:80].rsplit(",", 1)[0] + ", ..."


def _step(ordered: Sequence[SliceHeader], slots: int) -> tuple[NDArray[np.float64], float]:
    """Return the vector from one slice to the next (LPS mm) and its tilt against the normal in degrees."""
    normal = normal_of(ordered[0])
    if len(ordered) < 2:
        return normal * (ordered[0].thickness or 1.0), 0.0
    way = np.asarray(ordered[-1].position, dtype=float) - np.asarray(ordered[0].position, dtype=float)
    step = way / (slots - 1)
    length = float(np.linalg.norm(step))
    if length < 1e-6:
        return normal, 0.0
    return step, float(np.degrees(np.arccos(min(1.0, abs(float(np.dot(step, normal))) / length))))
