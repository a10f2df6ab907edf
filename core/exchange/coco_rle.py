"""COCO's run lengths: column after column, background first; as numbers, or as text of five bits a sign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

from core.errors import InputError

_FARTHEST = 1e5
"""Pixels; a corner farther away than that is no corner of a picture."""
_MOST_STEPS = 1 << 24
"""Of one outline: pycocotools makes five for each pixel that it passes."""
_MOST_SIGNS = 12
"""Of one number."""


def encode(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> dict[str, object]:
    """Return a mask ``[y, x]`` as compressed RLE (``size`` and ``counts``), made by pycocotools."""
    made = coco_mask.encode(np.asfortranarray(mask != 0, dtype=np.uint8))
    return {"size": [int(count) for count in made["size"]], "counts": made["counts"].decode("ascii")}


def decode(counts: Sequence[int] | str, shape: tuple[int, int], file: str = "") -> NDArray[np.uint8]:
    """Return the mask ``[y, x]`` of 0 and 1 of run lengths; written here, for pycocotools trusts them.

    Parameters
    ----------
    counts
        Numbers, or COCO's compressed text.
    shape
        Rows and columns; the caller has held them to its limits.
    file
        Named in errors.

    Raises
    ------
    InputError
        ``exchange-unreadable`` where the lengths are not those of this picture.
    """
    rows, columns = shape
    try:
        lengths = _unpacked(counts) if isinstance(counts, str) else np.asarray(counts, dtype=np.int64)
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError("exchange-unreadable", file=file) from error
    fits = lengths.ndim == 1 and (lengths >= 0).all() and (lengths <= rows * columns).all()
    if not fits or int(lengths.sum()) != rows * columns:
        raise InputError("exchange-unreadable", file=file)
    values = np.zeros(len(lengths), dtype=np.uint8)
    values[1::2] = 1
    return np.ascontiguousarray(np.repeat(values, lengths).reshape(columns, rows).T)


def _unpacked(text: str) -> NDArray[np.int64]:
    """Return the numbers of compressed text: from the fourth on, how each differs from the last but one."""
    signs = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    if not len(signs):
        return np.zeros(0, np.int64)
    if (signs < 0).any() or (signs > 63).any() or signs[-1] & 32:
        raise ValueError("no such sign")
    ends = np.flatnonzero((signs & 32) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    widths = ends - starts + 1
    if widths.max() > _MOST_SIGNS:
        raise ValueError("no such number")
    shifts = 5 * (np.arange(len(signs)) - np.repeat(starts, widths))
    numbers = np.add.reduceat((signs & 31) << shifts, starts)
    numbers -= np.where(signs[ends] & 16, np.int64(1) << (5 * widths), 0)
    if np.abs(numbers).max() >= 1 << 40:
        raise ValueError("no such number")
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def outline(corners: ArrayLike, shape: tuple[int, int], file: str = "") -> NDArray[np.uint8]:
    """Return the pixels ``[y, x]`` of a polygon as pycocotools has them; it gets nothing that it could choke on.

    Parameters
    ----------
    corners
        x, y, x, y, ... in pixels.
    shape
        Rows and columns.
    file
        Named in errors.

    Raises
    ------
    InputError
        ``exchange-unreadable``, ``exchange-too-large``.
    """
    try:
        flat = np.asarray(corners, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InputError("exchange-unreadable", file=file) from error
    if len(flat) % 2 or not np.isfinite(flat).all() or np.abs(flat).max(initial=0.0) > _FARTHEST:
        raise InputError("exchange-unreadable", file=file)
    if len(flat) < 6:
        return np.zeros(shape, np.uint8)
    points = flat.reshape(-1, 2)
    steps = np.abs(points - np.roll(points, -1, axis=0)).max(axis=1)
    if 5 * float(steps.sum()) + len(points) > _MOST_STEPS:
        raise InputError("exchange-too-large", file=file)
    rows, columns = shape
    (made,) = coco_mask.frPyObjects([flat.tolist()], rows, columns)
    return decode(made["counts"].decode("ascii"), shape, file)
