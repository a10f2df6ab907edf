"""What ImageJ and OME say of the pages of a TIFF: which are slices, which channels or times, and their size."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.io.tiff import ROWS_PER_STRIP, STRIP_BYTES, STRIPS, X_RESOLUTION, Y_RESOLUTION, Page, Tiff

_MILLIMETRES = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
    "m": 1000.0,
    "micron": 1e-3,
    "microns": 1e-3,
    "um": 1e-3,
    "\\u00b5m": 1e-3,
    "\N{MICRO SIGN}m": 1e-3,
    "\N{GREEK SMALL LETTER MU}m": 1e-3,
    "nm": 1e-6,
}
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b([^>]*)>")
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*\"([^\"]*)\"")


@dataclass(frozen=True)
class Hyperstack:
    """How the pages of a TIFF make volumes.

    Parameters
    ----------
    named
        ``imagej``, ``ome`` or empty.
    slices, channels, times
        Counts.
    order
        Which of ``CZT`` runs fastest from page to page, first to last.
    spacing
        (z, y, x) in mm, or None where it does not say all three.
    """

    named: str = ""
    slices: int = 1
    channels: int = 1
    times: int = 1
    order: str = "CZT"
    spacing: tuple[float, float, float] | None = None

    @property
    def volumes(self) -> int:
        """How many volumes there are to choose from."""
        return self.channels * self.times

    def page(self, volume: int, slice_: int) -> int:
        """Return the page of one slice of a volume (volumes: the channels of the first time, then the next)."""
        places = {"C": volume % self.channels, "Z": slice_, "T": volume // self.channels}
        counts = {"C": self.channels, "Z": self.slices, "T": self.times}
        page, step = 0, 1
        for axis in self.order:
            page += places[axis] * step
            step *= counts[axis]
        return page


def hyperstack_of(tiff: Tiff) -> Hyperstack:
    """Return what the description says; plain slices where it says nothing that fits the pages."""
    words = tiff.description
    if words.startswith("ImageJ="):
        found = _imagej(words, tiff)
    elif "<OME" in words or "<ome:OME" in words:
        found = _ome(words, tiff)
    else:
        return Hyperstack(slices=len(tiff.kept))
    if found.slices * found.volumes == len(tiff.kept):
        return found
    return Hyperstack(found.named, slices=len(tiff.kept), spacing=found.spacing)


def with_all_pages(tiff: Tiff) -> Tiff:
    """Return the pages of an ImageJ stack whose file names only the first: the others follow it at once."""
    fields = _lines(tiff.description) if tiff.description.startswith("ImageJ=") else {}
    images = _count(fields, "images")
    first = tiff.pages[0]
    starts = first.numbers(STRIPS)
    length = first.width * first.height * first.samples * first.bits // 8
    if (
        len(tiff.pages) > 1
        or images < 2
        or first.compression != 1
        or not starts
        or sum(first.numbers(STRIP_BYTES)) < length
    ):
        return tiff
    pages = []
    for index in range(images):
        strip = {STRIPS: (starts[0] + index * length,), STRIP_BYTES: (length,), ROWS_PER_STRIP: (first.height,)}
        pages.append(replace(first, tags={**first.tags, **strip}))
    return Tiff(tuple(pages), tuple(range(images)), (0,) * images)


def _lines(words: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in words.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs if name}


def _count(fields: Mapping[str, str], name: str) -> int:
    value = fields.get(name, "1")
    return max(1, int(value)) if value.isdecimal() and len(value) < 7 else 1


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0


def _imagej(words: str, tiff: Tiff) -> Hyperstack:
    fields = _lines(words)
    slices, channels, times = (_count(fields, name) for name in ("slices", "channels", "frames"))
    if slices * channels * times == 1:
        slices = _count(fields, "images")
    unit = _MILLIMETRES.get(fields.get("unit", "").casefold(), 0.0)
    across, down = (_per_pixel(tiff.first, tag) for tag in (X_RESOLUTION, Y_RESOLUTION))
    between = abs(_number(fields.get("spacing", "")))
    return Hyperstack("imagej", slices, channels, times, "CZT", _spacing(between * unit, down * unit, across * unit))


def _per_pixel(page: Page, tag: int) -> float:
    found = page.tags.get(tag, ())
    value = float(found[0]) if found and not isinstance(found[0], str) else 0.0
    return 1.0 / value if value > 0 else 0.0


def _spacing(z: float, y: float, x: float) -> tuple[float, float, float] | None:
    return (z, y, x) if min(z, y, x) > 0 else None


def _ome(words: str, tiff: Tiff) -> Hyperstack:
    match = _PIXELS.search(words)
    fields = dict(_ATTRIBUTE.findall(match.group(1))) if match else {}
    order = fields.get("DimensionOrder", "XYCZT")[2:]
    if sorted(order) != ["C", "T", "Z"]:
        order = "CZT"
    channels = _count(fields, "SizeC")
    if tiff.first.samples > 1 and channels == tiff.first.samples:
        # the colours of one page
        channels = 1
    sizes = []
    for axis in "ZYX":
        unit = _MILLIMETRES.get(fields.get(f"PhysicalSize{axis}Unit", "um").casefold(), 0.0)
        sizes.append(_number(fields.get(f"PhysicalSize{axis}", "")) * unit)
    return Hyperstack("ome", _count(fields, "SizeZ"), channels, _count(fields, "SizeT"), order, _spacing(*sizes))
