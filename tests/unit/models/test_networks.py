import numpy as np
import pytest
import torch

from core.errors import LearningError
from core.learning.config import ENCODER_NETWORKS, NETWORKS
from core.learning.prepare import Preparation
from models.checkpoint import EXPORT_TOLERANCE, export_model
from models.device import pick_device, pick_precision
from models.inference import Predictor
from models.networks.registry import build_network, count_parameters
from models.networks.unet import levels_for
from models.sampler import Sampler


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("size", "inputs", "labels"), [(32, 3, 2), (96, 1, 7)])
def test_every_network_gives_a_channel_per_label_at_the_size_of_the_slice(name, size, inputs, labels):
    network = build_network(name, inputs=inputs, outputs=labels, size=size)
    images = torch.randn(1, inputs, size, size)
    with torch.no_grad():
        assert network.eval()(images).shape == (1, labels, size, size)
        # a single slice of the smallest size is a single pixel at the bottom of some
        trained = network.train()(images)
    assert trained.shape[-3:] == (labels, size, size)
    assert torch.isfinite(trained).all()
    assert float(trained.std()) > 0.0


@pytest.mark.parametrize("name", [name for name in ENCODER_NETWORKS if name != "resnet34_unet"])
def test_networks_with_a_known_encoder_are_exported(name, tmp_path):
    network = build_network(name, inputs=5, outputs=2, size=64).eval()
    facts = {"labels": ["A", "B"]}
    assert export_model(tmp_path, network, Preparation(64, 5), facts) <= EXPORT_TOLERANCE
    predictor = Predictor(tmp_path, exact=True)
    images = torch.randn(3, 5, 64, 64)
    with torch.no_grad():
        expected = torch.sigmoid(network(images)).numpy()
    assert np.allclose(predictor.probabilities(images.numpy()), expected, atol=EXPORT_TOLERANCE)


def test_outlines_follow_the_slice_pixel_by_pixel():
    # the ResNet's finest map has half the size: what tells two neighbouring pixels apart comes by the rim
    network = build_network("resnet18_unet", inputs=1, outputs=1, size=32).eval()
    images = torch.zeros(2, 1, 32, 32)
    images[1, 0, 10, 10] = 1.0
    with torch.no_grad():
        maps = network.rim(images)
    assert float((maps[1] - maps[0])[:, 10, 10].abs().max()) > float((maps[1] - maps[0])[:, 10, 14].abs().max())


def test_parameters_are_as_designed():
    counts = {name: count_parameters(build_network(name, inputs=3, outputs=1, size=256)) for name in NETWORKS}
    assert counts["unet"] == 5_155_876
    assert counts["unet_light"] == 1_290_388
    assert counts["unet_large"] > 20_000_000
    assert counts["attention_unet"] == 1_987_705
    # encoder (see test_pretrained) and decoder
    assert counts["vgg16_unet"] - 14_714_688 < 5_000_000
    assert counts["resnet18_unet"] - 11_176_512 == counts["resnet34_unet"] - 21_284_672 < 5_000_000


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
    network = build_network("attention_unet", inputs=1, outputs=1, size=96)
    before = [parameter.clone() for parameter in network.parameters()]
    statistics = [buffer.clone() for buffer in network.buffers()]
    pick_precision("auto", torch.device("cpu"), network, torch.randn(2, 1, 96, 96))
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.grad is None
    assert statistics
    for old, new in zip(statistics, network.buffers(), strict=True):
        assert torch.equal(old, new)


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
