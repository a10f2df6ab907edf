"""A first look at a scan that is on its way in: shown as its slices arrive, long before it is stored."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QThread, QThreadPool, QTimer, Signal, Slot

from core.errors import MeninxError
from core.io.limits import thread_gives_way
from core.io.sandbox import Decoder
from core.io.source import Source
from core.volume import Volume
from gui.glimpse import Glimpse, Teller
from gui.session import Session

_AGAIN_MS = 3000
"""A child for the next scan is started only when the one before has its share of the machine."""


class Glance(QThread):
    """Reads one scan for the eye alone; the import stores it.

    Parameters
    ----------
    paths
        Files or a folder that hold one scan; if they hold another number, nothing is shown.
    decoder
        A decoding child, warm if possible; closed by :meth:`end`.
    source
        What they hold, if that is known already.

    Notes
    -----
    Whatever is wrong with the files the import says, so here it only ends the look.
    """

    seen = Signal(object)
    """A :class:`gui.glimpse.Glimpse`: the first slice, a few times a second, and the whole."""

    def __init__(
        self, paths: Sequence[Path], decoder: Decoder, source: Source | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._paths = tuple(paths)
        self._decoder = decoder
        self._source = source

    def run(self) -> None:
        thread_gives_way()
        try:
            sources = (self._source,) if self._source is not None else self._decoder.find(self._paths).sources
            if len(sources) == 1:
                teller = Teller(self.seen.emit)
                self._decoder.read(sources[0], functools.partial(_begin, teller), teller.slice_came)
        except MeninxError:
            return

    def end(self) -> None:
        """End the look and its decoding child; the thread is over a moment later."""
        # ending a process takes longer than the window may wait; Python's own threads are waited for until they run
        QThreadPool.globalInstance().start(self._decoder.close)


class Glancer(QObject):
    """Looks at what is brought in while no scan is open, and keeps a warm decoding child for it.

    Parameters
    ----------
    session
        Told of what is seen (:attr:`gui.session.Session.glance_changed`).
    """

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._glance: Glance | None = None
        self._ending: set[Glance] = set()
        self._spare: Decoder | None = None
        self._wants_spare = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_AGAIN_MS)
        self._later.timeout.connect(self.warm)
        session.scan_changed.connect(self._scan_changed)

    @property
    def looking(self) -> bool:
        """Whether something is looked at now."""
        return self._glance is not None

    @Slot()
    def warm(self) -> None:
        """Start a decoding child now, for what is brought in next."""
        self._wants_spare = True
        if self._spare is None:
            self._spare = Decoder()
            threading.Thread(target=_warm, args=(self._spare,), name="warm-decoder", daemon=True).start()

    def spare(self) -> Decoder | None:
        """Give the warm decoding child away, if there is one."""
        spare, self._spare = self._spare, None
        if self._wants_spare:
            self._later.start()
        return spare

    def look(self, paths: Sequence[Path], decoder: Decoder | None = None, source: Source | None = None) -> None:
        """Show what arrives of the one scan in these files, unless a scan is open."""
        self.end()
        if self._session.scan is not None or self._session.loading:
            if decoder is not None:
                decoder.close()
            return
        self._glance = Glance(paths, decoder or self.spare() or Decoder(), source, self)
        self._glance.seen.connect(self._seen)
        self._glance.start()

    def end(self) -> None:
        """End the look: the scan is there, or will not be."""
        glance, self._glance = self._glance, None
        if glance is not None:
            glance.seen.disconnect(self._seen)
            self._ending.add(glance)
            glance.finished.connect(self._forget)
            glance.end()
            self._forget()
            self._session.glance_changed.emit(None)

    @Slot()
    def _forget(self) -> None:
        for glance in [glance for glance in self._ending if glance.isFinished()]:
            self._ending.discard(glance)
            glance.deleteLater()

    def close(self) -> None:
        """End all children."""
        self._wants_spare = False
        self._later.stop()
        self.end()
        for glance in self._ending:
            glance.wait()
        self._forget()
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    @Slot(object)
    def _seen(self, glimpse: Glimpse) -> None:
        if self._glance is not None:
            self._session.glance_changed.emit(glimpse)

    @Slot()
    def _scan_changed(self) -> None:
        if self._session.scan is not None:
            self.end()


def _warm(decoder: Decoder) -> None:
    # closed before it was warm: nobody needs it
    with contextlib.suppress(MeninxError):
        decoder.warm()


def _begin(teller: Teller, volume: Volume) -> None:
    # its memory is only promised so far; a plane across all slices would ask for all of it, in the window's thread.
    # Slice by slice, because filling holds up all of Python
    for one in volume.array:
        one[...] = 0
    teller.begin(volume)
