"""What a payload is made of: a CycloneDX bill of materials and the licences of everything in it.

``python installer/sbom.py PAYLOAD [SITE]`` writes ``sbom.cdx.json`` and ``THIRD-PARTY-LICENCES.txt`` into the
payload. A distribution counts as part of it if one of its files lies there or one of its modules is in the archive
of the executables; every other native library is looked for among the packages of the system (dpkg), and what
belongs to nobody is listed as such.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
TEXTS = Path(__file__).resolve().parent / "licences"
"""Licence texts of what comes without one."""
GIVEN = {
    "pycocotools": ("pycocotools",),
    "pyjpegls": ("pyjpegls",),
    "pyside6-essentials": ("LGPL-3.0", "GPL-3.0"),
    "shiboken6": ("LGPL-3.0", "GPL-3.0"),
}
"""Distribution to its files there."""
SBOM, LICENCES = "sbom.cdx.json", "THIRD-PARTY-LICENCES.txt"
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|copyright|eula)", re.IGNORECASE)
_NOT_TEXT = {".py", ".pyc", ".so", ".pyd", ".dll", ".json", ".h", ".hpp", ".pyi"}
_NATIVE = re.compile(r"\.(so(\.[\d.]+)?|dylib|dll|pyd)$", re.IGNORECASE)
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
UNFIT = {"libreadline8", "libreadline8t64", "libgdbm6", "libgdbm6t64"}
"""Packages under the GPL alone that Python would bring along for a prompt and a kind of file that we do not have."""


class LicenceMissing(Exception):
    """Something would be handed on without the text of its licence."""


class LicenceUnfit(Exception):
    """Something would be handed on that may not be, under our licence."""


@dataclass
class Part:
    """One component of the payload."""

    name: str
    version: str
    kind: str = "library"
    purl: str = ""
    licence: str = ""
    homepage: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    """Title to text, in the order in which they are printed."""
    needs: set[str] = field(default_factory=set)
    sha256: str = ""
    note: str = ""

    @property
    def ref(self) -> str:
        """Name within the document."""
        return self.purl or f"{self.kind}:{self.name}@{self.version}:{self.sha256[:12]}"


def write_sbom(payload: Path, site: Path) -> None:
    """Write the bill of materials and the licences of a payload into it.

    Parameters
    ----------
    payload
        The folder that is handed to people: executables, ``_internal``, ``resources``, perhaps ``torchpack``.
    site
        The ``site-packages`` it was frozen from. Distributions in a ``torchpack`` of the payload are found by
        themselves.

    Raises
    ------
    LicenceMissing
        If a distribution has no text of its licence, neither its own nor one in ``installer/licences``.
    """
    parts = sorted(_parts(payload, site), key=lambda part: (part.name.lower(), part.version))
    bare = sorted(part.name for part in parts if not part.texts and not part.note)
    if bare:
        raise LicenceMissing(f"no licence text for {', '.join(bare)}: put one into installer/licences, see GIVEN")
    (payload / SBOM).write_text(json.dumps(_document(parts), indent=1) + "\n", encoding="utf-8")
    (payload / LICENCES).write_text(_licences(parts), encoding="utf-8")


def version() -> str:
    """Return the version of the program, from its one place."""
    return str(runpy.run_path(str(ROOT / "core" / "version.py"))["VERSION"])


def _parts(payload: Path, site: Path) -> Iterator[Part]:
    files = [path for path in sorted(payload.rglob("*")) if path.is_file() and not path.is_symlink()]
    there = {path.relative_to(payload).as_posix() for path in files}
    modules = _frozen_modules(files)
    owned: set[str] = set()
    seen: set[str] = set()
    for place in [site, *_packs(payload)]:
        for distribution in metadata.distributions(path=[str(place)]):
            name = _plain(distribution.metadata["Name"])
            recorded = {file.as_posix() for file in distribution.files or []}
            if name in seen or not _is_in(name, recorded, there, modules):
                continue
            seen.add(name)
            owned |= {Path(file).name for file in recorded if _NATIVE.search(file)}
            yield of_distribution(name, distribution)
    strangers = [path for path in files if _NATIVE.search(path.name) and path.name not in owned]
    yield from _python_itself()
    yield from _of_system(strangers)
    yield from _own(payload)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _packs(payload: Path) -> list[Path]:
    """Folders of packages within the payload that keep their own metadata, ``torchpack`` first of all."""
    return sorted({path.parent for path in payload.rglob("*.dist-info")})


def _frozen_modules(files: Iterable[Path]) -> set[str]:
    """Names of the Python modules within the executables of PyInstaller; empty if it is not here to read them."""
    try:
        from PyInstaller.archive.readers import ArchiveReadError, CArchiveReader
    except ModuleNotFoundError:
        return set()
    found: set[str] = set()
    for file in files:
        if file.suffix not in {"", ".exe"} or not os.access(file, os.X_OK):
            continue
        try:
            archive = CArchiveReader(str(file))
        except ArchiveReadError:
            continue  # another executable: no archive hangs on it. One that is cut off is a reason to stop.
        for name in archive.toc:
            if name.endswith(".pyz"):
                found |= set(archive.open_embedded_archive(name).toc)
    return found


def _is_in(name: str, recorded: set[str], there: set[str], modules: set[str]) -> bool:
    """Whether a distribution's code is in the payload."""
    if name == "pyinstaller":
        return True  # its boot loader is what the executables begin with
    code = [file for file in recorded if ".dist-info/" not in file and not file.startswith("..")]
    prefixes = ("", "_internal/", "torchpack/", "torchpack/site-packages/", "Contents/Frameworks/")
    if any(prefix + file in there for file in code for prefix in prefixes):
        return True
    names = {file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in code}
    return bool(names & modules)


