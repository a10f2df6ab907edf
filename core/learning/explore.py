"""What is in a project: counts, balance, where the label lies, how bright it is, who looks like whom."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, InputError
from core.events import Events, Finished, Notice, Progress, StopCheck, never_stop
from core.labels import Label
from core.learning.dataset import Source, find_sources
from core.learning.explore_found import Exploration, Explored, Heat, Histogram, Remark, Size, SliceRow, Twin
from core.learning.explore_scan import SCALES, Seen, Sums, see
from core.learning.explore_warnings import remarks
from core.learning.survey import count_unfinished
from core.learning.twins import comparable, find_pairs
from core.project.project import Project
from core.project.records import Scan

__all__ = [
    "Exploration",
    "Explored",
    "Heat",
    "Histogram",
    "Remark",
    "Size",
    "SliceRow",
    "Twin",
    "explore",
    "explore_job",
]


def explore(
    project: Project,
    labels: Sequence[Label],
    *,
    reader: str = "",
    go_on: Callable[[], bool] = lambda: True,
    on_progress: Callable[[int, int, str], None] = lambda done, total, name: None,
) -> Exploration:
    """Look at every scan of a project.

    Parameters
    ----------
    project
        Read only.
    labels
        A slice shows the label if it shows any of them; none gives what needs no masks.
    reader
        Whose annotations; empty takes, for each scan, the one changed last.
    go_on
        Asked before each slice; False gives up.
    on_progress
        Told (scans done, scans in all, name of the scan at hand).

    Returns
    -------
    Exploration
        ``complete`` unless given up.

    Raises
    ------
    ProjectError
        For a damaged file, which is named.
    """
    looking = _looking(project, labels, reader, go_on)
    while True:
        try:
            on_progress(*next(looking))
        except StopIteration as end:
            found: Exploration = end.value
            return found


def explore_job(
    project_path: Path,
    labels: Sequence[str] = (),
    *,
    reader: str = "",
    folder: Path | None = None,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Explore a project.

    Parameters
    ----------
    labels
        Names; none takes all labels of the project together.
    folder
        Where to write tables and pictures; None writes none.

    Yields
    ------
    JobEvent
        Progress in scans, a notice for each warning, :class:`Explored`, at the end Finished with
        :func:`core.learning.explore_files.facts` and ``{"written": [...]}``.

    Raises
    ------
    InputError
        ``label-unknown``, ``project-empty`` without a scan.
    Cancelled
        On any word: half an exploration is none.
    """
    from core.learning.explore_files import facts, write

    with Project.open(Path(project_path), read_only=True) as project:
        known = project.labels()
        chosen = [known.named(name) for name in labels] if labels else list(known)
        if not project.scans():
            raise InputError("project-empty", file=Path(project_path))
        started = time.monotonic()
        looking = _looking(project, chosen, reader, lambda: not should_stop())
        while True:
            try:
                done, total, name = next(looking)
            except StopIteration as end:
                found: Exploration = end.value
                break
            elapsed = max(1e-6, time.monotonic() - started)
            left = elapsed / done * (total - done) if done else -1.0
            yield Progress(done, total, "exploring", done / elapsed, left, name)
    if not found.complete:
        raise Cancelled
    yield Explored(found)
    for remark in found.warnings:
        yield Notice("explored", {"words": remark.words})
    written = [file.as_posix() for file in write(found, Path(folder))] if folder is not None else []
    yield Finished(facts(found) | {"written": written})


def _looking(
    project: Project, labels: Sequence[Label], reader: str, go_on: Callable[[], bool]
) -> Generator[tuple[int, int, str], None, Exploration]:
    """Look at scan after scan, yielding (done, total, name); return what was found."""
    started = time.monotonic()
    scans = project.scans()
    sources = {source.scan.id: source for source in find_sources(project, labels, reader)} if labels else {}
    begun = _begun(project, scans, labels, reader) if labels else {}
    sums = Sums()
    seen: list[tuple[Scan, Seen]] = []
    for number, scan in enumerate(scans):
        yield number, len(scans), scan.name
        one = see(project, scan, sources.get(scan.id) or begun.get(scan.id), labels, sums, go_on)
        if one is None:
            return Exploration(complete=False)
        seen.append((scan, one))
    yield len(scans), len(scans), ""
    twins, compared = _twins(seen, go_on)
    if not go_on():
        return Exploration(complete=False)
    unfinished = count_unfinished(project, labels, reader) if labels else 0
    found = _put_together(project, labels, sources, seen, sums)
    values = {name: getattr(found, name) for name in found.__dataclass_fields__}
    values |= {"twins": twins, "compared": compared, "unfinished": max(0, unfinished - found.scribbled)}
    values["warnings"] = remarks(Exploration(**values))
    values["seconds"] = time.monotonic() - started
    return Exploration(**values)


def _begun(project: Project, scans: Sequence[Scan], labels: Sequence[Label], reader: str) -> dict[str, Source]:
    """Return the annotations of scans of which nothing is finished: their masks are in the table all the same."""
    layers = {label.layer for label in labels}
    found: dict[str, Source] = {}
    for scan in scans:
        mine = [one for one in project.annotations(scan.id) if not reader or one.reader == reader]
        mine = [one for one in mine if layers & set(project.layers(one.id))]
        if mine:
            newest = max(mine, key=lambda one: one.updated)
            found[scan.id] = Source(scan, newest, {layer: frozenset() for layer in layers})
    return found


