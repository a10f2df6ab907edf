"""Header lines: everything is listed, and nothing that could tell who the patient is is shown unless asked."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from reader_support import write_dicom, write_nifti

from core.errors import InputError
from core.io.entries import header_entries
from core.io.sandbox import Decoder
from core.io.sniff import Format
from core.io.source import HIDDEN, HeaderEntry, Source

CANARY = "ZZCANARY"


def lines(path: Path, *, identity: bool = False) -> tuple[HeaderEntry, ...]:
    # the format is looked at again, so a wrong one does no harm
    return header_entries(Source(Format.BMP, (path,), path.name), identity)


def by_name(found: tuple[HeaderEntry, ...]) -> dict[str, HeaderEntry]:
    # the outermost of those of one name
    return {entry.name: entry for entry in sorted(found, key=lambda entry: -entry.depth)}


def dicom(path: Path) -> Path:
    """A DICOM file with the canary in every kind of value that can hold it."""
    code = Dataset()
    code.CodeMeaning = CANARY
    code.EchoTime = "12.5"
    inner = Dataset()
    inner.RequestedProcedureDescription = CANARY
    inner.ReferencedImageSequence = Sequence([code, code])
    dataset = write_dicom(
        path,
        np.zeros((4, 5), np.int16),
        PatientName=f"{CANARY}^Jane",
        PatientID=CANARY,
        PatientComments=CANARY,
        StudyDate="19991231",
        SeriesDescription=CANARY,
        ProtocolName=CANARY,
        DeviceSerialNumber=CANARY,
        ImageComments=CANARY,
        StudyInstanceUID="1.2.3.4.5",
        EchoTime="85.5",
        RepetitionTime="4000",
        ScanningSequence="SE",
        Rows=4,
        RequestAttributesSequence=Sequence([inner]),
    )
    # values that break the rules of their kind are where names hide
    dataset.add_new(0x00185100, "CS", f"{CANARY} born 1950")
    dataset.add_new(0x00181310, "US", [0, 4, 5, 0])
    dataset["FlipAngle"] = dataset["EchoTime"].__class__(0x00181314, "DS", "90", validation_mode=0)
    block = dataset.private_block(0x0029, f"{CANARY} MAKER", create=True)
    block.add_new(0x10, "LO", CANARY)
    block.add_new(0x11, "OB", CANARY.encode())
    block.add_new(0x12, "DS", "7")
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_dicom_shows_what_is_technical_and_hides_the_rest(tmp_path: Path) -> None:
    found = lines(dicom(tmp_path / "one.dcm"))
    named = by_name(found)
    assert (named["Echo Time"].value, named["Echo Time"].tag) == ("85.5", "(0018,0081)")
    assert named["Rows"].value == "4"
    assert named["Scanning Sequence"].value == "SE"
    assert named["Acquisition Matrix"].value == "0 \\ 4 \\ 5 \\ 0"
    assert named["SOP Class UID"].value.startswith("CT Image Storage")
    for name in ("Patient's Name", "Patient ID", "Study Date", "Series Description", "Protocol Name"):
        assert (named[name].value, named[name].identity) == (HIDDEN, True)
    for name in ("Image Comments", "Device Serial Number", "Study Instance UID", "Patient Position"):
        assert named[name].value == HIDDEN, name
    assert CANARY not in json.dumps([(entry.tag, entry.name, entry.value) for entry in found])


def test_dicom_shows_all_when_asked(tmp_path: Path) -> None:
    named = by_name(lines(dicom(tmp_path / "one.dcm"), identity=True))
    assert named["Patient's Name"].value == f"{CANARY}^Jane"
    assert named["Patient's Name"].identity
    assert named["Study Date"].value == "19991231"
    assert not named["Echo Time"].identity


def test_sequences_are_listed_with_their_depth(tmp_path: Path) -> None:
    found = lines(dicom(tmp_path / "one.dcm"))
    names = [entry.name for entry in found]
    outer = found[names.index("Request Attributes Sequence")]
    inner = found[names.index("Referenced Image Sequence")]
    assert (outer.depth, outer.value) == (0, "1 item")
    assert (inner.depth, inner.value) == (1, "2 items")
    echoes = [entry for entry in found if entry.name == "Echo Time"]
    assert [entry.depth for entry in echoes] == [0, 3, 3]
    assert [entry.value for entry in echoes] == ["85.5", "12.5", "12.5"]


@pytest.mark.parametrize("undefined", [False, True], ids=["of known length", "of unknown length"])
@pytest.mark.parametrize("count", [24, 25, 60])
def test_of_many_items_the_first_are_listed_and_all_are_counted(tmp_path: Path, count: int, undefined: bool) -> None:
    items = []
    for number in range(count):
        item = Dataset()
        item.EchoTime = str(number)
        items.append(item)
    dataset = write_dicom(
        tmp_path / "many.dcm", np.zeros((4, 5), np.int16), RealWorldValueMappingSequence=Sequence(items)
    )
    dataset["RealWorldValueMappingSequence"].is_undefined_length = undefined
    dataset.save_as(tmp_path / "many.dcm", enforce_file_format=True)
    found = lines(tmp_path / "many.dcm")
    names = [entry.name for entry in found]
    assert found[names.index("Real World Value Mapping Sequence")].value == f"{count} items"
    assert [entry.value for entry in found if entry.name == "Echo Time"] == [str(number) for number in range(24)]
    assert [name for name in names if name.startswith("+ ")] == ([f"+ {count - 24}"] if count > 24 else [])


def test_private_values_are_hidden_and_bytes_only_counted(tmp_path: Path) -> None:
    private = [entry for entry in lines(dicom(tmp_path / "one.dcm")) if entry.tag.startswith("(0029")]
    assert [(entry.name, entry.value) for entry in private] == [
        ("Private Creator", HIDDEN),
        ("Private", HIDDEN),
        ("Private", f"{len(CANARY)} bytes"),
        ("Private", HIDDEN),
    ]


def test_a_number_that_is_none_is_hidden(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    dataset = write_dicom(path, np.zeros((4, 5), np.int16), EchoTime="85.5")
    written = path.read_bytes()
    assert b"85.5" in written
    # as long as the number it stands in for
    path.write_bytes(written.replace(b"85.5", b"DOE "))
    assert dataset.EchoTime == 85.5
    entry = by_name(lines(path))["Echo Time"]
    assert entry.value in (HIDDEN, "")
    assert "DOE" not in entry.value


def test_nifti_texts_are_identity(tmp_path: Path) -> None:
    path = tmp_path / "head.nii.gz"
    texts = dict.fromkeys(("descrip", "aux_file", "db_name", "intent_name"), CANARY)
    write_nifti(path, np.zeros((3, 4, 5), np.int16), **texts)
    named = by_name(lines(path))
    assert named["dim"].value == "3, 5, 4, 3, 1, 1, 1, 1"
    assert named["magic"].value == "n+1"
    assert {name for name, entry in named.items() if entry.value == HIDDEN} >= {"descrip", "aux_file", "db_name"}
    assert by_name(lines(path, identity=True))["descrip"].value == CANARY


def test_nrrd_and_metaimage_keys_of_their_own_are_identity(tmp_path: Path) -> None:
    nrrd = tmp_path / "head.nrrd"
    fields = f"type: short\ndimension: 3\nsizes: 1 1 1\nencoding: raw\ncontent: {CANARY}\nName:={CANARY}\n\n"
    nrrd.write_bytes(f"NRRD0004\n# {CANARY}\n{fields}".encode() + b"\0\0")
    found = lines(nrrd)
    assert by_name(found)["type"].value == "short"
    assert [entry.value for entry in found if entry.identity] == [HIDDEN] * 3
    meta = tmp_path / "head.mha"
    fields = f"ObjectType = Image\nNDims = 3\nComment = {CANARY}\nDimSize = 1 1 1\nElementType = MET_SHORT\n"
    meta.write_bytes((fields + "ElementDataFile = LOCAL\n").encode() + b"\0\0")
    named = by_name(lines(meta))
    assert named["DimSize"].value == "1 1 1"
    assert named["Comment"].value == HIDDEN
    assert by_name(lines(meta, identity=True))["Comment"].value == CANARY


def test_text_of_pictures_is_identity(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text(CANARY, CANARY)
    png = tmp_path / "one.png"
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(png, pnginfo=info, dpi=(72, 72))
    found = lines(png)
    assert by_name(found)["Size"].value == "6 × 4"
    assert CANARY not in json.dumps([(entry.name, entry.value) for entry in found])
    jpeg = tmp_path / "one.jpg"
    exif = Image.Exif()
    exif[0x013B] = CANARY
    exif[0x0112] = 1
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(jpeg, exif=exif)
    named = by_name(lines(jpeg))
    assert named["Orientation"].value == "1"
    assert named["Artist"].value == HIDDEN
    assert by_name(lines(jpeg, identity=True))["Artist"].value == CANARY


def test_attributes_of_archives(tmp_path: Path) -> None:
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("scans/t1", data=np.zeros((3, 4), np.uint8)).attrs["patient"] = CANARY
        file["scans/t1"].attrs["spacing"] = [1.0, 2.5]
    named = by_name(lines(path))
    assert named["/scans/t1"].value == "3 × 4 uint8"
    assert named["spacing"].value == "1, 2.5"
    assert named["patient"].value == HIDDEN


def test_mgh_holds_numbers_only(tmp_path: Path) -> None:
    path = tmp_path / "head.mgz"
    nibabel.save(nibabel.MGHImage(np.zeros((5, 4, 3), np.float32), np.eye(4)), path)
    assert by_name(lines(path))["dims"].value == "5, 4, 3, 1"


def test_what_is_hidden_never_leaves_the_decoding_child(tmp_path: Path) -> None:
    path = dicom(tmp_path / "one.dcm")
    with Decoder() as decoder:
        found = decoder.entries(Source(Format.DICOM, (path,), path.name), identity=False)
        assert CANARY not in repr(found)
        (tmp_path / "words.txt").write_text("nothing")
        with pytest.raises(InputError, match="header-unread"):
            decoder.entries(Source(Format.DICOM, (tmp_path / "words.txt",), "words.txt"), identity=False)
        with pytest.raises(InputError, match="file-missing"):
            decoder.entries(Source(Format.DICOM, (tmp_path / "gone.dcm",), "gone.dcm"), identity=False)


@pytest.mark.real
def test_every_real_file_has_its_header_or_one_sentence(data_root: Path) -> None:
    refused: dict[str, str] = {}
    with Decoder() as decoder:
        files = [path for folder in ("dicom", "nifti_odd") for path in sorted((data_root / folder).rglob("*"))]
        for path in [path for path in files if path.is_file()]:
            try:
                found = decoder.entries(Source(Format.DICOM, (path,), path.name), identity=False)
            except InputError as error:
                refused[path.name] = error.code
                continue
            assert found, path
            assert all(entry.value in (HIDDEN, "") for entry in found if entry.identity), path
    assert set(refused.values()) <= {"header-unread"}, refused
