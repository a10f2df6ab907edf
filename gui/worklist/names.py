"""Who the scans are of, for the eyes at this workstation: read from the links, kept nowhere else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal, Slot

from core.errors import MeninxError
from core.project.links import Links
from core.project.records import Scan
from gui.background import Tasks
from gui.session import Session


@dataclass(frozen=True)
class Named:
    """What the original of a scan says of the person and the series; empty where it says nothing."""

    name: str = ""
    number: str = ""
    series: str = ""

    @property
    def words(self) -> str:
        """All of it on one line."""
        return "  ·  ".join(dict.fromkeys(part for part in (self.name, self.number, self.series) if part))


def names_of(links: Links, scans: Sequence[Scan]) -> tuple[Links, dict[str, Named]]:
    """Read who scans are of, by scan id; any thread.

    Raises
    ------
    StorageError, ProjectError
        If the links are there and cannot be read.
    """
    patients = links.patients()
    known = links.scans()
    found: dict[str, Named] = {}
    for scan in scans:
        link = known.get(scan.id)
        identity = link.identity if link is not None else {}
        name = identity.get("PatientName", "").replace("^", " ").strip()
        # pictures have no header: the patient is the folder or the pattern that the person chose
        number = identity.get("PatientID", "") or patients.get(scan.patient, "")
        named = Named(" ".join(name.split()), number, identity.get("SeriesDescription", ""))
        if named.words:
            found[scan.id] = named
    return links, found


class Names(QObject):
    """Names by scan id while the person wants them shown; none at all otherwise."""

    changed = Signal()
    """They came, or went."""

    def __init__(self, session: Session, scans: Callable[[], Sequence[Scan]], parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._scans = scans
        self._tasks = Tasks(self)
        self._named: dict[str, Named] = {}
        self.known = True
        session.names_changed.connect(self.refresh)

    @property
    def shown(self) -> bool:
        """Whether the person wants names."""
        return self._session.settings.preferences.show_names

    @property
    def all_known(self) -> Mapping[str, Named]:
        """All names by scan id; never changed, only given up for others."""
        return self._named

    def get(self, scan: Scan) -> Named | None:
        """Return who a scan is of, None where names are off or unknown."""
        return self._named.get(scan.id)

    @Slot()
    def refresh(self) -> None:
        """Read the names anew, or forget them."""
        project = self._session.project
        if project is None or not self.shown:
            self._take({}, known=True)
            return
        # the links have connections of their own: the project may be closed meanwhile
        work = functools.partial(names_of, project.links, list(self._scans()))
        self._tasks.start(work, self._there, self._refused)

    def close(self) -> None:
        """Forget them, and wait for who reads them."""
        self._tasks.wait()
        self._take({}, known=True)

    @Slot(object)
    def _there(self, found: tuple[Links, dict[str, Named]]) -> None:
        links, named = found
        project = self._session.project
        if project is not None and links is project.links and self.shown:
            self._take(named, known=bool(named))

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._take({}, known=False)
        self._session.notifier.error(error)

    def _take(self, named: dict[str, Named], *, known: bool) -> None:
        if named != self._named or known != self.known:
            self._named, self.known = named, known
            self.changed.emit()
