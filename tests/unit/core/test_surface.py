"""The picture of a mask's surface shows what lies where it should."""

from __future__ import annotations

import numpy as np
import pytest

from core.geometry import Geometry
from core.review.surface import body_of, look

AFFINES = {
    "LPS": np.array([[-1.0, 0, 0, 40], [0, -1.0, 0, 40], [0, 0, 3.0, -30], [0, 0, 0, 1]]),
    "RAS": np.array([[1.0, 0, 0, -40], [0, 1.0, 0, -40], [0, 0, 3.0, -30], [0, 0, 0, 1]]),
}


def ball_with_bumps(geometry: Geometry) -> np.ndarray:
    """A ball of 30 mm with a bump at its left and a smaller one in front."""
    z, y, x = np.indices(geometry.shape)
    world = geometry.to_world(np.stack((x, y, z), axis=-1))
    mask = np.linalg.norm(world - (0, 0, 0), axis=-1) <= 26
    mask |= np.linalg.norm(world - (-28, 0, 0), axis=-1) <= 9
    mask |= np.linalg.norm(world - (0, 27, 0), axis=-1) <= 6
    return np.asarray(mask)


@pytest.mark.parametrize("codes", ["LPS", "RAS"])
def test_left_bump_is_where_left_is(codes: str) -> None:
    geometry = Geometry((21, 81, 81), AFFINES[codes])
    body = body_of(ball_with_bumps(geometry), geometry)
    assert body is not None
    front = look(body, geometry, 0, 0, 120)
    # from in front the patient's left is at the right of the picture, and up is up
    right = geometry.to_world(front.voxels)[..., 0]
    up = geometry.to_world(front.voxels)[..., 2]
    columns = np.broadcast_to(np.arange(120), right.shape)
    rows = columns.T
    seen = ~np.isnan(right)
    assert np.corrcoef(right[seen], columns[seen])[0, 1] < -0.99
    assert np.corrcoef(up[seen], rows[seen])[0, 1] < -0.99
    assert right[seen].min() < -34
    for turn, world in ((0, (0.0, 33.0, 0.0)), (90, (-37.0, 0.0, 0.0))):
        picture = look(body, geometry, turn, 0, 120)
        row, column = np.argwhere(~np.isnan(picture.voxels[..., 0]))[0]
        assert picture.grey[row, column] > 0
        seen = geometry.to_world(picture.voxels[~np.isnan(picture.voxels[..., 0])])
        # what is nearest to the eye is the bump on that side, but for the thickness of a slice and a sample
        direction = np.array(world) / np.linalg.norm(world)
        nearest = seen[np.argmax(seen @ direction)]
        assert np.linalg.norm(nearest - world) < 4.5


def test_every_pixel_names_a_voxel_at_the_surface() -> None:
    geometry = Geometry((21, 81, 81), AFFINES["RAS"])
    mask = ball_with_bumps(geometry)
    body = body_of(mask, geometry)
    assert body is not None
    picture = look(body, geometry, 130, 35, 100)
    places = picture.voxels[~np.isnan(picture.voxels[..., 0])]
    radii = np.linalg.norm(geometry.to_world(places), axis=-1)
    assert radii.min() > 21
    assert len(places) == (picture.grey > 0).sum() > 500


def test_nothing_has_no_surface() -> None:
    geometry = Geometry((4, 8, 8), AFFINES["RAS"])
    assert body_of(np.zeros((4, 8, 8), bool), geometry) is None
