"""The test that a pack must pass before it is used: in a child, so that whatever it does costs nothing.

The child imports torch from the pack and from nowhere else, sees the graphics card if the pack is for one, multiplies
two matrices there and compares them with numpy's, makes one step of training, and then trains with the program's own
networks. A child that dies, hangs or says another word than "good" is a pack that is not used.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import Cancelled, LearningError, MeninxError
from core.events import StopCheck, never_stop
from models import torchpack

SECONDS = 300.0
"""The first use of a new graphics card compiles for it, which takes minutes."""
_LOOK = 0.2
_LATE = 10.0
_SIDE = 64
_NEAR = 0.02
"""Graphics cards multiply with ten bits of mantissa unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What a pack showed in its test.

    Parameters
    ----------
    torch
        Version.
    device
        Name of the graphics card; empty for the processor.
    """

    torch: str
    device: str


def run_trial(
    folder: Path,
    *,
    torch: str,
    needs_gpu: bool,
    seconds: float = SECONDS,
    thorough: bool = True,
    should_stop: StopCheck = never_stop,
) -> Passed:
    """Test an unpacked pack in a child of its own.

    Parameters
    ----------
    folder
        The pack.
    torch
        The version it says it is.
    needs_gpu
        Whether it must see a graphics card.
    seconds
        After this the child is ended.
    thorough
        Whether the program's own networks learn too.
    should_stop
        Any word ends the child.

    Raises
    ------
    LearningError
        ``pack-no-gpu``, ``pack-failed`` (with the reason in its own words), ``pack-died``, ``pack-slow``.
    Cancelled
        When asked to stop.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    facts: dict[str, Any] = {"folder": str(folder), "torch": torch, "needs_gpu": needs_gpu}
    facts |= {"thorough": thorough, "seconds": seconds + _LATE}
    child = context.Process(target=_in_child, args=(theirs, facts), name="meninx-pack-trial")
    try:
        child.start()
    except OSError as error:
        raise LearningError("pack-failed", reason=error.strerror or type(error).__name__) from error
    theirs.close()
    try:
        said = _wait(ours, child, time.monotonic() + seconds, should_stop)
    finally:
        ours.close()
        child.join(_LOOK)
        if child.is_alive():
            child.kill()
        child.join()
    if said is None:
        raise LearningError("pack-died", reason=_how(child.exitcode))
    if "code" in said:
        raise LearningError(said["code"], **said["fields"])
    return Passed(said["torch"], said["device"])


def _wait(ours: Connection, child: BaseProcess, until: float, should_stop: StopCheck) -> dict[str, Any] | None:
    """Return what the child said; None if it ended without a word."""
    while True:
        try:
            if ours.poll(_LOOK):
                heard: dict[str, Any] = ours.recv()
                return heard
        except (EOFError, OSError):
            child.join(5)
            return None
        if should_stop():
            raise Cancelled
        if time.monotonic() > until:
            raise LearningError("pack-slow")


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            pass
    return str(status)


# ------------------------------------------------------------------------------------------------ in the child


def _in_child(connection: Connection, facts: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(facts["seconds"],), name="pack-trial-watch", daemon=True).start()
    try:
        said: dict[str, Any] = _look(Path(facts["folder"]), facts)
    except MeninxError as error:
        said = {"code": error.code, "fields": error.fields}
    except BaseException as error:  # noqa: BLE001 - whatever this torch does is the finding
        said = {"code": "pack-failed", "fields": {"reason": _first_line(error)}}
    connection.send(said)
    connection.close()


def _end_with_parent(seconds: float) -> None:
    """End this process when nobody waits for it any more, whatever torch does in the other thread."""
    parent = multiprocessing.parent_process()
    wait([parent.sentinel] if parent is not None else [], seconds)
    os._exit(1)


def _first_line(error: BaseException) -> str:
    words = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {words}"[:200].rstrip(": ")


def _look(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    _only(folder)
    # named, not imported: this module is loaded where no torch is
    torch: Any = importlib.import_module("torch")
    if not Path(str(torch.__file__)).resolve().is_relative_to(folder.resolve()):
        raise LearningError("pack-failed", reason=f"torch {torch.__version__} of another place")
    if str(torch.__version__) != facts["torch"]:
        raise LearningError("pack-failed", reason=f"torch {torch.__version__}, not {facts['torch']}")
    device, name = torch.device("cpu"), ""
    if facts["needs_gpu"]:
        if not torch.cuda.is_available():
            raise LearningError("pack-no-gpu")
        device, name = torch.device("cuda"), str(torch.cuda.get_device_name(0))
    _multiply(torch, device)
    _step(torch, device)
    if facts["thorough"]:
        _learn(facts["needs_gpu"])
    return {"torch": str(torch.__version__), "device": name}


def _only(folder: Path) -> None:
    """Let torch come from this pack: no other pack stays on the path, and in a checkout it comes before the rest."""
    os.environ[torchpack.VARIABLE] = str(folder)
    if getattr(sys, "frozen", False):
        sys.path[:] = [place for place in sys.path if not (Path(place) / "torch").is_dir()]
        sys.path.append(str(folder))
    else:
        sys.path.insert(0, str(folder))


def _multiply(torch: Any, device: Any) -> None:
    numbers = (np.arange(_SIDE * _SIDE, dtype=np.float32) % 7 - 3).reshape(_SIDE, _SIDE)
    there = torch.from_numpy(numbers).to(device)
    made = (there @ there).cpu().numpy()
    if not np.allclose(made, numbers @ numbers, rtol=_NEAR, atol=_NEAR):
        raise LearningError("pack-failed", reason="a product of two matrices came out wrong")


def _step(torch: Any, device: Any) -> None:
    layer = torch.nn.Conv2d(1, 4, 3, padding=1).to(device)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    picture = torch.from_numpy(np.ones((2, 1, 16, 16), np.float32)).to(device)
    before = float((layer(picture) ** 2).mean().detach())
    for _ in range(3):
        optimiser.zero_grad()
        loss = (layer(picture) ** 2).mean()
        loss.backward()
        optimiser.step()
    after = float((layer(picture) ** 2).mean().detach())
    if not (np.isfinite(after) and after < before):
        raise LearningError("pack-failed", reason="a step of training did not learn")


def _learn(on_gpu: bool) -> None:
    """Make a step of one of the program's own networks, as a training does."""
    torch: Any = importlib.import_module("torch")
    registry: Any = importlib.import_module("models.networks.registry")
    device = torch.device("cuda" if on_gpu else "cpu")
    network = registry.build_network("unet_light", inputs=1, outputs=1, size=_SIDE).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    # what it gives while it learns may have more levels than one: any number to make smaller will do
    loss = (network(torch.ones((2, 1, _SIDE, _SIDE), device=device)) ** 2).mean()
    loss.backward()
    optimiser.step()
    if not np.isfinite(float(loss.detach())):
        raise LearningError("pack-failed", reason="the program's own network did not learn")
