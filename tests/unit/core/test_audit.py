"""The audit tells what was done, and shows if somebody changed it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.geometry import Geometry
from core.labels import LabelSet
from core.project import audit, schema
from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState
from core.volume import Volume


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = chained(6)
    yield made
    made.close()


def chained(count: int) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("BEGIN")
    schema.create(connection)
    for number in range(count):
        audit.append(connection, "anna", "draw", {"number": number, "wörds": "ä"})
    connection.execute("COMMIT")
    return connection


def test_a_whole_chain_is_whole(connection: sqlite3.Connection) -> None:
    assert audit.verify(connection) is None
    assert [row.sequence for row in audit.rows(connection)] == [1, 2, 3, 4, 5, 6]
    assert audit.rows(connection, after=5)[0].facts == {"number": 5, "wörds": "ä"}


def test_an_empty_audit_is_whole() -> None:
    empty = chained(0)
    assert audit.verify(empty) is None
    empty.close()


@pytest.mark.parametrize("column", ["at", "who", "action", "facts", "previous", "hash"])
@pytest.mark.parametrize("sequence", [1, 3, 6])
def test_any_changed_field_is_found_where_it_is(connection: sqlite3.Connection, column: str, sequence: int) -> None:
    connection.execute(f"UPDATE audit SET {column} = {column} || 'x' WHERE sequence = ?", (sequence,))
    assert audit.verify(connection) in {sequence, sequence + 1}


@pytest.mark.parametrize("sequence", [1, 3, 6])
def test_a_row_taken_out_is_found(connection: sqlite3.Connection, sequence: int) -> None:
    connection.execute("DELETE FROM audit WHERE sequence = ?", (sequence,))
    assert audit.verify(connection) == sequence


def test_a_row_slipped_in_is_found(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO audit SELECT 7, at, who, action, facts, previous, hash FROM audit WHERE sequence = 6"
    )
    assert audit.verify(connection) == 7


def test_two_rows_changed_for_each_other_are_found(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE audit SET sequence = CASE sequence WHEN 2 THEN 30 WHEN 3 THEN 20 ELSE sequence END")
    connection.execute("UPDATE audit SET sequence = sequence / 10 WHERE sequence > 10")
    assert audit.verify(connection) == 2


def test_all_rows_taken_out_is_found(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM audit")
    assert audit.verify(connection) == 1


@settings(max_examples=40, deadline=None)
@given(data=st.data(), count=st.integers(1, 8))
def test_no_tampering_with_a_row_goes_unseen(data: st.DataObject, count: int) -> None:
    connection = chained(count)
    sequence = data.draw(st.integers(1, count))
    column = data.draw(st.sampled_from(["at", "who", "action", "facts", "previous", "hash"]))
    before = connection.execute(f"SELECT {column} FROM audit WHERE sequence = ?", (sequence,)).fetchone()[0]
    after = data.draw(st.text(max_size=80).filter(lambda text: text != before and "\0" not in text))
    connection.execute(f"UPDATE audit SET {column} = ? WHERE sequence = ?", (after, sequence))
    assert audit.verify(connection) is not None
    connection.close()


# in a project


def project_with_history(path: Path) -> Project:
    project = Project.create(path)
    project.set_labels(LabelSet().with_label("Brain"))
    array = np.arange(5 * 8 * 8, dtype=np.int16).reshape(5, 8, 8)
    scan = project.add_scan(Volume(array, Geometry((5, 8, 8), np.eye(4))), patient="Doe")
    annotation = project.ensure_annotation(scan.id, "anna")
    for value in (1, 2):
        mask = np.full(scan.shape, value, np.uint8)
        states = [SliceState(0, Origin.DRAWN, None, True, "anna")]
        project.save_layers(annotation.id, {"brain": mask}, {"brain": states}, journal_sequence=value)
    project.set_status(scan.id, ScanStatus.DONE, reader="ben")
    return project


def test_everything_that_changes_a_project_is_told_with_who_and_hashes(tmp_path: Path) -> None:
    with project_with_history(tmp_path / "p") as project:
        told = audit.rows(project.store.read())
        assert [row.action for row in told] == [
            "create",
            "labels",
            "add-scan",
            "begin",
            "draw",
            "draw",
            "status",
        ]
        first, second = (row.facts["layers"]["brain"] for row in told[4:6])
        versions = project.layer_versions(told[4].facts["annotation"], "brain")
        assert [first["sha256"], second["sha256"]] == [version.sha256 for version in versions]
        assert (first["before"], second["before"]) == ("", versions[0].sha256)
        assert told[4].facts["finished"] == {"brain": 1}
        assert (told[4].who, told[6].who) == ("anna", "ben")
        assert all(row.at.endswith("Z") for row in told)
        assert project.verify() == []


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("UPDATE audit SET who = 'ben' WHERE sequence = 3", "row 3"),
        ("DELETE FROM audit WHERE sequence = 7", "row 7"),
        ("UPDATE layer_version SET sha256 = hex(zeroblob(32)) WHERE sequence = 2", "audit"),
        ("DELETE FROM layer_version WHERE sequence = 2", "was taken out"),
        ("UPDATE slice_state SET annotation = 'nobody'", "damaged"),
    ],
)
def test_tampering_from_outside_is_found_by_verify(tmp_path: Path, sql: str, word: str) -> None:
    project_with_history(tmp_path / "p").close()
    outside = sqlite3.connect(tmp_path / "p" / "project.sqlite", isolation_level=None)
    outside.execute("PRAGMA foreign_keys = OFF")
    outside.execute(sql)
    outside.close()
    with Project.open(tmp_path / "p") as project:
        problems = project.verify()
    assert any(word in problem for problem in problems), problems


def test_a_mask_put_in_by_hand_is_not_in_the_audit(tmp_path: Path) -> None:
    with project_with_history(tmp_path / "p") as project:
        old = project.store.row("SELECT * FROM layer_version WHERE sequence = 2")
        file = old["file"].replace("brain-2-", "brain-3-")
        (project.path / file).write_bytes((project.path / old["file"]).read_bytes() + b"more")
        values = dict(old) | {"sequence": 3, "file": file, "sha256": "ab" * 32}
        marks = ", ".join(f":{name}" for name in values)
        with project.store.transaction() as connection:
            connection.execute(f"INSERT INTO layer_version ({', '.join(values)}) VALUES ({marks})", values)
        assert any(file in problem and "audit" in problem for problem in project.verify())
