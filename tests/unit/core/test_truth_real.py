"""Where real scans lie, worked out again in another way than the readers do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from core.errors import InputError
from core.io.reading import FindOptions, Source, find_sources, read_source
from core.volume import Volume

pytestmark = pytest.mark.real
RAS = np.array([-1.0, -1.0, 1.0])


def one_of(folder: Path, volume: int | None = 0) -> tuple[Source, Volume]:
    (source,) = find_sources([folder], FindOptions(volume=volume, pair_masks=False)).sources
    return source, read_source(source)


# ---------------------------------------------------------------- Siemens mosaics


def protocol_centres(file: Path, count: int) -> NDArray[np.float64]:
    """Return where the scanner's protocol put the middle of each slice (LPS), from its text in the file."""
    shadow = pydicom.dcmread(file, stop_before_pixels=True)[0x0029, 0x1020].value
    words = shadow[shadow.find(b"### ASCCONV BEGIN") : shadow.find(b"### ASCCONV END")].decode("latin-1")
    centres = np.zeros((count, 3))
    pattern = r"sSliceArray\.asSlice\[(\d+)\]\.sPosition\.d(Sag|Cor|Tra)\s*=\s*(\S+)"
    for index, axis, value in re.findall(pattern, words):
        centres[int(index), ("Sag", "Cor", "Tra").index(axis)] = float(value)
    return centres


@pytest.mark.parametrize("folder", ["ax/axasc36", "ax/axint35", "cor/cordesc36"])
def test_each_slice_of_a_mosaic_lies_where_the_protocol_put_it(data_root: Path, folder: str) -> None:
    source, volume = one_of(data_root / "dicom" / "mosaic" / folder)
    count, rows, columns = volume.shape
    # the protocol names the pixel beside the middle, on the high side
    middle = [[columns // 2, rows // 2, index] for index in range(count)]
    centres = protocol_centres(source.files[0], count)
    np.testing.assert_allclose(volume.geometry.to_world(middle), centres * RAS, atol=1e-4)
    header = pydicom.dcmread(source.files[0])
    across, down = np.array(header.ImageOrientationPatient, dtype=float).reshape(2, 3)
    for axis, direction, size in ((0, across, header.PixelSpacing[1]), (1, down, header.PixelSpacing[0])):
        np.testing.assert_allclose(volume.geometry.affine[:3, axis], direction * size * RAS, atol=1e-6)
    tiles = header.pixel_array
    for index in range(count):
        top, left = index // 6 * rows, index % 6 * columns
        np.testing.assert_array_equal(volume.array[index], tiles[top : top + rows, left : left + columns])


def likeness(one: Volume, other: Volume, flipped: int | None) -> float:
    """Return the correlation of two scans where both are, the other's array turned round along an axis."""
    z, y, x = np.indices(one.shape)
    places = other.geometry.to_voxel(one.geometry.to_world(np.stack([x, y, z], axis=-1)))[..., ::-1]
    array = other.array.astype(float) if flipped is None else np.flip(other.array.astype(float), flipped)
    seen = map_coordinates(array, np.moveaxis(places, -1, 0), order=1, cval=np.nan)
    both = np.isfinite(seen)
    return float(np.corrcoef(seen[both], one.array[both])[0, 1])


def test_the_axial_and_the_coronal_mosaic_of_one_head_show_the_same_at_the_same_place(data_root: Path) -> None:
    """No header has a say in this: a slice order or side that is wrong would not fit the other plane."""
    folder = data_root / "dicom" / "mosaic"
    axial, coronal = one_of(folder / "ax" / "axasc36")[1], one_of(folder / "cor" / "cordesc36")[1]
    assert {axial.geometry.native_plane, coronal.geometry.native_plane} == {"axial", "coronal"}
    right = likeness(axial, coronal, None)
    assert right > 0.85
    assert all(likeness(axial, coronal, flipped) < right - 0.02 for flipped in (0, 1, 2))


def test_mosaics_of_two_sizes_in_one_series_are_two_scans(data_root: Path) -> None:
    files = [data_root / "dicom" / "nibabel" / name for name in ("0.dcm", "1.dcm", "siemens_dwi_0.dcm.gz")]
    found = find_sources(files, FindOptions(volume=0))
    assert sorted(len(source.files) for source in found.sources) == [1, 2]
    for source in found.sources:
        read_source(source)


def test_a_mosaic_without_its_private_header_is_refused_in_one_sentence(data_root: Path, tmp_path: Path) -> None:
    file = next((data_root / "dicom" / "mosaic" / "ax" / "axasc36").iterdir())
    dataset = pydicom.dcmread(file)
    dataset.remove_private_tags()
    dataset.save_as(tmp_path / "bare.dcm")
    (source,) = find_sources([tmp_path / "bare.dcm"]).sources
    with pytest.raises(InputError) as caught:
        read_source(source)
    assert caught.value.code == "dicom-mosaic"
    assert caught.value.fields["file"] == "bare.dcm"


# ---------------------------------------------------------------- enhanced multi-frame


def frames_of(file: Path) -> tuple[list[dict[str, Any]], NDArray[np.generic]]:
    """Return what each frame says of itself, and the stored pixels ``[frame, y, x]``."""
    dataset = pydicom.dcmread(file)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    facts: list[dict[str, Any]] = []
    for group in dataset.PerFrameFunctionalGroupsSequence:
        plane = group if "PlaneOrientationSequence" in group else shared
        measures = group if "PixelMeasuresSequence" in group else shared
        kind = group if "MRImageFrameTypeSequence" in group else shared
        facts.append(
            {
                "place": np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float),
                "cosines": np.array(plane.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float),
                "spacing": np.array(measures.PixelMeasuresSequence[0].PixelSpacing, dtype=float),
                "kind": str(kind.MRImageFrameTypeSequence[0].FrameType),
            }
        )
    return facts, dataset.pixel_array


@pytest.mark.parametrize(
    ("name", "volumes"),
    [("Philips/IM_0027_fMAP.dcm", 2), *((f"Siemens/XA10/6_{number}.dcm", 1) for number in range(1, 5))],
)
def test_every_frame_of_an_enhanced_file_lies_where_it_says(data_root: Path, name: str, volumes: int) -> None:
    file = data_root / "dicom" / "dcm_qa_enh" / name
    facts, stored = frames_of(file)
    used: list[int] = []
    for number in range(volumes):
        _, volume = one_of(file, number)
        kinds = set()
        for z in range(volume.shape[0]):
            here = volume.geometry.to_world((0, 0, z)) * RAS
            places = np.array([np.linalg.norm(fact["place"] - here) for fact in facts])
            same = [index for index in np.flatnonzero(places < 1e-3) if np.array_equal(volume.array[z], stored[index])]
            assert same, (number, z)
            fact = facts[same[0]]
            corner = (
                fact["place"]
                + fact["cosines"][:3] * fact["spacing"][1] * 5
                + fact["cosines"][3:] * fact["spacing"][0] * 7
            )
            np.testing.assert_allclose(volume.geometry.to_world((5, 7, z)) * RAS, corner, atol=2e-3)
            used.append(int(same[0]))
            kinds.add(fact["kind"])
        assert len(kinds) == 1, "one volume holds one kind of frame"
    assert sorted(used) == list(range(len(facts))), "every frame is in one volume, once"


@pytest.mark.parametrize("number", range(1, 5))
def test_an_enhanced_file_lies_where_simpleitk_has_it(data_root: Path, number: int) -> None:
    file = data_root / "dicom" / "dcm_qa_enh" / "Siemens" / "XA10" / f"6_{number}.dcm"
    _, volume = one_of(file)
    theirs = sitk.ReadImage(str(file))
    assert theirs.GetSize() == volume.shape[::-1]
    for index in ((0, 0, 0), (63, 0, 0), (0, 63, 0), (63, 63, volume.shape[0] - 1)):
        point = np.array(theirs.TransformIndexToPhysicalPoint(index)) * RAS
        np.testing.assert_allclose(volume.geometry.to_world(index), point, atol=1e-3)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(theirs), volume.array)


