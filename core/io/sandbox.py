"""The decoding child: files from outside are read there, never here.

One warm spawned process with a ceiling on its memory decodes for one caller at a
time. A scan comes over as its header, then its middle slice, then the rest,
through memory that this side owns, so that a child that dies leaks nothing. A
second process helps with long compressed scans, whose decoders use one processor
each. A file that kills, hangs or bloats a child is one refused file; the next
request finds a fresh child.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import Cancelled, InputError, MeninxError
from core.exchange.incoming import Line
from core.geometry import Array, Geometry
from core.io.children import Child, GoneError, Intake, Word, cores
from core.io.files import MAX_VOLUME
from core.io.handover import decode_order
from core.io.processor import Patience
from core.io.source import FindOptions, Found, HeaderEntry, MaskData, Preview, Source
from core.volume import Volume

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from core.exchange.originals import Order

OnHeader = Callable[[Volume], None]
OnSlice = Callable[[int], None]
OnFile = Callable[[Path], None]
OnKept = Callable[[int], None]
OnIncoming = Callable[[Line, bytes], None]

MEMORY = 2 * MAX_VOLUME + (1 << 30)
"""Bytes by which the child may grow: a packed file, the decoded scan and what is handed over."""
PATIENCE = Patience(10.0, 120.0)
"""After so much work, or so long a silence, without a sign of life a file is given up."""
_SECONDS_PER_BYTE = 1 / (20 << 20)
"""More of it for what is large: a busy machine inflates and decodes 20 MB a second."""
_SECONDS_PER_FILE = 0.005
"""More of it for a series whose headers are read, or laid out, in one go."""
_EXCHANGE_SECONDS = 20.0
"""More of it until the next picture of another tool's export: its whole list may have to be parsed first."""
_MOST_RESTARTS = 20


