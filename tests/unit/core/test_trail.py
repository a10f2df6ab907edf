"""The audit as people read it, and as a table that anybody can check."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from test_merging import begun, bundled, merged, step

from core.editing.opening import open_annotation
from core.project import audit
from core.project.project import Project
from core.project.records import Origin, ScanStatus
from core.project.saver import Saver
from core.team import comments, statuses
from core.team.trail import trail, write_csv

ROOT = Path(__file__).parents[3]


def test_every_action_that_the_program_writes_has_words(tmp_path: Path) -> None:
    written = set()
    for file in (*(ROOT / "core").rglob("*.py"), *(ROOT / "models").rglob("*.py")):
        written |= set(re.findall(r'audit\.append\([^"]*?"([a-z-]+)"', file.read_text("utf-8")))
    assert {"status", "draw", "merge"} - written == {"draw"}
    with Project.create(tmp_path / "p.meninx") as project:
        with project.store.transaction() as connection:
            for action in sorted(written - {"status"}):
                audit.append(connection, "anna", action, _Anything())
        for entry in trail(project):
            assert entry.what != entry.action, entry.action
            assert "{" not in entry.what


class _Anything(dict[str, str]):
    """Facts of any line."""

    def __init__(self) -> None:
        names = [
            "reader",
            "class",
            "value",
            "kind",
            "patients",
            "tag",
            "words",
            "readers",
            "from",
            "scans",
            "conflicts",
        ]
        super().__init__(dict.fromkeys(names, "x"))


def test_who_did_what_when_with_which_tool(tmp_path: Path) -> None:
    with Project.open(begun(tmp_path / "p.meninx", random.Random(3))) as project:
        scan = project.scans()[0]
        opened = open_annotation(project, scan.id, "dora")
        saver = Saver(project, opened)
        label = project.labels().named("Brain")
        mask = np.zeros((3, 5, 4), np.uint8)
        mask[1] = label.value
        opened.editor.replace("brain", mask, action="wand", label=label, origin=Origin.DRAWN)
        opened.editor.set_finished(["brain"], [1], True)
        saver.close()
        project.set_status(scan.id, ScanStatus.DONE)
        statuses.move(project, [scan.id], ScanStatus.RETURNED, reader="ben", words="=look here", slice=1)
        entries = trail(project, scan=scan.id)
        assert entries == [one for one in trail(project) if one.scan == scan.id]
        assert [one.at for one in trail(project)] == sorted(one.at for one in trail(project))
        drawn = next(one for one in entries if one.who == "dora" and one.action == "draw")
        assert scan.name in drawn.what
        assert "Wand 1" in drawn.tool
        last = [one.what for one in trail(project, reader="ben")][-2:]
        assert last == [f"{scan.name}: done, now returned", f"Comment on {scan.name}: =look here"]
        assert len(trail(project, most=3)) == 3
        assert next(one.sequence for one in trail(project, after=5)) == 6


def test_a_table_of_the_audit_can_be_checked_without_the_program(tmp_path: Path) -> None:
    draws = random.Random(5)
    one = begun(tmp_path / "one.meninx", draws)
    bundle = bundled(one, tmp_path / "one.mnxbundle")
    merged(tmp_path / "two.meninx", bundle)
    with Project.open(tmp_path / "two.meninx") as project:
        for _ in range(10):
            step(project, draws, "ben")
        comments.add(project, project.scans()[0].id, "=1+1", reader="ben")
        count = write_csv(project, tmp_path / "audit.csv")
    with (tmp_path / "audit.csv").open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == count > 40
    assert {row["copy"] for row in rows} == {"this copy", "merged in"}
    known = {row["hash"] for row in rows} | {"0" * 64}
    for row in rows:
        names = ("at", "who", "action", "facts", "previous")
        told = [int(row["sequence"]), *(row[name] for name in names)]
        assert hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest() == row["hash"]
        assert row["previous"] in known
        assert not row["what"].startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("back", [3600, 10**8])
def test_a_clock_that_goes_backwards_changes_no_order_within_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    with Project.open(begun(tmp_path / "p.meninx", random.Random(1))) as project:
        scan = project.scans()[0].id
        comments.add(project, scan, "first", reader="anna")
        monkeypatch.setattr("core.project.audit.utc_now", lambda: f"20{24 if back == 3600 else 10}-01-01T00:00:00.000Z")
        comments.add(project, scan, "second", reader="anna")
        words = [one.what for one in trail(project, scan=scan) if one.action == "comment"]
        assert [one.rpartition(": ")[2] for one in words][-2:] == ["first", "second"]
        assert project.verify() == []
