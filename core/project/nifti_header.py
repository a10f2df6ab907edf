"""The header of a NIfTI file that leaves the program: the place that the scan came with, form by form."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import MATCH_MM, Geometry
from core.project import maskfile
from core.volume import Volume


def header_of(volume: Volume) -> Any:
    """Return a nibabel header (little-endian, uint8, slope 1) that lies where a scan lies.

    A scan from NIfTI keeps the codes of its sform and qform, and a qform that said
    something else than its sform: every program goes on seeing mask and scan together.
    A form that the scan did not have is written like the other one. A sheared grid
    (gantry tilt) has no quaternion: then only the sform speaks.
    """
    # nibabel (with pydicom behind it) takes most of a second to load: not before it is needed
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    raw = maskfile.header_of(volume.geometry)
    kind = Nifti1Header if raw[:4] == b"\x5c\x01\x00\x00" else Nifti2Header
    header = kind(binaryblock=raw[: kind.sizeof_hdr], endianness="<")
    if volume.facts.get("format") in ("nifti", "analyze") and not volume.geometry.orientation_known:
        # sizes only, as it came: every program lays scan and mask alike, each in its own way
        header["sform_code"] = header["qform_code"] = 0
        return header
    sform, qform = (_code(volume.facts, name) for name in ("sform_code", "qform_code"))
    if sform or qform:
        header["sform_code"] = sform or qform
        header["qform_code"] = qform or sform
    own = _own_qform(volume.facts)
    if own is not None and qform:
        # with its voxel sizes, which a quaternion is nothing without
        header.set_qform(own, qform, strip_shears=True)
    elif _corners_apart(header.get_qform(), volume.geometry) > MATCH_MM:
        header["qform_code"] = 0
    return header


def _code(facts: Mapping[str, str | int | float], name: str) -> int:
    value = facts.get(name, 0)
    return int(value) if isinstance(value, int) and 0 < value <= 10 else 0


def _own_qform(facts: Mapping[str, str | int | float]) -> NDArray[np.float64] | None:
    """Return the qform of a scan whose sform said something else, or None."""
    try:
        numbers = np.array([float(part) for part in str(facts.get("qform", "")).split()])
    except ValueError:
        return None
    return numbers.reshape(4, 4) if numbers.size == 16 and np.isfinite(numbers).all() else None


def _corners_apart(affine: NDArray[np.float64], geometry: Geometry) -> float:
    """Return how far (mm) the corner that moves most lies from where the grid has it."""
    ends = product(*((0.0, count - 1.0) for count in reversed(geometry.shape)))
    corners = np.array([[*corner, 1.0] for corner in ends])
    return float(np.linalg.norm((corners @ (affine - geometry.affine).T)[:, :3], axis=1).max())
