"""What a run suggests for the chosen label of the scan shown: its regions, which are open, which were rejected."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.editing.editor import Change
from core.editing.operations import Operation, Where
from core.editing.orders import inside
from core.editing.suggesting import Region, Suggestion, find_regions
from core.errors import MeninxError
from core.labels import Label
from core.messages import text
from core.project.predictions import PredictionRecord, list_predictions, read_prediction
from core.project.project import Project
from core.project.rejections import read_rejected, write_rejected
from gui.annotate.operations.operator import Operator
from gui.background import Tasks
from gui.session import Session
from gui.viewer.overlay import Overlay

_SOON_MS = 120
_COLOR = (244, 247, 252)
_FILL = 0.12


@dataclass(frozen=True)
class _Question:
    """Whose suggestion is wanted: for which label, and of which run (empty: the newest)."""

    project: Project
    scan: str
    label: Label
    run: str
    token: int


@dataclass(frozen=True, eq=False)
class _Found:
    """What a thread brought: the runs (id, name) that predict the label here, newest first, and one's suggestion."""

    question: _Question
    runs: tuple[tuple[str, str], ...]
    suggestion: Suggestion | None
    rejected: frozenset[int]


class Proposal(QObject):
    """The suggestion that is looked at while its tool is in the hand.

    Parameters
    ----------
    session
        What is open.
    operator
        Puts accepted regions in.

    Attributes
    ----------
    runs
        (id, name) of the runs that predict the label on this scan, newest first.
    suggestion
        What the chosen run suggests; None while it is looked for or where there is none.
    rejected
        Numbers of the regions that were rejected.
    """

    changed = Signal()

    def __init__(self, session: Session, operator: Operator, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._operator = operator
        self._tasks = Tasks(self)
        self._active = False
        self._run = ""
        self._asked: _Question | None = None
        self._free: frozenset[int] = frozenset()
        self.runs: tuple[tuple[str, str], ...] = ()
        self.suggestion: Suggestion | None = None
        self.rejected: frozenset[int] = frozenset()
        # drawing goes on while what is left is counted
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._count)
        session.scan_changed.connect(self._other)
        session.label_changed.connect(self._other)
        session.project_changed.connect(self._project_changed)
        session.mask_changed.connect(self._mask_changed)

    # ------------------------------------------------------------------ what there is

    @property
    def busy(self) -> bool:
        """Whether something is being looked for."""
        return self._asked is not None or self._soon.isActive()

    @property
    def open(self) -> tuple[Region, ...]:
        """The regions that wait for a word, the largest first."""
        found = self.suggestion
        return () if found is None else tuple(one for one in found.regions if self.is_open(one.number))

    def is_open(self, number: int) -> bool:
        """Return whether a region waits for a word: not rejected, and something of it could be taken."""
        return number in self._free and number not in self.rejected

    def number_at(self, voxel: tuple[int, int, int]) -> int:
        """Return the open region at a voxel (z, y, x), 0 for none."""
        found = self.suggestion
        if found is None or not inside(voxel, found.numbers.shape):
            return 0
        number = int(found.numbers[voxel])
        return number if self.is_open(number) else 0

    def words(self) -> str:
        """Say what there is, or why there is nothing."""
        label = self._session.label
        name = label.name if label is not None else ""
        if self.suggestion is None:
            return text("suggestions.looking" if self.busy else "suggestions.none", name=name)
        left = len(self.open)
        key = "suggestions.left_one" if left == 1 else "suggestions.left" if left else "suggestions.nothing_left"
        return text(key, name=name, count=left)

    def overlays(self) -> list[Overlay]:
        """Return the open regions, to be drawn over the scan."""
        found, volume = self.suggestion, self._session.volume
        if not self._active or found is None or volume is None or found.numbers.shape != volume.shape:
            return []
        colors = {region.number: _COLOR for region in self.open}
        return [Overlay(found.numbers, colors, _FILL, True, True)] if colors else []

    # ------------------------------------------------------------------ looking

    def set_active(self, active: bool) -> None:
        """Look for suggestions, or stop showing them."""
        if active != self._active:
            self._active = active
            if active:
                self._look()
            self.changed.emit()

    def choose_run(self, run: str) -> None:
        """Look at what another run suggests."""
        if run != self._run:
            self._run = run
            self._look()

    def _look(self) -> None:
        session = self._session
        self._forget()
        if not self._active or session.project is None or session.scan is None or session.label is None:
            self.changed.emit()
            return
        self._asked = _Question(session.project, session.scan.id, session.label, self._run, session.token)
        self._tasks.start(functools.partial(_look_up, self._asked), self._there, self._failed)
        self.changed.emit()

    def _forget(self) -> None:
        self._asked = None
        self._soon.stop()
        self.suggestion = None
        self.rejected = self._free = frozenset()

    @Slot()
    def _other(self) -> None:
        self.runs = ()
        self._look()

    @Slot()
    def _project_changed(self) -> None:
        # the window may be closing: no thread outlives it
        if self._session.project is None:
            self._forget()
            self._run, self.runs = "", ()
            self._tasks.wait()

    @Slot(object)
    def _there(self, found: _Found) -> None:
        if found.question is not self._asked:
            return
        self._asked = None
        self.runs, self.suggestion, self.rejected = found.runs, found.suggestion, found.rejected
        self._run = found.suggestion.run if found.suggestion is not None else self._run
        self._count()

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._asked = None
        self._session.notifier.error(error)
        self.changed.emit()

    @Slot(object)
    def _mask_changed(self, change: Change) -> None:
        label = self._session.label
        if self.suggestion is not None and label is not None and change.layer == label.layer and change.kind != "state":
            self._soon.start()

    @Slot()
    def _count(self) -> None:
        """See which regions are open, in a thread."""
        editor, label, found = self._session.editor, self._session.label, self.suggestion
        if editor is None or label is None or found is None:
            self.changed.emit()
            return
        work = functools.partial(_left, found, editor.mask(label.layer))
        self._tasks.start(work, self._counted, self._failed)

    @Slot(object)
    def _counted(self, counted: tuple[Suggestion, frozenset[int]]) -> None:
        found, free = counted
        if found is self.suggestion:
            self._free = free
            self.changed.emit()

    # ------------------------------------------------------------------ a word on it

    def accept(self, numbers: Collection[int], where: Where = Where.SPACE) -> bool:
        """Take open regions into the mask as one step; say whether there is anything to take."""
        wanted = tuple(sorted(number for number in numbers if self.is_open(number)))
        if not wanted or self.suggestion is None:
            return False
        operation = Operation.SUGGEST_REGION if len(wanted) == 1 else Operation.SUGGEST_REGIONS
        self._operator.do(operation, where=where, suggestion=self.suggestion, numbers=wanted)
        return True

    def reject(self, numbers: Collection[int]) -> None:
        """Hide open regions from the suggestion, and remember it."""
        self._remember(self.rejected | {number for number in numbers if self.is_open(number)})

    def restore(self) -> None:
        """Show again what was rejected."""
        self._remember(frozenset())

    def _remember(self, rejected: frozenset[int]) -> None:
        session, found = self._session, self.suggestion
        if found is None or session.project is None or session.scan is None or rejected == self.rejected:
            return
        places = [region.at for region in found.regions if region.number in rejected]
        try:
            write_rejected(session.project, found.run, session.scan.id, found.digest, found.label, places)
        except MeninxError as error:
            session.notifier.error(error)
            return
        self.rejected = rejected
        self.changed.emit()


