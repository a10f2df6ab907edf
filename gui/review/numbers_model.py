"""Rows of figures as a table that sorts itself; what has no value stands last either way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from core.messages import numeral, text
from core.review.set_numbers import SCAN_COLUMNS
from gui.review.numbers import DASH, time_words

Row = Mapping[str, Any]
Index = QModelIndex | QPersistentModelIndex
_WORDS = frozenset({"scan", "patient", "label", "part", "origin"})
_ROOT = QModelIndex()


def words_of(row: Row, name: str) -> str:
    """Word a fact for people."""
    value = row.get(name)
    if name == "part":
        return text(f"review.part_name_{value}") if value else DASH
    if value is None:
        return DASH
    if name == "origin":
        return text(f"review.origin_{value}")
    if name == "seconds":
        return time_words(float(value))
    if name == "finished":
        return f"{value} / {row['slices']}"
    if name in ("hd95", "assd"):
        return f"{numeral(value, '.1f')} {row['unit']}"
    if name in ("difference_ml", "difference_percent"):
        return numeral(value, "+.1f").replace("-", "−")
    if name.endswith("_ml"):
        return numeral(value, ".1f")
    return numeral(value, ".3f") if isinstance(value, float) else str(value)


class NumbersModel(QAbstractTableModel):
    """The rows shown, in the order they are sorted in."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[str, ...] = SCAN_COLUMNS
        self._rows: list[Row] = []
        self._sorted = ("dice", False)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows as they stand."""
        return tuple(self._rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self._columns

    @property
    def sorted_by(self) -> tuple[str, bool]:
        """Column, and whether the largest stands first."""
        return self._sorted

    def show_rows(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        """Show other rows, sorted as before."""
        self.beginResetModel()
        self._columns = tuple(columns)
        self._rows = list(rows)
        self._order()
        self.endResetModel()

    def _order(self) -> None:
        name, down = self._sorted
        there = [row for row in self._rows if row.get(name) is not None]
        gone = [row for row in self._rows if row.get(name) is None]
        self._rows = sorted(there, key=lambda row: row[name], reverse=down) + gone

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        if 0 <= column < len(self._columns):
            self.layoutAboutToBeChanged.emit()
            self._sorted = (self._columns[column], order == Qt.SortOrder.DescendingOrder)
            self._order()
            self.layoutChanged.emit()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        name = self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return words_of(self._rows[index.row()], name)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if name in _WORDS else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            # the arrow of the sorted column lies at its right end
            return text(f"review.column_{name}") + ("\u00a0\u00a0\u00a0" if name == self._sorted[0] else "")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if name in _WORDS else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None
