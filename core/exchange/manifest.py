"""``manifest.json`` of an export: what it holds, where each mask came from, and the hash of every file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.exchange.items import ExportOptions, Item, Out
from core.labels import Label
from core.project.records import utc_now
from core.version import VERSION

NAME = "manifest.json"
FORMAT = 1
"""Raised when a reader of before could take something for what it is not."""


@dataclass(frozen=True)
class Facts:
    """What stands for the whole export."""

    format: str
    only: str
    options: ExportOptions
    labels: tuple[Label, ...]
    complete: bool


@dataclass(frozen=True)
class About:
    """What is said of one scan."""

    scan: str
    entry: dict[str, Any]


def about(item: Item, files: Sequence[str]) -> About:
    """Say of one item what was drawn, by whom, what is finished and how it came about."""
    labels = {}
    for label in item.labels:
        mask = item.masks.get(label.name)
        if mask is None:
            continue
        slices: dict[str, list[int]] = {}
        for index, origin in sorted(item.origins.get(label.name, {}).items()):
            slices.setdefault(origin, []).append(index)
        labels[label.name] = {
            "voxels": int(mask.sum()),
            "finished": spans(item.finished.get(label.name, ())),
            "origins": {origin: spans(numbers) for origin, numbers in slices.items()},
        }
    geometry = item.volume.geometry
    entry = {
        "scan": item.scan.name,
        "name": item.name,
        "patient": item.scan.patient_name,
        "patient_known": item.scan.patient_known,
        "status": str(item.scan.status),
        "modality": item.scan.modality,
        "shape": list(item.volume.shape),
        "affine": geometry.affine.tolist(),
        "spacing_known": geometry.spacing_known,
        "orientation_known": geometry.orientation_known,
        "voxels_sha256": item.scan.sha256,
        "reader": item.reader,
        "labels": labels,
        "files": list(files),
    }
    return About(item.scan.name, entry)


def write(out: Out, facts: Facts, scans: Iterable[About]) -> None:
    """Write the manifest; it lists every file but itself."""
    options = facts.options
    content = {
        "meninx_export": FORMAT,
        "program": f"Meninx {VERSION}",
        "format": facts.format,
        "created": utc_now(),
        "complete": facts.complete,
        "only": facts.only,
        "options": {
            "images": options.images,
            "stripped": options.stripped,
            "deidentify": options.deidentify,
            "layout": options.layout,
        },
        "labels": [
            {"name": one.name, "color": one.color, "layer": one.layer, "value": one.value} for one in facts.labels
        ],
        "scans": [one.entry for one in scans],
        "files": [{"name": one.name, "size": one.size, "sha256": one.sha256} for one in out.written],
    }
    out.file(NAME, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def spans(numbers: Iterable[int]) -> str:
    """Write slices (from 0) short: ``"0-3,7"``."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def from_spans(words: str, count: int) -> tuple[int, ...]:
    """Read what :func:`spans` wrote; what is not within ``count`` slices is left out.

    Raises
    ------
    ValueError
        For anything else.
    """
    found: set[int] = set()
    for part in filter(None, words.split(",")):
        low, _, high = part.partition("-")
        found.update(range(max(0, int(low)), min(count, int(high or low) + 1)))
    return tuple(sorted(found))
