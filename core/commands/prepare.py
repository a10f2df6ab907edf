"""Show what each step of the preparation does to a scan of one's own: pictures before and after."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import Cancelled, InputError
from core.learning.prepare import Preparation
from core.learning.prepare_pictures import look, write
from core.learning.prepare_steps import DEFAULT_STEPS, GREY, parse, parse_channels
from core.messages import text
from core.project.project import Project

SIZE = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scan", nargs="+", help=text("prepare.help_scan"))
    parser.add_argument("--slice", type=int, default=0, help=text("prepare.help_slice"))
    parser.add_argument("--prepare", metavar="STEPS", default="", help=text("prepare.help_steps"))
    parser.add_argument("--channels", metavar="NAMES", help=text("learning.channels_help"))
    parser.add_argument("--size", type=int, default=SIZE, help=text("learning.size_help", default=SIZE))
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", required=True, help=text("prepare.help_output"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Write the pictures and say what they show."""
    if not 32 <= arguments.size <= 1024:
        raise InputError("prepare-size", given=arguments.size)
    channels = parse_channels(arguments.channels) if arguments.channels else GREY
    preparation = Preparation(arguments.size, 1, steps=parse(arguments.prepare, DEFAULT_STEPS), channels=channels)
    files: list[str] = []
    skipped: list[dict[str, str]] = []
    with Project.open(arguments.project, read_only=True) as project:
        for ref in arguments.scan:
            scan = project.scan(ref)
            depth = scan.shape[0]
            if not 0 <= arguments.slice <= depth:
                raise InputError("prepare-slice", scan=scan.name, given=arguments.slice, slices=depth)
            index = arguments.slice - 1 if arguments.slice else depth // 2
            volume = project.read_volume(scan.id)
            found = list(look(volume, index, preparation, name=scan.name, go_on=lambda: not line.should_stop()))
            if line.should_stop():
                raise Cancelled
            for one in found:
                if one.why:
                    skipped.append({"scan": scan.name, "step": one.step, "why": one.why})
                    line.say(text("prepare.not_shown", name=one.name, why=one.why))
            files += [file.name for file in write(arguments.output, found, scan.name, index)]
    line.say(text("prepare.written", count=len(files), folder=arguments.output))
    return {"files": files, "not_shown": skipped}
