"""The results of the CT campaign as tables, with 95 % intervals over patients."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ct_data import INFARCTS, LABEL, SECOND

from core.review.classification import measure_classes
from core.review.summary import DRAWS, spread


def table(folder: Path, arms: Sequence[str], folds: int) -> str:
    """Return what is there, in Markdown."""
    lines = [
        "| classifier | folds | AUC | accuracy | all called clean | sensitivity | specificity | minutes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_class_line(arm, _there(folder, f"class-{arm}", folds)) for arm in arms]
    drawn = _there(folder, "mask", folds)
    if drawn:
        lines.append(_asked_line(f"network of masks of {LABEL}, where it is surest", drawn))
        lines += ["", f"| masks of {LABEL} {_MASK_TITLES}", _MASK_RULE, _mask_line("not gated", drawn, gated=False)]
        names = sorted({found["gate"] for found in drawn} - {""})
        if names:
            lines.append(_mask_line(f"gated by {', '.join(names)}", drawn, gated=True))
    second = _there(folder, "infarct", INFARCTS)
    if second:
        lines += ["", f"| masks of {SECOND} {_MASK_TITLES}", _MASK_RULE]
        lines.append(_mask_line("each patient by a network that learnt from the other", second, gated=False))
    return "\n".join([*lines, "", *NOTES])


_MASK_TITLES = "| parts | slices | Dice by slice | IoU by slice | IoU pooled | clean slices left empty | slices lost |"
_MASK_RULE = "|---|---|---|---|---|---|---|---|"
NOTES = (
    "95 % intervals draw whole patients with replacement; of two patients they say next to nothing.",
    "Seed 002 reached 94.57 % (VGG16) and an IoU of 71.04 % (U-Net) on other, larger data: not the same question.",
    "Published for a U-Net on CT-ICH, all slices with masks, by patient: Dice 0.31 (Hssayeni 2020).",
)


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


def _asked_line(name: str, results: Sequence[Mapping[str, Any]]) -> str:
    """Return how well a network of masks ranks slices; it has no threshold of yes."""
    rows = [row for found in results for row in found["asked"]]
    truth, sure = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    ranked = measure_classes(sure, truth, [str(row[0]) for row in rows], 0.5)
    minutes = sum(found["seconds"] for found in results) / 60
    auc = _cell(ranked.figures["auc"], ranked.intervals["auc"])
    return f"| {name} | {len(results)} | {auc} | - | - | - | - | {minutes:.0f} |"


def _mask_line(name: str, results: Sequence[Mapping[str, Any]], *, gated: bool) -> str:
    rows = [row for found in results for row in found["rows"]]
    emptied = [gated and row["clean"] for row in rows]
    shown = [(row, empty) for row, empty in zip(rows, emptied, strict=True) if row["true"]]
    clean = [(row, empty) for row, empty in zip(rows, emptied, strict=True) if not row["true"]]
    owners = [row["patient"] for row, _ in shown]
    dice = spread([0.0 if empty else row["dice"] for row, empty in shown], owners)
    iou = spread([0.0 if empty else row["both"] / row["either"] for row, empty in shown], owners)
    quiet = spread([float(empty or not row["found"]) for row, empty in clean], [row["patient"] for row, _ in clean])
    lost = sum(empty for _, empty in shown)
    cells = [_cell(dice.mean, dice.ci95), _cell(iou.mean, iou.ci95), _pooled(rows, emptied)]
    cells += [_cell(quiet.mean, quiet.ci95), f"{lost} of {len(shown)}"]
    return f"| {name} | {len(results)} | {len(shown)} | {' | '.join(cells)} |"


def _pooled(rows: Sequence[Mapping[str, Any]], emptied: Sequence[bool]) -> str:
    """Return the IoU of all pixels together, with an interval over patients."""
    names = sorted({row["patient"] for row in rows})
    sums = np.zeros((len(names), 2))
    for row, empty in zip(rows, emptied, strict=True):
        one = (0, row["true"]) if empty else (row["both"], row["either"])
        sums[names.index(row["patient"])] += one
    both, either = sums.sum(axis=0)
    if not either:
        return "-"
    drawn = sums[np.random.default_rng(20261).integers(0, len(names), (DRAWS, len(names)))].sum(axis=1)
    values = drawn[drawn[:, 1] > 0]
    ends = np.percentile(values[:, 0] / values[:, 1], (2.5, 97.5)) if len(names) > 1 else None
    return _cell(both / either, None if ends is None else (float(ends[0]), float(ends[1])))


def _cell(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")
