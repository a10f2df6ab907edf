"""DICOM: every slice at its true place with its true value, or one sentence why not."""

from __future__ import annotations

import random
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, JPEG2000Lossless, RLELossless, generate_uid
from reader_support import AXIAL, CORONAL, SAGITTAL, make_series, noise, oblique, world_values, write_dicom

from core.errors import InputError
from core.io.reading import FindOptions, Source, find_sources, read_source
from core.io.sniff import Format
from core.volume import Volume


def only(folder: Path, **options: Any) -> Source:
    found = find_sources([folder], FindOptions(**options))
    assert [str(one.error) for one in found.passed] == []
    assert len(found.sources) == 1
    return found.sources[0]


def one(path: Path) -> Volume:
    return read_source(Source(Format.DICOM, (path,), path.name))


def notices(folder: Path) -> list[str]:
    return [notice.key for source in find_sources([folder]).sources for notice in source.notices]


def assert_true_to_space(volume: Volume) -> None:
    """Each stored value is that of its own RAS position."""
    z, y, x = np.indices(volume.shape)
    world = volume.geometry.to_world(np.stack([x, y, z], axis=-1))
    np.testing.assert_array_equal(volume.array, world_values(world))


@pytest.mark.parametrize(
    "orientation", [AXIAL, CORONAL, SAGITTAL, oblique(18.5), tuple(-value for value in AXIAL), (0, -1, 0, 1, 0, 0)]
)
def test_every_voxel_lies_where_the_header_says(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    make_series(tmp_path, orientation=orientation)
    volume = read_source(only(tmp_path))
    assert volume.array.dtype == np.int16
    assert volume.shape == (5, 6, 8)
    assert_true_to_space(volume)
    # rows are 2 mm apart, columns 1 mm: PixelSpacing is (between rows, between columns)
    np.testing.assert_allclose(volume.geometry.spacing, (3.0, 2.0, 1.0))
    assert volume.geometry.spacing_known
    assert volume.geometry.orientation_known


def test_axial_codes_are_those_of_the_patient(tmp_path: Path) -> None:
    make_series(tmp_path, orientation=AXIAL)
    assert read_source(only(tmp_path)).geometry.axis_codes == "LPS"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**16),
    degrees=st.floats(-60, 60),
    gap=st.floats(0.4, 6.0),
    count=st.integers(2, 8),
)
def test_file_order_and_names_do_not_matter(tmp_path: Path, seed: int, degrees: float, gap: float, count: int) -> None:
    folder = tmp_path / generate_uid()
    names = [f"{number}.dcm" for number in range(count)]
    random.Random(seed).shuffle(names)
    cosines = np.array(oblique(degrees))
    step = np.cross(cosines[:3], cosines[3:]) * gap
    ras = make_series(folder, orientation=cosines, step=step, count=count, names=names)
    source = only(folder)
    volume = read_source(source)
    np.testing.assert_allclose(volume.geometry.affine, ras, atol=1e-6)
    files = list(source.files)
    random.Random(seed).shuffle(files)
    again = read_source(Source(Format.DICOM, tuple(files), "again"))
    np.testing.assert_array_equal(again.array, volume.array)
    np.testing.assert_array_equal(again.geometry.affine, volume.geometry.affine)


def test_a_missing_slice_is_named_and_left_blank(tmp_path: Path) -> None:
    ras = make_series(tmp_path, count=8, keep=[0, 1, 2, 3, 5, 6, 7], PixelPaddingValue=-999)
    source = only(tmp_path)
    (notice,) = source.notices
    assert notice.key == "slices-missing"
    assert notice.fields["count"] == 1
    assert notice.fields["slices"] == "5"
    volume = read_source(source)
    assert volume.shape[0] == 8
    assert (volume.array[4] == -999).all()
    assert volume.facts["missing_slices"] == "4"
    np.testing.assert_allclose(volume.geometry.affine, ras, atol=1e-6)


