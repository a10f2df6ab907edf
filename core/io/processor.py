"""How long another process has worked, and whether it works for too long.

A clock on the wall counts the time in which a busy machine lets a process wait for its turn. The system knows how
much of a processor it had: Linux tells of it in ``/proc``, macOS by ``proc_pid_rusage``, Windows by
``GetProcessTimes``. Anywhere else only the clock counts.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _QUERY = 0x1000
    _TICK = 1e-7

    def processor_seconds(pid: int) -> float | None:
        """Return the seconds of processor time that a process has had; None if it is gone."""
        kernel = ctypes.WinDLL("kernel32")
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = kernel.OpenProcess(_QUERY, False, pid)
        if not handle:
            return None
        begun, ended, inside, itself = (wintypes.FILETIME() for _ in range(4))
        handle = wintypes.HANDLE(handle)
        times = (ctypes.byref(one) for one in (begun, ended, inside, itself))
        known = kernel.GetProcessTimes(handle, *times)
        kernel.CloseHandle(handle)
        if not known:
            return None
        return sum(((one.dwHighDateTime << 32) + one.dwLowDateTime) * _TICK for one in (inside, itself))

elif sys.platform == "darwin":
    import ctypes

    class _Usage(ctypes.Structure):
        """``rusage_info_v0``; the two times are in ticks of the machine."""

        _fields_ = (
            ("uuid", ctypes.c_uint8 * 16),
            ("user_time", ctypes.c_uint64),
            ("system_time", ctypes.c_uint64),
            ("others", ctypes.c_uint64 * 8),
        )

    class _Tick(ctypes.Structure):
        """``mach_timebase_info``: how many nanoseconds a tick has, as a fraction."""

        _fields_ = (("numerator", ctypes.c_uint32), ("denominator", ctypes.c_uint32))

    def processor_seconds(pid: int) -> float | None:
        """Return the seconds of processor time that a process has had; None if it is gone."""
        system = ctypes.CDLL("/usr/lib/libSystem.B.dylib")
        usage, tick = _Usage(), _Tick()
        if system.proc_pid_rusage(pid, 0, ctypes.byref(usage)) or system.mach_timebase_info(ctypes.byref(tick)):
            return None
        return float((usage.user_time + usage.system_time) * tick.numerator / tick.denominator * 1e-9)

elif sys.platform == "linux":
    import os
    from pathlib import Path

    _USER, _SYSTEM = 11, 12
    """Fields 14 and 15 of ``stat``, counted behind the name, which may hold blanks and brackets."""

    def processor_seconds(pid: int) -> float | None:
        """Return the seconds of processor time that a process has had; None if it is gone."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError, ValueError):
            return None

else:

    def processor_seconds(pid: int) -> float | None:
        """Return None: this system does not tell."""
        return None


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process may go without a sign of life.

    Parameters
    ----------
    busy
        Seconds of processor time: it is at work, and comes to no end.
    silent
        Seconds of the clock: it waits, perhaps for a disk that is gone. Long, for on a busy machine whoever has
        work to do waits as well. The only bound where the system does not tell of processor time.
    """

    busy: float
    silent: float

    def more(self, seconds: float) -> Patience:
        """Return one for work that takes so many seconds of processor time more."""
        return Patience(self.busy + seconds, self.silent + seconds * self.silent / self.busy)


class Spell:
    """What a process does from now on until it gives a sign of life."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = time.monotonic()
        self._used = processor_seconds(pid)

    def outlasts(self, patience: Patience) -> bool:
        """Whether it took longer than it may."""
        waited = time.monotonic() - self._began
        if waited > patience.silent:
            return True
        if waited <= patience.busy or self._used is None:
            return False
        used = processor_seconds(self._pid)
        return used is not None and used - self._used > patience.busy
