"""A stripped brain as a DICOM series: the scan's own files, new and derived, with all but the brain made background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.exchange.dicom_seg import new_uid
from core.exchange.originals import Copy, Order
from core.geometry import Array
from core.io import atomic
from core.io.sandbox import Decoder
from core.project.scanfile import pixel_hash
from core.review.strip import PLAIN, Stripping, box_of, grown, stored_background, weights_of
from core.volume import Volume


def write_series(
    decoder: Decoder,
    files: Sequence[Path],
    volume: Volume,
    mask: Array,
    folder: Path,
    margin: float = 0.0,
    how: Stripping = PLAIN,
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
    how
        What becomes of the voxels outside; it is cropped within the slices only, each of which is a file.

    Returns
    -------
    list of Path
        What was written; if anything fails, nothing is left.

    Raises
    ------
    InputError
        ``output-in-the-way`` where the folder is not empty; ``strip-background``; those of
        :func:`core.exchange.originals.answer`.
    StorageError
        If the disk refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("output-in-the-way", file=folder)
    kept = np.asarray(grown(mask != 0, volume.geometry, margin))
    background = stored_background(volume, how.background) * volume.slope + volume.intercept
    weights = weights_of(kept, volume.geometry, how.soft)
    box = box_of(weights, volume.geometry, replace(how, slices_stay=True))
    order = Order(
        tuple(files),
        folder.name,
        pixel_hash(volume),
        volume.geometry,
        files_wanted=True,
        kept=kept,
        background=background,
        series=new_uid(),
        weights=weights if how.soft > 0 else None,
        box=box,
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
