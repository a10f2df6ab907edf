"""The worklist: how far the work is, a filter, and the scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListView,
    QProgressBar,
    QStackedLayout,
    QToolButton,
    QWidget,
)

from core.messages import text
from gui import theme
from gui.icons import icon
from gui.search_field import SearchField
from gui.session import Session
from gui.worklist.chosen_bar import ChosenBar
from gui.worklist.class_filter import ClassFilter
from gui.worklist.delegate import ScanDelegate
from gui.worklist.list_menu import ListMenu, QueryLine, query_words
from gui.worklist.model import ScanModel
from gui.worklist.rows import Query
from gui.worklist.scan_menu import ScanMenu

_ROOMY_FROM = 1500
"""From this width (px) of the window on the list is as wide as it can be."""
_SLIM_BELOW = 1200
"""Below this width (px) of the window the list shows pictures alone."""


class _List(QListView):
    """A list of which several rows can be chosen; Return, or a plain click, opens one."""

    opened = Signal(QModelIndex)
    """A row was asked for."""
    menu_asked = Signal(QPoint)
    """The menu of the rows chosen, at a place of the screen."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.currentIndex().isValid():
                self.opened.emit(self.currentIndex())
            return
        if event.key() == Qt.Key.Key_Escape and len(self.selectionModel().selectedRows()) > 1:
            self.setCurrentIndex(self.currentIndex())
            return
        super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if plain and event.button() == Qt.MouseButton.LeftButton and index.isValid():
            self.opened.emit(index)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        place = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard and self.currentIndex().isValid():
            place = self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).center())
        self.menu_asked.emit(place)


