import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import LearningError
from core.learning.config import LOSSES
from models.losses import (
    bce_loss,
    dice_ce_loss,
    dice_loss,
    find_loss,
    main_head,
    supervised_loss,
    truth_and_weight,
)

SURE = 30.0
UNKNOWN = 255


def logits_of(mask: torch.Tensor) -> torch.Tensor:
    return (mask.float() * 2 - 1) * SURE


def one_square(count: int = 2) -> torch.Tensor:
    truth = torch.zeros(count, 1, 8, 8, dtype=torch.uint8)
    truth[0, 0, 2:6, 2:6] = 1
    return truth


def cost(name: str, logits: torch.Tensor, masks: torch.Tensor, known: torch.Tensor | None = None) -> torch.Tensor:
    known = torch.ones(masks.shape[:2]) if known is None else known
    return supervised_loss(find_loss(name), logits, masks, known)


def by_hand(name: str, logits: np.ndarray, truth: np.ndarray, known: np.ndarray) -> float:
    """The loss of one label in float64, from its definition, over the known pixels alone."""
    x, t = logits[known].astype(np.float64), truth[known].astype(np.float64)
    p = 1 / (1 + np.exp(-x))
    sure = np.where(t == 1, p, 1 - p)
    cross = -np.log(sure)
    hit, wrong, missed = (p * t).sum(), (p * (1 - t)).sum(), ((1 - p) * t).sum()
    dice = 1 - (2 * hit + 1) / (p.sum() + t.sum() + 1)
    return {
        "bce": cross.mean(),
        "dice": dice,
        "dice_ce": dice + cross.mean(),
        "focal": (np.where(t == 1, 0.25, 0.75) * (1 - sure) ** 2 * cross).mean(),
        "dice_focal": dice + ((1 - sure) ** 2 * cross).mean(),
        "tversky": 1 - (hit + 0.5) / (hit + 0.3 * wrong + 0.7 * missed + 0.5),
    }[name]


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_mask_costs_nothing(name):
    truth = one_square()
    assert float(cost(name, logits_of(truth), truth)) == pytest.approx(0, abs=1e-6)


def test_dice_by_hand():
    truth = one_square()
    predicted = torch.zeros_like(truth)
    predicted[0, 0, 2:6, 4:8] = 1  # half of the 16 true pixels, and 8 wrong ones
    expected = 1 - (2 * 8 + 1) / (16 + 16 + 1)
    assert float(cost("dice", logits_of(predicted), truth)) == pytest.approx(expected, abs=1e-5)


def test_tversky_by_hand_minds_a_miss_more_than_a_false_alarm():
    truth, more, less = one_square(), one_square(), one_square()
    more[0, 0, 6, :4] = 1  # 4 wrong pixels
    less[0, 0, 2, 2:6] = 0  # 4 missed pixels
    assert float(cost("tversky", logits_of(more), truth)) == pytest.approx(1 - 16.5 / (16.5 + 0.3 * 4), abs=1e-5)
    assert float(cost("tversky", logits_of(less), truth)) == pytest.approx(1 - 12.5 / (12.5 + 0.7 * 4), abs=1e-5)


def test_cross_entropy_and_focal_by_hand():
    truth = one_square(1)
    assert float(cost("bce", torch.zeros(1, 1, 8, 8), truth)) == pytest.approx(math.log(2), abs=1e-6)
    # nothing is sure: half of the part each pixel has, a quarter for the modulating factor
    expected = math.log(2) / 4 * (16 * 0.25 + 48 * 0.75) / 64
    assert float(cost("focal", torch.zeros(1, 1, 8, 8), truth)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), spread=st.floats(0.1, 8.0), part=st.floats(0.05, 1.0))
