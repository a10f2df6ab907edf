"""Lengths in Edit mask: what they begin with on a scan, and why one that is too short changes nothing."""

from __future__ import annotations

import math

from core.editing.orders import Operation, Order
from core.geometry import Geometry
from core.messages import text

USUAL = 1.0
_TENTH = 10
_HAIR = 1e-4
"""What a header rounds away of a pixel."""


def least_length(geometry: Geometry) -> float:
    """Return the shortest length that reaches a neighbour, rounded up to a tenth."""
    return math.ceil((min(geometry.spacing) - _HAIR) * _TENTH) / _TENTH


def usual_length(geometry: Geometry | None) -> float:
    """Return what a length begins with: 1, or a pixel where pixels are larger."""
    return USUAL if geometry is None else max(USUAL, least_length(geometry))


def unchanged(order: Order, geometry: Geometry | None) -> str:
    """Say that nothing changes, and why if it is a length that reaches no neighbour."""
    if geometry is not None and order.operation in (Operation.GROW, Operation.SHRINK):
        least = least_length(geometry)
        if order.amount < least - _HAIR:
            return text("operations.too_short", amount=order.amount, least=least, unit=geometry.unit)
    return text("operations.same", name=order.label.name)
