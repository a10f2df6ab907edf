"""What the finder hands to the readers: one scan to be, and one input passed over."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.errors import MeninxError
from core.events import Notice
from core.geometry import Array, Geometry
from core.io.sniff import Format
from core.volume import Volume, Window


@dataclass(frozen=True)
class FindOptions:
    """How files are put together into scans.

    Parameters
    ----------
    as_
        ``"auto"``, ``"stack"`` or ``"pictures"``: what numbered pictures of one folder are.
    volume
        Which volume of a scan with several (from 0), or None to ask.
    pair_masks
        Whether mask files beside scans are looked for.
    patient_from
        ``""`` (the kind's own way), ``folder``, ``dicom``, ``name:REGEX``, ``csv:FILE`` or ``none``.
    refused
        Files known to break the reader, with the error's code.
    mask_folder
        A further folder name that holds masks (the label's name: ``brain/`` for Brain).
    dataset
        Which array of archives that hold several (its path inside), or empty to ask.
    """

    as_: str = "auto"
    volume: int | None = None
    pair_masks: bool = True
    patient_from: str = ""
    mask_folder: str = ""
    refused: tuple[tuple[Path, str], ...] = ()
    dataset: str = ""


@dataclass(frozen=True)
class Source:
    """The files of one scan.

    Parameters
    ----------
    format
        What they are.
    files
        In slice order (pictures) or sorted along the normal (DICOM).
    name
        What to call it in progress and messages (a file or folder name).
    patient
        Identity text of the patient, or None where nobody says.
    masks
        Mask files: one per file, or None where that slice has none; empty if there are no masks.
    volume
        Which volume of several.
    dataset
        Which array of an archive (HDF5): its path inside.
    identity
        What must only go to the links: names, IDs, UIDs.
    notices
        What the person should know about how it was put together.
    predicted
        As ``masks``: what another program made (``<name>_automask``), which comes in as a prediction.
    """

    format: Format
    files: tuple[Path, ...]
    name: str
    patient: str | None = None
    masks: tuple[Path | None, ...] = ()
    volume: int | None = None
    dataset: str = ""
    identity: tuple[tuple[str, str], ...] = ()
    notices: tuple[Notice, ...] = ()
    predicted: tuple[Path | None, ...] = ()

    @functools.cached_property
    def key(self) -> str:
        """What tells it from other sources, however often they are looked for: a hash of its files."""
        names = "\0".join(path.as_posix() for path in self.files)
        return hashlib.sha256(names.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def has_masks(self) -> bool:
        """Whether at least one mask file was found."""
        return any(mask is not None for mask in self.masks)


@dataclass(frozen=True)
class Chosen:
    """A source that a person picked in the tree of what was found.

    Parameters
    ----------
    key
        :attr:`Source.key`.
    volume
        Which of several volumes, or None.
    dataset
        Which array of an archive, or empty.
    """

    key: str
    volume: int | None = None
    dataset: str = ""


@dataclass(frozen=True)
class Preview:
    """What can be said of a source before it is taken in.

    Parameters
    ----------
    volume
        Everything but the voxels (its array is empty).
    shape, dtype
        Of the array that would be read.
    thumbnail
        uint8 ``[96, 96]`` of the middle slice as :func:`core.volume.auto_window` shows it, or ``[96, 96, 3]``.
    volumes
        How many volumes it has to choose from (1: nothing to choose).
    datasets
        Arrays of an archive to choose from, empty where there is nothing to choose.
    dataset
        The array of the archive that is taken unless another is chosen; empty where a person must choose.
    low, high
        Least and greatest real value (HU for CT) of the middle slice, padding left out.
    window
        How the middle slice is shown; None for colour.
    mask_dataset
        Array of the archive that looks like the mask of the one shown, or empty.
    """

    volume: Volume
    shape: tuple[int, ...]
    dtype: str
    thumbnail: Array
    volumes: int = 1
    datasets: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    window: Window | None = None
    mask_dataset: str = ""
    dataset: str = ""


HIDDEN = "..."
"""Stands for a value that could tell who the patient is."""


@dataclass(frozen=True)
class HeaderEntry:
    """One line of a file's header, as the header panel shows it.

    Parameters
    ----------
    tag
        ``(0018,0081)``, or the field's own name where the format has no tags.
    name
        What it is called in the standard ("Echo Time").
    value
        In words, shortened; ``...`` where it is hidden.
    identity
        Whether it could tell who the patient is.
    depth
        Nesting in sequences, 0 at the top.
    """

    tag: str
    name: str
    value: str
    identity: bool = False
    depth: int = 0


@dataclass(frozen=True)
class Passed:
    """An input that the finder passed over, and why."""

    source: str
    error: MeninxError


@dataclass(frozen=True)
class Found:
    """What :func:`core.io.finding.find_sources` found."""

    sources: tuple[Source, ...] = ()
    passed: tuple[Passed, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class OpenScan:
    """A scan whose header was read and whose slices can be decoded one by one.

    Parameters
    ----------
    volume
        Everything but the voxels (its array is empty).
    shape
        ``[z, y, x]`` or ``[z, y, x, c]``.
    dtype
        Of the stored numbers.
    slice
        Decodes one slice to ``[y, x]`` or ``[y, x, c]`` of that dtype.
    shared
        Whether another process had better help: ``slice`` can be sent there, and takes long.
    """

    volume: Volume
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    slice: Callable[[int], Array]
    shared: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of the decoded scan."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


class NotGrey(Exception):
    """A slice of a scan taken as grey has colour: open it again with ``colour=True``."""


@dataclass(frozen=True)
class MaskData:
    """Masks of one scan as they stand in their files.

    Parameters
    ----------
    array
        ``[z, y, x]``, whole numbers: foreground values as in the file, made
        one-valued (1) where the file's convention is 0 / maximum.
    present
        Per slice: whether a mask file (or plane) covers it.
    values
        The non-zero values that occur.
    passed
        Mask files of single slices that could not be used.
    convention
        What the numbers of the files were taken to mean: one of :data:`core.io.conventions.CONVENTIONS`.
    resampled
        Whether the mask was on another grid and was brought onto the scan's by nearest neighbour.
    notices
        What the person should know about how it was read.
    top
        The largest number (or colour) in the files, as it stood there.
    names
        (value, name) where the file itself names them (DICOM SEG).
    grid
        Its own grid where that reaches only a part of some slices of the scan; else None.
    """

    array: Array
    present: tuple[bool, ...]
    values: tuple[int, ...] = field(default=())
    passed: tuple[Passed, ...] = ()
    convention: str = ""
    resampled: bool = False
    notices: tuple[Notice, ...] = ()
    top: int = 0
    names: tuple[tuple[int, str], ...] = ()
    grid: Geometry | None = None