def test_uneven_slices_are_named_not_squeezed_in_silence(tmp_path: Path) -> None:
    make_series(tmp_path, count=4)
    last = pydicom.dcmread(tmp_path / "IM0003.dcm")
    last.ImagePositionPatient = [-20.0, -30.0, 10.0 + 3 * 3.0 + 1.4]
    last.save_as(tmp_path / "IM0003.dcm")
    assert notices(tmp_path) == ["slices-uneven"]
    assert read_source(only(tmp_path)).facts["uneven_slices"] == 1


def test_copies_are_left_out_and_said(tmp_path: Path) -> None:
    make_series(tmp_path, count=4)
    shutil.copy(tmp_path / "IM0002.dcm", tmp_path / "copy.dcm")
    source = only(tmp_path)
    assert [notice.key for notice in source.notices] == ["slices-copies"]
    assert read_source(source).shape[0] == 4


def test_two_echoes_become_two_scans(tmp_path: Path) -> None:
    make_series(tmp_path / "a", count=4, EchoTime="10", SeriesInstanceUID="1.2.3", FrameOfReferenceUID="1.2.4")
    make_series(tmp_path / "b", count=4, EchoTime="90", SeriesInstanceUID="1.2.3", FrameOfReferenceUID="1.2.4")
    found = find_sources([tmp_path])
    assert [read_source(source).facts["echo_time"] for source in found.sources] == [10.0, 90.0]
    assert [notice.key for source in found.sources for notice in source.notices] == ["slices-repeated"]
    for source in found.sources:
        assert_true_to_space(read_source(source))


def test_gantry_tilt_shears_the_affine(tmp_path: Path) -> None:
    ras = make_series(tmp_path, step=(0.0, -0.45, 3.0), count=6)
    source = only(tmp_path)
    volume = read_source(source)
    assert [notice.key for notice in source.notices] == ["slices-tilted"]
    assert source.notices[0].fields["degrees"] == pytest.approx(8.5, abs=0.05)
    np.testing.assert_allclose(volume.geometry.affine, ras, atol=1e-6)
    assert_true_to_space(volume)


def test_another_orientation_in_a_series_is_another_scan(tmp_path: Path) -> None:
    make_series(tmp_path / "a", SeriesInstanceUID="1.2.3", FrameOfReferenceUID="1.9")
    make_series(tmp_path / "b", SeriesInstanceUID="1.2.3", FrameOfReferenceUID="1.9", orientation=CORONAL)
    found = find_sources([tmp_path])
    assert len(found.sources) == 2
    assert notices(tmp_path) == ["series-split", "series-split"]
    for source in found.sources:
        assert_true_to_space(read_source(source))


def test_a_stray_slice_is_named(tmp_path: Path) -> None:
    make_series(tmp_path, count=4)
    make_series(tmp_path, count=1, names=["stray.dcm"])
    found = find_sources([tmp_path])
    assert sorted(len(source.files) for source in found.sources) == [1, 4]
    assert notices(tmp_path).count("slice-stray") == 1


def test_equal_rescale_is_kept_as_slope_and_intercept(tmp_path: Path) -> None:
    make_series(tmp_path, RescaleSlope="2", RescaleIntercept="-1024", Modality="CT")
    volume = read_source(only(tmp_path))
    assert (volume.slope, volume.intercept, volume.modality) == (2.0, -1024.0, "CT")
    assert_true_to_space(volume)


def test_unequal_rescale_becomes_real_values(tmp_path: Path) -> None:
    make_series(tmp_path, count=3)
    stored = read_source(only(tmp_path)).array
    for index, slope in enumerate((1.0, 2.5, 0.5)):
        path = tmp_path / f"IM{index:04d}.dcm"
        dataset = pydicom.dcmread(path)
        dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), str(index)
        dataset.save_as(path)
    volume = read_source(only(tmp_path))
    assert volume.array.dtype == np.float32
    assert (volume.slope, volume.intercept) == (1.0, 0.0)
    for index, slope in enumerate((1.0, 2.5, 0.5)):
        np.testing.assert_allclose(volume.array[index], stored[index] * slope + index)


