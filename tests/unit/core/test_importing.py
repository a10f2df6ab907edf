"""Import: whole scans with true masks, or a named reason; nothing half, nothing twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image
from reader_support import make_series, noise, write_dicom, write_nifti, write_picture

from core.commands import line
from core.errors import InputError, StorageError
from core.events import Finished, JobEvent, Notice, ScanReady, Skipped
from core.project.annotations import Annotations
from core.project.importing import ImportOptions, import_job, parse_labels
from core.project.project import Project
from core.project.records import Origin, ScanStatus


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "P"
    Project.create(path).close()
    return path


def imported(project: Path, *sources: Path, **options: Any) -> tuple[dict[str, Any], list[JobEvent]]:
    events = list(import_job(project, sources, ImportOptions(reader="anna", **options)))
    assert isinstance(events[-1], Finished)
    return events[-1].result, events


def skipped(events: list[JobEvent]) -> dict[str, str]:
    return {event.source: event.error.code for event in events if isinstance(event, Skipped)}


def colours(name: str, number: int) -> np.ndarray:
    return noise((16, 16, 3), 100 * ord(name[0]) + number)


def patient(folder: Path, count: int = 4, *, encode: Callable[[Path, np.ndarray], None] = write_picture) -> None:
    """Write a patient as the Kaggle set has it: three-channel .tif and _mask.tif."""
    for number in range(1, count + 1):
        encode(folder / f"{folder.name}_{number}.tif", colours(folder.name, number))
        mask = np.zeros((16, 16), np.uint8)
        mask[2 : 2 + number, 3:9] = 255 if number > 1 else 0
        encode(folder / f"{folder.name}_{number}_mask.tif", mask)


def test_stacks_with_masks_come_in_whole(project: Path, tmp_path: Path) -> None:
    for name in ("A_1", "B_2"):
        patient(tmp_path / "set" / name, 11)
    (tmp_path / "set" / "patients.csv").write_text("x,y\n")
    result, events = imported(project, tmp_path / "set", label="Tumour")
    assert result == {"scans": ["S0001", "S0002"], "masks": 2, "predictions": 0, "skipped": 1, "present": 0}
    assert [event.scan for event in events if isinstance(event, ScanReady)] == ["S0001", "S0002"]
    assert skipped(events) == {"patients.csv": "file-no-scan"}
    with Project.open(project) as opened:
        first, second = opened.scans()
        assert first.patient != second.patient
        assert first.patient_known
        assert first.shape == (11, 16, 16)
        assert first.channels == 3
        assert first.status is ScanStatus.IN_PROGRESS
        np.testing.assert_array_equal(opened.read_volume(first.id).array[9], colours("A", 10))
        annotation = opened.annotation(first.id, "anna")
        assert annotation is not None
        mask = opened.read_layer(annotation.id, "lesions")
        assert mask is not None
        assert mask.sum(axis=(1, 2)).tolist() == [0, *(6 * number for number in range(2, 12))]
        states = opened.slice_states(annotation.id, "lesions")
        assert [state.slice for state in states] == list(range(11))
        assert {(state.origin, state.finished, state.reader) for state in states} == {(Origin.IMPORTED, True, "anna")}
        assert opened.verify() == []
        kept = [file.read_bytes() for file in opened.path.rglob("*") if file.is_file()]
    for secret in (b"A_1", b"B_2", str(tmp_path).encode()):
        assert not any(secret in content for content in kept)


def test_slices_without_a_mask_stay_unknown(project: Path, tmp_path: Path) -> None:
    patient(tmp_path / "A", 4)
    (tmp_path / "A" / "A_3_mask.tif").unlink()
    imported(project, tmp_path / "A", label="Tumour")
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        annotation = opened.annotation(scan.id, "anna")
        assert annotation is not None
        assert [state.slice for state in opened.slice_states(annotation.id, "lesions")] == [0, 1, 3]


def test_brain_has_its_own_layer(project: Path, tmp_path: Path) -> None:
    affine = np.diag([-1.0, -1.0, 3.0, 1.0])
    write_nifti(tmp_path / "h_t1w.nii.gz", noise((4, 6, 5), top=900, dtype="int16"), affine)
    truth = noise((4, 6, 5), top=2)
    write_nifti(tmp_path / "h_t1w_mask.nii.gz", truth, affine)
    result, _ = imported(project, tmp_path / "h_t1w.nii.gz", label="Brain")
    assert result["masks"] == 1
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        assert not scan.patient_known
        annotation = opened.annotation(scan.id, "anna")
        assert annotation is not None
        np.testing.assert_array_equal(opened.read_layer(annotation.id, "brain"), truth)
        np.testing.assert_allclose(opened.geometry(scan.id).affine, affine)


def test_a_mask_of_another_size_leaves_the_scan_without_it(project: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "d" / "x.png", noise((6, 8)))
    write_picture(tmp_path / "d" / "x_mask.png", noise((6, 9)))
    result, events = imported(project, tmp_path / "d", label="Tumour")
    assert (len(result["scans"]), result["masks"], result["skipped"]) == (1, 0, 1)
    assert skipped(events) == {"x.png": "mask-size"}
    with Project.open(project) as opened:
        assert opened.annotations(opened.scans()[0].id) == []


def test_masks_without_a_label_are_told_once(project: Path, tmp_path: Path) -> None:
    for name in ("A", "B"):
        patient(tmp_path / "set" / name)
    result, events = imported(project, tmp_path / "set")
    assert (len(result["scans"]), result["masks"]) == (2, 0)
    notices = [event for event in events if isinstance(event, Notice) and event.key == "masks-not-taken"]
    assert [notice.fields for notice in notices] == [{"scans": 2}]
    # coming back with the label puts the masks on the scans that are there
    result, events = imported(project, tmp_path / "set", label="Tumour")
    assert (result["scans"], result["masks"], result["present"]) == ([], 2, 2)
    result, events = imported(project, tmp_path / "set", label="Tumour")
    assert (result["masks"], result["present"]) == (0, 2)
    assert set(skipped(events).values()) == {"scan-present"}
    with Project.open(project) as opened:
        assert len(opened.scans()) == 2


def test_several_labels_by_value(project: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "x.png", noise((6, 8)))
    labels = noise((6, 8), top=3)
    write_picture(tmp_path / "labels" / "x.png", labels)
    assert parse_labels("1=EDH, 2=IPH") == (None, {1: "EDH", 2: "IPH"})
    with pytest.raises(InputError, match="label-values"):
        parse_labels("1=EDH,IPH")
    result, events = imported(project, tmp_path, label="1=EDH")
    assert skipped(events) == {"P": "folder-project", "x.png": "mask-unnamed"}
    result, _ = imported(project, tmp_path, label="1=EDH,2=IPH")
    assert result["masks"] == 1
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        (annotation,) = opened.annotations(scan.id)
        layer = opened.read_layer(annotation.id, "lesions")
        for number, name in ((1, "EDH"), (2, "IPH")):
            np.testing.assert_array_equal(layer[0] == opened.labels().named(name).value, labels == number)


def test_a_folder_goes_on_past_what_is_broken(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    make_series(folder / "good")
    write_dicom(folder / "report.dcm", noise((4, 4)), Modality="SR", PixelData=None)
    write_nifti(folder / "ok.nii.gz", noise((2, 3, 4)))
    whole = (folder / "ok.nii.gz").read_bytes()
    (folder / "short.nii.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "words.txt").write_text("words")
    result, events = imported(project, folder)
    assert len(result["scans"]) == 2
    assert skipped(events) == {
        "report.dcm": "dicom-report",
        "short.nii.gz": "file-truncated",
        "words.txt": "file-no-scan",
    }
    with pytest.raises(InputError):
        imported(project, folder, strict=True)


def test_nothing_usable_is_an_error(project: Path, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "words.txt").write_text("words")
    with pytest.raises(InputError, match="nothing-usable"):
        imported(project, tmp_path / "d")
    (tmp_path / "e").mkdir()
    with pytest.raises(InputError, match="nothing-there"):
        imported(project, tmp_path / "e")
    with Project.open(project) as opened:
        assert opened.scans() == []


def test_a_failing_disk_leaves_whole_scans_only(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A", "B"):
        patient(tmp_path / "set" / name)
    real = Annotations.insert_first
    calls = []

    def failing(self: Annotations, *given: Any) -> None:
        calls.append(given)
        if len(calls) == 2:
            raise StorageError("disk-full", file="x")
        real(self, *given)

    monkeypatch.setattr(Annotations, "insert_first", failing)
    with pytest.raises(StorageError):
        imported(project, tmp_path / "set", label="Tumour")
    monkeypatch.undo()
    with Project.open(project) as opened:
        # the second came in neither whole nor without its masks
        assert [scan.name for scan in opened.scans()] == ["S0001"]
        assert len(list((opened.path / "scans").iterdir())) == 1
        assert len(list((opened.path / "masks").rglob("*.nii.gz"))) == 1
        assert opened.verify() == []
    # trying again completes what is missing
    imported(project, tmp_path / "set", label="Tumour")
    with Project.open(project) as opened:
        assert len(opened.scans()) == 2
        assert all(len(opened.annotations(scan.id)) == 1 for scan in opened.scans())


def test_stopping_keeps_what_is_in(project: Path, tmp_path: Path) -> None:
    for name in ("A", "B", "C"):
        patient(tmp_path / "set" / name)
    ready: list[str] = []
    job = import_job(project, [tmp_path / "set"], ImportOptions(), lambda: "stop" if ready else "")
    for event in job:
        if isinstance(event, ScanReady):
            ready.append(event.scan)
    assert ready == ["S0001"]


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patient(tmp_path / "set" / "A")
    project = tmp_path / "new" / "P"
    project.parent.mkdir()
    assert line.run(["import", str(project), str(tmp_path / "set"), "--label", "Tumour", "--json"]) == 0
    assert '"scans": ["S0001"]' in capsys.readouterr().out
    assert line.run(["info", str(tmp_path / "set"), "--json"]) == 0
    assert '"shape": [4, 16, 16, 3]' in capsys.readouterr().out
    assert line.run(["info", str(project)]) == 0
    assert "1 scans; labels: Tumour" in capsys.readouterr().out
    words = tmp_path / "words.txt"
    words.write_text("x")
    other = tmp_path / "Q"
    assert line.run(["import", str(other), str(words)]) == 1
    assert "could be used" in capsys.readouterr().err
    # a project that was made for nothing is not left behind
    assert not other.exists()
    assert line.run(["info", str(words)]) == 1


@pytest.mark.real
def test_the_original_tif_layout_is_the_same_as_the_packed_one(project: Path, tmp_path: Path, data_root: Path) -> None:
    source = sorted(path for path in (data_root / "lgg").iterdir() if path.is_dir())[0]
    shutil.copytree(source, tmp_path / "webp" / source.name)
    tif = tmp_path / "tif" / source.name
    for path in source.iterdir():
        pixels = np.asarray(Image.open(path).convert("L"))
        name = path.stem + ".tif"
        write_picture(tif / name, pixels if "_mask" in name else np.repeat(pixels[..., None], 3, axis=2))
    imported(project, tmp_path / "webp", label="Tumour")
    other = tmp_path / "Q"
    Project.create(other).close()
    imported(other, tmp_path / "tif", label="Tumour")
    with Project.open(project) as one, Project.open(other) as two:
        assert [scan.sha256 for scan in one.scans()] == [scan.sha256 for scan in two.scans()]
        layers = []
        for opened in (one, two):
            (annotation,) = opened.annotations(opened.scans()[0].id)
            layers.append(opened.read_layer(annotation.id, "lesions"))
        np.testing.assert_array_equal(layers[0], layers[1])
        assert layers[0] is not None
        assert layers[0].any()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_voxels_that_are_no_numbers_are_told(tmp_path, bad):
    voxels = np.ones((6, 5, 4), np.float32)
    voxels[2, 1:4, 1] = bad
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "holes.nii")
    Project.create(tmp_path / "one.meninx").close()
    events = list(import_job(tmp_path / "one.meninx", [tmp_path / "holes.nii"]))
    (told,) = [one for one in events if isinstance(one, Notice) and one.key == "scan-not-numbers"]
    assert (told.fields["count"], told.fields["total"]) == (3, 120)


def test_masks_that_are_to_be_left_alone_are_no_scans_either(project: Path, tmp_path: Path) -> None:
    patient(tmp_path / "set" / "a")
    result, events = imported(project, tmp_path / "set", label="Tumour", masks="none")
    assert (len(result["scans"]), result["masks"], result["skipped"]) == (1, 0, 0)
    assert not [one for one in events if isinstance(one, Notice) and one.key == "masks-not-taken"]
