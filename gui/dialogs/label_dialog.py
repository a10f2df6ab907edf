"""A new label, or another name and colour for one."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QButtonGroup, QColorDialog, QComboBox, QLineEdit, QPushButton, QWidget

from core.errors import MeninxError
from core.labels import BRAIN, BRAIN_LAYER, DEFAULT_LAYER, PALETTE, LabelSet, layer_name
from core.messages import sentence, text
from gui import theme
from gui.dialogs.base import Dialog


class LabelDialog(Dialog):
    """Name, colour, and (for a new one) which labels it excludes.

    Parameters
    ----------
    labels
        Labels of the project.
    name
        The label to change; empty for a new one.
    """

    def __init__(self, labels: LabelSet, name: str = "", parent: QWidget | None = None) -> None:
        title = text("dialogs.label_change" if name else "dialogs.label_new")
        super().__init__(title, text("dialogs.change" if name else "dialogs.add"), parent)
        self._labels = labels
        self._old = name
        found = labels.find(name) if name else None
        used = {label.color for label in labels}
        free = next((color for color in PALETTE if color not in used), PALETTE[0])
        self.color = found.color if found is not None else free
        self.result_labels = labels
        self.name = QLineEdit(name)
        self.name.setPlaceholderText(text("dialogs.label_placeholder"))
        self.name.textChanged.connect(self._check)
        self.field(text("dialogs.name"), self.name)
        self.field(text("dialogs.color"), self._make_colors())
        self.layer = QComboBox()
        if not name:
            self._fill_layers()
            self.field(text("dialogs.layer"), self.layer, text("dialogs.layer_hint"))
        self.problem = theme.label("", "danger", wrap=True)
        self.body.addWidget(self.problem)
        self._check()

    def _make_colors(self) -> QWidget:
        box = QWidget()
        line = theme.row(box, gap=6)
        self._group = QButtonGroup(self)
        self.swatches: list[QPushButton] = []
        colors = [*PALETTE] if self.color in PALETTE else [self.color, *PALETTE]
        for color in colors:
            swatch = QPushButton()
            swatch.setCheckable(True)
            swatch.setFixedSize(28, 28)
            swatch.setAccessibleName(color)
            swatch.setProperty("color", color)
            theme.style(
                swatch,
                f"QPushButton {{ background: {color}; border: 2px solid transparent; border-radius: 6px;"
                " min-height: 0; padding: 0; }"
                "QPushButton:checked, QPushButton:focus { border-color: $text_bright; }",
            )
            swatch.setChecked(color == self.color)
            swatch.clicked.connect(self._color_chosen)
            self._group.addButton(swatch)
            self.swatches.append(swatch)
            line.addWidget(swatch)
        other = theme.button(text("dialogs.other_color"), "small")
        other.clicked.connect(self._other_color)
        line.addWidget(other)
        line.addStretch()
        return box

    def _fill_layers(self) -> None:
        self.layer.addItem(text("dialogs.layer_auto"), "")
        for layer in self._labels.layers:
            names = ", ".join(label.name for label in self._labels.on_layer(layer))
            self.layer.addItem(text("dialogs.layer_with", names=names), layer)
        self.layer.addItem(text("dialogs.layer_own"), "*")

    @Slot()
    def _color_chosen(self) -> None:
        button = self.sender()
        if button is not None:
            self.color = str(button.property("color"))

    @Slot()
    def _other_color(self) -> None:
        picked = QColorDialog.getColor(QColor(self.color), self, text("dialogs.color"))
        if picked.isValid():
            self.color = picked.name()

    @Slot()
    def _check(self) -> None:
        name = self.name.text().strip()
        there = self._labels.find(name)
        taken = there is not None and there.name != self._old
        self.problem.setText(text("dialogs.label_taken", name=name) if taken else "")
        self.accept_button.setEnabled(bool(name) and not taken)

    def accept(self) -> None:
        name = self.name.text().strip()
        try:
            if self._old:
                self.result_labels = self._labels.with_changed(self._old, new_name=name, color=self.color)
            else:
                self.result_labels = self._labels.with_label(name, color=self.color, layer=self._layer(name))
        except MeninxError as error:
            self.problem.setText(sentence(error))
            return
        super().accept()

    def _layer(self, name: str) -> str:
        chosen = str(self.layer.currentData() or "")
        if chosen == "*":
            return layer_name(name)
        if chosen:
            return chosen
        return BRAIN_LAYER if name.casefold() == BRAIN.casefold() else DEFAULT_LAYER
