"""Figures of one run, or of two to four beside each other: curves over each other, tables, what differs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QSizePolicy, QWidget

from core.messages import numeral, text
from core.review.curves import CLASS_MEASURES, MEASURES
from core.review.run_compare import Compared, RunComparison, setting_words
from core.review.summary import Spread
from gui import plots, theme
from gui.marking import let_mark
from gui.plots import QuietPlot
from gui.train.caution import CautionBar
from gui.train.class_look import ClassLook
from gui.train.curves import Dash
from gui.train.watch import network_words

DASH = "—"
BESIDE = 3
"""So many runs have room for figure and interval in one line."""
COLORS = ("run_1", "run_2", "run_3", "run_4")


class OverlayCard(QFrame):
    """One measure of several runs: their validation curves over each other."""

    def __init__(self, measure: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "card")
        self._measure = measure
        self._plot = QuietPlot(whole=True)
        self._plot.setMinimumSize(110, 90)
        item = self._plot.getPlotItem()
        item.getAxis("left").setWidth(38)
        # made once and filled anew: plots that come and go leak
        self._lines = [
            item.plot(
                pen=plots.pen(color, 2), antialias=True, symbolSize=5, symbolPen=None, symbolBrush=theme.color(color)
            )
            for color in COLORS
        ]
        outer = theme.column(self, gap=2)
        outer.setContentsMargins(12, 7, 12, 4)
        self._title = theme.label("", "strong")
        self.set_measure(measure)
        outer.addWidget(self._title)
        outer.addWidget(self._plot, 1)

    def set_measure(self, measure: str, kind: str = "") -> None:
        """Draw another measure from now on; ``kind`` is ``_class`` where it is one of yes and no."""
        self._measure = measure
        self._title.setText(text(f"train.{measure}_curve{kind if measure == 'accuracy' else ''}"))

    def series(self, number: int) -> list[float]:
        """Return the values drawn of one run."""
        _, values = self._lines[number].getData()
        return [] if values is None else list(values)

    def show_runs(self, runs: tuple[Compared, ...]) -> None:
        """Draw other runs."""
        lowest, last = np.inf, 5.0
        highest = -np.inf
        for number, line in enumerate(self._lines):
            curves = runs[number].curves if number < len(runs) else None
            epochs = np.array([] if curves is None else [event.epoch for event in curves.epochs], dtype=float)
            values = np.array([] if curves is None else curves.values("validation", self._measure), dtype=float)
            shown = np.isfinite(values)
            line.setData(epochs[shown], values[shown])
            # a point alone has no line: it needs its dot to be seen
            line.setSymbol("o" if shown.sum() == 1 else None)
            if shown.any():
                lowest, highest = min(lowest, float(values[shown].min())), max(highest, float(values[shown].max()))
                last = max(last, float(epochs[-1]))
        if not np.isfinite(lowest):
            lowest, highest = 0.0, 1.0
        elif self._measure == "loss":
            lowest, highest = 0.0, highest * 1.05
        else:
            lowest, highest = lowest - 0.06 * (1.0 - lowest), 1.0
        self._plot.setXRange(1.0, last, padding=0.02)
        self._plot.setYRange(lowest, max(highest, lowest + 1e-3), padding=0.02)


class FigureTable(QFrame):
    """Rows of words: a name, and one value for each run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "card")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(14, 10, 14, 12)
        self._grid.setHorizontalSpacing(theme.space("l"))
        self._grid.setVerticalSpacing(5)
        self.rows: list[tuple[str, list[str]]] = []
        """What is shown: name and values; a heading has no values."""

    def fill(self, rows: list[tuple[str, list[str]]], runs: int) -> None:
        """Show other rows."""
        while self._grid.count():
            item = self._grid.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.hide()
                old.deleteLater()
        self.rows = rows
        for column in range(1, len(COLORS) + 2):
            self._grid.setColumnStretch(column, 1 if column <= runs else 0)
        for number, (name, values) in enumerate(rows):
            if not values:
                heading = theme.heading(name)
                heading.setContentsMargins(0, 8 if number else 0, 0, 2)
                self._grid.addWidget(heading, number, 0, 1, runs + 1)
                continue
            told = theme.label(name, "muted")
            told.setMinimumWidth(200)
            self._grid.addWidget(told, number, 0)
            for column, value in enumerate(values, start=1):
                self._grid.addWidget(_value(value, strong=not name), number, column)


