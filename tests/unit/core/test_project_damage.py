"""Damage, versions of the format and what is no project: told by name, and nothing is opened empty or overwritten."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project_support import head

from core.errors import ProjectError
from core.learning.config import TrainingConfig
from core.learning.runs import create_run
from core.project import schema
from core.project.predictions import write_prediction
from core.project.project import Project
from core.project.verify import path_is_portable
from core.version import FORMAT


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "pilot.meninx") as opened:
        yield opened


def saved(project: Project) -> tuple[str, str]:
    scan = project.add_scan(head(), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    project.save_layers(annotation.id, {"brain": np.ones(scan.shape, np.uint8)}, {}, journal_sequence=1)
    return scan.id, annotation.id


@contextlib.contextmanager
def damaged(file: Path, at: int, bit: int) -> Iterator[None]:
    good = file.read_bytes()
    content = bytearray(good)
    content[at % len(content)] ^= 1 << bit
    file.write_bytes(bytes(content))
    try:
        yield
    finally:
        file.write_bytes(good)


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, str, str]]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MENINX_HOME", str(home))
        with Project.create(tmp_path_factory.mktemp("d") / "p") as project:
            yield project, *saved(project)


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, 100_000), bit=st.integers(0, 7))
def test_a_damaged_mask_stops_with_its_name(undamaged: tuple[Project, str, str], at: int, bit: int) -> None:
    project, _, annotation = undamaged
    relative = project.layers(annotation)["brain"].file
    with damaged(project.path / relative, at, bit):
        with pytest.raises(ProjectError, match="mask-corrupt") as caught:
            project.read_layer(annotation, "brain")
        assert caught.value.fields["file"] == relative
        assert [relative in problem for problem in project.verify()] == [True]


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, 100_000), bit=st.integers(0, 7))
def test_a_damaged_scan_stops_with_its_name(undamaged: tuple[Project, str, str], at: int, bit: int) -> None:
    project, scan, _ = undamaged
    relative = f"scans/{scan}.h5"
    with damaged(project.path / relative, at, bit):
        for read in (project.read_volume, lambda ref: project.read_slices(ref, 0, 1)):
            with pytest.raises(ProjectError, match="scan-corrupt") as caught:
                read(scan)
            assert caught.value.fields["file"] == relative
        assert [relative in problem for problem in project.verify()] == [True]


def test_a_damaged_scan_is_found_after_it_was_read_once(project: Project) -> None:
    scan, _ = saved(project)
    project.read_volume(scan)
    file = project.path / "scans" / f"{scan}.h5"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ProjectError, match="scan-corrupt"):
        project.read_slices(scan, 0, 1)


def test_predictions_are_checked_too(project: Project) -> None:
    scan, _ = saved(project)
    run = create_run(project, TrainingConfig(labels=("Brain",)))
    mask = np.ones(project.scan(scan).shape, np.uint8)
    record = write_prediction(project, run.id, scan, {"Brain": mask}, {"Brain": mask * 200})
    assert project.verify() == []
    assert path_is_portable(record.file)
    with damaged(project.path / record.file, 40, 3):
        assert [record.file in problem for problem in project.verify()] == [True]
    (project.path / record.file).unlink()
    assert [record.file in problem for problem in project.verify()] == [True]


def test_missing_files_are_named_and_nothing_is_opened_empty(project: Project) -> None:
    scan, annotation = saved(project)
    mask = project.layers(annotation)["brain"].file
    (project.path / mask).unlink()
    (project.path / "scans" / f"{scan}.h5").unlink()
    with pytest.raises(ProjectError, match="mask-missing"):
        project.read_layer(annotation, "brain")
    with pytest.raises(ProjectError, match="scan-missing"):
        project.read_volume(scan)
    problems = project.verify()
    assert len(problems) == 2
    assert any(mask in problem for problem in problems)


def test_a_mask_exchanged_for_another_good_one_is_found(project: Project) -> None:
    _, annotation = saved(project)
    scan = project.scans()[0]
    project.save_layers(annotation, {"brain": np.full(scan.shape, 2, np.uint8)}, {}, journal_sequence=2)
    old, new = project.layer_versions(annotation, "brain")
    (project.path / new.file).write_bytes((project.path / old.file).read_bytes())
    with pytest.raises(ProjectError, match="mask-corrupt"):
        project.read_layer(annotation, "brain")


@pytest.mark.parametrize("damage", ["empty", "garbage", "missing", "header", "foreign"])
def test_a_damaged_index_stops_the_opening_with_its_name(tmp_path: Path, damage: str) -> None:
    Project.create(tmp_path / "p").close()
    index = tmp_path / "p" / "project.sqlite"
    if damage == "missing":
        index.unlink()
    elif damage == "foreign":
        index.unlink()
        with sqlite3.connect(index) as connection:
            connection.execute("CREATE TABLE other (a)")
        connection.close()
    else:
        content = index.read_bytes()
        index.write_bytes({"empty": b"", "garbage": b"x" * len(content), "header": b"\0" * 100 + content[100:]}[damage])
    before = index.read_bytes() if index.exists() else None
    for read_only in (False, True):
        with pytest.raises(ProjectError, match="project-corrupt") as caught:
            Project.open(tmp_path / "p", read_only=read_only)
        assert caught.value.fields["file"].endswith("project.sqlite")
    # nothing was made in its place
    assert (index.read_bytes() if index.exists() else None) == before


# versions


def manifest(path: Path, **values: int) -> None:
    (path / "meninx.json").write_text(json.dumps({"format": FORMAT, "min_reader": 1} | values))


def test_a_newer_project_is_refused(tmp_path: Path) -> None:
    Project.create(tmp_path / "p").close()
    manifest(tmp_path / "p", format=9, min_reader=9)
    with pytest.raises(ProjectError, match="project-newer"):
        Project.open(tmp_path / "p")


def test_a_newer_index_is_refused_even_where_the_manifest_is_old(tmp_path: Path) -> None:
    Project.create(tmp_path / "p").close()
    with sqlite3.connect(tmp_path / "p" / "project.sqlite") as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(ProjectError, match="project-newer"):
        Project.open(tmp_path / "p")


def test_a_newer_project_that_old_readers_may_read_opens_read_only(tmp_path: Path) -> None:
    Project.create(tmp_path / "p").close()
    manifest(tmp_path / "p", format=FORMAT + 1)
    with Project.open(tmp_path / "p") as project:
        assert project.read_only


def test_an_older_index_is_brought_up_to_date_and_a_copy_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Project.create(tmp_path / "p") as project:
        saved(project)
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    steps = {schema.VERSION - 1: lambda connection: connection.execute("ALTER TABLE scan ADD COLUMN extra TEXT")}
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    with pytest.raises(ProjectError, match="project-older"):
        Project.open(tmp_path / "p", read_only=True)
    with Project.open(tmp_path / "p") as project:
        assert schema.version_of(project.store.read()) == schema.VERSION
        assert project.store.row("SELECT extra FROM scan")["extra"] is None
        assert project.verify() == []
    kept = tmp_path / "p" / f"project-v{schema.VERSION - 1}.sqlite"
    with sqlite3.connect(kept) as connection:
        assert schema.version_of(connection) == schema.VERSION - 1
        assert connection.execute("SELECT count(*) FROM scan").fetchone() == (1,)
    connection.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Project.create(tmp_path / "p").close()

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE test_look")
        raise RuntimeError("half way")

    with monkeypatch.context() as patch:
        patch.setattr(schema, "VERSION", schema.VERSION + 1)
        patch.setattr(schema, "MIGRATIONS", {schema.VERSION - 1: fails})
        with pytest.raises(RuntimeError, match="half way"):
            Project.open(tmp_path / "p")
    with Project.open(tmp_path / "p") as project:
        assert project.store.rows("SELECT * FROM test_look") == []


# opening and making


@pytest.mark.parametrize("what", ["nothing", "folder", "file"])
def test_what_is_no_project_is_said_so(tmp_path: Path, what: str) -> None:
    if what == "folder":
        (tmp_path / "p").mkdir()
    elif what == "file":
        (tmp_path / "p").write_text("x")
    with pytest.raises(ProjectError, match="project-missing"):
        Project.open(tmp_path / "p")


def test_a_project_is_never_made_over_something(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    Project.create(tmp_path / "p").close()
    with pytest.raises(ProjectError, match="project-exists"):
        Project.create(tmp_path / "p")
    (tmp_path / "q").write_text("x")
    with pytest.raises(ProjectError, match="project-exists"):
        Project.create(tmp_path / "q")


def test_the_manifest_opens_its_project(tmp_path: Path) -> None:
    Project.create(tmp_path / "pilot.meninx").close()
    with Project.open(tmp_path / "pilot.meninx" / "meninx.json") as project:
        assert project.name == "pilot"
