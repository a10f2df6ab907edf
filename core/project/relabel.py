"""Deleting, merging and moving labels, in the masks too: each a step that every annotation can undo.

The labels change first, in one transaction with a note of what is to be done; then one
annotation after another is opened, changed by one step and saved, as if somebody had
drawn it; at last the note goes. What a crash interrupts is finished at the next opening
(:func:`finish_pending`): doing it twice changes nothing. No voxel of another label is
ever overwritten.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.editing.editor import Editor
from core.editing.opening import open_annotation
from core.editing.replacing import prepare
from core.editing.steps import StateChange, Step, unpack
from core.errors import InputError, ProjectError
from core.labels import SCRIBBLED_BACKGROUND, Label, LabelSet, RemovedLabel
from core.project import audit
from core.project.annotations import check_layer_name
from core.project.journal_file import JournalFile
from core.project.project import Project
from core.project.records import Annotation, current_reader, utc_now
from core.project.saver import Saver

ACTION = "label_"
"""How the names of these steps begin: ``label_delete label_merge label_move label_back``."""
_PENDING = "pending_relabel"
_UNDONE = "undone_relabel"

Masks = dict[str, NDArray[np.uint8]]
OnProgress = Callable[[int, int], None]
Undone = dict[tuple[str, int], tuple[str, tuple[str, int] | None]]


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done.

    Parameters
    ----------
    kind
        ``delete merge move``, or ``back``: one of these is taken back.
    source
        Its voxels...
    target
        ...become those of this one; None clears them.
    labels
        Of the project, afterwards.
    gone
        The removed label that comes back.
    again
        It was done before and taken back: where its step is next in a history, that is done again.
    """

    kind: str
    source: Label
    target: Label | None
    labels: LabelSet
    gone: RemovedLabel | None = None
    again: bool = False

    @property
    def action(self) -> str:
        """Key of the step's name."""
        return ACTION + self.kind


@dataclass(slots=True)
class Done:
    """What came of it.

    Parameters
    ----------
    scans, voxels
        Annotations and voxels changed.
    covered
        Voxels given up because another label lies on them in the layer they went to.
    missed
        Names of scans whose masks could not be opened, or whose history no longer reaches back.
    """

    scans: int = 0
    voxels: int = 0
    covered: int = 0
    missed: tuple[str, ...] = ()


def plan_delete(labels: LabelSet, name: str) -> Change:
    """Plan to delete a label with its voxels; ``InputError`` ``label-locked``, ``label-unknown``."""
    label = _unlocked(labels, name)
    return Change("delete", label, None, labels.without(name, "delete", None, utc_now()))


def plan_merge(labels: LabelSet, name: str, into: str) -> Change:
    """Plan to make all of a label part of another; ``InputError`` as :func:`plan_delete`, ``label-itself``."""
    label, target = _unlocked(labels, name), _unlocked(labels, into)
    if label is target:
        raise InputError("label-itself", name=label.name)
    return Change("merge", label, target, labels.without(name, "merge", (target.layer, target.value), utc_now()))


def plan_move(labels: LabelSet, name: str, layer: str) -> Change:
    """Plan to put a label on another layer; ``InputError`` as :func:`plan_merge`, ``layer-full``, ``layer-name-bad``.

    It gets a value there that no label ever had.
    """
    label = _unlocked(labels, name)
    check_layer_name(layer)
    if layer == label.layer:
        raise InputError("label-itself", name=label.name)
    target = replace(label, layer=layer, value=labels.free_value(layer))
    gone = RemovedLabel(label, "move", (layer, target.value), utc_now())
    moved = tuple(target if one is label else one for one in labels)
    return Change("move", label, target, LabelSet(moved, (*labels.removed, gone)))


def plan_back(labels: LabelSet, gone: RemovedLabel) -> Change:
    """Plan to bring a removed label back; ``InputError`` ``label-not-removed``, ``label-locked``."""
    after = labels.brought_back(gone)
    place = (gone.label.layer, gone.label.value)
    back = next(label for label in after if (label.layer, label.value) == place)
    became = next((label for label in labels if (label.layer, label.value) == gone.to), None)
    if became is not None and became.locked:
        raise InputError("label-locked", name=became.name)
    return Change("back", became or gone.label, back, after, gone)


