"""A network begins with how rare each label is; what was learnt of one follows it to its place in another network."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from training_support import changed

from core.errors import LearningError
from core.learning.config import TrainingConfig
from core.learning.dataset import TrainingSet
from core.learning.prepare_fit import UNKNOWN
from models.heads import RAREST, expect, shares
from models.learner import PARENT_RATE, SCRATCH_RATE, Learner, usual_rate
from models.networks.registry import build_network

SIZE = 32
NETWORKS = ("unet_light", "attention_unet", "resnet18_unet")


def child(
    network: str, labels: tuple[str, ...], parent: torch.nn.Module, before: tuple[str, ...], was: int = SIZE
) -> tuple[Learner, list[str]]:
    """Return what a training on labels begins with, and what of it is new; ``was`` is the parent's size."""
    config = changed(network=network, labels=labels, slices=3, size=SIZE, batch=2)
    blank = np.zeros((2, 1), np.float32)
    numbers = np.arange(2, dtype=np.int32)
    masks = np.zeros((2, len(labels), SIZE, SIZE), np.uint8)
    images = np.zeros((2, SIZE, SIZE), np.float16)
    stacks = np.zeros((2, 3), np.int32)
    data = TrainingSet(labels, images, stacks, masks, masks[:, :, 0, 0] == 0, blank[:, 0], numbers, numbers, ())
    learner = Learner(config, data, np.arange(2))
    weights = {name: tensor.clone() for name, tensor in parent.state_dict().items()}
    run = SimpleNamespace(name="Run 1", config=changed(network=network, labels=before, slices=3, size=was))
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


def test_the_case_of_a_name_makes_no_other_label(parent):
    name, network = parent
    learner, new = child(name, ("tumour", "BRAIN"), network, ("Brain", "Tumour"))
    assert new == []
    assert torch.allclose(shown(learner.network), shown(network).flip(1), atol=1e-5)


@pytest.mark.parametrize("labels", [("Oedema", "Bleeding"), ("Oedema", "Bleeding", "Air")])
def test_other_labels_begin_anew_on_all_else_that_was_learnt(parent, labels):
    name, network = parent
    learner, new = child(name, labels, network, ("Brain", "Tumour"))
    assert new
    known = dict(network.named_parameters())
    untaught = dict(Learner(learner.config, learner.data, learner.examples).network.named_parameters())
    for key, tensor in learner.network.named_parameters():
        assert torch.equal(tensor, (untaught if key in new else known)[key]), key
        assert torch.equal(learner.average.get_parameter(key), tensor)


@pytest.mark.parametrize(
    ("name", "was", "labels"),
    [
        ("attention_unet", 64, ("Brain",)),
        ("attention_unet", 64, ("Brain", "Tumour")),
        ("unet_light", 64, ("Oedema",)),
        ("unet", 256, ("Brain", "Tumour")),
    ],
)
def test_a_parent_with_other_levels_is_refused_whatever_the_labels(name, was, labels):
    larger = build_network(name, inputs=3, outputs=1, size=was)
    with pytest.raises(LearningError) as caught:
        child(name, labels, larger, ("Brain",), was)
    assert (caught.value.code, caught.value.fields["what"]) == ("parent-differs", "size")


def some_masks() -> TrainingSet:
    """Four slices of 32 x 32: one label on a quarter of one slice, one on an eighth of what is known, one nowhere."""
    masks = np.zeros((4, 3, SIZE, SIZE), np.uint8)
    masks[0, 0, :16, :16] = 1
    masks[1, 1, :16] = UNKNOWN
    masks[1, 1, 16:20, :16] = 1
    masks[3, 1, 0, 0] = 1
    known = np.ones((4, 3), bool)
    known[3, 1] = False
    numbers = np.arange(4, dtype=np.int32)
    amounts = np.array([0.25, 0.0625, 0, 0], np.float32)
    images, stacks = np.zeros((4, SIZE, SIZE), np.float16), np.zeros((4, 3), np.int32)
    return TrainingSet(("Tumour", "Oedema", "Air"), images, stacks, masks, known, amounts, numbers, numbers, ())


def test_how_rare_a_label_is_counts_what_is_known_of_a_batch():
    data = some_masks()
    # half of each batch shows a label, and a slice that shows it holds 1/4 and 1/8 of it
    assert shares(data, np.arange(4), 0.5) == pytest.approx([1 / 8, 1 / 16, 0])
    # as drawn: one of four, one of three known
    assert shares(data, np.arange(4), 0.0) == pytest.approx([1 / 16, 1 / 24, 0])
    assert shares(data, np.arange(2, 4), 0.5) == [0, 0, 0]


@pytest.mark.parametrize("name", [*NETWORKS, "unet"])
def test_a_fresh_network_says_of_each_label_that_it_is_as_rare_as_it_is(name):
    config = changed(network=name, labels=("Tumour", "Oedema", "Air"), slices=3, size=SIZE, batch=2, foreground=0.5)
    learner = Learner(config, some_masks(), np.arange(4))
    plain = learner.fresh_network()
    heads = {key for key, tensor in plain.named_parameters() if tensor.shape[:1] == (3,) and tensor.ndim == 1}
    rows = {key: tensor for key, tensor in learner.network.named_parameters() if key in heads}
    assert rows
    for tensor in (*rows.values(), *(learner.average.get_parameter(key) for key in rows)):
        assert torch.sigmoid(tensor).tolist() == pytest.approx([1 / 8, 1 / 16, RAREST], rel=1e-4)
    expect(plain, set(), [0.2, 0.2, 0.2])
    assert any(not torch.allclose(plain.get_parameter(key), rows[key]) for key in rows), "without heads nothing is set"


def test_what_is_new_beside_a_known_label_is_learnt_at_the_rate_of_a_beginning():
    config = changed(labels=("Brain", "Tumour"), parent="1", learning_rate=0.0)
    assert usual_rate(config, changed(labels=("Brain",)).meanings) == SCRATCH_RATE
    assert usual_rate(config, changed(labels=("tumour", "Brain", "Oedema")).meanings) == PARENT_RATE
    assert usual_rate(changed(parent=None), ()) == SCRATCH_RATE


def test_another_class_or_another_yes_is_a_beginning():
    config = TrainingConfig.for_class("Bleed", class_yes=("old", "fresh"), parent="1")
    same = TrainingConfig.for_class("bleed", class_yes=("Fresh", "old"))
    others = (replace(same, class_name="stroke"), replace(same, class_yes=("old",)), replace(same, class_yes=()))
    assert usual_rate(config, same.meanings) == PARENT_RATE
    assert {usual_rate(config, other.meanings) for other in others} == {SCRATCH_RATE}
