"""Taking a prediction over: whole, the slice shown, or one region; and learning on from the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from core.errors import MeninxError
from core.learning.runs import Run
from core.messages import text
from gui.correcting import Only
from gui.review.ask_finished import ask_keep_finished
from gui.review.case import LabelCase, ReviewCase
from gui.review.compare_bar import CompareBar
from gui.review.panes import ReviewPanes

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from gui.session import Session

Place = tuple[float, float, float]


class CorrectDesk(QObject):
    """Behind the button *Correct in Annotate* and its menu.

    Parameters
    ----------
    session, bar, panes
        What is open, and where is asked and shown.
    shown
        Gives the run, the case and the label that are compared.
    parent
        Of questions.
    """

    def __init__(
        self,
        session: Session,
        bar: CompareBar,
        panes: ReviewPanes,
        shown: Callable[[], tuple[Run | None, ReviewCase | None, LabelCase | None]],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._session, self._bar, self._panes, self._shown = session, bar, panes, shown
        self._parent = parent
        self._choosing = False
        self._over: Place | None = None
        bar.correct_asked.connect(self.correct)
        bar.slice_asked.connect(self.take_slice)
        bar.region_asked.connect(self.choose_region)
        bar.again_asked.connect(self.train_again)
        bar.parts_opened.connect(self._offer)
        panes.hovered.connect(self._hovered)
        for view in panes.views:
            view.picked.connect(self.take_region)
            view.pressed.connect(self._pressed)

    @property
    def choosing(self) -> bool:
        """Whether the next click chooses a region."""
        return self._choosing

    @Slot()
    def correct(self) -> None:
        """Take the whole prediction into the reader's annotation and go there."""
        run, case, _ = self._shown()
        volume = self._session.volume
        if run is None or volume is None or case is None or not case.predicted:
            return
        keep = self._keep_finished(case)
        if keep is None:
            return
        middle = (volume.shape[2] // 2, volume.shape[1] // 2, self._panes.index)
        self._session.correct_from(run.id, keep_finished=keep)
        self._session.position_requested.emit(middle)

    def _keep_finished(self, case: ReviewCase) -> bool | None:
        """Ask what becomes of slices that the reader has finished; None for nothing at all."""
        editor = self._session.editor
        if editor is None:
            return None
        layers = {label.label.layer for label in case.labels.values() if label.label is not None}
        finished = [editor.finished(layer) for layer in layers]
        count = max((int(one.sum()) for one in finished), default=0)
        # of several labels one may be finished everywhere and another nowhere
        whole = len(finished[0]) if finished and all(one.all() for one in finished) else count + 1
        return ask_keep_finished(self._parent, count, whole) if count else False

    @Slot()
    def _offer(self) -> None:
        """Offer a slice, or a region of it, only where one is seen: tables and lists stand in the panes' place."""
        _, case, _ = self._shown()
        predicted = case is not None and case.predicted
        self._bar.offer_slice(predicted and self._session.can_edit and self._panes.isVisible())

    @Slot()
    def take_slice(self) -> None:
        """Take what is predicted on the slice shown, all labels; a finished slice is no longer finished then."""
        run, case, _ = self._shown()
        if run is not None and case is not None and case.predicted and self._session.can_edit:
            self._session.correct_from(run.id, only=Only(slices=(self._panes.index,)))

    @Slot()
    def choose_region(self) -> None:
        """Let the next click in a pane choose a region."""
        self._choosing = True
        self._session.notifier.tell(text("review.region_click"), "info")

    @Slot(object)
    def _hovered(self, xyz: Place | None) -> None:
        self._over = xyz

    @Slot()
    def _pressed(self) -> None:
        if self._choosing:
            self._choosing = False
            self.take_region(self._over)

    @Slot(object)
    def take_region(self, xyz: Place | None) -> None:
        """Add the predicted region at a place (x, y, z), not rounded, to the annotation; the reader stays here."""
        run, _, label = self._shown()
        if run is None or label is None or not self._session.can_edit:
            return
        # a voxel's centre is at a whole number; what is clicked lies between
        voxel = None if xyz is None else (round(xyz[2]), round(xyz[1]), round(xyz[0]))
        inside = voxel is not None and all(
            0 <= place < count for place, count in zip(voxel, label.predicted.shape, strict=True)
        )
        if voxel is None or not inside or not label.predicted[voxel]:
            self._session.notifier.tell(text("review.region_none", label=label.name), "warning")
            return
        self._session.correct_from(run.id, only=Only(label=label.name, voxel=voxel))

    @Slot()
    def train_again(self) -> None:
        """Train once more from the run shown, with its settings and all that is finished now."""
        run, _, _ = self._shown()
        if run is None or not run.usable or self._session.read_only:
            return
        # the parent's weights are the start: no others
        config = replace(run.config, parent=run.id, encoder_weights="")
        self._session.save_now()
        try:
            self._session.jobs.start_training(config)
        except MeninxError as error:
            self._session.notifier.error(error)
            return
        self._session.notifier.tell(text("review.training_again", run=run.name), "info")
        self._session.workspace_requested.emit("train")
