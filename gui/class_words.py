"""The values yes and no of a class as the window says them; kept they are ``yes`` and ``no`` in any language."""

from __future__ import annotations

from core.messages import text
from core.project.classes import USUAL


def shown_value(value: str) -> str:
    """Return a value as it is shown."""
    return text(f"classes.{value}") if value in USUAL else value


def kept_value(words: str) -> str:
    """Return a value that was typed as it is kept."""
    return next((value for value in USUAL if words.casefold() == text(f"classes.{value}").casefold()), words)
