"""Full, failing and read-only disks: the old version stays, the person is told, nothing is half there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from disk_support import (
    NUMBERS,
    FaultyDisk,
    SmallDisk,
    begun,
    faulty,
    head,
    mounted,
    noise,
    nothing_written,
    short_writes,
)

from core.errors import MeninxError, StorageError
from core.io import atomic
from core.labels import LabelSet
from core.messages import sentence
from core.project import medium
from core.project.project import Project
from core.project.records import Annotation, Origin, ScanStatus, SliceState

MOST_CALLS = 200


def told(error: MeninxError) -> str:
    """Return the sentence, and check that it is one."""
    words = sentence(error)
    assert words.endswith(".")
    assert "{" not in words
    assert "Errno" not in words
    return words


def full(error: StorageError) -> None:
    assert error.code == "disk-full"
    told(error)


def as_it_was(project: Project, annotation: Annotation) -> None:
    """Check that only the first version is there, whole."""
    np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), noise(1))
    assert [version.sequence for version in project.layer_versions(annotation.id, "brain")] == [1]
    assert [state.finished for state in project.slice_states(annotation.id, "brain")] == [True]
    assert project.annotation(annotation.scan, "anna").journal_sequence == 1
    assert project.verify() == []


def no_temporary(folder: Path) -> None:
    assert [file for file in folder.rglob("*") if atomic.is_temporary(file)] == []


def save(project: Project, annotation: Annotation, seed: int = 2) -> None:
    states = [SliceState(1, Origin.DRAWN, None, True, "anna", 1.0), SliceState(2, Origin.DRAWN)]
    project.save_layers(
        annotation.id,
        {"brain": noise(seed), "lesions": noise(seed + 1)},
        {"brain": states, "lesions": states},
        journal_sequence=2,
    )


# every call of the writer, one after another, in a loop until none is left to fail


@pytest.mark.parametrize("once", [True, False], ids=["once", "for-good"])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: NUMBERS[number] + f"-{number}")
def test_a_whole_file_at_every_call(tmp_path: Path, number: int, once: bool) -> None:
    target = tmp_path / "a.bin"
    atomic.write_bytes(target, b"old" * 1000)
    failed = set()
    for at in range(1, MOST_CALLS):
        with faulty(FaultyDisk(number, at, once=once)) as disk:
            try:
                atomic.write_bytes(target, b"new" * 1000)
                caught = None
            except StorageError as error:
                caught = error
        if disk.failed == "":
            break
        failed.add(disk.failed)
        # a fault of the last call, the folder's, comes when the new version is in place already
        assert target.read_bytes() in {b"old" * 1000, b"new" * 1000}
        assert caught is not None, disk.failed
        assert caught.code == NUMBERS[number]
        assert "a.bin" in told(caught)
        no_temporary(tmp_path)
        atomic.write_bytes(target, b"old" * 1000)
    assert disk.failed == ""
    assert target.read_bytes() == b"new" * 1000
    assert failed >= {"open", "write", "fsync", "replace"}


@pytest.mark.parametrize("once", [True, False], ids=["once", "for-good"])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: NUMBERS[number] + f"-{number}")
def test_a_save_at_every_call(tmp_path: Path, number: int, once: bool) -> None:
    project, annotation = begun(tmp_path / "p")
    with project:
        for at in range(1, MOST_CALLS):
            with faulty(FaultyDisk(number, at, once=once)) as disk:
                try:
                    save(project, annotation)
                    caught = None
                except StorageError as error:
                    caught = error
            if disk.failed == "":
                break
            assert caught is not None, disk.failed
            assert caught.code == NUMBERS[number]
            told(caught)
            as_it_was(project, annotation)
            assert project.read_layer(annotation.id, "lesions") is None
            no_temporary(project.path)
        assert disk.failed == ""
        np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), noise(2))
        np.testing.assert_array_equal(project.read_layer(annotation.id, "lesions"), noise(3))
        assert project.verify() == []


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: NUMBERS[number] + f"-{number}")
def test_a_new_scan_at_every_call(tmp_path: Path, number: int) -> None:
    project, _ = begun(tmp_path / "p")
    with project:
        before = sorted((project.path / "scans").iterdir())
        for at in range(1, MOST_CALLS):
            with faulty(FaultyDisk(number, at, once=True)) as disk:
                try:
                    project.add_scan(head(5), patient="Roe")
                    caught = None
                except StorageError as error:
                    caught = error
            if disk.failed == "":
                break
            assert caught is not None, disk.failed
            told(caught)
            assert [scan.name for scan in project.scans()] == ["S0001"]
            left = [file for file in sorted((project.path / "scans").iterdir()) if file not in before]
            # only where the folder itself could not be pushed is the file there, named by no row
            assert left == [] or disk.failed in {"fsync", "open", "close"}
            for file in left:
                file.unlink()
            assert project.verify() == []
        assert disk.failed == ""
        assert [scan.name for scan in project.scans()] == ["S0001", "S0002"]


def test_a_new_project_at_every_call(tmp_path: Path) -> None:
    for at in range(1, MOST_CALLS):
        with faulty(FaultyDisk(28, at, once=True)) as disk:
            try:
                Project.create(tmp_path / "p").close()
                caught = None
            except StorageError as error:
                caught = error
        if disk.failed == "":
            break
        if caught is None:
            # all was there, only the sum of the closed index could not be written: then there is none
            with Project.open(tmp_path / "p") as project:
                assert project.notices == ()
                assert project.verify() == []
            shutil.rmtree(tmp_path / "p")
        assert not (tmp_path / "p").exists()
    assert disk.failed == ""
    assert (tmp_path / "p" / "project.sqlite.sha256").is_file()
    with Project.open(tmp_path / "p") as project:
        assert project.verify() == []


@pytest.mark.parametrize("once", [True, False], ids=["once", "for-good"])
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: NUMBERS[number] + f"-{number}")
def test_a_record_at_every_call(tmp_path: Path, number: int, once: bool) -> None:
    file = tmp_path / "a.log"
    good: list[bytes] = []
    appended = atomic.AppendFile(file, b"HEAD")
    for at in range(1, MOST_CALLS):
        record = b"record %d " % at * 20
        with faulty(FaultyDisk(number, at, once=once)) as disk:
            try:
                appended.append(record)
                good.append(record)
                appended.sync()
                caught = None
            except StorageError as error:
                caught = error
        if disk.failed == "":
            break
        assert caught is not None
        assert caught.code == NUMBERS[number]
        # the next record stands behind the last good one, whatever the fault left there
        appended.append(b"next")
        good.append(b"next")
        assert atomic.read_records(file, 4) == (b"HEAD", good, False)
    assert disk.failed == ""
    appended.close()
    assert atomic.read_records(file, 4) == (b"HEAD", good, False)


def test_short_writes_are_gone_on_with(tmp_path: Path) -> None:
    with short_writes():
        project, annotation = begun(tmp_path / "p")
        with project:
            save(project, annotation)
            np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), noise(2))
            file = atomic.AppendFile(tmp_path / "a.log")
            file.append(b"x" * 1000)
            file.close()
    assert atomic.read_records(tmp_path / "a.log", 0)[1] == [b"x" * 1000]


def test_a_write_that_takes_nothing_does_not_hang(tmp_path: Path) -> None:
    project, annotation = begun(tmp_path / "p")
    with project:
        with nothing_written(), pytest.raises(StorageError, match="write-failed"):
            save(project, annotation)
        as_it_was(project, annotation)


def test_a_disk_that_keeps_something_else_is_found_on_reading_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, annotation = begun(tmp_path / "p")
    write = os.write

    def wrong(descriptor: int, data: bytes | memoryview) -> int:
        content = bytearray(data)
        content[len(content) // 2] ^= 1
        return write(descriptor, content)

    with project:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", wrong)
            with pytest.raises(StorageError, match="write-failed"):
                save(project, annotation)
        as_it_was(project, annotation)
        no_temporary(project.path)


# the index


def test_a_full_index_changes_nothing(tmp_path: Path) -> None:
    project, annotation = begun(tmp_path / "p")
    with project:
        connection = project.store.read()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        caught = None
        for seed in range(2, 40):
            try:
                save(project, annotation, seed)
            except StorageError as error:
                caught = error
                break
        assert caught is not None
        assert caught.code == "disk-full"
        told(caught)
        last = len(project.layer_versions(annotation.id, "brain"))
        assert project.verify() == []
        connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
        save(project, annotation, 99)
        assert len(project.layer_versions(annotation.id, "brain")) == last + 1
        assert project.verify() == []


def test_an_index_that_another_program_keeps_is_waited_for_and_then_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path / "p")[0].close()
    monkeypatch.setattr("core.project.store._WAIT_SECONDS", 0.2)
    outside = sqlite3.connect(tmp_path / "p" / "project.sqlite", isolation_level=None)
    with Project.open(tmp_path / "p") as project:
        outside.execute("BEGIN IMMEDIATE")
        with pytest.raises(MeninxError, match="project-busy") as caught:
            project.set_status(project.scans()[0].id, ScanStatus.DONE)
        told(caught.value)
        outside.execute("ROLLBACK")
        project.set_status(project.scans()[0].id, ScanStatus.DONE)
    outside.close()


# real disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk | None]:
    with mounted(tmp_path / "disk", "3m") as disk:
        yield disk


def test_a_disk_that_fills_up_at_any_byte_of_a_save(tmp_path: Path, small_disk: SmallDisk | None) -> None:
    if small_disk is None:
        # no rights to mount: the same sweep with the writer's calls refused
        test_a_save_at_every_call(tmp_path, 28, False)
        return
    project, annotation = begun(small_disk.root / "p")
    refused = saved = 0
    with project:
        for free in range(0, 220_000, 4096):
            small_disk.leave(free)
            before = project.read_layer(annotation.id, "brain")
            versions = project.layer_versions(annotation.id, "brain")
            try:
                save(project, annotation, seed=100 + free)
                saved += 1
                expected = noise(100 + free)
            except StorageError as error:
                full(error)
                refused += 1
                expected = before
                assert project.layer_versions(annotation.id, "brain") == versions
            np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), expected)
            small_disk.release()
            assert project.verify() == [], free
            no_temporary(project.path)
        save(project, annotation, seed=5)
        np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), noise(5))
    assert refused > 3
    assert saved > 3
    with Project.open(small_disk.root / "p") as project:
        assert project.verify() == []


def test_a_disk_that_fills_up_at_any_byte_of_a_new_scan(tmp_path: Path, small_disk: SmallDisk | None) -> None:
    if small_disk is None:
        test_a_new_scan_at_every_call(tmp_path, 28)
        return
    project, _ = begun(small_disk.root / "p")
    refused = added = 0
    with project:
        for free in range(0, 120_000, 4096):
            small_disk.leave(free)
            before = [scan.id for scan in project.scans()]
            try:
                project.add_scan(head(free + 7), patient=f"Roe {free}")
                added += 1
            except StorageError as error:
                full(error)
                refused += 1
                assert [scan.id for scan in project.scans()] == before
                assert len(list((project.path / "scans").iterdir())) == len(before)
            small_disk.release()
            assert project.verify() == [], free
        for scan in project.scans():
            project.read_volume(scan.id)
    assert refused > 3
    assert added > 3


@pytest.fixture
def read_only_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project on a medium that nobody can write: real where it may be mounted."""
    project, annotation = begun(tmp_path / "p")
    save(project, annotation)
    project.close()
    with mounted(tmp_path / "disk", "20m") as disk:
        copy = tmp_path / "disk" / "p"
        shutil.copytree(project.path, copy)
        if disk is not None:
            disk.read_only()
        else:
            monkeypatch.setattr(medium, "writable", lambda folder: False)
            monkeypatch.setattr(medium, "read_only_medium", lambda folder: True)
        yield copy


