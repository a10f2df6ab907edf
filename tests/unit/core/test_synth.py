"""Made-up heads: where the Brain of a map ends, that a seed makes the same slices, that targets lie in heads."""

import numpy as np
import pytest

from core.geometry import Geometry
from core.learning.synth import DISTANCE_SCALE, make_up, prepared
from core.learning.synth_contrast import KINDS, draw_contrast, painted
from core.learning.synth_maps import CSF, HeadMap, brain_of, head_map, load_maps, save_maps, tissue_of, upright
from core.learning.synth_plane import Waves, cut

SIDE = 96


def ball(radius, centre=(48, 48, 48), side=SIDE, squash=(1, 1, 1)):
    z, y, x = np.mgrid[:side, :side, :side]
    far = [((one - at) / by) ** 2 for one, at, by in zip((z, y, x), centre, squash, strict=True)]
    return np.sqrt(sum(far)) <= radius


@pytest.fixture(scope="module")
def codes():
    """A head of balls in each other: scalp, skull, CSF, grey and white matter, a ventricle, one sulcus."""
    made = np.zeros((SIDE, SIDE, SIDE), dtype=np.int32)
    for radius, code in ((44, 511), (40, 515), (36, 24), (32, 3), (27, 2), (6, 4)):
        made[ball(radius)] = code
    # a sulcus of 4 mm from the front, as deep as the white matter
    made[:, 70:, 46:50][(made[:, 70:, 46:50] == 3) | (made[:, 70:, 46:50] == 2)] = 24
    # one in the right half alone
    made[ball(4, (48, 48, 66))] = 12
    return made


@pytest.fixture(scope="module")
def head(codes):
    return head_map("balls", codes)


def test_the_brain_has_its_ventricles_and_sulci_and_not_the_csf_around_it(head, codes):
    truth = ball(32)
    found = np.zeros_like(truth)
    # the map is cut to the head, with a rim of air
    low = np.argwhere(codes > 0).min(axis=0) - 1
    z, y, x = head.brain.shape
    found[low[0] : low[0] + z, low[1] : low[1] + y, low[2] : low[2] + x] = head.brain
    dice = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    assert dice > 0.995
    assert found[48, 48, 48]
    assert found[48, 74, 48]
    assert not found[48, 48, 48 + 34]


