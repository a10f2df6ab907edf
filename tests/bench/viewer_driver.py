"""Mouse events on the real widgets, timed until painted; for the benches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

LEFT = Qt.MouseButton.LeftButton
NO_BUTTON = Qt.MouseButton.NoButton
PLAIN = Qt.KeyboardModifier.NoModifier


@dataclass
class Times:
    """Milliseconds of the wall clock and of this process's processors, one of each per event."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def take(self, act: Callable[[], None]) -> None:
        """Time until an event was handled and everything it touched is painted and flushed."""
        start, used = time.perf_counter(), time.process_time()
        act()
        QApplication.processEvents()
        self.wall.append((time.perf_counter() - start) * 1e3)
        self.cpu.append((time.process_time() - used) * 1e3)

    def words(self) -> str:
        """Say median, p95, p99 and worst of the wall clock, and median, p95 and p99 of the processors."""
        p50, p95, p99 = (float(np.percentile(self.wall, share)) for share in (50, 95, 99))
        c50, c95, c99 = (float(np.percentile(self.cpu, share)) for share in (50, 95, 99))
        wall = f"median {p50:.1f} p95 {p95:.1f} p99 {p99:.1f} worst {max(self.wall):.1f} ms"
        return f"{wall}, processor median {c50:.1f} p95 {c95:.1f} p99 {c99:.1f}"

    def share(self, percent: float) -> float:
        """Return a percentile of the wall clock."""
        return float(np.percentile(self.wall, percent))


def send(view: QWidget, kind: QEvent.Type, place: QPointF, button: Qt.MouseButton, buttons: Qt.MouseButton) -> None:
    """Send a mouse event."""
    QApplication.sendEvent(view, QMouseEvent(kind, place, view.mapToGlobal(place), button, buttons, PLAIN))


def wheel(view: QWidget, turned: int) -> None:
    """Turn the wheel over the middle of a pane."""
    place, phase = QPointF(view.rect().center()), Qt.ScrollPhase.NoScrollPhase
    turn = QPoint(0, turned)
    event = QWheelEvent(place, view.mapToGlobal(place), QPoint(), turn, NO_BUTTON, PLAIN, phase, False)
    QApplication.sendEvent(view, event)


def circle(view: QWidget, times: Times, center: QPointF, steps: int = 40) -> None:
    """Draw one stroke around a place, every event timed."""
    send(view, QEvent.Type.MouseButtonPress, center, LEFT, LEFT)
    place = center
    for step in range(steps):
        angle = step / steps * 2 * np.pi
        place = center + QPointF(180 * np.cos(angle), 260 * np.sin(angle))
        times.take(lambda place=place: send(view, QEvent.Type.MouseMove, place, NO_BUTTON, LEFT))  # type: ignore[misc]
    times.take(lambda: send(view, QEvent.Type.MouseButtonRelease, place, LEFT, NO_BUTTON))
