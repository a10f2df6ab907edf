"""When something happened, in few words."""

from __future__ import annotations

from datetime import datetime


def when_words(created: str, now: datetime) -> str:
    """Word a time of the index (UTC) in local time: the time of day, before today with its date."""
    try:
        made = datetime.fromisoformat(created).astimezone()
    except ValueError:
        return created
    today = made.date() == now.astimezone().date()
    return f"{made:%H:%M:%S}" if today else f"{made:%d.%m.%Y %H:%M}"
