"""A button beside the filter: only scans with a value of a class, or those that nobody has classed."""

from __future__ import annotations

import functools

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from core.messages import text
from gui.class_words import shown_value
from gui.icons import icon
from gui.session import Session
from gui.worklist.model import ScanModel
from gui.worklist.rows import PARTLY


class ClassFilter(QToolButton):
    """Shown only where the project has classes.

    Parameters
    ----------
    session
        What is open.
    model
        Whose rows are filtered.
    """

    changed = Signal()
    """Other scans are shown."""

    def __init__(self, session: Session, model: ScanModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._model = model
        self.setIcon(icon("filter", "muted"))
        self.setIconSize(QSize(16, 16))
        self.setCheckable(True)
        self.setFixedSize(30, 30)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(text("worklist.classes"))
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._list = QMenu(self)
        self._list.aboutToShow.connect(self._fill)
        self.setMenu(self._list)
        model.listed.connect(self._show)
        self._show()

    @Slot()
    def _fill(self) -> None:
        self._list.clear()
        group = QActionGroup(self._list)
        chosen = self._model.class_wanted
        project = self._session.project
        names = project.classes.names() if project is not None else {}
        self._add(group, text("worklist.classes_all"), None, chosen)
        for name, values in names.items():
            self._list.addSeparator()
            for value in values:
                self._add(
                    group, text("worklist.classes_value", name=name, value=shown_value(value)), (name, value), chosen
                )
            self._add(group, text("worklist.classes_some", name=name), (name, PARTLY), chosen)
            self._add(group, text("worklist.classes_none", name=name), (name, ""), chosen)

    def _add(
        self, group: QActionGroup, words: str, wanted: tuple[str, str] | None, chosen: tuple[str, str] | None
    ) -> None:
        action = self._list.addAction(words.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(wanted == chosen)
        group.addAction(action)
        action.triggered.connect(functools.partial(self.choose, wanted))

    def choose(self, wanted: tuple[str, str] | None, _checked: bool = False) -> None:
        """Show only scans with this value of a class (empty: none of its values); None for all."""
        self._model.set_class(wanted)
        self.changed.emit()

    @Slot()
    def _show(self) -> None:
        wanted = self._model.class_wanted
        self.setVisible(self._model.has_classes)
        self.setChecked(wanted is not None)
        words = text("worklist.classes")
        if wanted is not None:
            name, value = wanted
            key = {"": "worklist.classes_none", PARTLY: "worklist.classes_some"}.get(value, "worklist.classes_value")
            words = f"{words}\n{text(key, name=name, value=shown_value(value))}"
        self.setToolTip(words)
