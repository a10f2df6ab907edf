"""Classes from tables and into tables: by file, patient and slice; what fits nowhere is told, nothing is half."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from reader_support import make_series, noise, write_picture

from core.commands import line
from core.errors import InputError
from core.events import Finished, Notice, Skipped
from core.project.class_files import take_table, write_table
from core.project.importing import ImportOptions, import_job
from core.project.project import Project

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A project of two stacks of pictures (4 and 3 slices) and one single picture."""
    for name, count in (("anna", 4), ("ben", 3)):
        for number in range(1, count + 1):
            write_picture(tmp_path / "set" / name / f"{name}_{number}.png", noise((16, 16), 100 * len(name) + number))
    write_picture(tmp_path / "single.png", noise((20, 18), 9))
    Project.create(tmp_path / "p.meninx").close()
    events = list(import_job(tmp_path / "p.meninx", [tmp_path / "set", tmp_path / "single.png"], ImportOptions()))
    assert isinstance(events[-1], Finished)
    assert len(events[-1].result["scans"]) == 3
    return tmp_path / "p.meninx"


def table(path: Path, words: str) -> Path:
    (path.parent / "labels.csv").write_text(words, encoding="utf-8")
    return path.parent / "labels.csv"


def told(project: Project) -> set[tuple[str, int | None, str, str]]:
    names = {scan.id: scan.name for scan in project.scans()}
    return {(names[one.scan], one.slice, one.name, one.value) for one in project.classes.all()}


def test_files_of_slices_and_whole_scans_are_found(path: Path) -> None:
    words = "\ufefffile;stroke;side\nanna_3.png;yes;left\nben_1.png;no;\nset/ben/ben_2.png;no;\nsingle;yes;right\n"
    with Project.open(path) as project:
        taken = take_table(project, table(path, words), reader="anna")
        assert told(project) == {
            ("S0001", 2, "stroke", "yes"),
            ("S0001", 2, "side", "left"),
            ("S0002", 0, "stroke", "no"),
            ("S0002", 1, "stroke", "no"),
            ("S0003", None, "stroke", "yes"),
            ("S0003", None, "side", "right"),
        }
        assert (taken.values, len(taken.scans), taken.lines, taken.missing_count) == (6, 3, 4, 0)
        assert project.verify() == []


def test_patients_with_slices_and_scans_by_name(path: Path) -> None:
    with Project.open(path) as project:
        by_patient = "Patient,Slice,bleeding\nAnna,4,epidural\nP002,,none\nben,2,subdural\n"
        take_table(project, table(path, by_patient), reader="anna")
        assert told(project) == {
            ("S0001", 3, "bleeding", "epidural"),
            ("S0002", None, "bleeding", "none"),
            ("S0002", 1, "bleeding", "subdural"),
        }
        long = "scan,slice,class,value\ns0003,1,bleeding,none\nS0001,,bleeding,epidural\n"
        take_table(project, table(path, long), reader="anna")
        assert ("S0003", None, "bleeding", "none") in told(project)
        assert ("S0001", None, "bleeding", "epidural") in told(project)


def test_noughts_and_ones_are_no_and_yes_only_where_nothing_else_is(path: Path) -> None:
    words = "file,ich,grade\nanna_1.png,0,0\nanna_2.png,1,2\n"
    with Project.open(path) as project:
        taken = take_table(project, table(path, words), reader="anna")
        assert taken.numbers == ("ich",)
        assert {(name, value) for _, _, name, value in told(project)} == {
            ("ich", "no"),
            ("ich", "yes"),
            ("grade", "0"),
            ("grade", "2"),
        }


