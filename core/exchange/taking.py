"""Taking what another tool exported into a project: a preview first, then a job.

A picture that came along is imported, or found among the scans that are there by its
voxels; one that did not is found by its file's name. What is drawn in the project
already is never written over.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, InputError
from core.events import Events, Finished, JobEvent, Notice, Progress, ScanReady, Skipped, StopCheck, never_stop
from core.exchange.incoming import Incoming, Line, Plan
from core.exchange.landing import Drawn, our_names, place, with_labels
from core.geometry import Geometry
from core.io.regrid import lies_within
from core.io.sandbox import Decoder
from core.io.sniff import Format
from core.io.source import FindOptions, Source
from core.labels import plain_label
from core.project.exporting import scan_stem
from core.project.importing import describe
from core.project.landed import Landed
from core.project.project import Project
from core.project.records import NewLayers, Scan, current_reader
from core.project.taking_back import take_back

_LOOK_EVERY = 0.25
_UPLOAD = re.compile(r"[0-9a-f]{8}-")
"""What Label Studio puts before the name of an uploaded file."""


@dataclass(frozen=True)
class TakeOptions:
    """What the person chose.

    Parameters
    ----------
    labels
        Their label names to ours; an empty one is left out, one that is not listed keeps its name.
    reader
        Whose masks they become; empty: as the export says, else who is logged in. Where the export names
        several readers, their names follow this one.
    tool
        Key of :data:`core.exchange.registry.READERS`; empty: the one that fits.
    as_, patient_from
        As :class:`core.project.importing.ImportOptions`.
    resample
        Bring masks of another grid in the same space onto their scan's, by nearest neighbour.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    reader: str = ""
    tool: str = ""
    as_: str = "auto"
    patient_from: str = ""
    resample: bool = False


@dataclass(frozen=True)
class _Entry:
    """One picture or scan, packed until it lands."""

    line: Line
    packed: bytes

    @property
    def whole(self) -> Incoming:
        made: Incoming = pickle.loads(self.packed)
        return made


@dataclass
class _Target:
    """Where entries land: files of a scan to be read, or a scan that is there."""

    entries: list[tuple[_Entry, int | None]] = field(default_factory=list)
    source: Source | None = None
    scan: str = ""


@dataclass(frozen=True)
class _Names:
    """What their labels and readers are called here, and who drew what names no reader."""

    labels: Mapping[str, str]
    readers: Mapping[str, str]
    reader: str


def look(decoder: Decoder, path: Path, tool: str = "", on_count: Callable[[int], None] | None = None) -> Plan:
    """Say what an export of another tool would bring; nothing is changed.

    Raises
    ------
    InputError
        ``exchange-unknown``, ``exchange-unreadable`` and what its reader says.
    """
    lines: list[Line] = []

    def on_one(line: Line, _packed: bytes) -> None:
        lines.append(line)
        if on_count is not None:
            on_count(len(lines))

    reader = decoder.exchange(Path(path).absolute(), on_one, tool)
    return Plan(Path(path), reader, tuple(lines))


def take_job(
    project_path: Path, path: Path, options: TakeOptions | None = None, should_stop: StopCheck = never_stop
) -> Events:
    """Take an export of another tool into a project.

    Parameters
    ----------
    project_path
        An existing project.
    path
        File or folder.
    options
        What the person chose.
    should_stop
        ``"stop"``: what is in stays in; ``"cancel"``: all of it is taken away again.

    Yields
    ------
    JobEvent
        Progress, Skipped, Notice, ScanReady, at the end Finished with
        ``{"tool", "scans": [names], "masks": count, "predictions": count, "skipped": count, "present": count}``.

    Raises
    ------
    InputError
        ``nothing-usable``, ``exchange-unknown``, ``exchange-unreadable``.
    ProjectError, StorageError
        Where the project cannot be opened or written.
    Cancelled
        After what it brought in was taken away.
    """
    options = options or TakeOptions()
    path = Path(path).absolute()
    with Project.open(Path(project_path)) as project, Decoder() as decoder:
        count = Landed()
        labels = {label.name for label in project.labels()}
        try:
            yield from _take(project, decoder, path, options, should_stop, count)
        except (Cancelled, InputError):
            count.brought.labels += [label.name for label in project.labels() if label.name not in labels]
            kept = take_back(project, count.brought)
            if kept:
                yield Notice("import-kept", {"scans": ", ".join(kept)})
            raise