class Worklist(QFrame):
    """Panel at the left of the window.

    Parameters
    ----------
    session
        Whose scans are listed.
    """

    import_asked = Signal()
    """The button of the empty list was pressed."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setProperty("area", "left")
        self.setFixedWidth(theme.space("worklist"))
        self.model = ScanModel(session, self)
        self.count = theme.label("", "muted")
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(4)
        self.filter = SearchField(text("worklist.filter"))
        self.filter.textChanged.connect(self._filter_changed)
        self.class_filter = ClassFilter(session, self.model)
        self.class_filter.changed.connect(self._show_current)
        self.list_menu = ListMenu(self.model)
        self.query_line = QueryLine(self.model)
        self.list = self._make_list()
        self.menu = ScanMenu(session, self.model, self.chosen, self)
        self.chosen_bar = ChosenBar(self.menu)
        self.names_button = self._make_names_button()
        self.names_note = theme.label(text("worklist.names_missing"), "warning", wrap=True)
        self.nothing = theme.label("", "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self.nothing.setContentsMargins(16, 28, 16, 0)
        self._kept: list[str] = []
        self._slim = self._wanted_wide = False
        self._window_width = 0
        self.wide_button = self._make_wide_button()
        self._lay_out()
        self.model.modelAboutToBeReset.connect(self._keep_chosen)
        self.model.modelReset.connect(self._choose_again)
        self.model.listed.connect(self._count)
        self.model.listed.connect(self._arrange)
        self.model.dataChanged.connect(self._count)
        session.scan_loading.connect(self._show_current)
        session.scan_changed.connect(self._show_current)
        session.scan_changed.connect(self._read_ahead)
        session.names_changed.connect(self._show_names)
        session.project_changed.connect(self._show_names)
        self.model.names.changed.connect(self._names_came)
        self._show_names()
        self._count()

    def _make_list(self) -> _List:
        view = _List()
        view.setModel(self.model)
        view.setItemDelegate(ScanDelegate(view))
        view.setUniformItemSizes(True)
        view.setMouseTracking(True)
        view.setIconSize(QSize(44, 44))
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setAccessibleName(text("worklist.title"))
        view.opened.connect(self._open)
        view.menu_asked.connect(self._show_menu)
        view.selectionModel().selectionChanged.connect(self._chosen_changed)
        return view

    def _make_names_button(self) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setIcon(icon("person", "muted"))
        button.setIconSize(QSize(16, 16))
        button.setToolTip(f"{text('worklist.names')}\n{text('worklist.names_tip')}")
        button.setAccessibleName(text("worklist.names"))
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(self._session.show_names)
        return button

    def _make_wide_button(self) -> QToolButton:
        button = QToolButton()
        button.setIconSize(QSize(14, 14))
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        button.clicked.connect(self._toggle_wide)
        button.hide()
        return button

    def fit(self, window: int) -> None:
        """Take as much of a window of this width (px) as is left for a list: the scan needs the room more."""
        self._window_width = window
        self._arrange()

    @property
    def slim(self) -> bool:
        """Whether the pictures alone are shown."""
        return self._slim

    @Slot()
    def _arrange(self) -> None:
        """Show the pictures alone in a narrow window, unless the words are asked for or say something else."""
        small = 0 < self._window_width < _SLIM_BELOW
        self._wanted_wide = self._wanted_wide and small
        says = self._wanted_wide or self.model.total == 0 or bool(self.filter.text() or query_words(self.model.query))
        self._slim = slim = small and not says
        for part in (self._title, self.count, self._search, self.names_button):
            part.setVisible(not slim)
        self.wide_button.setVisible(small)
        self.wide_button.setIcon(icon("chevron-right" if slim else "chevron-left", "muted"))
        tip = text("worklist.wider" if slim else "worklist.narrower")
        self.wide_button.setToolTip(tip)
        self.wide_button.setAccessibleName(tip)
        self._head.setContentsMargins(*((12, 6, 12, 8) if slim else (12, 12, 12, 8)))
        self.chosen_bar.set_slim(slim)
        roomy = "worklist" if self._window_width >= _ROOMY_FROM else "worklist_small"
        self.setFixedWidth(theme.space("worklist_slim" if slim else roomy))
        self._show_names()

    @Slot()
    def _toggle_wide(self) -> None:
        self._wanted_wide = self._slim
        if self._slim:
            self._arrange()
            return
        # what is looked for would keep the words in the list
        self.filter.clear()
        self.model.ask(Query())
        self._arrange()

    @Slot()
    def _show_names(self) -> None:
        """Say whether names are shown, and if so that nobody is known here where that is so."""
        names = self.model.names
        self.names_button.setChecked(names.shown)
        there = self._session.project is not None and not self._slim
        self.names_note.setVisible(names.shown and not names.known and there)

    @Slot()
    def _names_came(self) -> None:
        self._show_names()
        self._show_current()

    def _lay_out(self) -> None:
        lay = theme.column(self, gap=0)
        self._head = head = theme.column(gap=theme.space("s"))
        line = theme.row(gap=4)
        self._title = theme.heading(text("worklist.title"))
        line.addWidget(self._title)
        line.addStretch()
        self.count.setToolTip(text("worklist.done_tip"))
        line.addWidget(self.count)
        line.addWidget(self.names_button)
        line.addWidget(self.wide_button)
        head.addLayout(line)
        head.addWidget(self.progress)
        self._search = QWidget()
        self._search.setProperty("area", "clear")
        search = theme.row(self._search, gap=4)
        search.addWidget(self.filter, 1)
        search.addWidget(self.class_filter)
        search.addWidget(self.list_menu)
        head.addWidget(self._search)
        head.addWidget(self.query_line)
        head.addWidget(self.names_note)
        lay.addLayout(head)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.nothing)
        lay.addLayout(self._stack, 1)
        lay.addWidget(self.chosen_bar)

    def focus_filter(self) -> None:
        """Put the cursor into the filter."""
        if self._slim:
            self._toggle_wide()
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    @Slot(str)
    def _filter_changed(self, words: str) -> None:
        self.model.set_filter(words)
        self._show_current()

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        self._session.open_scan(self.model.scan_at(index.row()).id)

    @Slot()
    def _show_current(self) -> None:
        session = self._session
        current = session.loading or (session.scan.id if session.scan is not None else "")
        row = self.model.row_of(current)
        if row is not None:
            index = self.model.index(row)
            # several were chosen by hand: another scan that opens does not let go of them
            flags, several = QItemSelectionModel.SelectionFlag, self._chosen_count() > 1
            # said outright: with Ctrl held down (Ctrl+B) the list would take it for one row more
            how = flags.NoUpdate if several else flags.ClearAndSelect
            self.list.selectionModel().setCurrentIndex(index, how)
            self.list.scrollTo(index)

    @Slot()
    def _read_ahead(self) -> None:
        """Let the scans that are likely to be opened next be read."""
        scan = self._session.scan
        if scan is not None:
            self._session.team.ahead.want(self.model.neighbours(scan.id))

    # ------------------------------------------------------------ several at once

    def chosen(self) -> list[str]:
        """Return the ids of the scans chosen, in the order of the list."""
        places = sorted(place for first, last in self._chosen_ranges() for place in range(first, last + 1))
        return [self.model.scan_at(place).id for place in places]

    def _chosen_ranges(self) -> list[tuple[int, int]]:
        # thousands of rows are few ranges, and would be as many indexes
        chosen = self.list.selectionModel().selection()
        return [(chosen.at(place).top(), chosen.at(place).bottom()) for place in range(chosen.count())]

    def _chosen_count(self) -> int:
        return sum(last - first + 1 for first, last in self._chosen_ranges())

    def choose(self, scans: Sequence[str]) -> None:
        """Choose scans, those of them that are listed."""
        places = sorted(place for place in map(self.model.row_of, scans) if place is not None)
        chosen = QItemSelection()
        for first, last in _ranges(places):
            chosen.select(self.model.index(first), self.model.index(last))
        self.list.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    @Slot()
    def _keep_chosen(self) -> None:
        found = self.chosen()
        self._kept = found if len(found) > 1 else []

    @Slot()
    def _choose_again(self) -> None:
        if self._kept:
            self.choose(self._kept)
        else:
            self._show_current()
        self._chosen_changed()

    @Slot()
    def _chosen_changed(self) -> None:
        self.chosen_bar.show_count(self._chosen_count())

    @Slot(QPoint)
    def _show_menu(self, place: QPoint) -> None:
        self.menu.open(place)

    @Slot()
    def _count(self) -> None:
        done, total = self.model.done, self.model.total
        self.count.setText(text("worklist.done", done=done, total=total))
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        empty = self.model.rowCount() == 0
        key = "worklist.nothing_found" if total else "worklist.reading" if self.model.busy else "worklist.nothing"
        self.nothing.setText(text(key))
        self._stack.setCurrentIndex(1 if empty else 0)


def _ranges(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Return the first and last of each unbroken part of sorted numbers."""
    start = 0
    for number, place in enumerate(places):
        if number + 1 == len(places) or places[number + 1] != place + 1:
            yield places[start], place
            start = number + 1
