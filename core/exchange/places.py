"""Files that a foreign export names: only those that lie in its own folder are ever opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath


def within(root: Path, name: str) -> Path | None:
    """Return the file of this name below a folder, or None where there is none.

    None too for a name that leads out (absolute, a drive, ``..``) and for anything that is or goes through a
    link: a link may point anywhere.
    """
    path = PureWindowsPath(name)
    if path.drive or path.root or not path.parts or ".." in path.parts or "\0" in name:
        return None
    at = root
    try:
        for part in path.parts:
            at = at / part
            if stat.S_ISLNK(at.lstat().st_mode):
                return None
        return at if at.is_file() else None
    except (OSError, ValueError):
        return None


def files_of(folder: Path, most: int) -> Iterator[Path]:
    """Yield up to ``most`` plain files right in a folder, by name; links and hidden files are left out."""
    try:
        with os.scandir(folder) as found:
            names = sorted(one.name for one in found if one.is_file(follow_symlinks=False))
    except OSError:
        return
    yield from (folder / name for name in names[:most] if not name.startswith("."))


def folders_of(folder: Path, most: int) -> Iterator[Path]:
    """Yield up to ``most`` folders right in a folder, by name; links and hidden ones are left out."""
    try:
        with os.scandir(folder) as found:
            names = sorted(one.name for one in found if one.is_dir(follow_symlinks=False))
    except OSError:
        return
    yield from (folder / name for name in names[:most] if not name.startswith("."))
