"""demo, evaluate, strip and apply as a person or a script calls them."""

from __future__ import annotations

import csv
import json
import os
import time

import cv2
import nibabel as nib
import numpy as np
import pytest
from review_support import bright_run

from core.commands.line import run as command
from core.events import Finished, Progress, Skipped, never_stop
from core.geometry import Geometry
from core.learning.runs import find_run, read_evaluation, update_run
from core.phantom import make_head
from core.project.exporting import encode_volume, save_mask
from core.project.predictions import list_predictions
from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState
from core.review.evaluation import count_looks, plan
from core.volume import Volume
from models.evaluating import _unpredicted
from models.loose import RunMasker, masker_for
from models.worker import JOBS, Job, events_of

SHAPE = (4, 24, 24)


def said(capsys, *words):
    """Run a command with --json and return (status, its object, stderr)."""
    capsys.readouterr()
    status = command([*[str(word) for word in words], "--json"])
    caught = capsys.readouterr()
    return status, json.loads(caught.out), caught.err


def blob(seed, *, offset=0):
    """A bright square in noise, with its mask."""
    random = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:, 6 + offset : 16 + offset, 8:18] = 1
    array = (random.integers(0, 20, SHAPE) + 300 * mask.astype(int)).astype(np.uint16)
    return Volume(array, Geometry(SHAPE, np.diag([-1.0, -1.0, 4.0, 1.0]))), mask


@pytest.fixture
def project(tmp_path):
    """Four patients, the last without an annotation, the third finished in part."""
    with Project.create(tmp_path / "p.meninx") as made:
        label = made.ensure_label("Brain")
        for number in range(4):
            volume, mask = blob(number)
            scan = made.add_scan(volume, patient=f"patient {number}")
            if number == 3:
                continue
            finished = range(2) if number == 2 else range(4)
            annotation = made.ensure_annotation(scan.id, "anna")
            states = [SliceState(z, Origin.DRAWN, None, z in finished, "anna", 0.0) for z in range(4)]
            made.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)
        yield made


@pytest.fixture
def split_run(project):
    ids = [scan.id for scan in project.scans()]
    return bright_run(project, {"train": ids[:1], "validation": ids[1:2], "test": ids[2:3]})


def test_evaluate_predicts_what_is_missing_and_measures(project, split_run, capsys):
    status, facts, _ = said(capsys, "evaluate", project.path, "--run", "last")
    assert status == 0
    assert facts["ok"]
    assert facts["schema"] == 1
    assert facts["on"] == "val"
    assert [row["scan"] for row in facts["scans"]] == ["S0002"]
    row = facts["scans"][0]
    assert row["part"] == "validation"
    assert row["patient"] == "P002"
    assert facts["summary"]["dice"]["mean"] == pytest.approx(row["dice"])
    assert facts["summary"]["dice"]["mean"] > 0.8, "bright is the square"
    assert set(facts["summary"]["dice"]) >= {"mean", "median", "ci95"}
    assert facts["summary"]["hd95_mm"]["mean"] is not None
    assert "hd95_px" not in facts["summary"]
    assert facts["leaky"] is False
    assert facts["stamp"] == ""
    assert facts["test_looks"] == 0
    assert len(list_predictions(project, run=split_run.id)) == 1


def test_every_look_at_the_test_set_is_recorded(project, split_run, capsys):
    said(capsys, "evaluate", project.path, "--run", split_run.name, "--on", "val")
    assert count_looks(project, split_run.id) == 0
    said(capsys, "evaluate", project.path, "--run", split_run.name, "--on", "test")
    status, facts, err = said(capsys, "evaluate", project.path, "--run", split_run.name, "--on", "test")
    assert status == 0
    assert facts["test_looks"] == count_looks(project, split_run.id) == 2
    row = facts["scans"][0]
    assert (row["scan"], row["finished"], row["slices"]) == ("S0003", 2, 4)
    assert row["voxels"] == 2 * 24 * 24, "only the finished slices count"
    assert "so far: 2" in err


