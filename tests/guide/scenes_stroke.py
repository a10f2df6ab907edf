"""The pictures of stroke on CT: yes or no, and masks behind that."""

from __future__ import annotations

from PySide6.QtGui import QPixmap
from scene import WHOLE, scene
from scenes_loop import train_page
from stage import Stage


def run_shown(stage: Stage, name: str) -> None:
    """Open the Train page on a run."""
    train_page(stage, 1)
    page = stage.window.train
    stage.until(lambda: len(page._rows) == 2)
    run = next(row.run.id for row in page._rows if row.run.name == name)
    page._choose(run)
    stage.until(lambda: page.shown is not None and page.shown.run == run)
    page.panel.choose_task("classify")
    stage.until(lambda: not page.panel.data._asker.busy)
    stage.settle(0.6)


@scene("stroke-train", stroke=True)
def stroke_train(stage: Stage) -> QPixmap:
    """A run that says yes or no."""
    run_shown(stage, "Run 1")
    return stage.shot()


@scene("stroke-mistakes", stroke=True)
def stroke_mistakes(stage: Stage) -> QPixmap:
    """ROC, calibration, confusion, most wrong slices."""
    run_shown(stage, "Run 1")
    stage.window.resize(WHOLE[0], 940)
    page = stage.window.train
    page.header.review.click()
    stage.until(lambda: page.figures.look is not None and not page.figures.look._asker.busy)
    stage.settle(0.6)
    return stage.shot(page.figures, margin=12)


@scene("preparation", stroke=True)
def preparation(stage: Stage) -> QPixmap:
    """What each step does, before and after."""
    from gui.train.prepare_dialog import PrepareDialog

    run_shown(stage, "Run 1")
    session = stage.session
    assert session.project is not None
    assert session.scan is not None
    config = stage.window.train.panel.config()
    dialog = PrepareDialog(session.project, session.scan, config, volume=session.volume, parent=stage.window)
    dialog.resize(1100, 1010)
    dialog.show()
    stage.until(lambda: not dialog.busy)
    stage.settle(0.4)
    bar = dialog.area.verticalScrollBar()
    bar.setValue(bar.maximum() * 7 // 10)
    stage.settle(0.4)
    picture = dialog.grab()
    dialog.reject()
    return picture


@scene("review-gate", stroke=True)
def review_gate(stage: Stage) -> QPixmap:
    """What the gate removed, and what that cost."""
    from core.learning.runs import list_runs
    from core.project.predictions import read_meta

    stage.window.resize(*WHOLE)
    stage.open(0)
    project = stage.session.project
    assert project is not None
    run = next(one for one in list_runs(project) if not one.config.classifies)
    emptied = [len(read_meta(project, run.id, scan.id)["gate"]["emptied"]) for scan in project.scans()]
    # somebody who bleeds, of whose mask something went
    drawn = [n for n, count in enumerate(emptied) if count and n % 4 and n < 11]
    stage.open(min(drawn, key=lambda n: emptied[n]) if drawn else 1)
    stage.do("workspace_review")
    page = stage.window.review
    stage.until(lambda: page.side.gate.look is not None)
    stage.settle(1.5)
    lines = [line for line in page.side.gate._lines if not line.isHidden()]
    if lines:
        # not one above the head
        min(lines, key=lambda line: abs(int(line.property("slice")) - 6)).click()
    stage.settle(0.8)
    return stage.shot()


_LIST = 380


@scene("gate-list", stroke=True)
def gate_list(stage: Stage) -> QPixmap:
    """Where the gate says otherwise than masks or predictions, over all scans."""
    stage.window.resize(*WHOLE)
    stage.open(1)
    stage.do("workspace_review")
    page = stage.window.review
    stage.until(lambda: page.side.gate.look is not None)
    page.show_gate_list()
    stage.until(lambda: bool(page.gating.rows))
    stage.settle(1.0)
    # its beginning says what it is: whole scans stand first, then slices
    whole = page.gating.page.grab()
    return whole.copy(0, 0, whole.width(), round(_LIST * whole.devicePixelRatio()))
