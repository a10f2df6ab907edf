"""Closing a project while other threads read it: seen to end the process before connections were held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys, threading, time
from pathlib import Path
import numpy as np
from core.errors import ProjectError
from core.geometry import Geometry
from core.project.project import Project
from core.volume import Volume

path = Path(sys.argv[1])
with Project.create(path) as project:
    for number in range(20):
        array = np.full((2, 8, 8), number, np.uint8)
        project.add_scan(Volume(array, Geometry.of_picture(8, 8, 2)), patient=str(number))
ends = []

def read(project):
    try:
        while True:
            for scan in project.scans():
                project.annotations(scan.id)
    except ProjectError as error:
        ends.append(error.code)

for turn in range(40):
    project = Project.open(path)
    threads = [threading.Thread(target=read, args=(project,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.01 + 0.001 * turn)
    project.close()
    for thread in threads:
        thread.join()
assert ends == ["project-closed"] * 160, set(ends)
"""


def test_closing_never_ends_the_process_and_readers_hear_of_it(tmp_path: Path, own_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "p.meninx")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
