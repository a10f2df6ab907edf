"""What a scan says about itself that whoever draws on it should know: tilt, uneven, oblique, missing slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.geometry import Geometry
from core.io.remarks import remarks
from core.messages import numeral, text
from core.volume import Volume

_OBLIQUE_DEGREES = 5.0


@dataclass(frozen=True)
class Remarks:
    """What a scan says about itself.

    Parameters
    ----------
    words
        One short line for the corner of a pane, or empty.
    sentences
        The same in full, one a line.
    warns
        Whether something of it can make a measure or a mask wrong.
    missing
        Native slices, from 0, that no file holds.
    """

    words: str = ""
    sentences: str = ""
    warns: bool = False
    missing: frozenset[int] = frozenset()


NOTHING = Remarks()


def remarks_on(volume: Volume) -> Remarks:
    """Return what a scan says about itself."""
    facts, geometry = volume.facts, volume.geometry
    missing = missing_slices(volume)
    found: list[tuple[str, dict[str, object]]] = []
    if missing:
        listed = ", ".join(str(place + 1) for place in sorted(missing))
        found.append(("missing_one" if len(missing) == 1 else "missing", {"count": len(missing), "slices": listed}))
    if facts.get("uneven_slices"):
        found.append(("uneven", {}))
    tilt = facts.get("tilt_degrees", 0)
    if isinstance(tilt, (int, float)) and tilt:
        found.append(("tilted", {"degrees": numeral(tilt, ".1f")}))
    warns = bool(found)
    angle = oblique_degrees(geometry)
    # a tilted gantry is oblique too, and has been told
    if geometry.orientation_known and angle >= _OBLIQUE_DEGREES and not tilt:
        found.append(("oblique", {"degrees": numeral(angle, ".0f")}))
    if not geometry.spacing_known:
        found.append(("pixels", {}))
    if not geometry.orientation_known and not volume.is_picture and geometry.spacing_known:
        found.append(("unplaced", {}))
    short = [text(f"viewer.short_{key}", **fields) for key, fields in found]
    long = [text(f"viewer.long_{key}", **fields) for key, fields in found]
    header = remarks(text("viewer.this_scan"), volume)
    if header:
        short.append(text("viewer.short_header_one" if len(header) == 1 else "viewer.short_header", count=len(header)))
        long += [text(f"notices.{notice.key}", **dict(notice.fields)) for notice in header]
    return Remarks("   \N{MIDDLE DOT}   ".join(short), "\n".join(long), warns or bool(header), missing)


def missing_slices(volume: Volume) -> frozenset[int]:
    """Return the native slices, from 0, that no file holds and that are blank therefore."""
    listed = str(volume.facts.get("missing_slices", ""))
    return frozenset(int(part) for part in listed.split(",") if part.strip().isdigit())


def oblique_degrees(geometry: Geometry) -> float:
    """Return how far the voxel axes lie off the patient's own, at most (a tilted gantry counts)."""
    columns = geometry.affine[:3, :3] / np.linalg.norm(geometry.affine[:3, :3], axis=0)
    return float(np.degrees(np.arccos(np.clip(np.abs(columns).max(axis=0), 0.0, 1.0))).max())
