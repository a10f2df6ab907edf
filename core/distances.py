"""The distance between slices in words: a number only where there is one."""

from __future__ import annotations

from core.geometry import Geometry
from core.messages import text


def between_slices(geometry: Geometry, digits: int = 3) -> str:
    """Return the distance from slice to slice in mm, or why there is no one number.

    Parameters
    ----------
    geometry
        Of a scan whose spacing is known.
    digits
        Significant digits.
    """
    if geometry.depth_known:
        return f"{geometry.spacing[0]:.{digits}g}"
    return text("place.uneven" if geometry.shape[0] > 1 else "place.depth_unknown")
