"""Statuses, readers, assignments, tags, comments, time spent, and the worklist that finds them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.geometry import Geometry
from core.ids import new_id
from core.labels import LabelSet
from core.project import audit
from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState
from core.team import assignments, comments, reading_time, statuses, tags
from core.team.readers import add_reader, adjudication_reader, check_name, kind_of, known_readers, person, retire_reader
from core.team.statistics import reader_figures
from core.team.worklist import SORTS, Query, counts, find, find_ids, neighbour, progress
from core.volume import Volume

SHAPE = (3, 6, 5)


def made(path: Path, scans: int = 3) -> Project:
    project = Project.create(path / "p.meninx")
    project.set_labels(LabelSet().with_label("Brain").with_label("Tumour"))
    for number in range(scans):
        array = np.full(SHAPE, number, dtype=np.int16)
        project.add_scan(Volume(array, Geometry(SHAPE, np.eye(4)), modality="MR"), patient=f"Doe {number}")
    return project


def draw(project: Project, scan: str, reader: str, fill: int = 1) -> str:
    annotation = project.ensure_annotation(scan, reader)
    states = [SliceState(0, Origin.DRAWN, None, True, reader, 1.0)]
    mask = np.full(SHAPE, fill, np.uint8)
    project.save_layers(annotation.id, {"brain": mask}, {"brain": states}, journal_sequence=0)
    return annotation.id


def ids(project: Project) -> list[str]:
    return [scan.id for scan in project.scans()]


def told(project: Project) -> list[str]:
    return [row.action for row in audit.rows(project.store.read())]


# statuses


def test_every_move_that_is_allowed_is_made_and_no_other(tmp_path: Path) -> None:
    with made(tmp_path, 1) as project:
        (scan,) = ids(project)
        for before in ScanStatus:
            for after in ScanStatus:
                project.set_status(scan, before)
                allowed = after in statuses.MOVES[before]
                if before is after:
                    assert statuses.move(project, [scan], after, reader="anna", words="why").done == ()
                elif allowed:
                    assert statuses.move(project, [scan], after, reader="anna", words="why").done == (scan,)
                    assert project.scan(scan).status is after
                else:
                    with pytest.raises(InputError) as refused:
                        statuses.move(project, [scan], after, reader="anna", words="why")
                    assert refused.value.code == "status-move"
                    assert project.scan(scan).status is before
        # nobody is caught in a status for good
        assert all(moves for moves in statuses.MOVES.values())
        assert project.verify() == []


def test_several_scans_move_at_once_and_those_that_may_not_are_named(tmp_path: Path) -> None:
    with made(tmp_path) as project:
        one, two, three = ids(project)
        project.set_status(two, ScanStatus.APPROVED)
        moved = statuses.move(project, [one, two, three], ScanStatus.DONE, reader="anna")
        assert moved.done == (one, three)
        assert moved.refused == ((two, ScanStatus.APPROVED),)


def test_skipping_and_returning_need_words_and_a_return_is_a_comment_on_its_slice(tmp_path: Path) -> None:
    with made(tmp_path, 2) as project:
        one, two = ids(project)
        for status in (ScanStatus.SKIPPED, ScanStatus.RETURNED):
            with pytest.raises(InputError) as refused:
                statuses.move(project, [one], status, reader="anna", words="  ")
            assert refused.value.code == "status-words"
        statuses.move(project, [one], ScanStatus.SKIPPED, reader="anna", words="moved in the scanner")
        assert statuses.reason(project, one) == "moved in the scanner"
        assert comments.of_scan(project, one) == []
        statuses.move(project, [one], ScanStatus.TO_DO, reader="anna")
        assert statuses.reason(project, one) == ""
        statuses.move(project, [two], ScanStatus.DONE, reader="anna")
        with pytest.raises(InputError) as outside:
            statuses.move(project, [two], ScanStatus.RETURNED, reader="ben", words="see here", slice=3)
        assert outside.value.code == "comment-slice"
        assert project.scan(two).status is ScanStatus.DONE
        statuses.move(project, [two], ScanStatus.RETURNED, reader="ben", words="see here", slice=2)
        (comment,) = comments.of_scan(project, two)
        assert (comment.slice, comment.words, comment.reader) == (2, "see here", "ben")
        assert statuses.reason(project, two) == "see here"


def test_drawing_on_what_was_approved_takes_the_approval_away(tmp_path: Path) -> None:
    with made(tmp_path, 1) as project:
        (scan,) = ids(project)
        draw(project, scan, "anna", 1)
        assert project.scan(scan).status is ScanStatus.IN_PROGRESS
        statuses.move(project, [scan], ScanStatus.DONE, reader="anna")
        statuses.move(project, [scan], ScanStatus.APPROVED, reader="ben")
        # the same voxels again are no other mask
        draw(project, scan, "anna", 1)
        assert project.scan(scan).status is ScanStatus.APPROVED
        draw(project, scan, "anna", 0)
        assert project.scan(scan).status is ScanStatus.IN_PROGRESS


# readers


def test_readers_are_those_added_and_those_who_drew(tmp_path: Path) -> None:
    with made(tmp_path, 1) as project:
        (scan,) = ids(project)
        draw(project, scan, "anna")
        draw(project, scan, "consensus (majority)")
        draw(project, scan, adjudication_reader("anna"))
        draw(project, scan, "anna (2)")
        add_reader(project, " Ben  Doe ", by="anna")
        assert [one.name for one in known_readers(project)] == ["anna", "Ben Doe"]
        retire_reader(project, "Ben Doe", by="anna")
        assert [one.active for one in known_readers(project)] == [True, False]
        with pytest.raises(InputError) as alike:
            add_reader(project, "ben doe", by="anna")
        assert alike.value.code == "reader-alike"
        with pytest.raises(InputError) as nobody:
            retire_reader(project, "carl", by="anna")
        assert nobody.value.code == "reader-nobody"


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 61, "consensus (STAPLE)", "Anna (adjudication)", "Anna (2)"])
def test_a_name_that_means_something_else_is_refused(name: str) -> None:
    with pytest.raises(InputError) as refused:
        check_name(name)
    assert refused.value.code == "reader-name"


def test_whose_an_annotation_is() -> None:
    assert [kind_of(name) for name in ("anna", "anna (2)", "anna (adjudication)", "consensus (majority)")] == [
        "reading",
        "copy",
        "adjudication",
        "consensus",
    ]
    assert person("anna (2)") == person("anna (adjudication)") == person("anna (adjudication) (3)") == "anna"


# assignments and blind reading


def test_blind_readers_see_nothing_of_each_other_until_both_are_done(tmp_path: Path) -> None:
    with made(tmp_path, 1) as project:
        (scan,) = ids(project)
        assignments.two_readers(project, [scan], "anna", "ben", by="carl")
        for reader in ("anna", "ben", "ben (2)", "dora"):
            draw(project, scan, reader)

        def seen(viewer: str) -> list[str]:
            return [one.reader for one in assignments.visible(project, scan, viewer)]

        assert seen("anna") == ["anna"]
        assert seen("ben") == ["ben", "ben (2)"]
        assert seen("carl") == ["dora"]
        assert assignments.still_blind(project, scan)
        assert assignments.blind_scans(project) == {scan}
        assignments.finish_reading(project, scan, "anna")
        assert seen("anna") == ["anna"]
        assignments.finish_reading(project, scan, "anna", False)
        assignments.finish_reading(project, scan, "anna")
        assignments.finish_reading(project, scan, "ben")
        assert set(seen("anna")) == set(seen("carl")) == {"anna", "ben", "ben (2)", "dora"}
        with pytest.raises(InputError) as over:
            assignments.finish_reading(project, scan, "ben", False)
        assert over.value.code == "blind-over"


def test_bad_assignments_are_refused(tmp_path: Path) -> None:
    with made(tmp_path, 1) as project:
        (scan,) = ids(project)
        for code, act in {
            "readers-same": lambda: assignments.two_readers(project, [scan], "Anna", "anna ", by="x"),
            "scan-unknown": lambda: assignments.assign(project, ["nothing"], "anna", by="x"),
            "role-bad": lambda: assignments.assign(project, [scan], "anna", by="x", role="boss"),
            "assignment-none": lambda: assignments.finish_reading(project, scan, "anna"),
        }.items():
            with pytest.raises(InputError) as refused:
                act()
            assert refused.value.code == code
        assert assignments.assignments(project) == []


# tags, comments


def test_tags_are_found_again_in_any_case(tmp_path: Path) -> None:
    with made(tmp_path) as project:
        one, two, _ = ids(project)
        assert tags.tag(project, [one, two], "Follow up", by="anna") == 2
        assert tags.tag(project, [one], "FOLLOW UP", by="anna") == 0
        assert tags.tags(project) == {"Follow up": 2}
        assert find_ids(project, Query(tags=("follow UP",))) == [one, two]
        assert tags.tag(project, [one], "follow up", by="ben", on=False) == 1
        assert tags.tags_of(project, one) == ()
        assert told(project).count("tag") == 3
        with pytest.raises(InputError):
            tags.tag(project, [one], "a\nb", by="anna")


def test_comments_are_answered_and_settled(tmp_path: Path) -> None:
    with made(tmp_path, 2) as project:
        one, two = ids(project)
        first = comments.add(project, one, "Is this the falx?", reader="ben", slice=1)
        comments.add(project, one, "It is.\nSorry.", reader="anna", answers=first.id)
        assert comments.open_counts(project) == {one: 2}
        comments.settle(project, first.id, reader="ben")
        assert comments.open_counts(project) == {one: 1}
        assert comments.of_scan(project, one)[0].settled != ""
        comments.settle(project, first.id, reader="ben", settled=False)
        assert comments.open_counts(project) == {one: 2}
        for given, code in (({"slice": -1}, "comment-slice"), ({"answers": first.id}, "comment-unknown")):
            with pytest.raises(InputError) as refused:
                comments.add(project, two, "words", reader="anna", **given)  # type: ignore[arg-type]
            assert refused.value.code == code
        for words in ("", "\x07", "x" * 2001):
            with pytest.raises(InputError):
                comments.add(project, two, words, reader="anna")
        assert [one.scan for one in comments.every(project)] == [one, one]


# time


def test_time_in_which_nothing_is_done_is_not_counted() -> None:
    now = [100.0]
    clock = reading_time.ReadingClock(idle=60.0, clock=lambda: now[0])

    def act(at: float) -> None:
        now[0] = at
        clock.act()

    act(100.0)
    act(110.0)
    act(150.0)
    assert clock.seconds == 50.0
    act(300.0)
    assert clock.seconds == 50.0
    act(310.0)
    clock.pause()
    act(320.0)
    assert clock.seconds == 60.0
    # a clock that goes backwards takes nothing away and adds nothing
    act(200.0)
    act(205.0)
    assert clock.seconds == 65.0


def test_time_of_a_sitting_grows_and_is_summed_by_reader(tmp_path: Path) -> None:
    with made(tmp_path, 2) as project:
        one, two = ids(project)
        sitting, other = new_id(), new_id()
        for seconds in (10.0, 30.0, 20.0):
            reading_time.keep(project, sitting, one, "anna", seconds)
        reading_time.keep(project, other, one, "anna", 5.0)
        reading_time.keep(project, new_id(), two, "ben", 7.0)
        assert reading_time.seconds_of(project) == {(one, "anna"): 35.0, (two, "ben"): 7.0}
        assert reading_time.seconds_of(project, reader="ben") == {(two, "ben"): 7.0}
        for bad in (-1.0, float("nan"), 1e9):
            with pytest.raises(InputError):
                reading_time.keep(project, sitting, one, "anna", bad)


# worklist


def test_each_filter_finds_what_it_should(tmp_path: Path) -> None:
    with made(tmp_path, 5) as project:
        one, two, three, four, five = ids(project)
        assignments.assign(project, [two, three], "anna", by="carl")
        draw(project, four, "anna")
        statuses.move(project, [five], ScanStatus.DONE, reader="anna")
        comments.add(project, five, "look", reader="ben")
        project.classes.set(three, "stroke", "yes", reader="anna")
        tags.tag(project, [one], "Größe", by="anna")
        reading_time.keep(project, new_id(), two, "anna", 50.0)
        expected = {
            Query(reader="anna"): [two, three, four],
            Query(unassigned=True): [one, four, five],
            Query(statuses=(ScanStatus.DONE, ScanStatus.IN_PROGRESS)): [four, five],
            Query(commented=True): [five],
            Query(class_name="stroke", class_value="yes"): [three],
            Query(class_name="stroke"): [one, two, four, five],
            Query(text="s0003"): [three],
            Query(text="P002 mr"): [two],
            Query(text="Größe"): [one],
            Query(text="p002", tags=("none",)): [],
            Query(patient="p004"): [four],
            Query(sort="time"): [two, one, three, four, five],
            Query(sort="comments", descending=True): [five, one, two, three, four],
            Query(sort="changed"): [four, one, two, three, five],
            Query(sort="status"): [four, one, two, three, five],
            Query(descending=True): [five, four, three, two, one],
        }
        for query, wanted in expected.items():
            assert find_ids(project, query) == wanted, query
            assert [row.scan.id for row in find(project, query)] == wanted
        row = find(project, Query(text="S0002"))[0]
        assert (row.readers, row.seconds, row.tags, row.comments) == (("anna",), 50.0, (), 0)
        assert row.scan == project.scan(two)
        assert counts(project, Query(statuses=(ScanStatus.DONE,)))[ScanStatus.TO_DO] == 3
        assert neighbour(project, Query(reader="anna"), two) == three
        assert neighbour(project, Query(reader="anna"), four) is None
        assert neighbour(project, Query(reader="anna"), one, -1) == four
        assert progress(project, [four, one]) == {four: {"anna": 1}}
        with pytest.raises(InputError):
            find(project, Query(sort="beauty"))


def ten_thousand(project: Project) -> None:
    """Ten thousand scans with everything on them, written straight into the index."""
    draws = random.Random(3)
    readers = ("anna", "ben", "carl")
    words = list(ScanStatus)
    with project.store.transaction() as rows:
        for number in range(1, 10_001):
            scan, patient = new_id(), new_id()
            rows.execute("INSERT INTO patient VALUES (?, ?, 1)", (patient, number))
            values = (scan, number, f"S{number:04d}", patient, draws.choice(("MR", "CT")), 30, 512, 512, 1, "[]", 1, 1)
            rows.execute(
                "INSERT INTO scan VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '')",
                (*values, draws.choice(words).value, "2026", f"T{number % 3} axial flair", scan, scan, scan),
            )
            rows.execute(
                "INSERT INTO assignment VALUES (?, ?, 'reader', 0, '', 'x', '2026')", (scan, readers[number % 3])
            )
            rows.execute("INSERT INTO tag VALUES (?, ?)", (scan, f"batch {number % 20}"))
            rows.execute("INSERT INTO annotation VALUES (?, ?, 'anna', 1, '2026', ?, 0)", (new_id(), scan, str(number)))
            rows.execute("INSERT INTO reading_time VALUES (?, ?, 'anna', '2026', ?)", (new_id(), scan, number / 7))
            if number % 5 == 0:
                rows.execute("INSERT INTO comment VALUES (?, ?, -1, 'ben', 'look', '2026', '', '')", (new_id(), scan))


def test_ten_thousand_scans_are_listed_filtered_sorted_and_searched_within_the_bar(tmp_path: Path) -> None:
    with made(tmp_path, 0) as project:
        ten_thousand(project)
        queries = [
            *(Query(sort=sort, descending=True) for sort in SORTS),
            Query(text="flair p0421"),
            Query(text="batch"),
            Query(statuses=(ScanStatus.DONE, ScanStatus.RETURNED), reader="anna", sort="changed"),
            Query(tags=("batch 7",), sort="time"),
            Query(commented=True, unassigned=True),
        ]
        for query in queries:
            find_ids(project, query)
            spent = []
            for _ in range(3):
                began = time.process_time()
                found = find_ids(project, query)
                spent.append(time.process_time() - began)
            assert min(spent) < 0.1, (query, spent)
            assert len(found) <= 10_000
        for query in (Query(), Query(text="batch 7", sort="time")):
            spent = []
            for _ in range(3):
                began = time.process_time()
                rows = find(project, query)
                # what a window shows: a page at the top, and one far down
                assert [row.scan.name for row in (*rows[:60], *rows[-60:])] != []
                spent.append(time.process_time() - began)
            assert min(spent) < 0.1, (query, spent)
        assert [row.scan.id for row in rows] == rows.ids == find_ids(project, Query(text="batch 7", sort="time"))
        assert all(row.tags and row.seconds > 0 and row.readers and row.changed for row in rows)
        assert neighbour(project, Query(), find_ids(project, Query())[0]) is not None


# statistics


def test_figures_of_readers(tmp_path: Path) -> None:
    with made(tmp_path, 3) as project:
        one, two, three = ids(project)
        assignments.assign(project, [one, two, three], "anna", by="carl")
        draw(project, one, "anna")
        draw(project, two, "anna")
        assignments.finish_reading(project, one, "anna")
        reading_time.keep(project, new_id(), one, "anna", 12.0)
        for scan in (one, two):
            statuses.move(project, [scan], ScanStatus.DONE, reader="anna")
        statuses.move(project, [one], ScanStatus.APPROVED, reader="carl")
        statuses.move(project, [two], ScanStatus.RETURNED, reader="carl", words="again")
        anna, carl = reader_figures(project)[0], None
        assert (anna.reader, anna.assigned, anna.done, anna.drawn, anna.finished_slices) == ("anna", 3, 1, 2, 2)
        assert (anna.seconds, anna.approved, anna.returned, anna.comments) == (12.0, 1, 1, 0)
        assert anna.seconds_per_slice == 6.0
        assert carl is None
        add_reader(project, "carl", by="carl")
        assert reader_figures(project)[1].comments == 1
        assert reader_figures(project)[1].seconds_per_slice is None
