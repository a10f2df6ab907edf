"""List the classes of scans and slices, give them, take them from a table or write them as one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import InputError
from core.messages import text
from core.project.class_files import Taken, take_table, write_table
from core.project.classes import ClassValue
from core.project.project import Project
from core.project.records import current_reader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--scans", nargs="+", default=[], metavar="SCAN", help=text("project.help_class_scans"))
    parser.add_argument("--set", nargs=2, metavar=("CLASS", "VALUE"), help=text("project.help_class_set"))
    parser.add_argument("--take-back", metavar="CLASS", help=text("project.help_class_back"))
    parser.add_argument("--slices", default="", metavar="1,4-9", help=text("project.help_class_slices"))
    parser.add_argument("--values", nargs="+", metavar=("CLASS", "VALUE"), help=text("project.help_class_values"))
    parser.add_argument("--from", dest="table", type=Path, metavar="CSV", help=text("project.help_class_from"))
    parser.add_argument("-o", "--output", type=Path, metavar="CSV", help=text("project.help_class_output"))
    parser.add_argument("--reader", default="", help=text("project.help_class_reader"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Change what was asked for, then list the classes, or write them."""
    reader = arguments.reader or current_reader()
    changes = any((arguments.set, arguments.take_back, arguments.values, arguments.table))
    with Project.open(arguments.project, read_only=not changes) as project:
        facts: dict[str, Any] = {}
        scans = [project.scan(ref).id for ref in arguments.scans]
        if arguments.values:
            name, *values = arguments.values
            project.classes.define(name, values, reader=reader)
        if arguments.set or arguments.take_back:
            _give(project, scans, arguments, reader)
        if arguments.table is not None:
            taken = take_table(project, arguments.table, reader=reader, scans=scans or None)
            tell_taken(line, taken)
            facts["taken"] = taken_facts(taken)
        if arguments.output is not None:
            count = write_table(project, arguments.output, scans=scans or None)
            line.say(text("project.classes_written", count=count, file=arguments.output))
        names = {scan.id: scan.name for scan in project.scans()}
        found = [one for one in project.classes.all() if not scans or one.scan in scans]
        known = project.classes.names()
    if arguments.output is None:
        _list(line, found, names, {name: len(values) for name, values in known.items()})
    facts["classes"] = {name: list(values) for name, values in known.items()}
    facts["values"] = [_facts(one, names) for one in found]
    return facts


def tell_taken(line: Line, taken: Taken) -> None:
    """Say what came of a table."""
    line.say(text("project.classes_taken", values=taken.values, scans=len(taken.scans)))
    if taken.numbers:
        line.say(text("project.classes_numbers", names=", ".join(taken.numbers)))
    if taken.missing_count:
        line.say(text("project.classes_missing", count=taken.missing_count, names=", ".join(taken.missing)))
    if taken.outside_count:
        line.say(text("project.classes_outside", count=taken.outside_count, names=", ".join(taken.outside)))
    if taken.twice:
        line.say(text("project.classes_twice", count=taken.twice))


def taken_facts(taken: Taken) -> dict[str, Any]:
    """Return the same for ``--json``."""
    return {
        "values": taken.values,
        "scans": len(taken.scans),
        "lines": taken.lines,
        "missing": taken.missing_count,
        "outside": taken.outside_count,
        "twice": taken.twice,
    }


def _give(project: Project, scans: list[str], arguments: argparse.Namespace, reader: str) -> None:
    if not scans:
        raise InputError("class-scan-needed")
    slices = parse_slices(arguments.slices)
    with project.store.transaction():
        for scan in scans:
            if arguments.set:
                project.classes.set(scan, *arguments.set, reader=reader, slices=slices)
            if arguments.take_back:
                project.classes.set(scan, arguments.take_back, None, reader=reader, slices=slices)


def parse_slices(words: str) -> list[int] | None:
    """Return native slices (from 0) of words such as ``1,4-9`` (from 1); None for none.

    Raises
    ------
    InputError
        ``slices-bad``.
    """
    if not words:
        return None
    found: list[int] = []
    for part in words.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or not (last or first).isdecimal() or not 0 < int(first) <= int(last or first) < 1e6:
            raise InputError("slices-bad", given=words)
        found += range(int(first) - 1, int(last or first))
    return found


def _list(line: Line, found: list[ClassValue], names: dict[str, str], known: dict[str, int]) -> None:
    for one in found:
        where = text("project.class_whole") if one.slice is None else text("project.class_slice", slice=one.slice + 1)
        words = {"scan": names[one.scan], "where": where, "name": one.name, "value": one.value, "reader": one.reader}
        line.say(text("project.class_row", **words))
    line.say(text("project.classes_count", values=len(found), classes=len(known)))


def _facts(one: ClassValue, names: dict[str, str]) -> dict[str, Any]:
    return {
        "scan": names[one.scan],
        "slice": None if one.slice is None else one.slice + 1,
        "class": one.name,
        "value": one.value,
        "reader": one.reader,
        "updated": one.updated,
    }
