"""Label Studio: masks go out as brush annotations that open there, and come in from its exports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.exchange.items import Item, Out
from core.exchange.label_studio_config import FILE, IMAGE, TOOL, word_of, write_config
from core.exchange.label_studio_reading import fits, read
from core.exchange.label_studio_rle import encode
from core.exchange.png import shown_pictures
from core.labels import Label
from core.project.exporting import encode_picture
from core.project.records import Origin

TASKS = "label_studio.json"
_ORIGINS = {str(Origin.PREDICTED): "prediction", str(Origin.CORRECTED): "prediction-changed"}
_ADDRESS = "/data/local-files/?d=images/"
"""What Label Studio's server calls a file below the folder that it serves."""

__all__ = ["LabelStudioFormat", "fits", "read"]


class LabelStudioFormat:
    """``label_studio.json`` (tasks with annotations), ``label_config.xml`` and ``images/<scan>/<scan>_0001.png``.

    A task is a slice. Without pictures only slices that are drawn or finished are tasks: their names fit
    those of the pictures.
    """

    name = "label-studio"

    def __init__(self) -> None:
        self._tasks: list[bytes] = []

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Write the labelling interface."""
        out.file(FILE, write_config(labels))

    def add(self, item: Item, out: Out) -> None:
        """Take one scan's slices; its pictures are written at once."""
        depth = item.volume.shape[0]
        drawn = [z for z in range(depth) if _begun(item, z)]
        unfinished = any(
            mask[z].any() and z not in item.finished[name] for name, mask in item.masks.items() for z in drawn
        )
        wanted = range(depth) if out.options.images else drawn
        tasks = [_task(item, z, z in drawn, number) for number, z in enumerate(wanted, len(self._tasks) + 1)]
        if out.options.images:
            for z, pixels in enumerate(shown_pictures(item.volume)):
                out.file(f"images/{slice_name(item, z)}.png", encode_picture(pixels))
        self._tasks += tasks
        if unfinished:
            out.tell("export-unfinished", scan=item.scan.name)

    def finish(self, out: Out) -> None:
        """Write the tasks."""
        out.file(TASKS, b"[\n" + b",\n".join(self._tasks) + b"\n]\n")
        if not out.options.images:
            out.tell("export-pictures-apart", file=TASKS)


def slice_name(item: Item, z: int) -> str:
    """Return the name of a slice's picture below ``images``, without its ending.

    Slices have a folder of their own: that is how they are known for one scan when they come in again.
    """
    return item.name if item.volume.shape[0] == 1 else f"{item.name}/{item.name}_{z + 1:04d}"


def _begun(item: Item, z: int) -> bool:
    return any(z in item.finished.get(name, ()) or mask[z].any() for name, mask in item.masks.items())


def _task(item: Item, z: int, drawn: bool, number: int) -> bytes:
    """Return one task as JSON: no blanks, for there are many numbers."""
    data = {
        IMAGE: f"{_ADDRESS}{slice_name(item, z)}.png",
        "meninx_scan": item.name,
        "meninx_slice": z + 1,
        "meninx_voxels": item.scan.sha256,
        "meninx_size": list(item.volume.shape[1:]),
    }
    # Label Studio gives numbers of its own when it takes this in; its converter wants some
    task = {"id": number, "data": data, "annotations": [_annotation(item, z, number)] if drawn else []}
    task["predictions"] = []
    return json.dumps(task, ensure_ascii=False, separators=(",", ":")).encode()


def _annotation(item: Item, z: int, number: int) -> dict[str, Any]:
    """Return what is drawn on a slice; of what is finished nothing is drawn where there is no region."""
    regions = [_region(item, label, z) for label in item.labels if item.mask(label)[z].any()]
    made: dict[str, Any] = {
        "id": number,
        "result": regions,
        "was_cancelled": False,
        "ground_truth": False,
        "result_count": len(regions),
        "meninx_finished": [word_of(name) for name, slices in item.finished.items() if z in slices],
    }
    return made | ({"meninx_reader": item.reader} if item.reader else {})


def _region(item: Item, label: Label, z: int) -> dict[str, Any]:
    mask = item.masks[label.name][z]
    rows, columns = mask.shape
    origin = item.origins.get(label.name, {}).get(z, "")
    return {
        "id": hashlib.sha256(f"{item.annotation}/{label.name}/{z}".encode()).hexdigest()[:10],
        "from_name": TOOL,
        "to_name": IMAGE,
        "type": "brushlabels",
        "origin": _ORIGINS.get(origin, "manual"),
        "original_width": columns,
        "original_height": rows,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": encode(np.asarray(mask)), "brushlabels": [word_of(label.name)]},
    }
