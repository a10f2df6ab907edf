"""What the curves say in words, on curves made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from core.learning.events import EpochEnded, Scores, TrainingStarted, event_from_json, event_to_json
from core.learning.split import Part, Split
from core.learning.warnings import cautions, patients_checking


def started(*, validation=40, baseline=0.98):
    return TrainingStarted(
        "r", "Run 1", "unet", 1000, "cpu", "float32", 50, 5, 100, 60, validation, 0, baseline, leaky=False
    )


def epochs_of(train, check, *, losses=None, accuracy=0.99):
    """Epochs with these Dice; losses are 1 - Dice unless given as (train, check)."""
    found, best, best_epoch = [], -1.0, 0
    for number, (one, other) in enumerate(zip(train, check, strict=True), start=1):
        if other > best:
            best, best_epoch = other, number
        left, right = (1 - one, 1 - other) if losses is None else (losses[0][number - 1], losses[1][number - 1])
        scores = (Scores(left, one, one / (2 - one), 0.99), Scores(right, other, other / (2 - other), accuracy))
        found.append(EpochEnded("r", number, 50, *scores, best_epoch, best, 1.0, 1e-3))
    return found


def keys(*given, **facts):
    return [one.key for one in cautions(*given, **facts)]


CLIMB = [0.1, 0.3, 0.5, 0.6, 0.65, 0.7, 0.73, 0.75, 0.77, 0.78, 0.79, 0.8]


def test_curves_that_climb_together_say_nothing():
    assert keys(started(), epochs_of(CLIMB, [value - 0.03 for value in CLIMB])) == []
    assert keys(started(), []) == []
    assert keys(None, epochs_of(CLIMB, CLIMB)) == []


def test_train_rises_while_validation_falls():
    check = [0.1, 0.3, 0.5, 0.58, 0.6, 0.61, 0.59, 0.57, 0.55, 0.52, 0.5, 0.48]
    found = cautions(started(), epochs_of(CLIMB, check))
    assert [one.key for one in found] == ["over_fitting_dice"]
    assert found[0].fields["epoch"] == 7, "the mean of three epochs is highest at the seventh"
    assert "epoch 7" in found[0].words


def test_validation_loss_that_rises_is_over_fitting_though_its_dice_stands():
    flat = [*CLIMB[:6], 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]
    falling = [1 / (1 + number) for number in range(12)]
    rising = [0.9, 0.7, 0.5, 0.4, 0.35, 0.33, 0.36, 0.4, 0.45, 0.5, 0.55, 0.6]
    assert keys(started(), epochs_of(CLIMB, flat, losses=(falling, rising))) == ["over_fitting_loss"]
    assert keys(started(), epochs_of(CLIMB, flat, losses=(falling, falling))) == []


def test_both_fall_is_no_over_fitting():
    down = [*CLIMB[:6], 0.68, 0.66, 0.63, 0.6, 0.57, 0.55]
    assert keys(started(), epochs_of(down, down)) == []


def test_a_validation_that_jumps_about_is_not_called_over_fitting_for_its_last_jump():
    jumps = [0.3, 0.6, 0.35, 0.62, 0.33, 0.6, 0.36, 0.63, 0.31, 0.6, 0.34, 0.35]
    assert keys(started(), epochs_of(CLIMB, jumps)) == []


def test_no_better_validation_for_long():
    flat = [*CLIMB[:8], *[0.749] * 12]
    same = [*CLIMB[:8], *[0.75] * 12]
    found = cautions(started(), epochs_of(same, flat))
    assert [(one.key, one.fields) for one in found] == [("stalled", {"epoch": 8, "since": 12})]
    assert keys(started(), epochs_of(same[:17], flat[:17])) == []


def test_everything_background():
    dice = [0.0] * 4
    found = cautions(started(baseline=0.98), epochs_of(dice, dice, accuracy=0.98))
    assert [one.key for one in found] == ["all_background"]
    assert "98.0%" in found[0].words
    assert keys(started(baseline=0.98), epochs_of(dice, dice, accuracy=0.60)) == [], "wrong everywhere is another thing"
    assert keys(started(baseline=0.98), epochs_of(dice[:2], dice[:2], accuracy=0.98)) == [], "it has hardly begun"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number(value):
    epochs = epochs_of(CLIMB[:3], CLIMB[:3], losses=([1.0, value, value], [1.0, 1.0, 1.0]))
    assert keys(started(), epochs) == ["not_finite"]


def test_no_validation_and_one_patient():
    epochs = epochs_of(CLIMB[:3], [math.nan] * 3)
    assert keys(started(validation=0), epochs, validation_patients=0) == ["no_validation"]
    assert keys(started(), epochs_of(CLIMB[:3], CLIMB[:3]), validation_patients=1) == ["one_patient"]
    assert keys(started(), epochs_of(CLIMB[:3], CLIMB[:3]), validation_patients=2) == []


@pytest.mark.parametrize(
    ("people", "patients", "expected"),
    [(None, 5, []), (4, 12, ["few_yes"]), (9, 30, ["few_yes"]), (10, 30, []), (1, 1, ["one_patient"])],
)
def test_few_with_a_yes_who_check_a_class(people, patients, expected):
    begun = replace(started(), yes_patients=people)
    found = cautions(begun, epochs_of(CLIMB[:3], CLIMB[:3]), validation_patients=patients)
    assert [one.key for one in found] == expected
    assert event_from_json(event_to_json(begun)) == begun
    if expected == ["few_yes"]:
        assert found[0].words.startswith(f"Only {people} patients with a yes")


@pytest.mark.parametrize(
    ("slices", "expected", "words"),
    [
        (None, ["over_fitting_dice"], "Over-fitting"),
        (5, ["over_fitting_dice"], "Over-fitting"),
        (4, ["few_shown"], "Only 4 slices that show a label check"),
        (1, ["few_shown"], "Only 1 slice that shows a label checks"),
        (0, ["none_shown"], "No slice that shows a label checks"),
    ],
)
def test_few_slices_with_a_label_check(slices, expected, words):
    check = [0.1, 0.3, 0.5, 0.58, 0.6, 0.61, 0.59, 0.57, 0.55, 0.52, 0.5, 0.48]
    begun = replace(started(), label_slices=slices)
    found = cautions(begun, epochs_of(CLIMB, check), validation_patients=2)
    assert [one.key for one in found] == expected
    assert found[0].words.startswith(words)
    assert event_from_json(event_to_json(begun)) == begun
    # what it calls everything is no chance
    nothing = epochs_of([0.0] * 4, [0.0] * 4, accuracy=0.98)
    assert keys(begun, nothing)[0] == "all_background"


def test_who_checks():
    scans = dict.fromkeys(Part, ())
    assert patients_checking(None) is None
    assert patients_checking(Split(scans)) is None
    assert patients_checking(Split(scans, reasons=("one-patient",))) == 1
    patients = {"a": Part.TRAIN, "b": Part.VALIDATION, "c": Part.VALIDATION, "d": Part.TEST}
    assert patients_checking(Split(scans, patients=patients)) == 2
