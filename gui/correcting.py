"""Correct: a prediction becomes the annotation, as steps that can be undone."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Slot

from core.labels import Label
from core.messages import text
from core.project.predictions import read_prediction
from core.project.project import Project
from core.project.records import Origin
from gui.background import Tasks

if TYPE_CHECKING:
    from gui.session import Session


@dataclass(frozen=True, eq=False)
class Taken:
    """A prediction that was read: masks uint8 ``[z, y, x]`` by label name, and for which opening of a scan."""

    run: str
    token: int
    masks: dict[str, NDArray[np.uint8]]
    keep_finished: bool = False


def _read(project: Project, run: str, scan_id: str, token: int, keep_finished: bool) -> Taken:
    return Taken(run, token, dict(read_prediction(project, run, scan_id)), keep_finished)


class Corrector(QObject):
    """Reads a prediction in a thread and puts it into the editor."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._tasks = Tasks(self)

    def take(self, run: str, *, keep_finished: bool = False) -> None:
        """Take the prediction of a run (id) for the scan shown: one step per layer.

        Parameters
        ----------
        keep_finished
            Leave slices alone that the reader has marked as finished.
        """
        session = self._session
        if session.project is None or session.scan is None or not session.can_edit:
            return
        read = functools.partial(_read, session.project, run, session.scan.id, session.token, keep_finished)
        self._tasks.start(read, self._there, session.notifier.error)

    def close(self) -> None:
        """Wait for what is being read."""
        self._tasks.wait()

    @Slot(object)
    def _there(self, found: Taken) -> None:
        session, editor = self._session, self._session.editor
        if editor is None or not session.can_edit or found.token != session.token:
            return
        by_layer: dict[str, list[Label]] = {}
        for name in found.masks:
            label = session.labels.find(name)
            if label is not None:
                by_layer.setdefault(label.layer, []).append(label)
        taken = False
        for layer, labels in by_layer.items():
            new = editor.mask(layer).copy()
            for label in labels:
                new[new == label.value] = 0
            for label in labels:
                new[found.masks[label.name] != 0] = label.value
            if found.keep_finished:
                kept = editor.finished(layer)
                new[kept] = editor.mask(layer)[kept]
            one = labels[0] if len(labels) == 1 else None
            step = editor.replace(layer, new, action="correct", label=one, origin=Origin.CORRECTED, run=found.run)
            taken = taken or step is not None
        key = "session.prediction_taken" if taken else "session.prediction_same"
        session.notifier.tell(text(key), "good" if taken else "info")
        session.workspace_requested.emit("annotate")
