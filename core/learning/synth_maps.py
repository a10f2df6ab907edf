"""Maps of what tissue lies where in a head, from which training slices are made up.

A map comes with the signed distance to the surface of the Brain, as the glossary defines it: parenchyma with the
ventricles, without the CSF around it. Sulci narrower than :data:`CLOSED` on both sides belong to the Brain, as in
masks that people draw; the CSF over the gyri does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.geometry import Geometry, bounding_box
from core.late import cv2

CODES: tuple[int, ...] = (
    *(0, 24, 4, 43, 5, 44, 14, 15, 72, 2, 41, 3, 42, 7, 46, 8, 47, 10, 49, 11, 50, 12, 51, 13, 52, 16, 17, 53),
    *(18, 54, 25, 57, 26, 58, 28, 60, 30, 62, 85, 136, 137, 163, 164),
    *(502, 506, 507, 508, 509, 511, 512, 514, 515, 516, 530),
)
"""FreeSurfer codes (below 500) and clusters outside of the brain (SynthSeg), in the order of a map's tissues."""
AIR, CSF = 0, 1
BRAIN_TISSUES = tuple(number for number, code in enumerate(CODES) if 0 < code < 500 and code != 24)
OUTSIDE_TISSUES = tuple(number for number, code in enumerate(CODES) if code > 500)
CLOSED = 5.0
"""mm: gaps of the parenchyma up to twice as wide are closed."""
SMALL_HOLE = 200
"""mm2: smaller holes of a slice belong to the Brain."""
STEPS_PER_MM = 4
_FAR = 127


def tissue_of(code: int) -> int:
    """Return the number of a tissue in a map."""
    return CODES.index(code)


@dataclass(frozen=True, slots=True, eq=False)
class HeadMap:
    """One head.

    Parameters
    ----------
    name
        Where it came from.
    tissue
        uint8 ``[z, y, x]``, positions in :data:`CODES`; 1 mm, axes to superior, anterior and right; a rim of air.
    distance
        int8, the same shape: signed distance to the surface of the Brain in 1/4 mm, negative inside, cut off
        at 32 mm.
    reach
        First and last slice with Brain along z, y and x.
    """

    name: str
    tissue: NDArray[np.uint8]
    distance: NDArray[np.int8]
    reach: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, name: str, tissue: NDArray[np.uint8], distance: NDArray[np.int8]) -> HeadMap:
        """Return a map with its reach measured; there must be a Brain in it."""
        box = bounding_box(distance < 0)
        if box is None:
            raise ValueError(name)
        return cls(name, tissue, distance, tuple((part.start, part.stop - 1) for part in box.slices))

    @property
    def brain(self) -> NDArray[np.bool_]:
        """The Brain, ``[z, y, x]``."""
        return self.distance < 0

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what :func:`numpy.savez` may keep."""
        return {"name": np.array(self.name), "tissue": self.tissue, "distance": self.distance}


def head_map(name: str, codes: NDArray[np.integer]) -> HeadMap:
    """Make a map of FreeSurfer-like codes.

    Parameters
    ----------
    name
        Of the map.
    codes
        ``[z, y, x]`` at 1 mm, axes to superior, anterior and right. Codes that are not in :data:`CODES` count as
        soft tissue.

    Raises
    ------
    ValueError
        If there is no brain in it.
    """
    table = np.full(max(CODES[-1], int(codes.max())) + 1, tissue_of(507), dtype=np.uint8)
    for number, code in enumerate(CODES):
        table[code] = number
    tissue = table[codes]
    tissue = _without_specks(tissue)
    box = bounding_box(tissue > 0)
    if box is None or not np.isin(tissue, BRAIN_TISSUES).any():
        raise ValueError(name)
    tissue = np.pad(tissue[box.slices], 1)
    return HeadMap.of(name, tissue, signed_distance(brain_of(tissue)))


def brain_of(tissue: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the Brain of a map ``[z, y, x]`` at 1 mm: one piece, sulci closed, nothing enclosed left out."""
    parenchyma = np.isin(tissue, BRAIN_TISSUES)
    # what hangs on by a voxel is a dural sinus or a nerve
    pieces, count = ndimage.label(ndimage.binary_opening(parenchyma))
    if count:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        kept = ndimage.binary_dilation(pieces == sizes.argmax())
        parenchyma &= kept
    reach = int(np.ceil(CLOSED)) + 2
    padded = np.pad(parenchyma, reach)
    near = ndimage.distance_transform_edt(~padded) <= CLOSED
    closed = ndimage.distance_transform_edt(near) > CLOSED
    inner = (slice(reach, -reach),) * 3
    # a closing must not take in bone, air or scalp: what is closed is what lay open between gyri
    filled = parenchyma | (closed[inner] & np.isin(tissue, (*BRAIN_TISSUES, CSF)))
    return _without_pits(np.asarray(ndimage.binary_fill_holes(filled)))


