"""A training whose project or window is closed is paused, says so, and goes on."""

from __future__ import annotations

import time

import job_targets
import pytest
import small_project as small
from PySide6.QtCore import QObject

from core.io import atomic
from core.learning.config import TrainingConfig
from core.learning.runs import RESUME_FILE, RunState, find_run, run_folder
from core.project.project import Project
from gui.jobs.job_thread import JobThread
from gui.jobs.jobs import CLOSE_SECONDS
from gui.session import Session
from gui.train.going_on import GoingOn
from models.worker import Job

CONFIG = TrainingConfig(
    labels=("Brain",), network="unet_light", size=32, slices=1, epochs=500, batch=4, steps=3, precision="float32"
)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "small.meninx"
    small.make_project(path, scans=4, lesion=False).close()
    return path


@pytest.fixture
def session(qtbot):
    made = Session()
    made.reader = small.READER
    yield made
    made.put_away()
    made.close()


@pytest.fixture
def told(session):
    said = []
    session.notifier.told.connect(said.append)
    return said


@pytest.fixture
def going_on(session, told):
    made = GoingOn(session, QObject(session))
    yield made
    made.close()


def test_a_training_is_asked_to_pause_and_nothing_else(qtbot, tmp_path):
    said = tmp_path / "said"
    thread = JobThread(Job("train", {"file": str(said)}), target=job_targets.note_words)
    with qtbot.waitSignal(thread.said, timeout=20000):
        thread.start()
    thread.pause()
    assert thread.close(CLOSE_SECONDS)
    assert said.read_text("utf-8").split() == ["pause", "pause"]


@pytest.mark.timeout(180)
def test_closing_the_project_pauses_a_real_training_and_it_goes_on(folder, session, going_on, told, qtbot):
    session.open_project(folder)
    work = session.jobs.start_training(CONFIG)
    qtbot.waitUntil(lambda: work.epoch > 0, timeout=120000)
    begun = time.monotonic()
    session.close_project()
    assert time.monotonic() - begun < CLOSE_SECONDS + 3
    with Project.open(folder) as project:
        run = find_run(project, work.run)
        assert run.state is RunState.PAUSED
        assert run.resumable
    assert [one.words for one in told if run.name in one.words and "Go on" in one.words]
    told.clear()
    session.open_project(folder)
    qtbot.waitUntil(lambda: any("Go on" in one.words for one in told), timeout=10000)
    again = session.jobs.resume_training(run.id)
    qtbot.waitUntil(lambda: again.epoch > work.epoch, timeout=120000)


def waiting(project, *, state=RunState.RUNNING, resume=True):
    """A run that was cut off, with or without what it goes on from."""
    run = small.past_run(project, state=state, usable=False)
    if resume:
        atomic.write_bytes(run_folder(project, run.id) / RESUME_FILE, b"-")
    return find_run(project, run.id)


def killed(monkeypatch):
    """Let the process that trains the runs be gone."""
    monkeypatch.setattr("core.learning.runs.is_alive", lambda pid: False)


def test_a_killed_training_is_interrupted_and_can_go_on(folder, session, going_on, told, qtbot, monkeypatch):
    with Project.open(folder) as project:
        run = waiting(project)
        killed(monkeypatch)
        assert find_run(project, run.id).state is RunState.INTERRUPTED
        assert find_run(project, run.id).resumable
    asked = []
    session.workspace_requested.connect(asked.append)
    session.open_project(folder)
    qtbot.waitUntil(lambda: bool(told), timeout=10000)
    assert run.name in told[0].words
    told[0].action()
    assert asked == ["train"]


def test_a_run_left_for_a_newer_one_is_not_told_of(folder, session, going_on, told, qtbot):
    with Project.open(folder) as project:
        waiting(project, state=RunState.PAUSED)
        small.past_run(project)
    session.open_project(folder)
    qtbot.waitUntil(lambda: not going_on._asker.busy, timeout=10000)
    assert told == []


@pytest.mark.parametrize("resume", [True, False])
def test_closing_says_whether_the_run_can_go_on(folder, session, going_on, told, qtbot, resume, monkeypatch):
    monkeypatch.setattr(session.jobs, "_make_thread", small.Scripted)
    session.open_project(folder)
    work = session.jobs.start_training(CONFIG)
    run = waiting(session.project, resume=resume)
    work.thread.say(small.started(run.id, run.name))
    killed(monkeypatch)
    session.close_project()
    assert work.thread.orders == ["start", "pause", "close"]
    assert ["Go on" in one.words for one in told] == [resume]


def test_what_the_person_cancelled_stays_cancelled(folder, session, going_on, told, qtbot, monkeypatch):
    monkeypatch.setattr(session.jobs, "_make_thread", small.Scripted)
    session.open_project(folder)
    work = session.jobs.start_training(CONFIG)
    run = waiting(session.project)
    work.thread.say(small.started(run.id, run.name))
    session.jobs.cancel(work)
    session.close_project()
    assert told == []
