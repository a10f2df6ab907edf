"""The decoding child: files from outside are read there, never here.

One warm spawned process with a ceiling on its memory decodes for one caller at a
time. A scan comes over as its header, then its middle slice, then the rest,
through memory that this side owns, so that a child that dies leaks nothing. A
file that kills, hangs or bloats the child is one refused file; the next request
finds a fresh child.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import Cancelled, InputError, MeninxError
from core.geometry import Array, Geometry
from core.io.files import MAX_VOLUME
from core.io.handover import hand_over, offer
from core.io.limits import limit_memory
from core.io.source import FindOptions, Found, HeaderEntry, MaskData, NotGrey, OpenScan, Preview, Source
from core.volume import Volume

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

OnHeader = Callable[[Volume], None]
OnSlice = Callable[[int], None]
OnFile = Callable[[Path], None]
OnKept = Callable[[int], None]

MEMORY = 2 * MAX_VOLUME + (1 << 30)
"""Bytes by which the child may grow: a packed file, the decoded scan and what is handed over."""
PATIENCE = 60.0
"""Seconds without a sign of life after which a file is given up."""
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
        Seconds without a sign of life after which the child is ended.
    """

    def __init__(self, *, memory: int = MEMORY, patience: float = PATIENCE) -> None:
        self._memory = memory
        self._patience = patience
        self._turn = threading.Lock()
        self._process: SpawnProcess | None = None
        self._connection: Connection[Any, Any] | None = None
        self._closed = False
        self._answered = True

    def warm(self) -> None:
        """Start the child now, so that the first file need not wait for it."""
        with self._turn:
            self._ensure()

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
        with self._turn, self._exchange("find", list(paths), options) as connection:
            while True:
                kind, payload = self._receive(connection, at)
                if kind == "at":
                    at = payload
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
        with self._turn, _one_error(source.name), self._exchange("read", source) as connection:
            volume: Volume | None = None
            with contextlib.ExitStack() as memories:
                while True:
                    kind, payload = self._receive(connection)
                    if kind == "header":
                        header, shape, dtype = payload
                        ring = offer(connection, memories, shape, dtype)
                        volume = replace(header, array=np.zeros(shape, dtype))
                        if on_header is not None:
                            on_header(volume)
                    elif kind == "slice" and volume is not None:
                        index, slot = payload
                        volume.array[index] = ring.slot(slot)
                        self._acknowledge(connection)
                        if on_slice is not None:
                            on_slice(index)
                    elif kind == "done" and volume is not None:
                        return volume

    def header(self, source: Source) -> tuple[Volume, tuple[int, ...], str]:
        """Read the header alone: the volume without voxels, the array's shape and its dtype.

        Raises
        ------
        InputError
            As :meth:`read`.
        """
        with self._turn, _one_error(source.name), self._exchange("header", source) as connection:
            volume, shape, dtype = self._receive(connection)[1]
            return volume, shape, dtype

    def preview(self, source: Source) -> Preview:
        """Look at a source: its header, a small picture of its middle, what there is to choose.

        Raises
        ------
        InputError
            As :meth:`read`, but for what the person has yet to choose.
        """
        with self._turn, _one_error(source.name), self._exchange("preview", source) as connection:
            seen: Preview = self._receive(connection)[1]
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
        with self._turn, _one_error(source.name), self._exchange("entries", source, identity) as connection:
            lines: tuple[HeaderEntry, ...] = self._receive(connection)[1]
            return lines

    def read_masks(self, source: Source, *, resample: bool = False) -> MaskData:
        """Read the masks of a scan and check that they fit it (:func:`core.io.masks.read_masks`)."""
        with self._turn, _one_error(source.name), self._exchange("masks", source, resample) as connection:
            return self._take_masks(connection)

    def read_mask_file(self, path: Path, geometry: Geometry, *, resample: bool = False) -> MaskData:
        """Read one mask file (or a folder that holds one) for a scan that is in a project already.

        Raises
        ------
        InputError
            As :func:`core.io.masks.read_masks`.
        """
        with self._turn, _one_error(path.name), self._exchange("mask-file", path, geometry, resample) as connection:
            return self._take_masks(connection)

    def _take_masks(self, connection: Connection[Any, Any]) -> MaskData:
        with contextlib.ExitStack() as memories:
            _kind, (masks, shape, dtype) = self._receive(connection)
            ring = offer(connection, memories, shape, dtype)
            array = np.zeros(shape, dtype)
            while True:
                kind, payload = self._receive(connection)
                if kind == "done":
                    taken: MaskData = replace(masks, array=array)
                    return taken
                index, slot = payload
                array[index] = ring.slot(slot)
                self._acknowledge(connection)

    def _acknowledge(self, connection: Connection[Any, Any]) -> None:
        """Tell the child that a slot is free; if it is gone, its next word says so."""
        with contextlib.suppress(OSError):
            connection.send(None)

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

    def _ensure(self) -> Connection[Any, Any]:
        if self._closed:
            raise Cancelled
        if self._process is not None and self._process.is_alive() and self._connection is not None:
            return self._connection
        self._end()
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self._memory), name="meninx-decoder", daemon=True)
        process.start()
        theirs.close()
        self._process, self._connection = process, ours
        return ours

    def _end(self) -> None:
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if process is not None:
            process.kill()
            process.join()
            process.close()
        if connection is not None:
            connection.close()

    @contextlib.contextmanager
    def _exchange(self, *request: object) -> Iterator[Connection[Any, Any]]:
        """Send a request; if the caller leaves before its last answer, the child is ended."""
        connection = self._send(*request)
        self._answered = False
        try:
            yield connection
        finally:
            if not self._answered:
                self._end()

    def _send(self, *request: object) -> Connection[Any, Any]:
        connection = self._ensure()
        try:
            connection.send(request)
        except OSError:
            # it died between two requests, which no file is to blame for
            self._end()
            connection = self._ensure()
            connection.send(request)
        return connection

    def _receive(self, connection: Connection[Any, Any], at: Path | None = None) -> tuple[str, Any]:
        """Return the child's next word; a refusal of a file is raised."""
        code = "file-killed-decoder"
        try:
            if connection.poll(self._patience):
                kind, payload = connection.recv()
                self._answered = kind in ("done", "error")
                if kind == "error":
                    fatal = payload.code == "file-killed-decoder"
                    if fatal:
                        # it is ending itself: the next request must not meet it
                        self._end()
                    if at is not None and (fatal or not payload.fields.get("file")):
                        raise _Broken(InputError(payload.code, file=at.name), at)
                    raise payload
                return kind, payload
            code = "file-decoder-slow"
        except (EOFError, OSError):
            pass
        if self._closed:
            raise Cancelled
        self._end()
        raise _Broken(InputError(code, file=at.name if at is not None else ""), at)


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


