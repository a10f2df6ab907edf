"""The real window on made-up heads, driven by mouse and keys, to take the guide's pictures of.

Nothing here is a real scan. The pictures come out alike each time: the heads follow from a
seed, the time is a fixed one, and fonts are those of the machine.
"""

from __future__ import annotations

import functools
import gc
import io
import itertools
import shutil
import sys
import time
import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QImage, QKeySequence, QPainter, QPen, QPixmap, QPolygonF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from shell_support import mouse

from core.commands.line import run as run_command
from core.geometry import bounding_box
from core.labels import LabelSet
from core.phantom import Phantom, make_head
from core.project import links
from core.project.classes import ClassGiven
from core.project.project import Project
from core.project.records import Origin, SliceState
from gui import theme
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings
from gui.viewer.slice_view import SliceView

SHAPE = (40, 256, 208)
SIZE = (1304, 1120)
LABELS = ("Brain", "Tumour", "Haemorrhage")
READER = "reader"
XY = tuple[float, float]
CTRL = Qt.KeyboardModifier.ControlModifier
_PATIENTS: tuple[tuple[str, int, tuple[str, ...], bool], ...] = (
    # name, seed, contrasts, drawn already
    ("one", 101, ("T1", "FLAIR"), False),
    ("two", 102, ("T1",), True),
    ("three", 103, ("CT",), False),
    ("four", 104, ("T1",), True),
)


@functools.cache
def head(seed: int, contrast: str = "T1") -> Phantom:
    """Make one of the heads of the pictures."""
    lesion = "haemorrhage" if contrast == "CT" else "tumour"
    return make_head(seed, shape=SHAPE, contrast=contrast, lesion=lesion, noise=0.012)  # type: ignore[arg-type]


def make_project(path: Path) -> Path:
    """Make the project of the pictures."""
    with Project.create(path, name="brains") as project:
        labels = LabelSet()
        for name in LABELS:
            labels = labels.with_label(name)
        project.set_labels(labels)
        for patient, seed, contrasts, drawn in _PATIENTS:
            for contrast in contrasts:
                found = head(seed, contrast)
                volume = replace(found.volume, facts={"contrast": contrast})
                scan = project.add_scan(volume, patient=patient, description=f"{contrast} head")
                if drawn:
                    save(project, scan.id, {"Brain": found.masks["Brain"]}, finished=True)
    return path


def make_heads(path: Path) -> Path:
    """Make a project of eleven heads; of all but the last the brain is drawn."""
    with Project.create(path, name="brains") as project:
        project.set_labels(LabelSet().with_label("Brain"))
        for seed in range(11):
            made = make_head(410 + seed, shape=(24, 160, 130), contrast="T1", noise=0.012)
            scan = project.add_scan(made.volume, patient=f"person {seed}", description="T1 head")
            if seed < 10:
                save(project, scan.id, made.masks, finished=True)
    return path


def make_learnt(path: Path) -> Path:
    """Make the project of heads, and train a small network on it as the command line does."""
    make_heads(path)
    line = ["train", str(path), "--label", "Brain", "--network", "unet_light", "--size", "96", "--slices", "1"]
    length = ["--epochs", "14", "--steps", "10", "--seed", "3", "--device", "cpu", "--reader", READER]
    run_each([*line, *length], ["predict", str(path), "--run", "last"])
    return path


def run_each(*commands: list[str]) -> None:
    """Run commands, as the command line does."""
    for command in commands:
        if run_command(command):
            raise RuntimeError(" ".join(command))


def make_stroke(path: Path) -> Path:
    """Make a project of CT heads, most of them bleeding; train what says yes or no, and what draws behind it."""
    with Project.create(path, name="stroke") as project:
        project.set_labels(LabelSet().with_label("Haemorrhage"))
        for seed in range(12):
            lesion = "haemorrhage" if seed % 4 else None
            made = make_head(730 + seed, shape=(16, 160, 130), contrast="CT", lesion=lesion, noise=0.012)
            scan = project.add_scan(made.volume, patient=f"person {seed}", description="CT head")
            blood = made.masks.get("Haemorrhage", np.zeros(made.volume.shape, dtype=np.bool_))
            shown = blood.any(axis=(1, 2))
            given = [ClassGiven(scan.id, z, "stroke", "yes" if yes else "no") for z, yes in enumerate(shown)]
            project.classes.set_many(given, reader=READER)
            if seed < 11:
                save(project, scan.id, {"Haemorrhage": blood}, finished=True)
    label = ["--class", "stroke", "--network", "cnn_light", "--prepare", "table,centre", "--epochs", "10"]
    masks = ["--label", "Haemorrhage", "--network", "unet_light", "--prepare", "table,crop", "--epochs", "16"]
    short = ["--size", "64", "--steps", "10", "--slices", "1", "--seed", "3", "--device", "cpu", "--reader", READER]
    run_each(
        ["train", str(path), *label, *short],
        ["evaluate", str(path), "--run", "1", "--on", "val"],
        ["train", str(path), *masks, *short],
        ["predict", str(path), "--run", "2", "--gate", "1"],
    )
    return path