def test_what_fits_nowhere_is_counted_and_named(path: Path) -> None:
    words = "file,slice,ich\nanna_1.png,,yes\nnobody.png,,yes\nanna_1.png,,no\n\n"
    with Project.open(path) as project:
        taken = take_table(project, table(path, words), reader="anna")
        assert (taken.missing, taken.missing_count, taken.twice) == (["nobody.png"], 1, 1)
        assert told(project) == {("S0001", 0, "ich", "yes")}
        beyond = "scan,slice,ich\nS0001,4,yes\nS0001,5,yes\nS0001,0,yes\nS0001,x,yes\n"
        taken = take_table(project, table(path, beyond), reader="anna")
        assert taken.values == 1
        assert taken.outside_count == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", "class-table"),
        ("file,ich\n", "class-table"),
        ("ich,side\nyes,left\n", "class-table"),
        ("file,slice\nanna_1.png,1\n", "class-table"),
        ("file,ich,ICH\nanna_1.png,yes,no\n", "class-table"),
        ("file,ich\nnobody.png,yes\n", "class-table-none"),
        ("file,ich\nanna_1.png,yes\nanna_2.png," + "x" * 61 + "\n", "class-name"),
        ('file,ich\n"anna_1.png,yes\n', "class-table-none"),
    ],
)
def test_tables_that_cannot_be_are_refused_and_nothing_is_kept(path: Path, words: str, code: str) -> None:
    with Project.open(path) as project:
        with pytest.raises(InputError) as refused:
            take_table(project, table(path, words), reader="anna")
        assert refused.value.code == code
        assert told(project) == set()


def test_bytes_that_are_no_words_are_refused(path: Path) -> None:
    wrong = path.parent / "labels.csv"
    wrong.write_bytes(b"\x89PNG\r\n\x00\xff\xfe" * 50)
    with Project.open(path) as project, pytest.raises(InputError) as refused:
        take_table(project, wrong, reader="anna")
    assert refused.value.code == "class-table"


def test_a_table_written_and_taken_by_another_reader_says_the_same(path: Path) -> None:
    words = "file,stroke\nanna_3.png,yes\nsingle.png,no\n"
    with Project.open(path) as project:
        take_table(project, table(path, words), reader="anna")
        before = told(project)
        out = path.parent / "out.csv"
        assert write_table(project, out) == 2
        rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
        assert [(row["scan"], row["patient"], row["slice"], row["class"], row["value"]) for row in rows] == [
            ("S0001", "P001", "3", "stroke", "yes"),
            ("S0003", "P003", "", "stroke", "no"),
        ]
        take_table(project, out, reader="ben")
        assert told(project) == before
        assert {one.reader for one in project.classes.all()} == {"anna", "ben"}


def test_slices_of_a_series_are_those_of_its_files_whatever_these_are_called(tmp_path: Path) -> None:
    make_series(tmp_path / "ct", names=["c.dcm", "a.dcm", "e.dcm", "b.dcm", "d.dcm"])
    Project.create(tmp_path / "p.meninx").close()
    list(import_job(tmp_path / "p.meninx", [tmp_path / "ct"], ImportOptions()))
    with Project.open(tmp_path / "p.meninx") as project:
        (scan,) = project.scans()
        stored = project.read_volume(scan.id).array
        for number, file in enumerate(sorted(Path(one) for one in (tmp_path / "ct").iterdir())):
            pixels = pydicom.dcmread(file).pixel_array
            place = next(z for z in range(5) if np.array_equal(stored[z], pixels))
            take_table(project, table(tmp_path / "p.meninx", f"file,n\n{file.name},v{number}\n"), reader="anna")
            assert ("S0001", place, "n", f"v{number}") in told(project)


