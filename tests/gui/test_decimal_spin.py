"""Number fields take comma and point alike, whatever the language shows."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from gui.decimal_spin import DecimalSpin

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


def test_a_second_mark_is_not_taken(qtbot: QtBot):
    spin = DecimalSpin()
    qtbot.addWidget(spin)
    spin.setLocale(GERMAN)
    spin.setRange(0, 5000)
    spin.lineEdit().selectAll()
    QTest.keyClicks(spin.lineEdit(), "1.2,5")
    QTest.keyClick(spin.lineEdit(), "\r")
    assert spin.value() == 1.25
