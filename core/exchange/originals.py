"""The DICOM files that a scan came from, asked for again: unchanged, or not at all. Runs in the decoding child only.

What leaves here is a header without pixels per slice (for files that refer to it), or
whole files: as they are, without the person, or with all but the brain made background.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian

from core.errors import InputError
from core.exchange.deidentify import Person, blank, deidentify, may_show_words
from core.geometry import Array, Box, Geometry
from core.io import grouping, stacking
from core.io.dicom_file import SliceHeader, headers, load, load_header, one_sentence, word
from core.io.files import MAX_FILE, opened, read_bytes
from core.io.pixels import FrameReader
from core.io.reading import read_source
from core.io.regrid import same_place
from core.io.sniff import Format
from core.io.source import Source
from core.project.scanfile import pixel_hash
from core.review.strip import WHOLE, faded
from core.version import VERSION
from core.volume import Volume

_NEEDED = ("PatientName", "PatientID")
_DAY = r"(\d{8})?"
_STRICT = {
    "PatientBirthDate": _DAY,
    "StudyDate": _DAY,
    "StudyTime": r"(\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?)?",
    "PatientSex": "[MFO]?",
    "AccessionNumber": ".{0,16}",
    "StudyID": ".{0,16}",
}
"""What a segmentation must have of them, if only empty, and how it may look."""
_CARRIED = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
    "FrameOfReferenceUID", "Modality", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge",
    "PatientWeight", "PatientSize", "AccessionNumber", "StudyID", "StudyDate", "StudyTime", "StudyDescription",
    "ReferringPhysicianName", "Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "SliceThickness", "SpacingBetweenSlices", "NumberOfFrames", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "LossyImageCompression", "BurnedInAnnotation", "ImageType",
    "PositionReferenceIndicator",
)  # fmt: skip
"""What a file that refers to these has of them."""
_OVERLAYS = range(0x6000, 0x6100)


@dataclass(frozen=True, eq=False)
class Order:
    """What is asked of the originals of one scan.

    Parameters
    ----------
    files
        Where they were when the scan was imported.
    name
        What the scan is called.
    digest, geometry
        Of the scan as it is in the project: the originals must still give just that.
    files_wanted
        Whole files; else one header per slice.
    person
        Who stands in them instead; None leaves them as they are.
    kept
        bool ``[z, y, x]``: everything else is made background, and the files become new ones derived from
        the old; None leaves the picture as it is.
    background
        Real value outside of ``kept``.
    series
        UID of the series that derived files are of.
    weights
        How much of each voxel is left, uint8 ``[z, y, x]`` (:func:`core.review.strip.weights_of`); None for all
        of what is kept, and nothing else.
    box
        Rows and columns of each picture that stay; None for all.
    """

    files: tuple[Path, ...]
    name: str
    digest: str
    geometry: Geometry
    files_wanted: bool = False
    person: Person | None = None
    kept: NDArray[np.bool_] | None = None
    background: float = 0.0
    series: str = ""
    weights: NDArray[np.uint8] | None = None
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class Original:
    """One slice: the number of its frame, from 1 (0 where no file holds it), and its header.

    A file with many frames gives its header, without pixels, with its first slice; None with the others.
    """

    z: int
    header: Dataset | None
    frame: int = 1


@dataclass(frozen=True, eq=False)
class Copy:
    """One file: its bytes, and whether words may be burnt into its picture."""

    number: int
    data: bytes
    words: bool = False


def answer(order: Order) -> Iterator[Original | Copy]:
    """Give what is asked for.

    Raises
    ------
    InputError
        ``originals-gone``, ``originals-changed``, ``originals-mosaic``, ``originals-volumes``.
    """
    slots = _slots(order)
    if not order.files_wanted:
        yield from _headers(order, slots)
        return
    there = [(z, slot) for z, slot in enumerate(slots) if slot is not None]
    by_file: dict[Path, list[tuple[int, SliceHeader]]] = {}
    for z, slot in there:
        by_file.setdefault(slot.path, []).append((z, slot))
    for number, (path, parts) in enumerate(by_file.items(), 1):
        yield Copy(number, *_file(order, number, path, parts))


def _slots(order: Order) -> list[SliceHeader | None]:
    """Return the slices of the scan in the project's order, once they are known to be the same."""
    try:
        found = [header for path in order.files for header in headers(path)]
    except (InputError, OSError) as error:
        raise InputError("originals-gone", scan=order.name) from error
    if found[0].mosaic:
        raise InputError("originals-mosaic", scan=order.name)
    with one_sentence(order.files[0]):
        volumes = grouping.volumes_of(found, tolerance=3 * grouping.ORIENTATION_MATCH)
        for number, slices in enumerate(volumes):
            grid = stacking.lay(slices, order.name)
            fits = grid.geometry.shape == order.geometry.shape and same_place(grid.geometry, order.geometry)
            if not fits or not grid.geometry.orientation_known:
                continue
            source = Source(Format.DICOM, order.files, order.name, volume=number if len(volumes) > 1 else None)
            if pixel_hash(_read(source, order)) == order.digest:
                return list(grid.slots)
    raise InputError("originals-changed", scan=order.name)


