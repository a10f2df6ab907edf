"""What every part of the team's work asks of scans."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from core.errors import InputError


def check_scans(connection: sqlite3.Connection, scans: Sequence[str]) -> None:
    """Refuse ids of scans that are not there.

    Raises
    ------
    InputError
        ``scan-unknown`` naming the first.
    """
    for scan in scans:
        if connection.execute("SELECT 1 FROM scan WHERE id = ?", (scan,)).fetchone() is None:
            raise InputError("scan-unknown", name=scan)
