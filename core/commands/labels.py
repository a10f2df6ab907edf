"""List, add or change the labels of a project."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import InputError
from core.exchange.landing import with_config
from core.io.sandbox import Decoder
from core.labels import LabelSet, plain_label
from core.messages import text
from core.project.project import Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--add", action="append", default=[], metavar="NAME", help=text("project.help_add"))
    parser.add_argument("--from-config", type=Path, metavar="XML", help=text("project.help_from_config"))
    parser.add_argument("--layer", default="", help=text("project.help_layer"))
    parser.add_argument(
        "--colour", nargs=2, action="append", default=[], metavar=("NAME", "COLOUR"), help=text("project.help_colour")
    )
    parser.add_argument(
        "--rename", nargs=2, action="append", default=[], metavar=("NAME", "NEW"), help=text("project.help_rename")
    )
    parser.add_argument("--remove", action="append", default=[], metavar="NAME", help=text("project.help_remove"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Change what was asked for, then list the labels."""
    config: tuple[tuple[str, str], ...] = ()
    if arguments.from_config is not None:
        with Decoder() as decoder:
            config = decoder.config_labels(arguments.from_config.absolute())
    changes = any((config, arguments.add, arguments.colour, arguments.rename, arguments.remove))
    with Project.open(arguments.project, read_only=not changes) as project:
        if changes:
            # in one go: another program may add a label at the same time
            with project.store.transaction():
                project.set_labels(_changed(with_config(project.labels(), config), arguments))
        labels = project.labels()
    if not len(labels):
        line.say(text("project.labels_none"))
    for label in labels:
        line.say(
            text(
                "project.label_row",
                digit=label.key,
                name=label.name,
                color=label.color,
                layer=label.layer,
                value=label.value,
            )
        )
    return {
        "labels": [
            {
                "name": label.name,
                "value": label.value,
                "layer": label.layer,
                "color": label.color,
                "key": label.key,
                "source_value": label.source_value,
            }
            for label in labels
        ]
    }


def _changed(labels: LabelSet, arguments: argparse.Namespace) -> LabelSet:
    for name in arguments.remove:
        labels = labels.without(name)
    for name, wanted in arguments.rename:
        # as the window takes a name: tabs and line breaks would not come through every format
        new = plain_label(wanted)
        other = labels.find(new)
        if other is not None and other is not labels.named(name):
            raise InputError("label-present", name=other.name)
        labels = labels.with_changed(name, new_name=new)
    for name in map(plain_label, arguments.add):
        if labels.find(name) is not None:
            raise InputError("label-present", name=name)
        labels = labels.with_label(name, layer=arguments.layer)
    for name, colour in arguments.colour:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            raise InputError("colour-bad", given=colour)
        labels = labels.with_changed(name, color=colour.lower())
    return labels
