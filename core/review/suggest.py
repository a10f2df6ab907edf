"""The next best slices of a project: what a run predicted is looked through, scan by scan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError, ProjectError
from core.labels import Label
from core.learning.frozen import frozen_patients
from core.learning.runs import Run, list_runs, read_split
from core.project.predictions import list_predictions, read_meta, read_prediction, read_probability
from core.project.project import Project
from core.project.records import Scan
from core.review.doubt import against_neighbours, disagreement, edge_entropy
from core.review.next_best import LOT, Candidate, Pick, choose, gap_of

MIRRORED = "mirrored_doubt"
"""Fact of a prediction's ``meta.json``: label to how much it differs from that of the mirrored slices, per slice."""
Told = Callable[[int, int, str], None]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Wish:
    """What is looked for.

    Parameters
    ----------
    run
        Id of the run whose predictions are looked through.
    count
        So many slices.
    labels
        Names; none means all that the run draws and the project has.
    scans
        Ids; none means all.
    reader
        Whose finished slices are passed over; empty for everybody's.
    lot, seed
        As :func:`core.review.next_best.choose`.
    """

    run: str
    count: int = 10
    labels: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    reader: str = ""
    lot: float = LOT
    seed: int = 0


@dataclass(frozen=True)
class Suggested:
    """What was found.

    Parameters
    ----------
    picks
        The best first.
    scans
        Scans that were looked at.
    unpredicted, kept_apart
        Display names of scans left out: not predicted by the run; or kept for measuring
        (validation and test scans of the run, and the frozen test set).
    unread
        Display names of scans whose prediction is damaged.
    before
        Label to the name of the run that was compared with.
    """

    picks: tuple[Pick, ...]
    scans: int = 0
    unpredicted: tuple[str, ...] = ()
    kept_apart: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    before: dict[str, str] = field(default_factory=dict)


def suggest(
    project: Project, run: Run, wish: Wish, *, go_on: Callable[[], bool] = lambda: True, told: Told | None = None
) -> Suggested:
    """Return the slices that are best drawn next; any thread may ask.

    Parameters
    ----------
    go_on
        Asked before each scan; what was looked at by then is chosen from.
    told
        Told (scans done, scans in all, display name) before each.

    Raises
    ------
    LearningError
        ``run-classifies``; ``suggest-nothing-predicted`` if the run has predicted none of the scans;
        ``suggest-nothing-left`` if all it predicted is finished or kept for measuring.
    """
    if run.config.classifies:
        raise LearningError("run-classifies", name=run.name)
    there = {record.scan for record in list_predictions(project, run=run.id)}
    asked = [scan for scan in project.scans() if not wish.scans or scan.id in wish.scans]
    predicted = [scan for scan in asked if scan.id in there]
    if not predicted:
        raise LearningError("suggest-nothing-predicted", run=run.name)
    apart = _kept_apart(project, run)
    frozen = frozen_patients(project)
    wanted = [scan for scan in predicted if scan.id not in apart and scan.patient not in frozen]
    labels = _labels(project, run, wish)
    earlier = {label.name: _before(project, run, label.name) for label in labels}
    found: list[Candidate] = []
    unread: list[str] = []
    for number, scan in enumerate(wanted):
        if not go_on():
            break
        if told is not None:
            told(number, len(wanted), scan.name)
        try:
            found += _candidates(project, run, scan, labels, earlier, wish.reader)
        except LearningError:
            # one damaged prediction does not hide the others
            unread.append(scan.name)
    before = {label: runs[0].name for label, runs in earlier.items() if runs}
    picks = choose(found, wish.count, lot=wish.lot, seed=wish.seed, before=before)
    if not picks and go_on():
        raise LearningError("suggest-nothing-left", run=run.name)
    return Suggested(
        tuple(picks),
        len(wanted),
        tuple(scan.name for scan in asked if scan.id not in there),
        tuple(scan.name for scan in predicted if scan not in wanted),
        tuple(unread),
        before,
    )