def plan_again(labels: LabelSet, place: tuple[str, int], undone: Undone) -> Change:
    """Plan to do once more what :func:`plan_back` took back.

    Parameters
    ----------
    labels
        Of the project.
    place
        Layer and value of the label.
    undone
        What :func:`undone_of` knows of it.

    Raises
    ------
    InputError
        ``label-not-again`` if that cannot be known any more; otherwise as the plan it once was.
    """
    label = next((one for one in labels if (one.layer, one.value) == place), None)
    kind, to = undone.get(place, ("", None))
    target = next((one for one in labels if (one.layer, one.value) == to), None)
    if label is None:
        raise InputError("label-not-again", name=f"{place[0]}:{place[1]}")
    if kind == "delete":
        return replace(plan_delete(labels, label.name), again=True)
    if kind == "merge" and target is not None:
        return replace(plan_merge(labels, label.name, target.name), again=True)
    # a label that was moved has the value again that it had there: no other label ever gets it
    there = next((one for one in labels.removed if one.to == place and (one.label.layer, one.label.value) == to), None)
    if kind != "move" or there is None:
        raise InputError("label-not-again", name=label.name)
    if label.locked:
        raise InputError("label-locked", name=label.name)
    after = labels.brought_back(there)
    moved = next(one for one in after if (one.layer, one.value) == to)
    return Change("move", label, moved, after, again=True)


def undone_of(project: Project) -> Undone:
    """Return by layer and value what was taken back of labels: its kind and where their voxels had gone."""
    row = project.store.row("SELECT value FROM meta WHERE key = ?", _UNDONE)
    told: list[list[Any]] = json.loads(row["value"]) if row is not None else []
    return {
        (str(one[0]), int(one[1])): (str(one[2]), (str(one[3][0]), int(one[3][1])) if one[3] else None) for one in told
    }


def _note_undone(project: Project, connection: sqlite3.Connection, change: Change) -> None:
    undone = undone_of(project)
    if change.gone is not None:
        undone[(change.gone.label.layer, change.gone.label.value)] = (change.gone.kind, change.gone.to)
    else:
        undone.pop((change.source.layer, change.source.value), None)
    words = json.dumps([[*place, kind, to] for place, (kind, to) in undone.items()])
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_UNDONE, words))


def renumber_notes(connection: sqlite3.Connection, now: Callable[[Sequence[Any]], list[Any]]) -> None:
    """Let what is noted of labels taken back, and of a change that a crash interrupted, follow a merge's new values.

    Parameters
    ----------
    connection
        In the merge's transaction.
    now
        Gives a layer and a value (and what is told beside them) with the value from now on.
    """

    def told(one: Sequence[Any]) -> list[Any]:
        layer, value, kind, to = now(one)
        return [layer, value, kind, now(to) if to else None]

    for key in (_UNDONE, _PENDING):
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if row is None:
            continue
        note = json.loads(row[0])
        if key == _UNDONE:
            note = [told(one) for one in note]
        else:
            note |= {side: now(note[side]) for side in ("source", "target") if note[side]}
            note["gone"] = told(note["gone"]) if note["gone"] else None
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (json.dumps(note), key))


def _unlocked(labels: LabelSet, name: str) -> Label:
    label = labels.named(name)
    if label.locked:
        raise InputError("label-locked", name=label.name)
    return label


def carry_out(project: Project, change: Change, on_progress: OnProgress | None = None) -> Done:
    """Change the labels and all masks. No annotation may be open meanwhile; the caller holds the lock.

    Raises
    ------
    StorageError
        The disk refused; what is left is done at the next opening.
    """
    gone = change.gone
    note = {
        "kind": change.kind,
        "source": _place(change.source),
        "target": None if change.target is None else _place(change.target),
        "gone": None if gone is None else [*_place(gone.label), gone.kind, gone.to],
    }
    with project.store.transaction() as connection:
        project.set_labels(change.labels)
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_PENDING, json.dumps(note)))
        _note_undone(project, connection, change)
        audit.append(connection, current_reader(), "relabel", note)
    return _change_masks(project, change, on_progress)


def is_pending(project: Project) -> bool:
    """Whether a change of labels has not reached all masks: it goes on just now, or a crash interrupted it."""
    return _pending(project) is not None


def _pending(project: Project) -> sqlite3.Row | None:
    return project.store.row("SELECT value FROM meta WHERE key = ?", _PENDING)


def finish_pending(project: Project) -> Done | None:
    """Finish what a crash interrupted; None if nothing was. Conditions as :func:`carry_out`."""
    row = _pending(project)
    if row is None:
        return None
    note: dict[str, Any] = json.loads(row["value"])
    labels = project.labels()
    known = [*labels, *(one.label for one in labels.removed)]

    def find(place: Sequence[Any] | None) -> Label | None:
        return next((one for one in known if place and _place(one) == [*place[:2]]), None)

    source, target, gone = find(note["source"]), find(note["target"]), find(note["gone"])
    if source is None:
        _forget(project)
        return None
    removed = None
    if gone is not None:
        _, _, kind, to = note["gone"]
        removed = RemovedLabel(gone, str(kind), (str(to[0]), int(to[1])) if to else None, "")
    return _change_masks(project, Change(str(note["kind"]), source, target, labels, removed), None)


