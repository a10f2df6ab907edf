from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from models.previews import draw_samples

UNKNOWN = 255


def test_a_preview_outlines_and_scores_only_what_is_known(tmp_path):
    masks = np.zeros((1, 1, 32, 32), dtype=np.uint8)
    masks[0, 0, :, 16:] = UNKNOWN
    masks[0, 0, 8:12, 8:12] = 1
    data = SimpleNamespace(
        images=np.zeros((1, 32, 32), dtype=np.float16),
        stacks=np.zeros((1, 1), dtype=np.int32),
        masks=masks,
        known=np.ones((1, 1), dtype=bool),
        scan_of=np.zeros(1, dtype=np.int32),
        slice_of=np.array([7], dtype=np.int32),
        scans=(SimpleNamespace(name="S0001"),),
    )
    predicted = np.zeros((1, 32, 32), dtype=np.uint8)
    predicted[0, 8:12, 8:16] = 1  # 16 right, 16 wrong
    predicted[0, :, 20:] = 1  # nobody knows
    (sample,) = draw_samples(tmp_path, 1, data, np.array([0]), [predicted], ["#00ff00"])
    assert sample.dice == pytest.approx(2 * 16 / (16 + 32))
    picture = cv2.imread(str(tmp_path / sample.file))
    bright = picture[:, :, 1] > 200
    # the outline is that of the square; the border of the unknown half has none
    assert bright[16:24, 16:24].any()
    assert not bright[:, 30:36].any()
