"""The supervisor of a child: its last word always comes, whatever the child does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import job_targets
import pytest
from PySide6.QtCore import QObject, QThread, Slot

from core.errors import MeninxError
from core.events import Failed, Finished, JobEvent, Notice, Progress, WasCancelled
from core.messages import sentence
from core.project.lock import is_alive
from gui.jobs.job_thread import JobThread
from models.worker import Job

ROOT = Path(__file__).resolve().parents[2]


class Ear(QObject):
    """Writes down what comes, and in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, JobEvent]] = []
        self.ended: list[str] = []
        self.threads: set[QThread] = set()

    @Slot(object, object)
    def hear(self, job_id: str, event: JobEvent) -> None:
        self.heard.append((job_id, event))
        self.threads.add(QThread.currentThread())

    @Slot(object)
    def end(self, job_id: str) -> None:
        self.ended.append(job_id)

    @property
    def events(self) -> list[JobEvent]:
        return [event for _, event in self.heard]

    @property
    def last(self) -> JobEvent:
        return self.heard[-1][1]


def watch(target, *, grace: float = 5.0, **arguments) -> tuple[JobThread, Ear]:
    thread = JobThread(Job("train", arguments), target=target, grace=grace)
    ear = Ear()
    thread.said.connect(ear.hear)
    thread.ended.connect(ear.end)
    thread.start()
    return thread, ear


def wait_end(qtbot, thread: JobThread, ear: Ear, seconds: float = 20.0) -> None:
    qtbot.waitUntil(lambda: bool(ear.ended), timeout=round(seconds * 1000))
    assert thread.wait(5000)
    assert ear.ended == [thread.job_id]


def wait_ready(qtbot, ear: Ear) -> Notice:
    qtbot.waitUntil(lambda: any(isinstance(event, Notice) for event in ear.events), timeout=20000)
    return next(event for event in ear.events if isinstance(event, Notice))


def test_events_come_in_order_with_the_job_id_in_the_windows_thread(qtbot):
    thread, ear = watch(job_targets.count, total=50)
    wait_end(qtbot, thread, ear)
    assert [event.fields["value"] for event in ear.events[:-1]] == list(range(50))
    assert isinstance(ear.last, Finished)
    assert ear.last.result["total"] == 50
    assert {job_id for job_id, _ in ear.heard} == {thread.job_id}
    assert ear.threads == {QThread.currentThread()}
    assert ear.last.result["pid"] != os.getpid()


def test_two_jobs_keep_their_ids_apart(qtbot):
    one, ear = watch(job_targets.count, total=3)
    two, other = watch(job_targets.count, total=4)
    wait_end(qtbot, one, ear)
    wait_end(qtbot, two, other)
    assert one.job_id != two.job_id
    assert len(ear.events) == 4
    assert len(other.events) == 5


def test_progress_is_thinned_and_the_newest_is_kept(qtbot):
    thread, ear = watch(job_targets.chatter)
    wait_end(qtbot, thread, ear)
    progress = [event for event in ear.events if isinstance(event, Progress)]
    assert progress[-1].done == 2000
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert len(progress) < 100
    assert isinstance(ear.last, Finished)


def test_a_worded_failure_arrives_unchanged(qtbot):
    thread, ear = watch(job_targets.fail)
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.last, Failed)
    assert ear.last.error.code == "memory-short"
    assert ear.last.trace == "trace"


@pytest.mark.parametrize(
    ("target", "part"),
    [(job_targets.leave, "7"), (job_targets.be_killed, "memory"), (job_targets.crash, "SIGSEGV")],
)
def test_a_death_without_a_word_is_one_plain_sentence(qtbot, target, part):
    thread, ear = watch(target)
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.last, Failed)
    assert ear.last.error.code == "job-died"
    assert part in sentence(ear.last.error)
    assert sum(isinstance(event, Failed) for event in ear.events) == 1