# ------------------------------------------------------------------ in the child


def serve(connection: Connection[Any, Any], memory: int) -> None:
    """Answer requests until the other side is gone: the child's entry."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from core.io import reading  # loads the decoders before the ceiling is set

    # what libraries mutter about broken files belongs to no terminal: the error says it in one sentence
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    limit_memory(memory)
    child = _Child(connection, reading)
    with contextlib.suppress(EOFError, OSError):
        while True:
            request = connection.recv()
            if not child.answer(request):
                return


class _Child:
    def __init__(self, connection: Connection[Any, Any], reading: Any) -> None:
        self._connection = connection
        self._reading = reading
        self._last: tuple[Source, OpenScan] | None = None

    def answer(self, request: tuple[Any, ...]) -> bool:
        """Answer one request; False if this process should not go on."""
        name = request[1].name if isinstance(request[1], (Source, Path)) else ""
        try:
            self._work(*request)
        except MeninxError as error:
            self._connection.send(("error", error))
        except MemoryError:
            self._last = None
            self._connection.send(("error", InputError("file-too-large", file=name)))
        except (BrokenPipeError, EOFError):
            return False
        except BaseException:  # noqa: BLE001 - the boundary: decoders written in Rust raise beyond Exception
            self._connection.send(("error", InputError("file-killed-decoder", file=name)))
            return False
        return True

    def _work(self, kind: str, *facts: Any) -> None:
        if kind == "find":
            paths, options = facts
            found = self._reading.find_sources(
                paths,
                options,
                lambda path: self._connection.send(("at", path)),
                lambda count: self._connection.send(("kept", count)),
            )
            self._connection.send(("done", found))
        elif kind == "header":
            scan = self._reading.open_source(facts[0])
            self._connection.send(("done", (scan.volume, scan.shape, scan.dtype.str)))
        elif kind == "preview":
            self._connection.send(("done", self._reading.preview_source(*facts)))
        elif kind == "entries":
            self._connection.send(("done", self._reading.header_entries(*facts)))
        elif kind == "read":
            self._read(facts[0])
        elif kind == "masks":
            source, resample = facts
            scan = self._last[1] if self._last is not None and _same_files(self._last[0], source) else None
            scan = scan or self._reading.open_source(source)
            self._hand_masks(self._reading.read_masks(source, scan, resample=resample))
        elif kind == "mask-file":
            path, geometry, resample = facts
            self._hand_masks(self._reading.read_single_mask(path, geometry, resample=resample))

    def _read(self, source: Source) -> None:
        self._last = None
        for colour in (False, True):
            scan: OpenScan = self._reading.open_source(source, colour=colour)
            try:
                self._send_slices(scan)
            except NotGrey:
                continue
            self._last = (source, replace(scan, slice=_gone))
            self._connection.send(("done", None))
            return
        raise InputError("picture-unreadable", file=source.name)

    def _send_slices(self, scan: OpenScan) -> None:
        self._connection.send(("header", (scan.volume, scan.shape, scan.dtype.str)))
        order = self._reading.decode_order(scan.shape[0])
        hand_over(self._connection, scan.shape, scan.dtype.str, order, scan.slice)

    def _hand_masks(self, masks: MaskData) -> None:
        array = masks.array
        self._connection.send(("masks", (replace(masks, array=np.empty(0, np.uint8)), array.shape, array.dtype.str)))
        hand_over(self._connection, array.shape, array.dtype.str, range(array.shape[0]), array.__getitem__)
        self._connection.send(("done", None))


def _same_files(one: Source, other: Source) -> bool:
    """Whether two sources are one scan, whatever masks go with them."""
    return replace(one, masks=()) == replace(other, masks=())


def _gone(_index: int) -> Array:
    raise RuntimeError("only the header of the last scan is kept")
