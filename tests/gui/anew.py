"""Whether the panes show what the same state would show if it were drawn anew."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QTimer
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from gui.background import Task
from gui.main_window import MainWindow
from gui.viewer.slice_view import SliceView

_SOON_MS = 1000


def drawn_anew(window: MainWindow, folder: Path, *, on_screen: bool = True) -> None:
    """Lay every slice and overlay of Annotate on again, from nothing; the panes must not change by it.

    With ``on_screen`` what was painted there piece by piece is compared too.
    """
    views = [view for view in window.annotate.views.findChildren(SliceView) if view.isVisible()]
    assert views
    for toast in tuple(window.toasts.toasts):
        # it may lie over a pane
        toast.closed.emit(toast)
    before = at_rest(window, views)
    if on_screen:
        painted(window, views, before, folder)
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


def painted(window: MainWindow, views: list[SliceView], whole: list[QImage], folder: Path) -> None:
    """See that the screen, painted piece by piece as things changed, shows what painting each pane whole does."""
    screen = window.screen().grabWindow(window.winId()).toImage()
    for place, (view, wanted) in enumerate(zip(views, whole, strict=True)):
        shown = screen.copy(QRect(view.mapTo(window, QPoint()), view.size()))
        if shown != wanted.convertToFormat(shown.format()):
            shown.save(str(folder / f"screen-{place}.png"))
            wanted.save(str(folder / f"whole-{place}.png"))
            raise AssertionError(f"pane {place} on the screen is not what it should be, see {folder}")


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
