"""Files of many frames: each frame at its own place, stacks and repeats apart, gaps and tilts named."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import generate_uid
from reader_support import AXIAL, CORONAL, SAGITTAL, noise, oblique, world_values, write_dicom

from core.errors import InputError
from core.io.reading import FindOptions, Source, find_sources, read_source
from core.volume import Volume

SHAPE = (6, 8)
SPACING = (2.0, 1.0)


def item(name: str, **elements: Any) -> Dataset:
    """Return a functional group with one macro."""
    inside, outside = Dataset(), Dataset()
    for key, value in elements.items():
        setattr(inside, key, value)
    setattr(outside, name, Sequence([inside]))
    return outside


def frame(
    place: NDArray[np.float64], orientation: tuple[float, ...] | None = None, **more: dict[str, Any]
) -> tuple[Dataset, NDArray[np.float64]]:
    """Return the functional group of a frame, and where it lies."""
    group = item("PlanePositionSequence", ImagePositionPatient=[float(f"{value:.9g}") for value in place])
    if orientation is not None:
        group.update(item("PlaneOrientationSequence", ImageOrientationPatient=list(orientation)))
    for name, elements in more.items():
        group.update(item(name, **elements))
    return group, np.asarray(place, dtype=float)


def pixels_of(place: NDArray[np.float64], orientation: tuple[float, ...]) -> NDArray[np.int16]:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    cosines = np.array(orientation)
    lps = place + columns[..., None] * cosines[:3] * SPACING[1] + rows[..., None] * cosines[3:] * SPACING[0]
    return world_values(lps * [-1, -1, 1])


def write_frames(
    path: Path,
    frames: list[tuple[Dataset, NDArray[np.float64]]],
    orientations: list[tuple[float, ...]] | None = None,
    pointers: list[int] | None = None,
    **elements: Any,
) -> None:
    """Write frames that hold their own world values; one orientation is shared, several are each frame's."""
    shared = item("PixelMeasuresSequence", PixelSpacing=list(SPACING), SliceThickness="3")
    if orientations is None:
        shared.update(item("PlaneOrientationSequence", ImageOrientationPatient=list(AXIAL)))
    stored = [pixels_of(place, (orientations or [AXIAL] * len(frames))[n]) for n, (_, place) in enumerate(frames)]
    if pointers is not None:
        dimensions = []
        for pointer in pointers:
            dimension = Dataset()
            dimension.DimensionIndexPointer = Tag(pointer)
            dimensions.append(dimension)
        elements["DimensionIndexSequence"] = Sequence(dimensions)
    write_dicom(
        path,
        np.stack(stored),
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([group for group, _ in frames]),
        **elements,
    )


def found_one(path: Path, volume: int | None = None) -> Source:
    found = find_sources([path], FindOptions(volume=volume))
    assert [str(one.error) for one in found.passed] == []
    (source,) = found.sources
    return source


def keys(source: Source) -> list[str]:
    return [notice.key for notice in source.notices]


def assert_true_to_space(volume: Volume) -> None:
    z, y, x = np.indices(volume.shape)
    world = volume.geometry.to_world(np.stack([x, y, z], axis=-1))
    np.testing.assert_allclose(volume.array, world_values(world), atol=1)


