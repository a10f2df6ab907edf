"""The chosen label in space: a shaded picture to turn by dragging; a click goes to the slice of that voxel."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QSizePolicy, QWidget

from core.editing.editor import Change
from core.errors import MeninxError
from core.geometry import Geometry
from core.labels import Label
from core.messages import text
from core.review.surface import Body, Picture, body_of, look
from gui import theme
from gui.actions import Actions
from gui.background import Tasks
from gui.session import Session
from gui.viewer.linked import LinkedViews
from gui.viewer.overlay import rgb

_SIDE = 320
"""Rows and columns of the picture: some 0.1 s to turn."""
_DEGREES = 0.5
"""Per pixel dragged."""
_CLICK = 4.0
_PAUSE_MS = 400
_FROM = {"front": (0.0, 0.0), "left": (90.0, 0.0), "back": (180.0, 0.0), "right": (270.0, 0.0), "top": (0.0, 90.0)}


@dataclass(frozen=True, eq=False)
class Shape:
    """What is looked at; ``body`` is None where nothing is drawn."""

    token: int
    label: Label
    geometry: Geometry
    body: Body | None


@dataclass(frozen=True, eq=False)
class Seen:
    """A shape from one side."""

    shape: Shape
    turn: float
    tilt: float
    picture: Picture


def _sampled(token: int, label: Label, geometry: Geometry, mask: NDArray[np.uint8]) -> Shape:
    """Runs in a thread."""
    return Shape(token, label, geometry, body_of(mask == label.value, geometry))


def _looked(shape: Shape, body: Body, turn: float, tilt: float) -> Seen:
    """Runs in a thread."""
    return Seen(shape, turn, tilt, look(body, shape.geometry, turn, tilt, _SIDE))


class SurfaceView(QWidget):
    """The picture, turned by the mouse."""

    turned = Signal(float, float)
    """Degrees to turn and to tilt by."""
    picked = Signal(object)
    """A voxel (x, y, z)."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self._seen: Seen | None = None
        self._last: QPointF | None = None
        self._from = QPointF()
        self._moved = False
        self.setMinimumSize(240, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.setAccessibleName(text("actions.surface"))

    def sizeHint(self) -> QSize:
        return QSize(420, 420)

    def show_seen(self, seen: Seen | None) -> None:
        """Show a picture in the colour of its label; None for nothing."""
        self._seen = seen
        self._image = None
        if seen is not None:
            grey = seen.picture.grey.astype(np.float32)[..., np.newaxis] / 255
            pixels = np.zeros((*grey.shape[:2], 4), dtype=np.uint8)
            pixels[..., :3] = np.rint(grey * np.array(rgb(seen.shape.label.color)[::-1]))
            rows, columns = grey.shape[:2]
            self._image = QImage(pixels.data, columns, rows, 4 * columns, QImage.Format.Format_RGB32).copy()
        self.update()

    @property
    def shown(self) -> bool:
        """Whether there is a picture."""
        return self._image is not None

    def voxel_at(self, place: QPointF) -> tuple[int, int, int] | None:
        """Return the voxel (x, y, z) seen at a point of the widget."""
        box = self._box()
        if self._seen is None or box.width() <= 0:
            return None
        voxels = self._seen.picture.voxels
        row = int((place.y() - box.top()) / box.height() * voxels.shape[0])
        column = int((place.x() - box.left()) / box.width() * voxels.shape[1])
        if not (0 <= row < voxels.shape[0] and 0 <= column < voxels.shape[1]):
            return None
        found = voxels[row, column]
        if np.isnan(found).any():
            return None
        x, y, z = (round(float(part)) for part in found)
        return x, y, z

    def _box(self) -> QRectF:
        side = float(min(self.width(), self.height()))
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.qcolor("viewer"))
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self._box(), self._image)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._last = self._from = event.position()
            self._moved = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._last is None:
            return
        here = event.position()
        self._moved = self._moved or (here - self._from).manhattanLength() > _CLICK
        if self._moved:
            step = here - self._last
            self._last = here
            # what is seen follows the hand
            self.turned.emit(-step.x() * _DEGREES, step.y() * _DEGREES)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._last is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        self._last = None
        voxel = self.voxel_at(event.position())
        if not self._moved and voxel is not None:
            self.picked.emit(voxel)


