"""The results of the LGG campaign as a table for docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from lgg_data import CHECKING, FOLDS, summary

from core.review.summary import spread

ROWS = (
    ("unet", "tuned", "U-Net from the brain starter, mirrored, threshold and smallest piece by the checking patients"),
    ("unet", "plain", "U-Net from the brain starter, as `predict` gives it"),
    ("long", "tuned", "the same, three times as long, mirrored, threshold and smallest piece chosen the same way"),
    ("long", "plain", "the same, three times as long, as `predict` gives it"),
    ("monai", "plain", "plain MONAI loop (U-Net of its tutorials)"),
    ("monai", "tuned", "plain MONAI loop, threshold and smallest piece chosen the same way"),
)
FIRST_FOLD = (
    ("unet", "U-Net from the brain starter"),
    ("long", "U-Net from the brain starter, three times as long"),
    ("scratch", "U-Net from nothing"),
    ("monai", "plain MONAI loop"),
    ("attention", "Attention U-Net"),
    ("bce", "U-Net, recipe of seed 001: BCE, single slices, no augmentation"),
    ("half", "U-Net on half of the patients"),
    ("frozen", "the same half, encoder frozen from a run on the other half"),
)
COLUMNS = ("what", "patients", "Dice mean [95 % CI]", "median", "worst", "IoU")
COLUMNS += ("accuracy (all background)", "empty slices left empty")
BARS = {"mean": 0.85, "median": 0.90, "above": 0.02}
"""What is asked of our U-Net: Dice per patient, and how far above the plain loop in the same table."""
HEAD = f"| {' | '.join(COLUMNS)} |"
LINE = "|---" * len(COLUMNS) + "|"


def table(results: Path, seen: tuple[int, int], counts: Sequence[int], seeds: Sequence[int]) -> str:
    """Return markdown: folds, recipes on the first fold, learning curve, of what is there so far."""
    there = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted(results.glob("*.json"))}
    lines = [_made(there), "", f"Folds of patients (slices seen: {seen[0]:,}, plain loop {seen[1]:,})", "", HEAD, LINE]
    for kind, which, words in ROWS:
        found = [there[key] for fold in range(FOLDS) if (key := f"fold{fold}-{kind}") in there]
        if found:
            rows = _rows(there, kind, which)
            minutes = sum(facts["seconds"] for facts in found) / 60
            lines.append(_row(f"{words} ({len(found)} of {FOLDS} folds, {minutes:.0f} min)", rows))
    lines += _against(there)
    alike = "equal slices seen but by the plain loop and where it says so"
    lines += ["", f"First fold, {alike}, as `predict` gives it", "", HEAD, LINE]
    for kind, words in FIRST_FOLD:
        if f"fold0-{kind}" in there:
            facts = there[f"fold0-{kind}"]
            lines.append(_row(f"{words} ({facts['seconds'] / 60:.0f} min)", facts["plain"]))
    lines.append("| encoder with ImageNet weights, frozen | | not measured: no file of weights is here | | | | | |")
    lines.append("| seed 003, as published | | | | | 0.40 | | |")
    lines.append("| seed 001, as published | | | | | | 99.08% | |")
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


def _made(there: Mapping[str, Mapping[str, Any]]) -> str:
    """Say by what it was made."""
    machines = {
        (facts["machine"]["cpu"], facts["machine"]["cores"], facts["machine"]["threads"]) for facts in there.values()
    }
    on = "; ".join(f"{cpu}, {cores} cores, {threads or 'all'} threads" for cpu, cores, threads in sorted(machines))
    days = sorted(str(facts["at"])[:10] for facts in there.values())
    between = " to ".join(dict.fromkeys([days[0], days[-1]])) if days else "nothing yet"
    return (
        f"`make campaign-lgg`, {between}, {on}; seed 0; {FOLDS} folds by SHA-256 of the patient's name, each tested on"
        f' by what learnt from the others, of whom the {CHECKING} first by SHA-256 of "check " and the name choose'
        " epoch, threshold and smallest piece. Intervals: 95 %, patients drawn with replacement."
    )


def _against(there: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Compare ours, and ours three times as long, with the plain loop on the same patients, and with the bars."""
    lines: list[str] = []
    how = (("tuned", "both with what the checking patients chose"), ("plain", "both as they come"))
    for (kind, who), (which, words) in product((("unet", "U-Net"), ("long", "three times as long")), how):
        ours, theirs = (_rows(there, each, which) for each in (kind, "monai"))
        names = sorted(set(ours) & set(theirs))
        if not names:
            continue
        found = spread([ours[name]["dice"] - theirs[name]["dice"] for name in names], names)
        own = spread([ours[name]["dice"] for name in names], names)
        interval = f" [{found.ci95[0]:+.3f}, {found.ci95[1]:+.3f}]" if found.ci95 else ""
        told = {"mean": own.mean, "median": own.median, "above": found.mean}
        bars = ", ".join(
            f"{what} {told[what]:.3f} (bar {bar:g}, {'reached' if told[what] >= bar else 'missed'})"
            for what, bar in BARS.items()
        )
        lines += [
            "",
            f"Same {len(names)} patients, {words}: {who} minus plain loop {found.mean:+.3f}{interval}; {bars}.",
        ]
    return lines


def _rows(there: Mapping[str, Mapping[str, Any]], kind: str, which: str) -> dict[str, Mapping[str, Any]]:
    found = [there[key] for fold in range(FOLDS) if (key := f"fold{fold}-{kind}") in there]
    return {name: row for facts in found for name, row in facts[which].items()}


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
