"""The window: what is where, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QWidget

from core.messages import text
from gui import theme
from gui.actions import Actions
from gui.annotate.workspace import AnnotateWorkspace
from gui.commands import Commands
from gui.dialogs.start_page import StartPage
from gui.icons import pixmap
from gui.intake import Intake
from gui.late_pages import LatePages
from gui.notify import ToastArea
from gui.session import Session
from gui.status_bar import StatusBar
from gui.sweeping import Sweeper
from gui.team.desk import TeamDesk
from gui.top_bar import WORKSPACES, TopBar
from gui.train.going_on import GoingOn
from gui.viewer.compare_panes import ComparePanes
from gui.viewer.rehearsal import rehearse
from gui.viewer.slice_view import SliceView
from gui.worklist.panel import Worklist

if TYPE_CHECKING:
    from gui.review.workspace import ReviewWorkspace
    from gui.train.workspace import TrainWorkspace

_SMALLEST = (920, 440)
"""Full HD at 200 % leaves 960 x 540, less what the desktop takes."""
_FIRST = (1600, 960)
_PAUSE = 400
"""Milliseconds from the window's first picture until what comes next is made ready."""
_BETWEEN = 50
"""Milliseconds left to everything else between two parts of it."""
_APART = 10
"""Milliseconds after which a turn surely is another one; at 0 Qt takes it into the one that is under way."""
_PEEK = (Qt.Key.Key_AsciiTilde, Qt.Key.Key_QuoteLeft, Qt.Key.Key_Dead_Tilde, Qt.Key.Key_AsciiCircum)
"""Where "~" is on a keyboard, whatever it writes there."""


