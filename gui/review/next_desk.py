"""Looks for the next best slices in a thread, and takes one into Annotate with one key."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from core.commands.suggest import left_out
from core.errors import MeninxError
from core.learning.runs import Run
from core.messages import sentence, text
from core.project.project import Project
from core.review.next_best import Pick
from core.review.suggest import Suggested, Wish, suggest
from gui.correcting import Only
from gui.jobs.asking import Asker
from gui.review.next_page import NextPage

if TYPE_CHECKING:
    from gui.session import Session

_TELL_MS = 200


class _Look:
    """One look through the predictions: how far it is, and whether it still matters."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.done, self.total, self.name = 0, 0, ""

    def told(self, done: int, total: int, name: str) -> None:
        self.done, self.total, self.name = done, total, name


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
        self._look: _Look | None = None
        self._asker = Asker(self)
        self._asker.answered.connect(self._take_found)
        self._asker.refused.connect(self._refused)
        self._telling = QTimer(self)
        self._telling.setInterval(_TELL_MS)
        self._telling.timeout.connect(self._tell)
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

    @property
    def busy(self) -> bool:
        """Whether it is looked for still."""
        return self._asker.busy

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
        self._stop()
        if project is None or run is None:
            return
        # what is finished counts as finished: it is read from the project
        self._session.save_now()
        self._asked = run.id
        self._picks = ()
        self.page.show_picks((), {})
        self._look = look = _Look()
        self._telling.start()
        self._tell()
        # last: a quick answer is there before this returns
        self._asker.ask(_found, project, run, Wish(run.id, self.page.count.value()), look)

    @Slot()
    def forget(self) -> None:
        """List nothing any more."""
        self._stop()
        self._asker.forget()
        self._asked, self._picks, self._waiting, self._wanted = "", (), None, False
        if self._page is not None:
            self._page.show_picks((), {})
            self._page.say("")

    def _stop(self) -> None:
        if self._look is not None:
            self._look.stop.set()
        self._telling.stop()

    @Slot()
    def _tell(self) -> None:
        look = self._look
        if look is not None:
            total = look.total or "…"
            self.page.say(text("next.looking", done=min(look.done + 1, look.total or 1), total=total, scan=look.name))

    @Slot(object)
    def _take_found(self, found: Suggested) -> None:
        self._telling.stop()
        project = self._session.project
        self._picks = found.picks
        patients = {scan.patient: scan.patient_name for scan in project.scans()} if project is not None else {}
        self.page.show_picks(found.picks, patients)
        self.page.say(text("next.found", run=self._run.name if self._run else "", scans=found.scans), left_out(found))
        if self._wanted:
            self._wanted = False
            self.take_next()

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._telling.stop()
        self._asked, self._wanted = "", False
        self.page.say(sentence(error))
        if not self.page.isVisible():
            self._session.notifier.error(error)

    # ------------------------------------------------------------ taking

    def take_next(self) -> None:
        """Take the slice chosen (the first, at the beginning); look first where nothing was looked for."""
        if self._asker.busy or (not self._picks and self._run is not None and self._run.id != self._asked):
            self._wanted = True
            if not self._asker.busy:
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
        self._stop()
        self._asker.close()


def _found(project: Project, run: Run, wish: Wish, look: _Look) -> Suggested:
    """Runs in a thread."""
    return suggest(project, run, wish, go_on=lambda: not look.stop.is_set(), told=look.told)
