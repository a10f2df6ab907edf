"""Masks that leave are, to the voxel, what was drawn: read back by what did not write them, and by our readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exchange_support import CHECKS, check_reader, random_item, random_labels

SEED = 20261121
ROUNDS = 50


@pytest.mark.parametrize("format", sorted(CHECKS))
def test_fifty_random_annotations(tmp_path: Path, format: str) -> None:
    overlapping = unfinished = 0
    for number in range(ROUNDS):
        random = np.random.default_rng((SEED, number))
        item = random_item(random, random_labels(random))
        folder = tmp_path / "out"
        CHECKS[format](item, folder)
        check_reader(item, folder, format)
        overlapping += bool((np.sum([*item.masks.values()], axis=0) > 1).any())
        unfinished += any(len(slices) < item.volume.shape[0] for slices in item.finished.values())
    assert overlapping > 5, "the masks are not as hard as they should be"
    assert unfinished > 20