# ---------------------------------------------------------------- plain series


def test_the_head_ct_lies_slice_by_slice_where_its_files_say(data_root: Path) -> None:
    folder = data_root / "ct" / "head_ct_series"
    found = find_sources([folder])
    stray, series = sorted(found.sources, key=lambda source: len(source.files))
    # both are named: the gap of the one, the other that does not belong
    assert [notice.key for notice in series.notices] == ["slices-missing", "slices-tilted"]
    assert series.notices[0].fields["slices"] == "39"
    assert stray.notices[-1].key == "slice-stray"
    assert stray.notices[-1].fields["name"] == "CT000000.dcm"
    volume = read_source(series)
    blank = int(volume.facts["missing_slices"])
    there = [index for index in range(41) if index != blank]
    for z, file in zip(there, series.files, strict=True):
        slice_ = sitk.ReadImage(str(file))
        for x, y in ((0, 0), (511, 0), (0, 511), (300, 200)):
            point = np.array(slice_.TransformIndexToPhysicalPoint((x, y, 0))) * RAS
            np.testing.assert_allclose(volume.geometry.to_world((x, y, z)), point, atol=0.01)
    assert volume.even


def test_a_real_series_lies_where_simpleitk_has_it(data_root: Path, tmp_path: Path) -> None:
    import zipfile

    (bundle,) = (data_root / "dicom" / "real_mr").glob("*.zip")
    with zipfile.ZipFile(bundle) as packed:
        packed.extractall(tmp_path)
    _, volume = one_of(tmp_path, None)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(next(iter(tmp_path.rglob("*.dcm"))).parent))
    theirs = sitk.ReadImage(names)
    for index in ((0, 0, 0), (255, 0, 0), (0, 255, 0), (255, 255, 95), (17, 130, 50)):
        point = np.array(theirs.TransformIndexToPhysicalPoint(index)) * RAS
        ours = np.rint(volume.geometry.to_voxel(point)).astype(int)
        np.testing.assert_allclose(volume.geometry.to_world(ours), point, atol=0.01)
        assert volume.array[tuple(ours[::-1])] == theirs[index]
