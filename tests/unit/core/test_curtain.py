"""What a blind reading keeps from the other readers beside its masks: classes, comments, lines of the audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_team_work import draw, ids, made

from core.commands.line import run
from core.project.project import Project
from core.team import assignments, comments
from core.team.curtain import classes_seen, comments_seen, curtain
from core.team.trail import trail


def study(path: Path) -> tuple[Project, str]:
    """Ben has answered and commented; he and Anna read the scan blind, Chris does not."""
    project = made(path, 2)
    scan = ids(project)[0]
    assignments.two_readers(project, [scan], "Anna", "Ben", by="Chris")
    draw(project, scan, "Ben")
    project.classes.set(scan, "stroke", "yes", reader="Ben")
    project.classes.set(scan, "stroke", "no", reader="Anna", slices=[1])
    comments.add(project, scan, "clearly here", reader="Ben")
    comments.add(project, scan, "my own", reader="Anna")
    return project, scan


def seen_by(project: Project, scan: str, viewer: str) -> tuple[dict[str, tuple[str, ...]], list[str], set[str]]:
    drawn = curtain(project, viewer)
    values = dict(classes_seen(project, drawn, scan, 3).values)
    said = [one.words for one in comments_seen(project, viewer, scan)[0]]
    lines = {f"{one.who} {one.action}" for one in trail(project, scan=scan) if not drawn.hides_line(one)}
    return values, said, lines


def test_until_all_are_done_a_blind_reader_learns_nothing_of_the_others(tmp_path: Path) -> None:
    project, scan = study(tmp_path)
    with project:
        values, said, lines = seen_by(project, scan, "Anna")
        assert values == {"stroke": ("no",)}
        assert said == ["my own"]
        assert {"Anna class", "Anna comment", "Chris assign"} <= lines
        assert not lines & {"Ben class", "Ben comment", "Ben draw"}
        assert comments_seen(project, "Anna") == (comments_seen(project, "Anna", scan)[0], 1)
        assert curtain(project, "Anna").hides(scan, "Chris"), "a third reader's answer would tell as much"
        assert not curtain(project, "Anna").hides(ids(project)[1], "Ben"), "nobody reads that scan blind"
        assert classes_seen(project, curtain(project, "Anna"), scan, 3).partly == {"stroke"}
        values, said, lines = seen_by(project, scan, "Chris")
        assert (values, said) == ({}, [])
        assert not lines & {"Ben class", "Anna class"}
        assignments.finish_reading(project, scan, "Anna")
        assert seen_by(project, scan, "Anna")[1] == ["my own"], "Ben is not done yet"
        assignments.finish_reading(project, scan, "Ben")
        for reader in ("Anna", "Ben", "Chris"):
            values, said, lines = seen_by(project, scan, reader)
            assert values == {"stroke": ("no", "yes")}
            assert said == ["clearly here", "my own"]
            assert {"Ben class", "Ben comment", "Anna class"} <= lines


def test_the_command_keeps_comments_back_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project, _ = study(tmp_path)
    project.close()
    assert run(["comment", str(project.path), "--as", "Anna"]) == 0
    told = capsys.readouterr().out
    assert "my own" in told
    assert "clearly here" not in told
    assert "is hidden until" in told
