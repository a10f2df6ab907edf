r"""Where this person's own things lie on this computer: each kind where the platform wants it.

- data: ``~/.local/share/Meninx`` (XDG) · ``%LOCALAPPDATA%\Meninx`` · ``~/Library/Application Support/Meninx``
- config: ``~/.config/Meninx`` · ``%LOCALAPPDATA%\Meninx`` · ``~/Library/Application Support/Meninx``
- logs: ``~/.local/state/Meninx/log`` · ``%LOCALAPPDATA%\Meninx\Logs`` · ``~/Library/Logs/Meninx``

``MENINX_HOME`` puts all three into the one folder it names: for a stick, a test, or a
computer that several people share. Nothing is made by asking for a place.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import platformdirs

from core.errors import StorageError
from core.io import atomic

HOME_VARIABLE = "MENINX_HOME"
_APP = "Meninx"
_CONFIG = ("preferences.json", "window.ini")
_LOGS = ("meninx.log", "meninx.log.1", "meninx.log.2", "crash.log")


def _given() -> Path | None:
    given = os.environ.get(HOME_VARIABLE)
    return Path(given).expanduser().absolute() if given else None


def data() -> Path:
    """Return the folder of the links to patients, of projects without a place of their own, of the demo."""
    return _given() or Path(platformdirs.user_data_dir(_APP, appauthor=False))


def config() -> Path:
    """Return the folder of the settings."""
    return _given() or Path(platformdirs.user_config_dir(_APP, appauthor=False))


def logs() -> Path:
    """Return the folder of the logs."""
    return _given() or Path(platformdirs.user_log_dir(_APP, appauthor=False))


def settle() -> list[Path]:
    """Bring settings and logs of earlier versions, which lay with the data, to where they belong.

    Something that is at its new place already is never replaced, and the old file goes only
    once the new one is on the disk. What cannot be moved stays where it is: it is tried again
    at the next start.

    Returns
    -------
    list of Path
        What was brought, at its new place.
    """
    old = data()
    moves = [(old / name, config() / name) for name in _CONFIG] + [(old / name, logs() / name) for name in _LOGS]
    return [new for before, new in moves if before.parent != new.parent and _bring(before, new)]


def _bring(before: Path, new: Path) -> bool:
    """Move a file to a place where none is yet; return whether it was moved."""
    if new.exists() or not before.is_file():
        return False
    try:
        make(new.parent)
        # over the border of a disk too, so not a plain rename
        atomic.write_bytes(new, before.read_bytes())
        with contextlib.suppress(OSError):
            shutil.copystat(before, new)
        before.unlink()
    except (OSError, StorageError):
        return False
    return True


def make(folder: Path) -> Path:
    """Make one of these folders, for its owner only, if it is missing.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise atomic.storage_error(error, folder) from error
    return folder
