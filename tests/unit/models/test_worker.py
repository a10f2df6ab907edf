import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from learning_project import disc_project
from worker_jobs import child_entry

from core.errors import InputError, LearningError
from core.events import Failed, Finished, Progress, WasCancelled
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded
from models.worker import Job, _Listener, events_of

ROOT = Path(__file__).resolve().parents[3]


class Child:
    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=child_entry, args=(theirs, job))
        self.process.start()
        theirs.close()

    def until(self, wanted, seconds: float = 200.0) -> list:
        """Return the events up to the first of a kind."""
        events = []
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.pipe.poll(deadline - time.monotonic()):
            events.append(self.pipe.recv())
            if isinstance(events[-1], wanted):
                return events
        raise AssertionError(events)

    def until_stage(self, stage: str) -> None:
        while self.until(Progress)[-1].stage != stage:
            pass

    def end(self) -> int:
        self.process.join(60)
        assert not self.process.is_alive()
        return self.process.exitcode


@pytest.fixture
def start():
    children = []

    def begin(kind, **arguments) -> Child:
        children.append(Child(Job(kind, arguments)))
        return children[-1]

    yield begin
    for child in children:
        if child.process.is_alive():
            child.process.kill()
        child.process.join(10)
        child.pipe.close()


ENDS = (Finished, Failed, WasCancelled)


def test_a_job_runs_to_its_end_and_progress_is_thinned(start):
    child = start("count", steps=2000)
    events = child.until(ENDS)
    assert events[-1] == Finished({"steps": 2000})
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress[0].stage == "starting"
    assert progress[-1].done == progress[-1].total == 2000
    assert len(progress) < 100
    assert child.end() == 0


@pytest.mark.parametrize(("word", "ending"), [("stop", Finished), ("pause", Finished), ("cancel", WasCancelled)])
def test_a_word_reaches_the_job(start, word, ending):
    child = start("hold")
    child.until_stage("training")
    child.pipe.send(word)
    last = child.until(ENDS)[-1]
    assert isinstance(last, ending)
    if ending is Finished:
        assert last.result == {"word": word}
    assert child.end() == 0


def test_a_closed_window_cancels(start):
    child = start("hold")
    child.until_stage("training")
    child.pipe.close()
    assert child.end() == 0


@pytest.mark.parametrize(("kind", "word"), [("train", "pause"), ("import", "stop"), ("predict", "cancel")])
def test_a_window_that_is_gone_keeps_what_can_be_kept(kind, word):
    ours, theirs = multiprocessing.Pipe()
    listener = _Listener(theirs, kind)
    ours.close()
    deadline = time.monotonic() + 10
    while not listener.should_stop() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert listener.should_stop() == word


def test_ctrl_c_is_the_windows(start):
    child = start("hold")
    child.until_stage("training")
    os.kill(child.process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert child.process.is_alive()
    child.pipe.send("stop")
    child.until(Finished)


def test_an_error_with_a_sentence_arrives_whole(start):
    failed = start("sentence", file="scan.nii").until(Failed)[-1]
    assert isinstance(failed.error, InputError)
    assert (failed.error.code, failed.error.fields) == ("file-missing", {"file": "scan.nii"})


def test_a_fault_is_told_with_its_trace(start):
    failed = start("broken").until(Failed)[-1]
    assert failed.error.code == "job-crashed"
    assert failed.error.fields == {"reason": "ZeroDivisionError"}
    assert "worker_jobs.py" in failed.trace


def test_short_memory_is_told(start):
    failed = start("greedy").until(Failed)[-1]
    assert isinstance(failed.error, LearningError)
    assert failed.error.code == "memory-short"


def test_a_crash_is_seen_by_the_sentinel(start):
    child = start("crash")
    with pytest.raises((EOFError, ConnectionResetError, AssertionError)):
        child.until(ENDS, 30)
    assert child.end() == -signal.SIGKILL


def test_a_training_in_a_child_stops_and_keeps_the_best(start, tmp_path):
    with disc_project(tmp_path / "p.meninx") as project:
        config = TrainingConfig(
            labels=("Tumour",), network="unet_light", size=32, slices=1, epochs=500, batch=4, steps=3
        )
        child = start("train", project_path=project.path, config=config)
        events = child.until(Progress)
        assert events[0].stage == "starting"
        child.until(EpochEnded)
        child.pipe.send("stop")
        last = child.until(ENDS)[-1]
        assert isinstance(last, Finished), last
        assert last.result["state"] == "stopped"
        child.end()
        # the window's connection sees what the child wrote
        assert runs.find_run(project, "last").usable


def test_a_word_while_torch_is_loaded_ends_the_child_at_once(start, tmp_path):
    child = start("train", project_path=tmp_path / "none.meninx", config=TrainingConfig(labels=("Tumour",)))
    # the pipe holds it until the child listens: the program is loaded for seconds after that
    child.pipe.send("stop")
    assert isinstance(child.until(ENDS)[-1], WasCancelled)
    assert child.end() == 0


def test_without_torch_training_is_one_sentence():
    program = """
import sys
sys.modules["torch"] = None
from core.errors import LearningError
from models.worker import Job, events_of
try:
    list(events_of(Job("train", {"project_path": ".", "config": None})))
except LearningError as error:
    print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "torch-missing"


def test_the_worker_itself_loads_nothing_heavy():
    program = (
        "import sys, models.worker; "
        "heavy = {'torch', 'monai', 'PySide6', 'numpy', 'cv2', 'openvino'}; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_kind_is_a_fault_of_the_program():
    with pytest.raises(KeyError):
        events_of(Job("fly"))
