"""The Attention U-Net (gates on the skips), as MONAI has it."""

from __future__ import annotations

from monai.networks.nets import AttentionUnet
from torch import nn

from models.networks.unet import levels_for


def build_attention_unet(inputs: int, outputs: int, size: int) -> nn.Module:
    """Build an Attention U-Net: ``[n, inputs, size, size]`` to logits ``[n, outputs, size, size]``."""
    levels = min(5, levels_for(size))
    network: nn.Module = AttentionUnet(
        spatial_dims=2,
        in_channels=inputs,
        out_channels=outputs,
        channels=[16 * 2**level for level in range(levels)],
        strides=[2] * (levels - 1),
    )
    return network
