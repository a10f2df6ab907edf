"""What was found as a tree: patients, and below each the scans that can be taken."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path

import numpy as np
from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPixmap

from core.geometry import Array
from core.io.sniff import Format
from core.io.source import Chosen, Found, Source
from core.messages import text
from gui.dialogs.importing import words
from gui.dialogs.importing.looker import Known, Seen

Index = QModelIndex | QPersistentModelIndex


class Role(IntEnum):
    """What the delegate asks for."""

    ROW = Qt.ItemDataRole.UserRole + 1
    GROUP = Qt.ItemDataRole.UserRole + 2
    THUMBNAIL = Qt.ItemDataRole.UserRole + 3


@dataclass(eq=False)
class Row:
    """One scan that can be taken.

    Parameters
    ----------
    source
        As found; its volume and dataset are those chosen.
    checked
        Whether it is taken.
    present
        Display name of the scan of the project that it is already, or empty.
    seen
        What a look at it showed, None until then.
    picture
        Its thumbnail.
    """

    source: Source
    checked: bool
    present: str = ""
    seen: Seen | None = None
    picture: QPixmap | None = None
    group: int = 0
    place: int = 0

    @property
    def usable(self) -> bool:
        """Whether it can be taken at all."""
        return self.seen is None or self.seen.error is None

    @property
    def name(self) -> str:
        """Names and IDs, shown only where the person asked for them on this workstation."""
        identity = dict(self.source.identity)
        parts = (identity.get(key, "") for key in ("StudyDescription", "SeriesDescription"))
        return "  ·  ".join(part for part in parts if part)


@dataclass(eq=False)
class Group:
    """One patient: ``title`` without identity, ``named`` with it, ``hint`` which folder."""

    title: str
    named: str
    hint: str = ""
    rows: list[Row] = field(default_factory=list)


class ImportModel(QAbstractItemModel):
    """Patients and their scans; a thousand rows cost nothing until they come into sight."""

    wished = Signal(object)
    """A look at this :class:`core.io.source.Source` is wanted."""
    choice_changed = Signal()
    """Other scans are chosen."""
    known_more = Signal()
    """More is known of one of the scans."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.groups: list[Group] = []
        self.rows: list[Row] = []
        self.names_shown = False
        self.masks_wanted = False
        """Masks were asked for: scans that are here already are chosen too, if a mask lies beside them."""
        self._by_key: dict[str, Row] = {}

    # ------------------------------------------------------------ contents

    def set_found(self, found: Found, known: Known, roots: Sequence[Path] = ()) -> None:
        """Show what was found below the named paths; what was chosen of it before stays chosen."""
        before = self._by_key
        self.beginResetModel()
        self.groups, self.rows, self._by_key = [], [], {}
        places: dict[str | None, Group] = {}
        for source in found.sources:
            group = places.get(source.patient)
            if group is None:
                group = places[source.patient] = self._make_group(source, known, len(places))
                self.groups.append(group)
            old = before.get(source.key)
            present = known.scans.get(source.key, "")
            stray = any(notice.key == words.STRAY for notice in source.notices)
            wanted = not present or (self.masks_wanted and any(source.masks))
            row = Row(source, wanted and not stray, present)
            if old is not None:
                chosen = replace(source, volume=old.source.volume, dataset=old.source.dataset)
                row = Row(chosen, old.checked, present)
                if old.source.masks == source.masks:
                    # nothing about it changed: what was seen of it stays true
                    row.seen, row.picture = old.seen, old.picture
            group.rows.append(row)
            self.rows.append(row)
            self._by_key[source.key] = row
        # who is unknown comes last
        self.groups.sort(key=lambda group: group.rows[0].source.patient is None)
        for number, group in enumerate(self.groups):
            if group.rows[0].source.patient is not None:
                group.hint = _folder(group, roots)
            for place, row in enumerate(group.rows):
                row.group, row.place = number, place
        self.endResetModel()
        self.choice_changed.emit()

    @staticmethod
    def _make_group(source: Source, known: Known, number: int) -> Group:
        identity = dict(source.identity)
        if source.patient is None:
            return Group(text("importing.patient_unknown"), text("importing.patient_unknown"))
        pseudonym = known.patients.get(source.patient, "")
        parts = (identity.get("PatientName", ""), identity.get("PatientID", ""))
        named = "  ·  ".join(dict.fromkeys(part.replace("^", " ").strip() for part in parts if part.strip(" ^")))
        if source.format is Format.DICOM:
            title = pseudonym or text("importing.patient", number=number + 1)
            return Group(title, named or source.patient)
        title = f"{pseudonym}  ·  {source.patient}" if pseudonym else source.patient
        return Group(title, title)

    def clear(self) -> None:
        """Show nothing."""
        self.set_found(Found(), Known())

    @Slot(object)
    def take_seen(self, seen: Seen) -> None:
        """Take what a look at one source showed."""
        row = self._by_key.get(seen.key)
        if row is None or (seen.volume, seen.dataset) != (row.source.volume, row.source.dataset):
            return
        row.seen = seen
        if seen.preview is not None:
            row.picture = pixmap_of(seen.preview.thumbnail)
        if seen.error is not None:
            row.checked = False
        self._changed(row)
        self.known_more.emit()

    def choose(self, row: Row, *, volume: int | None = None, dataset: str | None = None) -> None:
        """Take another volume or dataset of a scan, and look at it."""
        source = row.source
        if dataset is not None and dataset != source.dataset:
            source = replace(source, dataset=dataset, volume=None)
        if volume is not None:
            source = replace(source, volume=volume)
        if source == row.source:
            return
        row.source = source
        self._changed(row)
        self.wished.emit(source)

    def look_again(self) -> None:
        """Forget how the masks read, and have them looked at anew."""
        for row in self.rows:
            if row.source.has_masks and row.seen is not None:
                self.wished.emit(row.source)

    def show_names(self, shown: bool) -> None:
        """Show names and IDs, or pseudonyms."""
        self.names_shown = shown
        for number, group in enumerate(self.groups):
            top = self.index(number, 0)
            self.dataChanged.emit(top, top)
            self.dataChanged.emit(self.index(0, 0, top), self.index(len(group.rows) - 1, 0, top))

    # -------------------------------------------------------------- choice

    def set_all(self, checked: bool) -> None:
        """Choose everything that can be taken, or nothing."""
        for row in self.rows:
            row.checked = checked and row.usable
        self.show_names(self.names_shown)
        self.choice_changed.emit()

    def chosen(self) -> list[Row]:
        """Return the scans to be taken, in the order shown."""
        return [row for group in self.groups for row in group.rows if row.checked and row.usable]

    def chosen_words(self) -> str:
        """Say how much is chosen."""
        chosen = self.chosen()
        said = text("importing.chosen", chosen=len(chosen), scans=len(self.rows))
        patients = len({row.group for row in chosen if row.source.patient is not None})
        if patients:
            said += "  ·  " + text("importing.one_patient" if patients == 1 else "importing.patients", count=patients)
        return said

    def picks(self) -> tuple[Chosen, ...]:
        """Return what :class:`core.project.importing.ImportOptions` takes; the first volume where none was picked."""
        return tuple(self._pick(row) for row in self.chosen())

    @staticmethod
    def _pick(row: Row) -> Chosen:
        preview = row.seen.preview if row.seen is not None else None
        volume, dataset = row.source.volume, row.source.dataset
        if preview is not None:
            volume = 0 if volume is None and preview.volumes > 1 else volume
            dataset = dataset or (words.taken_dataset(preview) if len(preview.datasets) > 1 else "")
        return Chosen(row.source.key, volume, dataset)

    def mask_values(self) -> list[str]:
        """Return the values (numbers, or colours as ``#rrggbb``) that masks of several labels hold, ascending."""
        found: dict[str, int] = {}
        for row in self.chosen():
            mask = row.seen.mask if row.seen is not None else None
            if mask is not None and len(mask.values) > 1:
                found |= {words.value_word(mask, value): value for value in mask.values}
        return sorted(found, key=lambda word: found[word])

    def other_grid(self) -> int:
        """Count the chosen scans whose mask lies on another grid."""
        masks = [row.seen.mask for row in self.chosen() if row.seen is not None and row.seen.mask is not None]
        return sum(mask.error is not None and mask.error.code == "mask-grid" for mask in masks)

    # ------------------------------------------------------------ Qt's side

    def row_at(self, index: Index) -> Row | None:
        """Return the scan at an index, None for a patient."""
        if not index.isValid() or index.internalId() == 0:
            return None
        return self.groups[index.internalId() - 1].rows[index.row()]

    def group_at(self, index: Index) -> Group | None:
        """Return the patient at an index, None for a scan."""
        return self.groups[index.row()] if index.isValid() and index.internalId() == 0 else None

    def index_of(self, row: Row) -> QModelIndex:
        """Return the index of a scan."""
        return self.createIndex(row.place, 0, row.group + 1)

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's own
        if column != 0 or row < 0:
            return QModelIndex()
        if not parent.isValid():
            return self.createIndex(row, 0, 0) if row < len(self.groups) else QModelIndex()
        if parent.internalId() != 0 or row >= len(self.groups[parent.row()].rows):
            return QModelIndex()
        return self.createIndex(row, 0, parent.row() + 1)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008 - Qt's overload
        if not index.isValid() or index.internalId() == 0:
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, 0)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own
        if not parent.isValid():
            return len(self.groups)
        return len(self.groups[parent.row()].rows) if parent.internalId() == 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own
        return 1

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row_at(index)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if row is None or row.usable else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, group = self.row_at(index), self.group_at(index)
        if role == Role.ROW:
            return row
        if role == Role.GROUP:
            return group
        if row is not None:
            return self._row_data(row, role)
        return self._group_data(group, role) if group is not None else None

    def _row_data(self, row: Row, role: int) -> object:
        if role == Role.THUMBNAIL:
            if row.seen is None:
                self.wished.emit(row.source)
            return row.picture
        if role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if row.checked else Qt.CheckState.Unchecked
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{words.kind(row.source, row.seen)}  {words.where(row.source)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(words.warnings(row.source, row.seen)) or None
        return None

    def _group_data(self, group: Group, role: int) -> object:
        if role == Qt.ItemDataRole.CheckStateRole:
            return self.state_of(group)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return group.named if self.names_shown else group.title
        return None

    @staticmethod
    def state_of(group: Group) -> Qt.CheckState:
        """Say whether all, some or none of a patient's scans are chosen."""
        usable = [row for row in group.rows if row.usable]
        count = sum(row.checked for row in usable)
        if not count:
            return Qt.CheckState.Unchecked
        return Qt.CheckState.Checked if count == len(usable) else Qt.CheckState.PartiallyChecked

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        checked = value in (Qt.CheckState.Checked, Qt.CheckState.Checked.value)
        row, group = self.row_at(index), self.group_at(index)
        rows: Sequence[Row] = [row] if row is not None else group.rows if group is not None else []
        for one in rows:
            one.checked = checked and one.usable
            self._changed(one)
        self.choice_changed.emit()
        return bool(rows)

    def toggle(self, index: Index) -> None:
        """Choose what is not chosen, and the other way round."""
        on = self.data(index, Qt.ItemDataRole.CheckStateRole) != Qt.CheckState.Checked
        if self.flags(index) & Qt.ItemFlag.ItemIsUserCheckable:
            self.setData(
                index, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked, Qt.ItemDataRole.CheckStateRole
            )

    def _changed(self, row: Row) -> None:
        index = self.index_of(row)
        self.dataChanged.emit(index, index)
        top = index.parent()
        self.dataChanged.emit(top, top)


def pixmap_of(picture: Array) -> QPixmap:
    """Turn a uint8 ``[y, x]`` or ``[y, x, 3]`` picture into a pixmap."""
    rows, columns = picture.shape[:2]
    whole = np.ascontiguousarray(picture)
    grey = whole.ndim == 2
    kind = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
    return QPixmap.fromImage(QImage(whole.data, columns, rows, columns * (1 if grey else 3), kind).copy())


def _folder(group: Group, roots: Sequence[Path]) -> str:
    """Name the folder that holds all of a patient's scans, below the path that was named; empty if it says nothing."""
    try:
        common = Path(os.path.commonpath([row.source.files[0].parent for row in group.rows]))
    except ValueError:
        # on two drives
        return ""
    root = next((root for root in roots if root == common or root in common.parents), None)
    hint = common.name if root is None else common.relative_to(root).as_posix()
    return "" if hint in (".", group.title) else hint
