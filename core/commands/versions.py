"""List the saved versions of the masks of a scan, or open a whole one in place of one that is damaged."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import InputError
from core.messages import text
from core.project.lock import AnnotationLock
from core.project.mending import find_damage, mend, readable
from core.project.project import Project
from core.project.records import LayerVersion, current_reader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scan", help=text("project.help_scan"))
    parser.add_argument("--reader", default="", help=text("project.help_reader"))
    parser.add_argument("--restore", action="store_true", help=text("project.help_restore"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Restore if that was asked for, then list all versions, newest first, with what is wrong with their files."""
    reader = arguments.reader or current_reader()
    restored: list[str] = []
    if arguments.restore:
        restored = _restore(arguments.project, arguments.scan, reader, line)
    with Project.open(arguments.project, read_only=True) as project:
        scan = project.scan(arguments.scan)
        annotation = project.annotation(scan.id, reader)
        readers = sorted(one.reader for one in project.annotations(scan.id))
        if annotation is None and not readers:
            line.say(text("project.version_none", scan=scan.name))
            return {"scan": scan.name, "reader": reader, "versions": [], "restored": restored}
        if annotation is None:
            raise InputError("reader-unknown", name=reader, scan=scan.name, known=", ".join(readers))
        versions = [
            version
            for layer in sorted(project.layers(annotation.id))
            for version in reversed(project.layer_versions(annotation.id, layer))
        ]
        facts = [_facts(version, "removed" if version.removed else readable(project, version)) for version in versions]
    for one in facts:
        state = text(f"project.version_{str(one['state']).replace('-', '_')}")
        line.say(text("project.version_row", **(one | {"state": state})))
    return {"scan": scan.name, "reader": reader, "versions": facts, "restored": restored}


def _restore(path: Path, ref: str, reader: str, line: Line) -> list[str]:
    with Project.open(path) as project, AnnotationLock(project.path, reader):
        scan = project.scan(ref)
        damages = find_damage(project, scan.id, reader)
        if not damages:
            line.say(text("project.version_all_whole", scan=scan.name))
        mend(project, damages)
        for damage in damages:
            if damage.again is not None:
                line.say(text("project.version_again", layer=damage.newest.layer))
            elif damage.whole is not None:
                line.say(text("project.version_restored", layer=damage.newest.layer, created=damage.whole.created))
        return [damage.newest.file for damage in damages]


def _facts(version: LayerVersion, state: str) -> dict[str, Any]:
    return {
        "layer": version.layer,
        "number": version.sequence,
        "created": version.created,
        "file": version.file,
        "voxels": version.voxels,
        "who": version.who,
        "state": state or "whole",
    }
