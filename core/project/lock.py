"""Who may draw: one process at a time holds a project's annotations, and all others can see who.

The lock is a file that its owner keeps locked through the operating system, which
lets go of it the moment the owner dies, and in which it writes its name and a
beat. Where the system's locks do not reach (some network shares) the name and the
beat alone decide, and nothing is ever taken from another machine without being
asked to.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from core.errors import LockedError
from core.io.atomic import storage_error
from core.project.records import utc_now

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "meninx.lock"
BEAT_SECONDS = 1.0
WATCH_SECONDS = 3.5
"""How long a beat must have stood still before a lock counts as left behind."""
_RECORD = 1024
# far behind the text: Windows keeps others from reading locked bytes
_LOCKED_AT = 1 << 30


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock; ``started`` tells processes with the same number apart."""

    owner: str
    host: str
    pid: int
    started: str
    since: str
    token: str
    beat: int = 0


class AnnotationLock:
    """The right to change a project's annotations.

    Parameters
    ----------
    project
        The project's folder.
    owner
        Name shown to others.
    """

    def __init__(self, project: Path, owner: str) -> None:
        self.file = Path(project) / NAME
        self.owner = owner
        self._descriptor = -1
        self._holder: Holder | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor >= 0

    def holder(self) -> Holder | None:
        """Return who is written in the lock file, or None."""
        return _read(self.file)

    def acquire(self, *, take_over: bool = False) -> None:
        """Take the lock, at once where its owner is dead on this machine.

        Parameters
        ----------
        take_over
            Take it from another machine too, if its beat stands still.

        Raises
        ------
        LockedError
            ``project-locked`` with ``holder`` and ``since``.
        StorageError
            ``read-only`` and the like, if no lock file can be written.
        """
        if self.held:
            return
        descriptor = self._open()
        try:
            before = _read(self.file)
            if before is not None and not _left_behind(self.file, before, take_over=take_over):
                raise _locked(before)
            self._holder = Holder(
                self.owner, socket.gethostname(), os.getpid(), started_at(os.getpid()), utc_now(), secrets.token_hex(8)
            )
            try:
                _write(descriptor, self._holder)
            except OSError as error:
                raise storage_error(error, self.file) from error
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._stop.clear()
        self._thread = threading.Thread(target=self._beat, name="meninx-lock", daemon=True)
        self._thread.start()

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        while True:
            try:
                descriptor = os.open(self.file, flags, 0o666)
            except OSError as error:
                raise storage_error(error, self.file) from error
            if not _lock(descriptor):
                os.close(descriptor)
                raise _locked(_read_patiently(self.file))
            # its owner may have let go and removed it between our opening and our locking
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), self.file.stat()):
                    return descriptor
            os.close(descriptor)

    def _beat(self) -> None:
        holder = self._holder
        while holder is not None and not self._stop.wait(BEAT_SECONDS):
            holder = Holder(**(asdict(holder) | {"beat": holder.beat + 1}))
            # a full disk does not matter: the system's lock holds, and the record has its space
            with contextlib.suppress(OSError):
                _write(self._descriptor, holder)

    def release(self) -> None:
        """Let go; may be called twice."""
        if not self.held:
            return
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        descriptor, self._descriptor = self._descriptor, -1
        with contextlib.suppress(OSError):
            if os.name == "nt":
                # an open file cannot be removed there; empty, it names nobody
                os.ftruncate(descriptor, 0)
            else:
                self.file.unlink(missing_ok=True)
        os.close(descriptor)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _locked(holder: Holder | None) -> LockedError:
    if holder is None:
        return LockedError("project-locked", holder="?", since="?")
    return LockedError("project-locked", holder=f"{holder.owner}@{holder.host}", since=holder.since)


def _lock(descriptor: int) -> bool:
    """Return False if another process, or this one elsewhere, has it; True also where no such lock exists."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _LOCKED_AT, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        # no locks on this share: the record alone decides
        return True
    return True


def _write(descriptor: int, holder: Holder) -> None:
    # in place: a new file would carry a new lock. Readers wait out a half-written record.
    record = json.dumps(asdict(holder)).encode().ljust(_RECORD)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, record)
    os.fsync(descriptor)


def _read(file: Path) -> Holder | None:
    try:
        return Holder(**json.loads(file.read_bytes()[:_RECORD]))
    except (OSError, ValueError, TypeError):
        return None


def _read_patiently(file: Path) -> Holder | None:
    for _ in range(20):
        found = _read(file)
        if found is not None:
            return found
        time.sleep(0.01)
    return None


def _left_behind(file: Path, holder: Holder, *, take_over: bool) -> bool:
    """Whether a record outlived its owner. The system's lock, if there is one, is ours already."""
    if holder.host == socket.gethostname():
        if not is_alive(holder.pid):
            return True
        if holder.started and holder.started != started_at(holder.pid):
            # another process was given the number
            return True
    elif not take_over:
        return False
    # A living process of this machine whose lock we got: there are no system locks
    # here, or it let go without cleaning up. Or another machine. The beat tells.
    until = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until:
        now = _read_patiently(file)
        if now is None:
            return True
        if (now.token, now.beat) != (holder.token, holder.beat):
            return False
        time.sleep(BEAT_SECONDS / 5)
    return True


def is_alive(pid: int) -> bool:
    """Return whether a process of this computer still runs."""
    if sys.platform == "win32":
        import ctypes

        query_limited_information, still_active = 0x1000, 259
        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(query_limited_information, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == still_active
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def started_at(pid: int) -> str:
    """Return what tells a process from a later one of the same number; empty where unknown."""
    with contextlib.suppress(OSError, IndexError):
        # field 22, counted behind the name, which may hold blanks and brackets
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
