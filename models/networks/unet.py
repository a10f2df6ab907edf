"""The U-Net: MONAI's DynUNet with instance norm and deep supervision."""

from __future__ import annotations

from monai.networks.nets import DynUNet
from torch import nn

MOST_LEVELS = 6
SMALLEST_EDGE = 4
"""A slice is not halved below this many rows: instance norm needs more than one pixel."""
MOST_HEADS = 3
"""Deep supervision heads below the full-resolution one."""


def levels_for(size: int) -> int:
    """Return how many resolutions a slice of ``size`` rows allows, at most :data:`MOST_LEVELS`."""
    levels = 1
    while levels < MOST_LEVELS and size % 2 == 0 and size // 2 >= SMALLEST_EDGE:
        size //= 2
        levels += 1
    return levels


def build_unet(inputs: int, outputs: int, size: int, *, features: int) -> nn.Module:
    """Build a U-Net.

    In training it returns ``[n, heads, outputs, size, size]`` logits (the first head is the full
    resolution, all are brought to it), in evaluation ``[n, outputs, size, size]``.

    Parameters
    ----------
    inputs, outputs
        Channels.
    size
        Rows and columns of a slice, a multiple of 32.
    features
        Channels of the first level; doubled per level up to 16 times.
    """
    levels = levels_for(size)
    network: nn.Module = DynUNet(
        spatial_dims=2,
        in_channels=inputs,
        out_channels=outputs,
        kernel_size=[3] * levels,
        strides=[1] + [2] * (levels - 1),
        upsample_kernel_size=[2] * (levels - 1),
        filters=[features * min(2**level, 16) for level in range(levels)],
        norm_name=("INSTANCE", {"affine": True}),
        deep_supervision=True,
        deep_supr_num=max(1, min(MOST_HEADS, levels - 2)),
    )
    return network