def files(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_project_on_a_read_only_medium_opens_and_refuses_every_change(read_only_copy: Path) -> None:
    before = files(read_only_copy)
    with Project.open(read_only_copy) as project:
        assert project.read_only
        assert "immutable=1" in project.store._uri
        scan = project.scan("S0001")
        annotation = project.annotation(scan.id, "anna")
        np.testing.assert_array_equal(project.read_volume(scan.id).array, head().array)
        np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), noise(2))
        assert project.labels().find("Brain") is not None
        assert project.verify() == []
        for change in (
            lambda: save(project, annotation, 9),
            lambda: project.add_scan(head(9), patient=None),
            lambda: project.set_labels(LabelSet()),
            lambda: project.ensure_label("Tumour"),
            lambda: project.set_status(scan.id, ScanStatus.DONE),
            lambda: project.ensure_annotation(scan.id, "ben"),
        ):
            with pytest.raises(StorageError, match="read-only") as caught:
                change()
            told(caught.value)
        assert project.ensure_label("Brain").name == "Brain"
        assert project.ensure_annotation(scan.id, "anna") == annotation
    assert files(read_only_copy) == before


def test_what_is_only_in_the_wal_is_seen_on_a_read_only_medium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the stick was pulled, or the folder copied, while the window was open
    project, annotation = begun(tmp_path / "p")
    with project:
        save(project, annotation)
        wal = project.path / "project.sqlite-wal"
        assert wal.stat().st_size > 0
        with mounted(tmp_path / "disk", "20m") as disk:
            copy = tmp_path / "disk" / "p"
            shutil.copytree(project.path, copy, ignore=shutil.ignore_patterns("*-shm"))
            if disk is not None:
                disk.read_only()
            else:
                monkeypatch.setattr(medium, "writable", lambda folder: folder != copy)
                monkeypatch.setattr(medium, "read_only_medium", lambda folder: True)
            before = files(copy)
            with Project.open(copy) as other:
                assert other.read_only
                np.testing.assert_array_equal(other.read_layer(annotation.id, "brain"), noise(2))
                with pytest.raises(StorageError, match="read-only"):
                    other.ensure_label("Tumour")
            assert files(copy) == before


