"""A thousand random annotations through Label Studio and COCO (``make soak``)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from exchange_support import random_item, random_labels
from exchange_text_support import TEXT_CHECKS, check_slices

SEED = int(os.environ.get("MENINX_SEED", "20261121"))
ROUNDS = 1_000


@pytest.mark.soak
@pytest.mark.parametrize("format", sorted(TEXT_CHECKS))
def test_thousand_random_annotations(tmp_path: Path, format: str) -> None:
    for number in range(ROUNDS):
        random = np.random.default_rng((SEED, 7, number))
        item = random_item(random, random_labels(random))
        TEXT_CHECKS[format](item, tmp_path / "out")
        check_slices(item, tmp_path / "out", format)
