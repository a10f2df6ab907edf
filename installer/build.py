"""Make what people install, for the system this runs on: ``python installer/build.py``.

A clean environment with the versions of requirements.lock, PyInstaller with ``app.spec``, the pack of torch beside
it, licences and the bill of materials, and on Linux the packages: everything under ``--out`` (``build/``). A failed
step ends it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "installer"
if str(ROOT) not in sys.path:  # called as a file, not as a module
    sys.path.insert(0, str(ROOT))

from installer import sbom, torchpack  # noqa: E402

NAME = "meninx"
PLATFORMS = {"linux": "linux", "win32": "windows", "darwin": "macos"}
PAPERS = ("LICENSE", "CHANGELOG.md")


@dataclass(frozen=True, slots=True)
class Plan:
    """Where one build happens, and with what.

    Parameters
    ----------
    out
        Everything that is made lies here.
    platform
        ``linux``, ``windows`` or ``macos``.
    torch_index
        Where pip takes torch from; empty: from where pip takes everything.
    packages
        Whether the packages of the platform are made, and not the payload alone.
    """

    out: Path
    platform: str
    torch_index: str = ""
    packages: bool = True

    @property
    def payload(self) -> Path:
        """The folder that is handed to people."""
        return self.out / "payload" / NAME

    @property
    def icons(self) -> Path:
        """The program's icon as files."""
        return self.out / "icons"

    @property
    def environment(self) -> Path:
        """The clean environment."""
        return self.out / "environment"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.environment / ("Scripts/python.exe" if self.platform == "windows" else "bin/python")

    @property
    def site(self) -> Path:
        """Its packages."""
        return next(self.environment.glob("[Ll]ib*/**/site-packages"))


def version() -> str:
    """Return the version, from its one place."""
    return str(runpy.run_path(str(ROOT / "core" / "version.py"))["VERSION"])


def revision() -> str:
    """Return the commit that is built, with a ``+`` where files differ from it; empty outside a repository."""
    try:
        words = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def committed() -> str:
    """Return when the commit that is built was made, in seconds; now, outside a repository."""
    try:
        words = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return str(int(time.time()))


def make_environment(plan: Plan) -> None:
    """Make a clean environment with the pinned versions; one that holds them already is taken again.

    Every file is compared with its hash in ``installer/locks``, whose versions are those of requirements.lock and
    build-requirements.txt.
    """
    lock = HERE / "locks" / f"{plan.platform}.txt"
    stamp = plan.environment / "made-from.txt"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    shutil.rmtree(plan.environment, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(plan.environment)], check=True)
    kept = plan.out / "versions.txt"
    kept.write_text(needed(lock.read_text(encoding="utf-8")), encoding="utf-8")
    pip = [str(plan.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    # the list is whole, so that nothing comes in beside it
    subprocess.run([*pip, "--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(kept)], check=True)
    stamp.write_text(wanted, encoding="ascii")


def needed(lock: str) -> str:
    """Return a lock without torch, which the pack has by itself."""
    blocks = re.split(r"(?m)^(?=\S)", lock)
    return "".join(block for block in blocks if not block.startswith("torch=="))


def freeze(plan: Plan) -> None:
    """Let PyInstaller make the payload."""
    shutil.rmtree(plan.payload, ignore_errors=True)
    work = [f"--distpath={plan.payload.parent}", f"--workpath={plan.out / 'work'}", "--noconfirm", "--log-level=WARN"]
    # strings of sets would differ from build to build
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run([str(plan.python), str(HERE / "app_icon.py"), str(plan.icons)], check=True, env=environment)
    words = [str(plan.python), "-m", "PyInstaller", *work, str(HERE / "app.spec")]
    subprocess.run(words, check=True, cwd=plan.out, env=environment)
    if plan.platform == "linux":
        from installer.linux import needs

        needs.drop_unasked(plan.payload / "_internal")


def add_torch(plan: Plan) -> None:
    """Lay the pack of torch beside the programs; one that was made before for the same versions is taken again."""
    kept = plan.out / "torchpack"
    if not (kept / torchpack.MANIFEST).is_file():
        shutil.rmtree(kept, ignore_errors=True)
        options = ["--index-url", plan.torch_index] if plan.torch_index else []
        torchpack.make(plan.python, kept, "cpu", options=options)
    shutil.copytree(kept, plan.payload / "torchpack", symlinks=True, copy_function=_link)


def _link(source: str, target: str) -> None:
    """Give a file a second name where the file system can, for a gigabyte need not be copied."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def add_papers(plan: Plan) -> None:
    """Lay beside the programs what comes with them: licence, changes, and what exactly this build is."""
    for name in PAPERS:
        shutil.copy2(ROOT / name, plan.payload / name)
    facts = {"version": version(), "revision": revision(), "platform": plan.platform, "python": sys.version.split()[0]}
    (plan.payload / "build.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    sbom.write_sbom(plan.payload, plan.site)


def add_packages(plan: Plan) -> None:
    """Make the packages of Linux; those of Windows and macOS are made by scripts of their own."""
    if plan.platform == "linux" and plan.packages:
        from installer.linux import deb, tarball
        from installer.linux.stage import Goods

        goods = Goods(plan.payload, plan.out, version())
        deb.make(goods)
        tarball.make(goods)


STEPS: tuple[tuple[str, Callable[[Plan], None]], ...] = (
    ("environment", make_environment),
    ("program", freeze),
    ("torch", add_torch),
    ("papers", add_papers),
    ("packages", add_packages),
)


def main(arguments: list[str] | None = None) -> int:
    """Build; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build")
    parser.add_argument("--torch-index", default="", metavar="URL", help="where torch for the processor comes from")
    parser.add_argument("--payload-only", action="store_true", help="no packages")
    for name in PLATFORMS.values():
        parser.add_argument(f"--{name}", action="store_const", const=name, dest="platform", help="say so, to be sure")
    parser.add_argument(
        "--from", dest="first", choices=[name for name, _step in STEPS], help="leave out what is before"
    )
    given = parser.parse_args(arguments)
    here = PLATFORMS[sys.platform]
    if given.platform not in (None, here):
        parser.error(f"a program for {given.platform} can only be made there; this is {here}")
    given.out.mkdir(parents=True, exist_ok=True)
    plan = Plan(given.out.resolve(), here, given.torch_index, not given.payload_only)
    os.environ.setdefault("SOURCE_DATE_EPOCH", committed())
    names = [name for name, _step in STEPS]
    for name, step in STEPS[names.index(given.first) if given.first else 0 :]:
        begun = time.monotonic()
        step(plan)
        sys.stdout.write(f"{name}: {time.monotonic() - begun:.0f} s\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
