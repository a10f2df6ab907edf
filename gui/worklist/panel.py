"""The worklist: how far the work is, a filter, and the scans."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
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
from gui.worklist.class_filter import ClassFilter
from gui.worklist.delegate import ScanDelegate
from gui.worklist.model import ScanModel


class _List(QListView):
    """A list whose Return opens the row, and nothing else is taken from the keyboard but arrows."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.currentIndex().isValid():
                self.clicked.emit(self.currentIndex())
            return
        super().keyPressEvent(event)


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
        self.list = self._make_list()
        self.names_button = self._make_names_button()
        self.names_note = theme.label(text("worklist.names_missing"), "warning", wrap=True)
        self.nothing = theme.label("", "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self.nothing.setContentsMargins(16, 28, 16, 0)
        self._lay_out()
        self.model.modelReset.connect(self._count)
        self.model.dataChanged.connect(self._count)
        session.scan_loading.connect(self._show_current)
        session.scan_changed.connect(self._show_current)
        session.names_changed.connect(self._show_names)
        session.project_changed.connect(self._show_names)
        self.model.names.changed.connect(self._names_came)
        self._show_names()
        self._count()

    def _make_list(self) -> QListView:
        view = _List()
        view.setModel(self.model)
        view.setItemDelegate(ScanDelegate(view))
        view.setUniformItemSizes(True)
        view.setMouseTracking(True)
        view.setIconSize(QSize(44, 44))
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setAccessibleName(text("worklist.title"))
        view.clicked.connect(self._open)
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

    @Slot()
    def _show_names(self) -> None:
        """Say whether names are shown, and if so that nobody is known here where that is so."""
        names = self.model.names
        self.names_button.setChecked(names.shown)
        self.names_note.setVisible(names.shown and not names.known and self._session.project is not None)

    @Slot()
    def _names_came(self) -> None:
        self._show_names()
        self._show_current()

    def _lay_out(self) -> None:
        lay = theme.column(self, gap=0)
        head = theme.column(gap=theme.space("s"))
        head.setContentsMargins(12, 12, 12, 8)
        line = theme.row()
        line.addWidget(theme.heading(text("worklist.title")))
        line.addStretch()
        line.addWidget(self.count)
        line.addWidget(self.names_button)
        head.addLayout(line)
        head.addWidget(self.progress)
        search = theme.row(gap=4)
        search.addWidget(self.filter, 1)
        search.addWidget(self.class_filter)
        head.addLayout(search)
        head.addWidget(self.names_note)
        lay.addLayout(head)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.nothing)
        lay.addLayout(self._stack, 1)

    def focus_filter(self) -> None:
        """Put the cursor into the filter."""
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
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)

    @Slot()
    def _count(self) -> None:
        done, total = self.model.done, self.model.total
        self.count.setText(text("worklist.done", done=done, total=total))
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        empty = self.model.rowCount() == 0
        key = "worklist.nothing_found" if total else "worklist.nothing"
        self.nothing.setText(text(key))
        self._stack.setCurrentIndex(1 if empty else 0)
