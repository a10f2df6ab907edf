"""DICOM files put together into scans: by series, grid and repeats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import InputError
from core.events import Notice
from core.io import stacking
from core.io.dicom_file import SliceHeader, headers, one_sentence, word
from core.io.grouping import groups_of, is_placed, split_repeats, volumes_of
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
    mosaics: list[SliceHeader] = []
    directories: dict[Path, InputError] = {}
    for path, _root in files:
        heartbeat(path)
        try:
            found = headers(path)
            if found[0].frames > 1 and not found[0].mosaic:
                with one_sentence(path):
                    sources.append(_multi_frame(found, roots, patients, options))
        except InputError as error:
            if error.code == "dicom-directory":
                directories[path] = error
            else:
                skip(path, error)
            continue
        if found[0].mosaic:
            mosaics.append(found[0])
        elif found[0].frames == 1:
            slices += found
    for same in groups_of(mosaics):
        sources.append(_source(sorted(same, key=lambda header: header.number), roots, patients, options))
    sources += _placed_together(slices, roots, patients, options, (heartbeat, skip))
    if not sources:
        # else its files were found without it, and nothing was passed over
        for path, reason in directories.items():
            skip(path, reason)
    return sources


def _placed_together(
    slices: Sequence[SliceHeader],
    roots: dict[Path, Path],
    patients: Patients,
    options: FindOptions,
    told: tuple[Callable[[Path], None], Callable[[Path, InputError], None]],
) -> list[Source]:
    """Make scans of files of one slice each; ``told`` are the heartbeat and who hears of files without a scan."""
    heartbeat, skip = told
    sources: list[Source] = []
    by_series = _by_series(slices)
    folders = {series[0].path.parent for series in by_series if len(series) >= _SERIES_LEAST}
    for series in by_series:
        try:
            with one_sentence(series[0].path):
                found_here = _series(series, roots, patients, options, heartbeat)
        except InputError as error:
            for header in series:
                skip(header.path, error)
            continue
        if len(series) == 1 and series[0].path.parent in folders:
            stray = Notice("slice-stray", {"name": series[0].path.name, "folder": series[0].path.parent.name})
            found_here = [replace(source, notices=(*source.notices, stray)) for source in found_here]
        sources += found_here
    return sources


def _by_series(slices: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """Put the slices of one series together; a broken export gives two people's scans one series UID."""
    series: dict[tuple[object, ...], list[SliceHeader]] = defaultdict(list)
    for header in slices:
        # files without a series UID have nothing to do with one another
        alone = Path() if header.series else header.path
        series[(alone, header.series, word(header.dataset, "PatientID"))].append(header)
    return list(series.values())


def _series(
    series: list[SliceHeader],
    roots: dict[Path, Path],
    patients: Patients,
    options: FindOptions,
    heartbeat: Callable[[Path], None],
) -> list[Source]:
    sources = []
    groups = groups_of(series)
    for group in groups:
        placed = is_placed(group[0])
        volumes, copies, told = split_repeats(group, heartbeat) if placed else (*_numbered(group), True)
        name = _name(group)
        for volume in volumes:
            grid = stacking.lay(volume, name)
            notices = list(grid.notices)
            if copies:
                notices.append(Notice("slices-copies", {"name": name, "count": copies}))
            if len(volumes) > 1 and placed and volume is volumes[0]:
                key = "slices-repeated" if told else "slices-repeated-untold"
                notices.append(Notice(key, {"name": name, "volumes": len(volumes)}))
            if len(groups) > 1 and placed:
                key = "series-split" if len(volume) > 1 else "series-split-one"
                notices.append(Notice(key, {"name": name, "slices": len(volume), "parts": len(groups)}))
            ordered = [slot for slot in grid.slots if slot is not None]
            sources.append(_source(ordered, roots, patients, options, tuple(notices)))
    return sources


def _multi_frame(
    frames: Sequence[SliceHeader], roots: dict[Path, Path], patients: Patients, options: FindOptions
) -> Source:
    """Make one source of a file of many frames; its volumes are chosen from when it is opened."""
    name = frames[0].path.name
    notices: dict[str, Notice] = {}
    for volume in volumes_of(frames):
        for notice in stacking.lay(volume, name).notices:
            notices.setdefault(notice.key, notice)
    return _source(frames[:1], roots, patients, options, tuple(notices.values()))


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
