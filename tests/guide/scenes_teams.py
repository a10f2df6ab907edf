"""The pictures of the guide's page of teams: two readers, blind, beside each other, reviewed and handed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QRect
from PySide6.QtGui import QPixmap
from scene import WHOLE, scene
from stage import Stage, head, together

from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState
from core.team import assignments, comments, statuses, tags
from core.team.finishing import finish
from gui.review.readers_page import ReadersPage
from gui.team.merge_dialog import MergeDialog

READERS = ("Anna", "Ben")
_SEEDS = (101, 102, 104)
_NUMBERS = (0, 2, 4)
"""Of the scans in the project of the pictures whose heads these are."""


def _read(project: Project, number: int, seed: int, reader: str, shift: int) -> None:
    """Draw the brain of a head for a reader, moved a little."""
    scan = project.scans()[number]
    label = project.labels().named("Brain")
    mask = np.roll(head(seed).masks["Brain"], shift, axis=2).astype(np.uint8) * label.value
    states = [SliceState(z, Origin.DRAWN, None, True, reader) for z in range(len(mask))]
    annotation = project.ensure_annotation(scan.id, reader)
    project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)


def study(path: Path) -> None:
    """Make a study of the project of the pictures: two readers, some done, one returned, one approved."""
    with Project.open(path) as project:
        ids = [scan.id for scan in project.scans()]
        for number, seed in zip(_NUMBERS, _SEEDS, strict=True):
            for reader, shift in zip(READERS, (0, 3), strict=True):
                _read(project, number, seed, reader, shift)
        assignments.two_readers(project, ids, *READERS, by="Chris")
        for number in _NUMBERS:
            for reader in READERS:
                finish(project, ids[number], reader)
        finish(project, ids[1], "Anna")
        tags.tag(project, ids[:2], "pilot", by="Chris")
        words = "The upper pole is missing here; compare with the slice above."
        statuses.move(project, [ids[2]], ScanStatus.RETURNED, reader="Chris", words=words, slice=30)
        statuses.move(project, [ids[4]], ScanStatus.APPROVED, reader="Chris")


def begin(stage: Stage, number: int = 0) -> None:
    """Show a scan of the study to Anna."""
    study(stage.path)
    stage.window.resize(*WHOLE)
    stage.session.reader = "Anna"
    stage.open(number)


def beside(stage: Stage) -> ReadersPage:
    """Show the readers' page."""
    stage.do("workspace_review")
    door = stage.window.review.readers
    door.open()
    assert door.page is not None
    page = door.page
    stage.until(lambda: page.case is not None and not page.busy)
    stage.settle(0.3)
    return page


@scene("teams-worklist")
def teams_worklist(stage: Stage) -> QPixmap:
    """Several scans chosen, and what can be done with them."""
    begin(stage)
    worklist = stage.window.worklist
    worklist.choose(worklist.model.ids()[1:4])
    stage.settle(0.2)
    list_ = stage.whole()
    menu = worklist.chosen_bar.change.menu()
    worklist.menu.fill(menu)
    menu.resize(menu.sizeHint())
    readers = menu.actions()[1].menu()
    readers.resize(readers.sizeHint())
    column, bar = stage.part(worklist), stage.part(worklist.chosen_bar)
    upper = QRect(column.left(), column.top(), column.width(), 318)
    lower = QRect(column.left(), bar.top() - 8, column.width(), bar.height() + 16)
    left = together((list_, upper), (list_, lower), gap=0, below=True)
    pieces = [(left, left.rect()), *((one.grab(), one.rect()) for one in (menu, readers))]
    return together(*pieces)


@scene("teams-readers")
def teams_readers(stage: Stage) -> QPixmap:
    """Two readers beside each other."""
    begin(stage)
    page = beside(stage)
    page.go_to_next()
    stage.settle(0.3)
    return stage.shot()


@scene("teams-table")
def teams_table(stage: Stage) -> QPixmap:
    """Agreement of all scans."""
    begin(stage)
    page = beside(stage)
    page.choose_view("table")
    stage.until(lambda: not page.busy)
    stage.settle(0.3)
    picture = stage.whole()
    area = stage.part(page)
    return together((picture, QRect(area.left(), area.top(), area.width(), 343)))


@scene("teams-returned")
def teams_returned(stage: Stage) -> QPixmap:
    """A scan that came back, its comment, and the flag above the slice."""
    begin(stage, 2)
    stage.until(lambda: bool(stage.session.team.comments))
    stage.settle(0.3)
    return stage.shot()


@scene("teams-merge")
def teams_merge(stage: Stage) -> QPixmap:
    """What came back, and what two copies had both changed."""
    import shutil

    from core.team.bundle import bundle_job

    study(stage.path)
    other = Path(shutil.copytree(stage.path, stage.path.with_name("other.meninx")))
    with Project.open(other) as copy:
        ids = [scan.id for scan in copy.scans()]
        comments.add(copy, ids[0], "Is this bone?", reader="Ben", slice=12)
        statuses.move(copy, [ids[0]], ScanStatus.IN_REVIEW, reader="Ben")
    file = stage.path.with_name("ben.mnxbundle")
    for _ in bundle_job(other, file, with_scans=False):
        pass
    with Project.open(stage.path) as project:
        statuses.move(project, ids[:1], ScanStatus.APPROVED, reader="Anna")
    stage.session.reader = "Anna"
    stage.open(0)
    stage.window.team.show_merge(file)
    dialog = stage.window.team.dialog
    assert isinstance(dialog, MergeDialog)
    stage.until(lambda: dialog.accept_button.isEnabled())
    stage.settle(0.3)
    picture = dialog.grab()
    dialog.reject()
    return picture
