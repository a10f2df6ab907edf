"""Encoders that take ImageNet weights: VGG16 and ResNet 18 / 34, in torchvision's names.

The layers are written out here (torchvision cannot be installed beside every torch), but
every parameter and buffer is called what torchvision calls it, so that the usual files of
weights fit. Feature maps come out from the finest to the coarsest.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

VGG16_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Features of the convolutions between two poolings (Simonyan and Zisserman 2014, configuration D)."""
RESNET_STAGES = (64, 128, 256, 512)
RESNET_BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
"""Basic blocks of the four stages (He et al. 2015, table 1)."""


class Encoder(nn.Module):
    """A network that halves a picture step by step; called, it returns its feature maps.

    Attributes
    ----------
    first
        Name of the first convolution's weight, the one that depends on the number of inputs.
    widths, strides
        Channels of each feature map, and by how much it is smaller than the picture; finest first.
    """

    first: ClassVar[str]
    widths: ClassVar[tuple[int, ...]]
    strides: ClassVar[tuple[int, ...]]


class VGG16(Encoder):
    """VGG16 without its last pooling and its classifier: ``features.0`` to ``features.28``.

    Parameters
    ----------
    inputs
        Channels of the picture.
    """

    first = "features.0.weight"
    widths = tuple(block[-1] for block in VGG16_BLOCKS)
    strides = (1, 2, 4, 8, 16)
    normed: ClassVar[bool] = False

    def __init__(self, inputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        ends = []
        channels = inputs
        for block in VGG16_BLOCKS:
            if layers:
                layers.append(nn.MaxPool2d(2))
            for width in block:
                layers.append(nn.Conv2d(channels, width, 3, padding=1))
                layers += [BatchNorm(width)] if self.normed else []
                layers.append(nn.ReLU(inplace=True))
                channels = width
            ends.append(len(layers) - 1)
        # a layer's number is its name: convolutions 0, 2, 5, 7, 10, ... 28
        self.features = nn.Sequential(*layers)
        self._ends = frozenset(ends)
        _initialise(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of ``[n, inputs, h, w]``, each ``[n, widths, h / stride, w / stride]``."""
        maps = []
        for number, layer in enumerate(self.features):
            images = layer(images)
            if number in self._ends:
                maps.append(images)
        return maps


class VGG16BN(VGG16):
    """VGG16 with a batch norm after each convolution: ``features.0`` to ``features.42``, as torchvision counts."""

    normed = True


class ResNet(Encoder):
    """ResNet of basic blocks without its classifier.

    Parameters
    ----------
    name
        ``resnet18`` or ``resnet34``.
    inputs
        Channels of the picture.
    """

    first = "conv1.weight"
    widths = (64, *RESNET_STAGES)
    strides = (2, 4, 8, 16, 32)

    def __init__(self, name: str, inputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, RESNET_STAGES[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = BatchNorm(RESNET_STAGES[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = RESNET_STAGES[0]
        for number, (width, blocks) in enumerate(zip(RESNET_STAGES, RESNET_BLOCKS[name], strict=True)):
            stage = [_Block(channels, width, stride=1 if number == 0 else 2)]
            stage += [_Block(width, width, stride=1) for _ in range(blocks - 1)]
            self.add_module(f"layer{number + 1}", nn.Sequential(*stage))
            channels = width
        _initialise(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps of ``[n, inputs, h, w]``, each ``[n, widths, h / stride, w / stride]``."""
        maps = [self.relu(self.bn1(self.conv1(images)))]
        images = self.maxpool(maps[0])
        for number in range(len(RESNET_STAGES)):
            images = self.get_submodule(f"layer{number + 1}")(images)
            maps.append(images)
        return maps


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that takes a single pixel as well: there its running statistics stand in.

    One slice of 32 x 32 is a single pixel at the bottom, whose own mean would leave nothing of it.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Normalise ``[n, c, h, w]``."""
        if self.training and values.shape[0] * values.shape[2] * values.shape[3] == 1:
            return functional.batch_norm(
                values, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        return super().forward(values)


class _Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = BatchNorm(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = BatchNorm(width)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, width, 1, stride=stride, bias=False), BatchNorm(width))

    def forward(self, values: Tensor) -> Tensor:
        """Return ``[n, width, h / stride, w / stride]``."""
        shortcut = values if self.downsample is None else self.downsample(values)
        inner = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(values)))))
        result: Tensor = self.relu(inner + shortcut)
        return result


def _initialise(encoder: nn.Module) -> None:
    """Draw weights that keep the spread of values through the layers (He et al. 2015)."""
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
