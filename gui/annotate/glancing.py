"""Shows a scan that is still on its way in: to look at, not yet to draw on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject, Slot

from core.messages import text
from core.volume import Volume
from gui.glimpse import Glimpse
from gui.loading import LoadedScan
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
        self._begun = (0, 0, 0)
        self._over = False
        session.glance_changed.connect(self._came)
        session.scan_loading.connect(self._scan_loading)

    @property
    def shown(self) -> bool:
        """Whether the panes show a scan that is not open yet."""
        return self._volume is not None

    def place_in(self, loaded: LoadedScan | None) -> tuple[int, int, int] | None:
        """Return the voxel (x, y, z) to stay at, or begin at, in the scan that was looked at; then forget it.

        None if it was another one.
        """
        seen, self._volume = self._volume, None
        self._views.main.set_title(None)
        if seen is None or loaded is None or seen.shape != loaded.volume.shape:
            return None
        if not np.allclose(seen.geometry.affine, loaded.volume.geometry.affine):
            return None
        return self._views.position if self._views.position != self._begun else loaded.start

    @Slot(object)
    def _came(self, glimpse: Glimpse | None) -> None:
        if self._session.scan is not None or (glimpse is not None and self._late(glimpse)):
            return
        # a stored scan that cannot be opened after all says so by ending to load
        self._over = glimpse is None or bool(glimpse.scan)
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
            self._begun = self._views.position
            self._changed()
        words = "annotate.glance" if glimpse.done < glimpse.total else "annotate.glance_whole"
        self._views.main.set_title(None, text(words, done=glimpse.done, total=glimpse.total))

    def _late(self, glimpse: Glimpse) -> bool:
        """Whether a stored scan is not being opened any more, or was seen whole on its way in."""
        known = self._volume is not None and self._volume is not glimpse.volume
        return bool(glimpse.scan) and (glimpse.scan != self._session.loading or known)

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