def _value(words: str, *, strong: bool) -> QLabel:
    made = theme.label(words, "strong" if strong else "muted" if words == DASH else "")
    let_mark(made)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    return made


class FiguresPage(QWidget):
    """The page."""

    closed = Signal()
    save_asked = Signal(object)
    """The :class:`RunComparison` shown."""
    measure_asked = Signal(list)
    """Ids of the runs to measure on their validation scans."""
    open_asked = Signal(str, int)
    """Display name of a scan, and its slice (from 0)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: RunComparison | None = None
        self._title = theme.label("", "title")
        self.measure = theme.button(text("train.measure_validation"), tip=text("train.measure_validation_tip"))
        self.measure.clicked.connect(self._ask_measure)
        self.save = theme.button(text("train.save_figures"))
        self.save.clicked.connect(self._ask_save)
        self.back = theme.button(text("train.back_to_runs"))
        self.back.clicked.connect(self.closed)
        top = theme.row(gap=theme.space("s"))
        top.addWidget(self._title, 1)
        for button in (self.measure, self.save, self.back):
            top.addWidget(button)
        self._legend_part = QWidget()
        self._legend = theme.row(self._legend_part, gap=6)
        self.caution = CautionBar()
        self.cards: list[OverlayCard] = []
        self._curves = QWidget()
        self._cards = theme.row(self._curves, gap=theme.space("s"))
        self.look: ClassLook | None = None
        """ROC and mistakes of one run that classifies; made when first needed."""
        self.table = FigureTable()
        self._note = theme.label(text("train.figures_note"), "muted", wrap=True)
        inner = QWidget()
        inner.setProperty("area", "clear")
        self._column = column = theme.column(inner, gap=theme.space("m"))
        column.setContentsMargins(0, 0, 6, 0)
        column.addWidget(self.table)
        column.addWidget(self._note)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        outer = theme.column(self, gap=theme.space("m"))
        outer.addLayout(top)
        outer.addWidget(self.caution)
        outer.addWidget(self._legend_part)
        outer.addWidget(self._curves, 4)
        outer.addWidget(scroll, 6)

    @property
    def shown(self) -> RunComparison | None:
        """What is shown."""
        return self._shown

    @property
    def run_ids(self) -> list[str]:
        """Runs shown."""
        return [] if self._shown is None else [one.run.id for one in self._shown.runs]

    def show_figures(self, found: RunComparison, *, measurable: bool, folder: Path | None = None) -> None:
        """Show one run or several.

        Parameters
        ----------
        measurable
            Whether a run that was never measured may be measured now.
        folder
            Of the run, where there is one alone.
        """
        self._make_cards()
        self._shown = found
        self._title.setText(", ".join(one.run.name for one in found.runs))
        self._fill_legend(found)
        self._show_curves(found)
        self._show_look(found, folder)
        stamps = [
            f"{one.run.name}: {words}"
            for one in found.runs
            for words in dict.fromkeys([one.curves.stamp if one.curves else "", *(one.stamp(p) for p in found.parts)])
            if words
        ]
        self.caution.show_words("", stamps)
        self.table.fill(rows_of(found), len(found.runs))
        kind = "_class" if all(one.run.config.classifies for one in found.runs) else ""
        self._note.setText(text(f"train.figures_note{kind}"))
        self.measure.setVisible(bool(self._unmeasured()))
        self.measure.setEnabled(measurable)

    def _make_cards(self) -> None:
        """Make the plots when the page is first asked for: most sessions never look at it."""
        if self.cards:
            return
        self.cards = [OverlayCard(measure) for measure in MEASURES]
        for card in self.cards:
            self._cards.addWidget(card, 1)

    def _show_curves(self, found: RunComparison) -> None:
        classifies = all(one.run.config.classifies for one in found.runs)
        # of runs of both kinds, what both have
        both = any(one.run.config.classifies for one in found.runs) and not classifies
        measures = ("loss", "accuracy") if both else CLASS_MEASURES[:4] if classifies else MEASURES
        for number, card in enumerate(self.cards):
            card.setVisible(number < len(measures))
            if number < len(measures):
                card.set_measure(measures[number], "_class" if classifies else "")
                card.show_runs(found.runs)

    def _show_look(self, found: RunComparison, folder: Path | None) -> None:
        """Show ROC and mistakes of one run that classifies, in the place of its curves."""
        one = found.runs[0]
        measured = {part: facts for part, facts in one.evaluations.items() if "curves" in facts}
        looks = len(found.runs) == 1 and one.run.config.classifies and bool(measured) and folder is not None
        self._curves.setVisible(not looks)
        self._legend_part.setVisible(not looks)
        if looks and self.look is None:
            self.look = ClassLook()
            self.look.open_asked.connect(self.open_asked)
            self._column.insertWidget(0, self.look)
        if self.look is not None:
            self.look.setVisible(looks)
            if looks and folder is not None:
                self.look.show_run(folder, measured)

    def close_page(self) -> None:
        """End the threads of the page."""
        if self.look is not None:
            self.look.close_page()

    def set_measuring(self, measuring: bool, *, allowed: bool) -> None:
        """Say whether something is predicted or measured now: one at a time."""
        self.measure.setText(text("train.testing" if measuring else "train.measure_validation"))
        self.measure.setEnabled(allowed and not measuring)

    def _fill_legend(self, found: RunComparison) -> None:
        while self._legend.count():
            item = self._legend.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.hide()
                old.deleteLater()
        self._legend.addWidget(theme.heading(text("train.validation_curves")))
        self._legend.addStretch(1)
        for one, color in zip(found.runs, COLORS, strict=False):
            self._legend.addWidget(Dash(color))
            self._legend.addWidget(theme.label(one.run.name, "muted"))
            self._legend.addSpacing(theme.space("s"))

    def _unmeasured(self) -> list[str]:
        runs = () if self._shown is None else self._shown.runs
        return [one.run.id for one in runs if one.run.usable and "val" not in one.evaluations]

    @Slot()
    def _ask_measure(self) -> None:
        self.measure_asked.emit(self._unmeasured())

    @Slot()
    def _ask_save(self) -> None:
        self.save_asked.emit(self._shown)


def rows_of(found: RunComparison) -> list[tuple[str, list[str]]]:
    """Word a comparison as rows of a table; a heading has no values."""
    names = [one.run.name for one in found.runs]
    broken = len(names) > BESIDE
    rows: list[tuple[str, list[str]]] = [("", names)] if len(names) > 1 else []
    best = [DASH if one.run.best_dice is None else numeral(one.run.best_dice, ".4f") for one in found.runs]
    classifies = all(one.run.config.classifies for one in found.runs)
    rows.append((text("train.row_best_class" if classifies else "train.row_best"), best))
    rows.append((text("runs.looks"), [str(one.looks) for one in found.runs]))
    for part in found.parts:
        rows.append((text(f"train.figures_{part}"), []))
        for name, values in found.rows(part):
            called = "baseline_class" if classifies and name == "baseline_accuracy" else name
            rows.append((text(f"evaluate.name_{called}"), [spread_words(value, broken=broken) for value in values]))
        if any(found.differences.get(part, ())):
            words = [spread_words(value, signed=True, broken=broken) for value in found.differences[part]]
            rows.append((text("runs.difference", run=names[0]), [DASH, *words]))
        for name, counts in found.counts(part):
            rows.append((text(f"train.counts_{name}"), [DASH if one is None else str(one) for one in counts]))
        gates = [one.evaluations.get(part, {}).get("gate") for one in found.runs]
        for name in ("clean", "emptied", "with_label") if any(gates) else ():
            rows.append((text(f"train.gate_{name}"), [DASH if gate is None else str(gate[name]) for gate in gates]))
    if found.settings:
        rows.append((text("train.settings_differ" if len(names) > 1 else "train.settings_unusual"), []))
        rows += [(setting_words(name), value_words(name, values)) for name, values in found.settings]
    return rows


def value_words(name: str, values: Sequence[str]) -> list[str]:
    """Word the values of a setting: networks have names for people."""
    return [network_words(value) for value in values] if name == "network" else list(values)


def spread_words(value: Spread | None, *, signed: bool = False, broken: bool = False) -> str:
    """Write a figure with its interval: ``0.864 (0.801 – 0.912)``, in two lines if it is to be ``broken``."""
    if value is None or value.mean is None:
        return DASH
    digits = 3 if abs(value.mean) < 10 else 1
    sign = "+" if signed else ""
    mean = numeral(value.mean, f"{sign}.{digits}f")
    if value.ci95 is None:
        return mean
    low, high = (numeral(bound, f"{sign}.{digits}f") for bound in value.ci95)
    words = text("train.with_interval", mean=mean, low=low, high=high)
    return words.replace("  ", "\n", 1) if broken else words
