"""One bit flipped in any stored file: the check says so, opening never shows a wrong mask, an old version is there.

pytest tests/faults/test_bit_rot.py                     60 flips
pytest tests/faults/test_bit_rot.py -m soak -s          1,000 flips (MENINX_FLIPS, MENINX_SEED)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from bitrot_support import full_project, stored

from core.editing.opening import open_annotation
from core.errors import MeninxError
from core.messages import sentence
from core.project.project import Project


def flip(file: Path, rng: np.random.Generator) -> None:
    """Flip one bit anywhere in a file."""
    content = bytearray(file.read_bytes())
    at = int(rng.integers(len(content) * 8))
    content[at // 8] ^= 1 << at % 8
    file.write_bytes(bytes(content))


def masks_of(project: Project) -> tuple[dict[str, np.ndarray], list[tuple[str, int, bytes]]]:
    """Return the masks as they open, and all saved versions that can be read."""
    # with a damaged index rows may be gone; that it was changed has been told on opening
    annotations = [one for scan in project.scans() for one in project.annotations(scan.id)]
    if not annotations:
        return {}, []
    annotation = annotations[0]
    opened = open_annotation(project, annotation.scan, annotation.reader)
    now = {layer: opened.editor.mask(layer).copy() for layer in ("brain", "lesions")}
    opened.close()
    versions = []
    for layer in ("brain", "lesions"):
        for version in project.layer_versions(annotation.id, layer):
            try:
                versions.append((layer, version.sequence, project.read_version(version).tobytes()))
            except MeninxError:
                continue
    return now, versions


def flips(count: int, seed: int, tmp: Path) -> Counter[str]:
    """Flip one bit in a copy, again and again; return how often in which kind of file."""
    rng = np.random.default_rng(seed)
    whole = full_project(tmp / "whole.meninx")
    with Project.open(whole) as project:
        assert project.notices == ()
        assert project.verify() == []
        before, versions = masks_of(project)
    shutil.copytree(whole, tmp / "copy.meninx")
    files = stored(whole)
    kinds: Counter[str] = Counter()
    for number in range(count):
        file = files[number % len(files)]
        relative = file.relative_to(whole)
        copy = tmp / "copy.meninx"
        flip(copy / relative, rng)
        kinds[relative.parts[0]] += 1
        try:
            with Project.open(copy) as project:
                noticed = bool(project.notices)
                problems = project.verify()
                assert all(problem.endswith(".") for problem in problems)
                look_at_masks(project, before, versions, relative)
        except MeninxError as error:
            noticed, problems = True, [sentence(error)]
        assert problems, f"a flip in {relative} was not noticed"
        if relative.name == "project.sqlite":
            assert noticed, "opening said nothing of a changed index"
        shutil.rmtree(copy)
        shutil.copytree(whole, copy)
    return kinds


def look_at_masks(
    project: Project, before: dict[str, np.ndarray], versions: list[tuple[str, int, bytes]], changed: Path
) -> None:
    """Check that the masks open as they were, or not at all; then a version before is still there."""
    refused: MeninxError | None = None
    try:
        now, left = masks_of(project)
    except MeninxError as error:
        refused = error
    if refused is not None:
        # nothing is opened empty instead, and the file is named
        assert changed.parts[0] in {"masks", "project.sqlite"}
        if changed.parts[0] == "masks":
            assert refused.code == "mask-corrupt"
            assert changed.as_posix() in sentence(refused)
        return
    if changed.parts[0] != "project.sqlite":
        for layer, mask in before.items():
            np.testing.assert_array_equal(now[layer], mask)
        lost = 1 if changed.parts[0] == "masks" else 0
        assert len([one for one in left if one in versions]) == len(versions) - lost


def test_sixty_flips(tmp_path: Path) -> None:
    kinds = flips(60, 20261128, tmp_path)
    assert set(kinds) == {
        "journal", "masks", "meninx.json", "predictions", "project.sqlite", "project.sqlite.sha256", "runs", "scans"
    }  # fmt: skip


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_thousand_flips(tmp_path: Path) -> None:
    count = int(os.environ.get("MENINX_FLIPS", "1000"))
    seed = int(os.environ.get("MENINX_SEED", str(time.time_ns() % 2**31)))
    sys.stderr.write(f"\nseed {seed}\n")
    kinds = flips(count, seed, tmp_path)
    sys.stderr.write(f"{kinds.total()} flips, all noticed: {dict(kinds)}\n")
    assert kinds.total() == count


def test_an_old_version_takes_the_place_of_a_damaged_mask(tmp_path: Path) -> None:
    path = full_project(tmp_path / "p.meninx")
    with Project.open(path) as project:
        annotation = project.annotations(project.scans()[0].id)[0]
        newest = project.layers(annotation.id)["lesions"]
        older = project.layer_versions(annotation.id, "lesions")[-2]
        wanted = project.read_version(older)
        (project.path / newest.file).write_bytes(b"rotten")
        with pytest.raises(MeninxError, match="mask-corrupt"):
            open_annotation(project, "S0001", "anna")
        project.restore_version(older)
        opened = open_annotation(project, "S0001", "anna")
        np.testing.assert_array_equal(opened.editor.mask("lesions"), wanted)
        opened.close()
        # the damaged file is kept for inspection, and no longer a problem of the project
        assert [file.name for file in (path / "quarantine").iterdir()] == [Path(newest.file).name]
        assert project.verify() == []


def test_a_closed_index_that_somebody_wrote_to_is_told_of_until_it_is_written_again(tmp_path: Path) -> None:
    path = full_project(tmp_path / "p.meninx")
    # by SQLite itself: a bit of the file may lie in a tree of SQLite's, which then refuses to write
    with contextlib.closing(sqlite3.connect(path / "project.sqlite")) as other, other:
        assert other.execute("UPDATE label SET name = 'Uumour' WHERE name = 'Tumour'").rowcount == 1
    for _ in range(2):
        with Project.open(path) as project:
            assert project.notices == ("index-changed",)
            assert project.verify() != []
    with Project.open(path) as project:
        project.ensure_label("Other")
    with Project.open(path) as project:
        assert project.notices == ()


def test_a_crash_leaves_no_seal_that_would_cry_wolf(tmp_path: Path) -> None:
    path = full_project(tmp_path / "p.meninx")
    project = Project.open(path)
    project.ensure_label("Other")
    # as a crash leaves it: the log beside the index, nothing closed
    shutil.copytree(path, tmp_path / "crashed.meninx")
    project.close()
    assert not (tmp_path / "crashed.meninx" / "project.sqlite.sha256").exists()
    with Project.open(tmp_path / "crashed.meninx") as crashed:
        assert crashed.notices == ()
        assert crashed.labels().find("Other") is not None
        assert crashed.verify() == []
    assert (tmp_path / "crashed.meninx" / "project.sqlite.sha256").is_file()
