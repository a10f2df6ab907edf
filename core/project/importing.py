"""Taking scans, and masks beside them, into a project: a job.

Every scan comes in whole or not at all: its voxels and its masks are read and
checked before anything is written.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import Cancelled, InputError, MeninxError
from core.events import Events, Finished, JobEvent, Notice, Progress, ScanReady, Skipped, StopCheck, never_stop
from core.io.sandbox import Decoder
from core.io.sniff import PICTURES
from core.io.source import Chosen, FindOptions, Found, Source
from core.learning.runs import list_runs
from core.messages import text
from core.project.class_files import Taken, take_folders, take_table
from core.project.import_reading import ReadScan, ScanReader
from core.project.imported_masks import by_name, new_layers, onto, parse_labels
from core.project.landed import Landed
from core.project.predictions import list_predictions
from core.project.project import Project
from core.project.records import Scan, current_reader
from core.project.taking_back import take_back
from core.volume import Volume

__all__ = ["ImportOptions", "describe", "import_job", "parse_labels"]

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
        ``pair``, or ``none``: what lies beside a scan as its mask is left alone, and is no scan either.
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
    classes
        A table of classes for what comes in and is there (:func:`core.project.class_files.take_table`), or
        ``folder:NAME``: the folder of each scan is its value of this class.
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
    classes: str = ""

    def find_options(self) -> FindOptions:
        """Return the part of it that the finder needs."""
        name = self.label if self.label is not None and "=" not in self.label else ""
        return FindOptions(
            self.as_, self.volume, patient_from=self.patient_from, mask_folder=name, dataset=self.dataset
        )


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
        Asked between scans and slices. ``"stop"``: what is in stays in; ``"cancel"``: all of it is taken away again.

    Yields
    ------
    JobEvent
        Progress, Skipped, Notice, ScanReady, at the end Finished with
        ``{"scans": [names], "masks": count, "predictions": count, "skipped": count, "present": count}``.

    Raises
    ------
    InputError
        ``nothing-usable``, or ``nothing-there`` for an empty folder; with ``strict`` the first
        reason for passing something over.
    ProjectError, StorageError
        Where the project cannot be opened or written.
    Cancelled
        After what it brought in was taken away; scans that somebody has drawn on meanwhile stay.
    """
    options = options or ImportOptions()
    parse_labels(options.label)
    with Project.open(project_path) as project, Decoder() as decoder:
        count = Landed()
        labels = {label.name for label in project.labels()}
        try:
            yield from _import_all(project, decoder, sources, options, should_stop, count)
        except Cancelled:
            count.brought.labels += [label.name for label in project.labels() if label.name not in labels]
            kept = take_back(project, count.brought)
            if kept:
                yield Notice("import-kept", {"scans": ", ".join(kept)})
            raise


def _import_all(
    project: Project,
    decoder: Decoder,
    sources: Sequence[Path],
    options: ImportOptions,
    should_stop: StopCheck,
    count: Landed,
) -> Iterator[JobEvent]:
    found = _chosen((yield from _find(decoder, sources, options, should_stop)), options)
    yield from _passed(found, count, options)
    yield from found.notices
    started = time.monotonic()
    total = len(found.sources)

    def heard() -> str:
        """Ask what the person wants; a word that calls it off ends the reading of a scan too."""
        asked = should_stop()
        if asked == "cancel":
            raise Cancelled
        return asked

    label = options.label if options.masks == "pair" else None
    reader = ScanReader(decoder, label, resample=options.resample_masks, strict=options.strict, heard=heard)
    with contextlib.closing(reader.answers(found.sources)) as answers:
        for done, source in enumerate(found.sources):
            if heard():
                break
            rate = done / max(time.monotonic() - started, 1e-6)
            left = (total - done) / rate if rate > 0 else -1.0
            yield Progress(done, total, "import_read", rate, left, source.name)
            answer = next(answers)
            count.skipped += sum(isinstance(event, Skipped) for event in answer.events)
            yield from answer.events
            if answer.scan is not None:
                yield from _take_in(project, answer.scan, options, count)
    heard()
    if total:
        yield Progress(total, total, "import_read", total / max(time.monotonic() - started, 1e-6), 0.0)
    yield from reader.told.at_the_end()
    for run, number in count.runs.items():
        yield Notice("predictions-taken", {"count": number, "run": run})
    if reader.unlabelled and options.masks == "pair":
        yield Notice("masks-not-taken", {"scans": reader.unlabelled})
    if not count.scans and not count.present and not should_stop():
        code = "nothing-usable" if count.skipped else "nothing-there"
        raise InputError(code, file=", ".join(path.name or str(path) for path in sources))
    if options.classes and not should_stop():
        yield from _take_classes(project, options, count)
    yield Finished(count.facts | ({"classes": count.classes} if options.classes else {}))


