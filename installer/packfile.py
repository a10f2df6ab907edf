"""Make a pack file for the settings out of a pack's folder: ``python installer/packfile.py FOLDER -o WHERE``.

The folder is what ``installer/torchpack.py`` makes, with its ``manifest.json``. The file is a zip with the manifest
first and the SHA-256 of it as comment: what :mod:`core.packs` reads, and checks again before anything counts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import stat
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # called as a file, not as a module
    sys.path.insert(0, str(ROOT))

from core.packs import MANIFEST, PackFile, is_safe  # noqa: E402

_WHEN = (1980, 1, 1, 0, 0, 0)
_LEVEL = 6
_PIECE = 1 << 20


def file_name(manifest: dict[str, object]) -> str:
    """Return how a pack file is called: ``Meninx-gpu-win-amd64-cu130-cp311.pack``."""
    kind = "cpu" if manifest["name"] == "cpu" else "gpu"
    build = "" if kind == "cpu" else f"-{manifest['name']}"
    return f"Meninx-{kind}-{manifest['platform']}{build}-{manifest['python']}.pack"


def write_pack(folder: Path, target: Path) -> Path:
    """Write a pack's folder as one file, and read it once more as the program will.

    Parameters
    ----------
    folder
        A pack with its manifest; nothing else may lie in it.
    target
        Where the file goes, under the name its manifest gives it.

    Raises
    ------
    ValueError
        If the folder holds a link, a name that does not work everywhere, or other files than its manifest tells of.
    """
    words = (folder / MANIFEST).read_bytes()
    manifest = json.loads(words)
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    if set(there) != {MANIFEST, *manifest["files"]}:
        raise ValueError(f"not what the manifest tells of: {sorted(set(there) ^ {MANIFEST, *manifest['files']})[:5]}")
    bad = [name for name, path in there.items() if path.is_symlink() or not is_safe(name)]
    if bad:
        raise ValueError(f"no names for a pack: {bad[:5]}")
    target.mkdir(parents=True, exist_ok=True)
    file = target / file_name(manifest)
    unfinished = file.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as zipped:
        zipped.comment = hashlib.sha256(words).hexdigest().encode()
        for name in [MANIFEST, *sorted(manifest["files"])]:
            _add(zipped, name, there[name])
    unfinished.replace(file)
    with PackFile(file):
        return file


def _add(zipped: zipfile.ZipFile, name: str, path: Path) -> None:
    info = zipfile.ZipInfo(name, _WHEN)
    info.compress_type = zipfile.ZIP_DEFLATED
    executable = os.access(path, os.X_OK) and path.suffix in {"", ".sh", ".exe"}
    info.create_system = 3  # permissions are those of Unix, wherever it is made
    info.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    info.file_size = path.stat().st_size  # says before the first byte whether it needs 64 bits
    with path.open("rb") as source, zipped.open(info, "w") as written:
        while piece := source.read(_PIECE):
            written.write(piece)


def main() -> int:
    """Make one pack file, and say its SHA-256."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    made = write_pack(given.folder, given.output)
    with made.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    sys.stdout.write(f"{digest}  {made.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
