"""Annotation against prediction: only finished slices are truth; worst slices come first."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import LearningError
from core.geometry import Geometry
from core.learning.config import TrainingConfig
from core.learning.runs import create_run
from core.project.predictions import write_prediction
from core.project.project import Project
from core.project.records import Origin, SliceState, current_reader
from core.review.compare import compare_label, compare_scan, learnt_truth, pick_annotation
from core.review.ranking import unsure_slices, worst_scans, worst_slices
from core.volume import Volume

SHAPE = (6, 16, 16)


def square(rows, columns, slices=slice(1, 5)):
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[slices, slice(*rows), slice(*columns)] = 1
    return mask


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p.meninx") as made:
        made.ensure_label("Brain")
        made.ensure_label("Tumour")
        yield made


def add_scan(project, seed=0, *, reader="anna", finished=range(6), mask=None):
    random = np.random.default_rng(seed)
    geometry = Geometry(SHAPE, np.diag([1.0, 1.0, 3.0, 1.0]))
    scan = project.add_scan(Volume(random.integers(0, 500, SHAPE).astype(np.uint16), geometry), patient=f"p{seed}")
    if mask is not None:
        annotation = project.ensure_annotation(scan.id, reader)
        states = [SliceState(z, Origin.DRAWN, None, z in finished, reader, 0.0) for z in range(6)]
        project.save_layers(annotation.id, {"brain": mask}, {"brain": states}, journal_sequence=0)
    return scan


def predict(project, scan, mask, *, run=None, label="Brain"):
    run = run or create_run(project, TrainingConfig(labels=(label,))).id
    write_prediction(project, run, scan.id, {label: mask}, {label: mask * np.uint8(255)})
    return run


def test_whole_annotation_against_prediction(project):
    scan = add_scan(project, mask=square((4, 12), (4, 12)))
    run = predict(project, scan, square((4, 12), (6, 14)))
    found = compare_scan(project, scan.id, run)
    assert found.reader == "anna"
    brain = found.of("brain")
    assert brain.whole
    assert brain.measures.dice == pytest.approx(0.75)
    assert found.dice == pytest.approx(0.75)
    assert brain.truth_ml == pytest.approx(4 * 64 * 3 / 1000)
    assert np.isnan(brain.per_slice[[0, 5]]).all()
    assert brain.per_slice[1:5] == pytest.approx(0.75)
    assert brain.wrong.tolist() == [0, 32, 32, 32, 32, 0]
    assert found.of("Tumour") is None


def test_unfinished_slices_are_no_truth(project):
    scan = add_scan(project, mask=square((4, 12), (4, 12), slice(1, 3)), finished=(0, 1, 2))
    run = predict(project, scan, square((4, 12), (4, 12)))
    brain = compare_scan(project, scan.id, run).of("Brain")
    assert not brain.whole
    assert brain.finished == 3
    assert brain.measures.dice == 1.0, "slices 3 and 4 are unfinished: they are not false"
    assert brain.measures.hd95 == 0.0
    assert np.isnan(brain.per_slice[3:]).all()
    assert worst_slices(brain) == []


def test_nobody_has_drawn(project):
    scan = add_scan(project)
    run = predict(project, scan, square((4, 12), (4, 12)))
    found = compare_scan(project, scan.id, run)
    assert found.reader == ""
    assert found.dice is None
    brain = found.of("Brain")
    assert brain.measures is None
    assert brain.truth_ml is None
    assert brain.predicted_ml == pytest.approx(4 * 64 * 3 / 1000)
    assert brain.finished == 0


def test_label_that_was_renamed_has_no_truth(project):
    scan = add_scan(project, mask=square((4, 12), (4, 12)))
    run = predict(project, scan, square((4, 12), (4, 12)))
    project.set_labels(project.labels().with_changed("Brain", new_name="Parenchyma"))
    assert compare_scan(project, scan.id, run).of("Brain").measures is None


def test_missing_prediction_is_said(project):
    scan = add_scan(project)
    run = create_run(project, TrainingConfig(labels=("Brain",)))
    with pytest.raises(LearningError) as caught:
        compare_scan(project, scan.id, run.id)
    assert caught.value.code == "prediction-missing"


def test_own_annotation_goes_before_the_newest(project):
    scan = add_scan(project, reader=current_reader(), mask=square((4, 12), (4, 12)))
    other = project.ensure_annotation(scan.id, "zoe")
    states = [SliceState(z, Origin.DRAWN, None, True, "zoe", 0.0) for z in range(6)]
    project.save_layers(other.id, {"brain": square((0, 4), (0, 4))}, {"brain": states}, journal_sequence=0)
    assert pick_annotation(project, scan.id).reader == current_reader()
    assert pick_annotation(project, scan.id, "zoe").reader == "zoe"
    assert pick_annotation(project, scan.id, "nobody") is None


def test_truth_of_a_training_skips_annotations_without_finished_slices(project):
    scan = add_scan(project, mask=square((4, 12), (4, 12)))
    begun = project.ensure_annotation(scan.id, "zoe")
    project.save_layers(begun.id, {"brain": square((0, 4), (0, 4))}, {"brain": []}, journal_sequence=0)
    truth, known, annotation = learnt_truth(project, scan.id, project.labels().named("Brain"), 6)
    assert annotation.reader == "anna"
    assert known.all()
    assert truth.sum() == 4 * 64
    assert learnt_truth(project, scan.id, project.labels().named("Tumour"), 6)[0] is None


def test_worst_slice_is_not_the_pole():
    """A few pixels missed at the pole have Dice 0; the slice that is half wrong is worse."""
    geometry = Geometry(SHAPE, np.eye(4))
    truth, guess = square((2, 14), (2, 14)), square((2, 14), (2, 14))
    truth[0, 8, 8] = 1
    guess[3, :, 8:] = 0
    ranked = worst_slices(compare_label("Brain", truth, guess, geometry))
    assert [one.slice for one in ranked] == [3, 0]
    assert [one.reason for one in ranked] == ["differs", "missed"]
    assert worst_slices(compare_label("Brain", truth, guess, geometry), most=1) == ranked[:1]


def test_what_only_the_run_sees_is_not_called_missed():
    geometry = Geometry(SHAPE, np.eye(4))
    truth, guess = square((2, 14), (2, 14)), square((2, 14), (2, 14))
    truth[1] = 0
    guess[2] = 0
    ranked = worst_slices(compare_label("Brain", truth, guess, geometry))
    assert {one.slice: one.reason for one in ranked} == {1: "spurious", 2: "missed"}


def test_unsure_slices_first():
    probability = np.zeros((4, 10, 10), dtype=np.uint8)
    probability[1:, 2:8, 2:8] = 255
    probability[2, 2:8, 4] = 128
    probability[3, 3, 3] = 100
    assert [one.slice for one in unsure_slices(probability)] == [2, 3]


def test_worst_scans_first(project):
    good, bad, undrawn = (
        add_scan(project, seed, mask=square((4, 12), (4, 12)) if seed < 3 else None) for seed in (1, 2, 3)
    )
    run = predict(project, good, square((4, 12), (4, 12)))
    predict(project, bad, square((4, 12), (8, 16)), run=run)
    predict(project, undrawn, square((4, 12), (8, 16)), run=run)
    ranked = worst_scans(compare_scan(project, scan.id, run) for scan in (good, bad, undrawn))
    assert [one.scan for one in ranked] == [bad.id, good.id]
