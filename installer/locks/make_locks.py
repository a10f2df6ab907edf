"""Make the three locks anew: every version and the hash of every file, one text per system.

``python installer/locks/make_locks.py`` needs uv on the path (or its place in ``UV``). The versions are those of
``requirements.lock``, so that what is frozen is what was tested; the system decides which files of them count. Where
packages come from is the business of whoever runs this (``UV_INDEX_URL``, ``UV_FIND_LINKS``): no address is written.
A lock for Linux needs the wheel of torch for the processor, which only its own index or a folder with it offers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PYTHON = "3.11"
SYSTEMS = {
    "linux": "x86_64-manylinux_2_36",
    "windows": "x86_64-pc-windows-msvc",
    "macos": "aarch64-apple-darwin",
}
"""Lock to uv's name of the system; the first figure of the glibc floor stands here, the macOS one below."""
MACOS = "14.0"
BUILDERS = ("pyinstaller==6.22.3",)
"""What freezes, beside what is frozen."""
HEAD = """\
# {system}, Python {python}: what the program is frozen from. Made by installer/locks/make_locks.py.
# pip install --require-hashes --no-deps --only-binary :all: -r installer/locks/{name}.txt
"""


def wanted() -> str:
    """Return the direct requirements: the program's own and what freezes it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return "\n".join([*project["dependencies"], *BUILDERS]) + "\n"


def make(name: str, system: str, uv: str) -> Path:
    """Resolve one lock and write it; return its file.

    Raises
    ------
    subprocess.CalledProcessError
        If there is no set of wheels for the system.
    """
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS}
    with tempfile.TemporaryDirectory() as folder:
        asked, given = Path(folder) / "asked.txt", Path(folder) / "given.txt"
        asked.write_text(wanted(), encoding="utf-8")
        command = [uv, "pip", "compile", str(asked), "-o", str(given), "--no-config"]
        command += ["--constraint", str(ROOT / "requirements.lock"), "--python-version", PYTHON]
        command += ["--python-platform", system, "--only-binary", ":all:", "--generate-hashes"]
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
        subprocess.run(command, check=True, env=environment)
        told = given.read_text(encoding="utf-8")
    if "://" in told:
        raise SystemExit(f"the lock for {name} names an address")
    target = HERE / f"{name}.txt"
    target.write_text(HEAD.format(system=system, python=PYTHON, name=name) + told, encoding="utf-8")
    return target


def main() -> None:
    """Make the locks that are named, or all."""
    for name in sys.argv[1:] or SYSTEMS:
        made = make(name, SYSTEMS[name], os.environ.get("UV", "uv"))
        print(made.relative_to(ROOT))  # noqa: T201 - what was made is what the caller wants to know


if __name__ == "__main__":
    main()
