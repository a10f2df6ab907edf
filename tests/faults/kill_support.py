"""A child that draws until it is killed: what it says, and what came of many of them."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

ALLOWED_SECONDS = 2.0
"""Strokes that a kill may cost."""


@dataclass
class Log:
    """What one child said until it was killed; each kind of child says more of its own."""

    phase: str = "start"
    seen: Counter[str] = field(default_factory=Counter)
    faults: str = ""

    def take(self, line: str) -> None:
        kind, *words = line.split()
        if kind == "phase":
            self.phase = words[0]
            self.seen[words[0]] += 1
        else:
            self.hear(kind, words)

    def hear(self, kind: str, words: Sequence[str]) -> None:
        """Hear a line of another kind."""


@dataclass
class Tally:
    """What came of all kills."""

    kills: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    saves: int = 0
    recovered: int = 0
    lost_steps: int = 0
    lost_seconds: float = 0.0

    def count(self, log: Log, commits: int) -> None:
        """Count one kill and what its child had acknowledged."""
        assert "Traceback" not in log.faults, log.faults
        self.kills += 1
        self.phases[log.phase] += 1
        self.commits += commits
        self.saves += log.seen["saved"]

    def lose(self, commits: Mapping[int, tuple[str, float]], known: dict[int, str], end: int, died: float) -> None:
        """Count acknowledged commits that are gone; the next child draws under their numbers anew."""
        lost = [at for number, (_, at) in commits.items() if number > end]
        for number in [number for number in known if number > end]:
            del known[number]
        if lost:
            self.lost_steps += len(lost)
            self.lost_seconds = max(self.lost_seconds, died - min(lost))
        assert self.lost_seconds <= ALLOWED_SECONDS

    def words(self, phases: Sequence[str]) -> tuple[str, str]:
        """Say what the kills met, and what was lost by them."""
        met = ", ".join(f"{name} {self.phases[name]}" for name in phases)
        lost = f"{self.lost_steps} acknowledged commits lost, the oldest {self.lost_seconds:.3f} s before its kill"
        return met, lost


def run_and_kill(
    command: Sequence[str], log: Log, phase: str, often: int, wait: Callable[[], None], *, timeout: float = 60
) -> float:
    """Run a child until it was so often in a phase, wait, and kill it; return when it died."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    reached = threading.Event()

    def listen() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            if line.endswith("\n"):
                log.take(line)
            if log.seen[phase] >= often:
                reached.set()
        reached.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert reached.wait(timeout), "the child did not get there"
    wait()
    died = time.monotonic()
    child.send_signal(signal.SIGKILL)
    child.wait()
    # what the child said before it died is still in the pipe
    listener.join()
    assert child.stderr is not None
    log.faults = child.stderr.read()
    assert child.stdout is not None
    child.stdout.close()
    child.stderr.close()
    return died
