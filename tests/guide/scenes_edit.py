"""The pictures of Edit mask: what no pointer draws."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect
from PySide6.QtGui import QPixmap
from scene import (
    FLAIR,
    T1,
    Mask,
    ball,
    begin,
    fullest,
    grown,
    masks,
    middle,
    on_slices,
    on_tumour,
    order,
    outline,
    scene,
    with_bar,
    with_operations,
    with_panel,
)
from stage import Piece, Stage, together

from core.editing.operations import Operation


@scene("interpolate")
def interpolate(stage: Stage) -> QPixmap:
    """Three drawn slices from the side, and the outline of what would lie between them."""
    brain = masks()["Brain"]
    begin(stage, T1, 22, "Brain", alone=False)
    stage.put("Brain", on_slices(brain, 13, 20, 27))
    side = stage.window.annotate.views.views[1]
    stage.do("navigate")
    side.pressed.emit()
    stage.alone()
    side.zoom_by(0.62)
    order(stage, Operation.INTERPOLATE)
    picture = stage.whole()
    panel = stage.part(stage.window.annotate.operations, margin=10)
    pane = stage.part(side)
    cut = QRect(0, 0, 440, 330)
    cut.moveCenter(pane.center())
    return together((picture, cut), (picture, panel))


@scene("smooth")
def smooth(stage: Stage) -> QPixmap:
    """A ragged mask with the smooth outline that it would get."""
    tumour, z = on_tumour(stage, zoom=1.45)
    ragged = on_slices(tumour, z)
    for number, at in enumerate(outline(tumour[z], 7)):
        dab = ball(tumour.shape, z, at, 3.2)
        ragged = ragged | dab if number % 2 else ragged & ~dab
    stage.put("Tumour", ragged)
    order(stage, Operation.SMOOTH, amount=3.0)
    return with_operations(stage, middle(tumour[z]))


@scene("grow")
def grow(stage: Stage) -> QPixmap:
    """A tumour with a margin of five millimetres."""
    tumour, z = on_tumour(stage)
    stage.put("Tumour", tumour)
    order(stage, Operation.GROW, amount=5.0)
    return with_operations(stage, middle(tumour[z]))


@scene("fill-holes")
def fill_holes(stage: Stage) -> QPixmap:
    """A mask with holes, before and after."""
    tumour, z = on_tumour(stage)
    x, y = middle(tumour[z])
    holed = on_slices(tumour, z)
    for dx, dy, radius in ((0, 0, 3.4), (6, -7, 2.2), (-4, 8, 2.0), (3, 9, 1.2)):
        holed &= ~ball(tumour.shape, z, (x + dx, y + dy), radius)
    stage.put("Tumour", holed)
    before = stage.whole()
    stage.do("edit_fill_holes")
    stage.settle(0.3)
    part = stage.around((x, y), 336, 320)
    return together((before, part), (stage.whole(), part))


@scene("islands")
def islands(stage: Stage) -> QPixmap:
    """A mask with crumbs, and the outline of its largest piece."""
    tumour, z = on_tumour(stage, zoom=1.15)
    x, y = middle(tumour[z])
    crumbs = on_slices(tumour, z)
    for dx, dy, radius in ((28, -20, 2.4), (34, 4, 3.1), (30, 26, 1.6), (-2, 40, 2.0), (16, -38, 2.6)):
        crumbs |= ball(tumour.shape, z, (x + dx, y + dy), radius)
    stage.put("Tumour", crumbs)
    order(stage, Operation.LARGEST)
    return with_operations(stage, (x + 10, y))


@scene("boolean")
def boolean(stage: Stage) -> QPixmap:
    """The brain without the tumour."""
    found = masks()
    z = fullest(found["Tumour"])
    begin(stage, FLAIR, z, "Brain")
    stage.put("Brain", on_slices(found["Brain"], z))
    stage.put("Tumour", on_slices(found["Tumour"], z))
    stage.session.choose_label("Brain")
    order(stage, Operation.SUBTRACT)
    return with_operations(stage, (104, 128), width=440, least=380)


@scene("copy-paste")
def copy_paste(stage: Stage) -> QPixmap:
    """A slice that is drawn, and the one beside it with a copy."""
    tumour, z = on_tumour(stage, zoom=1.15)
    stage.put("Tumour", on_slices(tumour, z))
    at = middle(tumour[z])
    part = stage.around(at, 336, 300)
    pane = stage.part(stage.main)
    words = QRect(pane.left(), pane.top(), 336, 26)
    first = stage.whole()
    stage.do("edit_copy_next")
    stage.settle(0.3)
    second = stage.whole()
    halves = [together((picture, words), (picture, part), gap=0, below=True) for picture in (first, second)]
    whole: list[Piece] = [(half, half.rect()) for half in halves]
    return together(*whole)


def scribble(stage: Stage, z: int, tumour: Mask) -> None:
    """Draw two strokes inside a tumour and three around it."""
    stage.do("brush")
    stage.window.annotate.hand.set_size(3.5)
    x, y = middle(tumour[z])
    stage.drag([(x - 4, y - 12), (x - 2, y - 3), (x - 4, y + 9)])
    stage.drag([(x + 3, y + 4), (x + 7, y + 1), (x + 6, y - 3)])
    stage.do("background")
    rim = outline(tumour[z], 2, grow=8)
    third = len(rim) // 3
    for start in (0, third, 2 * third):
        stage.drag(rim[start + 3 : start + third - 5])


@scene("background")
def background(stage: Stage) -> QPixmap:
    """Strokes inside and outside of a tumour."""
    tumour, z = on_tumour(stage)
    scribble(stage, z, tumour)
    return with_bar(stage, middle(tumour[z]))


@scene("seeds")
def seeds(stage: Stage) -> QPixmap:
    """The same strokes, and what grows from them."""
    tumour, z = on_tumour(stage)
    scribble(stage, z, tumour)
    order(stage, Operation.SEEDS)
    return with_operations(stage, middle(tumour[z]))


@scene("suggest")
def suggest(stage: Stage) -> QPixmap:
    """What a run says of a tumour, in regions."""
    from small_project import past_run

    from core.project.predictions import write_prediction

    tumour, z = on_tumour(stage, zoom=1.15)
    x, y = middle(tumour[z])
    seen = grown(tumour, -1)
    for dx, dy, radius in ((34, 4, 4.1), (30, 26, 2.6), (16, -34, 3.2)):
        for place in (z - 1, z, z + 1):
            seen |= ball(tumour.shape, place, (x + dx, y + dy), radius)
    project, scan = stage.session.project, stage.session.scan
    assert project is not None
    assert scan is not None
    run = past_run(project, labels=("Tumour",))
    guess = {"Tumour": seen.astype(np.uint8)}
    write_prediction(project, run.id, scan.id, guess, {"Tumour": guess["Tumour"] * 255}, seconds=1.0)
    stage.session.choose_label("Tumour")
    stage.do("suggestions")
    proposal = stage.window.annotate.kit.proposal
    stage.until(lambda: bool(proposal.open))
    stage.settle()
    stage.hover((x, y + 6))
    return with_panel(stage, (x + 10, y), stage.window.annotate.suggestions)
