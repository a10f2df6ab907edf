"""Every visible string, by key, from ``resources/i18n/en.toml``."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from core.errors import MeninxError

RESOURCES = Path(__file__).resolve().parent.parent / "resources"


@functools.cache
def _catalogue() -> dict[str, Any]:
    with (RESOURCES / "i18n" / "en.toml").open("rb") as file:
        return tomllib.load(file)


def text(key: str, /, **fields: Any) -> str:
    """Return the string stored under a dotted key.

    Parameters
    ----------
    key
        Path through the tables, for example ``"annotate.brush"``.
    **fields
        Values for the ``{name}`` places in the string.

    Raises
    ------
    KeyError
        If the catalogue has no such string: a fault of the program, shown by
        the test that looks up every key the code names.
    """
    node: Any = _catalogue()
    for part in key.split("."):
        node = node[part]
    if not isinstance(node, str):
        raise KeyError(key)
    return node.format(**fields) if fields else node


def sentence(error: MeninxError) -> str:
    """Word an error: what happened, to which file, what to do."""
    return text(f"errors.{error.code}", **{name: _printable(value) for name, value in error.fields.items()})


def _printable(value: Any) -> Any:
    """Return a fact as it can stand in a sentence: what is quoted from a broken file may hold anything."""
    if isinstance(value, str) and not value.isprintable():
        return "".join(letter if letter.isprintable() else "?" for letter in value)
    return value
