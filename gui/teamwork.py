"""What people do with scans beside drawing: status, readers, tags, comments; each in a thread, told when it is done."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from core.messages import text
from core.project.project import Project
from core.project.records import ScanStatus
from core.team import adjudication, assignments, comments, readers, statuses, tags
from core.team.comments import Comment
from core.team.curtain import comments_seen
from core.team.finishing import close_finished
from gui.ahead import Ahead
from gui.background import InTurn, Tasks
from gui.jobs.asking import Asker
from gui.loading import leave
from gui.sitting import Sitting

if TYPE_CHECKING:
    from gui.session import Session


@dataclass(frozen=True)
class _Done:
    """What was done to which scans, and what is to be said of it."""

    scans: tuple[str, ...]
    told: str = ""
    warned: str = ""


@dataclass(frozen=True)
class _Said:
    """The comments on a scan, and how many there are that a blind reading keeps back."""

    scan: str
    comments: tuple[Comment, ...]
    hidden: int


class Teamwork(QObject):
    """Acts on scans of the open project, in the name of the person who sits here.

    Attributes
    ----------
    comments
        On the scan shown, oldest first; without those that a blind reading keeps back.
    hidden_comments
        How many those are.
    comments_of
        Id of the scan whose comments these are; empty while they are being read for the first time.
    ahead
        Scans that are read before they are asked for.
    sitting
        Counts the time spent on the scan shown.
    in_turn
        Order of what is asked for: saving, marking, and what people say of scans.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._tasks = Tasks(self)
        self.in_turn = InTurn()
        self._reading = Asker(self)
        self._reading.answered.connect(self._take)
        self._reading.refused.connect(session.notifier.error)
        self.comments: tuple[Comment, ...] = ()
        self.hidden_comments = 0
        self.comments_of = ""
        self.ahead = Ahead(session)
        self.sitting = Sitting(session)
        self._own = ""
        self._adjudicated = ""
        self._before: tuple[str, str, str] | None = None
        session.scan_changed.connect(self.refresh)
        session.work_changed.connect(self._work_changed)
        # a reading that is done may have been the last blind one
        session.scan_updated.connect(self._work_changed)

    # ------------------------------------------------------------ who sits here

    @property
    def me(self) -> str:
        """The person who sits here, also while they adjudicate under another name."""
        return self._own or self._session.reader

    def be(self, name: str) -> None:
        """Draw in another person's name from now on; the scan shown is opened anew.

        Raises
        ------
        InputError
            ``reader-name``.
        """
        session = self._session
        name = name.strip()
        readers.check_name(name)
        session.settings.preferences.reader = name
        session.settings.save()
        if name == session.reader:
            return
        self._own = self._adjudicated = ""
        self._change_reader(name)

    def _change_reader(self, name: str) -> None:
        session = self._session
        session.reader = name
        session.reader_changed.emit()
        if session.scan is not None:
            session.open_scan(session.scan.id, again=True)

    def adjudicate(self, start: str) -> None:
        """Draw the third annotation of the scan shown, begun from nothing, a consensus or a reader's masks."""
        session = self._session
        project, scan, me = session.project, session.scan, self.me
        if project is None or scan is None or not session.can_edit:
            return
        before = session.reader, self._own, self._adjudicated
        self._own, self._adjudicated = me, scan.id
        session.reader = readers.adjudication_reader(me)
        session.reader_changed.emit()
        begin = functools.partial(adjudication.begin_adjudication, project, scan, by=me, start=start)
        session.open_scan(scan.id, again=True, between=begin)
        self._before = before

    @property
    def adjudicating(self) -> bool:
        """Whether what is drawn is drawn in order to decide between readers."""
        return bool(self._own)

    def put_back(self) -> None:
        """Hear that a scan could not be opened: an adjudication that could not begin leaves all as it was."""
        if self._before is not None:
            (self._session.reader, self._own, self._adjudicated), self._before = self._before, None
            self._session.reader_changed.emit()

    def leave_for(self, scan_id: str) -> None:
        """Hear that a scan is about to be opened: only the one that is adjudicated is drawn on as adjudicator."""
        self._before = None
        if self._own and scan_id != self._adjudicated:
            self._session.reader, self._own, self._adjudicated = self._own, "", ""
            self._session.reader_changed.emit()

    def stop_adjudicating(self) -> None:
        """Show the own annotation again."""
        if self._own:
            own, self._own, self._adjudicated = self._own, "", ""
            self._change_reader(own)

    # ------------------------------------------------------------ acts

    def move(self, scans: Sequence[str], to: ScanStatus, *, words: str = "", slice_: int | None = None) -> None:
        """Give scans another status; ``words`` say why, pinned to a native slice (from 0) where one is given."""
        self._do(scans, _move, to=to, reader=self.me, words=words, slice_=slice_)

    def assign(self, scans: Sequence[str], reader: str, *, role: str = "reader", blind: bool = False) -> None:
        """Let a reader read scans."""
        self._do(scans, _assign, reader=reader, by=self.me, role=role, blind=blind)

    def assign_two(self, scans: Sequence[str], first: str, second: str) -> None:
        """Let two readers read scans, neither seeing what the other drew before both are done."""
        self._do(scans, _assign_two, first=first, second=second, by=self.me)

    def unassign(self, scans: Sequence[str], reader: str) -> None:
        """Take a reader off scans."""
        self._do(scans, _unassign, reader=reader, by=self.me)

    def tag(self, scans: Sequence[str], name: str, *, on: bool = True) -> None:
        """Tag scans, or take a tag off."""
        self._do(scans, _tag, name=name, by=self.me, on=on)

    def comment(self, scan: str, words: str, *, slice_: int | None = None, answers: str = "") -> None:
        """Say something of a scan, or of one of its native slices (from 0)."""
        self._do([scan], _comment, words=words, reader=self.me, slice_=slice_, answers=answers)

    def settle(self, scan: str, comment: str, *, settled: bool = True) -> None:
        """Mark a comment as dealt with."""
        self._do([scan], _settle, comment=comment, reader=self.me, settled=settled)

    def make_consensus(self, method: str) -> None:
        """Make a consensus (``majority`` or ``staple``) of the readers of the scan shown, beside what they drew."""
        if self._session.scan is not None:
            self._do([self._session.scan.id], _make_consensus, method=method, by=self.me)

    def close_finished(self) -> None:
        """Mark the scans done that all of their readers are done with: what came from another copy may be the last."""
        self._do([], _close_finished, by=self.me)

    def add_reader(self, name: str) -> None:
        """Let the project know a reader who has drawn nothing yet."""
        self._do([], _add_reader, name=name, by=self.me)

    def _do(self, scans: Sequence[str], act: Callable[..., _Done], **facts: object) -> None:
        session = self._session
        project = session.project
        if project is None:
            return
        if session.read_only:
            session.notifier.tell(session.holder or text("annotate.refused_read_only"), "warning")
            return
        loaded = session.loaded if session.scan is not None and session.scan.id in scans else None
        if loaded is not None and session.editor is not None:
            session.editor.commit()

        def work() -> _Done:
            # what is on the screen is what the act is about
            leave(loaded, None, None)
            return act(project, tuple(scans), **facts)

        # after what was asked for before: a scan that is done and then approved must not end as done
        self._tasks.start(self.in_turn.after_the_others(work), self._was_done, session.notifier.error)

    @Slot(object)
    def _was_done(self, done: _Done) -> None:
        session = self._session
        if session.project is None:
            return
        if session.scan is not None and session.scan.id in done.scans:
            session.refresh_scan()
        session.work_changed.emit(done.scans[0] if len(done.scans) == 1 else "")
        if done.warned:
            session.notifier.tell(done.warned, "warning")
        elif done.told:
            session.notifier.tell(done.told, "good", seconds=4)

    # ------------------------------------------------------------ comments

    @Slot()
    def refresh(self) -> None:
        """Read the comments on the scan shown again."""
        session = self._session
        if session.project is None or session.scan is None:
            self._reading.forget()
            self.comments_of = ""
            self._show(())
            return
        if self.comments_of != session.scan.id:
            self.comments_of = ""
            self._show(())
        self._reading.ask(_read, session.project, session.scan.id, self.me)

    @Slot(str)
    def _work_changed(self, scan_id: str) -> None:
        if not scan_id or (self._session.scan is not None and self._session.scan.id == scan_id):
            self.refresh()

    @Slot(object)
    def _take(self, said: _Said) -> None:
        if self._session.scan is not None and self._session.scan.id == said.scan:
            another = self.comments_of != said.scan
            self.comments_of = said.scan
            self._show(said.comments, said.hidden, anew=another)

    def _show(self, found: tuple[Comment, ...], hidden: int = 0, *, anew: bool = False) -> None:
        if anew or (found, hidden) != (self.comments, self.hidden_comments):
            self.comments, self.hidden_comments = found, hidden
            self._session.comments_changed.emit()

    @property
    def busy(self) -> bool:
        """Whether comments are being read."""
        return self._reading.busy

    def close(self) -> None:
        """Wait for what is under way."""
        self.ahead.forget()
        self.sitting.close()
        self._tasks.wait()
        self._own = self._adjudicated = ""


