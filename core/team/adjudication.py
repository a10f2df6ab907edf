"""Consensus and adjudication: further annotations beside the readers', which stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.labels import SCRIBBLED_BACKGROUND, Label
from core.project.project import Project
from core.project.records import Annotation, Origin, Scan, SliceState
from core.review.agreement import readings
from core.review.consensus import majority, staple
from core.team.assignments import still_blind
from core.team.readers import CONSENSUS_MAJORITY, CONSENSUS_STAPLE, adjudication_reader, kind_of

METHODS = {"majority": CONSENSUS_MAJORITY, "staple": CONSENSUS_STAPLE}
"""Ways to a consensus, and the reader's name that its annotation goes by."""

Layers = dict[str, NDArray[np.uint8]]
States = dict[str, list[SliceState]]


def make_consensus(
    project: Project,
    scan: Scan,
    method: str = "staple",
    *,
    by: str,
    labels: Sequence[str] = (),
    readers: Sequence[str] = (),
) -> Annotation:
    """Make the consensus of the readers of a scan; made again it becomes a new version of the same annotation.

    It holds for the slices that all of them finished, where it is finished too; elsewhere nothing is said.
    Where the consensus of two labels of one layer meets, the label that more readers see there wins, and
    of equals the first in the list.

    Labels that were not asked for stay as they are in the consensus that is there, and no voxel of theirs goes
    to another. Where a layer has such labels no slice is newly finished: nobody decided on them.

    Parameters
    ----------
    method
        One of :data:`METHODS`.
    by
        Who asks for it, for the audit.
    labels
        Names; all of the project if empty. What becomes of them is the same as if all were asked for.
    readers
        Names; the readings of all persons if empty.

    Raises
    ------
    InputError
        ``method-unknown``; ``reading-blind`` while somebody reads it blind; ``consensus-few`` where less than
        two readers finished a slice together.
    ProjectError, StorageError
        As :meth:`core.project.project.Project.save_layers`.
    """
    if method not in METHODS:
        raise InputError("method-unknown", method=method, known=", ".join(METHODS))
    if still_blind(project, scan.id):
        raise InputError("reading-blind", scan=scan.name)
    known = project.labels()
    wanted = [known.named(name) for name in labels] if labels else list(known)
    touched = [label for label in known if any(label.layer == one.layer for one in wanted)]
    layers, states, among = _consensus(project, scan, method, touched, readers)
    if not states:
        raise InputError("consensus-few", scan=scan.name)
    there = project.annotation(scan.id, METHODS[method])
    for layer in {label.layer for label in undecided(known, wanted)} & layers.keys():
        values = [label.value for label in wanted if label.layer == layer]
        _only(project, there, layer, values, layers, states)
    return _save(project, scan, METHODS[method], layers, states, {"by": by, "readers": among, "method": method})


def undecided(known: Iterable[Label], wanted: Sequence[Label]) -> list[Label]:
    """Return the labels that were not asked for, on layers of which others were."""
    layers = {label.layer for label in wanted}
    return [label for label in known if label.layer in layers and label not in wanted]


def _only(
    project: Project, there: Annotation | None, layer: str, values: Sequence[int], layers: Layers, states: States
) -> None:
    """Take of a layer's consensus just some values; all others stay as they are in the annotation that is there."""
    old = None if there is None else project.read_layer(there.id, layer)
    before = {} if there is None else {one.slice: one for one in project.slice_states(there.id, layer)}
    new = layers[layer]
    rest = np.zeros_like(new) if old is None else np.where(np.isin(old, values), np.uint8(0), old)
    free = (rest == 0) | (rest == SCRIBBLED_BACKGROUND)
    layers[layer] = np.where(free & np.isin(new, values), new, rest)
    # elsewhere nothing is said of these labels any more
    said = {number: replace(one, finished=False) for number, one in before.items()}
    for one in states[layer]:
        finished = one.slice in before and before[one.slice].finished
        said[one.slice] = replace(one, finished=finished)
    states[layer] = [said[number] for number in sorted(said)]


