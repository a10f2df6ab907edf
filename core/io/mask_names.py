"""What the mask of a scan file may be called."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from core.io.sniff import plain_name, plain_stem, stem


class Names:
    """The names of the files in folders, each folder listed once."""

    def __init__(self) -> None:
        self._stems: dict[Path, set[str]] = {}
        self._plain: dict[Path, Counter[str]] = {}

    def stems(self, folder: Path) -> set[str]:
        """Return the names of the files in a folder, without their endings."""
        if folder not in self._stems:
            try:
                self._stems[folder] = {stem(file) for file in folder.iterdir() if file.is_file()}
            except OSError:
                # inside a zip there is no folder to list
                self._stems[folder] = set()
        return self._stems[folder]

    def of(self, path: Path) -> tuple[str, ...]:
        """Return what the mask of a scan file may be called after, the file's own name first.

        What is written for a scan has a plain name, without blanks and the like: that counts too where no other
        file of the folder has the same.
        """
        name, plain = stem(path), plain_stem(path)
        if path.parent not in self._plain:
            self._plain[path.parent] = Counter(map(plain_name, self.stems(path.parent)))
        return (name,) if plain == name or self._plain[path.parent][plain] != 1 else (name, plain)

    def of_folder(self, folder: Path) -> set[str]:
        """Return what the masks of all files of a folder may be called after."""
        return {name for one in self.stems(folder) for name in self.of(folder / one)}
