"""The scans of the project as rows: fast with ten thousand of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Slot
from PySide6.QtGui import QPixmap

from core.messages import text
from core.project.records import Scan, ScanStatus
from gui.session import Session
from gui.worklist.names import Names
from gui.worklist.thumbnails import Thumbnails

DONE = frozenset({ScanStatus.DONE, ScanStatus.IN_REVIEW, ScanStatus.APPROVED})
"""Statuses in which the reader has nothing left to do."""

Index = QModelIndex | QPersistentModelIndex


class Role(IntEnum):
    """What the delegate asks for."""

    SCAN = Qt.ItemDataRole.UserRole + 1
    THUMBNAIL = Qt.ItemDataRole.UserRole + 2
    CURRENT = Qt.ItemDataRole.UserRole + 3
    NAMED = Qt.ItemDataRole.UserRole + 4
    CLASSES = Qt.ItemDataRole.UserRole + 5


@dataclass(slots=True)
class _Row:
    scan: Scan
    searched: str
    classes: dict[str, tuple[str, ...]]


def title(scan: Scan) -> str:
    """Return what a scan is called in lists: its patient's pseudonym, or its own name."""
    return scan.patient_name if scan.patient_known else scan.name


def status_words(status: ScanStatus) -> str:
    """Return a status in words."""
    return text(f"worklist.status_{status.value}")


