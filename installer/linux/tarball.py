"""Make the archive for people without administrator's rights: unpack it, and run ``install.sh``."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from installer.linux import deb, desktop

HERE = Path(__file__).resolve().parent
SCRIPTS = ("install.sh", "uninstall.sh")
_README = """\
Meninx {version}

Install it for you alone (no administrator needed):    sh install.sh
Remove it again:                                       ~/.local/lib/meninx/uninstall.sh

It needs a Linux with glibc {glibc} or later (Debian 12, Ubuntu 24.04, Fedora 37). The manual is in the program: F1.
"""


def make(payload: Path, out: Path, version: str, *, glibc: str = "2.36") -> Path:
    """Make ``meninx-VERSION-linux-MACHINE.tar.xz``.

    Parameters
    ----------
    payload
        As :mod:`installer.build` makes it.
    out
        Where it goes; ``icons`` lies there already.
    glibc
        What the payload asks for.
    """
    name = f"meninx-{version}-linux-{platform.machine()}"
    stage = out / "tarball" / name
    shutil.rmtree(stage.parent, ignore_errors=True)
    shutil.copytree(payload, stage / "program", symlinks=True, copy_function=deb.link)
    desktop.lay(stage / "share", out / "icons", version)
    for script in SCRIPTS:
        shutil.copyfile(HERE / script, stage / script)
    (stage / "README.txt").write_text(_README.format(version=version, glibc=glibc), encoding="utf-8")
    deb.tidy_modes(stage)
    target = out / f"{name}.tar.xz"
    words = ["tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C", str(stage.parent)]
    subprocess.run([*words, "-cJf", str(target), name], check=True, env={**os.environ, "XZ_OPT": "-2 -T1"})
    return target
