"""What the program remembers about this person: preferences in a file, geometry in QSettings."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings

from core import places
from core.errors import StorageError
from core.io import atomic

MAX_RECENT = 12
LOOKS = ("dark", "light", "system")
"""Themes of the window; the last is whichever the desktop has."""


def user_folder() -> Path:
    """Return the folder for what belongs to this person (:func:`core.places.data`), made if missing.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    return places.make(places.data())


def last_worked(project: Path) -> datetime:
    """Return when something in a project changed last, in local time."""
    return max(datetime.fromtimestamp(file.stat().st_mtime) for file in project.iterdir() if file.is_file())


def scratch_folder() -> Path:
    """Return the folder of the projects that nobody has given a place yet."""
    return user_folder() / "scratch"


@dataclass
class Preferences:
    """What stays as it was from scan to scan and from start to start.

    Parameters
    ----------
    looks
        Theme of the window, one of :data:`LOOKS`.
    language
        Language of the window (:data:`core.messages.LANGUAGES`); empty: as the system's. From the next start.
    brush_size
        Diameter of the brush in mm (px where the spacing is unknown).
    sphere
        Whether the brush is a ball through slices rather than a disc.
    opacity
        Of the mask's fill, 0..1.
    fill, outline
        Whether the mask is shown filled, outlined.
    recent
        Projects opened last, newest first.
    last_folder
        Where the last file dialog was; forgotten at the end.
    research_notice_seen
        Whether "for research use only" was shown once.
    tour_seen
        Whether the first-run tour was walked or skipped.
    keymap
        Preset of keys and mouse (:data:`gui.keymap.PRESETS`).
    keys
        Own keys by action id, in place of the preset's.
    smooth, colors, neurological, crosshair, zoom_linked
        How scans are shown: interpolated, colour map, left and right swapped, with a
        crosshair, planes zoomed together.
    pen_pressure
        Whether a pen that presses less draws thinner.
    second_beside, second_opacity, second_colors
        How a second scan is shown: in a pane of its own or blended in, how strongly, in which colours.
    reader
        In whose name this person draws; empty: as they are logged in.
    show_names
        Whether patient names and IDs are shown on this workstation.
    sections
        Sections of the right panel that were opened (True) or shut by hand.
    """

    looks: str = "dark"
    language: str = ""
    brush_size: float = 12.0
    sphere: bool = False
    opacity: float = 0.25
    fill: bool = True
    outline: bool = True
    recent: list[str] = field(default_factory=list)
    last_folder: str = ""
    research_notice_seen: bool = False
    tour_seen: bool = False
    keymap: str = "default"
    keys: dict[str, list[str]] = field(default_factory=dict)
    reader: str = ""
    show_names: bool = False
    smooth: bool = True
    colors: str = "grey"
    neurological: bool = False
    crosshair: bool = True
    zoom_linked: bool = True
    pen_pressure: bool = True
    second_beside: bool = True
    second_opacity: float = 0.5
    second_colors: str = "grey"
    sections: dict[str, bool] = field(default_factory=dict)

    @property
    def dialog_folder(self) -> str:
        """Where the next file dialog begins: where the last one was, else at home."""
        return self.last_folder or str(Path.home())


class Settings:
    """Preferences, read at the start and written whenever they change.

    A preferences file that cannot be read is no reason not to start: the
    defaults are taken and the file is replaced at the next change.
    """

    def __init__(self) -> None:
        self._file = places.config() / "preferences.json"
        self.preferences = self._read()

    def _read(self) -> Preferences:
        try:
            found: Any = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return Preferences()
        defaults = dataclasses.asdict(Preferences())
        if not isinstance(found, dict):
            return Preferences()
        known = {name: value for name, value in found.items() if type(value) is type(defaults.get(name))}
        return Preferences(**(defaults | known))

    def save(self) -> StorageError | None:
        """Write the preferences; return the error if the disk refused (they stay in memory)."""
        # folders of scans are often called like their patient: where one was looked for is not kept
        kept = dataclasses.replace(self.preferences, last_folder="")
        words = json.dumps(dataclasses.asdict(kept), indent=1)
        try:
            places.make(self._file.parent)
            atomic.write_bytes(self._file, words.encode("utf-8"))
        except StorageError as error:
            return error
        return None

    def remember_project(self, path: Path) -> None:
        """Put a project first among the recent ones."""
        place = str(path)
        others = [other for other in self.preferences.recent if other != place]
        self.preferences.recent = [place, *others][:MAX_RECENT]
        self.save()

    def recent_projects(self) -> list[Path]:
        """Return the recent projects that are still there, newest first."""
        return [Path(place) for place in self.preferences.recent if (Path(place) / "meninx.json").is_file()]

    @staticmethod
    def scratch_projects() -> list[Path]:
        """Return the scratch projects that hold a scan, newest first."""
        found = [path.parent for path in scratch_folder().glob("*/meninx.json") if any(path.parent.glob("scans/*.h5"))]
        return sorted(found, key=last_worked, reverse=True)

    @staticmethod
    def geometry() -> QSettings:
        """Return the store of window geometry."""
        return QSettings(str(places.config() / "window.ini"), QSettings.Format.IniFormat)
