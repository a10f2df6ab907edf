"""Prediction or reference in space, coloured by how far its surface lies from the other's; turned by dragging."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QButtonGroup, QDialog, QLabel, QWidget

from core.errors import MeninxError
from core.geometry import Geometry
from core.labels import Label
from core.messages import numeral, text
from core.review.surface import Body, body_of, look
from core.review.surface_distance import REACH, Distances, distances, shade
from gui import theme
from gui.annotate.surface_panel import Seen, Shape, SurfaceView
from gui.background import Tasks
from gui.notify import Notifier
from gui.review.difference import Spot
from gui.roomy import keep_on_screen

_SIDE = 360
WHICH = ("prediction", "reference")
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pair:
    """What is looked at.

    Parameters
    ----------
    label
        Whose colour stands for what has nothing to be compared with.
    prediction, reference
        bool ``[z, y, x]``; the reference None where there is none.
    """

    label: Label
    geometry: Geometry
    prediction: Bools
    reference: Bools | None
    words: str


@dataclass(frozen=True, eq=False)
class Solid:
    """One of the pair, sampled; ``found`` is None where the other is empty."""

    pair: Pair
    which: str
    body: Body | None
    found: Distances | None


@dataclass(frozen=True, eq=False)
class Coloured:
    """A solid from one side."""

    solid: Solid
    seen: Seen
    colours: NDArray[np.uint8] | None


def sampled(pair: Pair, which: str) -> Solid:
    """Runs in a thread."""
    empty = np.zeros_like(pair.prediction)
    reference = empty if pair.reference is None else pair.reference
    mask, other = (pair.prediction, reference) if which == "prediction" else (reference, pair.prediction)
    return Solid(pair, which, body_of(mask, pair.geometry), distances(mask, other, pair.geometry))


def looked(solid: Solid, body: Body, turn: float, tilt: float) -> Coloured:
    """Runs in a thread."""
    picture = look(body, solid.pair.geometry, turn, tilt, _SIDE)
    shape = Shape(0, solid.pair.label, solid.pair.geometry, body)
    colours = None if solid.found is None else solid.found.colours(picture)
    return Coloured(solid, Seen(shape, turn, tilt, picture), colours)


class DistanceView(SurfaceView):
    """The picture in the colours of the distances."""

    def show_coloured(self, coloured: Coloured) -> None:
        """Show a picture; in the label's colour where there is nothing to compare with."""
        self.show_seen(coloured.seen)
        if coloured.colours is not None:
            rows, columns = coloured.colours.shape[:2]
            pixels = np.ascontiguousarray(coloured.colours)
            self._image = QImage(pixels.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888).copy()
            self.update()


class SurfaceWindow(QDialog):
    """Window beside the main one; Review feeds it."""

    picked = Signal(object)
    """A voxel (x, y, z) that was clicked."""

    def __init__(self, notifier: Notifier, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notifier = notifier
        self._tasks = Tasks(self)
        self._pair: Pair | None = None
        self._solid: Solid | None = None
        self._busy = self._again = False
        self.turn, self.tilt = 30.0, 15.0
        self.setWindowTitle(text("surface_distance.title"))
        self.view = DistanceView()
        self.view.turned.connect(self._turn)
        self.view.picked.connect(self.picked)
        self.words = theme.label("", "muted", wrap=True)
        self.which = QButtonGroup(self)
        line = theme.row(gap=theme.space("xs"))
        for number, name in enumerate(WHICH):
            button = theme.button(text(f"surface_distance.{name}"), "small")
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setChecked(number == 0)
            self.which.addButton(button, number)
            line.addWidget(button)
        line.addStretch()
        self.which.idClicked.connect(self._sample)
        legend = theme.row(gap=6)
        self._legend: dict[str, QLabel] = {}
        for share, key in ((-1, "inside"), (0, "same"), (1, "outside")):
            red, green, blue = (int(part) for part in shade(np.array([share * REACH], dtype=np.float32))[0])
            legend.addWidget(Spot(f"#{red:02x}{green:02x}{blue:02x}"))
            self._legend[key] = theme.label("", "muted")
            legend.addWidget(self._legend[key])
            legend.addSpacing(theme.space("s"))
        legend.addStretch()
        lay = theme.column(self, margin=theme.space("m"), gap=theme.space("s"))
        lay.addLayout(line)
        lay.addWidget(self.view, 1)
        lay.addLayout(legend)
        lay.addWidget(self.words)
        self._name_colours("mm")
        self.resize(520, 640)
        keep_on_screen(self)

    def _name_colours(self, unit: str) -> None:
        """Say how far each colour lies off, in the unit of the scan."""
        for key, label in self._legend.items():
            label.setText(text(f"surface_distance.{key}", reach=numeral(REACH, "g"), unit=unit))

    def show_pair(self, pair: Pair | None) -> None:
        """Look at another pair; None for nothing."""
        self._pair, self._solid = pair, None
        if pair is None:
            self.view.show_seen(None)
            self.words.setText(text("surface_distance.nothing"))
        elif self.isVisible():
            self._sample()

    @Slot()
    def _sample(self) -> None:
        pair = self._pair
        if pair is None:
            return
        self.words.setText(text("surface_distance.working"))
        which = WHICH[max(0, self.which.checkedId())]
        self._tasks.start(functools.partial(sampled, pair, which), self._sampled, self._failed)

    @Slot(object)
    def _sampled(self, solid: Solid) -> None:
        if solid.pair is not self._pair or solid.which != WHICH[max(0, self.which.checkedId())]:
            return
        self._solid = solid
        if solid.body is None:
            self.view.show_seen(None)
            self.words.setText(text("surface_distance.empty"))
            return
        if solid.found is None:
            self.words.setText(text("surface_distance.alone"))
        else:
            values = solid.found.values
            self._name_colours(solid.found.unit)
            self.words.setText(
                text(
                    "surface_distance.words",
                    most_out=numeral(max(0.0, float(values.max())), ".1f"),
                    most_in=numeral(max(0.0, -float(values.min())), ".1f"),
                    unit=solid.found.unit,
                    other=solid.pair.words,
                )
            )
        self._look()

    def _look(self) -> None:
        """Ask for a picture; one at a time, so that turning never lags behind by more than one."""
        solid = self._solid
        if solid is None or solid.body is None:
            return
        self._again = self._busy
        if not self._busy:
            self._busy = True
            work = functools.partial(looked, solid, solid.body, self.turn, self.tilt)
            self._tasks.start(work, self._looked, self._failed)

    @Slot(object)
    def _looked(self, coloured: Coloured) -> None:
        self._busy = False
        if coloured.solid is self._solid:
            self.view.show_coloured(coloured)
        if self._again:
            self._look()

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._busy = False
        self._notifier.error(error)

    @property
    def busy(self) -> bool:
        """Whether a picture is made still."""
        return self._busy

    @Slot(float, float)
    def _turn(self, turn: float, tilt: float) -> None:
        self.turn, self.tilt = (self.turn + turn) % 360.0, min(max(self.tilt + tilt, -90.0), 90.0)
        self._look()

    def open_beside(self) -> None:
        """Show the window, or bring it to the front."""
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        self.show()
        self.raise_()
        self._sample()

    def wait(self) -> None:
        """End the threads."""
        self._tasks.wait()