def _without_pits(brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the Brain with small holes of its slices filled, as nobody leaves them out who draws slice by slice."""
    for axis in range(3):
        for plane in np.moveaxis(brain, axis, 0):
            drawn = plane.astype(np.uint8)
            _, holes, facts, _ = cv2.connectedComponentsWithStats(1 - drawn, connectivity=4)
            plane |= (facts[:, cv2.CC_STAT_AREA] <= SMALL_HOLE)[holes]
    return brain


def signed_distance(brain: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the distance to the surface in 1/4 mm, negative inside, of a mask at 1 mm; zero is between voxels."""
    outside = ndimage.distance_transform_edt(~brain) - 0.5
    inside = ndimage.distance_transform_edt(brain) - 0.5
    signed = np.where(brain, -inside, outside) * STEPS_PER_MM
    return np.asarray(np.clip(np.rint(signed), -_FAR, _FAR), dtype=np.int8)


def _without_specks(tissue: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the map without what floats in the air around the head."""
    pieces, count = ndimage.label(tissue > 0)
    if count < 2:
        return tissue
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.where(pieces == sizes.argmax(), tissue, np.uint8(AIR))


def upright(voxels: NDArray[np.generic], geometry: Geometry) -> NDArray[np.generic]:
    """Return voxels with the axes to superior, anterior and right, as they are, not resampled.

    Parameters
    ----------
    voxels
        ``[z, y, x]``.
    geometry
        Where they lie.

    Raises
    ------
    ValueError
        If they do not measure 1 mm: a map is made at 1 mm.
    """
    if any(abs(size - 1) > 0.02 for size in geometry.spacing):
        raise ValueError(geometry.spacing)
    rotation = np.asarray(geometry.affine)[:3, :3]
    # the world axis that each voxel axis (x, y, z) runs along
    along = [int(np.abs(rotation[:, axis]).argmax()) for axis in range(3)]
    order = [along.index(world) for world in range(3)]
    turned = voxels.transpose(2, 1, 0).transpose(order)
    for world, axis in enumerate(order):
        if rotation[world, axis] < 0:
            turned = np.flip(turned, axis=world)
    return np.ascontiguousarray(turned.transpose(2, 1, 0))


def save_maps(maps: Sequence[HeadMap]) -> bytes:
    """Return maps as the bytes of one file (npz), of which :func:`load_maps` makes them again."""
    import io

    buffer = io.BytesIO()
    arrays = {f"{number}_{key}": value for number, one in enumerate(maps) for key, value in one.to_arrays().items()}
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # the stubs think a name might be allow_pickle
    return buffer.getvalue()


def load_maps(file: Path) -> list[HeadMap]:
    """Read what :func:`save_maps` made."""
    with np.load(file) as arrays:
        count = len(arrays.files) // 3
        return [
            HeadMap.of(str(arrays[f"{n}_name"]), arrays[f"{n}_tissue"], arrays[f"{n}_distance"]) for n in range(count)
        ]
