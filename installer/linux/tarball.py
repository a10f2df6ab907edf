"""Make the archive for people without administrator's rights: unpack it, and run ``install.sh``."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

from installer.linux.stage import Goods, tidy_modes

HERE = Path(__file__).resolve().parent
SCRIPTS = ("install.sh", "uninstall.sh")
_README = """\
Meninx {version}

Install it for you alone (no administrator needed):    sh install.sh
Remove it again:                                       ~/.local/lib/meninx/uninstall.sh

It needs a Linux with glibc {glibc} or later (Debian 12, Ubuntu 24.04, Fedora 37). The manual is in the program: F1.
"""


def make(goods: Goods, *, glibc: str = "2.36") -> Path:
    """Make ``meninx-VERSION-linux-MACHINE.tar.xz`` and return it; ``glibc`` is what the payload asks for."""
    name = f"meninx-{goods.version}-linux-{platform.machine()}"
    stage = goods.out / "tarball" / name
    goods.lay_out(stage.parent, stage / "program", stage / "share")
    for script in SCRIPTS:
        shutil.copyfile(HERE / script, stage / script)
    (stage / "README.txt").write_text(_README.format(version=goods.version, glibc=glibc), encoding="utf-8")
    tidy_modes(stage)
    target = goods.out / f"{name}.tar.xz"
    words = ["tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "-C", str(stage.parent)]
    subprocess.run([*words, "-cJf", str(target), name], check=True, env={**os.environ, "XZ_OPT": "-2 -T1"})
    return target
