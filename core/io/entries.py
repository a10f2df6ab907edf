"""A file's header line by line, for the header panel; identity is hidden unless asked for.

Denied by default: a value is shown without asking only where the standard says
that it is technical (:mod:`core.io.entries_dicom`, :mod:`core.io.entries_files`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from core.errors import InputError
from core.io import entries_dicom, entries_files
from core.io.sniff import PICTURES, Format, sniff
from core.io.source import HIDDEN, HeaderEntry, Source

MOST = 20_000
"""Lines after which the rest is left out (a multi-frame file may have a million)."""

_READERS: dict[Format, Callable[[Path], Iterable[HeaderEntry]]] = {
    Format.DICOM: entries_dicom.entries,
    Format.NIFTI: entries_files.nifti,
    Format.NIFTI_PAIR: entries_files.nifti,
    Format.ANALYZE: entries_files.nifti,
    Format.NRRD: entries_files.nrrd,
    Format.METAIMAGE: entries_files.metaimage,
    Format.MGH: entries_files.mgh,
    Format.HDF5: entries_files.hdf5,
    Format.AFNI: entries_files.afni,
    Format.PAR_REC: entries_files.par_rec,
    **dict.fromkeys(PICTURES, entries_files.picture),
}


def header_entries(source: Source, identity: bool) -> tuple[HeaderEntry, ...]:
    """Return the header of a source's first file.

    Parameters
    ----------
    source
        What the finder found. Its file is looked at again: a wrong format does no harm.
    identity
        Whether values that could tell who the patient is are shown; where not, they
        are :data:`HIDDEN`, and so never leave the decoding child.

    Raises
    ------
    InputError
        ``file-unreadable``; ``header-unread`` for a format whose header is not listed; what the
        format's reader says.
    """
    path = source.files[0]
    try:
        kind = sniff(path)
    except OSError as error:
        raise InputError("file-unreadable", file=path.name) from error
    reader = _READERS.get(kind) if kind is not None else None
    if reader is None:
        raise InputError("header-unread", file=path.name)
    return tuple(_shown(reader(path), identity))


def _shown(entries: Iterable[HeaderEntry], identity: bool) -> Iterator[HeaderEntry]:
    for number, entry in enumerate(entries):
        if number >= MOST:
            return
        yield replace(entry, value=HIDDEN) if entry.identity and entry.value and not identity else entry