def _put_together(
    project: Project,
    labels: Sequence[Label],
    sources: dict[str, Source],
    seen: Sequence[tuple[Scan, Seen]],
    sums: Sums,
) -> Exploration:
    rows = tuple(row for _, one in seen for row in one.rows)
    showing = {scan.id for scan, one in seen if any(row.has_label for row in one.rows)}
    finished = {scan.id for scan, one in seen if any(row.known for row in one.rows)}
    scribbled = sum(
        len(frozenset().union(*source.scribbled.values()) - set(source.wholly_known)) for source in sources.values()
    )
    scans = [scan for scan, _ in seen]
    shown = any(row.known and row.has_label for row in rows)
    return Exploration(
        labels=tuple(label.name for label in labels),
        scans=len(scans),
        patients=len({scan.patient for scan in scans}),
        patients_unknown=sum(not scan.patient_known for scan in scans),
        patients_with_label=len({scan.patient for scan in scans if scan.id in showing}),
        scans_with_label=len(showing),
        slices=len(rows),
        known=sum(row.known for row in rows),
        with_label=sum(row.known and row.has_label for row in rows),
        scribbled=scribbled,
        label_share=sums.label_pixels / sums.pixels if sums.pixels else 0.0,
        rows=rows,
        intensity=_histogram(sums, _unit(seen)) if shown else None,
        hue=_histogram(sums, "degrees") if shown and sums.inside.get("degrees") is not None else None,
        heat=_heat(sums),
        sizes=_sizes(project, scans),
        empty=tuple(scan.name for scan in scans if scan.id in finished and scan.id not in showing),
    )


def _unit(seen: Sequence[tuple[Scan, Seen]]) -> str:
    """Return what the intensities can be told in: only what is true of every scan."""
    if all(scan.modality == "CT" for scan, _ in seen):
        return "HU"
    return "grey" if all(one.eight_bit for _, one in seen) else "sd"


def _histogram(sums: Sums, unit: str) -> Histogram:
    low, high, bins = SCALES[unit]

    def shares(counts: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if counts is None or not counts.any():
            return np.zeros(bins)
        return np.asarray(counts / counts.sum())

    edges = np.linspace(low, high, bins + 1)
    return Histogram(unit, edges, shares(sums.inside.get(unit)), shares(sums.outside.get(unit)))


def _heat(sums: Sums) -> Heat | None:
    """Return the map of the plane that most slices lie in."""
    if not sums.heat:
        return None
    plane, most = max(sums.heat.items(), key=lambda item: (item[1].slices, item[0]))
    left_out = sum(one.slices for one in sums.heat.values()) - most.slices
    share, head = (np.asarray(one / most.slices, dtype=np.float32) for one in (most.share, most.head))
    return Heat(plane, share, head, float(np.exp(most.aspect / most.slices)), most.slices, left_out)


def _sizes(project: Project, scans: Sequence[Scan]) -> tuple[Size, ...]:
    groups: dict[tuple[int, int, tuple[float, float, float] | None, str, int], list[Scan]] = defaultdict(list)
    for scan in scans:
        spacing = None
        if scan.spacing_known:
            z, y, x = (float(f"{size:.3g}") for size in project.geometry(scan.id).spacing)
            spacing = (z, y, x)
        groups[(scan.shape[1], scan.shape[2], spacing, scan.modality, scan.channels)].append(scan)
    sizes = [
        Size(
            rows=key[0],
            columns=key[1],
            slices=(min(scan.shape[0] for scan in mine), max(scan.shape[0] for scan in mine)),
            spacing=key[2],
            modality=key[3],
            channels=key[4],
            scans=tuple(scan.name for scan in mine),
        )
        for key, mine in groups.items()
    ]
    return tuple(sorted(sizes, key=lambda size: (-len(size.scans), size.rows, size.columns, size.scans[0])))


def _twins(seen: Sequence[tuple[Scan, Seen]], go_on: Callable[[], bool]) -> tuple[tuple[Twin, ...], int]:
    """Return the patients that look the same, and how many slices were compared."""
    if not seen:
        return (), 0
    looks = np.concatenate([one.looks for _, one in seen])
    prints = [mark for _, one in seen for mark in one.prints]
    scans = [scan for scan, one in seen for _ in one.prints]
    slices = [index for _, one in seen for index in range(len(one.prints))]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(scan.patient for scan in scans))}
    owners = [numbers[scan.patient] for scan in scans]
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    alike: dict[tuple[int, int], set[int]] = defaultdict(set)
    exact: dict[tuple[int, int], set[int]] = defaultdict(set)
    pairs = _copies(prints, owners) + [
        (pair.first, pair.second, pair.likeness) for pair in find_pairs(looks, owners, go_on=go_on)
    ]
    for one, two, likeness in pairs:
        first, second = (one, two) if owners[one] < owners[two] else (two, one)
        key = owners[first], owners[second]
        alike[key].add(first)
        if prints[first] and prints[first] == prints[second]:
            exact[key].add(first)
        if likeness > best.get(key, (0.0, 0, 0))[0]:
            best[key] = likeness, first, second
    twins = [
        Twin(
            patients=(scans[first].patient_name, scans[second].patient_name),
            scans=(scans[first].name, scans[second].name),
            slices=(slices[first], slices[second]),
            count=len(alike[key]),
            exact=len(exact[key]),
            likeness=likeness,
        )
        for key, (likeness, first, second) in best.items()
    ]
    return tuple(sorted(twins, key=lambda twin: (-twin.likeness, -twin.count, twin.scans))), len(comparable(looks))


def _copies(prints: Sequence[bytes], owners: Sequence[int]) -> list[tuple[int, int, float]]:
    """Return, for each slice, the first one of another owner with the same numbers."""
    counted = Counter(prints)
    first: dict[bytes, dict[int, int]] = defaultdict(dict)
    found = []
    for number, mark in enumerate(prints):
        if not mark or counted[mark] < 2:
            continue
        found += [(number, other, 1.0) for owner, other in first[mark].items() if owner != owners[number]][:1]
        first[mark].setdefault(owners[number], number)
    return found
