"""Leak checks of the window: no QThread and no QTimer may outlive its test."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QThread, QTimer
from shell_support import opened, project_path, shell_template, window  # noqa: F401 - fixtures for all tests of the window


@pytest.fixture(autouse=True)
def no_leaked_qt(qtbot: object) -> Iterator[None]:
    before = {id(item) for item in _threads_and_timers()}
    yield
    running = []
    for item in _threads_and_timers():
        if id(item) not in before:
            try:
                alive = item.isRunning() if isinstance(item, QThread) else item.isActive() and item.parent() is None
            except RuntimeError:  # the C++ half is gone already
                continue
            if alive:
                running.append(repr(item))
    assert not running, f"left running: {running}"


def _threads_and_timers() -> list[QThread | QTimer]:
    # by type(), because isinstance() asks lazy modules of other libraries for attributes they warn about
    return [item for item in gc.get_objects() if issubclass(type(item), (QThread, QTimer))]
