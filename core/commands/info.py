"""Say what a file, a folder or a project is, without importing anything."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import InputError, MeninxError
from core.io.sandbox import Decoder
from core.io.source import FindOptions, Source
from core.messages import sentence, text
from core.project.project import MANIFEST, Project
from core.volume import Volume


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("path", type=Path, help=text("info.help_path"))
    parser.add_argument("--volume", type=int, help=text("import.help_volume"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Describe what is there."""
    path: Path = arguments.path
    if not path.exists():
        raise InputError("file-missing", file=path)
    if (path / MANIFEST).is_file():
        return _project(path, line)
    with Decoder() as decoder:
        options = FindOptions(volume=arguments.volume)
        found = decoder.find([path], options)
        if path.is_file() and not found.sources:
            # a mask that was named by itself is told like a scan
            found = decoder.find([path], replace(options, pair_masks=False))
        scans = []
        passed: list[tuple[str, MeninxError]] = [(one.source, one.error) for one in found.passed]
        for source in found.sources:
            try:
                volume, shape, dtype = decoder.header(source)
            except InputError as error:
                passed.append((source.name, error))
                continue
            scans.append(_facts(source, volume, shape, dtype))
            line.say(_words(source, volume, shape))
            for notice in source.notices:
                line.say("  " + text(f"notices.{notice.key}", **notice.fields))
    for name, reason in passed:
        line.skipped.append({"source": name, "reason": sentence(reason)})
        line.say(text("line.skipped", source=name, reason=sentence(reason)))
    if not scans:
        raise passed[0][1] if len(passed) == 1 else InputError("nothing-usable", file=path.name)
    return {"kind": "scans", "scans": scans}


def _project(path: Path, line: Line) -> dict[str, Any]:
    with Project.open(path, read_only=True) as project:
        counts = {str(status): count for status, count in project.counts().items()}
        labels = [label.name for label in project.labels()]
    total = sum(counts.values())
    line.say(text("info.project", name=path.name, scans=total, labels=", ".join(labels) or "-"))
    return {"kind": "project", "scans": total, "status": counts, "labels": labels}


def _facts(source: Source, volume: Volume, shape: tuple[int, ...], dtype: str) -> dict[str, Any]:
    geometry = volume.geometry
    return {
        "name": source.name,
        "format": str(source.format),
        "files": len(source.files),
        "shape": list(shape),
        "dtype": dtype.lstrip("<>|="),
        "spacing": [round(size, 6) for size in geometry.spacing],
        "unit": geometry.unit,
        "measurable": geometry.measurable,
        "oblique_degrees": round(geometry.oblique_degrees, 2) if geometry.orientation_known else None,
        "axes": geometry.axis_codes if geometry.orientation_known else None,
        "affine": [[float(value) for value in row] for row in geometry.affine],
        "modality": volume.modality or None,
        "slope": volume.slope,
        "intercept": volume.intercept,
        "patient_known": source.patient is not None,
        "masks": sum(mask is not None for mask in source.masks),
        "notices": [text(f"notices.{notice.key}", **notice.fields) for notice in source.notices],
    }


def _words(source: Source, volume: Volume, shape: tuple[int, ...]) -> str:
    geometry = volume.geometry
    z, y, x = geometry.spacing
    depth = f"{z:.3g}" if volume.even else text("place.uneven" if shape[0] > 1 else "place.depth_unknown")
    parts = [
        source.name,
        str(source.format),
        volume.modality,
        f"{shape[2]} x {shape[1]} x {shape[0]}" + (f" x {shape[3]}" if len(shape) == 4 else ""),
        f"{x:.3g} x {y:.3g} x {depth} mm" if geometry.spacing_known else text("info.pixels"),
        geometry.axis_codes if geometry.orientation_known else text("info.orientation_unknown"),
        text("info.masks") if source.has_masks else "",
    ]
    return "  ".join(part for part in parts if part)
