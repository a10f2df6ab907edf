"""What the actions of the window do that is no business of one workspace: dialogs and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QDialog, QFileDialog

from core.errors import MeninxError
from core.events import Finished
from core.io.sniff import is_segmentation_file, stem
from core.io.source import Found
from core.messages import sentence, text
from core.project.records import ScanStatus
from core.team.bundle_file import ENDING
from gui.actions import Actions, keep_words
from gui.dialogs.about import AboutDialog
from gui.dialogs.command_palette import CommandPalette
from gui.dialogs.export_dialog import ExportDialog
from gui.dialogs.header_panel import HeaderPanel
from gui.dialogs.import_dialog import ImportDialog
from gui.dialogs.importing.looker import Known, Looker, Search
from gui.dialogs.keys_sheet import KeysDialog
from gui.dialogs.label_dialog import LabelDialog
from gui.dialogs.log_dialog import LogDialog
from gui.dialogs.mask_dialog import MaskDialog
from gui.dialogs.questions import Question
from gui.dialogs.reasons_dialog import ReasonsDialog
from gui.foreign import Foreign
from gui.guide.window import GuideWindow
from gui.intake import Intake, is_project
from gui.jobs.jobs import Work
from gui.session import Session
from gui.setting_up import SettingUp
from gui.strip_files import Stripper
from gui.strip_now import StripNow
from gui.top_bar import WORKSPACES
from gui.tour import STEPS, Tour

if TYPE_CHECKING:
    from gui.main_window import MainWindow


class Commands(QObject):
    """Binds the window's actions.

    Parameters
    ----------
    window
        Parent of the dialogs.
    session, actions, intake
        What they act on.
    """

    def __init__(self, window: MainWindow, session: Session, actions: Actions, intake: Intake) -> None:
        super().__init__(window)
        self._window = window
        self.setting_up = SettingUp(window, session, actions)
        self._session = session
        self._actions = actions
        self._intake = intake
        self._tour: Tour | None = None
        self.foreign = Foreign(window, session)
        self.stripper = Stripper(window, session)
        self.strip_now = StripNow(session, self)
        self.import_page: ImportDialog | None = None
        self.header_panel: HeaderPanel | None = None
        self.mask_dialog: MaskDialog | None = None
        self.guide: GuideWindow | None = None
        session.guide_asked.connect(self.ask_guide)
        session.names_changed.connect(self._names_changed)
        self._names_changed()
        intake.masks_asked.connect(self._ask_masks)
        intake.page_asked.connect(self._ask_about)
        intake.skipped_asked.connect(self._show_reasons)
        for name, slot in {
            "import": self.ask_import,
            "open_project": self.ask_project,
            "new_project": self.ask_new_project,
            "demo_project": intake.make_demo,
            "keep_project": self.ask_keep,
            "start_page": self.go_to_start,
            "keys": self.show_keys,
            "guide": self.show_guide,
            "guide_here": self.show_guide_here,
            "palette": self.show_palette,
            "settings": self.setting_up.ask,
            "tour": self.show_tour,
            "about": self.show_about,
            "log": self.show_log,
            "quit": window.close,
            "save_now": self.save_now,
            "next_best": self.take_next_best,
            "strip_now": self.strip_now.ask,
            "next_scan": self.next_scan,
            "previous_scan": self.previous_scan,
            "find_scan": window.worklist.focus_filter,
            "export": self.ask_export,
            "strip": self.stripper.ask,
            "header": self.show_header,
            "show_names": self.toggle_names,
            "mask_file": self.ask_mask_file,
            "foreign_file": self.foreign.ask_file,
            "foreign_folder": self.foreign.ask_folder,
            "foreign_labels": self.foreign.ask_labels,
        }.items():
            actions.bind(name, slot)
        session.jobs.ended.connect(self._job_ended)

    @Slot()
    def take_next_best(self) -> None:
        """Take the slice that a network would learn most from into Annotate."""
        self._window.review.take_next()

    # ---------------------------------------------------------------- files

    @Slot()
    def ask_import(self) -> None:
        """Ask what to bring in."""
        self._import([])

    @Slot(object)
    def _ask_masks(self, paths: Sequence[Path]) -> None:
        """Ask which label the masks beside these files are."""
        self._import(paths, with_masks=True)

    def _import(self, paths: Sequence[Path], *, with_masks: bool = False) -> None:
        page = self._show_import(ImportDialog(self._session, self._intake.take, paths, self._window))
        if with_masks:
            page.model.masks_wanted = True
            page.choices.choose_first_label()

    @Slot(object, object, int, object)
    def _ask_about(self, paths: Sequence[Path], looker: Looker, order: int, result: tuple[Found, Known] | None) -> None:
        """Show what was found in files that were dropped."""
        search = Search(looker, order, result)
        self._show_import(ImportDialog(self._session, self._intake.take, paths, self._window, search=search))

    def _show_import(self, page: ImportDialog) -> ImportDialog:
        if self.import_page is not None:
            self.import_page.close()
        if self._tour is not None:
            self._tour.end()
        self.import_page = page
        page.left.connect(self._intake.let_go)
        page.finished.connect(self._import_closed)
        page.open()
        return page

    @Slot()
    def _import_closed(self) -> None:
        page, self.import_page = self.import_page, None
        if page is not None:
            page.deleteLater()

    def take_dropped(self, paths: Sequence[Path]) -> None:
        """Take what was dropped on the window; nothing where who dropped it is gone before it was handed over."""
        if not paths:
            return
        if len(paths) == 1 and is_project(paths[0]):
            self._intake.open_project(paths[0])
        elif len(paths) == 1 and paths[0].suffix == ENDING:
            self._window.team.show_merge(paths[0])
        elif self.import_page is not None:
            self.import_page.add(paths)
        elif len(paths) == 1 and paths[0].is_file() and self._is_mask(paths[0]):
            self.show_mask(paths[0])
        else:
            self._intake.bring(paths)

    def _is_mask(self, path: Path) -> bool:
        """Whether a file is called a mask, or is a DICOM SEG, and there is a scan open that it may be for."""
        return self._session.can_edit and (stem(path).casefold().endswith("_mask") or is_segmentation_file(path))

    @Slot()
    def ask_mask_file(self) -> None:
        """Ask for a mask file for the scan shown."""
        preferences = self._session.settings.preferences
        name, _ = QFileDialog.getOpenFileName(self._window, text("maskfile.choose"), preferences.dialog_folder)
        if name:
            preferences.last_folder = str(Path(name).parent)
            self.show_mask(Path(name))

    def show_mask(self, path: Path) -> None:
        """Show what a mask file holds, and put it on the scan shown if the person says so."""
        if not self._session.can_edit or self.mask_dialog is not None:
            return
        self.mask_dialog = MaskDialog(self._session, path, self._window)
        self.mask_dialog.finished.connect(self._mask_closed)
        self.mask_dialog.open()

    @Slot()
    def _mask_closed(self) -> None:
        dialog, self.mask_dialog = self.mask_dialog, None
        if dialog is not None:
            dialog.deleteLater()

    @Slot()
    def ask_scan(self) -> None:
        """Ask for scan files and open them."""
        preferences = self._session.settings.preferences
        names, _ = QFileDialog.getOpenFileNames(self._window, text("start.scan"), preferences.dialog_folder)
        if names:
            preferences.last_folder = str(Path(names[0]).parent)
            self._intake.bring([Path(name) for name in names])

    @Slot()
    def ask_project(self) -> None:
        """Ask for a project folder and open it."""
        preferences = self._session.settings.preferences
        name = QFileDialog.getExistingDirectory(self._window, text("start.project"), preferences.dialog_folder)
        if not name:
            return
        preferences.last_folder = str(Path(name).parent)
        if is_project(Path(name)):
            self._intake.open_project(Path(name))
        else:
            self._session.notifier.error(MeninxError("not-a-project", file=name))

    @Slot()
    def ask_new_project(self) -> None:
        """Ask where the new project shall be and make it."""
        path = self.ask_place(text("actions.new_project"))
        if path is not None:
            self._intake.create_project(path)

    @Slot(object)
    def _show_reasons(self, reasons: list[tuple[str, str]]) -> None:
        ReasonsDialog(text("intake.skipped", count=len(reasons)), reasons, self._window).exec()

    @Slot()
    def ask_keep(self) -> None:
        """Ask where the project shall be kept and put it there."""
        path = self.ask_place(keep_words(self._session).removesuffix("…"))
        if path is not None:
            self._intake.keep_as(path)

    def ask_place(self, title: str) -> Path | None:
        """Ask where a project is to be; None for nowhere."""
        preferences = self._session.settings.preferences
        suggested = Path(preferences.dialog_folder) / "project.meninx"
        options = QFileDialog.Option.DontConfirmOverwrite
        name, _ = QFileDialog.getSaveFileName(self._window, title, str(suggested), options=options)
        if not name:
            return None
        path = Path(name)
        preferences.last_folder = str(path.parent)
        return path if path.suffix == ".meninx" else path.with_name(f"{path.name}.meninx")

    @Slot()
    def ask_export(self) -> None:
        """Ask what shall be written where, and write it in the background."""
        session = self._session
        project, scan = session.project, session.scan
        if project is None or scan is None:
            return
        listed = self._window.worklist.model.ids()
        label = session.label.name if session.label is not None else ""
        folder = project.exports_folder
        scan_shown = (scan.id, scan.name)
        dialog = ExportDialog(session.labels, label, scan_shown, listed, folder, self._window, volume=session.volume)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.export(dialog.arguments())
        dialog.deleteLater()

    def export(self, arguments: Mapping[str, Any]) -> None:
        """Save what is drawn, then write files out of the project."""
        # what is on the screen is what goes out
        self._session.save_now()
        try:
            self._session.jobs.start_export(arguments)
        except MeninxError as error:
            self._session.notifier.error(error)

    @Slot(object)
    def _job_ended(self, work: Work) -> None:
        if work.kind not in ("export", "exchange"):
            return
        if work.error is not None:
            self._session.notifier.error(work.error)
        elif isinstance(work.outcome, Finished):
            files = [Path(file) for file in work.result.get("files", [])]
            folder = work.result.get("folder") or (files[0].parent if files else "")
            key = "dialogs.exported_single" if len(files) == 1 else "dialogs.exported"
            name = files[0].name if files else ""
            said = text(key, count=len(files), name=name, folder=folder)
            self._session.notifier.tell(said, "good", seconds=10)

    @Slot()
    def go_to_start(self) -> None:
        """Close the project and show the start page."""
        try:
            self._session.close_project()
        except MeninxError as error:
            self._session.notifier.error(error)

    # ---------------------------------------------------------------- scans

    @Slot()
    def next_scan(self) -> None:
        """Show the next scan of the worklist."""
        self._step(1)

    @Slot()
    def previous_scan(self) -> None:
        """Show the scan before in the worklist."""
        self._step(-1)

    def _step(self, direction: int) -> None:
        """Go on from the scan shown, or from the one that is being opened: keys may be quick."""
        session, model = self._session, self._window.worklist.model
        current = session.loading or (session.scan.id if session.scan is not None else "")
        row = model.row_of(current)
        there = direction - 1 if row is None and direction > 0 else (row or 0) + direction
        if 0 <= there < model.rowCount():
            session.open_scan(model.scan_at(there).id)

    @Slot()
    def done_next(self) -> None:
        """Finish what is drawn on this scan, mark it done and show the next one to do.

        Slices that are drawn count as finished then; empty ones stay unknown.
        """
        session, editor, scan = self._session, self._session.editor, self._session.scan
        if editor is None or scan is None or not session.can_edit:
            return
        drawn_layers = [layer for layer in session.labels.layers if editor.drawn(layer).any()]
        for layer in drawn_layers:
            slices = [int(place) for place in (editor.drawn(layer) & ~editor.finished(layer)).nonzero()[0]]
            session.set_finished([layer], slices, True)
        following = self._window.worklist.model.next_open(scan.id)
        if following is not None:
            session.notifier.tell(text("annotate.done_told", name=scan.name), "good", seconds=3)
            session.open_scan(following, mark_left=ScanStatus.DONE)
        else:
            session.mark(ScanStatus.DONE)
            session.notifier.tell(text("annotate.all_done"), "good", seconds=8)

    @Slot()
    def save_now(self) -> None:
        """Save at once; the save sign says how it went."""
        self._session.save_now()

    # --------------------------------------------------------------- labels

    @Slot()
    def add_label(self) -> None:
        """Ask for a new label."""
        self._label_dialog("")

    @Slot(str)
    def change_label(self, name: str) -> None:
        """Ask for another name and colour."""
        if not self._session.read_only:
            self._label_dialog(name)

    def _label_dialog(self, name: str) -> None:
        dialog = LabelDialog(self._session.labels, name, self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            try:
                self._session.change_labels(dialog.result_labels)
                self._session.choose_label(dialog.name.text().strip())
            except MeninxError as error:
                self._session.notifier.error(error)
        dialog.deleteLater()

    # --------------------------------------------------------------- header

    @Slot()
    def show_header(self) -> None:
        """Show what the headers say of the scan, or put that window away."""
        if self.header_panel is not None:
            self.header_panel.close()
            return
        self.header_panel = HeaderPanel(self._session, self._window)
        self.header_panel.finished.connect(self._header_closed)
        self.header_panel.show()

    @Slot()
    def _header_closed(self) -> None:
        panel, self.header_panel = self.header_panel, None
        if panel is not None:
            panel.deleteLater()

    @Slot()
    def toggle_names(self) -> None:
        """Show patient names on this workstation, or pseudonyms only."""
        self._session.show_names(self._actions["show_names"].isChecked())

    @Slot()
    def _names_changed(self) -> None:
        self._actions["show_names"].setChecked(self._session.settings.preferences.show_names)

    def close(self) -> None:
        """Close the windows beside the main one, and what runs for them."""
        self.foreign.close()
        for window in (self.header_panel, self.mask_dialog, self.import_page, self.guide):
            if window is not None:
                window.close()

    # ---------------------------------------------------------------- words

    @Slot()
    def show_about(self) -> None:
        """Say what this program is."""
        self._show(AboutDialog(self._window))

    @Slot()
    def show_log(self) -> None:
        """Show what went wrong so far."""
        self._show(LogDialog(self._window))

    @Slot()
    def show_keys(self) -> None:
        """List the keys."""
        self._show(KeysDialog(self._actions.keymap, self._window))

    @Slot()
    def show_guide(self) -> None:
        """Open the guide at its beginning."""
        self.ask_guide("")

    @Slot(str)
    def ask_guide(self, topic: str) -> None:
        """Open the guide at what it says of a topic."""
        if self.guide is None:
            try:
                self.guide = GuideWindow(self._window)
            except OSError as error:
                self._session.notifier.tell(text("guide.missing", file=error.filename), "warning")
                return
        self.guide.about(topic)
        self.guide.show()
        self.guide.raise_()
        self.guide.activateWindow()

    @Slot()
    def show_guide_here(self) -> None:
        """Open the guide at what is in the hand, or at the workspace that is shown."""
        shown = WORKSPACES[self._window.workspaces.currentIndex()]
        if self._session.project is None:
            self.show_guide()
        else:
            self.ask_guide(self._window.annotate.hand.tool if shown == "annotate" else shown)

    @Slot()
    def show_palette(self) -> None:
        """Find an action by its words and do it."""
        operator = self._window.annotate.operator
        pointed = operator.under
        palette = CommandPalette(self._actions, self._window)
        chosen = palette.chosen if palette.exec() == QDialog.DialogCode.Accepted else ""
        palette.deleteLater()
        if chosen:
            # the palette lay over the scan: "under the pointer" means where it was when the palette was asked for
            now, operator.under = operator.under, pointed
            self._actions[chosen].trigger()
            operator.under = now

    def tour_when_ready(self) -> None:
        """Show a person who is here for the first time around, once there is a scan to show."""
        if not self._session.settings.preferences.tour_seen:
            self._session.scan_changed.connect(self._first_scan)

    @Slot()
    def _first_scan(self) -> None:
        if self._session.scan is not None:
            self._session.scan_changed.disconnect(self._first_scan)
            self.show_tour()

    @Slot()
    def show_tour(self) -> None:
        """Walk through the window in five steps."""
        if self._tour is not None:
            return
        annotate, window = self._window.annotate, self._window
        window.show_workspace("annotate")
        places = (window.worklist, annotate.views, annotate.rail, annotate.labels, window.top)
        self._tour = Tour(window, dict(zip(STEPS, places, strict=True)))
        self._tour.ended.connect(self._tour_ended)
        # what it speaks of is in Annotate
        window.workspaces.currentChanged.connect(self._tour.end)
        # who brings something in is past being shown around, and sees what comes
        self._session.jobs.started.connect(self._step_back)

    @Slot(object)
    def _step_back(self, work: Work) -> None:
        if self._tour is not None and work.kind in ("import", "take"):
            self._tour.end()

    @Slot()
    def _tour_ended(self) -> None:
        self._tour = None
        self._session.jobs.started.disconnect(self._step_back)
        self._session.settings.preferences.tour_seen = True
        self._session.settings.save()

    @staticmethod
    def _show(dialog: QDialog) -> None:
        dialog.exec()
        dialog.deleteLater()

    def may_close(self) -> bool:
        """Save before the window closes; ask only if that fails."""
        try:
            self._session.put_away()
        except MeninxError as error:
            words = text("dialogs.unsaved", reason=sentence(error))
            question = Question(text("dialogs.unsaved_title"), words, text("dialogs.close_anyway"), self._window)
            answer = question.exec()
            question.deleteLater()
            return answer == QDialog.DialogCode.Accepted
        return True
