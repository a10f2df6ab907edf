"""The scans of the project as rows: read, sifted and sorted in a thread where there are many of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QPixmap

from core.errors import MeninxError
from core.messages import text
from core.project.project import Project
from core.project.records import Scan
from core.team.assignments import assignments
from core.team.curtain import classes_seen, curtain
from gui.class_words import shown_value
from gui.jobs.asking import Asker
from gui.session import Session
from gui.worklist import rows
from gui.worklist.names import Names
from gui.worklist.rows import DONE, Listing, Query, Row, status_words, time_words, title
from gui.worklist.thumbnails import Thumbnails

__all__ = ["DONE", "Role", "ScanModel", "status_words", "title"]

AT_ONCE = 300
"""So many scans are read and sifted within a frame: no thread is asked, and nothing flickers."""
_NOTHING = Listing([], {}, [], {}, 0, Query())

Index = QModelIndex | QPersistentModelIndex


class Role(IntEnum):
    """What the delegate asks for."""

    SCAN = Qt.ItemDataRole.UserRole + 1
    THUMBNAIL = Qt.ItemDataRole.UserRole + 2
    CURRENT = Qt.ItemDataRole.UserRole + 3
    NAMED = Qt.ItemDataRole.UserRole + 4
    CLASSES = Qt.ItemDataRole.UserRole + 5
    ROW = Qt.ItemDataRole.UserRole + 6


class ScanModel(QAbstractListModel):
    """Scans that pass the query, in its order.

    What is read from the index, and what a query leaves of ten thousand scans, is worked out in
    a thread; the rows shown stay as they are until it is there.
    """

    query_changed = Signal()
    """Another query is asked for."""
    listed = Signal()
    """Rows were read or sifted: other ones, or the same anew."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._listing = _NOTHING
        self._with_names = False
        self._project: Project | None = None
        self._rereading = False
        self._missed: set[str] = set()
        self.query = Query()
        self._reading = Asker(self)
        self._reading.answered.connect(self._take)
        self._reading.refused.connect(self._refused)
        self.names = Names(session, self.all_scans, self)
        self.names.changed.connect(self._names_changed)
        self.thumbnails = Thumbnails(session, self)
        self.thumbnails.there.connect(self._row_changed)
        # its scans are told of right after it
        session.project_changed.connect(self._project_changed)
        session.scans_changed.connect(self.reload)
        session.scan_updated.connect(self.update_scan)
        session.classes_changed.connect(self._classes_changed)
        session.work_changed.connect(self._work_changed)
        session.reader_changed.connect(self.reload)
        session.scan_changed.connect(self._repaint)
        session.scan_loading.connect(self._repaint)

    # ------------------------------------------------------------ contents

    @property
    def busy(self) -> bool:
        """Whether rows are being read or sifted."""
        return self._reading.busy

    @Slot()
    def reload(self) -> None:
        """Read all scans of the project again."""
        self._project_changed()
        project = self._project
        if project is None:
            return
        self._rereading = True
        if sum(project.counts().values()) <= AT_ONCE:
            self._take(rows.read_rows(project, self.names.all_known, self.query, self._session.team.me))
        else:
            self._reading.ask(rows.read_rows, project, self.names.all_known, self.query, self._session.team.me)

    @Slot()
    def _project_changed(self) -> None:
        project = self._session.project
        self._reading.forget()
        self._missed.clear()
        if project is not self._project:
            self._another(project)

    def _another(self, project: Project | None) -> None:
        """Forget what is known of the project before."""
        self._project, self._rereading = project, False
        if project is None:
            self.names.close()
        self.thumbnails.clear()
        self.query = Query()
        self._take(_NOTHING)
        self.query_changed.emit()

    @Slot(object)
    def _take(self, listing: Listing) -> None:
        read, self._rereading = self._rereading, False
        with_names = self.names.shown and self.names.known
        if listing.shown and self._with_names == with_names and _same_rows(listing, self._listing):
            # what is chosen and where the list stands need not be found again among thousands
            self._listing = listing
            self.dataChanged.emit(self.index(0), self.index(len(listing.shown) - 1))
        else:
            self.beginResetModel()
            self._listing, self._with_names = listing, with_names
            self.endResetModel()
        self.listed.emit()
        if read:
            # what changed while they were read
            for scan_id in tuple(self._missed):
                self.update_scan(scan_id)
            self._missed.clear()
            self.names.refresh()
        if listing.query != self.query and listing is not _NOTHING:
            self._sift()

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._rereading = False
        self._session.notifier.error(error)

    def ask(self, query: Query) -> None:
        """Show other rows, or the same in another order."""
        if query == self.query:
            return
        self.query = query
        self.query_changed.emit()
        self._sift()

    def _sift(self) -> None:
        if self._rereading:
            # rows are on their way; what was asked meanwhile follows
            return
        if len(self._listing.rows) <= AT_ONCE:
            self._take(self._listed_anew())
        else:
            listed = functools.partial(rows.listing, several=self._listing.several)
            self._reading.ask(listed, self._listing.rows, self.query)

    def _listed_anew(self) -> Listing:
        return rows.listing(self._listing.rows, self.query, several=self._listing.several)

    def set_filter(self, words: str) -> None:
        """Show only scans that contain every word."""
        self.ask(replace(self.query, words=words.casefold()))

    def set_class(self, wanted: tuple[str, str] | None) -> None:
        """Show only scans with this value of a class, or (an empty value) without any; None for all."""
        self.ask(replace(self.query, value=wanted))

    @property
    def class_wanted(self) -> tuple[str, str] | None:
        """Class and value that is asked for."""
        return self.query.value

    @Slot(str)
    def _classes_changed(self, scan_id: str) -> None:
        """Read the classes again; a list that is filtered by them stays until it is filtered anew."""
        project, place = self._session.project, self._listing.place.get(scan_id)
        if project is None:
            return
        had = self.has_classes
        if place is not None:
            self._hear_classes(project, self._listing.rows[place])
            self.update_scan(scan_id)
            if had and self._listing.several == (len(project.classes.names()) > 1):
                return
        self.reload()

    def _hear_classes(self, project: Project, row: Row) -> None:
        drawn = curtain(project, self._session.team.me)
        seen = classes_seen(project, drawn, row.scan.id, row.scan.shape[0])
        row.classes, row.partly = seen.values, seen.partly

    @property
    def has_classes(self) -> bool:
        """Whether anything is said of any scan."""
        return any(row.classes for row in self._listing.rows)

    def all_rows(self) -> Sequence[Row]:
        """Return all rows of the project, as they were read last."""
        return self._listing.rows

    def all_scans(self) -> list[Scan]:
        """Return all scans of the project, as they were read last."""
        return [row.scan for row in self._listing.rows]

    @Slot(str)
    def _work_changed(self, _scan_id: str) -> None:
        self.reload()

    @Slot(str)
    def update_scan(self, scan_id: str) -> None:
        """Read one scan again."""
        listing, project = self._listing, self._session.project
        if self._rereading:
            self._missed.add(scan_id)
        place = listing.place.get(scan_id)
        if place is None or project is None:
            return
        before = listing.rows[place]
        finished = any(one.done for one in assignments(project, scan_id, self._session.team.me))
        row = replace(before, scan=project.scan(scan_id), finished=finished)
        if finished != before.finished:
            # the last who reads it blind may hear the others now
            self._hear_classes(project, row)
        row.searched = rows.searched(row, self.names.get(row.scan))
        listing.rows[place] = row
        done = (row.scan.status in DONE) - (before.scan.status in DONE)
        self._listing = replace(listing, done=listing.done + done)
        self._row_changed(scan_id)

    @Slot(str)
    def _row_changed(self, scan_id: str) -> None:
        row = self._listing.shown_place.get(scan_id)
        if row is not None:
            self.dataChanged.emit(self.index(row), self.index(row))

    @Slot()
    def _names_changed(self) -> None:
        """Rows are higher with names, and the filter finds them."""
        if len(self._listing.rows) > AT_ONCE:
            self.reload()
            return
        for row in self._listing.rows:
            row.searched = rows.searched(row, self.names.get(row.scan))
        self._take(self._listed_anew())

    # ------------------------------------------------------------ what is where

    @property
    def total(self) -> int:
        """Scans in the project."""
        return len(self._listing.rows)

    @property
    def done(self) -> int:
        """Scans with nothing left to do."""
        return self._listing.done

    def ids(self) -> list[str]:
        """Ids of the scans shown, in order."""
        return list(self._listing.shown_place)

    def next_open(self, after: str | None) -> str | None:
        """Return the id of the next scan shown that is not done, going round; None if all are."""
        count = self.rowCount()
        start = self._listing.shown_place.get(after, -1) if after else -1
        for step in range(1, count + 1):
            row = self.row_at((start + step) % count)
            if row.left and row.scan.id != after:
                return row.scan.id
        return None

    def neighbours(self, scan_id: str) -> list[str]:
        """Return the ids of the scans that may be opened after one: the next to do, the next, the one before."""
        here = self.row_of(scan_id)
        rows_beside = () if here is None else (here + 1, here - 1)
        beside = [self.scan_at(row).id for row in rows_beside if 0 <= row < self.rowCount()]
        following = self.next_open(scan_id)
        return list(dict.fromkeys([following, *beside] if following is not None else beside))

    def row_of(self, scan_id: str) -> int | None:
        """Return the row of a scan, None if it is filtered out."""
        return self._listing.shown_place.get(scan_id)

    def row_at(self, row: int) -> Row:
        """Return what is known of the scan of a row."""
        return self._listing.rows[self._listing.shown[row]]

    def scan_at(self, row: int) -> Scan:
        """Return the scan of a row."""
        return self.row_at(row).scan

    def known(self, scan_id: str) -> Row | None:
        """Return what is known of a scan, shown or not."""
        place = self._listing.place.get(scan_id)
        return None if place is None else self._listing.rows[place]

    # ------------------------------------------------------------ Qt's side

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._listing.shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or not 0 <= index.row() < self.rowCount():
            return None
        row = self.row_at(index.row())
        scan = row.scan
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{title(scan)}  {scan.description}"
        if role == Role.SCAN:
            return scan
        if role == Role.ROW:
            return row
        if role == Role.THUMBNAIL:
            return self._thumbnail(scan)
        if role == Role.CURRENT:
            return self._is_current(scan)
        if role == Role.CLASSES:
            return self._class_words(row)
        if role == Role.NAMED:
            named = self.names.get(scan)
            return named.words if named is not None else ""
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return "\n".join(self._tip(row))
        return None

    def _class_words(self, row: Row) -> str:
        """Word what is said of a scan; where there are several classes, "yes" alone would not tell of which."""
        if self._listing.several:
            return ", ".join(self._of_classes(row))
        values = [shown_value(value) for found in row.classes.values() for value in found]
        words = ", ".join(dict.fromkeys(values))
        return text("worklist.classes_partly", values=words) if row.partly else words

    @staticmethod
    def _of_classes(row: Row) -> list[str]:
        found = []
        for name, values in row.classes.items():
            words = ", ".join(shown_value(value) for value in values)
            shown = text("worklist.classes_partly", values=words) if name in row.partly else words
            found.append(f"{name}: {shown}")
        return found

    def _tip(self, row: Row) -> list[str]:
        named = self.names.get(row.scan)
        lines = [_facts(row.scan), *_work(row), *self._of_classes(row)]
        return [*lines, *([named.words] if named is not None else [])]

    def _thumbnail(self, scan: Scan) -> QPixmap | None:
        return self.thumbnails.get(scan.id)

    def _is_current(self, scan: Scan) -> bool:
        if self._session.loading:
            return scan.id == self._session.loading
        return self._session.scan is not None and self._session.scan.id == scan.id

    @Slot()
    def _repaint(self) -> None:
        count = self.rowCount()
        if count:
            self.dataChanged.emit(self.index(0), self.index(count - 1), [Role.CURRENT])

    def close(self) -> None:
        """End the thread."""
        self._reading.close()


def _facts(scan: Scan) -> str:
    z, y, x = scan.shape
    size = text("worklist.picture", x=x, y=y) if z == 1 else text("worklist.volume", x=x, y=y, z=z)
    patient = scan.patient_name if scan.patient_known else text("worklist.patient_unknown")
    parts = (scan.name, patient, scan.description, scan.modality, size, status_words(scan.status))
    return " · ".join(part for part in parts if part)


def _work(row: Row) -> Sequence[str]:
    """Return what is known of the work on a scan, a line each."""
    lines = []
    if row.readers:
        lines.append(text("worklist.tip_readers", readers=", ".join(row.readers)))
    if row.seconds:
        lines.append(text("worklist.tip_time", time=time_words(row.seconds)))
    if row.comments:
        lines.append(text("worklist.tip_comments", count=row.comments))
    return [*lines, *([" ".join(f"#{tag}" for tag in row.tags)] if row.tags else [])]


def _same_rows(one: Listing, other: Listing) -> bool:
    """Whether the same scans are shown in the same order."""
    return len(one.shown) == len(other.shown) and list(one.shown_place) == list(other.shown_place)
