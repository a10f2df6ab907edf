"""Fixtures of the Train page: the page over a project, and what the person was told."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from page_support import page_on

from gui.notify import Notifier
from gui.train.workspace import TrainWorkspace


@pytest.fixture
def opened_page(qtbot):
    """Return a function that shows the Train page of a project's folder: (session, page)."""
    with ExitStack() as pages:
        yield lambda path: pages.enter_context(page_on(qtbot, path, TrainWorkspace))


@pytest.fixture
def told(monkeypatch):
    """What the person was told, by its sentence or its code."""
    words = []
    monkeypatch.setattr(Notifier, "tell", lambda self, said, *_, **__: words.append(said))
    monkeypatch.setattr(Notifier, "offer", lambda self, said, *_, **__: words.append(said))
    monkeypatch.setattr(Notifier, "error", lambda self, error: words.append(error.code))
    return words
