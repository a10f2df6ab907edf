"""The index of a disc: its files come in, never one outside of its folder."""

from __future__ import annotations

import gc
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid
from reader_support import make_series, noise, write_dicom

from core.io.reading import Found, find_sources, read_source

TREE = Path(str(get_testdata_file("dicomdirtests/DICOMDIR", download=False))).parent


def write_index(path: Path, references: list[list[str] | str]) -> None:
    """Write an index that lists these file names, whatever they are."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset(path, Dataset(), file_meta=meta, preamble=b"\0" * 128)
    records = []
    for reference in references:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.RecordInUseFlag = 0xFFFF
        record.ReferencedFileID = reference
        records.append(record)
    dataset.DirectoryRecordSequence = Sequence(records)
    dataset.save_as(path, enforce_file_format=True)


def codes(found: Found) -> list[str]:
    return [one.error.code for one in found.passed]


def told(found: Found) -> dict[str, int]:
    return {notice.key: notice.fields["count"] for notice in found.notices}


@pytest.mark.parametrize(
    "name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-nooffset", "DICOMDIR-reordered"]
)
def test_an_index_that_is_named_brings_what_its_folder_brings(name: str) -> None:
    by_index, by_folder = find_sources([TREE / name]), find_sources([TREE])
    assert {source.files for source in by_index.sources} == {source.files for source in by_folder.sources}
    assert len(by_index.sources) == 24
    assert codes(by_index) == []
    # in the folder the index is nothing that was passed over: its files are there
    assert not {"dicom-directory", "dicom-directory-empty"} & set(codes(by_folder))
    patients = {source.patient for source in by_index.sources}
    assert patients == {source.patient for source in by_folder.sources}
    assert len(patients) > 1


def test_a_disc_made_by_a_writer_reads_like_its_series(tmp_path: Path) -> None:
    make_series(tmp_path / "s", StudyDate="20200101", StudyTime="10", StudyID="1", SeriesNumber="1")
    disc = FileSet()
    for file in sorted((tmp_path / "s").iterdir()):
        disc.add(file)
    disc.write(tmp_path / "disc")
    with warnings.catch_warnings():
        # the writer leaves its own temporary folder to the garbage collector, which complains
        warnings.simplefilter("ignore", ResourceWarning)
        del disc
        gc.collect()
    by_index = find_sources([tmp_path / "disc" / "DICOMDIR"])
    by_folder = find_sources([tmp_path / "disc"])
    for found in (by_index, by_folder):
        (source,) = found.sources
        assert codes(found) == []
        np.testing.assert_array_equal(
            read_source(source).array, read_source(*find_sources([tmp_path / "s"]).sources).array
        )


def test_names_that_lead_outside_are_counted_and_never_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    write_dicom(secret / "IM1", noise((6, 8)))
    disc = tmp_path / "disc"
    write_dicom(disc / "IN", noise((6, 8), seed=1))
    (disc / "LINK").symlink_to(secret / "IM1")
    (disc / "FOLDER").symlink_to(secret)
    outside: list[list[str] | str] = [
        ["..", "secret", "IM1"],
        ["IN", "..", "..", "secret", "IM1"],
        ["../secret/IM1"],
        [str(secret / "IM1")],
        ["C:", "secret", "IM1"],
        ["", "secret", "IM1"],
        ["LINK"],
        ["FOLDER", "IM1"],
    ]
    write_index(disc / "DICOMDIR", [["IN"], *outside])
    opened: set[Path] = set()
    found = find_sources([disc / "DICOMDIR"], heartbeat=opened.add)
    assert [source.files for source in found.sources] == [(disc / "IN",)]
    assert told(found) == {"dicomdir-outside": len(outside)}
    assert opened == {disc / "DICOMDIR", disc / "IN"}


def test_lower_case_names_and_missing_files(tmp_path: Path) -> None:
    write_dicom(tmp_path / "images" / "im1", noise((6, 8)))
    write_dicom(tmp_path / "images" / "IM2.;1", noise((6, 8), seed=2))
    write_index(tmp_path / "DICOMDIR", [["IMAGES", "IM1"], ["IMAGES", "IM2"], ["IMAGES", "IM3"], ["IMAGES"]])
    found = find_sources([tmp_path / "DICOMDIR"])
    assert sorted(source.files[0].name for source in found.sources) == ["IM2.;1", "im1"]
    assert told(found) == {"dicomdir-missing": 2}


def test_an_index_without_files_says_so(tmp_path: Path) -> None:
    shutil.copy(TREE / "DICOMDIR-empty.dcm", tmp_path / "DICOMDIR")
    assert codes(find_sources([tmp_path / "DICOMDIR"])) == ["dicom-directory-empty"]
    assert codes(find_sources([tmp_path])) == ["dicom-directory"]


def test_a_damaged_index_is_one_sentence(tmp_path: Path) -> None:
    whole = (TREE / "DICOMDIR").read_bytes()
    for cut in (400, 1000, 5000):
        (tmp_path / "DICOMDIR").write_bytes(whole[:cut])
        found = find_sources([tmp_path / "DICOMDIR"])
        assert found.sources == ()
        assert codes(found)


def test_files_that_the_index_lists_but_hold_no_scan_are_named(tmp_path: Path) -> None:
    write_dicom(tmp_path / "IM1", noise((6, 8)))
    (tmp_path / "REPORT").write_bytes(b"no scan at all" * 30)
    write_index(tmp_path / "DICOMDIR", [["IM1"], ["REPORT"], ["DICOMDIR"]])
    found = find_sources([tmp_path / "DICOMDIR"])
    assert len(found.sources) == 1
    assert [one.source for one in found.passed] == ["REPORT"]
    assert pydicom.dcmread(found.sources[0].files[0]).Rows == 6


def test_a_disc_in_a_zip_brings_its_files_without_the_index(tmp_path: Path) -> None:
    make_series(tmp_path / "disc" / "IMAGES", count=3, names=["IM1", "IM2", "IM3"])
    write_index(tmp_path / "disc" / "DICOMDIR", [["IMAGES", "IM1"], ["..", "..", "IM9"]])
    with zipfile.ZipFile(tmp_path / "disc.zip", "w") as bundle:
        for file in sorted((tmp_path / "disc").rglob("*")):
            bundle.write(file, file.relative_to(tmp_path / "disc").as_posix())
    found = find_sources([tmp_path / "disc.zip"])
    assert [len(source.files) for source in found.sources] == [3]
    assert codes(found) == []