def test_what_measuring_gave_is_kept_until_the_run_learns_on(project, split_run, capsys):
    run = find_run(project, split_run.id)
    assert read_evaluation(project, run, "test") is None
    _, facts, _ = said(capsys, "evaluate", project.path, "--run", split_run.name, "--on", "test")
    kept = read_evaluation(project, run, "test")
    assert kept["summary"] == facts["summary"]
    assert read_evaluation(project, run, "val") is None
    said(capsys, "evaluate", project.path, "--run", split_run.name, "--on", "val", "--reader", "anna")
    assert read_evaluation(project, run, "val") is None, "another reader's truth is another question"
    update_run(project, run.id, best_epoch=run.best_epoch + 1)
    assert read_evaluation(project, find_run(project, run.id), "test") is None


def test_all_holds_the_training_scans_and_says_so(project, split_run, capsys):
    _, facts, err = said(capsys, "evaluate", project.path, "--run", "best", "--on", "all")
    assert {row["part"] for row in facts["scans"]} == {"train", "validation", "test"}
    assert facts["leaky"]
    assert facts["stamp"]
    assert facts["stamp"] in err
    assert facts["summary"]["patients"] == 3


def test_reasons_of_the_split_stand_beside_the_numbers(project, capsys):
    ids = [scan.id for scan in project.scans()]
    bright_run(project, {"train": ids[:1], "validation": ids[1:2], "reasons": ["patients-unknown"]})
    _, facts, _ = said(capsys, "evaluate", project.path, "--run", "last")
    assert facts["leaky"]
    assert facts["reasons"] == ["patients-unknown"]
    assert "may leak" in facts["stamp"]


def test_a_lone_patient_is_measured_on_the_slices_kept_for_it(project, capsys):
    scan = project.scans()[0].id
    slices = {scan: {"0": "train", "1": "validation", "2": "train", "3": "train"}}
    bright_run(project, {"train": [scan], "validation": [scan], "reasons": ["one-patient"], "slices": slices})
    _, facts, _ = said(capsys, "evaluate", project.path, "--run", "last")
    assert facts["scans"][0]["finished"] == 1
    assert facts["scans"][0]["voxels"] == 24 * 24


def test_evaluate_leaves_numbers_and_pictures(project, split_run, tmp_path, capsys):
    status, facts, _ = said(capsys, "evaluate", project.path, "--run", "last", "-o", tmp_path / "out")
    assert status == 0
    with (tmp_path / "out" / "scans.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["dice"]) == pytest.approx(facts["scans"][0]["dice"])
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["run"] == "Run 1"
    pictures = sorted(path.name for path in (tmp_path / "out" / "pictures").iterdir())
    assert pictures == ["S0002_brain_compared.png", "S0002_brain_mask.png", "S0002_brain_stripped.png"]
    drawn = cv2.imread(str(tmp_path / "out" / "pictures" / pictures[0]))
    assert drawn.shape[0] > 300
    assert drawn.shape[1] > 900
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 50


def test_stamp_and_looks_stand_in_every_table(project, tmp_path, capsys):
    ids = [scan.id for scan in project.scans()]
    bright_run(project, {"train": ids[:1], "test": ids[1:2], "reasons": ["patients-unknown"]})
    _, facts, err = said(capsys, "evaluate", project.path, "--run", "last", "--on", "test", "-o", tmp_path / "out")
    for name in ("scans.csv", "summary.csv"):
        with (tmp_path / "out" / name).open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert rows
        assert {row["stamp"] for row in rows} == {facts["stamp"]}
    values = {row["metric"]: row["value"] for row in rows}
    assert values["test_looks"] == "1"
    assert float(values["slice_dice"]) == pytest.approx(facts["summary"]["slice_dice"]["mean"])
    assert int(values["missed_slices"]) == facts["summary"]["missed_slices"]
    for words in ("Slices with the label: 3", "Lesion-wise F1", "Dice of all voxels together", "of all background"):
        assert words in err


def test_a_new_model_of_a_resumed_run_is_predicted_again(project, split_run, capsys):
    said(capsys, "evaluate", project.path, "--run", "last")
    assert _unpredicted(project, plan(project, "last")) == []
    later = time.time() + 60
    os.utime(project.runs_folder / split_run.id / "model.onnx", (later, later))
    assert _unpredicted(project, plan(project, "last")) == [project.scans()[1].id]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--run", "9"], "run-unknown"),
        ([], "evaluate-what"),
        (["--run", "last", "--truth", "x", "--predicted", "y"], "evaluate-what"),
    ],
)
def test_evaluate_says_what_is_wrong(project, split_run, capsys, words, code):
    status, facts, err = said(capsys, "evaluate", project.path, *words)
    assert status == 1
    assert facts["error"]["code"] == code
    assert err.strip().endswith(".")


