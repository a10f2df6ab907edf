"""A whole session: no socket but those between its own processes, odd names everywhere, a decimal comma around it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from session_child import HEADS, ODD

HERE = Path(__file__).resolve().parent
CALL = re.compile(r"^\d+\s+(?P<call>\w+)\((?P<rest>.*)$")
FAMILY = re.compile(r"\b(AF_\w+|PF_\w+)")
ALLOWED = {("socketpair", "AF_UNIX")}
"""What processes of one program speak through: pairs that have no name and no address."""


def environment(home: Path) -> dict[str, str]:
    """Return that of somebody with an odd name on a German computer."""
    home.mkdir(parents=True)
    german = {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"}
    own = {"HOME": str(home), "USER": "jörg 脳", "LOGNAME": "jörg 脳", "QT_QPA_PLATFORM": "offscreen"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "MENINX_HOME"))}
    return kept | german | own | {"OMP_NUM_THREADS": "1"}


def session(folder: Path, *before: str) -> dict[str, object]:
    """Run the session, with other programs around it, and return what it says of itself."""
    home = folder / f"Zuhause {ODD}"
    line = [*before, sys.executable, str(HERE / "session_child.py"), str(folder / f"Arbeit {ODD}")]
    done = subprocess.run(line, env=environment(home), capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    # where nobody says otherwise, each thing lies where XDG wants it
    assert (home / ".config/Meninx/preferences.json").is_file()
    assert (home / ".local/state/Meninx/log/meninx.log").is_file()
    assert (home / ".local/share/Meninx/links.sqlite").is_file()
    log = (home / ".local/state/Meninx/log/meninx.log").read_text("utf-8")
    told_of = [line for line in log.splitlines() if " ERROR " in line]
    assert not told_of, log
    assert "CRITICAL" not in log, log
    assert "Müller" not in log
    return told


def check(told: dict[str, object]) -> None:
    """Hold that all was done and is there after the start anew."""
    assert told["problems"] == []
    assert len(told["voxels"]) == HEADS  # type: ignore[arg-type]
    assert told["title"] == f"Projekt {ODD} – Meninx"
    assert told["point"] == ","
    assert any(name.endswith("_mask.nii.gz") and "脑" in name for name in told["stripped"])  # type: ignore[attr-defined]
    assert told["exported"] == 2 * HEADS
    assert int(told["figures"]) > 10  # type: ignore[call-overload]


def calls_of(trace: Path) -> Counter[tuple[str, str]]:
    """Count the system calls of the network in a trace, by name and family of addresses."""
    found: Counter[tuple[str, str]] = Counter()
    for line in trace.read_text("utf-8", errors="replace").splitlines():
        call = CALL.match(line)
        if call is not None:
            family = FAMILY.search(call["rest"])
            found[call["call"], family[1] if family else ""] += 1
    return found


def opened(calls: Counter[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the calls that make, name or reach a socket; what is sent through one is none of them."""
    names = ("socket", "socketpair", "bind", "connect", "listen", "accept", "accept4")
    return {key for key in calls if key[0] in names}


def test_the_trace_is_read_rightly(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text(
        "12 socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [3, 4]) = 0\n"
        "12 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 5\n"
        '13 connect(5, {sa_family=AF_INET6, sin6_port=htons(80)}, 28) = -1\n13 sendto(3, "x", 1, 0, NULL, 0) = 1\n'
    )
    calls = calls_of(trace)
    assert opened(calls) - ALLOWED == {("socket", "AF_INET"), ("connect", "AF_INET6")}
    assert calls["sendto", ""] == 1


@pytest.mark.soak
def test_a_session_with_odd_names_on_a_german_computer_opens_no_socket(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not here")
    trace = tmp_path / "trace"
    before = ["strace", "-f", "--seccomp-bpf", "-e", "trace=%network", "-o", str(trace)]
    probe = subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("tracing is not allowed here")
    for alone in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and subprocess.run([*alone, "true"], capture_output=True).returncode == 0:
            # no network at all around it: what needs one fails
            before = [*alone, *before]
            break
    check(session(tmp_path, *before))
    calls = calls_of(trace)
    listed = ", ".join(f"{call} {family}: {count}" for (call, family), count in sorted(calls.items()))
    sys.stdout.write(f"calls of the network: {listed}; without a network: {before[0] == 'unshare'}\n")
    assert calls["socketpair", "AF_UNIX"] > 0, "the trace saw the children's pipes"
    assert opened(calls) <= ALLOWED, opened(calls) - ALLOWED
