"""NRRD: voxels and places as SimpleITK and pynrrd have them; lies, bombs and ways out of the folder refused."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from reader_support import OneKind, noise
from scipy.spatial.transform import Rotation

from core.io.reading import FindOptions, find_sources
from core.io.sniff import Format

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
KINDS = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]


KIND = OneKind(Format.NRRD)
read, refused = KIND.read, KIND.refused


def itk_affine(image: SimpleITK.Image) -> NDArray[np.float64]:
    """The RAS affine of voxel centres, from what ITK says itself."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return np.asarray(FLIP @ affine)


def itk_image(array: NDArray[Any], *, turn: tuple[float, float, float] = (0, 0, 0), flip: bool = False) -> Any:
    image = SimpleITK.GetImageFromArray(array, isVector=array.ndim == 4)
    image.SetSpacing((0.7, 1.3, 2.9))
    image.SetOrigin((11.0, -22.5, 33.25))
    direction = Rotation.from_euler("xyz", turn).as_matrix() @ np.diag([1.0, -1.0 if flip else 1.0, 1.0])
    image.SetDirection(direction.ravel().tolist())
    return image


def write(path: Path, array_xyz: NDArray[Any], header: dict[str, Any], *, encoding: str = "raw") -> None:
    nrrd.write(str(path), array_xyz, {"encoding": encoding, **header}, index_order="F")


def text_file(path: Path, lines: list[str], data: bytes = b"") -> None:
    path.write_bytes(("NRRD0005\n" + "\n".join(lines) + "\n\n").encode() + data)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("packed", [False, True])
def test_numbers_of_every_kind_are_those_of_itk(tmp_path: Path, dtype: str, packed: bool) -> None:
    array = noise((4, 5, 6), top=120, dtype=dtype)
    image = itk_image(array)
    SimpleITK.WriteImage(image, tmp_path / "a.nrrd", packed)
    volume = read(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.dtype(dtype)
    assert volume.facts.get("packing", "") == ("gzip" if packed else "")


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.3, -0.2, 0.5), (np.pi / 2, 0, 0), (0, np.pi / 2, 0.1), (np.pi, 0, 0)])
@pytest.mark.parametrize("flip", [False, True])
def test_places_are_those_of_itk(tmp_path: Path, turn: tuple[float, float, float], flip: bool) -> None:
    image = itk_image(noise((4, 5, 6)), turn=turn, flip=flip)
    SimpleITK.WriteImage(image, tmp_path / "a.nrrd")
    geometry = read(tmp_path / "a.nrrd").geometry
    np.testing.assert_allclose(geometry.affine, itk_affine(image), atol=1e-9)
    assert geometry.orientation_known
    assert geometry.spacing_known


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
        ("LAS", (-1, 1, 1)),
    ],
)
def test_every_named_space_becomes_ras(tmp_path: Path, space: str, signs: tuple[int, int, int]) -> None:
    directions = np.array([[1.0, 0.1, 0.0], [0.0, 2.0, 0.2], [0.3, 0.0, 3.0]])
    array = noise((4, 5, 6), dtype="int16")
    header = {"space": space, "space directions": directions, "space origin": np.array([7.0, 8.0, 9.0])}
    write(tmp_path / "a.nrrd", array, header)
    volume = read(tmp_path / "a.nrrd")
    expected = np.eye(4)
    expected[:3, :3] = directions.T
    expected[:3, 3] = (7.0, 8.0, 9.0)
    np.testing.assert_allclose(volume.geometry.affine, np.diag([*signs, 1.0]) @ expected)
    np.testing.assert_array_equal(volume.array, array.T)


def test_a_space_that_is_not_the_patients_has_no_letters(tmp_path: Path) -> None:
    write(tmp_path / "a.nrrd", noise((4, 5, 6)), {"space": "scanner-xyz", "space directions": np.diag([1.0, 2.0, 3.0])})
    geometry = read(tmp_path / "a.nrrd").geometry
    assert geometry.spacing == (3.0, 2.0, 1.0)
    assert geometry.spacing_known
    assert not geometry.orientation_known