def _take(
    project: Project, decoder: Decoder, path: Path, options: TakeOptions, should_stop: StopCheck, count: Landed
) -> Iterator[JobEvent]:
    tool, entries = yield from _read(decoder, path, options, should_stop)
    plan = Plan(path, tool, tuple(entry.line for entry in entries))
    names = our_names(project.labels(), plan.labels, options.labels)
    readers = sorted({name for entry in entries for name in entry.line.readers})
    given = options.reader.strip()
    if given:
        wishes = {name: given if len(readers) == 1 else f"{given} {name}" for name in readers}
    else:
        wishes = dict(zip(readers, readers, strict=True))
    targets: list[_Target] = []
    yield from _targets(project, decoder, entries, options, targets, count)
    landing = any(entry.line.labels for target in targets for entry, _at in target.entries)
    if landing and any(names.values()):
        yield from _numbered(names, options)
        project.set_labels(with_labels(project.labels(), names, plan.colors, plan.overlaps, plan.layers))
    for done, target in enumerate(targets):
        asked = should_stop()
        if asked == "cancel":
            raise Cancelled
        if asked:
            break
        name = target.source.name if target.source is not None else target.entries[0][0].line.name
        yield Progress(done, len(targets), "import_read", detail=name)
        try:
            yield from _land(project, decoder, target, _Names(names, wishes, given or current_reader()), options, count)
        except InputError as error:
            # the others are still true
            count.skipped += 1
            yield Skipped(name, error)
    if should_stop() == "cancel":
        raise Cancelled
    yield Progress(len(targets), len(targets), "import_read")
    if count.shared:
        yield Notice("exchange-shared", {"count": count.shared})
    for run, number in count.runs.items():
        yield Notice("predictions-taken", {"count": number, "run": run})
    if not count.scans and not count.masks and not count.predictions and not count.present and not should_stop():
        raise InputError("nothing-usable", file=path.name)
    yield Finished({"tool": tool} | count.facts)


def _numbered(names: Mapping[str, str], options: TakeOptions) -> Iterator[JobEvent]:
    """Tell of labels that got a number, as another one is called the same here."""
    for theirs, ours in names.items():
        wished = plain_label(options.labels.get(theirs, theirs))
        if wished and wished == plain_label(theirs) and ours not in (wished, theirs):
            yield Notice("exchange-numbered", {"label": theirs, "ours": ours})


def _read(
    decoder: Decoder, path: Path, options: TakeOptions, should_stop: StopCheck
) -> Generator[JobEvent, None, tuple[str, list[_Entry]]]:
    """Read the export beside this thread, so that it can tell how far it is."""
    entries: list[_Entry] = []
    given_up = False

    def on_one(line: Line, packed: bytes) -> None:
        entries.append(_Entry(line, packed))
        if given_up or should_stop():
            raise Cancelled

    yield Progress(0, 0, "exchange_look")
    with ThreadPoolExecutor(1, thread_name_prefix="exchange-look") as pool:
        reading = pool.submit(decoder.exchange, path, on_one, options.tool)
        try:
            while not wait([reading], timeout=_LOOK_EVERY).done:
                yield Progress(len(entries), 0, "exchange_look")
        finally:
            given_up = True
        return reading.result(), entries


