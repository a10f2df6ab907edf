"""Memory that threads gave back is not kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.heap import give_back, keep_small

ROOT = Path(__file__).resolve().parents[3]
_THREADS = """
import sys, threading
import numpy as np
from core.heap import give_back, keep_small

def held():
    return next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS:"))

if sys.argv[1] == "small":
    assert keep_small()
# memory of the system's own that is freed makes the C library keep larger pieces from then on
large = np.ones(24 << 20, np.uint8)
del large
gate = threading.Barrier(12)

def work():
    gate.wait()
    blocks = [np.ones(100_000 + 10 * number, np.uint8) for number in range(300)]
    gate.wait()
    del blocks

threads = [threading.Thread(target=work) for _ in range(12)]
[one.start() for one in threads]
[one.join() for one in threads]
kept = held()
if sys.argv[1] == "small":
    assert give_back()
print(kept, held())
"""


def kept(how: str) -> tuple[float, float]:
    """Return what a process holds after 12 threads each used and freed 30 MB at once, and in the end, MB."""
    done = subprocess.run([sys.executable, "-c", _THREADS, how], cwd=ROOT, capture_output=True, text=True, check=True)
    first, last = done.stdout.split()
    return int(first) / 1024, int(last) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux")
def test_what_threads_freed_goes_back_to_the_system() -> None:
    usual, small = kept("usual"), kept("small")
    # 360 MB went through the threads; Python and numpy alone hold 25
    assert small[1] < 60, (usual, small)
    assert small[1] < usual[1] - 100, (usual, small)


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert not keep_small()
    assert not give_back()
