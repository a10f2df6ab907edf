"""Whole files to break: pydicom's and nibabel's own test files, small ones made here, real ones where they are.

Everything made here is the same on every run, so that a mutant's number finds it again.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import nibabel
import nrrd
import numpy as np
import pydicom
from nibabel.freesurfer.mghformat import MGHImage
from PIL import Image
from pydicom.data import data_manager
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from reader_support import AXIAL, noise, picture_bytes, write_dicom

LARGEST = 200_000
"""Bytes of a seed at most: what is broken in a small file is broken in a large one, only faster."""
_UID = "1.2.826.0.1.3680043.8.498.7"
_REAL = ("dicom/pydicom_data", "dicom/wg04", "dicom/nibabel", "dicom/mosaic", "dicom/dcm_qa_enh", "nifti_odd")
_ENDINGS = {
    ".dcm": "dicom", ".nii": "nifti", ".nii.gz": "nifti", ".mgz": "mgh", ".mgh": "mgh", ".mnc": "hdf5", ".nrrd": "nrrd",
    ".nhdr": "nrrd", ".mha": "mha", ".mhd": "mha", ".h5": "hdf5", ".png": "png", ".tif": "tiff", ".tiff": "tiff",
    ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg", ".bmp": "bmp", ".zip": "zip",
}  # fmt: skip


@dataclass(frozen=True)
class Seed:
    """A whole file: its name, which mutators know it, its bytes."""

    name: str
    kind: str
    data: bytes


@dataclass(frozen=True)
class Seeds:
    """All seeds by kind, small series of which a part is broken, and volumes of two files (the header first)."""

    files: dict[str, tuple[Seed, ...]]
    series: tuple[tuple[Seed, ...], ...]
    pairs: tuple[dict[str, bytes], ...]


def gather(folder: Path, real: Path | None = None) -> Seeds:
    """Return all seeds.

    Parameters
    ----------
    folder
        Where to make files; need not exist.
    real
        The folder of real scans, if there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seeds = [*made(folder / "made"), *_bundled()]
    if real is not None:
        seeds += [seed for part in _REAL for seed in _below(real / part, part)]
    kinds: dict[str, list[Seed]] = {}
    for seed in seeds:
        kinds.setdefault(seed.kind, []).append(seed)
    files = {kind: tuple(found) for kind, found in sorted(kinds.items())}
    return Seeds(files, _all_series(folder / "series"), _pairs())


def _bundled() -> list[Seed]:
    """The test files that came with pydicom and nibabel; those they would download are left out."""
    roots = ((Path(data_manager.DATA_ROOT), "pydicom"), (Path(nibabel.__file__).parent / "tests" / "data", "nibabel"))
    return [seed for root, name in roots for seed in _below(root, name)]


def _below(root: Path, name: str) -> list[Seed]:
    found = []
    for path in sorted(root.rglob("*")):
        kind = _kind(path) if path.is_file() and path.stat().st_size <= LARGEST else ""
        if kind:
            found.append(Seed(f"{name}/{path.relative_to(root).as_posix()}", kind, path.read_bytes()))
    return found


def _kind(path: Path) -> str:
    lower = path.name.casefold()
    if lower == "dicomdir":
        return "dicom"
    for ending, kind in _ENDINGS.items():
        if lower.endswith(ending):
            return kind
    with path.open("rb") as file:
        return "dicom" if file.read(132)[128:] == b"DICM" else ""


