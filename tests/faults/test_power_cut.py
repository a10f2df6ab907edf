"""The power goes while somebody draws: the disk as it was at that moment is mounted, and nothing acknowledged is gone.

A child draws and saves on an ext4 file system in an image file. The parent stops it (SIGSTOP) at a
random moment, copies the image (what the kernel had not written to it yet is lost, as in a power
cut), lets the child go on, mounts the copy and compares it with what was acknowledged until then.

    pytest tests/faults/test_power_cut.py                     5 cuts
    pytest tests/faults/test_power_cut.py -m soak -s          100 cuts (MENINX_CUTS, MENINX_SEED)

It needs root and loop devices.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from kill_child import digest
from kill_support import ALLOWED_SECONDS
from test_kill_store import StoreLog, new_project

from core.editing.opening import open_annotation
from core.project.project import Project

CUTS_PER_CHILD = 5
_SIZE = "48M"


@dataclass
class Tally:
    """What came of all cuts."""

    cuts: int = 0
    commits: int = 0
    saves: int = 0
    recovered: int = 0
    lost_steps: int = 0
    lost_seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.cuts} power cuts; {self.commits} commits and {self.saves} saves acknowledged; "
            f"{self.recovered} records recovered; {self.lost_steps} acknowledged commits lost, the oldest "
            f"{self.lost_seconds:.3f} s before its cut; 0 saved lost, 0 corrupt"
        )


@contextlib.contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    """Mount an image; unmounted at the end."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True, capture_output=True)
    try:
        yield place
    finally:
        # a process that was just killed may hold it for a moment
        for _ in range(50):
            if subprocess.run(["umount", str(place)], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)


def why_not(folder: Path) -> str:
    """Say why this cannot be tried here, empty if it can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "mounting an image needs root on Linux"
    if shutil.which("mkfs.ext4") is None:
        return "mkfs.ext4 is not here"
    image = folder / "probe.img"
    try:
        make_image(image, "4M")
        with mounted(image, folder / "probe"):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no loop device can be mounted here ({type(error).__name__})"
    finally:
        image.unlink(missing_ok=True)


def make_image(image: Path, size: str) -> None:
    subprocess.run(["truncate", "-s", size, str(image)], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own; its image lies beside it as ``disk.img``."""
    reason = why_not(tmp_path)
    if reason:
        pytest.skip(reason)
    make_image(tmp_path / "disk.img", _SIZE)
    with mounted(tmp_path / "disk.img", tmp_path / "disk") as place:
        yield place


def check(folder: Path, scan: str, log: StoreLog, cut: float, known: dict[int, str], tally: Tally) -> None:
    """Open the project as it came out of the cut, and compare it with what was acknowledged before."""
    known.update({number: named for number, (named, _) in log.commits.items()})
    with Project.open(folder) as project:
        assert project.verify() == []
        annotation = project.annotation(scan, "anna")
        saved = annotation.journal_sequence if annotation is not None else 0
        assert saved >= log.saved, f"a save that was acknowledged is rolled back: {saved} of {log.saved}"
        opened = open_annotation(project, scan, "anna")
        editor = opened.editor
        assert opened.set_aside is None
        assert editor.sequence <= max(known) + 1
        found = digest(editor, history=True)
        assert known.setdefault(editor.sequence, found) == found, "not what was acknowledged"
        lost = {number: at for number, (_, at) in log.commits.items() if number > editor.sequence}
        tally.recovered += opened.recovered_steps
        opened.close()
    if lost:
        tally.lost_steps += len(lost)
        tally.lost_seconds = max(tally.lost_seconds, cut - min(lost.values()))
    assert tally.lost_seconds <= ALLOWED_SECONDS


def run(cuts: int, seed: int, disk: Path, tmp: Path) -> Tally:
    rng = np.random.default_rng(seed)
    tally = Tally()
    project, scan = new_project(disk / "cut.meninx")
    known: dict[int, str] = {}
    with Project.open(project) as fresh:
        known[0] = digest(open_annotation(fresh, scan, "anna").editor, history=True)
    while tally.cuts < cuts:
        delay = "0.02" if tally.cuts // CUTS_PER_CHILD % 2 == 0 else "2.0"
        command = [sys.executable, str(Path(__file__).with_name("kill_child.py")), str(project), scan]
        child = subprocess.Popen(
            [*command, str(rng.integers(2**31)), delay, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        log = StoreLog()

        def listen(child: subprocess.Popen[str] = child, log: StoreLog = log) -> None:
            assert child.stdout is not None
            for line in child.stdout:
                if line.endswith("\n"):
                    log.take(line)

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            for _ in range(min(CUTS_PER_CHILD, cuts - tally.cuts)):
                wait_for(log, int(rng.integers(2, 30)), child)
                time.sleep(float(rng.uniform(0, 0.4)))
                cut_once(child, log, known, disk, tmp, tally, scan)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
            listener.join()
            assert child.stderr is not None
            faults = child.stderr.read()
            child.stdout.close()
            child.stderr.close()
        assert "Traceback" not in faults, faults
        tally.commits += len(log.commits)
        tally.saves += log.seen["saved"]
        known.update({number: named for number, (named, _) in log.commits.items()})
        with Project.open(project) as left:
            opened = open_annotation(left, scan, "anna")
            known[opened.editor.sequence] = digest(opened.editor, history=True)
            for number in [number for number in known if number > opened.editor.sequence]:
                del known[number]
            opened.close()
    return tally


def wait_for(log: StoreLog, more: int, child: subprocess.Popen[str]) -> None:
    """Wait until so many more steps were acknowledged."""
    wanted = len(log.commits) + more
    end = time.monotonic() + 60
    while len(log.commits) < wanted and child.poll() is None:
        assert time.monotonic() < end, "the child does not draw"
        time.sleep(0.005)


def cut_once(
    child: subprocess.Popen[str], log: StoreLog, known: dict[int, str], disk: Path, tmp: Path, tally: Tally, scan: str
) -> None:
    child.send_signal(signal.SIGSTOP)
    cut = time.monotonic()
    # what it said before it stood still is still in the pipe
    before = -1
    while before != len(log.commits) + log.seen.total():
        before = len(log.commits) + log.seen.total()
        time.sleep(0.05)
    frozen = StoreLog(log.phase, log.seen.copy(), "", log.opened, dict(log.commits), log.saved)
    copy = tmp / "copy.img"
    try:
        subprocess.run(["cp", "--sparse=always", str(tmp / "disk.img"), str(copy)], check=True)
    finally:
        child.send_signal(signal.SIGCONT)
    with mounted(copy, tmp / "copy"):
        check(tmp / "copy" / "cut.meninx", scan, frozen, cut, dict(known), tally)
    copy.unlink()
    tally.cuts += 1


@pytest.mark.timeout(300)
def test_five_power_cuts(disk: Path, tmp_path: Path) -> None:
    tally = run(5, 20261126, disk, tmp_path)
    assert tally.cuts == 5
    assert tally.commits > 10


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_hundred_power_cuts(disk: Path, tmp_path: Path) -> None:
    cuts = int(os.environ.get("MENINX_CUTS", "100"))
    seed = int(os.environ.get("MENINX_SEED", str(time.time_ns() % 2**31)))
    sys.stderr.write(f"\nseed {seed}\n")
    tally = run(cuts, seed, disk, tmp_path)
    sys.stderr.write(f"{tally}\n")
    assert tally.cuts == cuts
    assert tally.saves > cuts
