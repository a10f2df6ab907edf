"""Which keys and which mouse do what: presets in ``resources/keymaps`` and a person's own changes to them."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from core.messages import RESOURCES

PRESETS = ("default", "itk_snap", "slicer", "pacs")
"""File names of the presets; the first one is complete, the others say what is different."""

MOUSE: Mapping[str, tuple[str, ...]] = {
    "right_drag": ("window", "zoom", "erase"),
    "left_navigate": ("crosshair", "window", "pan"),
    "wheel": ("slice", "zoom"),
    "ctrl_wheel": ("zoom", "slice"),
}
"""What may be chosen for the mouse, the usual first."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "draw": (
        "brush", "erase", "background", "polygon", "lasso", "scissors", "fill", "wand", "level", "threshold", "limit",
        "limit_invert", "suggestions", "navigate", "edit_", "class_", "ruler", "size_", "undo", "redo", "finished",
        "done_next", "save_now", "label_",
    ),
    "view": (
        "overlay", "opacity_", "outline", "slice_", "reset_view", "window_", "second_", "surface", "smooth", "flip",
        "maximise", "neurological", "crosshair", "zoom_linked", "pen_pressure",
    ),
    "scans": (
        "next_scan", "previous_scan", "find_scan", "import", "export", "header", "reader", "comment", "timeline",
        "scan_menu", "approve", "give_back", "bundle", "merge",
    ),
}  # fmt: skip
"""Actions by what they are about: ids, or how ids begin. All others are about the program."""


@dataclass(frozen=True)
class Keymap:
    """Keys and mouse as they are in force.

    Parameters
    ----------
    preset
        Name of the preset it comes from.
    keys
        Per action id: key sequences in Qt's portable names, the main one first.
    mouse
        Per entry of :data:`MOUSE`: what it does.
    """

    preset: str = "default"
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mouse: Mapping[str, str] = field(default_factory=dict)


@cache
def _file(preset: str) -> Mapping[str, Mapping[str, Any]]:
    with (RESOURCES / "keymaps" / f"{preset}.toml").open("rb") as file:
        return tomllib.load(file)


def load(preset: str = "default", changes: Mapping[str, Sequence[str]] | None = None) -> Keymap:
    """Return a preset with a person's own keys in place of its.

    Parameters
    ----------
    preset
        One of :data:`PRESETS`; an unknown one is taken for the default.
    changes
        Own keys by action id; an empty list takes the key away. Entries that begin with
        ``mouse.`` hold what the mouse does. What nobody knows is left out.
    """
    preset = preset if preset in PRESETS else PRESETS[0]
    usual, own = _file(PRESETS[0]), _file(preset)
    keys = {name: tuple(found) for name, found in usual["keys"].items()}
    keys |= {name: tuple(found) for name, found in own["keys"].items()}
    mouse = {name: choices[0] for name, choices in MOUSE.items()} | dict(own.get("mouse", {}))
    for name, given in (changes or {}).items():
        if not isinstance(given, list | tuple) or not all(isinstance(key, str) for key in given):
            continue
        if name.startswith("mouse."):
            entry = name.removeprefix("mouse.")
            if given and given[0] in MOUSE.get(entry, ()):
                mouse[entry] = given[0]
        else:
            keys[name] = tuple(given)
    return Keymap(preset, keys, mouse)


def conflicts(keymap: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the keys that stand for more than one action, with those actions.

    A key that two actions share does nothing at all in Qt, so each is a fault.
    """
    users: dict[str, list[str]] = defaultdict(list)
    for name, keys in keymap.items():
        for key in dict.fromkeys(keys):
            users[key].append(name)
    return {key: names for key, names in users.items() if len(names) > 1}


def group_of(action: str) -> str:
    """Return what an action is about: ``draw``, ``view``, ``scans`` or ``program``."""
    for group, names in GROUPS.items():
        if any(action == name or (name.endswith("_") and action.startswith(name)) for name in names):
            return group
    return "program"
