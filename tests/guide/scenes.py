"""What each picture of the guide shows: the tool at work, in the real window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import nibabel
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect
from PySide6.QtGui import QPixmap
from stage import XY, Piece, Stage, head, together

from core.editing.operations import Operation, Where
from core.volume import Window
from gui.annotate.measuring import Kind

Mask = NDArray[np.bool_]
Scene = Callable[[Stage], QPixmap]
SCENES: dict[str, Scene] = {}
WIDTH, HEIGHT = 720, 400
WHOLE = (1280, 800)
T1, FLAIR, T1_TWO, CT = 0, 1, 2, 3


LEARNT: set[str] = set()
"""Pictures of a project with a trained run."""


STROKE: set[str] = set()
"""Pictures of a project of CT heads with a run that says yes or no, and one that draws behind it."""


def scene(name: str, *, learnt: bool = False, stroke: bool = False) -> Callable[[Scene], Scene]:
    """Enter a picture under its name."""

    def enter(made: Scene) -> Scene:
        SCENES[name] = made
        if learnt:
            LEARNT.add(name)
        if stroke:
            STROKE.add(name)
        return made

    return enter


# ------------------------------------------------------------------ helpers


def masks(seed: int = 101, contrast: str = "T1") -> dict[str, Mask]:
    """Return what is really there in a head."""
    return head(seed, contrast).masks


def middle(flat: Mask) -> XY:
    """Return the middle of a region, (x, y)."""
    rows, columns = np.nonzero(flat)
    return float(columns.mean()), float(rows.mean())


def fullest(mask: Mask) -> int:
    """Return the slice with most of it."""
    return int(np.argmax(mask.sum(axis=(1, 2))))


def outline(flat: Mask, every: int = 4, grow: int = 0) -> list[XY]:
    """Return the outline of the largest piece as points (x, y)."""
    drawn = flat.astype(np.uint8)
    if grow:
        size = 2 * abs(grow) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        drawn = cv2.dilate(drawn, kernel) if grow > 0 else cv2.erode(drawn, kernel)
    found, _ = cv2.findContours(drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(found, key=len)[:, 0, :]
    return [(float(x), float(y)) for x, y in points[::every]]


def on_slices(mask: Mask, *slices: int) -> Mask:
    """Return a mask on some slices only."""
    made = np.zeros_like(mask)
    made[list(slices)] = mask[list(slices)]
    return made


def grown(mask: Mask, by: int) -> Mask:
    """Return a mask grown (or shrunk) on each slice, by pixels."""
    size = 2 * abs(by) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    change = cv2.dilate if by > 0 else cv2.erode
    return np.stack([change(flat.astype(np.uint8), kernel) > 0 for flat in mask])


def ball(shape: Sequence[int], z: int, at: XY, radius: float) -> Mask:
    """Return a disc on one slice."""
    y, x = np.ogrid[: shape[1], : shape[2]]
    made = np.zeros(tuple(shape), dtype=bool)
    made[z] = (x - at[0]) ** 2 + (y - at[1]) ** 2 <= radius**2
    return made


def with_bar(stage: Stage, at: XY, height: int = HEIGHT, width: int = WIDTH) -> QPixmap:
    """Return the bar of the tool with a part of the slice below it."""
    picture = stage.whole()
    pane = stage.around(at, width, height)
    bar = stage.part(stage.window.annotate.options)
    bar = QRect(bar.left(), bar.top(), width, bar.height())
    return together((picture, bar), (picture, pane), gap=0, below=True)


def with_panel(stage: Stage, at: XY, *panels: object, width: int = 420, least: int = 300) -> QPixmap:
    """Return a part of the slice with panels of the right side beside it."""
    for panel in panels:
        unfold(panel)
    stage.settle()
    picture = stage.whole()
    side = stage.part(*panels, margin=10)  # type: ignore[arg-type]
    pane = stage.around(at, width, max(side.height(), least))
    return together((picture, pane), (picture, side))


def unfold(panel: object) -> None:
    """Open a panel that is shut."""
    fold = getattr(panel, "fold", None)
    if fold is not None:
        fold.open()


def begin(stage: Stage, scan: int, z: int, label: str, *, alone: bool = True, zoom: float = 1.0) -> None:
    """Open a scan at a slice with a label chosen."""
    stage.open(scan)
    stage.session.choose_label(label)
    stage.window.annotate.views.main.set_crosshair_visible(False)
    if alone:
        stage.alone()
    stage.go(z)
    if scan == FLAIR:
        # dark enough for the colour of a mask to be seen on what is bright
        stage.session.set_window(Window.between(0.0, 820.0))
    if zoom != 1.0:
        stage.main.zoom_by(zoom)
    stage.settle()


# -------------------------------------------------------------------- tools


@scene("brush")
def brush(stage: Stage) -> QPixmap:
    """Strokes over a tumour."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
    stage.do("polygon")
    edge = outline(tumour[z], 11)
    for corner in edge[:-4]:
        stage.click(corner)
    stage.hover(edge[-4])
    return with_bar(stage, middle(tumour[z]))


