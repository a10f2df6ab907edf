"""An evaluation as files: one JSON, one table, pictures of every scan."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.geometry import Array
from core.io import atomic
from core.labels import BRAIN, layer_name
from core.messages import text
from core.project.predictions import read_prediction
from core.project.project import Project
from core.project.records import Scan
from core.review.compare import compare_label, learnt_truth
from core.review.evaluation import Plan
from core.review.pictures import PREDICTED, TRUTH, Panel, encode_png, row, sheet, show_slice, stripped_panel
from core.review.ranking import worst_slices
from core.volume import Volume

SUMMARY_FILE = "summary.json"
TABLE_FILE = "scans.csv"
SUMMARY_TABLE_FILE = "summary.csv"
PICTURES_FOLDER = "pictures"


def write_numbers(folder: Path, facts: Mapping[str, Any]) -> list[Path]:
    """Write the facts of an evaluation as JSON, and as two tables: its summary and its rows.

    Where the numbers flatter, every row of both says so.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    atomic.make_folder(folder)
    atomic.write_bytes(folder / SUMMARY_FILE, (json.dumps(facts, indent=1) + "\n").encode())
    stamp = {"stamp": facts["stamp"]} if facts.get("stamp") else {}
    atomic.write_bytes(folder / TABLE_FILE, table([row | stamp for row in facts["scans"]]).encode())
    rows = summary_rows(facts["summary"])
    if facts.get("test_looks"):
        rows.append({"metric": "test_looks", "value": facts["test_looks"]})
    summary = table([row | stamp for row in rows])
    atomic.write_bytes(folder / SUMMARY_TABLE_FILE, summary.encode())
    return [folder / SUMMARY_FILE, folder / TABLE_FILE, folder / SUMMARY_TABLE_FILE]


def summary_rows(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a summary as rows: metric, value (a mean, or a count), median, interval, number of values."""
    rows: list[dict[str, Any]] = []
    for name, value in summary.items():
        if name.endswith("_ci95"):
            continue
        found = value if isinstance(value, Mapping) else {"mean": value, "ci95": summary.get(f"{name}_ci95")}
        low, high = found.get("ci95") or (None, None)
        row = {"metric": name, "value": found["mean"], "median": found.get("median")}
        rows.append(row | {"ci95_low": low, "ci95_high": high, "values": found.get("count")})
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of plain facts as CSV; no value is an empty cell."""
    columns = list(dict.fromkeys(name for one in rows for name in one))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def scan_pictures(project: Project, made: Plan, scan: Scan, folder: Path, reader: str | None = None) -> list[Path]:
    """Draw a scan's pictures: with its mask, with truth and prediction, and stripped where it is Brain.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    volume = project.read_volume(scan.id)
    files = []
    for name, predicted in read_prediction(project, made.run.id, scan.id).items():
        label = project.labels().find(name)
        truth, known = (None, None)
        if label is not None:
            truth, known, _ = learnt_truth(project, scan.id, label, scan.shape[0], reader or made.run.config.reader)
            known &= made.slices_of(scan)
        stem = f"{scan.name}_{layer_name(name)}"
        slices = shown_slices(truth, predicted, volume, known)
        for kind, picture in drawn(volume, truth, predicted, slices, stripped=name.casefold() == BRAIN.casefold()):
            files.append(folder / PICTURES_FOLDER / f"{stem}_{kind}.png")
            atomic.make_folder(files[-1].parent)
            atomic.write_bytes(files[-1], picture)
    return files


def shown_slices(truth: Array | None, predicted: Array, volume: Volume, known: Array | None) -> list[int]:
    """Return the slice that shows most of the mask, and the worst one."""
    if truth is None or known is None or not known.any():
        return [show_slice(predicted != 0)]
    seen = np.where(known[:, None, None], truth, False)
    most = show_slice(seen if seen.any() else predicted != 0)
    compared = compare_label("", truth, predicted, volume.geometry, known)
    worst = [one.slice for one in worst_slices(compared, most=1)]
    return list(dict.fromkeys([most, *worst]))


def drawn(
    volume: Volume, truth: Array | None, predicted: Array, slices: Sequence[int], *, stripped: bool
) -> Iterator[tuple[str, bytes]]:
    """Draw the pictures of one label as (kind, PNG): ``mask``, ``compared`` and ``stripped``.

    Parameters
    ----------
    truth
        None where there is none; then no ``compared`` is drawn.
    slices
        One row each.
    stripped
        Whether the label is Brain.
    """
    scan = Panel(text("evaluate.picture_scan"), volume)
    guess = Panel(text("evaluate.picture_predicted"), volume, ((predicted, PREDICTED),))
    yield "mask", _sheet([scan, guess], slices)
    if truth is not None:
        true = Panel(text("evaluate.picture_truth"), volume, ((truth, TRUTH),))
        yield "compared", _sheet([scan, true, guess], slices)
    if stripped:
        yield (
            "stripped",
            _sheet([scan, guess, stripped_panel(text("evaluate.picture_stripped"), volume, predicted)], slices),
        )


def _sheet(panels: Sequence[Panel], slices: Sequence[int]) -> bytes:
    return encode_png(sheet([row(panels, index) for index in slices]))
