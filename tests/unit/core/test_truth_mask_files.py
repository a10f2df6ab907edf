"""Two mask files are compared voxel by voxel where they lie, in whatever order each is stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.orientations import apply_orientation, inv_ornt_aff
from numpy.typing import NDArray
from reader_support import write_picture

from core.errors import InputError
from core.io.sandbox import Decoder
from core.review.mask_files import Pair, facts_of, measure_pair

AFFINE = np.array([[-0.9, 0.1, 0.3, 81.5], [0.08, -1.1, 0.4, 93.25], [0.1, 0.2, 2.9, -40.0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as opened:
        yield opened


def write(path: Path, array: NDArray[np.uint8], affine: NDArray[np.float64]) -> Path:
    picture = nibabel.Nifti1Image(array, None)
    picture.set_sform(affine, 1)
    nibabel.save(picture, path)
    return path


def masks() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    truth, guess = np.zeros((9, 11, 6), np.uint8), np.zeros((9, 11, 6), np.uint8)
    truth[1:5, 2:8, 1:4] = 1
    guess[2:5, 2:9, 1:5] = 1
    return truth, guess


def test_a_mask_stored_in_any_order_is_measured_where_it_lies(decoder: Decoder, tmp_path: Path) -> None:
    truth, guess = masks()
    overlap = 2 * np.count_nonzero(truth & guess) / (truth.sum() + guess.sum())
    write(tmp_path / "t.nii", truth, AFFINE)
    orders = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))
    for axes, signs in orders[::7]:
        turn = np.array(list(zip(axes, signs, strict=True)), dtype=float)
        turned = apply_orientation(guess, turn)
        affine = AFFINE @ inv_ornt_aff(turn, guess.shape)
        write(tmp_path / "p.nii", np.ascontiguousarray(turned), affine)
        (row,) = measure_pair(decoder, Pair("x", "x", tmp_path / "t.nii", tmp_path / "p.nii"))
        assert row.measures.dice == pytest.approx(overlap), (axes, signs)
        assert row.measures.unit == "mm"
        assert row.measures.truth_ml == pytest.approx(float(truth.sum()) * abs(np.linalg.det(AFFINE)) / 1000, rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "shift", "code"),
    [
        ((9, 11, 7), 0.0, "mask-size-differs"),
        ((9, 11, 6), 0.4, "mask-other-grid"),
        ((11, 9, 6), 0.0, "mask-other-grid"),
    ],
)
def test_another_grid_is_refused_and_never_resampled(
    decoder: Decoder, tmp_path: Path, shape: tuple[int, int, int], shift: float, code: str
) -> None:
    write(tmp_path / "t.nii", masks()[0], AFFINE)
    affine = AFFINE.copy()
    affine[0, 3] += shift
    write(tmp_path / "p.nii", np.ones(shape, np.uint8), affine)
    with pytest.raises(InputError) as caught:
        measure_pair(decoder, Pair("x", "x", tmp_path / "t.nii", tmp_path / "p.nii"))
    assert caught.value.code == code


def test_rounded_headers_are_one_grid(decoder: Decoder, tmp_path: Path) -> None:
    truth, guess = masks()
    write(tmp_path / "t.nii", truth, AFFINE)
    write(tmp_path / "p.nii", guess, AFFINE + np.random.default_rng(1).uniform(-2e-4, 2e-4, (4, 4)) * (AFFINE != 1))
    (row,) = measure_pair(decoder, Pair("x", "x", tmp_path / "t.nii", tmp_path / "p.nii"))
    assert row.measures.truth_voxels == truth.sum()


def test_pictures_are_compared_pixel_by_pixel(decoder: Decoder, tmp_path: Path) -> None:
    truth, guess = (mask[:, :, 2] for mask in masks())
    write_picture(tmp_path / "t.png", truth * np.uint8(255))
    write_picture(tmp_path / "p.png", guess)
    (row,) = measure_pair(decoder, Pair("x", "x", tmp_path / "t.png", tmp_path / "p.png"))
    assert (row.measures.unit, row.measures.truth_ml) == ("px", None)
    assert row.measures.shared_voxels == np.count_nonzero(truth & guess)
    write_picture(tmp_path / "p.png", guess.T)
    with pytest.raises(InputError, match="mask-"):
        measure_pair(decoder, Pair("x", "x", tmp_path / "t.png", tmp_path / "p.png"))


@pytest.mark.parametrize(
    ("true", "predicted", "same"),
    [
        *((1, 255, True), (255, 1, True), (255, 65535, True), (3, 3, True), (3, 255, True), (1, 200, True)),
        *((2, 1, False), (1, 2, False), (3, 5, False)),
    ],
)
def test_class_1_is_not_class_2_but_255_is_just_drawn(
    decoder: Decoder, tmp_path: Path, true: int, predicted: int, same: bool
) -> None:
    drawn = masks()[0]
    for name, value in (("t", true), ("p", predicted)):
        write(tmp_path / f"{name}.nii", drawn * np.uint16(value), AFFINE)
    rows = measure_pair(decoder, Pair("x", "x", tmp_path / "t.nii", tmp_path / "p.nii"))
    if same:
        (row,) = rows
        assert (row.value, row.measures.dice) == (0, 1.0)
        told = "masks-same"
    else:
        assert [(row.value, row.measures.dice) for row in rows] == [(value, 0.0) for value in sorted((true, predicted))]
        told = "masks-apart"
    notices = [(notice.key, notice.fields["truth"], notice.fields["predicted"]) for notice in rows[0].notices]
    assert notices == ([(told, str(true), str(predicted))] if true != predicted else []), "said where they differ"


def test_a_drawn_picture_is_compared_with_any_number(decoder: Decoder, tmp_path: Path) -> None:
    drawn = masks()[0][:, :, 2]
    write_picture(tmp_path / "p.png", drawn * np.uint8(255))
    write_picture(tmp_path / "t.png", drawn * np.uint8(7))
    (row,) = measure_pair(decoder, Pair("x", "x", tmp_path / "t.png", tmp_path / "p.png"))
    assert (row.measures.dice, row.alone) == (1.0, 7)


def test_a_file_of_one_value_is_told_by_it_beside_label_maps(decoder: Decoder, tmp_path: Path) -> None:
    drawn, other = masks()
    both = drawn + other  # 1 and 2
    none = np.zeros_like(drawn)
    pairs = {"a": (both, both), "b": (2 * drawn, drawn), "c": (2 * drawn, 2 * drawn), "d": (none, none)}
    rows = []
    for name, arrays in pairs.items():
        files = [write(tmp_path / f"{name}_{part}.nii", array, AFFINE) for part, array in enumerate(arrays)]
        rows += measure_pair(decoder, Pair(name, name, *files))
    facts = facts_of(rows)
    told = [(row["scan"], row.get("label"), row["dice"]) for row in facts["scans"]]
    assert told == [
        ("a", "1", 1.0),
        ("a", "2", 1.0),
        ("b", "1", 0.0),
        ("b", "2", 0.0),
        ("c", "2", 1.0),
        ("d", None, None),
    ]
    assert list(facts["labels"]) == ["1", "2"]
    assert facts["labels"]["2"]["dice"]["mean"] == pytest.approx(2 / 3)
    # of one value all through there is nothing to tell apart
    assert "labels" not in facts_of([row for row in rows if row.name in ("c", "d")])
