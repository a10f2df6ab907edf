"""Opening a reader's annotation: the saved masks, then what a crash left in the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.editing.editor import Editor
from core.editing.history import History
from core.editing.steps import Layers, States, Step, apply_states, unpack
from core.errors import ProjectError
from core.geometry import Box, Geometry
from core.io import atomic
from core.io.atomic import storage_error
from core.project.journal import Journal
from core.project.journal_file import Header, JournalFile, base_hash
from core.project.project import Project
from core.project.records import Annotation, Scan

_YEAR_10000 = 253_402_300_800


class OpenAnnotation:
    """A reader's annotation of a scan, open for drawing.

    Attributes
    ----------
    editor
        The layers, ready to be drawn on.
    recovered_steps
        How many records (strokes, undos, redos) the saved version lacked and the
        journal gave back.
    recovered_until
        When the last of them was made, UTC; None if there were none.
    set_aside
        Where a journal was put that does not fit the masks or is damaged; None
        mostly. It is kept for inspection and never used.
    cut_short
        Only the end of the journal was damaged, behind the saved version: what came
        before is in use, and ``set_aside`` is a copy of the whole.
    """

    def __init__(self, project: Project, scan: Scan, reader: str, annotation: Annotation | None) -> None:
        self.project = project
        self.scan = scan
        self.reader = reader
        self.annotation = annotation
        self.editor: Editor
        self.journal: Journal | None = None
        self.recovered_steps = 0
        self.recovered_until: datetime | None = None
        self.set_aside: Path | None = None
        self.cut_short = False
        self._base: Layers | None = None

    def keep_base(self, layers: Layers) -> None:
        """Copy the layers as they are, before anything is drawn."""
        self._base = {name: mask.copy() for name, mask in layers.items()}

    def take_base(self) -> Layers:
        """Return copies of the layers as they were opened; the one saver takes them.

        Raises
        ------
        RuntimeError
            If they were taken already: a fault of the caller. A second saver would
            know only what changed since.
        """
        base, self._base = self._base, None
        if base is None:
            raise RuntimeError("an open annotation has one saver")
        return base

    def ensure(self) -> Annotation:
        """Return the annotation, begun now if there is none yet. Any thread may call it.

        Raises
        ------
        ProjectError
            ``annotation-appeared`` if masks came in from elsewhere since this was opened:
            saving over them would hide them.
        """
        if self.annotation is None:
            found = self.project.annotation(self.scan.id, self.reader)
            if found is not None and self.project.layers(found.id):
                raise ProjectError("annotation-appeared", scan=self.scan.name)
            self.annotation = found or self.project.ensure_annotation(self.scan.id, self.reader)
        return self.annotation

    def base_hash(self, start: int) -> bytes:
        """Name the saved versions as they were at a journal sequence."""
        annotation = self.ensure()
        layers = self.project.layers(annotation.id)
        versions = {layer: self.project.layer_versions(annotation.id, layer) for layer in layers}
        return base_hash(versions, start)

    def close(self) -> None:
        """Write the last records down and stop the journal; may be called twice.

        Raises
        ------
        MeninxError
            If the disk refuses them.
        """
        journal, self.journal = self.journal, None
        if journal is not None:
            journal.close()


def open_annotation(project: Project, scan_id: str, reader: str, *, journal: bool = True) -> OpenAnnotation:
    """Open a reader's annotation of a scan.

    An annotation that is not there yet comes into being with the first step. In a
    project that cannot be written, the journal is read but nothing is changed.

    Parameters
    ----------
    project
        An open project.
    scan_id
        Id or display name.
    reader
        Who draws.
    journal
        Whether steps are written down and earlier ones read back. Without, undo
        ends with the session and a journal that is there is set aside at the next
        opening once something was saved.

    Raises
    ------
    InputError
        ``scan-unknown``.
    ProjectError
        ``mask-corrupt``, ``mask-missing``: nothing is opened empty instead.
    StorageError
        ``read-failed``; what the disk says if a journal cannot be set aside.
    """
    scan = project.scan(scan_id)
    geometry = project.geometry(scan.id)
    opened = OpenAnnotation(project, scan, reader, project.annotation(scan.id, reader))
    layers, states = _saved(project, opened.annotation)
    saved = opened.annotation.journal_sequence if opened.annotation is not None else 0
    replay = _Replay(geometry, layers, states, saved)
    known = _known_journal(opened, saved) if journal else None
    if known is not None:
        try:
            replay.run(known)
        except ProjectError:
            # whole records that make no sense: what they did so far is thrown away
            _put_aside(opened, known.file)
            known = None
            layers, states = _saved(project, opened.annotation)
            replay = _Replay(geometry, layers, states, saved)
    if journal and not project.read_only:
        opened.journal = _journal(opened, known, saved)
        replay.history.attach(opened.journal)
    if not project.read_only:
        opened.keep_base(layers)
    opened.recovered_steps = replay.recovered
    if 0 < replay.until < _YEAR_10000:
        opened.recovered_until = datetime.fromtimestamp(replay.until, UTC)
    opened.editor = Editor(
        geometry,
        project.labels(),
        layers,
        {layer: list(of_layer.values()) for layer, of_layer in states.items()},
        reader=reader,
        journal=opened.journal,
        history=replay.history,
        sequence=replay.sequence,
        saved=saved,
        unsaved=replay.unsaved,
    )
    return opened


def begin_journal_anew(project: Project, annotation: str) -> None:
    """Set aside the journal of an annotation whose masks were changed by something else; nothing in it is unsaved.

    Its steps can be undone no more. Opening would set it aside too, and warn: there it comes unlooked-for.

    Raises
    ------
    StorageError
        If the disk refuses it.
    """
    file = project.journal_path(annotation)
    if file.exists():
        _rename_aside(file)


def replayed(file: JournalFile, geometry: Geometry, layers: Layers, start: int, stop: int) -> Layers:
    """Return layers as they were at a record, made from what they were at an earlier one.

    Parameters
    ----------
    file
        A journal that begins at ``start`` or before.
    geometry
        Grid of the scan.
    layers
        What is known at ``start``; layers that are not given begin empty.
    start, stop
        Sequences of the records.

    Raises
    ------
    ProjectError
        ``journal-damaged`` if a record does not fit the grid or the history.
    """
    replay = _Replay(geometry, {name: mask.copy() for name, mask in layers.items()}, {}, start)
    replay.run(file, stop)
    return replay.layers


def _saved(project: Project, annotation: Annotation | None) -> tuple[Layers, States]:
    layers: Layers = {}
    states: States = {}
    if annotation is not None:
        for layer, version in project.layers(annotation.id).items():
            layers[layer] = project.read_version(version)
            states[layer] = {state.slice: state for state in project.slice_states(annotation.id, layer)}
    return layers, states


def _known_journal(opened: OpenAnnotation, saved: int) -> JournalFile | None:
    """Return the journal that is there if it fits the saved masks; else set it aside."""
    if opened.annotation is None:
        return None
    file = opened.project.journal_path(opened.annotation.id)
    if not file.exists():
        return None
    try:
        known = JournalFile(file, synced=saved)
    except ProjectError:
        _put_aside(opened, file)
        return None
    header = known.header
    fits = header.annotation == opened.annotation.id and header.base == opened.base_hash(header.start)
    # the last record may be older than the saved version only if nothing was ever written
    complete = header.start <= saved <= max(known.last, header.start)
    if not (fits and complete):
        _put_aside(opened, file)
        return None
    if known.holes and not opened.project.read_only:
        aside = _aside(file)
        content = file.read_bytes()
        atomic.write_bytes(aside, content)
        atomic.write_bytes(file, content[: known.size])
        opened.set_aside, opened.cut_short = aside, True
    return known


def _aside(file: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dt%H%M%S%f")
    return file.with_name(f"{file.stem}-aside-{stamp}{file.suffix}")


def _put_aside(opened: OpenAnnotation, file: Path) -> None:
    """Rename a journal that must not be used; on a medium that cannot be written it is passed over."""
    if not opened.project.read_only:
        opened.set_aside, opened.cut_short = _rename_aside(file), False


def _rename_aside(file: Path) -> Path:
    aside = _aside(file)
    try:
        file.rename(aside)
    except OSError as error:
        raise storage_error(error, file) from error
    return aside


def _journal(opened: OpenAnnotation, known: JournalFile | None, saved: int) -> Journal:
    def prepare() -> tuple[Path, Header]:
        annotation = opened.ensure()
        header = Header(annotation.id, opened.base_hash(saved), saved)
        return opened.project.journal_path(annotation.id), header

    return Journal(prepare, known)


class _Replay:
    """Reads the history back and does again what the saved version lacks."""

    def __init__(self, geometry: Geometry, layers: Layers, states: States, saved: int) -> None:
        self._geometry = geometry
        self.layers = layers
        self._states = states
        self._saved = saved
        self.history = History()
        self.sequence = saved
        self.recovered = 0
        self.until = 0
        self.unsaved: dict[str, Box | None] = {}

    def run(self, file: JournalFile, stop: int | None = None) -> None:
        """Go through all records, or those up to one.

        Raises
        ------
        ProjectError
            ``journal-damaged`` if a record does not fit the grid or the history.
        """
        self.history.attach(file)
        for record in file.records():
            if stop is not None and record.sequence > stop:
                return
            again = record.sequence > self._saved
            if record.kind == "step" and record.step is not None:
                self._check(record.step)
                if again:
                    self._apply(record.step, forward=True)
                self.history.push(record.step)
            elif record.kind == "resume":
                self.history.moved(-record.undone)
            else:
                forward = record.kind == "redo"
                if again:
                    step = self.history.next_redo() if forward else self.history.next_undo()
                    if step is None:
                        raise ProjectError("journal-damaged")
                    self._apply(step, forward=forward)
                self.history.moved(1 if forward else -1)
            self.recovered += again
            self.until = record.at if again else self.until
            self.sequence = max(self.sequence, record.sequence)

    def _check(self, step: Step) -> None:
        inside = all(
            low < high <= count
            for part in step.parts
            for low, high, count in zip(part.box.low, part.box.high, self._geometry.shape, strict=True)
        )
        if not inside or not all(0 <= start < stop <= self._geometry.shape[0] for start, stop in step.spans):
            raise ProjectError("journal-damaged")

    def _apply(self, step: Step, *, forward: bool) -> None:
        for layer in step.layers:
            self._layer(layer)
            self.unsaved.setdefault(layer, None)
        # a part that cannot be read ends the whole reading, and all of it is thrown away
        for part in step.parts:
            self._layer(part.layer)[part.box.slices] ^= unpack(part.payload, part.box)
            old = self.unsaved[part.layer]
            self.unsaved[part.layer] = part.box if old is None else old.union(part.box)
        apply_states(step.state_changes, self._states, forward=forward)

    def _layer(self, layer: str) -> NDArray[np.uint8]:
        if layer not in self.layers:
            self.layers[layer] = np.zeros(self._geometry.shape, dtype=np.uint8)
        return self.layers[layer]
