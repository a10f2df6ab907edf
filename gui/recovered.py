"""What is said of a scan whose last drawing did not end as it should."""

from __future__ import annotations

from core.editing.opening import OpenAnnotation
from core.messages import text
from gui.notify import Notifier


def tell_recovered(notifier: Notifier, opened: OpenAnnotation) -> None:
    """Say how many steps came back from the journal and until when, and what could not be read."""
    recovered, until = opened.recovered_steps, opened.recovered_until
    if recovered:
        words = text("session.recovered_one" if recovered == 1 else "session.recovered", count=recovered)
        if until is not None:
            words += " " + text("session.recovered_until", when=f"{until.astimezone():%d.%m.%Y %H:%M:%S}")
        notifier.tell(words, "good", seconds=15.0)
    if opened.set_aside is not None:
        key = "session.cut_short" if opened.cut_short else "session.set_aside"
        notifier.tell(text(key, file=opened.set_aside.name), "warning", seconds=0.0)
