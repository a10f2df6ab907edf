"""Saved versions of the masks shown: looked at over the scan, and brought back as one step."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from core.editing.replacing import Replacement, prepare, respecting
from core.errors import MeninxError
from core.messages import text
from core.project.project import Project
from core.project.records import LayerVersion
from gui.background import Tasks
from gui.mending import Mender

if TYPE_CHECKING:
    from gui.session import Session


@dataclass(frozen=True, eq=False)
class Preview:
    """An old version that is looked at: its mask, uint8 ``[z, y, x]``."""

    version: LayerVersion
    mask: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Ready:
    token: int
    version: LayerVersion
    replacement: Replacement
    mask: NDArray[np.uint8]


class Versions(QObject):
    """The saved versions of the scan shown.

    Attributes
    ----------
    mender
        Offers an older version where the newest is damaged.
    """

    previewed = Signal()
    """:attr:`preview` changed."""
    listed = Signal(object)
    """Versions as :meth:`ask` found them: a list of :class:`LayerVersion`, newest first."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._tasks = Tasks(self)
        self._wanted: LayerVersion | None = None
        self.preview: Preview | None = None
        self.mender = Mender(session)
        session.scan_changed.connect(self.clear)

    def ask(self) -> None:
        """List the versions of all layers; :attr:`listed` follows."""
        session = self._session
        loaded, project = session.loaded, session.project
        if loaded is None or project is None or loaded.opened.annotation is None:
            self.listed.emit([])
            return
        work = functools.partial(_list, project, loaded.opened.annotation.id)
        self._tasks.start(work, self._there, session.notifier.error)

    @Slot(object)
    def _there(self, found: list[LayerVersion]) -> None:
        loaded = self._session.loaded
        annotation = loaded.opened.annotation if loaded is not None else None
        self.listed.emit([one for one in found if annotation is not None and one.annotation == annotation.id])

    def look(self, version: LayerVersion | None) -> None:
        """Show the outline of a version over the scan; None shows none."""
        self._wanted = version
        project = self._session.project
        if version is None or project is None:
            self._show(None)
            return
        self._tasks.start(functools.partial(_read, project, version), self._looked, self._refused)

    @Slot(object)
    def _looked(self, preview: Preview) -> None:
        if preview.version == self._wanted:
            self._show(preview)

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._session.notifier.error(error)
        self._wanted = self.preview = None
        # also where none was shown before: it was chosen, and is not any more
        self.previewed.emit()

    @Slot()
    def clear(self) -> None:
        """Look at no version any more."""
        self._wanted = None
        self._show(None)

    def close(self) -> None:
        """Wait for what is being read."""
        self._tasks.wait()
        self.mender.close()

    def _show(self, preview: Preview | None) -> None:
        if preview is not self.preview:
            self.preview = preview
            self.previewed.emit()

    def bring_back(self, version: LayerVersion) -> None:
        """Make a layer what it was in a version: one undoable step. Locked labels stay as they are."""
        if self._session.can_edit and self._session.project is not None:
            self._tasks.start(functools.partial(_read, self._session.project, version), self._prepare, self._refused)

    @Slot(object)
    def _prepare(self, preview: Preview) -> None:
        session, editor = self._session, self._session.editor
        loaded = session.loaded
        shown = loaded.opened.annotation if loaded is not None else None
        if editor is None or not session.can_edit or shown is None or shown.id != preview.version.annotation:
            return
        editor.commit()
        layer = preview.version.layer
        locked = session.labels.locked_values(layer)
        work = functools.partial(_make_ready, session.token, editor.revision, editor.mask(layer), preview, locked)
        self._tasks.start(work, self._put, self._refused)

    @Slot(object)
    def _put(self, ready: _Ready) -> None:
        session, editor = self._session, self._session.editor
        if editor is None or not session.can_edit or ready.token != session.token:
            return
        if editor.stroking or editor.revision != ready.replacement.revision:
            # somebody drew meanwhile: once more, for what is there now
            self._prepare(Preview(ready.version, ready.mask))
            return
        step = editor.put(ready.replacement, action="bring_back", origin=None)
        key = "session.version_same" if step is None else "session.version_back"
        session.notifier.tell(text(key), "info" if step is None else "good")
        if step is not None:
            session.step_walked.emit(step)
        self.clear()


def _list(project: Project, annotation: str) -> list[LayerVersion]:
    found = [version for layer in project.layers(annotation) for version in project.layer_versions(annotation, layer)]
    return sorted(found, key=lambda one: (one.created, one.journal_sequence, one.sequence), reverse=True)


def _read(project: Project, version: LayerVersion) -> Preview:
    return Preview(version, project.read_version(version))


def _make_ready(token: int, revision: int, now: NDArray[np.uint8], preview: Preview, locked: tuple[int, ...]) -> _Ready:
    layer = preview.version.layer
    wanted = respecting(now, preview.mask, locked)
    return _Ready(token, preview.version, prepare(revision, {layer: now}, {layer: wanted}), preview.mask)
