"""What exploring found, as files: tables to work on with, the facts, pictures."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from core.io import atomic
from core.learning.explore_found import Exploration, Histogram, SliceRow
from core.learning.explore_pictures import pictures
from core.review.pictures import encode_png

SLICES_FILE = "slices.csv"
SCANS_FILE = "scans.csv"
FACTS_FILE = "explore.json"
_SCAN_COLUMNS = (
    "patient",
    "scan",
    "modality",
    "rows",
    "columns",
    "slices",
    "known",
    "with_label",
    "label_share",
    "largest_area",
    "mean",
    "inside",
    "outside",
)


def write(found: Exploration, folder: Path) -> list[Path]:
    """Write ``slices.csv``, ``scans.csv``, ``explore.json`` and the pictures; return what was written.

    The tables hold pseudonyms only. Numbers have a decimal point, what is not known is empty.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    atomic.make_folder(folder)
    contents = {
        SLICES_FILE: _table([field.name for field in fields(SliceRow)], (asdict(row) for row in found.rows)),
        SCANS_FILE: _table(_SCAN_COLUMNS, scan_rows(found)),
        FACTS_FILE: (json.dumps(facts(found), indent=1) + "\n").encode(),
    }
    contents |= {f"{name}.png": encode_png(picture) for name, picture in pictures(found).items()}
    for name, content in contents.items():
        atomic.write_bytes(folder / name, content)
    return [folder / name for name in contents]


def scan_rows(found: Exploration) -> list[dict[str, Any]]:
    """Return one row per scan: the slices' rows put together."""
    scans: dict[str, list[SliceRow]] = {}
    for row in found.rows:
        scans.setdefault(row.scan, []).append(row)
    return [_scan_row(rows) for rows in scans.values()]


def _scan_row(rows: Sequence[SliceRow]) -> dict[str, Any]:
    first = rows[0]
    known = [row for row in rows if row.known]
    pixels = sum(row.rows * row.columns for row in known)
    return {
        "patient": first.patient,
        "scan": first.scan,
        "modality": first.modality,
        "rows": first.rows,
        "columns": first.columns,
        "slices": len(rows),
        "known": len(known),
        "with_label": sum(row.has_label for row in known),
        "label_share": sum(row.pixels for row in known) / pixels if pixels else float("nan"),
        "largest_area": max((row.area for row in known), default=float("nan")),
        "mean": _weighted((row.mean, row.head * row.rows * row.columns) for row in rows),
        "inside": _weighted((row.inside, row.pixels) for row in rows),
        "outside": _weighted((row.outside, row.head * row.rows * row.columns) for row in known),
    }


def _weighted(pairs: Iterable[tuple[float, float]]) -> float:
    there = [(value, weight) for value, weight in pairs if not math.isnan(value) and weight > 0]
    total = sum(weight for _, weight in there)
    return sum(value * weight for value, weight in there) / total if total else float("nan")


def facts(found: Exploration) -> dict[str, Any]:
    """Return plain data: the ``--json`` object of ``explore``."""
    areas = found.areas
    return {
        "labels": list(found.labels),
        "scans": found.scans,
        "patients": found.patients,
        "patients_unknown": found.patients_unknown,
        "patients_with_label": found.patients_with_label,
        "scans_with_label": found.scans_with_label,
        "slices": found.slices,
        "known": found.known,
        "with_label": found.with_label,
        "without_label": found.without_label,
        "scribbled": found.scribbled,
        "unfinished": found.unfinished,
        "label_share": found.label_share,
        "area": _spread(areas.tolist()),
        "intensity": _histogram_facts(found.intensity),
        "hue": _histogram_facts(found.hue),
        "where": _where(found),
        "sizes": [_plain(asdict(size)) | {"scans": len(size.scans)} for size in found.sizes],
        "twins": [_plain(asdict(twin)) for twin in found.twins],
        "compared": found.compared,
        "empty": list(found.empty),
        "warnings": [
            {"key": remark.key, "words": remark.words, "scans": list(remark.scans)} for remark in found.warnings
        ],
        "seconds": round(found.seconds, 2),
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    low, middle, high = (float(value) for value in np.percentile(values, (5, 50, 95)))
    return {"least": min(values), "p5": low, "median": middle, "p95": high, "most": max(values)}


def _histogram_facts(histogram: Histogram | None) -> dict[str, Any] | None:
    if histogram is None:
        return None
    peaks = {"inside": _number(histogram.peak_inside), "outside": _number(histogram.peak_outside)}
    return {"unit": histogram.unit, "dominant": peaks}


def _where(found: Exploration) -> dict[str, Any] | None:
    """Return where the label is met most often, in parts of the head's box."""
    if found.heat is None:
        return None
    share = found.heat.share
    at = np.unravel_index(int(share.argmax()), share.shape)
    row, column = ((int(place) + 0.5) / size for place, size in zip(at, share.shape, strict=True))
    return {
        "plane": found.heat.plane,
        "slices": found.heat.slices,
        "row": round(row, 3),
        "column": round(column, 3),
        "share": float(share.max()),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _table(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> bytes:
    words = io.StringIO(newline="")
    writer = csv.writer(words, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return words.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return str(value)
