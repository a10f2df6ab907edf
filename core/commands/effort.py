"""What correcting each run took so far: edit Dice and time per slice, for ``runs --effort``."""

from __future__ import annotations

from typing import Any

from core.commands.line import Line
from core.messages import numeral, text
from core.project.project import Project
from core.review.effort import Effort, Loop, loop_of


def tell_effort(project: Project, line: Line) -> dict[str, Any]:
    """Say it, and return it."""
    loop = loop_of(project)
    for words in loop_words(loop):
        line.say(words)
    runs = [{"run": run, "name": name, "edit_dice": _round(one.dice), **_facts(one)} for run, name, one in loop.runs]
    return {"runs": runs, "by_hand": _facts(loop.by_hand)}


def loop_words(loop: Loop) -> list[str]:
    """Return one line per run that was corrected, and one for what was drawn by hand."""
    if not loop.runs:
        return [text("runs.effort_none")]
    said = [
        text(
            "runs.effort_run",
            run=name,
            dice=numeral(one.dice or 0, ".3f"),
            pace=numeral(one.pace or 0, ".0f"),
            slices=one.slices,
        )
        for _, name, one in loop.runs
    ]
    hand = loop.by_hand
    if hand.slices and hand.seconds:
        said.append(text("runs.effort_hand", pace=numeral(hand.pace or 0, ".0f"), slices=hand.slices))
    return said


def _facts(effort: Effort) -> dict[str, Any]:
    return {"slices": effort.slices, "seconds": round(effort.seconds, 1), "seconds_per_slice": _round(effort.pace)}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
