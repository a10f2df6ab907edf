"""Mutants of text exports: each importer says one sentence of its own, quickly, and writes nothing."""

from __future__ import annotations

import copy
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchange_support import nothing_else_changed
from exchange_text_support import picture, region, task
from fuzz_bytes import write_anew

from core.errors import InputError
from core.exchange.coco_rle import encode as coco_encode
from core.exchange.incoming import Limits, Line
from core.exchange.label_studio_rle import encode
from core.exchange.reading import fitting, read
from core.messages import sentence, text

SEED = int(os.environ.get("MENINX_SEED", "20261121"))
MUTANTS, SOAK = 1_000, 10_000
SLOWEST = 5.0
LIMITS = Limits(voxels=1 << 20, text=1 << 22)
SHAPE = (20, 30)
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 2**200, 1e308, -1e308, float("nan"), float("inf"), 0.5, "", "x", "\x00",
    "\ud800", "../../x", "/etc/passwd", "C:\\x", "a" * 5_000, [], {}, [[]], [None], {"": None}, [1, 2, 3],
    [[1, 2], [3]], "data:image/png;base64,AA", "red",
)  # fmt: skip
CONFIG = (
    '<View><Image name="image" value="$image"/><BrushLabels name="tag" toName="image">'
    '<Label value="A" background="red"/><Label value="B" alias="b"/></BrushLabels></View>'
)
YAML = "path: .\ntrain: images\nnames:\n  0: A\n  1: B\n"


def _drawn() -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[3:9, 4:20] = 1
    return mask


def label_studio_seed() -> Any:
    value = {"format": "rle", "rle": encode(_drawn()), "brushlabels": ["A"]}
    oval = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 15, "rotation": 10, "ellipselabels": ["b"]}
    box = {"x": 5, "y": 5, "width": 20, "height": 15, "rotation": 10, "rectanglelabels": ["B"]}
    corners = {"points": [[1, 1], [50, 1], [30, 70]], "polygonlabels": ["A"]}
    first = task([region("brushlabels", value), region("ellipselabels", oval)], "a.png")
    first["annotations"].append({"id": 5, "completed_by": 3, "result": [region("polygonlabels", corners)]})
    first["predictions"] = [{"id": 1, "result": [region("rectanglelabels", box)]}]
    first["drafts"] = [{"id": 1, "user": "x", "result": [region("brush", value, id="q")]}]
    row = {"image": "a.png", "id": 1, "annotator": 1, "annotation_id": 2, "lead_time": 1.0,
           "tag": [value | {"original_width": 30, "original_height": 20}]}  # fmt: skip
    return [first, row]


def coco_seed() -> Any:
    parts = [[[1, 1, 9, 1, 9, 9]], coco_encode(_drawn()), {"size": [20, 30], "counts": [0, 10, 590]}, []]
    return {
        "images": [
            {"id": 1, "width": 30, "height": 20, "file_name": "a.png", "meninx_slice": 1, "meninx_voxels": "f" * 64}
        ],
        "annotations": [{"id": n, "image_id": 1, "category_id": 1, "segmentation": one} for n, one in enumerate(parts)],
        "categories": [{"id": 1, "name": "A", "color": "#ff0000"}],
    }


def labelme_seed() -> Any:
    small = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAADAQAAAAB+U4gSAAAADklEQVR4nGNoYHBgUAAAA2YA4TaKGToAAAAASUVORK5CYII="
    shapes = [
        {"label": "A", "points": [[1, 1], [9, 1], [9, 9.5]], "shape_type": "polygon"},
        {"label": "B", "points": [[1, 1], [9, 9]], "shape_type": "circle"},
        {"label": "B", "points": [[1, 1], [3, 3]], "shape_type": "mask", "mask": small},
        {"label": "C", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"},
    ]
    return {"version": "5", "flags": {}, "shapes": shapes, "imagePath": "a.png", "imageHeight": 20, "imageWidth": 30}


def yolo_seed() -> str:
    return "1 0.1 0.1 0.4 0.1 0.4 0.45 0.1 0.45\n0 0.5 0.5 0.2 0.2\n0 0 0 1 0 1 1\n"


SEEDS: dict[str, Callable[[], Any]] = {
    "label-studio": label_studio_seed,
    "coco": coco_seed,
    "labelme": labelme_seed,
    "yolo": yolo_seed,
}


def other(value: Any, dice: random.Random) -> Any:
    """Put something else in one or a few places of a tree."""
    value = copy.deepcopy(value)
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        holder, at = value, None
        while isinstance(holder, (dict, list)) and holder:
            at = dice.choice(list(holder)) if isinstance(holder, dict) else dice.randrange(len(holder))
            if not isinstance(holder[at], (dict, list)) or not holder[at] or dice.random() < 0.25:
                break
            holder = holder[at]
        if at is None or not holder:
            return copy.deepcopy(dice.choice(VALUES))
        way = dice.random()
        if way < 0.6:
            holder[at] = copy.deepcopy(dice.choice(VALUES))
        elif way < 0.75:
            del holder[at]
        elif isinstance(holder, list):
            holder *= dice.choice((2, 50))
        elif isinstance(holder[at], (int, float)):
            holder[at] += dice.choice((-1, 1, 255, 65_536))
    return value


def bent(data: bytes, dice: random.Random) -> bytes:
    """Change, drop, double or cut bytes."""
    made = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 8))):
        at = dice.randrange(len(made) or 1)
        way = dice.randrange(5)
        if way == 0 and made:
            made[at % len(made)] = dice.randrange(256)
        elif way == 1:
            del made[at : at + dice.choice((1, 3, 40))]
        elif way == 2:
            made[at:at] = made[at : at + 60] * dice.choice((1, 5))
        elif way == 3:
            made[at:at] = dice.choice(
                (
                    b"[",
                    b"{",
                    b'"',
                    b"\x00",
                    b"\xff\xfe",
                    b"1e999",
                    b"-",
                    b"9" * 400,
                    b"[" * 3_000,
                    b"<!DOCTYPE x>",
                    b"&a;",
                )
            )
        else:
            del made[dice.randrange(len(made) + 1) :]
    return bytes(made)


