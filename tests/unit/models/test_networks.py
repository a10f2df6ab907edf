import numpy as np
import pytest
import torch

from core.errors import LearningError
from core.learning.config import NETWORKS
from models.device import pick_device, pick_precision
from models.networks.registry import build_network, count_parameters
from models.networks.unet import levels_for
from models.sampler import Sampler


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [32, 96])
def test_every_network_gives_a_channel_per_label_at_the_size_of_the_slice(name, size):
    network = build_network(name, inputs=3, outputs=2, size=size)
    images = torch.zeros(1, 3, size, size)
    with torch.no_grad():
        assert network.eval()(images).shape == (1, 2, size, size)
        trained = network.train()(images)
    assert trained.shape[-3:] == (2, size, size)


def test_parameters_are_as_designed():
    counts = {name: count_parameters(build_network(name, inputs=3, outputs=1, size=256)) for name in NETWORKS}
    assert counts["unet"] == 5_155_876
    assert counts["unet_light"] == 1_290_388
    assert counts["unet_large"] > 20_000_000
    assert counts["attention_unet"] == 1_987_705


def test_levels_follow_the_size():
    assert [levels_for(size) for size in (32, 64, 96, 128, 160, 256, 1024)] == [4, 5, 5, 6, 6, 6, 6]


def test_an_unknown_network_is_refused():
    with pytest.raises(LearningError, match="setting-bad"):
        build_network("transformer", inputs=1, outputs=1, size=64)


def test_the_same_seed_gives_the_same_weights():
    built = []
    for _ in range(2):
        torch.manual_seed(7)
        built.append(build_network("unet_light", inputs=1, outputs=1, size=64))
    for a, b in zip(built[0].parameters(), built[1].parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(LearningError) as caught:
        pick_device("cuda")
    assert caught.value.fields["device"] == "cuda"


def test_the_precision_probe_leaves_the_network_as_it_was():
    network = build_network("unet_light", inputs=1, outputs=1, size=96)
    before = [parameter.clone() for parameter in network.parameters()]
    pick_precision("auto", torch.device("cpu"), network, torch.randn(2, 1, 96, 96))
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.grad is None


def sampler(amounts, **changes) -> Sampler:
    settings = {"batch": 6, "foreground": 1 / 3, "least_steps": 1, "most_steps": 100, "seed": 1}
    return Sampler(np.array(amounts, dtype=np.float32), **{**settings, **changes})


def test_a_third_of_each_batch_shows_the_label():
    amounts = [0.1] * 3 + [0.0] * 57
    for batch in sampler(amounts).epoch(1):
        assert len(batch) == 6
        assert sum(amounts[example] > 0 for example in batch) >= 2


def test_an_epoch_is_bounded_and_repeatable():
    one = sampler([0.0, 0.5] * 300, most_steps=7)
    assert one.steps == 7
    assert [batch.tolist() for batch in one.epoch(3)] == [batch.tolist() for batch in one.epoch(3)]
    assert [batch.tolist() for batch in one.epoch(3)] != [batch.tolist() for batch in one.epoch(4)]
    assert sampler([0.5, 0.0], least_steps=10).steps == 10


def test_every_slice_is_seen_before_one_is_seen_twice():
    seen = np.concatenate(list(sampler([0.0] * 30).epoch(1)))
    assert sorted(seen.tolist()) == list(range(30))
