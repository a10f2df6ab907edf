"""The loop of MONAI's tutorials: dict transforms, cached files, DataLoader, DiceCE, Adam. No learning of ours."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader, PILReader
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from monai.transforms import (
    AsDiscreted,
    Compose,
    EnsureChannelFirstd,
    EnsureTyped,
    LoadImaged,
    NormalizeIntensityd,
    RandAffined,
    RandFlipd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    Resized,
    ScaleIntensityd,
)
from numpy.typing import NDArray
from torch import nn

from core.io import atomic

KEYS = ("image", "mask")


def read_transforms(size: int) -> list[Any]:
    """Return what brings a picture and its mask into memory."""
    return [
        LoadImaged(KEYS, reader=PILReader(_grey, reverse_indexing=False), image_only=True),
        EnsureChannelFirstd(KEYS, channel_dim="no_channel"),
        Resized(KEYS, (size, size), mode=("bilinear", "nearest")),
        ScaleIntensityd("mask"),
        AsDiscreted("mask", threshold=0.5),
        NormalizeIntensityd("image", nonzero=True),
        EnsureTyped(KEYS),
    ]


def _grey(picture: Any) -> Any:
    """Lossless WebP knows no grey pictures: three equal channels come back."""
    return picture.convert("L")


def random_transforms() -> list[Any]:
    """Return the variations of MONAI's segmentation tutorials, in two dimensions."""
    return [
        RandFlipd(KEYS, prob=0.5, spatial_axis=1),
        RandAffined(
            KEYS,
            prob=0.5,
            rotate_range=0.26,
            scale_range=0.2,
            translate_range=10,
            mode=("bilinear", "nearest"),
            padding_mode="border",
        ),
        RandScaleIntensityd("image", factors=0.1, prob=0.5),
        RandShiftIntensityd("image", offsets=0.1, prob=0.5),
    ]


def plain_network() -> nn.Module:
    """Return the U-Net of MONAI's own examples."""
    network: nn.Module = UNet(2, 1, 1, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)
    return network


@dataclass
class Files:
    """Pictures with their masks; ``check`` by patient."""

    train: Sequence[tuple[Path, Path]]
    check: Sequence[Sequence[tuple[Path, Path]]]


def _items(pairs: Sequence[tuple[Path, Path]]) -> list[dict[str, str]]:
    return [{"image": str(image), "mask": str(mask)} for image, mask in pairs]


def _pictures(pairs: Sequence[tuple[Path, Path]], size: int) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    read = Compose(read_transforms(size))
    items = [read(item) for item in _items(pairs)]
    images = torch.stack([torch.as_tensor(item["image"]) for item in items]).float()
    return images, np.stack([np.asarray(item["mask"][0]) > 0 for item in items])


@torch.no_grad()
def probabilities(network: nn.Module, images: torch.Tensor, batch: int = 8) -> NDArray[np.float32]:
    """Return ``[n, size, size]``."""
    network.eval()
    parts = [torch.sigmoid(network(images[start : start + batch]))[:, 0] for start in range(0, len(images), batch)]
    return torch.cat(parts).float().numpy()


def train(
    files: Files,
    *,
    size: int,
    batch: int,
    slices: int,
    rounds: int,
    seed: int,
    told: Callable[[int, float], None],
    keep: Path,
) -> nn.Module:
    """Train until so many slices were seen; the round of the best mean Dice per checked patient is kept.

    Each round draws its slices anew from a seed of its own: broken off and gone on with, it ends the same.

    Parameters
    ----------
    slices, rounds
        Slices seen in all, and how often it is checked on the way.
    told
        Hears (round, Dice).
    keep
        File that holds where it is; one that is there is gone on with.
    """
    from monai.utils import set_determinism

    set_determinism(seed)
    data = CacheDataset(_items(files.train), Compose([*read_transforms(size), *random_transforms()]), progress=False)
    network = plain_network()
    loss_of = DiceCELoss(sigmoid=True)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    checked = [_pictures(pairs, size) for pairs in files.check]
    best, kept, done = -1.0, {name: value.clone() for name, value in network.state_dict().items()}, 0
    if keep.is_file():
        state = torch.load(keep, weights_only=True)
        best, kept, done = state["best"], state["kept"], state["round"]
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
    for number in range(done + 1, rounds + 1):
        set_determinism(1000 * seed + number)
        # a loader takes its seed when it is made
        loader = DataLoader(data, batch_size=batch, shuffle=True, num_workers=0, drop_last=True)
        network.train()
        for found in islice(_for_ever(loader), round(slices / rounds / batch)):
            optimizer.zero_grad()
            loss = loss_of(network(torch.as_tensor(found["image"])), torch.as_tensor(found["mask"]))
            loss.backward()
            optimizer.step()
        scores = []
        for images, truth in checked:
            mask = probabilities(network, images) >= 0.5
            total = np.count_nonzero(mask) + np.count_nonzero(truth)
            scores.append(2 * np.count_nonzero(mask & truth) / total if total else 1.0)
        mean = float(np.mean(scores))
        told(number, mean)
        if mean > best:
            best, kept = mean, {name: value.clone() for name, value in network.state_dict().items()}
        state = {"best": best, "kept": kept, "round": number, "network": network.state_dict()}
        buffer = io.BytesIO()
        torch.save({**state, "optimizer": optimizer.state_dict()}, buffer)
        atomic.write_bytes(keep, buffer.getvalue())
    network.load_state_dict(kept)
    return network


def predict(network: nn.Module, pairs: Sequence[tuple[Path, Path]], size: int, shape: tuple[int, int]) -> NDArray[Any]:
    """Return the probability of a patient's slices on their own grid ``[z, y, x]``."""
    images, _ = _pictures(pairs, size)
    found = torch.from_numpy(probabilities(network, images))[:, None]
    return nn.functional.interpolate(found, size=shape, mode="bilinear", align_corners=False)[:, 0].numpy()


def _for_ever(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader
