"""The bar above the panes: what is compared with what, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import QComboBox, QMenu, QSizePolicy, QWidget

from core.messages import text
from gui import theme
from gui.review.case import Reference
from gui.roomy import FoldingBar
from gui.train.run_table import RunRow

NARROW = 800
"""Below this width (px) the bar has no room for all its words."""
_AROUND, _WIDEST = 58, 170
"""Width (px) of a box beside its words, and from which on words are cut rather than that the bar gets a line more."""
_SECOND = 34
"""Height (px) of a second line."""


class CompareBar(FoldingBar):
    """Run, reference, and the buttons; these below where the window is narrow."""

    run_chosen = Signal()
    reference_chosen = Signal()
    predict_scan_asked = Signal()
    predict_missing_asked = Signal()
    predict_all_asked = Signal()
    worst_asked = Signal()
    next_asked = Signal(bool)
    """Show the list of the next best slices, or the panes again."""
    correct_asked = Signal()
    slice_asked = Signal()
    region_asked = Signal()
    parts_opened = Signal()
    """The menu of parts opens: it is to know what can be taken."""
    again_asked = Signal()
    """Train again from the run."""
    gate_list_asked = Signal()
    """List where a gate and masks say otherwise."""
    ways_asked = Signal()
    """How to predict."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(theme.space("option_bar"), _SECOND, theme.space("s"), parent)
        # how many runs are on offer; no answer yet
        self._offered = -1
        self.run = _combo(5)
        self.run.setToolTip(text("review.run_tip"))
        self.run.setAccessibleName(text("review.run_name"))
        self.reference = _combo(6)
        self.reference.setToolTip(text("review.reference_tip"))
        self.reference.setAccessibleName(text("review.reference_name"))
        self.run.currentIndexChanged.connect(self._run_changed)
        self.reference.currentIndexChanged.connect(self._reference_changed)
        self.predict = theme.button(text("review.predict"), tip=text("review.predict_tip"))
        self.predict.setMenu(self._predict_menu())
        self.worst = theme.button(text("review.worst"), tip=text("review.worst_tip"))
        self.worst.clicked.connect(self.worst_asked)
        self.next = theme.button(text("review.next_best"), tip=text("review.next_best_tip"))
        self.next.setCheckable(True)
        self.next.clicked.connect(self.next_asked)
        self.correct = theme.primary_button(text("review.correct"), tip=text("review.correct_tip"))
        self.correct.clicked.connect(self.correct_asked)
        self.parts = theme.button("", tip=text("review.parts_tip"))
        self.parts.setAccessibleName(text("review.parts_tip"))
        self.parts.setMenu(self._parts_menu())
        self.parts.setFixedWidth(34)
        what, acts = self.lines
        self._compare = theme.label(text("review.compare"), "muted")
        what.addWidget(self._compare)
        what.addWidget(self.run, 4)
        what.addWidget(theme.label(text("review.with"), "muted"))
        what.addWidget(self.reference, 4)
        # what the two boxes leave
        what.addStretch(0)
        acts.addStretch(1)
        for button in (self.predict, self.worst, self.next, self.correct, self.parts):
            acts.addWidget(button)

    def _predict_menu(self) -> QMenu:
        menu = QMenu(self)
        for key, signal in (
            ("predict_scan", self.predict_scan_asked),
            ("predict_missing", self.predict_missing_asked),
            ("predict_all", self.predict_all_asked),
        ):
            action = QAction(text(f"review.{key}"), menu)
            action.triggered.connect(signal)
            menu.addAction(action)
        menu.addSeparator()
        ways = QAction(text("review.predict_ways"), menu)
        ways.triggered.connect(self.ways_asked)
        menu.addAction(ways)
        self.gates = QMenu(text("review.gate_menu"), menu)
        self.gates.setToolTipsVisible(True)
        self.gates.setToolTip(text("review.gate_menu_tip"))
        menu.addMenu(self.gates)
        self._gate_choices = QActionGroup(self)
        self._gate_choices.triggered.connect(self._gate_changed)
        self._offer_gates(())
        return menu

    def offer(self, menu: QMenu) -> None:
        """Offer another way to predict."""
        self.predict.menu().addMenu(menu)

    def _offer_gates(self, rows: Sequence[RunRow]) -> None:
        """Offer the runs that say yes or no as a gate; the choice is kept where it is still there."""
        kept = self.chosen_gate
        self.gates.clear()
        for action in self._gate_choices.actions():
            self._gate_choices.removeAction(action)
        none = (text("review.gate_none"), "")
        named = [
            (text("review.gate_run", run=row.run.name, name=row.run.config.class_name), row.run.id) for row in rows
        ]
        for words, run in (none, *named):
            action = QAction(words, self.gates)
            action.setCheckable(True)
            action.setData(run)
            action.setChecked(run == kept)
            self._gate_choices.addAction(action)
            self.gates.addAction(action)
        if self._gate_choices.checkedAction() is None:
            self._gate_choices.actions()[0].setChecked(True)
        self.gates.addSeparator()
        differ = QAction(text("gating.menu"), self.gates)
        differ.setToolTip(text("gating.all_scans_tip"))
        differ.triggered.connect(self.gate_list_asked)
        self.gates.addAction(differ)
        self.gates.setEnabled(bool(rows))
        self._gate_changed()

    @property
    def chosen_gate(self) -> str:
        """Id of the run whose clean slices stay empty, or ``""``."""
        action = self._gate_choices.checkedAction()
        return str(action.data()) if action is not None else ""

    def choose_gate(self, run: str) -> None:
        """Choose a gate by its id."""
        for action in self._gate_choices.actions():
            if action.data() == run:
                action.setChecked(True)
        self._gate_changed()

    @Slot()
    def _gate_changed(self) -> None:
        if self.gates.isEnabled():
            # room for the longer word from the start: choosing a gate moves and folds nothing
            self.predict.setText(text("review.predict_gated"))
            self.predict.setMinimumWidth(self.predict.sizeHint().width())
        self.predict.setText(text("review.predict_gated" if self.chosen_gate else "review.predict"))

    def _parts_menu(self) -> QMenu:
        menu = QMenu(self)
        for key, signal in (
            ("take_slice", self.slice_asked),
            ("take_region", self.region_asked),
            ("train_again", self.again_asked),
        ):
            action = QAction(text(f"review.{key}"), menu)
            action.triggered.connect(signal)
            menu.addAction(action)
        self._of_slice = menu.actions()[:2]
        menu.insertSeparator(menu.actions()[-1])
        menu.aboutToShow.connect(self.parts_opened)
        return menu

    def offer_slice(self, offered: bool) -> None:
        """Say whether a slice, or a region of it, can be taken now."""
        for action in self._of_slice:
            action.setEnabled(offered)

    def resizeEvent(self, event: QResizeEvent) -> None:
        narrow = event.size().width() < NARROW
        self._compare.setVisible(not narrow)
        ending = "_short" if narrow else ""
        self.worst.setText(text(f"review.worst{ending}"))
        self.correct.setText(text(f"review.correct{ending}"))
        super().resizeEvent(event)

    def needed(self) -> int:
        """Return what both parts need, with what is chosen read whole."""
        return super().needed() + sum(_more(box) for box in (self.run, self.reference))

    @property
    def chosen_run(self) -> str:
        """Id of the chosen run, or ``""``."""
        return str(self.run.currentData() or "")

    @property
    def chosen_reference(self) -> Reference | None:
        """What the run is compared with."""
        found = self.reference.currentData()
        return found if isinstance(found, Reference) else None

    def set_runs(self, rows: Sequence[RunRow], wanted: str) -> None:
        """Offer the runs that predicted; ``wanted`` (an id), else the one chosen before, else the best is chosen."""
        if not rows and not self._offered:
            return
        self._offered = len(rows)
        kept = wanted or self.chosen_run
        self.run.blockSignals(True)
        self.run.clear()
        best = 0
        for row in rows:
            if not row.run.comparable:
                continue
            if row.best:
                best = self.run.count()
            # a starter, or a run of another project, is known by what it is called there
            name = f"{row.run.name} · {row.origin}" if row.origin else row.run.name
            self.run.addItem(f"{name}  ★" if row.best else name, row.run.id)
        self._offer_gates([row for row in rows if row.run.usable and row.run.config.classifies])
        index = self.run.findData(kept)
        self.run.setCurrentIndex(index if index >= 0 else best if self.run.count() else -1)
        self.run.blockSignals(False)
        self.fold()

    def choose_run(self, run: str) -> bool:
        """Choose a run by its id; return whether it is there."""
        index = self.run.findData(run)
        if index >= 0:
            self.run.setCurrentIndex(index)
        return index >= 0

    def set_references(self, references: Sequence[Reference]) -> None:
        """Offer what the run can be compared with; the choice is kept where it is still there."""
        kept = self.chosen_reference
        self.reference.blockSignals(True)
        self.reference.clear()
        for reference in references:
            self.reference.addItem(reference.words, reference)
        same = [
            number
            for number, one in enumerate(references)
            if kept is not None and (one.kind, one.id) == (kept.kind, kept.id)
        ]
        self.reference.setCurrentIndex(same[0] if same else 0)
        self.reference.blockSignals(False)
        self.fold()

    @Slot()
    def _run_changed(self) -> None:
        self.fold()
        self.run_chosen.emit()

    @Slot()
    def _reference_changed(self) -> None:
        self.fold()
        self.reference_chosen.emit()


def _more(box: QComboBox) -> int:
    """Return by how much a box has to be wider than it must be, to show what is chosen."""
    wanted = box.fontMetrics().horizontalAdvance(box.currentText()) + _AROUND
    return max(0, min(wanted, _WIDEST) - box.minimumSizeHint().width())


def _combo(letters: int) -> QComboBox:
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(letters)
    made.setMaximumWidth(230)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made
