"""What is open and selected: the one object that every part of the window listens to.

The session owns no widget and knows none. Slow things (opening a scan, saving)
happen in threads; everything here is called and signalled in the window's thread.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Signal, Slot

from core.editing.editor import Change, Editor, Step
from core.errors import InputError, MeninxError
from core.labels import Label, LabelSet
from core.messages import sentence, text
from core.project.project import Project
from core.project.records import Scan, ScanStatus
from core.project.saver import SaveState
from core.volume import Volume, Window
from gui.accepting import offer_depth
from gui.background import Tasks, wait_for
from gui.correcting import Corrector, Masks, Only, Reach
from gui.labelling import Labeller
from gui.loading import LoadedScan, LoadOrder, close_loaded, leave, load
from gui.notify import Notifier
from gui.opening import OpenedProject, make_project, open_for_drawing
from gui.recovered import tell_recovered
from gui.session_signals import OverlayStyle, Pointer
from gui.settings import Settings
from gui.tastes import Tastes
from gui.teamwork import Teamwork
from gui.versions import Versions
from gui.walking import Walker
from gui.window_memory import WindowMemory

if TYPE_CHECKING:
    from gui.jobs.jobs import Jobs

__all__ = ["OverlayStyle", "Pointer", "Session"]


class Session(Tastes):
    """What is open and selected.

    Parameters
    ----------
    settings
        Preferences of this person.

    Attributes
    ----------
    project
        The open project, or None on the start page.
    label
        The label that tools draw, or None where the project has none.
    window
        Grey levels shown, or None without a scan.
    overlay
        How masks are drawn (:class:`OverlayStyle`).
    hidden
        Names of labels that are not shown.
    jobs
        Background work (:class:`gui.jobs.jobs.Jobs`).
    notifier
        How everything is told to the person: ``tell``, ``offer``, ``error``.
    save_words
        The sentence of the save sign.
    team
        Who reads what, and what they say of it (:class:`gui.teamwork.Teamwork`).
    """

    _saver_spoke = Signal(int, str, object)

    def __init__(self, settings: Settings | None = None, parent: QObject | None = None) -> None:
        super().__init__(settings, parent)
        self.notifier = Notifier(self)
        self.project: Project | None = None
        self.is_scratch = False
        self.label: Label | None = None
        self.window: Window | None = None
        self.hidden: set[str] = set()
        self._windows = WindowMemory()
        self.save_state = SaveState.SAVED
        self.save_words = ""
        self._loaded: LoadedScan | None = None
        self._labels = LabelSet()
        self._opened: OpenedProject | None = None
        self._tasks = Tasks(self)
        self._token = 0
        self._loading = ""
        self._leaving = False
        self._floor = 0
        self._next: tuple[str, ScanStatus | None, bool] | None = None
        self._corrector = Corrector(self)
        self.walker = Walker(self)
        self.labeller = Labeller(self)
        self.versions = Versions(self)
        self.team = Teamwork(self)
        self._saver_spoke.connect(self._hear_saver)
        self.project_changed.connect(self.notifier.project_left)
        from gui.jobs.jobs import Jobs

        self.jobs: Jobs = Jobs(self)

    # ------------------------------------------------------- what is open

    @property
    def scan(self) -> Scan | None:
        """The scan shown."""
        return self._loaded.scan if self._loaded else None

    @property
    def volume(self) -> Volume | None:
        """Its voxels."""
        return self._loaded.volume if self._loaded else None

    @property
    def editor(self) -> Editor | None:
        """Its masks and their history; change masks only when :attr:`can_edit`."""
        return self._loaded.opened.editor if self._loaded else None

    @property
    def loaded(self) -> LoadedScan | None:
        """All that belongs to the scan shown (histogram too)."""
        return self._loaded

    @property
    def token(self) -> int:
        """Number of the opening of the scan shown; another scan, or the same anew, has another."""
        return self._token

    @property
    def labels(self) -> LabelSet:
        """Labels of the project."""
        return self._labels

    @property
    def read_only(self) -> bool:
        """Whether nothing may be changed here."""
        return self.project is None or self.project.read_only

    @property
    def holder(self) -> str:
        """Why the project is read-only, as a sentence; empty if it is not."""
        return self._opened.reason if self._opened is not None else ""

    @property
    def can_edit(self) -> bool:
        """Whether masks may be changed now."""
        return self._loaded is not None and not self.read_only and not self._loading and not self._leaving

    # ------------------------------------------------------------ projects

    def open_project(self, path: Path, *, scratch: bool = False) -> None:
        """Open a project folder, read-only if somebody else is drawing in it.

        Raises
        ------
        ProjectError, StorageError
            If it cannot be opened, or what is open cannot be saved: that then stays open.
        """
        again = self.project is not None and Path(self.project.path) == Path(path).absolute()
        if again:
            self.close_project()
        # the new one first: what is open is given up only for something that is there
        there: list[OpenedProject] = []
        # in a thread: disks are slow
        wait_for(lambda: there.append(open_for_drawing(Path(path), self.reader)))
        opened = there[0]
        try:
            self.put_away()
        except MeninxError:
            opened.close()
            raise
        self._release()
        self._opened = opened
        self.project = self._opened.project
        self.is_scratch = scratch
        if not scratch:
            self.settings.remember_project(Path(path))
        self._take_labels(self.project.labels())
        self.project_changed.emit()
        self.scans_changed.emit()
        self.runs_changed.emit()

    def create_project(self, path: Path, name: str = "", *, scratch: bool = False) -> None:
        """Make a new project with the label Brain and open it."""
        wait_for(functools.partial(make_project, path, name))
        self.open_project(path, scratch=scratch)

    def put_away(self) -> None:
        """Save the scan shown and let go of it.

        Raises
        ------
        StorageError
            If it cannot be saved; it then stays open.
        """
        if self._leaving:
            return
        self._next = None
        self._leaving = True
        try:
            # in threads, so that the window is never held by a slow disk
            wait_for(self._tasks.join)
            # what a thread brought meanwhile waits in the event loop: take it now or it is left open
            QCoreApplication.sendPostedEvents(None, QEvent.Type.MetaCall.value)
            if self._loaded is not None and not self._loaded.closed:
                wait_for(functools.partial(close_loaded, self._loaded))
        finally:
            self._leaving = False
        self._drop_scan()

    def close_project(self) -> None:
        """Save, let go of the project and show the start page.

        Raises
        ------
        StorageError
            If the scan shown cannot be saved; all then stays open.
        """
        self.put_away()
        self._release()
        self.project_changed.emit()
        self.scans_changed.emit()

    def close(self) -> None:
        """End the jobs, let go of everything. Save first with :meth:`put_away`."""
        self.jobs.close()
        self._tasks.wait()
        self._drop_scan(discard=True)
        self._release()
        # whoever reads in a thread (thumbnails) hears that the project is gone
        self.project_changed.emit()

    def _drop_scan(self, *, discard: bool = False) -> None:
        if self._loaded is not None:
            close_loaded(self._loaded, discard=discard)
        self._token += 1
        if self.project is None and self._loaded is None:
            # nothing was open, so nobody shows anything of it
            return
        self._loaded = None
        self._set_save_state(SaveState.SAVED, None)
        self.scan_changed.emit()

    def _release(self) -> None:
        if self._opened is None:
            return
        self.jobs.close()
        self._corrector.close()
        self.labeller.close()
        self.versions.close()
        self.team.close()
        self._opened.close()
        self._opened = self.project = None
        self.is_scratch = False
        self.hidden.clear()
        self._take_labels(LabelSet())

    # --------------------------------------------------------------- scans

    def open_scan(
        self,
        scan_id: str,
        *,
        mark_left: ScanStatus | None = None,
        again: bool = False,
        between: Callable[[], object] | None = None,
    ) -> None:
        """Show a scan: the one shown is saved, then the new one read, in a thread.

        Parameters
        ----------
        mark_left
            Status the scan that is left gets once it is saved.
        again
            Read it anew even if it is the one shown: masks came in from elsewhere.
        between
            Done in the thread while no scan is open.
        """
        if self.project is None or self._leaving:
            return
        if self._loading:
            self._next = (scan_id, mark_left, again)
            return
        if self._loaded is not None and self._loaded.scan.id == scan_id and not again:
            return
        if self.editor is not None:
            self.editor.commit()
        self.poke()
        self.team.leave_for(scan_id)
        self._token += 1
        self._loading = scan_id
        order = LoadOrder(
            self.project, scan_id, self.reader, self._token, self._loaded, mark_left, self.label, between,
            self.team.ahead.take,
        )  # fmt: skip
        self.scan_loading.emit(scan_id)
        work = functools.partial(load, order, self._saver_spoke.emit, self.glance_changed.emit)
        self._tasks.start(work, self._scan_there, self._scan_refused)

    @property
    def loading(self) -> str:
        """Id of the scan that is being opened, or ``""``."""
        return self._loading

    @Slot(object)
    def _scan_there(self, loaded: LoadedScan) -> None:
        left = self._loaded
        self._loading = ""
        self._loaded = loaded
        if self.project is not None:
            with contextlib.suppress(InputError):
                # its status may have been changed while it was read, and nobody could be told
                loaded.scan = self.project.scan(loaded.scan.id)
        if self.project is not None and (labels := self.project.labels()) != self._labels:
            self._take_labels(labels)
        self._floor = 0
        loaded.opened.editor.listen(self._hear_editor)
        # what its saver said before this moment was nobody's: recovered strokes may wait to be saved
        waits = loaded.saver is not None and loaded.opened.editor.dirty
        self._set_save_state(SaveState.UNSAVED if waits else SaveState.SAVED, None)
        self.window = self._windows.recall(loaded.window, loaded.volume.modality)
        self.scan_changed.emit()
        self.window_changed.emit(self.window)
        if left is not None:
            self.scan_updated.emit(left.scan.id)
        tell_recovered(self.notifier, loaded.opened)
        offer_depth(self)
        self._go_on()

    @Slot(object)
    def _scan_refused(self, error: MeninxError) -> None:
        refused, self._loading = self._loading, ""
        self.versions.mender.refused(error, refused)
        self.team.put_back()
        if self._loaded is not None and self._loaded.closed:
            # it was given up for work on its masks: read it anew
            again = self._loaded.scan.id
            self._drop_scan()
            self._next = self._next or (again, None, False)
        self.scan_loading.emit("")
        self._go_on()

    def _go_on(self) -> None:
        if self._next is not None:
            (scan_id, mark, again), self._next = self._next, None
            self.open_scan(scan_id, mark_left=mark, again=again)

    def refresh_scan(self) -> None:
        """Read the row of the scan shown again (its status changed on disk)."""
        if self._loaded is not None and self.project is not None:
            self._loaded.scan = self.project.scan(self._loaded.scan.id)
            self.scan_updated.emit(self._loaded.scan.id)

    # -------------------------------------------------------------- labels

    def choose_label(self, name: str) -> None:
        """Draw this label from now on."""
        found = self._labels.find(name)
        if found is not None and found != self.label:
            self.label = found
            self.label_changed.emit()

    def change_labels(self, labels: LabelSet) -> None:
        """Store another set of labels.

        Raises
        ------
        MeninxError
            If the project is read-only or the disk refuses.
        """
        if self.project is None:
            return
        before = self._labels
        self.project.set_labels(labels)
        # a label that has another name now stays hidden, and chosen
        names = {(label.layer, label.value): label.name for label in labels}
        renamed = {old.name: names.get((old.layer, old.value), old.name) for old in self._labels}
        self.hidden = {renamed.get(name, name) for name in self.hidden}
        if self.label is not None:
            self.label = labels.find(renamed.get(self.label.name, self.label.name))
        self._take_labels(self.project.labels())
        self.labeller.edited(before, self._labels)

    def reload_labels(self) -> None:
        """Read the labels again (an import added some)."""
        if self.project is not None and (labels := self.project.labels()) != self._labels:
            self._take_labels(labels)

    def show_label(self, name: str, shown: bool) -> None:
        """Show or hide one label."""
        if shown:
            self.hidden.discard(name)
        else:
            self.hidden.add(name)
        self.labels_changed.emit()

    def _take_labels(self, labels: LabelSet) -> None:
        self._labels = labels
        if self.editor is not None:
            self.editor.set_labels(labels)
        kept = labels.find(self.label.name) if self.label is not None else None
        self.label = kept or next(iter(labels), None)
        self.labels_changed.emit()
        self.label_changed.emit()

    # ------------------------------------------------------------- editing

    def undo(self) -> None:
        """Take the last step back and show where it was."""
        self.walker.step(forward=False)

    def redo(self) -> None:
        """Do the step again that was taken back last."""
        self.walker.step(forward=True)

    def set_finished(self, layers: Sequence[str], slices: Sequence[int], finished: bool) -> Step | None:
        """Mark native slices finished or not: one undoable step."""
        if not self.can_edit or self.editor is None:
            return None
        return self.editor.set_finished(layers, slices, finished)

    def mark(self, status: ScanStatus) -> None:
        """Save the scan shown and give it a status, in a thread; :attr:`scan_updated` follows."""
        self._save(status)

    def save_now(self) -> None:
        """Save at once, in a thread (it saves by itself a moment after each step)."""
        self._save(None)

    def _save(self, status: ScanStatus | None) -> None:
        loaded = self._loaded
        if loaded is None or self.project is None or self._leaving:
            return
        if loaded.opened.editor.dirty and not self.read_only:
            self._set_save_state(SaveState.SAVING, None)
        work = self.team.in_turn.after_the_others(functools.partial(leave, loaded, self.project, status))
        self._tasks.start(work, self._was_saved, self._was_not_saved)

    @Slot(object)
    def _was_saved(self, _nothing: object) -> None:
        self.refresh_scan()

    @Slot(object)
    def _was_not_saved(self, error: MeninxError) -> None:
        self.notifier.error(error)
        self.refresh_scan()

    def poke(self) -> None:
        """Tell the saver that something changed."""
        if self._loaded is not None and self._loaded.saver is not None:
            self._loaded.saver.poke()

    def correct_from(self, run: str, *, keep_finished: bool = False, only: Only | None = None) -> None:
        """Take the prediction of a run (id) for the scan shown, or only a part of it, into the annotation, undoable.

        ``keep_finished`` leaves slices alone that the reader has marked as finished.
        """
        self._corrector.take(run, keep_finished=keep_finished, only=only)

    def put_masks(self, masks: Masks, finish: Sequence[int], covered: Reach | None = None) -> None:
        """Put masks of a file, by label name, on the scan shown (what it covers; None: all), undoable."""
        self._corrector.put_masks(masks, finish, covered)

    def set_window(self, window: Window) -> None:
        """Show other grey levels."""
        if window == self.window:
            return
        self.window = window
        if self._loaded is not None:
            self._windows.keep(window, self._loaded.window, self._loaded.volume.modality)
        self.window_changed.emit(window)

    def _hear_editor(self, change: Change) -> None:
        """Called by the editor, in this thread."""
        if change.kind != "live":
            self.poke()
            if self.save_state is SaveState.SAVED and self.editor is not None and self.editor.dirty:
                # the saver's thread says so too, but a moment later
                self._set_save_state(SaveState.UNSAVED, None)
        self.mask_changed.emit(change)

    # -------------------------------------------------------------- saving

    @Slot(int, str, object)
    def _hear_saver(self, token: int, state: str, error: MeninxError | None) -> None:
        if self._loaded is None or token != self._loaded.token:
            return
        if state == SaveState.SAVED and error is None and self._loaded.opened.editor.dirty:
            # true when it was said; something was drawn since
            state = SaveState.UNSAVED
        self._set_save_state(SaveState(state), error)
        journal = self._loaded.opened.journal
        if journal is not None and journal.floor > self._floor:
            # 512 MB of undo: the oldest made room
            self._floor = journal.floor
            self.notifier.tell(text("session.forgotten"), "info", seconds=10)
        if state == SaveState.SAVED:
            self.refresh_scan()

    def _set_save_state(self, state: SaveState, error: MeninxError | None) -> None:
        self.save_state = state
        if self._loaded is None:
            self.save_words = ""
        elif self.read_only:
            self.save_words = text("session.read_only_sign")
        elif state is SaveState.FAILED:
            self.save_words = text("session.not_saved", reason=sentence(error) if error else "")
        else:
            self.save_words = text(f"session.{state.value}")
        self.save_state_changed.emit(state.value)
