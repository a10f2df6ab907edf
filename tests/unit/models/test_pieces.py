"""A batch in pieces learns what the whole batch would: the loss is a ratio of sums over all of it."""

import numpy as np
import pytest
import torch
from learning_project import disc_project
from training_support import changed

from core.events import never_stop
from core.learning.config import LOSSES
from core.learning.dataset import TrainingSet, read_training_set
from models.learner import Learner


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> TrainingSet:
    with disc_project(tmp_path_factory.mktemp("pieces") / "p.meninx", patients=2) as project:
        reading = read_training_set(project, changed(), never_stop)
        while True:
            try:
                next(reading)
            except StopIteration as done:
                found = done.value
                break
    # half of a slice is not known, and on one nothing is: pieces differ in how much they count
    found.masks[1, :, :16] = 255
    found.known[2] = False
    return found


def stepped(data: TrainingSet, at_once: int, **settings) -> tuple[dict[str, torch.Tensor], float, Learner]:
    learner = Learner(changed(batch=8, augment="none", **settings), data, np.arange(8))
    learner.begin()
    learner.begin_epoch(1)
    learner.at_once = at_once
    counted = learner._gradients(learner.examples)
    gradients = {name: weight.grad.clone() for name, weight in learner.network.named_parameters()}
    for piece in counted:
        learner.tally.add(*piece)
    return gradients, learner.tally.scores().loss, learner


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_and_loss_are_those_of_the_whole_batch(data, loss):
    whole, true, _ = stepped(data, 8, loss=loss)
    for at_once in (3, 1):
        pieced, told, _ = stepped(data, at_once, loss=loss)
        assert told == pytest.approx(true, rel=1e-5)
        for name, gradient in whole.items():
            assert torch.allclose(pieced[name], gradient, rtol=1e-3, atol=1e-6), name


def test_statistics_of_a_batch_norm_are_taken_once(data):
    _, _, learner = stepped(data, 4, network="attention_unet")
    tracked = [number for name, number in learner.network.named_buffers() if name.endswith("num_batches_tracked")]
    assert tracked
    assert all(int(number) == 2 for number in tracked)
