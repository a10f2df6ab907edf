"""Dialogs by the keyboard: they begin at their first field, and the buttons come last."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from core.labels import LabelSet
from gui.dialogs.base import Dialog
from gui.dialogs.label_dialog import LabelDialog


def stops(first: QWidget, *among: QWidget) -> list[QWidget]:
    """Those of the widgets, in the order in which Tab goes to them from the first."""
    found, one = [first], first.nextInFocusChain()
    while one is not first:
        if one in among:
            found.append(one)
        one = one.nextInFocusChain()
    return found


def begins_at(qtbot: QtBot, dialog: Dialog) -> QWidget:
    """Show a dialog and return what then hears the keyboard."""
    dialog.show()
    dialog.activateWindow()
    qtbot.waitUntil(lambda: dialog.focusWidget() is not None)
    found = dialog.focusWidget()
    assert found is not None
    return found


def test_a_new_label_is_named_without_a_click(qtbot: QtBot) -> None:
    dialog = LabelDialog(LabelSet().with_label("Brain"))
    qtbot.addWidget(dialog)
    assert begins_at(qtbot, dialog) is dialog.name
    order = stops(dialog.name, dialog.layer, dialog.cancel_button, dialog.accept_button)
    assert order == [dialog.name, dialog.layer, dialog.cancel_button, dialog.accept_button]


def test_return_takes_what_was_typed(qtbot: QtBot) -> None:
    dialog = LabelDialog(LabelSet().with_label("Brain"))
    qtbot.addWidget(dialog)
    where = begins_at(qtbot, dialog)
    qtbot.keyClicks(where, "Oedema")
    with qtbot.waitSignal(dialog.accepted):
        qtbot.keyClick(where, Qt.Key.Key_Return)
    assert dialog.result_labels.find("Oedema") is not None


def test_fields_come_before_the_buttons(qtbot: QtBot) -> None:
    dialog = Dialog("Something", "Do it")
    qtbot.addWidget(dialog)
    first, second = QLineEdit(), QLineEdit()
    dialog.field("First", first)
    dialog.field("Second", second)
    assert begins_at(qtbot, dialog) is first
    buttons = [dialog.cancel_button, dialog.accept_button]
    assert stops(first, second, *buttons) == [first, second, *buttons]


def test_a_field_that_was_chosen_keeps_the_keyboard(qtbot: QtBot) -> None:
    dialog = Dialog("Something", "Do it")
    qtbot.addWidget(dialog)
    first, second = QLineEdit(), QLineEdit()
    first.setEnabled(False)
    dialog.field("First", first)
    dialog.field("Second", second)
    assert begins_at(qtbot, dialog) is second
    dialog.hide()
    first.setEnabled(True)
    assert begins_at(qtbot, dialog) is second


def test_a_dialog_that_only_asks_begins_at_its_main_button(qtbot: QtBot) -> None:
    dialog = Dialog("Really?", "Do it")
    qtbot.addWidget(dialog)
    assert begins_at(qtbot, dialog) is dialog.accept_button