def test_a_missing_origin_is_zero(tmp_path: Path) -> None:
    write(tmp_path / "a.nrrd", noise((4, 5, 6)), {"space": "LPS", "space directions": np.diag([1.0, 2.0, 3.0])})
    np.testing.assert_allclose(read(tmp_path / "a.nrrd").geometry.affine, np.diag([-1.0, -2.0, 3.0, 1.0]))


def test_sizes_without_directions_are_known_and_orientation_is_not(tmp_path: Path) -> None:
    write(tmp_path / "a.nrrd", noise((4, 5, 6)), {"spacings": [0.5, 1.5, 4.0]})
    geometry = read(tmp_path / "a.nrrd").geometry
    assert geometry.spacing == (4.0, 1.5, 0.5)
    assert geometry.spacing_known
    assert not geometry.orientation_known
    write(tmp_path / "b.nrrd", noise((4, 5, 6)), {})
    assert not read(tmp_path / "b.nrrd").geometry.spacing_known


def test_micrometres_are_told_in_millimetres(tmp_path: Path) -> None:
    header = {"space": "LPS", "space directions": np.diag([1000.0, 2000.0, 3000.0]), "space units": ["um"] * 3}
    write(tmp_path / "a.nrrd", noise((4, 5, 6)), header)
    np.testing.assert_allclose(read(tmp_path / "a.nrrd").geometry.spacing, (3.0, 2.0, 1.0))


@pytest.mark.parametrize("endian", ["big", "little"])
@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
def test_packings_and_byte_orders(tmp_path: Path, endian: str, encoding: str) -> None:
    array = noise((6, 5, 4), top=60000, dtype="uint16")
    stored = array.transpose(2, 1, 0).astype(">u2" if endian == "big" else "<u2").tobytes()
    data = {"raw": bytes, "gzip": gzip.compress, "bzip2": bz2.compress}[encoding](stored)
    lines = ["type: ushort", "dimension: 3", "sizes: 6 5 4", f"endian: {endian}", f"encoding: {encoding}"]
    text_file(tmp_path / "a.nrrd", lines, data)
    volume = read(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.array, array.transpose(2, 1, 0))
    assert volume.array.dtype == np.dtype("uint16")