def test_a_project_opened_read_only_beside_a_writer_sees_its_saves_and_changes_nothing(tmp_path: Path) -> None:
    project, annotation = begun(tmp_path / "p")
    with project, Project.open(tmp_path / "p", read_only=True) as second:
        save(project, annotation)
        np.testing.assert_array_equal(second.read_layer(annotation.id, "brain"), noise(2))
        with pytest.raises(StorageError, match="read-only"):
            save(second, annotation, 9)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            second.store.read().execute("DELETE FROM label")
    assert not list((tmp_path / "p").glob("project.sqlite-*"))


def test_on_a_network_folder_there_is_no_wal_and_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(tmp_path / "p")[0].close()
    monkeypatch.setattr(medium, "on_network", lambda folder: True)
    with Project.open(tmp_path / "p") as project:
        assert project.store.read().execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert project.store.read().execute("PRAGMA synchronous").fetchone()[0] == 2
        assert project.notices == ("network-folder",)
        scan = project.scans()[0]
        save(project, project.annotation(scan.id, "anna"))
        assert not list(project.path.glob("project.sqlite-*"))
        assert project.verify() == []
    monkeypatch.undo()
    with Project.open(tmp_path / "p") as project:
        assert project.store.read().execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert project.notices == ()


# what a crash leaves


