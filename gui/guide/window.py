"""The guide in a window of its own, beside the work: contents and search at the left, the page at the right."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFrame,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from core.messages import text
from gui import theme
from gui.guide import pages
from gui.guide.reader import Reader
from gui.roomy import keep_on_screen
from gui.search_field import SearchField

_SIZE = QSize(1150, 820)
_ADDRESS = Qt.ItemDataRole.UserRole


class GuideWindow(QDialog):
    """Reads the guide; opened at an address or about a topic.

    Parameters
    ----------
    parent
        The main window; the guide stays beside it.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(text("guide.title"))
        # its own buttons for size, and the window behind can be worked in
        self.setWindowFlags(Qt.WindowType.Window)
        self.resize(_SIZE)
        keep_on_screen(self)
        self._past: list[str] = []
        self._ahead: list[str] = []
        self._here = ""
        self.reader = Reader()
        self.reader.asked.connect(self.go)
        self.field = SearchField(text("guide.search"))
        self.field.textChanged.connect(self._search)
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(14)
        self.tree.setAccessibleName(text("guide.contents"))
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        theme.style(
            self.tree,
            "QTreeWidget { border: none; background: $backdrop; }"
            " QTreeWidget::item { padding: 4px 6px; border-radius: 4px; }"
            " QTreeWidget::item:hover { background: $raised; }"
            " QTreeWidget::item:selected { background: $accent_rail;"
            " color: $text_bright; }",
        )
        self.tree.itemClicked.connect(self._chosen)
        self.tree.itemActivated.connect(self._chosen)
        self.nothing = theme.label(text("guide.nothing"), "muted", wrap=True)
        self.nothing.hide()
        self.english = theme.label(text("guide.only_english"), "muted", wrap=True)
        self.english.setVisible(bool(self.english.text()))
        self.back = theme.button(text("guide.back"), "small")
        self.back.clicked.connect(self.go_back)
        self.forward = theme.button(text("guide.forward"), "small")
        self.forward.clicked.connect(self.go_forward)
        self._lay_out()
        # where the reader is, is followed when the scrolling rests
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(120)
        self._rest.timeout.connect(self._mark)
        self.reader.verticalScrollBar().valueChanged.connect(self._rest.start)
        for key, slot in (("Alt+Left", self.go_back), ("Alt+Right", self.go_forward), ("Ctrl+F", self._to_search)):
            QShortcut(QKeySequence(key), self).activated.connect(slot)
        self._fill()
        self._enable()
        self.reader.setFocus()

    def _lay_out(self) -> None:
        side = QFrame()
        side.setProperty("area", "left")
        theme.style(side, "QFrame[area='left'] { background: $backdrop; }")
        column = theme.column(side, margin=theme.space("m"), gap=theme.space("s"))
        line = theme.row(gap=6)
        line.addWidget(self.back, 1)
        line.addWidget(self.forward, 1)
        column.addLayout(line)
        column.addWidget(self.field)
        column.addWidget(self.english)
        column.addWidget(self.nothing)
        column.addWidget(self.tree, 1)
        whole = QSplitter()
        whole.setChildrenCollapsible(False)
        whole.addWidget(side)
        whole.addWidget(self.reader)
        whole.setSizes([300, 850])
        whole.setStretchFactor(1, 1)
        theme.column(self).addWidget(whole)

    # ---------------------------------------------------------------- going

    @Slot(str)
    def go(self, address: str) -> None:
        """Show a place (``page#section``), and remember where one came from."""
        if self._here:
            self._past.append(self._here)
            self._ahead.clear()
        self._show(address)

    def about(self, topic: str) -> None:
        """Show what the guide says of a topic (:data:`gui.guide.pages.TOPICS`); its beginning if nothing."""
        self.go(pages.TOPICS.get(topic, pages.START))

    @Slot()
    def go_back(self) -> None:
        """Show what was shown before."""
        if self._past:
            self._ahead.append(self._here)
            self._show(self._past.pop())

    @Slot()
    def go_forward(self) -> None:
        """Show what was shown before going back."""
        if self._ahead:
            self._past.append(self._here)
            self._show(self._ahead.pop())

    def _show(self, address: str) -> None:
        page, _, slug = address.partition("#")
        self._here = address
        if page != self.reader.page:
            self.reader.show_page(page)
        self.reader.go_to(slug)
        self._enable()
        self._mark_at(address)
        self._rest.stop()

    def _enable(self) -> None:
        self.back.setEnabled(bool(self._past))
        self.forward.setEnabled(bool(self._ahead))

    # ------------------------------------------------------------- contents

    def _fill(self) -> None:
        self.tree.clear()
        for page in pages.PAGES:
            top: QTreeWidgetItem | None = None
            for section in pages.sections(page):
                if section.level == 1:
                    top = _item(section)
                    self.tree.addTopLevelItem(top)
                elif section.level == 2 and top is not None:
                    top.addChild(_item(section))

    @Slot(str)
    def _search(self, typed: str) -> None:
        if not typed.strip():
            self.nothing.hide()
            self._fill()
            self._mark()
            return
        self.tree.clear()
        found = pages.search(typed)
        self.nothing.setVisible(not found)
        titles = {page: pages.sections(page)[0].title for page in pages.PAGES}
        for section in found:
            item = _item(section)
            if section.level > 1:
                item.setText(0, f"{section.title}  ·  {titles[section.page]}")
            item.setToolTip(0, item.text(0))
            self.tree.addTopLevelItem(item)

    @Slot(QTreeWidgetItem)
    def _chosen(self, item: QTreeWidgetItem) -> None:
        self.go(str(item.data(0, _ADDRESS)))

    @Slot()
    def _to_search(self) -> None:
        self.field.setFocus()
        self.field.selectAll()

    @Slot()
    def _mark(self) -> None:
        """Mark in the contents what is being read."""
        slug = self.reader.place()
        self._mark_at(f"{self.reader.page}#{slug}" if slug else self.reader.page)

    def _mark_at(self, address: str) -> None:
        """Mark a place in the contents; pages that are not read are folded."""
        if self.field.text().strip():
            return
        page = address.partition("#")[0]
        for item in self._items():
            place = str(item.data(0, _ADDRESS))
            if item.parent() is None:
                item.setExpanded(place == page)
            if place == address:
                self.tree.setCurrentItem(item)
                self.tree.scrollToItem(item)

    def _items(self) -> list[QTreeWidgetItem]:
        tops = [self.tree.topLevelItem(place) for place in range(self.tree.topLevelItemCount())]
        found = [item for top in tops if top is not None for item in (top, *map(top.child, range(top.childCount())))]
        return [item for item in found if item is not None]


def _item(section: pages.Section) -> QTreeWidgetItem:
    made = QTreeWidgetItem([section.title])
    made.setData(0, _ADDRESS, section.address)
    if section.level == 1:
        made.setFont(0, theme.font("body", weight=theme.font().Weight.DemiBold))
    return made
