"""Real heads among made-up ones: they lie as the scan says, thick slices get their shape between, a cord is unknown."""

import numpy as np
import pytest

from core.geometry import Geometry
from core.learning.synth_real import UNSURE_BELOW, make_real, real_head
from core.volume import Volume


def scan(spacing):
    """A head of 90 mm, brighter to the front and above, with a brain of 70 x 60 x 50 mm that is off its middle."""
    shape = tuple(round(100 / size) for size in spacing)
    z, y, x = (index * size for index, size in zip(np.indices(shape, dtype=float), spacing, strict=True))
    head = np.sqrt((z - 50) ** 2 + (y - 50) ** 2 + (x - 50) ** 2) < 45
    brain = ((z - 56) / 25) ** 2 + ((y - 50) / 35) ** 2 + ((x - 46) / 30) ** 2 < 1
    grey = np.where(head, 200 + 2 * y + 4 * z, 3)
    affine = np.diag([spacing[2], spacing[1], spacing[0], 1.0])
    return Volume(grey.astype(np.float32), Geometry(shape, affine)), brain


def millilitres(head):
    return int((head.distance < 0).sum()) / 1000


@pytest.mark.parametrize("spacing", [(1, 1, 1), (4, 0.8, 0.8), (0.9, 3, 0.9)])
def test_a_brain_keeps_its_size_and_place_whatever_the_voxels(spacing):
    head = real_head("one", "person", *scan(spacing))
    assert millilitres(head) == pytest.approx(4 / 3 * np.pi * 25 * 35 * 30 / 1000, rel=0.03)
    (z0, z1), (y0, y1), (x0, x1) = head.reach
    assert (z1 - z0, y1 - y0, x1 - x0) == pytest.approx((49, 69, 59), abs=2)
    inside = head.distance < 0
    # brighter in front and above, as the scan is
    assert head.grey[z1 - 3][inside[z1 - 3]].mean() > head.grey[z0 + 3][inside[z0 + 3]].mean()
    assert head.grey[:, y1 - 3][inside[:, y1 - 3]].mean() > head.grey[:, y0 + 3][inside[:, y0 + 3]].mean()


def test_a_scan_that_lies_otherwise_in_its_file_is_the_same_head():
    """Axes swapped and turned round in the file, not in the world: superior, anterior and right stay."""
    plain = real_head("one", "person", *scan((1, 1, 1)))
    volume, brain = scan((1, 1, 1))
    # stored front to back, left to right, bottom up
    array, mask = (np.ascontiguousarray(one[:, ::-1, ::-1].transpose(1, 0, 2)) for one in (volume.array, brain))
    affine = np.array([[-1, 0, 0, 99], [0, 0, -1, 99], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=float)
    other = real_head("two", "person", Volume(array, Geometry(array.shape, affine)), mask)
    assert other.distance.shape == plain.distance.shape
    assert np.array_equal(other.distance < 0, plain.distance < 0)
    assert np.allclose(other.grey, plain.grey, atol=1e-4)


def test_right_below_the_lowest_drawn_slice_nothing_is_known():
    head = real_head("one", "person", *scan((1, 1, 1)))
    lowest = head.reach[0][0]
    unknown = np.flatnonzero(~head.known.any(axis=(1, 2)))
    assert unknown.tolist() == list(range(lowest - UNSURE_BELOW, lowest))
    assert head.known[lowest:].all()
    assert head.known[: lowest - UNSURE_BELOW].all()


def test_a_scan_without_a_brain_is_refused():
    volume, brain = scan((2, 2, 2))
    with pytest.raises(ValueError, match="one"):
        real_head("one", "person", volume, np.zeros_like(brain))


def test_a_seed_makes_the_same_example_and_targets_fit_each_other():
    heads = [real_head("one", "person", *scan((2, 2, 2)))]
    shown = known = 0
    for number in range(24):
        first, again = (make_real(heads, (5, number), 48) for _ in range(2))
        assert np.array_equal(first.slices, again.slices)
        assert np.array_equal(first.brain, again.brain)
        assert first.kind == "real"
        assert np.isfinite(first.slices).all()
        unknown = np.isnan(first.distance)
        assert np.array_equal(first.brain == 255, unknown)
        assert np.array_equal(first.brain[~unknown] == 1, first.distance[~unknown] < 0)
        assert np.nanmax(np.abs(first.distance)) <= 1 or unknown.all()
        shown += bool((first.brain == 1).any())
        known += bool(unknown.any())
    assert shown > 8
    assert known > 4


def test_people_are_drawn_alike_however_many_scans_there_are_and_trust_counts():
    volume, brain = scan((4, 4, 4))
    heads = [real_head(name, "many", volume, brain) for name in ("a", "b", "c")]
    heads.append(real_head("d", "few", volume, brain))
    heads.append(real_head("e", "weak", volume, brain, 0.25))
    from core.learning.synth_real import _chosen

    drawn = [_chosen(heads, np.random.default_rng(seed)).person for seed in range(900)]
    assert drawn.count("many") / 900 == pytest.approx(1 / 2.25, abs=0.06)
    assert drawn.count("few") / 900 == pytest.approx(1 / 2.25, abs=0.06)
    assert drawn.count("weak") / 900 == pytest.approx(0.25 / 2.25, abs=0.05)
