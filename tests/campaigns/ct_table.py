"""The results of the CT campaign as tables, with 95 % intervals over patients."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.review.classification import measure_classes
from core.review.summary import spread


def table(folder: Path, arms: Sequence[str], folds: int) -> str:
    """Return what is there, in Markdown."""
    lines = [
        "| classifier | folds | AUC | accuracy | all called clean | sensitivity | specificity | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_class_line(arm, _there(folder, f"class-{arm}", folds)) for arm in arms]
    drawn = _there(folder, "mask", folds)
    if drawn:
        lines += ["", "| masks | folds | Dice by slice | IoU pooled | clean slices left empty | slices lost |"]
        lines += ["|---|---|---|---|---|---|", _mask_line("not gated", drawn, gated=False)]
        names = sorted({found["gate"] for found in drawn} - {""})
        if names:
            lines.append(_mask_line(f"gated by {', '.join(names)}", drawn, gated=True))
    second = _read(folder / "infarct.json")
    if second is not None:
        dice = f"{second['check_dice']:.3f}"
        lines += ["", f"Infarct: validation Dice {dice}, of one patient split by slice: this number leaks."]
    return "\n".join(line for line in lines if line is not None)


def _there(folder: Path, key: str, folds: int) -> list[dict[str, Any]]:
    found = (_read(folder / f"{key}-{fold}.json") for fold in range(folds))
    return [facts for facts in found if facts is not None]


def _read(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text("utf-8")) if file.is_file() else None


def _class_line(arm: str, results: Sequence[Mapping[str, Any]]) -> str:
    rows = [(*row, found["rule"]["threshold"]) for found in results for row in found["rows"]]
    if not rows:
        return f"| {arm} | 0 | | | | | | |"
    patients = [str(row[0]) for row in rows]
    truth = np.array([row[2] for row in rows])
    probability = np.array([row[3] for row in rows])
    said = (probability >= np.array([row[4] for row in rows])).astype(float)
    # each fold has a threshold of its own; the AUC pools the calibrated probabilities of all
    ranked = measure_classes(probability, truth, patients, 0.5)
    called = measure_classes(said, truth, patients, 0.5)
    cells = [_cell(ranked.figures["auc"], ranked.intervals["auc"])]
    cells += [
        _cell(called.figures[name], called.intervals[name])
        for name in ("accuracy", "baseline_accuracy", "sensitivity", "specificity")
    ]
    minutes = sum(found["seconds"] for found in results) / 60
    return f"| {arm} | {len(results)} | {' | '.join(cells)} | {minutes:.0f} |"


def _mask_line(name: str, results: Sequence[Mapping[str, Any]], *, gated: bool) -> str:
    rows = [row for found in results for row in found["rows"]]
    emptied = [gated and row["clean"] for row in rows]
    shown = [(row, empty) for row, empty in zip(rows, emptied, strict=True) if row["true"]]
    clean = [(row, empty) for row, empty in zip(rows, emptied, strict=True) if not row["true"]]
    dice = spread([0.0 if empty else row["dice"] for row, empty in shown], [row["patient"] for row, _ in shown])
    quiet = spread([float(empty or not row["found"]) for row, empty in clean], [row["patient"] for row, _ in clean])
    both = sum(0 if empty else row["both"] for row, empty in zip(rows, emptied, strict=True))
    either = sum(row["true"] if empty else row["either"] for row, empty in zip(rows, emptied, strict=True))
    lost = sum(empty for _, empty in shown)
    iou = f"{both / either:.3f}" if either else "-"
    cells = [_cell(dice.mean, dice.ci95), iou, _cell(quiet.mean, quiet.ci95), f"{lost} of {len(shown)}"]
    return f"| {name} | {len(results)} | {' | '.join(cells)} |"


def _cell(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")
