"""Bringing things in: files into the project, scratch projects, the demo."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.errors import MeninxError
from core.events import Failed, Finished, JobEvent, Notice, ScanReady, Skipped
from core.ids import new_id
from core.io.sandbox import Decoder
from core.io.source import Source
from core.messages import sentence, text
from core.project.importing import ImportOptions
from core.project.keeping import keep_as
from gui.background import Tasks
from gui.bringing import Bringer
from gui.glance import Glancer
from gui.jobs import runners
from gui.jobs.jobs import Work
from gui.session import Session
from gui.settings import scratch_folder, user_folder

_TO_CHOOSE = ("volume-needed", "dataset-needed")
"""Refusals that only ask the person to choose."""
_NEXT_TURN_MS = 30
"""Till the window has drawn what came before; a timer of no time would still be the same turn."""
_FIRST_SLICE_MS = 500
"""How long an import waits at most for the first slice of the look at it."""
_ONLY_READING = (
    *("mask-", "masks-resampled", "masks-merged", "masks-more", "scan-", "slices-unread"),
    *("classes-", "predictions-", "import-"),
)
"""How notices begin of what the page cannot know, which looks at headers and the slice in the middle."""


def is_project(path: Path) -> bool:
    """Whether a path is a project folder."""
    return (path / "meninx.json").is_file()


def project_of(path: Path) -> Path | None:
    """Return the project folder that a path means: the folder itself, or its ``meninx.json``."""
    folder = path.parent if path.name == "meninx.json" else path
    return folder if is_project(folder) else None


class Intake(QObject):
    """Opens what the person points at: a project as it is, anything else through an import job.

    Without a project, files go into a scratch project in the user's folder, so
    that nothing drawn on them is ever lost.
    """

    masks_asked = Signal(object)
    """Paths whose scans have masks beside them, which the person wants to bring in."""
    skipped_asked = Signal(object)
    """The person would read what did not come in: pairs of a name and a sentence."""
    page_asked = Signal(object, object, int, object)
    """The person should see and choose what files hold: see :attr:`gui.bringing.Bringer.page_asked`."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.looking: Callable[[], bool] = lambda: False
        """Whether scans are only looked at just now, so that another one may take the place of the one shown."""
        self._sources: dict[str, list[Path]] = {}
        self._skipped: dict[str, list[tuple[str, MeninxError]]] = {}
        self._picked: set[str] = set()
        self._held: set[str] = set()
        self._fresh: set[str] = set()
        self._demo: tuple[str, Path] | None = None
        self._tasks = Tasks(self)
        self._bringer = Bringer(session, self)
        self._bringer.plain.connect(self._take_plain)
        self._glancer = Glancer(session, self)
        self._bringer.refused.connect(session.notifier.error)
        self._bringer.page_asked.connect(self.page_asked)
        self._kept: tuple[Path, Path, str] | None = None
        # scans may come in by the hundred each second: the list is read again twice a second at most
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(500)
        self._later.timeout.connect(session.scans_changed)
        self._waiting: list[list[Path]] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._take_waiting)
        session.glance_changed.connect(self._first_seen)
        session.project_changed.connect(self._forget_waiting)
        session.jobs.started.connect(self._begun)
        session.jobs.said.connect(self._hear)
        session.jobs.ended.connect(self._ended)

    # --------------------------------------------------------------- opening

    def open(self, path: Path) -> None:
        """Open a project folder, or bring a file or folder in."""
        if not path.exists():
            self._session.notifier.error(MeninxError("file-missing", file=path))
        elif (project := project_of(path)) is not None:
            self.open_project(project)
        else:
            self.bring([path])

    def open_project(self, path: Path, scan: str = "") -> bool:
        """Open a project, and that scan of it or the first that is to do; return whether the project is open."""
        session = self._session
        if not session.notifier.attempt(lambda: session.open_project(path, scratch=is_scratch(path))):
            return False
        self._open_first(scan)
        return True

    def create_project(self, path: Path) -> bool:
        """Make a project and open it; return whether it is open."""
        return self._session.notifier.attempt(lambda: self._session.create_project(path))

    def _open_first(self, scan: str = "") -> None:
        """Show that scan, or the first with something left to do: nobody should face an empty window."""
        project = self._session.project
        if project is None or self._session.scan is not None:
            return
        first = project.first_scan()
        if first is not None:
            self._session.open_scan(scan or first.id)

    # ---------------------------------------------------------------- files

    def bring(self, paths: Sequence[Path]) -> None:
        """Open what one plain scan is at once; ask about all else on the import page."""
        projects = [path for path in paths if is_project(path)]
        if projects:
            self.open_project(projects[0])
        elif len(paths) == 1 and paths[0].is_file() and paths[0].suffix.casefold() != ".zip":
            self._take_plain(paths)
        elif self._session.project is not None and self._session.read_only:
            self._session.notifier.tell(self._session.holder or text("annotate.refused_read_only"), "warning")
        else:
            self._bringer.look(paths, self._glancer.spare())

    def warm(self) -> None:
        """Have a decoding child ready, so that the first scan need not wait for one."""
        self._glancer.warm()

    @Slot(object, object, object)
    def _take_plain(self, paths: Sequence[Path], decoder: Decoder | None = None, source: Source | None = None) -> None:
        self._glancer.look(paths, decoder, source)
        if not self._session.notifier.attempt(self._need_project):
            self._glancer.end()
            return
        self._waiting.append(list(paths))
        # a turn of its own, after the first picture of the project and after the first slice: it would be in their way
        self._soon.start(_FIRST_SLICE_MS if self._glancer.looking else _NEXT_TURN_MS)

    @Slot()
    def _first_seen(self) -> None:
        if self._waiting:
            self._soon.start(_NEXT_TURN_MS)

    @Slot()
    def _forget_waiting(self) -> None:
        # who went elsewhere meanwhile does not want it there
        self._waiting.clear()

    @Slot()
    def _take_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for paths in waiting:
            self.take(paths)

    def _need_project(self) -> None:
        """Make a scratch project if none is open."""
        if self._session.project is None:
            self._session.create_project(_scratch_path(), text("session.scratch_name"), scratch=True)

    @Slot(object)
    def take(self, paths: Sequence[Path], options: ImportOptions | None = None) -> Work | None:
        """Import files and folders; without a project into a scratch project. Return the job, None if refused."""
        session = self._session
        try:
            self._need_project()
            if session.read_only:
                session.notifier.tell(session.holder or text("annotate.refused_read_only"), "warning")
                return None
            work = session.jobs.start_import(list(paths), options or ImportOptions())
        except MeninxError as error:
            session.notifier.error(error)
            return None
        self._fresh.add(work.id)
        self._skipped[work.id] = []
        self._sources[work.id] = list(paths)
        if options is not None and options.chosen:
            # its page can still cancel it, and then nothing of it may be open
            self._picked.add(work.id)
            self._held.add(work.id)
        return work

    @Slot(object)
    def _begun(self, work: Work) -> None:
        # what another tool exported is taken in beside what is looked at; where nothing is, its first scan is shown
        if work.kind == "take" and self._session.scan is None:
            self._fresh.add(work.id)

    @Slot(object, object)
    def _hear(self, work: Work, event: JobEvent) -> None:
        if work.kind not in ("import", "take"):
            return
        if isinstance(event, ScanReady):
            self._scan_came(work, event.scan)
        elif isinstance(event, Skipped):
            self._skipped.setdefault(work.id, []).append((event.source, event.error))
        elif isinstance(event, Notice) and work.id in self._picked and not event.key.startswith(_ONLY_READING):
            # the page told it when it was chosen
            return
        elif isinstance(event, Notice) and event.key == "masks-not-taken":
            self._offer_masks(self._sources.get(work.id, []), int(event.fields["scans"]))
        elif isinstance(event, Notice):
            self._session.notifier.tell(text(f"notices.{event.key}", **event.fields), "info", seconds=10)

    def _offer_masks(self, paths: list[Path], count: int) -> None:
        """Masks lie beside the scans: which label they are only the person knows."""
        words = text("intake.mask_beside" if count == 1 else "intake.masks_beside", count=count)
        take = functools.partial(self.masks_asked.emit, paths)
        self._session.notifier.offer(words, text("intake.take_masks"), take, seconds=60.0)

    def _scan_came(self, work: Work, scan: str) -> None:
        project = self._session.project
        if project is None:
            return
        if not self._later.isActive():
            self._later.start()
        if work.id in self._fresh and work.id not in self._held:
            # the first scan of an import is shown at once, while the others still come in
            self._fresh.discard(work.id)
            self._show_first(work, scan)
        shown = self._session.scan
        if shown is not None and shown.name == scan:
            # it was here already: what came in are its masks
            self._session.open_scan(shown.id, again=True)

    def _looked_on(self, work: Work) -> bool:
        """Whether a single file was brought in where scans are looked at and not drawn on: it is to be seen there."""
        paths = self._sources.get(work.id, [])
        return self.looking() and len(paths) == 1 and paths[0].is_file()

    def _show_first(self, work: Work, scan: str) -> None:
        session, project = self._session, self._session.project
        if project is None:
            return
        session.reload_labels()
        if session.scan is None or session.is_scratch or self._looked_on(work):
            session.open_scan(project.scan(scan).id)
        # a turn of its own: opening has had this one
        QTimer.singleShot(_NEXT_TURN_MS, self, self._tell_scans)

    @Slot()
    def _tell_scans(self) -> None:
        if self._session.project is not None:
            self._session.scans_changed.emit()

    @Slot(object)
    def let_go(self, work: Work) -> None:
        """Show what comes in of an import whose page was left: nobody can cancel it any more."""
        self._held.discard(work.id)

    @Slot(object)
    def _ended(self, work: Work) -> None:
        if work.kind == "demo":
            self._demo_ended(work)
        if work.kind not in ("import", "take"):
            return
        self._later.stop()
        waits = work.id in self._fresh
        self._fresh.discard(work.id)
        self._held.discard(work.id)
        skipped = self._skipped.pop(work.id, [])
        paths = self._sources.pop(work.id, [])
        picked = work.id in self._picked
        self._picked.discard(work.id)
        session = self._session
        if session.project is not None:
            session.reload_labels()
            session.scans_changed.emit()
        outcome = work.outcome
        if isinstance(outcome, Failed):
            if len(skipped) == 1 and skipped[0][1].code in _TO_CHOOSE and not picked:
                self._bringer.look(paths)
            elif len(skipped) == 1:
                # one file was given and could not be used: its own reason says more
                session.notifier.tell(sentence(skipped[0][1]), "danger", seconds=0)
            else:
                session.notifier.error(outcome.error)
        elif isinstance(outcome, Finished):
            came = outcome.result.get("scans", [])
            if waits and isinstance(came, list) and came:
                self._show_first(work, came[0])
            if outcome.result.get("predictions"):
                session.runs_changed.emit()
            self._tell_result(outcome, skipped)
        elif session.is_scratch and session.project is not None and session.project.first_scan() is None:
            # cancelled: nothing is left of it, not even an empty project
            self._drop_scratch()
        # after what came was asked for, which the look gives way to
        self._glancer.end()

    def _drop_scratch(self) -> None:
        session = self._session
        if session.project is None:
            return
        path = Path(session.project.path)
        if not session.notifier.attempt(session.close_project):
            return
        if is_scratch(path):
            shutil.rmtree(path, ignore_errors=True)

    def _tell_result(self, outcome: Finished, skipped: list[tuple[str, MeninxError]]) -> None:
        came = outcome.result.get("scans", [])
        count = len(came) if isinstance(came, list) else int(came)
        notifier = self._session.notifier
        words = text("intake.one_came" if count == 1 else "intake.came", count=count)
        masks = int(outcome.result.get("masks", 0))
        if masks and not count:
            words = text("intake.one_mask" if masks == 1 else "intake.only_masks", count=masks)
        elif masks:
            words += " " + text("intake.masks", count=masks)
        if not skipped:
            notifier.tell(words, "good")
            return
        self._last_skipped = skipped
        words += " " + text("intake.skipped", count=len(skipped))
        notifier.offer(words, text("intake.show_skipped"), self._show_skipped, kind="warning", seconds=0)

    def _show_skipped(self) -> None:
        self.skipped_asked.emit([(Path(source).name, sentence(error)) for source, error in self._last_skipped])

    # ----------------------------------------------------------- demo, keep

    def make_demo(self) -> None:
        """Make the demo project of phantom heads in the user's folder, or open it if it is there."""
        path = user_folder() / "demo.meninx"
        if is_project(path):
            self.open_project(path)
            return
        if self._demo is not None:
            return
        shutil.rmtree(path, ignore_errors=True)
        work = self._session.jobs.start(runners.Job("demo", {"path": path, "seed": 1}))
        self._demo = (work.id, path)
        self._session.notifier.tell(text("intake.demo_started"))

    def _demo_ended(self, work: Work) -> None:
        demo, self._demo = self._demo, None
        if demo is None:
            return
        if work.error is not None:
            self._session.notifier.error(work.error)
        elif isinstance(work.outcome, Finished):
            self.open_project(demo[1])

    def keep_as(self, target: Path) -> None:
        """Put the scratch project (or a copy of any project) at a place of its own and go on there."""
        session = self._session
        if session.project is None:
            return
        source = Path(session.project.path)
        shown = session.scan.id if session.scan is not None else ""
        if not session.notifier.attempt(session.close_project):
            return
        self._kept = (source, target, shown)
        self._tasks.start(functools.partial(keep_as, source, target), self._kept_there, self._keep_failed)

    @Slot(object)
    def _kept_there(self, _nothing: object) -> None:
        kept, self._kept = self._kept, None
        if kept is None:
            return
        source, target, shown = kept
        if self.open_project(target, shown):
            if is_scratch(source):
                self._session.notifier.tell(text("intake.kept", name=target.name), "good")
                shutil.rmtree(source, ignore_errors=True)
            else:
                self._session.notifier.tell(text("intake.copied", file=target), "good", seconds=12)

    @Slot(object)
    def _keep_failed(self, error: MeninxError) -> None:
        kept, self._kept = self._kept, None
        self._session.notifier.error(error)
        if kept is not None:
            self.open_project(kept[0], kept[2])

    def close(self) -> None:
        """Wait for what is being copied."""
        self._later.stop()
        self._soon.stop()
        self._bringer.close()
        self._glancer.close()
        self._tasks.wait()


def is_scratch(path: Path) -> bool:
    """Whether a project is one of the scratch projects."""
    return Path(path).parent == scratch_folder()


def _scratch_path() -> Path:
    return scratch_folder() / f"{datetime.now():%Y-%m-%d}-{new_id()[-6:]}.meninx"
