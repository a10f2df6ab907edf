"""Networks that say yes or no of a whole slice, and where on it they see a yes.

The head is one number per place: how much it speaks for yes (Zhou et al. 2016, "Learning Deep Features for
Discriminative Localization"). One place that is sure is enough for a slice, as small as what it sees may be; so the
slice's number is no plain mean but the smooth maximum of Pinheiro and Collobert 2015 ("From Image-level to Pixel-level
Labeling with Convolutional Networks"). The map before it is the class-activation picture, exactly.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from models.networks.encoders import VGG16, VGG16BN

LIGHT = (16, 32, 64, 128, 192)
DROPOUT = 0.3
SHARPNESS = 4.0
"""Between the mean of all places (0) and the highest of them (infinite)."""


class Classifier(nn.Module):
    """An encoder, one number per place of its deepest map, and what follows for the slice.

    Parameters
    ----------
    encoder
        ``[n, inputs, h, w]`` to ``[n, width, h', w']``.
    width, outputs
        Channels.

    Attributes
    ----------
    encoder
        Takes pretrained weights, and may be frozen.
    """

    def __init__(self, encoder: nn.Module, width: int, outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout2d(DROPOUT)
        self.head = nn.Conv2d(width, outputs, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        if self.head.bias is not None:
            nn.init.zeros_(self.head.bias)

    def maps(self, slices: Tensor) -> Tensor:
        """Return how much each place speaks for yes, ``[n, outputs, h', w']``; :func:`pooled` makes the logit of it."""
        features = self.encoder(slices)
        deepest = features[-1] if isinstance(features, list) else features
        found: Tensor = self.head(self.dropout(deepest))
        return found

    def forward(self, slices: Tensor) -> Tensor:
        """Return logits ``[n, outputs, 1, 1]``."""
        return pooled(self.maps(slices))


def pooled(maps: Tensor) -> Tensor:
    """Return the logits ``[n, outputs, 1, 1]`` of maps ``[n, outputs, h', w']``: the log of their mean exponential."""
    maps = maps.float()
    highest = maps.amax(dim=(2, 3), keepdim=True)
    above = torch.exp(SHARPNESS * (maps - highest)).mean(dim=(2, 3), keepdim=True)
    return highest + torch.log(above) / SHARPNESS


def build_classifier(name: str, inputs: int, outputs: int) -> Classifier:
    """Build a classifier (:data:`core.learning.config.CLASSIFIERS`) with fresh weights."""
    if name == "cnn_light":
        return Classifier(_light(inputs), LIGHT[-1], outputs)
    encoder = VGG16(inputs) if name == "vgg16" else VGG16BN(inputs)
    return Classifier(encoder, encoder.widths[-1], outputs)


def _light(inputs: int) -> nn.Module:
    """Five levels of two convolutions, normalised in groups: small batches and averaged weights see the same."""
    levels: OrderedDict[str, nn.Module] = OrderedDict()
    channels = inputs
    for number, width in enumerate(LIGHT):
        parts: list[nn.Module] = []
        for step in range(2):
            stride = 2 if step == 0 and number else 1
            parts += [
                nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
                nn.GroupNorm(8, width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        levels[f"level{number}"] = nn.Sequential(*parts)
    for module in levels.values():
        for inner in module.modules():
            if isinstance(inner, nn.Conv2d):
                nn.init.kaiming_normal_(inner.weight, nonlinearity="relu")
    return nn.Sequential(levels)