def of_distribution(name: str, distribution: metadata.Distribution) -> Part:
    """Return what a distribution tells of itself, with the texts of its licences."""
    facts = distribution.metadata
    part = Part(facts["Name"], distribution.version, purl=f"pkg:pypi/{name}@{quote(distribution.version)}")
    part.licence = _licence_of(facts)
    part.homepage = next((url.split(",", 1)[-1].strip() for url in facts.get_all("Project-URL") or []), "")
    part.homepage = part.homepage or facts.get("Home-page") or ""
    for file in distribution.files or []:
        if _LICENCE_FILE.search(file.name) and file.suffix not in _NOT_TEXT:
            path = Path(str(distribution.locate_file(file)))
            if path.is_file():
                part.texts[file.as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    for title in GIVEN.get(name, ()):
        part.texts[title] = (TEXTS / f"{title}.txt").read_text(encoding="utf-8")
    for requirement in distribution.requires or []:
        match = _NAME.match(requirement)
        if match and "extra" not in requirement.partition(";")[2]:
            part.needs.add(_plain(match.group()))
    return part


def _licence_of(facts: metadata.PackageMetadata) -> str:
    """Name of the licence: the expression, else a short field, else the classifiers."""
    if facts.get("License-Expression"):
        return str(facts["License-Expression"])
    words = (facts.get("License") or "").strip()
    if words and "\n" not in words and len(words) < 80:
        return words
    kinds = [line.split("::")[-1].strip() for line in facts.get_all("Classifier") or [] if line.startswith("License")]
    return ", ".join(kinds) or words.split("\n", 1)[0][:80]


def _python_itself() -> Iterator[Part]:
    """Tell of the interpreter and its standard library."""
    numbers = ".".join(str(number) for number in sys.version_info[:3])
    part = Part("CPython", numbers, "framework", f"pkg:generic/cpython@{numbers}", "PSF-2.0", "https://www.python.org")
    folders = [Path(sys.base_prefix), Path(os.__file__).parent, Path("/usr/share/doc/python3")]
    tag = f"python{sys.version_info.major}.{sys.version_info.minor}"
    files = [folder / name for folder in folders for name in ("LICENSE.txt", "LICENSE", "copyright")]
    files.append(Path("/usr/share/doc") / tag / "copyright")
    for file in files:
        if file.is_file():
            part.texts[file.name] = file.read_text(encoding="utf-8", errors="replace")
            break
    yield part


def _of_system(strangers: list[Path]) -> Iterator[Part]:
    """Tell of libraries that come from the machine the payload was frozen on.

    Raises
    ------
    LicenceUnfit
        For one that would put the whole program under its own licence.
    """
    strangers = [path for path in strangers if not _is_pythons(path.name)]
    owners = _owners({path.name for path in strangers})
    unfit = sorted(UNFIT & {package.partition(":")[0] for package in owners.values()})
    if unfit:
        raise LicenceUnfit(f"under the GPL, and no part of what we hand on: {', '.join(unfit)}")
    for path in strangers:
        if path.name not in owners:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            note = "belongs to no package that was found; see the licence of the program it comes with"
            yield Part(path.name, "", "file", sha256=digest, note=note)
    for package in sorted(set(owners.values())):
        yield _of_package(package)


def _is_pythons(name: str) -> bool:
    """Whether a native file is one of the interpreter's own modules."""
    return bool(re.search(r"\.(cpython|cp)-?\d+.*\.(so|pyd)$|^_[a-z0-9_]+\.pyd$|^(libpython|python)\d", name))


def _owners(names: set[str]) -> dict[str, str]:
    """Return the Debian packages that libraries were copied from, by the name of the file."""
    if shutil.which("dpkg-query") is None or not names:
        return {}
    # by whole paths, all at once: a pattern would be held against every file of every package
    roots = (Path("/lib"), Path("/usr/lib"))
    folders = [place for root in roots for place in (root, *root.glob("*-linux-gnu*"))]
    asked = ["dpkg-query", "-S", *(f"{folder}/{name}" for folder in folders for name in sorted(names))]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for line in told.splitlines():
        package, _, place = line.partition(": ")
        if "," not in package:
            found.setdefault(Path(place).name, package)
    return {name: package for name, package in found.items() if name in names}


def _of_package(package: str) -> Part:
    form = "${Package}\t${Version}\t${Homepage}\t${Architecture}"
    told = subprocess.run(["dpkg-query", "-W", f"-f={form}", package], capture_output=True, text=True, check=True)
    name, version_, homepage, machine = told.stdout.split("\t")
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version_)}?arch={machine}"
    part = Part(name, version_, purl=purl, homepage=homepage, licence="see the text")
    text = Path("/usr/share/doc") / name / "copyright"
    if text.is_file():
        part.texts["copyright"] = text.read_text(encoding="utf-8", errors="replace")
    return part