def _read(project: Project, scan: str, viewer: str) -> _Said:
    seen, hidden = comments_seen(project, viewer, scan)
    return _Said(scan, tuple(seen), hidden)


def _move(
    project: Project, scans: tuple[str, ...], *, to: ScanStatus, reader: str, words: str, slice_: int | None
) -> _Done:
    moved = statuses.move(project, scans, to, reader=reader, words=words, slice=slice_)
    status = text(f"worklist.status_{to.value}")
    if moved.refused:
        return _Done(
            scans, warned=text("team.moved_some", done=len(moved.done), left=len(moved.refused), status=status)
        )
    return _Done(scans, _told("moved", scans, status=status))


def _assign(project: Project, scans: tuple[str, ...], *, reader: str, by: str, role: str, blind: bool) -> _Done:
    assignments.assign(project, scans, reader, by=by, role=role, blind=blind)
    return _Done(scans, _told("assigned", scans, reader=reader))


def _assign_two(project: Project, scans: tuple[str, ...], *, first: str, second: str, by: str) -> _Done:
    assignments.two_readers(project, scans, first, second, by=by)
    return _Done(scans, _told("assigned_two", scans, first=first, second=second))


def _unassign(project: Project, scans: tuple[str, ...], *, reader: str, by: str) -> _Done:
    assignments.unassign(project, scans, reader, by=by)
    return _Done(scans)


