"""The card of the brain starter, written of what was measured: no figure in it stands anywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BAR = {"dice": 0.96, "worst": 0.93, "hd95": 6.0}


def card(result: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    model = result["model"]
    check = (model.get("check") or {}).get("check", {})
    own = result["summary"]["own"]
    return "\n".join([
        "# Brain",
        "",
        "Finds the Brain (parenchyma with cerebellum and brainstem, ventricles included, the CSF around it excluded)",
        "on MR of any contrast, in any orientation, on single pictures too, and on CT as far as it goes.",
        "Research use only, not for diagnosis. Licence of the weights: Apache-2.0, as the program.",
        "",
        "## How it was made",
        "",
        f"- Network: {model['network']}, 5.2 million numbers kept in 16 bits; three neighbouring slices of",
        f"  {model['preparation']['size']} pixels in, probability and signed distance out.",
        *_learnt_from(model),
        f"- Spent: {_steps(model)} steps of {model['recipe']['batch']} slices,",
        f"  {model['core_hours']} core-hours on a CPU. Again from nothing: `make campaign-brain`",
        f"  (commit {model['commit'][:12]}).",
        f"- On the made-up slices that check: Dice {check.get('dice', 0):.4f} over all pixels,",
        f"  {check.get('slice_dice', 0):.4f} per slice, distance {check.get('distance', 0):.2f} pixels off.",
        "",
        *_never_saw(_FOLDS, result.get("folds")),
        *_never_saw(_BEFORE, result.get("before")),
        f"## Real heads ({result['at']}, {'three views' if result['three_views'] else 'one view'})",
        "",
        *_seen(model),
        "Heads with a mask of their own. In brackets: 95 % interval, people drawn again. There are few of them: two",
        "patients with multiple sclerosis and one average of 152 people.",
        "",
        *_table(own),
        "",
        *([] if result.get("folds") or result.get("before") else [*_verdict(own["all"]["starter"]["covered"]), ""]),
        "Against masks that another network made (MindGrab, checked by eye; agreement, not truth):",
        "",
        *_table(result["summary"]["auto"]),
        "",
        "Single pictures (24 T1 slices of one person, whose own masks leave CSF out; FLAIR slices of 4 patients;",
        "distances in pixels where the spacing is unknown):",
        "",
        *_table(result["summary"]["picture"]),
        "",
        "## Scan by scan",
        "",
        "| scan | contrast | Dice | covered slices | HD95 | sensitivity | precision | told of it |",
        "|---|---|---|---|---|---|---|---|",
        *[_row(row) for row in result["rows"] if row["kind"] != "picture"],
        "",
        "CT and what has no mask: see the pictures that `tests/campaigns/brain_eval.py` writes.",
        "",
    ]) + "\n"  # fmt: skip


def _learnt_from(model: Mapping[str, Any]) -> list[str]:
    heads, check = model.get("real_heads", ()), len(model["check_maps"])
    lines = [
        f"- Learnt from made-up slices{'' if heads else ' alone'}, of {len(model['maps']) - check} maps",
        "  of tissues (SynthSeg, Billot et al. 2023, Apache-2.0), bent, cut, given contrast at random and spoilt anew",
        f"  for every slice. {check} further heads were kept to check.",
    ]
    if not heads:
        return [*lines, "  No real scan was learnt from, nor was anything chosen by one: no hashes of training scans."]
    licences = sorted({head["licence"] for head in heads})
    people = len({head["person"] for head in heads})
    return [
        *lines,
        f"- Then also from {len(heads)} real scans of {people} people, half of each step:",
        *(f"  - {', '.join(head['name'] for head in heads if head['licence'] == one)} ({one})" for one in licences),
        "  Masks that another network made were shown less often. Hashes: `learnt.json`.",
    ]


def _steps(model: Mapping[str, Any]) -> str:
    before = model.get("steps_before", 0)
    return f"{f'{before} and then ' if before else ''}{model['steps']} of {model['of_steps']}"


_FOLDS = (
    "The same recipe twice, each time with half of the people left out and measured, in one view",
    "(`tests/campaigns/brain_folds.py`). Heads with a mask of their own:",
)
_BEFORE = (
    "The same network before it learnt from real heads: it had seen none of these people. Heads with a mask of",
    "their own, in one view:",
)


def _never_saw(words: Sequence[str], groups: Mapping[str, Any] | None) -> list[str]:
    """Tell what was reached on people that were not learnt from; nothing where that was not measured."""
    if groups is None:
        return []
    return [
        "## People it never saw",
        "",
        *words,
        "",
        *_table(groups["own"]),
        "",
        *_verdict(groups["own"]["all"]["starter"]["covered"]),
        "",
        "Against masks that another network made:",
        "",
        *_table(groups["auto"]),
        "",
    ]


def _seen(model: Mapping[str, Any]) -> list[str]:
    names = [head["name"] for head in model.get("real_heads", ())]
    if not names:
        return ["None of them was learnt from.", ""]
    return [
        f"**Learnt from, and so no test of it: {', '.join(names)}.** Only the others tell of heads it never saw.",
        "",
    ]


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table(groups: Mapping[str, Any]) -> list[str]:
    lines = ["| what | scans | method | Dice, all slices | Dice, slices with a mask | worst | HD95 | worst HD95 |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for name, group in groups.items():
        for runner, words in (("starter", "**starter**"), ("otsu", "Otsu + largest"), ("rough", "rough way")):
            whole, covered = group[runner]["all"], group[runner]["covered"]
            if not whole["scans"]:
                continue
            low, high = covered.get("dice_ci95", (None, None))
            lines.append(
                f"| {name} | {whole['scans']} | {words} | {_number(whole['dice'])} | {_number(covered.get('dice'))} "
                f"({_number(low)}-{_number(high)}) | {_number(covered.get('dice_worst'))} "
                f"| {_number(covered.get('hd95'), 1)} | {_number(covered.get('hd95_worst'), 1)} |"
            )
    return lines


def _verdict(found: Mapping[str, Any]) -> list[str]:
    if not found.get("scans"):
        return ["Nothing was measured."]
    held = {
        f"mean Dice {found['dice']:.3f} (bar {BAR['dice']})": found["dice"] >= BAR["dice"],
        f"worst Dice {found['dice_worst']:.3f} (bar {BAR['worst']})": found["dice_worst"] >= BAR["worst"],
        f"HD95 {found['hd95']:.1f} mm (bar {BAR['hd95']:.0f})": found["hd95"] <= BAR["hd95"],
    }
    return [
        "The bars: " + "; ".join(f"{words} {'held' if good else '**missed**'}" for words, good in held.items()) + "."
    ]


def _row(row: Mapping[str, Any]) -> str:
    check = row["check"] or {}
    told = ("doubtful: " if check.get("doubtful") else "") + ", ".join(check.get("reasons", []))
    if "starter" not in row:
        return f"| {row['name']} | {row['contrast']} | - | - | - | - | - | {told or '-'} |"
    whole, covered = row["starter"]["all"], row["starter"]["covered"]
    return (
        f"| {row['name']} | {row['contrast']} | {_number(whole['dice'])} | {_number(covered['dice'])} "
        f"| {_number(covered['hd95'], 1)} {covered['unit']} | {_number(covered['sensitivity'])} "
        f"| {_number(covered['precision'])} | {told or '-'} |"
    )
