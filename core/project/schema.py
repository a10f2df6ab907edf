"""The tables of a project's index, and how an older index becomes a newer one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping

from core.project import audit, row_sums
from core.project.state_sums import everything

VERSION = 5
"""``PRAGMA user_version`` of the tables below."""
APPLICATION = 0x4D4E5831
"""``PRAGMA application_id``: MNX1."""

TABLES = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- position: order shown; a (layer, value) that a mask ever used is never given to another label:
-- a label that was deleted, merged or moved stays with removed = {"kind", "at", "to": [layer, value] or null}
-- origins: lines "layer:value:name" of where it was made, by which copies of a project know it again
CREATE TABLE label (
    layer TEXT NOT NULL,
    value INTEGER NOT NULL CHECK (value BETWEEN 1 AND 250),
    name TEXT NOT NULL COLLATE NOCASE,
    color TEXT NOT NULL,
    key TEXT NOT NULL,
    source_value INTEGER,
    position INTEGER NOT NULL,
    locked INTEGER NOT NULL DEFAULT 0,
    removed TEXT,
    origins TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (layer, value)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX label_name ON label (name) WHERE removed IS NULL;

-- key: salted hash of the identity (salt and identity are not in the project), or random if unknown
CREATE TABLE patient (
    key TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    known INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- sha256: of the voxels; file_sha256: of the file; content: of a sample of the values in the body's own order,
-- the same whatever format they came in (core.project.sameness); empty where it was not taken
-- reason: why it was skipped or returned
CREATE TABLE scan (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    patient TEXT NOT NULL REFERENCES patient (key),
    modality TEXT NOT NULL,
    depth INTEGER NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    channels INTEGER NOT NULL,
    affine TEXT NOT NULL,
    spacing_known INTEGER NOT NULL,
    orientation_known INTEGER NOT NULL,
    status TEXT NOT NULL,
    created TEXT NOT NULL,
    description TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    file TEXT NOT NULL UNIQUE,
    file_sha256 TEXT NOT NULL,
    file_size INTEGER NOT NULL,
    content TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX scan_content ON scan (content);
CREATE INDEX scan_status ON scan (status, number);
CREATE INDEX scan_patient ON scan (patient);
CREATE INDEX scan_sha256 ON scan (sha256);

-- round: repeated readings by the same reader
CREATE TABLE annotation (
    id TEXT PRIMARY KEY,
    scan TEXT NOT NULL REFERENCES scan (id),
    reader TEXT NOT NULL,
    round INTEGER NOT NULL DEFAULT 1,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    journal_sequence INTEGER NOT NULL DEFAULT 0,
    UNIQUE (scan, reader, round)
) STRICT, WITHOUT ROWID;

-- content_sha256: of the voxels; counts: {"value": voxels}; removed: when an old version's file was thinned out
-- who, action: who saved it and by doing what; remap: {"value in the file": value meant} where a merge gave a
-- label another value: counts and content_sha256 are of the values meant
CREATE TABLE layer_version (
    annotation TEXT NOT NULL REFERENCES annotation (id),
    layer TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    file TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    counts TEXT NOT NULL,
    journal_sequence INTEGER NOT NULL,
    created TEXT NOT NULL,
    removed TEXT,
    who TEXT NOT NULL DEFAULT '',
    action TEXT NOT NULL DEFAULT '',
    remap TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (annotation, layer, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE slice_state (
    annotation TEXT NOT NULL REFERENCES annotation (id),
    layer TEXT NOT NULL,
    slice INTEGER NOT NULL,
    origin TEXT NOT NULL,
    run TEXT,
    finished INTEGER NOT NULL,
    reader TEXT NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY (annotation, layer, slice)
) STRICT, WITHOUT ROWID;

-- slice -1: the value holds for the whole scan
CREATE TABLE class_value (
    scan TEXT NOT NULL REFERENCES scan (id),
    slice INTEGER NOT NULL DEFAULT -1,
    name TEXT NOT NULL,
    reader TEXT NOT NULL,
    value TEXT NOT NULL,
    updated TEXT NOT NULL,
    PRIMARY KEY (scan, slice, name, reader)
) STRICT, WITHOUT ROWID;

-- points: [[x, y, z], ...] in voxels; plane: axis of the slices (0 = along the array's z), -1 for none; figures: JSON
CREATE TABLE measurement (
    id TEXT PRIMARY KEY,
    scan TEXT NOT NULL REFERENCES scan (id),
    reader TEXT NOT NULL,
    kind TEXT NOT NULL,
    plane INTEGER NOT NULL,
    slice INTEGER NOT NULL,
    points TEXT NOT NULL,
    label TEXT NOT NULL,
    figures TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX measurement_scan ON measurement (scan);

CREATE TABLE run (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL,
    state TEXT NOT NULL,
    network TEXT NOT NULL,
    parent TEXT,
    labels TEXT NOT NULL,
    best_epoch INTEGER,
    best_dice REAL,
    seconds REAL NOT NULL DEFAULT 0,
    scans INTEGER NOT NULL DEFAULT 0,
    slices INTEGER NOT NULL DEFAULT 0,
    config TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- what a run learnt from, pinned by hash; part: train, validation or test
CREATE TABLE run_scan (
    run TEXT NOT NULL REFERENCES run (id),
    scan TEXT NOT NULL,
    part TEXT NOT NULL,
    scan_sha256 TEXT NOT NULL,
    masks TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (run, scan)
) STRICT, WITHOUT ROWID;

CREATE TABLE prediction (
    run TEXT NOT NULL REFERENCES run (id),
    scan TEXT NOT NULL REFERENCES scan (id),
    created TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    seconds REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (run, scan)
) STRICT, WITHOUT ROWID;
CREATE INDEX prediction_scan ON prediction (scan);

-- "when" is a word of SQL
CREATE TABLE test_look (
    run TEXT NOT NULL REFERENCES run (id),
    at TEXT NOT NULL,
    reader TEXT NOT NULL
) STRICT;

-- who may be given work
CREATE TABLE reader (
    name TEXT PRIMARY KEY,
    created TEXT NOT NULL,
    active INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- role: reader, second or adjudicator; blind: the others' masks are hidden until all blind readers are done
CREATE TABLE assignment (
    scan TEXT NOT NULL REFERENCES scan (id),
    reader TEXT NOT NULL,
    role TEXT NOT NULL,
    blind INTEGER NOT NULL,
    done TEXT NOT NULL DEFAULT '',
    given_by TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (scan, reader)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignment_reader ON assignment (reader);

CREATE TABLE tag (
    scan TEXT NOT NULL REFERENCES scan (id),
    name TEXT NOT NULL,
    PRIMARY KEY (scan, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_name ON tag (name);

-- slice: native, -1 for the whole scan; answers: id of another comment or empty; settled: when, or empty
CREATE TABLE comment (
    id TEXT PRIMARY KEY,
    scan TEXT NOT NULL REFERENCES scan (id),
    slice INTEGER NOT NULL,
    reader TEXT NOT NULL,
    words TEXT NOT NULL,
    at TEXT NOT NULL,
    answers TEXT NOT NULL,
    settled TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX comment_scan ON comment (scan);

-- one row for each time that somebody had a scan open; seconds: without pauses
CREATE TABLE reading_time (
    id TEXT PRIMARY KEY,
    scan TEXT NOT NULL REFERENCES scan (id),
    reader TEXT NOT NULL,
    began TEXT NOT NULL,
    seconds REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reading_time_scan ON reading_time (scan, reader, seconds);

-- which line of the audit told last of a thing that two copies of a project may both change; several joined by +
-- where a merge made of them what neither had
CREATE TABLE change (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- lines of the audits of other copies, which came with a merge; taken: what it tells of came too
CREATE TABLE audit_merged (
    hash TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    facts TEXT NOT NULL,
    previous TEXT NOT NULL,
    taken INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- what two copies had changed both: what counts now, and what was kept beside it
CREATE TABLE conflict (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    scan TEXT NOT NULL,
    facts TEXT NOT NULL,
    settled TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    facts TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
"""

