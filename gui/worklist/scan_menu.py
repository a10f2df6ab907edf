"""What can be done with the scans that are chosen in the list: one of them, or many at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from core.messages import text
from core.project.records import ScanStatus
from core.team.statuses import may_move
from gui.session import Session
from gui.worklist.model import ScanModel
from gui.worklist.rows import Row, status_words
from gui.worklist.scan_dialogs import NameDialog, TwoReadersDialog, WordsDialog

_WITH_WORDS = (ScanStatus.RETURNED, ScanStatus.SKIPPED)
"""Statuses that say why."""


class ScanMenu(QObject):
    """Makes the menu of the chosen scans and does what is picked.

    Parameters
    ----------
    session
        Whose scans.
    model
        The list.
    chosen
        Returns the ids of the scans chosen.
    parent
        Parent of menus and dialogs.
    """

    notes_asked = Signal(str, str)
    """Show what is known of a scan (id): its ``comments`` or its ``timeline``."""
    bundle_asked = Signal(list)
    """Hand these scans (ids) over."""

    def __init__(self, session: Session, model: ScanModel, chosen: Callable[[], list[str]], parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._model = model
        self._chosen = chosen
        self._window = parent

    def fill(self, menu: QMenu) -> None:
        """Offer what can be done with the scans chosen now."""
        menu.clear()
        scans = self._chosen()
        known = [row for row in map(self._model.known, scans) if row is not None]
        menu.setEnabled(bool(known))
        if not known:
            return
        changes = not self._session.read_only
        statuses = menu.addMenu(text("team.status"))
        for status in ScanStatus:
            words = status_words(status) + ("…" if status in _WITH_WORDS else "")
            alike = all(row.scan.status is status for row in known)
            action = self._add(statuses, words, functools.partial(self.move, scans, status), ticked=alike)
            # of several, those move that may
            action.setEnabled(alike or any(may_move(row.scan.status, status) for row in known))
        self._fill_readers(menu.addMenu(text("team.assign")), scans, known)
        self._fill_tags(menu.addMenu(text("team.tags")), scans, known)
        for entry in menu.actions():
            entry.setEnabled(changes)
        menu.addSeparator()
        if len(scans) == 1:
            for name in ("comments", "timeline"):
                self._add(menu, text(f"team.{name}_of"), functools.partial(self.notes_asked.emit, scans[0], name))
        self._add(menu, text("team.hand_over"), functools.partial(self.bundle_asked.emit, list(scans)))

    def _fill_readers(self, menu: QMenu, scans: Sequence[str], known: Sequence[Row]) -> None:
        team, me = self._session.team, self._session.team.me
        listed = {name for row in self._model.all_rows() for name in row.readers} | {me}
        for name in sorted(listed, key=str.casefold):
            every = all(name in row.readers for row in known)
            words = text("team.me", reader=name) if name == me else name
            act = (
                functools.partial(team.unassign, scans, name) if every else functools.partial(team.assign, scans, name)
            )
            self._add(menu, words, act, ticked=every)
        menu.addSeparator()
        self._add(menu, text("team.other_reader"), functools.partial(self.ask_reader, scans))
        self._add(menu, text("team.two_readers"), functools.partial(self.ask_two, scans, sorted(listed)))

    def _fill_tags(self, menu: QMenu, scans: Sequence[str], known: Sequence[Row]) -> None:
        team = self._session.team
        for name in sorted({tag for row in self._model.all_rows() for tag in row.tags}, key=str.casefold):
            every = all(name in row.tags for row in known)
            self._add(menu, f"#{name}", functools.partial(team.tag, scans, name, on=not every), ticked=every)
        menu.addSeparator()
        self._add(menu, text("team.new_tag"), functools.partial(self.ask_tag, scans))

    @staticmethod
    def _add(menu: QMenu, words: str, act: Callable[[], object], *, ticked: bool | None = None) -> QAction:
        action = menu.addAction(words.replace("&", "&&"))
        if ticked is not None:
            action.setCheckable(True)
            action.setChecked(ticked)
        action.triggered.connect(functools.partial(_do, act))
        return action

    def open(self, place: QPoint) -> None:
        """Show the menu at a place of the screen."""
        menu = QMenu(self._window)
        self.fill(menu)
        if not menu.isEmpty():
            menu.exec(place)
        menu.deleteLater()

    # ------------------------------------------------------------ what asks first

    def move(self, scans: Sequence[str], status: ScanStatus) -> None:
        """Give scans a status; ask why where one has to be said."""
        words = ""
        if status in _WITH_WORDS:
            found = self._ask_words(f"why_{status.value}", len(scans))
            if found is None:
                return
            words = found
        self._session.team.move(scans, status, words=words)

    def _ask_words(self, key: str, count: int) -> str | None:
        dialog = WordsDialog(key, count, self._window)
        found = dialog.words if dialog.exec() else None
        dialog.deleteLater()
        return found

    def ask_reader(self, scans: Sequence[str]) -> None:
        """Ask for the name of a reader who is not listed yet."""
        dialog = NameDialog("reader", self._window)
        if dialog.exec():
            self._session.team.assign(scans, dialog.name)
        dialog.deleteLater()

    def ask_two(self, scans: Sequence[str], known: Sequence[str]) -> None:
        """Ask which two readers shall read without seeing each other's masks."""
        dialog = TwoReadersDialog(known, len(scans), self._window)
        if dialog.exec():
            self._session.team.assign_two(scans, *dialog.names)
        dialog.deleteLater()

    def ask_tag(self, scans: Sequence[str]) -> None:
        """Ask for a new tag."""
        dialog = NameDialog("tag", self._window)
        if dialog.exec():
            self._session.team.tag(scans, dialog.name)
        dialog.deleteLater()


def _do(act: Callable[[], object], _checked: bool = False) -> None:
    act()
