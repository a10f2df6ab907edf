"""Where the distance between slices is not one known number, no volume is told until a person accepts it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from reader_support import make_series

from core.commands.line import run
from core.distances import between_slices
from core.events import Notice, never_stop
from core.geometry import Geometry
from core.project.importing import ImportOptions, import_job
from core.project.project import Project
from core.review.compare import compare_label
from core.review.metrics import measure
from core.volume import Volume

SHAPE = (6, 10, 12)
SPACING = np.diag([0.5, 0.5, 4.0, 1.0])


def masks() -> tuple[np.ndarray, np.ndarray]:
    truth, guess = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    truth[1:4, 2:8, 2:8] = True
    guess[1:4, 3:8, 2:8] = True
    return truth, guess


def test_no_millilitres_and_no_millimetres_through_uneven_slices() -> None:
    truth, guess = masks()
    even = measure(truth, guess, Geometry(SHAPE, SPACING))
    uneven = measure(truth, guess, Geometry(SHAPE, SPACING, depth_known=False))
    assert even.truth_ml == pytest.approx(108 * 1e-3)
    assert even.unit == "mm"
    assert even.hd95 == pytest.approx(0.5)
    assert (uneven.truth_ml, uneven.predicted_ml, uneven.difference_ml) == (None, None, None)
    assert uneven.unit == "px"
    assert uneven.hd95 == pytest.approx(1.0)
    # what needs no distance is told as ever
    assert (uneven.dice, uneven.truth_voxels, uneven.difference_percent) == (
        even.dice,
        even.truth_voxels,
        even.difference_percent,
    )
    compared = compare_label("Brain", truth, guess, Geometry(SHAPE, SPACING, depth_known=False))
    assert (compared.truth_ml, compared.predicted_ml) == (None, None)


def test_a_single_slice_without_a_thickness_is_measured_in_its_plane_only() -> None:
    truth, guess = (mask[1:2] for mask in masks())
    flat = measure(truth, guess, Geometry((1, 10, 12), SPACING, depth_known=False))
    assert flat.truth_ml is None
    assert flat.unit == "mm"
    assert flat.hd95 == pytest.approx(0.5)


def doubted() -> Volume:
    return Volume(
        np.arange(720, dtype=np.int16).reshape(SHAPE),
        Geometry(SHAPE, SPACING, depth_known=False),
        facts={"format": "dicom", "uneven_slices": 1},
    )


def test_a_project_remembers_the_doubt_until_it_is_accepted(tmp_path: Path) -> None:
    folder = tmp_path / "p.meninx"
    with Project.create(folder) as project:
        scan = project.add_scan(doubted(), patient=None, source=["a"], identity={})
        other = project.add_scan(
            Volume(np.ones(SHAPE, np.int16), Geometry(SHAPE, SPACING)), patient=None, source=["b"], identity={}
        )
        assert not project.geometry(scan.id).measurable
        assert not project.read_volume(scan.id).even
        assert project.geometry(other.id).measurable
    with Project.open(folder) as project:
        assert not project.geometry(scan.id).measurable
        project.accept_depth(scan.id, reader="anna")
        project.accept_depth(scan.id, reader="anna")
        project.accept_depth(other.id, reader="anna")
        assert project.geometry(scan.id).measurable
    with Project.open(folder, read_only=True) as project:
        volume = project.read_volume(scan.id)
        assert volume.even
        # the scan itself is as it was: only a person's word was added
        assert volume.facts["uneven_slices"] == 1
        assert project.geometry(scan.id).measurable
        assert project.verify() == []


def test_the_command_line_accepts_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "p.meninx"
    with Project.create(folder) as project:
        scan = project.add_scan(doubted(), patient=None, source=["a"], identity={})
    for arguments, expected in (([], False), (["--accept-distance", scan.name], True), ([], True)):
        assert run(["scans", str(folder), "--json", *arguments]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [one["measurable"] for one in told["scans"]] == [expected]
    assert run(["scans", str(folder), "--accept-distance", "S0099"]) == 1


def test_an_uneven_series_is_in_doubt_from_the_files_to_the_project(tmp_path: Path) -> None:
    make_series(tmp_path / "ct", count=5)
    last = pydicom.dcmread(tmp_path / "ct" / "IM0004.dcm")
    last.ImagePositionPatient = [-20.0, -30.0, 24.0]
    last.save_as(tmp_path / "ct" / "IM0004.dcm")
    Project.create(tmp_path / "p.meninx").close()
    events = list(import_job(tmp_path / "p.meninx", [tmp_path / "ct"], ImportOptions(), never_stop))
    assert [event.key for event in events if isinstance(event, Notice)] == ["slices-uneven"]
    with Project.open(tmp_path / "p.meninx") as project:
        (scan,) = project.scans()
        assert not project.read_volume(scan.id).even
        assert not project.geometry(scan.id).measurable


def test_the_distance_is_told_where_there_is_one() -> None:
    assert between_slices(Geometry(SHAPE, SPACING)) == "4"
    assert between_slices(Geometry(SHAPE, np.diag([1, 1, 3.60001, 1])), 4) == "3.6"
    assert between_slices(Geometry(SHAPE, SPACING, depth_known=False)) == "uneven"
    assert between_slices(Geometry((1, 10, 12), SPACING, depth_known=False)) == "?"
