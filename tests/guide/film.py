"""The animated picture of the loop, from the real window on made-up heads: draw, train, predict, correct.

``python tests/guide/make_pictures.py loop`` writes ``docs/loop.gif``. Each picture of it is the window as it was; the
line above it says which part of the loop it is. The training is that of the guide's other pictures, epoch by epoch.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QRect, Qt, QTimer
from PySide6.QtGui import QFont, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QMessageBox
from scene import WHOLE, outline
from stage import Stage, palette_of, pixels_of

from core.learning.events import EpochEnded
from core.learning.runs import list_runs, read_events
from core.messages import text
from core.phantom import make_head
from gui import theme
from gui.train.watch import RunWatch

WIDTH = 900
PARTS = ("Draw", "Train", "Predict", "Correct")
_LAST = 10
"""Of the heads: the one that nobody has drawn yet."""
_CORRECTED = 9
"""The slice that is corrected."""
_LINE = 34


class Film:
    """Pictures of the window with how long each is shown (ms)."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.pictures: list[NDArray[np.uint8]] = []
        self.times: list[int] = []

    def take(self, part: int, ms: int) -> None:
        """Add the window as it is now."""
        whole = self.stage.whole()
        rows = round(WIDTH * whole.height() / whole.width())
        made = QPixmap(WIDTH, rows + _LINE)
        made.fill(theme.qcolor("backdrop"))
        painter = QPainter(made)
        small = whole.scaled(
            WIDTH, rows, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        painter.drawPixmap(0, _LINE, small)
        room = WIDTH // len(PARTS)
        for number, name in enumerate(PARTS):
            chosen = number == part
            painter.setFont(theme.font("title" if chosen else "body", weight=QFont.Weight.DemiBold))
            painter.setPen(theme.qcolor("accent_bright" if chosen else "faint"))
            painter.drawText(
                QRect(number * room, 0, room, _LINE), Qt.AlignmentFlag.AlignCenter, f"{number + 1}  {name}"
            )
        painter.end()
        self.pictures.append(pixels_of(made))
        self.times.append(ms)

    def packed(self) -> bytes:
        """Return all of it as an animated GIF with one palette, so that what does not change is not repeated."""
        by = palette_of(np.concatenate(self.pictures[:: max(1, len(self.pictures) // 8)]), 24)
        drawn = [Image.fromarray(one).quantize(palette=by, dither=Image.Dither.NONE) for one in self.pictures]
        out = io.BytesIO()
        drawn[0].save(
            out, "GIF", save_all=True, append_images=drawn[1:], duration=self.times, loop=0, optimize=False, disposal=1
        )
        return out.getvalue()


def loop(stage: Stage) -> bytes:
    """Draw on a head, train on what is drawn, let the run draw another slice, correct it."""
    film = Film(stage)
    stage.window.resize(*WHOLE)
    stage.open(_LAST)
    _draw(stage, film)
    _train(stage, film)
    _predict(stage, film)
    _correct(stage, film)
    return film.packed()


def _brain() -> NDArray[np.bool_]:
    return make_head(410 + _LAST, shape=(24, 160, 130), contrast="T1", noise=0.012).masks["Brain"]


def _draw(stage: Stage, film: Film) -> None:
    brain = _brain()
    stage.session.choose_label("Brain")
    stage.main.set_crosshair_visible(False)
    stage.do("brush")
    hand = stage.window.annotate.hand
    for z, parts, ms in ((12, 6, 260), (14, 2, 260)):
        stage.go(z, 65, 80)
        film.take(0, 700)
        hand.set_size(16.0)
        edge = outline(brain[z], 2, grow=-8)
        edge = [*edge, edge[0]]
        step = len(edge) // parts
        for start in range(0, len(edge) - 1, step):
            stage.drag(edge[start : start + step + 1])
            film.take(0, ms)
        hand.set_size(60.0)
        ys, xs = np.nonzero(cv2.erode(brain[z].astype(np.uint8), np.ones((37, 37), np.uint8)))
        inside = [(float(x), float(y)) for x, y in zip(xs[::40], ys[::40], strict=True)]
        stage.drag(inside or [(65.0, 80.0)])
        film.take(0, 500)
        stage.do("finished")
        film.take(0, 900)


def _train(stage: Stage, film: Film) -> None:
    stage.pointer = None
    stage.do("workspace_train")
    page = stage.window.train
    panel = page.panel
    stage.until(lambda: not panel.data._asker.busy and panel.start.isEnabled() and page.shown is not None)
    project = stage.session.project
    assert project is not None
    (run,) = list_runs(project)
    watch = RunWatch(run=run.id)
    for event in read_events(project, run.id):
        if isinstance(event, EpochEnded) and len(watch.epochs) % 3 == 1:
            # what the epochs before brought, with their pictures
            _show(stage, film, watch, 500)
        watch.fold(event)
    _show(stage, film, watch, 1600)


def _show(stage: Stage, film: Film, watch: RunWatch, ms: int) -> None:
    if watch.epochs:
        stage.window.train._take_past(watch)
        stage.settle(0.2)
        film.take(1, ms)


def _predict(stage: Stage, film: Film) -> None:
    stage.do("workspace_review")
    page = stage.window.review
    stage.until(lambda: page.case is not None and page.label_case is not None)
    stage.until(lambda: not page._cases.busy and not page.desk.busy)
    for z in (14, _CORRECTED):
        page.panes.set_index(z)
        stage.settle(0.4)
        film.take(2, 1300)


def _only_unfinished() -> None:
    box = QApplication.activeModalWidget()
    assert isinstance(box, QMessageBox)
    next(one for one in box.buttons() if one.text() == text("review.finished_keep")).click()


def _correct(stage: Stage, film: Film) -> None:
    QTimer.singleShot(400, _only_unfinished)
    stage.window.review.bar.correct.click()
    stage.until(lambda: stage.window.workspaces.currentWidget() is stage.window.annotate)
    stage.settle(0.5)
    z = _CORRECTED
    stage.go(z, 65, 80)
    stage.do("brush")
    stage.window.annotate.hand.set_size(8.0)
    film.take(3, 900)
    edge = outline(_brain()[z], 2, grow=-3)
    part = len(edge) // 8
    for start in range(0, 3 * part, part):
        stage.drag(edge[start : start + part + 1])
        film.take(3, 350)
    stage.do("finished")
    stage.pointer = None
    stage.session.save_now()
    stage.settle(0.6)
    film.take(3, 2200)
