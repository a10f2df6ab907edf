"""Pictures of every depth, order and packing: the numbers that were stored, beside what other readers say."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray
from PIL import Image
from reader_support import noise, write_picture
from tiff_support import write_tiff

from core.errors import InputError
from core.io.reading import FindOptions, Source, find_sources, open_source, read_source
from core.io.sniff import Format, sniff
from core.volume import Volume


def read(*paths: Path, volume: int | None = None) -> Volume:
    return read_source(Source(sniff(paths[0]) or Format.PNG, paths, paths[0].name, volume=volume))


def pixels(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    kind = np.dtype(dtype)
    raw = np.random.default_rng(len(dtype) + shape[0])
    if kind.kind == "f":
        return (raw.normal(0, 1e5, shape) / 7).astype(kind)
    limits = np.iinfo(kind)
    return raw.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
@pytest.mark.parametrize("big", [False, True], ids=["classic", "big"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", ["none", "deflate", "packbits"])
def test_tiff_numbers_of_every_kind(tmp_path: Path, dtype: str, big: bool, order: str, packed: str) -> None:
    truth = pixels((11, 37), dtype)
    write_tiff(tmp_path / "a.tif", [truth], big=big, order=order, packed=packed)
    volume = read(tmp_path / "a.tif")
    assert volume.array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(volume.array[0], truth)


@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("planar", [False, True], ids=["chunky", "planar"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
def test_tiff_colours_tiles_planes_and_predictors(
    tmp_path: Path, dtype: str, order: str, planar: bool, tile: int, predictor: int
) -> None:
    if (predictor == 3) != (dtype[0] == "f"):
        predictor = 1
    truth = pixels((21, 35, 3), dtype)
    file = tmp_path / "a.tif"
    write_tiff(file, [truth], order=order, planar=planar, tile=tile, predictor=predictor, packed="deflate")
    volume = read(file)
    assert volume.array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(volume.array[0], truth)


@pytest.mark.parametrize("packing", [1, 5, 8, 32773, 32946])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
def test_tiffs_of_opencv(tmp_path: Path, packing: int, dtype: str) -> None:
    truth = pixels((23, 31, 3), dtype)
    assert cv2.imwrite(str(tmp_path / "a.tif"), truth, [cv2.IMWRITE_TIFF_COMPRESSION, packing])
    np.testing.assert_array_equal(read(tmp_path / "a.tif").array[0], truth[..., ::-1])


@pytest.mark.parametrize("packing", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma", "raw"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_tiffs_of_pillow(tmp_path: Path, packing: str, dtype: str) -> None:
    truth = pixels((23, 31), dtype)
    Image.fromarray(truth).save(tmp_path / "a.tif", compression=packing)
    np.testing.assert_array_equal(read(tmp_path / "a.tif").array[0], truth)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "f4", "u4"])
def test_tiffs_of_simpleitk_and_back(tmp_path: Path, dtype: str) -> None:
    truth = pixels((5, 13, 17), dtype)
    try:
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(truth), str(tmp_path / "a.tif"))
    except RuntimeError:
        # it writes no TIFF of this kind; it may still read ours
        write_tiff(tmp_path / "a.tif", list(truth))
    volume = read(tmp_path / "a.tif")
    assert volume.shape == (5, 13, 17)
    np.testing.assert_array_equal(volume.array, truth)


def test_other_readers_agree_about_our_tiffs(tmp_path: Path) -> None:
    """The writer of these tests is no judge of its own files."""
    truth = pixels((33, 40, 3), "u2")
    for number, options in enumerate(
        [{"tile": 16}, {"predictor": 2, "packed": "deflate"}, {"big": True}, {"order": ">"}]
    ):
        file = tmp_path / f"{number}.tif"
        write_tiff(file, [truth], **options)
        theirs = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)[..., ::-1]
        np.testing.assert_array_equal(theirs, truth)
        np.testing.assert_array_equal(read(file).array[0], truth)
    floats = pixels((9, 20), "f4")
    write_tiff(tmp_path / "f.tif", [floats], predictor=3, packed="deflate")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "f.tif")), floats)
    signed = pixels((9, 20), "i2")
    write_tiff(tmp_path / "s.tif", [signed])
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "s.tif"))), signed)


def test_white_is_zero_is_shown_inverted_and_stored_as_it_is(tmp_path: Path) -> None:
    truth = noise((6, 9))
    write_tiff(tmp_path / "w.tif", [truth], photometric=0)
    volume = read(tmp_path / "w.tif")
    np.testing.assert_array_equal(volume.array[0], truth)
    assert volume.inverted
    # Pillow turns the numbers round
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "w.tif")), 255 - truth)
    write_tiff(tmp_path / "b.tif", [truth], photometric=1)
    assert not read(tmp_path / "b.tif").inverted


def test_twelve_bits_and_one(tmp_path: Path) -> None:
    truth = noise((4, 6), top=4096, dtype="uint16")
    bits = ((truth[..., None] >> np.arange(11, -1, -1)) & 1).astype(np.uint8).reshape(4, -1)
    write_tiff(tmp_path / "t.tif", [np.packbits(bits, axis=1)], per_page=[{256: (4, [6]), 258: (3, [12])}])
    np.testing.assert_array_equal(read(tmp_path / "t.tif").array[0], truth)
    one = noise((5, 11), top=2)
    Image.fromarray(one.astype(bool)).save(tmp_path / "one.tif", compression="group4")
    np.testing.assert_array_equal(read(tmp_path / "one.tif").array[0], one * 255)
    write_tiff(tmp_path / "raw.tif", [np.packbits(one, axis=1)], per_page=[{256: (4, [11]), 258: (3, [1])}])
    np.testing.assert_array_equal(read(tmp_path / "raw.tif").array[0], one * 255)


def test_jpeg_in_tiff_and_palette(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "j.tif", compression="jpeg", quality=95)
    np.testing.assert_array_equal(read(tmp_path / "j.tif").array[0], np.asarray(Image.open(tmp_path / "j.tif")))
    index = noise((6, 8), top=3)
    picture = Image.fromarray(index)
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(tmp_path / "p.tif")
    np.testing.assert_array_equal(read(tmp_path / "p.tif").array[0], np.eye(3, dtype=np.uint8)[index] * 255)


@pytest.mark.parametrize("channels", [2, 3, 4], ids=["grey and alpha", "colour", "colour and alpha"])
def test_sixteen_bit_png_colours_are_not_lost(tmp_path: Path, channels: int) -> None:
    truth = noise((5, 7, channels), top=65536, dtype="uint16")
    kind = {2: 4, 3: 2, 4: 6}[channels]
    write_png(tmp_path / "a.png", truth, kind)
    volume = read(tmp_path / "a.png")
    assert volume.array.dtype == np.uint16
    np.testing.assert_array_equal(volume.array[0], truth[..., 0] if channels == 2 else truth[..., :3])
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "short.png").write_bytes(whole[: len(whole) - 60])
    with pytest.raises(InputError, match="picture-unreadable"):
        read(tmp_path / "short.png")


def write_png(path: Path, truth: NDArray[Any], kind: int, *chunks: tuple[bytes, bytes]) -> None:
    """Write a PNG by hand, with further chunks before its pixels."""
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in truth)
    head = struct.pack(">IIBBBBB", truth.shape[1], truth.shape[0], truth.dtype.itemsize * 8, kind, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in parts)
    )


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_gamma_and_colour_profiles_change_no_number(tmp_path: Path, dtype: str) -> None:
    truth = pixels((5, 7, 3), dtype)
    write_png(tmp_path / "a.png", truth, 2, (b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\0"))
    np.testing.assert_array_equal(read(tmp_path / "a.png").array[0], truth)


def test_exif_turns_no_pixel_but_is_told(tmp_path: Path) -> None:
    truth = np.add.outer(np.arange(16) * 8, np.arange(24) * 4).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "a.png", "a.tif"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        Image.fromarray(truth).save(folder / name, exif=exif)
        assert read(folder / name).shape == (1, 16, 24)
        (source,) = find_sources([folder]).sources
        assert [(notice.key, notice.fields["name"]) for notice in source.notices] == [("picture-turned", name)]


def test_animations_give_their_first_picture_and_say_so(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise((8, 9, 3), seed)) for seed in range(3)]
    for name, options in (("a.png", {}), ("a.webp", {"lossless": True})):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        frames[0].save(folder / name, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(read(folder / name).array[0], noise((8, 9, 3), 0))
        (source,) = find_sources([folder]).sources
        assert [notice.key for notice in source.notices] == ["picture-animated"]


def test_printing_colours_become_light(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=98)
    red, green, blue = read(tmp_path / "a.jpg").array[0, 8, 8].astype(int)
    assert red > 240
    assert max(green, blue) < 16
    (source,) = find_sources([tmp_path]).sources
    assert [notice.key for notice in source.notices] == ["picture-cmyk"]


def test_resolution_tags_are_no_millimetres(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.tif", noise((5, 7)), dpi=(254.0, 254.0))
    write_picture(tmp_path / "a.png", noise((5, 7)), dpi=(254.0, 254.0))
    assert not read(tmp_path / "a.tif").geometry.spacing_known
    assert not read(tmp_path / "a.png").geometry.spacing_known


def imagej(**fields: object) -> str:
    return "ImageJ=1.54f\n" + "".join(f"{name}={value}\n" for name, value in fields.items())


RESOLUTION = {282: (5, [(2, 1)]), 283: (5, [(4, 1)])}


def test_imagej_stacks_tell_their_size(tmp_path: Path) -> None:
    pages = [noise((5, 7), page) for page in range(4)]
    words = imagej(images=4, slices=4, spacing=3.0, unit="mm")
    write_tiff(tmp_path / "a.tif", pages, description=words, per_page=[RESOLUTION])
    volume = read(tmp_path / "a.tif")
    assert volume.geometry.spacing == (3.0, 0.25, 0.5)
    assert (volume.geometry.spacing_known, volume.geometry.orientation_known) == (True, False)
    np.testing.assert_array_equal(volume.array, np.stack(pages))
    write_tiff(
        tmp_path / "b.tif",
        pages,
        description=imagej(images=4, slices=4, spacing=3.0, unit="micron"),
        per_page=[RESOLUTION],
    )
    np.testing.assert_allclose(read(tmp_path / "b.tif").geometry.spacing, (0.003, 0.00025, 0.0005))
    # without a spacing between the slices, or in no unit of length, all of it stays unknown
    for words in (imagej(images=4, slices=4, unit="mm"), imagej(images=4, slices=4, spacing=3.0, unit="pixel")):
        write_tiff(tmp_path / "c.tif", pages, description=words, per_page=[RESOLUTION])
        assert not read(tmp_path / "c.tif").geometry.spacing_known


def test_imagej_stack_that_names_only_its_first_page(tmp_path: Path) -> None:
    pages = [noise((6, 7), page, top=60000, dtype="uint16") for page in range(5)]
    write_tiff(tmp_path / "a.tif", pages, description=imagej(images=5), only_first=True, rows_per_strip=6, order=">")
    np.testing.assert_array_equal(read(tmp_path / "a.tif").array, np.stack(pages))


def test_hyperstacks_ask_which_volume(tmp_path: Path) -> None:
    # ImageJ: the channel runs fastest, then the slice, then the time
    pages = [noise((5, 7), page) for page in range(2 * 3 * 2)]
    words = imagej(images=12, channels=2, slices=3, frames=2, hyperstack="true")
    write_tiff(tmp_path / "a.tif", pages, description=words)
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.tif")
    assert (caught.value.code, caught.value.fields["volumes"]) == ("volume-needed", 4)
    second = read(tmp_path / "a.tif", volume=3)
    np.testing.assert_array_equal(second.array, np.stack([pages[6 + 2 * z + 1] for z in range(3)]))
    with pytest.raises(InputError, match="volume-unknown"):
        read(tmp_path / "a.tif", volume=4)


def test_ome_tiffs_are_named_and_laid_out_as_they_say(tmp_path: Path) -> None:
    pages = [noise((5, 7), page) for page in range(6)]
    words = (
        '<OME xmlns="x"><Image><Pixels DimensionOrder="XYZCT" SizeX="7" SizeY="5" SizeZ="3" '
        'SizeC="2" SizeT="1" PhysicalSizeX="500" PhysicalSizeY="250" PhysicalSizeZ="3" PhysicalSizeZUnit="mm" '
        'Type="uint8"/></Image></OME>'
    )
    write_tiff(tmp_path / "a.ome.tif", pages, description=words)
    volume = read(tmp_path / "a.ome.tif", volume=1)
    np.testing.assert_array_equal(volume.array, np.stack(pages[3:]))
    np.testing.assert_allclose(volume.geometry.spacing, (3.0, 0.25, 0.5))
    assert volume.facts["written_as"] == "ome"


def test_pages_of_other_sizes_are_left_out_and_told(tmp_path: Path) -> None:
    pages = [noise((5, 7), 1), noise((5, 7), 2), noise((3, 4), 3), noise((5, 7), 4)]
    write_tiff(tmp_path / "a.tif", pages)
    np.testing.assert_array_equal(read(tmp_path / "a.tif").array, np.stack([pages[0], pages[1], pages[3]]))
    (source,) = find_sources([tmp_path]).sources
    assert [notice.key for notice in source.notices] == ["picture-pages-left"]
    # a picture in small is no page that anybody misses
    small = [{}, {254: (4, [1])}]
    write_tiff(tmp_path / "a.tif", [noise((5, 7), 1), noise((5, 7), 2)], per_page=small)
    assert read(tmp_path / "a.tif").shape == (1, 5, 7)
    assert find_sources([tmp_path]).sources[0].notices == ()


def test_too_many_channels_are_one_sentence(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", [noise((5, 7, 6))])
    (passed,) = find_sources([tmp_path]).passed
    assert (passed.error.code, passed.error.fields["count"]) == ("picture-channels", 6)


@pytest.mark.parametrize("cut", [4, 9, 30, 120, 400])
def test_cut_tiffs_are_one_sentence(tmp_path: Path, cut: int) -> None:
    write_tiff(tmp_path / "a.tif", [noise((25, 17)), noise((25, 17), 1)], packed="deflate", big=True)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[:cut])
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.tif")
    assert caught.value.code in {"picture-unreadable", "file-truncated"}


def test_tiffs_that_lie(tmp_path: Path) -> None:
    write_tiff(tmp_path / "huge.tif", [noise((4, 4))], per_page=[{256: (4, [60000]), 257: (4, [60000])}])
    with pytest.raises(InputError, match="file-too-large"):
        read(tmp_path / "huge.tif")
    write_tiff(tmp_path / "long.tif", [noise((4, 4))], per_page=[{256: (4, [9000]), 257: (4, [9000])}])
    with pytest.raises(InputError, match=r"picture-unreadable|file-truncated"):
        read(tmp_path / "long.tif")
    write_tiff(tmp_path / "loop.tif", [noise((4, 4))])
    raw = bytearray((tmp_path / "loop.tif").read_bytes())
    raw[-4:] = raw[4:8]
    (tmp_path / "loop.tif").write_bytes(bytes(raw))
    np.testing.assert_array_equal(read(tmp_path / "loop.tif").array[0], noise((4, 4)))
    write_tiff(tmp_path / "none.tif", [noise((4, 4))], tile=16, per_page=[{322: (4, [0])}])
    with pytest.raises(InputError, match="picture-unreadable"):
        read(tmp_path / "none.tif")


def test_numbers_that_are_left_out_are_named(tmp_path: Path) -> None:
    for number in (1, 2, 3, 5, 6, 8, 10):
        write_picture(tmp_path / "p" / f"p_{number}.png", noise((6, 8), number))
    (source,) = find_sources([tmp_path / "p"]).sources
    assert [path.stem for path in source.files][-2:] == ["p_8", "p_10"]
    assert [(notice.key, notice.fields["numbers"]) for notice in source.notices] == [("numbers-missing", "4, 7, 9")]
    write_picture(tmp_path / "q" / "q_10.png", noise((6, 8)))
    write_picture(tmp_path / "q" / "q_20.png", noise((6, 8)))
    write_picture(tmp_path / "q" / "q_30.png", noise((6, 8)))
    # every tenth slice: nothing is missing
    assert find_sources([tmp_path / "q"]).sources[0].notices == ()


def test_the_lgg_layout_with_three_channels(tmp_path: Path) -> None:
    folder = tmp_path / "TCGA_1"
    folder.mkdir()
    for number in range(1, 4):
        write_picture(folder / f"TCGA_1_{number}.tif", noise((16, 16, 3), number))
        write_picture(folder / f"TCGA_1_{number}_mask.tif", noise((16, 16), number, top=2) * np.uint8(255))
    (source,) = find_sources([tmp_path], FindOptions()).sources
    assert source.has_masks
    scan = open_source(source, colour=True)
    assert scan.shape == (3, 16, 16, 3)
    np.testing.assert_array_equal(scan.slice(1), noise((16, 16, 3), 2))
