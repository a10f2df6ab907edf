"""MetaImage: voxels and places as SimpleITK has them; lies, bombs and ways out of the folder refused."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from reader_support import OneKind, noise
from scipy.spatial.transform import Rotation

from core.io.reading import FindOptions, find_sources
from core.io.sniff import Format

KINDS = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]


KIND = OneKind(Format.METAIMAGE)
read, refused = KIND.read, KIND.refused


def image_of(array: NDArray[Any], turn: tuple[float, float, float] = (0, 0, 0), *, vector: bool = False) -> Any:
    image = SimpleITK.GetImageFromArray(array, isVector=vector)
    if image.GetDimension() == 3:
        image.SetSpacing((0.7, 1.3, 2.9))
        image.SetOrigin((11.0, -22.5, 33.25))
        image.SetDirection(Rotation.from_euler("xyz", turn).as_matrix().ravel().tolist())
    return image


def itk_affine(path: Path) -> NDArray[np.float64]:
    """The RAS affine of voxel centres as ITK reads the file."""
    image = SimpleITK.ReadImage(path)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return np.asarray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def by_hand(path: Path, lines: list[str], data: bytes = b"", *, where: str = "LOCAL") -> None:
    words = ["ObjectType = Image", *lines, f"ElementDataFile = {where}"]
    path.write_bytes(("\n".join(words) + "\n").encode() + data)


PLAIN = ["NDims = 3", "DimSize = 4 3 2", "ElementType = MET_UCHAR"]


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("ending", [".mha", ".mhd"])
@pytest.mark.parametrize("packed", [False, True])
def test_numbers_of_every_kind_are_those_of_itk(tmp_path: Path, dtype: str, ending: str, packed: bool) -> None:
    array = noise((4, 5, 6), top=120, dtype=dtype)
    SimpleITK.WriteImage(image_of(array), tmp_path / f"a{ending}", packed)
    volume = read(tmp_path / f"a{ending}")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.dtype(dtype)
    found = find_sources([tmp_path], FindOptions())
    assert [source.name for source in found.sources] == [f"a{ending}"]
    assert found.passed == ()


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.3, -0.2, 0.5), (np.pi / 2, 0, 0), (0, np.pi / 2, 0.1), (0, 0, np.pi)])
def test_places_are_those_of_itk(tmp_path: Path, turn: tuple[float, float, float]) -> None:
    SimpleITK.WriteImage(image_of(noise((4, 5, 6)), turn), tmp_path / "a.mha")
    geometry = read(tmp_path / "a.mha").geometry
    np.testing.assert_allclose(geometry.affine, itk_affine(tmp_path / "a.mha"), atol=1e-6)
    assert geometry.orientation_known


def test_two_axes_are_a_picture(tmp_path: Path) -> None:
    array = noise((5, 7), top=3000, dtype="int16")
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing((0.5, 0.25))
    SimpleITK.WriteImage(image, tmp_path / "a.mha", True)
    volume = read(tmp_path / "a.mha")
    np.testing.assert_array_equal(volume.array, array[None])
    assert volume.geometry.spacing[1:] == (0.25, 0.5)
    assert volume.geometry.spacing_known
    assert not volume.geometry.orientation_known


@pytest.mark.parametrize("packed", [False, True])
def test_a_fourth_axis_asks_which(tmp_path: Path, packed: bool) -> None:
    array = noise((3, 4, 5, 6), top=3000, dtype="int16")
    SimpleITK.WriteImage(image_of(array), tmp_path / "a.mha", packed)
    error = refused(tmp_path / "a.mha")
    assert (error.code, error.fields["volumes"]) == ("volume-needed", 3)
    for index in range(3):
        np.testing.assert_array_equal(read(tmp_path / "a.mha", index).array, array[index])
    assert refused(tmp_path / "a.mha", 3).code == "volume-unknown"


def test_colour_and_channels_that_are_none(tmp_path: Path) -> None:
    array = noise((3, 4, 5, 3))
    SimpleITK.WriteImage(image_of(array, vector=True), tmp_path / "a.mha", True)
    volume = read(tmp_path / "a.mha")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.channels == ("R", "G", "B")
    moves = noise((3, 4, 5, 3)).astype(np.float32)
    SimpleITK.WriteImage(image_of(moves, vector=True), tmp_path / "b.mha")
    assert refused(tmp_path / "b.mha").fields["volumes"] == 3
    np.testing.assert_array_equal(read(tmp_path / "b.mha", 1).array, moves[..., 1])


def test_big_endian_header_size_and_other_names_of_keys(tmp_path: Path) -> None:
    array = noise((2, 3, 4), top=60000, dtype="uint16")
    lines = ["NDims = 3", "DimSize = 4 3 2", "ElementType = MET_USHORT", "ElementByteOrderMSB = True"]
    (tmp_path / "a.raw").write_bytes(b"x" * 77 + array.astype(">u2").tobytes())
    places = ["HeaderSize = -1", "ElementSize = 1 2 3", "Orientation = 1 0 0 0 1 0 0 0 1", "Position = 4 5 6"]
    by_hand(tmp_path / "a.mhd", [*lines, *places], where="a.raw")
    volume = read(tmp_path / "a.mhd")
    np.testing.assert_array_equal(volume.array, array)
    expected = np.diag([-1.0, -2.0, 3.0, 1.0])
    expected[:3, 3] = (-4.0, -5.0, 6.0)
    np.testing.assert_allclose(volume.geometry.affine, expected)
    by_hand(tmp_path / "b.mhd", [*lines, "HeaderSize = 77"], where="a.raw")
    np.testing.assert_array_equal(read(tmp_path / "b.mhd").array, array)


def test_without_matrix_nobody_says_how_the_patient_lies(tmp_path: Path) -> None:
    by_hand(tmp_path / "a.mha", [*PLAIN, "ElementSpacing = 1 2 3"], bytes(range(24)))
    geometry = read(tmp_path / "a.mha").geometry
    assert geometry.spacing == (3.0, 2.0, 1.0)
    assert geometry.spacing_known
    assert not geometry.orientation_known
    by_hand(tmp_path / "b.mha", [*PLAIN, "ElementSpacing = 1 0 3"], bytes(range(24)))
    assert not read(tmp_path / "b.mha").geometry.spacing_known


def test_slope_is_kept_beside_stored_numbers(tmp_path: Path) -> None:
    scale = ["ElementToIntensityFunctionSlope = 2.5", "ElementToIntensityFunctionOffset = -100"]
    by_hand(tmp_path / "a.mha", [*PLAIN, *scale], bytes(range(24)))
    volume = read(tmp_path / "a.mha")
    assert (volume.slope, volume.intercept) == (2.5, -100.0)
    np.testing.assert_array_equal(volume.array.ravel(), range(24))


@pytest.mark.parametrize("where", ["../s.raw", "/etc/hostname", "sub/s.raw", "..\\s.raw", "C:\\s.raw", ".."])
def test_numbers_outside_of_the_folder_are_refused(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path, folder / "sub"):
        (place / "s.raw").write_bytes(bytes(1000))
    by_hand(folder / "a.mhd", PLAIN, where=where)
    assert refused(folder / "a.mhd").code == "data-outside"


def test_the_folder_itself_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "s.raw").write_bytes(bytes(range(24)))
    by_hand(tmp_path / "a.mhd", PLAIN, where="./s.raw")
    np.testing.assert_array_equal(read(tmp_path / "a.mhd").array.ravel(), range(24))


@pytest.mark.parametrize(
    ("lines", "where", "code"),
    [
        (PLAIN, "gone.raw", "data-missing"),
        (PLAIN, "LIST", "metaimage-many"),
        (PLAIN, "a%03d.raw 1 2 1", "metaimage-many"),
        ([*PLAIN, "BinaryData = False"], "LOCAL", "metaimage-text"),
        (["NDims = 3", "DimSize = 4 3 2", "ElementType = MET_STRING"], "LOCAL", "metaimage-unreadable"),
        (["NDims = 3", "DimSize = 4 3", "ElementType = MET_UCHAR"], "LOCAL", "metaimage-unreadable"),
        (["NDims = 3", "DimSize = 4 3 -2", "ElementType = MET_UCHAR"], "LOCAL", "metaimage-unreadable"),
        (["NDims = 3", "ElementType = MET_UCHAR"], "LOCAL", "metaimage-unreadable"),
        (["NDims = three", "DimSize = 4 3 2", "ElementType = MET_UCHAR"], "LOCAL", "metaimage-unreadable"),
        ([*PLAIN, "ElementNumberOfChannels = 0"], "LOCAL", "metaimage-unreadable"),
        (["NDims = 3", "DimSize = 9999 9999 9999", "ElementType = MET_DOUBLE"], "LOCAL", "file-too-large"),
        (["NDims = 3", "DimSize = 4 3 9", "ElementType = MET_UCHAR"], "LOCAL", "volume-truncated"),
        (["NDims = 3", "DimSize = 40 30 90", "ElementType = MET_UCHAR"], "LOCAL", "file-truncated"),
        ([*PLAIN, "CompressedData = True"], "LOCAL", "file-truncated"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, lines: list[str], where: str, code: str) -> None:
    by_hand(tmp_path / "a.mha", lines, bytes(range(24)), where=where)
    assert refused(tmp_path / "a.mha").code == code


def test_a_packed_bomb_and_a_cut_one(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(64 << 10), 9)
    lines = ["NDims = 3", "ElementType = MET_UCHAR", "CompressedData = True"]
    by_hand(tmp_path / "a.mha", [*lines, "DimSize = 2048 2048 500"], packed)
    assert refused(tmp_path / "a.mha").code == "file-truncated"
    by_hand(tmp_path / "b.mha", [*lines, "DimSize = 64 64 16"], packed[:-40])
    assert refused(tmp_path / "b.mha").code in ("volume-truncated", "file-truncated")


def test_numbers_alone_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(100))
    (passed,) = find_sources([tmp_path], FindOptions()).passed
    assert passed.error.code == "format-numbers"