def test_part_that_holds_nobody(project, capsys):
    bright_run(project, {"train": [project.scans()[0].id]})
    status, facts, _ = said(capsys, "evaluate", project.path, "--run", "last", "--on", "test")
    assert (status, facts["error"]["code"]) == (1, "part-empty")
    assert count_looks(project, project.store.rows("SELECT id FROM run")[0][0]) == 0


def test_nothing_finished_to_measure_against(project, capsys):
    bright_run(project, {"validation": [project.scans()[3].id]})
    status, facts, _ = said(capsys, "evaluate", project.path, "--run", "last")
    assert (status, facts["error"]["code"]) == (1, "nothing-to-measure")


def test_two_mask_files(tmp_path, capsys):
    volume, mask = blob(1)
    _, moved = blob(1, offset=5)
    save_mask(tmp_path / "a_mask.nii.gz", volume, mask)
    save_mask(tmp_path / "b.nii.gz", volume, moved)
    words = ("evaluate", "--truth", tmp_path / "a_mask.nii.gz", "--predicted", tmp_path / "b.nii.gz")
    status, facts, _ = said(capsys, *words)
    assert status == 0
    assert facts["summary"]["dice"]["mean"] == pytest.approx(0.5)
    assert facts["summary"]["hd95_mm"]["mean"] == pytest.approx(5.0)
    assert facts["scans"][0]["scan"] == "a"


