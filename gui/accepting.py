"""What a scan leaves in doubt and a person may accept: the distance between slices that lie unevenly."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from core.messages import numeral, text

if TYPE_CHECKING:
    from gui.session import Session


def offer_depth(session: Session) -> None:
    """Offer to measure a scan with the mean distance of its uneven slices; until then no mL is told."""
    scan, volume, project = session.scan, session.volume, session.project
    if scan is None or volume is None or project is None or session.read_only:
        return
    if volume.even or not volume.geometry.spacing_known or volume.is_picture:
        return
    words = text("session.uneven", name=scan.name, mm=numeral(volume.geometry.spacing[0], ".3g"))
    accept = functools.partial(project.accept_depth, scan.id)

    def take() -> None:
        if session.scan is not None and session.scan.id == scan.id:
            session.open_scan(scan.id, again=True, between=accept)

    session.notifier.offer(words, text("session.uneven_accept"), take, kind="warning", seconds=20.0)
