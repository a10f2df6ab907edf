"""What a desktop of Linux is told of the program: entry, icons, kinds of files, store data, man pages."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
ICON_SIZES = (48, 64, 128, 256, 512)
METAINFO = "org.meninx.Meninx.metainfo.xml"


def built_at() -> datetime:
    """Return the time that stands in what is built: that of the commit where it is told, so that builds are alike."""
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(told), UTC) if told else datetime.now(UTC)


def lay(share: Path, icons: Path, version: str) -> None:
    """Write everything below ``share`` (``/usr/share`` or ``~/.local/share``).

    Parameters
    ----------
    icons
        Folder with ``meninx-SIZE.png`` (:mod:`installer.app_icon`).
    """
    _copy(HERE / "meninx.desktop", share / "applications" / "meninx.desktop")
    _copy(HERE / "meninx-mime.xml", share / "mime" / "packages" / "meninx.xml")
    _copy(ROOT / "resources" / "icons" / "meninx.svg", share / "icons/hicolor/scalable/apps/meninx.svg")
    for size in ICON_SIZES:
        _copy(icons / f"meninx-{size}.png", share / f"icons/hicolor/{size}x{size}/apps/meninx.png")
    words = (HERE / f"{METAINFO}.in").read_text(encoding="utf-8")
    told = words.replace("@VERSION@", version).replace("@DATE@", f"{built_at():%Y-%m-%d}")
    _write(share / "metainfo" / METAINFO, told)
    for name, page in man_pages(version).items():
        _write(share / "man" / "man1" / f"{name}.1.gz", page)


def man_pages(version: str) -> dict[str, str]:
    """Return the man page of each program; the commands and their words are those of the program itself."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from core.commands.line import COMMANDS
    from core.messages import text

    date = f"{built_at():%Y-%m-%d}"
    commands = "\n".join(
        f".TP\n.B {_roff(command.name)}\n{_roff(text(f'commands.{command.name}'))}" for command in COMMANDS
    )
    fields = {"VERSION": version, "DATE": date, "COMMANDS": commands}
    pages = {}
    for name in ("meninx", "meninx-cli"):
        page = (HERE / f"{name}.1.in").read_text(encoding="utf-8")
        for field, value in fields.items():
            page = page.replace(f"@{field}@", value)
        pages[name] = page
    return pages


def _roff(words: str) -> str:
    r"""Return words as troff takes them: a hyphen that is typed, and no line that begins as a request."""
    told = words.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{told}" if told.startswith((".", "'")) else told


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write(target: Path, words: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    content = words.encode()
    # no name and no time within: the same words give the same bytes
    target.write_bytes(gzip.compress(content, 9, mtime=0) if target.suffix == ".gz" else content)
