"""Work beside the window: whoever waits for tasks is not in the way of those that end meanwhile."""

from __future__ import annotations

import functools
import time

from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from gui.background import Tasks, wait_for


class Hearer(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    @Slot(object)
    def hear(self, _result: object) -> None:
        self.count += 1


def test_tasks_that_end_while_another_thread_waits_for_them_are_let_go_of_later(qtbot: QtBot) -> None:
    tasks, hearer = Tasks(), Hearer()
    for _ in range(150):
        for place in range(4):
            tasks.start(functools.partial(time.sleep, 0.0004 * place), hearer.hear, hearer.hear)
        # raises where a task was deleted under the thread that waits for it
        wait_for(tasks.join)
    tasks.wait()
    qtbot.waitUntil(lambda: hearer.count == 600, timeout=30_000)
    assert not tasks._running
