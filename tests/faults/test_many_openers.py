"""Several processes open one project again and again: one draws at a time, the others look and are told who.

pytest tests/faults/test_many_openers.py                     8 processes, 6 openings each
pytest tests/faults/test_many_openers.py -m soak -s          8 processes, 1,000 openings each (MENINX_OPENINGS)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.geometry import Geometry
from core.labels import LabelSet
from core.project import relabel
from core.project.project import Project
from core.volume import Volume
from gui.opening import open_for_drawing

PROCESSES = 8
CHILD = Path(__file__).with_name("lock_child.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Project.create(tmp_path / "p.meninx") as project:
        project.set_labels(LabelSet().with_label("Brain"))
        geometry = Geometry((3, 40, 40), np.eye(4))
        project.add_scan(Volume(np.ones((3, 40, 40), np.int16), geometry), patient="x")
    return tmp_path / "p.meninx"


def openings(path: Path, times: int) -> tuple[int, int]:
    """Let all processes open the project; return how often one drew, and how many steps there are."""
    children = [
        subprocess.Popen(
            [sys.executable, str(CHILD), str(path), str(times), str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    said, faults = zip(*(child.communicate() for child in children), strict=True)
    assert not any(faults), faults
    lines = [line for words in said for line in words.splitlines()]
    assert "crossed" not in lines
    assert not [line for line in lines if line.startswith("error")]
    with Project.open(path) as project:
        assert project.verify() == []
        annotation = project.annotation(project.scans()[0].id, "anna")
        steps = annotation.journal_sequence
    return lines.count("drew"), steps


def test_of_eight_processes_one_draws_at_a_time(path: Path) -> None:
    drew, steps = openings(path, 6)
    assert drew > 0
    assert 0 < steps <= drew
    assert not (path / "meninx.lock").exists()


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_eight_thousand_openings(path: Path) -> None:
    times = int(os.environ.get("MENINX_OPENINGS", "1000"))
    drew, steps = openings(path, times)
    sys.stderr.write(f"{PROCESSES} processes, {times} openings each: {drew} drew, {steps} steps, 0 crossed\n")
    assert 0 < steps <= drew


def test_a_second_window_looks_only_and_takes_over_after_a_kill(path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; sys.path.insert(0, sys.argv[2])\n"
            "from pathlib import Path\n"
            "from gui.opening import open_for_drawing\n"
            "opened = open_for_drawing(Path(sys.argv[1]), 'anna')\n"
            "print(opened.lock is not None, flush=True)\n"
            "time.sleep(600)",
            str(path),
            str(CHILD.parents[2]),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "True"
        second = open_for_drawing(path, "ben")
        assert second.lock is None
        assert second.project.read_only
        assert "anna" in second.reason
        second.close()
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    began = time.monotonic()
    third = open_for_drawing(path, "ben")
    took = time.monotonic() - began
    assert third.lock is not None
    assert not third.project.read_only
    third.close()
    assert took <= 5.0


def test_labels_that_a_crash_left_half_changed_are_finished_by_the_next_window(path: Path) -> None:
    with Project.open(path) as project:
        annotation = project.ensure_annotation(project.scans()[0].id, "anna")
        project.save_layers(annotation.id, {"brain": np.ones((3, 40, 40), np.uint8)}, {}, journal_sequence=0)
        change = relabel.plan_delete(project.labels(), "Brain")
        # as far as a kill in the middle leaves it: the labels changed, the note there, no mask yet
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(relabel, "_change_masks", lambda *_: None)
            relabel.carry_out(project, change)
        assert project.read_layer(annotation.id, "brain").any()
    opened = open_for_drawing(path, "anna")
    assert not opened.project.read_layer(annotation.id, "brain").any()
    assert opened.project.verify() == []
    opened.close()
