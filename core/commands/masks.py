"""Put a mask file onto a scan that is there."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.commands.line import Line
from core.editing.opening import open_annotation
from core.errors import InputError
from core.geometry import Array, Geometry
from core.io.sandbox import Decoder
from core.io.source import MaskData
from core.messages import text
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.records import Origin, Scan, current_reader
from core.project.saver import Saver

_OTHER_WORDS = {"mask-size": "mask-file-size", "mask-place": "mask-file-place"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scan", help=text("project.help_scan"))
    parser.add_argument("file", type=Path, help=text("project.help_file"))
    parser.add_argument("--label", required=True, help=text("project.help_label"))
    parser.add_argument("--reader", default="", help=text("project.help_reader"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Read the mask, then put it on in one undoable step."""
    reader = arguments.reader.strip() or current_reader()
    with Project.open(arguments.project) as project:
        scan = project.scan(arguments.scan)
        masks = read_mask(arguments.file, project.geometry(scan.id))
        # nobody may draw meanwhile: the window would go on from a mask that is not the newest
        with AnnotationLock(project.path, reader):
            changed, voxels = put_mask(project, scan, masks, arguments.label, reader)
    finished = sum(masks.present)
    key = "mask_done" if changed else "mask_same"
    line.say(text(f"project.{key}", voxels=voxels, label=arguments.label, scan=scan.name, slices=finished))
    return {
        "scan": scan.name,
        "label": arguments.label,
        "reader": reader,
        "voxels": voxels,
        "finished": finished,
        "changed": changed,
    }


def read_mask(file: Path, geometry: Geometry) -> MaskData:
    """Read a mask file in the decoding child, and check that it lies on the scan's grid.

    Raises
    ------
    InputError
        ``file-missing``, ``mask-file-size``, ``mask-file-place`` and what the reader says.
    """
    if not file.is_file():
        raise InputError("file-missing", file=file)
    try:
        with Decoder() as decoder:
            return decoder.read_mask_file(file, geometry)
    except InputError as error:
        # the reader's words tell of an import, where the scan came in without its mask
        code = _OTHER_WORDS.get(error.code, error.code)
        raise InputError(code, **error.fields) from error


def put_mask(project: Project, scan: Scan, masks: MaskData, label_name: str, reader: str) -> tuple[bool, int]:
    """Give a label the shape of a mask, on the reader's annotation; other labels of its layer give way.

    Returns
    -------
    changed, voxels
        Whether anything was different before, and how many voxels the label has.
    """
    label = project.ensure_label(label_name)
    opened = open_annotation(project, scan.id, reader)
    # closing it closes the annotation; strokes that a crash left in the journal are saved with it
    saver = Saver(project, opened)
    try:
        editor = opened.editor
        new = painted(editor.mask(label.layer), masks.array > 0, label.value)
        replaced = editor.replace(label.layer, new, action="import", label=label, origin=Origin.IMPORTED)
        there = [index for index, present in enumerate(masks.present) if present]
        marked = editor.set_finished([label.layer], there, True)
        saver.close()
    except BaseException:
        saver.close(discard=True)
        raise
    return replaced is not None or marked is not None, editor.label_voxels(label)


def painted(layer: NDArray[np.uint8], hits: Array, value: int) -> NDArray[np.uint8]:
    """Return a layer in which exactly the hits have the value."""
    new = np.where(layer == value, np.uint8(0), layer)
    new[hits] = value
    return new
