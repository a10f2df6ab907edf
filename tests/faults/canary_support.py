"""Files that carry a made-up person in every corner, and the search for that person in what the program left behind."""

from __future__ import annotations

import bz2
import gzip
import io
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pydicom
from nibabel.nifti1 import Nifti1Extension
from PIL import Image, PngImagePlugin
from pydicom.datadict import DicomDictionary
from pydicom.uid import CTImageStorage
from reader_support import AXIAL, noise, write_dicom

# words longer than DICOM allows are wanted here, whatever was imported before
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

WORD = "Zqxcanary"
"""In every name, text and file name."""
DAY = "18990807"
"""The person's birthday, and the day of everything else."""
ROOT = "1.2.826.0.1.99999777"
"""Of every UID."""
TELLS = (WORD.lower(), DAY, "1899-08-07", "99999777")
_TEXT = {"PN": f"{WORD}^Vogel", "DA": DAY, "DT": f"{DAY}112233", "AE": WORD}
_WORDS = {"LO", "SH", "LT", "ST", "UT", "UC", "UR"}
_NEEDED = {"SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"}
SHAPE = (16, 14)


def hidden(data: bytes) -> list[str]:
    """Return which marks of the person stand in some bytes, in any usual encoding."""
    small = data.lower()
    coded = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")
    return [mark for mark in TELLS if any(mark.encode(way) in small for way in coded)]


def search(folder: Path) -> list[str]:
    """Look for the person below a folder: names, bytes, and what is packed. The links may know."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if any(mark in name.lower() for mark in TELLS):
            found.append(f"{name}: its name")
        if path.is_file() and not path.name.startswith("links.sqlite"):
            found += [f"{name}: {place}: {marks}" for place, data in _contents(path) if (marks := hidden(data))]
    return found


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Give a file's bytes, and those inside of what it packs."""
    data = path.read_bytes()
    yield "bytes", data
    if data[:2] == b"\x1f\x8b":
        yield "unpacked", gzip.decompress(data)
    if data[:3] == b"BZh":
        yield "unpacked", bz2.decompress(data)
    if data[:16] == b"SQLite format 3\0":
        yield "tables", _dump(path)
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        with h5py.File(io.BytesIO(data), "r") as file:
            parts = [repr(sorted(file.attrs.items()))]
            file.visititems(lambda name, one: parts.append(f"{name} {sorted(one.attrs.items())!r} {_head(one)!r}"))
            yield "inside", "\n".join(parts).encode()
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        with Image.open(path) as picture:
            yield "text", repr(picture.info).encode()
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(path) as bundle:
            for name in bundle.namelist():
                yield name, name.encode() + bundle.read(name)
    with suppress(zlib.error):
        yield "inflated", zlib.decompress(data)


def _head(one: h5py.Dataset | h5py.Group) -> object:
    return one[()] if isinstance(one, h5py.Dataset) and one.dtype.kind in "OSU" else ""


