"""The headers of files other than DICOM in words: fields of known meaning are shown, all free text is identity."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from PIL import ExifTags, Image, TiffTags

from core.errors import InputError
from core.io import hdf5_heaps, hdf5_reading
from core.io.entries_dicom import shortened
from core.io.files import opened
from core.io.raster import worded
from core.io.source import HeaderEntry
from core.late import h5py

_HEAD = 1 << 20
"""Bytes of a file in which its header must end."""
_MOST_VALUES = 16
_MOST_OBJECTS = 2_000
_FAULTS = (OSError, ValueError, KeyError, TypeError, RuntimeError, struct.error, zlib.error, EOFError, OverflowError)

_NRRD_PLAIN = frozenset(
    {
        *("type", "dimension", "space", "space dimension", "sizes", "space directions", "kinds", "endian", "encoding"),
        *("space origin", "spacings", "thicknesses", "axis mins", "axis maxs", "centers", "centerings", "units"),
        *(
            "space units",
            "measurement frame",
            "line skip",
            "byte skip",
            "min",
            "max",
            "old min",
            "old max",
            "block size",
        ),
    }
)
_META_PLAIN = frozenset(
    {
        *("ObjectType", "NDims", "BinaryData", "BinaryDataByteOrderMSB", "CompressedData", "CompressedDataSize"),
        *(
            "TransformMatrix",
            "Offset",
            "Origin",
            "Position",
            "Orientation",
            "CenterOfRotation",
            "AnatomicalOrientation",
        ),
        *("ElementSpacing", "ElementSize", "DimSize", "ElementType", "ElementNumberOfChannels", "HeaderSize"),
        *("ElementMin", "ElementMax", "ElementByteOrderMSB", "DistanceUnits", "Modality"),
    }
)
_NIFTI_TEXT = frozenset({"descrip", "aux_file", "intent_name", "db_name", "data_type", "generated", "scannum"})
_NIFTI_TEXT_LATER = frozenset({"patient_id", "exp_date", "exp_time", "originator", "hist_un0"})
_PICTURE_PLAIN = frozenset(
    {"dpi", "gamma", "compression", "interlace", "jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive"}
)
_TIFF_PLAIN = frozenset(
    {
        *("ImageWidth", "ImageLength", "BitsPerSample", "Compression", "PhotometricInterpretation", "FillOrder"),
        *("SamplesPerPixel", "RowsPerStrip", "XResolution", "YResolution", "PlanarConfiguration", "ResolutionUnit"),
        *("Predictor", "SampleFormat", "Orientation", "TileWidth", "TileLength", "ExtraSamples", "ExifImageWidth"),
        *("ExifImageHeight", "ColorSpace", "SMinSampleValue", "SMaxSampleValue", "MinSampleValue", "MaxSampleValue"),
    }
)
_PAR_PLAIN = (
    *("Scan Duration", "Max. number of", "Scan resolution", "Repetition time", "FOV", "Slice thickness", "Slice gap"),
    *("Water Fat shift", "Angulation", "Off Centre", "Flow compensation", "Presaturation", "Phase encoding velocity"),
    *(
        "MTC",
        "SPIR",
        "EPI factor",
        "Dynamic scan",
        "Diffusion",
        "Number of",
        "Technique",
        "Scan mode",
        "Patient position",
    ),
    *("Preparation direction", "Acquisition nr", "Reconstruction nr"),
)
_AFNI_PLAIN = re.compile(
    r"DATASET_(RANK|DIMENSIONS)|ORIENT_SPECIFIC|ORIGIN|DELTA|IJK_TO_DICOM.*|BRICK_(TYPES|STATS|FLOAT_FACS)"
    r"|TAXIS_(NUMS|FLOATS|OFFSETS)|SCENE_DATA|TYPESTRING|BYTEORDER_STRING|TEMPLATE_SPACE"
)


def nifti(path: Path) -> Iterator[HeaderEntry]:
    """List the fields of a NIfTI or Analyze header; its texts count as identity."""
    head = _unpacked(path, 544)
    kinds = (nibabel.Nifti1Header, nibabel.Nifti2Header, nibabel.AnalyzeHeader)
    found: Any = None
    for kind in kinds:
        whole = len(head) >= kind.sizeof_hdr
        if whole and (kind.may_contain_header(head[: kind.sizeof_hdr]) or kind is kinds[-1]):
            found = kind(head[: kind.sizeof_hdr], check=False)
            break
    if found is None:
        raise InputError("nifti-unreadable", file=path.name)
    fields = found.structarr
    for name in fields.dtype.names or ():
        value = fields[name]
        text = name in _NIFTI_TEXT_LATER or (value.dtype.kind in "SU" and name not in ("magic", "eol_check"))
        yield _line(name, name in _NIFTI_TEXT or text, value)


def nrrd(path: Path) -> Iterator[HeaderEntry]:
    """List the fields of a NRRD header; comments, content and own keys count as identity."""
    for line in _text(path, b"\n\n", b"\r\n\r\n")[1:]:
        if line.startswith("#"):
            yield HeaderEntry("#", "comment", shortened(line[1:]), identity=True)
            continue
        name, sign, value = line.partition(":=") if ":=" in line else line.partition(": ")
        if sign:
            plain = sign != ":=" and name.strip().casefold() in _NRRD_PLAIN
            yield HeaderEntry(name.strip() if plain else "", name.strip(), shortened(value), identity=not plain)


def metaimage(path: Path) -> Iterator[HeaderEntry]:
    """List the fields of a MetaImage header; those outside of its own definition count as identity."""
    for line in _text(path, b"ElementDataFile", b"ElementDataFile"):
        name, sign, value = line.partition("=")
        if sign:
            plain = name.strip() in _META_PLAIN
            yield HeaderEntry(name.strip() if plain else "", name.strip(), shortened(value), identity=not plain)


def mgh(path: Path) -> Iterator[HeaderEntry]:
    """List the fields of a FreeSurfer MGH header (numbers only)."""
    head = _unpacked(path, 284)
    if len(head) < 284:
        raise InputError("file-truncated", file=path.name)
    fields = nibabel.freesurfer.mghformat.MGHHeader(head[:284], check=False).structarr
    for name in fields.dtype.names or ():
        yield _line(name, fields[name].dtype.kind in "SU", fields[name])


def afni(path: Path) -> Iterator[HeaderEntry]:
    """List the attributes of an AFNI header; history and names count as identity."""
    name = path.name
    for ending in (".BRIK.gz", ".BRIK"):
        if name.endswith(ending):
            path = path.with_name(name.removesuffix(ending) + ".HEAD")
    blocks = re.split(r"\n\s*\n", "\n".join(_text(path)))
    for block in blocks:
        match = re.search(r"name\s*=\s*(\S+)\s*\n\s*count\s*=\s*\d+\s*\n?(.*)", block, re.DOTALL)
        if match:
            plain = _AFNI_PLAIN.fullmatch(match.group(1)) is not None
            value = " ".join(match.group(2).split()).strip("'~")
            yield HeaderEntry(match.group(1), match.group(1), shortened(value), identity=not plain)


def par_rec(path: Path) -> Iterator[HeaderEntry]:
    """List the general lines of a Philips PAR header; all but measures counts as identity."""
    if path.suffix.casefold() == ".rec":
        sister = path.with_suffix(".PAR" if path.suffix.isupper() else ".par")
        path = sister if sister.is_file() else path
    for line in _text(path):
        name, sign, value = line.partition(":")
        if line.startswith(".") and sign:
            name = " ".join(name.strip(". ").split())
            yield HeaderEntry("", name, shortened(value), identity=not name.startswith(_PAR_PLAIN))


def picture(path: Path) -> Iterator[HeaderEntry]:
    """List what a picture says of itself; EXIF and other text count as identity."""
    with worded(path), opened(path) as file:
        image = Image.open(file, formats=["PNG", "TIFF", "WEBP", "JPEG", "BMP"])
        yield HeaderEntry("", "Format", image.format or "")
        yield HeaderEntry("", "Size", f"{image.width} × {image.height}")
        yield HeaderEntry("", "Mode", image.mode)
        yield HeaderEntry("", "Pages", str(getattr(image, "n_frames", 1)))
        for name, value in image.info.items():
            words = f"{len(value)} bytes" if isinstance(value, bytes) else shortened(str(value))
            hidden = str(name) not in _PICTURE_PLAIN and not isinstance(value, bytes)
            yield HeaderEntry("", str(name) if not hidden else "text", words, identity=hidden)
        tags: Any = getattr(image, "tag_v2", None)
        names = {number: info.name for number, info in TiffTags.TAGS_V2.items()} if tags else ExifTags.TAGS
        for number, value in dict(tags or image.getexif()).items():
            name = names.get(number, "")
            yield _line(f"0x{number:04X}", name not in _TIFF_PLAIN, value, name or "Private")


def hdf5(path: Path) -> Iterator[HeaderEntry]:
    """List the arrays of an HDF5 file and the attributes of its objects; texts count as identity."""
    lines: list[HeaderEntry] = []

    def visit(name: str, found: object) -> object:
        depth = name.count("/")
        if isinstance(found, h5py.Dataset):
            shape = " × ".join(str(count) for count in found.shape or ())
            lines.append(HeaderEntry("", f"/{name}", f"{shape} {found.dtype}", depth=depth))
        elif isinstance(found, h5py.Group):
            lines.append(HeaderEntry("", f"/{name}", "", depth=depth))
        if isinstance(found, (h5py.Dataset, h5py.Group)):
            lines.extend(_attributes(path, found, depth + 1))
        return True if len(lines) > _MOST_OBJECTS else None

    try:
        with hdf5_reading.opened_hdf5(path) as archive:
            lines.extend(_attributes(path, archive, 0))
            # visits what lies in this file only: links that lead outside are not followed
            archive.visititems(visit)
    except _FAULTS as error:
        raise InputError("file-unreadable", file=path.name) from error
    yield from lines


def _attributes(path: Path, found: h5py.Dataset | h5py.Group, depth: int) -> Iterator[HeaderEntry]:
    for name in found.attrs:
        try:
            value = hdf5_heaps.attribute(found, name, path)
        except _FAULTS:
            continue
        array = np.asarray(value)
        yield _line("@", array.dtype.kind not in "biuf", array if array.ndim else value, name, depth=depth)


def _line(tag: str, identity: bool, value: Any, name: str = "", *, depth: int = 0) -> HeaderEntry:
    """Word a value of any kind; the name of a field is its tag unless told."""
    array = np.asarray(value)
    if array.dtype.kind in "SOU":
        parts = [part.decode("latin-1") if isinstance(part, bytes) else str(part) for part in array.ravel().tolist()]
    elif array.dtype.kind == "V":
        parts = [f"{array.nbytes} bytes"]
    else:
        parts = [f"{number:.8g}" if isinstance(number, float) else str(number) for number in array.ravel().tolist()]
    more = [f"(+ {len(parts) - _MOST_VALUES})"] if len(parts) > _MOST_VALUES else []
    words = shortened(", ".join([*parts[:_MOST_VALUES], *more]).replace("\0", ""))
    return HeaderEntry(tag, name or tag, words, identity=identity and bool(words), depth=depth)


def _unpacked(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, or of what its gzip holds."""
    with opened(path) as file:
        raw = file.read(max(4096, count))
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return zlib.decompressobj(wbits=31).decompress(raw, count)
    except zlib.error as error:
        raise InputError("file-truncated", file=path.name) from error


def _text(path: Path, *ends: bytes) -> list[str]:
    """Return the lines of a text header, up to and with the first of the ends."""
    with opened(path) as file:
        raw = io.BytesIO(file.read(_HEAD)).getvalue()
    places = [raw.find(end) for end in ends if raw.find(end) >= 0]
    if places:
        stop = raw.find(b"\n", min(places) + 1) if ends[0][:1] != b"\n" else min(places)
        raw = raw[: stop if stop >= 0 else len(raw)]
    return raw.decode("utf-8", "replace").splitlines()