def mutant(kind: str, number: int) -> tuple[bytes, bytes, bytes]:
    """Return the export, the labelling interface and the classes of a mutant, made again by its number."""
    dice = random.Random(f"{SEED}/{kind}/{number}")
    seed = SEEDS[kind]()
    plain = seed if isinstance(seed, str) else None
    if plain is None and dice.random() < 0.75:
        seed = other(seed, dice)
    data = (plain if plain is not None else json.dumps(seed)).encode("utf-8", "surrogatepass")
    if plain is not None or dice.random() < 0.3:
        data = bent(data, dice)
    config = bent(CONFIG.encode(), dice) if dice.random() < 0.3 else CONFIG.encode()
    names = bent(YAML.encode(), dice) if dice.random() < 0.3 else YAML.encode()
    return data, config, names


def run(kind: str, folder: Path, count: int) -> Counter[str]:
    inside = folder / "in"
    picture(inside / "a.png", SHAPE)
    outcomes: Counter[str] = Counter()
    for number in range(count):
        data, config, names = mutant(kind, number)
        write_anew(inside / ("a.txt" if kind == "yolo" else "e.json"), data)
        write_anew(inside / ("data.yaml" if kind == "yolo" else "c.xml"), names if kind == "yolo" else config)
        started = time.process_time()
        try:
            for one in read(inside, kind, LIMITS):
                assert one.image in (None, inside / "a.png")
                line = Line.of(one)
                told = text(f"notices.{line.problem.key}", **line.problem.fields) if line.problem else "read"
                assert all(mask.array.shape == one.shape for mask in one.masks), number
                assert all(mask.array.max(initial=0) <= 1 for mask in one.masks), number
                outcomes["left out" if line.problem else told] += 1
        except InputError as error:
            # raises where a sentence for it is missing
            outcomes[sentence(error) and error.code] += 1
        except Exception as error:
            raise AssertionError(f"{kind} {number} (seed {SEED})") from error
        assert time.process_time() - started < SLOWEST, f"{kind} {number} (seed {SEED})"
    return outcomes


@pytest.mark.parametrize("kind", sorted(SEEDS))
def test_seeds_are_read(tmp_path: Path, kind: str) -> None:
    seed = SEEDS[kind]()
    picture(tmp_path / "a.png", SHAPE)
    (tmp_path / ("a.txt" if kind == "yolo" else "e.json")).write_text(
        seed if isinstance(seed, str) else json.dumps(seed)
    )
    (tmp_path / ("data.yaml" if kind == "yolo" else "c.xml")).write_text(YAML if kind == "yolo" else CONFIG)
    assert fitting(tmp_path) == kind
    found = list(read(tmp_path, kind, LIMITS))
    assert found[0].masks
    assert {one.problem for one in found} <= {"", "exchange-left-out"}


@pytest.mark.parametrize("kind", sorted(SEEDS))
def test_a_thousand_mutants(tmp_path: Path, kind: str) -> None:
    with nothing_else_changed(tmp_path, tmp_path / "in"):
        outcomes = run(kind, tmp_path, MUTANTS)
    # they are neither all refused at the door nor all harmless
    assert outcomes["read"] > MUTANTS // 20, outcomes
    assert sum(outcomes.values()) - outcomes["read"] > MUTANTS // 20, outcomes


@pytest.mark.soak
@pytest.mark.parametrize("kind", sorted(SEEDS))
def test_ten_thousand_mutants(tmp_path: Path, kind: str) -> None:
    assert sum(run(kind, tmp_path, SOAK).values()) >= SOAK // 2