def test_what_a_crash_left_is_put_aside_and_masks_are_never_deleted(tmp_path: Path) -> None:
    project, annotation = begun(tmp_path / "p")
    with project:
        folder = (project.path / project.layers(annotation.id)["brain"].file).parent
        orphan = folder / "brain-2-0123abcd.nii.gz"
        orphan.write_bytes(b"a mask whose row never came")
        unfinished = project.path / "scans" / f"{atomic.TEMPORARY}1-ab-x.h5"
        unfinished.write_bytes(b"half")
        # young: perhaps a save that is under way
        assert project.verify() == []
        assert orphan.exists()
        assert unfinished.exists()
        for file in (orphan, unfinished):
            os.utime(file, (1, 1))
        assert project.verify() == []
        assert not orphan.exists()
        assert not unfinished.exists()
        assert (project.path / "quarantine" / orphan.name).read_bytes() == b"a mask whose row never came"
        as_it_was(project, annotation)
        save(project, annotation)
        assert project.verify() == []


def test_mount_tables_of_linux_and_macos() -> None:
    linux = [
        "/dev/sda1 / ext4 rw 0 0",
        "nas:/x /mnt/my\\040share nfs4 rw 0 0",
        "tmpfs /mnt/my\\040share/fast tmpfs rw 0 0",
    ]
    mac = ["/dev/disk3s1 on / (apfs, local)", "//a@nas/x on /Volumes/my share (smbfs, nodev, mounted by a)"]
    kinds = medium.parse_mounts(linux)
    assert medium.type_of(Path("/home/a"), kinds) == "ext4"
    assert medium.type_of(Path("/mnt/my share/p"), kinds) == "nfs4"
    assert medium.type_of(Path("/mnt/my share"), kinds) in medium.NETWORK_TYPES
    assert medium.type_of(Path("/mnt/my share/fast/p"), kinds) == "tmpfs"
    assert medium.type_of(Path("/Volumes/my share/p"), medium.parse_mounts(mac)) == "smbfs"
    assert medium.type_of(Path("/Users/a"), medium.parse_mounts(mac)) == "apfs"
