"""Which packages of the system a payload needs, found in its libraries themselves."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

_BATCH = 200
_GLIBC = re.compile(r"\bGLIBC_(\d+)\.(\d+)\b")
_OF_LIBC = ("libc6",)
RENAMED = {"libglib2.0-0": "libglib2.0-0t64", "libcups2": "libcups2t64", "libssl3": "libssl3t64"}
"""Packages that have another name where time has 64 bits (Ubuntu 24.04, Debian 13)."""
AT_LEAST = {"libstdc++6": "12"}
"""Packages whose age matters: that of the system this is built on."""
LOADED_BY_NAME = (
    "libxkbcommon-x11-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "fontconfig-config",
    "xkb-data",
)
"""Asked for by Qt's plugin for X, or read as data: no library names them where the plugin is not scanned."""

NOT_HERE = {"libwayland-cursor.so.0": "libwayland-cursor0", "libwayland-egl.so.1": "libwayland-egl1"}
"""Who brings what Qt asks for under Wayland: a machine that builds need not have a desktop."""


def libraries(payload: Path) -> list[Path]:
    """Return the ELF files of a payload, links left out."""
    return [file for file in sorted(payload.rglob("*")) if file.is_file() and not file.is_symlink() and _is_elf(file)]


def _is_elf(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(4) == b"\x7fELF"


def headers(files: Sequence[Path]) -> str:
    """Return what ``objdump -p`` says of files."""
    told = []
    for start in range(0, len(files), _BATCH):
        words = ["objdump", "-p", *map(str, files[start : start + _BATCH])]
        told.append(subprocess.run(words, check=True, capture_output=True, text=True, env={"LC_ALL": "C"}).stdout)
    return "".join(told)


def newest_glibc(told: str) -> str:
    """Return the newest version of the C library that anything asks for."""
    found = {(int(first), int(second)) for first, second in _GLIBC.findall(told)}
    first, second = max(found, default=(2, 17))
    return f"{first}.{second}"


def foreign(told: str, own: Iterable[str]) -> list[str]:
    """Return the libraries that are asked for and do not lie in the payload, by name."""
    asked = set(re.findall(r"^\s*NEEDED\s+(\S+)$", told, re.MULTILINE))
    return sorted(asked - set(own) - {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})


def drop_unasked(internal: Path) -> list[str]:
    """Take out the libraries that only what was left out asked for; return their names.

    Parameters
    ----------
    internal
        ``_internal`` of a payload: PyInstaller puts the libraries of the system right into it.
    """
    gone: list[str] = []
    while True:
        asked = set(re.findall(r"^\s*NEEDED\s+(\S+)$", headers(libraries(internal.parent)), re.MULTILINE))
        idle = [file for file in sorted(internal.glob("lib*.so*")) if file.name not in asked | set(gone)]
        # the starting programs open it by its name
        idle = [file for file in idle if not file.name.startswith("libpython")]
        if not idle:
            return gone
        for file in idle:
            file.unlink()
            gone.append(file.name)


def packages_of(names: Iterable[str]) -> dict[str, str]:
    """Return which installed Debian package brings each library; empty words for one that nobody brings."""
    listed = subprocess.run(["ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    places = dict(re.findall(r"^\s*(\S+) \([^)]*x86-64[^)]*\) => (\S+)$", listed, re.MULTILINE)[::-1])
    return {name: _owner(places.get(name, "")) for name in names}


def _owner(place: str) -> str:
    # merged /usr: the package may know the file by its older place
    for path in (place, place.removeprefix("/usr"), f"/usr{place}"):
        done = subprocess.run(["dpkg", "-S", path], check=False, capture_output=True, text=True)
        if place and done.returncode == 0:
            return done.stdout.split(":")[0]
    return ""


def depends(payload: Path) -> str:
    """Return the ``Depends`` of a payload.

    Raises
    ------
    RuntimeError
        If a library is asked for that neither the payload nor a package of this system has.
    """
    files = libraries(payload)
    told = headers(files)
    found = packages_of(foreign(told, (file.name for file in payload.rglob("*.so*"))))
    found |= {name: NOT_HERE[name] for name, package in found.items() if not package and name in NOT_HERE}
    missing = sorted(name for name, package in found.items() if not package)
    if missing:
        raise RuntimeError(f"nobody brings {', '.join(missing)}")
    names = sorted({*found.values(), *LOADED_BY_NAME} - set(_OF_LIBC))
    rows = [f"libc6 (>= {newest_glibc(told)})"]
    return ", ".join([*rows, *map(_worded, names)])


def _worded(name: str) -> str:
    if name in RENAMED:
        return f"{name} | {RENAMED[name]}"
    return f"{name} (>= {AT_LEAST[name]})" if name in AT_LEAST else name