class Decoder:
    """Reads files from outside in a child process.

    Safe to call from several threads; they take turns. ``close`` from another
    thread ends what is running with :class:`core.errors.Cancelled`.

    Parameters
    ----------
    memory
        Bytes by which the child may grow.
    patience
        How long the child may go without a sign of life before it is ended.
    """

    def __init__(self, *, memory: int = MEMORY, patience: Patience = PATIENCE) -> None:
        self._memory = memory
        self._patience = patience
        self._turn = threading.Lock()
        self._lead: Child | None = None
        self._helper: Child | None = None
        self._closed = False
        self._answered = True
        self._helping = False

    @property
    def _process(self) -> SpawnProcess | None:
        return None if self._lead is None else self._lead.process

    def warm(self, *, helper: bool = True) -> None:
        """Start the children now, so that the first file need not wait for them; or only the first child."""
        with self._turn:
            self._ensure()
            if helper:
                self._help()

    def find(
        self,
        paths: Sequence[Path],
        options: FindOptions | None = None,
        on_file: OnFile | None = None,
        on_kept: OnKept | None = None,
    ) -> Found:
        """Find the scans in files and folders (:func:`core.io.finding.find_sources`).

        A file that breaks the child is passed over by name and the search begins
        again without it. ``on_file`` is told each file before it is looked at,
        ``on_kept`` how many so far can be read.

        Raises
        ------
        InputError
            As the finder; ``file-killed-decoder`` if too many files break the child.
        """
        options = options or FindOptions()
        for _attempt in range(_MOST_RESTARTS):
            try:
                return self._find(paths, options, on_file, on_kept or (lambda _count: None))
            except _Broken as broken:
                if broken.path is None:
                    raise broken.error from None
                options = replace(options, refused=(*options.refused, (broken.path, broken.error.code)))
        raise InputError("file-killed-decoder", file=options.refused[-1][0].name)

    def _find(self, paths: Sequence[Path], options: FindOptions, on_file: OnFile | None, on_kept: OnKept) -> Found:
        at: Path | None = None
        looked_at = 0
        with self._turn, self._exchange("find", list(paths), options) as child:
            while True:
                kind, payload = self._receive(child, looked_at * _SECONDS_PER_FILE, at)
                if kind == "at":
                    at = payload
                    looked_at += 1
                    if on_file is not None:
                        on_file(payload)
                elif kind == "kept":
                    on_kept(payload)
                elif kind == "done":
                    found: Found = payload
                    return found

    def read(self, source: Source, on_header: OnHeader | None = None, on_slice: OnSlice | None = None) -> Volume:
        """Read a whole scan.

        Parameters
        ----------
        source
            From :meth:`find`.
        on_header
            Called with the volume before any slice is there: its array fills while
            it is read. Called again (with another array) if a scan taken as grey
            turns out to have colour.
        on_slice
            Called with the index of each slice that has arrived, the middle one first.

        Raises
        ------
        InputError
            What the format's reader says; ``file-killed-decoder``, ``file-decoder-slow``.
        Cancelled
            If the decoder was closed meanwhile.
        """
        with self._turn, _one_error(source.name), self._exchange("read", source) as child:
            word = self._receive(child, _more(source))
            while True:
                header, shape, dtype, shared = word[1]
                volume: Volume = replace(header, array=np.zeros(shape, dtype))
                if on_header is not None:
                    on_header(volume)
                helper = self._help() if shared else None
                word = self._take(child, volume.array, on_slice, _more(source), helper, shared or b"")
                if word[0] == "done":
                    return volume

    def _take(
        self,
        child: Child,
        array: Array,
        on_slice: OnSlice | None = None,
        more: float = 0.0,
        helper: Child | None = None,
        shared: bytes = b"",
    ) -> Word:
        """Take all slices of an array in; return the word after them."""
        order = decode_order(array.shape[0])
        patience = self._patience.more(more + array.nbytes / max(1, array.shape[0]) * _SECONDS_PER_BYTE)
        intake = Intake(array, order, on_slice or (lambda _index: None), patience)
        self._helping = helper is not None
        try:
            word = intake.run(child, helper, shared)
        except GoneError as gone:
            raise self._broken(gone.code, None) from gone
        except InputError:
            # said by the helper: the child has ended its own part
            self._answered, self._helping = True, False
            raise
        self._helping = False
        return self._heard(word, None)

    def header(self, source: Source) -> tuple[Volume, tuple[int, ...], str]:
        """Read the header alone: the volume without voxels, the array's shape and its dtype.

        Raises
        ------
        InputError
            As :meth:`read`.
        """
        with self._turn, _one_error(source.name), self._exchange("header", source) as child:
            volume, shape, dtype = self._receive(child, _more(source))[1]
            return volume, shape, dtype

    def preview(self, source: Source) -> Preview:
        """Look at a source: its header, a small picture of its middle, what there is to choose.

        Raises
        ------
        InputError
            As :meth:`read`, but for what the person has yet to choose.
        """
        with self._turn, _one_error(source.name), self._exchange("preview", source) as child:
            seen: Preview = self._receive(child, _more(source))[1]
            return seen

    def entries(self, source: Source, *, identity: bool) -> tuple[HeaderEntry, ...]:
        """Return the header of a source's first file line by line.

        Parameters
        ----------
        source
            From :meth:`find`.
        identity
            Whether values that could tell who the patient is are shown.

        Raises
        ------
        InputError
            As :meth:`read`.
        """
        with self._turn, _one_error(source.name), self._exchange("entries", source, identity) as child:
            lines: tuple[HeaderEntry, ...] = self._receive(child, _more(source))[1]
            return lines

    def read_masks(self, source: Source, *, resample: bool = False) -> MaskData:
        """Read the masks of a scan and check that they fit it (:func:`core.io.masks.read_masks`)."""
        with self._turn, _one_error(source.name), self._exchange("masks", source, resample) as child:
            return self._take_masks(child, _more(source))

    def read_mask_file(self, path: Path, geometry: Geometry, *, resample: bool = False) -> MaskData:
        """Read one mask file (or a folder that holds one) for a scan that is in a project already.

        Raises
        ------
        InputError
            As :func:`core.io.masks.read_masks`.
        """
        with self._turn, _one_error(path.name), self._exchange("mask-file", path, geometry, resample) as child:
            return self._take_masks(child, _size(path))

    def exchange(self, path: Path, on_one: OnIncoming, reader: str = "") -> str:
        """Read an export of another tool (:mod:`core.exchange.reading`).

        Parameters
        ----------
        path
            File or folder.
        on_one
            Told of each picture or scan: what can be said of it, and itself, packed by :mod:`pickle`.
        reader
            Key of :data:`core.exchange.registry.READERS`; empty: the one that fits.

        Returns
        -------
        str
            The reader.

        Raises
        ------
        InputError
            ``exchange-unknown`` where none fits, and what the reader says.
        """
        with self._turn, _one_error(path.name), self._exchange("exchange", path, reader) as child:
            while True:
                kind, payload = self._receive(child, _EXCHANGE_SECONDS + _size(path))
                if kind == "one":
                    on_one(*payload)
                elif kind == "done":
                    return str(payload)

    def config_labels(self, path: Path) -> tuple[tuple[str, str], ...]:
        """Return names and colours (``#rrggbb`` or empty) of a labelling interface of Label Studio.

        Raises
        ------
        InputError
            ``exchange-unreadable``, ``exchange-too-large``, ``exchange-no-labels``, ``file-missing``.
        """
        with self._turn, _one_error(path.name), self._exchange("config", path) as child:
            labels: tuple[tuple[str, str], ...] = self._receive(child, _size(path))[1]
            return labels

    def originals(self, order: Order, on_one: Callable[[Any], None]) -> None:
        """Ask for the DICOM files that a scan came from (:func:`core.exchange.originals.answer`).

        Parameters
        ----------
        order
            What is wanted of them.
        on_one
            Told of each slice or file.

        Raises
        ------
        InputError
            ``originals-gone``, ``originals-changed`` and what else it says.
        """
        more = _EXCHANGE_SECONDS + len(order.files) * _SECONDS_PER_FILE
        with self._turn, _one_error(order.name), self._exchange("originals", order) as child:
            while True:
                kind, payload = self._receive(child, more)
                if kind == "one":
                    on_one(payload)
                elif kind == "done":
                    return

    def _take_masks(self, child: Child, more: float) -> MaskData:
        masks, shape, dtype = self._receive(child, more)[1]
        array = np.zeros(shape, dtype)
        self._take(child, array, more=more)
        taken: MaskData = replace(masks, array=array)
        return taken

    def close(self) -> None:
        """End the child, whatever it is doing."""
        self._closed = True
        self._end()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ensure(self) -> Child:
        if self._closed:
            raise Cancelled
        if self._lead is not None and self._lead.alive:
            return self._lead
        self._end()
        self._lead = Child(self._memory)
        return self._lead

    def _help(self) -> Child | None:
        """Return the second child, which may still be starting; None on a machine with one processor."""
        if self._closed or cores() < 2:
            return None
        if self._helper is None or not self._helper.alive:
            self._end_helper()
            self._helper = Child(self._memory)
        return self._helper

    def _end(self) -> None:
        lead, self._lead = self._lead, None
        if lead is not None:
            lead.end()
        if self._helping or self._closed:
            self._end_helper()

    def _end_helper(self) -> None:
        helper, self._helper = self._helper, None
        self._helping = False
        if helper is not None:
            helper.end()

    @contextlib.contextmanager
    def _exchange(self, *request: object) -> Iterator[Child]:
        """Send a request; if the caller leaves before its last answer, the child is ended."""
        child = self._send(*request)
        self._answered = False
        try:
            yield child
        finally:
            if not self._answered:
                self._end()

    def _send(self, *request: object) -> Child:
        child = self._ensure()
        try:
            child.connection.send(request)
        except OSError:
            # it died between two requests, which no file is to blame for
            self._end()
            child = self._ensure()
            child.connection.send(request)
        return child

    def _receive(self, child: Child, more: float, at: Path | None = None) -> Word:
        """Return the child's next word, with ``more`` seconds of patience; a refusal of a file is raised."""
        try:
            return self._heard(child.receive(self._patience.more(more)), at)
        except GoneError as gone:
            raise self._broken(gone.code, at) from gone

    def _heard(self, word: Word, at: Path | None) -> Word:
        kind, payload = word
        self._answered = kind in ("done", "error")
        if kind == "error":
            fatal = payload.code == "file-killed-decoder"
            if fatal:
                # it is ending itself: the next request must not meet it
                self._end()
            if at is not None and (fatal or not payload.fields.get("file")):
                raise _Broken(InputError(payload.code, file=at.name), at)
            raise payload
        return word

    def _broken(self, code: str, at: Path | None) -> Exception:
        """End the children and return what to raise."""
        if self._closed:
            return Cancelled()
        self._end()
        return _Broken(InputError(code, file=at.name if at is not None else ""), at)


def _size(path: Path) -> float:
    """Return the seconds that a file of its size may take beyond the patience."""
    try:
        return path.stat().st_size * _SECONDS_PER_BYTE
    except OSError:
        # a member of a zip, or gone
        return 0.0


def _more(source: Source) -> float:
    return len(source.files) * _SECONDS_PER_FILE + max(map(_size, source.files[:1]), default=0.0)


class _Broken(Exception):
    """The child died or hung over a file."""

    def __init__(self, error: MeninxError, path: Path | None) -> None:
        super().__init__(error.code)
        self.error = error
        self.path = path


@contextlib.contextmanager
def _one_error(name: str) -> Iterator[None]:
    try:
        yield
    except _Broken as broken:
        raise InputError(broken.error.code, file=name) from None
