"""The import page: what the files hold, what of it is taken, how far the taking is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QProgressBar,
    QScrollArea,
    QStackedLayout,
    QWidget,
)

from core.errors import Cancelled, MeninxError
from core.events import Failed, Finished, JobEvent, Progress, WasCancelled
from core.io.sniff import PICTURES
from core.io.source import Found, Passed
from core.messages import sentence, text
from core.project.importing import ImportOptions
from gui import theme
from gui.bringing import is_plain, wants_asking
from gui.dialogs.importing.choices import Choices
from gui.dialogs.importing.delegate import FoundDelegate
from gui.dialogs.importing.details import Details
from gui.dialogs.importing.looker import Known, Looker, Search, Seen
from gui.dialogs.importing.model import ImportModel, Row
from gui.dialogs.importing.parts import Invitation, PassedOver, Searching, Taking, fitting
from gui.dialogs.importing.tree import FoundTree
from gui.jobs.jobs import Work
from gui.session import Session
from gui.wheel import WheelScrolls

_SIZE = QSize(1160, 760)
_SMALLEST = QSize(880, 420)
_SIDE = 348
_SOON_MS = 150


Take = Callable[[Sequence[Path], ImportOptions], Work | None]


class ImportDialog(QDialog):
    """A page over the window on which a person chooses what comes in.

    Parameters
    ----------
    session
        Whose project takes it.
    take
        Starts the import (:meth:`gui.intake.Intake.take`).
    paths
        What was dropped or chosen already.
    search
        A search for these paths that was begun already; the page ends it.
    """

    left = Signal(object)
    """(Work): the person goes on working while it runs."""

    def __init__(
        self,
        session: Session,
        take: Take,
        paths: Sequence[Path] = (),
        parent: QWidget | None = None,
        *,
        search: Search | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._take = take
        self.paths: list[Path] = []
        self.work: Work | None = None
        self._order = search.order if search is not None else 0
        self._found = Found()
        self._ended = False
        # shown only because the search takes a while: one plain scan then opens as if it had not been
        self._may_open = search is not None and search.result is None
        self.looker = search.looker if search is not None else Looker(self)
        self.looker.setParent(self)
        self.model = ImportModel(self)
        self.setWindowTitle(text("dialogs.import_title"))
        self.setModal(True)
        self.setAcceptDrops(True)
        self.setObjectName("page")
        theme.style(self, "#page { border: 1px solid $line_strong; }")
        self._make_widgets()
        self._lay_out()
        self._connect()
        self.setMinimumSize(_SMALLEST)
        self.resize(fitting(parent, _SIZE, _SMALLEST))
        if search is not None:
            self.paths = list(paths)
            self._show_paths()
            self._pages.setCurrentWidget(self.searching if search.result is None else self._result)
            self.searching.stop.setFocus()
            # in a turn of its own: making the page and filling it together would be felt
            QTimer.singleShot(30, self, self._take_over)
        elif paths:
            self.add(paths)
        self._show_state()

    # --------------------------------------------------------------- layout

    def _make_widgets(self) -> None:
        self.invitation = Invitation()
        self.searching = Searching()
        self.tree = FoundTree()
        self.tree.setModel(self.model)
        self.tree.setItemDelegate(FoundDelegate(self.tree))
        self.details = Details()
        preferences = self._session.settings.preferences
        self.choices = Choices(self._session.labels, preferences.last_folder)
        self.names = QCheckBox(text("worklist.names"))
        self.names.setToolTip(text("worklist.names_tip"))
        self.names.setChecked(preferences.show_names)
        self.passed = PassedOver()
        self.taking = Taking()
        self.again = QProgressBar()
        self.again.setRange(0, 0)
        self.again.setTextVisible(False)
        self.where = theme.label("", "muted")
        self.count = theme.label("", "muted")
        self.target = theme.label("", "muted")
        self.problem = theme.label("", "danger", wrap=True)
        self.problem.hide()
        self.files_button = theme.button(text("dialogs.choose_files"))
        self.folder_button = theme.button(text("dialogs.choose_folder"))
        self.all_button = theme.button(text("importing.all"), "small")
        self.none_button = theme.button(text("importing.none"), "small")
        self.cancel_button = theme.button(text("dialogs.cancel"))
        self.behind_button = theme.button(text("importing.behind"))
        self.accept_button = theme.primary_button(text("dialogs.import"))

    def _lay_out(self) -> None:
        lay = theme.column(self, margin=theme.space("xl") - 4, gap=theme.space("m"))
        head = theme.row()
        words = theme.column(gap=2)
        words.addWidget(theme.label(text("dialogs.import_title"), "title"))
        words.addWidget(self.where)
        head.addLayout(words, 1)
        head.addWidget(self.files_button, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.folder_button, 0, Qt.AlignmentFlag.AlignTop)
        lay.addLayout(head)
        self._pages = QStackedLayout()
        self._result = self._make_result()
        for page in (self.invitation, self.searching, self._result):
            self._pages.addWidget(page)
        lay.addLayout(self._pages, 1)
        lay.addWidget(self.problem)
        foot = theme.row(gap=theme.space("m"))
        self._foot = QStackedLayout()
        self._foot.addWidget(self.target)
        self._foot.addWidget(self.taking)
        foot.addLayout(self._foot, 1)
        for button in (self.behind_button, self.cancel_button, self.accept_button):
            foot.addWidget(button)
        lay.addLayout(foot)

    def _make_result(self) -> QWidget:
        made = QWidget()
        line = theme.row(made, gap=theme.space("l"))
        left = theme.column(gap=theme.space("s"))
        bar = theme.row()
        bar.addWidget(self.count, 1)
        bar.addWidget(self.all_button)
        bar.addWidget(self.none_button)
        left.addLayout(bar)
        card = theme.frame("card")
        inner = theme.column(card, gap=0)
        inner.setContentsMargins(1, 1, 1, 1)
        inner.addWidget(self.again)
        inner.addWidget(self.tree, 1)
        left.addWidget(card, 1)
        left.addWidget(self.passed)
        line.addLayout(left, 1)
        line.addWidget(self._make_side())
        return made

    def _make_side(self) -> QWidget:
        inside = QWidget()
        column = theme.column(inside, gap=theme.space("m"))
        column.setContentsMargins(0, 0, 10, 0)
        column.addWidget(self.details)
        column.addWidget(self.choices)
        column.addWidget(self.names)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        WheelScrolls(inside)
        scroll.setFixedWidth(_SIDE)
        return scroll

    def _connect(self) -> None:
        self.looker.looked.connect(self._looked)
        self.looker.found.connect(self._found_them)
        self.looker.refused.connect(self._refused)
        self.looker.seen.connect(self._seen)
        self.model.wished.connect(self.looker.wish)
        # a look at a source comes every few milliseconds; what is said of all of them need not follow each
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._show_state)
        self.model.known_more.connect(self._soon.start)
        self.model.choice_changed.connect(self._show_state)
        self.model.dataChanged.connect(self._data_changed)
        self.tree.selectionModel().currentChanged.connect(self._show_details)
        self.details.chosen.connect(self._chosen_of)
        self.choices.regroup_asked.connect(self._look)
        self.choices.resample_changed.connect(self._resample)
        self.choices.changed.connect(self._show_state)
        self.names.toggled.connect(self._show_names)
        self.searching.stop_asked.connect(self.looker.stop)
        for button in (self.invitation.zone.files_asked, self.files_button.clicked):
            button.connect(self._choose_files)
        for button in (self.invitation.zone.folder_asked, self.folder_button.clicked):
            button.connect(self._choose_folder)
        self.all_button.clicked.connect(self._all)
        self.none_button.clicked.connect(self._none)
        self.cancel_button.clicked.connect(self.reject)
        self.behind_button.clicked.connect(self._leave)
        self.accept_button.clicked.connect(self.start)
        jobs = self._session.jobs
        jobs.said.connect(self._hear)
        jobs.ended.connect(self._work_ended)
        self.model.names_shown = self.names.isChecked()

    # ------------------------------------------------------------ searching

    def add(self, paths: Sequence[Path]) -> None:
        """Look through further files or folders."""
        new = [path for path in paths if path not in self.paths]
        if not new or self.work is not None:
            return
        self.paths += new
        self._show_paths()
        self._look()

    def _show_paths(self) -> None:
        names = [path.name or str(path) for path in self.paths]
        more = text("importing.and_more", count=len(names) - 3) if len(names) > 3 else ""
        self.where.setText(text("importing.from", names="  ·  ".join([*names[:3], *([more] if more else [])])))

    @Slot()
    def _look(self) -> None:
        if not self.paths:
            return
        self._say("")
        options = self.choices.answers().find_options()
        self._order = self.looker.look(self.paths, options, self._session.project)
        if self.model.rows:
            # what is there stays in sight while it is put together another way
            self.again.show()
        else:
            self._pages.setCurrentWidget(self.searching)
        self._show_state()

    def _say(self, words: str, role: theme.Role = "danger") -> None:
        """Tell what went wrong, or nothing."""
        theme.set_role(self.problem, role)
        self.problem.setText(words)
        self.problem.setVisible(bool(words))

    @Slot(int, int, int)
    def _looked(self, order: int, looked: int, kept: int) -> None:
        if order == self._order:
            self.searching.show_counts(looked, kept)

    @Slot(int, object, object)
    def _found_them(self, order: int, found: Found, known: Known) -> None:
        if order != self._order:
            return
        self._order = 0
        self._found = found
        self.again.hide()
        self.model.set_found(found, known, self.paths)
        self.passed.show_passed(found.passed)
        self.choices.show_pictures(any(source.format in PICTURES for source in found.sources))
        self.tree.expandAll()
        self._may_open = self._may_open and is_plain(found, known)
        if not self._may_open:
            self._show_result()

    @Slot()
    def _take_over(self) -> None:
        """Take what the search found before this page was listening."""
        outcome = self.looker.outcome(self._order)
        if isinstance(outcome, MeninxError):
            self._refused(self._order, outcome)
        elif outcome is not None:
            self._found_them(self._order, *outcome)
            self.looker.look_at_all([row.source for row in self.model.rows])

    @Slot(object)
    def _seen(self, seen: Seen) -> None:
        self.model.take_seen(seen)
        if not self._may_open or self._order or self.work is not None:
            return
        self._may_open = False
        if wants_asking(self.model.rows[0].source, seen):
            self._show_result()
        else:
            self._take(self.paths, ImportOptions())
            self.accept()

    def _show_result(self) -> None:
        first = next(iter(self.model.chosen() or self.model.rows), None)
        if first is not None:
            self.tree.setCurrentIndex(self.model.index_of(first))
            self.tree.setFocus()
            self._pages.setCurrentWidget(self._result)
        else:
            self._invite(self._found.passed)
            self._say(text("importing.nothing" if self._found.passed else "importing.no_files"))
        self._show_state()

    def _invite(self, passed: Sequence[Passed] = ()) -> None:
        """Begin again, with what was passed over in sight; what comes next is looked at alone."""
        self.paths.clear()
        self.invitation.show_passed(passed)
        self._pages.setCurrentWidget(self.invitation)

    @Slot(int, object)
    def _refused(self, order: int, error: MeninxError) -> None:
        if order != self._order:
            return
        self._order = 0
        self.again.hide()
        stopped = isinstance(error, Cancelled)
        self._say(text("importing.stopped") if stopped else sentence(error))
        if not self.model.rows:
            self.where.setText("")
            self._invite()
        self._show_state()

    # ------------------------------------------------------------- choosing

    @Slot()
    def _show_state(self) -> None:
        """Show how much is chosen and what can be done now."""
        rows, chosen = self.model.rows, self.model.chosen()
        self.count.setText(self.model.chosen_words())
        with_masks = [row for row in chosen if row.source.has_masks]
        self.choices.show_masks(
            len(with_masks), len(chosen), self.model.mask_values(), other_grid=self.model.other_grid()
        )
        busy = self.work is not None
        key = "take_one" if len(chosen) == 1 else "take"
        self.accept_button.setText(text(f"importing.{key}", count=len(chosen)) if chosen else text("dialogs.import"))
        self.accept_button.setVisible(not busy)
        read_only = self._session.project is not None and self._session.read_only
        self.accept_button.setEnabled(bool(chosen) and not self._order and not read_only)
        if chosen and not self._order:
            self.accept_button.setDefault(True)
        self.behind_button.setVisible(busy)
        self.target.setText(self._target_words(read_only))
        self._foot.setCurrentWidget(self.taking if busy else self.target)
        for widget in (self._result, self.files_button, self.folder_button):
            widget.setEnabled(not busy)
        for button in (self.files_button, self.folder_button):
            button.setVisible(self._pages.currentWidget() is not self.invitation)
        self.again.setVisible(bool(self._order) and bool(rows))

    def _target_words(self, read_only: bool) -> str:
        project = self._session.project
        if read_only:
            return self._session.holder or text("annotate.refused_read_only")
        if project is None:
            return text("importing.into_scratch")
        if self._session.is_scratch:
            return text("importing.into_this_scratch")
        return text("importing.into", project=project.name)

    @Slot(QModelIndex)
    def _show_details(self, index: QModelIndex) -> None:
        self.details.show_row(self.model.row_at(index))

    @Slot(QModelIndex, QModelIndex)
    def _data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        current = self.tree.currentIndex()
        row = self.model.row_at(current)
        same = current.isValid() and first.internalId() == current.internalId()
        if row is not None and same and first.row() <= current.row() <= last.row():
            self.details.show_row(row)

    @Slot(object, int, str)
    def _chosen_of(self, row: Row, volume: int, dataset: str) -> None:
        self.model.choose(row, volume=volume if volume >= 0 else None, dataset=dataset or None)

    @Slot(bool)
    def _resample(self, resample: bool) -> None:
        self.looker.resample_masks(resample)
        self.model.look_again()

    @Slot(bool)
    def _show_names(self, shown: bool) -> None:
        self._session.show_names(shown)
        self.model.show_names(shown)

    @Slot()
    def _all(self) -> None:
        self.model.set_all(True)

    @Slot()
    def _none(self) -> None:
        self.model.set_all(False)

    @Slot()
    def _choose_files(self) -> None:
        preferences = self._session.settings.preferences
        names, _ = QFileDialog.getOpenFileNames(self, text("dialogs.choose_files"), preferences.dialog_folder)
        if names:
            preferences.last_folder = str(Path(names[0]).parent)
            self.add([Path(name) for name in names])

    @Slot()
    def _choose_folder(self) -> None:
        preferences = self._session.settings.preferences
        name = QFileDialog.getExistingDirectory(self, text("dialogs.choose_folder"), preferences.dialog_folder)
        if name:
            preferences.last_folder = str(Path(name).parent)
            self.add([Path(name)])

    # --------------------------------------------------------------- taking

    def options(self) -> ImportOptions:
        """Return what was chosen, as the import takes it."""
        answers = self.choices.answers()
        return ImportOptions(
            label=answers.label,
            patient_from=answers.patient_from,
            as_=answers.as_,
            chosen=self.model.picks(),
            resample_masks=answers.resample,
            reader=self._session.reader,
        )

    @Slot()
    def start(self) -> None:
        """Take in what is chosen."""
        if not self.model.chosen() or self.work is not None:
            return
        self._say("")
        self.work = self._take(self.paths, self.options())
        self.taking.begin()
        self._show_state()

    @Slot(object, object)
    def _hear(self, work: Work, event: JobEvent) -> None:
        if work is self.work and isinstance(event, Progress) and not work.asked:
            self.taking.show_progress(event)

    @Slot(object)
    def _work_ended(self, work: Work) -> None:
        if work is not self.work:
            return
        self.work = None
        outcome = work.outcome
        if isinstance(outcome, Finished):
            self.accept()
            return
        if isinstance(outcome, Failed):
            self._say(sentence(outcome.error))
        elif isinstance(outcome, WasCancelled):
            self._say(text("importing.cancelled"), "muted")
        self.cancel_button.setEnabled(True)
        self._show_state()

    @Slot()
    def _leave(self) -> None:
        """Go on working while the rest comes in."""
        work, self.work = self.work, None
        self.left.emit(work)
        self.accept()

    # ----------------------------------------------------------- its own end

    def reject(self) -> None:
        if self.work is not None:
            # first the import is given up; the page stays until that is done, and says so
            self._session.jobs.cancel(self.work)
            self.taking.waiting(text("importing.cancelling"))
            self.cancel_button.setEnabled(False)
            return
        super().reject()

    def done(self, result: int) -> None:
        """Close the page: its search and its decoding child end with it."""
        if not self._ended:
            self._ended = True
            self.looker.end()
        super().done(result)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Return in a field answers the field, it does not start an import
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.accept_button.hasFocus():
            event.accept()
            return
        super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() and self.work is None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.add([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])
