"""DICOM: every way in which stored bytes become the numbers that were measured."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless
from reader_support import AXIAL, make_series, noise, write_dicom

from core.errors import InputError
from core.io.reading import Source, find_sources, read_source
from core.io.sniff import Format
from core.messages import sentence
from core.volume import Volume, auto_window


def one(path: Path) -> Volume:
    return read_source(Source(Format.DICOM, (path,), path.name))


def second_opinion(path: Path) -> NDArray[Any]:
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        one(path)
    assert "\n" not in sentence(caught.value)
    return caught.value


# ------------------------------------------------------------------ bits and signs


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("allocated", "stored", "high"), [(16, 12, 11), (16, 12, 15), (16, 10, 12), (8, 6, 5), (32, 20, 19)]
)
def test_only_the_used_bits_count(tmp_path: Path, allocated: int, stored: int, high: int, signed: bool) -> None:
    """Overlays and nonsense live in the bits above (and, left-aligned, below) those that are stored."""
    random = np.random.default_rng(allocated + high)
    wanted = (
        random.integers(-(1 << stored - 1), 1 << stored - 1, (9, 7))
        if signed
        else random.integers(0, 1 << stored, (9, 7))
    )
    rubbish = random.integers(0, 1 << allocated, (9, 7), dtype=np.int64)
    mask = ((1 << stored) - 1) << (high + 1 - stored)
    words = (rubbish & ~mask) | ((wanted.astype(np.int64) & ((1 << stored) - 1)) << (high + 1 - stored))
    pixels = words.astype(f"u{allocated // 8}")
    path = tmp_path / "x.dcm"
    write_dicom(path, pixels, BitsStored=stored, HighBit=high, PixelRepresentation=int(signed))
    volume = one(path)
    assert volume.array.dtype == np.dtype(f"{'i' if signed else 'u'}{allocated // 8}")
    np.testing.assert_array_equal(volume.array[0], wanted)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
def test_whole_ranges_come_through(tmp_path: Path, dtype: str) -> None:
    limits = np.iinfo(dtype)
    pixels = np.linspace(limits.min, limits.max, 35).astype(dtype).reshape(5, 7)
    write_dicom(tmp_path / "x.dcm", pixels)
    np.testing.assert_array_equal(one(tmp_path / "x.dcm").array[0], pixels)
    assert one(tmp_path / "x.dcm").array.dtype == dtype


@pytest.mark.parametrize(
    ("syntax", "signed"), [(JPEG2000Lossless, True), (JPEGLSLossless, True), (RLELossless, True), (RLELossless, False)]
)
def test_signs_survive_compression(tmp_path: Path, syntax: str, signed: bool) -> None:
    wanted = (
        np.random.default_rng(1)
        .integers(-2048 if signed else 0, 2048, (64, 72))
        .astype("int16" if signed else "uint16")
    )
    dataset = write_dicom(tmp_path / "x.dcm", wanted, BitsStored=12, HighBit=11)
    dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(tmp_path / "y.dcm")
    np.testing.assert_array_equal(one(tmp_path / "y.dcm").array[0], wanted)


def test_the_frame_is_believed_before_its_header(tmp_path: Path) -> None:
    """A JPEG-LS frame under the name of JPEG 2000 and a header without a name of it at all."""
    pixels = noise((20, 30), top=4096, dtype="uint16")
    dataset = write_dicom(tmp_path / "x.dcm", pixels, BitsStored=12, HighBit=11)
    dataset.compress(JPEGLSLossless, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.save_as(tmp_path / "y.dcm")
    np.testing.assert_array_equal(one(tmp_path / "y.dcm").array[0], pixels)


def test_one_bit_and_floats(tmp_path: Path) -> None:
    bits = noise((3, 5, 7), top=2)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    write_dicom(
        tmp_path / "b.dcm", bits, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed + bytes(len(packed) % 2)
    )
    np.testing.assert_array_equal(one(tmp_path / "b.dcm").array, bits)
    for name, dtype in (("FloatPixelData", "float32"), ("DoubleFloatPixelData", "float64")):
        values = np.random.default_rng(2).normal(size=(6, 5)).astype(dtype)
        size = values.dtype.itemsize * 8
        elements = {
            name: values.tobytes(),
            "PixelData": None,
            "BitsAllocated": size,
            "BitsStored": None,
            "HighBit": None,
        }
        write_dicom(tmp_path / "f.dcm", noise((6, 5)), **elements, FloatPixelPaddingValue=-1.5)
        volume = one(tmp_path / "f.dcm")
        assert volume.array.dtype == dtype
        np.testing.assert_array_equal(volume.array[0], values)
    assert volume.padding is None


def test_numbers_of_odd_bits_are_refused_in_words(tmp_path: Path) -> None:
    write_dicom(tmp_path / "x.dcm", noise((6, 5), dtype="uint16"), BitsAllocated=12)
    error = refused(tmp_path / "x.dcm")
    assert (error.code, error.fields["bits"]) == ("dicom-bits", 12)


# ------------------------------------------------------------------ real values


def test_a_range_of_padding_is_left_out_and_kept(tmp_path: Path) -> None:
    pixels = np.full((64, 64), 100, np.int16)
    pixels[8:-8, 8:-8] = noise((48, 48), top=50).astype(np.int16) + 100
    pixels[:4], pixels[-4:] = -2000, -1990
    path = tmp_path / "x.dcm"
    write_dicom(path, pixels, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1990)
    volume = one(path)
    assert volume.padding == -2000
    assert volume.is_padding(volume.array).sum() == 8 * 64
    np.testing.assert_array_equal(volume.array[0], pixels)
    assert auto_window(volume).low > 0
    write_dicom(path, pixels, PixelPaddingValue=-1990, PixelPaddingRangeLimit=-2000)
    assert one(path).is_padding(pixels).sum() == 8 * 64


def test_padding_is_one_value_though_every_slice_has_its_own_scale(tmp_path: Path) -> None:
    make_series(tmp_path, count=3, PixelPaddingValue=-777)
    for index, slope in enumerate((1.0, 2.5, 0.5)):
        path = tmp_path / f"IM{index:04d}.dcm"
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array.copy()
        pixels[0, :3] = -777
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.PixelData = str(slope), str(index), pixels.tobytes()
        dataset.save_as(path)
    (source,) = find_sources([tmp_path]).sources
    volume = read_source(source)
    assert (volume.array[:, 0, :3] == volume.padding).all()
    assert volume.is_padding(volume.array).sum() >= 9


def test_a_modality_table_makes_real_values(tmp_path: Path) -> None:
    stored = noise((4, 6), top=8)
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [8, 0, 16], "HU"
    table.LUTData = np.array([0, 10, 40, 90, 160, 250, 360, 490], "<u2").tobytes()
    path = tmp_path / "x.dcm"
    write_dicom(path, stored, ModalityLUTSequence=Sequence([table]))
    volume = one(path)
    assert volume.array.dtype == np.float32
    np.testing.assert_array_equal(volume.array[0], stored.astype(np.float32) ** 2 * 10)
    assert (volume.slope, volume.intercept) == (1.0, 0.0)


def test_each_frame_has_its_own_scale(tmp_path: Path) -> None:
    stored = noise((3, 4, 5), top=4096, dtype="uint16")
    frames = []
    for index in range(3):
        position, value, item = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0.0, 0.0, 3.0 * index]
        value.RescaleSlope, value.RescaleIntercept, value.RescaleType = str(index + 0.5), str(-index), "US"
        item.PlanePositionSequence, item.PixelValueTransformationSequence = Sequence([position]), Sequence([value])
        frames.append(item)
    plane, shared, real = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = list(AXIAL)
    shared.PlaneOrientationSequence = Sequence([plane])
    # a quantity in other units beside the pixels: never put upon them unasked
    real.RealWorldValueSlope, real.RealWorldValueIntercept = 1000.0, 5.0
    real.RealWorldValueFirstValueMapped, real.RealWorldValueLastValueMapped = 0, 4095
    shared.RealWorldValueMappingSequence = Sequence([real])
    path = tmp_path / "x.dcm"
    write_dicom(
        path,
        stored,
        PerFrameFunctionalGroupsSequence=Sequence(frames),
        SharedFunctionalGroupsSequence=Sequence([shared]),
    )
    volume = one(path)
    wanted = [stored[index] * np.float32(index + 0.5) - index for index in range(3)]
    np.testing.assert_allclose(volume.array, wanted, rtol=1e-6)


def test_inversion_is_for_the_eye_alone(tmp_path: Path) -> None:
    pixels = noise((6, 5))
    write_dicom(tmp_path / "x.dcm", pixels, PhotometricInterpretation="MONOCHROME1")
    volume = one(tmp_path / "x.dcm")
    assert volume.inverted
    np.testing.assert_array_equal(volume.array[0], pixels)


# ------------------------------------------------------------------ colour


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colours_by_pixel_and_by_plane(tmp_path: Path, planar: int, dtype: str) -> None:
    pixels = noise((5, 7, 3), top=np.iinfo(dtype).max, dtype=dtype)
    data = (pixels.transpose(2, 0, 1) if planar else pixels).tobytes()
    path = tmp_path / "x.dcm"
    write_dicom(path, pixels, PlanarConfiguration=planar, PixelData=data + bytes(len(data) % 2))
    volume = one(path)
    np.testing.assert_array_equal(volume.array[0], pixels)
    np.testing.assert_array_equal(volume.array, second_opinion(path).reshape(volume.array.shape))


def test_luminance_and_chroma_become_colours(tmp_path: Path) -> None:
    ybr = np.array([[[76, 85, 255], [150, 44, 21]], [[29, 255, 107], [128, 128, 128]]], np.uint8)
    write_dicom(tmp_path / "x.dcm", ybr, PhotometricInterpretation="YBR_FULL")
    colours = one(tmp_path / "x.dcm").array[0].astype(int)
    wanted = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [128, 128, 128]]])
    assert np.abs(colours - wanted).max() <= 2


def _table(values: list[int], bits: int) -> tuple[list[int], bytes]:
    return [len(values), 0, bits], np.array(values, "<u2").tobytes()


def test_a_palette_gives_its_colours(tmp_path: Path) -> None:
    stored = noise((4, 6), top=4)
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, values in (("Red", [0, 65535, 0, 257]), ("Green", [0, 0, 65535, 514]), ("Blue", [65535, 0, 0, 771])):
        descriptor, data = _table(values, 16)
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = descriptor
        elements[f"{colour}PaletteColorLookupTableData"] = data
    path = tmp_path / "x.dcm"
    write_dicom(path, stored, **elements)
    table = np.array([[0, 0, 255], [255, 0, 0], [0, 255, 0], [1, 2, 3]], np.uint8)
    np.testing.assert_array_equal(one(path).array[0], table[stored])


def test_a_palette_in_segments_gives_its_colours(tmp_path: Path) -> None:
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    # one point at black, then a straight line to white over the rest
    segments = np.array([0, 1, 0, 1, 255, 65535], "<u2").tobytes()
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = segments
    path = tmp_path / "x.dcm"
    write_dicom(path, stored, **elements)
    # equal channels are grey
    assert np.abs(one(path).array[0].astype(int) - stored).max() <= 1


# ------------------------------------------------------------------ packings


@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.parametrize("packing", ["plain", "deflated"])
def test_frames_that_are_only_wrapped(tmp_path: Path, frames: int, packing: str) -> None:
    pixels = noise((frames, 6, 5), top=4096, dtype="uint16")
    pixels = pixels if frames > 1 else pixels[0]
    dataset = write_dicom(tmp_path / "x.dcm", pixels, BitsStored=12, HighBit=11)
    parts = [part.tobytes() for part in pixels.reshape(frames, 6, 5)]
    if packing == "deflated":
        packers = [zlib.compressobj(9, zlib.DEFLATED, -15) for _ in parts]
        parts = [packer.compress(part) + packer.flush() for packer, part in zip(packers, parts, strict=True)]
    dataset.PixelData = encapsulate([part + bytes(len(part) % 2) for part in parts])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(
        {"plain": "1.2.840.10008.1.2.1.98", "deflated": "1.2.840.10008.1.2.8.1"}[packing]
    )
    pydicom.dcmwrite(tmp_path / "y.dcm", dataset, implicit_vr=False, little_endian=True, force_encoding=True)
    np.testing.assert_array_equal(one(tmp_path / "y.dcm").array.reshape(pixels.shape), pixels)


def test_many_compressed_frames_with_and_without_a_table_of_them(tmp_path: Path) -> None:
    pixels = noise((5, 16, 12), top=4096, dtype="uint16")
    dataset = write_dicom(tmp_path / "x.dcm", pixels, BitsStored=12, HighBit=11)
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(tmp_path / "y.dcm")
    np.testing.assert_array_equal(one(tmp_path / "y.dcm").array, pixels)
    frames = list(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=5))
    dataset.PixelData = encapsulate(frames, has_bot=False)
    dataset.save_as(tmp_path / "z.dcm")
    np.testing.assert_array_equal(one(tmp_path / "z.dcm").array, pixels)
    dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = (
        pydicom.encaps.encapsulate_extended(frames)
    )
    dataset.save_as(tmp_path / "e.dcm")
    np.testing.assert_array_equal(one(tmp_path / "e.dcm").array, pixels)


def test_compressed_frames_that_tell_their_length(tmp_path: Path) -> None:
    """A writer gave the pixels a length, which compressed ones may not have: no bytes are taken for numbers."""
    pixels = noise((16, 12), top=4096, dtype="uint16")
    dataset = write_dicom(tmp_path / "x.dcm", pixels, BitsStored=12, HighBit=11)
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(tmp_path / "y.dcm")
    whole = (tmp_path / "y.dcm").read_bytes()
    start = whole.index(b"\xe0\x7f\x10\x00OB") + 8
    end = b"\xfe\xff\xdd\xe0" + bytes(4)
    assert whole[start : start + 4] == b"\xff" * 4
    assert whole.endswith(end)
    body = whole[start + 4 : -len(end)]
    (tmp_path / "z.dcm").write_bytes(whole[:start] + len(body).to_bytes(4, "little") + body)
    np.testing.assert_array_equal(one(tmp_path / "z.dcm").array[0], pixels)


def test_a_frame_short_of_its_file_is_said(tmp_path: Path) -> None:
    pixels = noise((5, 16, 12), top=4096, dtype="uint16")
    dataset = write_dicom(tmp_path / "x.dcm", pixels, BitsStored=12, HighBit=11)
    dataset.compress(RLELossless, generate_instance_uid=False)
    frames = list(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=5))
    dataset.PixelData = encapsulate(frames[:3])
    dataset.save_as(tmp_path / "y.dcm")
    assert refused(tmp_path / "y.dcm").code == "file-truncated"


@pytest.mark.parametrize(
    ("syntax", "code", "words"),
    [
        ("1.2.840.10008.1.2.4.102", "dicom-video", "MPEG-4 video"),
        ("1.2.840.10008.1.2.4.100.1", "dicom-video", "MPEG-2 video"),
        ("1.2.840.10008.1.2.4.107", "dicom-video", "H.265 video"),
        ("1.2.840.10008.1.2.4.110", "dicom-compression", "JPEG XL"),
        ("1.2.840.10008.1.2.4.93", "dicom-compression", "multi-component JPEG 2000"),
        ("1.2.840.10008.1.2.4.55", "dicom-compression", "a retired kind of JPEG"),
        ("1.2.3.4.5", "dicom-compression", "1.2.3.4.5"),
    ],
)
def test_what_cannot_be_decoded_is_named(tmp_path: Path, syntax: str, code: str, words: str) -> None:
    dataset = write_dicom(tmp_path / "x.dcm", noise((6, 5)))
    dataset.PixelData = encapsulate([b"\0" * 64])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    pydicom.dcmwrite(tmp_path / "y.dcm", dataset, implicit_vr=False, little_endian=True, force_encoding=True)
    error = refused(tmp_path / "y.dcm")
    assert error.code == code
    assert words in sentence(error)
    assert [one.error.code for one in find_sources([tmp_path / "y.dcm"]).passed] == [code]


def test_a_file_that_names_no_transfer_syntax(tmp_path: Path) -> None:
    pixels = noise((8, 9), top=4096, dtype="uint16")
    dataset = write_dicom(tmp_path / "x.dcm", pixels)
    del dataset.file_meta.TransferSyntaxUID
    for implicit in (False, True):
        path = tmp_path / f"{implicit}.dcm"
        pydicom.dcmwrite(path, dataset, implicit_vr=implicit, little_endian=True)
        np.testing.assert_array_equal(one(path).array[0], pixels)


def test_damaged_frames_are_one_sentence(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    pixels = noise((64, 64), top=4096, dtype="uint16")
    for syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless):
        dataset = write_dicom(tmp_path / "x.dcm", pixels, BitsStored=12, HighBit=11)
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(tmp_path / "y.dcm")
        whole = (tmp_path / "y.dcm").read_bytes()
        start = whole.index(b"\xe0\x7f\x10\x00OB") + 40
        for _ in range(30):
            broken = bytearray(whole)
            for place in random.integers(start, len(whole), 6):
                broken[place] = random.integers(256)
            (tmp_path / "z.dcm").write_bytes(broken)
            told = ""
            try:
                shape = one(tmp_path / "z.dcm").array.shape
            except InputError as error:
                told = error.code
            assert told in ("dicom-pixels", "file-truncated") or shape == (1, 64, 64)
