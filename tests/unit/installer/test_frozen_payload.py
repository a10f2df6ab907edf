"""What goes into the frozen program: found by rules, so the rules are held here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from installer import build, freezing, torchpack
from models import worker

ROOT = Path(build.__file__).resolve().parents[1]


def test_every_module_that_is_looked_up_by_name_is_frozen():
    modules = set(freezing.program_modules(ROOT))
    assert {target.split(":")[0] for target in worker.JOBS.values()} <= modules
    from core.commands.line import COMMANDS

    assert {command.module for command in COMMANDS} <= modules
    assert "gui.selftest" in modules
    assert not any(name.startswith("tests") for name in modules)


def test_the_standard_library_is_whole_but_for_what_makes_and_tests_programs():
    names = freezing.standard_library()
    assert {"pickletools", "cProfile", "unittest.mock", "xml.etree.ElementTree", "concurrent.futures"} <= set(names)
    assert {"multiprocessing.popen_spawn_posix", "email.mime.text", "sqlite3", "timeit", "pdb"} <= set(names)
    assert not {name.split(".")[0] for name in names} & {"test", "tkinter", "idlelib", "ensurepip", "turtle"}
    assert len(names) == len(set(names))


def test_nothing_that_needs_torch_is_frozen():
    assert {"torch", "monai", "safetensors", "onnx", "onnxscript"} <= set(freezing.EXCLUDED)
    assert set(torchpack.ROOTS) <= set(freezing.EXCLUDED), "what lies in the pack is not in the program"


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("libopenvino_intel_gpu_plugin.so", True),
        ("openvino_intel_npu_plugin.dll", True),
        ("libopenvino_tensorflow_lite_frontend.so.2641", True),
        ("libopenvino_intel_cpu_plugin.so", False),
        ("libopenvino_onnx_frontend.so.2641", False),
        ("libopenvino_ir_frontend.so.2641", False),
        ("libopenvino.so.2641", False),
        ("openvino/frontend/jax/py_jax_frontend.cpython-311-x86_64-linux-gnu.so", True),
        ("openvino/frontend/onnx/py_onnx_frontend.cpython-311-x86_64-linux-gnu.so", False),
        ("libQt6Test.so.6", False),
        ("libQt6Quick.so.6", True),
        ("libQt6QmlModels.so.6", True),
        ("Qt6Pdf.dll", True),
        ("libQt6Gui.so.6", False),
        ("libQt6Svg.so.6", False),
        ("PySide6/Qt/translations/qtbase_de.qm", False),
        ("PySide6/Qt/translations/qtbase_fr.qm", True),
        ("qt_help_ja.qm", True),
        ("resources/i18n/de.toml", False),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", False),
        ("PySide6/Qt/plugins/platforms/libqwayland.so", False),
        ("PySide6/Qt/plugins/platforms/libqoffscreen.so", False),
        ("PySide6\\plugins\\platforms\\qwindows.dll", False),
        ("PySide6/Qt/plugins/platforms/libqeglfs.so", True),
        ("PySide6/Qt/plugins/platforms/libqminimalegl.so", True),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", True),
        ("PySide6/Qt/plugins/platformthemes/libqxdgdesktopportal.so", False),
        ("PySide6/Qt/plugins/tls/libqopensslbackend.so", True),
        ("PySide6/Qt/plugins/xcbglintegrations/libqxcb-glx-integration.so", False),
        ("libstdc++.so.6", True),
        ("libgcc_s.so.1", True),
        ("libpython3.11.so.1.0", False),
    ],
)
def test_libraries_that_are_left_out(name, out):
    assert freezing.unwanted(name) is out


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("libopenvino.so.2641", True), ("libtbb.so.12", True), ("a.dll", True), ("x.dylib", True), ("cache.json", False)],
)
def test_libraries_are_known_by_their_names(name, is_one):
    assert freezing.is_library(name) is is_one


@pytest.mark.parametrize("name", ["linux", "windows", "macos"])
def test_the_environment_is_the_lock_without_torch(name):
    lock = (ROOT / "installer" / "locks" / f"{name}.txt").read_text(encoding="utf-8")
    kept = build.needed(lock)
    names = re.findall(r"(?m)^([\w.-]+)==", kept)
    assert {*names, "torch"} == set(re.findall(r"(?m)^([\w.-]+)==", lock))
    assert "torch" not in names
    assert {"numpy", "pyside6-essentials", "openvino", "pydicom", "pyinstaller"} <= set(names)
    assert len(re.findall(r"(?m)^\S+==\S+ (?:;.*)?\\\n    --hash=sha256:", kept)) == len(names), "each with its hash"


def test_what_builds_is_pinned():
    lines = (ROOT / "installer" / "build-requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"#|\S+==[\d.]+(;|$)", line) for line in lines)


def test_the_version_comes_from_its_one_place():
    from core.version import VERSION

    assert build.version() == VERSION


def test_a_program_for_another_system_is_refused(tmp_path, capsys):
    other = next(name for key, name in build.PLATFORMS.items() if key != sys.platform)
    with pytest.raises(SystemExit):
        build.main([f"--{other}", "--out", str(tmp_path / "out")])
    assert "can only be made there" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------ the pack


@pytest.fixture
def pack(tmp_path):
    for name in (
        *("torch/__init__.py", "torch/include/a.h", "torch/lib/libtorch.so", "torch/lib/libx.a", "torch/bin/protoc-1"),
        *("torch/bin/torch_shm_manager", "torch-2.13.0+cpu.dist-info/METADATA", "numpy/__init__.py", "numpy.libs/b.so"),
        *("numpy-2.4.6.dist-info/METADATA", "sympy/core/tests/test_a.py", "sympy/core/basic.py", "onnx/test/t.py"),
    ):
        (tmp_path / "pack" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pack" / name).write_text(name)
    return tmp_path / "pack"


def test_a_pack_holds_what_is_used_and_no_second_numpy(pack):
    torchpack.prune(pack)
    assert {file.relative_to(pack).as_posix() for file in pack.rglob("*") if file.is_file()} == {
        "torch/__init__.py",
        "torch/lib/libtorch.so",
        "torch/bin/torch_shm_manager",
        "torch-2.13.0+cpu.dist-info/METADATA",
        "sympy/core/basic.py",
    }


def test_its_list_names_every_file_with_its_sum(pack):
    torchpack.prune(pack)
    made = torchpack.write_manifest(pack, "cpu", "cp311", "linux-x86_64")
    read = json.loads((pack / "manifest.json").read_text(encoding="utf-8"))
    assert read == made
    assert (read["torch"], read["python"], read["name"]) == ("2.13.0+cpu", "cp311", "cpu")
    assert len(read["files"]) == 5
    told = subprocess.run(["sha256sum", "torch/lib/libtorch.so"], cwd=pack, capture_output=True, text=True, check=True)
    assert read["files"]["torch/lib/libtorch.so"] == told.stdout.split()[0]
