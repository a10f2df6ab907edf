import math

import numpy as np
import pytest
import torch

from core.errors import LearningError
from models.evaluation import Tally
from models.losses import bce_loss, dice_ce_loss, dice_loss, find_loss, main_head, supervised_loss

SURE = 30.0


def logits_of(mask: torch.Tensor) -> torch.Tensor:
    return (mask.float() * 2 - 1) * SURE


def one_square(count: int = 2) -> torch.Tensor:
    truth = torch.zeros(count, 1, 8, 8, dtype=torch.uint8)
    truth[0, 0, 2:6, 2:6] = 1
    return truth


def test_a_perfect_mask_costs_nothing():
    truth, known = one_square(), torch.ones(2, 1)
    for loss in (bce_loss, dice_loss, dice_ce_loss):
        assert float(loss(logits_of(truth), truth, known)) == pytest.approx(0, abs=1e-6)


def test_dice_by_hand():
    truth, known = one_square(), torch.ones(2, 1)
    predicted = torch.zeros_like(truth)
    predicted[0, 0, 2:6, 4:8] = 1  # half of the 16 true pixels, and 8 wrong ones
    expected = 1 - (2 * 8 + 1) / (16 + 16 + 1)
    assert float(dice_loss(logits_of(predicted), truth, known)) == pytest.approx(expected, abs=1e-5)


def test_cross_entropy_by_hand():
    truth, known = one_square(1), torch.ones(1, 1)
    assert float(bce_loss(torch.zeros(1, 1, 8, 8), truth, known)) == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("name", ["dice_ce", "bce", "dice"])
def test_unknown_slices_count_for_nothing(name):
    loss = find_loss(name)
    truth = one_square(2)
    logits = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
    known = torch.tensor([[1.0], [0.0]])
    value = loss(logits, truth, known)
    alone = loss(logits[:1], truth[:1], known[:1])
    assert float(value.detach()) == pytest.approx(float(alone.detach()), abs=1e-6)
    value.backward()
    assert float(logits.grad[1].abs().max()) == 0.0
    assert float(logits.grad[0].abs().max()) > 0.0


@pytest.mark.parametrize("name", ["dice_ce", "bce", "dice"])
def test_nothing_known_is_zero_not_nan(name):
    logits = torch.randn(2, 2, 8, 8, requires_grad=True)
    value = find_loss(name)(logits, torch.zeros(2, 2, 8, 8), torch.zeros(2, 2))
    value.backward()
    assert float(value.detach()) == 0.0
    assert torch.isfinite(logits.grad).all()


def test_a_label_known_nowhere_does_not_dilute_the_other():
    truth = one_square(2).repeat(1, 2, 1, 1)
    logits = torch.zeros(2, 2, 8, 8)
    both = dice_loss(logits, truth, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    alone = dice_loss(logits[:, :1], truth[:, :1], torch.ones(2, 1))
    assert float(both) == pytest.approx(float(alone))


def test_heads_are_weighted_by_halves():
    truth, known = one_square(), torch.ones(2, 1)
    right, wrong = logits_of(truth), logits_of(1 - truth)
    heads = torch.stack([right, wrong, right], dim=1)
    alone = float(bce_loss(wrong, truth, known))
    expected = 0.5 * alone / (1 + 0.5 + 0.25)
    assert float(supervised_loss(bce_loss, heads, truth, known)) == pytest.approx(expected, rel=1e-5)
    assert torch.equal(main_head(heads), right)


def test_an_unknown_loss_is_refused():
    with pytest.raises(LearningError, match="setting-bad"):
        find_loss("hope")


def tally_of(rows) -> Tally:
    """Rows of (scan, predicted pixels, true pixels) on an 8 x 8 slice; pixels are counted from the top left."""
    tally = Tally(3, 1, torch.device("cpu"))
    for scan, predicted, truth in rows:
        planes = []
        for pixels in (predicted, truth):
            plane = torch.zeros(64)
            plane[list(pixels)] = 1
            planes.append(plane.reshape(1, 1, 8, 8))
        tally.add(logits_of(planes[0]), planes[1], torch.ones(1, 1), torch.tensor([scan]), torch.tensor(0.5))
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


def test_unknown_slices_are_not_scored():
    tally = Tally(1, 1, torch.device("cpu"))
    truth = one_square(2)
    logits = torch.cat([logits_of(truth[:1]), logits_of(1 - truth[1:])])
    tally.add(logits, truth, torch.tensor([[1.0], [0.0]]), torch.tensor([0, 0]), torch.tensor(0.0))
    assert tally.scores().dice == 1.0
    assert tally.scores().accuracy == 1.0
    assert np.isfinite(tally.scores().loss)
