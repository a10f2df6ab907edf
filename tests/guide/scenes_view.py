"""The pictures of what stands around the drawing: labels, grey levels, slices, a second scan, steps."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect
from PySide6.QtGui import QPixmap
from scene import (
    FLAIR,
    T1,
    ball,
    begin,
    fullest,
    masks,
    middle,
    on_blood,
    on_slices,
    on_tumour,
    outline,
    scene,
    unfold,
    with_panel,
)
from stage import Stage, together


@scene("labels")
def labels(stage: Stage) -> QPixmap:
    """Two labels of two layers, one hidden, with the overlay's settings below."""
    found = masks()
    z = fullest(found["Tumour"])
    begin(stage, FLAIR, z, "Tumour")
    stage.put("Brain", found["Brain"])
    stage.put("Tumour", found["Tumour"])
    stage.session.choose_label("Tumour")
    annotate = stage.window.annotate
    picture = stage.whole()
    side = stage.part(annotate.labels, margin=10).united(stage.part(annotate.overlay, margin=10))
    return together((picture, stage.around((104, 128), 420, 380)), (picture, side))


@scene("grey-levels")
def grey_levels(stage: Stage) -> QPixmap:
    """The histogram of a CT, in the brain window."""
    on_blood(stage)
    return with_panel(stage, (104, 128), stage.window.annotate.window_panel, least=360)


@scene("classes")
def classes(stage: Stage) -> QPixmap:
    """A class given to some slices, shown in the strip."""
    blood, z = on_blood(stage)
    panel = stage.window.annotate.classes
    unfold(panel)
    panel.box.setEditText("haemorrhage")
    panel._name_typed()
    panel.give(False, panel.values[0])
    sick = np.flatnonzero(blood.any(axis=(1, 2)))
    for place in range(int(sick[0]) - 3, int(sick[-1]) + 4):
        stage.go(place)
        panel.give(True, panel.values[0 if place in sick else 1])
        stage.settle(0.1)
    stage.go(z)
    stage.settle(0.3)
    # what was given may have folded it again
    unfold(panel)
    stage.settle(0.2)
    picture = stage.whole()
    pane = stage.around((104, 128), 460, 330)
    strip = stage.part(stage.window.annotate.strip)
    strip = QRect(strip.center().x() - 230, strip.top(), 460, strip.height())
    left = together((picture, pane), (picture, strip), gap=0, below=True)
    side = stage.part(panel, margin=10)
    return together((left, left.rect()), (picture, side))


@scene("second-beside")
def second_beside(stage: Stage) -> QPixmap:
    """T1 and FLAIR of one person beside one another."""
    stage.window.resize(1440, 700)
    tumour, z = on_tumour(stage, T1, zoom=1.0, alone=False)
    stage.put("Tumour", tumour)
    annotate = stage.window.annotate
    annotate.second.set_beside(True)
    annotate.second.choose(stage.window.worklist.model.scan_at(FLAIR).id)
    stage.until(lambda: annotate.second.there)
    stage.settle(0.5)
    x, y = middle(tumour[z])
    stage.main.zoom_by(1.15)
    stage.settle()
    stage.hover((x, y))
    return stage.shot(annotate.views.main, annotate.views._beside)


@scene("second-blend")
def second_blend(stage: Stage) -> QPixmap:
    """FLAIR laid over T1 in colour."""
    on_tumour(stage, T1, zoom=1.0)
    annotate = stage.window.annotate
    annotate.second.set_beside(False)
    annotate.second.set_colors("hot")
    annotate.second.choose(stage.window.worklist.model.scan_at(FLAIR).id)
    stage.until(lambda: annotate.second.there)
    stage.settle(0.5)
    return with_panel(stage, (104, 128), annotate.second_panel, least=360)


@scene("history")
def history(stage: Stage) -> QPixmap:
    """Steps of a tumour, one of them undone."""
    tumour, z = on_tumour(stage)
    stage.put("Tumour", on_slices(tumour, z), "polygon")
    stage.put("Tumour", on_slices(tumour, z - 2), "lasso")
    stage.do("edit_interpolate")
    stage.settle(0.5)
    stage.put("Tumour", ball(tumour.shape, z, middle(tumour[z]), 12), "brush")
    edge = outline(tumour[z], 3)
    stage.do("brush")
    stage.drag(edge[:6])
    stage.do("undo")
    stage.pointer = None
    return with_panel(stage, middle(tumour[z]), stage.window.annotate.history)


@scene("surface")
def surface(stage: Stage) -> QPixmap:
    """The brain in space."""
    begin(stage, T1, 20, "Brain")
    stage.put("Brain", masks()["Brain"])
    stage.do("surface")
    panel = stage.window.annotate.surface.panel
    assert panel is not None
    stage.until(lambda: panel.view._image is not None)
    panel.look_from(35.0, 20.0)
    stage.settle(0.8)
    return panel.grab()


@scene("strip")
def strip(stage: Stage) -> QPixmap:
    """The strip of slices with some finished."""
    brain = masks()["Brain"]
    begin(stage, T1, 20, "Brain")
    stage.put("Brain", on_slices(brain, *range(14, 24)))
    for z in range(14, 20):
        stage.go(z)
        stage.do("finished")
    stage.go(21)
    annotate = stage.window.annotate
    picture = stage.whole()
    pane = stage.around((104, 128), 460, 300)
    line = stage.part(annotate.strip)
    line = QRect(line.left(), line.top(), 460, line.height())
    left = together((picture, pane), (picture, line), gap=0, below=True)
    end = stage.part(annotate.finished_count, annotate.finished, annotate.done, margin=10)
    return together((left, left.rect()), (picture, end))
