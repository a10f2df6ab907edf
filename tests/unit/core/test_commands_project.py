"""The commands that look at a project: what they print, their JSON, their exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from core.commands.line import run
from core.geometry import Geometry
from core.labels import SCRIBBLED_BACKGROUND, LabelSet
from core.learning.config import TrainingConfig
from core.learning.runs import create_run, update_run
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState
from core.volume import Volume

AFFINE = np.diag([-1.0, -1.0, 3.0, 1.0])
SHAPE = (4, 12, 10)

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A project with three scans; the first has a finished slice of anna's."""
    with Project.create(tmp_path / "pilot.meninx") as project:
        project.set_labels(LabelSet().with_label("Brain").with_label("Tumour"))
        for seed in range(3):
            array = np.random.default_rng(seed).integers(0, 900, SHAPE).astype(np.int16)
            volume = Volume(array, Geometry(SHAPE, AFFINE), modality="MR")
            project.add_scan(volume, patient=["Doe^Jane", "Doe^Jane", None][seed], description=f"axial {seed}")
        annotation = project.ensure_annotation(project.scan("S0001").id, "anna")
        brain = np.zeros(SHAPE, np.uint8)
        brain[0, 2:8, 2:8] = 1
        states = [SliceState(0, Origin.DRAWN, None, True, "anna", 4.0)]
        project.save_layers(annotation.id, {"brain": brain}, {"brain": states}, journal_sequence=0)
        project.set_status(project.scan("S0002").id, ScanStatus.DONE)
        return project.path


