"""The wheel scrolls a panel and changes nothing that comes under the pointer; what is opened is scrolled to."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QSlider, QWidget
from pytestqt.qtbot import QtBot

from gui.annotate.fold import Fold
from gui.main_window import MainWindow


def turn(field: QWidget) -> None:
    spot = QPointF(field.rect().center())
    event = QWheelEvent(
        spot,
        field.mapToGlobal(spot),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(field, event)


def value(field: QWidget) -> object:
    if isinstance(field, QComboBox):
        return field.currentIndex()
    return field.value() if isinstance(field, QSlider) else field.text()


def test_the_wheel_over_the_right_panel_chooses_nothing(opened: MainWindow, qtbot: QtBot) -> None:
    annotate = opened.annotate
    for fold in annotate.findChildren(Fold):
        fold.open()
    page = annotate._panels.parentWidget()
    fields = [
        field for field in page.findChildren(QWidget) if isinstance(field, QComboBox | QAbstractSpinBox | QSlider)
    ]
    assert len(fields) > 5
    boxes = [field for field in fields if isinstance(field, QComboBox)]
    before = [value(field) for field in fields]
    for field in fields:
        turn(field)
    # one that was chosen from has the keyboard still, and keeps what was chosen
    for box in boxes:
        box.setFocus()
        turn(box)
    assert [value(field) for field in fields] == before


def test_a_part_that_is_opened_is_scrolled_to(opened: MainWindow, qtbot: QtBot) -> None:
    opened.resize(1280, 640)
    annotate = opened.annotate
    fold = next(fold for fold in annotate.classes.findChildren(Fold))
    assert not fold.is_open
    fold.head.click()
    area = annotate._panels.parentWidget().parentWidget()

    def seen() -> bool:
        return fold.mapTo(area, QPoint(0, fold.height())).y() <= area.height()

    qtbot.waitUntil(seen, timeout=3000)
    assert fold.mapTo(area, QPoint(0, 0)).y() >= 0
    assert fold.height() > fold.head.height() + 20
