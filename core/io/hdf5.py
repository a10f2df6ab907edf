"""HDF5 that never writes to a disk: files are made in memory and go out through the one writer.

Measured on a full disk: HDF5 closes some files without an error though they are
not all there, and keeps the others open in the library, where they fail again
later. In memory neither can happen, and every fault is the writer's to word.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from core.io import atomic
from core.late import h5py

_GROWS_BY = 1 << 22


@contextlib.contextmanager
def written(target: Path) -> Iterator[h5py.File]:
    """Give an HDF5 file in memory, and write it whole when the block ends.

    Takes memory of about the (compressed) size of the file, twice.

    Parameters
    ----------
    target
        The file; its folder must exist.

    Yields
    ------
    h5py.File
        Empty, for writing. Its structure carries checksums.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only``, ``write-failed``; the old version is intact.
    """
    with h5py.File(
        target.name, "w", driver="core", backing_store=False, block_size=_GROWS_BY, libver=("v110", "v110")
    ) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    atomic.write_bytes(target, image)
