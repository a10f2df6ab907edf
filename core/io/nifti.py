"""NIfTI-1 and NIfTI-2 through nibabel: one volume of it, header first."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Literal

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.wrapstruct import WrapStructError

from core.errors import InputError
from core.geometry import Array, Geometry
from core.io.files import MAX_FILE, check_budget, opened
from core.io.source import OpenScan, Source
from core.volume import Volume

_FAULTS = (
    HeaderDataError,
    ImageDataError,
    WrapStructError,
    ImageFileError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    ArithmeticError,
    zlib.error,
)
_MOST_RATIO = 1040
"""Deflate cannot pack better than about 1032 : 1; a header that claims more lies."""
_MILLIMETRES = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}


def open_nifti(source: Source) -> OpenScan:
    """Open a NIfTI file as one scan.

    Parameters
    ----------
    source
        ``source.volume`` picks one of several volumes.

    Raises
    ------
    InputError
        ``nifti-unreadable``, ``file-truncated``, ``file-too-large``,
        ``volume-needed`` (several volumes, none chosen), ``volume-unknown``,
        ``nifti-not-scan`` (CIFTI, complex numbers, fewer than two axes).
    """
    path = source.files[0]
    try:
        return _open(path, source.volume)
    except MemoryError as error:
        raise InputError("file-too-large", file=path.name) from error
    except _FAULTS as error:
        raise InputError("nifti-unreadable", file=path.name) from error


def _open(path: Path, wanted: int | None) -> OpenScan:
    with opened(path) as file:
        packed = file.read(2) == b"\x1f\x8b"
        size = file.seek(0, io.SEEK_END)
    header, order = _header(path, packed)
    stored = np.dtype(header.get_data_dtype())
    dims = tuple(int(count) for count in header.get_data_shape())
    # CIFTI keeps matrices of surface points in axes 5 to 7
    if len(dims) < 2 or (len(dims) > 4 and dims[0] == dims[1] == dims[2] == dims[3] == 1) or stored.kind == "c":
        raise InputError("nifti-not-scan", file=path.name)
    if min(dims) < 1:
        raise InputError("nifti-unreadable", file=path.name)
    spatial = (*dims, 1)[:3]
    volumes = int(np.prod(dims[3:], dtype=np.float64)) if len(dims) > 3 else 1
    per_volume = int(np.prod(spatial, dtype=object)) * stored.itemsize
    check_budget(path, per_volume)
    offset = int(header.get_data_offset())
    if offset < 0:
        raise InputError("nifti-unreadable", file=path.name)
    # some writers leave it zero: the voxels then follow the header and its four flag bytes
    offset = max(offset, header.sizeof_hdr + 4)
    index = _choose(path, wanted, volumes)
    promised = offset + per_volume * (index + 1)
    if promised > (size * _MOST_RATIO if packed else size) or promised > MAX_FILE:
        raise InputError("file-truncated", file=path.name)
    geometry = Geometry((spatial[2], spatial[1], spatial[0]), _affine(header), *_known(header))
    slope, intercept = header.get_slope_inter()
    colour = stored.names is not None
    kept = np.dtype("uint8") if colour else stored.newbyteorder("=")
    if kept.kind == "b" or kept.itemsize > 8:
        kept = np.dtype("uint8") if kept.kind == "b" else np.dtype("float64")
    shape = geometry.shape + ((3,) if colour else ())
    voxels: list[Array] = []

    def one_slice(z: int) -> Array:
        if not voxels:
            raw = _read_block(path, packed, offset + per_volume * index, per_volume)
            voxels.append(_as_array(raw, stored, order, geometry.shape))
        return np.asarray(voxels[0][z], dtype=kept)

    volume = Volume(
        array=np.empty(0, kept),
        geometry=geometry,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        channels=("R", "G", "B") if colour else (),
        facts={"format": "nifti"} | ({"volume": index, "volumes": volumes} if volumes > 1 else {}),
    )
    return OpenScan(volume, shape, kept, one_slice)


def _header(path: Path, packed: bool) -> tuple[Any, Literal["<", ">"]]:
    """Read the header alone (its first 540 bytes and no extension)."""
    with opened(path) as file:
        raw = file.read(4096)
    head = zlib.decompressobj(wbits=31).decompress(raw, 544) if packed else raw[:544]
    if len(head) < nibabel.Nifti1Header.sizeof_hdr:
        raise InputError("file-truncated", file=path.name)
    for kind in (nibabel.Nifti1Header, nibabel.Nifti2Header):
        if len(head) >= kind.sizeof_hdr and kind.may_contain_header(head[: kind.sizeof_hdr]):
            header = kind.from_fileobj(io.BytesIO(head[: kind.sizeof_hdr] + b"\0\0\0\0"), check=False)
            return header, "<" if header.endianness == "<" else ">"
    raise InputError("nifti-unreadable", file=path.name)


def _choose(path: Path, wanted: int | None, volumes: int) -> int:
    if volumes == 1:
        return 0
    if wanted is None:
        raise InputError("volume-needed", file=path.name, volumes=volumes, last=volumes - 1)
    if not 0 <= wanted < volumes:
        raise InputError("volume-unknown", file=path.name, volume=wanted, last=volumes - 1)
    return wanted


def _affine(header: Any) -> Array:
    """Return the affine in mm: sform, else qform, else nibabel's fallback of the header."""
    affine = np.array(header.get_best_affine(), dtype=np.float64)
    try:
        unit = header.get_xyzt_units()[0]
    except KeyError:
        unit = "unknown"
    affine[:3] *= _MILLIMETRES.get(unit, 1.0)
    return np.asarray(affine)


def _known(header: Any) -> tuple[bool, bool]:
    """Whether spacing and orientation are known: a file without sform and qform only has sizes."""
    placed = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    sizes = np.abs(np.asarray(header["pixdim"][1:4], dtype=float))
    return placed or bool((sizes > 0).all()), placed


def _read_block(path: Path, packed: bool, offset: int, count: int) -> bytes:
    """Read ``count`` bytes from ``offset``, through gzip where packed, keeping nothing else."""
    with opened(path) as file:
        if packed:
            data = _inflate_block(path, file, offset, count)
        else:
            try:
                file.seek(offset)
                data = file.read(count)
            except OSError as error:
                raise InputError("file-unreadable", file=path.name) from error
    if len(data) < count:
        raise InputError("file-truncated", file=path.name)
    return data


def _inflate_block(path: Path, file: BinaryIO, offset: int, count: int) -> bytes:
    """Inflate a part of a (possibly many-membered) gzip, at most ``count`` bytes of it in memory."""
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            stream.seek(offset)
            return stream.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("file-truncated", file=path.name) from error


def _as_array(raw: bytes, stored: np.dtype[Any], order: Literal["<", ">"], shape: tuple[int, int, int]) -> Array:
    if stored.names is not None:
        # RGB24 / RGBA32: alpha is not kept
        flat = np.frombuffer(raw, np.uint8).reshape(*shape, len(stored.names))
        return flat[..., :3]
    return np.frombuffer(raw, stored.newbyteorder(order)).reshape(shape)