def _files(slots: Sequence[SliceHeader | None]) -> list[Path]:
    """Return the files of a scan, in the order of their first slices."""
    return list(dict.fromkeys(slot.path for slot in slots if slot is not None))


def _read(source: Source, order: Order) -> Volume:
    try:
        return read_source(source)
    except InputError as error:
        raise InputError("originals-changed", scan=order.name) from error


def _headers(order: Order, slots: Sequence[SliceHeader | None]) -> Iterator[Original]:
    known: dict[Path, Dataset] = {}
    numbers = {path: number for number, path in enumerate(_files(slots), 1)}
    for z, slot in enumerate(slots):
        if slot is None:
            yield Original(z, None, 0)
            continue
        if slot.path not in known:
            # one file with many frames is sent once: with its first slice
            whole = load_header(slot.path)
            with one_sentence(slot.path):
                known[slot.path] = _carried(whole, order, slots)
                if order.kept is not None:
                    # what is written beside it is the stripped series: that is what it refers to
                    _derive(known[slot.path], order, numbers[slot.path])
            yield Original(z, known[slot.path], slot.frame + 1)
        else:
            yield Original(z, None, slot.frame + 1)


def _carried(whole: Dataset, order: Order, slots: Sequence[SliceHeader | None]) -> Dataset:
    made = Dataset()
    source = whole if order.person is None else deidentify(whole, order.person)
    for name in _CARRIED:
        if name in source:
            made[name] = source[name]
    for name in ("PatientName", "ReferringPhysicianName"):
        if name in made:
            # a name remembers the letters it was written in; the new file is written in those of all languages
            setattr(made, name, word(made, name))
    made.SpecificCharacterSet = "ISO_IR 192"
    for name in (*_NEEDED, *_STRICT):
        if name not in made:
            setattr(made, name, "")
    for name, pattern in _STRICT.items():
        # real headers hold anything; what breaks the rules of its element would break the new file too
        if re.fullmatch(pattern, word(made, name)) is None:
            setattr(made, name, "")
    if word(made, "LossyImageCompression") not in ("00", "01") and "LossyImageCompression" in made:
        del made.LossyImageCompression
    if "PerFrameFunctionalGroupsSequence" in made:
        groups = made.PerFrameFunctionalGroupsSequence
        # only the frames of this scan, in its order: the numbers are put right by who refers to them
        made.PerFrameFunctionalGroupsSequence = Items(groups[slot.frame] for slot in slots if slot is not None)
        made.NumberOfFrames = len(made.PerFrameFunctionalGroupsSequence)
    if order.person is not None:
        for name in ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"):
            made[name] = source[name]
    return made


def _file(order: Order, number: int, path: Path, parts: Sequence[tuple[int, SliceHeader]]) -> tuple[bytes, bool]:
    """Return the bytes of one file as they shall go out, and whether it may have words burnt in."""
    if order.person is None and order.kept is None:
        with opened(path) as file:
            size = file.seek(0, io.SEEK_END)
        return read_bytes(path, min(size, MAX_FILE)), False
    frames = headers(path)
    if order.kept is not None and len(parts) != len(frames):
        raise InputError("originals-volumes", scan=order.name)
    whole = load(path)
    with one_sentence(path):
        words = may_show_words(whole)
        made = _plain(whole) if order.person is None else deidentify(whole, order.person)
        pixels = _pixels(order, frames, parts)
        if order.kept is not None:
            _derive(made, order, number)
        return _encoded(made, pixels, frames[0]), words


def _pixels(order: Order, frames: Sequence[SliceHeader], parts: Sequence[tuple[int, SliceHeader]]) -> Array:
    """Return the stored numbers of all frames, ``[n, y, x(, c)]``, with what must not be seen made background."""
    reader = FrameReader(load)
    places = {slot.frame: z for z, slot in parts}
    boxes = () if order.person is None else order.person.boxes
    made = []
    for header in frames:
        # stored numbers: the header's own tables stay in force
        picture = reader.frame(header.path, header.layout, header.frame, table=False)
        outside = _stored(order.background, header, picture)
        picture = blank(picture, boxes, 0 if order.kept is None else outside)
        if order.kept is not None:
            place = places[header.frame]
            weights = order.kept[place] * np.uint8(WHOLE) if order.weights is None else order.weights[place]
            picture = faded(picture, outside, weights)
        made.append(picture if order.box is None else picture[order.box.slices[1:]])
    return np.stack(made)


