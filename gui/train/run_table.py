"""The runs of the project, newest first: which is best, which runs, which failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFocusEvent, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QTableView, QWidget

from core.errors import ProjectError
from core.learning.run_files import name_with_origin, origin_of
from core.learning.runs import Run, RunState, best_run, list_runs, read_evaluation
from core.learning.starters import is_starter
from core.messages import day, numeral, text
from core.project.project import Project
from core.review.evaluation import count_looks
from gui import theme
from gui.quiet_table import make_quiet
from gui.train.watch import RunWatch, clock, grouped, network_words

COLUMNS = ("run", "labels", "network", "parent", "slices", "val_dice", "test_dice", "looks", "time")
_NUMBERS = frozenset({"slices", "val_dice", "test_dice", "looks", "time"})
MOST_TICKED = 4
NARROW = 860
"""Below this width (px) only what tells runs apart is shown; the tips say the rest."""
_WORDS = ("labels", "network", "parent")
"""Columns that share what the others leave."""
_WIDE_ONLY = ("slices", "time")
_SCORES = ("val_dice", "test_dice")
_DASH = "—"
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run with what stands beside it in the table.

    Parameters
    ----------
    parent_name
        Display name of its parent, ``""`` without one.
    test_dice, test_interval
        Mean Dice of the last look at the test scans and its 95 % interval; None before,
        the interval also where one patient says nothing about others.
    looks
        How often somebody looked.
    stamp
        Why the figure may flatter, in words.
    origin
        What a run from another project was called there; the name of a starter.
    shipped
        It is a starter, which came with the program.
    """

    run: Run
    parent_name: str = ""
    best: bool = False
    test_dice: float | None = None
    test_interval: tuple[float, float] | None = None
    looks: int = 0
    stamp: str = ""
    origin: str = ""
    shipped: bool = False

    @property
    def from_words(self) -> str:
        """What it started from, or where it came from."""
        if self.origin:
            return text("train.from_starter" if self.shipped else "train.from_elsewhere", name=self.origin)
        return self.parent_name or _DASH

    @property
    def test_words(self) -> str:
        """The figure with its interval."""
        if self.test_dice is None:
            return _DASH
        what = f"{text('evaluate.name_auc')} " if self.run.config.classifies else ""
        if self.test_interval is None:
            return f"{what}{numeral(self.test_dice, '.3f')}"
        return what + text(
            "train.test_dice",
            dice=numeral(self.test_dice, ".3f"),
            low=_hundredths(self.test_interval[0]),
            high=_hundredths(self.test_interval[1]),
        )


def read_rows(project: Project, imported: bool = False) -> list[RunRow]:
    """Return the rows, newest first (reads files: not for the window's thread).

    With ``imported`` those too that only hold masks of another program.
    """
    runs = list_runs(project, imported=imported)
    parents = {run.parent for run in runs}
    names = {run.id: name_with_origin(project, run) for run in runs if run.id in parents}
    best = best_run(project, runs=runs)
    rows = []
    for run in reversed(runs):
        parent = names.get(run.parent, run.parent) if run.parent else ""
        row = RunRow(run, parent, best is not None and run.id == best.id)
        rows.append(_with_test(project, row))
    return rows


def _with_test(project: Project, row: RunRow) -> RunRow:
    looks = count_looks(project, row.run.id)
    try:
        facts = read_evaluation(project, row.run, "test") or {}
    except ProjectError:
        # a damaged figure is no figure; verify names the file
        facts = {}
    found = facts.get("summary", {}).get("auc" if row.run.config.classifies else "dice") or {}
    interval = found.get("ci95")
    return replace(
        row,
        test_dice=found.get("mean"),
        test_interval=(interval[0], interval[1]) if interval else None,
        looks=looks,
        stamp=str(facts.get("stamp", "")),
        origin=origin_of(project, row.run.id),
        shipped=is_starter(project, row.run.id),
    )


def _made(created: str) -> str:
    try:
        made = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{day(made)} {made:%H:%M}"


def _hundredths(value: float) -> str:
    return numeral(value, ".2f")


