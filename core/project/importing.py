"""Taking scans, and masks beside them, into a project: a job.

Every scan comes in whole or not at all: its voxels and its masks are read and
checked before anything is written.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, InputError, MeninxError
from core.events import Events, Finished, JobEvent, Notice, Progress, ScanReady, Skipped, StopCheck, never_stop
from core.geometry import Array
from core.io.sandbox import Decoder
from core.io.sniff import PICTURES
from core.io.source import Chosen, FindOptions, Found, MaskData, Source
from core.labels import Label
from core.messages import text
from core.project.project import Project
from core.project.records import Origin, Scan, SliceState, current_reader
from core.project.scanfile import pixel_hash
from core.volume import Volume

_LOOK_EVERY = 0.25


@dataclass(frozen=True)
class ImportOptions:
    """What the person chose.

    Parameters
    ----------
    label
        Name of the label that the masks are; ``VALUE=NAME`` pairs, separated by
        commas, for masks of several labels. None: masks are not taken.
    patient_from
        ``""`` (by the kind: folder, header), ``folder``, ``dicom``, ``name:REGEX``, ``csv:FILE``, ``none``.
    as_
        ``auto``, ``stack`` or ``pictures``.
    volume
        Which volume of a 4-D scan (from 0).
    masks
        ``pair`` or ``none``.
    strict
        Fail at the first input that cannot be used.
    reader
        Who the masks are by; empty for who is logged in.
    chosen
        Only these of what is found, each with its volume and dataset; empty for all.
    resample_masks
        Bring masks of another grid in the same space onto their scan's, by nearest neighbour.
    dataset
        Which array of archives that hold several (HDF5).
    """

    label: str | None = None
    patient_from: str = ""
    as_: str = "auto"
    volume: int | None = None
    masks: str = "pair"
    strict: bool = False
    reader: str = ""
    chosen: tuple[Chosen, ...] = ()
    resample_masks: bool = False
    dataset: str = ""

    def find_options(self) -> FindOptions:
        """Return the part of it that the finder needs."""
        name = self.label if self.label is not None and "=" not in self.label else ""
        return FindOptions(self.as_, self.volume, self.masks == "pair", self.patient_from, name, dataset=self.dataset)


@dataclass
class _Count:
    scans: list[str] = field(default_factory=list)
    masks: int = 0
    skipped: int = 0
    present: int = 0
    unlabelled: int = 0


def parse_labels(label: str | None) -> tuple[str | None, dict[int, str]]:
    """Split ``"Tumour"`` or ``"1=EDH,2=IPH"`` into one name or names by value.

    Raises
    ------
    InputError
        ``label-values`` if it is neither.
    """
    if label is None or not label.strip():
        return None, {}
    if "=" not in label:
        return label.strip(), {}
    names: dict[int, str] = {}
    for part in label.split(","):
        match = re.fullmatch(r"\s*(\d{1,5})\s*=\s*(.+?)\s*", part)
        if match is None or int(match.group(1)) == 0:
            raise InputError("label-values", given=label)
        names[int(match.group(1))] = match.group(2)
    return None, names


def import_job(
    project_path: Path,
    sources: Sequence[Path],
    options: ImportOptions | None = None,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Import files and folders into a project.

    Parameters
    ----------
    project_path
        An existing project.
    sources
        Files, folders or zip files.
    options
        What the person chose.
    should_stop
        Asked between scans; what is in stays in.

    Yields
    ------
    JobEvent
        Progress, Skipped, Notice, ScanReady, at the end Finished with
        ``{"scans": [names], "masks": count, "skipped": count, "present": count}``.

    Raises
    ------
    InputError
        ``nothing-usable``, or ``nothing-there`` for an empty folder; with ``strict`` the first
        reason for passing something over.
    ProjectError, StorageError
        Where the project cannot be opened or written.
    """
    options = options or ImportOptions()
    parse_labels(options.label)
    with Project.open(project_path) as project, Decoder() as decoder:
        found = _chosen((yield from _find(decoder, sources, options, should_stop)), options)
        count = _Count()
        yield from _passed(found, count, options)
        yield from found.notices
        started = time.monotonic()
        total = len(found.sources)
        for done, source in enumerate(found.sources):
            asked = should_stop()
            if asked == "cancel":
                raise Cancelled
            if asked:
                break
            rate = done / max(time.monotonic() - started, 1e-6)
            left = (total - done) / rate if rate > 0 else -1.0
            yield Progress(done, total, "import_read", rate, left, source.name)
            yield from _import_one(project, decoder, source, options, count)
        if total:
            yield Progress(total, total, "import_read", total / max(time.monotonic() - started, 1e-6), 0.0)
        if count.unlabelled:
            yield Notice("masks-not-taken", {"scans": count.unlabelled})
        if not count.scans and not count.present and not should_stop():
            code = "nothing-usable" if count.skipped else "nothing-there"
            raise InputError(code, file=", ".join(path.name or str(path) for path in sources))
        yield Finished(
            {
                "scans": count.scans,
                "masks": count.masks,
                "skipped": count.skipped,
                "present": count.present,
            }
        )


