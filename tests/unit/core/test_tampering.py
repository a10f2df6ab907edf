"""Whoever changes a row, a file or a record of a journal from outside is found by ``verify``."""

from __future__ import annotations

import random
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from test_merging import begun, bundled, draw, merged, step

from core.editing.opening import open_annotation
from core.errors import ProjectError
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded, Scores
from core.learning.frozen import freeze_test
from core.messages import sentence
from core.project import audit, sums
from core.project.journal_file import FRAME, HEADER_SIZE
from core.project.predictions import write_prediction
from core.project.project import Project
from core.project.records import Origin
from core.project.saver import Saver
from core.team import assignments, comments, tags
from core.team.readers import add_reader


@pytest.fixture(scope="module")
def merged_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with something of every kind, some of it from another copy."""
    folder = tmp_path_factory.mktemp("tampering")
    draws = random.Random(11)
    one = begun(folder / "one.meninx", draws)
    two = Path(shutil.copytree(one, folder / "two.meninx"))
    for path, who in ((one, "anna"), (two, "ben")):
        with Project.open(path) as project:
            for _ in range(40):
                step(project, draws, who)
            scan = project.scans()[0].id
            tags.tag(project, [scan], f"of {who}", by=who)
            assignments.assign(project, [scan], f"{who} two", by=who)
            comments.add(project, scan, f"look, {who}", reader=who)
            add_reader(project, f"{who} three", by=who)
            project.classes.set(scan, "stroke", "yes", reader=f"{who} three")
            draw(project, draws, who)
            if who == "anna" and not project.store.rows("SELECT 1 FROM meta WHERE key = 'frozen_test'"):
                freeze_test(project, [project.scans()[0].patient])
    merged(one, bundled(two, folder / "two.mnxbundle"))
    with Project.open(one) as project:
        learnt(project)
        assert project.verify() == []
        names = [row[0] for row in project.store.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        assert set(names) == set(COLUMNS), "a table that nobody tampers with"
        assert all(project.store.rows(f"SELECT 1 FROM {table}") for table in COLUMNS), "a table without a row"
    return one


def learnt(project: Project) -> None:
    """Add what a training, a prediction and a look at the test leave in the index and in files."""
    scan = project.scans()[0]
    run = runs.create_run(project, TrainingConfig(labels=("Brain",)))
    runs.pin_scans(project, run.id, [runs.Pin(scan.id, "train", scan.sha256, {})])
    (project.runs_folder / run.id / runs.WEIGHTS_FILE).write_bytes(b"weights")
    (project.runs_folder / run.id / runs.CARD_FILE).write_text("What it is good for.\n")
    scores = Scores(0.5, 0.5, 0.4, 0.9)
    runs.EventLog(project, run.id).append(EpochEnded(run.id, 1, 1, scores, scores, 1, 0.5, 1.0, 1e-3))
    runs.update_run(project, run.id, state=runs.RunState.DONE, best_dice=0.5)
    mask = np.ones(scan.shape, np.uint8)
    write_prediction(project, run.id, scan.id, {"Brain": mask}, {"Brain": mask * 255})
    with project.store.transaction() as connection:
        connection.execute("INSERT INTO test_look VALUES (?, '2026-11-22T00:00:00Z', 'anna')", (run.id,))


def problems(path: Path) -> list[str]:
    # whoever tampers does not forget the seal
    (path / "project.sqlite.sha256").unlink(missing_ok=True)
    try:
        with Project.open(path) as project:
            return project.verify()
    except ProjectError as error:
        return [sentence(error)]


COLUMNS = {
    "scan": (
        "number",
        "name",
        "patient",
        "modality",
        "depth",
        "affine",
        "spacing_known",
        "status",
        "created",
        "description",
        "sha256",
        "reason",
    ),
    "label": ("name", "color", "value", "locked", "removed", "position"),
    "annotation": ("reader", "created", "updated", "round", "journal_sequence"),
    "layer_version": ("sha256", "content_sha256", "counts", "size", "created", "who", "action", "remap"),
    "slice_state": ("origin", "finished", "reader", "seconds", "run"),
    "class_value": ("value", "updated"),
    "measurement": ("points", "kind", "reader"),
    "assignment": ("role", "blind", "done", "given_by"),
    "tag": ("name",),
    "comment": ("words", "reader", "slice", "settled", "at"),
    "reader": ("active", "created"),
    "patient": ("number", "known"),
    "meta": ("value", "key"),
    "conflict": ("at", "facts", "settled"),
    "reading_time": ("scan", "reader", "began", "seconds"),
    "run": ("name", "created", "state", "network", "labels", "best_dice", "seconds", "config"),
    "run_scan": ("scan", "part", "scan_sha256", "masks"),
    "prediction": ("created", "file", "sha256", "seconds"),
    "test_look": ("at", "reader"),
    "change": ("hash",),
    "audit": ("at", "who", "action", "facts", "previous", "hash"),
    "audit_merged": ("at", "who", "action", "facts", "previous", "hash"),
}


@pytest.mark.parametrize("table", COLUMNS)
def test_any_changed_row_and_any_row_taken_out_is_found(merged_project: Path, tmp_path: Path, table: str) -> None:
    draws = random.Random(table)
    for column in (*COLUMNS[table], None):
        path = Path(shutil.copytree(merged_project, tmp_path / f"{table}-{column}.meninx"))
        with closing(sqlite3.connect(path / "project.sqlite", isolation_level=None)) as index:
            index.execute("PRAGMA foreign_keys = OFF")
            columns = [row[1] for row in index.execute(f"PRAGMA table_info({table})")]
            rows = index.execute(f"SELECT * FROM {table}").fetchall()
            chosen = dict(zip(columns, draws.choice(rows), strict=True))
            where = " AND ".join(f"{name} IS ?" for name in columns)
            if column is None:
                index.execute(f"DELETE FROM {table} WHERE {where}", tuple(chosen.values()))
            else:
                old = chosen[column]
                new = 7 if old is None and table == "slice_state" else _other(old)
                sql = f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {where}"
                assert index.execute(sql, (new, *chosen.values())).rowcount == 1
        found = problems(path)
        assert found, (table, column, chosen)
        shutil.rmtree(path)


def _other(old: object) -> object:
    if old is None:
        return "x"
    return old + 100 if isinstance(old, int | float) else f"{old}x"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO tag VALUES ((SELECT id FROM scan LIMIT 1), 'slipped in')",
        "INSERT INTO assignment VALUES ((SELECT id FROM scan LIMIT 1), 'eve', 'reader', 0, '', 'eve', '2026')",
        "INSERT INTO comment VALUES ('x', (SELECT id FROM scan LIMIT 1), -1, 'eve', 'approved', '2026', '', '')",
        "INSERT INTO class_value VALUES ((SELECT id FROM scan LIMIT 1), -1, 'dead', 'eve', 'yes', '2026')",
        "INSERT INTO reader VALUES ('eve', '2026', 1)",
        "INSERT INTO slice_state SELECT id, 'other', 0, 'drawn', NULL, 1, 'eve', 1 FROM annotation LIMIT 1",
    ],
)
def test_a_row_slipped_in_is_found(merged_project: Path, tmp_path: Path, sql: str) -> None:
    path = Path(shutil.copytree(merged_project, tmp_path / "p.meninx"))
    with closing(sqlite3.connect(path / "project.sqlite", isolation_level=None)) as index:
        assert index.execute(sql).rowcount > 0
    assert problems(path)


def test_a_status_turned_back_with_its_line_is_found(merged_project: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(merged_project, tmp_path / "p.meninx"))
    with Project.open(path) as project:
        scan = project.scans()[0].id
        comment = comments.add(project, scan, "bad", reader="anna")
        with project.store.using() as connection:
            before = connection.execute("SELECT hash FROM change WHERE key = ?", (comment.id,)).fetchone()[0]
        comments.settle(project, comment.id, reader="anna")
        assert project.verify() == []
    with closing(sqlite3.connect(path / "project.sqlite", isolation_level=None)) as index:
        index.execute("UPDATE comment SET settled = '' WHERE id = ?", (comment.id,))
        index.execute("UPDATE change SET hash = ? WHERE key = ?", (before, comment.id))
    assert any(comment.id in problem for problem in problems(path))


def test_any_changed_file_is_found(merged_project: Path, tmp_path: Path) -> None:
    draws = random.Random(2)
    files = {
        folder: [file for file in sorted((merged_project / folder).rglob("*")) if file.is_file()]
        for folder in ("scans", "masks", "runs", "predictions")
    }
    some = [*draws.sample(files["scans"], 3), *draws.sample(files["masks"], 3)]
    for file in (*some, *files["runs"], *files["predictions"], merged_project / "meninx.json"):
        path = Path(shutil.copytree(merged_project, tmp_path / "p.meninx"))
        target = path / file.relative_to(merged_project)
        data = bytearray(target.read_bytes())
        data[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
        target.write_bytes(data)
        assert problems(path), file
        target.unlink()
        assert target.name == "meninx.json" or problems(path), file
        shutil.rmtree(path)


def test_words_and_figures_of_a_run_are_vouched_for_and_an_older_seal_holds(
    merged_project: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(merged_project, tmp_path / "p.meninx"))
    (folder,) = (path / "runs").iterdir()
    was = {name: (folder / name).read_text("utf-8") for name in (runs.EVENTS_FILE, runs.CARD_FILE)}
    (folder / runs.EVENTS_FILE).write_text(was[runs.EVENTS_FILE].replace("0.5", "0.9"), "utf-8")
    (folder / runs.CARD_FILE).write_text("Good for anything.\n", "utf-8")
    told = problems(path)
    assert len(told) == 2
    assert all(any(name in words for words in told) for name in was)
    for name, words in was.items():
        (folder / name).write_text(words, "utf-8")
    assert problems(path) == []
    # a run of before: its seal says nothing of the two
    seal = folder / sums.NAME
    lines = [line for line in seal.read_text().splitlines(keepends=True) if line.split()[1] not in was]
    assert len(lines) == len(seal.read_text().splitlines()) - 2
    seal.write_text("".join(lines))
    assert problems(path) == []
    (folder / runs.CARD_FILE).write_text("Written on by hand.\n", "utf-8")
    assert problems(path) == []


def test_a_changed_record_of_a_journal_is_found_even_with_its_check_sum(merged_project: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(merged_project, tmp_path / "p.meninx"))
    with Project.open(path) as project:
        scan = project.scans()[0]
        opened = open_annotation(project, scan.id, "gina")
        saver = Saver(project, opened)
        label = project.labels().named("Brain")
        for size in (1, 2, 3):
            mask = np.zeros(scan.shape, np.uint8)
            mask[1, :size] = label.value
            opened.editor.replace("brain", mask, action="brush", label=label, origin=Origin.DRAWN)
        saver.close()
        annotation = project.annotation(scan.id, "gina")
        assert annotation is not None
        journal = project.journal_path(annotation.id)
        assert project.verify() == []
    whole = journal.read_bytes()
    at, records = HEADER_SIZE, []
    while at < len(whole):
        length, _ = FRAME.unpack_from(whole, at)
        records.append(whole[at + FRAME.size : at + FRAME.size + length])
        at += FRAME.size + length
    assert len(records) == 3

    def written(kept: list[bytes]) -> None:
        frames = (FRAME.pack(len(one), zlib.crc32(one)) + one for one in kept)
        journal.write_bytes(whole[:HEADER_SIZE] + b"".join(frames))

    # a record of another step in its place, and one taken out
    for kept in ([records[1], records[1], records[2]], records[:1] + records[2:], records[1:]):
        written(kept)
        assert any(journal.name in problem for problem in problems(path))
    written(records)
    assert problems(path) == []


def test_lines_that_are_added_to_a_merged_audit_are_found(merged_project: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(merged_project, tmp_path / "p.meninx"))
    with closing(sqlite3.connect(path / "project.sqlite", isolation_level=None)) as index:
        previous, sequence = index.execute("SELECT hash, sequence FROM audit_merged ORDER BY sequence DESC").fetchone()
        values = (sequence + 1, "2026-01-01T00:00:00.000Z", "eve", "status", "{}", previous)
        row = (audit.digest_of(*values), *values, 3)
        index.execute("INSERT INTO audit_merged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert problems(path)