def test_folders_of_masks_pair_by_name_and_a_missing_one_is_a_failure(tmp_path, capsys):
    truth, guess = tmp_path / "truth", tmp_path / "guess"
    truth.mkdir()
    guess.mkdir()
    for name, side in (("x_1", 4), ("x_2", 6), ("x_3", 8)):
        picture = np.zeros((20, 20), np.uint8)
        picture[:side, :side] = 255
        (truth / f"{name}_mask.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        if name != "x_3":
            picture[:side, :2] = 0
            (guess / f"{name}.png").write_bytes(cv2.imencode(".png", picture // 255)[1].tobytes())
    status, facts, err = said(capsys, "evaluate", "--truth", truth, "--predicted", guess)
    assert status == 1, "a true mask without a prediction may not pass in silence"
    assert facts["failed"] == 1
    assert "x_3_mask.png" in err
    assert [row["scan"] for row in facts["scans"]] == ["x_1", "x_2"]
    assert [row["dice"] for row in facts["scans"]] == pytest.approx([2 * 8 / 24, 2 * 24 / 60])
    assert "hd95_px" in facts["summary"]
    assert "255 in the true mask and 1 in the predicted one" in err


def test_label_maps_are_measured_value_by_value(tmp_path, capsys):
    volume, mask = blob(1)
    for name, second in (("t", slice(6, 9)), ("p", slice(6, 12))):
        values = mask.copy()
        values[:, second] *= 2
        (tmp_path / f"{name}.nii.gz").write_bytes(encode_volume(Volume(values, volume.geometry)))
    _, facts, _ = said(capsys, "evaluate", "--truth", tmp_path / "t.nii.gz", "--predicted", tmp_path / "p.nii.gz")
    assert [row["label"] for row in facts["scans"]] == ["1", "2"]
    assert facts["labels"]["2"]["dice"]["mean"] == pytest.approx(2 * 3 / (3 + 6))


@pytest.mark.parametrize(
    ("shape", "shift", "code"), [((4, 24, 23), 0.0, "mask-size-differs"), (SHAPE, 9.0, "mask-other-grid")]
)
def test_masks_of_another_grid_are_refused(tmp_path, capsys, shape, shift, code):
    volume, mask = blob(1)
    save_mask(tmp_path / "t.nii.gz", volume, mask)
    affine = volume.geometry.affine.copy()
    affine[0, 3] += shift
    other = Volume(np.zeros(shape, np.uint8), Geometry(shape, affine))
    save_mask(tmp_path / "p.nii.gz", other, other.array)
    status, facts, _ = said(capsys, "evaluate", "--truth", tmp_path / "t.nii.gz", "--predicted", tmp_path / "p.nii.gz")
    assert (status, facts["error"]["code"]) == (1, code)


@pytest.fixture
def head_file(tmp_path):
    head = make_head(3, shape=(16, 64, 52))
    path = tmp_path / "in" / "head.nii.gz"
    path.parent.mkdir()
    path.write_bytes(encode_volume(head.volume))
    return path, head


def test_strip_writes_brain_and_mask_in_the_inputs_own_geometry(head_file, tmp_path, capsys):
    path, _ = head_file
    status, facts, err = said(capsys, "strip", path, "-o", tmp_path / "out", "--model", "classical")
    assert status == 0
    assert "rough" in err
    assert facts["scans"] == 1
    source = nib.load(path)
    brain, mask = (nib.load(tmp_path / "out" / f"head_{kind}.nii.gz") for kind in ("brain", "mask"))
    assert brain.shape == mask.shape == source.shape
    assert np.array_equal(brain.affine, source.affine)
    assert np.array_equal(mask.affine, source.affine)
    assert brain.get_data_dtype() == source.get_data_dtype()
    inside = np.asarray(mask.dataobj) > 0
    assert inside.any()
    assert np.array_equal(np.asarray(brain.dataobj)[inside], np.asarray(source.dataobj)[inside])
    assert set(np.unique(np.asarray(mask.dataobj))) == {0, 1}


def test_a_batch_goes_on_past_bad_files_and_fails_at_its_end(head_file, tmp_path, capsys):
    path, _ = head_file
    bad = path.parent / "bad.nii.gz"
    bad.write_bytes(path.read_bytes()[:900])
    status, facts, err = said(capsys, "strip", bad, tmp_path / "gone.nii", path, "-o", tmp_path / "out", "--masks-only")
    assert status == 1
    assert not facts["ok"]
    assert facts["scans"] == 1
    assert facts["failed"] == 2
    assert "bad.nii.gz" in err
    assert "gone.nii" in err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["head_mask.nii.gz"]


def test_a_folder_skips_and_lists_what_is_no_scan(head_file, tmp_path, capsys):
    path, _ = head_file
    (path.parent / "notes.txt").write_text("not a scan")
    status, facts, err = said(capsys, "strip", path.parent, "-o", tmp_path / "out")
    assert status == 0
    assert facts["scans"] == 1
    assert "notes.txt" in err
    assert facts["skipped"][0]["source"] == "notes.txt"


def test_nothing_usable(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    status, facts, _ = said(capsys, "strip", tmp_path / "empty", "-o", tmp_path / "out")
    assert (status, facts["error"]["code"]) == (1, "nothing-usable")
    assert not (tmp_path / "out").exists()


def test_the_readers_own_mask_beside_the_scan_survives(head_file, capsys):
    path, head = head_file
    own = path.parent / "head_mask.nii.gz"
    save_mask(own, head.volume, head.masks["Brain"])
    before = own.read_bytes()
    status, _, err = said(capsys, "strip", path, "-o", path.parent)
    assert status == 1
    assert "not written over" in err
    assert own.read_bytes() == before


def test_same_names_from_two_folders_do_not_meet(head_file, tmp_path, capsys):
    path, _ = head_file
    other = tmp_path / "other" / "head.nii.gz"
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    status, facts, _ = said(capsys, "strip", path, other, "-o", tmp_path / "out", "--masks-only")
    assert status == 0
    assert len(set(facts["written"])) == 2
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["head_2_mask.nii.gz", "head_mask.nii.gz"]


def test_strip_and_apply_with_a_run(project, split_run, tmp_path, capsys):
    volume, mask = blob(9)
    path = tmp_path / "new.nii.gz"
    path.write_bytes(encode_volume(volume))
    status, facts, err = said(capsys, "apply", path, "--model", f"{project.path}:last", "-o", tmp_path / "a")
    assert status == 0
    assert "rough" not in err
    written = np.asarray(nib.load(tmp_path / "a" / "new_mask.nii.gz").dataobj).transpose(2, 1, 0)
    overlap = 2 * (written & mask).sum() / (written.sum() + mask.sum())
    assert overlap > 0.8
    status, facts, _ = said(
        capsys, "strip", path, "--model", f"{project.path}:1", "-o", tmp_path / "s", "--margin", "1"
    )
    assert status == 0
    assert np.asarray(nib.load(tmp_path / "s" / "new_mask.nii.gz").dataobj).sum() > written.sum()
    assert len(facts["written"]) == 2


def test_run_of_several_labels_writes_one_file_each(project, tmp_path, capsys):
    run = bright_run(project, {}, labels=("Core", "Whole tumour"))
    (tmp_path / "x.nii.gz").write_bytes(encode_volume(blob(2)[0]))
    model = f"{project.path}:{run.name}"
    status, _, _ = said(capsys, "apply", tmp_path / "x.nii.gz", "--model", model, "-o", tmp_path / "o")
    assert status == 0
    assert sorted(file.name for file in (tmp_path / "o").iterdir()) == [
        "x_core_mask.nii.gz",
        "x_whole-tumour_mask.nii.gz",
    ]
    status, facts, _ = said(capsys, "strip", tmp_path / "x.nii.gz", "--model", model, "-o", tmp_path / "o")
    assert (status, facts["error"]["code"]) == (1, "model-no-brain")


def test_strip_takes_the_best_run_that_draws_the_brain(project, split_run, head_file, tmp_path, capsys):
    update_run(project, bright_run(project, {}, labels=("Tumour",)).id, best_dice=0.99)
    status, facts, _ = said(capsys, "strip", head_file[0], "--model", f"{project.path}:best", "-o", tmp_path / "o")
    assert (status, facts["scans"]) == (0, 1)


@pytest.mark.parametrize(("model", "code"), [("nonsense", "model-form"), ("gone.meninx:1", "project-missing")])
def test_model_that_is_none(model, code, head_file, tmp_path, capsys):
    status, facts, _ = said(capsys, "strip", head_file[0], "--model", model, "-o", tmp_path / "o")
    assert (status, facts["error"]["code"]) == (1, code)


def test_a_model_may_be_named_by_the_runs_name(project, split_run):
    assert isinstance(masker_for(f"{project.path}:{split_run.name}"), RunMasker)


def test_jobs_of_the_window_are_there(head_file, tmp_path):
    assert JOBS["strip"] == "models.loose:strip_job"
    events = list(events_of(Job("strip", {"inputs": [head_file[0]], "folder": tmp_path / "o"}), never_stop))
    assert isinstance(events[0], Progress)
    assert isinstance(events[-1], Finished)
    assert not [event for event in events if isinstance(event, Skipped)]


def test_stopping_leaves_whole_files_only(head_file, tmp_path):
    job = Job("strip", {"inputs": [head_file[0]], "folder": tmp_path / "o"})
    events = list(events_of(job, lambda: "stop"))
    assert isinstance(events[-1], Finished)
    assert events[-1].result["scans"] == 0
    assert not (tmp_path / "o").exists()


def test_demo_makes_a_project_that_verifies(tmp_path, capsys, monkeypatch):
    import core.commands.demo as demo

    monkeypatch.setattr(demo, "_SHAPE", (10, 48, 40))
    monkeypatch.setattr(demo, "_SPACING", None)
    status, facts, err = said(capsys, "demo", tmp_path / "d.meninx")
    assert status == 0
    assert (facts["scans"], facts["drawn"]) == (8, 6)
    assert "train" in err
    with Project.open(tmp_path / "d.meninx") as project:
        assert project.verify() == []
        assert [label.name for label in project.labels()] == ["Brain", "Tumour"]
        assert project.counts()[ScanStatus.DONE] == 6
        assert project.counts()[ScanStatus.TO_DO] == 2
        assert len({scan.patient for scan in project.scans()}) == 8
        layers = [set(project.layers(one.id)) for scan in project.scans() for one in project.annotations(scan.id)]
        assert layers.count({"brain", "lesions"}) == 2
        assert layers.count({"brain"}) == 4
        first = project.annotations(project.scans()[0].id)[0]
        assert all(state.finished for state in project.slice_states(first.id, "brain"))
        assert project.read_layer(first.id, "brain").any()
    status, facts, _ = said(capsys, "demo", tmp_path / "d.meninx")
    assert (status, facts["error"]["code"]) == (1, "project-exists")


@pytest.mark.real
def test_strip_a_real_head_and_measure_it(data_root, tmp_path, capsys):
    folder = data_root / "strip"
    status, _, _ = said(capsys, "strip", folder / "oms202_t1w.nii.gz", "-o", tmp_path)
    assert status == 0
    words = ("--truth", folder / "oms202_t1w_mask.nii.gz", "--predicted", tmp_path / "oms202_t1w_mask.nii.gz")
    status, facts, _ = said(capsys, "evaluate", *words)
    assert status == 0
    assert facts["summary"]["dice"]["mean"] > 0.8
