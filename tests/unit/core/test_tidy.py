"""Bridges, small pieces and margins of masks, each against a slow way of working it out."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from core.geometry import Geometry
from core.review.tidy import PLAIN, Tidying, masks_of, without_bridges, without_small


def grid(shape, spacing=(1.0, 1.0, 1.0), known=True):
    return Geometry(shape, np.diag([spacing[2], spacing[1], spacing[0], 1.0]), spacing_known=known)


def pieces_by_hand(mask: np.ndarray) -> list[set[tuple[int, int, int]]]:
    """Walk through faces from voxel to voxel."""
    left = {tuple(int(one) for one in place) for place in np.argwhere(mask)}
    found = []
    while left:
        start = left.pop()
        piece, waiting = {start}, deque([start])
        while waiting:
            z, y, x = waiting.popleft()
            for step in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)):
                near = (z + step[0], y + step[1], x + step[2])
                if near in left:
                    left.remove(near)
                    piece.add(near)
                    waiting.append(near)
        found.append(piece)
    return found


def test_small_pieces_go_by_their_size_in_cubic_millimetres():
    random = np.random.default_rng(1)
    mask = random.random((6, 14, 12)) < 0.3
    geometry = grid(mask.shape, (3.0, 0.5, 0.5))
    for smallest in (0.75, 2.25, 3.0, 6.0):
        wanted = np.zeros_like(mask)
        for piece in pieces_by_hand(mask):
            if len(piece) * 0.75 >= smallest:
                wanted[tuple(np.array(sorted(piece)).T)] = True
        assert np.array_equal(without_small(mask, geometry, smallest), wanted), smallest
    # voxels where nobody knows how large one is
    unknown = without_small(mask, grid(mask.shape, known=False), 3)
    assert sorted(map(len, pieces_by_hand(unknown))) == sorted(n for n in map(len, pieces_by_hand(mask)) if n >= 3)
    assert without_small(mask, geometry, 0) is mask


def dumbbell(thick: int) -> np.ndarray:
    """Two balls, the left one larger, joined by a bar so many voxels thick."""
    z, y, x = np.indices((21, 21, 60))
    mask = ((z - 10) ** 2 + (y - 10) ** 2 + (x - 13) ** 2 <= 81) | ((z - 10) ** 2 + (y - 10) ** 2 + (x - 46) ** 2 <= 49)
    low = 10 - thick // 2
    mask[low : low + thick, low : low + thick, 13:46] = True
    return mask


def shrunk_by_hand(mask: np.ndarray, spacing: tuple[float, float, float], radius: float) -> np.ndarray:
    inside, outside = np.argwhere(mask) * spacing, np.argwhere(~mask) * spacing
    result = np.zeros_like(mask)
    for place, index in zip(inside, np.argwhere(mask), strict=True):
        if (((outside - place) ** 2).sum(axis=1) > radius**2).all():
            result[tuple(index)] = True
    return result


def test_a_thin_bridge_is_cut_and_a_thick_one_stays():
    mask = dumbbell(3)
    cut = without_bridges(mask, grid(mask.shape), 3.0)
    assert np.array_equal(cut[:, :, :20], mask[:, :, :20]), "the larger part keeps every voxel"
    assert not cut[:, :, 26:].any()
    assert not (cut & ~mask).any()
    assert np.array_equal(without_bridges(dumbbell(9), grid(mask.shape), 3.0)[:, :, 26:], dumbbell(9)[:, :, 26:])
    assert without_bridges(mask, grid(mask.shape), 0.0) is mask
    # millimetres: the same radius is less than half a voxel here
    assert np.array_equal(without_bridges(mask, grid(mask.shape, (8.0, 8.0, 8.0)), 3.0), mask)


def test_cutting_is_shrinking_and_growing_back_worked_out_point_by_point():
    random = np.random.default_rng(4)
    spacing = (2.0, 1.0, 1.0)
    mask = np.zeros((7, 16, 18), bool)
    mask[1:6, 2:14, 2:9] = True
    mask[3, 7, 9:12] = True
    mask[2:5, 5:11, 12:17] = True
    mask &= random.random(mask.shape) < 0.985
    core = max(pieces_by_hand(shrunk_by_hand(mask, spacing, 1.5)), key=len)
    near = np.array(sorted(core)) * spacing
    rest = mask.copy()
    for index in np.argwhere(mask):
        rest[tuple(index)] = (((near - index * spacing) ** 2).sum(axis=1) > 2.5**2).all()
    wanted = mask.copy()
    for piece in pieces_by_hand(rest):
        # two cubic millimetres each; a ball of 1.5 mm has 14.1
        if 2 * len(piece) >= 4 / 3 * np.pi * 1.5**3:
            wanted[tuple(np.array(sorted(piece)).T)] = False
    assert wanted.sum() < mask.sum()
    assert np.array_equal(without_bridges(mask, grid(mask.shape, spacing), 1.5), wanted)


def test_what_is_all_thin_is_left_alone_and_so_is_nothing():
    thin = np.zeros((5, 9, 9), bool)
    thin[2, 4] = True
    assert np.array_equal(without_bridges(thin, grid(thin.shape), 2.0), thin)
    assert not without_bridges(np.zeros_like(thin), grid(thin.shape), 2.0).any()
    assert without_bridges(np.ones_like(thin), grid(thin.shape), 2.0).all()
    picture = dumbbell(3)[10:11]
    assert not without_bridges(picture, grid(picture.shape), 3.0)[..., 26:].any()


def test_masks_are_tidied_as_asked_and_only_where_it_makes_sense():
    soft = np.where(dumbbell(3), 200, 0).astype(np.uint8)
    soft[1, 1, 1] = 255
    geometry = grid(soft.shape)
    plain = masks_of({"Brain": soft, "Tumour": soft})
    assert np.array_equal(plain["Tumour"], soft >= 128)
    assert plain["Brain"].sum() == plain["Tumour"].sum() - 1, "one piece"
    tidied = masks_of({"Brain": soft, "Tumour": soft}, geometry, Tidying(bridges=3.0, smallest=2.0))
    assert not tidied["Brain"][:, :, 26:].any()
    assert np.array_equal(tidied["Tumour"], dumbbell(3))
    grownup = masks_of({"Tumour": soft}, geometry, Tidying(margin=1.0))["Tumour"]
    near = np.argwhere(soft >= 128)
    assert int(grownup.sum()) == sum(
        bool((((near - place) ** 2).sum(axis=1) <= 1).any()) for place in np.argwhere(np.ones(soft.shape, bool))
    )
    assert Tidying(margin=-1.5).to_json() == {"margin": -1.5}
    assert PLAIN.to_json() == {}
    with pytest.raises(ValueError, match="grid"):
        masks_of({"Tumour": soft}, None, Tidying(margin=1.0))
