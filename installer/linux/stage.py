"""What the packages for Linux have alike: the program and the desktop's share of it, laid out to be packed."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from installer.linux import desktop

PROGRAMS = ("meninx", "meninx-cli")


@dataclass(frozen=True, slots=True)
class Goods:
    """What a package is made of.

    Parameters
    ----------
    payload
        As :mod:`installer.build` makes it.
    out
        Where packages go; ``icons`` lies there already.
    version
        Of the program.
    """

    payload: Path
    out: Path
    version: str

    def lay_out(self, folder: Path, program: Path, share: Path) -> None:
        """Empty a folder and lay the program and what desktops are told of it into it."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.payload, program, symlinks=True, copy_function=_link)
        desktop.lay(share, self.out / "icons", self.version)


def tidy_modes(folder: Path) -> None:
    """Let everybody read everything, and only the owner change it; programs alone can be run."""
    for path in folder.rglob("*"):
        if path.is_symlink():
            continue
        runs = path.is_dir() or path.name in PROGRAMS or path.parent.name == "bin"
        path.chmod(0o755 if runs or path.name.endswith(".sh") else 0o644)


def _link(source: str, target: str) -> None:
    """Give a file a second name where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
