"""HDF5 files from outside, read in the decoding child: never written, never leading to another file.

A file of this kind may say that its numbers are in other files (links, external
storage, virtual arrays), may name a filter that would load a library, or may hold
gigabytes in a kilobyte. All of it is looked at before a number is read.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.io.files import opened, split_member
from core.late import h5py

CACHE = 8 << 20
"""Bytes of chunks that are kept while slices are read."""
_FILTERS = frozenset(
    getattr(h5py.h5z, f"FILTER_{name}")
    for name in ("DEFLATE", "SHUFFLE", "FLETCHER32", "LZF", "SZIP", "SCALEOFFSET", "NBIT")
)
"""Those that h5py brings itself; for any other one HDF5 would look for a library on the disk."""
MAX_CHUNK = 512 << 20
_MOST_LINKS = 8


def opened_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading, without a lock on it.

    Raises
    ------
    OSError
        If it is none, or damaged.
    """
    if split_member(path) is not None:
        with opened(path) as member:
            return h5py.File(io.BytesIO(member.read()), "r")
    # a lock would need writing rights on network folders, and hold up whoever writes the file
    return h5py.File(path, "r", locking=False, rdcc_nbytes=CACHE)


def checked(archive: h5py.File, name: str, path: Path, depth: int = 0) -> h5py.Dataset | h5py.Group:
    """Return an object of an archive that is reached without leaving the file.

    Parameters
    ----------
    archive
        The open file.
    name
        Path of the object inside.
    path
        Named in errors.
    depth
        How many links within the file were followed to get here.

    Raises
    ------
    InputError
        ``archive-elsewhere`` where a link or an array points into another file,
        ``archive-filter`` where an array is packed by a filter that is not built in.
    KeyError
        If there is no such object.
    """
    here: Any = archive
    parts = [part for part in name.split("/") if part]
    for number, part in enumerate(parts):
        link = here.get(part, getlink=True)
        if isinstance(link, h5py.ExternalLink) or depth > _MOST_LINKS:
            raise InputError("archive-elsewhere", file=path.name)
        if isinstance(link, h5py.SoftLink):
            # within the file, but what it names may lead on: it is looked up by the same rules
            before = [] if link.path.startswith("/") else parts[:number]
            return checked(archive, "/".join([*before, link.path, *parts[number + 1 :]]), path, depth + 1)
        here = here[part]
    if isinstance(here, h5py.Dataset):
        refuse_elsewhere(here, path)
    return here


def refuse_elsewhere(dataset: h5py.Dataset, path: Path) -> None:
    """Refuse an array whose numbers are not in this file, or packed by a filter from outside.

    Raises
    ------
    InputError
        ``archive-elsewhere``, ``archive-filter``, ``file-too-large`` (absurd chunks).
    """
    if dataset.is_virtual or dataset.external:
        raise InputError("archive-elsewhere", file=path.name)
    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        if properties.get_filter(number)[0] not in _FILTERS:
            raise InputError("archive-filter", file=path.name)
    if dataset.chunks is not None:
        size = dataset.dtype.itemsize
        for count in dataset.chunks:
            size *= int(count)
        if size > MAX_CHUNK:
            raise InputError("file-too-large", file=path.name)
