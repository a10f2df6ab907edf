"""One head through everything: DICOM in every direction, a project, exported files, other programs' eyes on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from phantom_support import CENTRES, MARKS, Series, centre_of, write_series
from scipy.spatial.transform import Rotation

from core.events import never_stop
from core.geometry import Plane
from core.io.masks import read_single_mask
from core.labels import BRAIN
from core.project.exporting import Outputs, export_scan
from core.project.importing import ImportOptions, import_job
from core.project.project import Project
from core.project.records import Origin, Scan, SliceState
from core.volume import Volume

RAS = np.array([-1.0, -1.0, 1.0])
CLOSE_MM = 1e-3
STEP_MM = 5.1


@dataclass(frozen=True)
class Way:
    """How a series is laid: directions of its rows and columns, and the step between slices (LPS)."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    step: NDArray[np.float64]
    sheared: bool = False


def _planes() -> dict[str, Way]:
    """All 24 ways to lay rows and columns along the body's axes, the slices counted to and fro in turn."""
    ways = {}
    axes = np.eye(3)
    for number, (first, second) in enumerate(itertools.permutations(range(3), 2)):
        for turn, (one, other) in enumerate(itertools.product((1, -1), repeat=2)):
            rows, columns = axes[first] * one, axes[second] * other
            way = 1 if (number + turn) % 2 else -1
            ways[f"plane-{first}{second}-{turn}"] = Way(rows, columns, np.cross(rows, columns) * STEP_MM * way)
    return ways


def _turned() -> dict[str, Way]:
    ways = {}
    angles = {"oblique": (18.5, 0, 0), "double": (12, -17, 0), "triple": (-8, 14, 21), "steep": (40, 10, -5)}
    for name, turn in angles.items():
        rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
        rows, columns = rotation[:, 0], rotation[:, 1]
        ways[name] = Way(rows, columns, rotation[:, 2] * STEP_MM * (-1 if name == "double" else 1))
    for degrees in (8.5, -20.0):
        # the table moves straight, the gantry leans: every slice lies a little higher than the one below it
        lean = Rotation.from_euler("x", degrees, degrees=True).as_matrix()
        ways[f"tilt{degrees}"] = Way(lean[:, 0], lean[:, 1], np.array([0.0, 0.0, STEP_MM]), True)
    return ways


WAYS = _planes() | _turned()


@dataclass(frozen=True)
class Journey:
    """A series, the scan it became, and the files that the scan became."""

    way: Way
    series: Series
    scan: Scan
    volume: Volume
    mask: Path
    brain: Path


@pytest.fixture(scope="module")
def journeys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Journey]:
    """All series imported together, a mask of the marks drawn on each, mask and stripped brain exported."""
    base = tmp_path_factory.mktemp("truth")
    made = {
        name: write_series(
            base / "discs" / name, way.rows, way.columns, way.step, spacing=(3.9, 2.9), shape=(17, 25, 32), seed=number
        )
        for number, (name, way) in enumerate(WAYS.items())
    }
    patch = pytest.MonkeyPatch()
    patch.setenv("MENINX_HOME", str(base / "home"))
    result = {}
    Project.create(base / "p.meninx").close()
    list(import_job(base / "p.meninx", [series.folder for series in made.values()], ImportOptions(), never_stop))
    with Project.open(base / "p.meninx") as project:
        for (name, series), scan in zip(made.items(), project.scans(), strict=True):
            volume = project.read_volume(scan.id)
            _draw(project, scan, volume)
            files, whole = export_scan(project, scan, Outputs(base / "out"))
            assert whole
            brain, mask = sorted(files)
            result[name] = Journey(WAYS[name], series, scan, volume, mask, brain)
    patch.undo()
    return result


def _draw(project: Project, scan: Scan, volume: Volume) -> None:
    label = project.ensure_label(BRAIN)
    annotation = project.ensure_annotation(scan.id, "r")
    layer = (volume.array >= min(MARKS.values())).astype(np.uint8) * np.uint8(label.value)
    states = [SliceState(index, Origin.DRAWN, None, True, "r", 0.0) for index in range(volume.shape[0])]
    project.save_layers(annotation.id, {label.layer: layer}, {label.layer: states}, journal_sequence=0)


def in_turn(check: Callable[[dict[str, Journey], str], None]) -> Any:
    return pytest.mark.parametrize("name", list(WAYS))(check)


@in_turn
def test_the_scan_lies_where_the_series_was_laid(journeys: dict[str, Journey], name: str) -> None:
    journey = journeys[name]
    ours, theirs = journey.volume, journey.series
    ends = np.array(list(itertools.product(*((0, count - 1) for count in ours.shape[::-1]))), dtype=float)
    world = ours.geometry.to_world(ends)
    back = (world - theirs.affine[:3, 3]) @ np.linalg.inv(theirs.affine[:3, :3]).T
    # the same voxels, perhaps counted from the other end
    turned = back.copy()
    turned[:, 2] = ours.shape[0] - 1 - back[:, 2]
    same = np.abs(back - ends).max() < 1e-4
    assert same or np.abs(turned - ends).max() < 1e-4
    np.testing.assert_array_equal(ours.array, theirs.array if same else theirs.array[::-1])


