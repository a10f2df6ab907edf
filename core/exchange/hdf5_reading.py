"""Reading the HDF5 files that Meninx writes (docs/formats.md): one scan each, its masks below ``/masks``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.hdf5 import KIND, LAYOUT
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.own import OwnScan, is_own, load
from core.exchange.places import files_of
from core.exchange.volumes import plain_color
from core.geometry import Geometry
from core.io.files import check_budget
from core.io.hdf5_heaps import attribute
from core.io.hdf5_reading import checked, opened_hdf5
from core.late import h5py
from core.messages import sentence

_ENDINGS = (".h5", ".hdf5")


def fits(path: Path) -> bool:
    """Whether this is such a file, or a folder that holds some."""
    files = [path] if path.is_file() else _files(path, 50)
    return any(_is_one(file) for file in files)


def _files(folder: Path, most: int) -> list[Path]:
    return [file for file in files_of(folder, most) if file.suffix.casefold() in _ENDINGS]


def _is_one(file: Path) -> bool:
    try:
        with opened_hdf5(file) as archive:
            return _word(archive, "format", file) == KIND
    except (OSError, RuntimeError, ValueError, KeyError):
        return False


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every scan; a damaged file among others is told of."""
    files = [path] if path.is_file() else _files(path, limits.items)
    folder = path if path.is_dir() else path.parent
    known: dict[str, OwnScan] = {}
    if is_own(folder, ("hdf5",)):
        known = {scan.name: scan for scan in load(folder, limits).scans}
    for file in files:
        try:
            yield _archive(file, known.get(file.stem), limits)
        except InputError as error:
            if len(files) == 1:
                raise
            yield Incoming(None, file.name, (1, 1, 1), (), "exchange-case", {"reason": sentence(error)})
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            damaged = InputError("exchange-unreadable", file=file.name)
            if len(files) == 1:
                raise damaged from error
            yield Incoming(None, file.name, (1, 1, 1), (), "exchange-case", {"reason": sentence(damaged)})


def _archive(file: Path, own: OwnScan | None, limits: Limits) -> Incoming:
    with opened_hdf5(file) as archive:
        if _word(archive, "format", file) != KIND:
            raise InputError("exchange-unreadable", file=file.name)
        if int(attribute(archive, "version", file)) > LAYOUT:
            raise InputError("exchange-newer", file=file.name)
        group = checked(archive, "masks", file)
        if not isinstance(group, h5py.Group) or len(group) > limits.masks:
            raise InputError("exchange-unreadable", file=file.name)
        masks = []
        shape: tuple[int, int, int] | None = None
        for name in group:
            mask = _mask(checked(archive, f"masks/{name}", file), file, own, limits)
            z, y, x = mask.array.shape
            if shape not in (None, (z, y, x)):
                raise InputError("exchange-unreadable", file=file.name)
            shape = (z, y, x)
            masks.append(mask)
        if shape is None:
            raise InputError("exchange-unreadable", file=file.name)
        affine = _affine(archive, shape, file)
        image = file if "image" in archive else None
    digest, patient = (own.digest, own.patient) if own is not None else ("", "")
    dataset = "image" if image is not None else ""
    return Incoming(
        image, file.stem, shape, tuple(masks), affine=affine, dataset=dataset, digest=digest, patient=patient
    )


def _mask(found: Any, file: Path, own: OwnScan | None, limits: Limits) -> IncomingMask:
    if not isinstance(found, h5py.Dataset) or found.ndim != 3 or found.dtype != np.uint8:
        raise InputError("exchange-unreadable", file=file.name)
    limits.check_shape(found.shape, file.name)
    check_budget(file, found.size)
    array = np.asarray(found[()])
    if array.size and int(array.max()) > 1:
        raise InputError("exchange-unreadable", file=file.name)
    finished = np.asarray(attribute(found, "finished", file))
    if finished.size > array.shape[0] or finished.dtype.kind not in "iu":
        raise InputError("exchange-unreadable", file=file.name)
    known = tuple(int(z) for z in finished.ravel() if 0 <= int(z) < array.shape[0])
    label = _word(found, "label", file).strip()
    if not label:
        raise InputError("exchange-unreadable", file=file.name)
    reader = "" if own is None else own.reader
    color = plain_color(_word(found, "color", file))
    return IncomingMask(label, array, reader=reader, color=color, finished=known)


def _word(holder: Any, name: str, file: Path) -> str:
    return str(attribute(holder, name, file)) if name in holder.attrs else ""


def _affine(archive: Any, shape: tuple[int, int, int], file: Path) -> NDArray[np.float64] | None:
    if "orientation_known" not in archive.attrs or not bool(attribute(archive, "orientation_known", file)):
        return None
    return Geometry(shape, np.asarray(attribute(archive, "affine", file), dtype=np.float64)).affine
