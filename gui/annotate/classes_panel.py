"""Classes by a click or a key: what the whole scan is, and what the slice shown is, such as stroke yes or no."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QDialog, QGridLayout, QLabel, QLayout, QLineEdit, QMenu, QPushButton, QWidget

from core.errors import MeninxError
from core.messages import text
from core.project.classes import USUAL, Classes, ClassValue
from gui import theme
from gui.actions import Actions, shown_key
from gui.annotate.class_tables import ClassTables
from gui.annotate.fold import Fold
from gui.asides import Aside
from gui.background import Tasks
from gui.class_words import shown_value
from gui.dialogs.class_dialog import ClassDialog
from gui.icons import icon
from gui.session import Session
from gui.viewer.linked import LinkedViews

MOST = 6
"""Values with a button and a key; a class with more is shown, and its others are set from the command line."""
_COLUMNS = 2


@dataclass(frozen=True)
class Given:
    """What is to be written down; ``place`` is a native slice, None the whole scan; ``value`` None takes it back."""

    scan: str
    name: str
    value: str | None
    place: int | None


@dataclass(frozen=True)
class Known:
    """What is written down of a scan, and the classes of the project with their values."""

    scan: str
    values: tuple[ClassValue, ...]
    names: dict[str, tuple[str, ...]]


def _read(classes: Classes, scan: str, reader: str) -> Known:
    """Runs in a thread."""
    return Known(scan, tuple(classes.of_scan(scan, reader=reader)) if scan else (), classes.names())


def _write(classes: Classes, given: Given, reader: str) -> None:
    """Runs in a thread."""
    places = None if given.place is None else [given.place]
    classes.set(given.scan, given.name, given.value, reader=reader, slices=places)


class ClassesPanel(QWidget):
    """Section at the right: which class, then its values for the scan and for the slice shown.

    Parameters
    ----------
    session
        What is open.
    actions
        Those of the classes are bound here.
    views
        Say which slice is shown.
    """

    changed = Signal()
    """:meth:`of_slices` is another."""

    def __init__(self, session: Session, actions: Actions, views: LinkedViews, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._views = views
        self._tasks = Tasks(self)
        self._waiting: deque[Given] = deque()
        self._writing = False
        self._names: dict[str, tuple[str, ...]] = {}
        self._values: dict[tuple[str, int | None], str] = {}
        self.box = QComboBox()
        self.edit = QLineEdit()
        self.box.setLineEdit(self.edit)
        self.box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.box.setAccessibleName(text("classes.name"))
        self.edit.setPlaceholderText(text("classes.name"))
        self.edit.setMaxLength(60)
        self.box.setToolTip(text("classes.name_tip"))
        self.box.activated.connect(self._name_chosen)
        self.edit.editingFinished.connect(self._name_typed)
        self.more = theme.button("", "small", tip=text("classes.values_tip"))
        self.more.setIcon(icon("more", "muted"))
        self.more.setAccessibleName(text("classes.values"))
        self.more.setFixedWidth(32)
        self.more.clicked.connect(self._show_menu)
        self.tables = ClassTables(session, self)
        self.scan_buttons, self.slice_buttons = self._buttons("scan", actions), self._buttons("slice", actions)
        self.scan_words, self.slice_words = (
            theme.label(text(f"classes.{name}"), "muted") for name in ("scan", "slice")
        )
        head = theme.row(gap=6)
        head.addWidget(self.box, 1)
        head.addWidget(self.more)
        lines = [self._line(self.scan_words, self.scan_buttons), self._line(self.slice_words, self.slice_buttons)]
        self.fold = Fold(text("classes.title"), "classes", session.settings, head, *lines, shut=True)
        theme.column(self).addWidget(self.fold)
        session.scan_changed.connect(self._reload)
        session.project_changed.connect(self._project_changed)
        session.classes_changed.connect(self._heard)
        session.class_requested.connect(self.choose)
        self._show()

    @staticmethod
    def _line(words: QLabel, buttons: Sequence[QPushButton]) -> QLayout:
        line = theme.row(gap=6)
        words.setFixedWidth(34)
        line.addWidget(words, 0, Qt.AlignmentFlag.AlignTop)
        words.setMinimumHeight(26)
        grid = QGridLayout()
        grid.setSpacing(4)
        for place, button in enumerate(buttons):
            grid.addWidget(button, place // _COLUMNS, place % _COLUMNS)
        for column in range(_COLUMNS):
            grid.setColumnStretch(column, 1)
        line.addLayout(grid, 1)
        return line

    def _buttons(self, what: str, actions: Actions) -> list[QPushButton]:
        made = []
        for number in range(1, MOST + 1):
            button = theme.button("", "small")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            action = actions[f"class_{what}_{number}"]
            button.setMinimumWidth(40)
            button.setProperty("tip", text(f"classes.{what}_tip", key=shown_key(action)))
            button.clicked.connect(action.trigger)
            action.triggered.connect(self._asked)
            made.append(button)
        return made

    # ------------------------------------------------------------------ asking

    @property
    def name(self) -> str:
        """The class that is given; empty while none is chosen."""
        return self.box.currentText().strip()

    @property
    def values(self) -> tuple[str, ...]:
        """Its first values: those laid down or in use, or yes and no."""
        usual = USUAL
        used = self._names.get(self.name, ())
        if set(used) <= set(usual):
            return usual
        return (*used, *(one for one in usual if len(used) == 1 and one not in used))[: max(2, min(len(used), MOST))]

    def of_slices(self) -> dict[int, str]:
        """Return the value of the class chosen by native slice."""
        name = self.name
        return {place: value for (one, place), value in self._values.items() if one == name and place is not None}

    @Slot(str)
    def choose(self, name: str) -> None:
        """Show a class, of which there may be more."""
        if name != self.name:
            self.box.setCurrentIndex(self.box.findText(name))
            self.box.setEditText(name)
            self._name_typed()

    def slice_changed(self) -> None:
        """Another slice is shown."""
        self._show()

    @Slot()
    def _asked(self) -> None:
        _class, what, number = self.sender().objectName().split("_")
        values = self.values
        if int(number) <= len(values):
            self.give(what == "slice", values[int(number) - 1])

    def give(self, on_slice: bool, value: str) -> None:
        """Give the scan or the slice shown a value; the same once more takes it back."""
        session = self._session
        if session.scan is None or session.project is None or not session.can_edit:
            words = session.holder or text("annotate.refused_read_only")
            session.notifier.tell(words if session.read_only else text("annotate.refused_busy"), "warning")
        elif not self.name:
            self.fold.open()
            session.notifier.tell(text("classes.no_name"), "warning")
        else:
            place = self._views.position[2] if on_slice else None
            key = (self.name, place)
            before = self._values.get(key)
            wanted = None if before == value else value
            self._put(Given(session.scan.id, self.name, wanted, place))
            undo = functools.partial(self._put, Given(session.scan.id, self.name, before, place))
            redo = functools.partial(self._put, Given(session.scan.id, self.name, wanted, place))
            where = text("classes.of_scan") if place is None else text("classes.of_slice", slice=place + 1)
            words = text("classes.said", name=self.name, value=shown_value(value), where=where)
            session.walker.asides.did(Aside(words, undo, redo, place))
        self._show()

    def _put(self, given: Given) -> None:
        """Say something, or take it back; it is written down in its turn."""
        key = (given.name, given.place)
        self._values.pop(key, None)
        if given.value is not None:
            self._values[key] = given.value
        self._waiting.append(given)
        self._next()
        self._show()
        self.changed.emit()

    @Slot()
    def _show_menu(self) -> None:
        menu = QMenu(self)
        values = menu.addAction(text("classes.values_ask"))
        values.setEnabled(not self._session.read_only)
        values.triggered.connect(self._ask_values)
        menu.addSeparator()
        self.tables.fill(menu)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    @Slot()
    def _ask_values(self) -> None:
        dialog = ClassDialog(self.name, self.values if self.name in self._names else (), self.window())
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.define(dialog.name.text().strip(), dialog.values)
        dialog.deleteLater()

    def define(self, name: str, values: Sequence[str]) -> None:
        """Lay down the values of a class, and choose it."""
        session = self._session
        if session.project is None:
            return
        try:
            self._write_all()
            session.project.classes.define(name, values, reader=session.reader)
        except MeninxError as error:
            session.notifier.error(error)
            return
        self._names = session.project.classes.names()
        with QSignalBlocker(self.box):
            self.box.setEditText(name)
        self._fill(list(self._names))
        self._show()
        self.changed.emit()

    # ----------------------------------------------------------------- writing

    def _next(self) -> None:
        """Write what waits, in the order it was said."""
        project = self._session.project
        if self._writing or not self._waiting or project is None:
            return
        self._writing = True
        work = functools.partial(_write, project.classes, self._waiting.popleft(), self._session.reader)
        self._tasks.start(work, self._written, self._failed)

    @Slot(object)
    def _written(self, _nothing: object) -> None:
        self._writing = False
        if self._waiting:
            self._next()
        else:
            self._read()
            if self._session.scan is not None:
                self._session.classes_changed.emit(self._session.scan.id)

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._session.notifier.error(error)
        self._written(None)

    @Slot()
    def _project_changed(self) -> None:
        if self._session.project is None:
            self._tasks.wait()
            self._waiting.clear()
            self._writing = False
        # a class of the project before would become one of this one with the first key
        self.box.clear()
        self.box.setEditText("")
        self._names = {}
        self._reload()

    @Slot(str)
    def _heard(self, scan_id: str) -> None:
        """Many were said at once, elsewhere."""
        if not scan_id:
            self._read()

    @Slot()
    def _reload(self) -> None:
        self._values = {}
        if self._session.scan is None:
            # the project may be closed next: what was said is written down first
            self._write_all()
        self._read()
        self._show()
        self.changed.emit()

    def _write_all(self) -> None:
        self._tasks.join()
        session = self._session
        while self._waiting and session.project is not None:
            try:
                _write(session.project.classes, self._waiting.popleft(), session.reader)
            except MeninxError as error:
                session.notifier.error(error)

    def _read(self) -> None:
        session = self._session
        if session.project is not None and session.scan is not None:
            work = functools.partial(_read, session.project.classes, session.scan.id, session.reader)
            self._tasks.start(work, self._there, self._unread)

    @Slot(object)
    def _unread(self, error: MeninxError) -> None:
        if error.code != "project-closed":
            self._session.notifier.error(error)

    @Slot(object)
    def _there(self, known: Known) -> None:
        scan = self._session.scan
        if known.scan != (scan.id if scan is not None else "") or self._writing or self._waiting:
            return
        self._values = {(one.name, one.slice): one.value for one in known.values}
        self._names = known.names
        self._fill(list(known.names))
        self._show()
        self.changed.emit()

    def _fill(self, names: Sequence[str]) -> None:
        if self.edit.hasFocus():
            return
        kept = self.name or (names[0] if names else "")
        with QSignalBlocker(self.box):
            self.box.clear()
            self.box.addItems(list(names))
            self.box.setCurrentIndex(self.box.findText(kept))
            self.box.setEditText(kept)

    # ----------------------------------------------------------------- showing

    @Slot(int)
    def _name_chosen(self, _place: int) -> None:
        self._name_typed()

    @Slot()
    def _name_typed(self) -> None:
        # letter keys belong to the tools again
        self.edit.clearFocus()
        self.box.clearFocus()
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        possible = bool(self.name) and self._session.can_edit
        values = self.values
        for buttons, place in ((self.scan_buttons, None), (self.slice_buttons, self._views.position[2])):
            given = self._values.get((self.name, place))
            for number, button in enumerate(buttons):
                there = number < len(values)
                button.setVisible(there)
                if there:
                    room = 13
                    shown = shown_value(values[number])
                    button.setText(shown if len(shown) <= room else f"{shown[: room - 1]}…")
                    button.setToolTip(f"{shown}\n{button.property('tip')}")
                    button.setChecked(values[number] == given)
                    button.setEnabled(possible)
        self.box.setEnabled(self._session.scan is not None)
        self.more.setEnabled(self._session.project is not None and not self._session.read_only)
        self.fold.set_note(self._note())
        # a class in use is opened by itself, unless it was shut by hand
        self.fold.suggest(bool(self._names))

    def _note(self) -> str:
        """Say what the slice and the scan are, where the section is shut."""
        here = self._values.get((self.name, self._views.position[2])) or self._values.get((self.name, None))
        return text("classes.note", name=self.name, value=shown_value(here)) if here else ""
