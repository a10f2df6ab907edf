"""Expert settings of a training: every field has a default that suits most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QScrollArea,
    QSpinBox,
    QWidget,
)

from core.errors import LearningError
from core.learning.config import (
    AUGMENTATIONS,
    CLASS_AUGMENTATIONS,
    DEVICES,
    ENCODER_CLASSIFIERS,
    ENCODER_NETWORKS,
    FREEZES,
    MIRRORS,
    MOST_FOLDS,
    PRECISIONS,
    SPLITS,
    TrainingConfig,
)
from core.messages import sentence, text
from gui import theme
from gui.decimal_spin import DecimalSpin
from gui.roomy import keep_on_screen
from gui.train.expert_fields import FileField, PrepareFields
from gui.wheel import WheelScrolls

NUMBERS: dict[str, tuple[int, int, int]] = {
    "batch": (0, 1024, 1),
    "steps": (0, 100_000, 10),
    "seed": (0, 2**31 - 1, 1),
    "patience": (0, 10_000, 5),
    "folds": (0, MOST_FOLDS, 1),
    "fold": (0, MOST_FOLDS - 1, 1),
}
"""Whole numbers: lowest, highest, step."""
DECIMALS: dict[str, tuple[float, float, float, int]] = {
    "learning_rate": (0.0, 1.0, 0.0001, 6),
    "weight_decay": (0.0, 1.0, 0.0001, 6),
    "foreground": (0.0, 1.0, 0.05, 2),
    "smoothing": (0.0, 0.49, 0.01, 2),
    "validation_fraction": (0.01, 0.9, 0.05, 2),
    "test_fraction": (0.0, 0.9, 0.05, 2),
}
"""Fractions: lowest, highest, step, decimals."""
CHOICES: dict[str, tuple[str, ...]] = {
    "device": DEVICES,
    "precision": PRECISIONS,
    "augment": AUGMENTATIONS,
    "mirror": MIRRORS,
    "freeze": FREEZES,
    "split": SPLITS,
}
CHECKS = ("scribbles",)
OPEN_WORDS = {
    "batch": "choice_auto",
    "steps": "choice_auto",
    "learning_rate": "choice_auto",
    "patience": "choice_never",
    "folds": "choice_no_folds",
}
"""Settings whose 0 means something of its own, and the word for it."""
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "group_learning",
        ("augment", "mirror", "smoothing", "patience", "learning_rate", "weight_decay", "batch", "steps", "foreground"),
    ),
    ("group_split", ("split", "validation_fraction", "test_fraction", "folds", "fold", "scribbles")),
    ("group_encoder", ("encoder_weights", "freeze")),
    ("group_machine", ("device", "precision", "seed")),
)
"""Heading and settings, in the order shown; the preparation stands between the second and the third."""
ONLY = {"smoothing": True, "scribbles": False}
"""Settings that only one task has: whether it is that of classes."""
Editor = QSpinBox | QDoubleSpinBox | QComboBox | QCheckBox | FileField


class ExpertDialog(QDialog):
    """Edits the expert fields of a :class:`TrainingConfig`."""

    def __init__(self, config: TrainingConfig, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(text("train.expert"))
        self.setMinimumWidth(520)
        self._config = config
        self.editors: dict[str, Editor] = {}
        self.prepare = PrepareFields(classifies=config.classifies)
        self._leaky = theme.label(text("train.leaky_split"), "warning", wrap=True)
        inner = QWidget()
        inner.setProperty("area", "clear")
        column = theme.column(inner, gap=theme.space("s"))
        column.setContentsMargins(0, 0, theme.space("m"), 0)
        classifies = config.classifies
        for number, (heading, names) in enumerate(GROUPS):
            if number == 2:
                column.addWidget(theme.heading(text("train.group_prepare")))
                column.addWidget(self.prepare)
                column.addSpacing(theme.space("m"))
            column.addWidget(theme.heading(text(f"train.{heading}")))
            column.addLayout(self._form([name for name in names if ONLY.get(name, classifies) == classifies]))
            if "split" in names:
                column.addWidget(self._leaky)
            column.addSpacing(theme.space("m"))
        self._warning = theme.label("", "warning", wrap=True)
        self._warning.hide()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        # the fields of the preparation among them
        WheelScrolls(inner)
        outer = theme.column(self, margin=theme.space("l"), gap=theme.space("m"))
        outer.addWidget(theme.label(text("train.expert"), "title"))
        outer.addWidget(scroll, 1)
        outer.addWidget(self._warning)
        outer.addLayout(self._buttons())
        self._encoder_only()
        self.prepare.changed.connect(self._hear)
        self._split_editor().currentIndexChanged.connect(self._hear)
        self._folds_editor().valueChanged.connect(self._hear)
        self._fill(config)
        self.resize(540, 660)
        keep_on_screen(self)

    def _form(self, names: Sequence[str]) -> QFormLayout:
        form = QFormLayout()
        form.setVerticalSpacing(6)
        form.setHorizontalSpacing(theme.space("l"))
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name in names:
            editor = self._editor(name)
            named = editor.edit if isinstance(editor, FileField) else editor
            words = theme.label(text(f"train.setting_{name}"), of=named)
            words.setMinimumWidth(150)
            for widget in (words, editor):
                widget.setToolTip(text(f"train.setting_{name}_tip"))
            form.addRow(words, editor)
        return form

    def _buttons(self) -> QHBoxLayout:
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
        return buttons

    @property
    def config(self) -> TrainingConfig:
        """The settings with what was edited."""
        edited: dict[str, Any] = {name: self._value(name) for name in self.editors}
        if not edited["folds"]:
            edited["fold"] = 0
        return replace(self._config, **edited, prepare=self.prepare.steps, channels=self.prepare.channels)

    def _editor(self, name: str) -> Editor:
        editor: Editor
        if name in CHOICES:
            editor = QComboBox()
            classes = name == "augment" and self._config.classifies
            for choice in CLASS_AUGMENTATIONS if classes else CHOICES[name]:
                editor.addItem(text(f"train.choice_{choice}"), choice)
        elif name in NUMBERS:
            low, high, step = NUMBERS[name]
            editor = QSpinBox()
            editor.setRange(low, high)
            editor.setSingleStep(step)
        elif name in DECIMALS:
            least, most, stride, decimals = DECIMALS[name]
            editor = DecimalSpin()
            editor.setDecimals(decimals)
            editor.setRange(least, most)
            editor.setSingleStep(stride)
        else:
            editor = QCheckBox(text(f"train.setting_{name}_yes")) if name in CHECKS else FileField()
        if isinstance(editor, QSpinBox | QDoubleSpinBox):
            theme.inset(editor)
            if name in OPEN_WORDS:
                editor.setSpecialValueText(text(f"train.{OPEN_WORDS[name]}"))
        self.editors[name] = editor
        return editor

    def _split_editor(self) -> QComboBox:
        editor = self.editors["split"]
        assert isinstance(editor, QComboBox)
        return editor

    def _folds_editor(self) -> QSpinBox:
        editor = self.editors["folds"]
        assert isinstance(editor, QSpinBox)
        return editor

    def _encoder_only(self) -> None:
        """Offer weights of an encoder only where the network has one."""
        takers = ENCODER_CLASSIFIERS if self._config.classifies else ENCODER_NETWORKS
        has = self._config.network in takers
        file = self.editors["encoder_weights"]
        file.setEnabled(has)
        if not has:
            known = ", ".join(text(f"train.network_{name}") for name in takers)
            file.setToolTip(text("train.encoder_none", networks=known))

    def _fill(self, config: TrainingConfig) -> None:
        for name, editor in self.editors.items():
            value = getattr(config, name)
            if isinstance(editor, QComboBox):
                editor.setCurrentIndex(max(0, editor.findData(value)))
            elif isinstance(editor, QCheckBox):
                editor.setChecked(bool(value))
            elif isinstance(editor, FileField):
                editor.set_path(str(value))
            else:
                editor.setValue(value)
        self.prepare.fill(config.prepare, config.channels)
        self._hear()

    def _value(self, name: str) -> str | int | float | bool:
        editor = self.editors[name]
        if isinstance(editor, QComboBox):
            return str(editor.currentData())
        if isinstance(editor, QCheckBox):
            return editor.isChecked()
        if isinstance(editor, FileField):
            return editor.path if editor.isEnabled() else ""
        return editor.value()

    @Slot()
    def _hear(self) -> None:
        """Show what follows from what was chosen."""
        self._leaky.setVisible(self._split_editor().currentData() == "slice")
        folds = self._folds_editor().value()
        fold = self.editors["fold"]
        assert isinstance(fold, QSpinBox)
        fold.setEnabled(folds > 1)
        fold.setMaximum(max(0, folds - 1))
        self._warning.hide()

    @Slot()
    def _defaults(self) -> None:
        usual = TrainingConfig.for_class("-") if self._config.classifies else TrainingConfig(("-",))
        kept = {name: getattr(usual, name) for name in (*self.editors, "prepare", "channels")}
        self._fill(replace(self._config, **kept))

    @Slot()
    def _keep(self) -> None:
        try:
            self.config.validate()
        except LearningError as error:
            self._warning.setText(sentence(error))
            self._warning.show()
            return
        self.accept()
