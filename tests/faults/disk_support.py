"""Disks that fail: injected at any call of the system, or real ones that are small or read-only."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from core.geometry import Geometry
from core.project.project import Project
from core.project.records import Annotation, Origin, SliceState
from core.volume import Volume

SHAPE = (4, 40, 32)
CALLS = ("open", "mkdir", "write", "fsync", "replace", "ftruncate", "close", "read", "lseek")


class FaultyDisk:
    """Lets the n-th system call of the writer fail, once or from then on.

    Parameters
    ----------
    number
        Of the error.
    at
        Which call, counted from 1 over all kinds.
    once
        Whether the disk is well again afterwards.
    """

    def __init__(self, number: int, at: int, *, once: bool) -> None:
        self.number = number
        self.at = at
        self.once = once
        self.calls = 0
        self.failed = ""

    def fails(self, name: str) -> bool:
        self.calls += 1
        if self.calls == self.at or (self.calls > self.at and not self.once and name in {"write", "mkdir", "open"}):
            self.failed = self.failed or name
            return True
        return False


@contextlib.contextmanager
def faulty(disk: FaultyDisk) -> Iterator[FaultyDisk]:
    """Put the faulty disk under ``os`` for a while. SQLite and HDF5 go past it."""
    real = {name: getattr(os, name) for name in CALLS}

    def wrapped(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if disk.fails(name):
                if name == "close":
                    # the descriptor is gone either way, as with a network file system that reports late
                    real[name](*arguments, **named)
                if name == "write":
                    # half of it reaches the disk first
                    descriptor, data = arguments
                    real[name](descriptor, memoryview(data)[: len(data) // 2])
                raise OSError(disk.number, os.strerror(disk.number))
            return real[name](*arguments, **named)

        return call

    for name in CALLS:
        setattr(os, name, wrapped(name))
    try:
        yield disk
    finally:
        for name in CALLS:
            setattr(os, name, real[name])


@contextlib.contextmanager
def short_writes() -> Iterator[None]:
    """Let every write take fewer bytes than it was given, as a system may."""
    real = os.write

    def call(descriptor: int, data: bytes | memoryview) -> int:
        return real(descriptor, memoryview(data)[: max(1, len(data) // 3)])

    os.write = call
    try:
        yield
    finally:
        os.write = real


@contextlib.contextmanager
def nothing_written() -> Iterator[None]:
    """Let writes take nothing and say so without an error."""
    real = os.write
    os.write = lambda descriptor, data: 0
    try:
        yield
    finally:
        os.write = real


class SmallDisk:
    """A real file system of a few megabytes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "filler"

    def leave(self, free: int) -> None:
        """Fill it until only so many bytes are free."""
        self.release()
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        stat = os.statvfs(self.root)
        assert stat.f_bavail == 0
        os.truncate(self._filler, max(0, self._filler.stat().st_size - free))

    def release(self) -> None:
        """Empty it again."""
        self._filler.unlink(missing_ok=True)

    def read_only(self) -> None:
        """Make it a medium that nobody can write."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.root)], check=True, capture_output=True)


@contextlib.contextmanager
def mounted(root: Path, size: str) -> Iterator[SmallDisk | None]:
    """Mount a small disk, or yield None where that is not allowed."""
    root.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(root)], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True, capture_output=True)


def head(seed: int = 0) -> Volume:
    """Return a small scan that does not compress."""
    array = np.random.default_rng(seed).integers(0, 30_000, SHAPE).astype(np.int16)
    return Volume(array, Geometry(SHAPE, np.eye(4)), modality="MR")


def noise(seed: int) -> np.ndarray:
    """Return a mask that does not compress."""
    return np.random.default_rng(seed).integers(0, 3, SHAPE).astype(np.uint8)


def begun(path: Path) -> tuple[Project, Annotation]:
    """Make a project with one scan and a saved version of its brain."""
    project = Project.create(path)
    project.ensure_label("Brain")
    scan = project.add_scan(head(), patient="Doe")
    annotation = project.ensure_annotation(scan.id, "anna")
    states = [SliceState(0, Origin.DRAWN, None, True, "anna", 2.0)]
    project.save_layers(annotation.id, {"brain": noise(1)}, {"brain": states}, journal_sequence=1)
    return project, annotation


NUMBERS = {
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.EIO: "write-failed",
    errno.EROFS: "read-only",
    errno.EACCES: "read-only",
    errno.EINTR: "write-failed",
}
