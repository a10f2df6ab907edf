"""``info``: a screenful of truth for every kind of file, the same facts as JSON, never who the patient is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK
from reader_support import make_series, noise, oblique, write_dicom, write_nifti, write_picture

from core.commands import info, line
from core.io.sandbox import Decoder

IDENTITY = {"PatientName": "Canary^Zebra", "PatientID": "CANARY-77", "StudyDescription": "Canary study"}


@pytest.fixture(scope="module")
def warm() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder


@pytest.fixture(autouse=True)
def one_child(warm: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all calls share one decoding child: starting it is most of what a call takes."""
    monkeypatch.setattr(info, "Decoder", lambda: contextlib.nullcontext(warm))


def told(capsys: pytest.CaptureFixture[str], path: Path, *options: str, status: int = 0) -> list[str]:
    assert line.run(["info", str(path), *options]) == status
    output = capsys.readouterr()
    return (output.out if status == 0 else output.err).splitlines()


def facts(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> dict[str, Any]:
    assert line.run(["info", str(path), "--json", *options]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def row(lines: list[str], title: str) -> str:
    return next(one for one in lines if one.startswith(f"  {title}")).removeprefix(f"  {title}").strip()


def test_one_scan_is_a_screenful(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    array = noise((4, 6, 8), top=1000, dtype="int16")
    image = nibabel.Nifti1Image(array.T, np.diag([-0.5, 2.0, 3.0, 1.0]))
    image.header.set_slope_inter(0.5, -100.0)
    nibabel.save(image, tmp_path / "head.nii.gz")
    lines = told(capsys, tmp_path / "head.nii.gz")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100
    assert lines[0] == "head.nii.gz"
    assert row(lines, "What") == "NIfTI-1, packed with gzip"
    assert row(lines, "Size") == "8 x 6 x 4 voxels, 384 B"
    assert row(lines, "Voxels") == "0.5 x 2 x 3 mm"
    assert row(lines, "Orientation") == "LAS: x to the left, y to the front, z up, axial slices"
    assert row(lines, "Numbers") == "int16, value = stored x 0.5 - 100"
    stored = np.asarray(nibabel.load(tmp_path / "head.nii.gz").dataobj).T[2]
    low, high = (float(words) for words in row(lines, "Values").split(" in the middle")[0].split(" to "))
    assert low == pytest.approx(stored.min(), rel=1e-3)
    assert high == pytest.approx(stored.max(), rel=1e-3)


def test_a_series_tells_its_acquisition_units_and_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_series(
        tmp_path / "ct",
        orientation=oblique(20),
        keep=(0, 1, 3, 4),
        Modality="CT",
        KVP="120",
        RescaleSlope="1",
        RescaleIntercept="-1024",
        WindowCenter="40",
        WindowWidth="80",
        **IDENTITY,
    )
    lines = told(capsys, tmp_path / "ct")
    assert len(lines) <= 24
    assert row(lines, "What") == "DICOM, CT, 4 files"
    assert "oblique by 20 degrees" in row(lines, "Orientation")
    assert row(lines, "Numbers") == "int16, value = stored - 1024, HU"
    assert " HU in the middle slice" in row(lines, "Values")
    assert row(lines, "Windows") == "0 to 80"
    assert "tube 120 kV" in row(lines, "Acquisition")
    assert any(one.startswith("  ! ") and "missing" in one for one in lines)


def test_identity_is_never_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_series(tmp_path / "in" / "one", **IDENTITY)
    make_series(tmp_path / "in" / "two", **(IDENTITY | {"PatientID": "CANARY-78"}))
    for path in (tmp_path / "in", tmp_path / "in" / "one"):
        for options in ((), ("--json",)):
            assert line.run(["info", str(path), *options]) == 0
            output = capsys.readouterr()
            assert "canary" not in (output.out + output.err).casefold()


def test_a_folder_is_a_table_of_patients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(40):
        make_series(tmp_path / f"p{number:02}", count=2, PatientID=f"{number}")
    write_dicom(tmp_path / "p00" / "again.dcm", noise((6, 8), dtype="int16"), PatientID="0", SliceThickness="1")
    write_nifti(tmp_path / "loose.nii.gz", noise((4, 6, 8)))
    write_nifti(tmp_path / "loose_mask.nii.gz", noise((4, 6, 8), top=2))
    (tmp_path / "notes.txt").write_text("words")
    lines = told(capsys, tmp_path)
    assert lines[0].endswith("42 scans, 40 patients, 1 scan of an unknown patient, 1 with a mask")
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 24
    assert sum(one.startswith("  P") for one in lines) == 16
    assert "  ... and 25 more patients" in lines
    assert lines[-1] == "skipped: notes.txt is a document or table, not a scan."
    found = facts(capsys, tmp_path)
    assert len(found["scans"]) == 42
    assert sum(scan["masks"] for scan in found["scans"]) == 1


def test_keys_of_the_facts_are_stable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_nifti(tmp_path / "a.nii.gz", noise((4, 6, 8), dtype="uint16"), np.diag([1.0, 2.0, 3.0, 1.0]))
    (one,) = facts(capsys, tmp_path / "a.nii.gz")["scans"]
    expected = {
        "name": "a.nii.gz",
        "format": "nifti",
        "packing": "gzip",
        "files": 1,
        "shape": [4, 6, 8],
        "dtype": "u2",
        "spacing": [3.0, 2.0, 1.0],
        "unit": "mm",
        "axes": "RAS",
        "oblique_degrees": 0.0,
        "modality": None,
        "slope": 1.0,
        "intercept": 0.0,
        "channels": [],
        "windows": [],
        "volumes": 1,
        "datasets": [],
        "mask_dataset": None,
        "patient_known": False,
        "masks": 0,
        "mask_convention": None,
        "mask_values": None,
        "mask_refused": None,
        "notices": [],
    }
    assert {key: one[key] for key in expected} == expected
    assert set(one) - set(expected) == {"affine", "range", "window", "facts"}
    assert one["range"] == [float(noise((4, 6, 8))[2].min()), float(noise((4, 6, 8))[2].max())]


def test_several_volumes_are_told_and_one_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    array = noise((5, 4, 6, 8))
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(array.T), np.eye(4)), tmp_path / "a.nii")
    lines = told(capsys, tmp_path / "a.nii")
    assert row(lines, "Volumes") == "5; choose one with --volume 0 to --volume 4 (here: 0)"
    assert row(told(capsys, tmp_path / "a.nii", "--volume", "3"), "Volumes") == "3 of 5 (from 0)"
    (one,) = facts(capsys, tmp_path / "a.nii", "--volume", "3")["scans"]
    assert one["range"] == [float(array[3, 2].min()), float(array[3, 2].max())]
    assert told(capsys, tmp_path / "a.nii", "--volume", "5", status=1) == ["a.nii has no volume 5; the last one is 4."]


def test_arrays_of_an_archive_are_told_with_their_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(tmp_path / "pair.h5", "w") as file:
        file["image"] = noise((4, 6, 8))
        file["mask"] = noise((4, 6, 8)) > 99
    lines = told(capsys, tmp_path / "pair.h5")
    assert row(lines, "Arrays") == "image, mask (here: image)"
    assert row(lines, "Mask").startswith("mask")
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["t1"] = noise((4, 6, 8))
        file["t2"] = noise((9, 9))
    assert "--dataset" in row(told(capsys, tmp_path / "two.h5"), "Arrays")
    lines = told(capsys, tmp_path / "two.h5", "--dataset", "t2")
    assert row(lines, "Size").startswith("9 x 9 pixels")
    told(capsys, tmp_path / "two.h5", "--dataset", "t3", status=1)


def test_masks_are_told_as_they_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_picture(tmp_path / "a.png", noise((30, 40)))
    write_picture(tmp_path / "a_mask.png", (noise((30, 40)) > 99).astype(np.uint8) * 255)
    lines = told(capsys, tmp_path / "a.png")
    assert row(lines, "Mask") == "a_mask.png: 0 and 255"
    assert facts(capsys, tmp_path / "a.png")["scans"][0]["mask_convention"] == "0/255"
    write_picture(tmp_path / "b.png", noise((30, 40)))
    write_picture(tmp_path / "b_mask.png", noise((31, 40), top=2))
    assert facts(capsys, tmp_path / "b.png")["scans"][0]["mask_refused"]


def test_a_mask_that_is_looked_at_by_itself_is_not_black(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for top in (1, 255):
        two_values = np.zeros((4, 30, 40), np.uint8)
        two_values[:, 10:20, 10:30] = top
        write_nifti(tmp_path / "a_mask.nii.gz", two_values)
        words = row(told(capsys, tmp_path / "a_mask.nii.gz"), "Values")
        assert words == f"0 to {top} in the middle slice; shown from 0 to {top}"


def test_what_is_odd_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = nibabel.Nifti1Image(noise((4, 6, 8)).T, None)
    image.set_sform(np.eye(4), 1)
    moved = np.eye(4)
    moved[0, 3] = 2.5
    image.set_qform(moved, 1)
    image.header.set_intent("label")
    nibabel.save(image, tmp_path / "a.nii")
    lines = told(capsys, tmp_path / "a.nii")
    assert sum(one.startswith("  ! ") for one in lines) == 2
    assert any("differ by 2.5 mm" in one for one in lines)
    (one,) = facts(capsys, tmp_path / "a.nii")["scans"]
    assert one["facts"]["qform_differs_mm"] == pytest.approx(2.5)
    assert len(one["notices"]) == 2


def test_a_gantry_tilt_is_told_apart_from_oblique(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shift = 3.0 * np.tan(np.radians(12.0))
    make_series(tmp_path / "ct", step=(0.0, shift, 3.0), count=6)
    place = row(told(capsys, tmp_path / "ct"), "Orientation")
    assert "tilted by 12 degrees" in place
    assert "oblique" not in place


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.nrrd", "NRRD, packed with gzip"),
        ("a.mha", "MetaImage, packed with zlib"),
        ("a.mhd", "MetaImage, packed with zlib"),
        ("a.nii", "NIfTI-1"),
        ("a.img", "NIfTI-1, header and numbers in two files"),
        ("a.mgz", "MGH (FreeSurfer), packed with gzip"),
        ("a.tif", "TIFF"),
        ("a.h5", "HDF5"),
    ],
)
def test_every_format_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, what: str) -> None:
    array = noise((4, 6, 8))
    if name.endswith((".nrrd", ".mha", ".mhd")):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array), tmp_path / name, True)
    elif name.endswith(".tif"):
        write_picture(tmp_path / name, array[0])
    elif name.endswith(".h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file["image"] = array
    else:
        kinds = {".mgz": nibabel.MGHImage, ".img": nibabel.Nifti1Pair, ".nii": nibabel.Nifti1Image}
        nibabel.save(kinds[Path(name).suffix](array.T, np.eye(4)), tmp_path / name)
    assert row(told(capsys, tmp_path / name), "What") == what


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.nii", b"n+1"),
        ("a.nrrd", b"NRRD0005\n\n"),
        ("a.mha", b"ObjectType = Image\n"),
        ("a.mgz", bytes(100)),
        ("a.h5", b"\x89HDF\r\n\x1a\n"),
        ("a.mat", b"MATLAB 5.0 MAT-file".ljust(300)),
        ("a.dcm", bytes(128) + b"DICM" + bytes(60)),
        ("a.txt", b"words"),
        ("a.raw", bytes(1000)),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    (sentence,) = told(capsys, tmp_path / name, status=1)
    assert sentence.startswith(name)
    assert line.run(["info", str(tmp_path / name), "--json"]) == 1
    output = json.loads(capsys.readouterr().out)
    assert output["ok"] is False
    assert output["error"]["sentence"] == sentence


def test_a_folder_where_nothing_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.nii", "b.nii"):
        (tmp_path / name).write_bytes(b"n+1")
    assert line.run(["info", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert output.err.count("\n") == 1
    assert output.out.count("skipped") == 2
