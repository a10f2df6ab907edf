"""The masks beside the pictures may come in as a label that the project does not have yet."""

from __future__ import annotations

from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from core.labels import LabelSet
from gui.dialogs.importing.choices import Choices


def test_the_name_of_a_new_label_is_typed(qtbot: QtBot) -> None:
    choices = Choices(LabelSet(), "")
    qtbot.addWidget(choices)
    choices.show_masks(2, 3, [], other_grid=0)
    choices.show()
    field = choices.label
    assert [field.itemText(place) for place in range(field.count())] == ["Leave them alone", "Brain", "A new label…"]
    field.setCurrentIndex(2)
    assert field.currentText() == "", "what offers it is no name"
    assert choices.answers().label is None
    assert "Type the name" in choices.mask_words.text()
    line = field.lineEdit()
    assert line is not None
    assert line.placeholderText() == "Name of the new label"
    QTest.keyClicks(line, "Tumour")
    assert choices.answers().label == "Tumour"
    assert "Name the label" in choices.mask_words.text()
    field.setCurrentIndex(0)
    assert choices.answers().label is None
    field.setCurrentIndex(1)
    assert choices.answers().label == "Brain"