def _own(payload: Path) -> Iterator[Part]:
    """Tell of what comes with a licence of its own and is no package: icons, typeface, starters."""
    for file in sorted(payload.rglob("resources/icons/LICENSE.txt")):
        yield Part("Meninx icons", version(), "file", texts={file.name: file.read_text(encoding="utf-8")})
    for file in sorted(payload.rglob("resources/fonts/LICENSE.txt")):
        text = {file.name: file.read_text(encoding="utf-8")}
        yield Part("Inter (typeface)", "4.0 beta 7", "file", licence="OFL-1.1", texts=text)
    for card in sorted(payload.rglob("starters/*/card.md")):
        digest = hashlib.sha256((card.parent / "model.safetensors").read_bytes()).hexdigest()
        text = {card.name: card.read_text(encoding="utf-8")}
        yield Part(f"starter {card.parent.name}", version(), "machine-learning-model", texts=text, sha256=digest)


def _document(parts: list[Part]) -> dict[str, Any]:
    """Return the bill of materials as CycloneDX 1.6 wants it."""
    by_name = {_plain(part.name): part.ref for part in parts}
    program = {
        "type": "application",
        "bom-ref": "meninx",
        "name": "Meninx",
        "version": version(),
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    edges: list[dict[str, Any]] = [{"ref": "meninx", "dependsOn": sorted(part.ref for part in parts)}]
    for part in parts:
        needs = sorted({by_name[name] for name in part.needs if name in by_name} - {part.ref})
        edges.append({"ref": part.ref, "dependsOn": needs} if needs else {"ref": part.ref})
    components = [_component(part) for part in parts]
    named = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([program, components], sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{named}",
        "version": 1,
        "metadata": {"timestamp": _now(), "component": program},
        "components": components,
        "dependencies": edges,
    }


def _now() -> str:
    given = os.environ.get("SOURCE_DATE_EPOCH")
    at = datetime.fromtimestamp(int(given), UTC) if given else datetime.now(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _component(part: Part) -> dict[str, Any]:
    said: dict[str, Any] = {"type": part.kind, "bom-ref": part.ref, "name": part.name}
    if part.version:
        said["version"] = part.version
    if part.licence:
        said["licenses"] = [{"license": {"name": part.licence}}]
    if part.purl:
        said["purl"] = part.purl
    if part.sha256:
        said["hashes"] = [{"alg": "SHA-256", "content": part.sha256}]
    if part.homepage.startswith("http"):
        said["externalReferences"] = [{"type": "website", "url": part.homepage}]
    if part.note:
        said["description"] = part.note
    return said


def _licences(parts: list[Part]) -> str:
    """Return one text: a table of what there is, then every licence, each text once."""
    rule = "=" * 100
    lines = [
        f"Meninx {version()} is handed on under the Apache License 2.0 and holds the works of others listed here.",
        "Qt and PySide6 are used under the LGPL 3: they lie as files of their own in the program's folder and may be",
        "replaced by other builds of the same version. Nothing in them was changed.",
        "",
    ]
    wide = max((len(f"{part.name} {part.version}") for part in parts), default=0)
    lines += [f"{f'{part.name} {part.version}':<{wide}}  {part.licence or part.note}" for part in parts]
    printed: dict[str, str] = {}
    for part in parts:
        lines += ["", rule, f"{part.name} {part.version}", part.licence or part.note, rule]
        for title, words in part.texts.items():
            known = printed.setdefault(words.strip(), f"{part.name}: {title}")
            same = known != f"{part.name}: {title}"
            lines += ["", f"--- {title}", ""] + ([f"The same text as of {known}."] if same else [words.strip()])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sysconfig

    write_sbom(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else sysconfig.get_path("purelib")))