def made(folder: Path) -> list[Seed]:
    """Small files of every format, written here."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {**_dicom_files(folder), **_volumes(folder), **_pictures(), **_archives(folder)}
    files["plain.zip"] = _zip({name: files[name] for name in ("grey.png", "one.nii", "plain.dcm")})
    return [Seed(f"made/{name}", _kind(Path(name)), data) for name, data in sorted(files.items())]


def one_dicom(path: Path, pixels: np.ndarray, number: int = 1, **elements: Any) -> pydicom.FileDataset:
    """Write a DICOM file whose identifiers do not change from run to run."""
    uids = {"SOPInstanceUID": f"{_UID}.{number}", "SeriesInstanceUID": f"{_UID}.100", "StudyInstanceUID": f"{_UID}.200"}
    dataset = write_dicom(path, pixels, **(uids | {"FrameOfReferenceUID": f"{_UID}.300"} | elements))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def _place(index: int = 0) -> dict[str, Any]:
    return {
        "ImagePositionPatient": [0.0, 0.0, 3.0 * index],
        "ImageOrientationPatient": list(AXIAL),
        "PixelSpacing": [1.0, 1.0],
        "InstanceNumber": index + 1,
    }


def _dicom_files(folder: Path) -> dict[str, bytes]:
    pixels = noise((48, 40), top=4096, dtype="uint16")
    one_dicom(folder / "plain.dcm", pixels, **_place(), RescaleSlope=2, RescaleIntercept=-10, WindowCenter=40)
    for name, syntax in (("rle", RLELossless), ("j2k", JPEG2000Lossless), ("jls", JPEGLSLossless)):
        packed = one_dicom(folder / f"{name}.dcm", pixels, **_place())
        packed.compress(syntax, generate_instance_uid=False)
        packed.save_as(folder / f"{name}.dcm")
    one_dicom(folder / "colour.dcm", noise((12, 10, 3)))
    frames = one_dicom(folder / "frames.dcm", noise((3, 12, 10)))
    groups = [pydicom.Dataset() for _ in range(3)]
    for index, group in enumerate(groups):
        place = pydicom.Dataset()
        place.ImagePositionPatient = [0.0, 0.0, 2.0 * index]
        group.PlanePositionSequence = [place]
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [pydicom.Dataset()], [pydicom.Dataset()]
    shared.PixelMeasuresSequence[0].PixelSpacing = [1.0, 1.0]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = list(AXIAL)
    frames.PerFrameFunctionalGroupsSequence, frames.SharedFunctionalGroupsSequence = groups, [shared]
    frames.save_as(folder / "groups.dcm")
    palette = one_dicom(folder / "palette.dcm", noise((12, 10)), PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(palette, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(palette, f"{colour}PaletteColorLookupTableData", np.arange(256, dtype="<u2").tobytes())
    palette.save_as(folder / "palette.dcm")
    table = one_dicom(folder / "table.dcm", noise((12, 10)))
    lut = pydicom.Dataset()
    lut.add_new("LUTDescriptor", "US", [256, 0, 16])
    lut.ModalityLUTType = "US"
    lut.add_new("LUTData", "OW", np.arange(256, dtype="<u2").tobytes())
    table.ModalityLUTSequence = [lut]
    table.save_as(folder / "table.dcm")
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.dcm"))}


def packed(data: bytes) -> bytes:
    """Return a gzip without time or name, the same on every run."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


def _volumes(folder: Path) -> dict[str, bytes]:
    array = noise((5, 6, 7), top=900, dtype="int16")
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    files = {
        "one.nii": nibabel.Nifti1Image(array.T, affine).to_bytes(),
        "two.nii": nibabel.Nifti2Image(array.T, affine).to_bytes(),
        "four.nii": nibabel.Nifti1Image(noise((4, 5, 6, 2)).T, affine).to_bytes(),
        "plain.mgh": MGHImage(array.T, affine).to_bytes(),
    }
    files["packed.nii.gz"] = packed(files["one.nii"])
    files["packed.mgz"] = packed(files["plain.mgh"])
    for encoding in ("raw", "gzip", "ascii"):
        path = folder / f"{encoding}.nrrd"
        header = {"space": "left-posterior-superior", "space directions": np.eye(3), "encoding": encoding}
        nrrd.write(str(path), array.T, header)
        kept = [line for line in path.read_bytes().split(b"\n") if not line.startswith(b"# This")]
        files[path.name] = b"\n".join(kept)
    lines = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = {}\n"
        "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 2 3\nDimSize = 7 6 5\n"
        "ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    )
    files["raw.mha"] = lines.format("False").encode() + array.tobytes()
    files["packed.mha"] = lines.format("True").encode() + zlib.compress(array.tobytes())
    return files


