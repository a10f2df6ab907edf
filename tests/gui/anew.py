"""Whether the panes show what the same state would show if it were drawn anew."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from gui.background import Task
from gui.main_window import MainWindow
from gui.viewer.slice_view import SliceView

_SOON_MS = 1000


def drawn_anew(window: MainWindow, folder: Path) -> None:
    """Lay every slice and overlay of Annotate on again, from nothing; the panes must not change by it."""
    views = [view for view in window.annotate.views.findChildren(SliceView) if view.isVisible()]
    assert views
    before = at_rest(window, views)
    for view in views:
        # what was kept of the scan and the masks
        view._source._drop()
        view.update()
    window.session.overlay_changed.emit()
    QApplication.processEvents()
    after = at_rest(window, views)
    places = [place for place, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    for place in places:
        before[place].save(str(folder / f"before-{place}.png"))
        after[place].save(str(folder / f"after-{place}.png"))
    assert not places, f"see {folder}"


def at_rest(window: MainWindow, views: list[SliceView]) -> list[QImage]:
    """Return what panes show once nothing is on its way to them and it stays as it is."""
    last: list[QImage] = []
    for _ in range(500):
        shown = [view.grab().toImage() for view in views]
        if shown == last and not awaited(window):
            return shown
        last = shown
        QTest.qWait(40)
    raise AssertionError("the panes never come to rest")


def awaited(window: MainWindow) -> bool:
    """Whether a thread computes (finer slices, previews), or something waits a moment before it begins."""
    # the session reads for the panes as well: saved versions that are looked at
    holders = (window, window.session)
    tasks = [task for holder in holders for task in holder.findChildren(Task)]
    timers = [one for holder in holders for one in holder.findChildren(QTimer)]
    soon = (one for one in timers if one.isSingleShot() and one.interval() < _SOON_MS)
    # a task that is over is there until what it brought has been heard
    return bool(tasks) or any(one.isActive() for one in soon)
