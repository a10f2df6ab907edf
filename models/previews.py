"""Pictures of pinned validation slices while a network learns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.io import atomic
from core.late import cv2
from core.learning.dataset import TrainingSet
from core.learning.events import Sample
from core.learning.prepare_fit import UNKNOWN
from core.learning.runs import SAMPLES_FOLDER
from core.volume import fitting_levels

PINNED = 4
FILL = 0.35
OUTLINE_UPSCALE = 2
"""Pictures are drawn at twice the size, so that the outline is thin beside what it outlines."""


def pin_examples(data: TrainingSet, examples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Choose up to four examples: the fullest slice of each of several scans, else the fullest there are."""
    by_scan: dict[int, list[int]] = {}
    for example in examples[np.argsort(-data.amounts[examples], kind="stable")]:
        by_scan.setdefault(int(data.scan_of[example]), []).append(int(example))
    scans = sorted(by_scan)
    chosen: list[int] = []
    rank = 0
    while len(chosen) < min(PINNED, len(examples)):
        # scans evenly spread; with fewer than four scans their next slices, well apart from the first
        picks = [by_scan[scan] for scan in scans if rank < len(by_scan[scan])]
        step = max(1.0, len(picks) / (PINNED - len(chosen)))
        for number in range(min(len(picks), PINNED - len(chosen))):
            chosen.append(picks[int(number * step)][rank])
        rank += 1
    return np.array(sorted(chosen), dtype=np.int64)


def draw_samples(
    folder: Path,
    epoch: int,
    data: TrainingSet,
    examples: NDArray[np.int64],
    predicted: Sequence[NDArray[np.uint8]],
    colors: Sequence[str],
) -> tuple[Sample, ...]:
    """Write one PNG per pinned example and return what they show.

    Parameters
    ----------
    folder
        The run's folder; files are ``samples/epoch-0003-0.png``.
    predicted
        For each example ``[labels, size, size]``, 0/1.
    colors
        ``#rrggbb`` of each label.
    """
    atomic.make_folder(folder / SAMPLES_FOLDER)
    samples = []
    for number, (example, mask) in enumerate(zip(examples, predicted, strict=True)):
        middle = data.images[data.stacks[example][data.stacks.shape[1] // 2]]
        truth = (data.masks[example] == 1).astype(np.uint8)
        picture = compose(middle.astype(np.float32), truth, mask, colors)
        file = f"{SAMPLES_FOLDER}/epoch-{epoch:04d}-{number}.png"
        done, encoded = cv2.imencode(".png", picture)
        if done:
            atomic.write_bytes(folder / file, encoded.tobytes())
        seen = (data.masks[example] != UNKNOWN) & data.known[example][:, None, None]
        dice = _dice(truth[seen], mask[seen])
        scan = data.scans[int(data.scan_of[example])]
        samples.append(Sample(scan.name, int(data.slice_of[example]), dice, file))
    return tuple(samples)


def compose(
    grey: NDArray[np.float32], truth: NDArray[np.uint8], predicted: NDArray[np.uint8], colors: Sequence[str]
) -> NDArray[np.uint8]:
    """Return ``[2 size, 2 size, 3]`` BGR: grey slice, predicted fill, true outline in each label's colour."""
    low, high = fitting_levels(grey[None])
    unit = np.clip((grey - low) / max(high - low, 1e-6), 0, 1)
    size = (grey.shape[1] * OUTLINE_UPSCALE, grey.shape[0] * OUTLINE_UPSCALE)
    large = cv2.resize((unit * 255).astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
    picture = cv2.cvtColor(large, cv2.COLOR_GRAY2BGR).astype(np.float32)
    for label, color in enumerate(colors):
        bgr = np.array([int(color[start : start + 2], 16) for start in (5, 3, 1)], dtype=np.float32)
        fill = cv2.resize(predicted[label], size, interpolation=cv2.INTER_NEAREST) > 0
        picture[fill] = (1 - FILL) * picture[fill] + FILL * bgr
        outline = cv2.resize(truth[label], size, interpolation=cv2.INTER_NEAREST)
        found, _ = cv2.findContours(outline, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, found, -1, tuple(float(value) for value in bgr), 1)
    return np.asarray(picture.round(), dtype=np.uint8)


def _dice(truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> float:
    both = int(np.count_nonzero(truth & predicted))
    total = int(np.count_nonzero(truth)) + int(np.count_nonzero(predicted))
    return 2 * both / total if total else -1.0
