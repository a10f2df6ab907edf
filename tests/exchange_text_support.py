"""Label Studio's and COCO's run lengths read by decoders of ten lines, written from what the formats say."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from exchange_support import written
from numpy.typing import NDArray

from core.exchange.incoming import Incoming
from core.exchange.items import Item
from core.exchange.reading import fitting, read


def brush(rle: Sequence[int], rows: int, columns: int) -> NDArray[np.bool_]:
    """Decode the brush of Label Studio bit by bit; alpha is the mask."""
    bits, at, words = "".join(f"{byte:08b}" for byte in rle), 0, []

    def take(count: int) -> int:
        nonlocal at
        at += count
        return int(bits[at - count : at], 2)

    total, size, lengths = take(32), take(5) + 1, [take(4) + 1 for _ in range(4)]
    while len(words) < total:
        same, count = take(1), take(lengths[take(2)]) + 1
        words += [take(size)] * count if same else [take(size) for _ in range(count)]
    assert len(words) == total == 4 * rows * columns
    return np.array(words).reshape(rows, columns, 4)[..., 3] > 0


def coco(counts: str | Sequence[int], rows: int, columns: int) -> NDArray[np.bool_]:
    """Decode run lengths of COCO sign by sign; columns first."""
    numbers: list[int] = [] if isinstance(counts, str) else list(counts)
    value = shift = 0
    for sign in counts if isinstance(counts, str) else "":
        code = ord(sign) - 48
        value, shift = value | (code & 31) << shift, shift + 5
        if not code & 32:
            value -= (1 << shift) if code & 16 else 0
            numbers.append(value + (numbers[-2] if len(numbers) > 2 else 0))
            value = shift = 0
    pixels = [place % 2 for place, count in enumerate(numbers) for _ in range(count)]
    return np.array(pixels, dtype=bool).reshape(columns, rows).T


def plane_of(name: str, item: Item) -> int:
    """Return which slice the picture of this name is."""
    stem = name.rpartition("/")[2].rpartition("=")[2].removesuffix(".png")
    return 0 if stem == item.name else int(stem.removeprefix(f"{item.name}_")) - 1


def check_label_studio(item: Item, folder: Path) -> None:
    """Every region by the bits, in the fields that Label Studio's documentation names."""
    tasks = json.loads((written(item, "label-studio", folder) / "label_studio.json").read_text())
    found: dict[str, NDArray[np.bool_]] = {}
    for task in tasks:
        z = plane_of(task["data"]["image"], item)
        for region in task["annotations"][0]["result"]:
            assert (region["from_name"], region["to_name"], region["type"]) == ("brush", "image", "brushlabels")
            assert (region["original_height"], region["original_width"]) == item.volume.shape[1:]
            assert region["image_rotation"] == 0
            assert region["value"]["format"] == "rle"
            (label,) = region["value"]["brushlabels"]
            whole = found.setdefault(label, np.zeros(item.volume.shape, bool))
            whole[z] |= brush(region["value"]["rle"], *item.volume.shape[1:])
    hold(item, found)


def check_coco(item: Item, folder: Path) -> None:
    """Every annotation by its run lengths, its area and its box."""
    content = json.loads((written(item, "coco", folder) / "annotations.json").read_text())
    names = {one["id"]: one["name"] for one in content["categories"]}
    assert list(names.values()) == [label.name for label in item.labels]
    planes = {one["id"]: plane_of(one["file_name"], item) for one in content["images"]}
    found: dict[str, NDArray[np.bool_]] = {}
    for one in content["annotations"]:
        size = one["segmentation"]["size"]
        assert tuple(size) == item.volume.shape[1:]
        mask = coco(one["segmentation"]["counts"], *size)
        assert one["area"] == mask.sum()
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
        assert one["bbox"] == box
        whole = found.setdefault(names[one["category_id"]], np.zeros(item.volume.shape, bool))
        whole[planes[one["image_id"]]] |= mask
    hold(item, found)


