"""What is odd about a scan, told from the facts of its header: for the command line, the import tree and the viewer.

The facts are kept with the scan, so the same can be said again years later, when its
files are gone.
"""

from __future__ import annotations

import numpy as np

from core.events import Notice
from core.volume import Volume

_PLAIN = {
    "sform_unusable": "place-sform",
    "place_unusable": "place-unusable",
    "sizes_unusable": "sizes-unusable",
    "scaling_ignored": "scaling-ignored",
    "label_map": "label-map",
}
"""Fact: notice that says it."""
_ROUNDING = 0.005
"""Share of a voxel up to which two places differ by what rounding does to a header's 32-bit numbers."""


def remarks(name: str, volume: Volume) -> tuple[Notice, ...]:
    """Return what a person should know of a scan that was opened.

    What the finder says of its slices (missing, uneven, tilted) is not said again.

    Parameters
    ----------
    name
        What the scan is called.
    volume
        With its facts.
    """
    facts = volume.facts
    found = [Notice(key, {"name": name}) for fact, key in _PLAIN.items() if facts.get(fact)]
    apart = float(facts.get("qform_differs_mm", 0.0))
    if apart > _ROUNDING * min(volume.geometry.spacing):
        found.append(Notice("place-differs", {"name": name, "mm": f"{apart:.3g}"}))
    return tuple(found)


def not_numbers(name: str, volume: Volume) -> tuple[Notice, ...]:
    """Return a notice of the voxels that are NaN or infinite; nothing where there is none. Looks at every voxel."""
    array = volume.array
    if array.dtype.kind != "f":
        return ()
    # slice by slice: a copy of the whole as yes and no is an eighth of the scan once more
    count = sum(array[z].size - int(np.count_nonzero(np.isfinite(array[z]))) for z in range(len(array)))
    return (Notice("scan-not-numbers", {"name": name, "count": count, "total": array.size}),) if count else ()
