"""Training speed: our loop against the loop of MONAI's tutorials, same network, same slices, same batch.

Run alone on a quiet machine: ``pytest tests/bench/test_bench_training.py -s``. Every way trains the same
number of slices in turns with the others, so that what else the computer does falls on all of them;
the best turn of each counts. Figures go to docs/benchmarks.md. ``MENINX_BENCH_SLICES`` (slices per turn)
and ``MENINX_BENCH_TURNS`` make it shorter.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.losses import DiceCELoss
from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandAffined,
    RandFlipd,
    RandGaussianNoised,
    RandScaleIntensityd,
    ToTensord,
)

from core.learning.config import TrainingConfig
from core.learning.dataset import TrainingSet
from models.device import autocast
from models.learner import Learner
from models.networks.registry import build_network

SIZE, BATCH, CHANNELS = 192, 8, 3
SLICES = int(os.environ.get("MENINX_BENCH_SLICES", "96"))
TURNS = int(os.environ.get("MENINX_BENCH_TURNS", "4"))
BAR_FLOAT, BAR_HALF = 1.5, 0.95
"""Our rate over that of the plain loop in float32 (where bfloat16 pays), and in bfloat16."""


def bfloat16_pays() -> bool:
    """Whether the processor computes bfloat16 by itself."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def slices() -> TrainingSet:
    random = np.random.default_rng(0)
    images = random.standard_normal((SLICES + 2, SIZE, SIZE)).astype(np.float16)
    masks = np.zeros((SLICES, 1, SIZE, SIZE), dtype=np.uint8)
    masks[::2, :, 60:110, 70:120] = 1
    return TrainingSet(
        labels=("Tumour",),
        images=images,
        stacks=np.stack([np.arange(SLICES) + offset for offset in range(CHANNELS)], axis=1).astype(np.int32),
        masks=masks,
        known=np.ones((SLICES, 1), dtype=bool),
        amounts=masks.mean(axis=(1, 2, 3)).astype(np.float32),
        scan_of=np.zeros(SLICES, dtype=np.int32),
        slice_of=np.arange(SLICES, dtype=np.int32),
        scans=(None,),
    )


def ours(data: TrainingSet) -> Callable[[], None]:
    """Our learner: sampling, augmentation, deep supervision, average weights, scores and all."""
    config = TrainingConfig(labels=data.labels, size=SIZE, slices=CHANNELS, batch=BATCH, steps=SLICES // BATCH)
    learner = Learner(config, data, np.arange(SLICES))
    learner.begin()
    learner.probe()
    number = 0

    def turn() -> None:
        nonlocal number
        number += 1
        learner.begin_epoch(number)
        while learner.steps_left():
            learner.step(0.5)

    print(f"ours in {learner.precision}")  # noqa: T201
    return turn


def plain(data: TrainingSet, precision: torch.dtype) -> Callable[[], None]:
    """The tutorials' loop: dict transforms in two loading processes, DiceCE, Adam, the loss read at each step."""
    items = [
        {"image": stack, "mask": mask.astype(np.float32)}
        for stack, mask in zip(data.images[data.stacks].astype(np.float32), data.masks, strict=True)
    ]
    both = ("image", "mask")
    varied = Compose(
        [
            ToTensord(both),
            RandFlipd(both, prob=0.5, spatial_axis=1),
            RandAffined(both, prob=0.5, rotate_range=0.26, scale_range=0.25, mode=("bilinear", "nearest")),
            RandGaussianNoised("image", prob=0.15, std=0.1),
            RandScaleIntensityd("image", factors=0.25, prob=0.3),
            RandAdjustContrastd("image", prob=0.3, gamma=(0.7, 1.5)),
        ]
    )
    loader = DataLoader(
        Dataset(items, varied), batch_size=BATCH, shuffle=True, num_workers=2, persistent_workers=True, drop_last=True
    )
    torch.manual_seed(0)
    network = build_network("unet", inputs=CHANNELS, outputs=1, size=SIZE)
    optimizer, loss_of = torch.optim.Adam(network.parameters(), 1e-3), DiceCELoss(sigmoid=True)
    shares = [0.5**head for head in range(4)]

    def turn() -> None:
        network.train()
        total = 0.0
        for batch in loader:
            images, masks = torch.as_tensor(batch["image"]), torch.as_tensor(batch["mask"])
            optimizer.zero_grad()
            with autocast(torch.device("cpu"), precision):
                output = network(images).float()
            heads = zip(shares, output.unbind(1), strict=False)
            loss = torch.stack([share * loss_of(head, masks) for share, head in heads]).sum()
            loss.backward()
            optimizer.step()
            total += float(loss)
        assert np.isfinite(total)

    return turn


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


@pytest.mark.timeout(1800)
def test_training_rate(threads):
    data = slices()
    ways = {
        "ours": ours(data),
        "plain float32": plain(data, torch.float32),
        "plain bfloat16": plain(data, torch.bfloat16),
    }
    best = dict.fromkeys(ways, 0.0)
    for turn in range(TURNS + 1):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            rate = SLICES / (time.perf_counter() - started)
            if turn:
                # the first turn starts processes and warms up
                best[name] = max(best[name], rate)
    of = {name: best["ours"] / rate for name, rate in best.items()}
    print(  # noqa: T201
        f"U-Net, {SIZE} px, batch {BATCH}, {torch.get_num_threads()} threads: "
        + ", ".join(f"{name} {rate:.1f} slices/s" for name, rate in best.items())
        + f"; ours is {of['plain float32']:.2f} x float32, {of['plain bfloat16']:.2f} x bfloat16"
    )
    if bfloat16_pays():
        assert of["plain float32"] >= BAR_FLOAT
        assert of["plain bfloat16"] >= BAR_HALF
    else:
        assert of["plain float32"] >= BAR_HALF
