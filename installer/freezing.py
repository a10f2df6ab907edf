"""What goes into the frozen program and what stays out: read by ``app.spec``, no PyInstaller needed."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

LAYERS = ("core", "models", "gui")
PACKED = ("torch", "torchgen", "functorch", "monai", "safetensors", "onnx", "onnxscript", "onnx_ir", "sympy", "mpmath")
"""Lies in the pack beside the program, so that another torch can take its place."""
TOOLS = (
    "IPython",
    "PyInstaller",
    "SimpleITK",
    "_pytest",
    "ensurepip",
    "hypothesis",
    "idlelib",
    "lib2to3",
    "matplotlib",
    "mypy",
    "_tkinter",
    "numpy.distutils",
    "openvino.torch",
    "openvino_telemetry",
    "pandas",
    "pip",
    "pytest",
    "readline",
    "ruff",
    "setuptools",
    "test",
    "tkinter",
    "torchvision",
    "turtle",
    "turtledemo",
    "wheel",
    "xdist",
)
"""Makes or tests the program, or is asked for by a library whose other half we do not use; readline is GPL."""
EXCLUDED = [*PACKED, *TOOLS]
_SPEAKS = {"antigravity", "this", "__main__"}
"""Modules of the standard library that do something when they are imported."""
_OPENVINO_PART = re.compile(
    r"openvino_(intel_gpu|intel_npu|auto|auto_batch|hetero)_plugin"
    r"|(openvino|^py)_(pytorch|tensorflow|tensorflow_lite|paddle|jax|gguf)_frontend"
)
"""Of OpenVINO the processor's plugin and the reader of ONNX are used (:mod:`models.inference`)."""
_QT_PLUGIN = re.compile(
    r"plugins/(platforms/libq(eglfs|linuxfb|vnc|vkkhrdisplay|minimalegl|minimal)|platformthemes/libqgtk3"
    r"|egldeviceintegrations|generic|networkinformation|tls|printsupport|qmltooling)\b"
)
"""For screens without a desktop, for the network, for printers; and GTK's dialogs, whose libraries would be of two
systems at once (Qt's own and those of the portal are there)."""
_SYSTEM_PART = re.compile(r"^lib(stdc\+\+|gcc_s)\.so")
"""Those of the system: drivers for the screen that are newer than ours need them newer."""
_QT_PART = re.compile(r"^(libQt6|Qt6)(Qml\w*|Quick\w*|Pdf\w*|VirtualKeyboard\w*|Sql|Designer\w*)\.")
_QT_WORDS = re.compile(r"^qt(base|declarative|help|multimedia|_help)?_?\w*\.qm$")


def program_modules(root: Path) -> list[str]:
    """Return every module of the program: children and commands are looked up by name, so none is left out.

    Parameters
    ----------
    root
        The checkout.
    """
    return sorted(_dotted(file.relative_to(root)) for layer in LAYERS for file in (root / layer).rglob("*.py"))


def _dotted(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def standard_library() -> list[str]:
    """Return the standard library with all submodules: what a pack of torch asks for nobody knows beforehand."""
    names = sorted(sys.stdlib_module_names - set(EXCLUDED) - _SPEAKS)
    return [module for name in names for module in _with_children(name)]


def _with_children(name: str) -> Iterator[str]:
    spec = None if name.startswith("_sysconfigdata") else importlib.util.find_spec(name)
    if spec is None:  # of another platform
        return
    yield name
    for place in spec.submodule_search_locations or ():
        yield from _below(Path(place), name)


def _below(folder: Path, package: str) -> Iterator[str]:
    """Return the modules in a package's folder without importing any of them."""
    for found in pkgutil.iter_modules([str(folder)]):
        name = f"{package}.{found.name}"
        if found.name in {"test", "tests", "idle_test", "__main__"} or name in EXCLUDED:
            continue
        yield name
        if found.ispkg:
            yield from _below(folder / found.name, name)


def is_library(file_name: str) -> bool:
    """Whether a file is a native library, with or without a version behind its ending."""
    return re.search(r"\.(so|dylib|dll)(\.[\d.]+)?$", file_name) is not None


def unwanted(place: str) -> bool:
    """Whether a library or data file that PyInstaller found is left out.

    Qt's own words for its standard dialogs are kept in the languages that the program speaks.

    Parameters
    ----------
    place
        Where it would lie, in the payload.
    """
    place = place.replace("\\", "/")
    name = place.rpartition("/")[2]
    if _OPENVINO_PART.search(name) or _QT_PART.match(name) or _SYSTEM_PART.match(name) or _QT_PLUGIN.search(place):
        return True
    return _QT_WORDS.match(name) is not None and not name.endswith(("_de.qm", "_en.qm"))
