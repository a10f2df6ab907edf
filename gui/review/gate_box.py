"""What the gate before a prediction removed, and what that cost: in figures, and in slices to click on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QPushButton, QWidget

from core.geometry import Geometry
from core.messages import numeral, text
from core.project.project import Project
from core.project.records import Scan
from core.review.gating import LOST, MISSED, SAVED, GatedSlice, GateLook, look_at_gate
from gui import theme
from gui.jobs.asking import Asker
from gui.review.case import LabelCase
from gui.review.numbers import volume_words

LINES = 3


class GateBox(QWidget):
    """Hidden where there was no gate."""

    slice_chosen = Signal(int)
    """Native slice (from 0)."""
    all_asked = Signal()
    """List what the gate says otherwise in all scans."""
    changed = Signal()
    """It is there now, or not any more."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look: GateLook | None = None
        """What is shown."""
        self._geometry: Geometry | None = None
        self._asker = Asker(self)
        self._asker.answered.connect(self._show)
        self._asker.refused.connect(self._refused)
        self._heading = theme.heading(text("review.gate"))
        self._words = theme.label("", "muted", wrap=True)
        self._cost = theme.label("", wrap=True)
        self._lines = [theme.button("", "flat") for _ in range(LINES)]
        outer = theme.column(self, gap=2)
        for widget in (self._heading, self._words, self._cost):
            outer.addWidget(widget)
        for line in self._lines:
            line.setStyleSheet("QPushButton { text-align: left; padding: 0 2px; min-height: 20px; font-size: 12px; }")
            line.setCursor(Qt.CursorShape.PointingHandCursor)
            line.clicked.connect(self._chosen)
            outer.addWidget(line)
        self.all = theme.button(text("gating.all_scans"), "small", tip=text("gating.all_scans_tip"))
        self.all.clicked.connect(self.all_asked)
        foot = theme.row()
        foot.addWidget(self.all)
        foot.addStretch(1)
        outer.addLayout(foot)
        self.hide()

    @property
    def words(self) -> tuple[str, str]:
        """What it removed, and what that cost."""
        return self._words.text(), self._cost.text()

    @property
    def lines(self) -> list[str]:
        """The slices offered."""
        return [line.text() for line in self._lines if not line.isHidden()]

    def ask(self, project: Project | None, run: str, scan: Scan | None, case: LabelCase | None) -> None:
        """Show what the gate did to a label; nothing where there is no prediction."""
        if project is None or scan is None or case is None:
            self._asker.forget()
            self._show(None)
            return
        self._geometry = project.geometry(scan.id)
        self._asker.ask(_look, project, run, scan, case)

    @Slot(object)
    def _refused(self, error: Exception) -> None:
        # a damaged file is told where the prediction itself is read
        self._show(None)

    @Slot(object)
    def _show(self, found: GateLook | None) -> None:
        self.look = found
        self.setVisible(found is not None)
        self.changed.emit()
        if found is None or self._geometry is None:
            return
        self._heading.setText(text("review.gate_of", run=found.name).upper())
        removed = volume_words(found.removed, self._geometry)
        self._words.setText(
            text("review.gate_words", clean=found.clean, slices=found.slices, emptied=found.emptied, removed=removed)
        )
        self._words.setToolTip(
            text("review.gate_tip", name=found.class_name, threshold=numeral(found.threshold, ".3f"), run=found.name)
        )
        cost = cost_words(found)
        self._cost.setText(cost)
        self._cost.setVisible(bool(cost))
        theme.set_role(self._cost, "warning" if found.count(LOST) + found.count(MISSED) else "")
        for number, line in enumerate(self._lines):
            line.setVisible(number < len(found.rows))
            if number < len(found.rows):
                line.setText(row_words(found.rows[number], self._geometry))
                line.setProperty("slice", found.rows[number].slice)

    @Slot()
    def _chosen(self) -> None:
        line = self.sender()
        if isinstance(line, QPushButton):
            self.slice_chosen.emit(int(line.property("slice")))

    def close_page(self) -> None:
        """End the thread."""
        self._asker.close()


def _look(project: Project, run: str, scan: Scan, case: LabelCase) -> GateLook | None:
    """Runs in a thread."""
    truth = None if case.truth is None else case.truth[0] == case.truth[1]
    return look_at_gate(project, run, scan, case.name, case.predicted, truth, case.compared.known)


def cost_words(found: GateLook) -> str:
    """Say what the gate cost and gained; empty where nothing is known of it."""
    parts = []
    if found.dice is not None and found.dice_before is not None:
        parts.append(
            text("review.gate_dice", before=numeral(found.dice_before, ".3f"), after=numeral(found.dice, ".3f"))
        )
    cost = found.count(LOST) + found.count(MISSED)
    if cost:
        parts.append(text("review.gate_cost_one" if cost == 1 else "review.gate_cost", count=cost))
    elif found.dice is not None:
        parts.append(text("review.gate_no_cost"))
    if found.count(SAVED):
        parts.append(text("review.gate_saved", count=found.count(SAVED)))
    return " ".join(parts)


def row_words(row: GatedSlice, geometry: Geometry) -> str:
    """Return a line: the slice, and what emptying it did."""
    what = text(
        f"review.gate_row_{row.what}",
        removed=volume_words(row.removed, geometry),
        truth=volume_words(row.truth, geometry),
    )
    return text("review.next_line", slice=row.slice + 1, reason=what)
