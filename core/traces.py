"""What a log may keep of a fault: where it was and of what kind, and nothing that says who was looked at.

The words of an exception may hold a file's name or what stands in a header, and the path of
the program the name of whoever is logged in. So a trace keeps the kind of the error, numbers, and
places within the program; and everything that is written to a log goes through :func:`scrub`.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
import sysconfig
import traceback
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_LIBRARIES = ("site-packages", "dist-packages")
_INSIDE = re.compile(r"<(frozen [\w.]+|string|stdin)>")
_ELSEWHERE = "<elsewhere>"
_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+|\?\?\?) in (?P<function>\S+)$')
_CRASH = (
    re.compile(
        r"^Fatal Python error: (Segmentation fault|Aborted|Bus error|Illegal instruction|Floating.point exception)$"
    ),
    re.compile(r"^Windows fatal exception: [a-z0-9 ]+$"),
    re.compile(r"^(Current thread|Thread) 0x[0-9a-f]+ .*\(most recent call first\):$"),
    re.compile(r"^Extension modules: [\w., ():]+$"),
    re.compile(r"^  (<no Python frame>|Garbage-collecting|\.\.\.)$"),
)
_PATH = re.compile(r"(?:file:///?|[A-Za-z]:[\\/]|\\\\|(?<![\w.<>])/)(?:[^\s\\/\"'<>|:]+[\\/])+[^\s\"'<>|:,]*")


def shown_path(file: str) -> str:
    """Return a program file's path within the program or its libraries; nothing of where they lie."""
    if _INSIDE.fullmatch(file):
        return file
    path = Path(file)
    if not path.is_absolute():
        # a frozen copy names its modules so
        return path.as_posix() if (_ROOT / path).exists() or path.parts[:1] in _OWN else _ELSEWHERE
    if path.is_relative_to(_ROOT) and not set(_LIBRARIES) & set(path.parts):
        return path.relative_to(_ROOT).as_posix()
    for name in _LIBRARIES:
        if name in path.parts:
            at = len(path.parts) - 1 - path.parts[::-1].index(name)
            return "/".join(path.parts[at:])
    for name in ("stdlib", "platstdlib"):
        folder = sysconfig.get_path(name)
        if folder and path.is_relative_to(folder):
            return "python/" + path.relative_to(folder).as_posix()
    return _ELSEWHERE


_OWN = (("core",), ("models",), ("gui",), ("main.py",))


def kind_of(error: BaseException) -> str:
    """Return the kind of an error with its number, without its words."""
    name = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name} {error.errno}"
    return name


def trace_of(error: BaseException) -> str:
    """Say where an exception came from, with the kinds of it and its causes but not their words."""
    parts: list[str] = []
    known: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in known:
        known.add(id(at))
        parts.append("\n".join([*_frames(at), kind_of(at)]))
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "\nwhile handling:\n".join(reversed(parts))


def _frames(error: BaseException) -> list[str]:
    found = traceback.walk_tb(error.__traceback__)
    return [f"  {shown_path(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}" for frame, line in found]


def place_of(error: BaseException) -> str:
    """Return the innermost place of an exception that is the program's own, ``"gui/app.py:12"``, or ``""``."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        shown = shown_path(frame.f_code.co_filename)
        if shown.partition("/")[0] in ("core", "models", "gui", "main.py"):
            place = f"{shown}:{line}"
    return place


def scrub_crash(words: str) -> str:
    """Return what ``faulthandler`` wrote, line by line as far as its form is known, without where the program lies."""
    kept = []
    for line in words.splitlines():
        frame = _FRAME.match(line)
        if frame is not None:
            kept.append(f"  {shown_path(frame['file'])}:{frame['line']} {frame['function']}")
        elif any(form.match(line) for form in _CRASH):
            # a thread may have a name that was given to it
            kept.append(re.sub(r"(0x[0-9a-f]+) .*\(most", r"\1 (most", line))
    return "\n".join(kept)


def scrub(words: str) -> str:
    """Take out who is logged in, on which computer, and all that looks like the path of a file."""
    homes = {str(Path.home()), os.environ.get("HOME", ""), os.environ.get("USERPROFILE", "")}
    for home in sorted((name for name in homes if len(name) > 1), key=len, reverse=True):
        for written in {home, home.replace("\\", "/"), Path(home).as_posix()}:
            words = re.sub(re.escape(written), "~", words, flags=re.IGNORECASE)
    words = _PATH.sub("<path>", words)
    for name, said in ((_login(), "<user>"), (platform.node(), "<computer>")):
        if name:
            words = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", said, words, flags=re.IGNORECASE)
    return words


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        # no name for this number of a user, as in a container
        return ""
