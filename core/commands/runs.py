"""List the runs of a project, compare them, draw their curves, export or delete one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.effort import tell_effort
from core.commands.line import Line
from core.errors import InputError, LearningError, ProjectError
from core.learning.events import TrainingStarted
from core.learning.run_files import export_run, origin_of
from core.learning.run_removal import delete_run, ties_of
from core.learning.runs import Run, best_run, find_run, history, list_runs, read_events, read_split_file
from core.learning.split import Split
from core.learning.warnings import cautions, patients_checking
from core.messages import moment, numeral, text
from core.project.project import Project
from core.review.curves import read_curves, write_comparison, write_curves
from core.review.evaluation import count_looks
from core.review.run_compare import RunComparison, compare_runs, setting_words
from core.review.summary import Spread


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add = parser.add_argument
    add("project", type=Path, help=text("project.help_project"))
    add("--run", action="append", metavar="RUN", help=text("runs.help_run"))
    add("--curves", type=Path, metavar="DIR", help=text("runs.help_curves"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--compare", nargs="+", metavar="RUN", help=text("runs.help_compare"))
    what.add_argument("--effort", action="store_true", help=text("runs.help_effort"))
    what.add_argument("--export", metavar="RUN", help=text("runs.help_export"))
    what.add_argument("--delete", metavar="RUN", help=text("runs.help_delete"))
    add("-o", "--output", type=Path, metavar="PATH", help=text("runs.help_output"))
    add("--yes", action="store_true", help=text("runs.help_yes"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Do what is asked; without anything, list the runs with the best starred."""
    with Project.open(arguments.project, read_only=not arguments.delete) as project:
        if arguments.delete:
            return _delete(project, arguments, line)
        if arguments.export:
            return _export(project, arguments, line)
        if arguments.effort:
            return tell_effort(project, line)
        if arguments.compare:
            return _compare(project, arguments, line)
        return _list(project, arguments, line)


