"""What was dropped or named is looked at first: one plain scan opens at once, all else is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.errors import MeninxError
from core.io.sandbox import Decoder
from core.io.source import FindOptions, Found, Source
from gui.dialogs.importing.looker import Known, Looker, Seen
from gui.dialogs.importing.words import HARMLESS, warnings
from gui.session import Session

PATIENCE_MS = 1500
"""How long a search may take before the page is shown that tells how far it is."""


class Bringer(QObject):
    """Looks through files and says whether they can simply be opened."""

    plain = Signal(object, object, object)
    """(paths, Decoder, Source): one scan with nothing to say or choose; the decoder belongs to who hears this."""
    page_asked = Signal(object, object, int, object)
    """(paths, Looker, order, (Found, Known) or None): the person should see what these files hold.

    The looker belongs to who hears this; its search of that order still runs if there is no result yet.
    """
    refused = Signal(object)
    """(MeninxError)"""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._looker: Looker | None = None
        self._order = 0
        self._paths: list[Path] = []
        self._result: tuple[Found, Known] | None = None
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._ask)

    def look(self, paths: Sequence[Path], decoder: Decoder | None = None) -> None:
        """Look through files and folders, with a warm decoder where there is one; an older search is given up."""
        self.close()
        looker = self._looker = Looker(self, decoder)
        looker.found.connect(self._found)
        looker.seen.connect(self._seen)
        looker.refused.connect(self._refused)
        self._paths = list(paths)
        self._order = looker.look(paths, FindOptions(), self._session.project)
        self._patience.start()

    def close(self) -> None:
        """Give up what is being looked at."""
        self._patience.stop()
        looker, self._looker, self._result = self._looker, None, None
        if looker is not None:
            looker.end()
            looker.deleteLater()

    @Slot(int, object, object)
    def _found(self, order: int, found: Found, known: Known) -> None:
        if self._looker is None or order != self._order:
            return
        self._result = (found, known)
        if not is_plain(found, known):
            self._ask()
        # else it waits for the look at it: there may be several volumes to choose from

    @Slot(object)
    def _seen(self, seen: Seen) -> None:
        if self._looker is None or self._result is None or self._result[0].sources[0].key != seen.key:
            return
        if wants_asking(self._result[0].sources[0], seen):
            self._ask()
            return
        decoder, source = self._looker.give_decoder(), self._result[0].sources[0]
        self.close()
        self.plain.emit(self._paths, decoder, source)

    @Slot(int, object)
    def _refused(self, order: int, error: MeninxError) -> None:
        if self._looker is not None and order == self._order:
            self.close()
            self.refused.emit(error)

    @Slot()
    def _ask(self) -> None:
        """Hand the search over to the page."""
        self._patience.stop()
        looker, result = self._looker, self._result
        self._looker = self._result = None
        if looker is None:
            return
        looker.found.disconnect(self._found)
        looker.seen.disconnect(self._seen)
        looker.refused.disconnect(self._refused)
        self.page_asked.emit(self._paths, looker, self._order, result)


def is_plain(found: Found, known: Known) -> bool:
    """Whether there is one scan with nothing to say about it, and nothing was passed over."""
    if len(found.sources) != 1 or found.passed or known.scans:
        return False
    source = found.sources[0]
    return all(notice.key in HARMLESS for notice in source.notices) and not source.has_masks


def wants_asking(source: Source, seen: Seen) -> bool:
    """Whether a look at a source showed something to choose or to be told of.

    What cannot be read is told by the import, in its own words.
    """
    if seen.preview is None:
        return False
    several = seen.preview.volumes > 1 or len(seen.preview.datasets) > 1
    return several or bool(warnings(source, seen))
