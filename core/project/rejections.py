"""Which suggested regions were rejected: remembered for one prediction, forgotten when it is made anew."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from core.errors import StorageError
from core.project.project import Project

Voxel = tuple[int, int, int]


def read_rejected(project: Project, run: str, scan: str, digest: str, label: str) -> frozenset[Voxel]:
    """Return the rejected regions of a prediction, each by its first voxel (z, y, x).

    Parameters
    ----------
    run, scan
        Ids.
    digest
        SHA-256 of the prediction's file: what was said of another prediction does not count.
    label
        Name of the label.
    """
    known = _read(project, run, scan)
    if known.get("prediction") != digest:
        return frozenset()
    found = known.get("labels", {}).get(label.casefold(), [])
    return frozenset((int(z), int(y), int(x)) for z, y, x in found)


def write_rejected(project: Project, run: str, scan: str, digest: str, label: str, rejected: Collection[Voxel]) -> None:
    """Remember which regions of a prediction are rejected, in place of what was remembered of this label.

    Raises
    ------
    StorageError
        ``read-only``, or what the disk says.
    """
    if project.read_only:
        raise StorageError("read-only", file=project.path)
    known = _read(project, run, scan)
    labels = known.get("labels", {}) if known.get("prediction") == digest else {}
    labels[label.casefold()] = sorted(list(voxel) for voxel in rejected)
    value = json.dumps({"prediction": digest, "labels": labels}, separators=(",", ":"))
    with project.store.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_key(run, scan), value))


def _read(project: Project, run: str, scan: str) -> dict[str, Any]:
    row = project.store.row("SELECT value FROM meta WHERE key = ?", _key(run, scan))
    if row is None:
        return {}
    try:
        found = json.loads(row["value"])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _key(run: str, scan: str) -> str:
    return f"rejected/{run}/{scan}"
