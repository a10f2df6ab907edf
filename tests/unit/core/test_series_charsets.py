"""Names in every character set: rightly decoded, in the links only, and never a reason to stop."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_charset_files
from pydicom.dataset import Dataset
from reader_support import noise, write_dicom

from core.io.reading import Source, find_sources, read_source
from core.project.project import Project

FILES = {Path(file).name: Path(file) for file in get_charset_files("*.dcm")}
NAMES = {
    "chrArab.dcm": "قباني^لنزار",
    "chrFren.dcm": "Buc^Jérôme",
    "chrGerm.dcm": "Äneas^Rüdiger",
    "chrGreek.dcm": "Διονυσιος",
    "chrH31.dcm": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "chrH32.dcm": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrHbrw.dcm": "שרון^דבורה",
    "chrI2.dcm": "Hong^Gildong=洪^吉洞=홍^길동",
    "chrKoreanMulti.dcm": "김희중",
    "chrJapMulti.dcm": "やまだ^たろう",
    "chrRuss.dcm": "Люкceмбypг",
    "chrX1.dcm": "Wang^XiaoDong=王^小東",
    "chrX2.dcm": "Wang^XiaoDong=王^小东",
}


def scan_with_head_of(file: Path, target: Path) -> Source:
    """Write a scan with a test file's character set and identity; return what the finder makes of it."""
    head = pydicom.dcmread(file)
    dataset = write_dicom(target, noise((6, 8)))
    for name in ("SpecificCharacterSet", "PatientName", "PatientID", "StudyDescription"):
        if name in head:
            dataset[name] = head[name]
        elif name in dataset:
            delattr(dataset, name)
    dataset.save_as(target)
    found = find_sources([target])
    assert [one.error.code for one in found.passed] == []
    return found.sources[0]


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_character_set_stops_an_import(tmp_path: Path, name: str) -> None:
    source = scan_with_head_of(FILES[name], tmp_path / "x.dcm")
    assert read_source(source).shape == (1, 6, 8)
    told = dict(source.identity).get("PatientName", "")
    if name in NAMES:
        assert told == NAMES[name]
    else:
        assert "\ufffd" not in told


def raw_names(charset: str | list[str], name: bytes, target: Path) -> str:
    """Write a scan whose name is these very bytes; return the name that the finder tells."""
    dataset = write_dicom(target, noise((6, 8)), SpecificCharacterSet=None, PatientName=None)
    mark = b"NAME" * 4
    dataset.PatientName = mark.decode()
    dataset.SpecificCharacterSet = charset
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(target)
    assert len(name) <= len(mark)
    target.write_bytes(target.read_bytes().replace(mark, name.ljust(len(mark))))
    found = find_sources([target])
    assert [one.error.code for one in found.passed] == []
    return dict(found.sources[0].identity)["PatientName"]


def test_names_of_modern_sets_are_decoded_rightly(tmp_path: Path) -> None:
    target = tmp_path / "x.dcm"
    assert raw_names("GB18030", "王^小东".encode("gb18030"), target) == "王^小东"
    assert raw_names("ISO_IR 192", "Ærø^Žofie".encode(), target) == "Ærø^Žofie"


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 192", b"M\xfcller^\xff\xfe"),
        ("GB18030", b"\x81\x30\xff^x"),
        ("NO SUCH SET", b"M\xfcller"),
        (["ISO 2022 IR 6", "ISO 2022 IR 87"], b"Y\x1b$B\x3b\x1b\x1b("),
        (["", "ISO 2022 IR 149"], b"\x1b$)C\xb1"),
        ("ISO_IR 100\\\\NONE", b"\x00\x1b\x1b"),
    ],
)
def test_a_broken_name_never_stops_an_import(tmp_path: Path, charset: str | list[str], name: bytes) -> None:
    assert raw_names(charset, name, tmp_path / "x.dcm")


def test_a_decoded_name_goes_to_the_links_and_nowhere_else(tmp_path: Path) -> None:
    source = scan_with_head_of(FILES["chrH32.dcm"], tmp_path / "x.dcm")
    folder = tmp_path / "p.meninx"
    with Project.create(folder) as project:
        identity = dict(source.identity)
        patient = f"{source.patient} {identity['PatientName']}"
        scan = project.add_scan(read_source(source), patient=patient, identity=identity, source=["x.dcm"])
        assert "山田" in str(project.links.patient(scan.patient))
    for file in folder.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for encoding in ("utf-8", "utf-16-le", "iso2022_jp", "shift_jis"):
                assert "山田".encode(encoding) not in data, file


def test_an_empty_dataset_has_no_name() -> None:
    assert not Dataset().get("PatientName")
