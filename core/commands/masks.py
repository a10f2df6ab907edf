"""Put a mask file onto a scan that is there."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.commands.classes import parse_slices
from core.commands.line import Line
from core.editing.opening import open_annotation
from core.editing.replacing import held_back, respecting
from core.errors import InputError
from core.events import Notice
from core.geometry import Array, Geometry
from core.io.regrid import keep_outside
from core.io.sandbox import Decoder
from core.io.source import MaskData
from core.labels import SCRIBBLED_BACKGROUND, LabelSet
from core.messages import text
from core.project.imported_masks import by_name, check_values, merged
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.records import Origin, Scan, current_reader
from core.project.saver import Saver

_OTHER_WORDS = {"mask-size": "mask-file-size"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scan", help=text("project.help_scan"))
    parser.add_argument("file", type=Path, help=text("project.help_file"))
    parser.add_argument("--label", required=True, help=text("project.help_label"))
    parser.add_argument("--reader", default="", help=text("project.help_reader"))
    parser.add_argument("--slices", default="", metavar="1,4-9", help=text("project.help_mask_slices"))
    parser.add_argument("--resample-masks", action="store_true", help=text("import.help_resample"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Read the mask, then put it on in one undoable step."""
    reader = arguments.reader.strip() or current_reader()
    with Project.open(arguments.project) as project:
        scan = project.scan(arguments.scan)
        masks = read_mask(arguments.file, project.geometry(scan.id), resample=arguments.resample_masks)
        check_values(masks, arguments.label, arguments.file.name)
        # of all other slices the mask says nothing: what is there stays
        slices = sorted({index for index in wanted_slices(arguments.slices, scan) if masks.present[index]})
        if not slices:
            raise InputError("mask-no-slice", file=arguments.file.name, given=arguments.slices)
        notices = [*masks.notices, *merged(masks, arguments.label, arguments.file.name)]
        for notice in notices:
            line.say(text(f"notices.{notice.key}", **notice.fields))
        # nobody may draw meanwhile: the window would go on from a mask that is not the newest
        with AnnotationLock(project.path, reader):
            put = put_masks(project, scan, masks, arguments.label, reader, slices)
    if put.held:
        notices.append(put.notice(arguments.file.name))
        line.say(text(f"notices.{notices[-1].key}", **notices[-1].fields))
    key = "mask_done" if put.changed or put.held else "mask_same"
    line.say(text(f"project.{key}", voxels=put.voxels, label=arguments.label, scan=scan.name, slices=put.finished))
    return {
        "convention": masks.convention,
        "resampled": masks.resampled,
        "notices": [text(f"notices.{notice.key}", **notice.fields) for notice in notices],
        "scan": scan.name,
        "label": arguments.label,
        "reader": reader,
        "voxels": put.voxels,
        "finished": put.finished,
        "changed": put.changed,
    }


def read_mask(file: Path, geometry: Geometry, *, resample: bool = False) -> MaskData:
    """Read a mask file (or a folder with its slices) in the decoding child, and bring it onto the scan's grid.

    Raises
    ------
    InputError
        ``file-missing``, ``mask-file-size``, ``mask-grid`` and what the reader says.
    """
    if not file.exists():
        raise InputError("file-missing", file=file)
    try:
        with Decoder() as decoder:
            return decoder.read_mask_file(file, geometry, resample=resample)
    except InputError as error:
        # the reader's words tell of an import, where the scan came in without its mask
        code = _OTHER_WORDS.get(error.code, error.code)
        raise InputError(code, **error.fields) from error


def wanted_slices(words: str, scan: Scan) -> range | list[int]:
    """Return native slices (from 0) of a scan that words such as ``1,4-9`` name; all of them for no words.

    Raises
    ------
    InputError
        ``slices-bad``, ``slices-beyond``.
    """
    found = parse_slices(words)
    if found is not None and max(found) >= scan.shape[0]:
        raise InputError("slices-beyond", given=words, scan=scan.name, slices=scan.shape[0])
    return range(scan.shape[0]) if found is None else found


@dataclass(frozen=True)
class Put:
    """What became of masks that were put on a scan.

    Parameters
    ----------
    changed
        Whether anything was different before.
    voxels
        How many voxels the labels have now.
    finished
        How many slices were taken whole and are finished.
    held
        Voxels that locked labels kept, by native slice.
    locked
        Names of these labels.
    """

    changed: bool
    voxels: int
    finished: int
    held: dict[int, int]
    locked: tuple[str, ...]

    def notice(self, file: str) -> Notice:
        """Say what locked labels kept."""
        slices = ", ".join(str(number + 1) for number in sorted(self.held))
        names, count = ", ".join(self.locked), sum(self.held.values())
        return Notice("mask-locked", {"file": file, "voxels": count, "names": names, "slices": slices})


def put_masks(project: Project, scan: Scan, masks: MaskData, label: str, reader: str, slices: Sequence[int]) -> Put:
    """Give labels the shape of masks, on the reader's annotation; other labels of their layers give way.

    Parameters
    ----------
    label
        One name, or names by value (:func:`core.project.imported_masks.parse_labels`).
    slices
        Native slices that are taken and then finished; all others stay as they are.

    Raises
    ------
    InputError
        ``label-locked`` if one of the labels is: nothing is changed then.
    """
    named = by_name(masks, label)
    check_unlocked(project.labels(), named)
    parts = {project.ensure_label(name): hits for name, hits in named.items()}
    opened = open_annotation(project, scan.id, reader)
    # closing it closes the annotation; strokes that a crash left in the journal are saved with it
    saver = Saver(project, opened)
    try:
        editor = opened.editor
        changed = False
        held: Counter[int] = Counter()
        grid, stayed = project.geometry(scan.id), set[int]()
        for one, hits in parts.items():
            new = editor.mask(one.layer).copy()
            taken = list(slices)
            new[taken] = painted(new, hits, one.value)[taken]
            if masks.grid is not None:
                stayed.update(keep_outside(new, editor.mask(one.layer), masks.grid, grid, taken))
            # of other labels on the layer those that are locked do not give way
            allowed = respecting(editor.mask(one.layer), new, editor.labels.locked_values(one.layer))
            held.update(held_back(new, allowed))
            changed |= editor.replace(one.layer, new, action="import", label=one, origin=Origin.IMPORTED) is not None
        layers = list(dict.fromkeys(one.layer for one in parts))
        # nobody can vouch for a slice that is not what the mask says
        whole = [index for index in slices if index not in held and index not in stayed]
        changed |= editor.set_finished(layers, whole, True) is not None
        saver.close()
    except BaseException:
        saver.close(discard=True)
        raise
    locked = tuple(one.name for one in editor.labels if one.locked and one.layer in layers)
    return Put(changed, sum(editor.label_voxels(one) for one in parts), len(whole), dict(held), locked)


def check_unlocked(labels: LabelSet, names: Iterable[str]) -> None:
    """Refuse to draw a label that is locked, before anything is changed.

    Raises
    ------
    InputError
        ``label-locked``.
    """
    for name in names:
        label = labels.find(name)
        if label is not None and label.locked:
            raise InputError("label-locked", name=label.name)


def painted(layer: NDArray[np.uint8], hits: Array, value: int) -> NDArray[np.uint8]:
    """Return a layer in which exactly the hits have the value, but for scribbled background."""
    new = np.where(layer == value, np.uint8(0), layer)
    # what somebody scribbled as background stays background
    new[hits & (new != SCRIBBLED_BACKGROUND)] = value
    return new
