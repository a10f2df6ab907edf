"""Which slices a class is known of, what counts as yes, and who checks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import LearningError
from core.events import Notice, never_stop
from core.geometry import Geometry
from core.learning.class_set import find_class_sources, read_class_set, says_no, yes_values
from core.learning.class_split import with_both_kinds
from core.learning.config import TrainingConfig
from core.learning.split import Candidate, Part, make_split
from core.project.project import Project
from core.volume import Volume

CONFIG = TrainingConfig.for_class("stroke", size=32, slices=1)


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p") as made:
        for number in range(3):
            array = np.full((4, 20, 24), number, dtype=np.uint8)
            made.add_scan(Volume(array, Geometry.of_picture(20, 24, 4)), patient=f"patient {number}")
        yield made


def _set(project, number, value, slices=None, reader="a"):
    project.classes.set(project.scans()[number].id, "stroke", value, reader=reader, slices=slices)


def _said(project, config=CONFIG):
    return {source.scan.name: dict(source.said) for source in find_class_sources(project, config)}


def test_words_for_no():
    for word in ("no", "No", "0", "no-stroke", "no stroke", "non-stroke", "none", "normal", "false"):
        assert says_no(word), word
    for word in ("yes", "1", "stroke", "noise", "nodule", "north"):
        assert not says_no(word), word


def test_yes_values_by_their_words_by_choice_or_asked_for():
    assert yes_values("c", ["no-stroke", "stroke"]) == {"stroke"}
    assert yes_values("c", ["no", "ischaemic", "bleed"]) == {"ischaemic", "bleed"}
    assert yes_values("c", ["a", "b", "c"], ["B"]) == {"b"}
    with pytest.raises(LearningError) as which:
        yes_values("c", ["left", "right"])
    assert which.value.code == "class-which"
    with pytest.raises(LearningError) as unknown:
        yes_values("c", ["left", "right"], ["up"])
    assert unknown.value.code == "class-yes-unknown"


def test_slices_that_nobody_named_are_unknown(project):
    _set(project, 0, "yes", [1])
    _set(project, 0, "no", [3])
    _set(project, 1, "no")
    _set(project, 2, "yes")
    # a whole scan that is no has no slice that is; one that is yes does not say which
    assert _said(project) == {"S0001": {1: True, 3: False}, "S0002": dict.fromkeys(range(4), False)}


def test_of_several_readers_the_last_word_counts_or_only_one(project, monkeypatch):
    times = iter(f"2026-01-01T00:00:0{n}.000Z" for n in range(9))
    monkeypatch.setattr("core.project.classes.utc_now", lambda: next(times))
    _set(project, 0, "yes", [0], reader="a")
    _set(project, 0, "no", [0], reader="b")
    _set(project, 0, "yes", [1], reader="b")
    assert _said(project)["S0001"] == {0: False, 1: True}
    _set(project, 0, "no", [2], reader="a")
    assert _said(project, TrainingConfig.for_class("stroke", reader="a"))["S0001"] == {0: True, 2: False}


def test_level_of_scans(project):
    _set(project, 0, "yes", [2])
    _set(project, 1, "no", [0, 1, 2, 3])
    _set(project, 2, "no", [0])
    config = TrainingConfig.for_class("stroke", level="scan")
    # of the third scan three slices were not looked at
    assert _said(project, config) == {"S0001": dict.fromkeys(range(4), True), "S0002": dict.fromkeys(range(4), False)}


def test_bad_input_has_a_sentence_each(project):
    with pytest.raises(LearningError) as none:
        find_class_sources(project, CONFIG)
    assert none.value.code == "class-none"
    _set(project, 0, "yes", [0, 1])
    with pytest.raises(LearningError) as other:
        find_class_sources(project, replace(CONFIG, class_name="bleeding"))
    assert other.value.code == "class-not-there"
    assert "stroke" in str(other.value)
    with pytest.raises(LearningError) as one:
        find_class_sources(project, CONFIG)
    assert one.value.code == "class-one"
    project.classes.set(project.scans()[0].id, "stroke", None, reader="a", slices=[0, 1])
    _set(project, 0, "yes")
    _set(project, 1, "no")
    # only the scan that is no says something of its slices
    with pytest.raises(LearningError) as scans:
        find_class_sources(project, CONFIG)
    assert scans.value.code == "class-only-scans"


def test_slices_that_make_no_scan_a_no_are_told_at_the_level_of_scans(project):
    # one is yes; of another only some slices were looked at, so that nobody knows what it is as a whole
    _set(project, 0, "yes", [0])
    _set(project, 1, "no", [0, 1])
    with pytest.raises(LearningError) as slices:
        find_class_sources(project, TrainingConfig.for_class("stroke", level="scan"))
    assert slices.value.code == "class-only-slices"


def test_only_known_slices_are_read_and_it_is_said(project):
    _set(project, 0, "yes", [0, 2])
    _set(project, 1, "no", [1, 2])
    reading = read_class_set(project, CONFIG, never_stop)
    notices = []
    while True:
        try:
            event = next(reading)
        except StopIteration as done:
            data = done.value
            break
        notices += [event] if isinstance(event, Notice) else []
    assert [(one.key, one.fields["count"], one.fields["used"]) for one in notices] == [("training-class-unknown", 8, 4)]
    assert data.amounts.tolist() == [1, 1, 0, 0]
    assert data.slice_of.tolist() == [0, 2, 1, 2]
    assert data.masks.shape == (4, 1, 1, 1)
    assert data.images.shape == (4, 32, 32)


def _patients(kinds):
    return [
        Candidate(f"s{key}", f"p{key}", True, tuple(range(len(mine))), tuple(float(one) for one in mine))
        for key, mine in enumerate(kinds)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_who_checks_shows_both_kinds(seed):
    # patients of one kind each, few that are yes: a plain split would check on one kind
    candidates = _patients([(0, 0)] * 7 + [(1, 1)] * 3)
    split = with_both_kinds(make_split(candidates, seed=seed, validation=0.2, test=0.2), candidates)
    kind = {one.scan: one.amounts[0] > 0 for one in candidates}
    for part in (Part.TRAIN, Part.VALIDATION):
        assert {kind[scan] for scan in split.scans[part]} == {True, False}, part
    everyone = [scan for part in Part for scan in split.scans[part]]
    assert sorted(everyone) == sorted(kind)
    assert all(split.patients[one.patient] is split.part_of(one.scan, 0) for one in candidates)


def test_who_is_fixed_stays():
    candidates = _patients([(0, 0)] * 4 + [(1, 1)] * 2)
    split = make_split(candidates, validation=0.2, test=0.2)
    fixed = [one.patient for one in candidates]
    assert with_both_kinds(split, candidates, fixed).patients == split.patients