def test_colour(tmp_path: Path) -> None:
    array = noise((3, 4, 5, 3))
    SimpleITK.WriteImage(itk_image(array), tmp_path / "a.nrrd", True)
    volume = read(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.channels == ("R", "G", "B")
    rgba = noise((4, 7, 6, 5))
    write(tmp_path / "b.nrrd", rgba, {"kinds": ["RGBA-color", "domain", "domain", "domain"]})
    np.testing.assert_array_equal(read(tmp_path / "b.nrrd").array, rgba.transpose(3, 2, 1, 0)[..., :3])


@pytest.mark.parametrize("kind", ["list", "vector"])
def test_a_list_of_volumes_asks_which(tmp_path: Path, kind: str) -> None:
    array = noise((5, 4, 3, 2), top=2000, dtype="int16")
    header = {
        "kinds": [kind, "domain", "domain", "domain"],
        "space": "LPS",
        "space directions": np.vstack([[np.nan] * 3, np.diag([1.0, 2.0, 3.0])]),
    }
    write(tmp_path / "a.nrrd", array, header, encoding="gzip")
    error = refused(tmp_path / "a.nrrd")
    assert (error.code, error.fields["volumes"], error.fields["last"]) == ("volume-needed", 5, 4)
    for index in (0, 3):
        volume = read(tmp_path / "a.nrrd", index)
        np.testing.assert_array_equal(volume.array, array[index].T)
        assert volume.geometry.spacing == (3.0, 2.0, 1.0)
    assert refused(tmp_path / "a.nrrd", 5).code == "volume-unknown"


def test_a_list_at_the_end_asks_too(tmp_path: Path) -> None:
    array = noise((4, 3, 2, 5), top=2000, dtype="int16")
    for name, kinds in (("a", {"kinds": ["domain", "domain", "domain", "list"]}), ("b", {})):
        write(tmp_path / f"{name}.nrrd", array, kinds)
        assert refused(tmp_path / f"{name}.nrrd").fields["volumes"] == 5
        np.testing.assert_array_equal(read(tmp_path / f"{name}.nrrd", 4).array, array[..., 4].T)


def test_an_axis_between_those_of_space_is_refused_in_words(tmp_path: Path) -> None:
    write(tmp_path / "a.nrrd", noise((4, 3, 5, 2)), {"kinds": ["domain", "list", "domain", "domain"]})
    assert refused(tmp_path / "a.nrrd").code == "nrrd-axes"


def test_two_axes_are_a_picture(tmp_path: Path) -> None:
    array = noise((7, 5))
    write(tmp_path / "a.nrrd", array, {"spacings": [0.5, 0.25]})
    volume = read(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.array[0], array.T)
    assert volume.geometry.spacing[1:] == (0.25, 0.5)
    header = {"space": "LPS", "space directions": np.array([[0.0, 2.0, 0.0], [0.0, 0.0, -3.0]])}
    write(tmp_path / "b.nrrd", array, header)
    placed = read(tmp_path / "b.nrrd").geometry
    np.testing.assert_allclose(placed.affine[:3, :2], [[0, 0], [-2.0, 0], [0, -3.0]])
    assert placed.native_plane == "sagittal"


@pytest.mark.parametrize("packed", [False, True])
def test_numbers_in_another_file_of_the_folder(tmp_path: Path, packed: bool) -> None:
    array = noise((4, 5, 6), top=900, dtype="int16")
    SimpleITK.WriteImage(itk_image(array), tmp_path / "a.nhdr", packed)
    np.testing.assert_array_equal(read(tmp_path / "a.nhdr").array, array)
    found = find_sources([tmp_path], FindOptions())
    assert [(source.name, source.format) for source in found.sources] == [("a.nhdr", Format.NRRD)]
    assert found.passed == ()


@pytest.mark.parametrize("name", ["../secret.raw", "/etc/hostname", "sub/secret.raw", "..\\secret.raw", "C:\\x.raw"])
def test_numbers_outside_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path, folder / "sub"):
        (place / "secret.raw").write_bytes(bytes(1000))
    lines = ["type: uchar", "dimension: 3", "sizes: 2 2 2", "encoding: raw", f"data file: {name}"]
    text_file(folder / "a.nhdr", lines)
    error = refused(folder / "a.nhdr")
    assert error.code == "data-outside"
    assert "/" not in str(error.fields["data"])


def test_numbers_that_are_not_there(tmp_path: Path) -> None:
    lines = ["type: uchar", "dimension: 3", "sizes: 2 2 2", "encoding: raw", "data file: gone.raw"]
    text_file(tmp_path / "a.nhdr", lines)
    assert refused(tmp_path / "a.nhdr").code == "data-missing"


def test_skips_are_honoured(tmp_path: Path) -> None:
    array = noise((2, 3, 4))
    lines = ["type: uchar", "dimension: 3", "sizes: 4 3 2", "encoding: raw"]
    text_file(tmp_path / "a.nrrd", [*lines, "line skip: 1", "byte skip: 3"], b"words\nabc" + array.tobytes())
    np.testing.assert_array_equal(read(tmp_path / "a.nrrd").array, array)
    text_file(tmp_path / "b.nrrd", [*lines, "byte skip: -1"], b"whatever" + array.tobytes())
    np.testing.assert_array_equal(read(tmp_path / "b.nrrd").array, array)