def _dump(path: Path) -> bytes:
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as base:
        base.text_factory = bytes
        tables = [name.decode() for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [repr(row) for table in tables for row in base.execute(f'SELECT * FROM "{table}"')]
    base.close()
    return "\n".join(rows).encode()


# ------------------------------------------------------------------ the files


def canary_dicom(path: Path, index: int = 0, **elements: object) -> pydicom.FileDataset:
    """Write a slice that names the person in every element that can hold text, in sequences and private ones too."""
    place = {
        "ImagePositionPatient": [0, 0, 3.0 * index],
        "ImageOrientationPatient": list(AXIAL),
        "PixelSpacing": [1, 1],
        "InstanceNumber": index + 1,
        "WindowCenter": [40, 400],
        "WindowWidth": [80, 1000],
    }
    dataset = write_dicom(path, noise(SHAPE, seed=index, top=900, dtype="uint16"), **place)
    for tag, (vr, _vm, _name, retired, keyword) in DicomDictionary.items():
        if tag >> 16 in (0, 2, 4, 0xFFFE, 0x7FE0) or retired or not keyword or keyword in _NEEDED:
            continue
        if vr in _WORDS or vr in _TEXT or vr == "UI":
            dataset.add_new(tag, vr, _TEXT.get(vr) or (f"{ROOT}.{tag}" if vr == "UI" else f"{WORD} {keyword}"[:60]))
    dataset.WindowCenterWidthExplanation = [f"{WORD} one", f"{WORD} two"]
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.1.{index}"
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = f"{ROOT}.2", f"{ROOT}.3"
    dataset.FrameOfReferenceUID = f"{ROOT}.4"
    inside = pydicom.Dataset()
    inside.PatientName, inside.RequestedProcedureDescription = f"{WORD}^Inside", f"{WORD} asked for"
    dataset.RequestAttributesSequence = [inside]
    block = dataset.private_block(0x0029, f"{WORD.upper()} PRIVATE", create=True)
    for number, (vr, value) in enumerate((("LO", f"{WORD} private"), ("PN", f"{WORD}^Private"), ("DA", DAY))):
        block.add_new(number, vr, value)
    block.add_new(9, "OB", f"{WORD} in bytes ".encode())
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def _volumes(folder: Path) -> None:
    array = noise((5, 6, 7), top=900, dtype="int16")
    picture = nibabel.Nifti1Image(array.T, np.diag([1.0, 2.0, 3.0, 1.0]))
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        picture.header[field] = f"{WORD} {field}"[: picture.header[field].dtype.itemsize]
    picture.header.extensions.append(Nifti1Extension("comment", f"{WORD} {DAY}".encode()))
    nibabel.save(picture, folder / f"{WORD}.nii.gz")
    mask = nibabel.Nifti1Image((array.T > 400).astype(np.uint8), picture.affine)
    mask.header["descrip"] = f"{WORD} mask"
    nibabel.save(mask, folder / f"{WORD}_mask.nii.gz")
    lines = f"# {WORD}\ntype: short\ndimension: 3\nsizes: 7 6 5\nspace: left-posterior-superior\n"
    lines += "space directions: (1,0,0) (0,2,0) (0,0,3)\nendian: little\nencoding: raw\n"
    lines += f'content: {WORD} content\nlabels: "{WORD}" "b" "c"\nName:={WORD}\nBorn:={DAY}\n\n'
    (folder / f"{WORD}.nrrd").write_bytes(b"NRRD0004\n" + lines.encode() + (array + 1).tobytes())
    words = f"ObjectType = Image\nNDims = 3\nComment = {WORD} {DAY}\nName = {WORD}\nPatientName = {WORD}\n"
    words += "DimSize = 7 6 5\nElementSpacing = 1 2 3\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    (folder / f"{WORD}.mha").write_bytes(words.encode() + (array + 2).tobytes())
    with h5py.File(folder / f"{WORD}.h5", "w") as file:
        made = file.create_dataset(f"{WORD} volume", data=array + 3)
        made.attrs["patient"], made.attrs["born"], file.attrs["study"] = f"{WORD}", DAY, f"{ROOT}.5"
        file["notes"] = f"{WORD} was here"


def _pictures(folder: Path) -> None:
    pixels = Image.fromarray(noise((20, 18)))
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", f"{WORD} {DAY}")
    text.add_text("Packed", f"{WORD} packed", zip=True)
    text.add_itxt("Author", f"{WORD} international")
    pixels.save(folder / f"{WORD}.png", pnginfo=text)
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = f"{WORD} description", f"{WORD} artist"
    exif[0x0132] = "1899:08:07 00:00:00"
    Image.fromarray(noise((20, 19))).save(folder / f"{WORD}.jpg", exif=exif, comment=f"{WORD} comment")
    Image.fromarray(noise((21, 18))).save(folder / f"{WORD}.webp", exif=exif, lossless=True)
    Image.fromarray(noise((22, 18))).save(folder / f"{WORD}.tif", tiffinfo={270: f"{WORD} words", 315: WORD})
    Image.fromarray((noise((20, 18)) > 128).astype(np.uint8) * 255).save(folder / f"{WORD}_mask.png", pnginfo=text)


def _broken(folder: Path) -> None:
    """Every kind of failure, each with the person's name."""
    whole = canary_dicom(folder / f"{WORD} whole.dcm")
    data = (folder / f"{WORD} whole.dcm").read_bytes()
    (folder / f"{WORD} cut.dcm").write_bytes(data[:-100])
    (folder / f"{WORD} header.dcm").write_bytes(data[:700])
    whole.Rows = 60_000
    whole.save_as(folder / f"{WORD} huge.dcm")
    whole.Rows, whole.PatientName = SHAPE[0], f"{WORD}^" * 400
    whole.ImageOrientationPatient = [0, 0, 0, 0, 0, 0]
    whole.save_as(folder / f"{WORD} flat.dcm")
    (folder / f"{WORD} whole.dcm").unlink()
    (folder / f"{WORD}.nii").write_bytes(struct.pack("<i", 348) + f"{WORD} {DAY}".encode() * 40)
    (folder / f"{WORD}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + f"{WORD} {DAY}".encode() * 40)
    (folder / f"{WORD}.zip").write_bytes(b"PK\x03\x04" + f"{WORD} {DAY}".encode() * 40)
    (folder / f"{WORD}.txt").write_text(f"{WORD} was born on {DAY}", "utf-8")
    (folder / f"{WORD}_mask.png").write_bytes(b"\x89PNG\r\n\x1a\n" + f"{WORD}".encode())
    nibabel.save(nibabel.Nifti1Image(noise((2, 3, 4, 5)), np.eye(4)), folder / f"{WORD} four.nii")


def make_inputs(folder: Path) -> dict[str, Path]:
    """Write everything; return the folders of what is whole, of a series with a broken slice, of what is broken."""
    whole, partly, broken = (folder / f"{WORD} Vogel" / name for name in (f"{DAY} {WORD}", f"{WORD} partly", "broken"))
    for part in (whole / "series", partly, broken):
        part.mkdir(parents=True)
    for index in range(4):
        canary_dicom(whole / "series" / f"{WORD}_{index}.dcm", index)
        canary_dicom(partly / f"{WORD}_{index}.dcm", index, SeriesInstanceUID=f"{ROOT}.6", PatientName=f"{WORD}^Two")
    cut = partly / f"{WORD}_2.dcm"
    cut.write_bytes(cut.read_bytes()[:-60])
    _volumes(whole)
    _pictures(whole)
    _broken(broken)
    with zipfile.ZipFile(whole / f"{WORD}.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        picture = io.BytesIO()
        Image.fromarray(noise((30, 28))).save(picture, "PNG")
        bundle.writestr(f"{WORD}/{WORD} packed.png", picture.getvalue())
        bundle.comment = WORD.encode()
    return {"whole": whole, "partly": partly, "broken": broken, "all": folder}
