"""Choosing a pack of torch: unpacked, tested, then used; and the way back to the one that came with the program.

What is chosen stands in ``torchpack.json`` of the person's data folder, which :mod:`models.torchpack` reads. A pack
that fails there is switched off (``"folder": ""``) and keeps its place below ``"kept"``, with the reason, so that it
can be tried again once a driver is there.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import places
from core.errors import Cancelled, LearningError, MeninxError, StorageError
from core.events import Events, Finished, Progress, StopCheck, never_stop
from core.io import atomic
from core.packs import PackFile
from models import torchpack
from models.torchpack_trial import SECONDS, Passed, run_trial

FOLDER = "packs"
_MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """The pack somebody chose.

    Parameters
    ----------
    folder
        Where it lies.
    name, torch, device
        ``cu130``, the version of torch, and the graphics card it passed its test on.
    bytes
        On the disk.
    why
        Why it was switched off; None while it is in use.
    """

    folder: Path
    name: str
    torch: str
    device: str
    bytes: int
    why: MeninxError | None = None


def can_choose() -> bool:
    """Whether this copy takes packs: an installed one does, a checkout has torch in its environment."""
    return bool(getattr(sys, "frozen", False))


def packs_folder() -> Path:
    """Return where unpacked packs lie."""
    return places.data() / FOLDER


def choice() -> Choice | None:
    """Return what was chosen, in use or switched off; None where nothing was, or its folder is gone."""
    told = _read()
    try:
        place = str(told["folder"] or told["kept"])
        why = LearningError(str(told["why"]), **dict(told.get("fields", {}))) if told.get("why") else None
        folder = places.data() / place
        facts = (str(told.get("name", "")), str(told.get("torch", "")), str(told.get("device", "")))
        amount = int(told.get("bytes", 0))
    except (KeyError, TypeError, ValueError):
        return None
    return Choice(folder, *facts, amount, why) if (folder / "torch").is_dir() else None


def choose_job(
    file: Path, *, seconds: float = SECONDS, thorough: bool = True, should_stop: StopCheck = never_stop
) -> Events:
    """Unpack a pack file, test it, and use it from now on; whatever goes wrong, what was used before still is.

    Parameters
    ----------
    file
        A ``Meninx-gpu-….pack``.
    seconds, thorough
        As :func:`models.torchpack_trial.run_trial` takes them.

    Yields
    ------
    JobEvent
        Progress in megabytes, then Finished with ``{"name", "torch", "device", "folder"}``.

    Raises
    ------
    InputError
        What :class:`core.packs.PackFile` says; ``pack-platform``, ``pack-python``.
    StorageError
        ``pack-space``, ``disk-full`` and the like.
    LearningError
        What the test says.
    """
    place = packs_folder()
    atomic.make_folder(place)
    sweep()
    yield Progress(0, 0, "pack-look", detail=Path(file).name)
    trial = place / f"{atomic.TEMPORARY}{secrets.token_hex(4)}"
    try:
        with PackFile(Path(file)) as pack:
            pack.check_fits()
            pack.check_room(place)
            manifest, size = pack.manifest, pack.size
            yield from _unpack(pack, trial, should_stop)
        yield Progress(0, 0, "pack-trial", detail=manifest.torch)
        passed = run_trial(
            trial,
            torch=manifest.torch,
            needs_gpu=manifest.needs_gpu,
            seconds=seconds,
            thorough=thorough,
            should_stop=should_stop,
        )
        final = place / f"{manifest.name}-{secrets.token_hex(4)}"
        atomic.move(trial, final)
        _write(_in_use(final, manifest.name, passed, size))
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    sweep()
    yield Finished({"name": manifest.name, "torch": passed.torch, "device": passed.device, "folder": str(final)})


def _unpack(pack: PackFile, trial: Path, should_stop: StopCheck) -> Events:
    whole = max(1, pack.size // _MEGA)
    with closing(pack.unpacking(trial)) as pieces:
        for done in pieces:
            if should_stop():
                raise Cancelled
            yield Progress(done // _MEGA, whole, "pack-unpack")


def check_job(*, seconds: float = SECONDS, thorough: bool = True, should_stop: StopCheck = never_stop) -> Events:
    """Test the chosen pack once more: one that passes is used (again), one that fails is switched off.

    Raises
    ------
    LearningError
        ``pack-none`` where nothing was chosen; what the test says.
    """
    found = choice()
    if found is None:
        raise LearningError("pack-none")
    yield Progress(0, 0, "pack-trial", detail=found.torch)
    try:
        passed = run_trial(
            found.folder,
            torch=found.torch,
            needs_gpu=found.name != "cpu",
            seconds=seconds,
            thorough=thorough,
            should_stop=should_stop,
        )
    except Cancelled:
        raise
    except LearningError as error:
        switch_off(error)
        raise
    _write(_in_use(found.folder, found.name, passed, found.bytes))
    facts = {"name": found.name, "torch": passed.torch, "device": passed.device, "folder": str(found.folder)}
    yield Finished(facts)


def switch_off(why: MeninxError) -> None:
    """Go back to the pack that came with the program; the chosen one stays where it is, with the reason."""
    found = choice()
    if found is not None:
        facts = {"folder": "", "kept": _relative(found.folder), "name": found.name, "torch": found.torch}
        _write(facts | {"device": found.device, "bytes": found.bytes, "why": why.code, "fields": why.fields})


def remove() -> bool:
    """Go back to the pack that came with the program and delete the chosen one; return whether there was one."""
    there = choice() is not None
    _write({"folder": ""})
    sweep()
    return there


def sweep() -> None:
    """Delete what is not chosen: packs of before, and halves that a crash left behind.

    What cannot be deleted now (on Windows, while it is in use) is deleted the next time.
    """
    found = choice()
    kept = found.folder.resolve() if found is not None else None
    place = packs_folder()
    for folder in sorted(place.iterdir()) if place.is_dir() else ():
        if folder.resolve() != kept:
            shutil.rmtree(folder, ignore_errors=True)


def gave_up(error: BaseException) -> bool:
    """Go back to the pack that came with the program if a chosen one cannot be loaded; return whether it was one."""
    return _go_back(LearningError("pack-failed", reason=type(error).__name__))


def died(reason: str) -> bool:
    """Go back as well where a chosen pack took its process with it; return whether there was one in use."""
    return _go_back(LearningError("pack-died", reason=reason))


def _go_back(why: LearningError) -> bool:
    if not can_choose() or not is_chosen(torchpack.folder()):
        return False
    switch_off(why)
    return True


def is_chosen(folder: Path | None) -> bool:
    """Whether a pack is the one from the settings."""
    found = choice()
    return folder is not None and found is not None and found.why is None and found.folder == folder


def _in_use(folder: Path, name: str, passed: Passed, size: int) -> dict[str, Any]:
    facts = {"folder": _relative(folder), "name": name, "torch": passed.torch, "device": passed.device}
    return facts | {"bytes": size, "tried": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def _relative(folder: Path) -> str:
    return folder.relative_to(places.data()).as_posix()


def _read() -> dict[str, Any]:
    try:
        told = json.loads((places.data() / torchpack.CHOICE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _write(facts: dict[str, Any]) -> None:
    data = places.data()
    if not data.is_dir():
        places.make(data)
    try:
        atomic.write_bytes(data / torchpack.CHOICE, (json.dumps(facts, indent=1) + "\n").encode("utf-8"))
    except StorageError:
        # a full disk must not keep somebody on a pack that does not work
        if facts["folder"] or not (data / torchpack.CHOICE).exists():
            raise
        (data / torchpack.CHOICE).unlink()