def hold(item: Item, found: dict[str, NDArray[np.bool_]]) -> None:
    for label in item.labels:
        mask = found.pop(label.name, np.zeros(item.volume.shape, bool))
        assert np.array_equal(mask, item.mask(label)), label.name
    assert not found


def check_slices(item: Item, folder: Path, format: str) -> None:
    """Our own reader, found by content, gives every slice back: voxels, place, and what is finished."""
    if not any(mask.any() or item.finished[name] for name, mask in item.masks.items()):
        # a list of no tasks could be anybody's
        assert format == "coco" or (folder / "label_studio.json").read_text().split() == ["[", "]"]
        return
    assert fitting(folder) == format
    found: dict[str, NDArray[np.bool_]] = {}
    finished: dict[str, set[int]] = {name: set() for name in item.masks}
    for one in read(folder):
        assert one.problem == "", one.fields
        z = plane_of(one.name, item)
        assert (one.place, one.digest, one.shape) == (z, item.scan.sha256, item.volume.shape[1:])
        for mask in one.masks:
            assert mask.reader == item.reader
            whole = found.setdefault(mask.label, np.zeros(item.volume.shape, bool))
            whole[z] |= mask.array != 0
            if mask.finished is None:
                finished[mask.label].add(z)
    hold(item, found)
    assert finished == {name: set(slices) for name, slices in item.finished.items()}


TEXT_CHECKS: dict[str, Callable[[Item, Path], None]] = {"label-studio": check_label_studio, "coco": check_coco}
"""Format to what reads it and compares every voxel."""


def task(result: Sequence[Any], image: str = "/data/upload/1/1a2b3c4d-slice.png", **facts: Any) -> dict[str, Any]:
    """Return a task as Label Studio exports it, with one annotation."""
    person = {"id": 4, "email": "anna.secret@example.org", "first_name": "Anna", "last_name": "Secret"}
    annotation = {
        "id": 11, "completed_by": person, "result": list(result), "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-02-03T10:00:00.000000Z", "updated_at": "2026-02-03T10:01:00.000000Z",
        "lead_time": 61.2, "prediction": {}, "result_count": len(result), "unique_id": "6d0a", "import_id": None,
        "last_action": None, "task": 7, "project": 1, "updated_by": 4, "parent_prediction": None,
        "parent_annotation": None,
    }  # fmt: skip
    made = {
        "id": 7, "annotations": [annotation], "file_upload": "1a2b3c4d-slice.png", "drafts": [], "predictions": [],
        "data": {"image": image}, "meta": {}, "created_at": "2026-02-03T09:00:00.000000Z",
        "updated_at": "2026-02-03T10:01:00.000000Z", "inner_id": 1, "total_annotations": 1, "cancelled_annotations": 0,
        "total_predictions": 0, "comment_count": 0, "unresolved_comment_count": 0, "last_comment_updated_at": None,
        "project": 1, "updated_by": 4, "comment_authors": [],
    }  # fmt: skip
    return made | facts


def region(kind: str, value: dict[str, Any], shape: tuple[int, int] = (20, 30), **facts: Any) -> dict[str, Any]:
    """Return a region as Label Studio exports it."""
    return {
        "original_width": shape[1], "original_height": shape[0], "image_rotation": 0, "value": value,
        "id": "aB3dE5fG7h", "from_name": "tag", "to_name": "image", "type": kind, "origin": "manual",
    } | facts  # fmt: skip


def picture(path: Path, shape: tuple[int, int] = (20, 30), value: int = 0) -> Path:
    """Write a grey picture; of another value another one."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(
        np.arange(value, shape[0] * shape[1] + value, dtype=np.uint16).astype(np.uint8).reshape(shape)
    ).save(path)
    return path


def read_text(path: Path, content: Any) -> list[Incoming]:
    """Write JSON and read it as an export."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return list(read(path))
