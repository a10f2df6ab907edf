"""Make a pack of torch: the folder ``torchpack`` beside the program, or a file for the settings.

``python installer/torchpack.py --name cpu -o FOLDER`` makes it for this platform and this Python, with the versions
of requirements.lock. ``--index-url`` names where torch comes from: the index of the builds for the processor alone
(Linux has them nowhere else), or of those for a graphics card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOTS = ("torch", "monai", "safetensors", "onnx", "onnxscript")
"""What needs torch, and torch: with all that these ask for."""
IN_THE_PROGRAM = ("numpy", "pip", "setuptools", "_distutils_hack")
"""Never in a pack: two copies of numpy in one process cannot work."""
MANIFEST = "manifest.json"
_UNUSED = (
    "*.pth",
    "bin",
    "include",
    "share",
    "torch/include",
    "torch/share",
    "torch/test",
    "torch/bin/protoc*",
    "torch/bin/test_*",
    "torch/lib/*.a",
    "torch/lib/*.lib",
    "torch/lib/libtorch_cuda_linalg_static*",
    "torch/utils/benchmark",
    "torch/utils/tensorboard",
    "onnx/backend/test",
    "onnx/test",
    "onnx/include",
    "sympy/*/tests",
    "sympy/*/*/tests",
    "sympy/*/*/*/tests",
    "networkx/*/tests",
    "networkx/*/*/tests",
    "mpmath/tests",
)
"""For building and testing these packages, not for using them."""


def make(python: Path, target: Path, name: str, *, options: Sequence[str] = ()) -> dict[str, object]:
    """Install what belongs to a pack into a folder, and list it.

    Parameters
    ----------
    python
        Whose version and platform the pack is for; its pip installs.
    target
        The pack; must not exist yet.
    name
        ``cpu``, ``cu130``, ...
    options
        More for pip, such as ``--index-url``.

    Returns
    -------
    dict
        The manifest as written into the pack.
    """
    versions = ROOT / "requirements.lock"
    given = ["--quiet", "--no-compile", "--disable-pip-version-check", "--target", str(target), *options]
    subprocess.run([python, "-m", "pip", "install", *given, "-c", versions, *ROOTS], check=True)
    prune(target)
    # hashes in place of times: a pack is unpacked by anything, at any time
    compiling = [python, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*compiling, "-s", str(target), "-p", "torchpack", str(target)], check=False)
    asked = "import sysconfig, sys; print(sys.implementation.cache_tag, sysconfig.get_platform())"
    tag, platform = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.split()
    return write_manifest(target, name, tag.replace("cpython-", "cp"), platform)


def prune(pack: Path) -> None:
    """Take out what is never used at run time, and what the program itself brings."""
    for pattern in _UNUSED:
        for found in pack.glob(pattern):
            _remove(found)
    for package in IN_THE_PROGRAM:
        for found in (*pack.glob(package), *pack.glob(f"{package}.libs"), *pack.glob(f"{package}-*.dist-info")):
            _remove(found)


def _remove(found: Path) -> None:
    if found.is_dir() and not found.is_symlink():
        shutil.rmtree(found)
    else:
        found.unlink()


def write_manifest(pack: Path, name: str, python: str, platform: str) -> dict[str, object]:
    """Write ``manifest.json``: what the pack is for, and the SHA-256 of each of its files."""
    files = {file.relative_to(pack).as_posix(): _sha256(file) for file in _files(pack)}
    manifest: dict[str, object] = {
        "schema": 1,
        "name": name,
        "torch": _version(pack),
        "python": python,
        "platform": platform,
        "files": files,
    }
    (pack / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def _files(pack: Path) -> Iterator[Path]:
    return (file for file in sorted(pack.rglob("*")) if file.is_file() and file != pack / MANIFEST)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _version(pack: Path) -> str:
    """Return torch's version, with the build (``2.13.0+cpu``), from its own description."""
    found = next(pack.glob("torch-*.dist-info"))
    return found.name.removeprefix("torch-").removesuffix(".dist-info")


def main() -> int:
    """Make a pack from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--name", default="cpu")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--index-url", default="")
    given = parser.parse_args()
    options = ["--index-url", given.index_url] if given.index_url else []
    manifest = make(Path(sys.executable), given.output, given.name, options=options)
    sys.stdout.write(f"{given.output}: torch {manifest['torch']}, {sysconfig.get_platform()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
