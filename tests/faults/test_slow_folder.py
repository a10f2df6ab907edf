"""A network folder that answers late, fails for a while and comes back: the window waits for nothing, nothing is lost.

Each call of the system that writes takes its time, and each transaction of the index twice; a share is
simulated because mounting one needs more rights than a test has. What the window's own thread has to
wait for is counted call by call, so that a busy machine changes nothing.

    pytest tests/faults/test_slow_folder.py                   50 ms, away for 3 s
    pytest tests/faults/test_slow_folder.py -m soak -s        200 ms, away for 30 s
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from shell_support import opened, project_path, shell_template, stroke, window  # noqa: F401 - fixtures

from core.editing.opening import open_annotation
from core.errors import StorageError
from core.project import store as index
from core.project.project import Project
from core.project.saver import SaveState
from core.project.store import Store
from gui.main_window import MainWindow

_CALLS = ("open", "write", "fsync", "replace", "ftruncate", "mkdir")


@dataclass
class Share:
    """A folder behind a slow line.

    Parameters
    ----------
    root
        The folder.
    delay
        Seconds that each call takes.
    """

    root: Path
    delay: float
    away: bool = False
    waited: Counter[str] = field(default_factory=Counter)
    """What the window's own thread had to wait for."""
    calls: int = 0

    def call(self, name: str) -> None:
        self.calls += 1
        if threading.current_thread() is threading.main_thread():
            self.waited[name] += 1
        time.sleep(self.delay)

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        """Put it under ``os`` and under the index for a while."""
        real = {name: getattr(os, name) for name in _CALLS}
        transaction = Store.transaction
        ours: set[int] = set()
        share = self

        def wrapped(name: str) -> Any:
            def call(first: Any, *arguments: Any, **named: Any) -> Any:
                inside = (
                    first in ours if isinstance(first, int) else Path(os.fsdecode(first)).is_relative_to(share.root)
                )
                if inside:
                    share.call(name)
                    if share.away:
                        raise OSError(errno.EIO, os.strerror(errno.EIO))
                result = real[name](first, *arguments, **named)
                if name == "open":
                    (ours.add if inside else ours.discard)(result)
                return result

            return call

        @contextlib.contextmanager
        def slow(of: Store) -> Iterator[Any]:
            share.call("begin")
            if share.away:
                raise StorageError("write-failed", file=of.file, reason=os.strerror(errno.EIO))
            with transaction(of) as connection:
                yield connection
                share.call("commit")

        for name in _CALLS:
            setattr(os, name, wrapped(name))
        Store.transaction = slow
        try:
            yield
        finally:
            Store.transaction = transaction
            for name in _CALLS:
                setattr(os, name, real[name])


def work(shown: MainWindow, rows: tuple[int, ...]) -> None:
    """Draw, and go back and forth, as fast as a hand can."""
    for row in rows:
        stroke(shown, (14, row), (34, row))
    shown.session.undo()
    shown.session.redo()


def try_it(shown: MainWindow, qtbot: QtBot, share: Share, seconds: float) -> None:
    session = shown.session
    session.choose_label("Tumour")
    shown.annotate.hand.take("brush")
    shown.annotate.classes.box.setEditText("stroke")
    states: list[str] = []
    session.save_state_changed.connect(states.append)
    patient = round(60_000 + 400_000 * share.delay)
    with share.mounted():
        work(shown, (12, 18))
        shown.actions_table["class_slice_1"].trigger()
        qtbot.waitUntil(lambda: session.save_state is SaveState.SAVED and not session.editor.dirty, timeout=patient)
        share.away = True
        work(shown, (24, 30))
        session.save_now()
        qtbot.waitUntil(lambda: session.save_state is SaveState.FAILED, timeout=patient)
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            work(shown, (36,))
            qtbot.wait(250)
        assert session.save_state is SaveState.FAILED
        assert share.waited.total() == 0, dict(share.waited)
        share.away = False
        work(shown, (42,))
        qtbot.waitUntil(lambda: session.save_state is SaveState.SAVED and not session.editor.dirty, timeout=patient)
        assert share.waited.total() == 0, dict(share.waited)
        assert share.calls > 50
        drawn, scan = session.editor.mask("lesions").copy(), session.scan.id
        path = Path(session.project.path)
        session.close_project()
    assert "failed" in states
    with Project.open(path) as project:
        again = open_annotation(project, scan, session.reader)
        np.testing.assert_array_equal(again.editor.mask("lesions"), drawn)
        assert again.set_aside is None
        again.close()
        assert project.classes.of_scan(scan) != []
        assert project.verify() == []


@pytest.fixture
def on_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index think it lies on a network share: it then keeps no log beside it."""
    monkeypatch.setattr(index.medium, "on_network", lambda _path: True)


@pytest.mark.timeout(280)
def test_a_share_that_is_slow_and_goes_away_for_three_seconds(
    on_a_share: None,
    opened: MainWindow,  # noqa: F811 - the fixture
    qtbot: QtBot,
) -> None:
    try_it(opened, qtbot, Share(Path(opened.session.project.path), 0.05), 3.0)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_share_that_is_very_slow_and_goes_away_for_half_a_minute(
    on_a_share: None,
    opened: MainWindow,  # noqa: F811 - the fixture
    qtbot: QtBot,
) -> None:
    try_it(opened, qtbot, Share(Path(opened.session.project.path), 0.2), 30.0)