def fix_clock(day: int) -> None:
    """Let the program write times, and keys of patients, that are the same each time.

    From a morning on, some seconds later at each look.
    """
    begun, looks = datetime(2026, 11, day, 9, 0, tzinfo=UTC), itertools.count()

    def now() -> str:
        later = begun + timedelta(seconds=7 * next(looks))
        return later.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # who checks a training follows from the key of a patient, and that from the salt
    links.secrets = types.SimpleNamespace(token_bytes=bytes)  # type: ignore[assignment]
    for name, module in list(sys.modules.items()):
        if name.startswith("core.") and hasattr(module, "utc_now"):
            module.utc_now = now  # type: ignore[attr-defined]


def save(project: Project, scan: str, masks: dict[str, NDArray[np.bool_]], *, finished: bool = False) -> None:
    """Save masks (bool ``[z, y, x]`` by label) as drawn by a reader."""
    layers: dict[str, NDArray[np.uint8]] = {}
    for name, mask in masks.items():
        label = project.labels().named(name)
        layers.setdefault(label.layer, np.zeros(mask.shape, np.uint8))[mask] = label.value
    states = {
        layer: [
            SliceState(z, Origin.DRAWN, None, finished, READER) for z in range(len(mask)) if finished or mask[z].any()
        ]
        for layer, mask in layers.items()
    }
    annotation = project.ensure_annotation(scan, READER)
    project.save_layers(annotation.id, layers, states, journal_sequence=0)


