"""Grey level presets: what fits the scan shown, each with its own key Shift+1..6."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from typing import Any

from core.messages import RESOURCES, text
from core.volume import Volume, Window, auto_window
from gui.loading import Histogram

KEYS = 6
"""Keys 1..6; the first is for the header's window and the last for Auto, whatever the scan is."""
MOST = 9


@dataclass(frozen=True)
class Preset:
    """A window to choose; ``key`` 1..6, or 0 for one that only has a button."""

    window: Window
    key: int


@functools.cache
def _table() -> dict[str, list[dict[str, Any]]]:
    with (RESOURCES / "window_presets.toml").open("rb") as file:
        return tomllib.load(file)


def presets(volume: Volume, histogram: Histogram) -> list[Preset]:
    """Return the windows to choose from: the header's by their names, those of the modality, Auto.

    A key means the same window on every scan of a modality: what the header lacks
    leaves its key unused rather than moving the others.
    """
    auto = automatic(volume, histogram)
    headers = _of_header(volume)
    found = [Preset(window, 1 if place == 0 else 0) for place, window in enumerate(headers)]
    for place, entry in enumerate(_table().get(volume.modality, _table()["other"])):
        found.append(Preset(_window(entry, auto), place + 2))
    found.append(Preset(Window(auto.center, auto.width, text("annotate.window_auto")), KEYS))
    # a header often names a window of our own table: of two alike the one with a key stays
    unlike: list[Preset] = []
    for preset in found:
        alike = any(same(preset.window, other.window) for other in found if other is not preset and other.key)
        if preset.key > 1 or not alike:
            unlike.append(preset)
    # by key, the nameless last; where values have no unit, what fits them stands before its variants
    soon = KEYS if volume.modality == "CT" else 1.5
    unlike.sort(key=lambda preset: soon if preset.key == KEYS else preset.key or KEYS + 1)
    return unlike[:MOST]


def key_windows(volume: Volume, histogram: Histogram) -> dict[int, Window]:
    """Return the window of each key 1..6 that has one; 1 is what the scan is opened with where its header has none."""
    found = {preset.key: preset.window for preset in presets(volume, histogram) if preset.key}
    headers = _of_header(volume)
    found.setdefault(1, headers[0] if headers else found[KEYS] if volume.modality != "CT" else auto_window(volume))
    return found


def _of_header(volume: Volume) -> list[Window]:
    """Return the header's windows, named."""
    named = []
    for number, window in enumerate(volume.windows, 1):
        name = window.name or text("annotate.window_header", number=number if len(volume.windows) > 1 else "").strip()
        named.append(Window(window.center, window.width, name))
    return named


def _window(entry: dict[str, Any], auto: Window) -> Window:
    name = text(f"annotate.window_{entry['name']}")
    if "center" in entry:
        return Window(float(entry["center"]), float(entry["width"]), name)
    low, high = (auto.low + float(entry[end]) * auto.width for end in ("low", "high"))
    return Window.between(low, high, name)


def automatic(volume: Volume, histogram: Histogram) -> Window:
    """Return the window that fits the scan's own values.

    For CT :func:`core.volume.auto_window` is the fixed brain window; "Auto" beside
    a "Brain" button means 1 to 99 % of the values that are there, without air.
    """
    if volume.modality == "CT":
        return Window.between(histogram.share_1, histogram.share_99)
    return auto_window(volume)


def same(one: Window | None, other: Window | None) -> bool:
    """Whether two windows show the same greys (names do not count)."""
    if one is None or other is None:
        return one is other
    near = 1e-3 * max(abs(one.width), 1e-9)
    return abs(one.center - other.center) < near and abs(one.width - other.width) < near
