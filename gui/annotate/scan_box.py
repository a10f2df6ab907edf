"""A list of scans that drops down: asked for only when it is opened, for a project may hold ten thousand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QComboBox, QListView

from core.messages import text
from core.project.records import Scan

Index = QModelIndex | QPersistentModelIndex
_ID, _LINE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.AccessibleDescriptionRole
NOWHERE = QModelIndex()
_AT_ONCE = 400
"""Rows that are there when it drops down, and so many more each time its end is reached: a list that drops down
measures each of its rows, whether it is seen or not."""


class _Scans(QAbstractListModel):
    """None, the scans of this patient, a line, all others; words are made for those that are seen."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Scan | None] = [None]
        self._there = 1
        self._own = 0
        self._places: dict[str, int] = {"": 0}

    def fill(self, own: Sequence[Scan], others: Sequence[Scan]) -> None:
        self.beginResetModel()
        line = [None] if own and others else []
        self._rows = [None, *own, *line, *others]
        self._own = len(own)
        self._there = min(len(self._rows), _AT_ONCE)
        self._places = {scan.id if scan is not None else "": place for place, scan in enumerate(self._rows)}
        self._places[""] = 0
        self.endResetModel()

    def place_of(self, scan_id: str) -> int:
        """Return the row of a scan (empty: none); -1 where it is not there."""
        place = self._places.get(scan_id, -1)
        return place if place < self._there else -1

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else self._there

    def canFetchMore(self, parent: Index) -> bool:
        return not parent.isValid() and self._there < len(self._rows)

    def fetchMore(self, _parent: Index) -> None:
        self._reach(self._there + _AT_ONCE)

    def _reach(self, count: int) -> None:
        count = min(count, len(self._rows))
        if count > self._there:
            self.beginInsertRows(NOWHERE, self._there, count - 1)
            self._there = count
            self.endInsertRows()

    def match(
        self, start: Index, role: int, value: Any, hits: int = 1, flags: Qt.MatchFlag = Qt.MatchFlag.MatchStartsWith
    ) -> list[QModelIndex]:
        """Find what is typed, also among rows that are not there yet."""
        if role == Qt.ItemDataRole.DisplayRole and hits == 1:
            wanted = str(value).casefold()
            order = [*range(max(0, start.row()), len(self._rows)), *range(max(0, start.row()))]
            found = next((place for place in order if self._begins(place, wanted)), None)
            if found is not None:
                self._reach(found + _AT_ONCE)
                return [self.index(found, 0)]
        found_there: list[QModelIndex] = super().match(start, role, value, hits, flags)
        return found_there

    def _begins(self, place: int, wanted: str) -> bool:
        scan = self._rows[place]
        return scan is not None and scan.name.casefold().startswith(wanted)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        place = index.row()
        scan = self._rows[place]
        if role == _ID:
            return scan.id if scan is not None else ""
        if role == _LINE and scan is None and place:
            return "separator"
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if scan is None:
            return None if place else text("annotate.second_none")
        # whose it is only where it is somebody else's
        parts = (scan.name, "" if place <= self._own else scan.patient_name, scan.description)
        return "   ".join(part for part in parts if part)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self._rows[index.row()] is None and index.row():
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class ScanBox(QComboBox):
    """Drops down once it was told what there is."""

    opening = Signal()
    """The list is wanted: answer with :meth:`offer`."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = False
        self._scans = _Scans(self)
        self.setModel(self._scans)
        view = QListView()
        view.setUniformItemSizes(True)
        self.setView(view)
        self.setMaxVisibleItems(16)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def showPopup(self) -> None:
        self._asked = True
        self.opening.emit()

    def offer(self, own: Sequence[Scan], others: Sequence[Scan], chosen: Scan | None) -> None:
        """Fill the list: scans of this patient, all others, and which one is shown. It drops down if it is wanted."""
        if chosen is not None:
            # where it is seen
            others = sorted(others, key=lambda scan: scan.id != chosen.id)
        self._scans.fill(own, others)
        self.select(chosen)
        asked, self._asked = self._asked, False
        if asked and self.isVisible():
            super().showPopup()

    def select(self, scan: Scan | None) -> None:
        """Show a scan as chosen, listed or not."""
        place = self._scans.place_of(scan.id if scan is not None else "")
        if place < 0 and scan is not None:
            self._scans.fill([scan], ())
            place = 1
        self.setCurrentIndex(place)
