"""Which language the window speaks, and how it is chosen."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QLocale
from PySide6.QtWidgets import QApplication

from core import messages
from core.messages import text
from gui import language
from gui.class_words import kept_value, shown_value
from gui.dialogs import settings_dialog
from gui.dialogs.settings_general import GeneralPage
from gui.guide.window import GuideWindow
from gui.main_window import MainWindow
from gui.settings import Preferences, Settings


@pytest.fixture
def german(monkeypatch, qapp: QApplication):
    before = QLocale()
    monkeypatch.setenv(messages.VARIABLE, "de")
    language.dress(qapp)
    yield
    monkeypatch.setenv(messages.VARIABLE, "en")
    language.dress(qapp)
    QLocale.setDefault(before)


def test_the_command_line_wins_then_the_settings_then_the_system(monkeypatch):
    monkeypatch.setenv(messages.VARIABLE, "de")
    assert language.wanted("en") == "de"
    monkeypatch.delenv(messages.VARIABLE)
    assert language.wanted("de") == "de"
    assert language.wanted("") == language.of_system(QLocale.system().uiLanguages())


@pytest.mark.parametrize(
    ("languages", "spoken"), [(["de-CH"], "de"), (["fr-FR", "de_AT"], "de"), (["en-GB", "de"], "en"), (["C"], "en")]
)
def test_the_first_language_of_the_system_that_there_are_words_in(languages, spoken):
    assert language.of_system(languages) == spoken


def test_qt_speaks_it_too(german):
    assert QLocale().decimalPoint() == ","
    assert QCoreApplication.translate("QShortcut", "Ctrl") == "Strg"


def test_a_choice_is_kept_and_a_new_start_offered(window: MainWindow, qtbot, monkeypatch):
    preferences = window.session.settings.preferences
    page = GeneralPage(preferences)
    qtbot.addWidget(page)
    page.language.setCurrentIndex(page.language.findData("de"))
    page.keep(preferences)
    assert window.session.settings.save() is None
    assert Settings().preferences.language == "de"
    # chosen another time in the dialog: told, with a way to start again
    told = []
    window.session.notifier.told.connect(told.append)

    def choose(dialog: settings_dialog.SettingsDialog) -> int:
        dialog.general.language.setCurrentIndex(dialog.general.language.findData("en"))
        return int(settings_dialog.SettingsDialog.DialogCode.Accepted)

    monkeypatch.setattr(settings_dialog.SettingsDialog, "exec", choose)
    window.commands.setting_up.ask()
    assert [one.words for one in told] == [text("settings.language_later")]
    monkeypatch.setattr(window, "close", lambda: False)
    told[0].action()
    assert not window.commands.setting_up.again
    assert Settings().preferences.language == "en"


def test_an_unknown_choice_is_the_systems(qtbot):
    page = GeneralPage(Preferences(language="tlh"))
    qtbot.addWidget(page)
    assert page.language.currentData() == ""


def test_yes_and_no_are_shown_in_german_and_kept_as_they_are(german):
    assert [shown_value(value) for value in ("yes", "no", "ischämisch")] == ["ja", "nein", "ischämisch"]
    assert [kept_value(words) for words in ("Ja", "nein", "ischämisch", "yes")] == ["yes", "no", "ischämisch", "yes"]


def test_the_guide_says_that_it_is_english(german, qtbot):
    guide = GuideWindow()
    qtbot.addWidget(guide)
    guide.show()
    assert guide.english.isVisible()
    assert "Englisch" in guide.english.text()
