"""The label that is chosen while nobody has chosen one is the one that has finished slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot
from shell_support import SHAPE
from train_support import opened_page

from core.learning.first_label import first_label
from core.project.project import Project
from core.project.records import Origin, SliceState
from gui.review.readers_bar import ReadersBar
from gui.review.readers_case import ReadersQuestion, answer

__all__ = ["opened_page"]


def finish(project: Project, name: str, reader: str, *, number: int = 0) -> str:
    """Save a block of a label, all slices finished; return the scan's id."""
    scan, label = project.scans()[number], project.labels().named(name)
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[2:6, 10:20, 10:20] = label.value
    states = [SliceState(z, Origin.DRAWN, None, True, reader) for z in range(SHAPE[0])]
    annotation = project.ensure_annotation(scan.id, reader)
    project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)
    return scan.id


def test_of_labels_the_first_drawn_one_with_finished_slices_is_meant(project_path: Path) -> None:
    with Project.open(project_path) as project:
        labels = project.labels()
        assert [label.name for label in labels] == ["Brain", "Tumour", "Haemorrhage"]
        assert first_label(project, labels) == labels.named("Brain")
        assert first_label(project, ()) is None
        scan = finish(project, "Haemorrhage", "Anna")
        # Tumour is on the same finished layer, but drawn nowhere
        assert first_label(project, labels) == labels.named("Haemorrhage")
        assert first_label(project, labels, scan) == labels.named("Haemorrhage")
        assert first_label(project, labels, project.scans()[1].id) == labels.named("Brain")
        finish(project, "Brain", "Anna", number=1)
        assert first_label(project, labels) == labels.named("Brain")


def test_train_ticks_it_until_somebody_has_chosen(project_path: Path, opened_page, qtbot: QtBot) -> None:
    with Project.open(project_path) as project:
        finish(project, "Haemorrhage", "Anna")
    _session, page = opened_page(project_path)
    panel = page.panel
    qtbot.waitUntil(lambda: [one.name for one in panel.chosen_labels()] == ["Haemorrhage"], timeout=10_000)
    qtbot.waitUntil(lambda: panel.start.isEnabled(), timeout=10_000)
    panel._checks["Haemorrhage"].setChecked(False)
    panel._checks["Brain"].setChecked(True)
    panel.recount()
    qtbot.wait(200)
    assert [one.name for one in panel.chosen_labels()] == ["Brain"]


def test_readers_are_compared_in_it(project_path: Path, qtbot: QtBot) -> None:
    with Project.open(project_path) as project:
        for reader in ("Anna", "Ben"):
            scan = finish(project, "Tumour", reader)
        question = ReadersQuestion(project, project.scan(scan), project.labels(), "", "", "", "Anna")
        assert answer(question).label == "Tumour"
    bar = ReadersBar()
    qtbot.addWidget(bar)
    bar.show_choices(["Anna", "Ben"], ["Brain", "Tumour"], "Anna", "Ben", "Brain")
    assert bar.label_wanted == ""
    bar.label.setCurrentIndex(1)
    bar.label.activated.emit(1)
    assert bar.label_wanted == "Tumour"