def test_what_was_said_before_the_death_is_heard(qtbot):
    thread, ear = watch(job_targets.leave)
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.events[0], Notice)


@pytest.mark.parametrize("word", ["stop", "pause"])
def test_stop_and_pause_reach_the_child(qtbot, word):
    thread, ear = watch(job_targets.obey)
    wait_ready(qtbot, ear)
    getattr(thread, word)()
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.last, Finished)
    assert ear.last.result == {"word": word}


def test_cancel_of_an_obedient_child_is_prompt(qtbot):
    thread, ear = watch(job_targets.obey)
    wait_ready(qtbot, ear)
    begun = time.monotonic()
    thread.cancel()
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.last, WasCancelled)
    assert time.monotonic() - begun < 3.0


def test_a_deaf_child_is_killed_after_the_grace(qtbot):
    thread, ear = watch(job_targets.be_deaf, grace=0.7)
    pid = wait_ready(qtbot, ear).fields["pid"]
    begun = time.monotonic()
    thread.cancel()
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.last, WasCancelled)
    assert 0.6 <= time.monotonic() - begun < 5.0
    assert not is_alive(pid)


def test_cancel_before_the_child_is_up_is_not_lost(qtbot):
    thread, ear = watch(job_targets.obey)
    thread.cancel()
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.last, WasCancelled)


def test_a_child_that_does_not_go_is_put_away(qtbot):
    thread, ear = watch(job_targets.linger, grace=0.5)
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.last, Finished)
    assert not is_alive(ear.last.result["pid"])


@pytest.mark.parametrize("target", [job_targets.be_deaf, job_targets.freeze_mid_message])
def test_closing_is_bounded_whatever_the_child_does(qtbot, target):
    thread, ear = watch(target, grace=60.0)
    pid = wait_ready(qtbot, ear).fields["pid"]
    begun = time.monotonic()
    assert thread.close(1.0)
    assert time.monotonic() - begun < 4.0
    assert not thread.isRunning()
    assert not is_alive(pid)


def test_closing_a_job_that_never_ran_is_nothing(qtbot):
    thread = JobThread(Job("train"), target=job_targets.count)
    assert thread.close(0.1)


def test_a_process_that_cannot_start_is_one_plain_sentence(qtbot, monkeypatch):
    def refuse(*_: object, **__: object) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.util.spawnv_passfds", refuse)
    thread, ear = watch(job_targets.count)
    wait_end(qtbot, thread, ear)
    assert isinstance(ear.last, Failed)
    assert ear.last.error.code == "job-not-started"
    assert "Resource temporarily unavailable" in sentence(ear.last.error)


def test_the_child_ends_when_its_parent_dies(tmp_path):
    """The parent is killed outright; the real entry of the child hears the closed pipe."""
    mark = tmp_path / "mark"
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, os, time\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests' / 'gui')!r}]\n"
        "if __name__ == '__main__':\n"
        "    from PySide6.QtCore import QCoreApplication\n"
        "    import job_targets\n"
        "    from gui.jobs.job_thread import JobThread\n"
        "    from models.worker import Job\n"
        "    app = QCoreApplication([])\n"
        f"    thread = JobThread(Job('train', {{'file': {str(mark)!r}}}), target=job_targets.obey)\n"
        "    thread.said.connect(lambda *_: os.kill(os.getpid(), 9))\n"
        "    thread.start()\n"
        "    app.exec()\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], timeout=60, check=False)
    assert done.returncode == -9
    deadline = time.monotonic() + 10
    # there is a moment between making a file and writing it
    while not (mark.exists() and mark.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mark.read_text(encoding="utf-8") == "parent gone"


def test_the_doorway_loads_no_torch():
    code = "import sys, gui.jobs.jobs; sys.exit(any(name in sys.modules for name in ('torch', 'monai')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0


def test_an_error_of_the_supervisor_has_words():
    for code in ("job-died", "job-not-started"):
        assert "why" in sentence(MeninxError(code, reason="why"))
