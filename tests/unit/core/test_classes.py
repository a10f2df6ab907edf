"""Classes of scans and slices: by reader, taken back, kept apart, audited."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError, StorageError
from core.phantom import make_head
from core.project.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "small.meninx")
    for seed in range(2):
        made.add_scan(make_head(seed, shape=(5, 24, 20)).volume, patient=f"p{seed}", description="T1")
    return made


def told(project: Project, scan: str, reader: str | None = None) -> list[tuple[int | None, str, str, str]]:
    return [(one.slice, one.name, one.value, one.reader) for one in project.classes.of_scan(scan, reader=reader)]


def test_scan_and_slices_have_values_of_their_own(project: Project) -> None:
    first, second = (scan.id for scan in project.scans())
    project.classes.set(first, "stroke", "yes", reader="anna")
    project.classes.set(first, "stroke", "yes", reader="anna", slices=[3, 1, 3])
    project.classes.set(first, "stroke", "no", reader="ben")
    project.classes.set(second, "side", "left", reader="anna")
    assert told(project, first) == [
        (None, "stroke", "yes", "anna"),
        (None, "stroke", "no", "ben"),
        (1, "stroke", "yes", "anna"),
        (3, "stroke", "yes", "anna"),
    ]
    assert told(project, first, "ben") == [(None, "stroke", "no", "ben")]
    assert project.classes.names() == {"side": ("left",), "stroke": ("no", "yes")}
    project.classes.set(first, "stroke", "no", reader="anna", slices=[1])
    project.classes.set(first, "stroke", None, reader="anna")
    assert told(project, first, "anna") == [(1, "stroke", "no", "anna"), (3, "stroke", "yes", "anna")]
    assert project.verify() == []


@pytest.mark.parametrize(("name", "value"), [("", "yes"), ("stroke", "  "), ("a\nb", "yes"), ("x" * 61, "yes")])
def test_names_and_values_that_cannot_be_are_refused(project: Project, name: str, value: str) -> None:
    scan = project.scans()[0].id
    with pytest.raises(InputError) as refused:
        project.classes.set(scan, name, value, reader="anna")
    assert refused.value.code == "class-name"
    assert told(project, scan) == []


@pytest.mark.parametrize("place", [-1, 5])
def test_slices_that_are_not_there_are_refused_and_nothing_is_kept(project: Project, place: int) -> None:
    scan = project.scans()[0].id
    with pytest.raises(InputError) as refused:
        project.classes.set(scan, "stroke", "yes", reader="anna", slices=[2, place])
    assert refused.value.code == "class-slice"
    assert told(project, scan) == []


def test_a_project_that_is_only_read_keeps_its_classes(project: Project) -> None:
    scan = project.scans()[0].id
    project.classes.set(scan, "stroke", "yes", reader="anna")
    path = project.path
    project.close()
    with Project.open(path, read_only=True) as other:
        assert told(other, scan) == [(None, "stroke", "yes", "anna")]
        with pytest.raises(StorageError):
            other.classes.set(scan, "stroke", "no", reader="anna")
