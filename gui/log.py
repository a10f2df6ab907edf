"""The log of the window: what went wrong, where in the program, and of what kind; never whose scan it was."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import functools
import logging
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

import PySide6
from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from core import places
from core.errors import StorageError
from core.project.lock import is_alive
from core.traces import scrub, scrub_crash
from core.version import VERSION

log = logging.getLogger("meninx")
FILE = "meninx.log"
_BYTES, _OLDER = 1_000_000, 2
_CRASH = re.compile(r"crash-(\d+)\.log")
_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.DEBUG,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
_SAYER = re.compile(r"Q\w+(::\w+)*")


class Scrubbed(logging.Formatter):
    """Takes names, computers and paths out of whatever is logged: a net below callers who log none."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


class Patient(RotatingFileHandler):
    """A rotating file that is written on where another window, on Windows, keeps it from being renamed."""

    def doRollover(self) -> None:
        try:
            super().doRollover()
        except PermissionError:
            if self.stream is None:
                self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """A disk that is full is told of where something is saved; a line of the log is none to stop for."""


@dataclass(frozen=True)
class LogStart:
    """How the log began: whether it could, and whether the program ended by a crash the last time."""

    works: bool
    crashed: bool
    end: Callable[[], None] = lambda: None
    """Ends the log; the end of the process does so by itself."""


def file() -> Path:
    """Return where the log is."""
    return places.logs() / FILE


def start_log() -> LogStart:
    """Write what goes wrong to ``meninx.log`` in the folder of logs.

    What ends the process without Python (a crash in a library, Qt's last words) leaves its
    stack in a file of this process beside it, which the next start takes into the log.
    """
    # nobody reads what logging itself would write to the terminal
    logging.raiseExceptions = False
    try:
        folder = places.make(places.logs())
        handler = Patient(folder / FILE, maxBytes=_BYTES, backupCount=_OLDER, encoding="utf-8")
        crashes = (folder / f"crash-{os.getpid()}.log").open("w", encoding="utf-8")
    except (OSError, StorageError):
        return LogStart(works=False, crashed=False)
    handler.setFormatter(Scrubbed("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    faulthandler.enable(crashes)
    end = functools.partial(_end_log, handler, crashes)
    atexit.register(end)
    log.info("Meninx %s, Python %s, Qt %s, %s", VERSION, platform.python_version(), PySide6.__version__, _machine())
    crashed = _take_crashes(folder)
    qInstallMessageHandler(_hear_qt)
    return LogStart(works=True, crashed=crashed, end=end)


def _machine() -> str:
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def _take_crashes(folder: Path) -> bool:
    """Take the last words of processes that are gone into the log; return whether there were any."""
    crashed = False
    for path in sorted([*folder.glob("crash-*.log"), folder / "crash.log"]):
        found = _CRASH.fullmatch(path.name)
        if found is not None and (int(found[1]) == os.getpid() or is_alive(int(found[1]))):
            continue
        # one that another window takes at this moment is gone; one that cannot be read is tried again
        with contextlib.suppress(OSError):
            words = scrub_crash(path.read_text(encoding="utf-8", errors="replace"))
            path.unlink()
            if words:
                crashed = True
                log.critical("the last time the program ended by a crash\n%s", words)
    return crashed


def _end_log(handler: logging.Handler, crashes: TextIO) -> None:
    if crashes.closed:
        return
    qInstallMessageHandler(None)
    faulthandler.disable()
    crashes.close()
    with contextlib.suppress(OSError):
        path = Path(crashes.name)
        if words := scrub_crash(path.read_text(encoding="utf-8", errors="replace")):
            # something that the process lived on after
            log.error("noted while it ran\n%s", words)
        path.unlink()
    log.removeHandler(handler)
    handler.close()


def _hear_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    """Log what Qt says, by the class that says it: its words may name a file."""
    sayer = _SAYER.match(message)
    log.log(_LEVELS.get(kind, logging.WARNING), "Qt: %s (%s)", sayer[0] if sayer else "-", context.category)
    if sys.stderr is not None and sys.stderr.isatty():
        # somebody looks; what is not looked at may be kept by the desktop
        sys.stderr.write(f"{message}\n")
    if kind is QtMsgType.QtFatalMsg:
        for handler in log.handlers:
            handler.flush()


def read_log() -> str:
    """Return the log, oldest first, as it may be shown and handed on."""
    parts = []
    for path in [*(file().with_name(f"{FILE}.{number}") for number in range(_OLDER, 0, -1)), file()]:
        with contextlib.suppress(OSError):
            parts.append(path.read_text(encoding="utf-8", errors="replace"))
    # lines of earlier versions were written without the net
    return scrub("".join(parts))
