"""Parts of the import page: where to drop, what was passed over, how far the import is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHeaderView, QProgressBar, QTreeWidget, QTreeWidgetItem, QWidget

from core.events import Progress
from core.io.source import Passed
from core.messages import numeral, sentence, text
from gui import theme
from gui.icons import pixmap
from gui.jobs.jobs import time_left

_MOST_LISTED = 2000
_WORDS = 540


class DropZone(QFrame):
    """Says what can be dropped here, with two buttons for those who would rather choose."""

    files_asked = Signal()
    folder_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        sign = theme.label()
        drawn = pixmap("import", "accent_bright", 96)
        drawn.setDevicePixelRatio(2.0)
        sign.setPixmap(drawn)
        title = theme.label(text("importing.drop_title"), "title")
        words = theme.label(text("importing.drop_words"), "muted", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setFixedWidth(_WORDS)
        # wrapped words inside of an alignment are given the height of one line only
        words.setFixedHeight(words.heightForWidth(_WORDS))
        files = theme.primary_button(text("dialogs.choose_files"))
        files.clicked.connect(self.files_asked)
        folder = theme.button(text("dialogs.choose_folder"))
        folder.clicked.connect(self.folder_asked)
        lay = theme.column(self, margin=theme.space("xl"), gap=theme.space("m"))
        lay.addStretch(2)
        for widget in (sign, title, words):
            lay.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        line = theme.row()
        line.addStretch()
        line.addWidget(files)
        line.addWidget(folder)
        line.addStretch()
        lay.addSpacing(theme.space("s"))
        lay.addLayout(line)
        lay.addStretch(3)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.qcolor("line_strong"), 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(theme.qcolor("backdrop"))
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -2, -2), 10, 10)


class Searching(QWidget):
    """How far the search is, and Stop."""

    stop_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = theme.label(text("importing.searching"), "title")
        self.words = theme.label(text("importing.looked", looked="0", kept="0"), "muted")
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setFixedWidth(360)
        self.stop = theme.button(text("importing.stop"))
        self.stop.clicked.connect(self.stop_asked)
        lay = theme.column(self, gap=theme.space("m"))
        lay.addStretch(2)
        for widget in (self.title, bar, self.words, self.stop):
            lay.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        lay.addStretch(3)

    def show_counts(self, looked: int, kept: int) -> None:
        """Say how many files were looked at, and how many of them can be read."""
        self.words.setText(text("importing.looked", looked=_grouped(looked), kept=_grouped(kept)))


class PassedOver(QWidget):
    """Files that cannot be taken, each with its reason; folded away until asked for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.toggle = theme.button("", "flat")
        self.toggle.setCheckable(True)
        self.toggle.toggled.connect(self._fold)
        self.list = QTreeWidget()
        self.list.setColumnCount(2)
        # its words begin where their heads do
        self.list.setProperty("area", "columns")
        self.list.setHeaderLabels([text("importing.file"), text("importing.reason")])
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setFixedHeight(150)
        self.list.setSelectionMode(QTreeWidget.SelectionMode.NoSelection)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        head = self.list.header()
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        head.setStretchLastSection(True)
        head.resizeSection(0, 250)
        lay = theme.column(self, gap=4)
        line = theme.row()
        line.addWidget(self.toggle)
        line.addStretch()
        lay.addLayout(line)
        lay.addWidget(self.list)
        self.list.hide()
        self.count = 0
        self.show_passed(())

    def show_passed(self, passed: Sequence[Passed]) -> None:
        """List them."""
        self.count = len(passed)
        self.list.clear()
        items = []
        for one in passed[:_MOST_LISTED]:
            reason = sentence(one.error)
            item = QTreeWidgetItem([one.source, reason])
            item.setToolTip(0, one.source)
            item.setToolTip(1, reason)
            item.setSizeHint(0, QSize(0, 26))
            item.setForeground(1, theme.qcolor("muted"))
            items.append(item)
        self.list.addTopLevelItems(items)
        self.setVisible(bool(passed))
        self._fold(self.toggle.isChecked())

    @Slot(bool)
    def _fold(self, opened: bool) -> None:
        self.list.setVisible(opened)
        key = "passed_one" if self.count == 1 else "passed"
        self.toggle.setText(f"{'▾' if opened else '▸'}  {text(f'importing.{key}', count=_grouped(self.count))}")


class Invitation(QWidget):
    """Where to drop, and below it what was passed over where nothing else was found."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.zone = DropZone()
        self.passed = PassedOver()
        lay = theme.column(self, gap=theme.space("m"))
        lay.addWidget(self.zone, 1)
        lay.addWidget(self.passed)

    def show_passed(self, passed: Sequence[Passed]) -> None:
        """List what was passed over, unfolded: it is all there is to see."""
        self.passed.show_passed(passed)
        self.passed.toggle.setChecked(True)


class Taking(QWidget):
    """How far the import is: done, rate, time left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar()
        self.bar.setProperty("kind", "large")
        self.bar.setTextVisible(False)
        self.words = theme.label("", "muted")
        lay = theme.column(self, gap=4)
        lay.addWidget(self.bar)
        lay.addWidget(self.words)

    def begin(self) -> None:
        """Show that it has begun."""
        self.bar.setRange(0, 0)
        self.words.setText(text("importing.beginning"))

    def show_progress(self, progress: Progress) -> None:
        """Show how far it is."""
        if not progress.total:
            self.bar.setRange(0, 0)
            return
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        parts = [text("importing.taken_of", done=progress.done, total=progress.total)]
        if progress.rate > 0:
            key, rate = ("rate", progress.rate) if progress.rate >= 1 else ("rate_minute", progress.rate * 60)
            parts.append(text(f"importing.{key}", rate=numeral(rate, ".1f") if rate < 10 else numeral(rate, ".0f")))
        if progress.seconds_left >= 0 and progress.done < progress.total:
            parts.append(time_left(progress.seconds_left))
        self.words.setText("  ·  ".join(parts))

    def waiting(self, words: str) -> None:
        """Say that it is being ended."""
        self.bar.setRange(0, 0)
        self.words.setText(words)


def _grouped(count: int) -> str:
    return numeral(count, ",")


def fitting(parent: QWidget | None, size: QSize, smallest: QSize) -> QSize:
    """Return the size of a page: as wanted, but inside of the window it lies over."""
    if parent is None:
        return size
    room = parent.window().size() - QSize(64, 64)
    return QSize(min(size.width(), room.width()), min(size.height(), room.height())).expandedTo(smallest)
