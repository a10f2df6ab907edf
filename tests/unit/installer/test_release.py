"""What a release is made with: licences, versions, locks, pack files, the list of what an uninstaller may delete."""

from __future__ import annotations

import json
import plistlib
import re
import struct
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.packs import PackFile
from core.version import VERSION
from installer import freezing, packfile, sbom, torchpack
from installer.macos.bundle import info_plist
from installer.windows import make_installer
from installer.windows.version_info import numbers, version_info

ROOT = Path(__file__).resolve().parents[3]
LOCKS = sorted((ROOT / "installer" / "locks").glob("*.txt"))


# -------------------------------------------------------------------------------------------------------- licences


def add_distribution(
    site: Path, name: str, version: str, *, licence: str | None = "Do as you like.", code: str = ""
) -> None:
    """Lay out a distribution as pip does."""
    package = site / (code or name)
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    info = site / f"{name}-{version}.dist-info"
    (info / "licenses").mkdir(parents=True)
    words = (
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\nRequires-Dist: other>=1\n"
    )
    (info / "METADATA").write_text(words + "Requires-Dist: never; extra == 'x'\n", encoding="utf-8")
    files = [f"{code or name}/__init__.py", f"{info.name}/METADATA"]
    if licence is not None:
        (info / "licenses" / "LICENSE").write_text(licence, encoding="utf-8")
        files.append(f"{info.name}/licenses/LICENSE")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    add_distribution(folder, "wanted", "1.2")
    add_distribution(folder, "other", "3.4", licence="Another text.")
    add_distribution(folder, "unused", "9")
    return folder


@pytest.fixture
def payload(tmp_path: Path, site: Path) -> Path:
    made = tmp_path / "payload"
    for name in ("wanted", "other"):
        (made / "_internal" / name).mkdir(parents=True)
        (made / "_internal" / name / "__init__.py").write_text("", encoding="utf-8")
    return made


