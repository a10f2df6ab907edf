"""Which old versions of a mask are kept: the newest, then one per hour, per day, per week."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import MeninxError
from core.io import atomic
from core.project import audit
from core.project.records import LayerVersion, utc_now

if TYPE_CHECKING:
    from core.project.project import Project

NEWEST = 20
"""So many of the newest versions are always kept."""
YOUNG = timedelta(minutes=10)
"""So are all that are younger: a training may be reading one."""
HOURS, DAYS = timedelta(hours=24), timedelta(days=14)
"""Of older versions the last of each hour is kept for a day, the last of each day for two weeks,
the last of each week for good."""
_AT_ONCE = 10
"""Fewer are not worth an entry in the audit."""
_DRAWN = frozenset({"", "draw"})


def superfluous(versions: Sequence[LayerVersion], pinned: Collection[str], now: datetime) -> list[LayerVersion]:
    """Say which versions of a layer need not be kept.

    Versions that a run learnt from, and those that came about in another way than
    by drawing (imported, labels merged), are always kept.

    Parameters
    ----------
    versions
        All of one layer, oldest first.
    pinned
        Hashes of the files that runs name.
    now
        UTC.
    """
    there = [version for version in versions if not version.removed]
    latest_of: dict[str, int] = {}
    for version in there:
        latest_of[_bin(version, now)] = version.sequence
    kept = set(latest_of.values()) | {version.sequence for version in there[-NEWEST:]}
    return [
        version
        for version in there
        if version.sequence not in kept and version.sha256 not in pinned and version.action in _DRAWN
    ]


def _bin(version: LayerVersion, now: datetime) -> str:
    try:
        made = datetime.fromisoformat(version.created).astimezone(UTC)
    except ValueError:
        # a time nobody can read: kept
        return f"version {version.sequence}"
    if made > now - YOUNG:
        return f"version {version.sequence}"
    if made > now - HOURS:
        return made.strftime("%Y-%m-%d %H")
    if made > now - DAYS:
        return made.date().isoformat()
    year, week, _ = made.isocalendar()
    return f"{year} week {week}"


def pinned_hashes(project: Project) -> set[str]:
    """Return the hashes of all mask files that runs learnt from."""
    found = project.store.rows("SELECT DISTINCT each.value FROM run_scan, json_each(run_scan.masks) AS each")
    return {str(row[0]) for row in found}


def thin(project: Project, annotation: str, *, now: datetime | None = None) -> list[LayerVersion]:
    """Remove the files of superfluous versions of an annotation; their rows stay.

    Returns
    -------
    list of LayerVersion
        What was removed, as it was.

    Raises
    ------
    MeninxError
        Nothing is removed then.
    """
    now = now or datetime.now(UTC)
    gone: list[LayerVersion] = []
    for layer in project.layers(annotation):
        found = superfluous(project.layer_versions(annotation, layer), (), now)
        if len(found) >= _AT_ONCE:
            gone += found
    if gone:
        pinned = pinned_hashes(project)
        gone = [version for version in gone if version.sha256 not in pinned]
    if not gone:
        return []
    with project.store.transaction() as connection:
        at = utc_now()
        # a run may have begun to learn from one since
        pinned = pinned_hashes(project)
        gone = [version for version in gone if version.sha256 not in pinned]
        connection.executemany(
            "UPDATE layer_version SET removed = ? WHERE annotation = ? AND layer = ? AND sequence = ?",
            [(at, version.annotation, version.layer, version.sequence) for version in gone],
        )
        told = {"annotation": annotation, "versions": [f"{version.layer}-{version.sequence}" for version in gone]}
        audit.append(connection, "", "thin", told)
    for version in gone:
        # what stays behind is found by the next check
        with contextlib.suppress(OSError):
            (project.path / version.file).unlink(missing_ok=True)
    with contextlib.suppress(MeninxError):
        for folder in sorted({(project.path / version.file).parent for version in gone}):
            atomic.sync_folder(folder)
    return gone


def thinned_files(project: Project) -> set[Path]:
    """Return the files of versions that are no longer kept, there or not."""
    found = project.store.rows("SELECT file FROM layer_version WHERE removed IS NOT NULL")
    return {project.path / row["file"] for row in found}
