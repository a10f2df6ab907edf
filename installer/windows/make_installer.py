"""Make the installer for Windows out of a payload: ``make_installer.py PAYLOAD FOLDER [--sign COMMAND]``.

It needs makensis 3.08 or newer, which runs on Linux too. What it makes there from a payload of Windows is the same
installer; a payload of Windows itself can be made on Windows only.
"""

from __future__ import annotations

import argparse
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_PLACES = (Path(r"C:\Program Files (x86)\NSIS\makensis.exe"), Path(r"C:\Program Files\NSIS\makensis.exe"))
LONGEST = 170
"""Letters of a path within the payload: the folder of the installation needs the rest of Windows' 260."""
MOST = 2_000_000_000
"""Bytes that an installer of NSIS may hold, packed."""


def makensis() -> str:
    """Return the compiler of installers.

    Raises
    ------
    SystemExit
        If there is none.
    """
    found = shutil.which("makensis") or next((str(place) for place in _PLACES if place.is_file()), None)
    if found is None:
        raise SystemExit("makensis was not found: install NSIS (apt install nsis, choco install nsis)")
    return found


def lists(payload: Path) -> str:
    """Return the macro that takes away what lies in the payload's top, each by its own name.

    Raises
    ------
    SystemExit
        If a path is too long for Windows, or a name would mean something else to the script.
    """
    lines = ["!macro REMOVE_PAYLOAD"]
    for path in sorted(payload.iterdir()):
        if set(path.name) & set('$"`'):
            raise SystemExit(f"{path.name} cannot be named in the installer")
        action = "RMDir /r" if path.is_dir() else "Delete"
        lines.append(f'  {action} "$INSTDIR\\{path.name}"')
    long = [path for path in payload.rglob("*") if len(path.relative_to(payload).as_posix()) > LONGEST]
    if long:
        raise SystemExit(f"{len(long)} paths are longer than {LONGEST} letters: {long[0].relative_to(payload)}")
    return "\n".join([*lines, "!macroend", ""])


def make(payload: Path, folder: Path, *, sign: str = "", icon: Path | None = None, version: str = "") -> Path:
    """Make the installer and return it.

    Parameters
    ----------
    payload
        Folder with ``meninx.exe`` and ``meninx-cli.exe`` in its top.
    folder
        Where the installer goes.
    sign
        A command to which a file's name is added, run on the uninstaller and on the installer; empty: unsigned.
    icon
        An ``.ico``; drawn from the program's own if None.
    version
        That of the program if empty; tests make an older one.

    Raises
    ------
    SystemExit
        If the payload is not one, or the result is larger than NSIS can do.
    """
    for name in ("meninx.exe", "meninx-cli.exe"):
        if not (payload / name).is_file():
            raise SystemExit(f"{payload} holds no {name}: it is no payload for Windows")
    version = version or str(runpy.run_path(str(ROOT / "core" / "version.py"))["VERSION"])
    numbers = runpy.run_path(str(HERE / "version_info.py"))["numbers"](version)
    size = sum(path.stat().st_size for path in payload.rglob("*") if path.is_file())
    folder.mkdir(parents=True, exist_ok=True)
    target = folder.resolve() / f"Meninx-{version}-windows-x86_64.exe"
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "lists.nsh"
        listed.write_text(lists(payload), encoding="utf-8")
        if icon is None:
            icon = Path(scratch) / "meninx.ico"
            runpy.run_path(str(ROOT / "installer" / "app_icon.py"))["write_ico"](icon)
        facts = {
            "VERSION": version,
            "NUMBERS": ".".join(str(number) for number in numbers),
            "PAYLOAD": payload.resolve(),
            "OUT": target,
            "ICON": icon.resolve(),
            "LISTS": listed,
            "SIZE_KB": size // 1024,
        }
        if sign:
            facts["SIGN"] = sign
        given = [f"-D{name}={value}" for name, value in facts.items()]
        command = [makensis(), "-V2", "-WX", "-INPUTCHARSET", "UTF8", *given, str(HERE / "meninx.nsi")]
        subprocess.run(command, check=True)
    if target.stat().st_size > MOST:
        raise SystemExit(f"{target.name} has {target.stat().st_size:,} bytes, more than an installer may hold")
    return target


def main() -> int:
    """Make one installer, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("payload", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sign", default="", help="command that signs the file whose name is added to it")
    parser.add_argument("--icon", type=Path)
    parser.add_argument("--as-version", default="", dest="version", help="for tests of an upgrade")
    given = parser.parse_args()
    made = make(given.payload, given.folder, sign=given.sign, icon=given.icon, version=given.version)
    print(made)  # noqa: T201 - a script's answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
