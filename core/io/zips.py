"""Zips of our own kinds: opened in one way, with one list of what a damaged one raises."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from core.errors import InputError, StorageError

BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    RecursionError,
)
"""What reading a zip raises, and making sense of the JSON in it, if it was damaged or made to do harm."""


def open_zip(file: Path, *, foreign: InputError, cut: InputError) -> zipfile.ZipFile:
    """Open a zip.

    Parameters
    ----------
    file
        What was chosen.
    foreign
        Raised for a file of another kind.
    cut
        Raised for an empty file, and for one whose list of contents, which stands at its end, is not there.

    Raises
    ------
    InputError
        One of the two, or ``file-missing``.
    StorageError
        ``read-failed``.
    """
    try:
        with file.open("rb") as opened:
            start = opened.read(4)
        if not start.startswith(b"PK"):
            raise foreign if start else cut
        return zipfile.ZipFile(file)
    except FileNotFoundError as error:
        raise InputError("file-missing", file=file) from error
    except BROKEN as error:
        raise cut from error
    except OSError as error:
        raise StorageError("read-failed", file=file, reason=type(error).__name__) from error
