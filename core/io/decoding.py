"""What runs in a decoding child: it answers the requests of :mod:`core.io.sandbox`."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import warnings
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError, MeninxError
from core.exchange.incoming import Line
from core.geometry import Array
from core.io.handover import hand_over
from core.io.limits import give_way, limit_memory
from core.io.source import MaskData, NotGrey, OpenScan, Source

_PRIORITY = 5
"""Steps behind the window: less than a job is, so that what is looked at comes before what is stored."""


def serve(connection: Connection[Any, Any], memory: int) -> None:
    """Answer requests until the other side is gone: the child's entry."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # two of these at full speed would let the window stutter on a small machine
    give_way(_PRIORITY)
    from core import late
    from core.io import reading  # loads the decoders before the ceiling is set

    late.load()

    # what libraries mutter about broken files belongs to no terminal: the error says it in one sentence
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    limit_memory(memory)
    child = _Child(connection, reading)
    with contextlib.suppress(EOFError, OSError):
        connection.send(("ready", None))
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
        elif kind == "share":
            packed, shape, dtype = facts
            hand_over(self._connection, shape, dtype, pickle.loads(packed))
            self._connection.send(("done", None))
        elif kind == "masks":
            source, resample = facts
            scan = self._last[1] if self._last is not None and _same_files(self._last[0], source) else None
            scan = scan or self._reading.open_source(source)
            self._hand_masks(self._reading.read_masks(source, scan, resample=resample))
        elif kind == "mask-file":
            path, geometry, resample = facts
            self._hand_masks(self._reading.read_single_mask(path, geometry, resample=resample))
        elif kind == "exchange":
            self._exchange(*facts)
        elif kind == "config":
            from core.exchange.label_studio_config import read_file

            self._connection.send(("done", read_file(facts[0]).labels))
        elif kind == "originals":
            self._originals(*facts)

    def _exchange(self, path: Path, reader: str) -> None:
        """Read what another tool drew; each picture goes over packed, and stays so until it lands."""
        from core.exchange import reading  # its readers are many, and most children never need one

        reader = reader or reading.fitting(path)
        self._connection.send(("reader", reader))
        for one in reading.read(path, reader):
            self._connection.send(("one", (Line.of(one), pickle.dumps(one))))
        self._connection.send(("done", reader))

    def _originals(self, order: Any) -> None:
        """Hand over what is asked of the DICOM files that a scan came from."""
        from core.exchange.originals import answer

        for one in answer(order):
            self._connection.send(("one", one))
        self._connection.send(("done", None))

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
        shared = pickle.dumps(scan.slice) if scan.shared else None
        self._connection.send(("header", (scan.volume, scan.shape, scan.dtype.str, shared)))
        hand_over(self._connection, scan.shape, scan.dtype.str, scan.slice)

    def _hand_masks(self, masks: MaskData) -> None:
        array = masks.array
        self._connection.send(("masks", (replace(masks, array=np.empty(0, np.uint8)), array.shape, array.dtype.str)))
        hand_over(self._connection, array.shape, array.dtype.str, array.__getitem__)
        self._connection.send(("done", None))


def _same_files(one: Source, other: Source) -> bool:
    """Whether two sources are one scan, whatever masks go with them."""
    return replace(one, masks=(), predicted=()) == replace(other, masks=(), predicted=())


def _gone(_index: int) -> Array:
    raise RuntimeError("only the header of the last scan is kept")
