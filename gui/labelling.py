"""Labels deleted, merged, moved and brought back: the window's side of :mod:`core.project.relabel`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from core.errors import MeninxError
from core.label_edits import reverted
from core.labels import LabelSet, RemovedLabel
from core.messages import text
from core.project import relabel
from core.project.project import Project
from gui.asides import Aside
from gui.background import Tasks
from gui.notify import Kind

if TYPE_CHECKING:
    from gui.session import Session


class Labeller(QObject):
    """Changes labels together with the masks of all scans.

    The scan shown is closed meanwhile and read anew afterwards, so that its masks go the
    same way as all others; its history stays.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._tasks = Tasks(self)
        self._change: relabel.Change | None = None
        self._done: relabel.Done | None = None
        self._by_hand = self._taking_back = False
        self._follows = False
        self._offered = ""
        session.scan_changed.connect(self._scan_changed)

    @property
    def busy(self) -> bool:
        """Whether masks are being changed."""
        return self._change is not None

    def delete(self, name: str) -> None:
        """Delete a label and its voxels in all scans."""
        self._start(relabel.plan_delete, name, by_hand=True)

    def merge(self, name: str, into: str) -> None:
        """Make all of a label part of another, in all scans."""
        self._start(relabel.plan_merge, name, into, by_hand=True)

    def move(self, name: str, layer: str) -> None:
        """Put a label on another layer, in all scans."""
        self._start(relabel.plan_move, name, layer, by_hand=True)

    def bring_back(self, gone: RemovedLabel) -> None:
        """Bring back a label that was deleted, merged or moved."""
        self._start(relabel.plan_back, gone)

    def change(self, labels: LabelSet) -> None:
        """Store other labels as a part of a step of the history, which takes them along when it is taken back.

        Raises
        ------
        MeninxError
            As :meth:`gui.session.Session.change_labels`.
        """
        with self._not_by_hand():
            self._session.change_labels(labels)

    @contextlib.contextmanager
    def _not_by_hand(self) -> Iterator[None]:
        self._taking_back = True
        try:
            yield
        finally:
            self._taking_back = False

    def edited(self, before: LabelSet, after: LabelSet) -> None:
        """Hear that labels were added, named, coloured, locked or put in another order: that can be taken back."""
        if self._taking_back or before == after:
            return
        old = {(label.layer, label.value): label for label in before}
        changed = [label for label in after if old.get((label.layer, label.value)) != label]
        names = ", ".join(label.name for label in changed)
        words = text("session.labels_edited" if names else "session.labels_ordered", names=names)
        back = functools.partial(self._revert, before, after)
        self._session.walker.asides.did(Aside(words, back, functools.partial(self._revert, after, before)))

    def _revert(self, before: LabelSet, after: LabelSet) -> None:
        session = self._session
        wanted = reverted(session.labels, before, after)
        old, new = ({(label.layer, label.value) for label in labels} for labels in (before, after))
        added = [label for label in session.labels if (label.layer, label.value) in new - old]
        gone = [one for one in session.labels.removed if (one.label.layer, one.label.value) in old - new]
        if gone:
            # it was drawn with, and went as a deleted label does
            self.bring_back(gone[-1])
            return
        with self._not_by_hand():
            try:
                session.change_labels(wanted)
            except MeninxError as error:
                if error.code == "label-in-use" and added:
                    # saved masks hold it: then it goes as a deleted label does, with its voxels
                    self.delete(added[0].name)
                else:
                    session.notifier.error(error)

    def again(self, place: tuple[str, int]) -> None:
        """Do once more what was taken back of the label with this layer and value."""
        project = self._session.project
        if project is not None:
            self._start(relabel.plan_again, place, relabel.undone_of(project))

    def close(self) -> None:
        """Wait for what is under way."""
        self._tasks.wait()

    def _start(self, plan: Callable[..., relabel.Change], *facts: object, by_hand: bool = False) -> None:
        session = self._session
        project = session.project
        if project is None or session.read_only or self.busy:
            return
        if session.scan is not None and not session.can_edit:
            session.notifier.tell(text("annotate.refused_busy"), "warning")
            return
        try:
            change = plan(session.labels, *facts)
        except MeninxError as error:
            session.notifier.error(error)
            return
        self._change, self._done = change, None
        # who merges the label in the hand goes on with what it became
        self._follows = change.kind == "merge" and session.label == change.source
        self._by_hand = by_hand and not self._taking_back
        work = functools.partial(self._work, project, change)
        if session.scan is not None:
            session.open_scan(session.scan.id, again=True, between=work)
        else:
            self._tasks.start(work, self._told, self._failed)

    def _work(self, project: Project, change: relabel.Change) -> None:
        """Runs in a thread."""
        self._done = relabel.carry_out(project, change)

    @Slot()
    def _scan_changed(self) -> None:
        """The scan was read anew: what was asked for is done, or could not be."""
        if self._change is not None and not self._session.loading:
            self._told()

    @Slot(object)
    def _told(self, _nothing: object = None) -> None:
        change, done = self._change, self._done
        self._change = self._done = None
        session = self._session
        session.reload_labels()
        if change is None or done is None:
            return
        name = change.source.name if change.gone is None else change.gone.label.name
        into = change.target.name if change.target is not None else ""
        if self._follows:
            session.choose_label(into)
        nowhere = "" if done.scans else "_nowhere"
        words = [text(f"session.label_{change.kind}{nowhere}", name=name, into=into, count=done.scans)]
        if done.covered:
            words.append(text("session.label_covered", voxels=done.covered))
        if done.missed:
            words.append(text("session.label_missed", names=", ".join(done.missed)))
        kind: Kind = "warning" if done.missed or done.covered else "good"
        said = " ".join(words)
        if self._by_hand:
            self._remember(change, words[0].rstrip("."))
        # the label is back or gone once more: what was offered last is out of date
        session.notifier.withdraw(self._offered)
        self._offered = said
        if change.kind == "back" or not session.labels.removed:
            session.notifier.tell(said, kind, seconds=10)
        else:
            undo = functools.partial(self.bring_back, session.labels.removed[-1])
            session.notifier.offer(said, text("session.label_undo"), undo, kind=kind, seconds=20)

    def _remember(self, change: relabel.Change, words: str) -> None:
        """Let Ctrl+Z take it back also where the scan shown has no step of it: the label is not drawn there."""
        editor, source = self._session.editor, change.source
        if editor is None:
            return
        last = editor.steps()[editor.position - 1] if editor.position else None
        place = (source.layer, source.value)
        if last is not None and last.action == change.action and (last.layer, last.label_value) == place:
            return
        back = functools.partial(self._back_at, place)
        self._session.walker.asides.did(Aside(words, back, functools.partial(self.again, place)))

    def _back_at(self, place: tuple[str, int]) -> None:
        removed = self._session.labels.removed
        gone = next((one for one in reversed(removed) if (one.label.layer, one.label.value) == place), None)
        if gone is not None:
            self.bring_back(gone)

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._change = self._done = None
        self._session.notifier.error(error)
        self._session.reload_labels()
