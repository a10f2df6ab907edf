"""Masks and stripped brains as files, on the scan's own grid.

A volume becomes NIfTI with the very shape, affine, number type and scaling it came
with; a picture becomes a PNG of the same size. Nothing is resampled or reoriented.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError, MeninxError
from core.events import Events, Finished, Notice, Progress, Skipped, StopCheck
from core.geometry import Array
from core.io import atomic
from core.io.sniff import plain_name, plain_stem
from core.labels import BRAIN, layer_name
from core.late import cv2
from core.project import maskfile
from core.project.nifti_header import header_of
from core.project.predictions import read_prediction
from core.project.project import Project
from core.project.records import Scan
from core.review.compare import pick_annotation, read_truth
from core.review.strip import PLAIN, Stripping, apply_mask, grown, strip_scan
from core.volume import Volume

_ENDINGS = (".nii.gz", ".nii", ".dcm", ".dicom", ".ima", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".webp", ".bmp")
_PNG_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16))
_WBITS_GZIP = 31
_COLOURS = 3
_RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def stem_of(name: str) -> str:
    """Return a file's name without its ending, made safe as part of a file name."""
    lower = name.casefold()
    ending = next((one for one in _ENDINGS if lower.endswith(one)), "")
    plain = name[: len(name) - len(ending)] if ending else name
    return plain_name(plain)


def fits_nifti(volume: Volume) -> bool:
    """Whether NIfTI holds the numbers of a scan: colours only in 8 bits."""
    array = volume.array
    return array.ndim == 3 or array.shape[3] < _COLOURS or array.dtype == np.uint8


def encode_volume(volume: Volume) -> bytes:
    """Return a scan as ``.nii.gz``: its own shape, affine, number type and scaling.

    Raises
    ------
    InputError
        ``nifti-colours``.
    """
    if not fits_nifti(volume):
        raise InputError("nifti-colours")
    array = _storable(volume.array)
    header = header_of(volume)
    header.set_data_dtype(_RGB if array.ndim == 4 else array.dtype)
    header.set_slope_inter(volume.slope, volume.intercept)
    header["intent_name"] = b""
    return _packed(header, array)


def encode_mask(volume: Volume, mask: Array) -> bytes:
    """Return a mask ``[z, y, x]`` as ``.nii.gz`` of 0 and 1 that lies where its scan lies.

    Raises
    ------
    InputError
        ``mask-grid-differs``.
    """
    return encode_values(volume, (mask != 0).astype(np.uint8))


def encode_values(volume: Volume, values: NDArray[np.uint8 | np.uint16]) -> bytes:
    """Return whole numbers ``[z, y, x]`` as ``.nii.gz`` that lies where its scan lies.

    Raises
    ------
    InputError
        ``mask-grid-differs``.
    """
    maskfile.check(values.astype(np.uint8, copy=False), volume.geometry)
    header = header_of(volume)
    header.set_data_dtype(values.dtype)
    return _packed(header, values)


def _packed(header: Any, array: Array) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, _WBITS_GZIP)
    # four zero bytes: no extensions
    parts = [packer.compress(bytes(header.binaryblock) + b"\0\0\0\0")]
    for plane in array:
        little = np.ascontiguousarray(plane, dtype=plane.dtype.newbyteorder("<"))
        parts.append(packer.compress(little.view(np.uint8).data))
    parts.append(packer.flush())
    return b"".join(parts)


def _storable(array: Array) -> Array:
    """Return an array in a number type that NIfTI knows."""
    if array.ndim == 4:
        return array[..., :_COLOURS] if array.shape[3] >= _COLOURS else array[..., 0]
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    return array


def encode_picture(pixels: Array) -> bytes:
    """Return uint8 or uint16 ``[y, x]`` or ``[y, x, 3]`` (RGB) as PNG, without loss.

    Raises
    ------
    MeninxError
        ``picture-not-made``.
    """
    ready = np.ascontiguousarray(pixels)
    if ready.ndim == 3:
        ready = cv2.cvtColor(ready[..., :3], cv2.COLOR_RGB2BGR)
    made, data = cv2.imencode(".png", ready)
    if not made:
        raise MeninxError("picture-not-made")
    return data.tobytes()


def is_picture(volume: Volume) -> bool:
    """Whether a scan goes out as PNG: pictures without a known position, in 8 or 16 bits."""
    placed = volume.geometry.orientation_known or volume.geometry.spacing_known
    plain = volume.slope == 1.0 and volume.intercept == 0.0 and volume.array.dtype in _PNG_TYPES
    return not placed and plain and (volume.array.ndim == 3 or volume.array.shape[3] >= 3)


def save_mask(target: Path, volume: Volume, mask: Array) -> None:
    """Write a mask as NIfTI (0/1) on the scan's grid.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    atomic.write_bytes(target, encode_mask(volume, mask))


def save_brain(target: Path, volume: Volume, mask: Array, margin: float = 0.0) -> None:
    """Write the scan as NIfTI with everything outside the mask made background.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    atomic.write_bytes(target, encode_volume(apply_mask(volume, mask, margin)))


@dataclass(frozen=True)
class Outputs:
    """What to write for a scan.

    Parameters
    ----------
    folder
        Where; made if it is not there.
    brain, mask
        Which of the two.
    margin
        Grow the mask by so many mm (px) before anything is written.
    suffix
        Between the scan's name and ``_mask``, such as ``_tumour``.
    guarded
        Folders of the inputs: a file that is there already is never written over.
    stripping
        What becomes of the voxels outside; the mask is cropped with the scan.
    """

    folder: Path
    brain: bool = True
    mask: bool = True
    margin: float = 0.0
    suffix: str = ""
    guarded: tuple[Path, ...] = ()
    stripping: Stripping = PLAIN


