"""The errors of Meninx: a code and fields, worded at the edge.

Core never writes sentences for people. It raises an error with a stable code
and the facts; :func:`core.messages.sentence` turns it into one plain sentence
(what, which file, what to do) from ``resources/i18n/en.toml``.
"""

from __future__ import annotations

from typing import Any


class MeninxError(Exception):
    """Base of every error that a person may see.

    Parameters
    ----------
    code
        Key below ``[errors]`` in ``resources/i18n/en.toml``, kebab-case.
    **fields
        Facts that the sentence names. Plain values only (``str``, ``int``,
        ``float``), so that an error crosses a process boundary unchanged.
    """

    def __init__(self, code: str, **fields: Any) -> None:
        super().__init__(code)
        self.code = code
        self.fields: dict[str, Any] = {
            name: value if isinstance(value, (int, float)) else str(value) for name, value in fields.items()
        }

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.fields.items())
        return f"{self.code}({facts})"

    @property
    def logged(self) -> str:
        """The error as a log may keep it: its code and numbers, no names of files or persons."""
        facts = ", ".join(f"{name}={value}" for name, value in self.fields.items() if not isinstance(value, str))
        return f"{self.code}({facts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.code, self.fields)


def _restore(kind: type[MeninxError], code: str, fields: dict[str, Any]) -> MeninxError:
    return kind(code, **fields)


class InputError(MeninxError):
    """A file or value from outside cannot be used (unreadable, foreign, wrong size)."""


class ProjectError(MeninxError):
    """The project folder is not what it should be (newer, corrupt, not a project)."""


class StorageError(MeninxError):
    """The disk refused a write (full, read-only, gone). The old version is intact."""


class LockedError(MeninxError):
    """Somebody else is drawing in this project."""


class LearningError(MeninxError):
    """A training or prediction cannot run or go on (no data, no torch, no memory)."""


class Cancelled(MeninxError):
    """The person asked to stop."""

    def __init__(self, code: str = "cancelled", **fields: Any) -> None:
        super().__init__(code, **fields)