def _place(label: Label) -> list[Any]:
    return [label.layer, label.value]


def _forget(project: Project) -> None:
    with project.store.transaction() as connection:
        connection.execute("DELETE FROM meta WHERE key = ?", (_PENDING,))


def _change_masks(project: Project, change: Change, on_progress: OnProgress | None) -> Done:
    done = Done()
    missed = []
    candidates = list(_candidates(project, change))
    for number, annotation in enumerate(candidates):
        if on_progress is not None:
            on_progress(number, len(candidates))
        try:
            whole = _change_one(project, annotation, change, done)
        except ProjectError:
            whole = False
        if not whole:
            missed.append(project.scan(annotation.scan).name)
    done.missed = tuple(missed)
    _forget(project)
    return done


def _candidates(project: Project, change: Change) -> Iterator[Annotation]:
    """Give the annotations concerned: by their saved masks, their history, or strokes not saved yet."""
    found: set[str] = set()
    if change.gone is not None:
        rows = project.store.rows(
            "SELECT DISTINCT annotation FROM layer_version WHERE layer = ? AND action = ?",
            change.gone.label.layer,
            ACTION + change.gone.kind,
        )
        found |= {str(row[0]) for row in rows}
    if change.gone is None or change.gone.kind == "move":
        rows = project.store.rows(
            "SELECT annotation FROM layer_version v WHERE layer = ? AND json_extract(counts, ?) IS NOT NULL "
            "AND sequence = (SELECT max(sequence) FROM layer_version w WHERE w.annotation = v.annotation "
            "AND w.layer = v.layer) UNION SELECT annotation FROM slice_state WHERE layer = ? AND ? = 'move'",
            change.source.layer,
            f'$."{change.source.value}"',
            change.source.layer,
            change.kind,
        )
        found |= {str(row[0]) for row in rows}
    for scan, reader in project.store.rows("SELECT DISTINCT scan, reader FROM annotation ORDER BY scan, reader"):
        annotation = project.annotation(scan, reader)
        if annotation is not None and (annotation.id in found or _unsaved(project, annotation)):
            yield annotation


def _unsaved(project: Project, annotation: Annotation) -> bool:
    file = project.journal_path(annotation.id)
    try:
        return (
            file.is_file() and JournalFile(file, synced=annotation.journal_sequence).last > annotation.journal_sequence
        )
    except ProjectError:
        # opening sets it aside
        return False


def _change_one(project: Project, annotation: Annotation, change: Change, done: Done) -> bool:
    """Change an annotation by one step and save it; say whether all of it could be done."""
    opened = open_annotation(project, annotation.scan, annotation.reader)
    saver = Saver(project, opened, action=change.action)
    try:
        editor = opened.editor
        before = editor.sequence
        if change.gone is None:
            if not (change.again and _step_again(editor, change, done)):
                _put(editor, change, done)
            whole = True
        else:
            whole = _take_back(editor, change, change.gone, done)
            if not whole:
                whole = _from_version(project, annotation, editor, change.gone, done)
        done.scans += editor.sequence > before
        saver.close()
    except BaseException:
        saver.close(discard=True)
        raise
    return whole


def _step_again(editor: Editor, change: Change, done: Done) -> bool:
    """Do the step again that was taken back, or take back the one that did so; say whether it was next."""
    steps, position, label = editor.steps(), editor.position, change.source

    def is_it(place: int, action: str) -> bool:
        step = steps[place] if 0 <= place < len(steps) else None
        of_label = step is not None and (step.layer, step.label_value) == (label.layer, label.value)
        return of_label and step is not None and step.action == action

    step = None
    if is_it(position - 1, ACTION + "back"):
        step = editor.undo()
    elif is_it(position, change.action):
        step = editor.redo()
    if step is None:
        return False
    done.voxels += _size(step, label)
    return True


