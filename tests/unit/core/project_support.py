"""A scan whose place in space can be told from any other."""

from __future__ import annotations

import numpy as np

from core.geometry import Geometry
from core.volume import Volume

AFFINE = np.array([[-0.5, 0, 0, 90.5], [0, 0.6, 0, -120.25], [0, 0, 3.0, -40.0], [0, 0, 0, 1]])


def head(shape: tuple[int, int, int] = (5, 20, 16), seed: int = 0) -> Volume:
    array = np.random.default_rng(seed).integers(-100, 1500, shape).astype(np.int16)
    return Volume(array, Geometry(shape, AFFINE), modality="MR")
