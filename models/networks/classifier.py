"""Networks that say yes or no of a whole slice, and where on it they see a yes.

The head is one number per place, averaged over the slice (Zhou et al. 2016, "Learning Deep Features for
Discriminative Localization"): the map before averaging is the class-activation picture, exactly.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from models.networks.encoders import VGG16, VGG16BN

LIGHT = (16, 32, 64, 128, 192)
DROPOUT = 0.3


class Classifier(nn.Module):
    """An encoder, one number per place of its deepest map, and their mean.

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
        """Return how much each place speaks for yes, ``[n, outputs, h', w']``; the mean is the logit."""
        features = self.encoder(slices)
        deepest = features[-1] if isinstance(features, list) else features
        found: Tensor = self.head(self.dropout(deepest))
        return found

    def forward(self, slices: Tensor) -> Tensor:
        """Return logits ``[n, outputs, 1, 1]``."""
        return self.maps(slices).mean(dim=(2, 3), keepdim=True)


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