def test_distance_is_signed_and_in_quarters_of_a_millimetre(head):
    middle = tuple(size // 2 for size in head.distance.shape)
    line = head.distance[middle[0], middle[1], :].astype(float) / 4
    inside = line < 0
    steps = np.diff(line)[np.flatnonzero(inside)[-1] - 5 : np.flatnonzero(inside)[-1] + 3]
    assert np.allclose(steps, 1, atol=0.5)
    assert line.min() == pytest.approx(-31.5, abs=1.1)


def test_wide_gaps_stay_open_and_specks_are_no_brain():
    tissue = np.zeros((60, 60, 60), dtype=np.uint8)
    tissue[5:55, 5:55, 5:55] = CSF
    grey = tissue_of(3)
    tissue[10:50, 10:22, 10:50] = grey
    tissue[10:50, 38:50, 10:50] = grey
    tissue[10:50, 22:38, 10:22] = grey
    tissue[53, 53, 53] = grey
    found = brain_of(tissue)
    assert not found[30, 30, 40], "16 mm are no sulcus"
    assert not found[53, 53, 53]


def test_a_map_without_a_brain_is_refused():
    with pytest.raises(ValueError, match="air"):
        head_map("air", np.where(ball(20), 511, 0))


@pytest.mark.parametrize("codes_of", ["RAS", "LIA", "PIR", "ASL"])
def test_upright_whatever_way_it_lies_in_its_file(codes_of):
    world = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    ras = np.zeros((4, 5, 6), dtype=np.int16)  # x, y, z
    ras[3, 1, 4] = 7
    order = [world[code][0] for code in codes_of]
    stored = ras.transpose(order)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, code in enumerate(codes_of):
        along, sign = world[code]
        affine[along, axis] = sign
        stored = np.flip(stored, axis) if sign < 0 else stored
    voxels = stored.transpose(2, 1, 0)
    found = upright(voxels, Geometry(voxels.shape, affine))
    assert found.shape == (6, 5, 4)
    assert found[4, 1, 3] == 7


def test_upright_refuses_other_voxel_sizes():
    with pytest.raises(ValueError, match="2"):
        upright(np.zeros((3, 3, 3), dtype=np.uint8), Geometry((3, 3, 3), np.diag([1.0, 1.0, 2.0, 1.0])))


def test_maps_are_kept_in_one_file(head, tmp_path):
    file = tmp_path / "maps.npz"
    file.write_bytes(save_maps([head, HeadMap.of("again", head.tissue, head.distance)]))
    first, second = load_maps(file)
    assert (first.name, second.name) == ("balls", "again")
    assert np.array_equal(first.tissue, head.tissue)
    assert np.array_equal(second.distance, head.distance)
    assert first.reach == head.reach


def test_a_seed_makes_the_same_example_and_another_another(head):
    first, again, other = (make_up([head], seed, 64) for seed in ((1, 2, 3), (1, 2, 3), (1, 2, 4)))
    assert np.array_equal(first.slices, again.slices)
    assert np.array_equal(first.distance, again.distance)
    assert (first.kind, first.view) == (again.kind, again.view)
    assert not np.array_equal(first.slices, other.slices)


def test_examples_are_what_a_network_takes(head):
    kinds, views, brains = set(), set(), 0
    for number in range(90):
        one = make_up([head], (5, number), 64)
        assert one.slices.shape == (3, 64, 64)
        assert one.slices.dtype == np.float32
        assert np.isfinite(one.slices).all()
        assert np.abs(one.slices).max() < 40
        assert one.distance.dtype == np.float32
        assert np.abs(one.distance).max() <= 1
        assert np.array_equal(one.brain > 0, one.distance < 0)
        brains += bool(one.brain.any())
        kinds.add(one.kind)
        views.add(one.view)
        if one.kind == "nothing":
            assert not one.brain.any()
    assert brains > 50
    assert views == {0, 1, 2}
    assert kinds >= {"random", "t1", "t2", "flair", "ct"}


def test_the_brain_of_a_slice_lies_in_its_head(head):
    for number in range(25):
        found = cut(head, np.random.default_rng(number), 64)
        inside = found.distance < -1.5
        # deeper than the deepest sulcus can be wrong by, there is parenchyma, ventricle or CSF
        names = {tissue_of(code) for code in (2, 3, 4, 12)} | {CSF}
        assert set(np.unique(found.tissue[:, found.tissue.shape[1] // 2][inside])) <= names


def test_pixels_lie_where_the_cut_says(head):
    """Points are x right, y anterior, z superior: the nucleus of the right half is at large x."""
    seen = 0
    middle = head.tissue.shape[2] / 2
    for number in range(40):
        found = cut(head, np.random.default_rng(1000 + number), 64)
        right = found.tissue[:, found.tissue.shape[1] // 2] == tissue_of(12)
        if right.any() and found.tissue.shape[1] == 1:
            seen += 1
            assert found.points[..., 0][right].mean() > middle + 5
        if found.gap:
            step = np.linalg.norm(found.points[2, 32, 32] - found.points[0, 32, 32])
            assert step == pytest.approx(2 * found.gap, rel=0.6)
    assert seen >= 5


def test_a_distance_is_in_pixels(head):
    for number in range(30):
        random = np.random.default_rng(number)
        found = cut(head, random, 64)
        if found.pixel <= 0 or found.view != 0:
            continue
        shown = np.clip(found.distance[1] / (found.pixel * DISTANCE_SCALE), -1, 1)
        rows, columns = np.gradient(shown * DISTANCE_SCALE)
        steep = np.hypot(rows, columns)[np.abs(shown) < 0.5]
        if steep.size > 50:
            # across the surface a pixel further is a pixel more, less where the slice runs along it
            assert 0.3 < np.median(steep) < 1.5


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_contrast_paints_and_prepares(head, kind):
    random = np.random.default_rng(3)
    contrast = draw_contrast(random, kind)
    found = cut(head, random, 64)
    picture = painted(found, contrast, random)
    assert picture.shape == (3, 64, 64)
    assert contrast.hounsfield == (kind == "ct")
    if kind == "ct":
        assert contrast.mean[tissue_of(515)].max() > 140
        assert contrast.mean[0].max() == -1000
    ready = prepared(picture, contrast, random)
    assert np.isfinite(ready).all()
    assert ready.std() > 0


def test_waves_are_smooth_and_as_steep_as_they_say():
    waves = Waves.draw(np.random.default_rng(0), 400, 30.0, 90.0, 1)
    places = np.zeros((4000, 3), dtype=np.float32)
    places[:, 0] = np.arange(4000) * 0.25
    slope = np.diff(waves.at(places)[:, 0]) / 0.25
    # a third of the steepness squared along one axis, half of it of a sine
    assert slope.std() == pytest.approx((1 / 6) ** 0.5, rel=0.25)