def _take_classes(project: Project, options: ImportOptions, count: Landed) -> Iterator[JobEvent]:
    """Give the scans their classes; a table that fits none of them is told of, and the scans stay."""
    reader = options.reader or current_reader()
    way, _, name = options.classes.partition(":")
    try:
        if way == "folder" and name:
            taken = take_folders(project, name, reader=reader, scans=[project.scan(one).id for one in count.scans])
        else:
            taken = take_table(project, Path(options.classes), reader=reader)
    except InputError as error:
        yield from _skip(Path(options.classes).name, error, count, options)
        return
    count.classes = taken.values
    yield from _told_of(taken)


def _told_of(taken: Taken) -> Iterator[Notice]:
    yield Notice("classes-taken", {"values": taken.values, "scans": len(taken.scans)})
    if taken.numbers:
        yield Notice("classes-numbers", {"names": ", ".join(taken.numbers)})
    if taken.missing_count:
        yield Notice("classes-missing", {"count": taken.missing_count, "names": ", ".join(taken.missing)})
    if taken.outside_count:
        yield Notice("classes-outside", {"count": taken.outside_count, "names": ", ".join(taken.outside)})
    if taken.twice:
        yield Notice("classes-twice", {"count": taken.twice})


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


def _passed(found: Found, count: Landed, options: ImportOptions) -> Iterator[JobEvent]:
    for passed in found.passed:
        yield from _skip(passed.source, passed.error, count, options)


def _skip(name: str, error: MeninxError, count: Landed, options: ImportOptions) -> Iterator[JobEvent]:
    if options.strict:
        raise error
    count.skipped += 1
    yield Skipped(name, error)


def _take_in(project: Project, read: ReadScan, options: ImportOptions, count: Landed) -> Iterator[JobEvent]:
    """Take one scan in, with its masks, in one transaction."""
    source = read.source
    same = project.find_same(read.volume)
    if same.scan is not None:
        yield from _known(project, project.scan(same.scan), read, options, count)
        return
    layers = None
    if read.masks is not None:
        layers = new_layers(project, read.masks, options.label, options.reader or current_reader())
    scan = project.add_scan(
        read.volume,
        patient=source.patient,
        description=describe(read.volume, source),
        source=[str(path) for path in source.files],
        identity=dict(source.identity),
        layers=layers,
    )
    count.add(project, scan, int(read.masks is not None))
    yield from source.notices
    if same.elsewhere is not None:
        yield Notice("scan-twin", {"name": source.name, "scan": project.scan(same.elsewhere).name})
    if read.predicted is not None:
        count.predict(project, scan, by_name(read.predicted, options.label), there=False)
    yield ScanReady(scan.name)


def _known(project: Project, scan: Scan, read: ReadScan, options: ImportOptions, count: Landed) -> Iterator[JobEvent]:
    """Put masks on a scan that is in the project already, unless somebody has drawn on it."""
    count.present += 1
    theirs, ours = read.volume.geometry, project.geometry(scan.id)
    came = False
    if read.masks is not None and not project.annotations(scan.id):
        masks = onto(read.masks, theirs, ours, read.source.name)
        count.save(project, scan.id, new_layers(project, masks, options.label, options.reader or current_reader()))
        count.masks += 1
        came = True
    if read.predicted is not None and not _predicted_already(project, scan, options):
        predicted = onto(read.predicted, theirs, ours, read.source.name)
        count.predict(project, scan, by_name(predicted, options.label), there=True)
        came = True
    if came:
        yield ScanReady(scan.name)
        return
    # never an error, even when strict: importing twice is harmless
    count.skipped += 1
    yield Skipped(read.source.name, InputError("scan-present", file=read.source.name, scan=scan.name))


def _predicted_already(project: Project, scan: Scan, options: ImportOptions) -> bool:
    """Whether another program's masks of these labels are there: they are not taken twice."""
    one, names = parse_labels(options.label)
    wanted = {one} if one is not None else set(names.values())
    runs = {run.id: set(run.labels) for run in list_runs(project, imported=True) if run.imported}
    return any(runs.get(record.run, set()) & wanted for record in list_predictions(project, scan=scan.id))


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
