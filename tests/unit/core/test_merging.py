"""Two copies of a project, edited apart, become one again: the same in either order, and nothing is lost."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.editing.editor import Editor
from core.editing.opening import open_annotation
from core.errors import StorageError
from core.events import Finished
from core.geometry import Box, Geometry, Plane
from core.ids import new_id
from core.labels import LabelSet
from core.learning.frozen import freeze_test, thaw_test
from core.project import maskfile
from core.project import relabel as relabelling
from core.project.measurements import Measurement
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.project.saver import Saver
from core.team import assignments, comments, merging, reading_time, statuses, tags
from core.team.bundle import bundle_job
from core.team.conflicts import conflicts
from core.team.merging import merge_job
from core.team.readers import add_reader
from core.volume import Volume

SHAPE = (3, 5, 4)
READERS = ("anna", "ben")
STEPS = 200


def volume(draws: random.Random) -> Volume:
    array = np.array([draws.randrange(500) for _ in range(60)], dtype=np.int16).reshape(SHAPE)
    return Volume(array, Geometry(SHAPE, np.diag([1.0, 1, 3, 1])), modality="MR")


def begun(path: Path, draws: random.Random) -> Path:
    with Project.create(path) as project:
        project.set_labels(LabelSet().with_label("Brain").with_label("Tumour"))
        for number in range(4):
            project.add_scan(volume(draws), patient=f"Doe {number}")
        for _ in range(25):
            step(project, draws, draws.choice(READERS))
    return path


# one random step


def draw(project: Project, draws: random.Random, who: str) -> None:
    scan = draws.choice(project.scans())
    annotation = project.ensure_annotation(scan.id, who)
    labels = list(project.labels())
    layer = draws.choice(sorted({label.layer for label in labels}))
    mask = project.read_layer(annotation.id, layer)
    mask = np.zeros(SHAPE, np.uint8) if mask is None else mask
    value = draws.choice([0, *(label.value for label in labels if label.layer == layer)])
    mask[draws.randrange(3), draws.randrange(5) :, draws.randrange(4) :] = value
    states = [SliceState(number, Origin.DRAWN, None, draws.random() < 0.5, who, 1.0) for number in range(3)]
    project.save_layers(annotation.id, {layer: mask}, {layer: states}, journal_sequence=0)


def add_scan(project: Project, draws: random.Random, who: str) -> None:
    project.add_scan(volume(draws), patient=f"Doe {draws.randrange(9)}")


def move(project: Project, draws: random.Random, who: str) -> None:
    scan = draws.choice(project.scans())
    after = draws.choice(statuses.MOVES[scan.status])
    statuses.move(project, [scan.id], after, reader=who, words="why", slice=draws.choice([None, 0, 2]))


def tag(project: Project, draws: random.Random, who: str) -> None:
    scan = draws.choice(project.scans())
    tags.tag(project, [scan.id], draws.choice("abc"), by=who, on=draws.random() < 0.6)


def assign(project: Project, draws: random.Random, who: str) -> None:
    scan, reader = draws.choice(project.scans()).id, draws.choice(READERS)
    given = [one for one in assignments.assignments(project, scan) if one.reader == reader]
    if given and draws.random() < 0.3:
        assignments.unassign(project, [scan], reader, by=who)
    elif given and not given[0].done:
        assignments.finish_reading(project, scan, reader)
    else:
        assignments.assign(project, [scan], reader, by=who, role=draws.choice(["reader", "second"]))


def comment(project: Project, draws: random.Random, who: str) -> None:
    scan = draws.choice(project.scans()).id
    there = comments.of_scan(project, scan)
    if there and draws.random() < 0.4:
        comments.settle(project, draws.choice(there).id, reader=who, settled=draws.random() < 0.7)
    else:
        comments.add(project, scan, f"words {draws.randrange(999)}", reader=who, slice=draws.choice([None, 1]))


def classify(project: Project, draws: random.Random, who: str) -> None:
    scan, value = draws.choice(project.scans()).id, draws.choice(["yes", "no", None])
    project.classes.set(scan, "stroke", value, reader=who, slices=draws.choice([None, [0, 2]]))
    if draws.random() < 0.2:
        project.classes.define(draws.choice(["stroke", "side"]), draws.sample(["yes", "no", "left"], 2), reader=who)


def measure(project: Project, draws: random.Random, who: str) -> None:
    scan = draws.choice(project.scans()).id
    there = project.measurements.of_scan(scan)
    if there and draws.random() < 0.4:
        project.measurements.remove([draws.choice(there)], reader=who)
    else:
        project.measurements.add(Measurement(scan, who, "distance", 0, 1, ((0.0, 0.0, 1.0), (2.0, 2.0, 1.0))))


def relabel(project: Project, draws: random.Random, who: str) -> None:
    labels = project.labels()
    label = draws.choice(list(labels))
    kind = draws.randrange(4)
    if kind == 0:
        project.ensure_label(draws.choice(["Oedema", "Cyst", "Clot", "Rim"]))
    elif kind == 1 and label.name != "Brain":
        name = draws.choice(["Lesion", "Mass", label.name])
        if labels.find(name) in (None, label):
            project.set_labels(labels.with_changed(label.name, new_name=name))
    elif kind == 2:
        project.set_labels(labels.with_changed(label.name, color=f"#{draws.randrange(1 << 24):06x}"))
    elif not project.scans_with_label(label) and len(labels) > 2:
        rows = project.store.rows("SELECT counts FROM layer_version WHERE layer = ?", label.layer)
        if not any(str(label.value) in json.loads(row[0]) for row in rows):
            project.set_labels(labels.without(label.name))


def spend(project: Project, draws: random.Random, who: str) -> None:
    reading_time.keep(project, new_id(), draws.choice(project.scans()).id, who, draws.uniform(1, 500))


def freeze(project: Project, draws: random.Random, who: str) -> None:
    if not thaw_test(project):
        freeze_test(project, [draws.choice(project.scans()).patient])


def add_person(project: Project, draws: random.Random, who: str) -> None:
    add_reader(project, f"reader {draws.randrange(4)}", by=who)


ACTS: tuple[Callable[[Project, random.Random, str], None], ...] = (
    *(draw,) * 6,
    *(move,) * 3,
    *(tag, assign, comment, classify, measure) * 2,
    relabel,
    spend,
    add_scan,
    freeze,
    add_person,
)


def step(project: Project, draws: random.Random, who: str) -> None:
    draws.choice(ACTS)(project, draws, who)


# what a copy holds


def masks_of(project: Project) -> dict[tuple[str, str, str], Any]:
    """Return masks by scan, reader and layer: which label (by its origins) has which voxels, and what is finished."""
    rows = project.store.rows("SELECT layer, value, origins FROM label")
    origins = {(row[0], row[1]): row[2].splitlines() for row in rows}
    found: dict[tuple[str, str, str], Any] = {}
    for scan in project.scans():
        for annotation in project.annotations(scan.id):
            for layer in sorted(project.layers(annotation.id)):
                mask = project.read_layer(annotation.id, layer)
                assert mask is not None
                values = {int(value) for value in np.unique(mask)} - {0}
                content = {
                    tuple(origins[layer, value]): maskfile.content_hash((mask == value).astype(np.uint8))
                    for value in values
                }
                states = tuple((one.slice, one.finished) for one in project.slice_states(annotation.id, layer))
                found[scan.id, annotation.reader, layer] = (content, states)
    return found


def content(project: Project) -> dict[str, Any]:
    """Return everything that must be the same in both copies; scans and patients have names of their own in each."""
    rows = project.store.rows
    told: dict[str, Any] = {"masks": masks_of(project)}
    told["scans"] = sorted(map(tuple, rows("SELECT id, patient, status, reason, sha256, affine FROM scan")))
    told["labels"] = sorted(map(tuple, rows("SELECT layer, value, name, color, removed, origins FROM label")), key=str)
    for table in ("class_value", "measurement", "reader", "assignment", "tag", "comment", "reading_time"):
        told[table] = sorted(map(tuple, rows(f"SELECT * FROM {table}")))
    told["meta"] = sorted(map(tuple, rows("SELECT * FROM meta WHERE key = 'frozen_test'")))
    told["classes"] = project.classes.names()
    told["conflicts"] = sorted(map(tuple, rows("SELECT id, kind FROM conflict")))
    return told


def merged(into: Path, bundle: Path, **options: Any) -> dict[str, Any]:
    *_, last = merge_job(into, bundle, **options)
    assert isinstance(last, Finished)
    return last.result


def bundled(project: Path, file: Path, **options: Any) -> Path:
    *_, last = bundle_job(project, file, **options)
    assert isinstance(last, Finished)
    return file


def lines(project: Project) -> set[str]:
    return {row[0] for row in project.store.rows("SELECT hash FROM audit UNION ALL SELECT hash FROM audit_merged")}


def check_nothing_lost(before: Path, base: dict[tuple[str, str, str], Any], after: Path) -> None:
    """Whatever a copy had changed is in the merged one: each saved version, the newest as that of a reading."""
    with Project.open(before) as old, Project.open(after) as new:
        sha = "SELECT sha256 FROM layer_version"
        assert {row[0] for row in old.store.rows(sha)} <= {row[0] for row in new.store.rows(sha)}
        assert lines(old) <= lines(new)
        for table in ("scan", "reading_time"):
            ids = f"SELECT id FROM {table}"
            assert {row[0] for row in old.store.rows(ids)} <= {row[0] for row in new.store.rows(ids)}
        words = "SELECT id, words FROM comment"
        assert {tuple(row) for row in old.store.rows(words)} <= {tuple(row) for row in new.store.rows(words)}
        there: dict[tuple[str, str], list[Any]] = {}
        for (scan, _, layer), mask in masks_of(new).items():
            there.setdefault((scan, layer), []).append(mask)
        for place, (labels, states) in masks_of(old).items():
            if base.get(place) == (labels, states):
                continue
            scan, _, layer = place

            def same(found: Any, labels: Any = labels, states: Any = states) -> bool:
                known = [(set(lines), voxels) for lines, voxels in found[0].items()]
                matched = all(
                    any(set(one) <= many and voxels == them for many, them in known) for one, voxels in labels.items()
                )
                return matched and len(known) == len(labels) and found[1] == states

            assert any(same(found) for found in there[scan, layer]), place


@pytest.mark.parametrize("seed", range(int(os.environ.get("MENINX_MERGES", "2"))))
def test_two_copies_edited_apart_for_200_steps_merge_the_same_in_either_order(tmp_path: Path, seed: int) -> None:
    draws = random.Random(seed)
    one = begun(tmp_path / "one.meninx", draws)
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    with Project.open(one) as project:
        base = masks_of(project)
    for path in (one, two):
        with Project.open(path) as project:
            for _ in range(STEPS):
                # each copy has a reader of its own for the most part; anna draws on both
                step(project, draws, draws.choice(READERS if path == two else READERS[:1]))
    first = bundled(one, tmp_path / "one.mnxbundle")
    second = bundled(two, tmp_path / "two.mnxbundle")
    left = Path(shutil.copytree(one, tmp_path / "left.meninx"))
    right = Path(shutil.copytree(two, tmp_path / "right.meninx"))
    result = merged(left, second)
    assert result["conflicts"], "two hundred steps without a conflict test nothing"
    merged(right, first)
    with Project.open(left) as ours, Project.open(right) as theirs:
        assert ours.verify() == []
        assert theirs.verify() == []
        here, there = content(ours), content(theirs)
        for part in here:
            assert here[part] == there[part], part
        assert [one.words for one in conflicts(ours)]
    for before in (one, two):
        check_nothing_lost(before, base, left)
        check_nothing_lost(before, base, right)
    # merged again nothing changes, and going on from there the copies stay one
    assert merged(left, second)["already"]
    with Project.open(left) as project:
        assert content(project) == here
        for _ in range(20):
            step(project, draws, "anna")
        then = content(project)
        assert project.verify() == []
    third = bundled(left, tmp_path / "three.mnxbundle")
    for other in (right, one, two):
        result = merged(other, third)
        with Project.open(other) as project:
            assert content(project) == then, other
            assert project.verify() == []


def test_a_label_that_one_took_away_and_the_other_drew_with_is_back(tmp_path: Path) -> None:
    draws = random.Random(1)
    one = begun(tmp_path / "one.meninx", draws)
    with Project.open(one) as project:
        project.set_labels(project.labels().with_label("Clot"))
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    with Project.open(one) as project:
        # told of twice here: the line that both know is not the last one of this copy
        project.set_labels(project.labels().with_changed("Clot", color="#123456"))
        project.set_labels(project.labels().without("Clot"))
    with Project.open(two) as project:
        scan, label = project.scans()[0], project.labels().named("Clot")
        annotation = project.ensure_annotation(scan.id, "ben")
        mask = np.full(SHAPE, label.value, np.uint8)
        states = [SliceState(number, Origin.DRAWN, None, True, "ben", 1.0) for number in range(3)]
        project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)
    first, second = bundled(one, tmp_path / "one.mnxbundle"), bundled(two, tmp_path / "two.mnxbundle")
    assert [found["kind"] for found in merged(one, second)["conflicts"]] == ["label-back"]
    assert [found["kind"] for found in merged(two, first)["conflicts"]] == ["label-back"]
    with Project.open(one) as ours, Project.open(two) as theirs:
        assert ours.verify() == theirs.verify() == []
        assert content(ours) == content(theirs)
        assert ours.labels().find("Clot") is not None


def drawn(path: Path, place: tuple[int, int]) -> None:
    """Draw as the window does it: through an editor with its journal."""
    with Project.open(path) as project:
        opened = open_annotation(project, project.scans()[0].id, "anna")
        editor = opened.editor
        editor.begin("brush", project.labels().named("Tumour"))
        editor.dab(editor.geometry.view(Plane.AXIAL), 1, place, place, 0.6)
        assert editor.commit()
        Saver(project, opened).close()


def test_masks_that_a_merge_changed_open_without_a_warning_about_their_journal(tmp_path: Path) -> None:
    one = begun(tmp_path / "one.meninx", random.Random(3))
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    drawn(one, (0, 0))
    drawn(two, (3, 2))
    merged(one, bundled(two, tmp_path / "two.mnxbundle"))
    with Project.open(one) as project:
        scan = project.scans()[0].id
        names = {row.reader for row in project.annotations(scan)}
        for name in names:
            opened = open_annotation(project, scan, name)
            assert opened.set_aside is None, name
            assert not opened.recovered_steps
            opened.close()
        assert project.verify() == []
        # what was in it is kept
        assert list((one / "journal").glob("*-aside-*"))


def two_with_labels_of_their_own(folder: Path) -> tuple[Path, Path]:
    """Return two copies, each with a label of its own at the value 3 of one layer."""
    one = begun(folder / "one.meninx", random.Random(3))
    with Project.open(one) as project:
        project.ensure_label("Cyst")
    two = Path(shutil.copytree(one, folder / "two.meninx"))
    for path, name in ((one, "Rim"), (two, "Clot")):
        with Project.open(path) as project:
            project.ensure_label(name)
    return one, two


def stroke(project: Project, name: str, row: int, undone: bool = False) -> None:
    opened = open_annotation(project, project.scans()[0].id, "eve")
    saver = Saver(project, opened)
    opened.editor.begin("brush", project.labels().named(name))
    box = Box((1, row, 0), (2, row + 1, 4))
    opened.editor.paint(box, np.ones(box.shape, bool))
    assert opened.editor.commit()
    if undone:
        opened.editor.undo()
    saver.close()


def voxels(editor: Editor, labels: LabelSet) -> dict[str, int]:
    return {label.name: editor.label_voxels(label) for label in labels if editor.label_voxels(label)}


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("undone", [False, True])
def test_no_undo_after_a_merge_draws_with_the_value_that_a_label_had_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undone: bool, refused: bool
) -> None:
    one, two = two_with_labels_of_their_own(tmp_path)
    if refused:
        # the disk does not let the journal go
        monkeypatch.setattr(merging, "begin_journal_anew", failing)
    with Project.open(one) as project:
        stroke(project, "Rim", 0, undone)
        stroke(project, "Rim", 1, undone)
        stroke(project, "Tumour", 2)
        if undone:
            stroke(project, "Rim", 3, undone)
        former = project.labels().named("Rim").value
    merged(one, bundled(two, tmp_path / "two.mnxbundle"))
    with Project.open(one) as project:
        assert project.labels().named("Rim").value != former
        assert len(list((one / "journal").glob("*-aside-*"))) == (0 if refused else 1)
        opened = open_annotation(project, project.scans()[0].id, "eve")
        drawn = {"Tumour": 4} if undone else {"Rim": 8, "Tumour": 4}
        assert voxels(opened.editor, project.labels()) == drawn
        assert (opened.set_aside is not None) is refused
        assert not opened.editor.undo_available
        assert not opened.editor.redo_available
        # a history that begins anew is read back again
        opened.close()
        stroke(project, "Rim", 4)
        assert project.verify() == []
        opened = open_annotation(project, project.scans()[0].id, "eve")
        opened.editor.undo()
        assert voxels(opened.editor, project.labels()) == drawn
        opened.close()


def failing(project: Project, annotation: str) -> None:
    raise StorageError("read-only", file=project.path)


def test_a_merge_leaves_undo_where_no_value_changed(tmp_path: Path) -> None:
    one, two = two_with_labels_of_their_own(tmp_path)
    with Project.open(one) as project:
        stroke(project, "Tumour", 2)
        stroke(project, "Brain", 2)
        former = project.labels().named("Rim").value
    merged(one, bundled(two, tmp_path / "two.mnxbundle"))
    with Project.open(one) as project:
        assert project.labels().named("Rim").value != former
        opened = open_annotation(project, project.scans()[0].id, "eve")
        assert opened.set_aside is None
        assert opened.editor.undo()
        assert voxels(opened.editor, project.labels()) == {"Tumour": 4}
        opened.close()


def counted(path: Path, reader: str) -> dict[str, int]:
    with Project.open(path) as project:
        annotation = project.annotation(project.scans()[0].id, reader)
        assert annotation is not None
        mask = project.read_layer(annotation.id, "lesions")
        return {label.name: int((mask == label.value).sum()) for label in project.labels().on_layer("lesions")}


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_label_that_was_made_part_of_another_comes_back_from_it_after_a_merge(tmp_path: Path, first: str) -> None:
    one = begun(tmp_path / "one.meninx", random.Random(3))
    with Project.open(one) as project:
        stroke(project, "Tumour", 0)
        stroke(project, "Tumour", 1)
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    took, drew = (one, two) if first == "one" else (two, one)
    with Project.open(took) as project:
        project.ensure_label("Rim")
        relabelling.carry_out(project, relabelling.plan_merge(project.labels(), "Tumour", "Rim"))
        (gone,) = project.labels().removed
        before = project.labels().named("Rim").value
        assert gone.to == ("lesions", before)
    with Project.open(drew) as project:
        project.ensure_label("Clot")
    bundles = [bundled(path, tmp_path / f"{path.stem}.mnxbundle") for path in (one, two)]
    merged(one, bundles[1])
    merged(two, bundles[0])
    with Project.open(one) as ours, Project.open(two) as theirs:
        assert content(ours) == content(theirs)
        assert ours.verify() == theirs.verify() == []
        rim, clot = (ours.labels().named(name) for name in ("Rim", "Clot"))
        assert rim.value != before, "a merge that changes no value tests nothing"
        (gone,) = ours.labels().removed
        assert gone.to == ("lesions", rim.value)
        assert clot.value == before
    with Project.open(took) as project:
        # what somebody drew over it since stays
        stroke(project, "Clot", 1)
        relabelling.carry_out(project, relabelling.plan_back(project.labels(), project.labels().removed[0]))
        assert project.verify() == []
    assert counted(took, "eve") == {"Rim": 0, "Clot": 4, "Tumour": 4}


def test_what_was_noted_of_labels_follows_a_merge_that_gives_them_other_values(tmp_path: Path) -> None:
    one = begun(tmp_path / "one.meninx", random.Random(3))
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    with Project.open(one) as project:
        project.ensure_label("Rim")
        stroke(project, "Tumour", 0)
        relabelling.carry_out(project, relabelling.plan_merge(project.labels(), "Tumour", "Rim"))
        relabelling.carry_out(project, relabelling.plan_back(project.labels(), project.labels().removed[0]))
        tumour, rim = (project.labels().named(name) for name in ("Tumour", "Rim"))
        assert relabelling.undone_of(project) == {("lesions", tumour.value): ("merge", ("lesions", rim.value))}
        # as a crash leaves it while a label is deleted
        note = {"kind": "delete", "source": ["lesions", rim.value], "target": None}
        note["gone"] = ["lesions", tumour.value, "merge", ["lesions", rim.value]]
        with project.store.transaction() as connection:
            connection.execute("INSERT INTO meta VALUES ('pending_relabel', ?)", (json.dumps(note),))
    with Project.open(two) as project:
        project.ensure_label("Clot")
    merged(one, bundled(two, tmp_path / "two.mnxbundle"))
    with Project.open(one) as project:
        now = project.labels().named("Rim").value
        assert now != rim.value
        assert relabelling.undone_of(project) == {("lesions", tumour.value): ("merge", ("lesions", now))}
        told = json.loads(project.store.rows("SELECT value FROM meta WHERE key = 'pending_relabel'")[0][0])
        assert told["source"] == ["lesions", now]
        assert told["target"] is None
        assert told["gone"] == ["lesions", tumour.value, "merge", ["lesions", now]]
        assert project.verify() == []