def test_import_takes_a_table_or_the_folders(tmp_path: Path) -> None:
    for folder in ("stroke", "no-stroke"):
        for number in range(2):
            picture = noise((16 + number, 16), number + 10 * len(folder))
            write_picture(tmp_path / "set" / folder / f"{folder}{number}a.png", picture)
    for way, wanted in (
        ("folder:stroke", {("S0001", None, "stroke", "no-stroke"), ("S0003", None, "stroke", "stroke")}),
        (str(table(tmp_path / "x", "file,ich\nstroke0a.png,1\ngone.png,1\n")), {("S0003", None, "ich", "yes")}),
    ):
        path = tmp_path / f"p{len(wanted)}.meninx"
        Project.create(path).close()
        options = ImportOptions(as_="pictures", classes=way)
        events = list(import_job(path, [tmp_path / "set"], options))
        assert isinstance(events[-1], Finished)
        with Project.open(path) as project:
            assert wanted <= told(project)
        assert events[-1].result["classes"] == (4 if way.startswith("folder") else 1)
        keys = {event.key for event in events if isinstance(event, Notice)}
        assert "classes-taken" in keys
        assert ("classes-missing" in keys) == (not way.startswith("folder"))


def test_a_table_that_fits_nothing_leaves_the_scans_and_says_so(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", noise((16, 16), 1))
    path = tmp_path / "p.meninx"
    Project.create(path).close()
    wrong = table(path, "file,ich\nb.png,1\n")
    events = list(import_job(path, [tmp_path / "a.png"], ImportOptions(classes=str(wrong))))
    assert [event.error.code for event in events if isinstance(event, Skipped)] == ["class-table-none"]
    with Project.open(path) as project:
        assert len(project.scans()) == 1
        assert told(project) == set()


def answer(capsys: Capture, *arguments: object) -> tuple[int, dict[str, Any]]:
    status = line.run([str(one) for one in arguments])
    return status, json.loads(capsys.readouterr().out)


def test_commands_give_list_filter_and_export_classes(path: Path, capsys: Capture) -> None:
    status, said = answer(capsys, "classes", path, "--values", "stroke", "ischaemic", "haemorrhage", "none", "--json")
    assert (status, said["classes"]) == (0, {"stroke": ["ischaemic", "haemorrhage", "none"]})
    give = ("--scans", "S0001", "--set", "stroke", "haemorrhage", "--slices", "2-3", "--reader", "anna")
    status, said = answer(capsys, "classes", path, *give, "--json")
    assert [(one["scan"], one["slice"], one["value"]) for one in said["values"]] == [
        ("S0001", 2, "haemorrhage"),
        ("S0001", 3, "haemorrhage"),
    ]
    _, said = answer(capsys, "scans", path, "--json")
    assert [scan["classes"] for scan in said["scans"]] == [{"stroke": ["haemorrhage"]}, {}, {}]
    _, said = answer(capsys, "scans", path, "--class", "stroke=haemorrhage", "--json")
    assert [scan["name"] for scan in said["scans"]] == ["S0001"]
    _, said = answer(capsys, "scans", path, "--class", "stroke", "--json")
    assert [scan["name"] for scan in said["scans"]] == ["S0002", "S0003"]
    out = path.parent / "out.csv"
    assert answer(capsys, "classes", path, "-o", out, "--json")[0] == 0
    assert len(out.read_text().splitlines()) == 3
    status, said = answer(capsys, "classes", path, "--from", out, "--reader", "ben", "--json")
    assert said["taken"]["values"] == 2
    back = ("--scans", "S0001", "--take-back", "stroke", "--slices", "2", "--reader", "anna")
    _, said = answer(capsys, "classes", path, *back, "--json")
    assert len(said["values"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--set", "stroke", "yes"), "class-scan-needed"),
        (("--scans", "S0001", "--set", "stroke", "yes", "--slices", "3-1"), "slices-bad"),
        (("--scans", "S0001", "--set", "stroke", "yes", "--slices", "5"), "class-slice"),
        (("--scans", "S0009", "--set", "stroke", "yes"), "scan-unknown"),
    ],
)
def test_commands_refuse_in_words(path: Path, capsys: Capture, arguments: tuple[str, ...], code: str) -> None:
    status, said = answer(capsys, "classes", path, *arguments, "--json")
    assert (status, said["error"]["code"]) == (1, code)
    with Project.open(path) as project:
        assert told(project) == set()
