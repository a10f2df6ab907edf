"""U-Nets whose encoder is a known network, so that its ImageNet weights can be the start."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.networks.encoders import VGG16, VGG16BN, Encoder, ResNet

NARROW, WIDEST = 16, 256
"""Features of the rim, and the most of a level of the decoder."""
SLOPE = 0.01


def build_encoder(name: str, inputs: int) -> Encoder:
    """Build the encoder of a network (``vgg16_unet``, ``resnet18_unet``, ``vgg16_bn``, ...) with fresh weights."""
    kind = name.removesuffix("_unet")
    if kind == "vgg16_bn":
        return VGG16BN(inputs)
    return VGG16(inputs) if kind == "vgg16" else ResNet(kind, inputs)


def build_pretrained_unet(name: str, inputs: int, outputs: int) -> PretrainedUNet:
    """Build a U-Net on an encoder of :func:`build_encoder`: ``[n, inputs, h, w]`` to logits ``[n, outputs, h, w]``."""
    return PretrainedUNet(build_encoder(name, inputs), inputs, outputs)


class PretrainedUNet(nn.Module):
    """A decoder with skips on an encoder.

    The decoder goes up by transposed convolutions (on a GPU their gradient is the same every
    time, that of bilinear upsampling is not) and normalises each slice by itself, so that the
    averaged weights and small batches see what was trained.

    Parameters
    ----------
    encoder
        What gives the feature maps.
    inputs, outputs
        Channels.

    Attributes
    ----------
    encoder
        Takes pretrained weights, and may be frozen; everything else is the decoder.
    """

    def __init__(self, encoder: Encoder, inputs: int, outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        skips = list(zip(encoder.widths, encoder.strides, strict=True))
        self.rim: nn.Module | None = None
        if encoder.strides[0] > 1:
            # the encoder's finest map is half the size: outlines would come out in steps of two pixels
            self.rim = _Convolution(inputs, NARROW)
            skips.insert(0, (NARROW, 1))
        self.rises = nn.ModuleList()
        below = skips[-1][0]
        finest = 2 * NARROW if self.rim is None else NARROW
        for level in reversed(range(len(skips) - 1)):
            width = min(WIDEST, finest * 2**level)
            self.rises.append(_Rise(below, skips[level][0], width))
            below = width
        self.head = nn.Conv2d(below, outputs, 1)
        for part in (self.rim, self.rises, self.head):
            if part is not None:
                _initialise(part)

    def forward(self, slices: Tensor) -> Tensor:
        """Return logits."""
        maps = self.encoder(slices)
        if self.rim is not None:
            maps.insert(0, self.rim(slices))
        values = maps.pop()
        for rise in self.rises:
            values = rise(values, maps.pop())
        logits: Tensor = self.head(values)
        return logits


class _Convolution(nn.Sequential):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            nn.InstanceNorm2d(width, affine=True),
            nn.LeakyReLU(SLOPE, inplace=True),
        )


class _Rise(nn.Module):
    """One level up: twice the size, joined with the encoder's map of that size."""

    def __init__(self, below: int, skip: int, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(below, width, 2, stride=2)
        self.join = nn.Sequential(_Convolution(width + skip, width), _Convolution(width, width))

    def forward(self, values: Tensor, skip: Tensor) -> Tensor:
        joined: Tensor = self.join(torch.cat([self.up(values), skip], dim=1))
        return joined


def _initialise(part: nn.Module) -> None:
    for module in part.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, a=SLOPE)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
