"""What was learnt of a label follows it to its place in another network."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from training_support import changed

from core.learning.dataset import TrainingSet
from models.checkpoint import load_matching
from models.learner import Learner
from models.networks.registry import build_network

SIZE = 32
NETWORKS = ("unet_light", "attention_unet", "resnet18_unet")


def child(network: str, labels: tuple[str, ...], parent: torch.nn.Module, before: tuple[str, ...]):
    """Return what a training on labels begins with, and what of it is new."""
    config = changed(network=network, labels=labels, slices=3, size=SIZE, batch=2)
    blank = np.zeros((2, 1), np.float32)
    numbers = np.arange(2, dtype=np.int32)
    masks = np.zeros((2, len(labels), SIZE, SIZE), np.uint8)
    images = np.zeros((2, SIZE, SIZE), np.float16)
    stacks = np.zeros((2, 3), np.int32)
    data = TrainingSet(labels, images, stacks, masks, masks[:, :, 0, 0] == 0, blank[:, 0], numbers, numbers, ())
    learner = Learner(config, data, np.arange(2))
    weights = {name: tensor.clone() for name, tensor in parent.state_dict().items()}
    run = SimpleNamespace(name="Run 1", config=changed(network=network, labels=before, slices=3, size=SIZE))
    return learner, learner.start_from(weights, run)


def shown(network: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)))


@pytest.fixture(params=NETWORKS)
def parent(request):
    """A network of Brain and Tumour, and its name."""
    torch.manual_seed(11)
    return request.param, build_network(request.param, inputs=3, outputs=2, size=SIZE)


def test_a_label_keeps_what_was_learnt_of_it_among_new_ones(parent):
    name, network = parent
    learner, new = child(name, ("Tumour", "Oedema", "Brain"), network, ("Brain", "Tumour"))
    assert new
    for begun in (learner.network, learner.average):
        found, known = shown(begun), shown(network)
        assert torch.allclose(found[:, 0], known[:, 1], atol=1e-5)
        assert torch.allclose(found[:, 2], known[:, 0], atol=1e-5)
        assert not torch.allclose(found[:, 1], known[:, 0], atol=1e-3)
        assert not torch.allclose(found[:, 1], known[:, 1], atol=1e-3)


def test_labels_that_changed_places_begin_with_nothing_new(parent):
    name, network = parent
    learner, new = child(name, ("Tumour", "Brain"), network, ("Brain", "Tumour"))
    assert new == []
    assert torch.allclose(shown(learner.network), shown(network).flip(1), atol=1e-5)


def test_other_labels_as_many_begin_with_those_of_before(parent):
    name, network = parent
    learner, new = child(name, ("Oedema", "Bleeding"), network, ("Brain", "Tumour"))
    assert new == []
    assert torch.allclose(shown(learner.network), shown(network), atol=1e-5)


def test_other_labels_more_than_before_begin_anew(parent):
    name, network = parent
    learner, new = child(name, ("Oedema", "Bleeding", "Air"), network, ("Brain", "Tumour"))
    assert new == load_matching(learner.fresh_network(), network.state_dict())
