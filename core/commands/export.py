"""Write the masks of a project in the format of another tool."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.exchange.exporting import ONLY, export_job
from core.exchange.registry import FORMATS
from core.messages import text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--format", required=True, choices=tuple(FORMATS), help=text("exchange.help_format"))
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR", help=text("exchange.help_target"))
    parser.add_argument("--scans", nargs="+", default=[], metavar="SCAN", help=text("exchange.help_scans"))
    parser.add_argument("--only", choices=tuple(ONLY), default="all", help=text("exchange.help_only"))
    parser.add_argument("--label", action="append", default=[], metavar="NAME", help=text("exchange.help_labels"))
    parser.add_argument("--reader", default="", help=text("exchange.help_reader"))
    parser.add_argument("--deidentify", action="store_true", help=text("exchange.help_deidentify"))
    parser.add_argument("--images", action="store_true", help=text("exchange.help_images"))
    parser.add_argument("--stripped", action="store_true", help=text("exchange.help_stripped"))
    parser.add_argument(
        "--mask-box", type=_box, action="append", default=[], metavar="X,Y,W,H", help=text("exchange.help_box")
    )
    parser.add_argument("--layout", choices=("each", "map", "both"), default="each", help=text("exchange.help_layout"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Export, and tell what was written."""
    events = export_job(
        arguments.project,
        arguments.format,
        arguments.output,
        line.should_stop,
        scans=arguments.scans,
        only=arguments.only,
        labels=arguments.label,
        reader=arguments.reader.strip(),
        deidentify=arguments.deidentify,
        images=arguments.images,
        stripped=arguments.stripped,
        layout=arguments.layout,
        boxes=arguments.mask_box,
    )
    result = line.follow(events)
    key = "exchange.done" if result["complete"] else "exchange.done_part"
    facts = {"count": len(result["scans"]), "folder": result["folder"], "format": result["format"]}
    line.say(text(key, files=len(result["files"]), **facts))
    # a batch goes on, and says at its end that not all of it went well
    return result | {"exit": 1 if line.skipped else 0}


def _box(given: str) -> tuple[int, int, int, int]:
    """Read ``X,Y,WIDTH,HEIGHT`` in pixels."""
    parts = given.split(",")
    if len(parts) != 4 or not all(part.strip().isdigit() for part in parts):
        raise argparse.ArgumentTypeError(text("exchange.box_wrong", given=given))
    x, y, width, height = (int(part) for part in parts)
    return x, y, width, height
