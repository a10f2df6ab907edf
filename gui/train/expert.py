"""Expert settings of a training: every field has a default that suits most."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QDialog, QDoubleSpinBox, QFormLayout, QLabel, QSpinBox, QWidget

from core.errors import LearningError
from core.learning.config import AUGMENTATIONS, DEVICES, PRECISIONS, TrainingConfig
from core.messages import sentence, text
from gui import theme

NUMBERS: dict[str, tuple[int, int, int]] = {
    "batch": (0, 1024, 1),
    "steps": (0, 100_000, 10),
    "seed": (0, 2**31 - 1, 1),
}
"""Whole numbers: lowest, highest, step."""
DECIMALS: dict[str, tuple[float, float, float, int]] = {
    "learning_rate": (0.0, 1.0, 0.0001, 6),
    "weight_decay": (0.0, 1.0, 0.0001, 6),
    "foreground": (0.0, 1.0, 0.05, 2),
    "validation_fraction": (0.01, 0.9, 0.05, 2),
    "test_fraction": (0.0, 0.9, 0.05, 2),
}
"""Fractions: lowest, highest, step, decimals."""
CHOICES: dict[str, tuple[str, ...]] = {"device": DEVICES, "precision": PRECISIONS, "augment": AUGMENTATIONS}
LEFT_OPEN = frozenset({"batch", "steps", "learning_rate"})
"""Settings whose 0 means "chosen by itself"."""
ORDER = (
    "device",
    "precision",
    "batch",
    "steps",
    "learning_rate",
    "weight_decay",
    "augment",
    "foreground",
    "validation_fraction",
    "test_fraction",
    "seed",
)


class ExpertDialog(QDialog):
    """Edits the expert fields of a :class:`TrainingConfig`."""

    def __init__(self, config: TrainingConfig, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(text("train.expert"))
        self.setMinimumWidth(440)
        self._config = config
        self.editors: dict[str, QSpinBox | QDoubleSpinBox | QComboBox] = {}
        form = QFormLayout()
        form.setVerticalSpacing(theme.space("s"))
        form.setHorizontalSpacing(theme.space("l"))
        for name in ORDER:
            words = QLabel(text(f"train.setting_{name}"))
            words.setToolTip(text(f"train.setting_{name}_tip"))
            editor = self._editor(name)
            editor.setToolTip(text(f"train.setting_{name}_tip"))
            form.addRow(words, editor)
        self._warning = theme.label("", "warning", wrap=True)
        self._warning.hide()
        defaults = theme.button(text("train.expert_defaults"), "flat")
        defaults.clicked.connect(self._defaults)
        cancel = theme.button(text("train.expert_cancel"))
        cancel.clicked.connect(self.reject)
        keep = theme.primary_button(text("train.expert_keep"))
        keep.setDefault(True)
        keep.clicked.connect(self._keep)
        buttons = theme.row()
        buttons.addWidget(defaults)
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(keep)
        outer = theme.column(self, margin=theme.space("l"), gap=theme.space("m"))
        outer.addLayout(form)
        outer.addWidget(self._warning)
        outer.addSpacing(theme.space("xs"))
        outer.addLayout(buttons)
        self._fill(config)

    @property
    def config(self) -> TrainingConfig:
        """The settings with what was edited."""
        edited: dict[str, Any] = {name: self._value(name) for name in ORDER}
        return replace(self._config, **edited)

    def _editor(self, name: str) -> QSpinBox | QDoubleSpinBox | QComboBox:
        editor: QSpinBox | QDoubleSpinBox | QComboBox
        if name in CHOICES:
            editor = QComboBox()
            for choice in CHOICES[name]:
                editor.addItem(text(f"train.choice_{choice}"), choice)
        elif name in NUMBERS:
            low, high, step = NUMBERS[name]
            editor = QSpinBox()
            editor.setRange(low, high)
            editor.setSingleStep(step)
        else:
            least, most, stride, decimals = DECIMALS[name]
            editor = QDoubleSpinBox()
            editor.setDecimals(decimals)
            editor.setRange(least, most)
            editor.setSingleStep(stride)
        if isinstance(editor, QSpinBox | QDoubleSpinBox):
            editor.lineEdit().setTextMargins(7, 0, 0, 0)
        if name in LEFT_OPEN and not isinstance(editor, QComboBox):
            editor.setSpecialValueText(text("train.choice_auto"))
        self.editors[name] = editor
        return editor

    def _fill(self, config: TrainingConfig) -> None:
        for name, editor in self.editors.items():
            value = getattr(config, name)
            if isinstance(editor, QComboBox):
                editor.setCurrentIndex(max(0, editor.findData(value)))
            else:
                editor.setValue(value)

    def _value(self, name: str) -> str | int | float:
        editor = self.editors[name]
        return str(editor.currentData()) if isinstance(editor, QComboBox) else editor.value()

    @Slot()
    def _defaults(self) -> None:
        usual: dict[str, Any] = {field.name: field.default for field in fields(TrainingConfig) if field.name in ORDER}
        self._fill(replace(self._config, **usual))

    @Slot()
    def _keep(self) -> None:
        try:
            self.config.validate()
        except LearningError as error:
            self._warning.setText(sentence(error))
            self._warning.show()
            return
        self.accept()