Migration = Callable[[sqlite3.Connection], None]


def _labels_and_versions(connection: sqlite3.Connection) -> None:
    """1 to 2: labels can be locked and removed; versions tell who made them, taken from the audit.

    Scans can be known by content; that of older ones is not taken (they are known by their voxels' hash).
    """
    connection.execute("ALTER TABLE scan ADD COLUMN content TEXT NOT NULL DEFAULT ''")
    connection.execute("CREATE INDEX scan_content ON scan (content)")
    script = TABLES[TABLES.index("CREATE TABLE label") : TABLES.index("-- key: salted hash")]
    table, index = _statements(script)
    connection.execute("ALTER TABLE label RENAME TO label_before")
    connection.execute(table)
    columns = "layer, value, name, color, key, source_value, position"
    connection.execute(f"INSERT INTO label ({columns}) SELECT {columns} FROM label_before")
    connection.execute("DROP TABLE label_before")
    connection.execute(index)
    for column in ("who", "action"):
        connection.execute(f"ALTER TABLE layer_version ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    for who, action, words in connection.execute("SELECT who, action, facts FROM audit").fetchall():
        facts = json.loads(words)
        layers = facts.get("layers")
        for layer, fact in (layers if isinstance(layers, dict) else {}).items():
            connection.execute(
                "UPDATE layer_version SET who = ?, action = ? WHERE annotation = ? AND layer = ? AND sequence = ?",
                (who, action, facts.get("annotation"), layer, fact.get("sequence")),
            )


def _measurements(connection: sqlite3.Connection) -> None:
    """2 to 3: what was measured is kept."""
    script = TABLES[TABLES.index("CREATE TABLE measurement") : TABLES.index("CREATE TABLE run ")]
    for statement in _statements(script):
        connection.execute(statement)


def _teams(connection: sqlite3.Connection) -> None:
    """3 to 4: readers, assignments, tags, comments, time spent; what two copies need to become one again."""
    added = (("label", "origins"), ("scan", "reason"), ("layer_version", "remap"))
    for table, column in added:
        # an index of version 1 got today's table of labels
        if column in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
            continue
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    connection.execute("UPDATE label SET origins = layer || ':' || value || ':' || lower(name)")
    script = TABLES[TABLES.index("CREATE TABLE reader ") : TABLES.index("CREATE TABLE audit (")]
    for statement in _statements(script):
        connection.execute(statement)
    for action, words, digest in connection.execute(
        "SELECT action, facts, hash FROM audit ORDER BY sequence"
    ).fetchall():
        facts = json.loads(words)
        keys = [("status", str(facts["scan"]))] if action == "status" else []
        layers = facts.get("layers") if isinstance(facts.get("layers"), dict) else {}
        keys += [("layer", f"{facts['annotation']}/{layer}") for layer in {**layers, **facts.get("finished", {})}]
        for kind, key in keys:
            connection.execute("INSERT OR REPLACE INTO change (kind, key, hash) VALUES (?, ?, ?)", (kind, key, digest))
    # from here on a row that is changed from outside is found
    audit.append(connection, "", "upgrade", {"index": 4}, standing=everything(connection))


def _sums(connection: sqlite3.Connection) -> None:
    """4 to 5: each table has a sum of its rows (taken at the end of :func:`migrate`)."""
    audit.append(connection, "", "upgrade", {"index": 5})


MIGRATIONS: Mapping[int, Migration] = {1: _labels_and_versions, 2: _measurements, 3: _teams, 4: _sums}
"""From a version to the next one. Each runs inside the one transaction of :func:`migrate`;
none may commit, and none may touch a mask file."""


def create(connection: sqlite3.Connection) -> None:
    """Create all tables in an empty index, inside the caller's transaction."""
    for statement in _statements(TABLES):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def version_of(connection: sqlite3.Connection) -> int:
    """Return the index's ``user_version``."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(
    connection: sqlite3.Connection,
    *,
    migrations: Mapping[int, Migration] | None = None,
    target: int | None = None,
) -> int:
    """Bring an older index up to ``target`` (:data:`VERSION`), inside the caller's transaction.

    Returns
    -------
    int
        The version it had.
    """
    steps = MIGRATIONS if migrations is None else migrations
    before = version_of(connection)
    for version in range(before, VERSION if target is None else target):
        steps[version](connection)
        connection.execute(f"PRAGMA user_version = {version + 1}")
    if version_of(connection) >= row_sums.SINCE:
        row_sums.write_all(connection)
    return before


def _statements(script: str) -> list[str]:
    # executescript() would commit the transaction this must stay in
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]
