"""Take scans, and the masks beside them, into a project (made if it is not there)."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.commands.take import take_foreign
from core.errors import Cancelled, InputError
from core.exchange.registry import READERS
from core.messages import text
from core.project.importing import ImportOptions, import_job, parse_labels
from core.project.project import Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("import.help_project"))
    parser.add_argument("sources", type=Path, nargs="+", metavar="source", help=text("import.help_sources"))
    parser.add_argument("--label", help=text("import.help_label"))
    parser.add_argument("--patient-from", default="", help=text("import.help_patient"))
    parser.add_argument(
        "--as", dest="as_", choices=("auto", "stack", "pictures"), default="auto", help=text("import.help_as")
    )
    parser.add_argument("--volume", type=int, help=text("import.help_volume"))
    parser.add_argument("--masks", choices=("pair", "none"), default="pair", help=text("import.help_masks"))
    parser.add_argument("--dataset", default="", help=text("import.help_dataset"))
    parser.add_argument("--resample-masks", action="store_true", help=text("import.help_resample"))
    parser.add_argument("--classes", default="", metavar="CSV", help=text("import.help_classes"))
    parser.add_argument("--reader", default="", help=text("import.help_reader"))
    tools = ", ".join(READERS)
    parser.add_argument("--from", dest="tool", default="", metavar="TOOL", help=text("import.help_from", tools=tools))
    parser.add_argument("--look", action="store_true", help=text("import.help_look"))
    parser.add_argument("--rename", action="append", default=[], metavar="THEIRS=OURS", help=text("import.help_rename"))
    parser.add_argument("--strict", action="store_true", help=text("import.help_strict"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Import, and tell what came in."""
    if arguments.tool or arguments.look:
        return take_foreign(arguments, line)
    options = ImportOptions(
        label=arguments.label,
        patient_from=arguments.patient_from,
        as_=arguments.as_,
        volume=arguments.volume,
        masks=arguments.masks,
        strict=arguments.strict,
        reader=arguments.reader,
        resample_masks=arguments.resample_masks,
        dataset=arguments.dataset,
        classes=arguments.classes,
    )
    if options.classes and not options.classes.startswith("folder:") and not Path(options.classes).is_file():
        raise InputError("file-missing", file=options.classes)
    parse_labels(options.label)
    made = not arguments.project.exists()
    if made:
        Project.create(arguments.project).close()
    try:
        result = line.follow(import_job(arguments.project, arguments.sources, options, line.should_stop))
    except (InputError, Cancelled):
        if made:
            _remove_empty(arguments.project)
        raise
    line.say(text("import.done", scans=len(result["scans"]), masks=result["masks"], skipped=result["skipped"]))
    return {key: value for key, value in result.items() if key != "skipped"}


def _remove_empty(path: Path) -> None:
    """Take away the project that was made a moment ago, if nothing came in."""
    with Project.open(path, read_only=True) as project:
        empty = not project.scans()
    if empty:
        shutil.rmtree(path)
