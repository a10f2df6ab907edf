"""Projects as older programs wrote them open, say what they said then, and become today's.

Each zip in ``tests/golden`` was written by the program of its time, never by today's.
"""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.errors import ProjectError
from core.project import schema
from core.project.project import Project

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("format*.zip"))


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with zipfile.ZipFile(request.param) as bundle:
        bundle.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    return folder


def index_version(project: Path) -> int:
    connection = sqlite3.connect(project / "project.sqlite")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return version


def content(project: Project) -> dict[str, object]:
    """Return what a person would miss."""
    told: dict[str, object] = {"labels": [(label.name, label.layer, label.value) for label in project.labels()]}
    for scan in project.scans():
        volume = project.read_volume(scan.id)
        told[scan.name] = (scan.status, volume.shape, int(volume.array.sum()), scan.patient)
        for annotation in project.annotations(scan.id):
            for layer in ("brain", "lesions"):
                mask = project.read_layer(annotation.id, layer)
                assert mask is not None
                states = [(one.slice, one.origin, one.finished) for one in project.slice_states(annotation.id, layer)]
                told[f"{scan.name}/{layer}"] = (annotation.reader, int((mask > 0).sum()), states)
                told[f"{scan.name}/{layer}/versions"] = len(project.layer_versions(annotation.id, layer))
    return told


def test_there_is_a_golden_project_of_every_older_index() -> None:
    assert {int(path.stem.rpartition("index")[2]) for path in GOLDEN} == set(range(1, schema.VERSION))


def test_old_project_keeps_everything(old: Path) -> None:
    with Project.open(old) as project:
        assert project.verify() == []
        before = content(project)
        first = project.scans()[0]
        annotation = project.annotations(first.id)[0]
        assert annotation.reader == "anna"
        brain = project.read_layer(annotation.id, "brain")
    assert before["S0001/brain/versions"] == 3
    wanted = np.zeros((4, 24, 20), bool)
    wanted[:, 6:20, 4:16] = True
    assert brain is not None
    assert np.array_equal(brain > 0, wanted)
    assert index_version(old) == schema.VERSION
    with Project.open(old) as again:
        assert content(again) == before
        assert again.verify() == []


def test_an_older_index_that_may_not_be_changed_is_refused_in_words(old: Path) -> None:
    version = index_version(old)
    files = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    with pytest.raises(ProjectError) as refused:
        Project.open(old, read_only=True)
    assert refused.value.code == "project-older"
    assert index_version(old) == version
    assert {path: path.read_bytes() for path in files} == files


def test_a_migration_that_is_cut_short_leaves_the_old_one(old: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(old, tmp_path / "copy.meninx"))
    connection = sqlite3.connect(copy / "project.sqlite")
    steps = {one: lambda _index: 1 // 0 for one in range(1, schema.VERSION)}
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(ZeroDivisionError):
        schema.migrate(connection, migrations=steps)
    connection.rollback()
    connection.close()
    assert index_version(copy) == index_version(old)
    with Project.open(copy) as project:
        assert project.verify() == []
