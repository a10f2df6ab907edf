"""What the actions of a team do: who reads, comments, timeline, verdict; dialogs are made when asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from core.messages import text
from core.team.bundle_file import ENDING
from core.team.readers import kind_of, known_readers
from gui.actions import Actions
from gui.session import Session
from gui.team.bundle_dialog import BundleDialog
from gui.team.merge_dialog import MergeDialog
from gui.team.reader_dialog import ReaderDialog
from gui.team.review_acts import ReviewActs
from gui.team.timeline import TimelineDialog

if TYPE_CHECKING:
    from gui.main_window import MainWindow


class TeamDesk(QObject):
    """Binds the actions.

    Parameters
    ----------
    window
        Parent of the dialogs.
    session, actions
        What they act on.
    """

    def __init__(self, window: MainWindow, session: Session, actions: Actions) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self.timeline: TimelineDialog | None = None
        self.dialog: BundleDialog | MergeDialog | None = None
        self._acts: ReviewActs | None = None
        for name, slot in {
            "reader": self.ask_reader,
            "comment": self.ask_comment,
            "timeline": self.show_timeline,
            "scan_menu": self.show_scan_menu,
            "approve": self.approve,
            "give_back": self.give_back,
            "bundle": self.ask_bundle,
            "merge": self.ask_merge,
        }.items():
            actions.bind(name, slot)
        window.worklist.menu.notes_asked.connect(self._notes)
        window.worklist.menu.bundle_asked.connect(self.show_bundle)

    # ------------------------------------------------------------ who reads

    @Slot()
    def ask_reader(self) -> None:
        """Ask who sits here; whoever adjudicates goes back to his own reading first."""
        session = self._session
        if kind_of(session.reader) == "adjudication":
            session.team.stop_adjudicating()
            return
        known = known_readers(session.project) if session.project is not None else []
        dialog = ReaderDialog(session.team.me, [one.name for one in known if one.active], self._window)
        if dialog.exec():
            session.notifier.attempt(lambda: session.team.be(dialog.name))
        dialog.deleteLater()

    # ------------------------------------------------------------ of a scan

    @Slot()
    def show_scan_menu(self) -> None:
        """Show what can be done with the scans chosen in the list."""
        worklist = self._window.worklist
        worklist.menu.open(worklist.list.mapToGlobal(worklist.list.rect().center()))

    @Slot()
    def ask_comment(self) -> None:
        """Put the cursor where a comment on the scan shown is written."""
        if self._window.reviewing:
            readers = self._window.review.readers
            if readers.is_open and readers.page:
                readers.page.side.comments.words.setFocus()
                return
        self._window.show_workspace("annotate")
        self._window.annotate.comments.ask()

    @Slot(str, str)
    def _notes(self, scan: str, which: str) -> None:
        if which == "timeline":
            self._show(scan)
            return
        self._session.open_scan(scan)
        self.ask_comment()

    @Slot()
    def show_timeline(self) -> None:
        """Show who did what with the scan shown; without one, in the whole project."""
        self._show(self._session.scan.id if self._session.scan is not None else "")

    def _show(self, scan: str) -> None:
        if self._session.project is None:
            return
        if self.timeline is not None:
            self.timeline.close()
        self.timeline = TimelineDialog(self._session, scan, self._window)
        self.timeline.finished.connect(self._timeline_closed)
        self.timeline.show()

    @Slot()
    def _timeline_closed(self) -> None:
        dialog, self.timeline = self.timeline, None
        if dialog is not None:
            dialog.deleteLater()

    # ------------------------------------------------------------ verdict

    def _verdict(self) -> ReviewActs:
        if self._acts is None:
            self._acts = ReviewActs(self._session, self._slice, self._window)
            self._acts.hide()
        self._acts.show_status()
        return self._acts

    def _slice(self) -> int:
        window = self._window
        if window.reviewing:
            return window.review.panes.index
        return window.annotate.views.position[2]

    @Slot()
    def approve(self) -> None:
        """Approve the scan shown."""
        self._verdict().do_approve()

    @Slot()
    def give_back(self) -> None:
        """Return the scan shown with a comment on the slice shown."""
        self._verdict().ask_return()

    # ------------------------------------------------------------ hand-over

    @Slot()
    def ask_bundle(self) -> None:
        """Ask what of the project is handed over."""
        self.show_bundle(self._window.worklist.chosen())

    @Slot(list)
    def show_bundle(self, scans: list[str]) -> None:
        """Ask how these scans (ids) are handed over."""
        project = self._session.project
        if project is None or self.dialog is not None:
            return
        names = [one.name for one in known_readers(project) if one.active]
        self._show_dialog(BundleDialog(self._session, scans, names, self._window))

    @Slot()
    def ask_merge(self) -> None:
        """Ask for a file that was handed over."""
        preferences = self._session.settings.preferences
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            text("team.merge_title"),
            preferences.dialog_folder,
            text("team.bundle_filter", ending=ENDING),
        )
        if name:
            preferences.last_folder = str(Path(name).parent)
            self.show_merge(Path(name))

    def show_merge(self, file: Path) -> None:
        """Show what a file that was handed over holds, and take it in if the person says so."""
        session = self._session
        if self.dialog is not None:
            return
        if session.project is None:
            target = self._window.commands.ask_place(text("team.merge_place"))
            if target is not None:
                dialog = MergeDialog(session, file, self._window, target=target)
                dialog.made.connect(self._window.intake.open_project)
                self._show_dialog(dialog)
            return
        if session.read_only:
            session.notifier.tell(session.holder or text("annotate.refused_read_only"), "warning")
            return
        self._show_dialog(MergeDialog(session, file, self._window))

    def _show_dialog(self, dialog: BundleDialog | MergeDialog) -> None:
        self.dialog = dialog
        dialog.finished.connect(self._dialog_closed)
        dialog.open()

    @Slot()
    def _dialog_closed(self) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is not None:
            dialog.deleteLater()

    def close(self) -> None:
        """Close what stands beside the window."""
        if self.timeline is not None:
            self.timeline.close()
