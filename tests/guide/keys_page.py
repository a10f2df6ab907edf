"""The guide's page of keys, written from the table of actions and the default keymap."""

from __future__ import annotations

from core.messages import text
from gui import keymap
from gui.actions import ACTIONS, words_of

_MOUSE = (
    *("left", "ctrl_left", "alt_left", "middle", "shift_wheel", "peek"),
    *("right", "wheel", "ctrl_wheel"),
)
_WAYS = {"right": "right_drag", "wheel": "wheel", "ctrl_wheel": "ctrl_wheel"}
_HEADS = {"draw": "Draw", "view": "Look", "scans": "Scans", "program": "Program"}


def keys_page() -> str:
    """Return the Markdown of ``keys.md``."""
    usual = keymap.load()
    parts = [
        "# Keys",
        "<kbd>?</kbd> shows them in the program, as they are there: **Settings…** (<kbd>Ctrl+,</kbd>) has presets "
        "that do as ITK-SNAP, 3D Slicer or a reading station do, and takes keys of your own. <kbd>Ctrl+K</kbd> finds "
        "any action by its words. This page holds the keys as they come.",
        "## Mouse",
        "| Mouse | Does |\n|---|---|\n" + "\n".join(f"| {told} | {does} |" for told, does in mouse_rows()),
    ]
    for group, head in _HEADS.items():
        rows = [
            f"| {' or '.join(f'<kbd>{key}</kbd>' for key in keys)} | {words_of(spec.id).rstrip('…')} |"
            for spec in ACTIONS
            if (keys := usual.keys.get(spec.id)) and keymap.group_of(spec.id) == group
        ]
        parts += [f"## {head}", "| Key | Does |\n|---|---|\n" + "\n".join(rows)]
    parts += [
        "## While a tool draws",
        "| Key | Does |\n|---|---|\n"
        "| <kbd>Enter</kbd> | closes an outline, draws a threshold, is done with a region |\n"
        "| <kbd>Backspace</kbd> | takes the last point back |\n"
        "| <kbd>Delete</kbd> | removes the measurement that is chosen in the list |\n"
        "| <kbd>Esc</kbd> | drops what is begun |\n"
        "| <kbd>Ctrl</kbd> held | the tool's opposite: erase, cut out, clear |",
    ]
    return "\n\n".join(parts) + "\n"


def mouse_rows() -> list[tuple[str, str]]:
    """Return what the mouse does with the default keymap."""
    chosen = keymap.load().mouse
    rows = []
    for name in _MOUSE:
        way = _WAYS.get(name)
        does = text(f"mouse.does_{chosen[way]}") if way else text(f"mouse.{name}_does")
        rows.append((text(f"mouse.{name}"), does))
    return rows
