"""Label Studio and COCO: masks that leave are, to the pixel, what was drawn, and come back with what is finished."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exchange_support import random_item, random_labels
from exchange_text_support import TEXT_CHECKS, brush, check_slices, coco
from pycocotools import mask as coco_mask

from core.errors import InputError
from core.exchange import coco_rle, label_studio_rle

SEED = 20261121
ROUNDS = 50


@pytest.mark.parametrize("format", sorted(TEXT_CHECKS))
def test_fifty_random_annotations(tmp_path: Path, format: str) -> None:
    for number in range(ROUNDS):
        random = np.random.default_rng((SEED, number))
        item = random_item(random, random_labels(random))
        TEXT_CHECKS[format](item, tmp_path / "out")
        check_slices(item, tmp_path / "out", format)


def masks(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(SEED)
    made = [random.random(random.integers(1, 90, 2)) < random.choice([0, 0.02, 0.5, 0.98, 1]) for _ in range(count)]
    # runs that are just as long as a size of the format, and one more
    made += [np.arange(70_000)[None] < length for length in (0, 1, 2, 3, 4, 5, 63, 64, 65, 16_384, 16_385, 69_999)]
    return made


def test_brushes_of_all_lengths_by_the_bits() -> None:
    for mask in masks(100):
        rle = label_studio_rle.encode(mask)
        assert np.array_equal(brush(rle, *mask.shape), mask)
        assert np.array_equal(label_studio_rle.decode(rle, mask.shape), mask)


def words_apart(pixels: np.ndarray, random: np.random.Generator) -> list[int]:
    """Pack RGBA as Label Studio's page does it: words that differ stand one after another."""
    words, bits, at = pixels.ravel().tolist(), f"{pixels.size:032b}00111{2:04b}{3:04b}{7:04b}{15:04b}", 0
    while at < len(words):
        count = min(int(random.choice([1, 7, 8, 9, 200, 5_000])), len(words) - at)
        size = next(place for place, width in enumerate((3, 4, 8, 16)) if count <= 1 << width)
        bits += f"0{size:02b}{count - 1:0{(3, 4, 8, 16)[size]}b}" + "".join(
            f"{one:08b}" for one in words[at : at + count]
        )
        at += count
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def test_a_coloured_brush_is_its_alpha() -> None:
    random = np.random.default_rng(SEED)
    for _ in range(60):
        pixels = random.integers(0, 3, (*random.integers(1, 40, 2), 4)).astype(np.uint8)
        rle = words_apart(pixels, random)
        assert np.array_equal(label_studio_rle.decode(rle, pixels.shape[:2]), pixels[..., 3] > 0)
        assert np.array_equal(brush(rle, *pixels.shape[:2]), pixels[..., 3] > 0)


@pytest.mark.parametrize(
    "rle",
    [
        [], [0], [255] * 4, [0, 0, 4, 176, 57, 27, 255], [0, 0, 4, 176, 57, 27, 255, 255, 255, 0], ["a"], [300], [-1],
        [1.5], [255, 255, 255, 255, 57, 27, 255, 255, 255, 0], [None],
    ],
    ids=str,
)  # fmt: skip
def test_a_brush_that_lies_is_refused(rle: list) -> None:
    with pytest.raises(InputError, match="exchange-unreadable"):
        label_studio_rle.decode(rle, (15, 20))


def test_a_claim_of_gigabytes_makes_nothing() -> None:
    import tracemalloc

    side = 32_767
    claim = f"{4 * side * side:032b}00111{2:04b}{3:04b}{7:04b}{15:04b}000"
    rle = [int(claim[at : at + 8], 2) for at in range(0, len(claim), 8)]
    tracemalloc.start()
    with pytest.raises(InputError, match="exchange-unreadable"):
        label_studio_rle.decode(rle, (side, side))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools's own
def test_run_lengths_of_coco_both_ways_and_by_pycocotools() -> None:
    for mask in masks(100)[:104]:
        made = coco_rle.encode(mask)
        assert np.array_equal(coco(made["counts"], *mask.shape), mask)
        assert np.array_equal(coco_rle.decode(made["counts"], mask.shape), mask)
        plain = coco_rle._unpacked(made["counts"]).tolist()
        assert np.array_equal(coco_rle.decode(plain, mask.shape), mask)
        assert np.array_equal(
            coco_mask.decode(coco_mask.frPyObjects({"counts": plain, "size": list(mask.shape)}, *mask.shape)), mask
        )


@pytest.mark.parametrize(
    "counts",
    [
        "",
        "PPYo\x7f",
        "\u00e9",
        "o" * 40,
        "0",
        "P",
        [],
        [1],
        [-1, 13],
        [5, 8],
        [12, 1],
        [1 << 70],
        ["x"],
        [[12]],
        [0.5],
        [None],
    ],
    ids=str,
)
def test_run_lengths_that_lie_are_refused(counts: object) -> None:
    with pytest.raises(InputError, match="exchange-unreadable"):
        coco_rle.decode(counts, (3, 4))  # type: ignore[arg-type] # broken on purpose


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools's own
def test_outlines_are_those_of_pycocotools_and_too_long_ones_are_refused() -> None:
    random = np.random.default_rng(SEED)
    for _ in range(100):
        rows, columns = (int(count) for count in random.integers(1, 60, 2))
        corners = (random.random((int(random.integers(3, 12)), 2)) * [columns * 1.4, rows * 1.4]).ravel().tolist()
        wanted = coco_mask.decode(coco_mask.frPyObjects([corners], rows, columns))[..., 0]
        assert np.array_equal(coco_rle.outline(corners, (rows, columns)), wanted)
    for corners in ([1, 2, 3], [0, 0, 1e300, 0, 1, 1], [float("nan")] * 6, ["a"] * 6, [[1], [2, 3]]):
        with pytest.raises(InputError, match="exchange-unreadable"):
            coco_rle.outline(corners, (5, 5))
    with pytest.raises(InputError, match="exchange-too-large"):
        coco_rle.outline([0.0, 0.0, 9e4, 9e4] * 100, (5, 5))
