"""Shows a scan that is still on its way in: to look at, not yet to draw on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Slot

from core.messages import text
from core.volume import Volume
from gui.glance import Glimpse
from gui.session import Session
from gui.viewer.linked import LinkedViews


class Glancing(QObject):
    """Puts what arrives into the panes until the scan itself is open.

    Parameters
    ----------
    session
        Says what has arrived.
    views
        The panes.
    changed
        Called when something is shown, or no longer.
    """

    def __init__(self, session: Session, views: LinkedViews, changed: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._views = views
        self._changed = changed
        self._volume: Volume | None = None
        self._over = False
        session.glance_changed.connect(self._came)
        session.scan_loading.connect(self._scan_loading)

    @property
    def shown(self) -> bool:
        """Whether the panes show a scan that is not open yet."""
        return self._volume is not None

    def place_in(self, volume: Volume | None) -> tuple[int, int, int] | None:
        """Return the voxel (x, y, z) looked at, if this is the scan that was looked at; then forget it."""
        seen, self._volume = self._volume, None
        self._views.main.set_title(None)
        if seen is None or volume is None or seen.shape != volume.shape:
            return None
        same = np.allclose(seen.geometry.affine, volume.geometry.affine)
        return self._views.position if same else None

    @Slot(object)
    def _came(self, glimpse: Glimpse | None) -> None:
        if self._session.scan is not None:
            return
        self._over = glimpse is None
        if glimpse is None:
            # what is being opened takes its place, and stays where it was looked at
            if not self._session.loading:
                self._gone()
            return
        if glimpse.volume is self._volume:
            for view in self._views.views:
                view.replace_volume(glimpse.volume)
        else:
            self._volume = glimpse.volume
            self._views.set_volume(glimpse.volume, glimpse.window)
            self._changed()
        words = "annotate.glance" if glimpse.done < glimpse.total else "annotate.glance_whole"
        self._views.main.set_title(None, text(words, done=glimpse.done, total=glimpse.total))

    @Slot(str)
    def _scan_loading(self, scan_id: str) -> None:
        if not scan_id and self._over and self._session.scan is None:
            self._gone()

    def _gone(self) -> None:
        if self._volume is not None:
            self._volume = None
            self._views.main.set_title(None)
            self._views.set_volume(None)
            self._changed()
