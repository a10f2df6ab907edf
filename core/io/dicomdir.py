"""The index of a DICOM medium: which files it lists, never one outside of the folder it stands in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from core.errors import InputError
from core.io.dicom_file import load_header, one_sentence, words
from core.io.files import opened, split_member

_STORAGE = b"1.2.840.10008.1.3.10"
_HEAD = 2048
_MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Listed:
    """What an index lists.

    Parameters
    ----------
    files
        Those that are there, each once, in its order.
    missing
        How many are not there.
    outside
        How many would lie outside of the index's own folder; they are not looked at.
    """

    files: tuple[Path, ...]
    missing: int = 0
    outside: int = 0


def is_directory(path: Path) -> bool:
    """Whether a DICOM file is the index of a medium."""
    with opened(path) as file:
        return _STORAGE in file.read(_HEAD)


def files_of(path: Path) -> Listed:
    """Return the files that an index lists.

    Raises
    ------
    InputError
        ``dicom-unreadable``, ``file-too-large``; ``dicom-directory`` for one in a zip,
        whose files are found without it.
    """
    if split_member(path) is not None:
        raise InputError("dicom-directory", file=path.name)
    if path.stat().st_size > _MOST_BYTES:
        raise InputError("file-too-large", file=path.name)
    header = load_header(path)
    root = path.parent.resolve()
    names: dict[Path, dict[str, Path]] = {}
    found: dict[Path, None] = {}
    missing = outside = 0
    with one_sentence(path):
        for parts in _references(header):
            if any(part in ("", ".", "..") or set(part) & set("/\\:\0") for part in parts):
                outside += 1
                continue
            file = _below(root, parts, names)
            if file is None:
                missing += 1
            elif not file.resolve().is_relative_to(root):
                # a link that leads away
                outside += 1
            else:
                found[path.parent / file.relative_to(root)] = None
    return Listed(tuple(found), missing, outside)


def _references(header: Dataset) -> Iterator[tuple[str, ...]]:
    for record in header.get("DirectoryRecordSequence") or ():
        parts = words(record, "ReferencedFileID")
        if parts:
            # writers that do not know better put the whole path into one value
            split = parts[0].split("\\") if len(parts) == 1 else list(parts)
            yield tuple(part.strip() for part in split)


def _below(root: Path, parts: tuple[str, ...], names: dict[Path, dict[str, Path]]) -> Path | None:
    """Find a file by its upper-case name; a disc that was copied often has lower-case ones, or versions (``;1``)."""
    place = root
    for part in parts:
        if place not in names:
            try:
                inside = {entry.name: entry for entry in place.iterdir()}
            except OSError:
                inside = {}
            folded = {name.casefold().split(";")[0].rstrip("."): entry for name, entry in inside.items()}
            names[place] = folded | inside
        step = names[place].get(part) or names[place].get(part.casefold())
        if step is None:
            return None
        place = step
    return place if place.is_file() else None
