"""Volumes of two files, a header and its numbers: which belongs to which, never outside of one folder."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from core.errors import InputError
from core.io.files import members, split_member

_HEADERS = {
    ".img": (".hdr",),
    ".brik": (".head",),
    ".rec": (".par",),
    ".raw": (".mhd", ".nhdr"),
    ".zraw": (".mhd",),
}
"""Ending of the numbers (without ``.gz``): endings of the header."""
_PACKED = (".gz", ".bz2")


def header_beside(path: Path) -> Path | None:
    """Return the header that a file of numbers belongs to, or None if it is no such file."""
    name = path.name
    for packed in _PACKED:
        if name.casefold().endswith(packed):
            name = name[: -len(packed)]
    ending = PurePosixPath(name).suffix
    for wanted in _HEADERS.get(ending.casefold(), ()):
        start = name[: len(name) - len(ending)]
        # no listing of the folder: it may hold thousands of files of such a name that are no numbers
        for cased in dict.fromkeys((wanted, wanted.upper())):
            found = path.parent / f"{start}{cased}"
            if found.is_file() or (split_member(path) is not None and found.name in _names(path.parent, path)):
                return found
    return None


def beside(path: Path, *names: str) -> Path | None:
    """Return the first of some files in the folder (or zip) of another one, whatever the case of its letters."""
    present = _names(path.parent, path)
    for name in names:
        if name in present:
            return path.parent / name
        for other in present:
            if other.casefold() == name.casefold():
                return path.parent / other
    return None


def named_by(header: Path, name: str) -> Path:
    """Return the file that a header names as the one with its numbers.

    Raises
    ------
    InputError
        ``data-outside`` unless the name is that of a file in the header's own folder;
        ``data-missing`` if it is not there.
    """
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if name.startswith("./"):
        posix = windows = PurePosixPath(name[2:])  # type: ignore[assignment]  # only their parts are looked at
    plain = len(posix.parts) == 1 and len(windows.parts) == 1 and posix.name not in ("", ".", "..")
    if not plain or "\0" in name:
        raise InputError("data-outside", file=header.name, data=windows.name or posix.name)
    found = beside(header, posix.name)
    if found is None:
        raise InputError("data-missing", file=header.name, data=posix.name)
    return found


def numbers_of(header: Path, *endings: str) -> Path:
    """Return the file of a header's name with one of some other endings.

    Raises
    ------
    InputError
        ``data-missing``.
    """
    names = [header.name[: len(header.name) - len(header.suffix)] + ending for ending in endings]
    found = beside(header, *names)
    if found is None:
        raise InputError("data-missing", file=header.name, data=names[0])
    return found


def _names(folder: Path, path: Path) -> frozenset[str]:
    try:
        inside = split_member(path)
        if inside is None:
            return frozenset(other.name for other in folder.iterdir())
        status = inside[0].stat()
        return _listed(inside[0], (status.st_mtime_ns, status.st_size)).get(folder, frozenset())
    except (OSError, InputError):
        return frozenset()


@lru_cache(maxsize=1)
def _listed(archive: Path, _stamp: tuple[int, int]) -> dict[Path, frozenset[str]]:
    """Return the names in each folder of a zip: once, it may hold thousands."""
    folders: dict[Path, set[str]] = defaultdict(set)
    for member in members(archive)[0]:
        folders[member.parent].add(member.name)
    return {folder: frozenset(names) for folder, names in folders.items()}
