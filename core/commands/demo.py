"""Make a project of phantom heads to try everything on; nothing is downloaded."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from core.commands.line import Line, programs
from core.events import Events, Finished, Progress, ScanReady, StopCheck
from core.labels import BRAIN, LabelSet
from core.messages import text
from core.phantom import Lesion, Phantom, make_head
from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState, current_reader

TUMOUR = "Tumour"
_SHAPE = (34, 192, 160)
_SPACING = (4.0, 1.15, 1.15)
_HEADS = 8
_WITH_TUMOUR = (1, 4)
_UNTOUCHED = (6, 7)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, metavar="DIR", help=text("demo.help_project"))
    parser.add_argument("--seed", type=int, default=1, help=text("demo.help_seed"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Make the project, and tell what to do next."""
    path: Path = arguments.project
    result = line.follow(demo_job(path, arguments.seed, line.should_stop))
    if not line.stop:
        line.say(text("demo.done", **programs(), scans=result["scans"], drawn=result["drawn"], project=path))
    return {"project": path.as_posix()} | result


def demo_job(path: Path, seed: int, should_stop: StopCheck) -> Events:
    """Make the demo project: eight patients, Brain finished on six, Tumour on two of these, two untouched.

    Raises
    ------
    ProjectError
        ``project-exists`` if something is there already.
    """
    with Project.create(path) as project:
        project.set_labels(LabelSet().with_label(BRAIN).with_label(TUMOUR))
        drawn = 0
        for number in range(_HEADS):
            if should_stop():
                break
            yield Progress(number, _HEADS, "demo_heads")
            lesion: Lesion | None = "tumour" if number in _WITH_TUMOUR else None
            head = make_head(100 * seed + number, shape=_SHAPE, spacing=_SPACING, lesion=lesion)
            description = text("demo.description", number=number + 1)
            scan = project.add_scan(head.volume, patient=f"phantom {seed}-{number}", description=description)
            if number not in _UNTOUCHED:
                _annotate(project, scan.id, head)
                drawn += 1
            yield ScanReady(scan.id)
        yield Progress(_HEADS, _HEADS, "demo_heads")
        yield Finished({"scans": len(project.scans()), "drawn": drawn})


def _annotate(project: Project, scan_id: str, head: Phantom) -> None:
    """Save the head's own masks as a finished annotation."""
    reader = current_reader()
    layers: dict[str, np.ndarray[Any, np.dtype[np.uint8]]] = {}
    for name, mask in head.masks.items():
        label = project.labels().named(name)
        layers[label.layer] = mask.astype(np.uint8) * np.uint8(label.value)
    finished = [SliceState(z, Origin.IMPORTED, None, True, reader, 0.0) for z in range(head.volume.shape[0])]
    annotation = project.ensure_annotation(scan_id, reader)
    project.save_layers(
        annotation.id, layers, dict.fromkeys(layers, finished), journal_sequence=0, action="demo", facts={}
    )
    project.set_status(scan_id, ScanStatus.DONE)
