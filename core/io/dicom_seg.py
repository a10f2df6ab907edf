"""DICOM SEG: what a segmentation file holds, and where its planes lie. Runs in the decoding child only."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import RLELossless

from core.errors import InputError
from core.geometry import Array, Geometry
from core.io.dicom_file import load, load_header, one_sentence
from core.io.elements import first, numbers, whole, word
from core.io.files import MAX_FRAMES, MAX_PIXELS, MAX_VOLUME, check_budget
from core.io.pixels import DEFLATED_FRAMES, NATIVE, Layout, unpacked
from core.io.sniff import Format, sniff

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
_EVEN = 0.01
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_D50 = np.array([0.9642, 1.0, 0.8251])
_TO_SRGB = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)
"""From XYZ under D50, the white of CIELab in DICOM, to linear sRGB."""


@dataclass(frozen=True)
class Segment:
    """One segment: its number, name, colour (``#rrggbb`` or empty), and whether a program alone made it."""

    number: int
    name: str
    color: str = ""
    automatic: bool = False


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a DICOM SEG holds.

    Parameters
    ----------
    segments
        In the order of their numbers.
    masks
        By segment number: bool ``[z, y, x]`` on ``geometry``; None for a segment without a frame.
    geometry
        The smallest regular grid that has all planes of the file.
    series, frame
        Series that it was drawn on, and the frame of reference: identity, never to be kept.
    fraction
        Share of the maximum from which on a fractional segmentation counts as inside; 0 for a binary one.
    """

    segments: tuple[Segment, ...]
    masks: Mapping[int, NDArray[np.bool_] | None]
    geometry: Geometry
    series: tuple[str, ...] = ()
    frame: str = ""
    fraction: float = 0.0

    def numbers(self, name: str) -> NDArray[np.uint16]:
        """Return one whole number per voxel.

        Raises
        ------
        InputError
            ``seg-overlap`` where segments share voxels, which one number cannot say.
        """
        made = np.zeros(self.geometry.shape, np.uint16)
        for segment in self.segments:
            mask = self.masks[segment.number]
            if mask is None:
                continue
            if (made[mask] != 0).any():
                raise InputError("seg-overlap", file=name)
            made[mask] = segment.number
        return made


def is_segmentation(path: Path) -> bool:
    """Whether a file is a DICOM SEG.

    Raises
    ------
    InputError
        ``dicom-unreadable`` and what the file says of itself.
    """
    if not path.is_file() or sniff(path) is not Format.DICOM:
        return False
    dataset = load_header(path)
    with one_sentence(path):
        return word(dataset, "SOPClassUID") in (SEGMENTATION, LABEL_MAP)


def read_segmentation(path: Path) -> Segmentation:
    """Read a DICOM SEG: binary, fractional or as a label map.

    Raises
    ------
    InputError
        ``seg-unplaced`` where its planes do not say where they lie, ``dicom-unreadable``, ``dicom-pixels``,
        ``file-too-large``.
    """
    dataset = load(path)
    with one_sentence(path):
        frames = _frames(dataset, path)
        grid, places = _grid(frames, (whole(dataset, "Rows"), whole(dataset, "Columns")), path)
        segments = _segments(dataset)
        series = tuple(word(one, "SeriesInstanceUID") for one in dataset.get("ReferencedSeriesSequence") or ())
        check_budget(path, int(np.prod(grid.shape, dtype=object)) * max(1, len(segments)))
    with one_sentence(path, "dicom-pixels"):
        pixels = _pixels(dataset, len(frames))
    with one_sentence(path):
        labelled = word(dataset, "SOPClassUID") == LABEL_MAP
        fractional = word(dataset, "SegmentationType") == "FRACTIONAL"
        least = max(1, -(-whole(dataset, "MaximumFractionalValue", 255) // 2)) if fractional else 1
        masks: dict[int, NDArray[np.bool_] | None] = {segment.number: None for segment in segments}
        for plane, frame, z in zip(pixels, frames, places, strict=True):
            for value in (int(one) for one in np.unique(plane) if one) if labelled else (frame.segment,):
                if value not in masks:
                    # value 0 of a label map is background; others that nobody describes are no damage to the rest
                    continue
                mask = masks[value]
                if mask is None:
                    mask = masks[value] = np.zeros(grid.shape, dtype=bool)
                mask[z] |= plane == value if labelled else plane >= least
    frame_uid = word(dataset, "FrameOfReferenceUID")
    return Segmentation(segments, masks, grid, tuple(filter(None, series)), frame_uid, 0.5 if fractional else 0.0)


@dataclass(frozen=True)
class _Frame:
    segment: int
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    step: tuple[float, ...]
    """Distances to the next plane that the file tells, the most telling first."""


def _frames(dataset: Dataset, path: Path) -> list[_Frame]:
    shared = first(dataset, "SharedFunctionalGroupsSequence")
    own = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    count = whole(dataset, "NumberOfFrames", 1) or 1
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    if not 1 <= count <= MAX_FRAMES or not 1 <= rows * columns <= MAX_PIXELS or count * rows * columns > MAX_VOLUME:
        raise InputError("file-too-large", file=path.name)
    if len(own) != count:
        raise InputError("seg-unplaced", file=path.name)

    def said(group: Dataset, macro: str, name: str, length: int = 0) -> tuple[float, ...]:
        return numbers(first(group, macro), name, length) or numbers(first(shared, macro), name, length) or ()

    found = []
    for group in own:
        segment = said(group, "SegmentIdentificationSequence", "ReferencedSegmentNumber")
        steps = (
            said(group, "PixelMeasuresSequence", "SpacingBetweenSlices"),
            said(group, "PixelMeasuresSequence", "SliceThickness"),
        )
        frame = _Frame(
            int(segment[0]) if segment else 0,
            said(group, "PlanePositionSequence", "ImagePositionPatient", 3),
            said(group, "PlaneOrientationSequence", "ImageOrientationPatient", 6),
            said(group, "PixelMeasuresSequence", "PixelSpacing", 2),
            tuple(abs(step[0]) for step in steps if step and step[0]),
        )
        if not (frame.position and frame.orientation and frame.spacing) or min(frame.spacing) <= 0:
            raise InputError("seg-unplaced", file=path.name)
        found.append(frame)
    if not np.allclose([one.orientation for one in found], found[0].orientation, atol=1e-3) or not np.allclose(
        [one.spacing for one in found], found[0].spacing, rtol=1e-4
    ):
        raise InputError("seg-unplaced", file=path.name)
    return found


def _grid(frames: Sequence[_Frame], size: tuple[int, int], path: Path) -> tuple[Geometry, list[int]]:
    """Return the smallest regular grid of all planes, and the slice that each frame lies on."""
    cosines = np.asarray(frames[0].orientation, dtype=float).reshape(2, 3)
    lengths = np.linalg.norm(cosines, axis=1, keepdims=True)
    if (np.abs(lengths - 1) > 0.05).any() or abs(float(cosines[0] @ cosines[1])) > 0.05:
        raise InputError("seg-unplaced", file=path.name)
    across, down = cosines / lengths
    normal = np.cross(across, down)
    normal /= np.linalg.norm(normal)
    positions = np.array([frame.position for frame in frames], dtype=float)
    along = (positions - positions[0]) @ normal
    planes, slot_of = _planes(along)
    told = frames[0].step
    counts, even = _counts(planes, told)
    if counts[-1] >= MAX_FRAMES:
        raise InputError("file-too-large", file=path.name)
    lowest, highest = int(np.argmin(along)), int(np.argmax(along))
    step = normal * (told[0] if told else 1.0)
    if counts[-1]:
        step = (positions[highest] - positions[lowest]) / counts[-1]
    affine = np.eye(4)
    affine[:3, 0] = across * frames[0].spacing[1]
    affine[:3, 1] = down * frames[0].spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = positions[lowest]
    grid = Geometry((int(counts[-1]) + 1, *size), _LPS_TO_RAS @ affine, True, True, even)
    return grid, [int(counts[slot]) for slot in slot_of]


def _planes(along: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the distinct places along the normal, rising, and which of them each frame has."""
    order = np.argsort(along, kind="stable")
    new = np.concatenate([[True], np.diff(along[order]) > _EVEN])
    slot_of = np.empty(len(along), dtype=np.intp)
    slot_of[order] = np.cumsum(new) - 1
    return along[order][new], slot_of


def _counts(planes: NDArray[np.float64], told: Sequence[float]) -> tuple[NDArray[np.int64], bool]:
    """Return at which step of a regular grid each plane lies; where there is none, they are counted through."""
    gaps = np.diff(planes)
    if not gaps.size:
        return np.zeros(1, dtype=np.int64), True
    for step in (*told, float(gaps.min())):
        steps = np.rint(gaps / step)
        if (steps >= 1).all() and (np.abs(gaps - steps * step) <= _EVEN * step * steps + _EVEN / 10).all():
            return np.concatenate([[0], np.cumsum(steps)]).astype(np.int64), True
    return np.arange(len(planes), dtype=np.int64), False


def _segments(dataset: Dataset) -> tuple[Segment, ...]:
    found: dict[int, Segment] = {}
    for one in dataset.get("SegmentSequence") or ():
        place = whole(one, "SegmentNumber")
        if not 0 < place <= 65535 or place in found:
            continue
        # a label of DICOM has 64 letters; we write the whole name beside it
        whole_name = word(one, "TrackingID") if word(dataset, "Manufacturer") == "Meninx" else ""
        name = " ".join((whole_name or word(one, "SegmentLabel")).split()) or f"Segment {place}"
        lab = numbers(one, "RecommendedDisplayCIELabValue", 3)
        color = hex_of(lab) if lab else ""
        found[place] = Segment(place, name, color, word(one, "SegmentAlgorithmType") == "AUTOMATIC")
    names: dict[str, int] = {}
    result = []
    for place in sorted(found):
        one = found[place]
        names[one.name.casefold()] = names.get(one.name.casefold(), 0) + 1
        # two segments of one name (two nodules) are two labels: they may overlap
        again = names[one.name.casefold()] > 1
        result.append(Segment(place, f"{one.name} {place}" if again else one.name, one.color, one.automatic))
    return tuple(result)


def _pixels(dataset: Any, count: int) -> Array:
    """Return all frames ``[n, y, x]`` as stored."""
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    syntax, allocated = str(dataset.file_meta.TransferSyntaxUID), whole(dataset, "BitsAllocated", 8)
    if syntax in NATIVE:
        if allocated != 1:
            return np.asarray(pixel_array(dataset)).reshape(count, rows, columns)
        return _bits(dataset.PixelData, count * rows * columns).reshape(count, rows, columns)
    stored = whole(dataset, "BitsStored", allocated)
    bits = (allocated, stored, stored - 1, False)
    layout = Layout(syntax, "PixelData", "OB", -1, -1, rows, columns, 1, count, "MONOCHROME2", 0, *bits)
    made = np.zeros((count, rows, columns), np.uint8 if allocated <= 8 else np.uint16)
    for index, frame in enumerate(generate_frames(dataset.PixelData, number_of_frames=count)):
        if allocated == 1 and syntax == DEFLATED_FRAMES:
            packed = zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, rows * columns)
            made[index] = _bits(packed, rows * columns).reshape(rows, columns)
        elif allocated == 1 and syntax == RLELossless:
            made[index] = _bits(_runs(frame[64:], -(-rows * columns // 8)), rows * columns).reshape(rows, columns)
        else:
            made[index] = unpacked(frame, layout)
    return made


def _bits(packed: bytes, wanted: int) -> NDArray[np.uint8]:
    """Return single bits; frames follow one another bit by bit, so that one may begin within a byte."""
    if len(packed) * 8 < wanted:
        raise ValueError("too few bits")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=wanted, bitorder="little")


def _runs(packed: bytes, wanted: int) -> bytes:
    """Unpack one segment of run-length coded bytes (which the libraries do for whole bytes per pixel only)."""
    made, at = bytearray(), 0
    while at < len(packed) and len(made) < wanted:
        head = packed[at]
        if head < 128:
            made += packed[at + 1 : at + 2 + head]
            at += head + 2
        else:
            # 128 says nothing
            made += packed[at + 1 : at + 2] * (257 - head if head > 128 else 0)
            at += 2 if head > 128 else 1
    return bytes(made[:wanted])


def hex_of(lab: Sequence[float]) -> str:
    """Return a colour of DICOM (CIELab in 16 bits) as ``#rrggbb``."""
    light, a, b = lab[0] / 65535 * 100, lab[1] / 65535 * 255 - 128, lab[2] / 65535 * 255 - 128
    fy = (light + 16) / 116
    f = np.array([fy + a / 500, fy, fy - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _D50
    linear = np.clip(_TO_SRGB @ xyz, 0.0, 1.0)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(float(part) * 255):02x}" for part in srgb)


def lab_of(color: str) -> tuple[int, int, int]:
    """Return ``#rrggbb`` as a colour of DICOM: CIELab under D50, in 16 bits."""
    srgb = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    ratio = np.linalg.inv(_TO_SRGB) @ linear / _D50
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    lab = (116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2]))
    scaled = (lab[0] / 100 * 65535, (lab[1] + 128) / 255 * 65535, (lab[2] + 128) / 255 * 65535)
    light, a, b = (int(np.clip(round(float(part)), 0, 65535)) for part in scaled)
    return light, a, b
