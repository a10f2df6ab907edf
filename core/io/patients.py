"""Who a scan is of: by folder, by header, by a pattern in the name, by a table."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from core.errors import InputError
from core.io.files import read_bytes
from core.io.sniff import VOLUMES, Format, stem

CONTAINERS = frozenset(
    (
        *("images", "image", "imgs", "img", "pictures", "scans", "slices", "data", "input", "inputs"),
        *("train", "val", "test", "dicom", "nifti", "png", "tif", "tiff"),
    )
)
"""Folder names that say what is inside, never whose it is."""
_MAX_TABLE = 16 << 20
_BIDS = re.compile(r"^(sub-[A-Za-z0-9]+)_")
_FILE_COLUMNS = ("file", "filename", "scan", "name", "path", "image", "folder")
_PATIENT_COLUMNS = ("patient", "patient_id", "patientid", "subject", "subject_id", "participant_id", "case")


class Patients:
    """Answers whose a scan is, by one chosen way.

    Parameters
    ----------
    way
        ``""`` (the kind's own), ``folder``, ``dicom``, ``name:REGEX``, ``csv:FILE`` or ``none``.

    Raises
    ------
    InputError
        ``patient-way`` for another word, ``patient-pattern`` for a pattern that is
        none, ``patient-table`` for a table without the two columns.
    """

    def __init__(self, way: str) -> None:
        self.way, _, value = way.partition(":")
        self._pattern: re.Pattern[str] | None = None
        self._table: dict[str, str] = {}
        if self.way not in ("", "folder", "dicom", "name", "csv", "none") or (
            self.way in ("name", "csv") and not value
        ):
            raise InputError("patient-way", way=way)
        if self.way == "name":
            try:
                self._pattern = re.compile(value)
            except re.error as error:
                raise InputError("patient-pattern", pattern=value) from error
        if self.way == "csv":
            self._table = _read_table(Path(value))

    def group(self, path: Path) -> str:
        """Return what keeps pictures of one folder apart (empty unless the way looks at names)."""
        return (self._named(path) or "") if self.way in ("name", "csv") else ""

    def of(
        self, path: Path, kind: Format, *, root: Path, header: str | None = None, stacked: bool = False
    ) -> str | None:
        """Return the identity text of a scan's patient, or None where nobody says.

        Parameters
        ----------
        path
            A file of the scan.
        kind
            What it is.
        root
            The folder the person named (a file's own folder if a file was named).
        header
            Patient ID of a DICOM header.
        stacked
            Whether the scan is a stack of the pictures of its folder.
        """
        if self.way == "none":
            return None
        if self.way in ("name", "csv"):
            return self._named(path)
        if self.way == "dicom":
            return header or None
        folder = owner(path)
        if self.way == "folder":
            return folder.name or None
        if kind is Format.DICOM:
            return header or None
        if kind in VOLUMES:
            match = _BIDS.match(path.name)
            return match.group(1) if match else None
        # pictures: a folder below the one that was named is a patient's, and so is one that is a stack
        return (folder.name or None) if stacked or root in folder.parents else None

    def _named(self, path: Path) -> str | None:
        if self._pattern is not None:
            match = self._pattern.search(path.name)
            if match is None:
                return None
            return (match.group(1) if match.groups() else match.group(0)) or None
        for key in (path.name, stem(path), path.parent.name, owner(path).name, path.as_posix()):
            if key in self._table:
                return self._table[key]
        return None


def owner(path: Path) -> Path:
    """Return the folder a file belongs to, past folders that only say what is inside."""
    folder = path.parent
    while folder.name.casefold() in CONTAINERS and folder != folder.parent:
        folder = folder.parent
    return folder


def _read_table(path: Path) -> dict[str, str]:
    try:
        words = read_bytes(path, _MAX_TABLE).decode("utf-8-sig")
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(words[:4096], delimiters=",;\t")
    except UnicodeDecodeError as error:
        raise InputError("patient-table", file=path.name) from error
    except csv.Error:
        dialect = csv.excel
    rows = [row for row in csv.reader(io.StringIO(words), dialect) if row]
    if not rows or min(len(row) for row in rows) < 2:
        raise InputError("patient-table", file=path.name)
    titles = [title.strip().casefold() for title in rows[0]]
    file_at = next((titles.index(name) for name in _FILE_COLUMNS if name in titles), None)
    patient_at = next((titles.index(name) for name in _PATIENT_COLUMNS if name in titles), None)
    if file_at is None or patient_at is None:
        # no titles we know: first column the file, second the patient
        file_at, patient_at, body = 0, 1, rows
    else:
        body = rows[1:]
    width = max(file_at, patient_at)
    return {
        row[file_at].strip(): row[patient_at].strip() for row in body if len(row) > width and row[patient_at].strip()
    }
