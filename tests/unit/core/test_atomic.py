"""The only writer: whole files, checked records, and what is left after a failure."""

from __future__ import annotations

import errno
import os
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StorageError
from core.io import atomic


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_file_is_written_whole_and_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    atomic.write_bytes(target, b"one")
    atomic.write_bytes(target, b"two" * 100_000)
    assert target.read_bytes() == b"two" * 100_000
    assert names(tmp_path) == ["a.bin"]


def test_file_and_folder_are_pushed_to_the_disk_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        kind = "folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file"  # noqa: PTH112
        order.append(f"fsync {kind}")
        fsync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        order.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    atomic.write_bytes(tmp_path / "a", b"x")
    with atomic.path(tmp_path / "b") as temporary:
        temporary.write_bytes(b"y")
    assert order == ["fsync file", "replace", "fsync folder"] * 2


def test_path_keeps_the_ending_and_the_folder(tmp_path: Path) -> None:
    with atomic.path(tmp_path / "brain.nii.gz") as temporary:
        assert temporary.name.endswith(".nii.gz")
        assert temporary.parent == tmp_path
        assert atomic.is_temporary(temporary)
        temporary.write_bytes(b"mask")
        assert not (tmp_path / "brain.nii.gz").exists()
    assert names(tmp_path) == ["brain.nii.gz"]


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a"
    atomic.write_bytes(target, b"old")

    def fail() -> None:
        with atomic.path(target) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_file_that_does_not_verify_does_not_count(tmp_path: Path) -> None:
    target = tmp_path / "a"

    def verify(file: Path) -> None:
        assert file.read_bytes() == b"wrong"
        raise StorageError("write-failed", file=target, reason="read-back")

    with pytest.raises(StorageError), atomic.path(target, verify=verify) as temporary:
        temporary.write_bytes(b"wrong")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "read-only"),
        (errno.EIO, "write-failed"),
    ],
)
def test_the_systems_word_becomes_ours(number: int, code: str) -> None:
    assert atomic.storage_error(OSError(number, "x"), Path("a")).code == code
    # HDF5 hides the number in a sentence, and raises RuntimeError from closing
    hidden = RuntimeError(f"Can't decrement id ref count (unable to write, errno = {number}, error message = 'x')")
    assert atomic.storage_error(hidden, Path("a")).code == code


def test_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        atomic.write_bytes(tmp_path / "gone" / "a", b"x")
    assert caught.value.code == "write-failed"


def test_make_folder_makes_all_of_it_and_may_be_repeated(tmp_path: Path) -> None:
    atomic.make_folder(tmp_path / "a" / "b" / "c")
    atomic.make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_windows_is_asked_again_when_a_scanner_holds_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []
    replace = os.replace

    def held(source: Path, target: Path) -> None:
        tries.append(1)
        if len(tries) < 4:
            raise PermissionError(errno.EACCES, "in use")
        replace(source, target)

    monkeypatch.setattr(os, "replace", held)
    monkeypatch.setattr(atomic, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(atomic, "_ON_WINDOWS", True)
    atomic.write_bytes(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    assert len(tries) == 4


def test_elsewhere_a_refused_rename_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def refused(source: Path, target: Path) -> None:
        tries.append(1)
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(StorageError):
        atomic.write_bytes(tmp_path / "a", b"x")
    assert len(tries) == 1
    assert names(tmp_path) == []


# records at the end of a file


@settings(max_examples=60, deadline=None)
@given(records=st.lists(st.binary(min_size=1, max_size=200), max_size=8), cut=st.integers(0, 2000), data=st.data())
def test_whatever_is_cut_off_the_records_before_it_are_read(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], cut: int, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("j") / "a.log"
    appended = atomic.AppendFile(file, b"HEADER")
    ends = [appended.size]
    for record in records:
        appended.append(record)
        ends.append(appended.size)
    appended.close()
    content = file.read_bytes()
    length = max(6, len(content) - cut)
    file.write_bytes(content[:length])
    whole = sum(end <= length for end in ends) - 1
    header, found, torn = atomic.read_records(file, 6)
    assert header == b"HEADER"
    assert found == records[:whole]
    assert torn == (length != ends[whole])
    # opening drops the tail, and the next record stands where it was
    again = atomic.AppendFile(file, b"HEADER")
    extra = data.draw(st.binary(min_size=1, max_size=50))
    again.append(extra)
    again.close()
    assert atomic.read_records(file, 6) == (b"HEADER", [*records[:whole], extra], False)


@settings(max_examples=60, deadline=None)
@given(records=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=6), data=st.data())
def test_a_flipped_bit_is_never_read_as_a_record(
    tmp_path_factory: pytest.TempPathFactory, records: list[bytes], data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("j") / "a.log"
    appended = atomic.AppendFile(file)
    for record in records:
        appended.append(record)
    appended.close()
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(bytes(content))
    _, found, torn = atomic.read_records(file, 0)
    assert torn
    assert found == records[: len(found)]
    assert len(found) < len(records)


def test_a_tail_of_zeros_is_no_record(tmp_path: Path) -> None:
    # what a power cut leaves where the length was on the disk and the data was not
    file = tmp_path / "a.log"
    appended = atomic.AppendFile(file)
    appended.append(b"one")
    appended.close()
    with file.open("ab") as opened:
        opened.write(bytes(4096))
    assert atomic.read_records(file, 0) == (b"", [b"one"], True)
    assert zlib.crc32(b"") == 0  # why an empty record is not allowed
    with atomic_file(file) as again, pytest.raises(ValueError, match="empty"):
        again.append(b"")


def atomic_file(file: Path) -> _Closing:
    return _Closing(atomic.AppendFile(file))


class _Closing:
    def __init__(self, file: atomic.AppendFile) -> None:
        self.file = file

    def __enter__(self) -> atomic.AppendFile:
        return self.file

    def __exit__(self, *_: object) -> None:
        self.file.close()


def test_appending_goes_on_while_the_disk_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = atomic.AppendFile(tmp_path / "a.log")
    begun, go_on = threading.Event(), threading.Event()
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        begun.set()
        assert go_on.wait(10)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    thread = threading.Thread(target=file.sync)
    thread.start()
    assert begun.wait(10)
    file.append(b"while it syncs")
    go_on.set()
    thread.join()
    file.close()
    file.close()
    assert atomic.read_records(tmp_path / "a.log", 0)[1] == [b"while it syncs"]
