"""Slices that belong together lie together, in true order; all others are kept apart and named."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid
from reader_support import AXIAL, CORONAL, SAGITTAL, make_series, oblique, world_values, write_dicom

from core.io.reading import FindOptions, Found, Source, find_sources, read_source
from core.io.sniff import Format
from core.volume import Volume


def found_in(folder: Path) -> Found:
    found = find_sources([folder])
    assert [str(one.error) for one in found.passed] == []
    return found


def only(folder: Path) -> Source:
    (source,) = found_in(folder).sources
    return source


def keys(source: Source) -> list[str]:
    return [notice.key for notice in source.notices]


def all_keys(found: Found) -> list[str]:
    return [key for source in found.sources for key in keys(source)]


def told(source: Source, key: str) -> dict[str, Any]:
    (notice,) = [notice for notice in source.notices if notice.key == key]
    return dict(notice.fields)


def assert_true_to_space(volume: Volume, atol: float = 0.0) -> None:
    """Each stored value is that of its own RAS position."""
    z, y, x = np.indices(volume.shape)
    world = volume.geometry.to_world(np.stack([x, y, z], axis=-1))
    np.testing.assert_allclose(volume.array, world_values(world), atol=atol)


def change(path: Path, **elements: Any) -> None:
    dataset = pydicom.dcmread(path)
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path)


# ---------------------------------------------------------------- what lies on one grid


def test_a_localiser_of_three_planes_is_three_scans(tmp_path: Path) -> None:
    same = {"SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    for name, plane in (("a", AXIAL), ("c", CORONAL), ("s", SAGITTAL)):
        make_series(tmp_path / name, orientation=plane, count=3, names=[f"{name}{n}" for n in range(3)], **same)
    flat = tmp_path / "flat"
    flat.mkdir()
    for name in "acs":
        for file in (tmp_path / name).iterdir():
            shutil.move(file, flat / file.name)
    found = found_in(flat)
    volumes = [read_source(source) for source in found.sources]
    assert sorted(str(volume.geometry.native_plane) for volume in volumes) == ["axial", "coronal", "sagittal"]
    assert all(keys(source) == ["series-split"] for source in found.sources)
    for volume in volumes:
        assert_true_to_space(volume)


def test_a_scout_picture_in_a_series_is_no_slice_of_it(tmp_path: Path) -> None:
    make_series(tmp_path, count=5, ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], Modality="CT")
    change(tmp_path / "IM0004.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    found = found_in(tmp_path)
    assert sorted(len(source.files) for source in found.sources) == [1, 4]


@pytest.mark.parametrize(
    ("name", "other"),
    [("FrameOfReferenceUID", "1.2.3.4"), ("PixelSpacing", [2.1, 1.0]), ("PatientID", "SOMEBODY-ELSE")],
)
def test_what_cannot_share_a_grid_or_a_patient_is_kept_apart(tmp_path: Path, name: str, other: Any) -> None:
    make_series(tmp_path, count=6)
    for index in (1, 3, 5):
        change(tmp_path / f"IM{index:04d}.dcm", **{name: other})
    found = found_in(tmp_path)
    assert [len(source.files) for source in found.sources] == [3, 3]
    if name == "PatientID":
        assert {source.patient for source in found.sources} == {"PAT-7", "SOMEBODY-ELSE"}


def test_two_sizes_in_one_series_are_two_scans(tmp_path: Path) -> None:
    same = {"SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    make_series(tmp_path / "a", count=3, shape=(6, 8), **same)
    make_series(tmp_path / "b", count=3, shape=(8, 8), **same)
    found = found_in(tmp_path)
    assert sorted(read_source(source).shape for source in found.sources) == [(3, 6, 8), (3, 8, 8)]


def test_files_of_no_series_are_not_put_together(tmp_path: Path) -> None:
    make_series(tmp_path, count=3, SeriesInstanceUID=None)
    assert [len(source.files) for source in found_in(tmp_path).sources] == [1, 1, 1]


def test_no_frame_of_reference_is_no_hindrance(tmp_path: Path) -> None:
    ras = make_series(tmp_path, count=5, FrameOfReferenceUID=None)
    volume = read_source(only(tmp_path))
    np.testing.assert_allclose(volume.geometry.affine, ras, atol=1e-6)
    assert_true_to_space(volume)


def test_directions_rounded_differently_from_slice_to_slice_are_one_grid(tmp_path: Path) -> None:
    cosines = np.array(oblique(14.3))
    make_series(tmp_path, orientation=cosines, count=12)
    rng = np.random.default_rng(3)
    for file in tmp_path.iterdir():
        change(file, ImageOrientationPatient=[f"{value:.9f}" for value in cosines + rng.uniform(-4e-5, 4e-5, 6)])
    source = only(tmp_path)
    assert len(source.files) == 12
    for shift in range(12):
        # whichever file comes first
        files = source.files[shift:] + source.files[:shift]
        assert read_source(Source(Format.DICOM, files, "again")).shape[0] == 12


def test_huge_coordinates_do_not_disturb_the_order(tmp_path: Path) -> None:
    cosines = np.array(oblique(14.3))
    step = np.cross(cosines[:3], cosines[3:]) * 0.5
    ras = make_series(tmp_path, orientation=cosines, origin=(12345.6, -23456.7, 34567.8), step=step, count=10)
    rng = np.random.default_rng(4)
    for file in tmp_path.iterdir():
        # rounded as writers do: turned by 1e-5 at 40 m, a slice would seem to lie elsewhere
        change(file, ImageOrientationPatient=[f"{value:.9f}" for value in cosines + rng.uniform(-1e-5, 1e-5, 6)])
    source = only(tmp_path)
    assert keys(source) == ["slices-oblique"]
    assert [file.name for file in source.files] == [f"IM{index:04d}.dcm" for index in range(10)]
    affine = read_source(source).geometry.affine
    np.testing.assert_allclose(affine[:, 3], ras[:, 3], atol=1e-3)
    np.testing.assert_allclose(affine[:3, :3], ras[:3, :3], atol=1e-4)


# ---------------------------------------------------------------- repeats


def repeated(folder: Path, *facts: dict[str, Any], count: int = 4) -> None:
    """Write a series once per set of facts, at the same places, values told apart by RescaleIntercept."""
    same = {"SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    for number, extra in enumerate(facts):
        names = [f"r{number}-{index}.dcm" for index in range(count)]
        make_series(folder, count=count, names=names, RescaleIntercept=str(100 * number), **(same | extra))


@pytest.mark.parametrize(
    "facts",
    [
        [{"EchoTime": "10"}, {"EchoTime": "90"}],
        [{"EchoNumbers": "1"}, {"EchoNumbers": "2"}, {"EchoNumbers": "3"}],
        [{"DiffusionBValue": 0.0}, {"DiffusionBValue": 1000.0}],
        [{"TemporalPositionIdentifier": str(time)} for time in range(1, 12)],
        [{"AcquisitionNumber": "1"}, {"AcquisitionNumber": "2"}],
        [{"ImageType": ["ORIGINAL", "PRIMARY", kind, "NONE"]} for kind in "IMPR"],
        [{"ConvolutionKernel": "H30s"}, {"ConvolutionKernel": "H60s"}],
        [{"InversionTime": "100"}, {"InversionTime": "900"}],
        [{"TriggerTime": str(10 * time)} for time in range(5)],
        [{"ComplexImageComponent": "MAGNITUDE"}, {"ComplexImageComponent": "PHASE"}],
        [{"AcquisitionTime": "101500"}, {"AcquisitionTime": "101730"}],
        # two elements together, and a time that differs on every slice beside them
        [{"EchoTime": echo, "ImageType": ["O", "P", kind]} for echo in ("10", "20") for kind in "MP"],
    ],
)
def test_repeats_of_a_place_become_volumes_by_what_the_headers_say(tmp_path: Path, facts: list[dict[str, Any]]) -> None:
    repeated(tmp_path, *facts)
    for clock, file in enumerate(sorted(tmp_path.iterdir())):
        change(file, ContentTime=f"1015{clock:02d}")
    found = found_in(tmp_path)
    assert len(found.sources) == len(facts)
    assert all_keys(found) == ["slices-repeated"]
    for number, source in enumerate(found.sources):
        assert {file.name for file in source.files} == {f"r{number}-{index}.dcm" for index in range(4)}
        assert_true_to_space(read_source(source))


def test_a_private_b_value_tells_repeats_apart(tmp_path: Path) -> None:
    repeated(tmp_path, {}, {})
    for file in sorted(tmp_path.iterdir()):
        dataset = pydicom.dcmread(file)
        block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0C, "IS", "0" if file.name.startswith("r0") else "1000")
        dataset.save_as(file)
    found = found_in(tmp_path)
    assert all_keys(found) == ["slices-repeated"]
    assert {file.name[:2] for file in found.sources[0].files} == {"r0"}
    assert {file.name[:2] for file in found.sources[1].files} == {"r1"}


def test_slabs_that_overlap_are_told_apart(tmp_path: Path) -> None:
    same = {"SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    for slab in range(3):
        keep = list(range(4 * slab, 4 * slab + 6))
        names = [f"s{slab}-{index}.dcm" for index in keep]
        make_series(tmp_path, keep=keep, names=names, AcquisitionNumber=str(slab + 1), **same)
        for index in keep:
            change(tmp_path / f"s{slab}-{index}.dcm", Rows=6, RescaleIntercept=str(slab))
    found = found_in(tmp_path)
    assert [len(source.files) for source in found.sources] == [6, 6, 6]
    for source in found.sources:
        assert_true_to_space(read_source(source))


def test_repeats_that_nothing_tells_apart_are_said_to_be_untold(tmp_path: Path) -> None:
    repeated(tmp_path, {}, {})
    for number, file in enumerate(sorted(tmp_path.iterdir())):
        dataset = pydicom.dcmread(file)
        dataset.PixelData = bytes(reversed(dataset.PixelData)) if file.name.startswith("r1") else dataset.PixelData
        dataset.InstanceNumber = number + 1
        dataset.save_as(file)
    found = found_in(tmp_path)
    assert all_keys(found) == ["slices-repeated-untold"]
    for number, source in enumerate(found.sources):
        assert {file.name[:2] for file in source.files} == {f"r{number}"}


def test_a_slice_that_was_sent_twice_with_other_content_is_not_lost(tmp_path: Path) -> None:
    make_series(tmp_path, count=5)
    dataset = pydicom.dcmread(tmp_path / "IM0002.dcm")
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.InstanceNumber = 5000
    # under the very same instance UID
    dataset.save_as(tmp_path / "again.dcm")
    found = found_in(tmp_path)
    assert sorted(len(source.files) for source in found.sources) == [1, 5]
    assert all_keys(found) == ["slices-repeated-untold"]
    whole = max(found.sources, key=lambda source: len(source.files))
    assert_true_to_space(read_source(whole))


def test_copies_under_new_names_or_new_uids_are_left_out_and_counted(tmp_path: Path) -> None:
    make_series(tmp_path, count=5)
    shutil.copy(tmp_path / "IM0001.dcm", tmp_path / "copy.dcm")
    change(shutil.copy(tmp_path / "IM0003.dcm", tmp_path / "new.dcm"), SOPInstanceUID=generate_uid())
    source = only(tmp_path)
    assert told(source, "slices-copies")["count"] == 2
    assert len(source.files) == 5
    assert_true_to_space(read_source(source))


def test_a_folder_that_is_there_twice_is_one_scan_and_its_files_are_told_while_compared(tmp_path: Path) -> None:
    make_series(tmp_path / "a", count=5)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    heard: list[Path] = []
    found = find_sources([tmp_path], heartbeat=heard.append)
    (source,) = found.sources
    assert len(source.files) == 5
    assert told(source, "slices-copies")["count"] == 5
    # looked at, header read, pixels compared: a slow disc is no hanging program
    assert sorted(heard) == sorted([*(tmp_path / "a").iterdir(), *(tmp_path / "b").iterdir()] * 3)


def test_one_place_forty_times_is_forty_scans(tmp_path: Path) -> None:
    repeated(tmp_path, *[{"TemporalPositionIdentifier": str(number)} for number in range(40)], count=1)
    found = found_in(tmp_path)
    assert len(found.sources) == 40
    assert all_keys(found) == ["slices-repeated"]


# ---------------------------------------------------------------- places


def test_several_gaps_are_named_each_and_left_blank(tmp_path: Path) -> None:
    keep = [0, 1, 2, 4, 5, 6, 7, 10, 11, 12]
    ras = make_series(tmp_path, count=13, keep=keep)
    source = only(tmp_path)
    assert told(source, "slices-missing") | {"name": ""} == {"name": "", "count": 3, "slices": "4, 9, 10"}
    volume = read_source(source)
    assert volume.facts["missing_slices"] == "3,8,9"
    assert volume.even
    np.testing.assert_allclose(volume.geometry.affine, ras, atol=1e-6)
    blank = [index for index in range(13) if not volume.array[index].any()]
    assert blank == [3, 8, 9]
    z, y, x = np.indices(volume.shape)
    true = world_values(volume.geometry.to_world(np.stack([x, y, z], axis=-1)))
    np.testing.assert_array_equal(volume.array[keep], true[keep])


def uneven(folder: Path, places: list[float], **elements: Any) -> None:
    make_series(folder, count=len(places), **elements)
    for index, place in enumerate(places):
        change(folder / f"IM{index:04d}.dcm", ImagePositionPatient=[-20.0, -30.0, place])


def test_uneven_slices_are_named_and_tell_no_volume(tmp_path: Path) -> None:
    uneven(tmp_path, [0, 3, 6.4, 9, 12])
    source = only(tmp_path)
    assert told(source, "slices-uneven")["least"] == pytest.approx(2.6)
    assert told(source, "slices-uneven")["most"] == pytest.approx(3.4)
    volume = read_source(source)
    assert volume.shape[0] == 5
    assert volume.facts["uneven_slices"] == 1
    assert not volume.even
    assert not volume.geometry.measurable
    assert volume.geometry.spacing_known


def test_thin_slices_below_and_thick_above_are_uneven_not_missing(tmp_path: Path) -> None:
    # the head CT of a sequential scanner: nothing is missing between the thick ones
    uneven(tmp_path, [0, 5, 10, 15, 20, 25, 35, 45, 55])
    for index in range(9):
        change(tmp_path / f"IM{index:04d}.dcm", SliceThickness="10" if index > 5 else "5")
    source = only(tmp_path)
    assert keys(source) == ["slices-uneven"]
    assert read_source(source).shape[0] == 9


@pytest.mark.parametrize("told_mm", ["6", "-6", "0.3"])
def test_positions_win_over_the_distance_that_the_header_tells(tmp_path: Path, told_mm: str) -> None:
    ras = make_series(tmp_path, count=5, SpacingBetweenSlices=told_mm)
    source = only(tmp_path)
    fields = told(source, "slices-spacing-differs")
    assert (fields["told"], fields["found"]) == (abs(float(told_mm)), 3.0)
    np.testing.assert_allclose(read_source(source).geometry.affine, ras, atol=1e-6)


@pytest.mark.parametrize("told_mm", ["3", "-3", "3.001"])
def test_a_distance_that_agrees_is_not_mentioned(tmp_path: Path, told_mm: str) -> None:
    make_series(tmp_path, count=5, SpacingBetweenSlices=told_mm)
    assert keys(only(tmp_path)) == []


def test_slices_beside_the_line_of_the_others_are_named(tmp_path: Path) -> None:
    make_series(tmp_path, count=6)
    change(tmp_path / "IM0003.dcm", ImagePositionPatient=[-16.0, -30.0, 19.0])
    source = only(tmp_path)
    assert keys(source) == ["slices-shifted"]
    assert told(source, "slices-shifted")["most"] == pytest.approx(4.0)


@pytest.mark.parametrize("degrees", [3.0, 18.5, -30.0])
def test_oblique_slices_are_named_with_their_angle(tmp_path: Path, degrees: float) -> None:
    make_series(tmp_path, orientation=oblique(degrees))
    source = only(tmp_path)
    assert told(source, "slices-oblique")["degrees"] == pytest.approx(abs(degrees), abs=0.05)
    geometry = read_source(source).geometry
    assert geometry.oblique_degrees == pytest.approx(abs(degrees), abs=1e-3)
    assert geometry.axis_codes == "LPS"


@pytest.mark.parametrize("degrees", [0.0, 0.05])
def test_rounding_is_not_called_oblique(tmp_path: Path, degrees: float) -> None:
    make_series(tmp_path, orientation=oblique(degrees))
    assert keys(only(tmp_path)) == []


def test_two_tilts_in_one_series_are_two_scans_each_on_its_own_grid(tmp_path: Path) -> None:
    same = {"SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    for number, degrees in enumerate((8.5, 15.0)):
        names = [f"t{number}-{index}.dcm" for index in range(5)]
        origin = (-20.0, -30.0, 10.0 + 40 * number)
        make_series(tmp_path, orientation=oblique(degrees), step=(0, 0, 2.5), origin=origin, names=names, **same)
    found = found_in(tmp_path)
    assert [keys(source) for source in found.sources] == [["slices-tilted", "series-split"]] * 2
    assert [told(source, "slices-tilted")["degrees"] for source in found.sources] == [8.5, 15.0]
    for source in found.sources:
        assert_true_to_space(read_source(source))


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS", "FFP", "HFDL", "HFDR", "FFDL", "FFDR", ""])
def test_the_side_comes_from_the_directions_not_from_how_the_patient_lay(tmp_path: Path, position: str) -> None:
    # lying on the left side: rows run to the front, columns to the left
    make_series(tmp_path, orientation=(0, -1, 0, 1, 0, 0), PatientPosition=position or None)
    volume = read_source(only(tmp_path))
    assert volume.geometry.axis_codes == "ALS"
    assert_true_to_space(volume)


def test_pixel_spacing_is_rows_first(tmp_path: Path) -> None:
    # 2 mm from row to row, 1 mm from column to column
    make_series(tmp_path, spacing=(2.0, 1.0))
    geometry = read_source(only(tmp_path)).geometry
    np.testing.assert_allclose(geometry.to_world((1, 0, 0)) - geometry.to_world((0, 0, 0)), [-1, 0, 0])
    np.testing.assert_allclose(geometry.to_world((0, 1, 0)) - geometry.to_world((0, 0, 0)), [0, -2, 0])


def test_without_a_pixel_size_all_is_counted_in_pixels(tmp_path: Path) -> None:
    # what the detector measured is not what the patient measures
    make_series(tmp_path, PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.2])
    geometry = read_source(only(tmp_path)).geometry
    assert not geometry.spacing_known
    assert geometry.unit == "px"
    assert geometry.orientation_known
    np.testing.assert_allclose(geometry.spacing, (1, 1, 1))


@pytest.mark.parametrize(
    ("elements", "depth", "known"),
    [
        ({"SliceThickness": "4"}, 4.0, True),
        ({"SliceThickness": "4", "SpacingBetweenSlices": "20"}, 4.0, True),
        ({"SliceThickness": None, "SpacingBetweenSlices": "-5"}, 5.0, True),
        ({"SliceThickness": None}, 1.0, False),
        ({"SliceThickness": ""}, 1.0, False),
    ],
)
def test_a_slice_alone_is_as_deep_as_its_thickness(
    tmp_path: Path, elements: dict[str, Any], depth: float, known: bool
) -> None:
    make_series(tmp_path, count=1, **elements)
    volume = read_source(only(tmp_path))
    np.testing.assert_allclose(volume.geometry.spacing, (depth, 2.0, 1.0))
    assert volume.geometry.measurable is known
    assert ("depth_unknown" in volume.facts) is not known


@pytest.mark.parametrize(
    "orientation", [[0.0] * 6, [1.0, 0, 0, 1.0, 0, 0], [1.0, 0, 0, 0, 3.0, 0], [1.0, 0, 0, 0, 1.0]]
)
def test_directions_that_are_none_leave_left_and_right_unknown(tmp_path: Path, orientation: list[float]) -> None:
    make_series(tmp_path, count=4)
    for number, file in enumerate(sorted(tmp_path.iterdir())):
        change(file, ImageOrientationPatient=orientation, InstanceNumber=number + 1)
    source = only(tmp_path)
    assert keys(source) == ["slices-unplaced"]
    assert not read_source(source).geometry.orientation_known


def test_a_broken_series_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    make_series(tmp_path / "good", count=4)
    make_series(tmp_path / "bad", count=4, PixelSpacing=[1e-200, 1e-200])
    found = find_sources([tmp_path])
    assert [source.name for source in found.sources] == ["good"]
    assert {one.error.code for one in found.passed} == {"affine-bad"}


# ---------------------------------------------------------------- speed


def group_time(folder: Path, count: int) -> float:
    find_sources([folder], FindOptions(pair_masks=False))  # headers are kept from here
    started = time.perf_counter()
    found = find_sources([folder], FindOptions(pair_masks=False))
    seconds = time.perf_counter() - started
    assert sum(len(source.files) for source in found.sources) == count
    return seconds


def test_many_grids_are_put_together_in_a_time_that_grows_with_their_number(tmp_path: Path) -> None:
    """Slices that turn step by step are the worst case: as many grids as slices."""
    times = []
    for count in (100, 400):
        folder = tmp_path / str(count)
        same = {"SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
        for index in range(count):
            pixels = np.zeros((4, 4), np.int16)
            place = {"ImagePositionPatient": [0.0, 0.0, 0.0], "PixelSpacing": [1.0, 1.0], "InstanceNumber": index}
            cosines = [float(f"{value:.9f}") for value in oblique(index * 0.2)]
            write_dicom(folder / f"{index}.dcm", pixels, ImageOrientationPatient=cosines, **place, **same)
        times.append(group_time(folder, count))
    # four times the slices; sixteen times would be the square
    assert times[1] < 10 * times[0] + 0.5
