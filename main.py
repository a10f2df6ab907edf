"""Two doors: ``python main.py [PATH]`` opens the window, ``python main.py COMMAND`` the command line."""

from __future__ import annotations

import multiprocessing
import sys


def main(arguments: list[str] | None = None) -> int:
    """Open the window or run a command; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    from core.commands.line import is_command, run, take_language

    given = take_language(given)
    if is_command(given):
        return run(given)
    from gui.app import open_window

    return open_window(given)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