def call(capture: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    """Run a command with --json and return its exit status and its one object."""
    capture.readouterr()
    status = run([str(argument) for argument in (*arguments, "--json")])
    out = capture.readouterr().out
    facts = json.loads(out)
    assert facts["schema"] == 1
    assert facts["command"] == arguments[0]
    assert facts["ok"] is (status == 0)
    return status, facts


def spoken(capture: Capture, *arguments: object) -> tuple[int, str, str]:
    """Run a command for people and return its exit status and what it said."""
    capture.readouterr()
    status = run([str(argument) for argument in arguments])
    said = capture.readouterr()
    return status, said.out, said.err


def refused(capture: Capture, code: str, *arguments: object) -> str:
    """Run a command that must fail with a code, and return its sentence."""
    status, facts = call(capture, *arguments)
    assert status == 1
    assert facts["error"]["code"] == code
    assert facts["error"]["sentence"].endswith(".")
    return str(facts["error"]["sentence"])


def save_nifti(file: Path, mask: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nibabel.save(nibabel.Nifti1Image(mask.transpose(2, 1, 0), affine), file)
    return file


# scans


def test_scans_are_listed_with_who_finished_how_much(path: Path, capsys: Capture) -> None:
    status, facts = call(capsys, "scans", path)
    assert status == 0
    first, second, third = facts["scans"]
    assert (first["name"], first["patient"], first["status"], first["shape"]) == (
        "S0001",
        "P001",
        "in_progress",
        [4, 12, 10],
    )
    assert first["finished_slices"] == {"anna": 1}
    assert (second["patient"], second["status"]) == ("P001", "done")
    assert (third["patient"], third["patient_known"]) == ("P002", False)
    assert facts["counts"]["to_do"] == 1
    assert "identity" not in first


def test_scans_are_filtered(path: Path, capsys: Capture) -> None:
    for option, value, names in (
        ("--status", "done", ["S0002"]),
        ("--patient", "p001", ["S0001", "S0002"]),
        ("--text", "s0003 axial", ["S0003"]),
        ("--text", "nothing of this", []),
    ):
        _, facts = call(capsys, "scans", path, option, value)
        assert [scan["name"] for scan in facts["scans"]] == names


def test_names_are_shown_only_when_asked_for(path: Path, capsys: Capture) -> None:
    _, said, _ = spoken(capsys, "scans", path)
    assert "Doe" not in said
    assert "in progress" in said
    assert "10 x 12 x 4" in said
    assert "anna: 1 of 4" in said
    _, said, _ = spoken(capsys, "scans", path, "--names")
    assert said.count("Doe^Jane") == 2


def test_what_is_no_project_is_one_sentence(tmp_path: Path, capsys: Capture) -> None:
    for command in ("scans", "labels", "verify", "runs"):
        status, said, error = spoken(capsys, command, tmp_path)
        assert (status, said) == (1, "")
        assert error.count("\n") == 1
        assert str(tmp_path) in error


# labels


def test_labels_come_from_a_labelling_interface(path: Path, tmp_path: Path, capsys: Capture) -> None:
    interface = tmp_path / "interface.xml"
    interface.write_text(
        '<View><Image name="i" value="$image"/><BrushLabels name="b" toName="i"><Label value="TUMOUR"/>'
        '<Label value="Oedema" background="#12aB00"/></BrushLabels></View>'
    )
    _, facts = call(capsys, "labels", path, "--from-config", interface)
    assert [(label["name"], label["color"]) for label in facts["labels"]][-1] == ("Oedema", "#12ab00")
    assert len(facts["labels"]) == 3, "Tumour is there already"
    for content, code in (
        ("<View/>", "exchange-no-labels"),
        ("<!DOCTYPE x><View/>", "exchange-unreadable"),
        ("no", "exchange-unreadable"),
    ):
        interface.write_text(content)
        status, facts = call(capsys, "labels", path, "--from-config", interface)
        assert status == 1
        assert facts["error"]["code"] == code
    _, facts = call(capsys, "labels", path)
    assert len(facts["labels"]) == 3


def test_labels_are_listed_added_renamed_coloured_and_removed(path: Path, capsys: Capture) -> None:
    _, facts = call(capsys, "labels", path)
    assert [label["name"] for label in facts["labels"]] == ["Brain", "Tumour"]
    assert facts["labels"][0] == {
        "name": "Brain",
        "value": 1,
        "layer": "brain",
        "color": "#2ec4b6",
        "key": "1",
        "source_value": None,
    }
    call(capsys, "labels", path, "--add", "Oedema", "--add", "Vessel", "--layer", "vessels")
    call(capsys, "labels", path, "--rename", "tumour", "Glioma", "--colour", "Brain", "#A0B0C0")
    _, facts = call(capsys, "labels", path, "--remove", "Oedema")
    labels = {label["name"]: label for label in facts["labels"]}
    assert list(labels) == ["Brain", "Glioma", "Vessel"]
    assert labels["Vessel"]["layer"] == "vessels"
    assert labels["Brain"]["color"] == "#a0b0c0"
    _, said, _ = spoken(capsys, "labels", path)
    assert "Glioma" in said


def test_labels_that_cannot_be_are_refused_and_nothing_changes(path: Path, capsys: Capture) -> None:
    _, before = call(capsys, "labels", path)
    assert "Brain" in refused(capsys, "label-in-use", "labels", path, "--remove", "Brain")
    refused(capsys, "label-present", "labels", path, "--add", "New", "--add", "brain")
    refused(capsys, "label-present", "labels", path, "--rename", "Brain", "tumour")
    refused(capsys, "label-unknown", "labels", path, "--rename", "Lung", "Heart")
    refused(capsys, "label-name-empty", "labels", path, "--add", " ")
    refused(capsys, "layer-name-bad", "labels", path, "--add", "New", "--layer", "My Layer")
    assert "green" in refused(capsys, "colour-bad", "labels", path, "--colour", "Brain", "green")
    assert call(capsys, "labels", path)[1] == before


def test_a_project_without_labels_says_what_to_do(tmp_path: Path, capsys: Capture) -> None:
    Project.create(tmp_path / "p").close()
    assert "--add" in spoken(capsys, "labels", tmp_path / "p")[1]


# verify


def test_verify_counts_files_and_fails_on_problems(path: Path, capsys: Capture) -> None:
    status, facts = call(capsys, "verify", path)
    assert (status, facts["files"], facts["problems"]) == (0, 4, [])
    mask = next(path.glob("masks/*/*/*.nii.gz"))
    mask.write_bytes(mask.read_bytes()[:-1])
    status, facts = call(capsys, "verify", path)
    assert status == 1
    assert mask.relative_to(path).as_posix() in facts["problems"][0]
    status, said, error = spoken(capsys, "verify", path)
    assert status == 1
    assert mask.name in said
    assert "1 problems" in said
    assert "4/4" in error


def test_a_project_copied_whole_passes(path: Path, tmp_path: Path, capsys: Capture) -> None:
    import shutil

    shutil.copytree(path, tmp_path / "copy")
    assert call(capsys, "verify", tmp_path / "copy")[0] == 0


# masks


def test_a_mask_is_put_on_with_its_origin_and_can_be_undone(path: Path, tmp_path: Path, capsys: Capture) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:3, 4:9, 3:7] = 255
    file = save_nifti(tmp_path / "m.nii.gz", mask)
    status, facts = call(capsys, "masks", path, "s0002", file, "--label", "Tumour", "--reader", "ben")
    assert status == 0
    assert (facts["scan"], facts["reader"], facts["voxels"], facts["finished"]) == ("S0002", "ben", 40, 4)
    with Project.open(path) as project:
        label = project.labels().named("Tumour")
        annotation = project.annotation(project.scan("S0002").id, "ben")
        layer = project.read_layer(annotation.id, label.layer)
        np.testing.assert_array_equal(layer, (mask > 0) * np.uint8(label.value))
        states = project.slice_states(annotation.id, label.layer)
        assert [state.finished for state in states] == [True] * 4
        assert {states[1].origin, states[2].origin} == {Origin.IMPORTED}
        assert project.verify() == []
        from core.editing.opening import open_annotation

        opened = open_annotation(project, "S0002", "ben")
        assert opened.editor.undo_available
        opened.close()
    # the same again changes nothing
    _, facts = call(capsys, "masks", path, "s0002", file, "--label", "Tumour", "--reader", "ben")
    assert facts["changed"] is False


def test_only_some_slices_of_a_mask_are_taken(path: Path, tmp_path: Path, capsys: Capture) -> None:
    # two suggested slices were drawn elsewhere: the others stay unfinished, and what was drawn on them stays
    mask = np.zeros(SHAPE, np.uint8)
    mask[:, 4:9, 3:7] = 1
    file = save_nifti(tmp_path / "m.nii.gz", mask)
    line = ("masks", path, "S0002", file, "--label", "Tumour", "--reader", "ben")
    status, facts = call(capsys, *line, "--slices", "2,4")
    assert (status, facts["voxels"], facts["finished"]) == (0, 40, 2)
    with Project.open(path) as project:
        label = project.labels().named("Tumour")
        annotation = project.annotation(project.scan("S0002").id, "ben")
        layer = project.read_layer(annotation.id, label.layer)
        assert [bool(one.any()) for one in layer] == [False, True, False, True]
        finished = {state.slice for state in project.slice_states(annotation.id, label.layer) if state.finished}
        assert finished == {1, 3}
    empty = save_nifti(tmp_path / "empty.nii.gz", np.zeros(SHAPE, np.uint8))
    _, facts = call(capsys, "masks", path, "S0002", empty, "--label", "Tumour", "--reader", "ben", "--slices", "4")
    assert (facts["voxels"], facts["finished"]) == (20, 1)
    status, facts = call(capsys, *line, "--slices", "3-9")
    assert (status, facts["error"]["code"]) == (1, "slices-beyond")


def test_slices_that_a_mask_does_not_reach_keep_what_is_drawn(path: Path, tmp_path: Path, capsys: Capture) -> None:
    with Project.open(path) as project:
        tumour = project.labels().named("Tumour")
        annotation = project.ensure_annotation(project.scan("S0002").id, "ben")
        drawn = np.zeros(SHAPE, np.uint8)
        drawn[:, 1:4, 1:4] = tumour.value
        states = [SliceState(0, Origin.DRAWN, None, True, "ben", 4.0)]
        project.save_layers(annotation.id, {tumour.layer: drawn}, {tumour.layer: states}, journal_sequence=0)
    part = AFFINE.copy()
    # half a slice off, so that it has to be resampled: it reaches the second and the third slice
    part[2, 3] = 3.1
    file = save_nifti(tmp_path / "m.nii.gz", np.ones((2, *SHAPE[1:]), np.uint8), part)
    line = ("masks", path, "S0002", file, "--label", "Tumour", "--reader", "ben", "--resample-masks")
    refused(capsys, "mask-no-slice", *line, "--slices", "1,4")
    _, facts = call(capsys, *line)
    assert (facts["voxels"], facts["finished"]) == (2 * 120 + 2 * 9, 2)
    with Project.open(path) as project:
        layer = project.read_layer(annotation.id, tumour.layer)
        np.testing.assert_array_equal(layer[[0, 3]], drawn[[0, 3]])
        finished = {state.slice for state in project.slice_states(annotation.id, tumour.layer) if state.finished}
        assert finished == {0, 1, 2}


def test_what_is_drawn_beside_the_grid_of_a_mask_or_scribbled_as_background_stays(
    path: Path, tmp_path: Path, capsys: Capture
) -> None:
    with Project.open(path) as project:
        tumour = project.ensure_label("Tumour")
        annotation = project.ensure_annotation(project.scan("S0002").id, "ben")
        drawn = np.zeros(SHAPE, np.uint8)
        drawn[:, 1:4, 1:4] = tumour.value
        drawn[2, 1:9, 5:6] = SCRIBBLED_BACKGROUND
        states = [SliceState(0, Origin.DRAWN, None, True, "ben", 4.0)]
        project.save_layers(annotation.id, {tumour.layer: drawn}, {tumour.layer: states}, journal_sequence=0)
    part = AFFINE.copy()
    # from the sixth column on, a third of a voxel off
    part[:3, 3] += AFFINE[:3, 0] * 5 + AFFINE[:3, 2] * 0.33
    file = save_nifti(tmp_path / "m.nii.gz", np.ones((*SHAPE[:2], SHAPE[2] - 5), np.uint8), part)
    status, facts = call(
        capsys, "masks", path, "S0002", file, "--label", "Tumour", "--reader", "ben", "--resample-masks"
    )
    assert status == 0
    assert any("stays as it was" in words for words in facts["notices"])
    with Project.open(path) as project:
        layer = project.read_layer(annotation.id, tumour.layer)
        np.testing.assert_array_equal(layer[:, :, :5], drawn[:, :, :5])
        scribbled = drawn == SCRIBBLED_BACKGROUND
        assert (layer[scribbled] == SCRIBBLED_BACKGROUND).all()
        assert (layer[:, :, 5:][~scribbled[:, :, 5:]] == tumour.value).all()
        finished = {state.slice for state in project.slice_states(annotation.id, tumour.layer) if state.finished}
    assert finished == {0}, "said before; of the others the file says only a part"


def lock(path: Path, name: str) -> None:
    """Lock a label, which is added if it is not there."""
    with Project.open(path) as project:
        project.ensure_label(name)
        project.set_labels(project.labels().with_changed(name, locked=True))


def test_a_locked_label_takes_no_mask_and_nothing_is_finished(path: Path, tmp_path: Path, capsys: Capture) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[1, 4:9, 3:7], mask[2, 4:9, 3:7] = 1, 2
    file = save_nifti(tmp_path / "m.nii.gz", mask)
    lock(path, "Tumour")
    words = refused(
        capsys, "label-locked", "masks", path, "S0002", file, "--label", "2=New,1=tumour", "--reader", "ben"
    )
    assert "Tumour" in words
    with Project.open(path) as project:
        assert project.annotations(project.scan("S0002").id) == []
        assert project.labels().find("New") is None


def test_what_locked_neighbours_keep_is_told_and_not_finished(path: Path, tmp_path: Path, capsys: Capture) -> None:
    lock(path, "Oedema")
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:3, 4:7, 3:6] = 1
    file = save_nifti(tmp_path / "m.nii.gz", mask)
    with Project.open(path) as project:
        oedema = project.labels().named("Oedema")
        annotation = project.ensure_annotation(project.scan("S0002").id, "ben")
        drawn = np.zeros(SHAPE, np.uint8)
        drawn[2, 4:6, 3:6] = oedema.value
        project.save_layers(annotation.id, {oedema.layer: drawn}, {oedema.layer: []}, journal_sequence=0)
    line = ("masks", path, "S0002", file, "--label", "Tumour", "--reader", "ben")
    _, facts = call(capsys, *line)
    assert (facts["voxels"], facts["finished"]) == (18 - 6, 3)
    assert [words for words in facts["notices"] if "6 voxels" in words and "Oedema" in words and "slices 3 " in words]
    with Project.open(path) as project:
        layer = project.read_layer(annotation.id, oedema.layer)
        assert (layer == oedema.value).sum() == 6
        finished = {state.slice for state in project.slice_states(annotation.id, oedema.layer) if state.finished}
        assert finished == {0, 1, 3}
    _, said, _ = spoken(capsys, *line)
    assert "6 voxels" in said
    assert "already" not in said, "it is not the mask of the file that is there"


