"""Label maps of other tools, read whole: their numbers, where they lie, and what each number is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.incoming import IncomingMask, Limits
from core.geometry import Array, Geometry
from core.io.files import check_budget, opened
from core.io.handover import decode_order
from core.io.opener import open_whole
from core.io.source import OpenScan

MOST_VALUES = 1000
"""A file with more distinct numbers is no label map."""
VOLUME_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mgz", ".mgh", ".mhd", ".tif", ".tiff", ".png")


@dataclass(frozen=True, eq=False)
class Numbers:
    """A label map: whole numbers ``[z, y, x]`` and where they lie."""

    array: Array
    geometry: Geometry

    @property
    def affine(self) -> NDArray[np.float64] | None:
        """Return the affine, None where the file does not say how the patient lies."""
        return self.geometry.affine if self.geometry.orientation_known else None


def read_numbers(path: Path, limits: Limits, volume: int | None = None) -> Numbers:
    """Read a label map of any format that Meninx reads.

    Raises
    ------
    InputError
        ``mask-unreadable`` where the numbers are not whole, ``exchange-too-large``, what the reader says.
    """
    scan = open_whole(path, volume)
    return Numbers(whole(_all(scan, path, limits), path), scan.volume.geometry)


def _all(scan: OpenScan, path: Path, limits: Limits) -> Array:
    limits.check_shape(scan.shape, path.name)
    check_budget(path, scan.nbytes)
    if len(scan.shape) != 3:
        raise InputError("mask-unreadable", file=path.name)
    array = np.empty(scan.shape, scan.dtype)
    for index in decode_order(scan.shape[0]):
        array[index] = scan.slice(index)
    if scan.volume.slope != 1.0 or scan.volume.intercept != 0.0:
        return scan.volume.values(array)
    return array


def whole(array: Array, path: Path) -> Array:
    """Return numbers as whole ones.

    Raises
    ------
    InputError
        ``mask-unreadable`` for fractions and what is no number.
    """
    if array.dtype.kind in "bui":
        return array
    if array.dtype.kind != "f" or not np.isfinite(array).all() or (array != np.rint(array)).any():
        raise InputError("mask-unreadable", file=path.name)
    if np.abs(array).max(initial=0.0) > 2**31 - 1:
        raise InputError("mask-unreadable", file=path.name)
    return array.astype(np.int32)


def header_shape(path: Path, limits: Limits) -> tuple[int, int, int]:
    """Return the size of a scan from its header."""
    scan = open_whole(path, 0)
    limits.check_shape(scan.shape[:3], path.name)
    return scan.volume.shape


def values_of(array: Array, path: Path) -> list[int]:
    """Return the numbers that occur, zero left out.

    Raises
    ------
    InputError
        ``mask-unreadable`` where they are too many for labels.
    """
    found: set[int] = set()
    for plane in array:
        found.update(int(value) for value in np.unique(plane))
        if len(found) > MOST_VALUES:
            raise InputError("mask-unreadable", file=path.name)
    return sorted(found - {0})


def by_value(
    array: Array,
    names: Mapping[int, str],
    path: Path,
    *,
    colors: Mapping[str, str] | None = None,
    finished: Sequence[int] | None = None,
) -> tuple[IncomingMask, ...]:
    """Return one mask per named value, also for those that do not occur; others are called by their number."""
    named = dict(names) | {value: f"Label {value}" for value in values_of(array, path) if value not in names}
    known = None if finished is None else tuple(finished)
    return tuple(
        IncomingMask(name, (array == value).astype(np.uint8), color=(colors or {}).get(name, ""), finished=known)
        for value, name in named.items()
    )


def stem_of_file(name: str) -> str:
    """Return a file name without its ending (``.nii.gz`` is one)."""
    lower = name.casefold()
    ending = next((one for one in VOLUME_ENDINGS if lower.endswith(one)), "")
    return name[: len(name) - len(ending)] if ending else name


def beside(folder: Path, stem: str) -> Path | None:
    """Return the file of this stem in a folder, whatever its ending; None for a link."""
    for ending in VOLUME_ENDINGS:
        file = folder / f"{stem}{ending}"
        if file.is_file() and not file.is_symlink():
            return file
    return None


def read_table(path: Path, limits: Limits) -> tuple[dict[int, str], dict[str, str]]:
    """Return names by number, and colours by name, of a ``labels.tsv`` or ``_dseg.tsv``; empty where there is none.

    Raises
    ------
    InputError
        ``exchange-unreadable``.
    """
    if not path.is_file() or path.is_symlink():
        return {}, {}
    with opened(path) as file:
        raw = file.read(min(limits.text, 1 << 20))
    rows = [line.split("\t") for line in raw.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    if not rows or not {"index", "name"} <= set(rows[0]):
        raise InputError("exchange-unreadable", file=path.name)
    names: dict[int, str] = {}
    colors: dict[str, str] = {}
    for row in _records(rows):
        index, name = row.get("index", ""), row.get("name", "").strip()
        if not index.isascii() or not index.isdigit() or len(index) > 6 or not int(index) or not name:
            continue
        names[int(index)] = name
        colors[name] = row.get("color", "")
    return names, {name: color for name, color in colors.items() if plain_color(color)}


def _records(rows: list[list[str]]) -> Iterator[dict[str, str]]:
    for row in rows[1:]:
        yield dict(zip(rows[0], row, strict=False))


def plain_color(word: str) -> str:
    """Return ``#rrggbb``, or nothing where a word is no such colour."""
    word = word.strip().casefold()
    return word if len(word) == 7 and word[0] == "#" and all(one in "0123456789abcdef" for one in word[1:]) else ""
