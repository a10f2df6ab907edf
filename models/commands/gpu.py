"""Use the graphics card of this computer: take a pack file, check it again, or go back to the processor."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import InputError
from core.messages import sentence, text
from models.torchpack_choice import can_choose, check_job, choice, choose_job, remove


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--use", type=Path, metavar="FILE", help=text("gpu.help_use"))
    what.add_argument("--check", action="store_true", help=text("gpu.help_check"))
    what.add_argument("--remove", action="store_true", help=text("gpu.help_remove"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Do it, and tell what computes from now on."""
    if (arguments.use or arguments.check or arguments.remove) and not can_choose():
        raise InputError("pack-checkout")
    if arguments.use:
        line.follow(choose_job(arguments.use, should_stop=line.should_stop))
    elif arguments.check:
        line.follow(check_job(should_stop=line.should_stop))
    elif arguments.remove:
        remove()
    found = choice()
    if found is None:
        line.say(text("gpu.none"))
        return {"pack": None}
    facts = {"name": found.name, "torch": found.torch, "device": found.device, "bytes": found.bytes}
    if found.why is not None:
        line.say(text("gpu.off", name=found.name, reason=sentence(found.why)))
    elif found.device:
        line.say(text("gpu.on", device=found.device, torch=found.torch))
    else:
        line.say(text("gpu.on_cpu", torch=found.torch))
    return {"pack": facts | {"in_use": found.why is None}}
