"""Reading exports of other tools: which reader fits, and what it finds. Runs in the decoding child only."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from core.errors import InputError
from core.exchange.incoming import Incoming, Limits
from core.exchange.own import beside, with_layers
from core.exchange.registry import READERS, reader_module

_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What a reader meets in a file that is not as its tool writes it."""


def fitting(path: Path) -> str:
    """Return the first reader that a file or folder fits.

    Raises
    ------
    InputError
        ``exchange-unknown``, ``file-missing``.
    """
    if not path.exists():
        raise InputError("file-missing", file=path.name)
    for name in READERS:
        try:
            if reader_module(name).fits(path):
                return name
        except (InputError, ImportError, *_FAULTS):
            # a copy without a format's library reads the others
            continue
    raise InputError("exchange-unknown", file=path.name)


def read(path: Path, reader: str = "", limits: Limits | None = None) -> Iterator[Incoming]:
    """Yield what an export holds; whatever is wrong with it is one plain error.

    Raises
    ------
    InputError
        ``exchange-unknown``, ``exchange-unreadable``, ``exchange-too-large``, and what the reader says.
    """
    limits = limits or Limits()
    reader = reader or fitting(path)
    module = reader_module(reader)
    count = 0
    try:
        own = beside(path, reader, limits)
        for one in module.read(path, limits):
            count += 1
            if count > limits.items or len(one.masks) > limits.masks:
                raise InputError("exchange-too-large", file=path.name)
            yield one if own is None else with_layers(one, own)
    except MemoryError as error:
        raise InputError("exchange-too-large", file=path.name) from error
    except _FAULTS as error:
        raise InputError("exchange-unreadable", file=path.name) from error
