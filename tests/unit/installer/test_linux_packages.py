"""The packages of Linux: what Debian and desktops are told, and that the scripts leave nothing behind."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.commands.line import COMMANDS
from installer.linux import deb, desktop, needs, tarball
from installer.linux.stage import PROGRAMS, Goods

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="packages of Linux")
HERE = Path(deb.__file__).parent

TOLD = """
libQt6Gui.so.6:     file format elf64-x86-64

Dynamic Section:
  NEEDED               libEGL.so.1
  NEEDED               libc.so.6
  NEEDED               libQt6Core.so.6
  NEEDED               ld-linux-x86-64.so.2

Version References:
  required from libc.so.6:
    0x06969194 0x00 05 GLIBC_2.34
    0x09691a75 0x00 03 GLIBC_2.2.5
  required from libm.so.6:
    0x06969188 0x00 06 GLIBC_2.35
"""


@pytest.fixture
def payload(tmp_path):
    """A program that is a script, with everything that lies beside the real one."""
    folder = tmp_path / "payload" / "meninx"
    (folder / "_internal" / "resources").mkdir(parents=True)
    for name in PROGRAMS:
        (folder / name).write_text("#!/bin/sh\necho Meninx\n")
        (folder / name).chmod(0o700)
    (folder / "CHANGELOG.md").write_text("# Changes\n")
    (folder / "THIRD-PARTY-LICENCES.txt").write_text("numpy: BSD\n")
    (folder / "_internal" / "Schöne Datei.txt").write_text("x")
    icons = tmp_path / "icons"
    icons.mkdir()
    for size in desktop.ICON_SIZES:
        (icons / f"meninx-{size}.png").write_bytes(b"\x89PNG")
    return folder


@pytest.mark.parametrize(
    ("version", "there"), [("0.1.0", "0.1.0-1"), ("1.0.0rc1", "1.0.0~rc1-1"), ("2.0.0.dev3", "2.0.0~dev3-1")]
)
def test_versions_sort_as_they_should(version, there):
    assert deb.debian_version(version) == there


def test_a_release_comes_after_its_candidate():
    words = ["dpkg", "--compare-versions", deb.debian_version("1.0.0rc1"), "lt", deb.debian_version("1.0.0")]
    if shutil.which("dpkg"):
        assert subprocess.run(words, check=False).returncode == 0
    assert deb.debian_version("1.0.0rc1") < deb.debian_version("1.0.0").replace("-", "~z")


def test_what_the_system_must_bring_is_read_from_the_libraries():
    assert needs.newest_glibc(TOLD) == "2.35"
    assert needs.foreign(TOLD, ["libQt6Core.so.6"]) == ["libEGL.so.1", "libc.so.6"]


def test_the_package_has_everything_in_its_place(payload, monkeypatch):
    if not shutil.which("dpkg-deb"):
        pytest.skip("no dpkg-deb")
    monkeypatch.setattr(needs, "depends", lambda _payload: "libc6 (>= 2.36)")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    out = payload.parents[1]
    made = deb.make(Goods(payload, out, "0.1.0rc2"))
    read = subprocess.run(["dpkg-deb", "-f", str(made)], check=True, capture_output=True, text=True).stdout
    assert "Version: 0.1.0~rc2-1" in read
    assert "Depends: libc6 (>= 2.36)" in read
    listed = subprocess.run(["dpkg-deb", "-c", str(made)], check=True, capture_output=True, text=True).stdout
    rows = {row.split()[5]: row.split() for row in listed.splitlines()}
    assert all(row[1] == "root/root" for row in rows.values())
    assert rows["./usr/lib/meninx/meninx"][0] == "-rwxr-xr-x"
    assert rows["./usr/bin/meninx-cli"][0].startswith("l")
    for path in (
        *("applications/meninx.desktop", "metainfo/org.meninx.Meninx.metainfo.xml", "mime/packages/meninx.xml"),
        *("icons/hicolor/scalable/apps/meninx.svg", "icons/hicolor/256x256/apps/meninx.png", "man/man1/meninx.1.gz"),
        *("man/man1/meninx-cli.1.gz", "doc/meninx/copyright", "doc/meninx/changelog.gz"),
    ):
        assert rows[f"./usr/share/{path}"][0] == "-rw-r--r--"


def test_what_desktops_are_told_is_valid(tmp_path):
    icons = tmp_path / "icons"
    icons.mkdir()
    for size in desktop.ICON_SIZES:
        (icons / f"meninx-{size}.png").write_bytes(b"")
    share = tmp_path / "share"
    desktop.lay(share, icons, "0.1.0")
    checks = {
        "desktop-file-validate": [str(share / "applications" / "meninx.desktop")],
        "appstreamcli": ["validate", "--no-net", str(share / "metainfo" / desktop.METAINFO)],
    }
    for tool, words in checks.items():
        if shutil.which(tool):
            done = subprocess.run([tool, *words], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    entry = (share / "applications" / "meninx.desktop").read_text(encoding="utf-8")
    kinds = (share / "mime" / "packages" / "meninx.xml").read_text(encoding="utf-8")
    for kind in re.findall(r'mime-type type="([^"]+)"', kinds):
        assert f"{kind};" in entry
    assert "inode/directory;" in entry, "a DICOM series is a folder"


def test_the_man_page_knows_every_command():
    page = desktop.man_pages("0.1.0")["meninx-cli"]
    for command in COMMANDS:
        assert f".B {command.name.replace('-', chr(92) + '-')}\n" in page
    assert "@" not in page


# ------------------------------------------------- the archive for one person


def install(folder: Path, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    words = ["sh", str(folder / "install.sh"), *options]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def everything(home: Path) -> list[str]:
    return sorted(path.relative_to(home).as_posix() for path in home.rglob("*"))


@pytest.fixture
def unpacked(payload, tmp_path):
    made = tarball.make(Goods(payload, tmp_path, "0.1.0"))
    target = tmp_path / "Downloads von Änne"
    target.mkdir()
    subprocess.run(["tar", "-xJf", str(made), "-C", str(target)], check=True)
    (folder,) = target.iterdir()
    return folder


def test_installed_twice_and_removed_nothing_is_left(unpacked, tmp_path):
    home = tmp_path / "home of Änne"
    (home / ".local" / "share" / "Meninx").mkdir(parents=True)
    (home / ".local" / "share" / "Meninx" / "links.sqlite").write_text("hers")
    (home / ".local" / "bin").mkdir()
    (home / ".local" / "bin" / "other").write_text("hers")
    before = everything(home)
    for _again in range(2):
        done = install(unpacked, home)
        assert done.returncode == 0, done.stderr
    program = home / ".local" / "lib" / "meninx"
    assert not (program.parent / "meninx.before").exists()
    assert subprocess.run([home / ".local" / "bin" / "meninx"], capture_output=True, text=True).stdout == "Meninx\n"
    entry = (home / ".local" / "share" / "applications" / "meninx.desktop").read_text(encoding="utf-8")
    assert f'Exec="{program}/meninx" %f' in entry
    page = home / ".local" / "share" / "man" / "man1" / "meninx.1.gz"
    assert gzip.decompress(page.read_bytes()).startswith(b".TH")
    removed = subprocess.run(
        ["sh", str(program / "uninstall.sh")],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert removed.returncode == 0, removed.stderr
    assert "Projects and settings are still there" in removed.stdout
    assert everything(home) == before


def test_another_place_may_be_named(unpacked, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    assert install(unpacked, home, "--prefix", str(tmp_path / "apps"), "--quiet").returncode == 0
    assert (tmp_path / "apps" / "lib" / "meninx" / "meninx").is_file()
    assert everything(home) == []


def test_an_installation_that_is_cut_short_leaves_the_old_one(unpacked, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    assert install(unpacked, home).returncode == 0
    (unpacked / "uninstall.sh").unlink()
    assert install(unpacked, home).returncode != 0
    left = home / ".local" / "lib"
    assert [path.name for path in left.iterdir()] == ["meninx"]
    assert (left / "meninx" / "uninstall.sh").is_file()


def test_the_uninstaller_touches_nothing_that_it_did_not_make(tmp_path):
    folder = tmp_path / "lib" / "somewhere"
    folder.mkdir(parents=True)
    shutil.copy(HERE / "uninstall.sh", folder)
    (folder / "work.txt").write_text("hers")
    done = subprocess.run(["sh", str(folder / "uninstall.sh")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (folder / "work.txt").is_file()
