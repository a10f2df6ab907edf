"""Questions asked in a thread: the answer never comes before whoever asked is through with asking."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from gui.jobs.asking import Asker


def at_once(question: Any, *facts: Any) -> Future[Any]:
    """A thread that is done before anybody can look."""
    done: Future[Any] = Future()
    done.set_result(question(*facts))
    return done


def test_an_answer_that_is_there_at_once_comes_later_all_the_same(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = Asker()
    monkeypatch.setattr(asker._pool, "submit", at_once)
    heard: list[int] = []
    asker.answered.connect(heard.append)
    asker.ask(lambda: 1)
    assert heard == []
    asker.ask(lambda: 2)
    qtbot.waitUntil(lambda: heard == [2], timeout=2000)
    qtbot.wait(20)
    assert heard == [2]
    assert not asker.busy
    asker.close()