def _targets(
    project: Project,
    decoder: Decoder,
    entries: Sequence[_Entry],
    options: TakeOptions,
    targets: list[_Target],
    count: Landed,
) -> Iterator[JobEvent]:
    """Find where each entry lands; those that land nowhere are told of."""
    local: dict[Path, list[_Entry]] = {}
    known = _Known(project)
    by_scan: dict[str, _Target] = {}
    for entry in entries:
        if entry.line.problem is not None:
            count.skipped += 1
            yield entry.line.problem
            continue
        found = known.find(entry)
        if found is not None:
            yield from entry.whole.notices
            target = by_scan.setdefault(found[0], _Target(scan=found[0]))
            target.entries.append((entry, found[1]))
        elif entry.whole.stack:
            one = entry.whole
            source = Source(Format.PNG, one.stack, one.name, one.patient or None)
            targets.append(_Target([(entry, None)], source))
        elif entry.line.image is not None:
            local.setdefault(entry.line.image, []).append(entry)
        else:
            count.skipped += 1
            yield Skipped(entry.line.name, _nowhere(entry))
    targets += by_scan.values()
    if not local:
        return
    found_sources = decoder.find(list(local), FindOptions(options.as_, None, False, options.patient_from))
    for passed in found_sources.passed:
        count.skipped += 1
        yield Skipped(passed.source, passed.error)
    yield from found_sources.notices
    for source in found_sources.sources:
        targets += _of_source(source, local)


def _nowhere(entry: _Entry) -> InputError:
    """Return why masks without a picture land on no scan."""
    name, one = entry.line.name, entry.whole
    if entry.line.url:
        return InputError("exchange-address", file=name, url=entry.line.url)
    if one.series or one.frame:
        return InputError("seg-no-scan", file=name)
    return InputError("exchange-other-scan" if one.digest else "exchange-no-scan", file=name)


def _of_source(source: Source, local: Mapping[Path, list[_Entry]]) -> Iterator[_Target]:
    """Yield the scans that a source becomes: one, or one per volume or array that entries name."""
    groups: dict[tuple[int | None, str], _Target] = {}
    for at, file in enumerate(source.files):
        mine = local.get(file, [])
        if not mine and at == 0:
            # an entry may name the folder of a series
            mine = [entry for image, many in local.items() if image in file.parents for entry in many]
        for entry in mine:
            one = entry.whole
            key = (one.volume if one.volume is not None else source.volume, one.dataset or source.dataset)
            target = groups.setdefault(key, _Target())
            target.entries.append((entry, at if len(source.files) > 1 and len(one.shape) == 2 else None))
            patient = one.patient or source.patient
            target.source = replace(source, volume=key[0], dataset=key[1], patient=patient, masks=(), predicted=())
    yield from groups.values()