def test_a_mask_leaves_other_layers_labels_and_readers_alone(path: Path, tmp_path: Path, capsys: Capture) -> None:
    first = np.zeros(SHAPE, np.uint8)
    first[1] = 1
    second = np.zeros(SHAPE, np.uint8)
    second[1, :, :5] = 1
    for mask, label in ((first, "Tumour"), (second, "Oedema")):
        file = save_nifti(tmp_path / f"{label}.nii", mask)
        call(capsys, "masks", path, "S0001", file, "--label", label, "--reader", "ben")
    with Project.open(path) as project:
        scan = project.scan("S0001")
        tumour, oedema = project.labels().named("Tumour"), project.labels().named("Oedema")
        layer = project.read_layer(project.annotation(scan.id, "ben").id, "lesions")
        # one layer: where the second lies the first gave way
        assert (layer == oedema.value).sum() == 60
        assert (layer == tumour.value).sum() == 60
        anna = project.annotation(scan.id, "anna")
        assert set(project.layers(anna.id)) == {"brain"}
        assert project.read_layer(anna.id, "brain").sum() == 36


@pytest.mark.parametrize("case", ["size", "place", "missing", "foreign", "scan"])
def test_masks_that_do_not_fit_are_refused_and_change_nothing(
    path: Path, tmp_path: Path, capsys: Capture, case: str
) -> None:
    file, scan, code = tmp_path / "m.nii.gz", "S0002", "mask-grid"
    if case == "size":
        save_nifti(file, np.ones((4, 12, 11), np.uint8))
    elif case == "place":
        moved = AFFINE.copy()
        moved[0, 3] = 5
        save_nifti(file, np.ones(SHAPE, np.uint8), moved)
    elif case == "missing":
        code = "file-missing"
    elif case == "foreign":
        file = tmp_path / "m.txt"
        file.write_text("no mask")
        code = "mask-unreadable"
    else:
        save_nifti(file, np.ones(SHAPE, np.uint8))
        scan, code = "S0099", "scan-unknown"
    refused(capsys, code, "masks", path, scan, file, "--label", "Brain")
    with Project.open(path) as project:
        assert project.annotations(project.scan("S0002").id) == []
        assert project.verify() == []