def test_bits_signs_padding_windows_and_inversion(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    stored = np.array([[0xF0FF, 0x0F0F], [0x0001, 0x0FFF]], np.uint16)
    write_dicom(
        path,
        stored,
        BitsStored=12,
        HighBit=11,
        PhotometricInterpretation="MONOCHROME1",
        PixelPaddingValue=4095,
        WindowCenter=["40", "600"],
        WindowWidth=["80", "2800"],
    )
    volume = one(path)
    np.testing.assert_array_equal(volume.array[0], [[0x0FF, 0xF0F], [1, 0xFFF]])
    assert volume.inverted
    assert volume.padding == 4095
    assert [(window.center, window.width) for window in volume.windows] == [(40, 80), (600, 2800)]
    write_dicom(path, stored.astype(np.int16), BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(one(path).array[0], [[255, -241], [1, -1]])


def test_colour_is_kept_and_equal_channels_are_grey(tmp_path: Path) -> None:
    colour = noise((5, 7, 3))
    write_dicom(tmp_path / "c.dcm", colour)
    volume = one(tmp_path / "c.dcm")
    np.testing.assert_array_equal(volume.array[0], colour)
    assert volume.channels == ("R", "G", "B")
    write_dicom(tmp_path / "g.dcm", np.repeat(colour[..., :1], 3, axis=2))
    np.testing.assert_array_equal(one(tmp_path / "g.dcm").array[0], colour[..., 0])


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_packed_files_give_the_same_pixels(tmp_path: Path, syntax: str) -> None:
    pixels = noise((32, 40), top=4096, dtype="uint16")
    dataset = write_dicom(tmp_path / "x.dcm", pixels)
    if syntax == DeflatedExplicitVRLittleEndian:
        dataset.file_meta.TransferSyntaxUID = syntax
    else:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(tmp_path / "y.dcm")
    np.testing.assert_array_equal(one(tmp_path / "y.dcm").array[0], pixels)


def test_big_endian_and_files_without_preamble(tmp_path: Path) -> None:
    pixels = noise((8, 9), top=4096, dtype="uint16")
    dataset = write_dicom(tmp_path / "x.dcm", pixels)
    (tmp_path / "bare.dcm").write_bytes((tmp_path / "x.dcm").read_bytes()[132:])
    np.testing.assert_array_equal(one(tmp_path / "bare.dcm").array[0], pixels)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset.PixelData = pixels.astype(">u2").tobytes()
    big = tmp_path / "big.dcm"
    pydicom.dcmwrite(big, dataset, implicit_vr=False, little_endian=False, force_encoding=True)
    np.testing.assert_array_equal(one(big).array[0], pixels)


def test_a_zip_of_a_series_reads_like_its_folder(tmp_path: Path) -> None:
    make_series(tmp_path / "series")
    with zipfile.ZipFile(tmp_path / "s.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted((tmp_path / "series").iterdir()):
            bundle.write(path, f"deep/{path.name}")
    volume = read_source(only(tmp_path / "s.zip"))
    np.testing.assert_array_equal(volume.array, read_source(only(tmp_path / "series")).array)


def _frames(places: list[float], times: list[str]) -> Sequence:
    items = []
    for place, time in zip(places, times, strict=True):
        position, content, item = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0.0, 0.0, place]
        content.TemporalPositionIndex = int(time)
        item.PlanePositionSequence = Sequence([position])
        item.FrameContentSequence = Sequence([content])
        items.append(item)
    return Sequence(items)


def _shared() -> Sequence:
    plane, measures, item = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(AXIAL)
    measures.PixelSpacing, measures.SliceThickness = [2.0, 1.0], "4"
    item.PlaneOrientationSequence, item.PixelMeasuresSequence = Sequence([plane]), Sequence([measures])
    return Sequence([item])


def test_enhanced_multi_frame_is_sorted_by_place(tmp_path: Path) -> None:
    pixels = noise((4, 6, 5), top=4096, dtype="uint16")
    write_dicom(
        tmp_path / "m.dcm",
        pixels,
        PerFrameFunctionalGroupsSequence=_frames([8.0, 0.0, 12.0, 4.0], ["1"] * 4),
        SharedFunctionalGroupsSequence=_shared(),
    )
    volume = one(tmp_path / "m.dcm")
    np.testing.assert_array_equal(volume.array, pixels[[1, 3, 0, 2]])
    np.testing.assert_allclose(volume.geometry.spacing, (4.0, 2.0, 1.0))


def test_a_multi_frame_of_several_times_asks_which(tmp_path: Path) -> None:
    pixels = noise((4, 6, 5), top=4096, dtype="uint16")
    path = tmp_path / "m.dcm"
    groups = _frames([0.0, 4.0, 0.0, 4.0], ["1", "1", "2", "2"])
    write_dicom(path, pixels, PerFrameFunctionalGroupsSequence=groups, SharedFunctionalGroupsSequence=_shared())
    with pytest.raises(InputError, match="volume-needed"):
        one(path)
    second = read_source(Source(Format.DICOM, (path,), "m", volume=1))
    np.testing.assert_array_equal(second.array, pixels[2:])
    with pytest.raises(InputError, match="volume-unknown"):
        read_source(Source(Format.DICOM, (path,), "m", volume=2))


def test_plain_multi_frame_keeps_its_order_without_orientation(tmp_path: Path) -> None:
    pixels = noise((3, 6, 5))
    write_dicom(tmp_path / "m.dcm", pixels)
    volume = one(tmp_path / "m.dcm")
    np.testing.assert_array_equal(volume.array, pixels)
    assert not volume.geometry.orientation_known


def test_no_identity_in_what_reaches_the_project(tmp_path: Path) -> None:
    make_series(
        tmp_path, PatientName="CANARY^X", SeriesDescription="CANARY", StudyDate="19330102", Manufacturer="CANARY"
    )
    source = only(tmp_path)
    volume = read_source(source)
    assert "CANARY" not in repr(volume.facts) + volume.modality + repr(volume.windows)
    assert dict(source.identity)["PatientName"] == "CANARY^X"
    assert source.patient == "PAT-7"


@pytest.mark.parametrize(
    ("elements", "code"),
    [
        ({"PixelData": None}, "dicom-no-picture"),
        ({"Modality": "RTSTRUCT", "PixelData": None}, "dicom-radiotherapy"),
        ({"Modality": "SR", "PixelData": None}, "dicom-report"),
        ({"Modality": "SEG"}, "dicom-seg"),
        ({"Rows": 60000, "Columns": 60000}, "file-too-large"),
        ({"PixelData": b"\0" * 10}, "file-truncated"),
    ],
)
def test_what_holds_no_scan_says_so(tmp_path: Path, elements: dict[str, Any], code: str) -> None:
    write_dicom(tmp_path / "x.dcm", noise((6, 8)), **elements)
    with pytest.raises(InputError) as caught:
        one(tmp_path / "x.dcm")
    assert caught.value.code == code
    assert caught.value.fields["file"] == "x.dcm"


def test_a_truncated_file_and_a_foreign_one(tmp_path: Path) -> None:
    make_series(tmp_path / "s", count=3)
    whole = (tmp_path / "s" / "IM0000.dcm").read_bytes()
    (tmp_path / "short.dcm").write_bytes(whole[:-20])
    with pytest.raises(InputError, match="file-truncated"):
        one(tmp_path / "short.dcm")
    (tmp_path / "s" / "notes.dcm").write_bytes(b"hello, I am no scan at all" * 9)
    found = find_sources([tmp_path / "s"])
    assert [(one.source, one.error.code) for one in found.passed] == [("notes.dcm", "file-foreign")]
    assert len(found.sources) == 1


def test_a_file_without_a_byte_is_told_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "cut.dcm").touch()
    found = find_sources([tmp_path], FindOptions())
    assert [(one.source, one.error.code) for one in found.passed] == [("cut.dcm", "file-zero")]


def test_a_deflated_bomb_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    import zlib

    dataset = write_dicom(tmp_path / "x.dcm", noise((4, 4)))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "b.dcm")
    raw = (tmp_path / "b.dcm").read_bytes()
    start = 144 + int.from_bytes(raw[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packer.compress(bytes(1 << 24)) for _ in range(20)) + packer.flush()
    (tmp_path / "b.dcm").write_bytes(raw[:start] + body)
    with pytest.raises(InputError, match="file-too-large"):
        one(tmp_path / "b.dcm")
