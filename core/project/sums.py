"""Checksums beside files that no row of the index names one by one.

A folder is sealed with ``SHA256SUMS`` as ``sha256sum`` writes it, so that anybody can
check it without this program; the index itself with ``project.sqlite.sha256`` while
nobody has it open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import MeninxError
from core.io import atomic

NAME = "SHA256SUMS"
_PIECE = 1 << 22


def file_sum(file: Path) -> str:
    """Return the SHA-256 of a file, read piece by piece."""
    hasher = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            hasher.update(piece)
    return hasher.hexdigest()


def seal(folder: Path, names: Iterable[str]) -> None:
    """Write down the sums of those of the files that are there.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only``, ``write-failed``.
    """
    lines = [f"{file_sum(folder / name)}  {name}\n" for name in names if (folder / name).is_file()]
    atomic.write_bytes(folder / NAME, "".join(lines).encode())


def unseal(file: Path) -> None:
    """Take a seal away for good before what it vouches for changes; nothing happens if there is none.

    Raises
    ------
    StorageError
        The seal could not be taken away: what it vouches for must stay as it is.
    """
    if file.exists():
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise atomic.storage_error(error, file) from error
        atomic.sync_folder(file.parent)


def broken(folder: Path) -> Iterator[Path]:
    """Give the files of a sealed folder that are not as they were, the seal itself if it cannot be read."""
    try:
        # not splitlines(): it takes other characters for ends of lines too
        *lines, rest = (folder / NAME).read_bytes().decode("utf-8").split("\n")
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        yield folder / NAME
        return
    if rest:
        yield folder / NAME
    for line in lines:
        digest, _, name = line.partition("  ")
        if not name or "/" in name or "\\" in name:
            yield folder / NAME
            continue
        try:
            same = file_sum(folder / name) == digest
        except (OSError, ValueError):
            same = False
        if not same:
            yield folder / name


def seal_file(file: Path) -> None:
    """Seal one file in ``<name>.sha256``. A seal that cannot be written is none: nothing is lost by it."""
    try:
        atomic.write_bytes(seal_of(file), f"{file_sum(file)}  {file.name}\n".encode())
    except (MeninxError, OSError):
        seal_of(file).unlink(missing_ok=True)


def seal_of(file: Path) -> Path:
    """Return where a file's seal lies."""
    return file.with_name(f"{file.name}.sha256")


def is_as_sealed(file: Path) -> bool:
    """Whether a file is what its seal says; True where there is no seal."""
    try:
        told = seal_of(file).read_bytes().decode("utf-8")
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return told == f"{file_sum(file)}  {file.name}\n"