def places(count: int, orientation: tuple[float, ...] = AXIAL, gap: float = 3.0) -> list[NDArray[np.float64]]:
    cosines = np.array(orientation)
    return [np.array([-20.0, -30.0, 10.0]) + np.cross(cosines[:3], cosines[3:]) * gap * n for n in range(count)]


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL, oblique(18.5), oblique(-40)])
def test_frames_in_any_order_lie_where_they_say(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    order = np.random.default_rng(2).permutation(7)
    frames = [frame(places(7, orientation)[index], orientation) for index in order]
    write_frames(tmp_path / "m.dcm", frames, [orientation] * 7)
    source = found_one(tmp_path / "m.dcm")
    volume = read_source(source)
    assert volume.shape == (7, *SHAPE)
    assert_true_to_space(volume)
    assert keys(source) == (["slices-oblique"] if orientation not in (AXIAL, CORONAL, SAGITTAL) else [])


def test_a_missing_frame_is_named_and_left_blank(tmp_path: Path) -> None:
    write_frames(tmp_path / "m.dcm", [frame(place) for n, place in enumerate(places(8)) if n not in (2, 5)])
    source = found_one(tmp_path / "m.dcm")
    (notice,) = source.notices
    assert (notice.key, notice.fields["slices"], notice.fields["name"]) == ("slices-missing", "3, 6", "m.dcm")
    volume = read_source(source)
    assert volume.facts["missing_slices"] == "2,5"
    assert not volume.array[2].any()


def test_uneven_and_tilted_frames_are_named(tmp_path: Path) -> None:
    write_frames(tmp_path / "u.dcm", [frame(np.array([0.0, 0.0, z])) for z in (0, 3, 7.1, 9, 12)])
    assert keys(found_one(tmp_path / "u.dcm")) == ["slices-uneven"]
    assert not read_source(found_one(tmp_path / "u.dcm")).even
    lean = oblique(12.0)
    frames = [frame(np.array([0.0, 0.0, 4.0 * n]), lean) for n in range(5)]
    write_frames(tmp_path / "t.dcm", frames, [lean] * 5)
    source = found_one(tmp_path / "t.dcm")
    assert keys(source) == ["slices-tilted"]
    volume = read_source(source)
    assert volume.facts["tilt_degrees"] == pytest.approx(12.0, abs=0.01)
    assert_true_to_space(volume)


def test_the_distance_that_the_pixel_measures_tell_is_compared_with_the_places(tmp_path: Path) -> None:
    frames = [
        frame(place, PixelMeasuresSequence={"PixelSpacing": list(SPACING), "SpacingBetweenSlices": "6"})
        for place in places(4)
    ]
    write_frames(tmp_path / "m.dcm", frames)
    source = found_one(tmp_path / "m.dcm")
    (notice,) = source.notices
    assert (notice.key, notice.fields["told"], notice.fields["found"]) == ("slices-spacing-differs", 6.0, 3.0)
    np.testing.assert_allclose(read_source(source).geometry.spacing, (3.0, 2.0, 1.0))


def test_stacks_of_three_planes_in_one_file_are_three_volumes(tmp_path: Path) -> None:
    planes = [AXIAL, CORONAL, SAGITTAL]
    frames, orientations = [], []
    for number, plane in enumerate(planes):
        for place in places(4, plane):
            frames.append(frame(place, plane, FrameContentSequence={"StackID": str(number + 1)}))
            orientations.append(plane)
    write_frames(tmp_path / "m.dcm", frames, orientations)
    with pytest.raises(InputError) as caught:
        read_source(found_one(tmp_path / "m.dcm"))
    assert (caught.value.code, caught.value.fields["volumes"]) == ("volume-needed", 3)
    volumes = [read_source(found_one(tmp_path / "m.dcm", number)) for number in range(3)]
    assert [str(volume.geometry.native_plane) for volume in volumes] == ["axial", "coronal", "sagittal"]
    for volume in volumes:
        assert_true_to_space(volume)


def test_two_slabs_of_one_orientation_are_two_volumes(tmp_path: Path) -> None:
    frames = []
    for stack, first in (("1", 0.0), ("2", 40.0)):
        for n in range(4):
            place = np.array([0.0, 0.0, first + 3 * n])
            frames.append(frame(place, FrameContentSequence={"StackID": stack, "InStackPositionNumber": n + 1}))
    write_frames(tmp_path / "m.dcm", frames)
    volumes = [read_source(found_one(tmp_path / "m.dcm", number)) for number in range(2)]
    assert [volume.shape[0] for volume in volumes] == [4, 4]
    assert [volume.geometry.affine[2, 3] for volume in volumes] == [0.0, 40.0]
    assert keys(found_one(tmp_path / "m.dcm")) == []


def test_every_frame_turned_its_own_way_is_a_volume_of_its_own(tmp_path: Path) -> None:
    ways = [oblique(float(degrees)) for degrees in (0, 20, 40)]
    write_frames(tmp_path / "m.dcm", [frame(np.zeros(3), way) for way in ways], ways)
    for number in range(3):
        volume = read_source(found_one(tmp_path / "m.dcm", number))
        assert volume.shape[0] == 1
        assert_true_to_space(volume)


REPEATS: dict[str, list[dict[str, dict[str, Any]]]] = {
    "echo": [{"MREchoSequence": {"EffectiveEchoTime": echo}} for echo in (4.9, 7.4)],
    "time": [{"FrameContentSequence": {"TemporalPositionIndex": time}} for time in (1, 2, 3)],
    "b-value": [{"MRDiffusionSequence": {"DiffusionBValue": value}} for value in (0.0, 500.0, 1000.0)],
    "kind": [
        {"MRImageFrameTypeSequence": {"FrameType": ["ORIGINAL", "PRIMARY", "F", kind]}}
        for kind in ("MAGNITUDE", "PHASE")
    ],
    "component": [
        {"MRImageFrameTypeSequence": {"FrameType": ["O", "P"], "ComplexImageComponent": kind}}
        for kind in ("MAGNITUDE", "PHASE")
    ],
    "echo and kind": [
        {
            "MREchoSequence": {"EffectiveEchoTime": echo},
            "MRImageFrameTypeSequence": {"FrameType": ["O", "P", "F", kind]},
        }
        for echo, kind in itertools.product((4.9, 7.4), "MP")
    ],
}


@pytest.mark.parametrize("name", list(REPEATS))
def test_repeats_of_frames_are_told_apart(tmp_path: Path, name: str) -> None:
    tells = REPEATS[name]
    slots = [(place, tell) for place in places(5) for tell in range(len(tells))]
    order = np.random.default_rng(4).permutation(len(slots))
    frames = [frame(slots[index][0], **tells[slots[index][1]]) for index in order]
    stored = noise((len(slots), *SHAPE), top=4096, dtype="int16")
    shared = item("PixelMeasuresSequence", PixelSpacing=list(SPACING), SliceThickness="3")
    shared.update(item("PlaneOrientationSequence", ImageOrientationPatient=list(AXIAL)))
    write_dicom(
        tmp_path / "m.dcm",
        stored,
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence([group for group, _ in frames]),
    )
    for number in range(len(tells)):
        volume = read_source(found_one(tmp_path / "m.dcm", number))
        of_this = [slot for slot, index in enumerate(order) if slots[index][1] == number]
        in_order = sorted(of_this, key=lambda slot: slots[order[slot]][0][2])
        np.testing.assert_array_equal(volume.array, stored[in_order])
    with pytest.raises(InputError, match="volume-unknown"):
        read_source(found_one(tmp_path / "m.dcm", len(tells)))


def test_the_dimension_index_tells_repeats_apart_where_nothing_else_does(tmp_path: Path) -> None:
    # stack, place in it, and one dimension of the maker's own
    frames = [
        frame(place, FrameContentSequence={"DimensionIndexValues": [1, n + 1, own]})
        for own in (1, 2)
        for n, place in enumerate(places(4))
    ]
    write_frames(tmp_path / "m.dcm", frames, pointers=[0x00209056, 0x00209057, 0x20051011])
    for number in range(2):
        volume = read_source(found_one(tmp_path / "m.dcm", number))
        assert volume.shape[0] == 4
        assert_true_to_space(volume)


def test_files_of_one_frame_each_are_one_scan(tmp_path: Path) -> None:
    same = {"SeriesInstanceUID": generate_uid(), "FrameOfReferenceUID": generate_uid()}
    for number, place in enumerate(places(5, oblique(25.0))):
        write_frames(tmp_path / f"{7 - number}.dcm", [frame(place, oblique(25.0))], [oblique(25.0)], **same)
    source = found_one(tmp_path)
    assert len(source.files) == 5
    volume = read_source(source)
    assert volume.shape == (5, *SHAPE)
    assert_true_to_space(volume)


def test_groups_that_do_not_match_the_frames_place_nothing(tmp_path: Path) -> None:
    write_frames(tmp_path / "m.dcm", [frame(place) for place in places(4)], NumberOfFrames=3)
    source = found_one(tmp_path / "m.dcm")
    assert keys(source) == ["slices-unplaced"]
    assert not read_source(source).geometry.orientation_known


def test_an_enhanced_mosaic_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Frames that are mosaics themselves: no private header says where the tiles lie."""
    write_frames(tmp_path / "m.dcm", [frame(place) for place in places(2)], ImageType=["ORIGINAL", "PRIMARY", "MOSAIC"])
    with pytest.raises(InputError) as caught:
        read_source(found_one(tmp_path / "m.dcm", 0))
    assert (caught.value.code, caught.value.fields["file"]) == ("dicom-mosaic", "m.dcm")
