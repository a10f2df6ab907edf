"""Check that this installation works: what an installed copy must pass."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.commands.line import Line
from core.errors import MeninxError
from core.geometry import Geometry
from core.learning.config import TrainingConfig
from core.messages import sentence, text
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.volume import Volume
from models.worker import Job, events_of

SLICES, SIZE = 4, 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--torch", action="store_true", help=text("learning.selftest_torch_help"))
    parser.add_argument("--gui", action="store_true", help=text("learning.selftest_gui_help"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Run the checks and return one fact per check: empty words for one that passed."""
    checks: dict[str, Callable[[], None]] = {"libraries": _libraries, "project": _project}
    if arguments.torch:
        checks["training"] = _training
    if arguments.gui:
        checks["window"] = _window
    faults: dict[str, str] = {}
    for what, check in checks.items():
        faults[what] = _fault(check)
        key = "learning.selftest_bad" if faults[what] else "learning.selftest_ok"
        line.say(text(key, what=text(f"learning.selftest_{what}"), reason=faults[what]))
    return {"checks": faults, "exit": 1 if any(faults.values()) else 0}


def _fault(check: Callable[[], None]) -> str:
    try:
        check()
    except MeninxError as error:
        return sentence(error)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this copy is the finding
        return f"{type(error).__name__}: {error}"
    return ""


def _libraries() -> None:
    for name in ("cv2", "h5py", "nibabel", "pydicom", "scipy", "openvino"):
        importlib.import_module(name)


def _project() -> None:
    """Write and read back a scan with its mask in a project of its own."""
    with tempfile.TemporaryDirectory(prefix="meninx-selftest-") as folder, _sample(Path(folder)) as project:
        problems = project.verify()
        if problems:
            raise RuntimeError(problems[0])


def _training() -> None:
    """Train for two steps, export, and predict with the exported network."""
    with tempfile.TemporaryDirectory(prefix="meninx-selftest-") as folder, _sample(Path(folder)) as project:
        config = TrainingConfig(labels=("Disc",), network="unet_light", size=SIZE, slices=1, epochs=1, steps=2)
        for job in (
            Job("train", {"project_path": project.path, "config": config}),
            Job("predict", {"project_path": project.path, "run": "last"}),
        ):
            for _event in events_of(job):
                pass


def _window() -> None:
    """Open the window without a screen in a process of its own, and close it at once."""
    program = (
        "from PySide6.QtCore import QTimer\n"
        "from gui.app import make_application\n"
        "from gui.main_window import MainWindow\n"
        "from gui.session import Session\n"
        "from gui.settings import Settings\n"
        "application = make_application()\n"
        "window = MainWindow(Session(Settings()))\n"
        "window.show()\n"
        "QTimer.singleShot(200, window.close)\n"
        "application.exec()\n"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {"QT_QPA_PLATFORM": "offscreen"}
    _run([sys.executable, "-c", program], root, environment)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    import os

    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()
        raise RuntimeError(last[-1] if last else str(done.returncode))


def _sample(folder: Path) -> Project:
    """Make a project of two scans with a bright disc on every slice."""
    project = Project.create(folder / "selftest.meninx")
    label = project.ensure_label("Disc")
    rows, columns = np.mgrid[:SIZE, :SIZE]
    disc = ((rows - 16) ** 2 + (columns - 16) ** 2 < 64).astype(np.uint8)
    mask = np.repeat(disc[None], SLICES, axis=0)
    for number in range(2):
        array = mask * np.uint8(150) + np.uint8(40 + number)
        scan = project.add_scan(Volume(array, Geometry.of_picture(SIZE, SIZE, SLICES)), patient=f"selftest {number}")
        annotation = project.ensure_annotation(scan.id, "selftest")
        states = [SliceState(index, Origin.DRAWN, finished=True) for index in range(SLICES)]
        layers = {label.layer: mask * np.uint8(label.value)}
        project.save_layers(annotation.id, layers, {label.layer: states}, journal_sequence=0)
    return project
