"""What is measured is kept over a restart, removed and brought back, and goes out as a table."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from core.commands import line
from core.editing.tools.measures import of_label, on_slice
from core.errors import InputError, StorageError
from core.geometry import Geometry, bounding_box
from core.project.measurement_files import write_measurements
from core.project.measurements import NO_PLANE, Measurement
from core.project.project import Project
from core.volume import Volume

SHAPE = (4, 20, 16)


def volume(*, known: bool = True) -> Volume:
    array = np.random.default_rng(3).integers(0, 900, SHAPE).astype(np.int16)
    affine = np.diag([-0.5, -0.5, 3.0, 1.0]) if known else np.eye(4)
    return Volume(array, Geometry(SHAPE, affine, spacing_known=known, orientation_known=known), modality="MR")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Project.create(tmp_path / "p.meninx") as project:
        project.add_scan(volume(), patient="x")
    return tmp_path / "p.meninx"


def ruler(scan: str, **figures: float | str) -> Measurement:
    return Measurement(scan, "anna", "distance", 0, 2, ((1.25, 2.0, 2.0), (4.0, 6.5, 2.0)), figures=figures)


def test_kept_over_a_restart_removed_and_brought_back(path: Path) -> None:
    with Project.open(path) as project:
        scan = project.scans()[0].id
        first = project.measurements.add(ruler(scan, length=12.5, unit="mm"))
        second = project.measurements.add(ruler(scan, length=3.0, unit="mm"))
        assert first.id
        assert first.created
    with Project.open(path) as project:
        assert project.measurements.of_scan(scan) == [first, second]
        assert project.measurements.of_scan(scan, reader="ben") == []
        project.measurements.remove([first], reader="anna")
        project.measurements.remove([first], reader="anna")
        assert project.measurements.all() == [second]
        assert project.measurements.add(first) == first
        assert project.measurements.of_scan(scan) == [first, second]
        assert project.verify() == []
    with Project.open(path, read_only=True) as project, pytest.raises(StorageError):
        project.measurements.remove([first], reader="anna")


def test_what_makes_no_sense_is_refused(path: Path) -> None:
    with Project.open(path) as project:
        scan = project.scans()[0].id
        for wrong in (Measurement(scan, "anna", "colour", 0, 0, ()), Measurement("gone", "anna", "angle", 0, 0, ())):
            with pytest.raises(InputError):
                project.measurements.add(wrong)
        assert project.measurements.all() == []


def test_figures_are_those_of_the_grid() -> None:
    scan = volume()
    view = scan.geometry.view(scan.geometry.native_plane)
    found = on_slice("distance", scan, view, 1, [(2.0, 3.0), (5.0, 7.0)])
    assert found == {"unit": "mm", "length": pytest.approx(2.5)}
    found = on_slice("angle", scan, view, 1, [(2.0, 3.0), (2.0, 9.0), (8.0, 9.0)])
    assert found == {"unit": "mm", "degrees": pytest.approx(90.0)}
    assert on_slice("angle", scan, view, 1, [(2.0, 3.0), (2.0, 3.0), (8.0, 9.0)]) is None
    found = on_slice("area", scan, view, 1, [(1.5, 2.5), (1.5, 8.5), (7.5, 8.5), (7.5, 2.5)])
    assert found is not None
    assert found["area"] == pytest.approx(9.0)
    inside = view.extract(scan.array, 1)[2:8, 3:9].astype(float)
    assert found["voxels"] == inside.size
    assert found["mean"] == pytest.approx(inside.mean())
    assert found["deviation"] == pytest.approx(inside.std(ddof=1))
    in_pixels = on_slice("distance", volume(known=False), view, 1, [(2.0, 3.0), (5.0, 7.0)])
    assert in_pixels == {"unit": "px", "length": pytest.approx(5.0)}


def test_a_label_is_told_in_ml_only_where_it_can_be() -> None:
    hits = np.zeros(SHAPE, dtype=bool)
    hits[1:3, 4:8, 5:9] = True
    box = bounding_box(hits)
    assert box is not None
    for scan, ml in ((volume(), 32 * 0.5 * 0.5 * 3.0 / 1000), (volume(known=False), None)):
        found = of_label(scan, hits[box.slices], box)
        assert found["voxels"] == 32
        assert found.get("volume") == (None if ml is None else pytest.approx(ml))
        assert found["median"] == pytest.approx(np.median(scan.array[hits]))
        assert not any(isinstance(value, float) and math.isnan(value) for value in found.values())


def test_table_and_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Project.open(path) as project:
        scan = project.scans()[0].id
        kept = project.measurements.add(ruler(scan, length=12.5, unit="mm"))
        figures = {"voxels": 32.0, "volume": 0.024, "mean": 7.5, "unit": "mm"}
        whole = Measurement(scan, "anna", "label", NO_PLANE, 0, (), "Tumour", figures)
        project.measurements.add(whole)
        assert write_measurements(project, path.parent / "out.csv") == 2
    first, second = csv.DictReader((path.parent / "out.csv").read_text(encoding="utf-8").splitlines())
    assert (first["scan"], first["axis"], first["slice"], first["length"]) == ("S0001", "z", "3", "12.5")
    assert first["points"] == "1.25,2,2 4,6.5,2"
    assert (second["label"], second["volume"], second["slice"], second["axis"]) == ("Tumour", "0.024", "", "")
    assert line.run(["measurements", str(path), "--remove", kept.id, "--json"]) == 0
    (left,) = json.loads(capsys.readouterr().out)["measurements"]
    assert (left["kind"], left["label"], left["mean"]) == ("label", "Tumour", 7.5)
    assert line.run(["measurements", str(path), "--remove", "nothing", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "measurement-unknown"
    assert line.run(["measurements", str(path)]) == 0
    assert "0.024" in capsys.readouterr().out
