"""Our nearest-axis rule is nibabel's."""

from __future__ import annotations

import numpy as np
from nibabel.orientations import io_orientation as theirs
from scipy.spatial.transform import Rotation

from core.geometry import io_orientation


def test_the_same_axes_as_nibabel_on_any_affine() -> None:
    rng = np.random.default_rng(7)
    for seed in range(500):
        affine = np.eye(4)
        sizes = rng.uniform(0.2, 5, 3) * rng.choice([-1, 1], 3)
        affine[:3, :3] = Rotation.random(random_state=seed).as_matrix() @ np.diag(sizes)
        if seed % 3 == 0:
            affine[:3, 2] += affine[:3, 1] * rng.uniform(-0.3, 0.3)
        np.testing.assert_array_equal(io_orientation(affine), theirs(affine))
