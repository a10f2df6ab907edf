"""A damaged mask is named, and an older whole version opens in its place; nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.commands import line
from core.editing.opening import open_annotation
from core.errors import ProjectError
from core.geometry import Geometry
from core.project.mending import find_damage, mend
from core.project.project import Project
from core.volume import Volume

SHAPE = (3, 12, 10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A project with one scan, on which anna has three versions of two layers."""
    with Project.create(tmp_path / "p.meninx") as project:
        for name in ("Brain", "Tumour"):
            project.ensure_label(name)
        scan = project.add_scan(Volume(np.zeros(SHAPE, np.int16), Geometry(SHAPE, np.eye(4))), patient="x")
        annotation = project.ensure_annotation(scan.id, "anna")
        for number in range(1, 4):
            mask = np.zeros(SHAPE, np.uint8)
            mask[0, :number] = 1
            project.save_layers(annotation.id, {"brain": mask, "lesions": mask}, {}, journal_sequence=0)
    return tmp_path / "p.meninx"


def damage(path: Path, layer: str, *back: int) -> dict[Path, bytes]:
    """Damage the versions of a layer, 0 the newest; return what is in the files."""
    with Project.open(path) as project:
        annotation = project.annotations(project.scans()[0].id)[0]
        versions = project.layer_versions(annotation.id, layer)
    files = {path / versions[-1 - one].file: b"rotten %d" % one for one in back}
    for file, content in files.items():
        file.write_bytes(content)
    return files


def test_whole_annotations_have_no_damage(path: Path) -> None:
    with Project.open(path) as project:
        scan = project.scans()[0].id
        assert find_damage(project, scan, "anna") == []
        assert find_damage(project, scan, "nobody") == []


def test_the_newest_whole_version_opens_and_the_damaged_files_stay(path: Path) -> None:
    files = damage(path, "lesions", 0, 1)
    with Project.open(path) as project:
        scan = project.scans()[0].id
        with pytest.raises(ProjectError, match="mask-corrupt"):
            open_annotation(project, scan, "anna")
        (found,) = find_damage(project, scan, "anna")
        assert (found.newest.sequence, found.code) == (3, "mask-corrupt")
        assert found.whole is not None
        assert found.whole.sequence == 1
        mend(project, [found])
        opened = open_annotation(project, scan, "anna")
        assert int(opened.editor.mask("lesions").sum()) == SHAPE[2]
        assert int(opened.editor.mask("brain").sum()) == 3 * SHAPE[2]
        opened.close()
        assert len(project.layer_versions(found.newest.annotation, "lesions")) == 4
    newest = next(file for file in files if file.name == Path(found.newest.file).name)
    assert not newest.exists()
    assert (path / "quarantine" / newest.name).read_bytes() == files[newest]


def test_without_a_whole_version_nothing_changes(path: Path) -> None:
    damage(path, "brain", 0)
    files = damage(path, "lesions", 0, 1, 2)
    with Project.open(path) as project:
        scan = project.scans()[0].id
        found = find_damage(project, scan, "anna")
        assert [one.whole is None for one in found] == [False, True]
        with pytest.raises(ProjectError, match="mask-no-version"):
            mend(project, found)
        assert len(project.layer_versions(found[0].newest.annotation, "brain")) == 3
    assert all(file.read_bytes() == content for file, content in files.items())


def test_a_file_that_is_gone_is_mended_too(path: Path) -> None:
    next(iter(damage(path, "brain", 0))).unlink()
    with Project.open(path) as project:
        (found,) = find_damage(project, project.scans()[0].id, "anna")
        assert found.code == "mask-missing"
        mend(project, [found])
        assert find_damage(project, project.scans()[0].id, "anna") == []
        assert project.verify() == []


def test_a_version_of_the_same_voxels_as_the_damaged_newest_is_written_anew(path: Path) -> None:
    with Project.open(path) as project:
        annotation = project.annotations(project.scans()[0].id)[0].id
        first, second, third = project.layer_versions(annotation, "brain")
        mask = project.read_version(first)
        project.save_layers(annotation, {"brain": mask}, {}, journal_sequence=0)
    damage(path, "brain", 0, 1)
    with Project.open(path) as project:
        project.restore_version(first)
        versions = project.layer_versions(annotation, "brain")
        assert [bool(one.removed) for one in versions] == [False, False, False, True, False]
        np.testing.assert_array_equal(project.read_layer(annotation, "brain"), mask)
        open_annotation(project, project.scans()[0].id, "anna").close()
    assert (second.sequence, third.sequence) == (2, 3)


def test_command_lists_and_restores(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(path, "lesions", 0)
    arguments = ["versions", str(path), "S0001", "--reader", "anna"]
    assert line.run([*arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["versions"]
    assert [(one["layer"], one["number"], one["state"]) for one in said][2:5] == [
        ("brain", 1, "whole"),
        ("lesions", 3, "mask-corrupt"),
        ("lesions", 2, "whole"),
    ]
    assert line.run([*arguments, "--restore"]) == 0
    assert "damaged file is in quarantine" in capsys.readouterr().out
    assert line.run([*arguments, "--restore", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["restored"] == []
    assert said["versions"][3]["state"] == "whole"
    assert line.run(["versions", str(path), "S0001", "--reader", "ben", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "reader-unknown"


def test_a_scan_that_nobody_drew_on_has_no_versions_and_that_is_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "p.meninx"
    with Project.create(path) as project:
        project.add_scan(Volume(np.zeros(SHAPE, np.int16), Geometry(SHAPE, np.eye(4))), patient="x")
    for more in ([], ["--restore"]):
        assert line.run(["versions", str(path), "S0001", *more]) == 0
        assert "Nobody has drawn on S0001 yet." in capsys.readouterr().out
