"""Where the voxels of a NIfTI file are: sform, qform or only sizes, and what does not agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import MATCH_MM, Geometry

_MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 0.001}
"""By the units code of the header; mm is meant where it says nothing."""


@dataclass(frozen=True)
class Place:
    """Where a volume is.

    Parameters
    ----------
    geometry
        Its grid, RAS mm.
    facts
        What a person should know: ``qform_differs_mm`` (the two places of the header
        differ by that much; the sform was used), ``sform_unusable``, ``place_unusable``,
        ``sizes_unusable``. What an export needs to write the same again: ``sform_code``,
        ``qform_code``, and the ``qform`` (16 numbers, mm) where it differs.
    """

    geometry: Geometry
    facts: dict[str, str | int | float] = field(default_factory=dict)


def place_of(fields: Any, shape: tuple[int, int, int], *, analyze: bool = False) -> Place:
    """Return where a volume is: by its sform, else its qform, else its voxel sizes alone.

    Parameters
    ----------
    fields
        nibabel's header, unchecked.
    shape
        (z, y, x).
    analyze
        Whether it is Analyze 7.5, which has sizes only.
    """
    counts = np.array(shape[::-1])
    sizes, whole = _sizes(fields, counts)
    facts: dict[str, str | int | float] = {} if whole else {"sizes_unusable": 1}
    if analyze:
        return Place(Geometry(shape, _centred(sizes, counts), whole, False), facts)
    scale = np.diag([_MILLIMETRES.get(int(fields["xyzt_units"]) & 7, 1.0)] * 3 + [1.0])
    sform = _sform(fields) if int(fields["sform_code"]) > 0 else None
    qform = _qform(fields, sizes) if int(fields["qform_code"]) > 0 else None
    if _usable(sform):
        assert sform is not None
        if _usable(qform):
            assert qform is not None
            apart = float(_apart(scale @ sform, scale @ qform, counts))
            facts["qform_code"] = int(fields["qform_code"])
            if apart > MATCH_MM:
                facts["qform_differs_mm"] = round(apart, 3)
                facts["qform"] = " ".join(f"{value:.9g}" for value in (scale @ qform).ravel())
        facts["sform_code"] = int(fields["sform_code"])
        # the sizes beside it do not matter then
        facts.pop("sizes_unusable", None)
        return Place(Geometry(shape, scale @ sform), facts)
    if sform is not None:
        facts["sform_unusable"] = 1
    if _usable(qform):
        assert qform is not None
        facts["qform_code"] = int(fields["qform_code"])
        return Place(Geometry(shape, scale @ qform, whole), facts)
    if sform is not None or qform is not None:
        facts["place_unusable"] = 1
        facts.pop("sform_unusable", None)
    return Place(Geometry(shape, scale @ _centred(sizes, counts), whole, False), facts)


def _sizes(fields: Any, counts: NDArray[Any]) -> tuple[NDArray[np.float64], bool]:
    """Return the voxel sizes (x, y, z), 1 where there is none, and whether all that matter were there."""
    sizes = np.abs(np.array(fields["pixdim"][1:4], dtype=np.float64))
    there = np.isfinite(sizes) & (sizes > 0)
    return np.where(there, sizes, 1.0), bool((there | (counts == 1)).all())


def _centred(sizes: NDArray[np.float64], counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the affine of a file that only says sizes, as nibabel lays it: x to the left, the middle at zero."""
    affine = np.diag([-sizes[0], sizes[1], sizes[2], 1.0])
    affine[:3, 3] = -(affine[:3, :3] @ ((counts - 1) / 2.0))
    return affine


def _sform(fields: Any) -> NDArray[np.float64]:
    rows = np.array([fields["srow_x"], fields["srow_y"], fields["srow_z"]], dtype=np.float64)
    return np.vstack([rows, [0.0, 0.0, 0.0, 1.0]])


def _qform(fields: Any, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine of the quaternion; a ``qfac`` of 0 counts as 1, as the standard has it."""
    b, c, d = (float(fields[f"quatern_{letter}"]) for letter in "bcd")
    rest = 1.0 - (b * b + c * c + d * d)
    if rest < 1e-7:
        # a half turn; rounded numbers are brought back to length 1
        length = np.sqrt(b * b + c * c + d * d)
        a, b, c, d = 0.0, b / length, c / length, d / length
    else:
        a = float(np.sqrt(rest))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
        ]
    )
    handed = -1.0 if float(fields["pixdim"][0]) < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = turn * (sizes * [1.0, 1.0, handed])
    affine[:3, 3] = [float(fields[f"qoffset_{letter}"]) for letter in "xyz"]
    return affine


def _usable(affine: NDArray[np.float64] | None) -> bool:
    if affine is None or not np.isfinite(affine).all():
        return False
    return abs(float(np.linalg.det(affine[:3, :3]))) >= 1e-12


def _apart(one: NDArray[np.float64], other: NDArray[np.float64], counts: NDArray[Any]) -> float:
    """Return how far (mm) the corner that moves most is moved by taking one place for the other."""
    corners = np.array([[*corner, 1.0] for corner in product(*((0.0, float(count - 1)) for count in counts))])
    return float(np.linalg.norm((corners @ (one - other).T)[:, :3], axis=1).max())