def _find(
    decoder: Decoder, sources: Sequence[Path], options: ImportOptions, should_stop: StopCheck
) -> Generator[JobEvent, None, Found]:
    """Look for scans beside this thread, so that it can tell how far the search is."""
    looked_at = 0
    given_up = False

    def on_file(_path: Path) -> None:
        nonlocal looked_at
        looked_at += 1
        if given_up or should_stop():
            raise Cancelled

    yield Progress(0, 0, "import_find")
    with ThreadPoolExecutor(1, thread_name_prefix="import-find") as pool:
        search = pool.submit(decoder.find, list(sources), options.find_options(), on_file)
        try:
            while not wait([search], timeout=_LOOK_EVERY).done:
                yield Progress(looked_at, 0, "import_find")
        finally:
            given_up = True
        return search.result()


def _chosen(found: Found, options: ImportOptions) -> Found:
    """Keep what the person picked, with the volume and dataset they picked."""
    if not options.chosen:
        return found
    picked = {one.key: one for one in options.chosen}
    sources = tuple(
        replace(source, volume=picked[source.key].volume, dataset=picked[source.key].dataset)
        for source in found.sources
        if source.key in picked
    )
    # what was passed over was told when the tree was shown
    return Found(sources, (), ())


def _passed(found: Found, count: _Count, options: ImportOptions) -> Iterator[JobEvent]:
    for passed in found.passed:
        yield from _skip(passed.source, passed.error, count, options)


def _skip(name: str, error: MeninxError, count: _Count, options: ImportOptions) -> Iterator[JobEvent]:
    if options.strict:
        raise error
    count.skipped += 1
    yield Skipped(name, error)


def _import_one(
    project: Project, decoder: Decoder, source: Source, options: ImportOptions, count: _Count
) -> Iterator[JobEvent]:
    """Take one scan in, with its masks."""
    try:
        volume = decoder.read(source)
    except InputError as error:
        yield from _skip(source.name, error, count, options)
        return
    known = project.find_scan_by_hash(pixel_hash(volume))
    masks: MaskData | None = None
    if source.has_masks and options.label:
        try:
            masks = decoder.read_masks(source)
            _check_values(masks, options, source)
        except InputError as error:
            masks = None
            yield from _skip(source.name, error, count, options)
        else:
            for passed in masks.passed:
                yield from _skip(passed.source, passed.error, count, options)
    elif source.has_masks:
        count.unlabelled += 1
    if known is not None:
        yield from _known(project, known, masks, source, options, count)
        return
    scan = project.add_scan(
        volume,
        patient=source.patient,
        description=describe(volume, source),
        source=[str(path) for path in source.files],
        identity=dict(source.identity),
    )
    yield from source.notices
    if masks is not None:
        _save_masks(project, scan.id, masks, options)
        count.masks += 1
    count.scans.append(scan.name)
    yield ScanReady(scan.name)


def _known(
    project: Project, scan: Scan, masks: MaskData | None, source: Source, options: ImportOptions, count: _Count
) -> Iterator[JobEvent]:
    """Put masks on a scan that is in the project already, unless somebody has drawn on it."""
    count.present += 1
    if masks is not None and not project.annotations(scan.id):
        _save_masks(project, scan.id, masks, options)
        count.masks += 1
        yield ScanReady(scan.name)
        return
    # never an error, even when strict: importing twice is harmless
    count.skipped += 1
    yield Skipped(source.name, InputError("scan-present", file=source.name, scan=scan.name))


def describe(volume: Volume, source: Source) -> str:
    """Say what a scan is in words that hold no identity."""
    if source.format in PICTURES:
        return text("import.stack" if volume.shape[0] > 1 else "import.picture", slices=volume.shape[0])
    plane = text(f"import.{volume.geometry.native_plane}") if volume.geometry.orientation_known else ""
    words = [
        volume.modality,
        plane,
        text("import.slices" if volume.shape[0] > 1 else "import.slice", slices=volume.shape[0]),
    ]
    return " ".join(word for word in words if word)


def _check_values(masks: MaskData, options: ImportOptions, source: Source) -> None:
    """Refuse label maps whose values are not all named, before the scan is added."""
    _, names = parse_labels(options.label)
    if names:
        unnamed = [value for value in masks.values if value not in names]
        if unnamed and masks.values != (1,):
            raise InputError("mask-unnamed", file=source.name, values=", ".join(str(value) for value in unnamed[:8]))


def _save_masks(project: Project, scan_id: str, masks: MaskData, options: ImportOptions) -> None:
    """Store the masks as finished slices of an annotation of the reader."""
    one, names = parse_labels(options.label)
    reader = options.reader or current_reader()
    layers: dict[str, NDArray[np.uint8]] = {}
    if one is not None:
        _paint(layers, project.ensure_label(one), masks.array > 0)
    else:
        for value, name in names.items():
            hits = masks.array == value
            if hits.any() or not masks.values:
                _paint(layers, project.ensure_label(name), hits)
    there = [index for index, present in enumerate(masks.present) if present]
    states = [SliceState(index, Origin.IMPORTED, None, True, reader, 0.0) for index in there]
    annotation = project.ensure_annotation(scan_id, reader)
    facts: dict[str, Any] = {"slices": len(states), "values": list(masks.values)}
    project.save_layers(
        annotation.id, layers, dict.fromkeys(layers, states), journal_sequence=0, action="import", facts=facts
    )


def _paint(layers: dict[str, NDArray[np.uint8]], label: Label, hits: Array) -> None:
    layer = layers.setdefault(label.layer, np.zeros(hits.shape, np.uint8))
    layer[hits] = label.value
