"""Grey level presets: what fits the scan shown, in the order of the keys Shift+1..6."""

from __future__ import annotations

import functools
import tomllib
from typing import Any

from core.messages import RESOURCES, text
from core.volume import Volume, Window, auto_window
from gui.loading import Histogram

MOST = 6


@functools.cache
def _table() -> dict[str, list[dict[str, Any]]]:
    with (RESOURCES / "window_presets.toml").open("rb") as file:
        return tomllib.load(file)


def presets(volume: Volume, histogram: Histogram) -> list[Window]:
    """Return named windows for a scan: Auto, those of its header, those of its modality; six at most."""
    auto = automatic(volume, histogram)
    found = [Window(auto.center, auto.width, text("annotate.window_auto"))]
    for number, window in enumerate(volume.windows, 1):
        name = window.name or text("annotate.window_header", number=number if len(volume.windows) > 1 else "").strip()
        found.append(Window(window.center, window.width, name))
    for entry in _table().get(volume.modality, _table()["other"]):
        if "center" in entry:
            window = Window(float(entry["center"]), float(entry["width"]), text(f"annotate.window_{entry['name']}"))
        else:
            low, high = (auto.low + float(entry[end]) * auto.width for end in ("low", "high"))
            window = Window.between(low, high, text(f"annotate.window_{entry['name']}"))
        found.append(window)
    # a header often names a window of our own table: the same button twice helps nobody
    unlike: list[Window] = []
    for window in found:
        if not any(same(window, other) for other in unlike[1:]):
            unlike.append(window)
    return unlike[:MOST]


def automatic(volume: Volume, histogram: Histogram) -> Window:
    """Return the window that fits the scan's own values.

    For CT :func:`core.volume.auto_window` is the fixed brain window; "Auto" beside
    a "Brain" button means the values that are there, without air.
    """
    if volume.modality == "CT":
        return Window.between(max(histogram.low, -150.0), max(histogram.high, 100.0))
    return auto_window(volume)


def same(one: Window | None, other: Window | None) -> bool:
    """Whether two windows show the same greys (names do not count)."""
    if one is None or other is None:
        return one is other
    near = 1e-3 * max(abs(one.width), 1e-9)
    return abs(one.center - other.center) < near and abs(one.width - other.width) < near
