"""DICOM files put together into scans: by series, grid and repeats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import InputError
from core.events import Notice
from core.io import stacking
from core.io.dicom_file import SliceHeader, headers, word
from core.io.patients import Patients
from core.io.sniff import Format
from core.io.source import FindOptions, Source

_SERIES_LEAST = 4
"""Slices from which on a folder is that of a series, and a single slice of another one is a stray."""
_IDENTITY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "StudyDate",
    "StudyDescription",
    "SeriesDescription",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
)


def find_series(
    files: Sequence[tuple[Path, Path]],
    patients: Patients,
    options: FindOptions,
    heartbeat: Callable[[Path], None],
    skip: Callable[[Path, InputError], None],
) -> list[Source]:
    """Put DICOM files together into scans.

    Parameters
    ----------
    files
        (file, folder that the person named).
    patients
        Whose they are.
    options
        How files are put together.
    heartbeat
        Told each file before it is read.
    skip
        Told of the files that hold no scan.
    """
    roots = dict(files)
    slices: list[SliceHeader] = []
    sources: list[Source] = []
    mosaics: dict[str, list[SliceHeader]] = defaultdict(list)
    for path, _root in files:
        heartbeat(path)
        try:
            found = headers(path)
        except InputError as error:
            skip(path, error)
            continue
        if found[0].mosaic:
            mosaics[found[0].series].append(found[0])
        elif found[0].frames > 1:
            sources.append(_source(found[:1], roots, patients, options))
        else:
            slices += found
    for same in mosaics.values():
        sources.append(_source(sorted(same, key=lambda header: header.number), roots, patients, options))
    by_series: dict[tuple[Path, str], list[SliceHeader]] = defaultdict(list)
    for header in slices:
        # files without a series UID have nothing to do with one another
        by_series[(Path() if header.series else header.path, header.series)].append(header)
    folders = {series[0].path.parent for series in by_series.values() if len(series) >= _SERIES_LEAST}
    for series in by_series.values():
        found_here = _series(series, roots, patients, options)
        if len(series) == 1 and series[0].path.parent in folders:
            stray = Notice("slice-stray", {"name": series[0].path.name, "folder": series[0].path.parent.name})
            found_here = [replace(source, notices=(*source.notices, stray)) for source in found_here]
        sources += found_here
    return sources


def _series(
    series: list[SliceHeader], roots: dict[Path, Path], patients: Patients, options: FindOptions
) -> list[Source]:
    sources = []
    groups = stacking.groups_of(series)
    for group in groups:
        placed = group[0].position is not None and group[0].orientation is not None
        volumes, copies = stacking.split_repeats(group) if placed else _numbered(group)
        name = _name(group)
        for volume in volumes:
            grid = stacking.lay(volume, name)
            notices = list(grid.notices)
            if copies:
                notices.append(Notice("slices-copies", {"name": name, "count": copies}))
            if len(volumes) > 1 and placed and volume is volumes[0]:
                notices.append(Notice("slices-repeated", {"name": name, "volumes": len(volumes)}))
            if len(groups) > 1:
                notices.append(Notice("series-split", {"name": name, "slices": len(volume), "parts": len(groups)}))
            ordered = [slot for slot in grid.slots if slot is not None]
            sources.append(_source(ordered, roots, patients, options, tuple(notices)))
    return sources


def _numbered(group: list[SliceHeader]) -> tuple[list[list[SliceHeader]], int]:
    """Keep unplaced slices together only if their numbers tell them apart."""
    if len(group) > 1 and len({header.number for header in group}) == len(group):
        return [group], 0
    return [[header] for header in group], 0


def _name(group: Sequence[SliceHeader]) -> str:
    path = group[0].path
    return path.name if len(group) == 1 else path.parent.name or path.name


def _source(
    slices: Sequence[SliceHeader],
    roots: dict[Path, Path],
    patients: Patients,
    options: FindOptions,
    notices: tuple[Notice, ...] = (),
) -> Source:
    first = slices[0]
    header = word(first.dataset, "PatientID")
    identity = tuple((name, word(first.dataset, name)) for name in _IDENTITY if word(first.dataset, name))
    if word(first.dataset, "BurnedInAnnotation").upper() == "YES":
        notices = (*notices, Notice("burned-in", {"name": _name(slices)}))
    return Source(
        format=Format.DICOM,
        files=tuple(one.path for one in slices),
        name=_name(slices),
        patient=patients.of(first.path, Format.DICOM, root=roots[first.path], header=header),
        volume=options.volume,
        identity=identity,
        notices=notices,
    )