@scene("lasso")
def lasso(stage: Stage) -> QPixmap:
    """A line round a tumour, the button still down."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
    stage.do("wand")
    x, y = middle(tumour[z])
    stage.drag([(x + 6, y + 12), (x + 6, y + 8), (x + 6, y - 4)], release=False)
    return with_bar(stage, (x, y))


@scene("threshold")
def threshold(stage: Stage) -> QPixmap:
    """A range of values, tinted."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
    stage.do("level")
    edge = outline(tumour[z], 1, grow=-2)
    stage.hover(edge[len(edge) // 3])
    stage.settle(0.3)
    return with_bar(stage, middle(tumour[z]))


@scene("ruler")
def ruler(stage: Stage) -> QPixmap:
    """A tumour's width, with the figures of its label."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    stage.window.resize(1304, 700)
    begin(stage, FLAIR, z, "Tumour", alone=False)
    stage.window.annotate.views.main.set_crosshair_visible(True)
    stage.put("Tumour", tumour)
    stage.do("navigate")
    x, y = middle(tumour[z])
    stage.go(z, x, y)
    stage.hover((x, y))
    picture = stage.whole()
    return together((picture, stage.part(stage.window.annotate.views)))


# --------------------------------------------------------------- operations


def order(stage: Stage, operation: Operation, *, where: Where | None = None, amount: float | None = None) -> None:
    """Open an operation in the panel, and wait for its outline."""
    panel = stage.window.annotate.operations
    unfold(panel)
    panel.choose(operation)
    if amount is not None:
        panel.amount.setValue(amount)
    if where is not None:
        panel.where[where].click()
    stage.until(lambda: bool(panel.overlays()))
    stage.settle()
    stage.pointer = None


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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.45)
    ragged = on_slices(tumour, z)
    for number, at in enumerate(outline(tumour[z], 7)):
        dab = ball(tumour.shape, z, at, 3.2)
        ragged = ragged | dab if number % 2 else ragged & ~dab
    stage.put("Tumour", ragged)
    order(stage, Operation.SMOOTH, amount=3.0)
    return with_panel(stage, middle(tumour[z]), stage.window.annotate.operations)


@scene("grow")
def grow(stage: Stage) -> QPixmap:
    """A tumour with a margin of five millimetres."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
    stage.put("Tumour", tumour)
    order(stage, Operation.GROW, amount=5.0)
    return with_panel(stage, middle(tumour[z]), stage.window.annotate.operations)


@scene("fill-holes")
def fill_holes(stage: Stage) -> QPixmap:
    """A mask with holes, before and after."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.15)
    x, y = middle(tumour[z])
    crumbs = on_slices(tumour, z)
    for dx, dy, radius in ((28, -20, 2.4), (34, 4, 3.1), (30, 26, 1.6), (-2, 40, 2.0), (16, -38, 2.6)):
        crumbs |= ball(tumour.shape, z, (x + dx, y + dy), radius)
    stage.put("Tumour", crumbs)
    order(stage, Operation.LARGEST)
    return with_panel(stage, (x + 10, y), stage.window.annotate.operations)


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
    return with_panel(stage, (104, 128), stage.window.annotate.operations, width=440, least=380)


@scene("copy-paste")
def copy_paste(stage: Stage) -> QPixmap:
    """A slice that is drawn, and the one beside it with a copy."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.15)
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
    scribble(stage, z, tumour)
    return with_bar(stage, middle(tumour[z]))


@scene("seeds")
def seeds(stage: Stage) -> QPixmap:
    """The same strokes, and what grows from them."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
    scribble(stage, z, tumour)
    order(stage, Operation.SEEDS)
    return with_panel(stage, middle(tumour[z]), stage.window.annotate.operations)


@scene("suggest")
def suggest(stage: Stage) -> QPixmap:
    """What a run says of a tumour, in regions."""
    from small_project import past_run

    from core.project.predictions import write_prediction

    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.15)
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


# ------------------------------------------------------------------- panels


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
    blood = masks(103, "CT")["Haemorrhage"]
    z = fullest(blood)
    begin(stage, CT, z, "Haemorrhage")
    stage.do("window_2")
    return with_panel(stage, (104, 128), stage.window.annotate.window_panel, least=360)


@scene("classes")
def classes(stage: Stage) -> QPixmap:
    """A class given to some slices, shown in the strip."""
    blood = masks(103, "CT")["Haemorrhage"]
    z = fullest(blood)
    begin(stage, CT, z, "Haemorrhage")
    stage.do("window_2")
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    stage.window.resize(1440, 700)
    begin(stage, T1, z, "Tumour", alone=False)
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
    picture = stage.whole()
    return together((picture, stage.part(annotate.views.main, annotate.views._beside)))


@scene("second-blend")
def second_blend(stage: Stage) -> QPixmap:
    """FLAIR laid over T1 in colour."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, T1, z, "Tumour")
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
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, FLAIR, z, "Tumour", zoom=1.3)
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
    picture = panel.grab()
    return together((picture, picture.rect()))


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


# ------------------------------------------------------------ whole windows


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
    picture = stage.whole()
    return together((picture, picture.rect()))


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
    return together((picture, picture.rect()))


@scene("train", learnt=True)
def train(stage: Stage) -> QPixmap:
    """The whole window with a run that is done."""
    stage.window.resize(*WHOLE)
    stage.open(0)
    stage.do("workspace_train")
    stage.settle(1.5)
    picture = stage.whole()
    return together((picture, picture.rect()))


@scene("explore", learnt=True)
def explore(stage: Stage) -> QPixmap:
    """The page that shows what there is to learn from."""
    stage.window.resize(*WHOLE)
    stage.open(0)
    stage.do("workspace_train")
    page = stage.window.train
    page.tabs.button(1).click()
    stage.settle(0.5)
    page.explore.start()
    stage.until(lambda: page.explore.found is not None)
    stage.settle(1.0)
    picture = stage.whole()
    return together((picture, stage.part(page.explore)))


def reviewed(stage: Stage, view: str) -> QPixmap:
    """Return the whole window with a validation scan compared, its panes laid out in a way."""
    from core.learning.runs import list_runs, read_split

    stage.window.resize(*WHOLE)
    stage.open(0)
    project = stage.session.project
    assert project is not None
    run = list_runs(project)[0]
    names = [scan.id for scan in project.scans()]
    checked = names.index(read_split(project, run.id)["validation"][0])
    stage.open(checked)
    stage.go(16)
    stage.do("workspace_review")
    page = stage.window.review
    stage.until(lambda: page.side._stack.currentIndex() == 1)
    page.choose_view(view)
    stage.settle(2.0)
    stage.until(lambda: not page._cases.busy and not page.desk.busy)
    stage.settle(0.5)
    return stage.whole()


@scene("review", learnt=True)
def review(stage: Stage) -> QPixmap:
    """A validation scan compared."""
    picture = reviewed(stage, "four")
    return together((picture, picture.rect()))


@scene("review-six", learnt=True)
def review_six(stage: Stage) -> QPixmap:
    """Six panes: difference and unsure places besides."""
    picture = reviewed(stage, "six")
    return together((picture, stage.part(stage.window.review.views, stage.window.review.panes)))


@scene("review-swipe", learnt=True)
def review_swipe(stage: Stage) -> QPixmap:
    """Annotation left, prediction right of an edge."""
    picture = reviewed(stage, "swipe")
    return together((picture, stage.part(stage.window.review.views, stage.window.review.panes)))


@scene("review-stripped", learnt=True)
def review_stripped(stage: Stage) -> QPixmap:
    """Scan, mask, stripped brain beside each other."""
    picture = reviewed(stage, "stripped")
    return together((picture, stage.part(stage.window.review.views, stage.window.review.panes)))


def panes_alone(stage: Stage, view: str) -> QPixmap:
    """Return the row of buttons and the panes below it."""
    picture = reviewed(stage, view)
    return together((picture, stage.part(stage.window.review.views, stage.window.review.panes)))


@scene("review-one", learnt=True)
def review_one(stage: Stage) -> QPixmap:
    """One pane."""
    return panes_alone(stage, "one")


@scene("review-two", learnt=True)
def review_two(stage: Stage) -> QPixmap:
    """Two panes."""
    return panes_alone(stage, "two")


@scene("review-mask", learnt=True)
def review_mask(stage: Stage) -> QPixmap:
    """Scan, and beside it with the mask."""
    return panes_alone(stage, "mask")


@scene("review-compared", learnt=True)
def review_compared(stage: Stage) -> QPixmap:
    """Scan, annotation, prediction."""
    return panes_alone(stage, "compared")


@scene("review-flicker", learnt=True)
def review_flicker(stage: Stage) -> QPixmap:
    """Annotation and prediction by turns: one of the two."""
    return panes_alone(stage, "flicker")


@scene("review-next", learnt=True)
def review_next(stage: Stage) -> QPixmap:
    """The next best slices with their reasons."""
    reviewed(stage, "four")
    page = stage.window.review
    page.show_next(True)
    stage.until(lambda: bool(page.next.picks))
    stage.settle(0.5)
    picture = stage.whole()
    return together((picture, stage.part(page.bar, page.views, page.next.page)))


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


@scene("review-numbers", learnt=True)
def review_numbers(stage: Stage) -> QPixmap:
    """All figures of a run."""
    picture = reviewed(stage, "numbers")
    return together((picture, picture.rect()))


# ------------------------------------------------------------------ stroke on CT


def run_shown(stage: Stage, name: str) -> None:
    """Open the Train page on a run."""
    stage.window.resize(*WHOLE)
    stage.open(1)
    stage.do("workspace_train")
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
    picture = stage.whole()
    return together((picture, picture.rect()))


@scene("stroke-mistakes", stroke=True)
def stroke_mistakes(stage: Stage) -> QPixmap:
    """ROC, calibration, confusion, most wrong slices."""
    run_shown(stage, "Run 1")
    page = stage.window.train
    page.header.review.click()
    stage.until(lambda: page.figures.look is not None and not page.figures.look._asker.busy)
    stage.settle(0.6)
    picture = stage.whole()
    return together((picture, stage.part(page.figures)))


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
    return together((picture, picture.rect()))


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
    if page.side.gate.look is not None and page.side.gate.look.rows:
        page.side.gate._lines[0].click()
    stage.settle(0.8)
    picture = stage.whole()
    return together((picture, picture.rect()))


# the pictures of the page of teams enter themselves
import exchange_scenes  # noqa: E402, F401
import team_scenes  # noqa: E402, F401