def has_consensus(project: Project, scan: Scan) -> bool:
    """Return whether there is a consensus to make: all who finished slices of some layer finished one together."""
    persons = [one.id for one in project.annotations(scan.id) if kind_of(one.reader) == "reading"]
    for layer in project.labels().layers:
        finished = [
            {state.slice for state in project.slice_states(annotation, layer) if state.finished}
            for annotation in persons
        ]
        finished = [slices for slices in finished if slices]
        if len(finished) > 1 and set.intersection(*finished):
            return True
    return False


def _consensus(
    project: Project, scan: Scan, method: str, labels: Sequence[Label], readers: Sequence[str]
) -> tuple[Layers, States, list[str]]:
    layers: Layers = {}
    states: States = {}
    votes: dict[str, NDArray[np.uint8]] = {}
    among: set[str] = set()
    for label in labels:
        # a reader who finished nothing of a layer has not read it
        found = [one for one in readings(project, scan, label, readers) if one.known.any()]
        known = np.logical_and.reduce([one.known for one in found]) if len(found) > 1 else np.zeros(1, dtype=bool)
        if not known.any():
            continue
        among |= {one.reader for one in found}
        masks = [one.mask[known] for one in found]
        agreed = majority(masks) if method == "majority" else staple(masks).mask
        count: NDArray[np.uint8] = np.add.reduce([mask.astype(np.uint8) for mask in masks])
        layer = layers.setdefault(label.layer, np.zeros(scan.shape, dtype=np.uint8))
        best = votes.setdefault(label.layer, np.zeros(scan.shape, dtype=np.uint8))
        part, most = layer[known], best[known]
        wins = agreed & (count > most)
        part[wins], most[wins] = label.value, count[wins]
        layer[known], best[known] = part, most
        reader = METHODS[method]
        states[label.layer] = [
            SliceState(int(number), Origin.DRAWN, None, True, reader) for number in np.flatnonzero(known)
        ]
    return layers, states, sorted(among)


def begin_adjudication(project: Project, scan: Scan, *, by: str, start: str = "empty") -> Annotation:
    """Begin the annotation with which somebody decides between the readers of a scan; return it.

    It goes by :func:`core.team.readers.adjudication_reader`; whoever opens the scan under that name
    draws on it. What was begun before is gone on with, not begun anew.

    Parameters
    ----------
    start
        ``empty``, one of :data:`METHODS`, or a reader whose masks to begin with. Its slices are not
        finished: the adjudicator says of each that it is.

    Raises
    ------
    InputError
        ``reading-blind``, ``consensus-few``; ``reader-unknown`` for a reader who drew nothing there.
    ProjectError, StorageError
        As :meth:`core.project.project.Project.save_layers`.
    """
    if still_blind(project, scan.id):
        raise InputError("reading-blind", scan=scan.name)
    name = adjudication_reader(by)
    begun = project.annotation(scan.id, name)
    if begun is not None and project.layers(begun.id):
        return begun
    if start == "empty":
        return project.ensure_annotation(scan.id, name)
    if start in METHODS:
        layers, before, _ = _consensus(project, scan, start, list(project.labels()), ())
        if not before:
            raise InputError("consensus-few", scan=scan.name)
    else:
        layers, before = _of_reader(project, scan, start)
    states = {
        layer: [SliceState(one.slice, one.origin, one.run, False, name) for one in known]
        for layer, known in before.items()
    }
    return _save(project, scan, name, layers, states, {"by": by, "start": start})


def _of_reader(project: Project, scan: Scan, reader: str) -> tuple[Layers, States]:
    annotation = project.annotation(scan.id, reader)
    versions = {} if annotation is None else project.layers(annotation.id)
    if annotation is None or not versions:
        known = ", ".join(one.reader for one in project.annotations(scan.id))
        if not known:
            raise InputError("reader-none", scan=scan.name)
        raise InputError("reader-unknown", name=reader, scan=scan.name, known=known)
    layers = {layer: project.read_version(version) for layer, version in versions.items()}
    return layers, {layer: project.slice_states(annotation.id, layer) for layer in layers}


def _save(
    project: Project, scan: Scan, reader: str, layers: Layers, states: States, facts: dict[str, object]
) -> Annotation:
    annotation = project.ensure_annotation(scan.id, reader)
    action = "consensus" if reader in METHODS.values() else "adjudicate"
    project.save_layers(annotation.id, layers, states, journal_sequence=0, action=action, facts=facts)
    return annotation