class ScanModel(QAbstractListModel):
    """Scans that pass the filter, in the project's order.

    The filter looks at words made once per scan, so that a key press costs a
    few milliseconds even with ten thousand scans.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: list[_Row] = []
        self._place: dict[str, int] = {}
        self._shown: list[int] = []
        self._shown_place: dict[str, int] = {}
        self._filter = ""
        self._classes: dict[str, dict[str, tuple[str, ...]]] = {}
        self.class_wanted: tuple[str, str] | None = None
        self._done = 0
        self.names = Names(session, self._all_scans, self)
        self.names.changed.connect(self._names_changed)
        self.thumbnails = Thumbnails(session, self)
        self.thumbnails.there.connect(self._thumbnail_there)
        session.project_changed.connect(self.reload)
        session.scans_changed.connect(self.reload)
        session.scan_updated.connect(self.update_scan)
        session.classes_changed.connect(self._classes_changed)
        session.scan_changed.connect(self._repaint)
        session.scan_loading.connect(self._repaint)

    # ------------------------------------------------------------ contents

    @Slot()
    def reload(self) -> None:
        """Read all scans of the project again."""
        project = self._session.project
        if project is None:
            self.names.close()
        self.beginResetModel()
        if project is None:
            self.thumbnails.clear()
            self.class_wanted = None
        self._classes = project.classes.by_scan() if project is not None else {}
        self._rows = [self._row(scan) for scan in project.scans()] if project is not None else []
        self._place = {row.scan.id: place for place, row in enumerate(self._rows)}
        self._done = sum(row.scan.status in DONE for row in self._rows)
        self._sift()
        self.endResetModel()
        self.names.refresh()

    def _row(self, scan: Scan) -> _Row:
        return _Row(scan, self._searched(scan), self._classes.get(scan.id, {}))

    @Slot(str)
    def _classes_changed(self, scan_id: str) -> None:
        """Read the classes again; a list that is filtered by them stays until it is filtered anew."""
        project = self._session.project
        if project is None:
            return
        had = self.has_classes
        if scan_id in self._place:
            found: dict[str, tuple[str, ...]] = {}
            for one in project.classes.of_scan(scan_id):
                found[one.name] = tuple(sorted({*found.get(one.name, ()), one.value}))
            self._classes[scan_id] = found
            self.update_scan(scan_id)
            if had:
                return
        self.reload()

    @property
    def has_classes(self) -> bool:
        """Whether anything is said of any scan."""
        return any(self._classes.values())

    def set_class(self, wanted: tuple[str, str] | None) -> None:
        """Show only scans with this value of a class, or (an empty value) without any; None for all."""
        self.beginResetModel()
        self.class_wanted = wanted
        self._sift()
        self.endResetModel()

    def _is_wanted(self, row: _Row) -> bool:
        if self.class_wanted is None:
            return True
        name, value = self.class_wanted
        found = row.classes.get(name, ())
        return value in found if value else not found

    def _all_scans(self) -> list[Scan]:
        return [row.scan for row in self._rows]

    @Slot(str)
    def update_scan(self, scan_id: str) -> None:
        """Read one scan again."""
        place, project = self._place.get(scan_id), self._session.project
        if place is None or project is None:
            return
        scan = project.scan(scan_id)
        before = self._rows[place].scan
        self._rows[place] = self._row(scan)
        self._done += (scan.status in DONE) - (before.status in DONE)
        row = self._shown_place.get(scan_id)
        if row is not None:
            self.dataChanged.emit(self.index(row), self.index(row))

    def set_filter(self, words: str) -> None:
        """Show only scans that contain every word."""
        self.beginResetModel()
        self._filter = words.casefold()
        self._sift()
        self.endResetModel()

    def _sift(self) -> None:
        wanted = self._filter.split()
        if wanted or self.class_wanted is not None:
            self._shown = [
                place
                for place, row in enumerate(self._rows)
                if all(word in row.searched for word in wanted) and self._is_wanted(row)
            ]
        else:
            self._shown = list(range(len(self._rows)))
        self._shown_place = {self._rows[place].scan.id: shown for shown, place in enumerate(self._shown)}

    @property
    def total(self) -> int:
        """Scans in the project."""
        return len(self._rows)

    @property
    def done(self) -> int:
        """Scans with nothing left to do."""
        return self._done

    def ids(self) -> list[str]:
        """Ids of the scans shown, in order."""
        return [self._rows[place].scan.id for place in self._shown]

    def next_open(self, after: str | None) -> str | None:
        """Return the id of the next scan shown that is not done, going round; None if all are."""
        count = len(self._shown)
        start = self._shown_place.get(after, -1) if after else -1
        for step in range(1, count + 1):
            scan = self._rows[self._shown[(start + step) % count]].scan
            if scan.status not in DONE and scan.status is not ScanStatus.SKIPPED and scan.id != after:
                return scan.id
        return None

    def row_of(self, scan_id: str) -> int | None:
        """Return the row of a scan, None if it is filtered out."""
        return self._shown_place.get(scan_id)

    def scan_at(self, row: int) -> Scan:
        """Return the scan of a row."""
        return self._rows[self._shown[row]].scan

    # ------------------------------------------------------------ Qt's side

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or not 0 <= index.row() < len(self._shown):
            return None
        scan = self.scan_at(index.row())
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{title(scan)}  {scan.description}"
        if role == Role.SCAN:
            return scan
        if role == Role.THUMBNAIL:
            return self._thumbnail(scan)
        if role == Role.CURRENT:
            return self._is_current(scan)
        if role == Role.CLASSES:
            values = [value for found in self._classes.get(scan.id, {}).values() for value in found]
            return ", ".join(dict.fromkeys(values))
        if role == Role.NAMED:
            named = self.names.get(scan)
            return named.words if named is not None else ""
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            named = self.names.get(scan)
            said = [f"{name}: {', '.join(values)}" for name, values in self._classes.get(scan.id, {}).items()]
            return "\n".join([_tip(scan), *said, *([named.words] if named is not None else [])])
        return None

    def _thumbnail(self, scan: Scan) -> QPixmap | None:
        return self.thumbnails.get(scan.id)

    def _is_current(self, scan: Scan) -> bool:
        if self._session.loading:
            return scan.id == self._session.loading
        return self._session.scan is not None and self._session.scan.id == scan.id

    @Slot(str)
    def _thumbnail_there(self, scan_id: str) -> None:
        row = self._shown_place.get(scan_id)
        if row is not None:
            self.dataChanged.emit(self.index(row), self.index(row))

    def _searched(self, scan: Scan) -> str:
        """Return the words that the filter looks at; names only while they are shown."""
        named = self.names.get(scan)
        said = "".join(
            f" {name}={value}" for name, values in self._classes.get(scan.id, {}).items() for value in values
        )
        return _searched(scan) + said.casefold() + (f" {named.words.casefold()}" if named is not None else "")

    @Slot()
    def _names_changed(self) -> None:
        """Rows are higher with names, and the filter finds them."""
        self.beginResetModel()
        for row in self._rows:
            row.searched = self._searched(row.scan)
        self._sift()
        self.endResetModel()

    @Slot()
    def _repaint(self) -> None:
        if self._shown:
            self.dataChanged.emit(self.index(0), self.index(len(self._shown) - 1), [Role.CURRENT])


def _searched(scan: Scan) -> str:
    parts = (scan.name, scan.patient_name, scan.description, scan.modality, status_words(scan.status))
    return " ".join(parts).casefold()


def _tip(scan: Scan) -> str:
    z, y, x = scan.shape
    size = text("worklist.picture", x=x, y=y) if z == 1 else text("worklist.volume", x=x, y=y, z=z)
    patient = scan.patient_name if scan.patient_known else text("worklist.patient_unknown")
    parts = (scan.name, patient, scan.description, scan.modality, size, status_words(scan.status))
    return " · ".join(part for part in parts if part)
