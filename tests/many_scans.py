"""A project of very many scans: rows alone, so that it is made in a moment; the first scan can be opened."""

from __future__ import annotations

import random
from pathlib import Path

from core.ids import new_id
from core.labels import LabelSet
from core.phantom import make_head
from core.project.project import Project
from core.project.records import ScanStatus

READERS = ("Anna", "Ben", "Chris")
TAGS = ("pilot", "hard", "check")


def make_many(path: Path, count: int = 10_000, *, seed: int = 20261121) -> Path:
    """Make a project of so many scans, three of each patient, with readers, tags, comments and times."""
    chance = random.Random(seed)
    with Project.create(path, name="many") as project:
        project.set_labels(LabelSet().with_label("Brain"))
        first = project.add_scan(make_head(1, shape=(8, 64, 56)).volume, patient="somebody", description="T1 head")
        with project.store.transaction() as connection:
            row = dict(connection.execute("SELECT * FROM scan WHERE id = ?", (first.id,)).fetchone())
            names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
            for number in range(2, count + 1):
                patient = f"patient-{number // 3}"
                if number % 3 == 0 or number == 2:
                    connection.execute("INSERT INTO patient VALUES (?, ?, 1)", (patient, number // 3 + 2))
                scan = new_id()
                made = row | {
                    "id": scan,
                    "number": number,
                    "name": f"S{number:04d}",
                    "patient": patient,
                    "status": chance.choice(list(ScanStatus)).value,
                    "description": f"{chance.choice(('T1', 'T2', 'FLAIR'))} head {number}",
                    "sha256": f"{number:064x}",
                    "file": f"scans/{scan}.h5",
                }
                connection.execute(f"INSERT INTO scan ({names}) VALUES ({marks})", made)
                _work(connection, chance, scan)
    return path


def _work(connection: object, chance: random.Random, scan: str) -> None:
    execute = connection.execute  # type: ignore[attr-defined]  # sqlite3
    for reader in chance.sample(READERS, chance.choice((0, 1, 1, 2))):
        execute("INSERT INTO assignment VALUES (?, ?, 'reader', 0, '', 'Anna', '2026-11-21T10:00:00Z')", (scan, reader))
    if chance.random() < 0.2:
        execute("INSERT INTO tag VALUES (?, ?)", (scan, chance.choice(TAGS)))
    if chance.random() < 0.05:
        values = (new_id(), scan, "Anna", "look again", "2026-11-21T10:00:00Z")
        execute("INSERT INTO comment VALUES (?, ?, -1, ?, ?, ?, '', '')", values)
    if chance.random() < 0.3:
        spent = (new_id(), scan, "Ben", "2026-11-21T10:00:00Z", chance.uniform(30, 4000))
        execute("INSERT INTO reading_time VALUES (?, ?, ?, ?, ?)", spent)