def save_outputs(volume: Volume, mask: Array, name: str, outputs: Outputs, files: Sequence[Path] = ()) -> list[Path]:
    """Write ``<name>_brain`` and ``<name>_mask`` of a scan.

    Parameters
    ----------
    volume
        The scan.
    mask
        ``[z, y, x]``, non-zero is inside.
    name
        Stem of the file names.
    files
        Files the scan came from; a stack of pictures is written file by file under their names.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        ``output-in-the-way`` where a file in an input's folder would be written over; ``strip-background``.
    StorageError
        If the disk refuses.
    """
    kept = grown(mask != 0, volume.geometry, outputs.margin)
    planned = list(_planned(volume, kept, name, outputs, files))
    for target, _ in planned:
        if target.exists() and target.parent.resolve() in {folder.resolve() for folder in outputs.guarded}:
            raise InputError("output-in-the-way", file=target)
    atomic.make_folder(outputs.folder)
    for target, data in planned:
        atomic.write_bytes(target, data)
    return [target for target, _ in planned]


def _planned(
    volume: Volume, kept: NDArray[np.bool_], name: str, outputs: Outputs, files: Sequence[Path]
) -> Iterator[tuple[Path, bytes]]:
    stem = f"{name}{outputs.suffix}"
    pictures = is_picture(volume)
    # each picture is a file of its own: none is left out
    how = replace(outputs.stripping, slices_stay=outputs.stripping.slices_stay or pictures)
    brain, kept = strip_scan(volume, kept, how)
    if not pictures:
        if outputs.brain:
            yield outputs.folder / f"{stem}_brain.nii.gz", encode_volume(brain)
        if outputs.mask:
            yield outputs.folder / f"{stem}_mask.nii.gz", encode_mask(brain, kept)
        return
    stripped = brain.array
    for z in range(volume.shape[0]):
        one = stem
        if len(files) == volume.shape[0] and len(files) > 1:
            one = f"{plain_stem(files[z])}{outputs.suffix}"
        elif volume.shape[0] > 1:
            one = f"{stem}_{z + 1:04d}"
        if outputs.brain:
            yield outputs.folder / f"{one}_brain.png", encode_picture(stripped[z])
        if outputs.mask:
            yield outputs.folder / f"{one}_mask.png", encode_picture(kept[z].astype(np.uint8) * np.uint8(255))


def scan_stem(scan: Scan) -> str:
    """Return the file stem of a project's scan: pseudonyms only."""
    return f"{scan.patient_name}_{scan.name}"


def export_scan(
    project: Project,
    scan: Scan,
    outputs: Outputs,
    *,
    label: str = BRAIN,
    run: str | None = None,
    reader: str | None = None,
) -> tuple[list[Path], bool]:
    """Write a scan's mask and stripped brain from its annotation or a prediction.

    Parameters
    ----------
    label
        Whose mask.
    run
        Id of the run whose prediction is taken; None takes the annotation.
    reader
        Whose annotation; None as :func:`core.review.compare.pick_annotation`.

    Returns
    -------
    tuple
        The files, and whether every slice of the mask is finished (a prediction always is).

    Raises
    ------
    InputError
        ``mask-not-begun`` if there is none.
    LearningError
        ``prediction-missing``, ``prediction-damaged``.
    """
    whole = True
    mask: Any
    if run is not None:
        predicted = read_prediction(project, run, scan.id)
        mask = next((one for name, one in predicted.items() if name.casefold() == label.casefold()), None)
    else:
        named = project.labels().named(label)
        mask, known = read_truth(project, pick_annotation(project, scan.id, reader), named, scan.shape[0])
        whole = bool(known.all())
    if mask is None:
        raise InputError("mask-not-begun", label=label, scan=scan.name)
    volume = project.read_volume(scan.id)
    return save_outputs(volume, mask, scan_stem(scan), outputs), whole


def export_job(
    project_path: Path,
    folder: Path,
    should_stop: StopCheck,
    *,
    scans: Sequence[str] = (),
    label: str = BRAIN,
    run: str | None = None,
    reader: str | None = None,
    brain: bool = True,
    mask: bool = True,
    margin: float = 0.0,
) -> Events:
    """Write masks and stripped brains of scans; scans without a mask are skipped and listed.

    Parameters
    ----------
    scans
        Ids or display names; none means all.
    run, reader, label, brain, mask, margin
        As :func:`export_scan` and :class:`Outputs`.

    Raises
    ------
    InputError
        ``nothing-exported`` if no scan had a mask.
    """
    suffix = "" if label.casefold() == BRAIN.casefold() else f"_{layer_name(label)}"
    outputs = Outputs(Path(folder), brain=brain, mask=mask, margin=margin, suffix=suffix)
    written: list[str] = []
    with Project.open(Path(project_path), read_only=True) as project:
        chosen = [project.scan(ref) for ref in scans] if scans else project.scans()
        for number, scan in enumerate(chosen):
            if should_stop():
                break
            yield Progress(number, len(chosen), "writing", detail=scan.name)
            try:
                files, whole = export_scan(project, scan, outputs, label=label, run=run, reader=reader)
            except MeninxError as error:
                yield Skipped(scan.name, error)
                continue
            if not whole:
                yield Notice("export-unfinished", {"scan": scan.name})
            written += [file.as_posix() for file in files]
        if not written and chosen and not should_stop():
            raise InputError("nothing-exported", label=label)
        yield Progress(len(chosen), len(chosen), "writing")
        yield Finished({"files": written})
