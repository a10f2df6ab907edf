"""``import --from TOOL``: what another tool exported is shown, or taken in."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import Cancelled, InputError
from core.exchange.incoming import Plan
from core.exchange.registry import READERS
from core.exchange.taking import TakeOptions, look, take_job
from core.io.regrid import size_words
from core.io.sandbox import Decoder
from core.messages import text
from core.project.project import Project

_SHOWN = 200


def take_foreign(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Take an export of another tool in, or with ``--look`` only say what it would bring."""
    if len(arguments.sources) != 1:
        raise InputError("exchange-one")
    tool = "" if arguments.tool in ("", "auto") else arguments.tool
    if tool and tool not in READERS:
        raise InputError("exchange-tool", name=tool, known=", ".join(READERS))
    path: Path = arguments.sources[0]
    if not path.exists():
        raise InputError("file-missing", file=path)
    if arguments.look:
        with Decoder() as decoder:
            return _tell(look(decoder, path, tool), line)
    made = not arguments.project.exists()
    if made:
        Project.create(arguments.project).close()
    renamed = {theirs: ours for theirs, _, ours in (one.partition("=") for one in arguments.rename)}
    options = TakeOptions(
        renamed,
        arguments.reader,
        tool,
        arguments.as_,
        arguments.patient_from,
        resample=arguments.resample_masks,
    )
    try:
        result = line.follow(take_job(arguments.project, path, options, line.should_stop))
    except (InputError, Cancelled):
        if made and not _has_scans(arguments.project):
            shutil.rmtree(arguments.project)
        raise
    counts = {key: result[key] for key in ("masks", "predictions", "skipped")}
    line.say(text("import.taken", scans=len(result["scans"]), **counts))
    return {key: value for key, value in result.items() if key != "skipped"}


def _has_scans(path: Path) -> bool:
    with Project.open(path, read_only=True) as project:
        return bool(project.scans())


def _tell(plan: Plan, line: Line) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    left = 0
    for one in plan.lines:
        drawn = ", ".join(f"{name} {voxels}" for name, voxels in one.labels) or text("import.look_nothing")
        reason = ""
        if one.problem is not None:
            left += 1
            reason = text(f"notices.{one.problem.key}", **one.problem.fields)
            drawn = text("import.look_left_out", reason=reason)
        shape = one.shape if len(one.shape) == 3 else (1, *one.shape)
        if len(rows) < _SHOWN:
            line.say(
                text(
                    "import.look_line",
                    name=one.name if one.image else one.url or one.name,
                    size=size_words(shape),
                    labels=drawn,
                )
            )
        rows.append(
            {"name": one.name, "shape": list(one.shape), "labels": dict(one.labels), "image": one.image is not None}
            | ({"url": one.url} if one.url else {})
            | ({"left_out": reason} if reason else {})
        )
    labels = ", ".join(plan.labels) or "-"
    line.say(text("import.look_total", count=len(rows), tool=plan.reader, left=left, labels=labels))
    return {"tool": plan.reader, "labels": plan.labels, "pictures": rows}
