"""The networks on offer, by the name that stands in a run's settings."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from core.errors import LearningError
from core.learning.config import CLASSIFIERS, NETWORKS
from models.networks.attention_unet import build_attention_unet
from models.networks.classifier import build_classifier
from models.networks.pretrained_unet import build_pretrained_unet
from models.networks.unet import build_unet

_BUILDERS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "unet": lambda inputs, outputs, size: build_unet(inputs, outputs, size, features=16),
    "unet_light": lambda inputs, outputs, size: build_unet(inputs, outputs, size, features=8),
    "unet_large": lambda inputs, outputs, size: build_unet(inputs, outputs, size, features=32),
    "attention_unet": build_attention_unet,
    "vgg16_unet": lambda inputs, outputs, size: build_pretrained_unet("vgg16_unet", inputs, outputs),
    "resnet18_unet": lambda inputs, outputs, size: build_pretrained_unet("resnet18_unet", inputs, outputs),
    "resnet34_unet": lambda inputs, outputs, size: build_pretrained_unet("resnet34_unet", inputs, outputs),
}


def build_network(name: str, *, inputs: int, outputs: int, size: int) -> nn.Module:
    """Build a network with fresh weights (drawn from torch's generator).

    Parameters
    ----------
    name
        One of :data:`core.learning.config.NETWORKS` or :data:`core.learning.config.CLASSIFIERS`.
    inputs, outputs
        Channels of what goes in (neighbouring slices), labels learnt.
    size
        Rows and columns of a slice.

    Raises
    ------
    LearningError
        ``setting-bad`` for an unknown name.
    """
    if name in CLASSIFIERS:
        return build_classifier(name, inputs, outputs)
    if name not in _BUILDERS:
        raise LearningError("setting-bad", name="network", allowed=", ".join(NETWORKS))
    return _BUILDERS[name](inputs, outputs, size)


def count_parameters(network: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())
