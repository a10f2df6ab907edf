"""Looks through files for the import page: beside the window, in a decoding child of its own."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from core.errors import Cancelled, InputError, MeninxError
from core.io.sandbox import Decoder
from core.io.source import FindOptions, Found, Preview, Source
from core.project.project import Project
from core.project.records import Scan
from core.traces import kind_of, place_of, trace_of

TELL_SECONDS = 0.1


@dataclass(frozen=True)
class Known:
    """What the open project knows already of what was found.

    Parameters
    ----------
    scans
        Source key to the display name of the scan it is already.
    patients
        Identity text of a patient to the pseudonym.
    """

    scans: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SeenMask:
    """How the masks beside a scan read: their convention and values, or why they cannot be used."""

    convention: str = ""
    values: tuple[int, ...] = ()
    slices: int = 0
    resampled: bool = False
    error: MeninxError | None = None


@dataclass(frozen=True)
class Seen:
    """What a look at one source (with the volume and dataset it was asked for) showed."""

    key: str
    volume: int | None
    dataset: str
    preview: Preview | None = None
    error: MeninxError | None = None
    mask: SeenMask | None = None


@dataclass(frozen=True)
class _Order:
    number: int
    paths: tuple[Path, ...]
    options: FindOptions
    project: Project | None


class Looker(QThread):
    """Finds scans, then looks at them one by one: those asked for first, the rest meanwhile.

    Parameters
    ----------
    parent
        Owner. Call :meth:`end` before it goes.
    decoder
        A decoding child that is warm already; its owner is this looker from now on.

    Notes
    -----
    Connect the signals only to bound slots of objects of the window's thread.
    """

    looked = Signal(int, int, int)
    """(order, files looked at, files that can be read)."""
    found = Signal(int, object, object)
    """(order, Found, Known)."""
    refused = Signal(int, object)
    """(order, MeninxError): the search ended without a result; Cancelled if it was stopped."""
    seen = Signal(object)
    """(Seen)."""

    def __init__(self, parent: QObject | None = None, decoder: Decoder | None = None) -> None:
        super().__init__(parent)
        self._wake = threading.Condition()
        self._number = 0
        self._order: _Order | None = None
        self._wishes: OrderedDict[str, Source] = OrderedDict()
        self._rest: deque[Source] = deque()
        self._at: Source | None = None
        self._outcome: tuple[int, tuple[Found, Known] | MeninxError] | None = None
        self._over = False
        self._resample = False
        self._decoder = decoder or Decoder()

    # ------------------------------------------------------ the window's side

    def look(self, paths: Sequence[Path], options: FindOptions, project: Project | None) -> int:
        """Look through files and folders; an older search is given up. Return the order's number."""
        with self._wake:
            self._number += 1
            self._order = _Order(self._number, tuple(paths), options, project)
            self._wishes.clear()
            self._rest.clear()
            self._wake.notify()
        if not self.isRunning():
            self.start()
        return self._number

    def wish(self, source: Source) -> None:
        """Look at this source before all others (it has come into sight, or something else was chosen of it)."""
        with self._wake:
            if source != self._at:
                self._wishes[source.key] = source
                self._wishes.move_to_end(source.key)
                self._wake.notify()

    def outcome(self, order: int) -> tuple[Found, Known] | MeninxError | None:
        """Return how a search ended, for who was not yet listening when it did; None while it runs."""
        with self._wake:
            return self._outcome[1] if self._outcome is not None and self._outcome[0] == order else None

    def look_at_all(self, sources: Sequence[Source]) -> None:
        """Look at these when nothing else is wished for."""
        with self._wake:
            self._rest = deque(sources)
            self._wake.notify()

    def resample_masks(self, resample: bool) -> None:
        """Say whether masks on another grid are brought onto their scan's when they are looked at."""
        self._resample = resample

    def stop(self) -> None:
        """Give the search up; its order is refused as cancelled."""
        with self._wake:
            self._number += 1
            old, self._decoder = self._decoder, Decoder()
        old.close()

    def give_decoder(self) -> Decoder:
        """Give the decoding child away, with all that it knows of these files; this looker gets another."""
        with self._wake:
            old, self._decoder = self._decoder, Decoder()
        return old

    def end(self) -> None:
        """End the thread and the decoding child."""
        with self._wake:
            self._over = True
            self._number += 1
            self._wishes.clear()
            self._rest.clear()
            self._wake.notify()
            old = self._decoder
        old.close()
        self.wait()

    # ------------------------------------------------------ the thread's side

    def run(self) -> None:
        while True:
            with self._wake:
                while not (self._over or self._order or self._wishes or self._rest):
                    self._wake.wait()
                if self._over:
                    return
                order, self._order = self._order, None
                source = None if order is not None else self._next()
            if order is not None:
                self._search(order)
            elif source is not None:
                self._look_at(source)

    def _next(self) -> Source:
        """Take the newest wish, else the next of the rest."""
        if self._wishes:
            return self._wishes.popitem(last=True)[1]
        return self._rest.popleft()

    def _search(self, order: _Order) -> None:
        told = 0.0
        looked = kept = 0

        def on_file(_path: Path) -> None:
            nonlocal looked, told
            looked += 1
            if self._number != order.number:
                raise Cancelled
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                self.looked.emit(order.number, looked, kept)

        def on_kept(count: int) -> None:
            nonlocal kept
            kept = max(kept, count)

        try:
            found = self._decoder.find(order.paths, order.options, on_file, on_kept)
            known = known_of(order.project, found.sources)
        except MeninxError as error:
            self._refuse(order, error)
            return
        except Exception as error:  # noqa: BLE001 - the edge of a thread: nothing above could hear it
            self._refuse(order, _fault(error))
            return
        if self._number != order.number:
            self._refuse(order, Cancelled())
            return
        # hashes of thousands of names: worked out here, where nobody waits
        for source in found.sources:
            _ = source.key
        with self._wake:
            self._outcome = (order.number, (found, known))
            self._rest.extend(found.sources)
        self.found.emit(order.number, found, known)

    def _refuse(self, order: _Order, error: MeninxError) -> None:
        with self._wake:
            self._outcome = (order.number, error)
        self.refused.emit(order.number, error)

    def _look_at(self, source: Source) -> None:
        with self._wake:
            self._at = source
            if source in self._rest:
                self._rest.remove(source)
        seen = Seen(source.key, source.volume, source.dataset)
        try:
            preview = self._decoder.preview(source)
            seen = replace(seen, preview=preview)
            if source.has_masks:
                seen = replace(seen, mask=self._look_at_masks(self._first(source, preview)))
        except Cancelled:
            return
        except MeninxError as error:
            seen = replace(seen, error=error)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: nothing above could hear it
            seen = replace(seen, error=_fault(error))
        finally:
            self._at = None
        self.seen.emit(seen)

    @staticmethod
    def _first(source: Source, preview: Preview) -> Source:
        """Return a source that can be read: the first volume where one is still to be chosen."""
        return replace(source, volume=0) if preview.volumes > 1 and source.volume is None else source

    def _look_at_masks(self, source: Source) -> SeenMask:
        try:
            masks = self._decoder.read_masks(source, resample=self._resample)
        except Cancelled:
            raise
        except InputError as error:
            return SeenMask(error=error)
        return SeenMask(masks.convention, masks.values, sum(masks.present), masks.resampled)


