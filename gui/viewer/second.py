"""A second scan in a pane: beside the drawn one or blended with it, on the drawn scan's planes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock, Thread

from PySide6.QtCore import QObject, Signal

from core.geometry import PlaneView
from core.volume import Window
from gui.viewer import colormaps
from gui.viewer.layer import Fetched, Layer
from gui.viewer.reslice import Laid, Reslicer

_COARSE = 0.34
"""A slow slice is shown at about a ninth of its pixels until the thread has the whole."""
_KEPT = 12


@dataclass(frozen=True, eq=False)
class Second:
    """A second scan and how it is shown.

    Parameters
    ----------
    name
        Display name for the corner of a pane.
    planes
        Lays it on the drawn scan's slices.
    window
        Its grey levels.
    colors
        Its colour map.
    opacity
        0..1 over the drawn scan, where both are shown in one pane.
    """

    name: str
    planes: SecondPlanes
    window: Window
    colors: str = colormaps.GREY
    opacity: float = 0.5


@dataclass(frozen=True)
class _Wish:
    view: PlaneView
    index: int
    nearest: bool


class SecondPlanes(QObject):
    """Slices of the second scan, computed when asked for; slow ones by a thread, with a coarse look meanwhile.

    The thread lives only while there is something to do, and takes the newest wish first.
    """

    refined = Signal()
    """A slice that was shown coarse is there in full."""

    def __init__(self, reslicer: Reslicer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.reslicer = reslicer
        self._lock = Lock()
        self._done: OrderedDict[_Wish, Laid] = OrderedDict()
        self._wishes: list[_Wish] = []
        self._thread: Thread | None = None
        self._slow: dict[tuple[PlaneView, bool], bool] = {}

    def fetch(self, view: PlaneView, index: int, *, nearest: bool) -> Fetched:
        """Return a slice: in full if it is quick or was computed already, else a coarse look at it."""
        wish = _Wish(view, index, nearest)
        with self._lock:
            laid = self._done.get(wish)
            if laid is not None:
                self._done.move_to_end(wish)
        if laid is None:
            if self._is_slow(view, nearest):
                down, across = self.reslicer.finer(view)
                self._wish(wish)
                laid = self.reslicer.lay(view, index, (down * _COARSE, across * _COARSE), nearest=nearest)
            else:
                laid = self.reslicer.lay(view, index, nearest=nearest)
                self._keep(wish, laid)
        return Fetched(laid.values, laid.finer, laid.inside)

    def close(self) -> None:
        """Compute nothing more and wait for what is under way (some milliseconds)."""
        with self._lock:
            self._wishes.clear()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _is_slow(self, view: PlaneView, nearest: bool) -> bool:
        key = (view, nearest)
        if key not in self._slow:
            self._slow[key] = self.reslicer.slow(view, nearest=nearest)
        return self._slow[key]

    def _keep(self, wish: _Wish, laid: Laid) -> None:
        with self._lock:
            self._done[wish] = laid
            while len(self._done) > _KEPT:
                self._done.popitem(last=False)

    def _wish(self, wish: _Wish) -> None:
        with self._lock:
            # of each plane only the slice shown now is still wanted
            self._wishes = [other for other in self._wishes if other.view != wish.view]
            self._wishes.append(wish)
            if self._thread is None:
                self._thread = Thread(target=self._work, name="second-scan", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._wishes:
                    self._thread = None
                    return
                wish = self._wishes.pop()
            self._keep(wish, self.reslicer.lay(wish.view, wish.index, nearest=wish.nearest))
            self.refined.emit()


class SecondLayer(Layer):
    """The second scan as one pane paints it."""

    def __init__(self, second: Second) -> None:
        self.planes = second.planes
        super().__init__(second.planes.reslicer.volume, second.window)
        self.take(second)

    def take(self, second: Second) -> None:
        """Show the same scan another way."""
        self.opacity = second.opacity
        self.set_window(second.window)
        self.set_colors(second.colors)

    def fetch(self, view: PlaneView, index: int, *, smooth: bool) -> Fetched:
        """Return a slice as laid on the plane."""
        return self.planes.fetch(view, index, nearest=not smooth)