def _stored(real: float, header: SliceHeader, picture: Array) -> float:
    """Return the stored number that stands for a real value; within a table of values nobody can say: the least."""
    if header.table or picture.ndim == 3:
        return float(picture.min())
    value = (real - header.intercept) / header.slope
    if picture.dtype.kind == "f":
        return float(value)
    limits = np.iinfo(picture.dtype)
    return float(np.clip(np.rint(value), limits.min, limits.max))


def _plain(whole: Dataset) -> Dataset:
    """Return a header without pictures of the head beside the pixels: icons, overlays, private parts."""
    made = Dataset()
    for element in whole:
        group = element.tag.group
        if element.tag.is_private or group in _OVERLAYS or group in (0x0002, 0x7FE0) or element.tag == 0x00880200:
            continue
        made[element.tag] = element
    return made


def _derive(made: Dataset, order: Order, number: int) -> None:
    """Make a file a new one that was derived: new UIDs, what was done to it, and what it came from."""
    before = Dataset()
    before.ReferencedSOPClassUID, before.ReferencedSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    made.SourceImageSequence = Items([before])
    made.SOPInstanceUID = f"{order.series}.{number}"
    made.SeriesInstanceUID = order.series
    kind = [str(one) for one in made.get("ImageType") or ["ORIGINAL", "PRIMARY"]]
    made.ImageType = ["DERIVED", "SECONDARY", *kind[2:]] if len(kind) != 1 else ["DERIVED", "SECONDARY"]
    made.SeriesDescription = "Stripped"
    made.DerivationDescription = f"Brain kept, everything else made background (Meninx {VERSION})"
    made.RecognizableVisualFeatures = "NO"
    series = int(made.get("SeriesNumber") or 0)
    made.SeriesNumber = 1000 + series if 0 <= series < 1_000_000 else 1000
    if order.box is not None:
        made.DerivationDescription += ", cropped"
        _move(made, order.geometry, order.box)


def _move(made: Dataset, geometry: Geometry, box: Box) -> None:
    """Say where a picture begins now: rows and columns before it are gone."""
    _, row, column = box.low
    # the affine is in RAS, DICOM in LPS
    moved = geometry.affine[:3, :3] @ (column, row, 0) * (-1, -1, 1)
    groups = [*made.get("SharedFunctionalGroupsSequence", []), *made.get("PerFrameFunctionalGroupsSequence", [])]
    places = [made, *(place for group in groups for place in group.get("PlanePositionSequence", []))]
    for place in places:
        if "ImagePositionPatient" in place:
            before = [float(one) for one in place.ImagePositionPatient]
            # 16 letters are all that a number of a header may have
            place.ImagePositionPatient = [f"{one:.9g}" for one in np.add(before, moved)]


def _encoded(made: Dataset, pixels: Array, header: SliceHeader) -> bytes:
    """Return a file of plain little-endian pixels: what a compressed stream may say beside them stays behind."""
    layout = header.layout
    colour = pixels.ndim == 4
    made.Rows, made.Columns = pixels.shape[1:3]
    made.SamplesPerPixel = 3 if colour else 1
    if colour:
        made.PhotometricInterpretation, made.PlanarConfiguration = "RGB", 0
    else:
        made.PhotometricInterpretation = "MONOCHROME1" if layout.photometric == "MONOCHROME1" else "MONOCHROME2"
    if pixels.shape[0] > 1 or "NumberOfFrames" in made:
        made.NumberOfFrames = pixels.shape[0]
    bits = 8 * pixels.dtype.itemsize
    made.BitsAllocated = bits
    data = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")).tobytes()
    if pixels.dtype.kind == "f":
        setattr(made, "FloatPixelData" if bits == 32 else "DoubleFloatPixelData", data)
    else:
        made.BitsStored = min(bits, layout.stored) if not colour else bits
        made.HighBit = made.BitsStored - 1
        made.PixelRepresentation = int(pixels.dtype.kind == "i")
        made.PixelData = data + b"\0" * (len(data) % 2)
        made["PixelData"].VR = "OW" if bits > 8 else "OB"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    made.file_meta = meta
    target = io.BytesIO()
    made.save_as(target, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return target.getvalue()