def _pictures() -> dict[str, bytes]:
    grey, colour, deep = noise((12, 10)), noise((12, 10, 3)), noise((12, 10), top=65536, dtype="uint16")
    files = {}
    for kind in ("PNG", "TIFF", "BMP", "WEBP", "JPEG"):
        files[f"grey.{kind.lower()}"] = picture_bytes(grey, kind)
        files[f"colour.{kind.lower()}"] = picture_bytes(colour, kind)
    files["lossless.webp"] = picture_bytes(colour, "WEBP", lossless=True)
    files["progressive.jpeg"] = picture_bytes(colour, "JPEG", progressive=True)
    files["deep.png"], files["deep.tiff"] = picture_bytes(deep, "PNG"), picture_bytes(deep, "TIFF")
    files["float.tiff"] = picture_bytes(deep.astype("float32"), "TIFF")
    for way in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        files[f"{way}.tiff"] = picture_bytes(grey, "TIFF", compression=way)
    for name, extra in (("pages.tiff", {}), ("big.tiff", {"big_tiff": True})):
        buffer = io.BytesIO()
        pages = [Image.fromarray(grey)] * 2
        Image.fromarray(grey).save(buffer, "TIFF", save_all=True, append_images=pages, **extra)
        files[name] = buffer.getvalue()
    for name, kind in (("palette.png", "PNG"), ("palette.tiff", "TIFF"), ("palette.bmp", "BMP")):
        buffer = io.BytesIO()
        Image.fromarray(colour).quantize(16).save(buffer, kind)
        files[name] = buffer.getvalue()
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([colour, grey])).save(buffer, "PNG")
    files["alpha.png"] = buffer.getvalue()
    buffer = io.BytesIO()
    Image.fromarray(grey > 100).save(buffer, "PNG")
    files["bits.png"] = buffer.getvalue()
    return files


def _archives(folder: Path) -> dict[str, bytes]:
    array = noise((4, 8, 6), top=900, dtype="int16")
    for name, version in (("early.h5", "earliest"), ("late.h5", "latest")):
        with h5py.File(folder / name, "w", libver=version) as file:
            file.create_dataset("image", data=array)
            file.create_dataset("chunks", data=array, chunks=(1, 8, 6), compression="gzip", shuffle=True)
            file.create_group("more")["mask"] = (array > 400).astype("uint8")
            file["text"] = "plain words"
            file["image"].attrs["spacing"] = [1.0, 2.0, 3.0]
    with h5py.File(folder / "single.h5", "w", libver="earliest") as file:
        file.create_dataset("volume", data=array)
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.h5"))}


def _zip(inside: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in inside.items():
            bundle.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _all_series(folder: Path) -> tuple[tuple[Seed, ...], ...]:
    """Series and stacks of five slices."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Seed]] = {"plain": [], "rle": [], "png": [], "tiff": []}
    for index in range(5):
        pixels = noise((12, 10), seed=index, top=4096, dtype="uint16")
        path = folder / f"{index}.dcm"
        dataset = one_dicom(path, pixels, index + 1, **_place(index))
        found["plain"].append(Seed(f"slice{index}.dcm", "dicom", path.read_bytes()))
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
        found["rle"].append(Seed(f"slice{index}.dcm", "dicom", path.read_bytes()))
        for kind in ("png", "tiff"):
            data = picture_bytes(noise((12, 10), seed=index), kind.upper())
            found[kind].append(Seed(f"slice{index}.{kind}", kind, data))
    return tuple(tuple(seeds) for seeds in found.values())


def _pairs() -> tuple[dict[str, bytes], ...]:
    """Volumes of a header and its numbers: NIfTI, MetaImage and NRRD made here, AFNI and Philips of nibabel."""
    array = noise((5, 6, 7), top=900, dtype="int16")
    pair = nibabel.Nifti1Pair(array.T, np.diag([1.0, 2.0, 3.0, 1.0]))
    made = {kind: nibabel.FileHolder(fileobj=io.BytesIO()) for kind in ("header", "image")}
    pair.file_map = made
    pair.to_file_map(made)
    header, numbers = (made[kind].fileobj.getvalue() for kind in ("header", "image"))
    words = "NDims = 3\nDimSize = 7 6 5\nElementType = MET_SHORT\nElementSpacing = 1 2 3\nElementDataFile = a.raw\n"
    lines = "NRRD0004\ntype: short\ndimension: 3\nsizes: 7 6 5\nendian: little\nencoding: raw\ndata file: a.raw\n"
    found = [
        {"a.hdr": header, "a.img": numbers},
        {"a.mhd": words.encode(), "a.raw": array.tobytes()},
        {"a.nhdr": lines.encode(), "a.raw": array.tobytes()},
    ]
    folder = Path(nibabel.__file__).parent / "tests" / "data"
    for one, other in (("HEAD", "BRIK"), ("HEAD", "BRIK.gz"), ("PAR", "REC")):
        for path in sorted(folder.glob(f"*.{one}")):
            beside = path.with_name(f"{path.stem}.{other}")
            if beside.exists():
                found.append({path.name: path.read_bytes(), beside.name: beside.read_bytes()})
    return tuple(found)
