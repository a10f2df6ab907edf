"""What all tests of the window share: garbage as in the program, and no QThread or QTimer that outlives its test."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QThread, QTimer
from shell_support import opened, project_path, shell_template, window  # noqa: F401 - fixtures for all tests of the window
from viewer_support import linked  # noqa: F401

from core.heap import keep_small
from gui.background import take_short_turns
from gui.collecting import Collector

_seen: set[int] = set()
"""What ran already when the first test began, or was told of once."""


@pytest.fixture(scope="session", autouse=True)
def _before(qapp: object) -> None:
    # as the program does at its beginning
    keep_small()
    take_short_turns()
    _seen.update(id(item) for item in _running())


@pytest.fixture(autouse=True)
def collected_here(qapp: object, collected_at_rest: None) -> Iterator[None]:
    """Collect garbage while a test waits, as the program does."""
    collector = Collector()
    collector.begin()
    yield
    collector.end()


@pytest.fixture(autouse=True)
def no_leaked_qt(qtbot: object) -> Iterator[None]:
    yield
    left = [item for item in _running() if id(item) not in _seen]
    _seen.update(id(item) for item in left)
    assert not left, f"left running: {left}"


def _running() -> list[QThread | QTimer]:
    # by the type itself: isinstance() asks lazy modules of other libraries for attributes they warn about,
    # and a look at every object after every test has to be cheap
    kinds = _kinds(QThread) | _kinds(QTimer)
    found = []
    for item in gc.get_objects():
        if type(item) not in kinds:
            continue
        try:
            alive = item.isRunning() if isinstance(item, QThread) else item.isActive() and item.parent() is None
        except RuntimeError:  # the C++ half is gone already
            continue
        if alive:
            found.append(item)
    return found


def _kinds(base: type) -> set[type]:
    kinds = {base}
    for kind in base.__subclasses__():
        kinds |= _kinds(kind)
    return kinds
