"""A stripped brain as a DICOM series: the scan's own files, new and derived, with all but the brain made background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.exchange.dicom_seg import new_uid
from core.exchange.originals import Copy, Order
from core.geometry import Array
from core.io import atomic
from core.io.sandbox import Decoder
from core.project.scanfile import pixel_hash
from core.review.strip import background_of, grown
from core.volume import Volume


def write_series(
    decoder: Decoder, files: Sequence[Path], volume: Volume, mask: Array, folder: Path, margin: float = 0.0
) -> list[Path]:
    """Write ``0001.dcm``, ``0002.dcm``, ...: new UIDs and what was done; place, rescale and number type as before.

    The patient stays named in them, as in the originals, which are only read.

    Parameters
    ----------
    decoder
        Reads the originals.
    files
        The DICOM files that the volume was read from.
    volume, mask
        The scan and its brain ``[z, y, x]``.
    folder
        Where; made if it is not there.
    margin
        Grow the mask by so many mm.

    Returns
    -------
    list of Path
        What was written; if anything fails, nothing is left.

    Raises
    ------
    InputError
        ``output-in-the-way`` where the folder is not empty; those of :func:`core.exchange.originals.answer`.
    StorageError
        If the disk refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("output-in-the-way", file=folder)
    kept = np.asarray(grown(mask != 0, volume.geometry, margin))
    background = background_of(volume) * volume.slope + volume.intercept
    order = Order(
        tuple(files), folder.name, pixel_hash(volume), volume.geometry, True, None, kept, background, new_uid()
    )
    atomic.make_folder(folder)
    written: list[Path] = []

    def write(copy: Copy) -> None:
        target = folder / f"{copy.number:04d}.dcm"
        written.append(target)
        atomic.write_bytes(target, copy.data)

    try:
        decoder.originals(order, write)
    except BaseException:
        for target in written:
            target.unlink(missing_ok=True)
        folder.rmdir()
        raise
    return written
