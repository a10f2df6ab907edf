"""The figures of one run: what is drawn of a single epoch, and which of its settings are not the usual."""

from __future__ import annotations

from dataclasses import replace

import pytest
import small_project as small

from core.learning.config import TrainingConfig
from core.learning.runs import EventLog, RunState, create_run, update_run
from core.project.project import Project
from core.review.run_compare import RunComparison, compare_runs
from gui.train.figures_page import OverlayCard, rows_of


def compared(path, config: TrainingConfig, *, epochs: int = 1) -> RunComparison:
    """The figures of a run with these settings."""
    with Project.create(path) as project:
        for name in config.labels:
            project.ensure_label(name)
        run = create_run(project, config)
        log = EventLog(project, run.id)
        log.append(small.started(run.id, run.name))
        for event in small.epochs_of(run.id, epochs):
            log.append(event)
        update_run(project, run.id, state=RunState.DONE)
        return compare_runs(project, [run.id], least=1)


def test_one_epoch_is_a_dot_and_several_are_a_line(tmp_path, qtbot):
    card = OverlayCard("dice")
    qtbot.addWidget(card)
    card.show_runs(compared(tmp_path / "one.meninx", TrainingConfig(("Brain",))).runs)
    assert len(card.series(0)) == 1
    assert card._lines[0].opts["symbol"] == "o"
    card.show_runs(compared(tmp_path / "two.meninx", TrainingConfig(("Brain",)), epochs=2).runs)
    assert card._lines[0].opts["symbol"] is None


@pytest.mark.parametrize(
    ("label", "mirror", "shown"),
    [("Brain", "yes", []), ("Brain", "auto", []), ("Brain", "no", ["no"]), ("Left lung", "no", [])],
)
def test_what_automatic_chose_is_as_usual(tmp_path, qtbot, label, mirror, shown):
    found = compared(tmp_path / "p.meninx", replace(TrainingConfig((label,)), mirror=mirror))
    assert [value for name, values in found.settings if name == "mirror" for value in values] == shown


def test_a_network_has_its_name_for_people(tmp_path, qtbot):
    found = compared(tmp_path / "p.meninx", TrainingConfig(("Brain",), network="unet_light"))
    assert dict(rows_of(found))["Network"] == ["U-Net light"]
