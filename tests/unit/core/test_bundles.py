"""Bundles: what goes along, what is refused in one sentence, and the commands of a study of two readers."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_merging import begun, bundled, content, merged

from core.commands.line import run
from core.errors import InputError, MeninxError, ProjectError
from core.messages import sentence
from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState
from core.team import assignments, comments, statuses
from core.team.bundle_file import FORMAT, HEAD, peek
from core.team.conflicts import conflicts, settle_conflict
from core.team.merging import merge_job

SHAPE = (3, 5, 4)


def files_of(path: Path) -> dict[str, bytes]:
    found = (file for folder in ("scans", "masks") for file in (path / folder).rglob("*"))
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found if file.is_file()}


def draw(path: Path, scan: int, reader: str, value: int = 1, layer: str = "brain") -> None:
    with Project.open(path) as project:
        annotation = project.ensure_annotation(project.scans()[scan].id, reader)
        states = [SliceState(number, Origin.DRAWN, None, True, reader) for number in range(3)]
        mask = np.zeros(SHAPE, np.uint8)
        mask[:, : value + 1] = 1
        project.save_layers(annotation.id, {layer: mask}, {layer: states}, journal_sequence=0)


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return begun(tmp_path / "one.meninx", random.Random(4))


def test_a_copy_made_of_a_bundle_is_the_project(one: Path, tmp_path: Path) -> None:
    bundle = bundled(one, tmp_path / "all.mnxbundle")
    result = merged(tmp_path / "two.meninx", bundle)
    assert result["made"]
    assert result["conflicts"] == []
    with Project.open(one) as first, Project.open(tmp_path / "two.meninx") as second:
        assert content(first) == content(second)
        assert [scan.name for scan in first.scans()] == [scan.name for scan in second.scans()]
        assert (first.id, first.name) == (second.id, second.name)
        assert second.verify() == []
        volume = second.read_volume(second.scans()[0].id)
        assert np.array_equal(volume.array, first.read_volume(first.scans()[0].id).array)
        for mine in ([*first.annotations(scan.id)] for scan in first.scans()):
            for annotation in mine:
                assert first.layers(annotation.id).keys() == second.layers(annotation.id).keys()
    facts = peek(bundle)
    assert (facts.scans, facts.with_scans) == (4, True)


def test_masks_alone_go_into_a_copy_that_has_the_scans_and_make_no_project(one: Path, tmp_path: Path) -> None:
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    draw(two, 0, "dora")
    bundle = bundled(two, tmp_path / "masks.mnxbundle", with_scans=False)
    assert not any(name.startswith("scans/") for name in zipfile.ZipFile(bundle).namelist())
    with pytest.raises(InputError) as refused:
        merged(tmp_path / "three.meninx", bundle)
    assert refused.value.code == "bundle-no-scans"
    assert not (tmp_path / "three.meninx").exists()
    before = files_of(one)
    merged(one, bundle)
    with Project.open(one) as project:
        assert "dora" in {annotation.reader for annotation in project.annotations(project.scans()[0].id)}
        assert project.verify() == []
    assert before.items() <= files_of(one).items()


def test_a_new_scan_without_its_file_is_left_out_with_all_that_was_said_of_it_and_may_come_later(
    one: Path, tmp_path: Path
) -> None:
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    with Project.open(two) as project:
        volume = project.read_volume(project.scans()[0].id)
        new = project.add_scan(type(volume)(volume.array + 1, volume.geometry, modality="MR"), patient="new")
        comments.add(project, new.id, "look", reader="dora")
    draw(two, 4, "dora")
    result = merged(one, bundled(two, tmp_path / "masks.mnxbundle", with_scans=False))
    assert result["skipped_scans"] == 1
    with Project.open(one) as project:
        assert len(project.scans()) == 4
        assert project.verify() == []
    merged(one, bundled(two, tmp_path / "all.mnxbundle"))
    with Project.open(one) as first, Project.open(two) as second:
        assert content(first) == content(second)
        assert first.verify() == []


def test_what_one_reader_gets_shows_nobody_elses_masks_and_comes_back(one: Path, tmp_path: Path) -> None:
    with Project.open(one) as project:
        scans = [scan.id for scan in project.scans()][:2]
        project.classes.set(scans[0], "stroke", "yes", reader="dora")
        mine = comments.add(project, scans[0], "blurred?", reader="emil")
        assignments.two_readers(project, scans, "dora", "emil", by="carl")
        comments.add(project, scans[0], "large infarct on the left", reader="dora")
        comments.settle(project, mine.id, reader="dora")
    draw(one, 0, "dora")
    bundle = bundled(one, tmp_path / "emil.mnxbundle", reader="emil")
    two = tmp_path / "emil.meninx"
    assert merged(two, bundle)["new_scans"] == 2
    with Project.open(two) as project:
        assert [project.annotations(scan.id) for scan in project.scans()] == [[], []]
        assert not [one for one in project.classes.all() if one.reader == "dora"]
        assert [one.reader for one in assignments.assignments(project, scans[0])] == ["dora", "emil"]
        assert [(one.reader, bool(one.settled)) for one in comments.every(project)] == [("emil", True)]
        assert project.verify() == []
    draw(two, 0, "emil", 2)
    with Project.open(two) as project:
        assignments.finish_reading(project, scans[0], "emil")
        statuses.move(project, [scans[1]], ScanStatus.SKIPPED, reader="emil", words="moved")
        assert project.verify() == []
    # meanwhile dora goes on, on masks that emil never got
    draw(one, 0, "dora", 3)
    result = merged(one, bundled(two, tmp_path / "back.mnxbundle", with_scans=False))
    with Project.open(one) as project:
        assert {one.reader for one in project.annotations(scans[0])} >= {"dora", "emil"}
        mine = project.annotation(scans[0], "dora")
        assert mine is not None
        assert project.layers(mine.id)["brain"].voxels == 48
        assert project.scan(scans[1]).status is ScanStatus.SKIPPED
        assert assignments.still_blind(project, scans[0])
        assert {one.words for one in comments.every(project)} >= {"blurred?", "large infarct on the left"}
        assert project.verify() == []
    assert not [one for one in result["conflicts"] if one["kind"] in {"masks", "reading"}]
    with pytest.raises(InputError) as nothing:
        bundled(one, tmp_path / "no.mnxbundle", reader="nobody")
    assert nothing.value.code == "bundle-nothing"


def test_one_reader_in_two_places_has_both_masks_side_by_side(one: Path, tmp_path: Path) -> None:
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    draw(one, 1, "same", 1)
    draw(two, 1, "same", 3)
    result = merged(one, bundled(two, tmp_path / "two.mnxbundle"))
    assert [found["kind"] for found in result["conflicts"]] == ["reading"]
    with Project.open(one) as project:
        scan = project.scans()[1]
        found = {annotation.reader: annotation.id for annotation in project.annotations(scan.id)}
        voxels = {name: project.layers(found[name])["brain"].voxels for name in ("same", "same (2)")}
        assert voxels == {"same": 24, "same (2)": 48}
        (conflict,) = conflicts(project)
        assert conflict.words.startswith(f"{scan.name}: two people read it as same")
        settle_conflict(project, conflict.id, reader="carl")
        assert conflicts(project) == []
        assert len(conflicts(project, settled=True)) == 1
        with pytest.raises(InputError):
            settle_conflict(project, "nothing", reader="carl")
        assert project.verify() == []


# what is refused


def rewritten(bundle: Path, target: Path, change: Callable[[dict[str, bytes]], None], *, honest: bool = True) -> Path:
    """Write a bundle with other files in it; ``honest``: with the hashes of what it holds now."""
    with zipfile.ZipFile(bundle) as source:
        files = {name: source.read(name) for name in source.namelist()}
    change(files)
    head = json.loads(files.pop(HEAD))
    if honest:
        head["files"] = {name: (hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    words = json.dumps(head).encode()
    with zipfile.ZipFile(target, "w") as made:
        for name, data in files.items():
            packing = zipfile.ZIP_DEFLATED if name.startswith("tables/") else zipfile.ZIP_STORED
            made.writestr(zipfile.ZipInfo(name), data, packing)
        made.writestr(HEAD, words)
        made.comment = hashlib.sha256(words).hexdigest().encode()
    return target


def head_with(**values: Any) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files[HEAD] = json.dumps(json.loads(files[HEAD]) | values).encode()

    return change


def replaced(table: str, old: str, new: str) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        name = f"tables/{table}.jsonl"
        assert old.encode() in files[name]
        files[name] = files[name].replace(old.encode(), new.encode())

    return change


def cell(table: str, column: int, value: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        name = f"tables/{table}.jsonl"
        rows = [json.loads(line) for line in files[name].splitlines()]
        rows[0][column] = value
        files[name] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    return change


def renamed(start: str, name: str) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files[name] = files.pop(next(one for one in files if one.startswith(start)))

    return change


def added(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: data})


def mask_changed(files: dict[str, bytes]) -> None:
    name = next(one for one in files if one.startswith("masks/"))
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])


BAD = {
    "newer": (head_with(min_reader=FORMAT + 1), "bundle-newer"),
    "newer-index": (head_with(index=99), "bundle-newer"),
    "other-project": (head_with(project="0" * 26), "bundle-other-project"),
    "no-id": (head_with(project="../../etc"), "bundle-damaged"),
    "head-kind": (head_with(scans="many"), "bundle-damaged"),
    "no-line": (head_with(head="f" * 64), "bundle-damaged"),
    "leads-out": (renamed("masks/", "masks/../../out.nii.gz"), "bundle-damaged"),
    "absolute": (renamed("scans/", "/tmp/out.h5"), "bundle-damaged"),
    "backslash": (added("masks\\..\\out", b"x"), "bundle-damaged"),
    "strange-file": (added("run.py", b"print()"), "bundle-damaged"),
    "status": (cell("scan", 16, "to_die"), "bundle-damaged"),
    "path-in-row": (replaced("scan", '"scans/', '"../scans/'), "bundle-damaged"),
    "mask-path": (replaced("layer_version", '"masks/', '"masks/../masks/'), "bundle-damaged"),
    "audit-line": (replaced("audit_merged", "draw", "drew"), "bundle-damaged"),
    "not-json": (replaced("tag", '["', '["'), "bundle-damaged"),
    "mask": (mask_changed, "bundle-damaged"),
    "bomb": (added("tables/tag.jsonl", b" " * (40 << 20)), "bundle-bomb"),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_bad_bundle_is_one_sentence_and_changes_nothing(one: Path, tmp_path: Path, kind: str) -> None:
    change, code = BAD[kind]
    two = Path(shutil.copytree(one, tmp_path / "two.meninx"))
    draw(two, 0, "dora")
    bundle = bundled(two, tmp_path / "good.mnxbundle")
    if kind == "not-json":
        bad = rewritten(bundle, tmp_path / "bad.mnxbundle", added("tables/tag.jsonl", b'["x"\n'))
    else:
        bad = rewritten(bundle, tmp_path / "bad.mnxbundle", change)
    before = files_of(one)
    with Project.open(one) as project:
        told = content(project)
        with pytest.raises(InputError) as refused:
            list(merge_job(one, bad))
        assert refused.value.code == code
        assert sentence(refused.value).count("\n") == 0
        assert content(project) == told
        assert project.verify() == []
    assert files_of(one) == before
    assert not list(tmp_path.glob("out*"))
    if kind != "other-project":
        with pytest.raises(InputError):
            list(merge_job(tmp_path / "new.meninx", bad))
        assert not (tmp_path / "new.meninx").exists()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_a_bundle_that_is_cut_off_is_told_so(one: Path, tmp_path: Path, share: float) -> None:
    data = bundled(one, tmp_path / "good.mnxbundle").read_bytes()
    cut = tmp_path / "cut.mnxbundle"
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError) as refused:
        list(merge_job(one, cut))
    assert refused.value.code == "bundle-cut"


def test_flipped_bytes_are_refused_or_change_nothing(one: Path, tmp_path: Path) -> None:
    data = bundled(one, tmp_path / "good.mnxbundle").read_bytes()
    draws = random.Random(8)
    bad = tmp_path / "bad.mnxbundle"
    with Project.open(one) as project:
        told = content(project)
        words: list[str] = []
        for _ in range(60):
            flipped = bytearray(data)
            flipped[draws.randrange(len(data))] ^= 1 << draws.randrange(8)
            bad.write_bytes(flipped)
            try:
                merged(one, bad, dry=True)
            except MeninxError as error:
                words.append(sentence(error))
        # what zip itself does not look at, such as a file's date
        assert len(words) > 40
        assert content(project) == told


def test_another_kind_of_file_and_a_wrong_ending(one: Path, tmp_path: Path) -> None:
    other = tmp_path / "x.mnxbundle"
    other.write_bytes(b"hello there")
    for given, code in ((other, "bundle-not"), (tmp_path / "none.mnxbundle", "file-missing")):
        with pytest.raises(InputError) as refused:
            list(merge_job(one, given))
        assert refused.value.code == code
    with pytest.raises(InputError) as ending:
        bundled(one, tmp_path / "x.zip")
    assert ending.value.code == "bundle-ending"


def test_a_damaged_project_makes_no_bundle(one: Path, tmp_path: Path) -> None:
    mask = next((one / "masks").rglob("*.nii.gz"))
    mask.write_bytes(mask.read_bytes()[:-1])
    with pytest.raises(ProjectError) as refused:
        bundled(one, tmp_path / "x.mnxbundle")
    assert refused.value.code == "mask-corrupt"
    assert list(tmp_path.glob("*.mnxbundle")) == []


# the command line


def told(capsys: pytest.CaptureFixture[str], *words: str | Path, status: int = 0) -> dict[str, Any]:
    assert run([str(word) for word in (words[0], "--json", *words[1:])]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_study_of_two_readers_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = begun(tmp_path / "one.meninx", random.Random(4))
    with Project.open(one) as project:
        name = project.scans()[0].name
        project.set_status(project.scans()[0].id, ScanStatus.TO_DO)
    told(capsys, "readers", one, "--add", "Dora", "Emil", "--as", "Carl")
    given = told(capsys, "assign", one, name, "--reader", "Dora", "--second", "Emil")
    assert [row["blind"] for row in given["assignments"] if row["reader"] in {"Dora", "Emil"}] == [True, True]
    told(capsys, "tag", one, name, "--add", "study")
    assert told(capsys, "tag", one)["tags"]["study"] == 1
    for reader, value in (("Dora", 1), ("Emil", 2)):
        bundle, copy = tmp_path / f"{reader}.mnxbundle", tmp_path / f"{reader}.meninx"
        told(capsys, "bundle", one, bundle, "--for", reader)
        assert told(capsys, "merge", copy, bundle)["made"]
        draw(copy, 0, reader, value)
        told(capsys, "assign", copy, name, "--reader", reader, "--done")
        told(capsys, "bundle", copy, tmp_path / f"{reader}-back.mnxbundle", "--masks-only")
    assert told(capsys, "merge", one, tmp_path / "Dora-back.mnxbundle", "--dry-run")["new_scans"] == 0
    for reader in ("Dora", "Emil"):
        told(capsys, "merge", one, tmp_path / f"{reader}-back.mnxbundle")
    pair = ("--readers", "Dora", "Emil")
    found = told(capsys, "agree", one, "--scans", name, "--label", "Brain", *pair, "-o", tmp_path / "a.csv")
    # 8 pixels of a slice against 12, 8 of them shared
    assert found["agreements"][0]["dice"] == pytest.approx(0.8)
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbfscan,label")
    made = told(capsys, "consensus", one, name, "--label", "Brain", *pair)
    assert made["made"][0]["reader"] == "consensus (STAPLE)"
    decided = told(capsys, "consensus", one, name, "--adjudicate", "Dora", "--as", "Carl")
    assert decided["made"][0]["reader"] == "Carl (adjudication)"
    told(capsys, "status", one, name, "--to", "done")
    told(capsys, "status", one, name, "--to", "returned", "--why", "look again", "--slice", "2", "--as", "Carl")
    refused = told(capsys, "status", one, name, "--to", "approved", status=1)
    assert "cannot become" in refused["error"]["sentence"]
    told(capsys, "status", one, name, "--to", "done")
    told(capsys, "status", one, name, "--to", "approved", "--as", "Carl")
    (comment,) = [one for one in told(capsys, "comment", one, name)["comments"] if one["words"] == "look again"]
    assert comment["slice"] == 1
    told(capsys, "comment", one, name, "done", "--answers", comment["id"])
    told(capsys, "comment", one, "--settle", comment["id"])
    assert (
        told(capsys, "scans", one, "--tag", "study", "--reader", "Dora", "--sort", "time")["scans"][0]["name"] == name
    )
    lines = told(capsys, "audit", one, "--scan", name, "--last", "0", "-o", tmp_path / "audit.csv")
    assert {"merge", "status"} & {row["action"] for row in lines["lines"]} == {"status"}
    assert any(not row["own"] and row["who"] == "Emil" for row in lines["lines"])
    assert lines["written"] == len(lines["lines"])
    people = {row["reader"]: row for row in told(capsys, "readers", one)["readers"]}
    assert (people["Dora"]["done"], people["Dora"]["approved"]) == (1, 1)
    assert told(capsys, "merge", one)["conflicts_left"] == []
    assert told(capsys, "verify", one)["problems"] == []
    for words in (("readers", one), ("assign", one), ("tag", one), ("comment", one), ("agree", one), ("audit", one)):
        assert run([str(word) for word in words]) == 0
    assert capsys.readouterr().out
