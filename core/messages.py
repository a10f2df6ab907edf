"""Every visible string, by key, from ``resources/i18n``: English, and the language that was chosen.

English is the whole catalogue; another language may lack keys, which then stand in English. The
language belongs to the process, by the environment, so that the children of a window speak as it does.
"""

from __future__ import annotations

import functools
import os
import re
import string
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from core.errors import MeninxError

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
RESOURCES = Path(__file__).resolve().parent.parent / "resources"
LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
"""Languages that there are words in, each by its own name."""
VARIABLE = "MENINX_LANGUAGE"
"""Environment variable with the language of a process."""
THIN = "\u202f"
"""What stands between thousands, in any language."""
_USUAL = "en"
_COMMA = frozenset({"de"})
"""Languages that write decimals with a comma."""
_FIGURES = frozenset({"apart", "degrees", "found", "least", "middle", "mm", "most", "percent", "told"})
"""Fields that may hold a figure as kept in a project: with a point there, worded here."""
_FIGURES_ONLY = frozenset({"difference"})
"""Fields that hold nothing but figures and units."""


def language() -> str:
    """Return the language of this process (a key of :data:`LANGUAGES`)."""
    given = os.environ.get(VARIABLE, _USUAL)
    return given if given in LANGUAGES else _USUAL


def speak(name: str) -> None:
    """Take a language for this process and for those that it starts.

    Raises
    ------
    KeyError
        If it is none of :data:`LANGUAGES`.
    """
    if name not in LANGUAGES:
        raise KeyError(name)
    os.environ[VARIABLE] = name


def take_language(arguments: Sequence[str]) -> list[str]:
    """Take ``--language NAME`` from the beginning of a command line, and return what is left of it.

    Raises
    ------
    KeyError
        If the language is none of :data:`LANGUAGES`.
    """
    left = list(arguments)
    while left and left[0].partition("=")[0] == "--language":
        _option, equals, name = left.pop(0).partition("=")
        speak(name if equals else left.pop(0) if left else "")
    return left


@functools.cache
def _catalogue(name: str) -> dict[str, str]:
    """Return the strings of a language by dotted key; English ones where it has none."""
    flat = {} if name == _USUAL else dict(_catalogue(_USUAL))
    try:
        with (RESOURCES / "i18n" / f"{name}.toml").open("rb") as file:
            _flatten(tomllib.load(file), "", flat)
    except (OSError, tomllib.TOMLDecodeError):
        # a damaged translation is no reason not to start; without English nothing can be said at all
        if name == _USUAL:
            raise
    return flat


def _flatten(table: Mapping[str, Any], before: str, flat: dict[str, str]) -> None:
    for key, value in table.items():
        if isinstance(value, str):
            flat[before + key] = value
        else:
            _flatten(value, f"{before}{key}.", flat)


def text(key: str, /, **fields: Any) -> str:
    """Return the string stored under a dotted key, in the language of this process.

    Parameters
    ----------
    key
        Path through the tables, for example ``"annotate.brush"``. Where ``<key>_one`` is there as
        well, it is taken if the field ``count`` is 1.
    **fields
        Values for the ``{name}`` places in the string; a float is written as by :func:`numeral`.

    Raises
    ------
    KeyError
        If the catalogue has no such string: a fault of the program, shown by
        the test that looks up every key the code names.
    """
    name = language()
    strings = _catalogue(name)
    words = strings[key]
    if not fields:
        return words
    if fields.get("count") in (1, "1"):
        words = strings.get(f"{key}_one", words)
    if name not in _COMMA:
        return words.format(**fields)
    return _WRITER.vformat(words, (), fields)


class _Writer(string.Formatter):
    """Fills the places of a string with a decimal comma in figures."""

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        value = super().get_value(key, args, kwargs)
        if not isinstance(value, str):
            return value
        return comma(value) if key in _FIGURES_ONLY or (key in _FIGURES and _is_figure(value)) else value

    def format_field(self, value: Any, format_spec: str) -> Any:
        return numeral(value, format_spec) if isinstance(value, float) else super().format_field(value, format_spec)


_WRITER = _Writer()


def _is_figure(words: str) -> bool:
    return words.strip("+-\N{MINUS SIGN}").replace(".", "", 1).isdecimal()


def numeral(value: float, spec: str = "") -> str:
    """Write a number for people: decimals as the language has them, thousands apart where ``spec`` says so.

    Parameters
    ----------
    value
        The number.
    spec
        As :func:`format` takes it, such as ``".3f"`` or ``",.1f"``.

    Returns
    -------
    str
        Never for a file that a program reads: there decimals have a point.
    """
    words = format(value, spec)
    if "," in spec:
        words = words.replace(",", THIN)
    return comma(words)


def comma(words: str) -> str:
    """Put a decimal comma for the point, where the language has one, in words that hold figures and units only."""
    return words.replace(".", ",") if language() in _COMMA else words


def day(at: date) -> str:
    """Write a date (of a date or a moment) for people: ``22.11.2026`` in German, else ``2026-11-22``."""
    return f"{at:%d.%m.%Y}" if language() == "de" else f"{at:%Y-%m-%d}"


def sentence(error: MeninxError) -> str:
    """Word an error: what happened, to which file, what to do."""
    return text(f"errors.{error.code}", **{name: _printable(value) for name, value in error.fields.items()})


def moment(stored: str) -> str:
    """Write a stored time (ISO 8601, UTC) for people: to the minute, as the clock on the wall here has it."""
    try:
        return f"{datetime.fromisoformat(stored).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return stored


def _printable(value: Any) -> Any:
    """Return a fact as it can stand in a sentence: what is quoted from a broken file may hold anything."""
    if isinstance(value, str) and _UTC.fullmatch(value):
        return moment(value)
    if isinstance(value, str) and not value.isprintable():
        return "".join(letter if letter.isprintable() else "?" for letter in value)
    return value
