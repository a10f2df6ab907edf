"""Grey level windows that a DICOM header suggests."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset

from core.geometry import Array
from core.io.dicom_file import SliceHeader
from core.io.elements import Holder, first, numbers, word, words
from core.volume import Window

_MOST = 12
_KNOWN = frozenset({
    "abdomen", "air", "algo", "angio", "aorta", "auto", "axial", "bleed", "blood", "body", "bone", "bones", "brain",
    "bright", "c-spine", "calcium", "center", "centre", "cerebrum", "chest", "contrast", "coronal", "csf", "cta",
    "dark", "default", "ear", "edge", "enhanced", "face", "fat", "flair", "fossa", "full", "gray", "grey",
    "haematoma", "hard", "harder", "head", "heart", "hematoma", "high", "iac", "inner", "inverted", "kidney",
    "level", "linear", "liver", "low", "lung", "lungs", "max", "mediastinum", "medium", "min", "mip", "mr", "mra",
    "narrow", "neck", "normal", "optimal", "optimum", "orbit", "orbits", "original", "osteo", "parenchyma",
    "pelvis", "perfusion", "petrous", "posterior", "preset", "range", "sagittal", "sharp", "shoulder", "sigmoid",
    "sinus", "sinuses", "skull", "smooth", "soft", "softer", "spine", "standard", "stroke", "subdural", "temporal",
    "thorax", "tissue", "tissues", "user", "vascular", "vessel", "vessels", "voi", "w", "wc", "white", "wide",
    "window", "wl", "ww"
})  # fmt: skip
"""Words that name a window. Others are left out: free text of a header may hold a name."""


def header_windows(header: SliceHeader) -> tuple[Window, ...]:
    """Return the windows of a slice's header in its own order: pairs of numbers, then tables of grey levels.

    A table (VOI LUT) becomes the window from the first value that is not shown
    darkest to the first that is shown brightest.
    """
    holders: list[Holder] = [first(group, "FrameVOILUTSequence") for group in header.groups]
    found: list[Window] = []
    for holder in [*holders, header.dataset]:
        found = [*_pairs(holder), *_tables(holder, header.layout.signed or header.intercept < 0)]
        if found:
            break
    return tuple(found[:_MOST])


def _pairs(holder: Holder) -> Iterator[Window]:
    centers = numbers(holder, "WindowCenter") or ()
    widths = numbers(holder, "WindowWidth") or ()
    names = words(holder, "WindowCenterWidthExplanation")
    for number, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if width > 0:
            yield Window(center, width, safe_name(names[number]) if number < len(names) else "")


def _tables(holder: Holder, signed: bool) -> Iterator[Window]:
    for item in holder.get("VOILUTSequence") or ():
        found = _levels(item, signed)
        if found is not None:
            yield Window.between(*found, name=safe_name(word(item, "LUTExplanation")))


def _levels(item: Dataset, signed: bool) -> tuple[float, float] | None:
    """Return the values between which a table goes from its darkest to its brightest."""
    descriptor, table = numbers(item, "LUTDescriptor", 3), _table(item)
    if descriptor is None or table is None or table.size < 2 or int(table.max()) == int(table.min()):
        return None
    # the first value may be written as unsigned although values below zero occur
    start = descriptor[1] - (65536 if signed and descriptor[1] >= 32768 else 0)
    darkest, brightest = int(table[0]), int(table[-1])
    if darkest == brightest:
        darkest, brightest = int(table.min()), int(table.max())
    low = int(np.flatnonzero(table != darkest)[0]) - 1 if table[0] == darkest else 0
    high = int(np.flatnonzero(table == brightest)[0]) if darkest < brightest else int(table.size) - 1
    return (start + low, start + high) if high > low else None


def _table(item: Dataset) -> Array | None:
    value = item.get("LUTData")
    if isinstance(value, bytes):
        return np.frombuffer(value[: len(value) // 2 * 2], "<u2")
    return np.asarray(value) if value is not None and np.ndim(value) == 1 else None


def safe_name(text: str) -> str:
    """Return what a header calls a window if it is made of words for windows alone, else an empty text."""
    parts = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.casefold())
    plain = re.fullmatch(r"[\w .+/()-]{1,32}", text.strip()) is not None
    # digits alone could be a patient's number
    short = all(len(part) <= 4 for part in re.findall(r"\d+", text))
    if not parts or not plain or not short:
        return ""
    known = all(part in _KNOWN or all(piece in _KNOWN for piece in part.split("-")) for part in parts)
    return " ".join(text.split()) if known else ""
