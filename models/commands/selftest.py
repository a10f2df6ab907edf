"""Check that this installation works: what an installed copy must pass.

Nothing is looked at but made-up heads, in a folder that goes at the end; the person's own settings and projects are
neither read nor written. Whatever a person's click would run in a child runs in a child here.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from core.commands.line import Line
from core.errors import MeninxError
from core.events import Failed, Finished
from core.io import atomic
from core.io.sandbox import Decoder
from core.labels import BRAIN
from core.learning.config import TrainingConfig
from core.messages import sentence, text
from core.phantom import Phantom, make_head
from core.places import HOME_VARIABLE
from core.project.project import Project
from core.project.records import Origin, SliceState
from models.exported import load_openvino
from models.worker import Job, run_job

LIBRARIES = (
    *("cv2", "h5py", "nibabel", "pydicom", "scipy.ndimage", "skimage.graph", "skimage.segmentation"),
    *("highdicom.seg", "pycocotools.mask", "nrrd", "isal.igzip", "gdcm", "openjpeg", "jpeg_ls", "PIL.Image"),
)
SHAPE = (6, 64, 56)
SIZE = 32
PATIENCE = 300.0
"""Seconds without a word from a child, on a busy machine too."""
PICTURE = "window.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--torch", action="store_true", help=text("learning.selftest_torch_help"))
    parser.add_argument("--gui", action="store_true", help=text("learning.selftest_gui_help"))
    parser.add_argument("--picture", type=Path, metavar="FILE", help=text("learning.selftest_picture_help"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Run the checks and return one fact per check: empty words for one that passed."""
    checks: dict[str, Callable[[Path], None]] = {
        "libraries": _libraries,
        "project": _project,
        "decoding": _decoding,
        "strip": _strip,
    }
    if arguments.torch:
        checks["training"] = _training
    if arguments.gui:
        checks["window"] = _window
    faults: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="meninx-selftest-") as name, _home(Path(name) / "home"):
        for what, check in checks.items():
            folder = Path(name) / what
            folder.mkdir()
            faults[what] = _fault(check, folder)
            key = "learning.selftest_bad" if faults[what] else "learning.selftest_ok"
            line.say(text(key, what=text(f"learning.selftest_{what}"), reason=faults[what]))
        taken = Path(name) / "window" / PICTURE
        if arguments.picture is not None and taken.is_file():
            atomic.write_bytes(arguments.picture, taken.read_bytes())
    return {"checks": faults, "exit": 1 if any(faults.values()) else 0}


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Let this process and its children keep what belongs to a person in a folder that goes afterwards."""
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(folder)
    try:
        yield
    finally:
        del os.environ[HOME_VARIABLE]
        if before is not None:
            os.environ[HOME_VARIABLE] = before


def _fault(check: Callable[[Path], None], folder: Path) -> str:
    try:
        check(folder)
    except MeninxError as error:
        return sentence(error)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with this copy is the finding
        return f"{type(error).__name__}: {error}"
    return ""


def _libraries(_folder: Path) -> None:
    load_openvino()
    for name in LIBRARIES:
        importlib.import_module(name)


def _project(folder: Path) -> None:
    """Write and read back scans with their masks."""
    with _sample(folder) as project:
        problems = project.verify()
        if problems:
            raise RuntimeError(problems[0])


def _decoding(folder: Path) -> None:
    """Let the decoding child read a file, and compare every voxel."""
    head = make_head(1, shape=SHAPE)
    file = _as_file(head, folder / "head.nii.gz")
    with Decoder() as decoder:
        (source,) = decoder.find([file]).sources
        read = decoder.read(source)
    if not np.array_equal(read.array, head.volume.array):
        raise MeninxError("selftest-failed", step="decoding")


def _strip(folder: Path) -> None:
    """Strip a file with what this copy strips with (a starter runs on OpenVINO, the rough way needs no model)."""
    file = _as_file(make_head(2, shape=SHAPE), folder / "head.nii.gz")
    result = _in_child(Job("strip", {"inputs": [file], "folder": folder / "out"}))
    if result["failed"] or not (folder / "out" / "head_mask.nii.gz").is_file():
        raise MeninxError("selftest-failed", step="strip")


def _training(folder: Path) -> None:
    """Train for two steps, export, and predict with the exported network, each in a child."""
    with _sample(folder) as project:
        config = TrainingConfig(labels=(BRAIN,), network="unet_light", size=SIZE, slices=1, epochs=1, steps=2)
        _in_child(Job("train", {"project_path": project.path, "config": config}))
        result = _in_child(Job("predict", {"project_path": project.path, "run": "last"}))
    if not result["scans"]:
        raise MeninxError("selftest-failed", step="predict")


def _window(folder: Path) -> None:
    """Open the window in a process of its own, draw, save, and read back."""
    file = _as_file(make_head(3, shape=SHAPE), folder / "head.nii.gz")
    ours, theirs = multiprocessing.get_context("spawn").Pipe(duplex=False)
    _last_word(ours, theirs, serve_window, (theirs, file, folder))


def serve_window(connection: Connection, file: Path, folder: Path) -> None:
    """Drive the window and say how it ended: the target of a spawned process."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        importlib.import_module("gui.selftest").drive(file, folder)
    except MeninxError as error:
        connection.send(Failed(error, ""))
    except BaseException as error:  # noqa: BLE001 - the boundary of the process
        connection.send(Failed(MeninxError("job-crashed", reason=f"{type(error).__name__}: {error}"), ""))
    else:
        connection.send(Finished())


def _in_child(job: Job) -> dict[str, Any]:
    """Run a job as the window does, and return its result."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    return _last_word(ours, theirs, run_job, (theirs, job))


def _last_word(
    ours: Connection, theirs: Connection, target: Callable[..., None], arguments: tuple[Any, ...]
) -> dict[str, Any]:
    """Start a process, hear it to its end, and return what it finished with."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    theirs.close()
    try:
        while ours.poll(PATIENCE):
            event = ours.recv()
            if isinstance(event, Failed):
                raise event.error
            if isinstance(event, Finished):
                return event.result
        raise MeninxError("job-crashed", reason="TimeoutError")
    except (EOFError, OSError) as error:
        process.join(1.0)
        raise MeninxError("job-crashed", reason=f"exit {process.exitcode}") from error
    finally:
        process.join(10.0)
        process.kill()
        process.join()
        ours.close()


def _as_file(head: Phantom, file: Path) -> Path:
    """Write a made-up head as NIfTI."""
    image = nibabel.Nifti1Image(head.volume.array.transpose(2, 1, 0), head.volume.geometry.affine)
    atomic.write_bytes(file, gzip.compress(image.to_bytes(), compresslevel=1))
    return file


def _sample(folder: Path) -> Project:
    """Make a project of three made-up heads whose brain is drawn."""
    project = Project.create(folder / "selftest.meninx")
    label = project.ensure_label(BRAIN)
    for number in range(3):
        head = make_head(10 + number, shape=SHAPE)
        scan = project.add_scan(head.volume, patient=f"selftest {number}")
        annotation = project.ensure_annotation(scan.id, "selftest")
        states = [SliceState(index, Origin.DRAWN, finished=True) for index in range(SHAPE[0])]
        layers = {label.layer: head.masks[BRAIN].astype(np.uint8) * np.uint8(label.value)}
        project.save_layers(annotation.id, layers, {label.layer: states}, journal_sequence=0)
    return project
