"""Deleting, merging and moving labels: the masks of all scans follow, nothing else changes, all of it can be undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.commands import line
from core.editing.opening import open_annotation
from core.errors import InputError, StorageError
from core.geometry import Geometry, Plane
from core.io import atomic
from core.labels import LabelSet
from core.project import relabel
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.project.saver import Saver
from core.volume import Volume

SHAPE = (4, 20, 24)
READERS = {"S0001": "anna", "S0002": "anna", "S0003": "ben"}


def mask_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, SHAPE).astype(np.uint8)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Three scans with Tumour, Oedema and Cyst on one layer, Brain on its own."""
    with Project.create(tmp_path / "p") as made:
        labels = LabelSet()
        for name in ("Brain", "Tumour", "Oedema", "Cyst"):
            labels = labels.with_label(name)
        made.set_labels(labels)
        for number, (name, reader) in enumerate(READERS.items()):
            volume = Volume(np.full(SHAPE, number, np.int16), Geometry(SHAPE, np.eye(4)))
            assert made.add_scan(volume, patient=str(number)).name == name
            annotation = made.ensure_annotation(made.scan(name).id, reader)
            states = [
                SliceState(0, Origin.DRAWN, None, True, reader),
                SliceState(2, Origin.PREDICTED, "r", False, reader),
            ]
            brain = (mask_of(number + 10) > 1).astype(np.uint8)
            made.save_layers(
                annotation.id, {"lesions": mask_of(number), "brain": brain}, {"lesions": states}, journal_sequence=0
            )
        yield made


def masks(project: Project, layer: str) -> dict[str, np.ndarray]:
    found = {}
    for name, reader in READERS.items():
        annotation = project.annotation(project.scan(name).id, reader)
        mask = project.read_layer(annotation.id, layer)
        found[name] = np.zeros(SHAPE, np.uint8) if mask is None else mask
    return found


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in READERS)


def draw(project: Project, name: str, label: str, strokes: int = 3) -> None:
    opened = open_annotation(project, name, READERS[name])
    saver = Saver(project, opened)
    view = opened.editor.geometry.view(Plane.AXIAL)
    for number in range(strokes):
        opened.editor.begin("brush", project.labels().named(label))
        opened.editor.dab(view, number % 4, (4, 4 + 5 * number), (6, 4 + 5 * number), 2.0)
        opened.editor.commit()
    saver.close()


def bring_back(project: Project) -> relabel.Done:
    gone = project.labels().removed[-1]
    return relabel.carry_out(project, relabel.plan_back(project.labels(), gone))


def test_deleting_takes_the_voxels_of_one_label_in_every_scan_and_nothing_else(project: Project) -> None:
    before, brains, names = masks(project, "lesions"), masks(project, "brain"), project.labels()
    done = relabel.carry_out(project, relabel.plan_delete(names, "oedema"))
    after = masks(project, "lesions")
    for name in READERS:
        np.testing.assert_array_equal(after[name], np.where(before[name] == 2, 0, before[name]))
    assert same(masks(project, "brain"), brains)
    assert (done.scans, done.covered, done.missed) == (3, 0, ())
    assert done.voxels == sum(int(np.count_nonzero(mask == 2)) for mask in before.values())
    assert [label.name for label in project.labels()] == ["Brain", "Tumour", "Cyst"]
    annotation = project.annotation(project.scan("S0001").id, "anna")
    # what is known of the slices stays
    assert [state.finished for state in project.slice_states(annotation.id, "lesions")] == [True, False]
    assert project.layer_versions(annotation.id, "lesions")[-1].action == "label_delete"
    assert project.verify() == []
    # and the value is given to no other
    assert project.labels().with_label("Necrosis").named("Necrosis").value == 4
    done = bring_back(project)
    assert done.scans == 3
    assert same(masks(project, "lesions"), before)
    assert [label.name for label in project.labels()] == ["Brain", "Tumour", "Cyst", "Oedema"]
    assert project.labels().removed == ()
    assert project.verify() == []


