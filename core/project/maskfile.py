"""The file of a saved layer: one immutable ``.nii.gz`` that opens in any viewer."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import MATCH_MM, Geometry

_SCANNER = 1
_ALIGNED = 2
_GZIP = 31
_NIFTI1_MOST = 32767
RESERVED = range(251, 255)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A layer ready to be written.

    Parameters
    ----------
    data
        The file.
    sha256
        Of the file.
    content
        SHA-256 of the voxels.
    counts
        Voxels per value, zero left out.
    """

    data: bytes
    sha256: str
    content: str
    counts: dict[int, int]


def content_hash(mask: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of a layer's voxels ``[z, y, x]``."""
    return hashlib.sha256(np.ascontiguousarray(mask).data.cast("B")).hexdigest()


def file_hash(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def check(mask: NDArray[np.uint8], geometry: Geometry) -> None:
    """Refuse what is not a layer of this scan.

    Raises
    ------
    InputError
        ``mask-grid-differs`` for another shape or dtype.
    """
    if mask.dtype != np.uint8 or mask.shape != geometry.shape:
        raise InputError("mask-grid-differs", found=_size(mask.shape), wanted=_size(geometry.shape))


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(count) for count in reversed(shape))


def counts_of(mask: NDArray[np.uint8]) -> dict[int, int]:
    """Return voxels per value, zero left out.

    Raises
    ------
    InputError
        ``mask-value-reserved`` for the values 251 to 254.
    """
    totals = np.zeros(256, dtype=np.int64)
    for plane in mask:
        # a slice at a time: bincount makes 8-byte copies
        if plane.any():
            totals += np.bincount(plane.ravel(), minlength=256)
    found = {int(value): int(totals[value]) for value in np.flatnonzero(totals) if value}
    reserved = [value for value in found if value in RESERVED]
    if reserved:
        raise InputError("mask-value-reserved", value=reserved[0])
    return found


def header_of(geometry: Geometry) -> bytes:
    """Return the NIfTI header (little-endian, uint8, slope 1) of a layer on this grid."""
    depth, height, width = geometry.shape
    # nibabel (with pydicom behind it) takes most of a second to load: not before it is needed
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    kind = Nifti1Header if max(geometry.shape) <= _NIFTI1_MOST else Nifti2Header
    header = kind(endianness="<")
    header.set_data_dtype(np.uint8)
    header.set_data_shape((width, height, depth))
    header.set_slope_inter(1.0, 0.0)
    header.set_xyzt_units(xyz="mm" if geometry.spacing_known else "unknown")
    code = _SCANNER if geometry.orientation_known else _ALIGNED
    header.set_sform(geometry.affine, code)
    header.set_qform(geometry.affine, code, strip_shears=True)
    if np.abs(header.get_qform() - geometry.affine).max() > MATCH_MM:
        # a sheared grid (gantry tilt) has no quaternion: only the sform may speak
        header["qform_code"] = 0
    header["vox_offset"] = header.single_vox_offset
    header["intent_name"] = b"mask"
    header["magic"] = header.single_magic
    # four zero bytes: no extensions
    return bytes(header.binaryblock) + b"\0\0\0\0"


def encode(mask: NDArray[np.uint8], geometry: Geometry) -> Encoded:
    """Return the file of a layer, ``[z, y, x]`` uint8.

    The same layer gives the same bytes at any time.

    Raises
    ------
    InputError
        ``mask-grid-differs``, ``mask-value-reserved``.
    """
    check(mask, geometry)
    counts = counts_of(mask)
    contiguous = np.ascontiguousarray(mask)
    # gzip framing by zlib itself holds no time and no name
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    parts = [packer.compress(header_of(geometry))]
    # C order [z, y, x] is NIfTI's order: x runs fastest
    parts += [packer.compress(plane.data.cast("B")) for plane in contiguous]
    parts.append(packer.flush())
    data = b"".join(parts)
    return Encoded(data, file_hash(data), content_hash(contiguous), counts)


def decode(data: bytes, geometry: Geometry) -> NDArray[np.uint8]:
    """Return the layer of a file that :func:`encode` made, writable ``[z, y, x]`` uint8.

    Raises
    ------
    ValueError
        If it is not such a file, or on another grid.
    """
    head = header_of(geometry)
    size = len(head) + int(np.prod(geometry.shape))
    unpacker = zlib.decompressobj(_GZIP)
    try:
        raw = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError("not gzip") from error
    if len(raw) != size or not unpacker.eof:
        raise ValueError("another size")
    if _told_alike(raw[: len(head)]) != _told_alike(head):
        raise ValueError("another header")
    return np.frombuffer(raw, dtype=np.uint8, offset=len(head)).reshape(geometry.shape).copy()


def _told_alike(head: bytes) -> bytes:
    """Return a header less what comes of factorising the affine, whose last bits differ from processor to processor.

    Where the layer lies is told by the sform, and that no byte changed by the file's SHA-256.
    """
    from nibabel.nifti1 import header_dtype
    from nibabel.nifti2 import header_dtype as header_dtype_2

    kind = header_dtype if len(head) < header_dtype_2.itemsize else header_dtype_2
    fields = np.frombuffer(head, dtype=kind.newbyteorder("<"), count=1).copy()
    for name in ("pixdim", "qform_code", "quatern_b", "quatern_c", "quatern_d"):
        fields[name] = 0
    return fields.tobytes() + head[kind.itemsize :]


def remapped(mask: NDArray[np.uint8], remap: str) -> NDArray[np.uint8]:
    """Return a layer with the values that are meant, where a merge gave labels others than stand in the file.

    Parameters
    ----------
    mask
        As decoded.
    remap
        JSON, ``{"value in the file": value}``.

    Raises
    ------
    ValueError
        If it is no such thing.
    """
    table = np.arange(256, dtype=np.uint8)
    for value, meant in json.loads(remap).items():
        table[int(value)] = int(meant)
    result: NDArray[np.uint8] = table[mask]
    return result