class _Known:
    """The scans of a project, by their voxels and by the names of their files."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._scans = {scan.id: scan for scan in project.scans()}
        self._names: dict[str, list[tuple[str, int | None]]] = {}
        self._pseudonyms: dict[str, list[tuple[str, int | None]]] = {}
        for scan in self._scans.values():
            for name in (scan_stem(scan), scan.name):
                self._pseudonyms.setdefault(name.casefold(), []).append((scan.id, None))
        for identity, link in project.links.scans().items():
            held = self._scans.get(identity)
            if held is None:
                continue
            several = len(link.source) == held.shape[0] > 1
            for at, file in enumerate(link.source if several else link.source[:1]):
                self._add(Path(file).name, identity, at if several else None)

    def _add(self, name: str, scan: str, at: int | None) -> None:
        held = self._names.setdefault(name.casefold(), [])
        if (scan, at) not in held:
            held.append((scan, at))

    def find(self, entry: _Entry) -> tuple[str, int | None] | None:
        """Return the scan, and its slice, that an entry without a picture of its own belongs to."""
        one = entry.whole
        if one.digest:
            same = self._project.find_scan_by_hash(one.digest)
            if same is not None:
                return same.id, one.place
        if one.image is not None:
            # its own voxels say which scan it is
            return None
        if one.affine is not None and (one.series or one.frame):
            return self._of_series(one)
        short = _UPLOAD.sub("", one.name, count=1) if _UPLOAD.match(one.name) else one.name
        for name in dict.fromkeys((one.name, short)):
            named = list(self._names.get(name.casefold(), []))
            if not one.digest:
                # every project has an S0001: where the voxels are told and are of no scan here, it is another's
                named += [known for known in self._pseudonyms.get(name.casefold(), []) if known not in named]
            fits = [(scan, at) for scan, at in named if self._fits(scan, one)]
            if len(fits) == 1:
                scan, at = fits[0]
                return scan, at if at is not None else one.place
        return None

    def _of_series(self, one: Incoming) -> tuple[str, int | None] | None:
        """Return the one scan of the series, else of the frame of reference, whose planes the masks lie on."""
        assert one.affine is not None
        theirs = Geometry((one.shape[0], one.shape[1], one.shape[-1]), one.affine)
        ways: tuple[tuple[str, tuple[str, ...]], ...] = (
            ("SeriesInstanceUID", one.series),
            ("FrameOfReferenceUID", (one.frame,) if one.frame else ()),
        )
        for name, wanted in ways:
            named = [
                scan
                for scan, link in self._project.links.scans().items()
                if scan in self._scans and link.identity.get(name, "") in wanted
            ]
            fits = [scan for scan in named if lies_within(theirs, self._project.geometry(scan))]
            if len(fits) == 1 or (name == "SeriesInstanceUID" and len(named) == 1):
                return (fits or named)[0], None
        return None

    def _fits(self, scan: str, one: Incoming) -> bool:
        shape = self._scans[scan].shape
        return shape[1:] == one.shape if len(one.shape) == 2 else one.affine is not None or shape == one.shape


def _land(
    project: Project,
    decoder: Decoder,
    target: _Target,
    names: _Names,
    options: TakeOptions,
    count: Landed,
) -> Iterator[JobEvent]:
    """Put entries onto their scan, which is added if it is not there: all of it or nothing."""
    if target.source is None:
        grid = project.geometry(target.scan)
        drawn = _drawn(target, grid, grid, names, options)
        yield from _onto(project, project.scan(target.scan), drawn, count)
        return
    source = target.source
    volume = decoder.read(source)
    same = project.find_same(volume)
    if same.scan is not None:
        drawn = _drawn(target, volume.geometry, project.geometry(same.scan), names, options)
        yield from _onto(project, project.scan(same.scan), drawn, count)
        return
    drawn = _drawn(target, volume.geometry, volume.geometry, names, options)
    everyone = _layers(project, drawn, volume.geometry, count)
    scan = project.add_scan(
        volume,
        patient=source.patient,
        description=describe(volume, source),
        source=[str(file) for file in source.files],
        identity=dict(source.identity),
        layers=everyone[0] if everyone else None,
    )
    count.add(project, scan, len(everyone))
    for layers in everyone[1:]:
        count.save(project, scan.id, layers)
    yield from source.notices
    if drawn.predicted:
        count.predict(project, scan, _masks(drawn), there=False)
    yield ScanReady(scan.name)


def _drawn(target: _Target, read: Geometry, ours: Geometry, names: _Names, options: TakeOptions) -> Drawn:
    drawn = Drawn()
    for entry, at in target.entries:
        drawn.take(
            place(entry.whole, at, read, ours, resample=options.resample), names.labels, names.readers, names.reader
        )
    return drawn


def _layers(project: Project, drawn: Drawn, grid: Geometry, count: Landed) -> list[NewLayers]:
    labels = project.labels()
    made = []
    for reader in drawn.by_reader:
        layers, shared = drawn.layers(reader, labels, grid.shape)
        count.shared += shared
        made.append(layers)
    return made


def _onto(project: Project, scan: Scan, drawn: Drawn, count: Landed) -> Iterator[JobEvent]:
    """Put masks on a scan that is there, unless that reader has drawn on it."""
    count.present += 1
    came = False
    for layers in _layers(project, drawn, project.geometry(scan.id), count):
        held = project.annotation(scan.id, layers.reader)
        if held is not None and (project.layers(held.id) or held.journal_sequence):
            count.skipped += 1
            yield Skipped(scan.name, InputError("exchange-drawn", scan=scan.name, reader=layers.reader))
            continue
        count.save(project, scan.id, layers)
        count.masks += 1
        came = True
    if drawn.predicted:
        count.predict(project, scan, _masks(drawn), there=True)
        came = True
    if came:
        yield ScanReady(scan.name)


def _masks(drawn: Drawn) -> dict[str, NDArray[np.bool_]]:
    return {one.label: one.array for one in drawn.predicted.values()}
