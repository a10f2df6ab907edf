import cv2
import numpy as np
import pytest
from exploring_support import head, resaved

from core.learning import twins
from core.learning.twins import find_pairs, fingerprint, look_of


def looks(*arrays):
    return np.concatenate([[look_of(plane) for plane in array] for array in arrays])


def test_the_same_picture_saved_otherwise_is_found_and_others_are_not():
    people = [head(seed, size=128)[0] for seed in range(6)]
    copy = resaved(people[2])
    owners = np.repeat(np.arange(7), 4)
    pairs = find_pairs(looks(*people, copy), owners)
    assert {(pair.first, pair.second) for pair in pairs} == {(8 + n, 24 + n) for n in range(4)} | {
        (24 + n, 8 + n) for n in range(4)
    }
    assert all(twins.ALIKE <= pair.likeness <= 1 for pair in pairs)


@pytest.mark.parametrize(
    "change",
    [
        lambda plane: cv2.resize(plane, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA),
        lambda plane: plane.astype(np.uint16) * 9 + 100,
        lambda plane: np.pad(plane, ((30, 3), (0, 17))),
        lambda plane: plane.astype(np.float32) / 255 - 0.5,
    ],
    ids=["smaller", "16 bits", "padded", "floats"],
)
def test_numbers_and_size_do_not_matter(change):
    plane = head(3, size=160)[0][1]
    assert find_pairs(np.stack([look_of(plane), look_of(change(plane))]), [0, 1])


def test_slices_of_one_owner_and_of_one_side_are_not_compared():
    array = head(1, size=96)[0]
    same = looks(array, array)
    assert find_pairs(same, [0] * 8) == []
    assert find_pairs(same, [0] * 4 + [1] * 4, [0] * 8) == []
    assert len(find_pairs(same, [0] * 4 + [1] * 4, [0] * 4 + [1] * 4)) == 8


def test_blank_and_odd_slices_are_like_nothing():
    odd = [
        np.zeros((40, 40)),
        np.full((40, 40), 7),
        np.full((30, 30), np.nan),
        np.full((30, 30), np.inf),
        np.array([[0, 1], [2, 3]]),
        np.zeros((1, 1)),
    ]
    found = np.stack([look_of(plane) for plane in odd])
    assert not found[:4].any()
    assert find_pairs(np.concatenate([found, found]), list(range(12))) == [] or found[4].any()
    assert find_pairs(np.zeros((0, twins.LOOK, twins.LOOK), np.uint8), []) == []


def test_a_limited_number_is_compared(monkeypatch):
    monkeypatch.setattr(twins, "MOST", 4)
    array = head(1, size=96, slices=8)[0]
    assert len(twins.comparable(looks(array))) == 4


def test_one_pair_among_thousands_is_found():
    # noise of their own: no pair, but every one is compared with every other
    random = np.random.default_rng(0)
    many = random.integers(0, 255, (3000, twins.LOOK, twins.LOOK), dtype=np.uint8)
    many[2999] = many[5]
    pairs = find_pairs(many, list(range(3000)))
    assert {(pair.first, pair.second) for pair in pairs} == {(5, 2999), (2999, 5)}


def test_fingerprints_tell_numbers_sizes_and_blanks_apart():
    plane = head(1)[0][1]
    assert fingerprint(plane) == fingerprint(plane.copy())
    assert fingerprint(plane) != fingerprint(plane.reshape(32, 128))
    assert fingerprint(np.zeros((4, 4))) == b""
