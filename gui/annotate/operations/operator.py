"""Works operations out in a thread, for a preview or to put them in as one undoable step."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from core.editing.editor import Editor
from core.editing.operations import Base, Note, Operation, Order, carry_out, clip_of
from core.editing.replacing import Replacement, prepare
from core.editing.slice_rules import drawn_on
from core.editing.tools.growing import Stopped
from core.editing.tools.morphology import Mask
from core.errors import InputError, MeninxError
from core.geometry import PlaneView
from core.labels import Label, LabelSet
from core.messages import sentence, text
from core.project.predictions import list_predictions, read_prediction
from core.project.project import Project
from core.project.records import Origin
from gui.annotate.operations.lengths import unchanged
from gui.background import Tasks
from gui.session import Session
from gui.viewer.linked import LinkedViews


@dataclass(frozen=True, eq=False)
class Job:
    """One operation as it is worked out.

    Parameters
    ----------
    order, base
        What, and on what.
    revision, token
        Of the editor and of the opening of the scan, when it began.
    apply
        Put it in as soon as it is there.
    stop
        Set where nobody wants it any more.
    """

    order: Order
    base: Base
    revision: int
    token: int
    apply: bool
    stop: threading.Event


@dataclass(frozen=True, eq=False)
class Result:
    """What came of it.

    Parameters
    ----------
    job
        What was asked for.
    origin, run, labels, note
        Of the outcome.
    replacement
        What is put in.
    after, colors
        For a preview: regions, uint8 ``[z, y, x]`` with 1 for the label's, and the colours of other values.
        No region where it is put in at once.
    added, removed
        Voxels of the label, for a preview.
    """

    job: Job
    origin: Origin | None
    run: str | None
    labels: LabelSet | None
    note: Note | None
    replacement: Replacement
    after: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.uint8))
    colors: Mapping[int, str] = field(default_factory=dict)
    added: int = 0
    removed: int = 0


class Suggestions:
    """The last prediction that was looked at is kept, so that a preview follows the slices. Any thread."""

    def __init__(self) -> None:
        self._kept: tuple[str, dict[str, NDArray[np.uint8]]] = ("", {})

    def of(self, project: Project, scan: str, label: str) -> tuple[str, NDArray[np.uint8]] | None:
        """Return the newest prediction of a label on a scan: its run (id) and voxels of 0 and 1; None if there is none.

        Raises
        ------
        LearningError
            ``prediction-damaged``.
        """
        for record in reversed(list_predictions(project, scan=scan)):
            key, masks = self._kept
            if key != f"{project.path} {record.file} {record.sha256}":
                masks = read_prediction(project, record.run, scan)
                self._kept = (f"{project.path} {record.file} {record.sha256}", masks)
            found = next((mask for name, mask in masks.items() if name.casefold() == label.casefold()), None)
            if found is not None:
                return record.run, found
        return None


class Operator(QObject):
    """Carries out operations on the scan shown.

    Parameters
    ----------
    session
        What is open.
    views
        Say which slice is shown.
    """

    worked_out = Signal(object)
    """A :class:`Result` for a preview."""
    refused = Signal(str)
    """A preview cannot be: one sentence."""
    progressed = Signal(int, int)
    """(done, total) of what is being worked out; (0, 0) at its end."""
    applied = Signal(object)
    """The :class:`core.editing.operations.Order` that was put in, or changed nothing."""
    ended = Signal()
    """What was to be put in is in, or will never be."""
    copied = Signal()
    """Something else would be pasted now."""

    _heard = Signal(object, int, int)

    def __init__(self, session: Session, views: LinkedViews, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._views = views
        self._tasks = Tasks(self)
        self._job: Job | None = None
        self._clip: tuple[PlaneView, Mask] | None = None
        self._suggestions = Suggestions()
        self.under: tuple[int, int, int] | None = None
        self._heard.connect(self._progress)
        session.scan_changed.connect(self._other_scan)
        session.project_changed.connect(self._project_changed)

    @Slot()
    def _other_scan(self) -> None:
        self.under = None
        self.stop()

    @Slot()
    def _project_changed(self) -> None:
        self.stop()
        if self._session.project is None:
            self._tasks.wait()

    # ------------------------------------------------------------------ asking

    @property
    def busy(self) -> bool:
        """Whether something is being worked out."""
        return self._job is not None

    @property
    def applying(self) -> bool:
        """Whether what is being worked out is to be put in."""
        return self._job is not None and self._job.apply

    def reason(self) -> str:
        """Say why nothing can be changed now, as a sentence; empty if it can."""
        session = self._session
        if session.read_only:
            return session.holder or text("annotate.refused_read_only")
        if not session.can_edit:
            return text("annotate.refused_busy")
        if session.label is None:
            return text("annotate.refused_no_label")
        if session.label.locked:
            return text("annotate.refused_label_locked")
        if session.label.name in session.hidden:
            return text("annotate.refused_label_hidden")
        return "" if session.overlay.visible else text("annotate.refused_overlay_hidden")

    def order(self, operation: Operation, **options: Any) -> Order | None:
        """Make an order for the label and the slice chosen; None where nothing can be changed."""
        view, label = self._views.active.plane_view, self._session.label
        if self.reason() or view is None or label is None:
            return None
        x, y, z = self.under or self._views.position
        usual = {"at": (z, y, x), "clip": self._clip_for(view)}
        return Order(operation, label, view, self._views.active.index, **(usual | options))

    @property
    def crosshair(self) -> tuple[int, int, int]:
        """Voxel (x, y, z) of the crosshair."""
        return self._views.position

    def _clip_for(self, view: PlaneView) -> Mask | None:
        """Return what would be pasted as it lies on a pane: left and right may have been swapped since."""
        if self._clip is None:
            return None
        old, clip = self._clip
        if old.plane is view.plane:
            down = -1 if old.flip_rows != view.flip_rows else 1
            across = -1 if old.flip_columns != view.flip_columns else 1
            clip = np.ascontiguousarray(clip[::down, ::across])
        return clip

    def copy(self) -> None:
        """Keep the label as it is on this slice, to paste it on another."""
        session, view, label = self._session, self._views.active.plane_view, self._session.label
        if session.editor is None or session.volume is None or view is None or label is None:
            return
        session.editor.commit()
        base = self._base(session.editor)
        try:
            self._clip = view, clip_of(Order(Operation.PASTE, label, view, self._views.active.index), base)
        except InputError as error:
            session.notifier.tell(sentence(error), "warning")
            return
        session.notifier.tell(text("operations.copied", name=label.name), "info", seconds=3)
        self.copied.emit()

    def do(self, operation: Operation, **options: Any) -> None:
        """Work an operation out and put it in."""
        reason = self.reason()
        order = self.order(operation, **options)
        if order is None:
            self._session.notifier.tell(reason, "warning")
        else:
            self.apply(order)

    def preview(self, order: Order) -> None:
        """Work an order out; :attr:`worked_out` or :attr:`refused` follows."""
        self._start(order, apply=False)

    def apply(self, order: Order, result: Result | None = None) -> None:
        """Put an order in; ``result`` spares working it out again where it still holds."""
        editor = self._session.editor
        if editor is None or not self._session.can_edit:
            self.ended.emit()
            return
        editor.commit()
        if result is not None and result.job.order is order and self._holds(result.job, editor):
            self.stop()
            self._put(result, editor)
            self.ended.emit()
        else:
            self._start(order, apply=True)

    @Slot()
    def stop(self) -> None:
        """Give up what is being worked out."""
        job, self._job = self._job, None
        if job is not None:
            job.stop.set()
            self.progressed.emit(0, 0)

    # ----------------------------------------------------------------- working

    def _base(self, editor: Editor) -> Base:
        session = self._session
        volume = session.volume
        if volume is None:
            raise RuntimeError("an editor without a scan")
        layers = session.labels.layers
        interpolated = {}
        for layer in layers:
            states = [editor.state(layer, number) for number in range(volume.shape[0])]
            found = [state is not None and state.origin is Origin.INTERPOLATED for state in states]
            interpolated[layer] = np.array(found, dtype=np.bool_)
        masks = {layer: editor.mask(layer) for layer in layers}
        finished = {layer: editor.finished(layer) for layer in layers}
        predicted = None
        if session.project is not None and session.scan is not None:
            predicted = functools.partial(self._suggestions.of, session.project, session.scan.id)
        return Base(session.labels, volume, masks, finished, interpolated, predicted)

    def _start(self, order: Order, *, apply: bool) -> None:
        self.stop()
        editor = self._session.editor
        if editor is None or self._session.volume is None:
            return
        if editor.stroking and apply:
            editor.commit()
        job = Job(order, self._base(editor), editor.revision, self._session.token, apply, threading.Event())
        self._job = job
        self.progressed.emit(0, 1)
        work = functools.partial(_work_out, job, functools.partial(self._tell, job))
        self._tasks.start(work, self._there, self._failed)

    def _tell(self, job: Job, done: int, total: int) -> bool:
        """Runs in the thread."""
        self._heard.emit(job, done, total)
        return not job.stop.is_set()

    @Slot(object, int, int)
    def _progress(self, job: Job, done: int, total: int) -> None:
        if job is self._job:
            self.progressed.emit(done, total)

    def _holds(self, job: Job, editor: Editor) -> bool:
        same = editor.revision == job.revision and self._session.token == job.token
        return same and not editor.stroking and self._session.labels == job.base.labels

    @Slot(object)
    def _there(self, result: Result | _Refused | None) -> None:
        if result is None or result.job is not self._job:
            return
        self._job = None
        self.progressed.emit(0, 0)
        editor = self._session.editor
        if isinstance(result, _Refused):
            self._refuse(result)
        elif editor is not None and self._session.can_edit and not self._holds(result.job, editor):
            # something was drawn meanwhile: once more, for what is there now
            self._start(result.job.order, apply=result.job.apply)
        elif not result.job.apply:
            self.worked_out.emit(result)
        elif editor is not None and self._session.can_edit:
            self._put(result, editor)
        if result.job.apply and not self.applying:
            self.ended.emit()

    def _refuse(self, refused: _Refused) -> None:
        if refused.job.apply:
            self._session.notifier.tell(sentence(refused.error), "warning")
        self.refused.emit(sentence(refused.error))

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        if self._job is None:
            # it was given up, and its project may be closed
            return
        job, self._job = self._job, None
        self.progressed.emit(0, 0)
        self._session.notifier.error(error)
        if job.apply:
            self.ended.emit()

    def _put(self, result: Result, editor: Editor) -> None:
        order, session = result.job.order, self._session
        before = session.labels
        if result.labels is not None:
            try:
                session.labeller.change(result.labels)
            except MeninxError as error:
                session.notifier.error(error)
                return
        states = None
        if result.origin is None:
            states = [
                drawn_on(new.layer, number, editor.state(new.layer, number), editor.reader, 0.0)
                for new in result.replacement.layers
                for number in new.slices
            ]
        step = editor.put(
            result.replacement,
            action=order.operation.value,
            label=order.label,
            origin=result.origin,
            run=result.run,
            states=states,
        )
        if step is None:
            if result.labels is not None:
                session.labeller.change(before)
            volume = session.volume
            session.notifier.tell(unchanged(order, volume.geometry if volume is not None else None), "info")
        else:
            self._follow(order)
            if result.note is not None:
                session.notifier.tell(text(f"operations.{result.note.key}", **result.note.fields), "info", seconds=10)
        self.applied.emit(order)

    def _follow(self, order: Order) -> None:
        """Show the slice that was copied to."""
        step = {Operation.COPY_NEXT: 1, Operation.COPY_PREVIOUS: -1}.get(order.operation)
        view = self._views.active
        if step is not None and view.index == order.index:
            view.set_index(order.index + step)


@dataclass(frozen=True, eq=False)
class _Refused:
    """Why it cannot be: what a person may put right, so it is no failure."""

    job: Job
    error: InputError


def _work_out(job: Job, on: Callable[[int, int], bool]) -> Result | _Refused | None:
    """Runs in the thread; None if it was stopped."""
    try:
        outcome = carry_out(job.order, job.base, on)
    except Stopped:
        return None
    except InputError as error:
        return _Refused(job, error)
    if job.stop.is_set():
        return None
    old = {layer: job.base.layers[layer] for layer in outcome.layers}
    replacement = prepare(job.revision, old, outcome.layers)
    result = Result(job, outcome.origin, outcome.run, outcome.labels, outcome.note, replacement)
    return result if job.apply else _to_look_at(result, outcome.layers[job.order.label.layer])


def _to_look_at(result: Result, layer: NDArray[np.uint8]) -> Result:
    """Add what a preview shows."""
    job, label = result.job, result.job.order.label
    before, after = job.base.layers[label.layer] == label.value, layer == label.value
    added, removed = int(np.count_nonzero(after & ~before)), int(np.count_nonzero(before & ~after))
    shown, colors = after.view(np.uint8), dict[int, str]()
    if result.labels is not None:
        # the new labels in their own colours; the label itself keeps the value 1 of all previews
        new = [one for one in result.labels.on_layer(label.layer) if one not in job.base.labels.on_layer(label.layer)]
        for one in new:
            colors[one.value + 1] = one.color
            shown[layer == one.value] = one.value + 1
    return replace(result, after=shown, colors=colors, added=added, removed=removed)


def other_labels(session: Session, label: Label | None) -> list[Label]:
    """Return the labels that may stand beside the chosen one in an operation."""
    return [one for one in session.labels if label is None or one.name != label.name]
