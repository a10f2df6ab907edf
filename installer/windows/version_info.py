"""The version that Windows shows of an executable: PyInstaller's text of a VERSIONINFO resource."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_TEXT = """\
VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags={flags}, OS=0x40004, fileType=0x1,
                    subtype=0x0, date=(0, 0)),
  kids=[
    StringFileInfo([StringTable('040904B0', [
      StringStruct('CompanyName', 'The Meninx maintainers'),
      StringStruct('FileDescription', {what!r}),
      StringStruct('FileVersion', {version!r}),
      StringStruct('InternalName', {stem!r}),
      StringStruct('LegalCopyright', 'Apache License 2.0'),
      StringStruct('OriginalFilename', {name!r}),
      StringStruct('ProductName', 'Meninx'),
      StringStruct('ProductVersion', {version!r})])]),
    VarFileInfo([VarStruct('Translation', [0x0409, 1200])])
  ]
)
"""
_PRERELEASE = 0x2


def numbers(version: str) -> tuple[int, int, int, int]:
    """Return the four numbers Windows wants of a version such as ``1.2.3`` or ``1.2.3rc1``.

    Raises
    ------
    ValueError
        If it does not begin with three numbers.
    """
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if match is None:
        raise ValueError(f"a version has three numbers, not {version!r}")
    first, second, third = (int(part) for part in match.groups())
    return first, second, third, 0


def version_info(executable: str, what: str, version: str = "") -> str:
    """Return the text for ``EXE(version=...)`` of a spec.

    Parameters
    ----------
    executable
        Name of the file, such as ``meninx.exe``.
    what
        What it is, in one line: shown by the task manager and by Windows when it asks for consent.
    version
        That of the program if empty.
    """
    version = version or str(runpy.run_path(str(ROOT / "core" / "version.py"))["VERSION"])
    flags = 0 if re.fullmatch(r"[\d.]+", version) else _PRERELEASE
    stem = executable.rpartition(".")[0] or executable
    return _TEXT.format(
        numbers=numbers(version), flags=hex(flags), what=what, version=version, stem=stem, name=executable
    )


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(version_info(sys.argv[1], sys.argv[2]), encoding="utf-8")
