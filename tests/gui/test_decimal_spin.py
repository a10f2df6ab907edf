"""Number fields take comma and point alike, whatever the language shows."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.decimal_spin import BriefSpin, DecimalSpin

GERMAN = QLocale(QLocale.Language.German, QLocale.Country.Germany)
ENGLISH = QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom)


@pytest.mark.parametrize("locale", [GERMAN, ENGLISH], ids=["german", "english"])
@pytest.mark.parametrize(
    ("typed", "value"), [("1.5", 1.5), ("1,5", 1.5), ("-0,25", -0.25), ("1200.5", 1200.5), ("7", 7)]
)
def test_comma_and_point_are_read_alike(qtbot: QtBot, locale, typed, value):
    spin = DecimalSpin()
    qtbot.addWidget(spin)
    spin.setLocale(locale)
    spin.setDecimals(3)
    spin.setRange(-5000, 5000)
    spin.setSuffix(" mm")
    spin.lineEdit().selectAll()
    QTest.keyClicks(spin.lineEdit(), typed)
    QTest.keyClick(spin.lineEdit(), "\r")
    assert spin.value() == value
    assert ("," in spin.text()) == (locale is GERMAN)
    assert "." not in spin.text() or locale is ENGLISH


@pytest.mark.parametrize("kind", [DecimalSpin, BriefSpin])
@pytest.mark.parametrize(
    ("typed", "value"),
    [("500", 120), ("0.2", 1), ("0,2", 1), ("-3", 1), ("12000", 120), ("50", 50), ("", 12), ("-", 12), ("1e3", 13)],
)
def test_beyond_the_range_is_the_nearest_number(qtbot: QtBot, kind, typed, value):
    spin = kind()
    qtbot.addWidget(spin)
    spin.setLocale(GERMAN)
    spin.setDecimals(1)
    spin.setRange(1, 120)
    spin.setSuffix(" mm")
    spin.setKeyboardTracking(False)
    spin.setValue(12)
    told = []
    spin.valueChanged.connect(told.append)
    spin.lineEdit().selectAll()
    QTest.keyClick(spin.lineEdit(), Qt.Key.Key_Delete)
    QTest.keyClicks(spin.lineEdit(), typed)
    assert told == []
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert spin.value() == value
    assert spin.text() == f"{value},0 mm"


def test_a_second_mark_is_not_taken(qtbot: QtBot):
    spin = DecimalSpin()
    qtbot.addWidget(spin)
    spin.setLocale(GERMAN)
    spin.setRange(0, 5000)
    spin.lineEdit().selectAll()
    QTest.keyClicks(spin.lineEdit(), "1.2,5")
    QTest.keyClick(spin.lineEdit(), "\r")
    assert spin.value() == 1.25


@pytest.mark.parametrize(
    ("typed", "key", "value"),
    [("7", Qt.Key.Key_Return, 7), ("5", Qt.Key.Key_Enter, 5), ("7", Qt.Key.Key_Escape, 5)],
    ids=["another number", "the same number", "escape drops it"],
)
def test_a_field_beside_the_scan_gives_the_keys_back(qtbot: QtBot, typed, key, value):
    spin = BriefSpin()
    qtbot.addWidget(spin)
    spin.setKeyboardTracking(False)
    spin.setValue(5)
    spin.show()
    spin.setFocus()
    qtbot.waitUntil(spin.hasFocus)
    spin.lineEdit().selectAll()
    QTest.keyClicks(spin, typed)
    QTest.keyClick(spin, key)
    assert (spin.value(), spin.cleanText()) == (value, f"{value}.00")
    assert not spin.hasFocus()
    assert not spin.lineEdit().hasSelectedText()


def test_the_pane_that_had_the_keys_last_gets_them_back(qtbot: QtBot):
    window = QWidget()
    qtbot.addWidget(window)
    lay = QVBoxLayout(window)
    pane, chosen, low, high = QWidget(), QComboBox(), BriefSpin(), BriefSpin()
    pane.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    for widget in (pane, chosen, low, high):
        lay.addWidget(widget)
    window.show()
    for widget in (pane, chosen, low, high):
        widget.setFocus()
        qtbot.waitUntil(widget.hasFocus)
    QTest.keyClick(high, Qt.Key.Key_Return)
    assert pane.hasFocus()
    low.setFocus()
    low.leave()
    assert pane.hasFocus()
