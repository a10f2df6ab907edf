"""Which class a training learns, which of its values are yes, and of what it was said."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QVBoxLayout, QWidget

from core.learning.class_set import says_no
from core.learning.config import LEVELS
from core.messages import text
from core.project.project import Project
from gui import theme
from gui.class_words import shown_value
from gui.jobs.asking import Asker


class ClassChoice(QWidget):
    """Class, values and level; the classes of a project are read off the window's thread."""

    changed = Signal()
    """Another choice was made, or the classes were read."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self._known: Mapping[str, tuple[str, ...]] = {}
        self._checks: dict[str, QCheckBox] = {}
        self._asker = Asker(self)
        self._asker.answered.connect(self._take)
        self.name = _combo()
        self.name.currentIndexChanged.connect(self._name_changed)
        self.level = _combo()
        for level in LEVELS:
            self.level.addItem(text(f"train.level_{level}"), level)
        self.level.setToolTip(text("train.level_tip"))
        self.level.currentIndexChanged.connect(self.changed)
        self._values = QVBoxLayout()
        self._values.setSpacing(0)
        self._nothing = theme.label(text("train.no_classes_yet"), "muted", wrap=True)
        self._yes = theme.label(text("train.class_yes"), "muted")
        self._level_words = theme.label(text("train.class_level"), "muted")
        outer = theme.column(self, gap=theme.space("m"))
        for words, control in (
            (theme.label(text("train.class_name"), "muted"), self.name),
            (self._yes, self._values),
            (self._level_words, self.level),
        ):
            box = theme.column(gap=4)
            box.addWidget(words)
            if isinstance(control, QWidget):
                box.addWidget(control)
            else:
                box.addLayout(control)
            outer.addLayout(box)
        outer.insertWidget(1, self._nothing)
        self._fill()

    @property
    def chosen(self) -> str:
        """Name of the class, or ``""``."""
        return str(self.name.currentData() or "")

    @property
    def yes(self) -> tuple[str, ...]:
        """Values that count as yes."""
        return tuple(value for value, check in self._checks.items() if check.isChecked())

    @property
    def only_no(self) -> bool:
        """Whether nothing but no was said of the class."""
        return bool(self._checks) and all(says_no(value) for value in self._checks)

    @property
    def chosen_level(self) -> str:
        """``slice`` or ``scan``."""
        return str(self.level.currentData())

    @property
    def known(self) -> Mapping[str, tuple[str, ...]]:
        """Classes of the project with their values."""
        return self._known

    def read(self, project: Project | None) -> None:
        """Read the classes of a project; :attr:`changed` follows."""
        if project is None:
            self._asker.forget()
            self._take({})
        else:
            self._asker.ask(project.classes.names)

    @Slot(object)
    def _take(self, known: Mapping[str, tuple[str, ...]]) -> None:
        if dict(known) != dict(self._known):
            self._known = known
            self._fill()
        self.changed.emit()

    def _fill(self) -> None:
        kept = self.chosen
        self.name.blockSignals(True)
        self.name.clear()
        for name in self._known:
            self.name.addItem(name, name)
        self.name.setCurrentIndex(max(0, self.name.findData(kept)) if self._known else -1)
        self.name.blockSignals(False)
        self.name.setVisible(bool(self._known))
        self._nothing.setVisible(not self._known)
        for widget in (self._level_words, self.level):
            widget.setVisible(bool(self._known))
        self._fill_values()

    def _fill_values(self) -> None:
        while self._values.count():
            item = self._values.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.hide()
                old.deleteLater()
        values = self._known.get(self.chosen, ())
        self._checks = {}
        # a word for no is no; of words that say neither a person must say which are yes
        plain = any(says_no(value) for value in values)
        for value in values:
            check = QCheckBox(shown_value(value))
            check.setChecked(plain and not says_no(value))
            check.toggled.connect(self.changed)
            self._checks[value] = check
            self._values.addWidget(check)
        self._yes.setVisible(bool(values))

    @Slot()
    def _name_changed(self) -> None:
        self._fill_values()
        self.changed.emit()

    def choose(self, name: str) -> None:
        """Choose a class, if it is there."""
        index = self.name.findData(name)
        if index >= 0:
            self.name.setCurrentIndex(index)

    def close_page(self) -> None:
        """End the reading thread."""
        self._asker.close()


def _combo() -> QComboBox:
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(6)
    return made