class RunModel(QAbstractTableModel):
    """The rows for Qt, with the running one kept fresh from its events, and ticks for what is compared."""

    ticks_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[RunRow] = []
        self._live: RunWatch | None = None
        self._ticked: list[str] = []

    @property
    def ticked(self) -> list[str]:
        """Ids of the ticked runs, oldest tick first."""
        return list(self._ticked)

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        """Show other rows; a run that is gone is not ticked any more."""
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()
        there = {row.run.id for row in self._rows}
        if not there.issuperset(self._ticked):
            self._ticked = [run for run in self._ticked if run in there]
            self.ticks_changed.emit()

    def tick(self, run: str, ticked: bool) -> None:
        """Tick a run or not; past :data:`MOST_TICKED` the oldest tick goes."""
        if ticked == (run in self._ticked):
            return
        kept = [one for one in self._ticked if one != run]
        self._ticked = [*kept, run][-MOST_TICKED:] if ticked else kept
        self.dataChanged.emit(self.index(0, 0), self.index(max(0, len(self._rows) - 1), 0))
        self.ticks_changed.emit()

    def flags(self, index: Index) -> Qt.ItemFlag:
        usual = super().flags(index)
        return usual | Qt.ItemFlag.ItemIsUserCheckable if index.isValid() and index.column() == 0 else usual

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole or not index.isValid():
            return False
        self.tick(self._rows[index.row()].run.id, Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    def set_live(self, live: RunWatch | None) -> None:
        """Take the running run's newest figures."""
        self._live = live
        for number, row in enumerate(self._rows):
            if live is not None and row.run.id == live.run:
                self.dataChanged.emit(self.index(number, 0), self.index(number, len(COLUMNS) - 1))

    @property
    def rows(self) -> list[RunRow]:
        """What is shown."""
        return self._rows

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            name = COLUMNS[section]
            return text(f"train.column_{name}_class" if name in _SCORES and self._classes else f"train.column_{name}")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(_alignment(COLUMNS[section]))
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._words(row, column)
            case Qt.ItemDataRole.TextAlignmentRole:
                return int(_alignment(column))
            case Qt.ItemDataRole.ForegroundRole:
                return self._color(row, column)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(row, column)
            case Qt.ItemDataRole.CheckStateRole if column == "run":
                return Qt.CheckState.Checked if row.run.id in self._ticked else Qt.CheckState.Unchecked
            case _:
                return None

    @property
    def _classes(self) -> bool:
        """Whether all runs say yes or no: then it is the head of the column that says AUC."""
        return bool(self._rows) and all(row.run.config.classifies for row in self._rows)

    def _running(self, row: RunRow) -> bool:
        return row.run.state is RunState.RUNNING

    def _words(self, row: RunRow, column: str) -> str:
        run = row.run
        live = self._live if self._live is not None and self._live.run == run.id else None
        match column:
            case "run":
                return _run_words(row)
            case "labels":
                return ", ".join(run.labels) or run.config.class_name
            case "network":
                return network_words(run.network)
            case "parent":
                return row.from_words
            case "slices":
                return grouped(run.slices) if run.slices else _DASH
            case "val_dice":
                dice = live.last.best_dice if live is not None and live.last is not None else run.best_dice
                what = f"{text('evaluate.name_auc')} " if run.config.classifies and not self._classes else ""
                return _DASH if dice is None else f"{what}{numeral(dice, '.4f')}"
            case "test_dice":
                return row.test_words.removeprefix(f"{text('evaluate.name_auc')} ") if self._classes else row.test_words
            case "looks":
                return str(row.looks) if row.looks else _DASH
            case _:
                seconds = sum(event.seconds for event in live.epochs) if live is not None else run.seconds
                return clock(seconds) if seconds else _DASH

    def _color(self, row: RunRow, column: str) -> Any:
        if column == "run":
            if row.run.state in (RunState.FAILED, RunState.INTERRUPTED):
                return theme.qcolor("danger")
            if self._running(row):
                return theme.qcolor("accent_bright")
            return theme.qcolor("text_bright" if row.best else "text")
        if self._words(row, column) == _DASH:
            return theme.qcolor("faint")
        return theme.qcolor("text")

    def _tip(self, row: RunRow, column: str) -> str:
        if column in ("test_dice", "looks"):
            if not row.looks:
                return text("train.test_not_looked")
            looked = text("train.test_looked", count=row.looks)
            return "\n".join(part for part in (looked, row.stamp) if part)
        run = row.run
        facts = {"slices": grouped(run.slices), "time": clock(run.seconds), "created": _made(run.created)}
        facts["started"] = row.from_words
        return text("train.run_tip", state=text(f"train.state_{run.state.value}"), **facts)


def _alignment(column: str) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in _NUMBERS else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _run_words(row: RunRow) -> str:
    state = row.run.state
    if state is RunState.RUNNING:
        return f"●  {row.run.name}  ·  {text('train.state_running')}"
    mark = "★  " if row.best else ""
    if state is RunState.DONE:
        return f"{mark}{row.run.name}"
    return f"{mark}{row.run.name}  ·  {text(f'train.state_{state.value}')}"


def _shared(wanted: Sequence[int], room: int) -> list[int]:
    """What each gets of a width: what it wants, and more alike; where too little, the widest give most."""
    widths = [0] * len(wanted)
    left = len(wanted)
    spare = max(0, room - sum(wanted))
    for number in sorted(range(len(wanted)), key=lambda one: wanted[one]):
        widths[number] = min(wanted[number] + spare // len(wanted), max(0, room) // left)
        room -= widths[number]
        left -= 1
    return widths


class RunTable(QTableView):
    """The table; one run is chosen, and its curves are shown above."""

    chosen = Signal(str)
    """A run's id: show it."""
    opened = Signal(str)
    """A run's id: double-clicked, review it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.runs = RunModel(self)
        self.setModel(self.runs)
        make_quiet(self, 30)
        self.setAccessibleName(text("train.runs"))
        header = self.horizontalHeader()
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(64)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for name in _WORDS:
            header.setSectionResizeMode(COLUMNS.index(name), QHeaderView.ResizeMode.Fixed)
        self.setMinimumHeight(96)
        self.selectionModel().currentRowChanged.connect(self._row_changed)
        self.doubleClicked.connect(self._double_clicked)

    @property
    def current(self) -> str:
        """Id of the chosen run, or ``""``."""
        row = self.current_row
        return row.run.id if row is not None else ""

    @property
    def current_row(self) -> RunRow | None:
        """The chosen row."""
        number = self.currentIndex().row()
        return self.runs.rows[number] if 0 <= number < len(self.runs.rows) else None

    def set_rows(self, rows: Sequence[RunRow]) -> None:
        """Show other rows; the chosen run stays chosen."""
        if not rows and not self.runs.rows:
            return
        kept = self.current
        self.selectionModel().blockSignals(True)
        self.runs.set_rows(rows)
        self.selectionModel().blockSignals(False)
        self._fit_columns()
        self.choose(kept)

    def choose(self, run: str) -> None:
        """Mark a run as the one shown; says nothing."""
        for number, row in enumerate(self.runs.rows):
            if row.run.id == run:
                index = self.runs.index(number, 0)
                flags = QItemSelectionModel.SelectionFlag
                self.selectionModel().blockSignals(True)
                self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
                self.selectionModel().blockSignals(False)
                self.viewport().update()
                return

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_columns()

    def _fit_columns(self) -> None:
        """Hide what does not fit: in a narrow table what tells least, then what says nothing of any run."""
        narrow = self.width() < NARROW
        alike = len({row.run.labels for row in self.runs.rows}) <= 1
        hidden = {*_WIDE_ONLY, "labels" if alike else "parent"} if narrow else set()
        if narrow and all(row.from_words == _DASH for row in self.runs.rows):
            hidden.add("parent")
        header = self.horizontalHeader()
        wanted = {
            name: max(header.sectionSizeHint(number), self.sizeHintForColumn(number), header.minimumSectionSize())
            for number, name in enumerate(COLUMNS)
        }
        for name in ("looks", "test_dice"):
            if self._room(wanted, hidden) < 0 and self._is_silent(name):
                hidden.add(name)
        for number, name in enumerate(COLUMNS):
            self.setColumnHidden(number, name in hidden)
        # what is long among the words is cut first, and no figure is
        words = {name: wanted[name] for name in _WORDS if name not in hidden}
        widths = _shared(list(words.values()), self._room(wanted, hidden) + sum(words.values()))
        for name, width in zip(words, widths, strict=True):
            header.resizeSection(COLUMNS.index(name), max(width, header.minimumSectionSize()))

    def _room(self, wanted: Mapping[str, int], hidden: Collection[str]) -> int:
        """Pixels that the columns shown leave of the table; below 0 where they want more."""
        return self.viewport().width() - sum(width for name, width in wanted.items() if name not in hidden)

    def _is_silent(self, name: str) -> bool:
        column = COLUMNS.index(name)
        return all(self.runs.index(row, column).data() == _DASH for row in range(self.runs.rowCount()))

    def sizeHintForColumn(self, column: int) -> int:
        # Qt forgets the box to tick
        return super().sizeHintForColumn(column) + (26 if column == 0 else 0)

    def focusInEvent(self, event: QFocusEvent) -> None:
        # Qt makes the first row current when the table is entered; nobody chose it.
        self.selectionModel().blockSignals(True)
        super().focusInEvent(event)
        self.selectionModel().blockSignals(False)

    @Slot(QModelIndex, QModelIndex)
    def _row_changed(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self.runs.rows[current.row()].run.id)

    @Slot(QModelIndex)
    def _double_clicked(self, index: QModelIndex) -> None:
        row = self.runs.rows[index.row()]
        if row.run.usable:
            self.opened.emit(row.run.id)
