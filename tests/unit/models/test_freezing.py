import copy

import pytest
import torch
from learning_project import disc_project
from torch import nn

from core.errors import LearningError
from core.learning import runs
from core.learning.config import NETWORKS, TrainingConfig
from core.messages import sentence
from models.losses import find_loss, supervised_loss
from models.networks.freezing import encoder_modules, freeze_encoder
from models.networks.registry import build_network, count_parameters
from models.trainer import train_job


def learn(network: nn.Module, steps: int = 2) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.1)
    random = torch.Generator().manual_seed(1)
    for _ in range(steps):
        network.train()
        images = torch.randn(2, 3, 32, 32, generator=random)
        masks = (torch.rand(2, 1, 32, 32, generator=random) < 0.3).to(torch.uint8)
        loss = supervised_loss(find_loss("dice_ce"), network(images), masks, torch.ones(2, 1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in ("unet_large", "resnet34_unet")])
def test_a_frozen_encoder_stays_bit_for_bit_while_the_decoder_learns(name):
    torch.manual_seed(0)
    network = build_network(name, inputs=3, outputs=1, size=32)
    modules = encoder_modules(network, name)
    inside = {id(value) for module in modules for value in [*module.parameters(), *module.buffers()]}
    frozen = freeze_encoder(network, name)
    assert frozen == sum(p.numel() for p in network.parameters() if id(p) in inside)
    assert 0.2 < frozen / count_parameters(network) < 0.98
    copied = copy.deepcopy(network)
    for one in (network, copied):
        before = {key: value.clone() for key, value in one.state_dict().items()}
        frozen_ids = {
            id(value) for module in encoder_modules(one, name) for value in [*module.parameters(), *module.buffers()]
        }
        values = {**dict(one.named_parameters()), **dict(one.named_buffers())}
        learn(one)
        for key, value in values.items():
            if id(value) in frozen_ids:
                assert torch.equal(value, before[key]), key
        learnt = [key for key, value in one.named_parameters() if id(value) not in frozen_ids]
        changed = [key for key in learnt if not torch.equal(values[key], before[key])]
        # the bias in front of a norm has no gradient, so not every one moves
        assert len(changed) > 0.6 * len(learnt)
        assert all(not module.training for part in encoder_modules(one, name) for module in part.modules())
        assert one.training


def test_the_way_down_is_frozen_and_nothing_of_the_way_up():
    network = build_network("attention_unet", inputs=1, outputs=1, size=64)
    freeze_encoder(network, "attention_unet")
    for key, parameter in network.named_parameters():
        up = any(part in key for part in ("attention", "upconv", "merge")) or key.startswith("model.2")
        assert parameter.requires_grad == up, key
    network = build_network("unet_light", inputs=1, outputs=1, size=64)
    freeze_encoder(network, "unet_light")
    for key, parameter in network.named_parameters():
        down = key.startswith(("input_block", "downsamples", "bottleneck"))
        assert parameter.requires_grad != down, key


def test_a_network_of_unknown_build_is_refused():
    with pytest.raises(LearningError, match="setting-bad"):
        freeze_encoder(nn.Conv2d(1, 1, 3), "other")


def test_an_encoder_of_chance_is_not_frozen(tmp_path):
    with disc_project(tmp_path / "p.meninx", patients=3) as project:
        config = TrainingConfig(labels=("Tumour",), network="unet_light", size=32, freeze="encoder")
        with pytest.raises(LearningError) as caught:
            list(train_job(project.path, config))
        assert caught.value.code == "freeze-nothing"
        assert sentence(caught.value).count(".") == 1
        assert runs.list_runs(project) == []
