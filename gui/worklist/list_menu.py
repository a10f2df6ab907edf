"""The button beside the filter: which scans are listed, and in which order; and the line that says so."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QFrame, QMenu, QToolButton, QWidget

from core.messages import text
from core.project.records import ScanStatus
from gui import theme
from gui.icons import icon
from gui.worklist.model import ScanModel
from gui.worklist.rows import ORDERS, Query, status_words


class ListMenu(QToolButton):
    """Status, reader, tag and open comments to choose by; what to sort by.

    Parameters
    ----------
    model
        Whose query it changes.
    """

    changed = Signal()
    """Other scans are listed, or in another order."""

    def __init__(self, model: ScanModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setIcon(icon("sliders", "muted"))
        self.setIconSize(QSize(16, 16))
        self.setCheckable(True)
        self.setFixedSize(30, 30)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(text("worklist.list"))
        self.setToolTip(text("worklist.list_tip"))
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.list = QMenu(self)
        self.list.aboutToShow.connect(self.fill)
        self.setMenu(self.list)
        model.query_changed.connect(self._show)

    @Slot()
    def fill(self) -> None:
        """Offer what there is now."""
        self.list.clear()
        query, rows = self._model.query, self._model.all_rows()
        statuses = self.list.addMenu(text("worklist.by_status"))
        for status in ScanStatus:
            self._tick(statuses, status_words(status), status in query.statuses, "statuses", status)
        readers = self.list.addMenu(text("worklist.by_reader"))
        names = sorted({name for row in rows for name in row.readers} | query.readers - {""}, key=str.casefold)
        for name in ["", *names]:
            self._tick(readers, name or text("worklist.nobody"), name in query.readers, "readers", name)
        tags = self.list.addMenu(text("worklist.by_tag"))
        known = sorted({tag for row in rows for tag in row.tags} | query.tags, key=str.casefold)
        for tag in known:
            self._tick(tags, f"#{tag}", tag in query.tags, "tags", tag)
        tags.setEnabled(bool(known))
        commented = self._add(self.list, text("worklist.by_comments"), query.commented)
        commented.triggered.connect(self._only_commented)
        self.list.addSeparator()
        order = self.list.addMenu(text("worklist.sort"))
        group = QActionGroup(order)
        for name in ORDERS:
            action = self._add(order, text(f"worklist.sort_{name}"), query.order == name)
            group.addAction(action)
            action.triggered.connect(functools.partial(self.sort, name))
        order.addSeparator()
        down = self._add(order, text("worklist.sort_down"), query.down)
        down.triggered.connect(self._turn)
        self.list.addSeparator()
        everything = self.list.addAction(text("worklist.show_all"))
        everything.setEnabled(query.sifts)
        everything.triggered.connect(self.show_all)

    @staticmethod
    def _add(menu: QMenu, words: str, ticked: bool) -> QAction:
        action = menu.addAction(words.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(ticked)
        return action

    def _tick(self, menu: QMenu, words: str, ticked: bool, field: str, value: object) -> None:
        self._add(menu, words, ticked).triggered.connect(functools.partial(self.choose, field, value))

    def choose(self, field: str, value: object, _checked: bool = False) -> None:
        """Let scans with a value of ``statuses``, ``readers`` or ``tags`` pass too, or no longer."""
        chosen = getattr(self._model.query, field)
        self._ask(replace(self._model.query, **{field: chosen ^ {value}}))

    def sort(self, order: str, _checked: bool = False) -> None:
        """Sort by one of :data:`gui.worklist.rows.ORDERS`."""
        self._ask(replace(self._model.query, order=order))

    @Slot()
    def _only_commented(self) -> None:
        self._ask(replace(self._model.query, commented=not self._model.query.commented))

    @Slot()
    def _turn(self) -> None:
        self._ask(replace(self._model.query, down=not self._model.query.down))

    @Slot()
    def show_all(self) -> None:
        """List every scan; the order stays, and so do the words written above."""
        query = self._model.query
        self._ask(Query(words=query.words, order=query.order, down=query.down))

    def _ask(self, query: Query) -> None:
        self._model.ask(query)
        self.changed.emit()

    @Slot()
    def _show(self) -> None:
        self.setChecked(bool(query_words(self._model.query)))


class QueryLine(QFrame):
    """Says what is listed while that is not everything in the usual order; a cross lists all again.

    Parameters
    ----------
    model
        Whose query it words.
    """

    all_asked = Signal()

    def __init__(self, model: ScanModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self._model = model
        self.words = theme.label("", "muted", wrap=True)
        self._all = QToolButton()
        self._all.setIcon(icon("close", "muted"))
        self._all.setIconSize(QSize(13, 13))
        self._all.setFixedSize(22, 22)
        self._all.setCursor(Qt.CursorShape.PointingHandCursor)
        self._all.setToolTip(text("worklist.show_all"))
        self._all.setAccessibleName(text("worklist.show_all"))
        self._all.clicked.connect(self._clear)
        line = theme.row(self, gap=4)
        line.addWidget(self.words, 1)
        line.addWidget(self._all, 0, Qt.AlignmentFlag.AlignTop)
        model.query_changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        said = query_words(self._model.query)
        self.words.setText(said)
        self.setVisible(bool(said))

    @Slot()
    def _clear(self) -> None:
        self._model.ask(Query(words=self._model.query.words))
        self.all_asked.emit()


def query_words(query: Query) -> str:
    """Word what is chosen beside the words of the filter; empty for everything in the usual order."""
    parts = [_one_of(status_words(status) for status in ScanStatus if status in query.statuses)]
    parts.append(_one_of(name or text("worklist.nobody") for name in sorted(query.readers, key=str.casefold)))
    parts.append(_one_of(f"#{tag}" for tag in sorted(query.tags, key=str.casefold)))
    if query.commented:
        parts.append(text("worklist.by_comments"))
    if query.order != "project" or query.down:
        key = "worklist.sorted_down" if query.down else "worklist.sorted"
        parts.append(text(key, by=text(f"worklist.sort_{query.order}")))
    return " · ".join(part for part in parts if part)


def _one_of(words: Iterable[str]) -> str:
    return text("worklist.or").join(words)
