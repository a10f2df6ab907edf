"""What kind of place a folder is on: writable, read-only, or a network share."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

NETWORK_TYPES = frozenset(
    {
        "9p",
        "afpfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "drvfs",
        "fuse.ceph",
        "fuse.davfs2",
        "fuse.glusterfs",
        "fuse.gvfsd-fuse",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.smbnetfs",
        "fuse.sshfs",
        "fuse.vmhgfs-fuse",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "prl_fs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "vmhgfs",
        "webdav",
    }
)
_DRIVE_REMOTE = 4


def writable(folder: Path) -> bool:
    """Whether files can be created in a folder.

    ``os.access`` answers for the medium too: on a read-only file system it says
    no even to the administrator. On Windows it knows no folders' rights, so it is tried.
    """
    if os.name == "nt":
        try:
            with tempfile.TemporaryFile(dir=folder):
                return True
        except OSError:
            return False
    return os.access(folder, os.W_OK | os.X_OK)


def read_only_medium(folder: Path) -> bool:
    """Whether nobody can write there, so that files cannot change while they are read."""
    if hasattr(os, "statvfs"):
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    return False


def parse_mounts(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return (mount point, type) from ``/proc/mounts`` or from macOS's ``mount``."""
    found = []
    for line in lines:
        if " on " in line and " (" in line:
            # macOS: //user@host/share on /Volumes/share (smbfs, nodev, nosuid)
            rest = line.split(" on ", 1)[1]
            point, _, options = rest.rpartition(" (")
            found.append((point, options.split(",")[0].rstrip(")\n ")))
            continue
        words = line.split()
        if len(words) >= 3:
            found.append((words[1].replace("\\040", " "), words[2]))
    return found


def type_of(folder: Path, mounts: Iterable[tuple[str, str]]) -> str:
    """Return the type of the file system that holds a folder, ``""`` if unknown."""
    best, kind = -1, ""
    for point, name in mounts:
        # later lines are mounted over earlier ones
        if (folder == Path(point) or Path(point) in folder.parents) and len(point) >= best:
            best, kind = len(point), name
    return kind


def _mounts() -> list[tuple[str, str]]:
    try:
        if sys.platform == "darwin":
            done = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5, check=True)
            return parse_mounts(done.stdout.splitlines())
        return parse_mounts(Path("/proc/mounts").read_text(errors="replace").splitlines())
    except (OSError, subprocess.SubprocessError):
        return []


def on_network(folder: Path) -> bool:
    """Whether a folder lies on a network share, where SQLite's WAL is not safe."""
    resolved = folder.resolve()
    if sys.platform == "win32":
        text = str(resolved)
        if text.startswith("\\\\"):
            return True
        return bool(ctypes.windll.kernel32.GetDriveTypeW(resolved.anchor) == _DRIVE_REMOTE)
    return type_of(resolved, _mounts()) in NETWORK_TYPES
