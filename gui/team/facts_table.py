"""Rows of facts as a table that sorts itself and can be written as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from core.messages import numeral, text
from gui.quiet_table import make_quiet

Row = Mapping[str, Any]
Index = QModelIndex | QPersistentModelIndex
DASH = "—"
_ROOT = QModelIndex()
_ROW_HEIGHT = 30
_LEAST = 76
"""Width (px) of the narrowest column: room for its heading also where nothing is left of the room."""


def plain(value: Any) -> str:
    """Write a value for people; a dash for none."""
    if value is None or value == "":
        return DASH
    return numeral(value, ".3f") if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Column:
    """One column.

    Parameters
    ----------
    name
        Of the fact; its heading is ``team.column_<name>``.
    words
        Writes a value.
    figures
        Whether it stands at the right.
    wide
        Whether it takes the room that is left.
    """

    name: str
    words: Callable[[Any], str] = plain
    figures: bool = False
    wide: bool = False


class FactsModel(QAbstractTableModel):
    """The rows in the order they are sorted in; what has no value stands last either way."""

    def __init__(self, columns: Sequence[Column], order: tuple[str, bool] | None = None) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self._rows: list[Row] = []
        self._order = order

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows as they stand."""
        return tuple(self._rows)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._rows = self._sorted(rows)
        self.endResetModel()

    def add(self, rows: Sequence[Row]) -> None:
        """Show more rows."""
        if rows:
            self.show_rows([*self._rows, *rows])

    def _sorted(self, rows: Sequence[Row]) -> list[Row]:
        if self._order is None:
            return list(rows)
        name, down = self._order
        there = [row for row in rows if row.get(name) not in (None, "")]
        gone = [row for row in rows if row.get(name) in (None, "")]
        return sorted(there, key=lambda row: row[name], reverse=down) + gone

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        if 0 <= column < len(self.columns):
            self.layoutAboutToBeChanged.emit()
            self._order = (self.columns[column].name, order == Qt.SortOrder.DescendingOrder)
            self._rows = self._sorted(self._rows)
            self.layoutChanged.emit()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.words(self._rows[index.row()].get(column.name))
        if role == Qt.ItemDataRole.ToolTipRole and column.wide:
            return column.words(self._rows[index.row()].get(column.name))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            # the arrow of the sorted column lies at its right end
            sorted_by = self._order is not None and self._order[0] == column.name
            return text(f"team.column_{column.name}") + ("\u00a0\u00a0\u00a0" if sorted_by else "")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        return None

    def as_csv(self) -> list[dict[str, Any]]:
        """Return the rows as they stand, the columns shown only."""
        return [{column.name: row.get(column.name) for column in self.columns} for row in self._rows]


def _side(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column.figures else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)


def make_table(model: FactsModel, name: str) -> QTableView:
    """Return a table of a model.

    Parameters
    ----------
    name
        Told to screen readers.
    """
    made = QTableView()
    made.setModel(model)
    make_quiet(made, _ROW_HEIGHT)
    made.setAccessibleName(name)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    # nothing is sorted anew: the model has an order of its own
    made.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    made.setSortingEnabled(True)
    for place, column in enumerate(model.columns):
        way = QHeaderView.ResizeMode.Stretch if column.wide else QHeaderView.ResizeMode.ResizeToContents
        made.horizontalHeader().setSectionResizeMode(place, way)
    made.horizontalHeader().setMinimumSectionSize(_LEAST)
    # looking at some rows is enough to know how wide columns are
    made.horizontalHeader().setResizeContentsPrecision(50)
    return made
