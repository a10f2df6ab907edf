import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import LearningError
from core.learning.split import Candidate, Part, Split, make_split, mark_ancestors
from core.messages import text


def candidate(number: int, *, patient: str | None = None, amount: float = 0.1, slices: int = 4, known: bool = True):
    key = f"patient{number:03d}" if patient is None else patient
    return Candidate(f"scan{number:03d}", key, known, tuple(range(slices)), (amount,) * slices)


people = st.lists(st.tuples(st.integers(0, 30), st.floats(0, 0.5), st.integers(1, 6)), min_size=2, max_size=60).map(
    lambda rows: [
        candidate(number, patient=f"p{patient}", amount=amount, slices=slices)
        for number, (patient, amount, slices) in enumerate(rows)
    ]
)


@given(people, st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_no_patient_is_on_two_sides(candidates, seed):
    split = make_split(candidates, seed=seed)
    everyone = [scan for scans in split.scans.values() for scan in scans]
    patients = {c.patient for c in candidates}
    if len(patients) > 1:
        assert sorted(everyone) == sorted(c.scan for c in candidates)
        sides = {key: {split.part_of(c.scan, 0) for c in candidates if c.patient == key} for key in patients}
        assert all(len(parts) == 1 for parts in sides.values())
        assert split.scans[Part.TRAIN]
        assert split.scans[Part.VALIDATION]
        assert not split.leaky
        if len(patients) >= 4:
            assert split.scans[Part.TEST]


@given(people, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_scans_does_not_matter(candidates, shuffler):
    shuffled = list(candidates)
    shuffler.shuffle(shuffled)
    assert make_split(candidates, seed=3).to_json() == make_split(shuffled, seed=3).to_json()


def test_another_seed_gives_another_split():
    candidates = [candidate(number) for number in range(20)]
    splits = [make_split(candidates, seed=seed).scans[Part.TEST] for seed in range(5)]
    assert len(set(splits)) > 1


def test_parts_have_the_wanted_sizes():
    split = make_split([candidate(number) for number in range(100)])
    assert [len(split.scans[part]) for part in Part] == [70, 15, 15]


def test_every_part_shows_patients_with_and_without_the_label():
    shows = random.Random(1).sample(range(100), 40)
    candidates = [candidate(number, amount=0.2 if number in shows else 0.0) for number in range(100)]
    split = make_split(candidates)
    for part in Part:
        with_label = sum(int(scan[4:]) in shows for scan in split.scans[part])
        # 40 of 100 in each part, to within one patient per stratum border
        assert abs(with_label - 0.4 * len(split.scans[part])) <= 2


def test_large_and_small_amounts_are_on_every_side():
    candidates = [candidate(number, amount=(number + 1) / 100) for number in range(80)]
    split = make_split(candidates)
    for part in Part:
        amounts = [(int(scan[4:]) + 1) / 100 for scan in split.scans[part]]
        assert min(amounts) < 0.3
        assert max(amounts) > 0.5


def test_two_patients_train_and_check():
    split = make_split([candidate(0), candidate(1)])
    assert [len(split.scans[part]) for part in Part] == [1, 1, 0]
    assert not split.leaky


def test_one_patient_is_cut_by_slice_and_says_so():
    scan = Candidate("only", "p", True, (2, 5, 7, 9), (0.1, 0.0, 0.2, 0.1))
    split = make_split([scan])
    parts = [split.part_of("only", index) for index in scan.slices]
    assert Part.TRAIN in parts
    assert Part.VALIDATION in parts
    assert split.reasons == ("one-patient",)
    assert split.scans[Part.TRAIN] == split.scans[Part.VALIDATION] == ("only",)


def test_two_slices_are_enough():
    split = make_split([Candidate("only", "p", True, (0, 1), (0.1, 0.1))])
    assert sorted(split.part_of("only", index) for index in (0, 1)) == [Part.TRAIN, Part.VALIDATION]


def test_unknown_patients_are_stamped():
    split = make_split([candidate(0, known=False), candidate(1), candidate(2)])
    assert split.reasons == ("patients-unknown",)


def test_a_child_keeps_its_parents_parts():
    old = [candidate(number) for number in range(20)]
    parent = make_split(old, seed=1)
    child = make_split([*old, *(candidate(number) for number in range(20, 40))], seed=9, inherited=parent.patients)
    for part in Part:
        assert set(parent.scans[part]) <= set(child.scans[part])
    assert [len(child.scans[part]) for part in Part] == [28, 6, 6]


def test_checking_on_what_an_ancestor_learnt_is_stamped():
    split = make_split([candidate(0), candidate(1)])
    checked = split.scans[Part.VALIDATION]
    assert mark_ancestors(split, set(checked)).reasons == ("parent-trained",)
    assert mark_ancestors(split, set(split.scans[Part.TRAIN])) is split


def test_a_split_survives_its_file():
    for candidates in ([candidate(number) for number in range(7)], [candidate(0)]):
        split = make_split(candidates)
        assert Split.from_json(split.to_json()).to_json() == split.to_json()


@given(people, st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_folds_test_everybody_once(candidates, folds):
    patients = {c.patient for c in candidates}
    if len(patients) < max(folds, 4 if folds == 2 else 3):
        with pytest.raises(LearningError, match="folds-few"):
            make_split(candidates, folds=folds)
        return
    splits = [make_split(candidates, folds=folds, fold=fold, seed=fold) for fold in range(folds)]
    tested = [scan for split in splits for scan in split.scans[Part.TEST]]
    assert sorted(tested) == sorted(c.scan for c in candidates)
    by_patient = [len({key for key, part in split.patients.items() if part is Part.TEST}) for split in splits]
    assert max(by_patient) - min(by_patient) <= 1
    for split in splits:
        assert split.scans[Part.TRAIN]
        assert split.scans[Part.VALIDATION]
        assert set(split.patients) == patients


def test_folds_do_not_move_with_the_amounts_or_the_seed():
    few = [candidate(number, amount=0.1 if number % 3 else 0.0) for number in range(30)]
    more = [candidate(number, amount=number / 40 if number % 3 else 0.0) for number in range(30)]
    for fold in range(5):
        one, two = (make_split(who, folds=5, fold=fold, seed=seed) for who, seed in ((few, 0), (more, 7)))
        assert one.scans[Part.TEST] == two.scans[Part.TEST]
        # the label is in each fold alike: 20 of 30 show it
        assert sum(int(scan[4:]) % 3 > 0 for scan in one.scans[Part.TEST]) == 4


def test_whoever_is_frozen_is_the_whole_test_set():
    everyone = [candidate(number) for number in range(12)]
    split = make_split(everyone, frozen={"patient003", "patient007", "not here"})
    assert sorted(split.scans[Part.TEST]) == ["scan003", "scan007"]
    assert [len(split.scans[part]) for part in Part] == [8, 2, 2]
    alone = make_split([candidate(0, slices=6), candidate(1)], frozen={"patient001"})
    assert alone.reasons == ("one-patient",)
    assert alone.scans[Part.TEST] == ("scan001",)
    with pytest.raises(LearningError, match="frozen-all"):
        make_split([candidate(0)], frozen={"patient000"})


@given(people, st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_by_slice_leaves_no_slice_out(candidates, seed):
    slices = sum(len(c.slices) for c in candidates)
    split = make_split(candidates, by_slice=True, seed=seed)
    assert split.reasons == ("by-slice",)
    parts = [split.part_of(c.scan, index) for c in candidates for index in c.slices]
    assert len(parts) == slices
    assert Part.TRAIN in parts
    if slices > 1:
        assert Part.VALIDATION in parts
    if slices > 2:
        assert Part.TEST in parts


@pytest.mark.parametrize("reason", ["patients-unknown", "one-patient", "by-slice", "parent-trained", "twins"])
def test_every_reason_has_its_words(reason):
    assert text(f"notices.training-leaky-{reason}").endswith(".")
    assert text(f"evaluate.stamp_{reason.replace('-', '_')}").endswith(".")
