"""A thousand random annotations through every format (``make soak``)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from exchange_support import CHECKS, check_reader, random_item, random_labels

SEED = int(os.environ.get("MENINX_SEED", "20261121"))
ROUNDS = 1_000


@pytest.mark.soak
@pytest.mark.parametrize("format", sorted(CHECKS))
def test_thousand_random_annotations(tmp_path: Path, format: str) -> None:
    for number in range(ROUNDS):
        random = np.random.default_rng((SEED, 7, number))
        item = random_item(random, random_labels(random))
        CHECKS[format](item, tmp_path / "out")
        check_reader(item, tmp_path / "out", format)
