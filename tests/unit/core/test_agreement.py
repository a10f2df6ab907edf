"""Agreement and consensus: cases computed by hand, and SimpleITK as the second opinion."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.commands.line import run
from core.errors import InputError
from core.geometry import Geometry
from core.labels import LabelSet
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.records import Origin, Scan, SliceState
from core.review.agreement import Reading, agree, agreements, cohens_kappa, disagreement, summary
from core.review.class_agreement import class_agreements, class_words, kappa_of_values
from core.review.compare import pick_annotation
from core.review.consensus import majority, staple
from core.team import assignments
from core.team.adjudication import begin_adjudication, make_consensus
from core.team.readers import CONSENSUS_MAJORITY, CONSENSUS_STAPLE, adjudication_reader
from core.volume import Volume

SHAPE = (4, 12, 10)
Bools = NDArray[np.bool_]


def noisy(seed: int, readers: int = 3, shape: tuple[int, int, int] = (6, 20, 18)) -> list[Bools]:
    """Masks of readers who see the same ball, each with faults of his own."""
    draws = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    ball = (z - 3) ** 2 * 4 + (y - 10) ** 2 + (x - 9) ** 2 < draws.uniform(20, 60)
    masks = []
    for _ in range(readers):
        missed, made_up = draws.uniform(0.02, 0.3), draws.uniform(0.001, 0.05)
        chance = draws.random(shape)
        masks.append(np.where(ball, chance > missed, chance < made_up))
    return masks


@pytest.mark.parametrize("readers", [2, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_staple_says_what_simpleitk_says(seed: int, readers: int) -> None:
    masks = noisy(seed, readers)
    judge = SimpleITK.STAPLEImageFilter()
    judge.SetForegroundValue(1)
    judge.SetMaximumIterations(2000)
    told = judge.Execute([SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in masks])
    wanted = SimpleITK.GetArrayFromImage(told)
    found = staple(masks)
    assert np.abs(found.probability - wanted).max() < 2e-3
    assert np.allclose(found.sensitivity, judge.GetSensitivity(), atol=2e-3)
    assert np.allclose(found.specificity, judge.GetSpecificity(), atol=2e-3)
    clear = np.abs(wanted - 0.5) > 5e-3
    assert np.array_equal(found.mask[clear], wanted[clear] >= 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_majority_says_what_simpleitk_says(seed: int) -> None:
    masks = noisy(seed, 3 + 2 * (seed % 2))
    voted = SimpleITK.LabelVoting([SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in masks], 2)
    assert np.array_equal(majority(masks), SimpleITK.GetArrayFromImage(voted) == 1)


def test_a_better_reader_counts_more_in_staple() -> None:
    masks = noisy(1, 3)
    truth = majority(masks)
    blurred = np.random.default_rng(0).random(truth.shape) < 0.5
    found = staple([truth, truth, blurred])
    assert np.array_equal(found.mask, truth)
    assert found.sensitivity[0] > 0.99 > 0.7 > found.sensitivity[2]


def test_consensus_of_the_same_and_of_nothing() -> None:
    one = noisy(2, 1)[0]
    for way in (majority, lambda masks: staple(masks).mask):
        assert np.array_equal(way([one, one]), one)
        assert not way([np.zeros_like(one)] * 3).any()
        assert way([np.ones_like(one)] * 2).all()
    for masks, code in (([], "consensus-none"), ([one, one[:2]], "consensus-size"), ([one] * 17, "consensus-many")):
        with pytest.raises(InputError) as refused:
            majority(masks)
        assert refused.value.code == code


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=5))
def test_no_masks_break_staple(rows: list[list[bool]]) -> None:
    found = staple([np.array(row) for row in rows])
    assert np.isfinite(found.probability).all()
    assert all(0.0 <= value <= 1.0 for value in (*found.sensitivity, *found.specificity))


def test_kappa_by_hand() -> None:
    # 20 yes of both, 5 of the first alone, 10 of the second alone, 15 of none: the usual textbook table
    first = np.array([True] * 25 + [False] * 25)
    second = np.array([True] * 20 + [False] * 5 + [True] * 10 + [False] * 15)
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert cohens_kappa(first, first) == 1.0
    assert cohens_kappa(first, ~first) == -1.0
    assert cohens_kappa(np.zeros(4), np.zeros(4)) is None
    assert cohens_kappa(np.zeros(0), np.zeros(0)) is None
    assert cohens_kappa(np.array([1, 0]), np.array([0, 0])) == 0.0


def test_kappa_of_values_by_hand() -> None:
    # three values of a hundred cases; rows sum to 50, 30, 20 and columns to 60, 30, 10
    pairs = {"aa": 44, "ab": 5, "ac": 1, "ba": 7, "bb": 20, "bc": 3, "ca": 9, "cb": 5, "cc": 6}
    first = [pair[0] for pair, count in pairs.items() for _ in range(count)]
    second = [pair[1] for pair, count in pairs.items() for _ in range(count)]
    observed = 0.44 + 0.20 + 0.06
    chance = 0.50 * 0.60 + 0.30 * 0.30 + 0.20 * 0.10
    assert kappa_of_values(first, second) == pytest.approx((observed - chance) / (1 - chance))
    assert kappa_of_values(first, first) == 1.0
    assert kappa_of_values(["a", "a"], ["a", "a"]) is None
    assert kappa_of_values([], []) is None
    assert kappa_of_values(["a", "b"], ["b", "a"]) == -1.0


@pytest.mark.parametrize("seed", range(6))
def test_agreement_says_what_simpleitk_and_plain_counting_say(seed: int) -> None:
    chance = np.random.default_rng(seed)
    shape = tuple(int(size) for size in chance.integers(3, 12, 3))
    spacing = tuple(float(size) for size in chance.uniform(0.5, 4, 3))
    first, second = (chance.random(shape) < chance.uniform(0.1, 0.8) for _ in range(2))
    first.flat[0] = second.flat[-1] = True
    geometry = Geometry(shape, np.diag([*spacing[::-1], 1.0]), True, True)
    known = np.ones(shape[0], bool)
    scan = SimpleNamespace(id="x", name="S0001")
    found = agree(scan, "Tumour", Reading("a", first, known), Reading("b", second, known), geometry)
    assert found is not None
    images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (first, second)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    assert found.dice == pytest.approx(overlap.GetDiceCoefficient())
    table = np.array([[np.mean((first == one) & (second == two)) for two in (False, True)] for one in (False, True)])
    by_chance = table.sum(axis=0) @ table.sum(axis=1)
    assert found.kappa == pytest.approx((np.trace(table) - by_chance) / (1 - by_chance))


# in a project


def read_by(project: Project, scan: Scan, reader: str, mask: NDArray[np.uint8], finished: int) -> None:
    annotation = project.ensure_annotation(scan.id, reader)
    states = [SliceState(number, Origin.DRAWN, None, number < finished, reader) for number in range(SHAPE[0])]
    project.save_layers(annotation.id, {"lesions": mask}, {"lesions": states}, journal_sequence=0)


def study(path: Path) -> tuple[Project, Scan]:
    """Two readers: a square of 4 x 4 and one that lies 2 further on, on three and two finished slices."""
    project = Project.create(path / "p.meninx")
    project.set_labels(LabelSet().with_label("Tumour").with_label("Oedema"))
    scan = project.add_scan(Volume(np.zeros(SHAPE, np.int16), Geometry(SHAPE, np.diag([2.0, 2, 5, 1]))), patient="Doe")
    first, second = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    first[:, 2:6, 2:6] = 1
    second[:, 2:6, 4:8] = 1
    read_by(project, scan, "anna", first, 3)
    read_by(project, scan, "ben", second, 2)
    return project, scan


def test_agreement_of_two_squares_by_hand(tmp_path: Path) -> None:
    project, scan = study(tmp_path)
    with project:
        (tumour, oedema) = agreements(project)
        assert (tumour.first, tumour.second, tumour.label, tumour.slices) == ("anna", "ben", "Tumour", 2)
        # 16 and 16 pixels of a slice, 8 of them shared; two slices
        assert (tumour.first_voxels, tumour.second_voxels) == (32, 32)
        assert tumour.dice == pytest.approx(0.5)
        # of 120 pixels: 8 both, 8 + 8 one, 96 none; chance (16^2 + 104^2) / 120^2
        chance = (16 * 16 + 104 * 104) / 14400
        assert tumour.kappa == pytest.approx((104 / 120 - chance) / (1 - chance))
        # half of each outline lies up to two pixels of 2 mm beside the other
        assert (tumour.hd95, tumour.unit) == (pytest.approx(4.0), "mm")
        assert (oedema.dice, oedema.kappa, oedema.hd95) == (None, None, None)
        (row, _) = sorted(summary([tumour, oedema]), key=lambda one: str(one["label"]), reverse=True)
        assert row["dice"] == {"mean": pytest.approx(0.5), "median": pytest.approx(0.5), "n": 1}
        votes, known, readers = disagreement(project, scan, project.labels().named("Tumour"))
        assert readers == ("anna", "ben")
        assert known.tolist() == [True, True, False, False]
        assert [int((votes == count).sum()) for count in (1, 2)] == [32, 16]


def test_a_scan_that_is_read_blind_tells_nothing(tmp_path: Path) -> None:
    project, scan = study(tmp_path)
    with project:
        assignments.two_readers(project, [scan.id], "anna", "ben", by="carl")
        assert list(agreements(project)) == []
        assert disagreement(project, scan, project.labels().named("Tumour"))[2] == ()
        for act in (
            lambda: make_consensus(project, scan, by="carl"),
            lambda: begin_adjudication(project, scan, by="carl", start="anna"),
        ):
            with pytest.raises(InputError) as refused:
                act()
            assert refused.value.code == "reading-blind"
        for reader in ("anna", "ben"):
            assignments.finish_reading(project, scan.id, reader)
        assert len(list(agreements(project))) == 2


def test_two_readers_on_classes(tmp_path: Path) -> None:
    project, scan = study(tmp_path)
    with project:
        for reader, values in (("anna", "yes yes no no"), ("ben", "yes no no no")):
            for number, value in enumerate(values.split()):
                if number < SHAPE[0]:
                    project.classes.set(scan.id, "stroke", value, reader=reader, slices=[number])
            project.classes.set(scan.id, "stroke", "yes", reader=reader)
        project.classes.set(scan.id, "side", "left", reader="anna")
        told = [(one.name, one.whole, one.count, one.alike, one.kappa) for one in class_agreements(project)]
        slices, alike = min(4, SHAPE[0]), min(4, SHAPE[0]) - 1
        expected = kappa_of_values(["yes", "yes", "no", "no"][:slices], ["yes", "no", "no", "no"][:slices])
        assert told == [("stroke", False, slices, alike, expected), ("stroke", True, 1, 1, None)]
        assert f"{slices} slices: {alike} alike" in class_words(class_agreements(project)[0])
        assignments.two_readers(project, [scan.id], "anna", "ben", by="chief")
        assert class_agreements(project) == [], "still read blind"


def test_consensus_and_adjudication_leave_the_readers_masks_as_they_are(tmp_path: Path) -> None:
    project, scan = study(tmp_path)
    with project:
        before = {one.id: project.layers(one.id) for one in project.annotations(scan.id)}
        made = make_consensus(project, scan, "majority", by="carl")
        assert made.reader == CONSENSUS_MAJORITY
        mask = project.read_layer(made.id, "lesions")
        assert mask is not None
        assert (np.argwhere(mask[0]).min(axis=0).tolist(), np.argwhere(mask[0]).max(axis=0).tolist()) == (
            [2, 4],
            [5, 5],
        )
        # nothing is said of slices that not both finished
        assert not mask[2:].any()
        assert [one.slice for one in project.slice_states(made.id, "lesions") if one.finished] == [0, 1]
        assert make_consensus(project, scan, "majority", by="carl").id == made.id
        assert len(project.layer_versions(made.id, "lesions")) == 1
        decided = begin_adjudication(project, scan, by="carl", start="ben")
        assert decided.reader == adjudication_reader("carl")
        assert begin_adjudication(project, scan, by="carl", start="anna").id == decided.id
        bens = project.annotation(scan.id, "ben")
        assert bens is not None
        assert np.array_equal(project.read_layer(decided.id, "lesions"), project.read_layer(bens.id, "lesions"))
        assert not any(one.finished for one in project.slice_states(decided.id, "lesions"))
        chosen = pick_annotation(project, scan.id)
        assert chosen is not None
        assert chosen.id == decided.id
        assert {one: project.layers(one) for one in before} == before
        assert project.verify() == []
        for start, code in (("nobody", "reader-unknown"),):
            with pytest.raises(InputError) as refused:
                begin_adjudication(project, scan, by="dora", start=start)
            assert refused.value.code == code
        with pytest.raises(InputError):
            make_consensus(project, scan, "dice", by="carl")


def test_where_two_labels_meet_in_a_consensus_the_one_more_readers_see_wins(tmp_path: Path) -> None:
    project, scan = study(tmp_path)
    with project:
        for reader, values in (("anna", (1, 2)), ("ben", (1, 2)), ("carl", (2, 2)), ("dora", (2, 2)), ("eve", (2, 1))):
            mask = np.zeros(SHAPE, np.uint8)
            mask[0, 0, 0], mask[0, 0, 1] = values
            read_by(project, scan, reader, mask, 1)
        made = make_consensus(project, scan, "majority", by="carl")
        mask = project.read_layer(made.id, "lesions")
        assert mask is not None
        assert mask[0, 0, :2].tolist() == [2, 2]


def both_labels(path: Path) -> tuple[Project, Scan]:
    """Two readers of two labels, alike on the first slice: the third row is Tumour of the one, Oedema of the other."""
    project, scan = study(path)
    for reader, third in (("anna", 1), ("ben", 2)):
        mask = np.zeros(SHAPE, np.uint8)
        mask[:, 0, :5], mask[:, 1, :3], mask[:, 2, :4] = 1, 2, third
        read_by(project, scan, reader, mask, 2)
    return project, scan


def made_of(project: Project, scan: Scan, reader: str = CONSENSUS_MAJORITY) -> tuple[NDArray[np.uint8], list[int]]:
    """Return the mask of a consensus, and the slices that it calls finished."""
    annotation = project.annotation(scan.id, reader)
    assert annotation is not None
    mask = project.read_layer(annotation.id, "lesions")
    assert mask is not None
    return mask, [one.slice for one in project.slice_states(annotation.id, "lesions") if one.finished]


def test_a_consensus_of_one_label_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    project, scan = both_labels(tmp_path)
    with project:
        make_consensus(project, scan, "majority", by="carl")
        before, finished = made_of(project, scan)
        assert [int((before == value).sum()) for value in (1, 2)] == [10, 6]
        assert finished == [0, 1]
        make_consensus(project, scan, "majority", by="carl", labels=["Tumour"])
        assert np.array_equal(made_of(project, scan)[0], before)
        assert made_of(project, scan)[1] == finished
        # the readers go on, and one of them is done with the first slice alone
        for reader in ("anna", "ben"):
            mask = np.zeros(SHAPE, np.uint8)
            mask[:, 1:3, :5] = 1
            read_by(project, scan, reader, mask, 1 if reader == "ben" else 3)
        make_consensus(project, scan, "majority", by="carl", labels=["Tumour"])
        mask, finished = made_of(project, scan)
        assert np.array_equal(mask == 2, before == 2), "what was not asked for stays"
        assert [int((mask[number] == 1).sum()) for number in range(3)] == [7, 0, 0]
        assert finished == [0], "nothing is said of Tumour on the second slice any more"
        assert project.verify() == []


def test_a_new_consensus_of_one_label_calls_nothing_finished_that_nobody_decided(tmp_path: Path) -> None:
    project, scan = both_labels(tmp_path)
    with project:
        made = make_consensus(project, scan, "majority", by="carl", labels=["Tumour"])
        mask, finished = made_of(project, scan)
        assert [int((mask == value).sum()) for value in (1, 2)] == [10, 0]
        assert finished == []
        assert [one.slice for one in project.slice_states(made.id, "lesions")] == [0, 1]
        make_consensus(project, scan, "majority", by="carl", labels=["Oedema", "Tumour"])
        mask, finished = made_of(project, scan)
        assert [int((mask == value).sum()) for value in (1, 2)] == [10, 6]
        assert finished == [0, 1], "all labels of the layer were asked for"


def test_a_label_asked_for_alone_is_what_it_is_among_all(tmp_path: Path) -> None:
    project, scan = both_labels(tmp_path)
    with project:
        # three see Oedema there and two Tumour: by STAPLE both may be, and the one more readers see wins
        for reader, value in zip(("anna", "ben", "carl", "dora", "eve"), (1, 1, 2, 2, 2), strict=True):
            mask = np.zeros(SHAPE, np.uint8)
            mask[0, 0, :3], mask[0, 5] = value, 3 - value
            read_by(project, scan, reader, mask, 1)
        make_consensus(project, scan, "staple", by="carl")
        every, _ = made_of(project, scan, CONSENSUS_STAPLE)
        for name, value in (("Tumour", 1), ("Oedema", 2)):
            make_consensus(project, scan, "staple", by="carl", labels=[name])
            mask, _ = made_of(project, scan, CONSENSUS_STAPLE)
            assert np.array_equal(mask == value, every == value)


def test_the_command_says_what_it_leaves_and_waits_for_who_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project, scan = both_labels(tmp_path)
    project.close()
    words = ["consensus", str(project.path), "--method", "majority", "--as", "carl"]
    with AnnotationLock(project.path, "ben"):
        assert run(words) == 1
        assert "ben@" in capsys.readouterr().err
        assert run([*words, "--adjudicate", "anna"]) == 1
    with Project.open(project.path) as again:
        assert {one.reader for one in again.annotations(scan.id)} == {"anna", "ben"}
    assert run(words) == 0
    assert "Oedema" not in capsys.readouterr().out
    assert run([*words, "--label", "Tumour"]) == 0
    assert "Oedema" in capsys.readouterr().out
    assert run([*words, "--adjudicate", "anna"]) == 0
    assert not (project.path / "meninx.lock").exists()