class MainWindow(QMainWindow):
    """Top bar, banner, worklist, workspaces, status bar; or the start page in the middle.

    Parameters
    ----------
    session
        What is open.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.actions_table = Actions(session, self)
        self.intake = Intake(session)
        self.intake.looking = lambda: self.reviewing
        self.sweeper = Sweeper(session, self)
        self.going_on = GoingOn(session, self)
        self.top = TopBar(session, self.actions_table)
        self.worklist = Worklist(session)
        self.annotate = AnnotateWorkspace(session, self.actions_table)
        self.workspaces = QStackedWidget()
        self.workspaces.addWidget(self.annotate)
        self.late = LatePages(session, self.workspaces)
        self.start = StartPage(session.settings)
        self.status = StatusBar(session)
        self.commands = Commands(self, session, self.actions_table, self.intake)
        self.team = TeamDesk(self, session, self.actions_table)
        self._apart = QTimer(self)
        self._apart.setSingleShot(True)
        self._apart.setInterval(_APART)
        self._apart.timeout.connect(self._show_project)
        self._lay_out()
        self.toasts = ToastArea(self, session.notifier, above=theme.space("status_bar") + 40)
        self._connect()
        self.setAcceptDrops(True)
        self.setMinimumSize(*_SMALLEST)
        self.setWindowIcon(QIcon(pixmap("meninx", size=128)))
        self._restore()
        self._project_changed()

    def warm(self) -> None:
        """Make ready, while nothing is asked for, what the first scan would otherwise wait for."""
        self.intake.warm()
        self.late.loaded.connect(self._rehearse)
        QTimer.singleShot(_PAUSE, self.late, self.late.make_ready)

    @Slot()
    def _rehearse(self) -> None:
        # laid out and painted once, unseen, the page is there at once when a project opens
        page = self.pages.widget(1)
        if page is None or page.isVisible():
            return
        # what is dropped goes into a scratch project, whose banner takes a line
        self.banner_button.setVisible(True)
        page.resize(self.pages.size() - QSize(0, self.banner.sizeHint().height()))
        self.banner_button.setVisible(self.session.is_scratch)
        page.grab()
        self.annotate.labels.rehearse()
        QTimer.singleShot(_BETWEEN, rehearse)

    @property
    def train(self) -> TrainWorkspace:
        """The page where networks learn."""
        return self.late.train

    @property
    def review(self) -> ReviewWorkspace:
        """The page where predictions are looked at."""
        return self.late.review

    @property
    def reviewing(self) -> bool:
        """Whether Review is shown."""
        review = self.late.review_if_made
        return review is not None and self.workspaces.currentWidget() is review

    def _lay_out(self) -> None:
        work = QWidget()
        line = theme.row(work, gap=0)
        line.addWidget(self.worklist)
        line.addWidget(self.workspaces, 1)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start)
        self.pages.addWidget(work)
        self.banner = theme.frame("banner")
        self.banner_words = theme.label("")
        self.banner_button = theme.button(text("actions.keep_project"), "small")
        self.banner_button.clicked.connect(self.actions_table["keep_project"].trigger)
        inner = theme.row(self.banner, gap=theme.space("m"))
        inner.setContentsMargins(14, 6, 14, 6)
        inner.addWidget(self.banner_words, 1)
        inner.addWidget(self.banner_button)
        whole = QWidget()
        column = theme.column(whole, gap=0)
        column.addWidget(self.top)
        column.addWidget(self.banner)
        column.addWidget(self.pages, 1)
        column.addWidget(self.status)
        self.setCentralWidget(whole)
        theme.dress(self)

    def _connect(self) -> None:
        session, commands = self.session, self.commands
        for name in WORKSPACES:
            self.actions_table[f"workspace_{name}"].triggered.connect(self._workspace_chosen)
        session.workspace_requested.connect(self.show_workspace)
        session.project_changed.connect(self._project_changed)
        session.jobs.changed.connect(self._work_changed)
        self.annotate.view_menu.changed.connect(self._show_alike)
        self.actions_table.keymap_changed.connect(self._show_alike)
        self.late.made.connect(self._page_made)
        self.annotate.views.position_changed.connect(session.team.sitting.act)
        self.worklist.import_asked.connect(commands.ask_import)
        self.annotate.import_asked.connect(commands.ask_import)
        self.annotate.add_label_asked.connect(commands.add_label)
        self.annotate.change_label_asked.connect(commands.change_label)
        self.annotate.done_asked.connect(commands.done_next)
        self.start.scan_asked.connect(commands.ask_scan)
        self.start.project_asked.connect(commands.ask_project)
        self.start.demo_asked.connect(self.intake.make_demo)
        self.start.recent_asked.connect(self._open_recent)

    @Slot(str)
    def show_workspace(self, name: str) -> None:
        """Show Annotate, Train or Review."""
        self._keep_slice(name)
        self.workspaces.setCurrentWidget(self._page(name))
        self.top.show_workspace(name)
        self.actions_table.set_annotating(name == "annotate")

    def _page(self, name: str) -> QWidget:
        if name == "annotate":
            return self.annotate
        return self.train if name == "train" else self.review

    def _keep_slice(self, name: str) -> None:
        """Annotate and Review show the same slice: who goes over looks at the same place."""
        if self.session.volume is None:
            return
        x, y, z = self.annotate.views.position
        if name == "review" and not self.reviewing:
            self.review.go_to(z)
        elif self.reviewing and name != "review":
            self.annotate.views.go_to((x, y, self.review.panes.index))

    @Slot()
    def _workspace_chosen(self) -> None:
        action = self.sender()
        if action is not None:
            self.show_workspace(action.objectName().removeprefix("workspace_"))

    @Slot()
    def _project_changed(self) -> None:
        if self.session.project is not None and self.pages.currentIndex() == 0:
            # to lay the page out and paint it is a turn of its own, after all its parts took the project
            self._apart.start()
        else:
            self._apart.stop()
            self._show_project()

    @Slot()
    def _show_project(self) -> None:
        session = self.session
        there = session.project is not None
        if not there:
            self.start.refresh()
        name = session.project.name if session.project is not None else ""
        self.setWindowTitle(f"{name} – {text('app.name')}" if name else text("app.name"))
        words = session.holder if session.read_only and there else ""
        if session.is_scratch and there:
            words = text("window.scratch")
        self.banner_words.setText(words)
        kind = "" if session.is_scratch else "warning"
        if kind != self.banner.property("kind"):
            self.banner.setProperty("kind", kind)
            theme.restyle(self.banner)
            theme.restyle(self.banner_words)
        self.banner_button.setVisible(session.is_scratch)
        self.banner.setVisible(bool(words))
        # last: by now it is known how much room the page has, so that it is laid out once
        self.pages.setCurrentIndex(1 if there else 0)

    @Slot()
    def _show_alike(self) -> None:
        """Show scans in Review as they are shown in Annotate: left and right above all, and one mouse for both."""
        preferences, review = self.session.settings.preferences, self.late.review_if_made
        if review is None:
            return
        every: list[ComparePanes | SliceView] = [review.panes, review.side.difference.view, *review.readers.panes]
        for panes in every:
            panes.set_radiological(not preferences.neurological)
            panes.set_smooth(preferences.smooth)
            panes.set_mouse(self.actions_table.keymap.mouse)

    @Slot(str)
    def _page_made(self, name: str) -> None:
        if name == "review":
            self.review.readers.made.connect(self._show_alike)
            self._show_alike()

    @Slot()
    def _work_changed(self) -> None:
        self.start.show_work(self.session.jobs.summary())

    @Slot(str)
    def _open_recent(self, path: str) -> None:
        self.intake.open_project(Path(path))

    # -------------------------------------------------------- window's own

    def _restore(self) -> None:
        saved = self.session.settings.geometry().value("window/geometry", type=QByteArray)
        if not (isinstance(saved, QByteArray) and not saved.isEmpty() and self.restoreGeometry(saved)):
            room = self.screen().availableSize()
            self.resize(min(_FIRST[0], room.width()), min(_FIRST[1], room.height()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _PEEK and not event.isAutoRepeat():
            self.annotate.peek(True)
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() in _PEEK and not event.isAutoRepeat():
            self.annotate.peek(False)
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        # a key let go in another window is never heard here
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.annotate.peek(False)
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        # on a small screen the scan needs the room more than the list
        self.worklist.fit(self.width())
        super().resizeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.commands.take_dropped(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.commands.may_close():
            event.ignore()
            return
        self.session.settings.geometry().setValue("window/geometry", self.saveGeometry())
        self.session.settings.save()
        self._apart.stop()
        self.late.close()
        self.going_on.close()
        self.commands.close()
        self.team.close()
        self.intake.close()
        self.session.close()
        event.accept()