def _labels(project: Project, run: Run, wish: Wish) -> list[Label]:
    names = wish.labels or run.labels
    found = [project.labels().find(name) for name in names]
    labels = [label for label in found if label is not None and label.name in run.labels]
    if not labels:
        raise LearningError("suggest-labels", names=", ".join(names), run=run.name)
    return labels


def _kept_apart(project: Project, run: Run) -> set[str]:
    """Return the scans that the run measures itself by: learning from them would spoil the measure."""
    try:
        split = read_split(project, run.id)
    except ProjectError:
        # masks of another program have none
        return set()
    return {scan for part in ("validation", "test") for scan in split.get(part, [])}


def _before(project: Project, run: Run, label: str) -> list[Run]:
    """Return the runs to compare with, the nearest first: those it descends from, then the newest before it."""
    earlier = [one for one in list_runs(project, imported=True) if one.id < run.id and label in one.labels]
    by_id = {one.id: one for one in earlier}
    line: list[Run] = []
    parent = run.parent
    while parent in by_id and by_id[parent] not in line:
        line.append(by_id[parent])
        parent = by_id[parent].parent
    rest = [one for one in reversed(earlier) if one not in line and not one.config.classifies]
    predicting = {record.run for record in list_predictions(project)}
    return [one for one in (*line, *rest) if one.id in predicting][:1]


def _candidates(
    project: Project, run: Run, scan: Scan, labels: Sequence[Label], earlier: dict[str, list[Run]], reader: str
) -> Iterator[Candidate]:
    masks = read_prediction(project, run.id, scan.id)
    mirrored = read_meta(project, run.id, scan.id).get(MIRRORED, {})
    for label in labels:
        if label.name not in masks:
            continue
        mask = masks[label.name] != 0
        terms: dict[str, NDArray[np.float64]] = {}
        if not run.imported:
            terms["unsure"] = edge_entropy(read_probability(project, run.id, scan.id, label.name))
        doubts = mirrored.get(label.name) if isinstance(mirrored, dict) else None
        if isinstance(doubts, list) and len(doubts) == len(mask):
            terms["mirrored"] = np.asarray(doubts, dtype=np.float64)
        if len(mask) > 2:
            terms["beside"] = against_neighbours(mask)
        for other in earlier[label.name]:
            said = _said(project, other.id, scan.id, label.name)
            if said is not None:
                terms["previous"] = disagreement(mask, said)
        yield from _of_scan(scan, label.name, mask, terms, _finished(project, scan, label, reader))


def _of_scan(
    scan: Scan, label: str, mask: Bools, terms: dict[str, NDArray[np.float64]], finished: Bools
) -> Iterator[Candidate]:
    """Yield the slices that are free: not finished, and not close to one that is."""
    gap, slices = gap_of(len(mask)), len(mask)
    done = np.flatnonzero(finished)
    shown = np.count_nonzero(mask, axis=(1, 2))
    for z in range(slices):
        if done.size and int(np.abs(done - z).min()) < gap:
            continue
        doubts = {name: float(values[z]) for name, values in terms.items()}
        yield Candidate(scan.id, scan.patient, scan.name, label, z, slices, doubts, bool(shown[z] > 0))


def _said(project: Project, run: str, scan: str, label: str) -> Bools | None:
    if not list_predictions(project, scan=scan, run=run):
        return None
    found = read_prediction(project, run, scan).get(label)
    return None if found is None else found != 0


def _finished(project: Project, scan: Scan, label: Label, reader: str) -> Bools:
    found: Bools = np.zeros(scan.shape[0], dtype=bool)
    for annotation in project.annotations(scan.id):
        if reader and annotation.reader != reader:
            continue
        for state in project.slice_states(annotation.id, label.layer):
            if state.finished and 0 <= state.slice < len(found):
                found[state.slice] = True
    return found