@in_turn
def test_each_slice_lies_where_simpleitk_has_its_file(journeys: dict[str, Journey], name: str) -> None:
    journey = journeys[name]
    depth, height, width = journey.volume.shape
    found = 0
    for file in journey.series.folder.iterdir():
        one = sitk.ReadImage(str(file))
        pixels = sitk.GetArrayViewFromImage(one)[0]
        corners = [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)]
        points = np.array([one.TransformIndexToPhysicalPoint((x, y, 0)) for x, y in corners]) * RAS
        z = round(float(journey.volume.geometry.to_voxel(points[0])[2]))
        ours = journey.volume.geometry.to_world([(x, y, z) for x, y in corners])
        np.testing.assert_allclose(ours, points, atol=CLOSE_MM)
        np.testing.assert_array_equal(journey.volume.array[z], pixels)
        found += 1
    assert found == depth


@pytest.mark.parametrize("name", [name for name, way in WAYS.items() if not way.sheared])
def test_the_grid_is_that_of_simpleitks_series_reader(journeys: dict[str, Journey], name: str) -> None:
    journey = journeys[name]
    theirs = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(journey.series.folder)))
    ours = journey.volume
    assert theirs.GetSize() == ours.shape[::-1]
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(theirs), ours.array)
    for index in itertools.product(*((0, count - 1) for count in ours.shape[::-1])):
        point = np.array(theirs.TransformIndexToPhysicalPoint(index)) * RAS
        np.testing.assert_allclose(ours.geometry.to_world(index), point, atol=CLOSE_MM)


@in_turn
def test_mask_and_brain_lie_where_the_marks_lie(journeys: dict[str, Journey], name: str) -> None:
    """Read back by nibabel, and by SimpleITK wherever it can read a file at all."""
    journey = journeys[name]
    brain, mask = (nibabel.load(file) for file in (journey.brain, journey.mask))
    values, inside = (np.asarray(made.dataobj).T for made in (brain, mask))
    np.testing.assert_array_equal(inside, journey.volume.array >= min(MARKS.values()))
    np.testing.assert_array_equal(values[inside > 0], journey.volume.array[inside > 0])
    for letter, value in MARKS.items():
        middle = centre_of(values == value)
        point = journey.volume.geometry.to_world(middle)
        # a mark's voxels lie around its middle, to a part of a voxel
        assert np.linalg.norm(point - CENTRES[letter]) < 1.5
        for made in (brain, mask):
            np.testing.assert_allclose(nibabel.affines.apply_affine(made.affine, middle), point, atol=CLOSE_MM)
    if journey.way.sheared:
        # ITK knows no shear: it says so, and shows nothing at a wrong place
        with pytest.raises(RuntimeError, match="orthonormal"):
            sitk.ReadImage(str(journey.brain))
        return
    for file in (journey.brain, journey.mask):
        theirs = sitk.ReadImage(str(file))
        for value in MARKS.values():
            middle = centre_of(values == value)
            point = np.array(theirs.TransformContinuousIndexToPhysicalPoint(middle.tolist())) * RAS
            np.testing.assert_allclose(point, journey.volume.geometry.to_world(middle), atol=CLOSE_MM)


@in_turn
def test_only_the_sform_speaks_of_a_sheared_grid(journeys: dict[str, Journey], name: str) -> None:
    journey = journeys[name]
    for file in (journey.brain, journey.mask):
        made = nibabel.load(file)
        assert int(made.header["sform_code"]) == 1
        assert int(made.header["qform_code"]) == (0 if journey.way.sheared else 1)
        np.testing.assert_allclose(made.affine, journey.volume.geometry.affine, atol=1e-4)
        if not journey.way.sheared:
            np.testing.assert_allclose(made.header.get_qform(), made.header.get_sform(), atol=CLOSE_MM)


@in_turn
def test_the_exported_mask_comes_back_as_the_same_grid(journeys: dict[str, Journey], name: str) -> None:
    journey = journeys[name]
    back = read_single_mask(journey.mask, journey.volume.geometry)
    assert not back.resampled
    np.testing.assert_array_equal(back.array > 0, journey.volume.array >= min(MARKS.values()))


@in_turn
def test_the_letters_name_the_side_of_each_mark(journeys: dict[str, Journey], name: str) -> None:
    volume = journeys[name].volume
    for plane, letters in {Plane.AXIAL: "LA", Plane.CORONAL: "LS", Plane.SAGITTAL: "AS"}.items():
        view = volume.geometry.view(plane)
        for letter in letters:
            slices = [np.count_nonzero(view.extract(volume.array, z) == MARKS[letter]) for z in range(view.slices)]
            shown = view.extract(volume.array, int(np.argmax(slices)))
            row, column = np.argwhere(shown == MARKS[letter]).mean(axis=0)
            left, right, top, bottom = view.letters
            across = right if column > (view.columns - 1) / 2 else left
            down = bottom if row > (view.rows - 1) / 2 else top
            assert letter in (across, down), (plane, letter, view.letters)


def test_tilted_and_oblique_scans_are_known_as_such(journeys: dict[str, Journey]) -> None:
    for name, journey in journeys.items():
        assert journey.scan.orientation_known
        tilt = float(journey.volume.facts.get("tilt_degrees", 0.0))
        assert tilt == pytest.approx(abs(float(name.removeprefix("tilt"))) if journey.way.sheared else 0.0, abs=0.02)
        if name.startswith("plane"):
            assert journey.volume.geometry.oblique_degrees < 0.01
        else:
            assert journey.volume.geometry.oblique_degrees > 5