def test_every_loss_is_that_of_the_known_pixels_alone(name, seed, spread, part):
    random = np.random.default_rng(seed)
    logits = random.normal(0, spread, (3, 1, 6, 5)).astype(np.float32)
    truth = (random.random(logits.shape) < 0.4).astype(np.uint8)
    seen = random.random(logits.shape) < part
    seen[0, 0, 0, 0] = True
    masks = np.where(seen, truth, UNKNOWN).astype(np.uint8)
    given_logits = torch.from_numpy(logits).requires_grad_()
    value = cost(name, given_logits, torch.from_numpy(masks))
    assert float(value.detach()) == pytest.approx(by_hand(name, logits, truth, seen), rel=2e-5, abs=1e-6)
    value.backward()
    assert float(given_logits.grad[torch.from_numpy(~seen)].abs().sum()) == 0.0
    assert float(given_logits.grad.abs().sum()) > 0.0
    # what lies there, and how many unknown slices stand beside, changes nothing
    elsewhere = torch.from_numpy(np.where(seen, logits, 99.0).astype(np.float32))
    padded = torch.cat([elsewhere, torch.randn(2, 1, 6, 5)])
    unknown = torch.full((2, 1, 6, 5), UNKNOWN, dtype=torch.uint8)
    again = cost(name, padded, torch.cat([torch.from_numpy(masks), unknown]))
    assert float(again) == pytest.approx(float(value.detach()), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_finite_differences(name):
    random = torch.Generator().manual_seed(3)
    logits = (torch.randn(2, 2, 3, 4, generator=random) * 2).double().requires_grad_()
    masks = torch.randint(0, 2, (2, 2, 3, 4), generator=random).to(torch.uint8)
    masks[0, 1, 1] = UNKNOWN
    truth, weight = truth_and_weight(masks, torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    loss = find_loss(name)
    assert torch.autograd.gradcheck(lambda x: loss(x, truth.double(), weight.double()), (logits,))


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_slices_count_for_nothing(name):
    truth = one_square(2)
    logits = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
    value = cost(name, logits, truth, torch.tensor([[1.0], [0.0]]))
    alone = cost(name, logits[:1], truth[:1])
    assert float(value.detach()) == pytest.approx(float(alone.detach()), abs=1e-6)
    value.backward()
    assert float(logits.grad[1].abs().max()) == 0.0
    assert float(logits.grad[0].abs().max()) > 0.0


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("how", ["slices", "pixels"])
def test_nothing_known_is_zero_not_nan(name, how):
    logits = torch.randn(2, 2, 8, 8, requires_grad=True)
    masks = torch.full((2, 2, 8, 8), UNKNOWN if how == "pixels" else 1, dtype=torch.uint8)
    value = cost(name, logits, masks, torch.full((2, 2), 1.0 if how == "pixels" else 0.0))
    value.backward()
    assert float(value.detach()) == 0.0
    assert float(logits.grad.abs().sum()) == 0.0


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("height", [60.0, 1e4, 3e38])
def test_the_surest_network_has_a_finite_loss_and_gradient(name, height):
    truth = one_square(1)
    for right in (1, -1):
        logits = ((truth.float() * 2 - 1) * height * right).requires_grad_()
        value = cost(name, logits, truth)
        value.backward()
        assert not math.isnan(float(value.detach()))
        assert torch.isfinite(logits.grad).all()
        if height < 1e5:
            assert math.isfinite(float(value.detach()))


@pytest.mark.parametrize("name", LOSSES)
def test_bfloat16_output_is_judged_in_float32(name):
    random = torch.Generator().manual_seed(2)
    logits = torch.randn(4, 1, 64, 64, generator=random) * 4
    truth = (torch.rand(4, 1, 64, 64, generator=random) < 0.2).to(torch.uint8)
    half = logits.to(torch.bfloat16)
    value = cost(name, half, truth)
    assert value.dtype == torch.float32
    # the very loss of the rounded logits, and within their 8 bits of the loss of the others
    assert float(value) == float(cost(name, half.float(), truth))
    assert float(value) == pytest.approx(float(cost(name, logits, truth)), rel=2**-7)


def test_a_label_known_nowhere_does_not_dilute_the_other():
    truth = one_square(2).repeat(1, 2, 1, 1)
    logits = torch.zeros(2, 2, 8, 8)
    alone = cost("dice", logits[:, :1], truth[:, :1])
    by_slices = cost("dice", logits, truth, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    truth[:, 1] = UNKNOWN
    by_pixels = cost("dice", logits, truth)
    assert float(by_slices) == float(by_pixels) == pytest.approx(float(alone))


def test_heads_are_weighted_by_halves():
    truth = one_square()
    right, wrong = logits_of(truth), logits_of(1 - truth)
    heads = torch.stack([right, wrong, right], dim=1)
    expected = 0.5 * float(cost("bce", wrong, truth)) / (1 + 0.5 + 0.25)
    assert float(cost("bce", heads, truth)) == pytest.approx(expected, rel=1e-5)
    assert torch.equal(main_head(heads), right)


def test_dice_ce_is_the_sum_of_both():
    truth, weight = truth_and_weight(one_square(), torch.ones(2, 1))
    logits = torch.randn(2, 1, 8, 8)
    both = dice_loss(logits, truth, weight) + bce_loss(logits, truth, weight)
    assert torch.equal(dice_ce_loss(logits, truth, weight), both)


def test_an_unknown_loss_is_refused():
    with pytest.raises(LearningError, match="setting-bad"):
        find_loss("hope")
