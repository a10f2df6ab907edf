"""Fixtures of the Train page: the page over a project, and what the person was told."""

from __future__ import annotations

import pytest
import small_project as small

from gui.notify import Notifier
from gui.train.workspace import TrainWorkspace


@pytest.fixture
def opened_page(qtbot):
    """Return a function that shows the Train page of a project's folder: (session, page)."""
    opened = []

    def make(path):
        manager = small.open_session(path)
        session = manager.__enter__()
        page = TrainWorkspace(session)
        qtbot.addWidget(page)
        page.resize(1348, 892)
        page.show()
        opened.append((manager, page))
        return session, page

    yield make
    for manager, page in opened:
        page.close_page()
        manager.__exit__(None, None, None)


@pytest.fixture
def told(monkeypatch):
    """What the person was told, by its sentence or its code."""
    words = []
    monkeypatch.setattr(Notifier, "tell", lambda self, said, *_, **__: words.append(said))
    monkeypatch.setattr(Notifier, "offer", lambda self, said, *_, **__: words.append(said))
    monkeypatch.setattr(Notifier, "error", lambda self, error: words.append(error.code))
    return words
