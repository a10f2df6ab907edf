"""What the scenes of the guide share: how one is entered, what lies in the heads, and how parts are cut out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect
from PySide6.QtGui import QPixmap
from stage import XY, Stage, head, padded, together

from core.editing.operations import Operation, Where
from core.volume import Window

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


SHARED: dict[str, str] = {}
"""Pictures that change nothing, by the window they may share with others of that name."""


def scene(name: str, *, learnt: bool = False, stroke: bool = False, shared: str = "") -> Callable[[Scene], Scene]:
    """Enter a picture under its name."""

    def enter(made: Scene) -> Scene:
        SCENES[name] = made
        if learnt:
            LEARNT.add(name)
        if stroke:
            STROKE.add(name)
        if shared:
            SHARED[name] = shared
        return made

    return enter


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
    # up to the bar that scrolls the panels, not into it
    side.setRight(stage.part(*panels).right() + 2)  # type: ignore[arg-type]
    pane = stage.around(at, width, max(side.height(), least))
    return padded(together((picture, pane), (picture, side)), 8)


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


def on_tumour(stage: Stage, scan: int = FLAIR, *, zoom: float = 1.3, alone: bool = True) -> tuple[Mask, int]:
    """Open a scan at the slice with most of the tumour, ready to draw on; return the tumour and the slice."""
    tumour = masks()["Tumour"]
    z = fullest(tumour)
    begin(stage, scan, z, "Tumour", zoom=zoom, alone=alone)
    return tumour, z


def on_blood(stage: Stage) -> tuple[Mask, int]:
    """Open the CT in the brain window, at the slice with most of its blood; return the blood and the slice."""
    blood = masks(103, "CT")["Haemorrhage"]
    z = fullest(blood)
    begin(stage, CT, z, "Haemorrhage")
    stage.do("window_2")
    return blood, z


def with_operations(stage: Stage, at: XY, width: int = 420, least: int = 300) -> QPixmap:
    """Return a part of the slice with the operations beside it."""
    return with_panel(stage, at, stage.window.annotate.operations, width=width, least=least)


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
