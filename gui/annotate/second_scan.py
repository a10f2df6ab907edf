"""The second scan of Annotate: which one, read in a thread, and how it is laid on the drawn one."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal, Slot

from core.errors import MeninxError
from core.frames import Frames, compare_frames
from core.messages import text
from core.project.project import Project
from core.project.records import Scan
from core.volume import Volume, Window
from gui.annotate.histogram import value_words
from gui.background import Tasks
from gui.session import Session
from gui.settings import Preferences, Settings
from gui.viewer.reslice import Reslicer, places_agree
from gui.viewer.second import Second, SecondPlanes
from gui.viewer.slice_source import first_window
from gui.worklist.model import AT_ONCE


@dataclass(frozen=True, eq=False)
class _Read:
    """What a thread brings; ``onto`` is the scan it is laid on."""

    scan: Scan
    volume: Volume
    onto: Volume
    window: Window
    reslicer: Reslicer


class SecondScan(QObject):
    """Another scan shown with the drawn one.

    It stays while scans of the same patient are gone through; where it is itself
    opened for drawing, the one drawn before takes its place.

    Attributes
    ----------
    scan
        Which one, also while it is being read; None for none.
    refused
        Whether the two cannot be laid on each other.
    frames
        What is known of their frames of reference.
    """

    changed = Signal()
    """Which scan, how it is shown, or what is known of it."""
    listed = Signal(object)
    """Scans to choose from, as :meth:`ask_choices` found them: two lists of :class:`core.project.records.Scan`."""
    shown = Signal(object, bool)
    """A :class:`gui.viewer.second.Second` (or None) to show, and whether beside."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tasks = Tasks(self)
        self._drawn: tuple[Scan, Volume] | None = None
        self._second: Second | None = None
        self.scan: Scan | None = None
        self.refused = False
        self.frames = Frames.UNKNOWN
        session.scan_changed.connect(self._scan_changed)
        session.project_changed.connect(self._project_changed)

    # ------------------------------------------------------------------ which

    @Slot()
    def ask_choices(self) -> None:
        """Ask for the other scans of this patient, and all others: :attr:`listed` tells them."""
        project, drawn = self._session.project, self._session.scan
        if project is None or drawn is None:
            self.listed.emit(([], []))
        elif sum(project.counts().values()) <= AT_ONCE:
            self.listed.emit(_choices(project, drawn))
        else:
            # ten thousand scans take a tenth of a second to read
            self._tasks.start(functools.partial(_choices, project, drawn), self._listed, self._not_listed)

    @Slot(object)
    def _listed(self, found: tuple[list[Scan], list[Scan]]) -> None:
        self.listed.emit(found)

    @Slot(object)
    def _not_listed(self, error: MeninxError) -> None:
        if error.code != "project-closed":
            self._session.notifier.error(error)

    def choose(self, scan_id: str) -> None:
        """Show a scan of the project with the drawn one; empty for none."""
        project, volume = self._session.project, self._session.volume
        self._drop()
        if project is not None and volume is not None and scan_id:
            self.scan = project.scan(scan_id)
            self._lay(project, self.scan, None, volume)
        self.changed.emit()

    def _lay(self, project: Project, scan: Scan, known: Volume | None, onto: Volume) -> None:
        work = functools.partial(_read, project, scan, known, onto)
        self._tasks.start(work, self._read_done, self._read_failed)

    @Slot(object)
    def _read_done(self, read: _Read | None) -> None:
        if self.scan is None or self._session.volume is None:
            return
        if read is None:
            self.refused = True
            self.changed.emit()
            return
        if read.onto is not self._session.volume or read.scan.id != self.scan.id:
            return
        drawn = self._session.scan
        assert drawn is not None
        known = drawn.patient_known and read.scan.patient_known
        same = drawn.patient == read.scan.patient if known else None
        self.frames = compare_frames(read.onto.facts, read.volume.facts, same_patient=same)
        preferences = self.preferences
        planes = SecondPlanes(read.reslicer, self)
        self._second = Second(
            read.scan.name, planes, read.window, preferences.second_colors, preferences.second_opacity
        )
        self._show()

    @Slot(object)
    def _read_failed(self, error: MeninxError) -> None:
        if self.scan is None:
            # given up meanwhile: another one was chosen, or the project was closed under it
            return
        self._drop()
        self._session.notifier.error(error)
        self.changed.emit()

    def _drop(self) -> None:
        second, self._second, self.scan, self.refused = self._second, None, None, False
        self.shown.emit(None, self.beside)
        if second is not None:
            second.planes.close()
            second.planes.deleteLater()

    def words_at(self, xyz: tuple[int, int, int]) -> str:
        """Say what its value is where a voxel (x, y, z) of the drawn scan is; empty while it is not shown."""
        if self._second is None:
            return ""
        reslicer = self._second.planes.reslicer
        place = reslicer.voxel_at(xyz)
        value = text("place.outside") if place is None else value_words(reslicer.volume, place)
        return text("place.second", name=self._second.name, value=value)

    # ------------------------------------------------------------------ how

    @property
    def there(self) -> bool:
        """Whether it has been read and is shown."""
        return self._second is not None

    @property
    def preferences(self) -> Preferences:
        """How it is shown, as it is remembered."""
        return self._session.settings.preferences

    @property
    def settings(self) -> Settings:
        """Of this person."""
        return self._session.settings

    @property
    def beside(self) -> bool:
        """Whether it has a pane of its own; else it is blended in."""
        return self.preferences.second_beside

    def set_beside(self, beside: bool) -> None:
        """Give it a pane of its own, or blend it in."""
        self.preferences.second_beside = beside
        self._show()

    def set_opacity(self, opacity: float) -> None:
        """Blend it in this strongly, 0..1."""
        self.preferences.second_opacity = opacity
        if self._second is not None:
            self._second = replace(self._second, opacity=opacity)
        self._show()

    def set_colors(self, name: str) -> None:
        """Show it in a colour map."""
        self.preferences.second_colors = name
        if self._second is not None:
            self._second = replace(self._second, colors=name)
        self._show()

    @Slot(object)
    def set_window(self, window: Window) -> None:
        """Show it in other grey levels."""
        if self._second is not None:
            self._second = replace(self._second, window=window)
        self._show()

    def _show(self) -> None:
        self.shown.emit(self._second, self.beside)
        self.changed.emit()

    # ------------------------------------------------------------------ the scan that is drawn on

    @Slot()
    def _scan_changed(self) -> None:
        """Keep the second scan for another one of the same patient; the two may change places."""
        session, wanted = self._session, self.scan
        left = self._drawn
        known = self._second.planes.reslicer.volume if self._second is not None else None
        self._drop()
        drawn, volume, project = session.scan, session.volume, session.project
        self._drawn = (drawn, volume) if drawn is not None and volume is not None else None
        if wanted is not None and left is not None and drawn is not None and volume is not None and project is not None:
            if drawn.id == wanted.id:
                wanted, known = left
            if self._belong(wanted, drawn, left[0]):
                self.scan = wanted
                self._lay(project, wanted, known, volume)
        self.changed.emit()

    @staticmethod
    def _belong(second: Scan, drawn: Scan, left: Scan) -> bool:
        """Whether the second scan goes on being shown: of one patient, or the two changed places."""
        return second.id != drawn.id and (second.patient == drawn.patient or second.id == left.id)

    @Slot()
    def _project_changed(self) -> None:
        # the window closes, or another project is open: nothing may go on reading the old one
        self._tasks.wait()
        self._drawn = None
        self._drop()
        self.changed.emit()


def _choices(project: Project, drawn: Scan) -> tuple[list[Scan], list[Scan]]:
    """Return the other scans of a scan's patient, and all others. In any thread."""
    others = [scan for scan in project.scans() if scan.id != drawn.id]
    own = [scan for scan in others if scan.patient == drawn.patient]
    return own, [scan for scan in others if scan.patient != drawn.patient]


def _read(project: Project, scan: Scan, known: Volume | None, onto: Volume) -> _Read | None:
    """Read a scan and get it ready (runs in a thread); None if it cannot be laid on the other."""
    agree = places_agree(project.geometry(scan.id), onto.geometry)
    if agree is False:
        return None
    volume = known if known is not None else project.read_volume(scan.id)
    reslicer = Reslicer(volume, onto.geometry, pixel_on_pixel=agree is None)
    return _Read(scan, volume, onto, first_window(volume), reslicer)
