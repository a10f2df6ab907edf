"""Which slices belong together: one grid, one volume; what tells repeats of a place apart."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from core.errors import InputError
from core.io.dicom_file import SliceHeader, load
from core.io.elements import Elements, first, numbers, word, words

ORIENTATION_MATCH = 1e-4
"""Direction cosines that differ by less are one orientation (headers round at 1e-5 or so)."""
SAME_PLACE_MM = 0.01
"""Slices nearer to one another than this lie at one place."""
_SPACING_MATCH = 1e-4
_MOST_COLUMNS = 3
_PRIVATE_B_VALUES = (0x0019100C, 0x20011003, 0x00431039)
"""Diffusion b-values as Siemens, Philips and GE wrote them before there was a public element."""
_PLACES = {0x00209056, 0x00209057, 0x00200032}
"""Dimension indices that say where a frame lies (stack, place in it, position), not which repeat it is."""


def is_placed(header: SliceHeader) -> bool:
    """Whether a slice says where it lies: a position, and two directions at right angles."""
    if header.position is None or header.orientation is None:
        return False
    cosines = np.asarray(header.orientation, dtype=float)
    lengths = np.linalg.norm(cosines.reshape(2, 3), axis=1)
    return bool((np.abs(lengths - 1) < 0.05).all() and abs(float(cosines[:3] @ cosines[3:])) < 0.05)


def cosines_of(header: SliceHeader) -> NDArray[np.float64]:
    """Return the directions of a placed slice's rows and columns (LPS), ``[2, 3]``, each of length one."""
    cosines = np.asarray(header.orientation, dtype=float).reshape(2, 3)
    return np.asarray(cosines / np.linalg.norm(cosines, axis=1, keepdims=True))


def normal_of(header: SliceHeader) -> NDArray[np.float64]:
    """Return the unit normal of a placed slice (LPS)."""
    across, down = cosines_of(header)
    normal = np.cross(across, down)
    return np.asarray(normal / np.linalg.norm(normal))


def along(slices: Sequence[SliceHeader]) -> NDArray[np.float64]:
    """Return how far each placed slice lies along the normal that they share, in mm.

    One normal serves all: with coordinates far from the origin, directions that are
    rounded differently from slice to slice would move the slices by millimetres.
    """
    positions = np.array([header.position for header in slices], dtype=float)
    return np.asarray((positions - positions[0]) @ normal_of(slices[0]))


def groups_of(slices: Sequence[SliceHeader], *, tolerance: float = ORIENTATION_MATCH) -> list[list[SliceHeader]]:
    """Split slices that cannot share a grid: series, frame of reference, stack, size, orientation, spacing.

    Parameters
    ----------
    slices
        Of any series, in any order.
    tolerance
        How much direction cosines of one grid may differ.
    """
    kinds: dict[tuple[object, ...], list[SliceHeader]] = defaultdict(list)
    for header in slices:
        kinds[_kind(header)].append(header)
    groups: list[list[SliceHeader]] = []
    for alike in kinds.values():
        features = np.array([_features(header, tolerance) for header in alike])
        firsts = np.empty((0, features.shape[1]))
        start = len(groups)
        for header, feature in zip(alike, features, strict=True):
            # one comparison with all groups at once: a turning series has as many groups as slices
            near = np.flatnonzero((np.abs(firsts - feature) <= 1.0).all(axis=1))
            if near.size:
                groups[start + int(near[0])].append(header)
            else:
                firsts = np.vstack([firsts, feature])
                groups.append([header])
    return groups


def _kind(header: SliceHeader) -> tuple[object, ...]:
    return (
        header.series,
        word(header.dataset, "FrameOfReferenceUID"),
        header.rows,
        header.columns,
        header.samples,
        header.stack,
        "LOCALIZER" in words(header.dataset, "ImageType"),
        is_placed(header),
        header.spacing is None,
    )


def _features(header: SliceHeader, tolerance: float) -> list[float]:
    """Return the numbers that are alike on one grid, in units of what they may differ by."""
    cosines = [value / tolerance for value in header.orientation or (0.0,) * 6]
    spacing = [float(np.log(max(size, 1e-9))) / _SPACING_MATCH for size in header.spacing or (1.0, 1.0)]
    return [*cosines, *spacing]