def _look_up(question: _Question) -> _Found:
    """Runs in a thread: find the runs that predict the label here, and what the wanted one (or the newest) says."""
    names = {str(run): str(name) for run, name in question.project.store.rows("SELECT id, name FROM run")}
    runs: list[tuple[str, str]] = []
    wanted: tuple[PredictionRecord, NDArray[np.uint8]] | None = None
    for record in reversed(list_predictions(question.project, scan=question.scan)):
        masks = read_prediction(question.project, record.run, question.scan)
        own = next((mask for name, mask in masks.items() if name.casefold() == question.label.name.casefold()), None)
        if own is None:
            continue
        runs.append((record.run, names.get(record.run, record.run)))
        if wanted is None or record.run == question.run:
            wanted = record, own
    if wanted is None:
        return _Found(question, (), None, frozenset())
    record, own = wanted
    suggestion = find_regions(record.run, question.label.name, record.sha256, own)
    places = read_rejected(question.project, record.run, question.scan, record.sha256, question.label.name)
    rejected = frozenset(region.number for region in suggestion.regions if region.at in places)
    return _Found(question, tuple(runs), suggestion, rejected)


def _left(found: Suggestion, mask: NDArray[np.uint8]) -> tuple[Suggestion, frozenset[int]]:
    """Runs in a thread. Where somebody draws meanwhile it is counted again."""
    return found, found.open_numbers(mask)
