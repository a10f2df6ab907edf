"""Learning from made-up heads: a recipe's stages, losses, a training broken off that ends as if it had not been."""

import numpy as np
import pytest
import torch

from core.geometry import Geometry
from core.learning.synth import make_up
from core.learning.synth_maps import head_map
from core.learning.synth_real import real_head
from core.volume import Volume
from models.synth_learner import Batch, Recipe, SynthLearner, checking, examples_of, judged, losses

TINY = Recipe(network="unet_light", stages=((3, 32), (2, 64)), batch=2, seed=3, checked=6)


@pytest.fixture(scope="module")
def maps():
    z, y, x = np.mgrid[:64, :64, :64]
    far = np.sqrt((z - 32.0) ** 2 + (y - 32.0) ** 2 + (x - 32.0) ** 2)
    codes = np.zeros(far.shape, dtype=np.int32)
    for radius, code in ((30, 511), (27, 515), (24, 24), (21, 3), (16, 2), (4, 4)):
        codes[far <= radius] = code
    return [head_map("balls", codes)]


@pytest.fixture(scope="module")
def real():
    z, y, x = np.mgrid[:40, :40, :40]
    far = np.sqrt((z - 20.0) ** 2 + (y - 20.0) ** 2 + (x - 20.0) ** 2)
    volume = Volume(np.where(far < 18, 100 + 10 * far, 0).astype(np.float32), Geometry((40, 40, 40), np.eye(4)))
    return real_head("ball", "somebody", volume, far < 12)


def test_a_recipe_goes_through_its_stages_and_back_through_json():
    assert [TINY.size(step) for step in range(6)] == [32, 32, 32, 64, 64, 64]
    assert TINY.steps == 5
    assert Recipe.from_json(TINY.to_json()) == TINY
    rates = [Recipe().rate_at(step) for step in (0, 299, 8000, 16999)]
    assert rates[0] < rates[1] > rates[2] > rates[3] > 0


def test_a_training_broken_off_ends_with_the_same_weights(maps):
    whole = SynthLearner(TINY, "cpu")
    for step in range(4):
        whole.learn(Batch.of(examples_of(maps, TINY, step)))
    first = SynthLearner(TINY, "cpu")
    for step in range(2):
        first.learn(Batch.of(examples_of(maps, TINY, step)))
    second = SynthLearner(TINY, "cpu")
    second.restore(first.state())
    assert second.step == 2
    for step in range(2, 4):
        second.learn(Batch.of(examples_of(maps, TINY, step)))
    assert second.step == whole.step == 4
    for one, other in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_loss_falls_on_what_is_shown_again_and_again(maps):
    recipe = Recipe(network="unet_light", stages=((9000, 32),), batch=4, seed=1, rate=2e-3)
    learner = SynthLearner(recipe, "cpu")
    learner.step = 300  # past the rise of the rate
    batch = Batch.of([make_up(maps, (7, number), 32) for number in range(4)])
    told = [learner.learn(batch) for _ in range(60)]
    assert told[-1]["brain"] < 0.6 * told[0]["brain"]
    assert told[-1]["distance"] < told[0]["distance"]


def test_a_perfect_answer_costs_nothing():
    distance = torch.linspace(-1, 1, 32).repeat(2, 1, 32, 1)
    truth = Batch(torch.zeros(2, 3, 32, 32), (distance < 0).to(torch.uint8), distance)
    said = torch.atanh(distance.clamp(-0.9999, 0.9999))
    output = torch.cat([torch.where(distance < 0, 20.0, -20.0), said], dim=1)
    brain, apart = losses(output, truth)
    assert float(brain) < 1e-3
    assert float(apart) < 1e-6
    wrong, far = losses(-output, truth)
    assert float(wrong) > 5
    assert float(far) > 0.5
    # deep supervision: heads beside the first one say nothing of the distance
    heads = torch.stack([output, torch.cat([output[:, :1], -output[:, 1:]], dim=1)], dim=1)
    assert float(losses(heads, truth)[1]) < 1e-6


def test_checking_is_the_same_every_time_and_judges(maps):
    first, again = checking(maps, TINY, 32), checking(maps, TINY, 32)
    assert all(np.array_equal(one.slices, other.slices) for one, other in zip(first, again, strict=True))
    said = [(torch.from_numpy(one.brain.astype(np.float32)), torch.from_numpy(one.distance)) for one in first]
    figures = judged(iter(said), first)
    assert figures["dice"] == 1
    assert figures["slice_dice"] == 1
    assert figures["distance"] == 0
    empty = ((torch.zeros(32, 32), torch.ones(32, 32)) for _ in first)
    assert judged(empty, first)["dice"] == 0


def test_where_nobody_knows_nothing_is_learnt():
    """A distance that is no number, and a brain of 255, cost nothing and leave every gradient a number."""
    distance = torch.linspace(-1, 1, 32).repeat(2, 1, 32, 1)
    brain = (distance < 0).to(torch.uint8)
    logits = torch.zeros(2, 2, 32, 32, requires_grad=True)
    slices = torch.zeros(2, 3, 32, 32)
    unknown_distance, unknown_brain = distance.clone(), brain.clone()
    unknown_distance[..., :16], unknown_brain[..., :16] = torch.nan, 255
    parts = losses(logits, Batch(slices, unknown_brain, unknown_distance))
    sum(parts).backward()
    assert torch.isfinite(sum(parts))
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[..., :16].any()
    assert logits.grad[..., 16:].any()


def test_real_heads_stand_beside_made_up_ones(maps, real):
    recipe = Recipe(network="unet_light", stages=((3, 32),), batch=4, seed=3, real=2)
    mixed = examples_of(maps, recipe, 1, [real])
    alone = examples_of(maps, Recipe(network="unet_light", stages=((3, 32),), batch=2, seed=3), 1)
    assert [one.kind for one in mixed[2:]] == ["real", "real"]
    assert all(np.array_equal(one.slices, other.slices) for one, other in zip(mixed, alone, strict=False))


def test_what_another_training_learnt_is_begun_with(maps):
    first = SynthLearner(TINY, "cpu")
    first.learn(Batch.of(examples_of(maps, TINY, 0)))
    second = SynthLearner(TINY, "cpu")
    second.begin_from(first.state())
    assert second.step == 0
    for own, average in zip(second.network.parameters(), first.average.parameters(), strict=True):
        assert torch.equal(own, average)
