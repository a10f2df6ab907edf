"""From the slices of one volume to one grid: order along the normal, gaps, tilt.

DICOM positions are LPS millimetres; the affine is turned to RAS here, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.events import Notice
from core.geometry import OBLIQUE_DEGREES, Geometry
from core.io.dicom_file import SliceHeader
from core.io.elements import first, number
from core.io.grouping import along, cosines_of, is_placed, normal_of

SPACING_MATCH = 0.01
"""Slice distances within 1 % are even (the tolerance of Slicer and highdicom)."""
_ROUNDING_MM = 0.01
"""What rounded coordinates may differ by."""
TILT_DEGREES = 0.1
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
        What the person should know.
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

    @property
    def facts(self) -> dict[str, str | int | float]:
        """What is irregular, as it is kept with the scan."""
        facts: dict[str, str | int | float] = {}
        if self.missing:
            facts["missing_slices"] = ",".join(str(index) for index in self.missing)
        if not self.even:
            facts["uneven_slices"] = 1
        elif self.geometry.spacing_known and not self.geometry.depth_known:
            facts["depth_unknown"] = 1
        if self.tilt > TILT_DEGREES:
            facts["tilt_degrees"] = round(self.tilt, 2)
        return facts


def lay(slices: Sequence[SliceHeader], name: str) -> Grid:
    """Lay slices of one volume on a grid.

    Slices with positions are sorted along their normal; missing ones leave an
    empty slot, so that all others keep their true place. Slices without positions
    stand in the order of their numbers on a grid of unknown orientation.

    Parameters
    ----------
    slices
        Of one orientation, size and spacing, each place once.
    name
        What notices call them.

    Raises
    ------
    InputError
        ``affine-bad`` where what the headers say is no grid.
    """
    if not is_placed(slices[0]):
        return _unplaced(slices, name)
    distances = along(slices)
    order = sorted(range(len(slices)), key=lambda one: (distances[one], slices[one].path.name, slices[one].frame))
    ordered = [slices[one] for one in order]
    first = ordered[0]
    slots, notices, even = _slots(ordered, distances[order], name)
    step, tilt = _step(ordered, len(slots))
    depth_known = even and (len(ordered) > 1 or _alone_depth(first) is not None)
    rows_known = first.spacing is not None
    between_rows, between_columns = first.spacing or (1.0, 1.0)
    across, down = cosines_of(first)
    affine = np.eye(4)
    affine[:3, 0] = across * between_columns
    affine[:3, 1] = down * between_rows
    # without a pixel size everything is counted in pixels, and a depth in mm would be the odd one
    affine[:3, 2] = step if rows_known else step / float(np.linalg.norm(step))
    affine[:3, 3] = first.position
    shape = (len(slots), first.rows, first.columns)
    geometry = Geometry(shape, _LPS_TO_RAS @ affine, rows_known, True, depth_known)
    if even:
        notices += _doubts(ordered, slots, step, name)
    if tilt > TILT_DEGREES:
        notices.append(Notice("slices-tilted", {"name": name, "degrees": round(tilt, 1)}))
    elif geometry.oblique_degrees >= OBLIQUE_DEGREES:
        notices.append(Notice("slices-oblique", {"name": name, "degrees": round(geometry.oblique_degrees, 1)}))
    return Grid(tuple(slots), geometry, tuple(notices), tilt, even)


def _alone_depth(header: SliceHeader) -> float | None:
    """Return how deep a single slice is: its own thickness before the distance to others."""
    return header.depth or header.thickness


def _unplaced(slices: Sequence[SliceHeader], name: str) -> Grid:
    ordered = sorted(slices, key=lambda header: (header.number, header.path.name, header.frame))
    first = ordered[0]
    between_rows, between_columns = first.spacing or (1.0, 1.0)
    depth = _alone_depth(first) if len(slices) == 1 else first.thickness
    known = first.spacing is not None and (len(slices) == 1 or depth is not None)
    affine = np.diag([-between_columns, -between_rows, depth or 1.0, 1.0] if known else [-1.0, -1.0, 1.0, 1.0])
    notices = (Notice("slices-unplaced", {"name": name}),) if len(slices) > 1 else ()
    geometry = Geometry((len(ordered), first.rows, first.columns), affine, known, False, depth is not None)
    return Grid(tuple(ordered), geometry, notices)


def _slots(
    ordered: Sequence[SliceHeader], distances: NDArray[np.float64], name: str
) -> tuple[list[SliceHeader | None], list[Notice], bool]:
    """Put sorted slices into slots, one per regular step, and say what is irregular."""
    if len(ordered) < 3:
        return list(ordered), [], True
    gaps = np.diff(distances)
    step = float(np.median(gaps))
    steps = np.rint(gaps / step).astype(int)
    apart = np.abs(gaps - steps * step)
    missing = int((steps - 1).sum())
    even = bool((steps >= 1).all() and (apart <= SPACING_MATCH * step * np.maximum(steps, 1) + _ROUNDING_MM / 10).all())
    # old head CT: thin slices below, thick ones above; nothing is missing where the slices are as far apart as thick
    if not even or missing > len(ordered) or (missing and _thickness_differs(ordered)):
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


def _thickness_differs(ordered: Sequence[SliceHeader]) -> bool:
    depths = [header.depth for header in ordered if header.depth is not None]
    return len(depths) == len(ordered) and max(depths) > min(depths) * (1 + SPACING_MATCH)


def _short(words: str) -> str:
    return words if len(words) <= 80 else words[:80].rsplit(",", 1)[0] + ", ..."


def _step(ordered: Sequence[SliceHeader], slots: int) -> tuple[NDArray[np.float64], float]:
    """Return the vector from one slice to the next (LPS mm) and its tilt against the normal in degrees."""
    normal = normal_of(ordered[0])
    way = np.asarray(ordered[-1].position, dtype=float) - np.asarray(ordered[0].position, dtype=float)
    if len(ordered) < 2:
        return normal * (_alone_depth(ordered[0]) or 1.0), 0.0
    step = way / (slots - 1)
    sideways = float(np.linalg.norm(np.cross(step, normal)))
    return step, float(np.degrees(np.arctan2(sideways, abs(float(step @ normal)))))


def _told_distance(header: SliceHeader) -> float | None:
    macros = [first(group, "PixelMeasuresSequence") for group in header.groups]
    found = [number(macro, "SpacingBetweenSlices") for macro in macros]
    return next((told for told in (*found, number(header.dataset, "SpacingBetweenSlices")) if told), None)


def _doubts(
    ordered: Sequence[SliceHeader], slots: Sequence[SliceHeader | None], step: NDArray[np.float64], name: str
) -> list[Notice]:
    """Say where the header's own distance, or a slice's place beside the line of the others, differs from the grid."""
    if len(ordered) < 2:
        return []
    notices = []
    told = _told_distance(ordered[0])
    length, straight = float(np.linalg.norm(step)), abs(float(step @ normal_of(ordered[0])))
    if told and all(abs(abs(told) - real) > SPACING_MATCH * real + _ROUNDING_MM for real in (length, straight)):
        facts = {"name": name, "told": round(abs(told), 3), "found": round(straight, 3)}
        notices.append(Notice("slices-spacing-differs", facts))
    index = np.array([place for place, slot in enumerate(slots) if slot is not None], dtype=float)
    positions = np.array([slot.position for slot in slots if slot is not None], dtype=float)
    beside = float(np.linalg.norm(positions - positions[0] - index[:, None] * step, axis=1).max())
    if beside > SPACING_MATCH * length * len(slots) ** 0.5 + 5 * _ROUNDING_MM:
        notices.append(Notice("slices-shifted", {"name": name, "most": round(beside, 2)}))
    return notices
