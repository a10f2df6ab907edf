"""What is said of the brains that were found, once for all scans of a prediction."""

from __future__ import annotations

import pytest
import small_project as small

from core.events import Finished, Notice
from core.messages import text
from gui.strip_now import StripNow

ODD = "a, b"


@pytest.fixture
def job(tmp_path, qtbot):
    """A prediction of several scans by a run, and what is told meanwhile."""
    path = tmp_path / "small.meninx"
    with small.make_project(path, scans=1, lesion=False) as project:
        run = small.past_run(project)
    with small.open_session(path) as session:
        told = []
        session.notifier.told.connect(lambda one: told.append((one.kind, one.words)))
        strip = StripNow(session, session)
        yield session.jobs.start_prediction(run.id, []), told
        del strip


def doubtful(number: int, reasons: str = ODD) -> Notice:
    return Notice("brain-doubtful", {"scan": f"S{number:04d}", "reasons": reasons})


def test_one_sentence_names_a_few_scans_and_counts_the_rest(job):
    work, told = job
    work.thread.say(*(doubtful(number) for number in range(1, 8)))
    assert told == []
    work.thread.end(Finished({}))
    scans = text("strip_now.and_more", scans="S0001, S0002, S0003", count=4)
    assert told == [("warning", text("notices.brain-doubtful", scan=scans, reasons=ODD))]


def test_different_reasons_are_left_to_review_and_one_scan_is_told_of_as_ever(job):
    work, told = job
    odd = Notice("brain-odd", {"scan": "S0009", "reasons": "c"})
    work.thread.say(doubtful(1), odd, doubtful(2, "d"))
    work.thread.end(Finished({}))
    assert told == [
        ("warning", text("strip_now.brain_doubtful", scans="S0001, S0002")),
        ("info", text("notices.brain-odd", scan="S0009", reasons="c")),
    ]
