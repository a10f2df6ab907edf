"""A mask lies on its scan's grid: as it is, turned exactly, or by the nearest voxel when asked; never by guess."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from reader_support import make_series, noise, write_nifti, write_picture
from scipy.spatial.transform import Rotation
from tiff_support import write_tiff

from core.errors import InputError
from core.geometry import Geometry
from core.io.conventions import CONVENTIONS
from core.io.masks import read_single_mask
from core.io.reading import FindOptions, find_sources, open_source, read_masks
from core.io.regrid import bring, order_between, reordered
from core.io.source import MaskData
from core.messages import sentence, text

SHAPE = (4, 6, 5)
AFFINE = np.array([[-0.9, 0.1, 0.0, 40.0], [0.1, -1.1, 0.2, 50.0], [0.0, 0.2, 3.0, -20.0], [0, 0, 0, 1.0]])


def turned(
    array: NDArray[Any], affine: NDArray[Any], axes: tuple[int, ...], flips: tuple[bool, ...]
) -> tuple[Any, Any]:
    """Store the same voxels in another order; axes and flips are of (x, y, z)."""
    xyz = array.T.transpose(axes)
    moved = np.eye(4)
    moved[:3] = 0
    for place, axis in enumerate(axes):
        moved[axis, place] = -1 if flips[place] else 1
        if flips[place]:
            moved[axis, 3] = xyz.shape[place] - 1
    xyz = xyz[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    return np.ascontiguousarray(xyz.T), affine @ moved


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((False, True), repeat=3)))
def test_the_same_grid_in_any_order_is_turned_exactly(axes: tuple[int, ...], flips: tuple[bool, ...]) -> None:
    truth = noise(SHAPE, top=200)
    array, affine = turned(truth, AFFINE, axes, flips)
    theirs, ours = Geometry(array.shape, affine), Geometry(SHAPE, AFFINE)
    # the helper itself: each voxel stays at its place in the world
    voxel = np.array([2, 3, 1])
    place = theirs.to_voxel(ours.to_world(voxel)).round().astype(int)
    assert array[place[2], place[1], place[0]] == truth[1, 3, 2]
    brought = bring(array, theirs, ours, "m.nii")
    np.testing.assert_array_equal(brought.array, truth)
    as_it_was = axes == (0, 1, 2) and not any(flips)
    assert [notice.key for notice in brought.notices] == ([] if as_it_was else ["mask-reordered"])
    assert not brought.resampled


def test_nibabel_says_the_same_of_every_order(tmp_path: Path) -> None:
    truth = noise(SHAPE, top=3)
    write_nifti(tmp_path / "m.nii.gz", truth, AFFINE)
    ours = Geometry(SHAPE, AFFINE)
    for codes in ("RAS", "LPS", "ASR", "SLP", "PIR"):
        picture = nibabel.load(tmp_path / "m.nii.gz")
        orientation = nibabel.orientations.axcodes2ornt(codes)
        change = nibabel.orientations.ornt_transform(nibabel.orientations.io_orientation(AFFINE), orientation)
        nibabel.save(picture.as_reoriented(change), tmp_path / "turned.nii.gz")
        masks = read_single_mask(tmp_path / "turned.nii.gz", ours)
        np.testing.assert_array_equal(masks.array, truth)
        assert masks.present == (True,) * 4


def test_the_edge_of_the_same_place() -> None:
    ours = Geometry(SHAPE, np.diag([0.05, 0.05, 0.05, 1.0]))
    array = noise(SHAPE, top=2)
    for shift, same in ((0.0009, True), (0.0011, False)):
        affine = ours.affine.copy()
        affine[0, 3] += shift
        theirs = Geometry(SHAPE, affine)
        if same:
            np.testing.assert_array_equal(bring(array, theirs, ours, "m").array, array)
        else:
            with pytest.raises(InputError, match="mask-grid"):
                bring(array, theirs, ours, "m")


def grids() -> tuple[Geometry, Geometry]:
    """A scan, and a mask of half its resolution, shifted and turned by ten degrees."""
    ours = Geometry((20, 24, 22), np.diag([1.0, 1.0, 1.5, 1.0]))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("z", 10, degrees=True).as_matrix() @ np.diag([2.0, 2.0, 3.0])
    affine[:3, 3] = (2.0, -3.0, 1.0)
    return ours, Geometry((11, 15, 14), affine)


def test_another_grid_is_refused_in_one_sentence_that_says_how(tmp_path: Path) -> None:
    ours, theirs = grids()
    write_nifti(tmp_path / "m.nii", noise(theirs.shape, top=2), theirs.affine)
    with pytest.raises(InputError) as caught:
        read_single_mask(tmp_path / "m.nii", ours)
    assert caught.value.code == "mask-grid"
    words = sentence(caught.value)
    for part in (
        "14 x 15 x 11 / 22 x 24 x 20",
        "2 x 2 x 3 / 1 x 1 x 1.5 mm",
        "10.0\N{DEGREE SIGN}",
        "--resample-masks",
    ):
        assert part in words


def test_resampling_takes_the_nearest_voxel_in_the_world() -> None:
    ours, theirs = grids()
    array = noise(theirs.shape, top=5)
    brought = bring(array, theirs, ours, "m", resample=True)
    assert brought.resampled
    assert brought.array.dtype == array.dtype
    checked = 0
    for z, y, x in product(*(range(0, count, 3) for count in ours.shape)):
        place = theirs.to_voxel(ours.to_world([x, y, z]))
        if np.abs(np.abs(place - np.rint(place)) - 0.5).min() < 1e-6:
            continue
        near = np.rint(place).astype(int)
        inside = (near >= 0).all() and (near < theirs.shape[::-1]).all()
        assert brought.array[z, y, x] == (array[near[2], near[1], near[0]] if inside else 0)
        checked += 1
    assert checked > 200
    assert "masks-resampled" in [notice.key for notice in brought.notices]


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(-180, 180)] * 3), st.tuples(*[st.floats(0.4, 3)] * 3), st.tuples(*[st.floats(-5, 5)] * 3))
def test_resampling_never_makes_a_label(turns: Any, sizes: Any, shift: Any) -> None:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turns, degrees=True).as_matrix() @ np.diag(sizes)
    # middles close together, so that they meet whatever the turn
    affine[:3, 3] = np.array([10, 10, 10]) + np.array(shift) - affine[:3, :3] @ np.array([5, 5, 5])
    theirs, ours = Geometry((11, 11, 11), affine), Geometry((21, 21, 21), np.eye(4))
    array = np.random.default_rng(1).choice(np.array([0, 3, 200], np.uint8), (11, 11, 11))
    brought = bring(array, theirs, ours, "m", resample=True)
    assert set(np.unique(brought.array)) <= {0, 3, 200}
    assert len(brought.covered) == 21
    assert not brought.array[~np.array(brought.covered)].any()


def test_grids_that_do_not_meet_are_refused_even_then() -> None:
    ours = Geometry((10, 10, 10), np.eye(4))
    affine = np.eye(4)
    affine[:3, 3] = (0, 0, 30)
    for resample in (False, True):
        with pytest.raises(InputError) as caught:
            bring(noise((10, 10, 10)), Geometry((10, 10, 10), affine), ours, "m", resample=resample)
        assert (caught.value.code, caught.value.fields["apart"]) == ("mask-elsewhere", "30")


def keys(masks: MaskData | Any) -> list[str]:
    return [notice.key for notice in masks.notices]


def test_what_falls_outside_and_what_shrinks_is_told() -> None:
    ours = Geometry((10, 20, 20), np.diag([2.0, 2.0, 2.0, 1.0]))
    fine = Geometry((30, 60, 60), np.diag([1.0, 1.0, 1.0, 1.0]))
    thin = np.zeros(fine.shape, np.uint8)
    thin[4:8, 5:25, 7] = 1
    shrunk = bring(thin, fine, ours, "m", resample=True)
    assert not shrunk.array.any()
    assert "mask-shrunk" in keys(shrunk)
    outside = np.zeros(fine.shape, np.uint8)
    outside[:, 10:20, 10:20] = 1
    cut = bring(outside, fine, ours, "m", resample=True)
    assert [n.fields["percent"] for n in cut.notices if n.key == "mask-cut-off"] == ["37"]
    # a block on both grids keeps its volume
    block = np.zeros(fine.shape, np.uint8)
    block[4:12, 10:20, 10:20] = 1
    kept = bring(block, fine, ours, "m", resample=True)
    assert keys(kept) == ["masks-resampled"]
    assert np.count_nonzero(kept.array) * 8 == np.count_nonzero(block)


def test_slices_outside_of_the_masks_grid_stay_unknown() -> None:
    ours = Geometry((10, 8, 8), np.eye(4))
    affine = np.eye(4)
    affine[:3, 3] = (0.3, 0.3, 3.0)
    theirs = Geometry((4, 8, 8), affine)
    brought = bring(np.ones((4, 8, 8), np.uint8), theirs, ours, "m", resample=True)
    assert brought.covered == tuple(3 <= z <= 6 for z in range(10))
    assert {"mask-slices-outside", "masks-resampled"} <= set(keys(brought))


def test_a_dicom_series_and_the_nifti_mask_that_a_converter_made(tmp_path: Path) -> None:
    """dcm2niix stores rows the other way round: the same grid, no resampling."""
    affine = make_series(tmp_path / "s", count=4)
    (source,) = find_sources([tmp_path / "s"]).sources
    scan = open_source(source)
    truth = noise(scan.volume.shape, top=2)
    array, theirs = turned(truth, affine, (0, 1, 2), (False, True, False))
    write_nifti(tmp_path / "m.nii.gz", array, theirs)
    masks = read_single_mask(tmp_path / "m.nii.gz", scan.volume.geometry)
    np.testing.assert_array_equal(masks.array, truth)
    assert "mask-reordered" in keys(masks)


def test_a_folder_of_slices_is_one_mask(tmp_path: Path) -> None:
    truth = noise((12, 6, 8), top=2)
    for number, page in enumerate(truth, 1):
        write_picture(tmp_path / "m" / f"m_{number}.png", page * np.uint8(255))
    masks = read_single_mask(tmp_path / "m", Geometry.of_picture(6, 8, 12))
    np.testing.assert_array_equal(masks.array, truth)
    with pytest.raises(InputError) as caught:
        read_single_mask(tmp_path / "m", Geometry.of_picture(6, 8, 11))
    assert (caught.value.code, caught.value.fields["slices"], caught.value.fields["scan"]) == ("mask-slices", 12, 11)
    # a DICOM series
    make_series(tmp_path / "d", count=3, shape=(6, 8))
    (source,) = find_sources([tmp_path / "d"]).sources
    assert read_single_mask(tmp_path / "d", open_source(source).volume.geometry).array.shape == (3, 6, 8)
    (tmp_path / "e").mkdir()
    with pytest.raises(InputError, match="mask-folder"):
        read_single_mask(tmp_path / "e", Geometry.of_picture(6, 8))


def test_stacks_of_another_number_of_slices_tell_both(tmp_path: Path) -> None:
    pages = [noise((6, 8), seed) for seed in range(3)]
    write_tiff(tmp_path / "x.tif", pages)
    write_tiff(tmp_path / "x_mask.tif", [page // 128 for page in pages[:2]])
    (source,) = find_sources([tmp_path]).sources
    with pytest.raises(InputError) as caught:
        read_masks(source, open_source(source))
    assert sentence(caught.value).startswith("x_mask.tif has 2 slices and its scan 3;")


# ------------------------------------------------------------------ conventions


def mask_of(tmp_path: Path, name: str) -> MaskData:
    with Image.open(tmp_path / name) as picture:
        size = picture.size
    return read_single_mask(tmp_path / name, Geometry.of_picture(size[1], size[0]))


TRUTH = np.zeros((12, 14), np.uint8)
TRUTH[3:8, 4:11] = 1


def test_black_and_white_in_three_channels(tmp_path: Path) -> None:
    write_picture(tmp_path / "m.png", np.repeat(TRUTH[..., None] * np.uint8(255), 3, axis=2))
    masks = mask_of(tmp_path, "m.png")
    np.testing.assert_array_equal(masks.array[0], TRUTH)
    assert (masks.convention, masks.top) == ("0/255", 255)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_one_bit(tmp_path: Path, ending: str) -> None:
    Image.fromarray(TRUTH.astype(bool)).save(tmp_path / f"m.{ending}")
    masks = mask_of(tmp_path, f"m.{ending}")
    np.testing.assert_array_equal(masks.array[0], TRUTH)
    assert masks.convention == "1-bit"


def test_one_bit_where_zero_is_white(tmp_path: Path) -> None:
    write_tiff(
        tmp_path / "m.tif", [np.packbits(1 - TRUTH, axis=1)], photometric=0, per_page=[{256: (4, [14]), 258: (3, [1])}]
    )
    np.testing.assert_array_equal(mask_of(tmp_path, "m.tif").array[0], TRUTH)
    write_tiff(tmp_path / "n.tif", [TRUTH * np.uint8(255)], photometric=0)
    masks = mask_of(tmp_path, "n.tif")
    np.testing.assert_array_equal(masks.array[0], TRUTH)
    assert keys(masks) == ["mask-white-is-zero"]


def test_sixteen_bits_and_float(tmp_path: Path) -> None:
    write_picture(tmp_path / "m.png", TRUTH.astype(np.uint16) * np.uint16(65535))
    assert mask_of(tmp_path, "m.png").convention == "0/65535"
    write_picture(tmp_path / "f.tif", TRUTH.astype(np.float32))
    assert mask_of(tmp_path, "f.tif").convention == "0/1"


def test_colours_are_labels_that_need_names_never_their_maximum(tmp_path: Path) -> None:
    pixels = np.zeros((12, 14, 3), np.uint8)
    pixels[2:5, 2:6] = (255, 0, 0)
    pixels[6:9, 2:6] = (0, 255, 0)
    pixels[6:9, 8:12] = (255, 255, 0)
    write_picture(tmp_path / "m.png", pixels)
    masks = mask_of(tmp_path, "m.png")
    assert masks.convention == "rgb"
    assert masks.values == (0x00FF00, 0xFF0000, 0xFFFF00)
    assert np.count_nonzero(masks.array == 0xFF0000) == 12
    assert masks.array[0, 3, 3] == 0xFF0000


def test_one_colour_is_one_mask_softened_or_not(tmp_path: Path) -> None:
    pixels = np.zeros((12, 14, 3), np.uint8)
    pixels[TRUTH > 0] = (200, 40, 10)
    write_picture(tmp_path / "m.png", pixels)
    masks = mask_of(tmp_path, "m.png")
    np.testing.assert_array_equal(masks.array[0], TRUTH)
    assert masks.convention == "colour"
    soft = (pixels * np.linspace(0.2, 1.0, 14)[None, :, None]).round().astype(np.uint8)
    write_picture(tmp_path / "s.png", soft)
    masks = mask_of(tmp_path, "s.png")
    assert masks.values == (1,)
    np.testing.assert_array_equal(
        masks.array[0], TRUTH * (np.linspace(0.2, 1.0, 14) / np.linspace(0.2, 1.0, 14)[10] > 0.5)
    )


def test_colours_on_a_white_ground_say_so(tmp_path: Path) -> None:
    pixels = np.full((12, 14, 3), 255, np.uint8)
    pixels[TRUTH > 0] = (255, 0, 0)
    write_picture(tmp_path / "m.png", pixels)
    masks = mask_of(tmp_path, "m.png")
    np.testing.assert_array_equal(masks.array[0], TRUTH)
    assert [(notice.key, notice.fields["colour"]) for notice in masks.notices] == [("mask-ground", "#ffffff")]


def test_a_photograph_is_no_mask(tmp_path: Path) -> None:
    write_picture(tmp_path / "m.png", noise((12, 14, 3)))
    with pytest.raises(InputError, match="mask-picture"):
        mask_of(tmp_path, "m.png")


def test_what_is_drawn_in_the_alpha_channel_alone(tmp_path: Path) -> None:
    for colour in (0, 255):
        pixels = np.full((12, 14, 4), colour, np.uint8)
        pixels[..., 3] = TRUTH * 255
        write_picture(tmp_path / "m.png", pixels)
        masks = mask_of(tmp_path, "m.png")
        np.testing.assert_array_equal(masks.array[0], TRUTH)
        assert masks.convention == "alpha"
        Image.fromarray(pixels[..., 2:]).save(tmp_path / "la.png")
        np.testing.assert_array_equal(mask_of(tmp_path, "la.png").array[0], TRUTH)


def test_labels_on_a_transparent_ground(tmp_path: Path) -> None:
    pixels = np.zeros((12, 14, 4), np.uint8)
    pixels[..., :3] = 255
    pixels[3:6, 3:6] = (255, 0, 0, 255)
    pixels[8:10, 3:6] = (0, 0, 255, 255)
    write_picture(tmp_path / "m.png", pixels)
    assert mask_of(tmp_path, "m.png").values == (0x0000FF, 0xFF0000)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_palettes_are_indices_even_high_ones(tmp_path: Path, ending: str) -> None:
    index = np.zeros((12, 14), np.uint8)
    index[2:5, 2:6], index[7:9, 2:6] = 1, 255
    picture = Image.fromarray(index)
    # the colours say nothing: index 1 is black here, as the ground is
    picture.putpalette([0, 0, 0] * 255 + [224, 224, 192])
    picture.save(tmp_path / f"m.{ending}")
    masks = mask_of(tmp_path, f"m.{ending}")
    assert (masks.convention, masks.values) == ("palette", (1, 255))
    np.testing.assert_array_equal(masks.array[0], index)


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_of_grey_are_label_numbers(tmp_path: Path, bits: int) -> None:
    labels = noise((12, 16), top=1 << bits)
    packed = np.packbits(
        ((labels[..., None] >> np.arange(bits - 1, -1, -1)) & 1).reshape(12, -1).astype(np.uint8), axis=1
    )
    from test_readers_raster import write_png

    write_png(tmp_path / "m.png", packed, 0)
    raw = bytearray((tmp_path / "m.png").read_bytes())
    import struct
    import zlib

    raw[16:20] = struct.pack(">I", 16)
    raw[24] = bits
    raw[29:33] = struct.pack(">I", zlib.crc32(bytes(raw[12:29])))
    (tmp_path / "m.png").write_bytes(bytes(raw))
    np.testing.assert_array_equal(mask_of(tmp_path, "m.png").array[0], labels)


def test_grey_levels_of_several_labels_are_not_taken_for_soft_edges(tmp_path: Path) -> None:
    """0, 128 and 255 of a disc and its cup: flat areas, not a rim."""
    labels = np.zeros((30, 30), np.uint8)
    labels[5:25, 5:25], labels[10:18, 10:18] = 128, 255
    write_picture(tmp_path / "m.png", labels)
    masks = mask_of(tmp_path, "m.png")
    assert (masks.convention, masks.values) == ("labels", (128, 255))
    import cv2

    soft = cv2.GaussianBlur(np.where(labels > 0, 255, 0).astype(np.uint8), (3, 3), 0)
    write_picture(tmp_path / "s.png", soft)
    masks = mask_of(tmp_path, "s.png")
    assert masks.convention == "soft"
    np.testing.assert_array_equal(masks.array[0], soft > 127)
    assert "mask-soft" in keys(masks)


def test_inverted_masks_are_told_and_left_as_they_are(tmp_path: Path) -> None:
    write_picture(tmp_path / "m.png", (1 - TRUTH) * np.uint8(255))
    masks = mask_of(tmp_path, "m.png")
    np.testing.assert_array_equal(masks.array[0], 1 - TRUTH)
    assert keys(masks) == ["mask-inverted"]
    write_picture(tmp_path / "n.png", TRUTH * np.uint8(255))
    assert keys(mask_of(tmp_path, "n.png")) == []


def volume_mask(tmp_path: Path, array: NDArray[Any], **header: Any) -> MaskData:
    write_nifti(tmp_path / "m.nii", array, AFFINE, **header)
    return read_single_mask(tmp_path / "m.nii", Geometry(array.shape, AFFINE))


def test_probabilities_and_numbers_that_are_none(tmp_path: Path) -> None:
    soft = np.linspace(0, 1, 120, dtype=np.float32).reshape(SHAPE)
    masks = volume_mask(tmp_path, soft)
    np.testing.assert_array_equal(masks.array, soft > 0.5)
    assert (masks.convention, keys(masks)) == ("probability", ["mask-probability"])
    # a map that never says more than 0.3 is no mask at all, whatever its own maximum is
    assert not volume_mask(tmp_path, soft * np.float32(0.3)).array.any()
    hole = soft.copy()
    hole[0, 0, :3] = np.nan
    with pytest.raises(InputError) as caught:
        volume_mask(tmp_path, hole)
    assert (caught.value.code, caught.value.fields["count"]) == ("mask-nan", 3)
    with pytest.raises(InputError, match="mask-values"):
        volume_mask(tmp_path, soft - np.float32(0.5))
    labels = np.zeros(SHAPE, np.float32)
    labels[1], labels[2], labels[2, 0] = 1, 3, 1.5
    with pytest.raises(InputError, match="mask-interpolated"):
        volume_mask(tmp_path, labels)


def test_empty_masks_are_masks(tmp_path: Path) -> None:
    masks = volume_mask(tmp_path, np.zeros(SHAPE, np.uint8))
    assert (masks.values, masks.convention, masks.present) == ((), "empty", (True,) * 4)
    write_picture(tmp_path / "m.png", np.zeros((5, 6, 3), np.uint8))
    assert mask_of(tmp_path, "m.png").convention == "empty"


def test_more_labels_than_a_layer_holds(tmp_path: Path) -> None:
    many = np.kron(np.arange(400, dtype=np.int16).reshape(1, 20, 20), np.ones((1, 6, 6), np.int16))
    with pytest.raises(InputError) as caught:
        volume_mask(tmp_path, many)
    assert (caught.value.code, caught.value.fields["count"]) == ("mask-labels-many", 399)


def test_several_volumes_are_no_mask(tmp_path: Path) -> None:
    four = nibabel.Nifti1Image(np.zeros((5, 6, 4, 2), np.uint8), AFFINE)
    nibabel.save(four, tmp_path / "m.nii.gz")
    with pytest.raises(InputError, match="mask-volumes"):
        read_single_mask(tmp_path / "m.nii.gz", Geometry(SHAPE, AFFINE))


def test_lossy_masks_inside_other_files_are_refused(tmp_path: Path) -> None:
    pixels = TRUTH * np.uint8(255)
    Image.fromarray(pixels).save(tmp_path / "m.tif", compression="jpeg")
    with pytest.raises(InputError, match="mask-lossy"):
        mask_of(tmp_path, "m.tif")
    frames = [Image.fromarray(np.dstack([noise((12, 14, 3), seed), pixels])) for seed in range(2)]
    frames[0].save(tmp_path / "m.webp", save_all=True, append_images=frames[1:], quality=50)
    with pytest.raises(InputError, match="mask-lossy"):
        mask_of(tmp_path, "m.webp")


@pytest.mark.parametrize("kind", ["nii", "nrrd", "mha", "mgz"])
def test_masks_of_every_volume_format(tmp_path: Path, kind: str) -> None:
    truth = noise(SHAPE, top=3)
    write_nifti(tmp_path / "m.nii", truth, AFFINE)
    if kind == "mgz":
        nibabel.save(nibabel.MGHImage(truth.T, AFFINE), tmp_path / "m.mgz")
    elif kind != "nii":
        import SimpleITK

        straight = np.diag([-0.9, -1.1, 3.0, 1.0])
        write_nifti(tmp_path / "m.nii", truth, straight)
        SimpleITK.WriteImage(SimpleITK.ReadImage(str(tmp_path / "m.nii")), str(tmp_path / f"m.{kind}"))
        masks = read_single_mask(tmp_path / f"m.{kind}", Geometry(SHAPE, straight))
        np.testing.assert_array_equal(masks.array, truth)
        return
    masks = read_single_mask(tmp_path / f"m.{kind}", Geometry(SHAPE, AFFINE))
    np.testing.assert_array_equal(masks.array, truth)
    assert (masks.convention, masks.values) == ("labels", (1, 2))


def test_every_convention_has_its_words() -> None:
    assert all(text(f"conventions.{name}") for name in CONVENTIONS)


def test_stack_slices_are_read_alike(tmp_path: Path) -> None:
    """One slice in grey and one in colour are one mask in colours; palettes stay indices only together."""
    for number in (1, 2):
        write_picture(tmp_path / "p" / f"p_{number}.png", noise((12, 14), number))
    colour = np.zeros((12, 14, 3), np.uint8)
    colour[TRUTH > 0] = (255, 0, 0)
    write_picture(tmp_path / "p" / "p_1_mask.png", colour)
    write_picture(tmp_path / "p" / "p_2_mask.png", np.zeros((12, 14), np.uint8))
    (source,) = find_sources([tmp_path], FindOptions(as_="stack")).sources
    masks = read_masks(source, open_source(source))
    assert masks.convention == "colour"
    np.testing.assert_array_equal(masks.array, np.stack([TRUTH, np.zeros_like(TRUTH)]))


def test_orders_that_do_not_match() -> None:
    ours = Geometry(SHAPE, AFFINE)
    assert order_between(Geometry((4, 6, 6), AFFINE), ours) is None
    assert reordered(noise(SHAPE), Geometry(SHAPE, np.diag([2.0, 1.0, 1.0, 1.0])), ours) is None


def test_a_page_packed_in_another_way_than_the_first_is_one_sentence(tmp_path: Path) -> None:
    other = [{}, {339: (3, [5])}]
    write_tiff(tmp_path / "m.tif", [TRUTH, TRUTH], per_page=[*other])
    # of the two kinds of page the first counts
    assert read_single_mask(tmp_path / "m.tif", Geometry.of_picture(12, 14)).array.shape == (1, 12, 14)
    write_tiff(tmp_path / "n.tif", [TRUTH, TRUTH], per_page=[{}, {262: (3, [8])}])
    with pytest.raises(InputError, match="picture-unreadable"):
        read_single_mask(tmp_path / "n.tif", Geometry.of_picture(12, 14, 2))
