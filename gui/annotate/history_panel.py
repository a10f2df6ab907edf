"""The steps of this annotation, newest on top, to go back to by a click; and its saved versions."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, Slot
from PySide6.QtGui import QBrush
from PySide6.QtWidgets import QListView, QPushButton, QStackedWidget, QWidget

from core.editing.editor import Change, Step
from core.labels import LabelSet
from core.messages import text
from gui import theme
from gui.annotate.fold import Fold
from gui.annotate.versions_list import VersionsList, plain_list
from gui.session import Session


def step_words(step: Step, labels: LabelSet) -> str:
    """Name a step: what, which label, where."""
    parts = [_action_words(step.action)]
    found = next((one for one in labels.on_layer(step.layer) if one.value == step.label_value), None)
    if found is not None:
        parts.append(found.name)
    slices = step.slices
    if len(slices) == 1:
        parts.append(text("annotate.slice_one", slice=slices[0] + 1))
    elif slices:
        parts.append(text("annotate.slice_many", first=slices[0] + 1, last=slices[-1] + 1))
    return " · ".join(parts)


def _action_words(action: str) -> str:
    try:
        return text(f"annotate.steps.{action}")
    except KeyError:
        # a journal of a newer program may name steps this one has no word for
        return action.replace("_", " ").capitalize()


_LEAST = 80
"""Four steps, or two versions with their button."""


class HistoryModel(QAbstractListModel):
    """Words are made only for the rows that are seen, so a thousand steps cost nothing."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._steps: list[Step] = []
        self._position = 0
        session.scan_changed.connect(self.reload)
        session.mask_changed.connect(self._changed)
        session.labels_changed.connect(self.reload)

    @Slot(object)
    def _changed(self, change: Change) -> None:
        if change.kind != "live":
            self.reload()

    @Slot()
    def reload(self) -> None:
        """Take the steps of the editor again."""
        editor = self._session.editor
        self.beginResetModel()
        self._steps = editor.steps() if editor is not None else []
        self._position = editor.position if editor is not None else 0
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        # below the oldest step: the beginning
        return 0 if parent.isValid() or not self._steps else len(self._steps) + 1

    def position_of(self, row: int) -> int:
        """Return how many steps are done where a row is the last of them."""
        return len(self._steps) - row

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        place = self.position_of(index.row()) - 1
        if not -1 <= place < len(self._steps):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return (
                step_words(self._steps[place], self._session.labels) if place >= 0 else text("annotate.history_begin")
            )
        if role == Qt.ItemDataRole.ToolTipRole:
            return text("annotate.history_tip")
        if role == Qt.ItemDataRole.ForegroundRole:
            here = place == self._position - 1
            return QBrush(theme.qcolor("text_bright" if here else "faint" if place >= self._position else "muted"))
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(40, 22)
        return None


class HistoryPanel(QWidget):
    """The steps, or the saved versions, with their heading.

    Parameters
    ----------
    session
        What is open.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = HistoryModel(session, self)
        self.list = QListView()
        self.list.setModel(self.model)
        plain_list(self.list, text("annotate.history"))
        self.list.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.list.clicked.connect(self._go_to)
        self.list.activated.connect(self._go_to)
        self.nothing = theme.label(text("annotate.history_empty"), "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.versions = VersionsList(session)
        self._pages = QStackedWidget()
        for page in (self.nothing, self.list, self.versions):
            self._pages.addWidget(page)
        # below many labels the panels scroll as a whole rather than leave a list of one line
        self._pages.setMinimumHeight(_LEAST)
        self.steps_button, self.versions_button = (
            self._tab(text(key)) for key in ("annotate.history_steps", "annotate.history_versions")
        )
        self.steps_button.setChecked(True)
        self.versions_button.toggled.connect(self._show)
        self.fold = Fold(text("annotate.history"), "history", session.settings, self._pages)
        self.fold.line.addWidget(self.steps_button)
        self.fold.line.addWidget(self.versions_button)
        self.fold.toggled.connect(self._folded)
        lay = theme.column(self, gap=0)
        lay.addWidget(self.fold)
        self._folded(self.fold.is_open)
        self.model.modelReset.connect(self._show)
        self._show()

    def _tab(self, words: str) -> QPushButton:
        made = theme.button(words, "small")
        made.setCheckable(True)
        made.setAutoExclusive(True)
        return made

    @Slot(bool)
    def _folded(self, is_open: bool) -> None:
        self.steps_button.setVisible(is_open)
        self.versions_button.setVisible(is_open)

    @Slot()
    def _show(self) -> None:
        saved = self.versions_button.isChecked()
        self.versions.set_active(saved)
        steps = self.nothing if self.model.rowCount() == 0 else self.list
        self._pages.setCurrentWidget(self.versions if saved else steps)

    @Slot(QModelIndex)
    def _go_to(self, index: QModelIndex) -> None:
        if index.isValid():
            self._session.walker.go_to(self.model.position_of(index.row()))