class Stage:
    """A window on a fresh copy of the project.

    Parameters
    ----------
    template
        The project as :func:`make_project` made it.
    folder
        Where the copy goes.
    """

    def __init__(self, template: Path, folder: Path) -> None:
        fix_clock(20)
        self.path = Path(shutil.copytree(template, folder / "brains.meninx"))
        app = QApplication.instance() or QApplication([])
        assert isinstance(app, QApplication)
        self.app = app
        theme.apply(app)
        settings = Settings()
        settings.preferences.tour_seen = True
        settings.preferences.research_notice_seen = True
        session = Session(settings)
        session.reader = READER
        self.window = MainWindow(session)
        self.window.resize(*SIZE)
        self.window.show()
        self.window.activateWindow()
        self.pointer: QPoint | None = None

    @property
    def session(self) -> Session:
        """What is open."""
        return self.window.session

    @property
    def main(self) -> SliceView:
        """The large pane."""
        return self.window.annotate.views.main

    def open(self, number: int = 0) -> None:
        """Open the project and one of its scans (from 0, in the order of the worklist)."""
        if self.session.project is None:
            self.window.intake.open_project(self.path)
        scan = self.window.worklist.model.scan_at(number)
        self.until(lambda: self.session.scan is not None and not self.session.loading)
        if self.session.scan is None or self.session.scan.id != scan.id:
            self.session.open_scan(scan.id)
            self.until(lambda: self.session.scan is not None and self.session.scan.id == scan.id)
        self.until(lambda: self.session.can_edit and not self.session.loading)
        self.settle(0.3)

    def close(self) -> None:
        """Close the window and what runs for it."""
        self.session.put_away()
        self.window.close()
        self.window.deleteLater()
        QTest.qWait(50)
        # here, in the thread of the window: in another one what is left of it could lock both for ever
        gc.collect()

    # -------------------------------------------------------------- waiting

    def until(self, met: Callable[[], bool], seconds: float = 600.0) -> None:
        """Let the window work until something is so."""
        end = time.monotonic() + seconds
        while not met():
            if time.monotonic() > end:
                raise TimeoutError(str(met))
            QTest.qWait(10)

    def settle(self, seconds: float = 0.15) -> None:
        """Let the window work until nothing is left to do."""
        QTest.qWait(int(seconds * 1000))
        self.until(lambda: not self.window.annotate.kit.busy and not self.window.annotate.operator.busy)
        QTest.qWait(30)

    # --------------------------------------------------------------- acting

    def do(self, action: str) -> None:
        """Do an action of the table, as its key would."""
        self.window.actions_table[action].trigger()
        self.settle(0.05)

    def key(self, sequence: str) -> None:
        """Press a key on the pane."""
        combination = QKeySequence(sequence)[0]
        QTest.keyClick(self.main, combination.key(), combination.keyboardModifiers())
        self.settle(0.05)

    def go(self, z: int, x: float = 104, y: float = 128) -> None:
        """Show a slice."""
        self.window.annotate.views.go_to((round(x), round(y), z))
        self.settle(0.05)

    def alone(self) -> None:
        """Show the plane that is drawn on alone."""
        self.do("maximise")
        self.settle()

    def at(self, xy: XY) -> QPointF:
        """Return where a voxel (x, y) of the slice is in the main pane."""
        return self.main.point_of((xy[0], xy[1], self.main.index))

    def hover(self, xy: XY) -> None:
        """Move the pointer there."""
        place = self.at(xy)
        self.pointer = self.main.mapTo(self.window, place.toPoint())
        mouse(self.main, QEvent.Type.MouseMove, place, button=Qt.MouseButton.NoButton)
        self.settle(0.05)

    def click(self, xy: XY, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Click there."""
        self.drag([xy], keys)

    def drag(
        self,
        path: Sequence[XY],
        keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        *,
        release: bool = True,
    ) -> None:
        """Drag along a path, and let go or not."""
        places = [self.at(xy) for xy in path]
        mouse(self.main, QEvent.Type.MouseButtonPress, places[0], keys=keys)
        for place in places[1:]:
            mouse(self.main, QEvent.Type.MouseMove, place, keys=keys)
        if release:
            mouse(self.main, QEvent.Type.MouseButtonRelease, places[-1], keys=keys)
        self.pointer = self.main.mapTo(self.window, places[-1].toPoint())
        self.settle(0.05)

    def put(self, label: str, mask: NDArray[np.bool_], action: str = "brush") -> None:
        """Draw a mask, bool ``[z, y, x]``, as one step; for what stood there before the picture begins."""
        editor = self.session.editor
        assert editor is not None
        found = self.session.labels.named(label)
        editor.begin(action, found)
        box = bounding_box(mask)
        editor.paint(box, mask[box.slices])
        editor.commit()
        self.settle(0.05)

    # ------------------------------------------------------------- pictures

    def whole(self) -> QPixmap:
        """Return the window as it is, with the pointer where it was left."""
        self.settle()
        for toast in self.window.toasts.toasts:
            toast.hide()
        picture = self.window.grab()
        if self.pointer is not None:
            painter = QPainter(picture)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            draw_pointer(painter, self.pointer)
            painter.end()
        return picture

    def shot(self, *widgets: QWidget, margin: int = 0) -> QPixmap:
        """Return the window as it is, or only the part of it that some widgets take."""
        picture = self.whole()
        # above stand other things: no margin there
        part = self.part(*widgets).adjusted(-margin, 0, margin, margin)
        return together((picture, part)) if widgets else picture

    def part(self, *widgets: QWidget, margin: int = 0) -> QRect:
        """Return where widgets are in the window."""
        rect = QRect()
        for widget in widgets:
            rect = rect.united(QRect(widget.mapTo(self.window, QPoint(0, 0)), widget.size()))
        return rect.adjusted(-margin, -margin, margin, margin)

    def around(self, xy: XY, width: int, height: int) -> QRect:
        """Return a part of the main pane around a voxel, within the pane."""
        pane = self.part(self.main)
        middle = self.main.mapTo(self.window, self.at(xy).toPoint())
        rect = QRect(0, 0, width, height)
        rect.moveCenter(middle)
        rect.moveLeft(min(max(rect.left(), pane.left()), pane.right() - width + 1))
        rect.moveTop(min(max(rect.top(), pane.top()), pane.bottom() - height + 1))
        return rect.intersected(pane)


def draw_pointer(painter: QPainter, tip: QPoint) -> None:
    """Draw an arrow as a pointer is drawn: a window that is grabbed has none."""
    outline = [(0, 0), (0, 17), (4, 13.4), (6.8, 19.6), (9.4, 18.5), (6.6, 12.4), (12, 12)]
    shape = QPolygonF([QPointF(tip) + QPointF(x, y) for x, y in outline])
    painter.setPen(QPen(QColor("#0b0e12"), 1.4))
    painter.setBrush(QColor("#ffffff"))
    painter.drawPolygon(shape)


Piece = tuple[QPixmap, QRect]
"""A part of a picture of the window."""


def together(*pieces: Piece, gap: int = 8, below: bool = False) -> QPixmap:
    """Return parts of pictures side by side (or one below the other) on the program's own dark."""
    parts = [part for _picture, part in pieces]
    if below:
        size = (max(part.width() for part in parts), sum(part.height() for part in parts) + gap * (len(parts) - 1))
    else:
        size = (sum(part.width() for part in parts) + gap * (len(parts) - 1), max(part.height() for part in parts))
    made = QPixmap(*size)
    made.fill(theme.qcolor("panel"))
    painter = QPainter(made)
    place = 0
    for picture, part in pieces:
        painter.drawPixmap(QPoint(0, place) if below else QPoint(place, 0), picture, part)
        place += (part.height() if below else part.width()) + gap
    painter.end()
    return made


def padded(picture: QPixmap, right: int) -> QPixmap:
    """Return a picture with some of the program's own dark at its right."""
    made = QPixmap(picture.width() + right, picture.height())
    made.fill(theme.qcolor("panel"))
    painter = QPainter(made)
    painter.drawPixmap(0, 0, picture)
    painter.end()
    return made


_GREYS = 56
_TINTS = 160
_TINTED = 6
"""A pixel whose channels differ by more is one with a colour."""
_HUES = 9
_LEAST = 8
_LARGEST = 125_000
"""Bytes; a picture with more gets fewer greys."""


def packed(picture: QPixmap) -> bytes:
    """Return a picture as a small PNG: a palette of its own, no dithering, nothing but pixels in it.

    Thin lines in the colour of a label are few pixels among many grey ones, so greys and each part of the
    colour circle get a share of the palette of their own.
    """
    pixels = pixels_of(picture)
    content = b""
    for greys in (_GREYS, _GREYS * 2 // 3, _GREYS // 2, _GREYS * 2 // 5):
        made = Image.fromarray(pixels).quantize(palette=palette_of(pixels, greys), dither=Image.Dither.NONE)
        out = io.BytesIO()
        made.save(out, "PNG", optimize=True)
        content = out.getvalue()
        if len(content) < _LARGEST:
            break
    return content


def pixels_of(picture: QPixmap) -> NDArray[np.uint8]:
    """Return a picture as uint8 ``[row, column, rgb]``."""
    image = picture.toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows, columns, stride = image.height(), image.width(), image.bytesPerLine()
    flat = np.frombuffer(image.constBits(), np.uint8).reshape(rows, stride)[:, : 3 * columns]
    # a copy: the image's own memory goes with it
    return flat.reshape(rows, columns, 3).copy()


def palette_of(pixels: NDArray[np.uint8], greys: int = _GREYS) -> Image.Image:
    """Return a picture whose palette stands for the colours of others, uint8 ``[row, column, rgb]``."""
    # as one number each: sorting rows takes twenty times as long
    numbers = pixels.reshape(-1, 3).astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, counts = np.unique(numbers, return_counts=True)
    colors = np.stack([found >> 16, found >> 8, found], axis=1).astype(np.uint8)
    made = Image.new("P", (1, 1))
    made.putpalette(
        b"".join(_shades(colors[group], counts[group], most) for group, most in _groups(colors, counts, greys))
    )
    return made


def _groups(colors: NDArray[np.uint8], counts: NDArray[np.intp], greys: int) -> list[tuple[NDArray[np.bool_], int]]:
    """Return the greys and the parts of the colour circle that are there, each with its share of the palette."""
    tinted = np.ptp(colors, axis=1) > _TINTED
    hues = cv2.cvtColor(colors[np.newaxis], cv2.COLOR_RGB2HSV)[0, :, 0].astype(int) * _HUES // 180
    parts = [found for hue in range(_HUES) if (found := tinted & (hues == hue)).any()]
    weights = np.sqrt([counts[part].sum() for part in parts])
    free = _TINTS - _LEAST * len(parts)
    shares = [_LEAST + int(free * weight / weights.sum()) for weight in weights]
    grey = [(~tinted, greys)] if (~tinted).any() else []
    return [*grey, *zip(parts, shares, strict=True)]


def _shades(colors: NDArray[np.uint8], counts: NDArray[np.intp], most: int) -> bytes:
    """Return at most so many colours that stand for many."""
    line = np.repeat(colors, np.maximum(1, np.sqrt(counts)).astype(int), axis=0)[np.newaxis]
    found = Image.fromarray(np.ascontiguousarray(line)).quantize(most, method=Image.Quantize.MEDIANCUT)
    return bytes(found.getpalette() or ())[: 3 * most]
