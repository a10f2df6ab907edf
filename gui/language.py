"""Which language the window speaks, how it writes numbers, and what Qt says in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from PySide6.QtCore import QLibraryInfo, QLocale, QProcess, QTranslator
from PySide6.QtWidgets import QApplication

from core import messages

_LOCALES: Mapping[str, QLocale] = {
    "en": QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom),
    "de": QLocale(QLocale.Language.German, QLocale.Country.Germany),
}
_OURS = "words of Qt"


def wanted(chosen: str) -> str:
    """Return the language that the window is to speak.

    Parameters
    ----------
    chosen
        What is chosen in the settings (a key of :data:`core.messages.LANGUAGES`), or empty: as the system.

    Returns
    -------
    str
        What the command line or the environment asks for, else what is chosen, else the first language
        of the system that there are words in, else English.
    """
    for name in (os.environ.get(messages.VARIABLE, ""), chosen):
        if name in messages.LANGUAGES:
            return name
    return of_system(QLocale.system().uiLanguages())


def of_system(languages: list[str]) -> str:
    """Return the first of the system's languages (``de-CH``, ``en_GB``) that there are words in, else English."""
    for name in languages:
        short = name.replace("_", "-").partition("-")[0].casefold()
        if short in messages.LANGUAGES:
            return short
    return "en"


def dress(app: QApplication) -> None:
    """Let Qt's own words (menus of text fields, file dialogs) and number fields be in the language of the process."""
    locale = _LOCALES[messages.language()]
    QLocale.setDefault(locale)
    for old in app.findChildren(QTranslator, _OURS):
        app.removeTranslator(old)
        old.deleteLater()
    translator = QTranslator(app)
    translator.setObjectName(_OURS)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if translator.load(locale, "qtbase", "_", folder):
        app.installTranslator(translator)


def start_again() -> bool:
    """Start the program anew, beside this process that is about to end; return whether it began."""
    # what this process speaks is not handed on: the settings say what the next one speaks
    os.environ.pop(messages.VARIABLE, None)
    frozen = bool(getattr(sys, "frozen", False))
    return bool(QProcess.startDetached(sys.executable, [] if frozen else [sys.argv[0]])[0])
