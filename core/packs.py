"""Pack files: torch for another computer's graphics card, checked and unpacked without trusting a word of them.

A pack file is a zip whose first entry, ``manifest.json``, says what it is for and gives the SHA-256 of every other
entry. Its comment is the SHA-256 of the manifest, so that a file that was cut off or changed anywhere is found out.
Hashes show damage, not who made a file: where a pack comes from is for people to know.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import stat
import sys
import sysconfig
import zipfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import InputError, StorageError
from core.io import atomic
from core.io.zips import BROKEN, open_zip

MANIFEST = "manifest.json"
SCHEMA = 1
_MOST_MANIFEST = 64 << 20
_MOST_FILES = 200_000
_MOST_BYTES = 40 << 30
_LONGEST = 200
_PIECE = 1 << 20
_SPARE = 256 << 20
"""Left free on the disk: a full one takes the person's own work with it."""
_PART = re.compile(r"[^\x00-\x1f<>:\"/\\|?*]{1,120}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pack says of itself.

    Parameters
    ----------
    name
        ``cu130``, ``cpu``, ...
    torch
        Version with its build, ``2.13.0+cu130``.
    python
        ``cp311``: modules of one Python do not load in another.
    platform
        As :func:`sysconfig.get_platform` has it.
    files
        Path to SHA-256.
    """

    name: str
    torch: str
    python: str
    platform: str
    files: dict[str, str] = field(repr=False)

    @property
    def needs_gpu(self) -> bool:
        """Whether it is of use only with a graphics card."""
        return self.name != "cpu"


def this_python() -> str:
    """Return the tag of the running Python, as packs name it."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


def same_platform(theirs: str, ours: str) -> bool:
    """Whether what was made for one platform runs on another: for macOS the version between does not count."""
    if theirs.startswith("macosx-") and ours.startswith("macosx-"):
        return theirs.rpartition("-")[2] == ours.rpartition("-")[2]
    return theirs == ours


class PackFile:
    """An open pack file.

    Raises
    ------
    InputError
        ``file-missing``, ``pack-not`` for another kind of file, ``pack-damaged``, ``pack-unsafe`` for names that
        lead elsewhere and links, ``pack-newer``.
    StorageError
        ``read-failed``.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        damaged = InputError("pack-damaged", file=file.name, part="…")
        self._zip = open_zip(file, foreign=InputError("pack-not", file=file.name), cut=damaged)
        try:
            self.manifest = self._read_manifest()
            self._check_entries()
        except BaseException:
            self._zip.close()
            raise

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._zip.close()

    def __enter__(self) -> PackFile:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # ---------------------------------------------------------------- reading

    def _read_manifest(self) -> Manifest:
        try:
            info = self._zip.getinfo(MANIFEST)
            if info.file_size > _MOST_MANIFEST:
                raise ValueError("too large a manifest")
            with self._zip.open(info) as opened:
                data = opened.read(_MOST_MANIFEST + 1)
            told = json.loads(data)
        except KeyError as error:
            raise InputError("pack-not", file=self.file.name) from error
        except BROKEN as error:
            raise InputError("pack-damaged", file=self.file.name, part=MANIFEST) from error
        if hashlib.sha256(data).hexdigest().encode() != self._zip.comment:
            raise InputError("pack-damaged", file=self.file.name, part=MANIFEST)
        return self._manifest_of(told)

    def _manifest_of(self, told: Any) -> Manifest:
        try:
            if told["schema"] != SCHEMA:
                raise InputError("pack-newer", file=self.file.name)
            words = {name: told[name] for name in ("name", "torch", "python", "platform")}
            files = dict(told["files"])
            right = all(isinstance(word, str) and 0 < len(word) < 80 and word.isprintable() for word in words.values())
            right = right and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in files.values())
        except BROKEN as error:
            raise InputError("pack-damaged", file=self.file.name, part=MANIFEST) from error
        if not right or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,31}", words["name"]):
            raise InputError("pack-damaged", file=self.file.name, part=MANIFEST)
        return Manifest(**words, files=files)

    def _check_entries(self) -> None:
        """Refuse names that lead elsewhere, links, names that one disk takes for the same, and what nobody told of."""
        infos = self._zip.infolist()
        if len(infos) > _MOST_FILES or sum(info.file_size for info in infos) > _MOST_BYTES:
            raise InputError("pack-unsafe", file=self.file.name, part=f"{len(infos)}")
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            if not is_safe(info.orig_filename) or kind not in (0, stat.S_IFREG) or info.flag_bits & 1:
                raise InputError("pack-unsafe", file=self.file.name, part=info.orig_filename[:80])
        names = [info.filename for info in infos]
        folded = {name.casefold() for name in names}
        parents = {
            "/".join(name.casefold().split("/")[:end]) for name in names for end in range(1, name.count("/") + 1)
        }
        if len(folded) != len(names) or folded & parents:
            raise InputError("pack-unsafe", file=self.file.name, part=MANIFEST)
        if set(names) != {MANIFEST, *self.manifest.files} or MANIFEST in self.manifest.files:
            strange = sorted(set(names) ^ {MANIFEST, *self.manifest.files})
            raise InputError("pack-damaged", file=self.file.name, part=(strange or [MANIFEST])[0][:80])

    # --------------------------------------------------------------- checking

    @property
    def size(self) -> int:
        """Bytes on the disk, unpacked."""
        return sum(info.file_size for info in self._zip.infolist())

    def check_fits(self) -> None:
        """Refuse what was made for another system or another Python; ``pack-platform``, ``pack-python``."""
        ours = sysconfig.get_platform()
        if not same_platform(self.manifest.platform, ours):
            raise InputError("pack-platform", file=self.file.name, theirs=self.manifest.platform, ours=ours)
        if self.manifest.python != this_python():
            theirs = self.manifest.python
            raise InputError("pack-python", file=self.file.name, theirs=theirs, ours=this_python())

    def check_room(self, folder: Path) -> None:
        """Refuse to begin what the disk of a folder cannot hold; ``StorageError`` ``pack-space``."""
        free = shutil.disk_usage(folder).free
        if free < self.size + _SPARE:
            needed, there = ((amount + 99_999_999) / 1e9 for amount in (self.size + _SPARE, free - 99_999_999))
            raise StorageError("pack-space", file=self.file.name, needed=f"{needed:.1f}", free=f"{there:.1f}")

    # -------------------------------------------------------------- unpacking

    def unpacking(self, folder: Path) -> Generator[int, None, None]:
        """Write every file into a new folder, each compared with its hash on the way.

        Parameters
        ----------
        folder
            Must not exist. What is in it counts only once this is through; after an error, or where it is closed
            before its end, the folder is gone again.

        Yields
        ------
        int
            Bytes done of :attr:`size`, after each piece.

        Raises
        ------
        InputError
            ``pack-damaged`` with the name of the part.
        StorageError
            ``disk-full`` and the like.
        """
        atomic.make_folder(folder)
        done, made = 0, {folder}
        try:
            for info in self._zip.infolist():
                target = folder / info.filename
                if target.parent not in made:
                    atomic.make_folder(target.parent)
                    made.add(target.parent)
                done = yield from self._writing(info, target, done)
            for each in made:
                atomic.sync_folder(each)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _writing(self, info: zipfile.ZipInfo, target: Path, done: int) -> Generator[int, None, int]:
        """Write one file and compare it with its hash."""
        hasher, left = hashlib.sha256(), info.file_size
        wanted = self.manifest.files.get(info.filename) or self._zip.comment.decode()
        with atomic.new_file(target, executable=bool((info.external_attr >> 16) & 0o100)) as write:
            for piece in self._pieces(info):
                left -= len(piece)
                if left < 0:
                    break
                hasher.update(piece)
                write(piece)
                done += len(piece)
                yield done
        if left or hasher.hexdigest() != wanted:
            raise InputError("pack-damaged", file=self.file.name, part=info.filename[:80])
        return done

    def _pieces(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            with self._zip.open(info) as opened:
                while piece := opened.read(_PIECE):
                    yield piece
        except BROKEN as error:
            raise InputError("pack-damaged", file=self.file.name, part=info.filename[:80]) from error


def is_safe(name: str) -> bool:
    """Whether a name of an entry stays in its folder, and means the same on every system."""
    parts = name.split("/")
    return len(name) <= _LONGEST and all(
        _PART.fullmatch(part)
        and part not in {".", ".."}
        and part == part.strip(" ").rstrip(".")
        and not _RESERVED.fullmatch(part)
        for part in parts
    )