@dataclass(frozen=True)
class Search:
    """A search begun before the page was there; ``result`` is None while it runs."""

    looker: Looker
    order: int
    result: tuple[Found, Known] | None = None


def _fault(error: Exception) -> MeninxError:
    """Word a fault of the program."""
    made = MeninxError("unexpected", reason=kind_of(error), place=place_of(error))
    made.add_note(trace_of(error))
    return made


def known_of(project: Project | None, sources: Sequence[Source]) -> Known:
    """Say which of these are in the project already, as far as this workstation's links tell.

    The same files, or the same DICOM series; content is compared when they are read.
    """
    if project is None:
        return Known()
    links = project.links.scans()
    scans: dict[str, Scan] = {scan.id: scan for scan in project.scans()}
    by_file: dict[str, str] = {}
    by_series: dict[str, str] = {}
    for scan_id, link in links.items():
        if scan_id not in scans:
            continue
        name = scans[scan_id].name
        for file in link.source:
            by_file[file] = name
        series = link.identity.get("SeriesInstanceUID", "")
        if series:
            by_series.setdefault(_series_key(series, len(link.source)), name)
    there: dict[str, str] = {}
    for source in sources:
        same = by_file.get(str(source.files[0]))
        series = dict(source.identity).get("SeriesInstanceUID", "")
        if same is None and series:
            same = by_series.get(_series_key(series, len(source.files)))
        if same is not None:
            there[source.key] = same
    pseudonyms = {scan.patient: scan.patient_name for scan in scans.values() if scan.patient_known}
    patients: dict[str, str] = {}
    for patient in {source.patient for source in sources if source.patient}:
        key = project.links.key(patient)
        if key in pseudonyms:
            patients[patient] = pseudonyms[key]
    return Known(there, patients)


def _series_key(series: str, files: int) -> str:
    # one series may have become several scans: they differ in how many files they have
    return f"{series}/{files}"
