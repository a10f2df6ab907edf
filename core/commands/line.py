"""The command line: one table of commands, one way to speak, one way to fail.

Progress goes to stderr; with ``--json`` one object goes to stdout. Exit status:
0 done, 1 failed (one plain sentence on stderr), 2 usage, 130 cancelled.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from core import messages
from core.errors import Cancelled, InputError, MeninxError
from core.events import Events, Finished, JobEvent, Notice, Progress, Skipped
from core.messages import numeral, sentence, text


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand.

    Parameters
    ----------
    name
        Word on the command line.
    module
        Module that holds ``add_arguments(parser)`` and
        ``run(arguments, line) -> dict`` (the facts of the ``--json`` object).
        Imported only when the command is used.
    """

    name: str
    module: str


COMMANDS: tuple[Command, ...] = (
    Command("demo", "core.commands.demo"),
    Command("import", "core.commands.import_"),
    Command("masks", "core.commands.masks"),
    Command("labels", "core.commands.labels"),
    Command("info", "core.commands.info"),
    Command("scans", "core.commands.scans"),
    Command("classes", "core.commands.classes"),
    Command("measurements", "core.commands.measurements"),
    Command("versions", "core.commands.versions"),
    Command("readers", "core.commands.readers"),
    Command("assign", "core.commands.assign"),
    Command("status", "core.commands.status"),
    Command("tag", "core.commands.tag"),
    Command("comment", "core.commands.comment"),
    Command("agree", "core.commands.agree"),
    Command("consensus", "core.commands.consensus"),
    Command("bundle", "core.commands.bundle"),
    Command("merge", "core.commands.merge"),
    Command("audit", "core.commands.audit"),
    Command("verify", "core.commands.verify"),
    Command("export", "core.commands.export"),
    Command("explore", "core.commands.explore"),
    Command("prepare", "core.commands.prepare"),
    Command("split", "core.commands.split"),
    Command("train", "models.commands.train"),
    Command("runs", "core.commands.runs"),
    Command("import-run", "models.commands.import_run"),
    Command("evaluate", "models.commands.evaluate"),
    Command("predict", "models.commands.predict"),
    Command("suggest", "core.commands.suggest"),
    Command("gate", "core.commands.gate"),
    Command("report", "gui.report.command"),
    Command("apply", "models.commands.apply"),
    Command("strip", "models.commands.strip"),
    Command("gpu", "models.commands.gpu"),
    Command("selftest", "models.commands.selftest"),
)


