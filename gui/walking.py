"""Undo and redo as a person means them: one step, or back to one of long ago without holding the window."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

from core.editing.editor import Editor, Step
from core.errors import MeninxError
from core.messages import text
from core.project.relabel import ACTION
from gui.asides import Asides
from gui.splitting import ACTION as SPLIT
from gui.splitting import SplitLabels

if TYPE_CHECKING:
    from gui.session import Session

TURN = 0.008
"""Seconds of the window's thread that are taken at a time."""


class Walker(QObject):
    """Goes through the history of the scan shown.

    Attributes
    ----------
    asides
        What was done beside the drawing, taken back in its turn.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.asides = Asides(session)
        self._split = SplitLabels(session)
        self._target = 0
        self._editor: Editor | None = None
        self._sequence = 0
        self._turns = QTimer(self)
        self._turns.setInterval(0)
        self._turns.timeout.connect(self._turn)

    def step(self, *, forward: bool) -> None:
        """Undo or redo one step and show where it was."""
        self.stop()
        editor = self._session.editor
        if (
            editor is not None
            and self._session.can_edit
            and not self._session.labeller.busy
            and not self.asides.step(editor, forward=forward)
        ):
            self._one(editor, forward=forward)

    def go_to(self, position: int) -> None:
        """Undo or redo until so many of the steps are done; a little at a time."""
        editor = self._session.editor
        if editor is None or not self._session.can_edit:
            return
        editor.commit()
        self._editor, self._target, self._sequence = editor, position, editor.sequence
        self._turns.start()

    def stop(self) -> None:
        """Stay where the walk has come to."""
        self._turns.stop()
        self._editor = None

    @Slot()
    def _turn(self) -> None:
        editor = self._editor
        shown = editor is self._session.editor and self._session.can_edit
        # another step means that somebody draws: the history is theirs again
        if editor is None or not shown or editor.stroking or editor.sequence != self._sequence:
            self.stop()
            return
        end = time.perf_counter() + TURN
        while time.perf_counter() < end:
            position = editor.position
            if position == self._target or not self._one(editor, forward=position < self._target):
                self.stop()
                return
            self._sequence = editor.sequence

    def _one(self, editor: Editor, *, forward: bool) -> bool:
        """Do one step; say whether the walk may go on."""
        before = editor.forgotten
        if not editor.stroking and self._concerns_labels(editor, forward=forward):
            return False
        try:
            if forward and not self._labels_back(editor):
                return False
            step = editor.redo() if forward else editor.undo()
            if step is not None and not forward and step.action == SPLIT:
                self._split.undone(step)
        except MeninxError as error:
            self._session.notifier.error(error)
            return False
        if step is not None:
            self.asides.walked(forward=forward)
            self._session.step_walked.emit(step)
        elif editor.forgotten > before:
            self._session.notifier.tell(text("session.forgotten"), "warning", seconds=10)
        return step is not None

    def _labels_back(self, editor: Editor) -> bool:
        """Bring the labels back that the next step needs; False if they cannot be."""
        steps, place = editor.steps(), editor.position
        if editor.stroking or place >= len(steps) or steps[place].action != SPLIT:
            return True
        step = editor.step_at(place)
        return step is None or self._split.again(step)

    def _concerns_labels(self, editor: Editor, *, forward: bool) -> bool:
        """Whether the step changed the labels of the project: then it is no business of this scan alone."""
        steps, place = editor.steps(), editor.position - (not forward)
        step: Step | None = steps[place] if 0 <= place < len(steps) else None
        if step is None or not step.action.startswith(ACTION):
            return False
        labels, labeller = self._session.labels, self._session.labeller
        named = (step.layer, step.label_value)
        gone = next((one for one in labels.removed if (one.label.layer, one.label.value) == named), None)
        if (step.action == f"{ACTION}back") is forward:
            # the label comes back, if it is not there already
            if gone is not None:
                labeller.bring_back(gone)
            return gone is not None
        if gone is not None or not any((one.layer, one.value) == named for one in labels):
            return False
        labeller.again(named)
        return True
