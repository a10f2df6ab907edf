"""Write the report of a run: numbers, curves, pictures, card; as HTML or PDF."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import Cancelled, InputError
from core.io import atomic
from core.messages import text
from core.project.project import Project
from core.review.report import gather
from core.review.report_html import html

ENDINGS = (".html", ".htm", ".pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--run", required=True, metavar="RUN", help=text("report.help_run"))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=text("report.help_output"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Write it."""
    target: Path = arguments.output
    check(target)
    with Project.open(arguments.project, read_only=True) as project:
        write(project, arguments.run, target, go_on=lambda: not line.should_stop())
    line.say(text("report.written", file=target))
    return {"file": str(target), "bytes": target.stat().st_size}


def check(target: Path) -> None:
    """Refuse an ending that is neither HTML nor PDF, and a PDF without Qt, before anything is worked out.

    Raises
    ------
    InputError
        ``report-kind``, ``qt-missing``.
    """
    if target.suffix.casefold() not in ENDINGS:
        raise InputError("report-kind", file=target.name)
    if target.suffix.casefold() == ".pdf":
        try:
            import gui.report.pdf  # noqa: F401 - whether it can be loaded
        except ImportError as error:
            raise InputError("qt-missing") from error


def write(project: Project, ref: str, target: Path, *, go_on: Any = lambda: True) -> Path:
    """Write the report of a run, in any thread.

    Parameters
    ----------
    ref
        Id, name, number, ``last`` or ``best``.
    target
        ``.html`` or ``.pdf``.

    Raises
    ------
    InputError
        As :func:`check`; ``report-empty``.
    LearningError, ProjectError, Cancelled
        As :func:`core.review.report.gather`.
    StorageError
        If the disk refuses.
    """
    check(target)
    report = gather(project, ref, go_on=go_on)
    if not go_on():
        raise Cancelled
    if target.suffix.casefold() == ".pdf":
        from gui.report.pdf import pdf

        content = pdf(html(report, for_qt=True), report.title)
    else:
        content = html(report).encode("utf-8")
    atomic.write_bytes(target, content)
    return target