def volumes_of(slices: Sequence[SliceHeader], *, tolerance: float = ORIENTATION_MATCH) -> list[list[SliceHeader]]:
    """Split the slices of one file or series into the volumes that a person may choose from."""
    volumes: list[list[SliceHeader]] = []
    for group in groups_of(slices, tolerance=tolerance):
        volumes += split_repeats(group)[0] if is_placed(group[0]) else [group]
    return volumes


Heartbeat = Callable[[Path], None]
"""Told each file whose pixels are looked at: that takes a while where a folder is there twice."""


def split_repeats(
    slices: list[SliceHeader], heartbeat: Heartbeat = lambda _path: None
) -> tuple[list[list[SliceHeader]], int, bool]:
    """Split placed slices that share places into volumes.

    Returns
    -------
    tuple
        The volumes; how many exact copies of a slice were left out; whether the
        headers tell the volumes apart (else they are told by the order of numbers).
    """
    kept = _without_same_uid(slices, heartbeat)
    places = _places(kept)
    if _most(places) == 1:
        return [kept], len(slices) - len(kept), True
    told = _told_apart(kept, places)
    if told is not None:
        return told, len(slices) - len(kept), True
    kept = _without_same_pixels(kept, places, heartbeat)
    places = _places(kept)
    copies = len(slices) - len(kept)
    if _most(places) == 1:
        return [kept], copies, True
    told = _told_apart(kept, places)
    return (_in_turns(kept, places), copies, False) if told is None else (told, copies, True)


def _places(slices: Sequence[SliceHeader]) -> NDArray[np.intp]:
    """Return the number of the place at which each slice lies."""
    distances = along(slices)
    order = np.argsort(distances, kind="stable")
    numbered = np.concatenate([[0], np.cumsum(np.diff(distances[order]) >= SAME_PLACE_MM)])
    places = np.empty(len(slices), dtype=np.intp)
    places[order] = numbered
    return places


def _most(places: NDArray[np.intp]) -> int:
    return int(np.bincount(places).max())


def _told_apart(slices: list[SliceHeader], places: NDArray[np.intp]) -> list[list[SliceHeader]] | None:
    """Split by the elements (one, or up to three together) that leave every place once in a volume."""
    columns = [list(column) for column in zip(*(splitters(header) for header in slices), strict=True)]
    telling = [column for column in columns if len(set(column)) > 1]
    codes = [np.unique(np.array(column), return_inverse=True)[1] for column in telling]
    wanted, fewest = _most(places), len(slices)
    best: tuple[int, ...] | None = None
    for some in _choices(len(codes)):
        parts = _combined([codes[index] for index in some])
        count = int(parts.max()) + 1
        pairs = parts * (int(places.max()) + 1) + places
        if len(np.unique(pairs)) < len(slices):
            continue
        if count == wanted:
            best = some
            break
        # slabs that overlap: more volumes than repeats; an element that differs on every slice tells nothing
        if count < fewest and int(np.bincount(parts).min()) > 1:
            best, fewest = some, count
    if best is None:
        return None
    volumes: dict[tuple[tuple[int, float, str], ...], list[SliceHeader]] = defaultdict(list)
    for number, header in enumerate(slices):
        volumes[tuple(_numeric(telling[index][number]) for index in best)].append(header)
    return [volumes[key] for key in sorted(volumes)]


def _choices(columns: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, min(_MOST_COLUMNS, columns) + 1):
        yield from combinations(range(columns), size)


def _combined(codes: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """Return one number per slice for the combination of its codes, from 0 without gaps."""
    combined = codes[0]
    for more in codes[1:]:
        combined = np.unique(combined * (int(more.max()) + 1) + more, return_inverse=True)[1]
    return combined


def _numeric(text: str) -> tuple[int, float, str]:
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)


def _in_turns(slices: Sequence[SliceHeader], places: NDArray[np.intp]) -> list[list[SliceHeader]]:
    """Put the first slice of each place together, then the second ones and so on, by their numbers."""
    turns: dict[int, list[SliceHeader]] = defaultdict(list)
    seen: dict[int, int] = defaultdict(int)
    order = sorted(range(len(slices)), key=lambda one: (slices[one].number, slices[one].frame, slices[one].path.name))
    for one in order:
        place = int(places[one])
        turns[seen[place]].append(slices[one])
        seen[place] += 1
    return [turns[turn] for turn in sorted(turns)]