def test_one_scan_can_undo_it_by_itself(project: Project) -> None:
    before = masks(project, "lesions")
    relabel.carry_out(project, relabel.plan_delete(project.labels(), "Oedema"))
    opened = open_annotation(project, "S0002", "anna")
    step = opened.editor.undo()
    assert (step.action, step.layer, step.label_value) == ("label_delete", "lesions", 2)
    np.testing.assert_array_equal(opened.editor.mask("lesions"), before["S0002"])
    opened.close()


def test_merging_within_a_layer_and_back_after_drawing_on(project: Project) -> None:
    draw(project, "S0001", "Oedema")
    before = masks(project, "lesions")
    done = relabel.carry_out(project, relabel.plan_merge(project.labels(), "Oedema", "Tumour"))
    assert done.covered == 0
    merged = masks(project, "lesions")
    for name in READERS:
        np.testing.assert_array_equal(merged[name], np.where(before[name] == 2, 1, before[name]))
    draw(project, "S0001", "Cyst", 2)
    drawn = masks(project, "lesions")["S0001"]
    done = bring_back(project)
    assert done.missed == ()
    after = masks(project, "lesions")
    for name in ("S0002", "S0003"):
        np.testing.assert_array_equal(after[name], before[name])
    # what was drawn since stays
    wanted = np.where((before["S0001"] == 2) & (drawn == 1), 2, drawn)
    np.testing.assert_array_equal(after["S0001"], wanted)
    assert np.count_nonzero(wanted == 3) > np.count_nonzero(before["S0001"] == 3)
    assert project.verify() == []


def test_merging_into_another_layer_overwrites_no_label(project: Project) -> None:
    labels = project.labels().with_label("Ventricle", layer="brain")
    project.set_labels(labels)
    before, brains = masks(project, "lesions"), masks(project, "brain")
    done = relabel.carry_out(project, relabel.plan_merge(labels, "Tumour", "Ventricle"))
    covered = sum(int(np.count_nonzero((before[name] == 1) & (brains[name] == 1))) for name in READERS)
    assert done.covered == covered > 0
    for name in READERS:
        np.testing.assert_array_equal(masks(project, "lesions")[name], np.where(before[name] == 1, 0, before[name]))
        wanted = np.where((before[name] == 1) & (brains[name] == 0), 2, brains[name])
        np.testing.assert_array_equal(masks(project, "brain")[name], wanted)
    bring_back(project)
    assert same(masks(project, "lesions"), before)
    assert same(masks(project, "brain"), brains)


def test_moving_gives_the_label_its_own_layer_with_what_was_known(project: Project) -> None:
    before = masks(project, "lesions")
    relabel.carry_out(project, relabel.plan_move(project.labels(), "Tumour", "core"))
    found = project.labels().named("Tumour")
    assert (found.layer, found.value, found.color) == ("core", 1, LabelSet().with_label("Tumour").labels[0].color)
    for name, reader in READERS.items():
        np.testing.assert_array_equal(masks(project, "core")[name], before[name] == 1)
        annotation = project.annotation(project.scan(name).id, reader)
        states = project.slice_states(annotation.id, "core")
        assert [(state.slice, state.origin, state.finished) for state in states] == [
            (0, Origin.DRAWN, True),
            (2, Origin.PREDICTED, False),
        ]
    # drawn since with the moved label: it comes along on the way back
    draw(project, "S0003", "Tumour", 4)
    more = masks(project, "core")["S0003"] == 1
    done = bring_back(project)
    assert done.missed == ()
    after = masks(project, "lesions")
    assert not any(mask.any() for mask in masks(project, "core").values())
    for name in ("S0001", "S0002"):
        np.testing.assert_array_equal(after[name], before[name])
    rest = np.where(before["S0003"] == 1, 0, before["S0003"])
    np.testing.assert_array_equal(after["S0003"], np.where(more & (rest == 0), 1, rest))
    assert [label.name for label in project.labels()] == ["Brain", "Tumour", "Oedema", "Cyst"]
    assert project.verify() == []


