"""What predict, apply and strip take alike: how is predicted, and what is done to the masks after it."""

from __future__ import annotations

import argparse
import math

from core.messages import text
from core.review.tidy import Tidying, Ways


def add_ways(parser: argparse.ArgumentParser) -> None:
    """Declare ``--tta``, ``--three-views`` and what tidies masks."""
    parser.add_argument("--tta", action="store_true", help=text("learning.tta_help"))
    parser.add_argument("--three-views", action="store_true", help=text("strip.help_three_views"))
    parser.add_argument("--bridges", type=millimetres, default=0.0, metavar="MM", help=text("strip.help_bridges"))
    parser.add_argument("--smallest", type=millimetres, default=0.0, metavar="MM3", help=text("strip.help_smallest"))
    parser.add_argument("--margin", type=number, default=0.0, metavar="MM", help=text("strip.help_margin"))


def ways(arguments: argparse.Namespace) -> Ways:
    """Return what the line asks for."""
    tidying = Tidying(arguments.bridges, arguments.smallest, arguments.margin)
    return Ways(arguments.tta, arguments.three_views, tidying)


def number(given: str) -> float:
    """Read a finite number."""
    value = float(given)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(text("strip.not_a_number"))
    return value


def millimetres(given: str) -> float:
    """Read a distance (or a volume), 0 or more."""
    value = number(given)
    if value < 0:
        raise argparse.ArgumentTypeError(text("strip.below_zero"))
    return value
