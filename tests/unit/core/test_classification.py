"""Measures of yes and no against cases computed by hand; thresholds and calibration."""

from __future__ import annotations

import numpy as np
import pytest

from core.learning.class_rule import ClassRule, best_threshold, calibrate, choose_rule, expit, logit, per_scan
from core.review.classification import auc, measure_classes, reliability, roc


def test_auc_counts_pairs_and_ties_half():
    # yes 0.9, 0.4; no 0.4, 0.1: pairs won 1, 1, tie, won = 3.5 of 4
    assert auc(np.array([0.9, 0.4, 0.4, 0.1]), np.array([1, 1, 0, 0])) == pytest.approx(3.5 / 4)
    assert auc(np.array([0.1, 0.9]), np.array([1, 0])) == 0.0
    assert auc(np.array([0.5, 0.5, 0.5]), np.array([1, 0, 0])) == pytest.approx(0.5)
    assert auc(np.array([0.5, 0.7]), np.array([1, 1])) is None


def test_confusion_and_figures_by_hand():
    probability = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1])
    truth = np.array([1, 1, 1, 0, 0, 0], dtype=bool)
    found = measure_classes(probability, truth, list("aabbcc"), 0.5)
    assert (found.caught, found.missed, found.false, found.quiet) == (2, 1, 1, 2)
    assert found.figures["sensitivity"] == pytest.approx(2 / 3)
    assert found.figures["specificity"] == pytest.approx(2 / 3)
    assert found.figures["precision"] == pytest.approx(2 / 3)
    assert found.figures["accuracy"] == pytest.approx(4 / 6)
    assert found.figures["baseline_accuracy"] == pytest.approx(0.5)
    assert found.figures["auc"] == pytest.approx(8 / 9)
    assert found.brier == pytest.approx(np.mean([0.01, 0.04, 0.49, 0.49, 0.04, 0.01]))
    low, high = found.intervals["auc"]
    assert 0 <= low <= 8 / 9 <= high <= 1


def test_one_kind_has_no_auc_and_one_patient_no_interval():
    found = measure_classes(np.array([0.2, 0.6]), np.array([False, False]), ["a", "a"], 0.5)
    assert found.figures["auc"] is None
    assert found.figures["sensitivity"] is None
    assert found.figures["specificity"] == 0.5
    assert set(found.intervals.values()) == {None}
    assert found.roc == ()


def test_intervals_draw_patients_and_not_slices():
    random = np.random.default_rng(0)
    truth = np.tile([True, False], 200)
    # every patient is right or wrong as a whole: four patients tell little, however many slices they have
    right = np.repeat([True, True, True, False], 100)
    probability = np.where(truth == right, 0.9, 0.1) + random.uniform(0, 0.01, 400)
    of_four = measure_classes(probability, truth, list(np.repeat(list("abcd"), 100)), 0.5)
    of_many = measure_classes(probability, truth, [str(n // 4) for n in range(400)], 0.5)
    width = [found.intervals["accuracy"][1] - found.intervals["accuracy"][0] for found in (of_four, of_many)]
    assert width[0] > 3 * width[1]


def test_roc_passes_equal_probabilities_together():
    points = roc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([1, 1, 0, 0]))
    assert points == ((0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0))


def test_calibration_error_by_hand():
    probability = np.array([0.15, 0.15, 0.95, 0.95])
    truth = np.array([0, 1, 1, 1])
    bins = reliability(probability, truth)
    assert [(one.count, one.share) for one in bins] == [(2, 0.5), (2, 1.0)]
    found = measure_classes(probability, truth, list("abcd"), 0.5)
    assert found.ece == pytest.approx(0.5 * 0.35 + 0.5 * 0.05)


def test_threshold_of_the_largest_sensitivity_and_specificity():
    probability = np.array([0.1, 0.2, 0.3, 0.7, 0.8])
    assert 0.3 < best_threshold(probability, np.array([0, 0, 0, 1, 1], dtype=bool)) < 0.7
    assert best_threshold(probability, np.zeros(5, dtype=bool)) == 0.5


def test_no_threshold_stands_on_a_slice_that_it_was_chosen_by():
    # another processor rounds otherwise: a slice must not fall to the other side by that
    wrong_way = best_threshold(np.array([0.2, 0.4]), np.array([1, 0], dtype=bool))
    assert wrong_way == pytest.approx(0.1)
    rng = np.random.default_rng(5)
    raw, truth = rng.random(400), rng.random(400) < 0.3
    rule = choose_rule(raw, truth, np.arange(400) // 10)
    found = expit(rule.slope * logit(raw) + rule.offset)
    for threshold in (rule.threshold, rule.scan_threshold, rule.gate_threshold):
        assert np.abs(found - threshold).min() > 1e-9


def test_calibration_takes_back_balanced_batches():
    random = np.random.default_rng(1)
    true_logits = random.normal(-2.5, 1.5, 4000)
    truth = random.uniform(size=4000) < expit(true_logits)
    # a network that was taught that every second slice is yes says this much more, and too surely
    slope, offset = calibrate((true_logits + 2.0) * 2.0, truth)
    assert slope == pytest.approx(0.5, abs=0.06)
    assert offset == pytest.approx(-2.0, abs=0.25)


def test_calibration_never_turns_yes_into_no():
    slope, _ = calibrate(np.array([2.0, 1.0, -1.0, -2.0]), np.array([False, False, True, True]))
    assert slope == 1.0


def test_rule_is_kept_and_its_gate_lets_yes_through():
    random = np.random.default_rng(2)
    truth = random.uniform(size=500) < 0.3
    raw = expit(np.where(truth, 1.5, -1.5) + random.normal(0, 1, 500))
    rule = choose_rule(raw, truth, np.arange(500) // 10)
    found = rule.probability(raw)
    assert np.mean(found[truth] >= rule.gate_threshold) >= 0.98
    assert rule.gate_threshold <= rule.threshold
    assert ClassRule.from_json(rule.to_json()) == rule
    assert np.array_equal(np.argsort(found), np.argsort(raw))
    assert logit(expit(np.array([-3.0, 0.5]))) == pytest.approx([-3.0, 0.5])


def test_a_scan_is_as_sure_as_its_surest_slice():
    found, truth = per_scan(np.array([0.1, 0.6, 0.2, 0.3]), np.array([0, 1, 0, 0], dtype=bool), np.array([0, 0, 1, 1]))
    assert found.tolist() == [0.6, 0.3]
    assert truth.tolist() == [True, False]


def test_a_scan_known_in_part_tells_nothing_of_scans_without():
    # scan 0 shows it, scans 1 and 2 do not; of scan 2 only some slices are known, and it looks like a yes
    raw = np.array([0.9, 0.2, 0.3, 0.1, 0.95, 0.9])
    truth = np.array([1, 0, 0, 0, 0, 0], dtype=bool)
    scans = np.array([0, 0, 1, 1, 2, 2])
    rule = choose_rule(raw, truth, scans, partly=(0, 2))
    found = rule.probability(raw)
    # between the scans that are known: what scan 2 says does not count
    assert found[2] < rule.scan_threshold < found[0]
    # where only one kind is left it is the threshold of slices
    only = choose_rule(raw, truth, scans, partly=(1, 2))
    assert only.scan_threshold == only.threshold
