"""Two doors: ``python main.py [PATH]`` opens the window, ``python main.py COMMAND`` the command line."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Open the window or run a command; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    from core.commands.line import is_command, run, take_language

    given = take_language(given)
    if is_command(given):
        return run(given)
    if _is_line():
        # whoever called that program has no use for a window
        run(["--help"])
        return 2 if given else 0
    from gui.app import open_window

    return open_window(given)


def _is_line() -> bool:
    """Whether this is the program for terminals and scripts of an installed copy."""
    return bool(getattr(sys, "frozen", False)) and Path(sys.executable).stem == "meninx-cli"


def _ensure_streams() -> None:
    """Give a program without a terminal (Windows) somewhere to write to: libraries expect that it is there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for the whole run


if __name__ == "__main__":
    _ensure_streams()
    multiprocessing.freeze_support()
    sys.exit(main())