def _list(project: Project, arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    everyone = list_runs(project)
    best = best_run(project, runs=everyone)
    chosen = everyone if not arguments.run else [find_run(project, ref) for ref in arguments.run]
    names = {run.id: run.name for run in everyone}
    rows = []
    for item in chosen:
        line.say(_row(item, best))
        facts = _facts(project, item, best, names)
        if arguments.run:
            # asked for by name: what there is to know of it
            for words in facts["warnings"]:
                line.say(f"  {words}")
        if arguments.curves is not None:
            facts["files"] = _curves(project, item, arguments.curves, line)
        rows.append(facts)
    if not everyone:
        line.say(text("project.runs_none"))
    if arguments.curves is not None:
        line.say(text("runs.curves_written", folder=arguments.curves))
    return {"runs": rows}


def _curves(project: Project, item: Run, folder: Path, line: Line) -> list[str]:
    try:
        curves = read_curves(project, item)
    except LearningError as error:
        line.skip(item.name, error)
        return []
    return [file.name for file in write_curves(folder, curves)]


def _compare(project: Project, arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    found = compare_runs(project, arguments.compare)
    facts = found.facts()
    for words in _table(found):
        line.say(words)
    if arguments.curves is not None:
        drawn = [one.curves for one in found.runs if one.curves is not None]
        facts["files"] = [file.name for file in write_comparison(arguments.curves, drawn)]
        line.say(text("runs.curves_written", folder=arguments.curves))
    return {"comparison": facts}


def _table(found: RunComparison) -> list[str]:
    """Word a comparison, one line per figure and setting."""
    lines = [_cells("", [one.run.name for one in found.runs])]
    for part in found.parts:
        lines.append(text("runs.part", part=text(f"evaluate.part_{part}")))
        for name, values in found.rows(part):
            lines.append(_cells(text(f"evaluate.name_{name}"), [spread_words(value) for value in values]))
        if any(found.differences[part]):
            words = [spread_words(value, signed=True) for value in found.differences[part]]
            lines.append(_cells(text("runs.difference", run=found.runs[0].run.name), ["", *words]))
        lines += [f"  {one.run.name}: {one.stamp(part)}" for one in found.runs if one.stamp(part)]
    if len(found.parts) == 0:
        lines.append(text("runs.not_measured"))
    lines.append(_cells(text("runs.looks"), [str(one.looks) for one in found.runs]))
    lines.append(text("runs.settings"))
    lines += [_cells(setting_words(name), list(values)) for name, values in found.settings]
    return [line.rstrip() for line in lines]


def _cells(name: str, values: list[str]) -> str:
    return f"  {name:<32}" + "".join(f"{value:<28}" for value in values)


def spread_words(value: Spread | None, *, signed: bool = False) -> str:
    """Write a figure with its interval: ``0.8642 (0.80 to 0.91)``."""
    if value is None or value.mean is None:
        return "-"
    digits = 4 if abs(value.mean) < 10 else 1
    mean = numeral(value.mean, f"{'+' if signed else ''}.{digits}f")
    if value.ci95 is None:
        return mean
    return text("runs.with_interval", mean=mean, low=numeral(value.ci95[0], ".3g"), high=numeral(value.ci95[1], ".3g"))


def _export(project: Project, arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    if arguments.output is None:
        raise InputError("export-where")
    item = find_run(project, arguments.export)
    names = export_run(project, item, arguments.output)
    line.say(text("runs.exported", name=item.name, target=arguments.output))
    return {"run": item.id, "name": item.name, "target": str(arguments.output), "files": names}


def _delete(project: Project, arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    item = find_run(project, arguments.delete)
    ties = ties_of(project, item)
    facts = {"run": item.id, "name": item.name, "children": list(ties.children), "predictions": ties.predictions}
    if not arguments.yes and not ties.children:
        raise LearningError("delete-unsure", name=item.name, predictions=ties.predictions, looks=ties.looks)
    delete_run(project, item)
    line.say(text("runs.deleted", name=item.name, predictions=ties.predictions))
    return facts


def _row(item: Run, best: Run | None) -> str:
    return text(
        "project.run_row",
        best="*" if best is not None and item.id == best.id else " ",
        name=item.name,
        state=item.state.value,
        network=item.network,
        labels=item.config.class_name if item.config.classifies else ", ".join(item.labels),
        measure=text("evaluate.name_auc" if item.config.classifies else "evaluate.name_dice"),
        dice="-" if item.best_dice is None else numeral(item.best_dice, ".3f"),
        created=moment(item.created),
    )


def _facts(project: Project, item: Run, best: Run | None, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "network": item.network,
        "parent": None if item.parent is None else names.get(item.parent, item.parent),
        "task": item.config.task,
        "labels": list(item.labels),
        "class": item.config.class_name or None,
        "state": item.state.value,
        "best": best is not None and item.id == best.id,
        "best_epoch": item.best_epoch,
        "best_dice": None if item.config.classifies else item.best_dice,
        "best_auc": item.best_dice if item.config.classifies else None,
        "seconds": item.seconds,
        "scans": item.scans,
        "slices": item.slices,
        "created": item.created,
        "usable": item.usable,
        "test_looks": count_looks(project, item.id),
        "origin": origin_of(project, item.id) or None,
        **run_warnings(project, item),
    }


def run_warnings(project: Project, item: Run) -> dict[str, Any]:
    """Return what the curves of a run say, ``{"leaky": [reasons], "warnings": [sentences]}``."""
    try:
        split: Split | None = Split.from_json(read_split_file(project, item.id))
    except (ProjectError, KeyError, ValueError):
        # it ended before it had one, or the file is damaged: verify names it
        split = None
    try:
        events = read_events(project, item.id)
        epochs = history(project, item.id)
    except ProjectError:
        events, epochs = [], []
    started = next((event for event in events if isinstance(event, TrainingStarted)), None)
    found = cautions(started, epochs, validation_patients=patients_checking(split)) if epochs else ()
    return {"leaky": list(split.reasons) if split else [], "warnings": [one.words for one in found]}
