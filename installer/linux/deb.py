"""Make the Debian package: the program under /usr/lib/meninx, and what desktops are told of it."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import textwrap
from email.utils import format_datetime
from pathlib import Path

from installer.linux import desktop, needs
from installer.linux.stage import PROGRAMS, Goods, tidy_modes

HERE = Path(__file__).resolve().parent
MAINTAINER = os.environ.get("MENINX_MAINTAINER", "The Meninx maintainers <maintainers@meninx.invalid>")
LEVEL = 12
"""Of zstd: the bar for the size is met, and a build machine has other things to do."""
_WORDS = """\
draw, train and review brain masks
Meninx is for radiologists and researchers who need masks of brains, tumours
or bleedings. It opens DICOM, NIfTI and folders of pictures, lets you draw
and correct masks, trains networks on what you drew, and shows where their
predictions go wrong. There is no account, no server and no network.
.
For research only, not for diagnosis."""


def make(goods: Goods) -> Path:
    """Make ``meninx_VERSION_ARCHITECTURE.deb`` and return it."""
    stage, version = goods.out / "deb", goods.version
    goods.lay_out(stage, stage / "usr" / "lib" / "meninx", stage / "usr" / "share")
    (stage / "usr" / "bin").mkdir()
    for name in PROGRAMS:
        (stage / "usr" / "bin" / name).symlink_to(f"../lib/meninx/{name}")
    _papers(stage, goods.payload, version)
    tidy_modes(stage)
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    control = stage / "DEBIAN"
    control.mkdir()
    told = control_file(debian_version(version), architecture, _kilobytes(stage), needs.depends(goods.payload))
    (control / "control").write_text(told, encoding="utf-8")
    (control / "md5sums").write_text(_sums(stage), encoding="utf-8")
    target = goods.out / f"meninx_{version}_{architecture}.deb"
    words = ["dpkg-deb", "--root-owner-group", "-Zzstd", f"-z{LEVEL}", "--build", str(stage), str(target)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return target


def debian_version(version: str) -> str:
    """Return a version as Debian sorts it: ``1.0.0rc1`` comes before ``1.0.0``."""
    return re.sub(r"(?<=\d)(a|b|rc|\.dev)(?=\d)", lambda found: f"~{found[1].lstrip('.')}", version) + "-1"


def control_file(version: str, architecture: str, kilobytes: int, depends: str) -> str:
    """Return the package's ``control``."""
    short, _, long = _WORDS.partition("\n")
    return (
        f"Package: meninx\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\n"
        f"Installed-Size: {kilobytes}\nDepends: {depends}\nRecommends: desktop-file-utils, shared-mime-info\n"
        f"Section: science\nPriority: optional\nDescription: {short}\n{textwrap.indent(long, ' ')}\n"
    )


def _papers(stage: Path, payload: Path, version: str) -> None:
    """Write the licences and what changed, where Debian looks for them."""
    folder = stage / "usr" / "share" / "doc" / "meninx"
    folder.mkdir(parents=True)
    own = "Meninx is free software under the Apache License 2.0: /usr/share/common-licenses/Apache-2.0\n\n"
    others = (payload / "THIRD-PARTY-LICENCES.txt").read_text(encoding="utf-8")
    (folder / "copyright").write_text(own + "Copyright: the Meninx developers\n\n" + others, encoding="utf-8")
    when = format_datetime(desktop.built_at())
    told = f"meninx ({debian_version(version)}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n"
    _zipped(folder / "changelog.Debian.gz", f"{told} -- {MAINTAINER}  {when}\n".encode())
    _zipped(folder / "changelog.gz", (payload / "CHANGELOG.md").read_bytes())
    lintian = stage / "usr" / "share" / "lintian" / "overrides"
    lintian.mkdir(parents=True)
    shutil.copyfile(HERE / "lintian-overrides", lintian / "meninx")


def _zipped(target: Path, content: bytes) -> None:
    target.write_bytes(gzip.compress(content, 9, mtime=0))


def _kilobytes(stage: Path) -> int:
    return sum(file.lstat().st_size for file in stage.rglob("*") if not file.is_dir()) // 1024 + 1


def _sums(stage: Path) -> str:
    """Return the sums that ``dpkg --verify`` compares."""
    rows = []
    for file in sorted(stage.rglob("*")):
        if file.is_file() and not file.is_symlink() and "DEBIAN" not in file.relative_to(stage).parts[:1]:
            with file.open("rb") as content:
                rows.append(f"{hashlib.file_digest(content, 'md5').hexdigest()}  {file.relative_to(stage)}\n")
    return "".join(rows)
