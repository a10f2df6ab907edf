"""Labels in the index: locked, removed, brought back; an index of version 1 becomes one of version 2."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.geometry import Geometry
from core.labels import LabelSet, RemovedLabel
from core.project import audit, schema
from core.project.project import Project
from core.volume import Volume

SHAPE = (3, 8, 9)
V1_LABEL = """CREATE TABLE label (
    layer TEXT NOT NULL,
    value INTEGER NOT NULL CHECK (value BETWEEN 1 AND 250),
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    color TEXT NOT NULL,
    key TEXT NOT NULL,
    source_value INTEGER,
    position INTEGER NOT NULL,
    PRIMARY KEY (layer, value)
) STRICT, WITHOUT ROWID"""


def begun(path: Path) -> Project:
    project = Project.create(path)
    project.set_labels(LabelSet().with_label("Brain").with_label("Tumour").with_label("Oedema"))
    scan = project.add_scan(Volume(np.ones(SHAPE, np.int16), Geometry(SHAPE, np.eye(4))), patient=None)
    annotation = project.ensure_annotation(scan.id, "anna")
    mask = np.zeros(SHAPE, np.uint8)
    mask[1] = 1
    project.save_layers(annotation.id, {"lesions": mask}, {}, journal_sequence=3, action="mask")
    return project


TEAM_TABLES = ("reader", "assignment", "tag", "comment", "reading_time", "change", "audit_merged", "conflict")


def without_sums(index: sqlite3.Connection) -> None:
    """Write the audit as it was before its lines carried sums."""
    previous = audit.START
    for row in index.execute("SELECT sequence, at, who, action, facts FROM audit ORDER BY sequence").fetchall():
        facts = {name: fact for name, fact in json.loads(row[4]).items() if name != "sums"}
        words = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        digest = audit.digest_of(*row[:4], words, previous)
        values = (words, previous, digest, row[0])
        index.execute("UPDATE audit SET facts = ?, previous = ?, hash = ? WHERE sequence = ?", values)
        previous = digest
    index.execute("UPDATE meta SET value = ? WHERE key = 'audit_head'", (f"{row[0]} {previous}",))


def to_version_1(path: Path) -> None:
    """Turn the index of a closed project into one that version 1 wrote, which knew no seals."""
    (path / "project.sqlite.sha256").unlink()
    with contextlib.closing(sqlite3.connect(path / "project.sqlite", isolation_level=None)) as index:
        columns = "layer, value, name, color, key, source_value, position"
        index.execute("DROP INDEX label_name")
        index.execute("ALTER TABLE label RENAME TO newer")
        index.execute(V1_LABEL)
        index.execute(f"INSERT INTO label SELECT {columns} FROM newer")
        index.execute("DROP TABLE newer")
        without_sums(index)
        for table in TEAM_TABLES:
            index.execute(f"DROP TABLE {table}")
        for column in ("who", "action", "remap"):
            index.execute(f"ALTER TABLE layer_version DROP COLUMN {column}")
        index.execute("DROP TABLE measurement")
        index.execute("DROP INDEX scan_content")
        for column in ("content", "reason"):
            index.execute(f"ALTER TABLE scan DROP COLUMN {column}")
        index.execute("PRAGMA user_version = 1")


def tables(path: Path) -> dict[str, str]:
    with contextlib.closing(sqlite3.connect(path / "project.sqlite")) as index:
        found = index.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.replace('"', "").split()) for name, sql in found}


def test_an_index_of_version_1_is_brought_up_to_date(tmp_path: Path) -> None:
    begun(tmp_path / "p").close()
    wanted = tables(tmp_path / "p")
    to_version_1(tmp_path / "p")
    with Project.open(tmp_path / "p") as project:
        assert schema.version_of(project.store.read()) == schema.VERSION
        assert [label.name for label in project.labels()] == ["Brain", "Tumour", "Oedema"]
        assert not any(label.locked for label in project.labels())
        (version,) = project.layer_versions(project.annotations(project.scans()[0].id)[0].id, "lesions")
        assert (version.who, version.action, version.removed) == ("anna", "mask", "")
        assert project.verify() == []
        assert (tmp_path / "p" / "project-v1.sqlite").is_file()
    made = tables(tmp_path / "p")
    assert made.keys() == wanted.keys()
    assert made["label"] == wanted["label"]
    assert made["label_name"] == wanted["label_name"]


def test_locks_order_and_removed_labels_are_kept(tmp_path: Path) -> None:
    with begun(tmp_path / "p") as project:
        labels = project.labels().with_changed("Tumour", locked=True).moved("Oedema", 0)
        labels = labels.without("Brain", "delete", None, "2026-11-21T10:00:00.000Z")
        project.set_labels(labels)
    with Project.open(tmp_path / "p") as project:
        assert project.labels() == labels
        assert [label.name for label in project.labels()] == ["Oedema", "Tumour"]
        assert project.labels().locked_values("lesions") == (1,)
        (gone,) = project.labels().removed
        assert gone == RemovedLabel(gone.label, "delete", None, "2026-11-21T10:00:00.000Z")
        assert gone.label.name == "Brain"
        # another Brain is another value: the old one may be in old versions
        again = project.labels().with_label("Brain")
        assert again.named("Brain").value == 2
        project.set_labels(again)
        # who knows nothing of removed labels does not make them forgotten
        project.set_labels(LabelSet(again.labels))
        assert project.labels().removed == (gone,)
        back = project.labels().brought_back(gone)
        assert [label.name for label in back] == ["Oedema", "Tumour", "Brain", "Brain (2)"]
        project.set_labels(back)
        assert project.labels().removed == ()


def test_a_label_of_saved_masks_is_not_dropped_in_silence(tmp_path: Path) -> None:
    with begun(tmp_path / "p") as project:
        with pytest.raises(InputError, match="label-in-use"):
            project.set_labels(project.labels().without("Tumour"))
        project.set_labels(project.labels().without("Oedema"))
        assert [label.name for label in project.labels()] == ["Brain", "Tumour"]
        assert project.labels().removed == ()


def test_a_moved_label_comes_back_under_the_name_it_has_now() -> None:
    labels = LabelSet().with_label("Brain").with_label("Tumour").with_label("Oedema")
    tumour = labels.named("Tumour")
    moved = LabelSet(
        tuple(
            label if label is not tumour else type(label)(1, "Tumour", label.color, label.key, "own")
            for label in labels
        ),
        (RemovedLabel(tumour, "move", ("own", 1), "t"),),
    ).with_changed("Tumour", new_name="Glioma", color="#123456")
    back = moved.brought_back(moved.removed[0])
    assert [label.name for label in back] == ["Brain", "Glioma", "Oedema"]
    found = back.named("Glioma")
    assert (found.layer, found.value, found.color) == (tumour.layer, tumour.value, "#123456")
    assert back.removed[0].label.layer == "own"
    with pytest.raises(InputError, match="label-not-removed"):
        back.brought_back(moved.removed[0])


def test_keys_swap_and_order_is_bounded() -> None:
    labels = LabelSet().with_label("Brain").with_label("Tumour").with_label("Oedema")
    assert [label.key for label in labels.with_key("Oedema", "1")] == ["3", "2", "1"]
    assert [label.key for label in labels.with_key("Oedema", "7")] == ["1", "2", "7"]
    assert [label.key for label in labels.with_key("Oedema", "")] == ["1", "2", ""]
    assert [label.name for label in labels.moved("Brain", 99)] == ["Tumour", "Oedema", "Brain"]
    assert [label.name for label in labels.moved("Oedema", -4)] == ["Oedema", "Brain", "Tumour"]
    with pytest.raises(InputError, match="label-present"):
        labels.with_changed("Brain", new_name="tumour")
