"""Background, soft edge and crop of a stripped scan, voxel by voxel, in the input's own kind of file."""

from __future__ import annotations

import json

import cv2
import nibabel as nib
import numpy as np
import pytest

from core.commands.line import run as command
from core.errors import InputError
from core.geometry import Geometry
from core.phantom import make_head
from core.project.exporting import Outputs, encode_volume, save_outputs
from core.review.strip import Stripping, strip_scan
from core.volume import Volume

OBLIQUE = np.array([[-0.9, 0.11, 0.3, 81.5], [0.08, -1.1, 0.4, 93.25], [0.1, 0.2, 2.9, -40.0], [0, 0, 0, 1]])


def scan(dtype=np.int16, shape=(7, 16, 18), affine=OBLIQUE, **more):
    values = np.random.default_rng(3).integers(20, 200, shape)
    return Volume(values.astype(dtype), Geometry(shape[:3], affine), **more)


def ball(shape, centre=(3, 8, 8), radius=3.2):
    return ((np.indices(shape) - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0) <= radius**2


def test_the_edge_fades_with_the_distance_to_the_nearest_kept_voxel():
    volume, soft = scan(), 4.0
    kept = ball(volume.shape)
    made, mask = strip_scan(volume, kept, Stripping(soft=soft, background=5.0))
    inside = np.argwhere(kept) * volume.geometry.spacing
    for place in np.argwhere(np.ones(kept.shape, bool)):
        distance = np.sqrt((((inside - place * volume.geometry.spacing) ** 2).sum(axis=1)).min())
        share = round(255 * max(0.0, 1 - distance / soft)) / 255
        wanted = 5.0 + share * (float(volume.array[tuple(place)]) - 5.0)
        # the weight is a 255th, the value a whole number
        assert abs(float(made.array[tuple(place)]) - wanted) <= 0.5 + 200 / 255
    assert np.array_equal(made.array[kept], volume.array[kept])
    assert np.array_equal(mask, kept)
    assert made.geometry.matches(volume.geometry)


def test_a_background_is_a_real_value_and_must_fit():
    volume = scan(np.int16, slope=2.0, intercept=-1024.0, modality="CT")
    kept = ball(volume.shape)
    made, _ = strip_scan(volume, kept, Stripping(background=-1000.0))
    assert set(np.unique(made.values(made.array[~kept]))) == {-1000.0}
    with pytest.raises(InputError, match="strip-background"):
        strip_scan(scan(np.uint8), kept, Stripping(background=-1000.0))
    floats, _ = strip_scan(scan(np.float32), kept, Stripping(background=-0.25))
    assert set(np.unique(floats.array[~kept])) == {-0.25}
    colours = scan(np.uint8, (7, 16, 18, 3))
    grey, _ = strip_scan(colours, kept, Stripping(background=7.0, soft=2.0))
    assert (grey.array[0, 0, 0] == 7).all()
    assert np.array_equal(grey.array[kept], colours.array[kept])


def test_nan_outside_does_not_leak_into_the_edge():
    volume = scan(np.float32)
    volume.array[~ball(volume.shape)] = np.nan
    made, _ = strip_scan(volume, ball(volume.shape), Stripping(soft=6.0, background=0.0))
    assert np.isfinite(made.array).all()


def test_a_crop_lies_in_the_world_where_it_lay():
    volume = scan()
    kept = ball(volume.shape)
    made, mask = strip_scan(volume, kept, Stripping(crop=1.0))
    whole, _ = strip_scan(volume, kept)
    size = np.ceil(1.0 / np.array(volume.geometry.spacing)).astype(int)
    low = np.maximum(np.argwhere(kept).min(axis=0) - size, 0)
    high = np.minimum(np.argwhere(kept).max(axis=0) + 1 + size, kept.shape)
    assert made.shape == tuple(int(one) for one in high - low)
    assert mask.sum() == kept.sum()
    for place in np.argwhere(mask):
        world = made.geometry.to_world(place[::-1])
        here = np.rint(volume.geometry.to_voxel(world)).astype(int)[::-1]
        assert np.allclose(volume.geometry.to_world(here[::-1]), world)
        assert made.array[tuple(place)] == whole.array[tuple(here)]
    stays, _ = strip_scan(volume, kept, Stripping(crop=0.0, slices_stay=True))
    assert stays.shape[0] == volume.shape[0]
    assert stays.shape[1] < volume.shape[1]
    nothing, _ = strip_scan(volume, np.zeros_like(kept), Stripping(crop=0.0))
    assert nothing.shape == volume.shape, "where nothing is kept nothing is cut off"


def test_both_places_of_a_nifti_file_move_with_the_crop(tmp_path):
    other = np.diag([2.0, 2.0, 2.0, 1.0])
    other[:3, 3] = (5, 6, 7)
    facts = {"format": "nifti", "sform_code": 2, "qform_code": 1, "qform": " ".join(map(str, other.ravel()))}
    volume = scan(facts=facts)
    made, _ = strip_scan(volume, ball(volume.shape), Stripping(crop=0.0))
    (tmp_path / "x.nii.gz").write_bytes(encode_volume(made))
    image = nib.load(tmp_path / "x.nii.gz")
    low = np.argwhere(ball(volume.shape)).min(axis=0)[::-1]
    assert np.allclose(image.get_sform()[:3, 3], OBLIQUE[:3, :3] @ low + OBLIQUE[:3, 3], atol=1e-4)
    assert np.allclose(image.get_qform()[:3, 3], other[:3, :3] @ low + other[:3, 3], atol=1e-4)


def test_a_stack_of_pictures_stays_file_by_file(tmp_path):
    array = np.random.default_rng(1).integers(1, 255, (5, 20, 24), dtype=np.uint8)
    volume = Volume(array, Geometry.of_picture(20, 24, 5))
    kept = ball(array.shape, (2, 10, 10), 2.1)
    outputs = Outputs(tmp_path, stripping=Stripping(crop=2.0, background=99.0))
    made = save_outputs(volume, kept, "s", outputs)
    assert len(made) == 10
    for z in range(5):
        picture = cv2.imread(str(tmp_path / f"s_{z + 1:04d}_brain.png"), cv2.IMREAD_UNCHANGED)
        mask = cv2.imread(str(tmp_path / f"s_{z + 1:04d}_mask.png"), cv2.IMREAD_UNCHANGED)
        assert picture.shape == mask.shape == (9, 9)
        assert np.array_equal(picture, np.where(kept[z], array[z], 99)[6:15, 6:15])
        assert np.array_equal(mask > 0, kept[z, 6:15, 6:15])


def test_the_command_strips_as_asked(tmp_path, capsys):
    head = make_head(3, shape=(16, 64, 52))
    (tmp_path / "head.nii.gz").write_bytes(encode_volume(head.volume))
    words = ["strip", str(tmp_path / "head.nii.gz"), "-o", str(tmp_path / "out"), "--json"]
    assert command([*words, "--crop", "3", "--soft", "2", "--background", "0", "--bridges", "1", "--margin", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["scans"] == 1
    brain, mask = (nib.load(tmp_path / "out" / f"head_{kind}.nii.gz") for kind in ("brain", "mask"))
    assert brain.shape == mask.shape
    assert np.allclose(brain.affine, mask.affine)
    assert any(small < large for small, large in zip(brain.shape, (52, 64, 16), strict=True))
    inside = np.asarray(mask.dataobj) > 0
    original = nib.load(tmp_path / "head.nii.gz")
    first = np.rint(np.linalg.inv(original.affine) @ brain.affine[:, 3])[:3].astype(int)
    part = tuple(slice(start, start + count) for start, count in zip(first, brain.shape, strict=True))
    assert np.array_equal(np.asarray(brain.dataobj)[inside], np.asarray(original.dataobj)[part][inside])
    assert command([*words, "--background", "1e9"]) == 1
    assert "cannot be written" in capsys.readouterr().err
    # masks alone lie on the whole grid
    assert command([*words[:3], str(tmp_path / "m"), "--json", "--crop", "3", "--masks-only"]) == 0
    assert nib.load(tmp_path / "m" / "head_mask.nii.gz").shape == (52, 64, 16)
    with pytest.raises(SystemExit):
        command([*words, "--soft", "-1"])
