"""What a prediction says of the brains it found, told once for all its scans instead of once for each."""

from __future__ import annotations

from collections.abc import Sequence

from core.events import JobEvent, Notice
from core.messages import text
from gui.notify import Kind, Notifier

KINDS: dict[str, Kind] = {"brain-doubtful": "warning", "brain-odd": "info"}
"""The notices that are collected, and how grave each is."""
NAMED = 3
"""Scans that are named; of more there is their number."""
_SECONDS = 15.0


class Doubts:
    """Collects what jobs say of brains until they end.

    Parameters
    ----------
    notifier
        Where it is told.
    """

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._heard: dict[str, list[Notice]] = {}

    def hear(self, work: str, event: JobEvent) -> None:
        """Keep what a job (its id) says, if it is of a brain."""
        if isinstance(event, Notice) and event.key in KINDS:
            self._heard.setdefault(work, []).append(event)

    def tell(self, work: str) -> None:
        """Tell what a job that ends has said: each sentence once."""
        heard = self._heard.pop(work, [])
        for key, kind in KINDS.items():
            found = [notice for notice in heard if notice.key == key]
            if found:
                self._notifier.tell(_words(key, found), kind, seconds=_SECONDS)


def _words(key: str, found: Sequence[Notice]) -> str:
    names = [str(notice.fields["scan"]) for notice in found]
    reasons = {str(notice.fields["reasons"]) for notice in found}
    scans = ", ".join(names[:NAMED])
    if len(names) > NAMED:
        scans = text("strip_now.and_more", scans=scans, count=len(names) - NAMED)
    if len(reasons) == 1:
        return text(f"notices.{key}", scan=scans, reasons=reasons.pop())
    # Review names the reasons of each beside its figures
    return text(f"strip_now.{key.replace('-', '_')}", scans=scans)
