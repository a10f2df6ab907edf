from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation import Tally, baseline_accuracy

UNKNOWN = 255
CPU = torch.device("cpu")


def signed(mask: torch.Tensor) -> torch.Tensor:
    return mask.float() * 2 - 1


def square(count: int = 2) -> torch.Tensor:
    truth = torch.zeros(count, 1, 8, 8, dtype=torch.uint8)
    truth[0, 0, 2:6, 2:6] = 1
    return truth


def tally_of(rows) -> Tally:
    """Rows of (scan, predicted pixels, true pixels) on an 8 x 8 slice; pixels are counted from the top left."""
    tally = Tally(3, 1, CPU)
    for scan, predicted, truth in rows:
        planes = []
        for pixels in (predicted, truth):
            plane = torch.zeros(64)
            plane[list(pixels)] = 1
            planes.append(plane.reshape(1, 1, 8, 8))
        tally.add(signed(planes[0]), planes[1], torch.ones(1, 1), torch.tensor([scan]), torch.tensor(0.5))
    return tally


def test_scores_by_hand():
    # scan 0: hit 4, false 2, missed 1 over two slices; scan 1: a miss; scan 2: rightly empty, left out
    rows = [(0, range(3), range(4)), (0, range(3), range(1)), (1, (), range(5)), (2, (), ())]
    scores = tally_of(rows).scores()
    assert scores.dice == pytest.approx((2 * 4 / (2 * 4 + 3) + 0) / 2)
    assert scores.iou == pytest.approx((4 / 7 + 0) / 2)
    assert scores.accuracy == pytest.approx(1 - (3 + 5) / 256)
    assert scores.loss == pytest.approx(0.5)


def test_a_false_alarm_is_not_dropped():
    assert tally_of([(0, range(3), ())]).scores().dice == 0.0


def test_all_rightly_empty_is_perfect():
    assert tally_of([(0, (), ()), (1, (), ())]).scores().dice == 1.0


@pytest.mark.parametrize("how", ["slices", "pixels"])
def test_what_is_unknown_is_not_scored(how):
    tally = Tally(1, 1, CPU)
    truth, known = square(2), torch.ones(2, 1)
    logits = torch.cat([signed(truth[:1]), signed(1 - truth[1:])])
    if how == "slices":
        known[1] = 0
    else:
        truth[1] = UNKNOWN
    tally.add(logits, truth, known, torch.tensor([0, 0]), torch.tensor(0.0))
    scores = tally.scores()
    assert scores.dice == scores.iou == scores.accuracy == 1.0
    assert np.isfinite(scores.loss)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), labels=st.integers(1, 3), part=st.floats(0.0, 1.0))
def test_counts_are_those_of_the_known_pixels(seed, labels, part):
    random = np.random.default_rng(seed)
    tally = Tally(3, labels, CPU)
    expected = np.zeros((3, labels, 5), dtype=np.int64)
    for _ in range(2):
        shape = (4, labels, 5, 7)
        logits = random.normal(size=shape).astype(np.float32)
        truth = (random.random(shape) < 0.3).astype(np.uint8)
        seen = random.random(shape) < part
        known = random.random(shape[:2]) < 0.8
        scans = random.integers(0, 3, 4)
        masks = np.where(seen, truth, UNKNOWN).astype(np.uint8)
        tally.add(
            torch.from_numpy(logits),
            torch.from_numpy(masks),
            torch.from_numpy(known.astype(np.float32)),
            torch.from_numpy(scans),
            torch.tensor(0.0),
        )
        for row, scan in enumerate(scans):
            for label in range(labels):
                use = seen[row, label] & known[row, label]
                p, t = logits[row, label][use] > 0, truth[row, label][use] == 1
                expected[scan, label] += [(p & t).sum(), (p & ~t).sum(), (~p & t).sum(), (p == t).sum(), p.size]
    assert np.array_equal(tally.counts.numpy(), expected)


def test_the_baseline_is_over_known_pixels_of_all_examples():
    masks = np.zeros((150, 2, 4, 4), dtype=np.uint8)
    known = np.ones((150, 2), dtype=bool)
    masks[0, 0, :2] = 1  # 8 of 16
    masks[149, 1, 0] = 1  # 4 of 12 that are known
    masks[149, 1, 3] = UNKNOWN
    known[1:149] = False
    known[0, 1] = False
    masks[5] = 1  # not known: counts for nothing
    known[149, 0] = False
    data = SimpleNamespace(masks=masks, known=known)
    assert baseline_accuracy(data, np.arange(150)) == pytest.approx(1 - 12 / 28)
    assert baseline_accuracy(data, np.arange(1, 149)) == 0.0
