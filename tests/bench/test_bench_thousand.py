"""512 x 512 x 1000 in the real window: first slice, scroll, stroke, memory.

Run alone: ``pytest tests/bench/test_bench_thousand.py -s``. The scan is made by
one process and opened by another, whose memory is read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCROLL_P99_MS = 33.0
STROKE_P99_MS = 16.0
MOST_MB = 3072
SCRIPT = Path(__file__).with_name("thousand.py")


def test_a_thousand_slices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(SCRIPT.parents[2])
    home = {"MENINX_HOME": str(tmp_path / "home"), "PYTHONPATH": root}
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ, **home}
    made = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import pathlib, thousand;"
    made += f" thousand.make(pathlib.Path({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", made], check=True, env=environment, timeout=600)
    command = [sys.executable, str(SCRIPT), str(tmp_path / "thousand.meninx")]
    answer = subprocess.run(command, check=True, env=environment, timeout=600, stdout=subprocess.PIPE, text=True)
    found = json.loads(answer.stdout.strip().splitlines()[-1])
    with capsys.disabled():
        sys.stdout.write(f"\n512 x 512 x 1000: {json.dumps(found, indent=1)}; load {os.getloadavg()[0]:.1f}\n")
    assert found["scroll_p99"] <= SCROLL_P99_MS
    assert found["stroke_p99"] <= STROKE_P99_MS
    assert found["most_mb"] <= MOST_MB
