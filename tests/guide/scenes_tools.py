"""The pictures of the tools: each at work, in the real window."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QPixmap
from scene import (
    T1,
    begin,
    grown,
    masks,
    middle,
    on_slices,
    on_tumour,
    outline,
    scene,
    with_bar,
    with_panel,
)
from stage import Stage, together

from gui.annotate.measuring import Kind


@scene("brush")
def brush(stage: Stage) -> QPixmap:
    """Strokes over a tumour."""
    tumour, z = on_tumour(stage)
    at = middle(tumour[z])
    stage.do("brush")
    stage.window.annotate.hand.set_size(11.0)
    edge = outline(tumour[z], 3, grow=-6)
    stage.drag(edge[: len(edge) * 2 // 3])
    stage.hover(edge[len(edge) * 2 // 3])
    return with_bar(stage, at)


@scene("erase")
def erase(stage: Stage) -> QPixmap:
    """A brain mask that ran into the skull, half put right."""
    brain = masks()["Brain"]
    z = 20
    begin(stage, T1, z, "Brain", zoom=1.3)
    stage.put("Brain", on_slices(grown(brain, 7) | brain, z))
    stage.do("erase")
    stage.window.annotate.hand.set_size(9.0)
    rim = outline(brain[z], 2, grow=7)
    start = len(rim) // 2
    path = rim[start : start + len(rim) // 8]
    stage.drag(path)
    stage.hover(path[-1])
    return with_bar(stage, path[len(path) // 2])


@scene("polygon")
def polygon(stage: Stage) -> QPixmap:
    """Corners round a tumour, not closed yet."""
    tumour, z = on_tumour(stage)
    stage.do("polygon")
    edge = outline(tumour[z], 11)
    for corner in edge[:-4]:
        stage.click(corner)
    stage.hover(edge[-4])
    return with_bar(stage, middle(tumour[z]))


@scene("lasso")
def lasso(stage: Stage) -> QPixmap:
    """A line round a tumour, the button still down."""
    tumour, z = on_tumour(stage)
    stage.do("lasso")
    edge = outline(tumour[z], 2, grow=1)
    stage.drag(edge[: len(edge) * 4 // 5], release=False)
    return with_bar(stage, middle(tumour[z]))


@scene("scissors")
def scissors(stage: Stage) -> QPixmap:
    """A few clicks along the brain, with the line that follows the edge."""
    brain = masks()["Brain"]
    z = 20
    begin(stage, T1, z, "Brain", zoom=0.92)
    stage.do("scissors")
    stage.settle(1.0)
    edge = outline(brain[z], 1)
    for share in (0.02, 0.08, 0.14, 0.21, 0.28):
        stage.click(edge[int(share * len(edge))])
    stage.hover(edge[int(0.35 * len(edge))])
    return with_bar(stage, (104, 128), height=470)


@scene("fill")
def fill(stage: Stage) -> QPixmap:
    """An outline, and what a click inside makes of it."""
    tumour, z = on_tumour(stage)
    stage.do("brush")
    stage.window.annotate.hand.set_size(3.0)
    edge = outline(tumour[z], 2, grow=-1)
    stage.drag([*edge, edge[0]])
    stage.do("fill")
    at = middle(tumour[z])
    stage.hover(at)
    before = stage.whole()
    stage.click(at)
    stage.hover(at)
    part = stage.around(at, 336, 340)
    return together((before, part), (stage.whole(), part))


@scene("wand")
def wand(stage: Stage) -> QPixmap:
    """Pressed in a tumour and dragged up."""
    tumour, z = on_tumour(stage)
    stage.do("wand")
    x, y = middle(tumour[z])
    stage.drag([(x + 6, y + 12), (x + 6, y + 8), (x + 6, y - 4)], release=False)
    return with_bar(stage, (x, y))


@scene("threshold")
def threshold(stage: Stage) -> QPixmap:
    """A range of values, tinted."""
    tumour, z = on_tumour(stage)
    stage.do("threshold")
    stage.until(lambda: stage.window.annotate.kit.levels.ready)
    volume = stage.session.volume
    assert volume is not None
    inside = volume.array[z][tumour[z]]
    stage.window.annotate.kit.levels.set_range(float(np.percentile(inside, 25)), float(inside.max()))
    stage.pointer = None
    return with_bar(stage, middle(tumour[z]))


@scene("limit")
def limit(stage: Stage) -> QPixmap:
    """A stroke across the ventricles that only takes what is dark."""
    z = 20
    begin(stage, T1, z, "Tumour", zoom=1.45)
    levels = stage.window.annotate.kit.levels
    stage.do("limit")
    stage.until(lambda: levels.ready)
    volume = stage.session.volume
    assert volume is not None
    brain = volume.array[z][masks()["Brain"][z]]
    levels.set_range(0.0, float(np.percentile(brain, 18)))
    stage.do("brush")
    stage.window.annotate.hand.set_size(26.0)
    stage.drag([(93, 108), (95, 125), (90, 145), (88, 160)])
    stage.hover((88, 160))
    return with_bar(stage, (104, 132))


@scene("level")
def level(stage: Stage) -> QPixmap:
    """The line under the pointer at the edge of a tumour."""
    tumour, z = on_tumour(stage)
    stage.do("level")
    edge = outline(tumour[z], 1, grow=-2)
    stage.hover(edge[len(edge) // 3])
    stage.settle(0.3)
    return with_bar(stage, middle(tumour[z]))


@scene("ruler")
def ruler(stage: Stage) -> QPixmap:
    """A tumour's width, with the figures of its label."""
    tumour, z = on_tumour(stage)
    stage.put("Tumour", tumour)
    stage.do("ruler")
    edge = outline(tumour[z], 1)
    left, right = min(edge), max(edge)
    stage.click(left)
    stage.click(right)
    measure = stage.window.annotate.measure
    measure.measure_label()
    stage.until(lambda: not measure.label_words.isHidden())
    stage.pointer = None
    return with_panel(stage, middle(tumour[z]), stage.window.annotate.measure)


@scene("area")
def area(stage: Stage) -> QPixmap:
    """An angle between two lines, and an area with its values."""
    tumour, z = on_tumour(stage)
    stage.do("ruler")
    measure = stage.window.annotate.measure
    measure.kinds[Kind.AREA].click()
    edge = outline(tumour[z], 9)
    for corner in edge:
        stage.click(corner)
    stage.window.annotate.kit.ruler.key("accept")
    stage.settle()
    stage.pointer = None
    return with_panel(stage, middle(tumour[z]), measure)


@scene("navigate")
def navigate(stage: Stage) -> QPixmap:
    """Three planes that meet at the crosshair."""
    stage.window.resize(1304, 700)
    tumour, z = on_tumour(stage, zoom=1.0, alone=False)
    stage.window.annotate.views.main.set_crosshair_visible(True)
    stage.put("Tumour", tumour)
    stage.do("navigate")
    x, y = middle(tumour[z])
    stage.go(z, x, y)
    stage.hover((x, y))
    return stage.shot(stage.window.annotate.views)
