"""Leaving a network's encoder as it is while the rest learns."""

from __future__ import annotations

from functools import partial

from monai.networks.nets import AttentionUnet, DynUNet
from torch import nn

from core.errors import LearningError
from models.networks.classifier import Classifier
from models.networks.pretrained_unet import PretrainedUNet


def encoder_modules(network: nn.Module, name: str) -> list[nn.Module]:
    """Return the modules of a network's encoder: what goes down, with the level at the bottom.

    Parameters
    ----------
    network
        From :func:`models.networks.registry.build_network`.
    name
        Its name, for the sentence if it has none.

    Raises
    ------
    LearningError
        ``setting-bad`` for a network whose encoder is not known here.
    """
    if isinstance(network, (PretrainedUNet, Classifier)):
        return [network.encoder]
    if isinstance(network, DynUNet):
        return [network.input_block, network.downsamples, network.bottleneck]
    if isinstance(network, AttentionUnet):
        return _nested_encoder(network)
    raise LearningError("setting-bad", name="freeze", allowed=f"none for {name}")


def freeze_encoder(network: nn.Module, name: str) -> int:
    """Keep the encoder's weights as they are, whatever is learnt from now on.

    Its parameters take no gradient, and its layers stay in evaluation even in ``train()``, so
    that the running statistics of a batch norm do not move either. To be called once the
    weights are loaded; copies of the network are frozen as well.

    Parameters
    ----------
    network, name
        As :func:`encoder_modules`.

    Returns
    -------
    int
        How many numbers are frozen.

    Raises
    ------
    LearningError
        As :func:`encoder_modules`.
    """
    frozen = 0
    for module in encoder_modules(network, name):
        for parameter in module.parameters():
            parameter.requires_grad_(False)
            frozen += parameter.numel()
        module.eval()
        for inner in module.modules():
            # each by itself, for DynUNet holds its blocks a second time elsewhere; an attribute of the
            # module is found before its class's method; partial, not a closure, because deepcopy
            # takes the module in it along to the copy
            inner.__dict__["train"] = partial(_stay, inner)
    return frozen


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:
    """Stand in for ``train()`` of a module that stays in evaluation."""
    return module


def _nested_encoder(network: nn.Module) -> list[nn.Module]:
    """Return the encoder of MONAI's Attention U-Net, whose levels lie in one another.

    ``model`` is (first block, level, last convolution); a level's ``submodule`` is (block on the
    way down, next level), or at the bottom the block alone.
    """
    first, level, _last = network.get_submodule("model").children()
    found = [first]
    while True:
        inner = level.get_submodule("submodule")
        if not isinstance(inner, nn.Sequential) or len(inner) != 2 or not hasattr(inner[1], "submodule"):
            return [*found, inner]
        found.append(inner[0])
        level = inner[1]
