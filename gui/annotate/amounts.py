"""How much there is of a label, in words."""

from __future__ import annotations

from core.messages import numeral, text


def amount(voxels: int, voxel_ml: float, *, in_ml: bool) -> str:
    """Word how much there is of a label: mL, or px where the spacing is unknown or uneven."""
    if not in_ml:
        return text("annotate.pixels", count=numeral(voxels, ","))
    ml = voxels * voxel_ml
    return text("annotate.ml", amount=numeral(ml, ",.1f"))
