"""Measure a run on a part of its project, or predicted mask files against true ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import InputError
from core.messages import numeral, text
from core.review.summary import MASK_FIGURES
from models.evaluating import evaluate_job, measure_files_job

_CLASS_SHOWN = ("auc", "sensitivity", "specificity", "precision", "balanced_accuracy", "accuracy", "baseline_accuracy")
_WRONG = 8
_NO_MEDIAN = frozenset({"pooled_dice", "pooled_iou", "empty_slice_specificity"})
"""Of one number, or of yes and no, the median says nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, nargs="?", help=text("evaluate.help_project"))
    parser.add_argument("--run", help=text("evaluate.help_run"))
    parser.add_argument("--on", choices=("val", "test", "all"), default="val", help=text("evaluate.help_on"))
    parser.add_argument("--reader", help=text("evaluate.help_reader"))
    parser.add_argument("--truth", type=Path, metavar="FILE|DIR", help=text("evaluate.help_truth"))
    parser.add_argument("--predicted", type=Path, metavar="FILE|DIR", help=text("evaluate.help_predicted"))
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help=text("evaluate.help_output"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Measure, and show the summary."""
    with_project = arguments.project is not None and arguments.run is not None
    with_files = arguments.truth is not None and arguments.predicted is not None
    if with_project == with_files:
        raise InputError("evaluate-what")
    if with_files:
        files = measure_files_job(
            arguments.truth, arguments.predicted, folder=arguments.output, should_stop=line.should_stop
        )
        facts = line.follow(files)
        failed = int(facts.get("failed", 0))
    else:
        job = evaluate_job(
            arguments.project,
            arguments.run,
            on=arguments.on,
            reader=arguments.reader,
            folder=arguments.output,
            should_stop=line.should_stop,
        )
        facts = line.follow(job)
        failed = len(line.skipped)
    _show(facts, line)
    if arguments.output is not None:
        line.say(text("evaluate.written", folder=arguments.output))
    return facts | {"exit": 1 if failed else 0}


def _show(facts: dict[str, Any], line: Line) -> None:
    """Print the summary as a small table, with what stands beside the numbers."""
    summary = facts["summary"]
    if facts.get("task") == "classify":
        _show_classes(facts, line)
        return
    for key in ("counts", "counts_slices", "counts_lesions"):
        line.say(text(f"evaluate.{key}", **{name: value for name, value in summary.items() if isinstance(value, int)}))
    for name in MASK_FIGURES:
        spread = _spread(summary, name)
        if spread["mean"] is None:
            continue
        interval = spread["ci95"]
        words = text("evaluate.interval", low=_short(interval[0]), high=_short(interval[1])) if interval else ""
        median = "" if name in _NO_MEDIAN else text("evaluate.median", median=_short(spread["median"]))
        measured = {"mean": _short(spread["mean"]), "median": median, "interval": words}
        line.say(text("evaluate.line", name=text(f"evaluate.name_{name}"), **measured).rstrip())
    line.say(text("evaluate.interval_what"))
    if facts.get("gate"):
        line.say(text("evaluate.gate", **facts["gate"]))
    if facts.get("stamp"):
        line.say(facts["stamp"])
    if facts.get("unmeasured"):
        line.say(text("evaluate.unmeasured", scans=", ".join(facts["unmeasured"])))
    if facts.get("test_looks"):
        line.say(text("evaluate.looks", count=facts["test_looks"]))


def _show_classes(facts: dict[str, Any], line: Line) -> None:
    """Print what a run that classifies came to, slice by slice and scan by scan."""
    for part in ("summary", "scan_summary"):
        summary = facts[part]
        line.say(text("evaluate.class_slices" if part == "summary" else "evaluate.class_scans", **summary))
        for name in _CLASS_SHOWN:
            found = summary[name]
            if found["mean"] is None:
                continue
            interval = found["ci95"]
            words = text("evaluate.interval", low=_short(interval[0]), high=_short(interval[1])) if interval else ""
            called = "baseline_class" if name == "baseline_accuracy" else name
            measured = {"mean": _short(found["mean"]), "median": "", "interval": words}
            line.say(text("evaluate.line", name=text(f"evaluate.name_{called}"), **measured).rstrip())
        line.say(text("evaluate.class_calibration", **summary))
    if facts["unsaid"]:
        line.say(text("evaluate.unsaid", count=facts["unsaid"]))
    if facts["open_scans"]:
        line.say(text("evaluate.open_scans", count=len(facts["open_scans"]), scans=", ".join(facts["open_scans"])))
    line.say(text("evaluate.class_interval"))
    wrong = [
        f"{row['scan']}:{row['slice']} ({numeral(row['probability'], '.2f')})" for row in facts["most_wrong"][:_WRONG]
    ]
    if wrong:
        line.say(text("evaluate.class_wrong", rows=", ".join(wrong)))
    if facts["stamp"]:
        line.say(facts["stamp"])
    if facts["unmeasured"]:
        line.say(text("evaluate.class_unmeasured", scans=", ".join(facts["unmeasured"])))
    if facts["test_looks"]:
        line.say(text("evaluate.looks", count=facts["test_looks"]))


def _spread(summary: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a metric with its interval; the pooled ones are single numbers."""
    found = summary.get(name)
    if isinstance(found, dict):
        return found
    return {"mean": found, "median": None, "ci95": summary.get(f"{name}_ci95")}


def _short(value: float) -> str:
    return numeral(value, ".4f") if abs(value) < 10 else numeral(value, ".1f")
