"""Reading what an import takes in: each scan with all that goes with it, one ahead of the writing.

Decoding runs in its child and writing in this process, so the two take turns for
nothing: while one scan is written, the next is read. What is read is small enough
to be held twice, or waits its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from core.errors import Cancelled, InputError, MeninxError
from core.events import JobEvent, Notice, Skipped
from core.io.remarks import not_numbers, remarks
from core.io.sandbox import Decoder
from core.io.source import MaskData, Source
from core.project.imported_masks import Told, check_values, merged
from core.volume import Volume

_File = TypeVar("_File")
_AHEAD_FILES = 64 << 20
"""Bytes of the next scan's files up to which it is read ahead."""
_AHEAD_VOXELS = 256 << 20
"""Bytes of the scan in hand up to which another is read beside it."""


@dataclass(frozen=True)
class ReadScan:
    """A scan as it was read: its voxels, its masks, and what another program made of it."""

    source: Source
    volume: Volume
    masks: MaskData | None = None
    predicted: MaskData | None = None


@dataclass(frozen=True)
class Answer:
    """What came of reading one source: what is to be told, and the scan if there is one."""

    events: tuple[JobEvent, ...]
    scan: ReadScan | None = None


class ScanReader:
    """Reads sources one after the other, in a thread of its own.

    Parameters
    ----------
    decoder
        Reads them.
    label
        As :class:`core.project.importing.ImportOptions`; empty: masks are not read.
    resample
        Whether masks of another grid are taken by nearest neighbour.
    strict
        Whether the first input that cannot be used is an error.
    heard
        Asked between slices; raises :class:`core.errors.Cancelled` when called off.
    """

    def __init__(
        self, decoder: Decoder, label: str | None, *, resample: bool, strict: bool, heard: Callable[[], str]
    ) -> None:
        self._decoder = decoder
        self._label = label
        self._resample = resample
        self._strict = strict
        self._heard = heard
        self._given_up = False
        self.told = Told()
        self.unlabelled = 0

    def answers(self, sources: Sequence[Source]) -> Generator[Answer, None, None]:
        """Yield what came of each source, in their order; the next one is read meanwhile.

        Raises
        ------
        InputError
            Where ``strict``, the first reason for passing something over.
        Cancelled
            If called off.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="import-read") as pool:
            coming: Future[Answer] | None = None
            try:
                for place, source in enumerate(sources):
                    answer = (coming or pool.submit(self._read, source)).result()
                    following = sources[place + 1] if place + 1 < len(sources) else None
                    coming = pool.submit(self._read, following) if following and _small(answer, following) else None
                    yield answer
            finally:
                # nobody waits for what is being read
                self._given_up = True

    def _on_slice(self, _index: int) -> None:
        if self._given_up:
            raise Cancelled
        self._heard()

    def _read(self, source: Source) -> Answer:
        events: list[JobEvent] = []
        scan = self._scan(source, events)
        return Answer(tuple(events), scan)

    def _skip(self, name: str, error: MeninxError, events: list[JobEvent]) -> None:
        if self._strict:
            raise error
        events.append(Skipped(name, error))

    def _scan(self, source: Source, events: list[JobEvent]) -> ReadScan | None:
        """Read one scan with all that goes with it; nothing is written yet."""
        given = source
        while True:
            try:
                volume = self._decoder.read(source, on_slice=self._on_slice)
                break
            except InputError as error:
                less = _without(source, error) if 2 * len(source.files) > len(given.files) else None
                self._skip(source.name if less is None else str(error.fields["file"]), error, events)
                if less is None:
                    return None
                source = less
        told = remarks(source.name, volume)
        events += self.told.about(not_numbers(source.name, volume))
        if source is not given:
            unread = {"name": source.name, "count": len(given.files) - len(source.files)}
            told = (*told, Notice("slices-unread", unread))
        source = replace(source, notices=(*source.notices, *told))
        if not self._label:
            self.unlabelled += source.has_masks or any(source.predicted)
            return ReadScan(source, volume)
        masks = predicted = None
        if source.has_masks:
            masks = self._masks(source, events)
        if any(source.predicted):
            predicted = self._masks(replace(source, masks=source.predicted), events)
        self._on_slice(0)
        return ReadScan(source, volume, masks, predicted)

    def _masks(self, source: Source, events: list[JobEvent]) -> MaskData | None:
        """Read masks and check that their values are named; one that cannot be used leaves the scan without it."""
        name = next((mask.name for mask in source.masks if mask is not None), source.name)
        try:
            masks = self._decoder.read_masks(source, resample=self._resample)
            check_values(masks, self._label, name)
        except InputError as error:
            self._skip(source.name, error, events)
            return None
        for passed in masks.passed:
            self._skip(passed.source, passed.error, events)
        events += self.told.about((*masks.notices, *merged(masks, self._label, name)))
        self.told.conventions[masks.convention] += 1
        return masks


def _small(answer: Answer, following: Source) -> bool:
    """Whether another scan may be held in memory beside this one."""
    held = 0 if answer.scan is None else answer.scan.volume.array.nbytes
    try:
        return held <= _AHEAD_VOXELS and sum(Path(file).stat().st_size for file in following.files) <= _AHEAD_FILES
    except OSError:
        # inside a zip
        return False


def _without(source: Source, error: InputError) -> Source | None:
    """Return a scan of many files without the one that an error names, or None if it would be another scan."""
    bad = [index for index, path in enumerate(source.files) if path.name == error.fields.get("file")]
    # a file less would make another volume of what was asked for by its number
    if len(bad) != 1 or len(source.files) < 2 or source.volume is not None:
        return None

    def less(files: tuple[_File, ...]) -> tuple[_File, ...]:
        return files[: bad[0]] + files[bad[0] + 1 :] if len(files) == len(source.files) else files

    return replace(source, files=less(source.files), masks=less(source.masks), predicted=less(source.predicted))