def test_a_payload_names_what_is_in_it_and_nothing_else(
    payload: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    sbom.write_sbom(payload, site)
    told = json.loads((payload / sbom.SBOM).read_text(encoding="utf-8"))
    assert {part["name"]: part.get("version") for part in told["components"]}.items() >= {
        "wanted": "1.2",
        "other": "3.4",
    }.items()
    assert "unused" not in {part["name"] for part in told["components"]}
    assert told["metadata"]["component"]["version"] == VERSION
    assert told["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    edges = {edge["ref"]: edge.get("dependsOn", []) for edge in told["dependencies"]}
    assert edges["pkg:pypi/wanted@1.2"] == ["pkg:pypi/other@3.4"]
    words = (payload / sbom.LICENCES).read_text(encoding="utf-8")
    assert "Do as you like." in words
    assert "Another text." in words
    assert "LGPL" in words


def test_the_same_payload_gives_the_same_bill(payload: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    sbom.write_sbom(payload, site)
    first = (payload / sbom.SBOM).read_bytes()
    sbom.write_sbom(payload, site)
    assert (payload / sbom.SBOM).read_bytes() == first


def test_a_pack_beside_the_program_is_in_the_bill(payload: Path, site: Path) -> None:
    add_distribution(payload / "torchpack", "packed", "2.0", licence="Of the pack.")
    sbom.write_sbom(payload, site)
    assert "packed 2.0" in (payload / sbom.LICENCES).read_text(encoding="utf-8")


def test_without_the_text_of_a_licence_nothing_is_handed_on(payload: Path, site: Path) -> None:
    add_distribution(site, "bare", "1", licence=None)
    (payload / "_internal" / "bare").mkdir()
    (payload / "_internal" / "bare" / "__init__.py").write_text("", encoding="utf-8")
    with pytest.raises(sbom.LicenceMissing, match="bare"):
        sbom.write_sbom(payload, site)
    assert not (payload / sbom.SBOM).exists()


def test_modules_within_an_executable_are_in_the_bill_and_a_cut_one_is_no_other_program(
    payload: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoArchive(RuntimeError):
        """As PyInstaller says of what no archive hangs on."""

    class Archive:
        """As PyInstaller's: ``toc`` names what is in it, the modules are in an archive of their own."""

        def __init__(self, file: str) -> None:
            content = Path(file).read_bytes()
            if b"MEI" not in content:
                raise NoArchive("no cookie")
            struct.unpack("!8s", content[:8])
            self.toc = {"PYZ.pyz": ()}

        def open_embedded_archive(self, name: str) -> SimpleNamespace:
            return SimpleNamespace(toc={"unused": ()})

    readers = SimpleNamespace(ArchiveReadError=NoArchive, CArchiveReader=Archive)
    monkeypatch.setitem(sys.modules, "PyInstaller", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "PyInstaller.archive", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "PyInstaller.archive.readers", readers)
    for name, content in (("meninx", b"\x7fELF MEI"), ("helper", b"\x7fELF of somebody else's")):
        (payload / name).write_bytes(content)
        (payload / name).chmod(0o755)
    sbom.write_sbom(payload, site)
    told = json.loads((payload / sbom.SBOM).read_text(encoding="utf-8"))
    assert "unused" in {part["name"] for part in told["components"]}
    (payload / "meninx").write_bytes(b"MEI")
    with pytest.raises(struct.error):
        sbom.write_sbom(payload, site)


def test_a_library_of_nobody_is_listed_with_its_hash(payload: Path, site: Path) -> None:
    (payload / "_internal" / "libstrange.so.7").write_bytes(b"\x7fELF strange")
    sbom.write_sbom(payload, site)
    told = json.loads((payload / sbom.SBOM).read_text(encoding="utf-8"))
    strange = next(part for part in told["components"] if part["name"] == "libstrange.so.7")
    assert strange["type"] == "file"
    assert len(strange["hashes"][0]["content"]) == 64


def test_a_library_under_the_gpl_is_not_handed_on(payload: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (payload / "_internal" / "libreadline.so.8").write_bytes(b"\x7fELF")
    monkeypatch.setattr(sbom, "_owners", lambda names: dict.fromkeys(names, "libreadline8:amd64"))
    with pytest.raises(sbom.LicenceUnfit, match="libreadline8"):
        sbom.write_sbom(payload, site)
    assert "readline" in freezing.EXCLUDED


def test_what_is_frozen_here_has_its_texts() -> None:
    """Every distribution that the locks name and that is installed here has a licence text, or one of ours."""
    wanted = {
        line.split("==")[0] for lock in LOCKS for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line
    }
    bare = []
    for name in sorted(wanted):
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if not sbom.of_distribution(name, found).texts:
            bare.append(name)
    assert bare == []


def test_given_texts_are_there() -> None:
    assert all((sbom.TEXTS / f"{title}.txt").is_file() for titles in sbom.GIVEN.values() for title in titles)


# ----------------------------------------------------------------------------------------------------------- locks


def test_there_are_three_locks() -> None:
    assert [lock.name for lock in LOCKS] == ["linux.txt", "macos.txt", "windows.txt"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_pins_and_hashes_everything_and_names_no_address(lock: Path) -> None:
    words = lock.read_text(encoding="utf-8")
    assert "://" not in words
    lines = [line for line in words.splitlines() if line and not line.startswith("#")]
    names = [line for line in lines if not line.startswith(" ")]
    assert all(re.fullmatch(r"[a-z0-9._-]+==\S+ \\", name) for name in names)
    hashes = [line for line in lines if line.startswith(" ")]
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", one) for one in hashes)
    assert len(hashes) >= len(names) > 40


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_has_the_versions_that_were_tested(lock: Path) -> None:
    def versions(path: Path) -> dict[str, str]:
        pairs = re.findall(r"^([A-Za-z0-9._-]+)==([^\s\\+;]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}

    tested, locked = versions(ROOT / "requirements.lock"), versions(lock)
    assert {
        name: (version, tested[name]) for name, version in locked.items() if tested.get(name, version) != version
    } == {}
    assert not {"pytest", "mypy", "ruff", "simpleitk"} & set(locked)
    builders = versions(ROOT / "installer" / "build-requirements.txt")
    assert {name: version for name, version in locked.items() if builders.get(name, version) != version} == {}


# --------------------------------------------------------------------------------------------------------- windows


def test_versions_for_windows() -> None:
    assert numbers("1.2.3") == (1, 2, 3, 0)
    assert numbers("1.2.3rc1") == (1, 2, 3, 0)
    with pytest.raises(ValueError, match="three numbers"):
        numbers("1.2")
    words = version_info("meninx.exe", 'It\'s a "brain"', "1.2.3rc1")
    compile(words, "version", "eval")
    assert "'OriginalFilename', 'meninx.exe'" in words
    assert "flags=0x2" in words


def test_the_uninstaller_deletes_by_name(tmp_path: Path) -> None:
    (tmp_path / "_internal").mkdir()
    (tmp_path / "meninx.exe").write_bytes(b"")
    lines = make_installer.lists(tmp_path).splitlines()
    assert lines == [
        "!macro REMOVE_PAYLOAD",
        '  RMDir /r "$INSTDIR\\_internal"',
        '  Delete "$INSTDIR\\meninx.exe"',
        "!macroend",
    ]
    (tmp_path / "a$b").write_bytes(b"")
    with pytest.raises(SystemExit):
        make_installer.lists(tmp_path)


def test_paths_that_windows_cannot_hold_are_refused(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 90)
    deep.mkdir(parents=True)
    with pytest.raises(SystemExit, match="longer than"):
        make_installer.lists(tmp_path)


def test_no_payload_no_installer(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no payload"):
        make_installer.make(tmp_path, tmp_path / "out")


def test_the_installer_takes_no_ending_away_from_anybody() -> None:
    """Of .nii, .gz and .dcm only the list of "open with" is written, never what opens them."""
    script = (ROOT / "installer" / "windows" / "meninx.nsi").read_text(encoding="utf-8")
    written = re.findall(r'WriteRegStr SHCTX "\$\{CLASSES\}\\(\.[a-z]+)" ""', script)
    assert written == [".meninx"]
    assert 'RMDir /r "$INSTDIR"' not in script


# ----------------------------------------------------------------------------------------------------------- macos


def test_the_bundle_says_what_it_opens() -> None:
    facts = info_plist()
    assert facts["CFBundleShortVersionString"] == VERSION
    assert facts["CFBundleExecutable"] == "meninx"
    kinds = {kind for entry in facts["CFBundleDocumentTypes"] for kind in entry["LSItemContentTypes"]}
    assert kinds >= {"org.meninx.project", "org.meninx.nifti", "org.nema.dicom", "public.folder"}
    ranks = {entry["CFBundleTypeName"]: entry["LSHandlerRank"] for entry in facts["CFBundleDocumentTypes"]}
    assert [name for name, rank in ranks.items() if rank == "Owner"] == ["Meninx project"]
    assert info_plist("1.2.3rc1")["CFBundleVersion"] == "1.2.3"
    with pytest.raises(ValueError, match="three numbers"):
        info_plist("dev")


def test_entitlements_parse() -> None:
    assert all(plistlib.loads((ROOT / "installer/macos/entitlements.plist").read_bytes()).values())


# ----------------------------------------------------------------------------------------------------------- packs


def test_a_pack_file_holds_what_its_folder_holds(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    (pack / "torch" / "lib").mkdir(parents=True)
    (pack / "torch" / "__init__.py").write_text("x = 1\n", encoding="utf-8")
    (pack / "torch" / "lib" / "libtorch.so").write_bytes(b"\x7fELF" * 999)
    (pack / "torch-2.13.0+cu130.dist-info").mkdir()
    (pack / "torch-2.13.0+cu130.dist-info" / "METADATA").write_text("Name: torch\n", encoding="utf-8")
    torchpack.write_manifest(pack, "cu130", "cp311", "linux-x86_64")
    file = packfile.write_pack(pack, tmp_path / "out")
    assert file.name == "Meninx-gpu-linux-x86_64-cu130-cp311.pack"
    with PackFile(file) as opened:
        assert opened.manifest.torch == "2.13.0+cu130"
        for _ in opened.unpacking(tmp_path / "again"):
            pass
    kept = {path.relative_to(pack): path.read_bytes() for path in pack.rglob("*") if path.is_file()}
    again = {
        path.relative_to(tmp_path / "again"): path.read_bytes()
        for path in (tmp_path / "again").rglob("*")
        if path.is_file()
    }
    assert kept == again


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_folder_that_is_not_what_it_says_makes_no_pack(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    (pack / "torch-1.dist-info").mkdir(parents=True)
    (pack / "a.py").write_text("", encoding="utf-8")
    torchpack.write_manifest(pack, "cu130", "cp311", "linux-x86_64")
    (pack / "late.py").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match=r"late\.py"):
        packfile.write_pack(pack, tmp_path / "out")
    (pack / "late.py").unlink()
    (pack / "a.py").unlink()
    (pack / "a.py").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="no names"):
        packfile.write_pack(pack, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [] if (tmp_path / "out").exists() else True


# -------------------------------------------------------------------------------------------------------- workflow


def test_every_action_is_pinned_and_no_key_stands_in_a_command() -> None:
    words = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)", words)
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) for action in used)
    commands = re.findall(r"run: \|\n((?: {10}.*\n|\n)+)", words)
    assert commands
    assert not any("${{" in command for command in commands)


def test_scripts_are_sound() -> None:
    for script in (ROOT / "installer").rglob("*.sh"):
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0, script
