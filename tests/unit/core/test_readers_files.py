"""NIfTI and pictures: stored numbers, grids, depth and colour; bombs and lies refused."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from reader_support import noise, picture_bytes, write_nifti, write_picture

from core.errors import InputError
from core.io import sniff as sniffing
from core.io.files import natural
from core.io.reading import Source, decode_order, read_source
from core.io.sniff import Format, sniff, stem
from core.volume import Volume

AFFINE = np.array([[0.0, -2.0, 0.1, 5.0], [-1.5, 0.0, 0.2, 6.0], [0.1, 0.2, 3.0, -7.0], [0, 0, 0, 1]])


def nifti(path: Path, volume: int | None = None) -> Volume:
    return read_source(Source(Format.NIFTI, (path,), path.name, volume=volume))


def picture(*paths: Path) -> Volume:
    return read_source(Source(sniff(paths[0]) or Format.PNG, paths, paths[0].name))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti_numbers_and_grid(tmp_path: Path, dtype: str, ending: str) -> None:
    array = noise((3, 4, 5), top=200, dtype=dtype)
    write_nifti(tmp_path / f"a{ending}", array, AFFINE)
    volume = nifti(tmp_path / f"a{ending}")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.dtype(dtype)
    np.testing.assert_allclose(volume.geometry.affine, AFFINE, atol=1e-5)
    assert volume.geometry.orientation_known


def test_nifti_slope_is_kept_beside_stored_numbers(tmp_path: Path) -> None:
    array = noise((2, 3, 4), top=1000, dtype="int16")
    picture = nibabel.Nifti1Image(array.T, AFFINE)
    picture.header.set_slope_inter(0.5, -3.0)
    nibabel.save(picture, tmp_path / "a.nii")
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[352:] = array.astype("<i2").tobytes()
    raw[112:120] = struct.pack("<ff", 0.5, -3.0)
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    volume = nifti(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.values(volume.array), array * 0.5 - 3.0)


@pytest.mark.parametrize("slope", [0.0, float("nan")])
def test_nifti_without_slope_is_taken_as_stored(tmp_path: Path, slope: float) -> None:
    array = noise((2, 3, 4))
    write_nifti(tmp_path / "a.nii", array)
    raw = bytearray((tmp_path / "a.nii").read_bytes())
    raw[112:120] = struct.pack("<ff", slope, 7.0)
    (tmp_path / "a.nii").write_bytes(bytes(raw))
    volume = nifti(tmp_path / "a.nii")
    assert (volume.slope, volume.intercept) == (1.0, 0.0)


def test_nifti_with_several_volumes_asks_which(tmp_path: Path) -> None:
    array = noise((3, 2, 4, 5))
    picture = nibabel.Nifti1Image(np.ascontiguousarray(array.transpose(3, 2, 1, 0)), AFFINE)
    nibabel.save(picture, tmp_path / "a.nii.gz")
    with pytest.raises(InputError) as caught:
        nifti(tmp_path / "a.nii.gz")
    assert caught.value.code == "volume-needed"
    assert caught.value.fields == {"file": "a.nii.gz", "volumes": 3, "last": 2}
    np.testing.assert_array_equal(nifti(tmp_path / "a.nii.gz", 2).array, array[2])
    with pytest.raises(InputError, match="volume-unknown"):
        nifti(tmp_path / "a.nii.gz", 3)


def test_nifti_big_endian_two_and_millimetres(tmp_path: Path) -> None:
    array = noise((2, 3, 4), top=1000, dtype="int16")
    big = nibabel.Nifti1Image(array.T, AFFINE, nibabel.Nifti1Header(endianness=">"))
    big.header.set_data_dtype(">i2")
    nibabel.save(big, tmp_path / "big.nii")
    np.testing.assert_array_equal(nifti(tmp_path / "big.nii").array, array)
    two = nibabel.Nifti2Image(array.T, np.diag([0.001, 0.002, 0.003, 1.0]))
    two.header.set_xyzt_units("meter")
    nibabel.save(two, tmp_path / "two.nii")
    np.testing.assert_allclose(nifti(tmp_path / "two.nii").geometry.spacing, (3.0, 2.0, 1.0), rtol=1e-5)


def test_nifti_without_place_keeps_sizes_but_no_letters(tmp_path: Path) -> None:
    picture = nibabel.Nifti1Image(noise((2, 3, 4)).T, None)
    picture.header.set_zooms((1.0, 2.0, 3.0))
    nibabel.save(picture, tmp_path / "a.nii")
    geometry = nifti(tmp_path / "a.nii").geometry
    assert geometry.spacing == (3.0, 2.0, 1.0)
    assert geometry.spacing_known
    assert not geometry.orientation_known


def test_nifti_colour(tmp_path: Path) -> None:
    colours = noise((2, 3, 4, 3))
    packed = np.zeros((4, 3, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    for index, name in enumerate("RGB"):
        packed[name] = colours[..., index].T
    nibabel.save(nibabel.Nifti1Image(packed, AFFINE), tmp_path / "a.nii")
    volume = nifti(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.array, colours)
    assert volume.channels == ("R", "G", "B")


def lying(shape: tuple[int, ...]) -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape(shape)
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    return bytes(header.binaryblock) + bytes(4)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzip.compress(lying((1024, 1024, 1024)) + bytes(1 << 20)), "file-too-large"),
        (gzip.compress(lying((512, 512, 64)) + bytes(1 << 10)), "file-truncated"),
        (lying((64, 64, 64)) + bytes(1000), "file-truncated"),
        (gzip.compress(lying((64, 64, 64)) + bytes(64**3 * 8))[:-300], "file-truncated"),
    ],
    # names of their own: the bytes hold the time, so that two test processes would disagree about them
    ids=["bomb", "short inside", "short", "cut off"],
)
def test_nifti_bombs_and_lies(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        nifti(path)
    assert caught.value.code == code


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turns=st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3)),
    sizes=st.tuples(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.2, 5)),
    flips=st.tuples(st.sampled_from([-1, 1]), st.sampled_from([-1, 1]), st.sampled_from([-1, 1])),
)
def test_any_grid_survives_nifti(tmp_path: Path, turns: Any, sizes: Any, flips: Any) -> None:
    from scipy.spatial.transform import Rotation

    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turns).as_matrix() @ np.diag(np.array(sizes) * flips)
    affine[:3, 3] = (10.0, -20.0, 30.0)
    write_nifti(tmp_path / "a.nii", noise((2, 3, 4)), affine)
    np.testing.assert_allclose(nifti(tmp_path / "a.nii").geometry.affine, affine, atol=1e-4)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "webp"])
def test_grey_pictures(tmp_path: Path, ending: str) -> None:
    pixels = noise((5, 7))
    write_picture(tmp_path / f"a.{ending}", pixels, **({"lossless": True} if ending == "webp" else {}))
    volume = picture(tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(volume.array, pixels[None])
    assert volume.array.dtype == np.uint8
    assert volume.is_picture
    assert not volume.geometry.spacing_known


def test_jpeg_is_read_as_a_scan(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", np.full((16, 16), 90, np.uint8), quality=95)
    assert abs(int(picture(tmp_path / "a.jpg").array.mean()) - 90) <= 1


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bit_is_not_lost(tmp_path: Path, ending: str) -> None:
    pixels = noise((5, 7), top=65536, dtype="uint16")
    write_picture(tmp_path / f"a.{ending}", pixels)
    volume = picture(tmp_path / f"a.{ending}")
    assert volume.array.dtype == np.uint16
    np.testing.assert_array_equal(volume.array[0], pixels)


def test_float_tiff_and_pages(tmp_path: Path) -> None:
    pixels = noise((5, 7)).astype(np.float32) / 7
    write_picture(tmp_path / "f.tif", pixels)
    np.testing.assert_array_equal(picture(tmp_path / "f.tif").array[0], pixels)
    pages = [Image.fromarray(noise((5, 7), seed=page)) for page in range(4)]
    pages[0].save(tmp_path / "p.tif", save_all=True, append_images=pages[1:])
    volume = picture(tmp_path / "p.tif")
    assert volume.shape == (4, 5, 7)
    np.testing.assert_array_equal(volume.array[2], noise((5, 7), seed=2))


def test_colour_kept_equal_channels_grey(tmp_path: Path) -> None:
    colour = noise((5, 7, 3))
    write_picture(tmp_path / "c.png", colour)
    np.testing.assert_array_equal(picture(tmp_path / "c.png").array[0], colour)
    grey = np.repeat(colour[..., :1], 3, axis=2)
    write_picture(tmp_path / "g.png", grey)
    assert picture(tmp_path / "g.png").array.shape == (1, 5, 7)
    write_picture(tmp_path / "a.png", np.dstack([grey, np.full((5, 7, 1), 255, np.uint8)]))
    np.testing.assert_array_equal(picture(tmp_path / "a.png").array[0], colour[..., 0])


def test_a_stack_that_is_grey_only_in_the_middle_is_colour(tmp_path: Path) -> None:
    paths = []
    for index in range(3):
        pixels = noise((5, 7, 3), seed=index)
        if index == 1:
            pixels[...] = pixels[..., :1]
        write_picture(tmp_path / f"{index}.png", pixels)
        paths.append(tmp_path / f"{index}.png")
    volume = picture(*paths)
    assert volume.array.shape == (3, 5, 7, 3)
    np.testing.assert_array_equal(volume.array[2], noise((5, 7, 3), seed=2))


def test_a_stack_of_other_sizes_is_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "0.png", noise((5, 7)))
    write_picture(tmp_path / "1.png", noise((5, 8)))
    with pytest.raises(InputError, match="stack-sizes"):
        picture(tmp_path / "0.png", tmp_path / "1.png")


def test_a_picture_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    row = bytes(30001)
    packer = zlib.compressobj(9)
    data = packer.compress(row * 10) + packer.flush()
    head = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
    with pytest.raises(InputError, match="file-too-large"):
        picture(tmp_path / "a.png")


def test_a_broken_picture_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture_bytes(noise((50, 70)), "PNG")[:400])
    with pytest.raises(InputError, match="picture-unreadable"):
        picture(tmp_path / "a.png")


def test_sniffing_goes_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(picture_bytes(noise((5, 7)), "PNG"))
    assert sniff(tmp_path / "a.dcm") is Format.PNG
    (tmp_path / "b.png").write_bytes(b"BMore words than a bitmap")
    assert sniff(tmp_path / "b.png") is None
    (tmp_path / "c").write_bytes(bytes(128) + b"DICM" + bytes(40))
    assert sniff(tmp_path / "c") is Format.DICOM
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    assert sniff(tmp_path / "d.csv") is None
    (tmp_path / "empty").write_bytes(b"")
    assert sniff(tmp_path / "empty") is None
    assert {Format.PNG, Format.JPEG} <= sniffing.PICTURES


def test_names_order_and_stems() -> None:
    names = ["s_10.png", "s_2.png", "S_1.png", "s_2b.png"]
    assert sorted(names, key=natural) == ["S_1.png", "s_2.png", "s_2b.png", "s_10.png"]
    assert stem(Path("a/x_t1w.nii.gz")) == "x_t1w"
    assert stem(Path("a/x.tif")) == "x"
    assert stem(Path("1.2.840.113619.2")) == "1.2.840.113619.2"
    assert decode_order(5) == [2, 0, 1, 3, 4]
    assert decode_order(1) == [0]
