"""Faults happen on the disk; the identity canary flies through the window, with the window's own test support."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gui"))


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on the disk, also where the folders of all other tests are in memory."""
    disk = os.environ.get("MENINX_TEST_DISK", "")
    if not disk:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=disk, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