def test_names_of_fields_in_any_case_comments_and_own_keys(tmp_path: Path) -> None:
    array = noise((2, 3, 4))
    lines = ["# made by hand", "Type: uchar", "DIMENSION: 3", "Sizes: 4 3 2", "Encoding: RAW", "patient:=Jane Doe"]
    text_file(tmp_path / "a.nrrd", lines, array.tobytes())
    volume = read(tmp_path / "a.nrrd")
    np.testing.assert_array_equal(volume.array, array)
    assert "Jane" not in str(dict(volume.facts))


def test_a_segmentation_of_slicer_is_told_as_labels(tmp_path: Path) -> None:
    lines = ["type: uchar", "dimension: 3", "sizes: 4 3 2", "encoding: raw", "Segment0_Name:=Brain"]
    text_file(tmp_path / "a.seg.nrrd", lines, bytes(24))
    assert read(tmp_path / "a.seg.nrrd").facts["label_map"] == 1


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["type: uchar", "dimension: 3", "sizes: 4 3 2", "encoding: ascii"], "nrrd-text"),
        (["type: uchar", "dimension: 3", "sizes: 4 3 2", "encoding: hex"], "nrrd-text"),
        (["type: uchar", "dimension: 3", "sizes: 4 3", "encoding: raw"], "nrrd-unreadable"),
        (["type: uchar", "dimension: 3", "sizes: 4 3 -2", "encoding: raw"], "nrrd-unreadable"),
        (["type: short", "dimension: 3", "sizes: 4 3 2", "encoding: raw"], "nrrd-unreadable"),
        (["type: block", "dimension: 3", "sizes: 4 3 2", "encoding: raw"], "nrrd-unreadable"),
        (["type: uchar", "dimension: 3", "encoding: raw"], "nrrd-unreadable"),
        (["type: uchar", "dimension: 3", "sizes: 4 3 2", "encoding: zstd"], "nrrd-unreadable"),
        (["no field at all"], "nrrd-unreadable"),
        (["type: uchar", "dimension: 3", "sizes: 4 3 2", "encoding: raw", "data file: LIST"], "nrrd-many"),
        (["type: uchar", "dimension: 3", "sizes: 4 3 2", "encoding: raw", "data file: a%03d.raw 1 2 1"], "nrrd-many"),
        (["type: uchar", "dimension: 1", "sizes: 24", "encoding: raw"], "nrrd-axes"),
        (
            ["type: double", "endian: little", "dimension: 3", "sizes: 9999 9999 9999", "encoding: gzip"],
            "file-too-large",
        ),
        (["type: uchar", "dimension: 3", "sizes: 512 512 64", "encoding: gzip"], "file-truncated"),
        (["type: uchar", "dimension: 3", "sizes: 400 300 200", "encoding: raw"], "file-truncated"),
        (["type: uchar", "dimension: 3", "sizes: 4 3 9", "encoding: raw"], "volume-truncated"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, lines: list[str], code: str) -> None:
    text_file(tmp_path / "a.nrrd", lines, bytes(24))
    assert refused(tmp_path / "a.nrrd").code == code


def test_a_header_without_end_is_not_read_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0005\n" + b"#" * (3 << 20))
    assert refused(tmp_path / "a.nrrd").code == "nrrd-unreadable"


@pytest.mark.parametrize("encoding", ["gzip", "bzip2"])
def test_cut_off_and_broken_packed_numbers(tmp_path: Path, encoding: str) -> None:
    array = noise((8, 40, 40))
    data = (gzip.compress if encoding == "gzip" else bz2.compress)(array.tobytes())
    lines = ["type: uchar", "dimension: 3", "sizes: 40 40 8", f"encoding: {encoding}"]
    text_file(tmp_path / "a.nrrd", lines, data[: len(data) // 2])
    assert refused(tmp_path / "a.nrrd").code in ("volume-truncated", "file-truncated")
    broken = bytearray(data)
    broken[len(data) // 2] ^= 0x55
    text_file(tmp_path / "b.nrrd", lines, bytes(broken))
    assert refused(tmp_path / "b.nrrd").code in ("file-truncated", "volume-truncated")
