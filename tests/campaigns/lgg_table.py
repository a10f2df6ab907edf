"""The results of the LGG campaign as a table for docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lgg_data import FOLDS, summary

ROWS = (
    ("unet", "tuned", "U-Net, mirrored, threshold and smallest piece chosen on the checking patients"),
    ("unet", "plain", "U-Net, as `predict` gives it"),
    ("monai", "plain", "plain MONAI loop (U-Net of its tutorials)"),
    ("monai", "tuned", "plain MONAI loop, threshold and smallest piece chosen the same way"),
)
FIRST_FOLD = (
    ("unet", "U-Net"),
    ("monai", "plain MONAI loop"),
    ("attention", "Attention U-Net"),
    ("bce", "U-Net, recipe of seed 001: BCE, single slices, no augmentation"),
    ("half", "U-Net on half of the patients"),
    ("frozen", "the same half, encoder frozen from a run on the other half"),
)
COLUMNS = ("what", "patients", "Dice mean [95 % CI]", "median", "worst", "IoU")
COLUMNS += ("accuracy (all background)", "empty slices left empty")
HEAD = f"| {' | '.join(COLUMNS)} |"
LINE = "|---" * len(COLUMNS) + "|"


def table(results: Path, seen: int, counts: Sequence[int], seeds: Sequence[int]) -> str:
    """Return markdown: folds, recipes on the first fold, learning curve, of what is there so far."""
    there = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(results.glob("*.json"))}
    lines = [f"Folds of patients ({seen} slices seen by each training)", "", HEAD, LINE]
    for kind, which, words in ROWS:
        found = [there[key] for fold in range(FOLDS) if (key := f"fold{fold}-{kind}") in there]
        if found:
            rows = {name: row for facts in found for name, row in facts[which].items()}
            lines.append(_row(f"{words} ({len(found)} of {FOLDS} folds)", rows))
    lines += ["", "First fold, equal slices seen, as `predict` gives it", "", HEAD, LINE]
    for kind, words in FIRST_FOLD:
        if f"fold0-{kind}" in there:
            facts = there[f"fold0-{kind}"]
            lines.append(_row(f"{words} ({facts['seconds'] / 60:.0f} min)", facts["plain"]))
    lines.append("| encoder with ImageNet weights, frozen | | not measured: no file of weights is here | | | | | |")
    lines.append("| seed 003, as published | | | | | 0.40 | | |")
    lines += [
        "",
        "Learning curve, 128 px: mean Dice per patient of the first fold (lowest to highest of the seeds)",
        "",
    ]
    lines += ["| finished slices | from scratch | from a parent |", "|---|---|---|"]
    if "curve-0-parent" in there:
        lines.append(f"| 0 (the parent itself) | | {_mean(there['curve-0-parent']):.3f} |")
    for count in counts:
        cells = [_seeds([there.get(f"curve-{count}-{seed}-{way}") for seed in seeds]) for way in ("scratch", "parent")]
        if any(cells):
            lines.append(f"| {count} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _row(words: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    found = summary(rows)
    dice, interval = found["dice"], found["dice"].ci95
    between = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    worst = min(row["dice"] for row in rows.values())
    quiet = "" if found["quiet"].mean is None else f"{found['quiet'].mean:.1%}"
    accuracy = f"{found['accuracy'].mean:.2%} ({found['baseline'].mean:.2%})"
    cells = [words, len(rows), f"{dice.mean:.3f}{between}", f"{dice.median:.3f}", f"{worst:.3f}"]
    return "| " + " | ".join(str(cell) for cell in [*cells, f"{found['iou'].mean:.3f}", accuracy, quiet]) + " |"


def _mean(facts: Mapping[str, Any]) -> float:
    return float(np.mean([row["dice"] for row in facts["plain"].values()]))


def _seeds(found: Sequence[Mapping[str, Any] | None]) -> str:
    means = [_mean(facts) for facts in found if facts is not None]
    return f"{np.mean(means):.3f} ({min(means):.3f} to {max(means):.3f})" if means else ""
