"""Say what a file, a folder or a project is, without importing anything."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.commands import info_words as words
from core.commands.info_words import Seen
from core.commands.line import Line
from core.errors import InputError, MeninxError
from core.io.remarks import remarks
from core.io.sandbox import Decoder
from core.io.source import FindOptions, Found, MaskData, Preview, Source
from core.messages import sentence, text
from core.project.project import MANIFEST, Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("path", type=Path, help=text("info.help_path"))
    parser.add_argument("--volume", type=int, help=text("import.help_volume"))
    parser.add_argument("--dataset", default="", help=text("info.help_dataset"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Describe what is there."""
    path: Path = arguments.path
    if not path.exists():
        raise InputError("file-missing", file=path)
    if (path / MANIFEST).is_file():
        return _project(path, line)
    with Decoder() as decoder:
        found = _found(decoder, path, FindOptions(volume=arguments.volume, dataset=arguments.dataset))
        passed: list[tuple[str, MeninxError]] = [(one.source, one.error) for one in found.passed]
        alone = len(found.sources) == 1
        seen: list[Seen] = []
        for source in found.sources:
            try:
                seen.append(_look(decoder, source) if alone else _glance(decoder, source))
            except InputError as error:
                passed.append((source.name, error))
    if not seen:
        raise _nothing(path, passed, line)
    for told in words.page(seen[0]) if alone else words.table(path.name, seen):
        line.say(told)
    for notice in found.notices:
        line.say(text(f"notices.{notice.key}", **notice.fields))
    _say_skipped(passed, line)
    return {"kind": "scans", "scans": [words.facts(one) for one in seen]}


def _found(decoder: Decoder, path: Path, options: FindOptions) -> Found:
    found = decoder.find([path], options)
    if path.is_file() and not found.sources:
        # a mask that was named by itself is told like a scan
        alone = decoder.find([path], replace(options, pair_masks=False))
        return alone if alone.sources else found
    return found


def _look(decoder: Decoder, source: Source) -> Seen:
    """Look at one scan closely: its middle slice, its masks."""
    seen = decoder.preview(source)
    notices = (*source.notices, *remarks(source.name, seen.volume))
    masks: MaskData | None = None
    refused: MeninxError | None = None
    if source.has_masks:
        try:
            masks = decoder.read_masks(replace(source, volume=source.volume or (0 if seen.volumes > 1 else None)))
            notices += masks.notices
        except MeninxError as error:
            refused = error
    return Seen(source, seen, notices, masks, refused, close=True)


def _glance(decoder: Decoder, source: Source) -> Seen:
    """Look at the header of one of many scans."""
    volumes, datasets = 1, ()
    try:
        header = decoder.header(source)
    except InputError as error:
        if error.code not in ("volume-needed", "dataset-needed"):
            raise
        # what is to be chosen is shown by a preview, which takes the first
        seen = decoder.preview(source)
        return Seen(source, seen, (*source.notices, *remarks(source.name, seen.volume)))
    volume, shape, dtype = header
    preview = Preview(volume, shape, dtype, volume.array, volumes, datasets)
    return Seen(source, preview, (*source.notices, *remarks(source.name, volume)))


def _nothing(path: Path, passed: list[tuple[str, MeninxError]], line: Line) -> MeninxError:
    if len(passed) == 1:
        return passed[0][1]
    _say_skipped(passed, line)
    return InputError("nothing-usable" if passed else "nothing-there", file=path.name)


def _say_skipped(passed: list[tuple[str, MeninxError]], line: Line) -> None:
    line.skipped += [{"source": name, "reason": sentence(reason)} for name, reason in passed]
    for told in words.skipped(passed):
        line.say(told)


def _project(path: Path, line: Line) -> dict[str, Any]:
    with Project.open(path, read_only=True) as project:
        counts = {str(status): count for status, count in project.counts().items()}
        labels = [label.name for label in project.labels()]
    total = sum(counts.values())
    line.say(text("info.project", name=path.name, scans=total, labels=", ".join(labels) or "-"))
    return {"kind": "project", "scans": total, "status": counts, "labels": labels}
