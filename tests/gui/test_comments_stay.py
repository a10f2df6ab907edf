"""The section of comments stays where it is while somebody writes in it."""

from __future__ import annotations

from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from core.team import comments
from gui.main_window import MainWindow


def place(window: MainWindow) -> int:
    return window.annotate._panels.indexOf(window.annotate.comments)


def test_a_comment_that_is_added_does_not_move_the_section(opened: MainWindow, qtbot: QtBot) -> None:
    session, panel = opened.session, opened.annotate.comments
    team, project = session.team, session.project
    assert project is not None
    last = project.scans()[-1].id
    comments.add(project, last, "look", reader="Chief")
    qtbot.waitUntil(lambda: bool(team.comments_of), timeout=5000)
    below = place(opened)
    assert below > 1
    panel.ask()
    assert panel.box is not None
    panel.box.words.setText("is this oedema?")
    panel.box.send()
    qtbot.waitUntil(lambda: len(team.comments) == 1, timeout=5000)
    assert place(opened) == below
    with qtbot.waitSignal(session.scan_changed, timeout=10_000):
        session.open_scan(last)
    wait_loaded(opened, qtbot)
    qtbot.waitUntil(lambda: team.comments_of == last, timeout=5000)
    assert place(opened) == 1, "what is open of another scan comes first"
    team.settle(last, team.comments[0].id)
    qtbot.waitUntil(lambda: bool(team.comments[0].settled), timeout=5000)
    assert place(opened) == 1