def test_strokes_a_crash_left_in_the_journal_are_changed_too(project: Project) -> None:
    opened = open_annotation(project, "S0001", "anna")
    view = opened.editor.geometry.view(Plane.AXIAL)
    relabel.carry_out(project, relabel.plan_delete(project.labels(), "Cyst"))
    project.set_labels(project.labels().with_label("Vessel"))
    opened.close()
    opened = open_annotation(project, "S0001", "anna")
    opened.editor.begin("brush", project.labels().named("Vessel"))
    opened.editor.dab(view, 1, (4, 4), (9, 9), 3.0)
    opened.editor.commit()
    opened.close()  # the journal has it, no saved version does
    vessel = project.labels().named("Vessel").value
    assert not (masks(project, "lesions")["S0001"] == vessel).any()
    done = relabel.carry_out(project, relabel.plan_delete(project.labels(), "Vessel"))
    assert done.scans == 1
    with_it = open_annotation(project, "S0001", "anna")
    assert with_it.recovered_steps == 0
    assert not (with_it.editor.mask("lesions") == vessel).any()
    with_it.editor.undo()
    assert (with_it.editor.mask("lesions") == vessel).any()
    with_it.close()


def test_a_command_finishes_what_a_crash_interrupted_or_refuses_to_read_half_of_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = masks(project, "lesions")
    real, count = relabel._change_one, 0

    def once(*arguments: object) -> bool:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(relabel, "_change_one", once)
        with pytest.raises(KeyboardInterrupt):
            relabel.carry_out(project, relabel.plan_merge(project.labels(), "Oedema", "Cyst"))
    path = project.path
    project.close()
    with AnnotationLock(path, "carla"):
        assert line.run(["info", str(path), "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "labels-half-changed"
    assert line.run(["verify", str(path / "meninx.json")]) == 0
    with Project.open(path) as again:
        assert not relabel.is_pending(again)
        for name in READERS:
            np.testing.assert_array_equal(masks(again, "lesions")[name], np.where(before[name] == 2, 3, before[name]))


def test_what_a_full_disk_interrupts_is_finished_at_the_next_opening(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = masks(project, "lesions")
    write, count = atomic.write_bytes, 0

    def full(target: Path, data: bytes) -> None:
        nonlocal count
        count += target.suffix == ".gz"
        if count > 1:
            raise StorageError("disk-full", file=target)
        write(target, data)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write_bytes", full)
        with pytest.raises(StorageError, match="disk-full"):
            relabel.carry_out(project, relabel.plan_merge(project.labels(), "Oedema", "Cyst"))
    assert project.labels().find("Oedema") is None
    path = project.path
    project.close()
    with Project.open(path) as again:
        assert relabel.finish_pending(again).scans > 0
        for name in READERS:
            np.testing.assert_array_equal(masks(again, "lesions")[name], np.where(before[name] == 2, 3, before[name]))
        assert relabel.finish_pending(again) is None
        assert again.verify() == []
        bring_back(again)
        assert same(masks(again, "lesions"), before)


def test_without_its_history_a_label_comes_back_from_the_version_before(project: Project) -> None:
    before = masks(project, "lesions")
    relabel.carry_out(project, relabel.plan_delete(project.labels(), "Oedema"))
    annotation = project.annotation(project.scan("S0001").id, "anna")
    project.journal_path(annotation.id).unlink()
    annotation = project.annotation(project.scan("S0002").id, "anna")
    project.journal_path(annotation.id).unlink()
    with project.store.transaction() as connection:
        connection.execute("UPDATE layer_version SET removed = 'x' WHERE annotation = ?", (annotation.id,))
        connection.execute(
            "UPDATE layer_version SET removed = NULL WHERE annotation = ? AND action = 'label_delete'", (annotation.id,)
        )
        connection.execute(
            "UPDATE layer_version SET removed = NULL WHERE annotation = ? AND layer = 'brain'", (annotation.id,)
        )
    done = bring_back(project)
    assert done.missed == ("S0002",)
    after = masks(project, "lesions")
    np.testing.assert_array_equal(after["S0001"], before["S0001"])
    np.testing.assert_array_equal(after["S0003"], before["S0003"])


def test_a_damaged_mask_is_named_and_the_others_are_changed(project: Project) -> None:
    annotation = project.annotation(project.scan("S0002").id, "anna")
    (project.path / project.layers(annotation.id)["lesions"].file).write_bytes(b"x")
    done = relabel.carry_out(project, relabel.plan_delete(project.labels(), "Tumour"))
    assert (done.scans, done.missed) == (2, ("S0002",))


def test_locked_labels_are_left_alone(project: Project) -> None:
    labels = project.labels().with_changed("Tumour", locked=True)
    for plan in (
        lambda: relabel.plan_delete(labels, "Tumour"),
        lambda: relabel.plan_merge(labels, "Tumour", "Cyst"),
        lambda: relabel.plan_merge(labels, "Cyst", "Tumour"),
        lambda: relabel.plan_move(labels, "Tumour", "own"),
    ):
        with pytest.raises(InputError, match="label-locked"):
            plan()
    with pytest.raises(InputError, match="label-itself"):
        relabel.plan_merge(labels, "Cyst", "cyst")
    with pytest.raises(InputError, match="label-itself"):
        relabel.plan_move(labels, "Cyst", "lesions")
    with pytest.raises(InputError, match="layer-name-bad"):
        relabel.plan_move(labels, "Cyst", "../x")


def again(project: Project, place: tuple[str, int]) -> relabel.Done:
    return relabel.carry_out(project, relabel.plan_again(project.labels(), place, relabel.undone_of(project)))


@pytest.mark.parametrize("kind", ["delete", "merge", "merge-over", "move"])
def test_what_was_taken_back_is_done_again_in_every_scan(project: Project, kind: str) -> None:
    before = {layer: masks(project, layer) for layer in ("lesions", "brain")}
    plans = {
        "delete": lambda: relabel.plan_delete(project.labels(), "Oedema"),
        "merge": lambda: relabel.plan_merge(project.labels(), "Oedema", "Tumour"),
        "merge-over": lambda: relabel.plan_merge(project.labels(), "Oedema", "Brain"),
        "move": lambda: relabel.plan_move(project.labels(), "Oedema", "water"),
    }
    relabel.carry_out(project, plans[kind]())
    changed = {layer: masks(project, layer) for layer in ("lesions", "brain", "water")}
    names = [(label.name, label.layer, label.value) for label in project.labels()]
    for _ in range(2):
        done = relabel.carry_out(project, relabel.plan_back(project.labels(), project.labels().removed[-1]))
        assert done.missed == ()
        assert all(same(masks(project, layer), known) for layer, known in before.items())
        done = again(project, ("lesions", 2))
        assert done.missed == ()
        assert done.scans == 3
        assert all(same(masks(project, layer), known) for layer, known in changed.items())
        assert [(label.name, label.layer, label.value) for label in project.labels()] == names
    assert project.verify() == []


def test_done_again_after_drawing_on_changes_only_what_the_label_has_now(project: Project) -> None:
    relabel.carry_out(project, relabel.plan_delete(project.labels(), "Oedema"))
    bring_back(project)
    draw(project, "S0001", "Oedema")
    before = masks(project, "lesions")
    again(project, ("lesions", 2))
    after = masks(project, "lesions")
    for name in READERS:
        np.testing.assert_array_equal(after[name], np.where(before[name] == 2, 0, before[name]))


def test_what_nobody_took_back_is_not_done_again(project: Project) -> None:
    for place in (("lesions", 2), ("lesions", 77)):
        with pytest.raises(InputError, match="label-not-again"):
            relabel.plan_again(project.labels(), place, relabel.undone_of(project))
    relabel.carry_out(project, relabel.plan_merge(project.labels(), "Oedema", "Tumour"))
    bring_back(project)
    relabel.carry_out(project, relabel.plan_delete(project.labels(), "Tumour"))
    with pytest.raises(InputError, match="label-not-again"):
        relabel.plan_again(project.labels(), ("lesions", 2), relabel.undone_of(project))
