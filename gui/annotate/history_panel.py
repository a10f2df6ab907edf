"""The steps of this annotation, newest on top; those taken back are faint."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, Slot
from PySide6.QtGui import QBrush
from PySide6.QtWidgets import QListView, QWidget

from core.editing.editor import Change, Step
from core.labels import LabelSet
from core.messages import text
from gui import theme
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
        return 0 if parent.isValid() else len(self._steps)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        place = len(self._steps) - 1 - index.row()
        if not 0 <= place < len(self._steps):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return step_words(self._steps[place], self._session.labels)
        if role == Qt.ItemDataRole.ForegroundRole:
            return QBrush(theme.qcolor("faint" if place >= self._position else "muted"))
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(40, 22)
        return None


class HistoryPanel(QWidget):
    """The list with its heading."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = HistoryModel(session, self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setUniformItemSizes(True)
        self.list.setStyleSheet("QListView { border: none; } QListView::item { padding: 0; margin-left: -2px; }")
        self.list.setFont(theme.font("small"))
        self.list.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName(text("annotate.history"))
        self.nothing = theme.label(text("annotate.history_empty"), "muted", wrap=True)
        lay = theme.column(self, gap=6)
        lay.addWidget(theme.heading(text("annotate.history")))
        lay.addWidget(self.nothing, 1)
        lay.addWidget(self.list, 1)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.model.modelReset.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        empty = self.model.rowCount() == 0
        self.nothing.setVisible(empty)
        self.list.setVisible(not empty)