def _tag(project: Project, scans: tuple[str, ...], *, name: str, by: str, on: bool) -> _Done:
    tags.tag(project, scans, name, by=by, on=on)
    return _Done(scans)


def _comment(
    project: Project, scans: tuple[str, ...], *, words: str, reader: str, slice_: int | None, answers: str
) -> _Done:
    comments.add(project, scans[0], words, reader=reader, slice=slice_, answers=answers)
    return _Done(scans)


def _settle(project: Project, scans: tuple[str, ...], *, comment: str, reader: str, settled: bool) -> _Done:
    comments.settle(project, comment, reader=reader, settled=settled)
    return _Done(scans)


def _make_consensus(project: Project, scans: tuple[str, ...], *, method: str, by: str) -> _Done:
    scan = project.scan(scans[0])
    made = adjudication.make_consensus(project, scan, method, by=by)
    return _Done(scans, text("team.consensus_made", scan=scan.name, reader=made.reader))


def _close_finished(project: Project, scans: tuple[str, ...], *, by: str) -> _Done:
    return _Done(tuple(close_finished(project, by=by)))


def _add_reader(project: Project, scans: tuple[str, ...], *, name: str, by: str) -> _Done:
    readers.add_reader(project, name, by=by)
    return _Done(scans)


def _told(key: str, scans: Sequence[str], **fields: object) -> str:
    """Word what was done to several scans; of one the list says it by itself."""
    return text(f"team.{key}", count=len(scans), **fields) if len(scans) > 1 else ""
