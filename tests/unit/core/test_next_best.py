"""Which slices are drawn next: each measure against counting pixel by pixel, and how slices are picked."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models"))
from review_support import bright_run

from core.commands.line import run as run_command
from core.errors import LearningError
from core.geometry import Geometry
from core.learning.frozen import freeze_test
from core.project.predictions import write_prediction
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.review.doubt import against_neighbours, disagreement, edge_entropy, reach
from core.review.next_best import Candidate, Pick, choose, gap_of
from core.review.suggest import MIRRORED, Wish, suggest
from core.volume import Volume

SHAPE = (16, 40, 40)


def bits(value: int) -> float:
    share = value / 255
    return 0.0 if share in (0.0, 1.0) else -(share * math.log2(share) + (1 - share) * math.log2(1 - share))


def by_hand(plane: np.ndarray) -> float:
    """Walk over all pairs of pixels."""
    radius = reach(*plane.shape)
    inside = plane >= 128
    rows, columns = plane.shape
    if not plane.any():
        return 0.0
    peak = divmod(int(plane.argmax()), columns)
    values = []
    for row in range(rows):
        for column in range(columns):
            near = [
                (row + down, column + right)
                for down in range(-radius, radius + 1)
                for right in range(-radius, radius + 1)
                if down * down + right * right <= radius * radius
                and 0 <= row + down < rows
                and 0 <= column + right < columns
            ]
            in_band = any(inside[place] != inside[row, column] for place in near) if inside.any() else peak in near
            if in_band:
                values.append(bits(int(plane[row, column])))
    return float(np.mean(values)) if values else 0.0


def test_entropy_of_the_edge_is_that_of_the_pixels_near_the_other_side():
    random = np.random.default_rng(3)
    soft = np.zeros((4, 24, 30), np.uint8)
    rows, columns = np.mgrid[:24, :30]
    soft[0] = np.clip(255 - 22 * np.hypot(rows - 11, columns - 13), 0, 255)
    soft[1] = random.integers(0, 120, (24, 30))
    soft[2, :, :12] = random.integers(128, 256, (24, 12))
    found = edge_entropy(soft)
    np.testing.assert_allclose(found, [by_hand(plane) for plane in soft], rtol=1e-6, atol=1e-9)
    assert found[3] == 0
    assert edge_entropy(np.full((1, 20, 20), 255, np.uint8))[0] == 0


def test_disagreement_counts_pixels_and_forgives_a_trifle():
    one = np.zeros((3, 256, 256), bool)
    other = one.copy()
    one[0, 10:110, 10:110] = other[0, 10:110, 60:160] = True
    one[1, 5:8, 5:8] = True
    found = disagreement(one, other)
    assert found[0] == pytest.approx(10_000 / (10_000 + 2 * 5_000 + 100))
    assert found[1] == pytest.approx(9 / 109), "nine pixels are no disagreement of 1"
    assert found[2] == 0


def test_a_growing_shape_agrees_with_its_neighbours_and_a_missing_slice_does_not():
    mask = np.zeros((7, 64, 64), bool)
    for z in range(7):
        mask[z, 10 : 20 + 5 * z, 10 : 20 + 5 * z] = True
    assert not against_neighbours(mask).any()
    mask[3] = False
    found = against_neighbours(mask)
    assert int(found.argmax()) == 3
    missing = int((mask[2] & mask[4]).sum())
    assert found[3] == pytest.approx(missing / (missing + 100 * 64 * 64 / 65536))
    assert found[0] == found[6] == 0
    assert not against_neighbours(mask[:1]).any()


def candidates(patients: int = 4, slices: int = 24, labels: tuple[str, ...] = ("Brain",)) -> list[Candidate]:
    random = np.random.default_rng(5)
    return [
        Candidate(
            f"s{p}", f"p{p}", f"S{p}", label, z, slices, {"unsure": random.random() * (1 + 3 * (p == 0))}, z % 3 > 0
        )
        for p in range(patients)
        for label in labels
        for z in range(slices)
    ]


def test_picks_go_round_patients_and_labels_and_keep_their_distance():
    found = choose(candidates(labels=("Brain", "Tumour")), 16, lot=0.25)
    assert len(found) == 16
    for name in ("patient", "label"):
        counts = [getattr(pick.candidate, name) for pick in found]
        assert max(map(counts.count, counts)) - min(map(counts.count, counts)) <= 1, name
    assert [pick.lot for pick in found] == [n % 4 == 3 for n in range(16)]
    for pick in found:
        for other in found:
            if pick is not other and pick.candidate.scan == other.candidate.scan:
                assert abs(pick.candidate.slice - other.candidate.slice) >= gap_of(24) == 3


def test_the_first_pick_is_the_most_doubtful_slice_of_all():
    pool = candidates()
    first = choose(pool, 1)[0]
    assert not first.lot
    assert first.candidate == max(pool, key=lambda one: one.score)
    assert choose(pool, 5) == choose(list(reversed(pool)), 5), "the order of the candidates means nothing"


def test_without_doubt_lots_are_drawn_and_the_seed_decides():
    sure = [Candidate("s", "p", "S", "Brain", z, 30, {"unsure": 0.0}, z > 20) for z in range(30)]
    found = choose(sure, 4, seed=1)
    assert all(pick.lot for pick in found)
    assert found == choose(sure, 4, seed=1)
    firsts = [choose(sure, 1, seed=seed)[0].candidate for seed in range(300)]
    # two of three lots fall on the 9 slices that show it, a third on all 30
    share = sum(one.shown for one in firsts) / 300
    assert share == pytest.approx(2 / 3 + 9 / 30 / 3, abs=0.08)
    assert choose([], 3) == []


def test_reasons_name_what_weighs_and_nothing_else():
    doubts = {"unsure": 0.5, "mirrored": 0.0, "beside": 0.3, "previous": 0.2}
    pick = Pick(Candidate("s", "p", "S", "Brain", 3, 20, doubts, True), before="run 4")
    assert pick.reasons == ("unsure", "beside")
    assert "0.50" in pick.words
    assert "30 %" in pick.words
    assert "run 4" in Pick(Candidate("s", "p", "S", "Brain", 3, 20, {"previous": 0.4}, True), before="run 4").words
    assert Pick(pick.candidate, lot=True).reasons == ("lot_shown",)


@pytest.fixture
def project(tmp_path):
    """Six scans of six patients: one to validate, one not predicted; two runs."""
    with Project.create(tmp_path / "next.meninx") as made:
        label = made.ensure_label("Brain")
        random = np.random.default_rng(0)
        scans = [
            made.add_scan(
                Volume(random.integers(0, 255, SHAPE, dtype=np.uint8), Geometry(SHAPE, np.eye(4))), patient=f"p{n}"
            )
            for n in range(6)
        ]
        first = bright_run(made, {"train": [scans[0].id], "validation": [scans[1].id]})
        second = bright_run(made, {"train": [scans[0].id], "validation": [scans[1].id]})
        for number, scan in enumerate(scans[:5]):
            soft = np.zeros(SHAPE, np.uint8)
            soft[2:14, 8:30, 8:30] = 255
            if number == 2:
                soft[6, 8:30, 8:30] = 140
            mask = (soft >= 128).astype(np.uint8)
            facts = {MIRRORED: {"Brain": [0.9 * (number == 3 and z == 9) for z in range(SHAPE[0])]}}
            write_prediction(made, second.id, scan.id, {"Brain": mask}, {"Brain": soft}, facts=facts)
            if number == 4:
                mask[11] = 0
                write_prediction(made, first.id, scan.id, {"Brain": mask}, {"Brain": mask * np.uint8(255)})
        annotation = made.ensure_annotation(scans[0].id, "reader-a")
        states = [SliceState(z, Origin.DRAWN, finished=True) for z in range(SHAPE[0])]
        made.save_layers(
            annotation.id, {label.layer: np.zeros(SHAPE, np.uint8)}, {label.layer: states}, journal_sequence=0
        )
        yield made, scans, second


def test_each_scan_is_suggested_for_its_own_reason(project):
    made, scans, run = project
    found = suggest(made, run, Wish(run.id, 3, lot=0))
    by_scan = {pick.candidate.scan: pick for pick in found.picks}
    assert set(by_scan) == {scan.id for scan in scans[2:5]}, "finished and validation scans are left out"
    assert (by_scan[scans[2].id].candidate.slice, by_scan[scans[2].id].reasons[0]) == (6, "unsure")
    assert (by_scan[scans[3].id].candidate.slice, by_scan[scans[3].id].reasons[0]) == (9, "mirrored")
    assert (by_scan[scans[4].id].candidate.slice, by_scan[scans[4].id].reasons[0]) == (11, "previous")
    assert found.unpredicted == (scans[5].name,)
    assert found.kept_apart == (scans[1].name,)


def test_a_finished_slice_and_those_close_to_it_are_not_suggested_again(project):
    made, scans, run = project
    annotation = made.ensure_annotation(scans[2].id, "reader-b")
    states = [SliceState(6, Origin.DRAWN, finished=True)]
    layers = {"brain": np.zeros(SHAPE, np.uint8)}
    made.save_layers(annotation.id, layers, {"brain": states}, journal_sequence=0)
    everybody = suggest(made, run, Wish(run.id, 40, scans=(scans[2].id,)))
    assert min(abs(pick.candidate.slice - 6) for pick in everybody.picks) >= gap_of(16)
    mine = suggest(made, run, Wish(run.id, 1, scans=(scans[2].id,), reader="reader-a"))
    assert mine.picks[0].candidate.slice == 6


def test_what_cannot_be_suggested_is_said(project):
    made, scans, run = project
    with pytest.raises(LearningError, match="suggest-nothing-predicted"):
        suggest(made, run, Wish(run.id, scans=(scans[5].id,)))
    with pytest.raises(LearningError, match="suggest-nothing-left"):
        suggest(made, run, Wish(run.id, scans=(scans[0].id,)))
    with pytest.raises(LearningError, match="suggest-labels"):
        suggest(made, run, Wish(run.id, labels=("Tumour",)))
    freeze_test(made, [scans[2].patient])
    assert scans[2].id not in {pick.candidate.scan for pick in suggest(made, run, Wish(run.id, 9)).picks}
    (made.predictions_folder / run.id / scans[3].id / "mask.nii.gz").write_bytes(b"broken")
    found = suggest(made, run, Wish(run.id, 9))
    assert found.unread == (scans[3].name,)
    assert found.picks


def test_the_command_tells_slices_and_reasons(project, capsys):
    made, _, run = project
    assert run_command(["suggest", str(made.path), "--run", run.name, "--count", "3", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ok"]
    assert len(facts["suggestions"]) == 3
    assert all(one["reason"] and 1 <= one["slice"] <= one["slices"] for one in facts["suggestions"])
    assert run_command(["suggest", str(made.path), "--run", "run 9", "--json"]) == 1
