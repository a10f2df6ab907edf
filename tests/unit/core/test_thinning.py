"""Old versions: which are kept, and that undo, checks and runs never miss one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.editing.opening import open_annotation
from core.errors import ProjectError
from core.geometry import Geometry, Plane
from core.labels import LabelSet
from core.learning.config import TrainingConfig
from core.learning.runs import Pin, create_run, pin_scans
from core.project import thinning
from core.project.project import Project
from core.project.records import LayerVersion
from core.project.saver import Saver
from core.project.thinning import NEWEST, superfluous, thin
from core.volume import Volume

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SHAPE = (2, 12, 12)


def version(sequence: int, age: timedelta, *, action: str = "draw", removed: str = "") -> LayerVersion:
    created = (NOW - age).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return LayerVersion("a", "brain", sequence, f"sha{sequence}", "f", sequence, created, {}, "anna", action, removed)


def kept(versions: list[LayerVersion], pinned: tuple[str, ...] = ()) -> list[int]:
    gone = {one.sequence for one in superfluous(versions, pinned, NOW)}
    return [one.sequence for one in versions if one.sequence not in gone]


def test_the_newest_are_kept_then_one_an_hour_a_day_a_week() -> None:
    minutes = [version(number, timedelta(minutes=200 - number)) for number in range(1, 61)]
    assert kept(minutes) == [19, *range(41, 61)]  # 9:00 begins with 20
    young = [version(number, timedelta(seconds=100 - number)) for number in range(1, 61)]
    assert kept(young) == list(range(1, 61))
    # 30 days, four versions a day, the oldest first
    days = [version(number, timedelta(days=30) - timedelta(hours=6 * number)) for number in range(120)]
    left = kept(days)
    assert left[-NEWEST:] == list(range(100, 120))
    of_days = {days[number].created[:10] for number in left if days[number].created >= "2026-11-08"}
    assert of_days == {f"2026-11-{day:02}" for day in range(8, 22)}
    # Sunday is the last day of a week
    assert [days[number].created[:10] for number in left[:2]] == ["2026-10-25", "2026-11-01"]
    assert len(left) < 40
    # the last of a day, not the first
    of_old = [number for number in left if number < 100 and days[number].created[:10] != "2026-11-07"]
    assert all(days[number + 1].created[:10] != days[number].created[:10] for number in of_old)


def test_what_runs_learnt_from_and_what_came_in_is_kept() -> None:
    many = [version(number, timedelta(minutes=200 - number)) for number in range(1, 61)]
    many[4] = version(5, timedelta(minutes=195), action="mask")
    many[6] = version(7, timedelta(minutes=193), removed="2026-11-20T00:00:00.000Z")
    assert kept(many, ("sha9",))[:5] == [5, 7, 9, 19, 41]
    assert [one.sequence for one in superfluous(many[:3], (), NOW)] == []


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(thinning, "YOUNG", timedelta(0))
    with Project.create(tmp_path / "p") as project:
        project.set_labels(LabelSet().with_label("Brain"))
        project.add_scan(Volume(np.ones(SHAPE, np.int16), Geometry(SHAPE, np.eye(4))), patient=None)
    return tmp_path / "p"


def draw(project: Project, strokes: int, *, first: int = 0) -> None:
    opened = open_annotation(project, "S0001", "anna")
    saver = Saver(project, opened, delay=60)
    view = opened.editor.geometry.view(Plane.AXIAL)
    for number in range(strokes):
        # every version another picture: what a run learnt from is known by its hash
        opened.editor.begin("brush", project.labels().named("Brain"))
        opened.editor.dab(view, 0, divmod(first + number, 11), divmod(first + number, 11), 0.5)
        assert opened.editor.commit() is not None
        saver.flush()
    saver.close()


def test_drawing_for_long_keeps_few_files_and_all_of_undo(path: Path) -> None:
    with Project.open(path) as project:
        draw(project, 10)
        annotation = project.annotations(project.scans()[0].id)[0]
        pinned = project.layer_versions(annotation.id, "brain")[3]
        run = create_run(project, TrainingConfig(labels=("Brain",)))
        scan = project.scans()[0]
        pin_scans(project, run.id, [Pin(scan.id, "train", scan.sha256, {"brain": pinned.sha256})])
        draw(project, 60, first=10)
        versions = project.layer_versions(annotation.id, "brain")
        assert [one.sequence for one in versions] == list(range(1, 71))
        there = [one for one in versions if not one.removed]
        assert NEWEST < len(there) < NEWEST + 12
        assert there[0].sequence == 4
        assert sorted((project.path / one.file).name for one in there) == sorted(
            file.name for file in (project.path / there[0].file).parent.iterdir()
        )
        assert project.verify() == []
        with pytest.raises(ProjectError, match="version-thinned"):
            project.read_version(versions[0])
        opened = open_annotation(project, "S0001", "anna")
        assert opened.set_aside is None
        undone = 0
        while opened.editor.undo() is not None:
            undone += 1
        assert undone == 70
        assert not opened.editor.mask("brain").any()
        opened.close()


def test_a_thinned_file_that_a_crash_left_is_taken_away(path: Path) -> None:
    import os

    with Project.open(path) as project:
        draw(project, 31)
        annotation = project.annotations(project.scans()[0].id)[0]
        gone = next(one for one in project.layer_versions(annotation.id, "brain") if one.removed)
        file = project.path / gone.file
        file.write_bytes(b"left")
        os.utime(file, (1, 1))
        assert project.verify() == []
        assert not file.exists()
        assert not (project.path / "quarantine").exists()
        assert thin(project, annotation.id) == []
