"""Pictures that a foreign export names: found beside it, whatever the other tool put before their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from urllib.parse import parse_qs, unquote, urlsplit

from core.exchange.places import files_of, folders_of, within

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of an uploaded file."""
_DEEPEST = 6
_MOST_FILES = 200_000
_LONGEST = 4_096


@dataclass(frozen=True)
class Named:
    """What a reference names.

    Parameters
    ----------
    name
        File name without folders; empty where there is none.
    parts
        Folders and name, as far as they may be looked for below a folder.
    url
        The address without what follows ``?``, which may hold a key; it is shown and never fetched.
    """

    name: str
    parts: tuple[str, ...] = ()
    url: str = ""


def named(reference: str) -> Named:
    """Take a reference apart: a path, a path of Label Studio's server, or an address."""
    reference = reference.strip()
    if len(reference) > _LONGEST or reference[:5].casefold() == "data:":
        return Named("")
    url, path = "", reference
    try:
        if _SCHEME.match(reference):
            split = urlsplit(reference)
            url, path = f"{split.scheme}://{split.hostname or ''}{split.path}", unquote(split.path)
        elif reference.startswith(("/data/", "data/local-files")):
            split = urlsplit(reference)
            path = parse_qs(split.query).get("d", [unquote(split.path)])[0]
    except ValueError:
        return Named("")
    parts = PureWindowsPath(path).parts
    if PureWindowsPath(path).anchor:
        parts = parts[1:]
    name = parts[-1] if parts and parts[-1] not in (".", "..") else ""
    plain = parts if not any(part in (".", "..") or "\0" in part for part in parts) else parts[-1:]
    return Named(name, plain if name else (), url)


class Pictures:
    """The files in and below one folder; links and hidden files are none.

    Parameters
    ----------
    root
        Folder of the export.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, wanted: Named, *endings: str) -> Path | None:
        """Return the file that is meant, or None where there is none, or several that may be.

        Parameters
        ----------
        wanted
            What was named.
        *endings
            Endings that the file may have in place of its own.
        """
        if not wanted.name:
            return None
        for start in range(len(wanted.parts)):
            found = within(self._root, "/".join(wanted.parts[start:]))
            if found is not None:
                return found
        names = [wanted.name, without_upload(wanted.name)]
        names += [f"{Path(wanted.name).stem}{ending}" for ending in endings]
        held = self._index()
        for name in dict.fromkeys(one.casefold() for one in names):
            files = held.get(name, [])
            if len(files) == 1:
                return files[0]
        return None

    def _index(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            self._by_name = {}
            self._gather(self._root, 0, _MOST_FILES, self._by_name)
        return self._by_name

    def _gather(self, folder: Path, depth: int, most: int, found: dict[str, list[Path]]) -> int:
        for file in files_of(folder, most):
            found.setdefault(file.name.casefold(), []).append(file)
            most -= 1
        if depth < _DEEPEST:
            for below in folders_of(folder, 10_000):
                if most <= 0:
                    break
                most = self._gather(below, depth + 1, most, found)
        return most


def without_upload(name: str) -> str:
    """Return a name without the eight letters that Label Studio put before it."""
    return _UPLOAD.sub("", name, count=1) if _UPLOAD.match(name) else name
