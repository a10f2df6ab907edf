"""Regions of Label Studio: what each is, how its picture lies, and which pixels it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.label_studio_rle import decode
from core.exchange.shapes import ellipse, polygon, rectangle

_WORDS = ("brushlabels", "polygonlabels", "rectanglelabels", "ellipselabels", "bitmasklabels", "labels")
_TYPES = {
    "brushlabels": "brush",
    "brush": "brush",
    "magicwand": "brush",
    "polygonlabels": "polygon",
    "polygon": "polygon",
    "rectanglelabels": "rectangle",
    "rectangle": "rectangle",
    "ellipselabels": "ellipse",
    "ellipse": "ellipse",
    "bitmasklabels": "bitmask",
    "bitmask": "bitmask",
}
_MOST_LABELS = 50
_LONGEST_LABEL = 200


@dataclass(frozen=True)
class Region:
    """One entry of a result.

    Parameters
    ----------
    facts
        As the export has it.
    """

    facts: Mapping[str, Any]

    @property
    def value(self) -> Mapping[str, Any]:
        """What was drawn."""
        found: Mapping[str, Any] = self.facts["value"]
        return found

    @property
    def kind(self) -> str:
        """``brush``, ``polygon``, ``rectangle``, ``ellipse``, ``bitmask``, or what the export calls it."""
        return kind_of(self.facts) or str(self.facts.get("type") or "")[:40].lower()

    @property
    def picture(self) -> str:
        """Name of the picture that it was drawn on."""
        return str(self.facts.get("to_name", ""))

    @property
    def number(self) -> int:
        """Which picture of a list."""
        found = self.facts.get("item_index", self.value.get("item_index", 0))
        return found if isinstance(found, int) else 0

    @property
    def turned(self) -> float:
        """Degrees by which the picture was turned while it was drawn on."""
        found = self.facts.get("image_rotation") or 0
        return float(found) % 360 if isinstance(found, (int, float)) else 0.0

    @property
    def size(self) -> tuple[int, int] | None:
        """Rows and columns of the picture, None where the export does not say.

        Raises
        ------
        InputError
            ``exchange-unreadable`` for what is no size.
        """
        rows, columns = self.facts.get("original_height"), self.facts.get("original_width")
        if kind_of(self.facts) == "" or (rows is None and columns is None):
            return None
        if not isinstance(rows, (int, float)) or not isinstance(columns, (int, float)) or min(rows, columns) < 1:
            raise InputError("exchange-unreadable", file="")
        if rows != rows // 1 or columns != columns // 1:
            raise InputError("exchange-unreadable", file="")
        return int(rows), int(columns)


def kind_of(facts: Mapping[str, Any]) -> str:
    """Return which of the drawings that have an area an entry is, or nothing."""
    kind, value = str(facts.get("type") or "").lower(), facts.get("value")
    if not isinstance(value, dict):
        return ""
    if kind in _TYPES:
        return _TYPES[kind]
    if kind not in ("", "none", "labels"):
        return ""
    # rows of JSON-MIN, and tools that share one list of labels, say it by what they hold
    if "rle" in value:
        return "brush"
    if "points" in value:
        return "polygon"
    if "radiusX" in value:
        return "ellipse"
    if "imageDataURL" in value:
        return "bitmask"
    return "rectangle" if {"x", "y", "width", "height"} <= value.keys() else ""


def labels_of(region: Region, names: Mapping[str, str]) -> list[str]:
    """Return the labels of a region by their names."""
    for word in _WORDS:
        found = region.value.get(word)
        if isinstance(found, list) and found:
            labels = [str(one).strip()[:_LONGEST_LABEL] for one in found[:_MOST_LABELS] if isinstance(one, (str, int))]
            return [names.get(label, label) for label in labels if label]
    return []


def draw(region: Region, shape: tuple[int, int], file: str) -> NDArray[np.uint8] | None:
    """Return the pixels of a region, None where it has no area (a point, an answer to a question).

    Parameters
    ----------
    region
        What was drawn.
    shape
        Rows and columns.
    file
        Named in errors.

    Returns
    -------
    ndarray or None
        uint8 ``[y, x]`` of 0 and 1.

    Raises
    ------
    InputError
        ``exchange-unreadable``, ``exchange-too-large``, ``exchange-kind`` for an area that cannot be told.
    """
    kind, value = kind_of(region.facts), region.value
    rows, columns = shape
    try:
        if kind == "brush":
            return _brush(value, shape, file)
        if kind == "polygon":
            corners = np.asarray(value["points"], dtype=np.float64).reshape(-1, 2)
            return polygon(corners * (columns / 100, rows / 100), shape, file=file)
        if kind == "rectangle":
            x, y, width, height, degrees = _numbers(value, "x", "y", "width", "height", "rotation")
            corner, size = (x * columns / 100, y * rows / 100), (width * columns / 100, height * rows / 100)
            return rectangle(corner, size, degrees, shape, file)
        if kind == "ellipse":
            x, y, across, down, degrees = _numbers(value, "x", "y", "radiusX", "radiusY", "rotation")
            middle, radii = (x * columns / 100, y * rows / 100), (across * columns / 100, down * rows / 100)
            return ellipse(middle, radii, degrees, shape, file)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError("exchange-unreadable", file=file) from error
    if kind:
        raise InputError("exchange-kind", file=file, kind=kind)
    return None


def _brush(value: Mapping[str, Any], shape: tuple[int, int], file: str) -> NDArray[np.uint8]:
    rle = value.get("rle")
    if value.get("format", "rle") != "rle" or rle is None:
        raise InputError("exchange-kind", file=file, kind="brush")
    if not isinstance(rle, list):
        raise InputError("exchange-unreadable", file=file)
    return decode(rle, shape, file)


def _numbers(value: Mapping[str, Any], *names: str) -> list[float]:
    return [float(value.get(name, 0) if name == "rotation" else value[name]) for name in names]