def test_nobody_changes_masks_while_a_window_draws(path: Path, tmp_path: Path, capsys: Capture) -> None:
    file = save_nifti(tmp_path / "m.nii.gz", np.ones(SHAPE, np.uint8))
    with AnnotationLock(path, "anna"):
        words = refused(capsys, "project-locked", "masks", path, "S0002", file, "--label", "Brain")
        assert "anna" in words
    assert call(capsys, "masks", path, "S0002", file, "--label", "Brain")[0] == 0


# runs


def test_runs_are_listed_oldest_first_and_the_best_is_marked(path: Path, capsys: Capture) -> None:
    assert "train" in spoken(capsys, "runs", path)[1]
    assert call(capsys, "runs", path)[1]["runs"] == []
    with Project.open(path) as project:
        first = create_run(project, TrainingConfig(labels=("Brain",)), scans=2, slices=9)
        second = create_run(project, TrainingConfig(labels=("Brain",), parent=first.id), scans=3, slices=12)
        update_run(project, first.id, state="done", best_dice=0.91, best_epoch=4)
        update_run(project, second.id, state="stopped", best_dice=0.87, best_epoch=2)
    _, facts = call(capsys, "runs", path)
    one, two = facts["runs"]
    assert (one["name"], one["parent"], one["state"], one["best_dice"]) == ("Run 1", None, "done", 0.91)
    assert (two["name"], two["parent"], two["state"]) == ("Run 2", "Run 1", "stopped")
    assert {"id", "network", "best", "labels", "slices"} <= set(one)
    assert "0.870" in spoken(capsys, "runs", path)[1]
