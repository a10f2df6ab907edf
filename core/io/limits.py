"""What a child may take: less of the processors than the window, and so much memory.

The ceiling is the kernel's on Linux, a job object on Windows, a watchdog on macOS.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator

OVER_LIMIT_STATUS = 77
_THREAD_STEPS = 5
_LOOK_EVERY = 0.1


def give_way(steps: int) -> None:
    """Let the window come first: lower this process's priority.

    Parameters
    ----------
    steps
        1 to 19 on Unix, added to what it has; on Windows anything is "below normal".
    """
    if sys.platform == "win32":
        below_normal = 0x4000
        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)
    else:
        os.nice(steps)


def thread_gives_way() -> None:
    """Let the window's thread come before this one (Linux, where each thread has a priority of its own)."""
    if sys.platform == "linux":
        os.nice(_THREAD_STEPS)


def limit_memory(extra: int) -> None:
    """Let this process grow by at most ``extra`` bytes from what it has now.

    On Linux and Windows an allocation past it fails; on macOS, where the kernel
    does not keep such a limit, a watchdog ends the process.
    """
    if sys.platform == "win32":
        _job_object(extra)
    elif sys.platform == "darwin":
        _watchdog(_resident() + extra)
    else:
        import resource

        limit = _virtual() + extra
        _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


@contextlib.contextmanager
def little_memory(extra: int) -> Iterator[None]:
    """Let this process grow by at most ``extra`` bytes for the moment (Linux; elsewhere the ceiling alone holds).

    For a library that believes what a file says of a length and fills that much before it looks whether it is there.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _virtual() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit if soft == resource.RLIM_INFINITY else min(limit, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _virtual() -> int:
    """Return the bytes of address space in use (Linux)."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - no path object for the kernel's own files
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _resident() -> int:
    """Return the most memory this process ever had, in bytes (macOS counts bytes, Linux KiB)."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _watchdog(limit: int) -> None:
    def watch() -> None:
        while _resident() <= limit:
            time.sleep(_LOOK_EVERY)
        os._exit(OVER_LIMIT_STATUS)

    threading.Thread(target=watch, name="memory-watchdog", daemon=True).start()


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _EXTENDED_LIMITS = 9
    _PROCESS_MEMORY = 0x100

    class _Basic(ctypes.Structure):
        _fields_ = (
            ("per_process_time", ctypes.c_int64),
            ("per_job_time", ctypes.c_int64),
            ("flags", wintypes.DWORD),
            ("least_set", ctypes.c_size_t),
            ("most_set", ctypes.c_size_t),
            ("processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority", wintypes.DWORD),
            ("scheduling", wintypes.DWORD),
        )

    class _Extended(ctypes.Structure):
        _fields_ = (
            ("basic", _Basic),
            ("io", ctypes.c_uint64 * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_process", ctypes.c_size_t),
            ("peak_job", ctypes.c_size_t),
        )

    def _job_object(extra: int) -> None:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
        kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
        limits = _Extended()
        limits.basic.flags = _PROCESS_MEMORY
        limits.process_memory = extra
        job = kernel.CreateJobObjectW(None, None)
        if job and kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)):
            # the handle stays open for the life of the process, or the limit would end with it
            kernel.AssignProcessToJobObject(job, kernel.GetCurrentProcess())