class Line:
    """What a running command says to the person or script that called it."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.skipped: list[dict[str, str]] = []
        self.stop = ""
        self._last = 0.0

    def say(self, words: str) -> None:
        """Write a line for people (stdout, or stderr beside ``--json``)."""
        print(words, file=sys.stderr if self.as_json else sys.stdout)

    def should_stop(self) -> str:
        """Stop check for jobs: ``"stop"`` after the first Ctrl+C."""
        return self.stop

    def follow(self, events: Events, on_event: Callable[[JobEvent], None] | None = None) -> dict[str, Any]:
        """Run a job to its end, showing progress, and return its result."""
        result: dict[str, Any] = {}
        for event in events:
            if isinstance(event, Finished):
                result = event.result
            elif isinstance(event, Progress):
                self.show(event)
            elif isinstance(event, Skipped):
                self.skip(event.source, event.error)
            elif isinstance(event, Notice):
                self._note(text(f"notices.{event.key}", **event.fields))
            if on_event is not None:
                on_event(event)
        return result

    def skip(self, source: str, error: MeninxError) -> None:
        """Say that one input is passed over, and why."""
        self.skipped.append({"source": source, "reason": sentence(error)})
        self._note(text("line.skipped", source=source, reason=sentence(error)))

    def _note(self, words: str) -> None:
        print(words, file=sys.stderr)  # noqa: T201

    def show(self, event: Progress) -> None:
        """Tell how far something is: at most once a second, and at its end."""
        now = time.monotonic()
        at_end = event.total > 0 and event.done == event.total
        if now - self._last < 1.0 and not at_end:
            return
        self._last = now
        parts = [text(f"stages.{event.stage}"), f"{event.done}/{event.total}" if event.total else str(event.done)]
        if event.detail:
            parts.append(event.detail)
        if event.rate > 0:
            parts.append(f"{numeral(event.rate, '.1f')}/s")
        if event.seconds_left >= 0:
            parts.append(text("line.left", seconds=round(event.seconds_left)))
        self._note("  ".join(parts))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n")


def take_language(arguments: Sequence[str]) -> list[str]:
    """Take ``--language NAME`` from the beginning of the command line; end with status 2 if there is no such one."""
    try:
        return messages.take_language(arguments)
    except KeyError as error:
        words = text("line.language_unknown", name=error.args[0], known=", ".join(messages.LANGUAGES))
        print(words, file=sys.stderr)  # noqa: T201
        sys.exit(2)


def is_command(arguments: Sequence[str]) -> bool:
    """Whether the first word names a command (or asks for help)."""
    first = arguments[0] if arguments else ""
    return first in {"-h", "--help", "--version"} or any(first == command.name for command in COMMANDS)


def programs() -> dict[str, str]:
    """Return what a person types, as fields of words: ``program`` to get here, ``window``, and the ``gap`` between.

    A checkout has one script, an installed copy two programs.
    """
    here, window = ("meninx-cli", "meninx") if getattr(sys, "frozen", False) else ("main.py", "main.py")
    return {"program": here, "window": window, "gap": " " * (len(here) - len(window))}


def _parser(name: str) -> tuple[_Parser, Any]:
    command = next(command for command in COMMANDS if command.name == name)
    module = importlib.import_module(command.module)
    words = module.__doc__.splitlines()[0] if module.__doc__ else None
    parser = _Parser(prog=f"{programs()['program']} {name}", description=words)
    parser.add_argument("--json", action="store_true", help=text("line.json_help"))
    module.add_arguments(parser)
    return parser, module


def _overview() -> str:
    rows = [text("line.overview", **programs())]
    rows += [f"  {command.name:<10} {text(f'commands.{command.name}')}" for command in COMMANDS]
    return "\n".join(rows)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    if arguments[0] in {"-h", "--help"}:
        try:
            print(_overview(), flush=True)  # noqa: T201
        except BrokenPipeError:
            _hush()
        return 0
    if arguments[0] == "--version":
        from core.version import VERSION

        print(f"Meninx {VERSION}")  # noqa: T201
        return 0
    parser, module = _parser(arguments[0])
    parsed = parser.parse_args(list(arguments[1:]))
    line = Line(as_json=parsed.json)

    def interrupted(_signal: int, _frame: object) -> None:
        if line.stop:
            raise KeyboardInterrupt
        line.stop = "stop"

    previous = signal.signal(signal.SIGINT, interrupted)
    try:
        project = getattr(parsed, "project", getattr(parsed, "path", None))
        if isinstance(project, Path):
            # not before it is needed: the window has no use for it
            from core.project.interrupted import finish_labels

            finish_labels(project)
        facts = module.run(parsed, line)
        return _close(line, arguments[0], facts, 130 if line.stop else int(facts.pop("exit", 0)))
    except (KeyboardInterrupt, Cancelled):
        return _fail(line, arguments[0], Cancelled(), 130)
    except MeninxError as error:
        return _fail(line, arguments[0], error, 1)
    except BrokenPipeError:
        _hush()
        return 0
    except FileNotFoundError as error:
        return _fail(line, arguments[0], InputError("file-missing", file=error.filename), 1)
    finally:
        signal.signal(signal.SIGINT, previous)


def _hush() -> None:
    """Say nothing more: whoever read the output has seen enough (| head); Python would complain again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _close(line: Line, command: str, facts: dict[str, Any], status: int) -> int:
    if line.as_json:
        skipped = {"skipped": line.skipped} if line.skipped else {}
        print(json.dumps({"schema": 1, "ok": status == 0, "command": command} | facts | skipped))  # noqa: T201
    return status


def _fail(line: Line, command: str, error: MeninxError, status: int) -> int:
    print(sentence(error), file=sys.stderr)  # noqa: T201
    if line.as_json:
        facts = {"error": {"code": error.code, "sentence": sentence(error)}}
        print(json.dumps({"schema": 1, "ok": False, "command": command} | facts))  # noqa: T201
    return status