def _put(editor: Editor, change: Change, done: Done) -> None:
    source, target = change.source, change.target
    old: Masks = {source.layer: editor.mask(source.layer)}
    hit = old[source.layer] == source.value
    new = {source.layer: old[source.layer].copy()}
    new[source.layer][hit] = 0
    covered = 0
    if target is not None:
        old.setdefault(target.layer, editor.mask(target.layer))
        there = new.setdefault(target.layer, old[target.layer].copy())
        free = hit & ((there == 0) | (there == target.value) | (there == SCRIBBLED_BACKGROUND))
        covered = int(np.count_nonzero(hit)) - int(np.count_nonzero(free))
        there[free] = target.value
    states = _states(editor, change, hit)
    voxels = int(np.count_nonzero(hit))
    ready = prepare(editor.revision, old, new)
    # a step that names no label is undone like any other
    named = source if voxels else None
    if editor.put(ready, action=change.action, label=named, origin=None, states=states) is not None:
        done.voxels += voxels
        done.covered += covered


def _states(editor: Editor, change: Change, hit: NDArray[np.bool_]) -> list[StateChange]:
    """Say what becomes of slices: nothing, but on the layer that the label goes to.

    What was known of a slice there stays. A slice nobody knew anything of gets what was
    known where the label comes from; finished only if the label is alone on its layer now.
    """
    source, target = change.source, change.target
    if target is None or target.layer == source.layer:
        return []
    alone = change.labels.on_layer(target.layer) == (target,)
    touched = np.atleast_1d(hit.any(axis=(1, 2)))
    changes = []
    for number in range(editor.geometry.shape[0]):
        state, there = editor.state(source.layer, number), editor.state(target.layer, number)
        if there is None and state is not None and (alone or touched[number]):
            changes.append(StateChange(target.layer, number, None, replace(state, finished=state.finished and alone)))
    return changes


def _take_back(editor: Editor, change: Change, gone: RemovedLabel, done: Done) -> bool:
    """Undo the step of a removed label, or what is left of it where somebody drew since; say whether it was there."""
    label = gone.label
    actions = (ACTION + gone.kind, ACTION + "back")

    def is_it(step: Step) -> bool:
        return step.action in actions and step.layer == label.layer and step.label_value == label.value

    steps = editor.steps()[: editor.position]
    if steps and is_it(steps[-1]):
        step = editor.undo()
        done.voxels += 0 if step is None else _size(step, label)
        return True
    following = editor.steps()[editor.position :]
    if following and following[0].action == ACTION + "back" and is_it(following[0]):
        step = editor.redo()
        done.voxels += 0 if step is None else _size(step, label)
        return True
    if gone.kind == "move":
        # its value is its own, so what was drawn with it since comes along
        _put(editor, change, done)
        return True
    place = next((place for place in reversed(range(len(steps))) if is_it(steps[place])), None)
    step = None if place is None else editor.step_at(place)
    if step is None:
        return False
    left = _left(gone)
    was: NDArray[np.bool_] = np.zeros(editor.geometry.shape, dtype=np.bool_)
    for part in step.parts:
        if part.layer == label.layer:
            was[part.box.slices] |= unpack(part.payload, part.box) == label.value ^ left
    _restore(editor, gone, was, done)
    return True


def _from_version(project: Project, annotation: Annotation, editor: Editor, gone: RemovedLabel, done: Done) -> bool:
    """Take what a removed label was from the version saved before; say whether nothing is missing."""
    label = gone.label
    versions = project.layer_versions(annotation.id, label.layer)
    for before, after in pairwise(reversed(versions)):
        if before.action == ACTION + gone.kind and label.value in after.counts and label.value not in before.counts:
            if after.removed:
                return False
            _restore(editor, gone, project.read_version(after) == label.value, done)
            return True
    return True


def _left(gone: RemovedLabel) -> int:
    """Return what stood in the label's own layer once it was gone."""
    return gone.to[1] if gone.to is not None and gone.to[0] == gone.label.layer else 0


def _restore(editor: Editor, gone: RemovedLabel, was: NDArray[np.bool_], done: Done) -> None:
    """Give the label its voxels again where nobody drew since."""
    label = gone.label
    old: Masks = {label.layer: editor.mask(label.layer)}
    undone = was & (old[label.layer] == _left(gone))
    new = {label.layer: np.where(undone, np.uint8(label.value), old[label.layer])}
    if gone.to is not None and gone.to[0] != label.layer:
        layer, value = gone.to
        old[layer] = editor.mask(layer)
        new[layer] = np.where(undone & (old[layer] == value), np.uint8(0), old[layer])
    ready = prepare(editor.revision, old, new)
    if editor.put(ready, action=ACTION + "back", label=label, origin=None, states=[]) is not None:
        done.voxels += int(np.count_nonzero(undone))


def _size(step: Step, label: Label) -> int:
    return sum(
        int(np.count_nonzero(unpack(part.payload, part.box))) for part in step.parts if part.layer == label.layer
    )
