"""Nobody is found in what leaves de-identified, and the picture is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from canary_support import DAY, ROOT, WORD, canary_dicom, hidden, search
from decoder_support import HereDecoder, stay
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage, UltrasoundImageStorage
from reader_support import make_series

from core.errors import InputError
from core.events import Notice
from core.exchange.deidentify import Person, deidentify, may_show_words
from core.exchange.exporting import export_job
from core.exchange.stripped_series import write_series
from core.project.importing import ImportOptions, import_job
from core.project.project import Project
from core.project.records import NewLayers, Origin, SliceState
from core.project.scanfile import pixel_hash

pytestmark = pytest.mark.filterwarnings("ignore:.*value length.*:UserWarning", "ignore:.*for VR.*:UserWarning")
PERSON = Person("P001", "key", "secret")


def everywhere(path: Path, index: int) -> None:
    """Write a slice that names the person wherever there is room for text: coded words, sequences, overlays, icons."""
    dataset = canary_dicom(path, index)
    kept = {"SOPClassUID", "PhotometricInterpretation", "SpecificCharacterSet"}
    for tag, (vr, _vm, _name, retired, keyword) in DicomDictionary.items():
        if tag >> 16 in (0, 2, 4, 0xFFFE, 0x7FE0) or retired or not keyword or keyword in kept:
            continue
        if vr == "CS" and keyword not in dataset:
            dataset.add_new(tag, "CS", WORD.upper())
        elif vr == "SQ" and keyword not in dataset and "FunctionalGroups" not in keyword:
            inside, deeper = Dataset(), Dataset()
            inside.PatientName, deeper.TextValue = f"{WORD}^Inside", f"{WORD} deeper"
            inside.SeriesInstanceUID, inside.StudyDate = f"{ROOT}.9", DAY
            inside.ContentSequence = [deeper]
            dataset.add_new(tag, "SQ", [inside])
    for name in ("ModalityLUTSequence", "VOILUTSequence", "ReferencedImageSequence"):
        if name in dataset:
            del dataset[name]
    dataset.Modality, dataset.ImageType = "CT", [WORD.upper(), "PRIMARY", WORD.upper()]
    dataset.add_new(0x60000010, "US", 16)
    dataset.add_new(0x60003000, "OW", f"{WORD} overlay!".encode())
    dataset.add_new(0x60000022, "LO", f"{WORD} overlay")
    dataset.preamble = (WORD.encode() * 20)[:128]
    dataset.save_as(path, enforce_file_format=True)
    with path.open("ab") as file:
        # the standard's own place for padding
        file.write(b"\xfc\xff\xfc\xffOB\0\0" + (2 * 40).to_bytes(4, "little") + (f"{WORD} " * 8).encode()[:80])


def project_of(folder: Path, make: Callable[[Path], None], brain: bool = True) -> Path:
    """Import what ``make`` writes, and draw a brain on the first scan."""
    (folder / "in").mkdir()
    make(folder / "in")
    path = folder / "p.meninx"
    Project.create(path).close()
    list(import_job(path, [folder / "in"], ImportOptions()))
    with Project.open(path) as project:
        scan = project.scans()[0]
        label = project.ensure_label("Brain" if brain else "Tumour")
        layer = np.zeros(scan.shape, np.uint8)
        layer[:, 2:-2, 3:-2] = label.value
        rows = [SliceState(z, Origin.DRAWN, None, True, WORD) for z in range(scan.shape[0])]
        new = NewLayers(WORD, {label.layer: layer}, {label.layer: rows})
        annotation = project.ensure_annotation(scan.id, WORD)
        project.save_layers(annotation.id, new.layers, new.states, journal_sequence=0, action="import")
    return path


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    stay(monkeypatch)


def series(folder: Path) -> None:
    for index in range(3):
        everywhere(folder / f"{WORD}_{index}.dcm", index)


def files(folder: Path) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(file) for file in sorted((folder / "P001_S0001").iterdir())]


@pytest.mark.parametrize("stripped", [False, True])
def test_nobody_is_found_in_any_byte(tmp_path: Path, stripped: bool) -> None:
    project = project_of(tmp_path, series)
    assert all(hidden(file.read_bytes()) for file in (tmp_path / "in").iterdir())
    before = {file.name: file.read_bytes() for file in (tmp_path / "in").iterdir()}
    options: dict[str, Any] = {"images": True, "stripped": stripped, "deidentify": True}
    events = list(export_job(project, "dicom-seg", tmp_path / "out", **options))
    assert len(events[-1].result["files"]) == 5
    assert search(tmp_path / "out") == []
    for event in events:
        assert not hidden(repr(event).replace(str(tmp_path), "").encode())
    # the originals are as they were
    assert {file.name: file.read_bytes() for file in (tmp_path / "in").iterdir()} == before
    # what is not de-identified does name the person, or nothing of this would have been tested
    list(export_job(project, "dicom-seg", tmp_path / "named", images=True))
    assert len(search(tmp_path / "named")) >= 4


def test_the_picture_is_the_same_without_the_person(tmp_path: Path) -> None:
    project = project_of(tmp_path, series)
    list(export_job(project, "dicom-seg", tmp_path / "out", images=True, deidentify=True))
    made = files(tmp_path / "out")
    assert {str(one.PatientName) for one in made} == {"P001"}
    assert {one.PatientIdentityRemoved for one in made} == {"YES"}
    codes = [code.CodeValue for code in made[0].DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113107"]
    Project.create(tmp_path / "again.meninx").close()
    list(import_job(tmp_path / "again.meninx", [tmp_path / "out/P001_S0001"], ImportOptions()))
    with Project.open(project, read_only=True) as old, Project.open(tmp_path / "again.meninx", read_only=True) as new:
        first, second = old.scans()[0], new.scans()[0]
        assert second.sha256 == first.sha256
        assert new.geometry(second.id).matches(old.geometry(first.id))
        assert pixel_hash(new.read_volume(second.id)) == first.sha256
    segmentation = pydicom.dcmread(tmp_path / "out/P001_S0001_seg.dcm")
    listed = segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {one.ReferencedSOPInstanceUID for one in listed} == {one.SOPInstanceUID for one in made}
    assert segmentation.StudyInstanceUID == made[0].StudyInstanceUID


def test_uids_and_days_hold_together_and_lead_nowhere() -> None:
    one, other = Dataset(), Dataset()
    for dataset, uid, day in ((one, "1.2.3", "20200115"), (other, "1.2.4", "20200117")):
        dataset.StudyInstanceUID, dataset.SOPInstanceUID = "1.2", uid
        dataset.StudyDate = dataset.SeriesDate = day
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    first, second = deidentify(one, PERSON), deidentify(other, PERSON)
    assert first.StudyInstanceUID == second.StudyInstanceUID != "1.2"
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert int(second.StudyDate) - int(first.StudyDate) == 2 or first.StudyDate[:6] != second.StudyDate[:6]
    assert first.StudyDate == first.SeriesDate != "20200115"
    stranger = deidentify(one, Person("P001", "key", "another secret"))
    assert stranger.StudyInstanceUID != first.StudyInstanceUID
    moved = {Person("P", f"key {number}", "secret").days for number in range(50)}
    assert len(moved) > 40
    assert all(-3651 <= days < 0 for days in moved)
    assert len(first.StudyInstanceUID) <= 64


def test_what_nobody_thought_of_is_left_out() -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    dataset.Rows, dataset.PixelSpacing, dataset.Modality = 5, [0.5, 0.25], "CT"
    dataset.BodyPartExamined, dataset.PatientPosition = "BRAIN", "DOE JANE"
    dataset.OperatorsName, dataset.ImageComments, dataset.PatientAge = "Op^Era", "words", "050Y"
    dataset.InstitutionName, dataset.StudyTime, dataset.DeviceSerialNumber = "House", "101112", "77"
    dataset.add_new(0x00091001, "LO", "private")
    dataset.add_new(0x00200032, "DS", [1, 2, 3])
    made = deidentify(dataset, PERSON)
    assert (made.Rows, list(made.PixelSpacing), made.Modality) == (5, [0.5, 0.25], "CT")
    assert made.BodyPartExamined == "BRAIN"
    assert list(made.ImagePositionPatient) == [1, 2, 3]
    for name in ("PatientPosition", "OperatorsName", "ImageComments", "PatientAge", "InstitutionName"):
        assert name not in made
    assert "DeviceSerialNumber" not in made
    assert made.StudyTime == made.PatientBirthDate == ""
    assert not any(element.tag.is_private for element in made)


def test_a_box_hides_burnt_in_words(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        make_series(folder, BurnedInAnnotation="YES", StudyDate="20200102")

    project = project_of(tmp_path, make)
    options: dict[str, Any] = {"images": True, "deidentify": True}
    events = list(export_job(project, "dicom-seg", tmp_path / "plain", **options))
    assert "seg-words" in [event.key for event in events if isinstance(event, Notice)]
    events = list(export_job(project, "dicom-seg", tmp_path / "boxed", **options, boxes=[(1, 2, 4, 2)]))
    assert "seg-words" not in [event.key for event in events if isinstance(event, Notice)]
    for before, after in zip(files(tmp_path / "plain"), files(tmp_path / "boxed"), strict=True):
        wanted = before.pixel_array.copy()
        assert wanted[2:4, 1:5].any()
        wanted[2:4, 1:5] = 0
        assert np.array_equal(after.pixel_array, wanted)
        assert after.BurnedInAnnotation == "NO"
        assert "113101" in [code.CodeValue for code in after.DeidentificationMethodCodeSequence]


def test_what_may_have_words_burnt_in() -> None:
    dataset = Dataset()
    dataset.Modality = "MR"
    assert not may_show_words(dataset)
    dataset.BurnedInAnnotation = "YES"
    assert may_show_words(dataset)
    for kind, modality in ((SecondaryCaptureImageStorage, "MR"), (UltrasoundImageStorage, "US")):
        dataset = Dataset()
        dataset.SOPClassUID, dataset.Modality = kind, modality
        assert may_show_words(dataset)
        dataset.BurnedInAnnotation = "NO"
        assert not may_show_words(dataset)


def test_a_stripped_series_is_new_and_lies_where_it_lay(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        make_series(
            folder,
            step=(0.0, -1.1, 3.0),
            RescaleSlope="2",
            RescaleIntercept="-1024",
            Modality="CT",
            SeriesDescription="Head",
            StudyDate="20200102",
        )
        for file in folder.iterdir():
            dataset = pydicom.dcmread(file)
            icon = Dataset()
            icon.add_new(0x7FE00010, "OB", b"face")
            icon.BitsAllocated = 8
            dataset.IconImageSequence = [icon]
            dataset.save_as(file)

    project = project_of(tmp_path, make)
    list(export_job(project, "dicom-seg", tmp_path / "out", stripped=True))
    made = sorted(files(tmp_path / "out"), key=lambda one: float(one.ImagePositionPatient[2]))
    old = sorted(
        (pydicom.dcmread(file) for file in (tmp_path / "in").iterdir()), key=lambda one: one.ImagePositionPatient[2]
    )
    least = min(one.pixel_array.min() for one in old)
    for before, after in zip(old, made, strict=True):
        inside = np.zeros(before.pixel_array.shape, bool)
        inside[2:-2, 3:-2] = True
        assert np.array_equal(after.pixel_array[inside], before.pixel_array[inside])
        assert (after.pixel_array[~inside] == least).all()
        for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"):
            assert after[name].value == before[name].value
        assert after.FrameOfReferenceUID == before.FrameOfReferenceUID
        assert after.StudyInstanceUID == before.StudyInstanceUID
        assert after.PatientName == before.PatientName
        assert after.SeriesInstanceUID != before.SeriesInstanceUID
        assert after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID != before.SOPInstanceUID
        assert after.SourceImageSequence[0].ReferencedSOPInstanceUID == before.SOPInstanceUID
        assert list(after.ImageType)[:2] == ["DERIVED", "SECONDARY"]
        assert "Brain kept" in after.DerivationDescription
        assert "IconImageSequence" not in after
    assert len({one.SOPInstanceUID for one in made}) == len(made) == 5
    segmentation = pydicom.dcmread(tmp_path / "out/P001_S0001_seg.dcm")
    assert segmentation.ReferencedSeriesSequence[0].SeriesInstanceUID == made[0].SeriesInstanceUID


def test_a_stripped_series_of_loose_files(tmp_path: Path) -> None:
    make_series(tmp_path / "in", StudyDate="20200102")
    source = HereDecoder().find([tmp_path / "in"]).sources[0]
    volume = HereDecoder().read(source)
    mask = np.zeros(volume.shape, np.uint8)
    mask[1:4, 1:4, 2:7] = 1
    made = write_series(HereDecoder(), source.files, volume, mask, tmp_path / "out" / "head_brain")
    assert [one.name for one in made] == [f"{number:04d}.dcm" for number in range(1, 6)]
    again = HereDecoder().find([tmp_path / "out"]).sources[0]
    stripped = HereDecoder().read(again)
    assert stripped.geometry.matches(volume.geometry)
    assert np.array_equal(stripped.array, np.where(mask, volume.array, volume.array.min()))
    # nothing is written over, and what fails half-way leaves nothing
    with pytest.raises(InputError, match="output-in-the-way"):
        write_series(HereDecoder(), source.files, volume, mask, tmp_path / "out" / "head_brain")
    changed = pydicom.dcmread(source.files[0])
    changed.PixelData = bytes(len(changed.PixelData))
    changed.save_as(source.files[0])
    with pytest.raises(InputError, match="originals-changed"):
        write_series(HereDecoder(), source.files, volume, mask, tmp_path / "out" / "again")
    assert not (tmp_path / "out" / "again").exists()
