"""The pictures of the loop: whole windows, import, training, review."""

from __future__ import annotations

import functools
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QPixmap
from scene import T1, WHOLE, begin, masks, outline, scene
from stage import Stage, head

from core.project.saver import SaveState


@scene("start")
def start(stage: Stage) -> QPixmap:
    """What is seen first: three ways in."""
    stage.window.resize(1100, 640)
    stage.settle(0.3)
    return stage.shot()


@scene("guide")
def guide(stage: Stage) -> QPixmap:
    """This guide, inside the program, with words looked for."""
    stage.open(0)
    stage.window.session.guide_asked.emit("edit_interpolate")
    found = stage.window.commands.guide
    assert found is not None
    found.resize(1000, 620)
    found.go("edit-mask#interpolate-between-slices")
    found.field.setText("between slices")
    stage.settle(0.3)
    picture = found.grab()
    found.close()
    return picture


@scene("annotate")
def annotate(stage: Stage) -> QPixmap:
    """The whole window, a brain drawn."""
    stage.window.resize(*WHOLE)
    begin(stage, T1, 20, "Brain", alone=False)
    views = stage.window.annotate.views
    views.main.set_crosshair_visible(True)
    stage.put("Brain", masks()["Brain"])
    for place in range(12, 21):
        stage.go(place)
        stage.do("finished")
    stage.go(20, 108, 136)
    stage.do("brush")
    stage.window.annotate.hand.set_size(14.0)
    edge = outline(masks()["Brain"][20], 2)
    stage.hover(edge[len(edge) // 3])
    stage.session.save_now()
    stage.until(lambda: stage.session.save_state == SaveState.SAVED)
    return stage.shot()


def _cd(folder: Path) -> Path:
    """Write what a disk of scans may hold: two patients, masks, four volumes in a file, a file cut off, a letter."""
    space = np.diag([-0.9, -0.9, 4.0, 1.0])

    def write(name: str, values: NDArray[np.generic]) -> Path:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(values.T), space), place)  # type: ignore[no-untyped-call]
        return place

    for patient, seed, contrasts in (("pilot-07", 101, ("T1", "FLAIR")), ("pilot-08", 102, ("T1",))):
        for contrast in contrasts:
            made = head(seed, contrast)
            write(f"{patient}/{contrast}.nii.gz", made.volume.array)
        write(f"{patient}/T1_mask.nii.gz", head(seed).masks["Brain"].astype(np.uint8))
    blood = head(103, "CT").volume.array
    whole = write("pilot-09/CT.nii.gz", blood)
    write("pilot-09/perfusion.nii.gz", np.stack([blood[::4] + 10 * step for step in range(4)]))
    (folder / "pilot-09" / "CT copy.nii.gz").write_bytes(whole.read_bytes()[:90_000])
    (folder / "letter.pdf").write_bytes(b"%PDF-1.4 a letter")
    return folder


@scene("import")
def import_page(stage: Stage) -> QPixmap:
    """The page that shows what was dropped on the window."""
    stage.open(0)
    folder = _cd(stage.path.parent / "CD")
    stage.window.commands.take_dropped([folder])
    commands = stage.window.commands
    stage.until(lambda: commands.import_page is not None and bool(commands.import_page.model.rows))
    page = commands.import_page
    assert page is not None
    stage.until(lambda: all(row.seen is not None for row in page.model.rows))
    page.tree.setCurrentIndex(page.model.index_of(page.model.rows[0]))
    stage.settle(0.8)
    picture = page.grab()
    page.reject()
    return picture


def train_page(stage: Stage, number: int = 0) -> None:
    """Show the Train page with a scan open."""
    stage.window.resize(*WHOLE)
    stage.open(number)
    stage.do("workspace_train")


@scene("train", learnt=True)
def train(stage: Stage) -> QPixmap:
    """The whole window with a run that is done."""
    train_page(stage)
    stage.settle(1.5)
    return stage.shot()


@scene("explore", learnt=True)
def explore(stage: Stage) -> QPixmap:
    """The page that shows what there is to learn from."""
    train_page(stage)
    page = stage.window.train
    page.tabs.button(1).click()
    stage.settle(0.5)
    page.explore.start()
    stage.until(lambda: page.explore.found is not None and not stage.session.jobs.running)
    stage.settle(1.5)
    return stage.shot(page.explore, margin=12)


def reviewed(stage: Stage, view: str) -> QPixmap:
    """Return the whole window with a validation scan compared, its panes laid out in a way."""
    from core.learning.runs import list_runs, read_split

    page = stage.window.review
    stage.window.resize(*WHOLE)
    if stage.window.workspaces.currentWidget() is not page:
        stage.open(0)
        project = stage.session.project
        assert project is not None
        run = list_runs(project)[0]
        names = [scan.id for scan in project.scans()]
        checked = names.index(read_split(project, run.id)["validation"][0])
        stage.open(checked)
        stage.go(16)
        stage.do("workspace_review")
        stage.until(lambda: page.side._stack.currentIndex() == 1)
    page.choose_view(view)
    stage.settle(2.0)
    stage.until(lambda: not page._cases.busy and not page.desk.busy)
    stage.settle(0.5)
    return stage.whole()


@scene("review", learnt=True, shared="review")
def review(stage: Stage) -> QPixmap:
    """A validation scan compared."""
    return reviewed(stage, "four")


LAYOUTS = {
    "one": 800,
    "six": 800,
    "swipe": 800,
    "flicker": 800,
    "two": 680,
    "mask": 680,
    "compared": 580,
    "stripped": 580,
}
"""Layouts of the panes of Review, and how high the window is for each: heads side by side need less of it."""


def layout(stage: Stage, view: str) -> QPixmap:
    """Return the row of buttons and the panes below it, laid out in a way."""
    reviewed(stage, view)
    stage.window.resize(WHOLE[0], LAYOUTS[view])
    stage.settle(0.5)
    return stage.shot(stage.window.review.views, stage.window.review.panes)


for _view in LAYOUTS:
    scene(f"review-{_view}", learnt=True, shared="review")(functools.partial(layout, view=_view))


@scene("review-next", learnt=True)
def review_next(stage: Stage) -> QPixmap:
    """The next best slices with their reasons."""
    reviewed(stage, "four")
    page = stage.window.review
    page.show_next(True)
    stage.until(lambda: bool(page.next.picks))
    stage.settle(0.5)
    return stage.shot(page.bar, page.views, page.next.page)


@scene("review-space", learnt=True)
def review_space(stage: Stage) -> QPixmap:
    """The surface of a prediction, coloured by its distance to the annotation."""
    reviewed(stage, "four")
    desk = stage.window.review.space
    desk.open()
    stage.until(lambda: desk.window is not None and desk.window.view.shown and not desk.window.busy)
    assert desk.window is not None
    stage.settle(0.5)
    return desk.window.grab()


@scene("strip-files", learnt=True)
def strip_files(stage: Stage) -> QPixmap:
    """Stripping files from the window."""
    from gui.dialogs.strip_dialog import StripDialog

    stage.open(0)
    models = stage.window.commands.stripper.models()
    dialog = StripDialog(models, [Path("/scans/head-1.nii.gz"), Path("/scans/ct")], Path("/stripped"), stage.window)
    dialog.show()
    stage.settle(0.5)
    picture = dialog.grab()
    dialog.close()
    return picture


@scene("review-numbers", learnt=True, shared="review")
def review_numbers(stage: Stage) -> QPixmap:
    """All figures of a run."""
    return reviewed(stage, "numbers")
