"""Edit Dice and time, counted by hand on a scan whose slices came about in different ways."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models"))
from review_support import bright_run

from core.commands.line import run as command
from core.geometry import Geometry
from core.project.predictions import write_prediction
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.review.effort import Effort, effort_of, loop_of
from core.review.set_numbers import SCAN_COLUMNS, SLICE_COLUMNS, Against, scan_numbers
from core.volume import Volume

SHAPE = (6, 10, 10)


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "e.meninx") as made:
        label = made.ensure_label("Brain")
        scan = made.add_scan(Volume(np.zeros(SHAPE, np.uint8), Geometry(SHAPE, np.eye(4))), patient="p")
        run = bright_run(made, {})
        said = np.zeros(SHAPE, np.uint8)
        said[:, 2:8, 2:8] = 1
        write_prediction(made, run.id, scan.id, {"Brain": said}, {"Brain": said * np.uint8(255)})
        truth = said.copy()
        truth[1, 2:8, 2:5] = 0  # 18 of 36 pixels taken away
        truth[2] = 0
        states = [
            SliceState(0, Origin.PREDICTED, run.id, True, "r", 0.0),
            SliceState(1, Origin.CORRECTED, run.id, True, "r", 12.0),
            SliceState(2, Origin.CORRECTED, run.id, False, "r", 5.0),  # not finished: nobody said so yet
            SliceState(3, Origin.DRAWN, None, True, "r", 60.0),
            SliceState(4, Origin.CORRECTED, "another", True, "r", 7.0),
        ]
        annotation = made.ensure_annotation(scan.id, "r")
        made.save_layers(
            annotation.id, {label.layer: truth * np.uint8(label.value)}, {label.layer: states}, journal_sequence=0
        )
        yield made, scan, run, said, truth, states


def test_only_finished_slices_that_began_as_this_prediction_count(project):
    _, _, run, said, truth, states = project
    effort = effort_of(truth != 0, said != 0, states, run.id)
    assert effort == Effort(2, 12.0, 36 + 18, 36 + 36 + 36 + 18)
    assert effort.dice == pytest.approx(2 * 54 / 126)
    assert effort.pace == 6.0
    assert effort_of(truth != 0, said != 0, states, "none of them").dice is None
    empty = effort_of(None, np.zeros(SHAPE, bool), states, run.id)
    assert empty.dice == 1.0, "nothing was there and nothing was drawn"
    total = effort + Effort(1, 3.0, 0, 36)
    assert (total.slices, total.seconds, total.dice) == (3, 15.0, pytest.approx(2 * 54 / 162))


def test_table_and_command_tell_it(project, capsys):
    made, scan, run, _, _, _ = project
    found = scan_numbers(made, run.id, scan, Against(reader="r"))
    row = found.labels[0]
    assert (row["edit_dice"], row["edited"], row["seconds"]) == (pytest.approx(2 * 54 / 126), 2, 84.0)
    assert [(one["slice"], one["origin"], one["seconds"]) for one in found.slices] == [
        (1, "predicted", 0.0), (2, "corrected", 12.0), (4, "drawn", 60.0), (5, "corrected", 7.0)
    ]  # fmt: skip
    assert {"edit_dice", "edited", "seconds"} <= set(SCAN_COLUMNS)
    assert {"origin", "seconds"} <= set(SLICE_COLUMNS)
    other = scan_numbers(made, run.id, scan, Against(run=run.id)).labels[0]
    assert (other["edit_dice"], other["edited"], other["seconds"]) == (None, None, None)
    loop = loop_of(made)
    assert loop.runs == ((run.id, run.name, Effort(2, 12.0, 54, 126)),)
    assert loop.by_hand == Effort(1, 60.0)
    assert loop_of(made, "somebody else").runs == ()
    assert command(["runs", str(made.path), "--effort", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["runs"][0]["edit_dice"] == round(2 * 54 / 126, 4)
    assert facts["by_hand"]["seconds_per_slice"] == 60.0


def test_a_damaged_prediction_is_left_out(project):
    made, scan, run, *_ = project
    (made.predictions_folder / run.id / scan.id / "mask.nii.gz").write_bytes(b"?")
    assert loop_of(made).runs == ()