class SurfacePanel(QDialog):
    """Window beside the main one; it follows the label and what is drawn.

    Parameters
    ----------
    session
        What is open.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tasks = Tasks(self)
        self._shape: Shape | None = None
        self._busy = self._again = False
        self.turn, self.tilt = 30.0, 15.0
        self.setWindowTitle(text("actions.surface"))
        self.view = SurfaceView()
        self.words = theme.label("", "muted", wrap=True)
        line = theme.row(gap=6)
        self.sides = {}
        for name in _FROM:
            button = theme.button(text(f"surface.{name}"), "small")
            button.setObjectName(name)
            button.setAutoDefault(False)
            button.clicked.connect(self._side_chosen)
            self.sides[name] = button
            line.addWidget(button, 1)
        lay = theme.column(self, margin=theme.space("m"))
        lay.addWidget(self.view, 1)
        lay.addLayout(line)
        lay.addWidget(self.words)
        self.view.turned.connect(self._turn)
        self.view.picked.connect(session.position_requested)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PAUSE_MS)
        self._later.timeout.connect(self.sample)
        for signal in (session.label_changed, session.labels_changed, session.scan_changed):
            signal.connect(self.sample)
        session.mask_changed.connect(self._mask_changed)
        session.project_changed.connect(self._project_changed)

    @Slot()
    def sample(self) -> None:
        """Look at the label anew, in a thread."""
        session = self._session
        editor, label = session.editor, session.label
        if not self.isVisible():
            return
        if editor is None or label is None:
            self._shape = None
            self.view.show_seen(None)
            self.words.setText("")
            return
        if not self.view.shown:
            self.words.setText(text("surface.working"))
        work = functools.partial(_sampled, session.token, label, editor.geometry, editor.mask(label.layer))
        self._tasks.start(work, self._sampled, session.notifier.error)

    @Slot(object)
    def _mask_changed(self, change: Change) -> None:
        if self.isVisible() and change.kind not in ("live", "state"):
            self._later.start()

    @Slot(object)
    def _sampled(self, shape: Shape) -> None:
        if shape.token != self._session.token or shape.label != self._session.label:
            return
        self._shape = shape
        self.words.setText(text("surface.hint" if shape.body is not None else "measure.nothing", name=shape.label.name))
        if shape.body is None:
            self.view.show_seen(None)
        else:
            self._look()

    def _look(self) -> None:
        """Ask for a picture; one at a time, so that turning never lags behind by more than one."""
        shape = self._shape
        if shape is None or shape.body is None:
            return
        self._again = self._busy
        if not self._busy:
            self._busy = True
            work = functools.partial(_looked, shape, shape.body, self.turn, self.tilt)
            self._tasks.start(work, self._looked, self._failed)

    @Slot(object)
    def _looked(self, seen: Seen) -> None:
        self._busy = False
        if seen.shape is self._shape:
            self.view.show_seen(seen)
        if self._again:
            self._look()

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._busy = False
        self._session.notifier.error(error)

    @Slot(float, float)
    def _turn(self, turn: float, tilt: float) -> None:
        self.look_from((self.turn + turn) % 360.0, self.tilt + tilt)

    def look_from(self, turn: float, tilt: float) -> None:
        """Look from another side; degrees, see :func:`core.review.surface.look`."""
        self.turn, self.tilt = turn, min(max(tilt, -90.0), 90.0)
        self._look()

    @Slot()
    def _side_chosen(self) -> None:
        button = self.sender()
        if button is not None:
            self.look_from(*_FROM[button.objectName()])

    @Slot()
    def _project_changed(self) -> None:
        if self._session.project is None:
            self._later.stop()
            self._tasks.wait()
            self.close()


class Surface(QObject):
    """Opens and shuts the window of the surface by its action.

    Parameters
    ----------
    session, actions
        What is open; ``surface`` is bound here.
    views
        The window is shown beside theirs.
    """

    def __init__(self, session: Session, actions: Actions, views: LinkedViews, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._views = views
        self._action = actions["surface"]
        self.panel: SurfacePanel | None = None
        actions.bind("surface", self.show)

    @Slot()
    def show(self) -> None:
        """Show the surface, or put its window away."""
        if self.panel is None:
            self.panel = SurfacePanel(self._session, self._views.window())
            # its key puts it away also from inside
            self.panel.addAction(self._action)
        if self.panel.isVisible():
            self.panel.close()
        else:
            self.panel.show()
            self.panel.sample()
