"""A project open twice in one process while another process writes to it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from core.project.project import Project

ROOT = Path(__file__).resolve().parents[3]
OTHER = """
import sys
from pathlib import Path
from core.project.project import Project
with Project.open(Path(sys.argv[1])) as project:
    for number in range(40):
        with project.store.transaction() as rows:
            rows.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (f"k{number}", "x" * 2000))
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX takes locks away with a descriptor; Windows does not")
def test_a_second_opening_does_not_cost_the_first_its_locks(tmp_path):
    path = tmp_path / "p.meninx"
    with Project.create(path) as project:
        with project.store.transaction() as rows:
            rows.execute("INSERT INTO meta (key, value) VALUES ('mine', '1')")
        Project.open(path).close()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", OTHER, str(path)], check=True, env=environment)
        # whoever closes while we are here must not take the log away under us
        assert (path / "project.sqlite-wal").exists()
        with project.store.transaction() as rows:
            rows.execute("INSERT INTO meta (key, value) VALUES ('mine too', '2')")
        subprocess.run([sys.executable, "-c", OTHER, str(path)], check=True, env=environment)
        keys = {row["key"] for row in project.store.rows("SELECT key FROM meta")}
        assert {"mine", "mine too", *(f"k{number}" for number in range(40))} <= keys
    with sqlite3.connect(path / "project.sqlite") as plain:
        assert [row[0] for row in plain.execute("PRAGMA integrity_check")] == ["ok"]
    plain.close()
    with Project.open(path) as again:
        assert not again.store.changed_outside
