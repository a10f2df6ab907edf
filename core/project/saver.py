"""Saves an open annotation by itself, from a thread of its own.

The saver hears of each step from the editor; small copies of what changed go to
the thread, which keeps its own picture of the layers and writes new versions
of them. The window never waits, and the thread never looks at what is being drawn.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.editing.changes import Change, Flip, Snapshot
from core.editing.opening import OpenAnnotation
from core.editing.steps import unpack
from core.errors import MeninxError, StorageError
from core.project.project import Project
from core.project.records import SliceState
from core.project.thinning import thin

DELAY = 2.0
LONGEST = 30.0
_RETRY = (2.0, 5.0, 15.0, 30.0)


class SaveState(StrEnum):
    """What the status bar says. SAVED is true: the masks and their rows are on the disk."""

    SAVED = "saved"
    UNSAVED = "unsaved"
    SAVING = "saving"
    FAILED = "failed"


OnState = Callable[[SaveState, MeninxError | None], None]


class Saver:
    """Autosave of one annotation.

    Parameters
    ----------
    project
        An open project that can be written.
    opened
        The annotation; the saver closes it.
    on_state
        Called from the saver's thread whenever the state changes. FAILED comes with
        the error, and the saver tries again by itself; SAVED may come with one if
        the masks are safe but the undo history could not be written.
    delay
        Seconds after the last step until it is saved.
    longest
        Seconds that a step waits at most while drawing goes on.
    action
        Word of the audit for what is saved.
    """

    def __init__(
        self,
        project: Project,
        opened: OpenAnnotation,
        on_state: OnState | None = None,
        delay: float = DELAY,
        longest: float = LONGEST,
        action: str = "draw",
    ) -> None:
        self._project = project
        self._action = action
        self._opened = opened
        self._on_state = on_state
        self._delay = delay
        self._longest = longest
        # the thread's own picture of the layers, and which of them are to be written
        self._layers = opened.take_base()
        self._states: dict[str, tuple[SliceState, ...]] = {}
        self._voxels: dict[str, NDArray[np.int64]] = {}
        self._recopy = False
        self._stale: set[str] = set()
        self._steps = 0
        self._used: Counter[str] = Counter()
        self._target = opened.editor.sequence
        self._attempt = 0
        # shared, under the lock
        self._changed = threading.Condition()
        self._pending: list[Snapshot] = []
        self._tools: Counter[str] = Counter()
        self._first = self._last = 0.0
        self._retry_at = 0.0
        self._urgent = False
        self._closing = False
        self._finished = 0
        self._saved_to = -1
        self._error: MeninxError | None = None
        self._state = SaveState.SAVED
        self._thread: threading.Thread | None = None
        opened.editor.listen(self._heard)
        if opened.editor.dirty:
            # strokes that came back after a crash: save them without waiting for a new one
            self.poke()

    @property
    def state(self) -> SaveState:
        """What was told last."""
        return self._state

    def _heard(self, change: Change) -> None:
        if change.step is not None:
            with self._changed:
                self._tools[change.step.action if change.kind in {"commit", "state"} else change.kind] += 1
            self.poke()

    def poke(self) -> None:
        """Hand over what changed, in the editor's thread; happens by itself with every step."""
        editor = self._opened.editor
        if editor.stroking:
            return
        snapshot = editor.snapshot(whole=self._recopy)
        if not snapshot.patches:
            return
        now = time.monotonic()
        with self._changed:
            if not self._pending and not self._stale:
                self._first = now
            self._last = now
            self._pending.append(snapshot)
            self._started()
            self._changed.notify_all()

    def flush(self) -> None:
        """Save all steps so far and wait for it. Any thread may call it; an open stroke is no step yet.

        Raises
        ------
        MeninxError
            The save failed; what was drawn is kept and stays unsaved.
        """
        with self._changed:
            if not (self._pending or self._stale):
                return
            wanted = self._pending[-1].sequence if self._pending else self._target
            before = self._finished
            thread = self._started()
            while self._saved_to < wanted:
                if self._error is not None and self._finished > before:
                    raise self._error
                if not thread.is_alive():
                    raise StorageError("save-stopped", file=self._project.path)
                self._urgent = True
                self._changed.notify_all()
                self._changed.wait(0.2)

    def close(self, *, discard: bool = False) -> None:
        """Save what is unsaved, stop, and close the annotation. May be called twice.

        Parameters
        ----------
        discard
            Stop even if it cannot be saved. The strokes stay in the journal as far as
            that could be written.

        Raises
        ------
        MeninxError
            The save failed: nothing was closed, and the saver goes on trying.
        """
        if discard:
            with contextlib.suppress(MeninxError):
                self.flush()
        else:
            self.flush()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
        self._opened.editor.unlisten(self._heard)
        if discard:
            with contextlib.suppress(MeninxError):
                self._opened.close()
        else:
            self._opened.close()

    def _started(self) -> threading.Thread:
        """Return the thread, running (called under the lock)."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="meninx-saver", daemon=True)
            self._thread.start()
        return self._thread

    # -- the saver's own thread ---------------------------------------------------------

    def _run(self) -> None:
        try:
            while (due := self._wait()) is not None:
                if due is SaveState.UNSAVED:
                    self._tell(SaveState.UNSAVED, None)
                    continue
                self._tell(SaveState.SAVING, None)
                error, warning = self._save()
                self._tell_result(error, warning)
        except BaseException:
            # a fault of the program: say so before the thread ends, the next step starts another
            error = MeninxError("save-stopped", file=self._project.path)
            self._tell(SaveState.FAILED, error)
            with self._changed:
                self._error = error
                self._thread = None
                self._finished += 1
                self._changed.notify_all()
            raise

    def _wait(self) -> SaveState | None:
        """Wait until something is due: to say UNSAVED, to save (SAVING), or to end (None)."""
        with self._changed:
            while not self._closing:
                left = self._seconds_left()
                if left is not None and left <= 0:
                    self._urgent = False
                    return SaveState.SAVING
                if left is not None and self._state is SaveState.SAVED:
                    return SaveState.UNSAVED
                self._changed.wait(left)
            return None

    def _seconds_left(self) -> float | None:
        if not (self._pending or self._stale):
            return None
        if self._urgent:
            return 0.0
        now = time.monotonic()
        if self._error is not None:
            return self._retry_at - now
        return min(self._last + self._delay, self._first + self._longest) - now

    def _save(self) -> tuple[MeninxError | None, MeninxError | None]:
        """Write all stale layers; return what failed, and what only the journal refused."""
        with self._changed:
            taken, self._pending = self._pending, []
            self._used.update(self._tools)
            self._tools.clear()
            self._first = self._last
            for snapshot in taken:
                self._stale.update(snapshot.patches)
        for snapshot in taken:
            self._merge(snapshot)
        if not self._is_true():
            return StorageError("save-differs", file=self._project.path), None
        warning: MeninxError | None = None
        journal = self._opened.journal
        if journal is not None:
            try:
                # first the journal: a version must never be ahead of it
                journal.sync()
            except MeninxError as error:
                warning = error
        try:
            annotation = self._opened.ensure()
            self._project.save_layers(
                annotation.id,
                {layer: self._layers[layer] for layer in sorted(self._stale)},
                {layer: self._states[layer] for layer in sorted(self._stale)},
                journal_sequence=self._target if journal is not None else 0,
                action=self._action,
                facts={"records": self._steps, "tools": dict(self._used)},
            )
        except MeninxError as error:
            return error, warning
        except (OSError, MemoryError) as error:
            return StorageError("save-failed", file=self._project.path, reason=type(error).__name__), warning
        self._opened.editor.mark_saved(self._target)
        self._recopy = False
        self._steps = 0
        self._used.clear()
        if journal is not None and warning is None:
            try:
                journal.trim(self._target, self._opened.base_hash)
            except MeninxError as error:
                warning = error
        # the masks are safe: old versions that stay a while longer hurt nobody
        with contextlib.suppress(MeninxError):
            thin(self._project, annotation.id)
        return None, warning

    def _is_true(self) -> bool:
        """Whether our picture of the layers has the voxels that the editor counted.

        It always has, unless the program is wrong; and then rather no version than a
        wrong one. The next step brings whole copies.
        """
        for layer in self._stale:
            if not np.array_equal(np.count_nonzero(self._layers[layer], axis=(1, 2)), self._voxels[layer]):
                self._recopy = True
                return False
        return True

    def _merge(self, snapshot: Snapshot) -> None:
        shape = self._opened.editor.geometry.shape
        for layer, patch in snapshot.patches.items():
            mask = self._layers.get(layer)
            if mask is None:
                mask = self._layers[layer] = np.zeros(shape, dtype=np.uint8)
            if isinstance(patch, Flip):
                for part in patch.parts:
                    mask[part.box.slices] ^= unpack(part.payload, part.box)
            elif patch is not None:
                mask[patch.box.slices] = patch.voxels
            self._states[layer] = snapshot.states[layer]
            self._voxels[layer] = snapshot.voxels[layer]
        self._steps += snapshot.sequence - self._target
        self._target = snapshot.sequence

    def _tell_result(self, error: MeninxError | None, warning: MeninxError | None) -> None:
        with self._changed:
            self._error = error
            if error is None:
                self._attempt = 0
                self._stale.clear()
                self._urgent = False
                more = bool(self._pending)
            else:
                self._retry_at = time.monotonic() + _RETRY[min(self._attempt, len(_RETRY) - 1)]
                self._attempt += 1
                more = False
        if error is not None:
            self._tell(SaveState.FAILED, error)
        else:
            self._tell(SaveState.UNSAVED if more else SaveState.SAVED, warning)
        # only now: who waits in flush() has been told the state before
        with self._changed:
            if error is None:
                self._saved_to = self._target
            self._finished += 1
            self._changed.notify_all()

    def _tell(self, state: SaveState, error: MeninxError | None) -> None:
        self._state = state
        if self._on_state is not None:
            self._on_state(state, error)