def _without_same_uid(slices: Sequence[SliceHeader], heartbeat: Heartbeat) -> list[SliceHeader]:
    """Leave out further files of one instance, if their pixels are the same."""
    marks: dict[Path, str] = {}
    kept: dict[tuple[str, int], list[SliceHeader]] = defaultdict(list)
    for header in slices:
        uid = word(header.dataset, "SOPInstanceUID") or str(header.path)
        same = kept[(uid, header.frame)]
        if same:
            for one in (header, *same):
                if one.path not in marks:
                    heartbeat(one.path)
                    marks[one.path] = _pixels(one)
        if not any(marks[header.path] == marks[other.path] for other in same):
            same.append(header)
    return [header for same in kept.values() for header in same]


def _without_same_pixels(
    slices: Sequence[SliceHeader], places: NDArray[np.intp], heartbeat: Heartbeat
) -> list[SliceHeader]:
    """Leave out slices that repeat the very pixels of another one at their place."""
    repeated = np.bincount(places) > 1
    seen: set[tuple[int, str]] = set()
    kept = []
    for header, place in zip(slices, places, strict=True):
        if repeated[place] and header.frames == 1:
            heartbeat(header.path)
            mark = (int(place), _pixels(header))
            if mark in seen:
                continue
            seen.add(mark)
        kept.append(header)
    return kept


def _pixels(header: SliceHeader) -> str:
    """Return a hash of a file's stored pixels; a file that cannot be read is like no other."""
    try:
        dataset = load(header.path)
    except InputError:
        return str(header.path)
    data = dataset.get("PixelData")
    return hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else str(header.path)


def splitters(header: SliceHeader) -> tuple[str, ...]:
    """Return what tells slices at one place apart, the most telling first."""

    def macro(name: str) -> Dataset:
        return next((found for group in header.groups if (found := first(group, name))), Dataset())

    dataset = header.dataset
    content, echo, diffusion = macro("FrameContentSequence"), macro("MREchoSequence"), macro("MRDiffusionSequence")
    direction = first(diffusion, "DiffusionGradientDirectionSequence")
    kind = macro("MRImageFrameTypeSequence") or macro("CTImageFrameTypeSequence")
    return (
        word(content, "TemporalPositionIndex") or word(dataset, "TemporalPositionIdentifier"),
        word(echo, "EffectiveEchoTime") or word(dataset, "EchoTime") or word(dataset, "EchoNumbers"),
        word(diffusion, "DiffusionBValue") or word(dataset, "DiffusionBValue") or _private(dataset, _PRIVATE_B_VALUES),
        word(direction, "DiffusionGradientOrientation") or word(dataset, "DiffusionGradientOrientation"),
        "/".join(words(kind, "FrameType") or words(dataset, "ImageType"))
        + (word(kind, "ComplexImageComponent") or word(dataset, "ComplexImageComponent")),
        word(dataset, "InversionTime"),
        word(dataset, "TriggerTime"),
        word(dataset, "ConvolutionKernel"),
        _other_dimensions(dataset, content),
        word(dataset, "AcquisitionNumber"),
        word(dataset, "AcquisitionTime"),
        word(dataset, "ContentTime"),
    )


def _private(dataset: Elements, tags: tuple[int, ...]) -> str:
    for tag in tags:
        element = dataset.get(tag)
        if element is not None:
            value = element.value
            return value.decode("latin-1").strip(" \0") if isinstance(value, bytes) else str(value)
    return ""


def _other_dimensions(dataset: Elements, content: Dataset) -> str:
    """Return a frame's dimension indices but those of its place."""
    pointers = [int(item.get("DimensionIndexPointer") or 0) for item in dataset.get("DimensionIndexSequence") or ()]
    values = numbers(content, "DimensionIndexValues") or ()
    if len(pointers) != len(values):
        return ""
    return "/".join(f"{value:g}" for pointer, value in zip(pointers, values, strict=True) if pointer not in _PLACES)
