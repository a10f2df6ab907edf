"""What leaves the program: one annotation at a time, through one door for files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.events import Notice
from core.io import atomic
from core.labels import Label
from core.project.links import Link
from core.project.records import Scan
from core.volume import Volume

LONGEST_NAME = 180
"""Letters that a name below the target may have, so that the whole fits into what Windows takes."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"|?*\\]')


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the person chose beside format, scans and labels.

    Parameters
    ----------
    images
        Write the scans as well, where the format has a place for them.
    stripped
        Of the scans only the brain is written (no face); scans without a brain mask are skipped.
    deidentify
        Where the format carries a header of the source (DICOM), it is de-identified.
    layout
        ``each`` (one file per label), ``map`` (labels of a layer in one file) or ``both``.
    boxes
        (x, y, width, height) in pixels that are blanked in every de-identified picture: words burnt into it.
    """

    images: bool = False
    stripped: bool = False
    deidentify: bool = False
    layout: str = "each"
    boxes: tuple[tuple[int, int, int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class Item:
    """One annotation of one scan, ready to be written.

    Parameters
    ----------
    scan, volume
        The scan; where ``options.stripped`` its volume has everything but the brain made background.
    name
        Safe file stem, unique among the items of an export: pseudonyms only.
    labels
        Those that are exported, in the project's order, also where this scan has none of them.
    masks
        By label name: bool ``[z, y, x]`` on the scan's native grid, for every label that was begun.
        Labels of one layer exclude one another; labels of different layers may overlap.
    finished
        By label name: native slices that are finished. Elsewhere zero is unknown.
    origins
        By label name: native slice to origin (``drawn``, ``predicted``, ...).
    reader, annotation
        Who drew it, and the annotation's id.
    source
        Where the scan came from, for formats that refer to it; None where this workstation does not know.
        Holds identity: never to be written.
    kept
        Where ``options.stripped``: the brain, bool ``[z, y, x]``, and None else.
    """

    scan: Scan
    volume: Volume
    name: str
    labels: tuple[Label, ...]
    masks: Mapping[str, NDArray[np.bool_]]
    finished: Mapping[str, frozenset[int]]
    origins: Mapping[str, Mapping[int, str]]
    reader: str
    annotation: str
    source: Link | None = None
    kept: NDArray[np.bool_] | None = None

    def mask(self, label: Label) -> NDArray[np.bool_]:
        """Return a label's mask, empty where it was not begun."""
        found = self.masks.get(label.name)
        return np.zeros(self.volume.shape, dtype=bool) if found is None else found


@dataclass(frozen=True, slots=True)
class Written:
    """One file of an export: its name below the target (with ``/``), its length and its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass
class Out:
    """The only way in which a format writes.

    Parameters
    ----------
    root
        Folder that everything goes to; nothing is written outside it.
    options
        What the person chose.
    secret
        Key by which UIDs and dates are replaced, the same for every export of a project; empty unless
        ``options.deidentify``.
    """

    root: Path
    options: ExportOptions = field(default_factory=ExportOptions)
    secret: str = ""
    written: list[Written] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    told: int = 0
    _names: set[str] = field(default_factory=set)

    def file(self, name: str, data: bytes) -> Path:
        """Write a file whole, make its folders, and remember its hash for ``manifest.json``.

        Parameters
        ----------
        name
            Below the root, with ``/``: ``"labels/P001_S0001.nii.gz"``.

        Raises
        ------
        InputError
            ``export-name`` for a name that leads out, that some system refuses, or that was written already.
        StorageError
            ``disk-full``, ``read-only``, ``write-failed``.
        """
        target = self.root.joinpath(*checked_name(name).parts)
        folded = name.casefold()
        if folded in self._names:
            raise InputError("export-name", file=name)
        atomic.make_folder(target.parent)
        atomic.write_bytes(target, data)
        self._names.add(folded)
        self.written.append(Written(name, len(data), hashlib.sha256(data).hexdigest()))
        return target

    def take_back(self, count: int) -> None:
        """Delete all files but the first ``count``: a scan that cannot be written whole is not written."""
        for one in self.written[count:]:
            self.root.joinpath(*one.name.split("/")).unlink(missing_ok=True)
            self._names.discard(one.name.casefold())
        del self.written[count:]

    def tell(self, key: str, **fields: Any) -> None:
        """Tell the person something; ``key`` is below ``[notices]``. The same words are told once."""
        notice = Notice(key, fields)
        if notice not in self.notices:
            self.notices.append(notice)


def is_reserved(part: str) -> bool:
    """Whether Windows keeps a name for a device, whatever its ending."""
    return _RESERVED.fullmatch(part) is not None


def checked_name(name: str) -> PurePosixPath:
    """Return a relative name that is safe on every system.

    Raises
    ------
    InputError
        ``export-name``.
    """
    path = PurePosixPath(name)
    parts = name.split("/")
    plain = all(
        part not in ("", ".", "..") and part == part.strip(" ") and not part.endswith(".") and not is_reserved(part)
        for part in parts
    )
    if not plain or path.is_absolute() or _FORBIDDEN.search(name) or len(name) > LONGEST_NAME:
        raise InputError("export-name", file=name)
    return path


class Format(Protocol):
    """A format that masks go out in. Made anew for every export, without arguments."""

    name: str

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Hear what is to come, before the first item."""

    def add(self, item: Item, out: Out) -> None:
        """Write one item. An ``InputError`` passes this scan over in words, and the export goes on."""

    def finish(self, out: Out) -> None:
        """Write what stands for all of them."""
