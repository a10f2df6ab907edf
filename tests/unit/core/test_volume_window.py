"""The grey levels a scan opens with: bright fat at the rim must not darken what is inside."""

from __future__ import annotations

import numpy as np

from core.geometry import Geometry
from core.volume import Volume, auto_window


def head(*, fat: float, lesion: float = 0.0, slices: int = 12) -> Volume:
    """A ball of tissue (400) under a rim of fat, in noisy air."""
    random = np.random.default_rng(7)
    z, y, x = np.mgrid[:slices, :96, :96].astype(np.float32)
    radius = np.sqrt(((z - slices / 2) / (slices * 0.7)) ** 2 + ((y - 48) / 40) ** 2 + ((x - 48) / 34) ** 2)
    values = np.abs(random.normal(0, 4, radius.shape))
    values[radius < 1] = fat
    values[radius < 0.85] = 400 + random.normal(0, 20, radius.shape)[radius < 0.85]
    if lesion:
        values[(y - 40) ** 2 + (x - 44) ** 2 + 4 * (z - slices / 2) ** 2 < 64] = lesion
    return Volume(values.astype(np.float32), Geometry(radius.shape, np.diag([1.0, 1.0, 3.0, 1.0])), modality="MR")


def test_fat_at_the_rim_does_not_darken_the_brain():
    window = auto_window(head(fat=1600))
    assert 440 < window.high < 700, "fat may be white, tissue must not be dark"
    assert window.low < 40


def test_a_bright_lesion_inside_is_not_cut_off():
    assert auto_window(head(fat=1600, lesion=900)).high >= 900


def test_without_bright_fat_little_changes():
    assert 380 < auto_window(head(fat=300)).high < 520


def test_a_scan_of_one_value_and_one_of_nothing_are_shown():
    geometry = Geometry((1, 8, 8), np.eye(4))
    for array in (np.zeros((1, 8, 8), np.uint8), np.full((1, 8, 8), np.nan, np.float32), np.full((1, 8, 8), 7)):
        window = auto_window(Volume(array, geometry))
        assert np.isfinite([window.low, window.high]).all()
        assert window.width > 0
