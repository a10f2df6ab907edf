"""Strip brains: write the brain and its mask of each input, in the input's own geometry."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import text
from core.review.strip import Stripping
from models.commands.ways import add_ways, millimetres, number, ways
from models.loose import default_model, strip_job
from models.sharding import hush_others, leading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help=text("strip.help_inputs"))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help=text("strip.help_output"))
    parser.add_argument("--model", default="", metavar="STARTER|PROJECT:RUN|classical", help=text("strip.help_model"))
    parser.add_argument("--masks-only", action="store_true", help=text("strip.help_masks_only"))
    add_ways(parser)
    parser.add_argument("--background", type=number, metavar="VALUE", help=text("strip.help_background"))
    parser.add_argument("--soft", type=millimetres, default=0.0, metavar="MM", help=text("strip.help_soft"))
    parser.add_argument("--crop", type=millimetres, metavar="MM", help=text("strip.help_crop"))
    parser.add_argument("--dicom", action="store_true", help=text("strip.help_dicom"))
    parser.add_argument("--volume", type=int, metavar="N", help=text("strip.help_volume"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Strip, and tell what was written."""
    hush_others()
    model = arguments.model or default_model()
    job = strip_job(
        arguments.inputs,
        arguments.output,
        model=model,
        masks_only=arguments.masks_only,
        ways=ways(arguments),
        stripping=Stripping(arguments.background, arguments.soft, arguments.crop),
        volume=arguments.volume,
        dicom=arguments.dicom,
        should_stop=line.should_stop,
    )
    result = line.follow(job)
    if leading():
        line.say(text("strip.done", count=result["scans"], folder=arguments.output, failed=result["failed"]))
    return result | {"model": model, "exit": 1 if result["failed"] and leading() else 0}
