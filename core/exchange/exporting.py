"""Taking masks out of a project in the format of another tool: a job.

Files are made in a hidden folder inside the target and moved up at the end,
``manifest.json`` last: a folder with a manifest is whole, and what is called off
leaves nothing.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, InputError, ProjectError
from core.events import Events, Finished, JobEvent, Notice, Progress, Skipped, StopCheck, never_stop
from core.exchange import manifest
from core.exchange.items import ExportOptions, Format, Item, Out
from core.exchange.registry import make_format
from core.ids import new_id
from core.io import atomic
from core.labels import BRAIN, Label, LabelSet
from core.project.exporting import scan_stem
from core.project.links import Link
from core.project.project import Project
from core.project.records import Annotation, Scan, ScanStatus
from core.review.compare import pick_annotation
from core.review.strip import apply_mask

ONLY: dict[str, frozenset[ScanStatus] | None] = {
    "all": None,
    "done": frozenset({ScanStatus.DONE, ScanStatus.IN_REVIEW, ScanStatus.APPROVED}),
    "approved": frozenset({ScanStatus.APPROVED}),
}
"""What ``--only`` takes: the status that a scan must have."""
_STAGING = f"{atomic.TEMPORARY}export-"


@dataclass(frozen=True)
class _Wish:
    scans: tuple[str, ...]
    only: str
    labels: tuple[str, ...]
    reader: str
    options: ExportOptions


def export_job(
    project_path: Path,
    format: str,
    target: Path,
    should_stop: StopCheck = never_stop,
    *,
    scans: Sequence[str] = (),
    only: str = "all",
    labels: Sequence[str] = (),
    reader: str = "",
    deidentify: bool = False,
    images: bool = False,
    stripped: bool = False,
    layout: str = "each",
    boxes: Sequence[tuple[int, int, int, int]] = (),
) -> Events:
    """Write the masks of a project in another tool's format; scans without a mask are skipped and listed.

    Parameters
    ----------
    project_path
        The project; it is only read.
    format
        Key of :data:`core.exchange.registry.FORMATS`.
    target
        A folder that is not there yet, or empty.
    should_stop
        ``"stop"`` keeps what is written so far, with a manifest that says so; ``"cancel"`` leaves nothing.
    scans
        Ids or display names; none means all.
    only
        ``all``, ``done`` (done, in review or approved) or ``approved``.
    labels
        Names; none means all.
    reader
        Whose annotations; empty: those of who is at the keyboard, else those changed last.
    deidentify, images, stripped, layout, boxes
        As :class:`core.exchange.items.ExportOptions`.

    Yields
    ------
    JobEvent
        Progress, Skipped, Notice, at the end Finished with ``{"folder", "files", "scans", "complete"}``.

    Raises
    ------
    InputError
        ``format-unknown``, ``export-only``, ``label-unknown``, ``scan-unknown``, ``export-folder`` (not empty),
        ``export-in-project``, ``export-nothing``; where all scans were refused for one reason, that.
    StorageError
        Where the disk refuses; nothing is left.
    Cancelled
        Nothing is left.
    """
    made = make_format(format)
    if only not in ONLY:
        raise InputError("export-only", given=only)
    options = ExportOptions(images or stripped, stripped, deidentify, layout, tuple(boxes))
    wish = _Wish(tuple(scans), only, tuple(labels), reader, options)
    target = Path(target).absolute()
    with Project.open(Path(project_path), read_only=True) as project:
        _check_place(project, target)
        chosen = _scans(project, wish)
        wanted = _labels(project.labels(), wish.labels)
        with_folder = not target.exists()
        atomic.make_folder(target)
        staging = target / f"{_STAGING}{new_id()}"
        try:
            atomic.make_folder(staging)
            secret = project.links.token("deidentify", "") if deidentify else ""
            yield from _write(project, made, Out(staging, options, secret), target, chosen, wanted, wish, should_stop)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            if with_folder and not any(target.iterdir()):
                target.rmdir()


def _write(
    project: Project,
    made: Format,
    out: Out,
    target: Path,
    chosen: Sequence[Scan],
    wanted: Sequence[Label],
    wish: _Wish,
    should_stop: StopCheck,
) -> Iterator[JobEvent]:
    """Write everything into the hidden folder, then move it up."""
    about: list[manifest.About] = []
    made.begin(out, wanted)
    links = project.links.scans()
    started = time.monotonic()
    stopped = False
    without = 0
    refused: list[InputError | ProjectError] = []
    for number, scan in enumerate(chosen):
        asked = should_stop()
        if asked == "cancel":
            raise Cancelled
        if asked:
            stopped = True
            break
        rate = number / max(time.monotonic() - started, 1e-6)
        left = (len(chosen) - number) / rate if rate > 0 else -1.0
        yield Progress(number, len(chosen), "writing", rate, left, scan.name)
        before = len(out.written)
        try:
            item = make_item(project, scan, wanted, wish.reader, wish.options, links.get(scan.id))
            made.add(item, out)
        except (InputError, ProjectError) as error:
            # half of a scan is none
            out.take_back(before)
            if error.code == "export-no-mask" and not wish.scans:
                without += 1
            else:
                refused.append(error)
                yield Skipped(scan.name, error)
            continue
        about.append(manifest.about(item, [one.name for one in out.written[before:]]))
        yield from _told(out)
    if not about:
        raise _nothing(refused)
    if without:
        yield Notice("export-without", {"count": without})
    made.finish(out)
    yield from _told(out)
    facts = manifest.Facts(made.name, wish.only, wish.options, tuple(wanted), complete=not stopped)
    manifest.write(out, facts, about)
    if should_stop() == "cancel":
        raise Cancelled
    _move_up(out.root, target)
    yield Progress(len(about) if stopped else len(chosen), len(chosen), "writing")
    files = [(target / one.name).as_posix() for one in out.written]
    result = {"folder": target.as_posix(), "format": made.name, "files": files, "complete": not stopped}
    yield Finished(result | {"scans": [one.scan for one in about]})


def _nothing(refused: Sequence[InputError | ProjectError]) -> InputError | ProjectError:
    """Return why nothing was written: the one reason for all that was refused, else that there is no mask."""
    codes = {error.code for error in refused}
    return refused[0] if len(codes) == 1 else InputError("export-nothing")


def _told(out: Out) -> Iterator[JobEvent]:
    """Yield the notices that the format left, each once."""
    while out.told < len(out.notices):
        yield out.notices[out.told]
        out.told += 1


def _move_up(staging: Path, target: Path) -> None:
    """Put what was made into place, the manifest last."""
    entries = sorted(staging.iterdir(), key=lambda entry: (entry.name == manifest.NAME, entry.name))
    for entry in entries:
        atomic.move(entry, target / entry.name)


def _check_place(project: Project, target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("export-folder", file=target)
    place = target.resolve()
    inside = place.is_relative_to(project.path.resolve())
    if inside and not place.is_relative_to(project.exports_folder.resolve()):
        raise InputError("export-in-project", file=target)


def _scans(project: Project, wish: _Wish) -> list[Scan]:
    chosen = [project.scan(ref) for ref in dict.fromkeys(wish.scans)] if wish.scans else project.scans()
    status = ONLY[wish.only]
    kept = [scan for scan in chosen if status is None or scan.status in status]
    if not kept:
        raise InputError("export-none-so", only=wish.only) if chosen else InputError("export-nothing")
    return kept


def _labels(there: LabelSet, names: Sequence[str]) -> tuple[Label, ...]:
    wanted = [there.named(name) for name in names]
    found = tuple(label for label in there if not names or label in wanted)
    if not found:
        raise InputError("export-nothing")
    return found


def make_item(
    project: Project,
    scan: Scan,
    labels: Sequence[Label],
    reader: str,
    options: ExportOptions,
    source: Link | None,
) -> Item:
    """Read one annotation of one scan.

    Raises
    ------
    InputError
        ``export-no-mask`` where none of the labels was begun; ``export-no-brain`` where only the stripped brain
        may be written and there is none.
    ProjectError
        ``mask-corrupt``, ``mask-missing``, ``scan-corrupt``.
    """
    annotation = pick_annotation(project, scan.id, reader or None)
    if annotation is None:
        raise InputError("export-no-mask", scan=scan.name)
    masks: dict[str, NDArray[np.bool_]] = {}
    finished: dict[str, frozenset[int]] = {}
    origins: dict[str, dict[int, str]] = {}
    layers = {label.layer: project.read_layer(annotation.id, label.layer) for label in labels}
    for label in labels:
        layer = layers[label.layer]
        if layer is None:
            continue
        states = project.slice_states(annotation.id, label.layer)
        masks[label.name] = layer == label.value
        finished[label.name] = frozenset(state.slice for state in states if state.finished)
        origins[label.name] = {state.slice: str(state.origin) for state in states}
    if not masks:
        raise InputError("export-no-mask", scan=scan.name)
    volume = project.read_volume(scan.id)
    kept = _brain(project, scan, annotation) if options.stripped else None
    if kept is not None:
        volume = apply_mask(volume, kept)
    who = "" if options.deidentify else annotation.reader
    drawn = (masks, finished, origins)
    return Item(scan, volume, scan_stem(scan), tuple(labels), *drawn, who, annotation.id, source, kept)


def _brain(project: Project, scan: Scan, annotation: Annotation) -> NDArray[np.bool_]:
    brain = project.labels().find(BRAIN)
    layer = None if brain is None else project.read_layer(annotation.id, brain.layer)
    if layer is None or brain is None or not (layer == brain.value).any():
        raise InputError("export-no-brain", scan=scan.name)
    return np.asarray(layer == brain.value)
