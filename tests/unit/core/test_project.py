"""A project on disk: what goes in comes out, and nothing else lies around."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from project_support import AFFINE, head

from core.errors import InputError, ProjectError
from core.geometry import Geometry
from core.project.project import FOLDERS, Project
from core.project.records import Origin, ScanStatus, SliceState
from core.project.scanfile import pixel_hash
from core.project.verify import path_is_portable
from core.volume import Volume, Window


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "pilot.meninx") as opened:
        yield opened


def test_the_folder_is_laid_out_as_designed(project: Project) -> None:
    scan = project.add_scan(head(), patient="Doe")
    annotation = project.ensure_annotation(scan.id, "anna")
    mask = np.ones(scan.shape, np.uint8)
    project.save_layers(annotation.id, {"brain": mask}, {}, journal_sequence=1)
    project.close()
    version = f"masks/{scan.id}/{annotation.id}/brain-1-"
    files = sorted(file.relative_to(project.path).as_posix() for file in project.path.rglob("*") if file.is_file())
    masks = [file for file in files if file.startswith("masks/")]
    assert [file for file in files if file not in masks] == [
        "meninx.json",
        "project.sqlite",
        "project.sqlite.sha256",
        f"scans/{scan.id}.h5",
    ]
    assert len(masks) == 1
    assert masks[0].startswith(version)
    assert masks[0].endswith(".nii.gz")
    assert len(masks[0].removeprefix(version).removesuffix(".nii.gz")) == 8
    assert {folder.name for folder in project.path.iterdir() if folder.is_dir()} == set(FOLDERS)
    assert json.loads((project.path / "meninx.json").read_text()) == {"format": 1, "min_reader": 1}
    for file in files:
        assert path_is_portable(file)


def test_ids_are_ulids_and_names_are_short(project: Project) -> None:
    first = project.add_scan(head(seed=1), patient="Doe^John")
    second = project.add_scan(head(seed=2), patient="doe^john ")
    third = project.add_scan(head(seed=3), patient=None)
    assert [scan.name for scan in (first, second, third)] == ["S0001", "S0002", "S0003"]
    assert [scan.patient_name for scan in (first, second, third)] == ["P001", "P001", "P002"]
    assert (first.patient_known, third.patient_known) == (True, False)
    assert all(len(scan.id) == 26 and scan.id == scan.id.lower() for scan in (first, second, third))
    assert project.scan("s0002") == second
    assert project.scan(first.id) == first
    with pytest.raises(InputError, match="scan-unknown"):
        project.scan("S0009")


def test_each_scan_of_unknown_patients_is_its_own_patient(project: Project) -> None:
    one = project.add_scan(head(seed=1), patient=None)
    two = project.add_scan(head(seed=2), patient="  ")
    assert one.patient != two.patient
    assert not two.patient_known


SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.data(),
    shape=SHAPES,
    dtype=st.sampled_from(["u1", "<i2", ">i2", "<u2", "<i4", "<f4", ">f4", "<f8"]),
    channels=st.sampled_from([0, 3]),
    slope=st.floats(0.01, 10),
    inverted=st.booleans(),
)
def test_any_scan_comes_back_as_it_went_in(
    tmp_path: Path,
    data: st.DataObject,
    shape: tuple[int, int, int],
    dtype: str,
    channels: int,
    slope: float,
    inverted: bool,
) -> None:
    full = (*shape, channels) if channels else shape
    array = data.draw(hnp.arrays(np.dtype(dtype), full, elements={"allow_nan": False} if "f" in dtype else None))
    volume = Volume(
        array,
        Geometry(shape, AFFINE, spacing_known=inverted),
        slope=slope,
        intercept=-3.0,
        modality="CT",
        windows=(Window(40, 80, "brain"),),
        channels=("R", "G", "B") if channels else (),
        padding=-5.0,
        inverted=inverted,
        facts={"echo_time": 12.5, "sequence": "FLAIR", "count": 3},
    )
    path = tmp_path / "p"
    project = Project.open(path) if path.exists() else Project.create(path)
    with project:
        scan = project.add_scan(volume, patient="somebody")
        back = project.read_volume(scan.id)
        np.testing.assert_array_equal(back.array, array)
        assert back.array.dtype == array.dtype.newbyteorder("<")
        assert back.geometry.shape == shape
        np.testing.assert_array_equal(back.geometry.affine, AFFINE)
        assert back.geometry.spacing_known == inverted
        for name in ("slope", "intercept", "modality", "windows", "channels", "padding", "inverted", "facts"):
            assert getattr(back, name) == getattr(volume, name), name
        np.testing.assert_array_equal(project.read_slices(scan.id, 0, 1), array[:1])
        assert project.geometry(scan.id).matches(volume.geometry)
        assert scan.channels == (channels or 1)
        assert project.thumbnail(scan.id).shape == (64, 64)
        assert project.find_scan_by_hash(pixel_hash(volume)) is not None


def test_the_same_pixels_are_recognised_in_either_byte_order(project: Project) -> None:
    volume = head()
    scan = project.add_scan(volume, patient=None)
    other = Volume(volume.array.astype(">i2"), volume.geometry)
    found = project.find_scan_by_hash(pixel_hash(other))
    assert found is not None
    assert found.id == scan.id
    assert project.find_scan_by_hash(pixel_hash(head(seed=9))) is None


def test_a_thumbnail_shows_the_middle_slice_in_its_own_proportions(project: Project) -> None:
    array = np.zeros((3, 40, 40), np.uint8)
    array[1, 10:30, 10:30] = 200
    scan = project.add_scan(Volume(array, Geometry((3, 40, 40), np.diag([1.0, 2.0, 1.0, 1.0]))), patient=None)
    thumbnail = project.thumbnail(scan.id)
    assert thumbnail[32, 32] > 200
    assert thumbnail[32, 2] == 0
    rows, columns = np.nonzero(thumbnail > 128)
    assert np.ptp(rows) == pytest.approx(2 * np.ptp(columns), abs=3)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4)), np.zeros((2, 2, 2), np.complex64), np.zeros((0, 2, 2)), np.zeros((3, 2, 2), np.uint8)]
)
def test_what_is_no_scan_is_refused_and_leaves_nothing(project: Project, array: np.ndarray) -> None:
    with pytest.raises(InputError, match="scan-array-bad"):
        project.add_scan(Volume(array, Geometry((2, 2, 2), np.eye(4))), patient=None)
    assert list((project.path / "scans").iterdir()) == []
    assert project.scans() == []


# masks


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    masks=st.lists(
        hnp.arrays(np.uint8, (3, 5, 4), elements=st.sampled_from([0, 1, 2, 250, 255])), min_size=1, max_size=4
    ),
    finished=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_every_saved_version_comes_back(tmp_path: Path, masks: list[np.ndarray], finished: list[bool]) -> None:
    path = tmp_path / "p"
    with Project.open(path) if path.exists() else Project.create(path) as project:
        scan = project.add_scan(head((3, 5, 4)), patient=None)
        annotation = project.ensure_annotation(scan.id, "anna")
        states = [SliceState(z, Origin.DRAWN, None, done, "anna", 1.5) for z, done in enumerate(finished)]
        expected: list[np.ndarray] = []
        for sequence, mask in enumerate(masks, 1):
            project.save_layers(annotation.id, {"brain": mask}, {"brain": states}, journal_sequence=sequence)
            if not expected or not np.array_equal(expected[-1], mask):
                expected.append(mask)
    with Project.open(path) as project:
        versions = project.layer_versions(annotation.id, "brain")
        assert [version.sequence for version in versions] == list(range(1, len(expected) + 1))
        for version, mask in zip(versions, expected, strict=True):
            np.testing.assert_array_equal(project.read_version(version), mask)
            values, counts = np.unique(mask[mask > 0], return_counts=True)
            assert dict(version.counts) == dict(zip(values.tolist(), counts.tolist(), strict=True))
        latest = project.read_layer(annotation.id, "brain")
        np.testing.assert_array_equal(latest, masks[-1])
        latest[0, 0, 0] = 7  # writable
        assert project.slice_states(annotation.id, "brain") == states
        found = project.annotation(scan.id, "anna")
        assert found is not None
        assert found.journal_sequence == len(masks)


def test_a_mask_file_opens_in_any_viewer_at_the_scans_place(project: Project) -> None:
    scan = project.add_scan(head(), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    mask = np.zeros(scan.shape, np.uint8)
    mask[1, 2, 3] = 1
    project.save_layers(annotation.id, {"brain": mask}, {}, journal_sequence=0)
    image = nibabel.load(project.path / project.layers(annotation.id)["brain"].file)
    assert image.get_data_dtype() == np.uint8
    # nibabel forgets the slope of a loaded image: look at the file's own
    with gzip.open(image.get_filename()) as raw:
        header = nibabel.Nifti1Header.from_fileobj(raw)
    assert header.get_slope_inter() == (1.0, 0.0)
    np.testing.assert_allclose(image.get_sform(), AFFINE, atol=1e-4)
    np.testing.assert_allclose(image.get_qform(), AFFINE, atol=1e-3)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), mask)


def test_a_sheared_grid_speaks_by_its_sform_alone(project: Project) -> None:
    sheared = AFFINE.copy()
    sheared[1, 2] = 0.8  # gantry tilt
    volume = head()
    scan = project.add_scan(Volume(volume.array, Geometry(volume.shape, sheared)), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    project.save_layers(annotation.id, {"brain": np.ones(scan.shape, np.uint8)}, {}, journal_sequence=0)
    image = nibabel.load(project.path / project.layers(annotation.id)["brain"].file)
    np.testing.assert_allclose(image.affine, sheared, atol=1e-4)
    assert int(image.header["qform_code"]) == 0


def test_not_begun_and_truly_nothing_are_told_apart(project: Project) -> None:
    scan = project.add_scan(head(), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    assert project.read_layer(annotation.id, "lesions") is None
    nothing = np.zeros(scan.shape, np.uint8)
    states = [SliceState(z, Origin.DRAWN, None, True, "anna") for z in range(scan.shape[0])]
    project.save_layers(annotation.id, {"lesions": nothing}, {"lesions": states}, journal_sequence=1)
    np.testing.assert_array_equal(project.read_layer(annotation.id, "lesions"), nothing)
    assert all(state.finished for state in project.slice_states(annotation.id, "lesions"))


def test_layers_and_readers_do_not_touch_each_other(project: Project) -> None:
    scan = project.add_scan(head(), patient=None)
    anna, ben = project.ensure_annotation(scan.id, "anna"), project.ensure_annotation(scan.id, "ben")
    assert project.ensure_annotation(scan.id, "anna") == anna
    one, two = np.ones(scan.shape, np.uint8), np.full(scan.shape, 2, np.uint8)
    drawn = [SliceState(0, Origin.DRAWN, None, True, "anna")]
    project.save_layers(anna.id, {"brain": one}, {"brain": drawn}, journal_sequence=1)
    project.save_layers(anna.id, {"lesions": two}, {"lesions": []}, journal_sequence=2)
    assert project.read_layer(ben.id, "brain") is None
    np.testing.assert_array_equal(project.read_layer(anna.id, "brain"), one)
    assert project.slice_states(anna.id, "brain") == drawn
    assert set(project.layers(anna.id)) == {"brain", "lesions"}
    assert {found.reader for found in project.annotations(scan.id)} == {"anna", "ben"}
    assert project.finished_slices() == {scan.id: {"anna": 1, "ben": 0}}


def test_the_same_voxels_make_no_new_version_but_states_are_saved(project: Project) -> None:
    scan = project.add_scan(head(), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    mask = np.ones(scan.shape, np.uint8)
    project.save_layers(annotation.id, {"brain": mask}, {"brain": []}, journal_sequence=1)
    states = [SliceState(2, Origin.PREDICTED, "run", False, "anna", 3.0)]
    project.save_layers(annotation.id, {"brain": mask.copy()}, {"brain": states}, journal_sequence=2)
    assert len(project.layer_versions(annotation.id, "brain")) == 1
    assert project.slice_states(annotation.id, "brain") == states
    # an import without a journal does not take the journal's mark back
    project.save_layers(annotation.id, {"brain": mask * 2}, {}, journal_sequence=0)
    assert project.annotation(scan.id, "anna").journal_sequence == 2


def test_the_first_save_takes_a_scan_out_of_to_do_and_no_further(project: Project) -> None:
    scan = project.add_scan(head(), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    assert project.scan(scan.id).status is ScanStatus.TO_DO
    project.save_layers(annotation.id, {}, {"brain": []}, journal_sequence=1)
    assert project.scan(scan.id).status is ScanStatus.IN_PROGRESS
    project.set_status("s0001", ScanStatus.DONE)
    project.save_layers(annotation.id, {}, {"brain": []}, journal_sequence=2)
    assert project.scan(scan.id).status is ScanStatus.DONE
    assert project.counts()[ScanStatus.DONE] == 1
    assert sum(project.counts().values()) == 1


@pytest.mark.parametrize(
    ("layers", "states", "code"),
    [
        ({"brain": np.zeros((5, 16, 20), np.uint8)}, {}, "mask-grid-differs"),
        ({"brain": np.zeros((5, 20, 16), bool)}, {}, "mask-grid-differs"),
        ({"brain": np.full((5, 20, 16), 252, np.uint8)}, {}, "mask-value-reserved"),
        ({"../brain": np.zeros((5, 20, 16), np.uint8)}, {}, "layer-name-bad"),
        ({}, {"con ": []}, "layer-name-bad"),
        ({}, {"brain": [SliceState(5, Origin.DRAWN)]}, "slice-outside"),
    ],
)
def test_what_is_no_mask_of_this_scan_is_refused_whole(
    project: Project, layers: dict[str, np.ndarray], states: dict[str, list[SliceState]], code: str
) -> None:
    scan = project.add_scan(head(), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    with pytest.raises(InputError, match=code):
        project.save_layers(annotation.id, layers, states, journal_sequence=1)
    assert project.layers(annotation.id) == {}
    assert project.scan(scan.id).status is ScanStatus.TO_DO
    assert project.verify() == []


def test_a_save_that_another_process_overtook_is_refused_and_harms_nothing(project: Project) -> None:
    scan = project.add_scan(head(), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    with Project.open(project.path) as other:
        inner = other._annotations._write

        def overtaken(*arguments: object) -> object:
            written = inner(*arguments)
            project.save_layers(annotation.id, {"brain": np.ones(scan.shape, np.uint8)}, {}, journal_sequence=1)
            return written

        other._annotations._write = overtaken
        with pytest.raises(ProjectError, match="annotation-changed"):
            other.save_layers(annotation.id, {"brain": np.full(scan.shape, 2, np.uint8)}, {}, journal_sequence=1)
    assert project.read_layer(annotation.id, "brain").max() == 1
    assert project.verify() == []
