"""Undo of what is no drawing: classes, measurements, labels named or coloured anew.

Each annotation's history is of voxels. What happens beside it is remembered here, by scan and for as long
as the project is open, with the number of the last record at that moment: so Ctrl+Z takes back what was done
last, whichever of the two it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from core.editing.editor import Change, Editor
from core.messages import text

if TYPE_CHECKING:
    from gui.session import Session

_MOST = 500


@dataclass(frozen=True, eq=False)
class Aside:
    """Something that can be taken back.

    Parameters
    ----------
    words
        What it was.
    undo, redo
        Take it back, do it again.
    place
        Native slice that it is about, None for none.
    """

    words: str
    undo: Callable[[], None]
    redo: Callable[[], None]
    place: int | None = None


class Asides(QObject):
    """What was done beside the drawing, by scan."""

    changed = Signal()
    """There is more, or less, to take back or do again."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._done: dict[str, list[tuple[int, Aside]]] = {}
        # what was taken back last is last; None for a step of the history
        self._undone: dict[str, list[tuple[int, Aside] | None]] = {}
        session.project_changed.connect(self._forget)
        session.mask_changed.connect(self._mask_changed)

    @Slot()
    def _forget(self) -> None:
        self._done.clear()
        self._undone.clear()

    @Slot(object)
    def _mask_changed(self, change: Change) -> None:
        if change.kind in ("commit", "state") and self._session.scan is not None:
            # something new was done: what was taken back is gone
            self._undone.pop(self._session.scan.id, None)

    def did(self, aside: Aside) -> None:
        """Remember what was done on the scan shown; without one it cannot be taken back."""
        session = self._session
        if session.scan is None or session.editor is None:
            return
        session.editor.commit()
        done = self._done.setdefault(session.scan.id, [])
        done.append((session.editor.sequence, aside))
        del done[:-_MOST]
        undone = self._undone.get(session.scan.id, [])
        undone[:] = [one for one in undone if one is None]
        self.changed.emit()

    @property
    def can_undo(self) -> bool:
        """Whether there is anything of the scan shown to take back."""
        return self._session.scan is not None and bool(self._done.get(self._session.scan.id))

    @property
    def can_redo(self) -> bool:
        """Whether there is anything of the scan shown to do again."""
        scan = self._session.scan
        return scan is not None and any(one is not None for one in self._undone.get(scan.id, ()))

    def step(self, editor: Editor, *, forward: bool) -> bool:
        """Take back, or do again, what comes next if it is no step of the history; return whether it was."""
        session = self._session
        if session.scan is None or editor.stroking:
            return False
        scan = session.scan.id
        aside = self._next_redo(scan) if forward else self._next_undo(scan, editor)
        if aside is None:
            return False
        key = "session.aside_again" if forward else "session.aside_back"
        session.notifier.tell(text(key, what=aside.words), "info", seconds=4)
        if aside.place is not None:
            session.slice_requested.emit(aside.place)
        (aside.redo if forward else aside.undo)()
        self.changed.emit()
        return True

    def _next_undo(self, scan: str, editor: Editor) -> Aside | None:
        done = self._done.get(scan)
        if not done:
            return None
        steps, position = editor.steps(), editor.position
        newest = steps[position - 1].sequence if position else 0
        if newest > done[-1][0]:
            # it was drawn since
            return None
        self._undone.setdefault(scan, []).append(done[-1])
        return done.pop()[1]

    def _next_redo(self, scan: str) -> Aside | None:
        undone = self._undone.get(scan)
        last = undone[-1] if undone else None
        if undone is None or last is None:
            return None
        # its place among the steps of the history, which keep theirs too
        self._done.setdefault(scan, []).append(last)
        undone.pop()
        return last[1]

    def walked(self, *, forward: bool) -> None:
        """Hear that a step of the history was taken back or done again."""
        undone = self._undone.get(self._session.scan.id) if self._session.scan is not None else None
        if not undone:
            return
        if not forward:
            undone.append(None)
        elif undone[-1] is None:
            undone.pop()
