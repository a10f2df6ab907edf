"""Lists the next best slices, and takes one into Annotate with one key."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from core.commands.suggest import left_out
from core.errors import MeninxError
from core.learning.runs import Run
from core.messages import text
from core.project.project import Project
from core.review.next_best import Pick
from core.review.suggest import Suggested, Wish, suggest
from gui.correcting import Only
from gui.review.looker import Look, Looker
from gui.review.next_page import NextPage

if TYPE_CHECKING:
    from gui.session import Session


class NextDesk(QObject):
    """Behind :class:`NextPage`."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._page: NextPage | None = None
        self._picks: tuple[Pick, ...] = ()
        self._run: Run | None = None
        self._asked = ""
        self._waiting: Pick | None = None
        self._wanted = False
        self._looker = Looker(self)
        self._looker.found.connect(self._take_found)
        self._looker.failed.connect(self._failed)
        session.project_changed.connect(self.forget)
        session.scan_changed.connect(self._scan_there)

    @property
    def page(self) -> NextPage:
        """The list, made when it is first needed."""
        if self._page is None:
            self._page = NextPage()
            self._page.again_asked.connect(self.look)
            self._page.take_asked.connect(self.take)
        return self._page

    @property
    def picks(self) -> tuple[Pick, ...]:
        """What is listed."""
        return self._picks

    # ------------------------------------------------------------ looking

    def show(self, run: Run | None) -> None:
        """List the next best slices of a run, unless they are listed already."""
        self.use(run)
        if run is not None and run.id != self._asked:
            self.look()

    def use(self, run: Run | None) -> None:
        """Say which run is asked from now on."""
        if run is None or self._run is None or run.id != self._run.id:
            self.forget()
        self._run = run

    @Slot()
    def look(self) -> None:
        """Look through the predictions anew."""
        project, run = self._session.project, self._run
        if project is not None and run is not None:
            # what is finished counts as finished: it is read from the project
            self._session.save_now()
            self._asked, self._picks = run.id, ()
            wish = Wish(run.id, self.page.count.value())
            self._looker.ask(self.page, functools.partial(_found, project, run, wish))

    @Slot()
    def forget(self) -> None:
        """List nothing any more."""
        self._asked, self._picks, self._waiting, self._wanted = "", (), None, False
        self._looker.forget()

    @Slot(object)
    def _take_found(self, found: Suggested) -> None:
        project = self._session.project
        self._picks = found.picks
        patients = {scan.patient: scan.patient_name for scan in project.scans()} if project is not None else {}
        self.page.fill([_told(pick, patients) for pick in found.picks])
        self.page.say(text("next.found", run=self._run.name if self._run else "", count=found.scans), left_out(found))
        if self._wanted:
            self._wanted = False
            self.take_next()

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._asked, self._wanted = "", False
        if not self.page.isVisible():
            self._session.notifier.error(error)

    # ------------------------------------------------------------ taking

    def take_next(self) -> None:
        """Take the slice chosen (the first, at the beginning); look first where nothing was looked for."""
        if self._looker.busy or (not self._picks and self._run is not None and self._run.id != self._asked):
            self._wanted = True
            if not self._looker.busy:
                self.look()
        elif self.page.chosen >= 0:
            self.take(self.page.chosen)
        else:
            self._session.notifier.tell(text("next.none_left"), "info")

    @Slot(int)
    def take(self, row: int) -> None:
        """Open the scan of a row at its slice in Annotate, with what is predicted there to be corrected."""
        pick = self._picks[row]
        self.page.mark_taken(row)
        self._waiting = pick
        scan = self._session.scan
        if scan is not None and scan.id == pick.candidate.scan and self._session.editor is not None:
            self._go()
        else:
            self._session.open_scan(pick.candidate.scan)

    @Slot()
    def _scan_there(self) -> None:
        scan = self._session.scan
        if self._waiting is None or scan is None or scan.id != self._waiting.candidate.scan:
            return
        if self._session.editor is not None:
            # behind what else hears of the scan: each page first shows its first slice
            QTimer.singleShot(0, self, self._go)

    @Slot()
    def _go(self) -> None:
        pick, session = self._waiting, self._session
        self._waiting = None
        if pick is None or session.volume is None or session.scan is None or session.scan.id != pick.candidate.scan:
            return
        one = pick.candidate
        if session.labels.find(one.label) is not None:
            session.choose_label(one.label)
        session.workspace_requested.emit("annotate")
        _, rows, columns = session.volume.shape
        session.position_requested.emit((columns // 2, rows // 2, one.slice))
        session.notifier.tell(text("next.taken", slice=one.slice + 1, reason=pick.words), "info")
        if self._run is not None and self._is_free(one.slice):
            session.correct_from(self._run.id, only=Only(slices=(one.slice,)))

    def _is_free(self, index: int) -> bool:
        """Whether nobody has drawn anything on a slice, nor said that it is finished."""
        session = self._session
        if session.editor is None or not session.can_edit or self._run is None:
            return False
        found = (session.labels.find(name) for name in self._run.labels)
        for layer in {label.layer for label in found if label is not None}:
            if session.editor.drawn(layer)[index] or session.editor.finished(layer)[index]:
                return False
        return True

    def close(self) -> None:
        """End the thread."""
        self._looker.close()


def _told(pick: Pick, patients: dict[str, str]) -> tuple[str, ...]:
    """Return the words of a row; ``patients``: display names by key."""
    one = pick.candidate
    place = text("next.slice_of", slice=one.slice + 1, slices=one.slices)
    return one.name, patients.get(one.patient, ""), one.label, place, pick.words


def _found(project: Project, run: Run, wish: Wish, look: Look) -> Suggested:
    """Runs in a thread."""
    return suggest(project, run, wish, go_on=look.goes_on, told=look.told)
