"""Where an installed copy finds torch: in a folder beside the program, or in a pack that somebody chose.

The frozen program holds no torch, so that one with a graphics card can be put in its place. A pack is a folder
of packages as ``pip`` lays them out (torch, what it needs, and what needs it). It joins the module path only in
processes that compute: children of the window, and commands.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from core import places

VARIABLE = "MENINX_TORCHPACK"
"""Names a pack for one process and its children: one that is being tried before it is chosen."""
CHOICE = "torchpack.json"
"""In the user's data folder: ``{"folder": PATH}``, relative to that folder or whole, of the pack chosen in the
settings."""
FOLDER = "torchpack"
"""Beside the program: the pack that is installed with it."""


def folder() -> Path | None:
    """Return the pack to be used: the one chosen in the settings, else the one beside the program.

    Returns
    -------
    Path or None
        None in a checkout, whose environment has torch, and in a copy without any pack. A chosen pack that is
        not there any more is passed over.
    """
    candidates = [_tried()]
    if getattr(sys, "frozen", False):
        candidates += [_chosen(), *_beside()]
    return next((found for found in candidates if found is not None and (found / "torch").is_dir()), None)


def enable() -> None:
    """Let this process, and those it spawns, import torch from the pack; the program's own packages come first."""
    found = folder()
    if found is not None and str(found) not in sys.path:
        sys.path.append(str(found))


def _tried() -> Path | None:
    given = os.environ.get(VARIABLE)
    return Path(given) if given else None


def _chosen() -> Path | None:
    try:
        given = json.loads((places.data() / CHOICE).read_text(encoding="utf-8"))["folder"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return places.data() / given if isinstance(given, str) and given else None


def _beside() -> tuple[Path, ...]:
    program = Path(sys.executable).resolve().parent
    # a bundle of macOS may hold data in Resources only
    return program / FOLDER, program.parent / "Resources" / FOLDER
