"""The one door to the readers: a source becomes a volume, its masks an array.

Files from outside are only read in the decoding child (:mod:`core.io.sandbox`);
these functions are what runs there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.errors import InputError
from core.io.entries import header_entries
from core.io.finding import find_sources
from core.io.handover import decode_order
from core.io.masks import read_masks, read_single_mask
from core.io.opener import open_source
from core.io.preview import preview_source
from core.io.source import FindOptions, Found, MaskData, NotGrey, OpenScan, Passed, Source
from core.volume import Volume

__all__ = [
    "FindOptions",
    "Found",
    "MaskData",
    "OpenScan",
    "Passed",
    "Source",
    "decode_order",
    "find_sources",
    "header_entries",
    "open_source",
    "preview_source",
    "read_masks",
    "read_single_mask",
    "read_source",
]


def read_source(source: Source) -> Volume:
    """Read a whole scan in this process.

    Raises
    ------
    InputError
        What the format's reader says.
    """
    for colour in (False, True):
        scan = open_source(source, colour=colour)
        array = np.empty(scan.shape, scan.dtype)
        try:
            for index in decode_order(scan.shape[0]):
                array[index] = scan.slice(index)
        except NotGrey:
            continue
        return replace(scan.volume, array=array)
    raise InputError("picture-unreadable", file=source.name)
