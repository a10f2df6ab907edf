"""A GPU pack is taken only whole, for this computer, and after it passed its test; anything else changes nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import sys
import time
import zipfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packs_support import make_pack, torch_source

from core import places
from core.errors import Cancelled, InputError, LearningError, StorageError
from core.events import Finished, Progress
from core.io import atomic
from core.messages import sentence
from core.packs import MANIFEST, PackFile, is_safe, same_platform
from models import torchpack, torchpack_choice, worker
from models.torchpack_choice import (
    check_job,
    choice,
    choose_job,
    gave_up,
    packs_folder,
    remove,
    sweep,
    switch_off,
)
from models.torchpack_trial import run_trial


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """A pack is looked up as in an installed copy; children are still started as in a checkout."""
    seen = SimpleNamespace(frozen=True, executable=sys.executable, path=sys.path)
    monkeypatch.setattr(torchpack, "sys", seen)
    monkeypatch.setattr(torchpack_choice, "sys", seen)


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """The pack that came with the program."""
    folder = tmp_path / "program" / "torchpack"
    (folder / "torch").mkdir(parents=True)
    monkeypatch.setattr(torchpack, "_beside", lambda: (folder,))
    return folder


def choose(file, **more):
    return list(choose_job(file, **({"seconds": 60, "thorough": False} | more)))


def left():
    return sorted(path.name for path in packs_folder().iterdir()) if packs_folder().is_dir() else []


def refused(code, file, kind=InputError, **more):
    """Choosing fails with this code, in one sentence, and leaves nothing."""
    before, there = choice(), left()
    with pytest.raises(kind) as caught:
        choose(file, **more)
    assert caught.value.code == code
    assert "{" not in sentence(caught.value)
    assert choice() == before
    assert left() == there
    return caught.value


# ------------------------------------------------------------------------------------------------- what goes well


def test_a_good_pack_is_used_from_now_on(tmp_path, beside):
    assert torchpack.folder() == beside
    events = choose(make_pack(tmp_path))
    done = events[-1]
    assert isinstance(done, Finished)
    assert done.result["device"] == "NVIDIA Made Up 9000"
    found = choice()
    assert found is not None
    assert (found.name, found.torch, found.why) == ("cu130", "9.9.0+cu130", None)
    assert torchpack.folder() == found.folder
    # bytecode that the trial left is no part of the pack
    files = [path for path in found.folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert found.bytes == sum(path.stat().st_size for path in files)
    steps = [event for event in events if isinstance(event, Progress) and event.stage == "pack-unpack"]
    assert steps[-1].done == steps[-1].total == 2
    assert [event.stage for event in events if isinstance(event, Progress)][-1] == "pack-trial"


def test_another_pack_takes_the_place_of_the_first(tmp_path, beside):
    choose(make_pack(tmp_path))
    first = choice().folder
    choose(make_pack(tmp_path, source=torch_source(extra="a = 1")))
    assert choice().folder != first
    assert left() == [choice().folder.name]


def test_removing_goes_back_and_deletes(tmp_path, beside):
    choose(make_pack(tmp_path))
    assert remove()
    assert choice() is None
    assert left() == []
    assert torchpack.folder() == beside
    assert not remove()


def test_a_pack_for_the_processor_needs_no_gpu(tmp_path, beside):
    source = torch_source(name="cpu", seen=False)
    choose(make_pack(tmp_path, source=source, told={"name": "cpu", "torch": "9.9.0+cpu"}))
    assert choice().device == ""


def test_programs_in_a_pack_stay_programs(tmp_path, beside):
    info = zipfile.ZipInfo("torch/bin/manager")
    info.external_attr = (stat.S_IFREG | 0o755) << 16
    file = make_pack(tmp_path, files={"torch/bin/manager": b"#!"})
    whole = tmp_path / "again.pack"
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(whole, "w") as new:
        new.comment = old.comment
        for each in old.infolist():
            new.writestr(info if each.filename == info.filename else each, old.read(each))
    choose(whole)
    assert os.access(choice().folder / "torch/bin/manager", os.X_OK)
    assert not os.access(choice().folder / "torch/__init__.py", os.X_OK)


# --------------------------------------------------------------------------------------------------- bad files


@pytest.mark.parametrize(
    "content", [b"", b"P", b"not a zip at all", b"\x89PNG\r\n\x1a\n" * 40, b"PK\x03\x04" + b"x" * 900]
)
def test_another_kind_of_file(tmp_path, beside, content):
    file = tmp_path / "holiday.pack"
    file.write_bytes(content)
    refused("pack-damaged" if not content or content.startswith(b"PK\x03\x04") else "pack-not", file)


def test_a_zip_of_something_else(tmp_path, beside):
    file = tmp_path / "papers.pack"
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("thesis.txt", "words")
    refused("pack-not", file)


def test_no_file(tmp_path, beside):
    refused("file-missing", tmp_path / "gone.pack")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_off(tmp_path, beside, share):
    file = make_pack(tmp_path)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    refused("pack-damaged", file)


def test_the_comment_cut_off(tmp_path, beside):
    file = make_pack(tmp_path)
    file.write_bytes(file.read_bytes()[:-9])
    refused("pack-damaged", file)


def test_every_byte_counts(tmp_path, beside):
    file = make_pack(tmp_path, files={"torch/lib/big.bin": b"abc" * 50})
    data = bytearray(file.read_bytes())
    good = 0
    for at in range(0, len(data), 41):
        file.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
        folder = tmp_path / f"out{at}"
        try:
            with PackFile(file) as pack:
                pack.check_fits()
                for _ in pack.unpacking(folder):
                    pass
            good += 1
        except InputError:
            assert not folder.exists()
            continue
        # what a zip says twice, and times, may change without harm: never a file
        assert {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}["big.bin"] == b"abc" * 50
    assert good < len(data) // 41 // 2


def test_hash_wrong(tmp_path, beside):
    file = make_pack(tmp_path, told={"files": {"torch/__init__.py": "0" * 64, "torch/lib/big.bin": "1" * 64}})
    assert refused("pack-damaged", file).fields["part"] == "torch/__init__.py"


@pytest.mark.parametrize(
    "told",
    [
        {"files": {}},
        {"files": ["torch"]},
        {"files": {"torch/__init__.py": 7}},
        {"name": 7},
        {"name": "../x"},
        {"name": ""},
        {"torch": None},
        {"python": "x" * 1000},
    ],
)
def test_a_manifest_of_nonsense(tmp_path, beside, told):
    refused("pack-damaged", make_pack(tmp_path, told=told))


def test_newer(tmp_path, beside):
    refused("pack-newer", make_pack(tmp_path, told={"schema": 2}))


def test_another_platform(tmp_path, beside):
    error = refused("pack-platform", make_pack(tmp_path, told={"platform": "win-arm64"}))
    assert "win-arm64" in sentence(error)


def test_another_python(tmp_path, beside):
    refused("pack-python", make_pack(tmp_path, told={"python": "cp39"}))


def test_platforms_of_macos_differ_in_the_machine_only():
    assert same_platform("macosx-11.0-arm64", "macosx-14.2-arm64")
    assert not same_platform("macosx-14.0-x86_64", "macosx-14.0-arm64")
    assert not same_platform("linux-x86_64", "linux-aarch64")


EVIL = [
    "../outside.py",
    "torch/../../outside.py",
    "/etc/cron.d/outside",
    "C:/outside.py",
    "C:outside.py",
    "\\\\server\\share\\outside.py",
    "torch\\..\\..\\outside.py",
    "torch/con.py",
    "torch/NUL",
    "torch/x.py ",
    "torch/x.",
    "torch//x.py",
    "torch/a\nb.py",
    "./x.py",
    "x" * 300,
    "torch/é" * 90,
    "torch/",
]


@pytest.mark.parametrize("name", EVIL)
def test_names_that_lead_elsewhere(tmp_path, beside, name):
    refused("pack-unsafe", make_pack(tmp_path, files={name: b"x"}))
    assert not (tmp_path / "outside.py").exists()
    assert not (places.data().parent / "outside.py").exists()


def test_a_name_with_a_nul(tmp_path, beside):
    info = zipfile.ZipInfo("torch/xAy.py")
    file = make_pack(tmp_path, more=[(info, b"x")])
    file.write_bytes(file.read_bytes().replace(b"xAy.py", b"x\0y.py"))
    refused("pack-unsafe", file)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices(tmp_path, beside, kind):
    info = zipfile.ZipInfo("torch/link")
    info.external_attr = (kind | 0o777) << 16
    refused("pack-unsafe", make_pack(tmp_path, more=[(info, b"/etc/passwd")]))


def test_names_that_are_the_same_on_another_disk(tmp_path, beside):
    refused("pack-unsafe", make_pack(tmp_path, files={"torch/Lib/big.bin": b"x"}))


def test_a_file_where_a_folder_is(tmp_path, beside):
    refused("pack-unsafe", make_pack(tmp_path, files={"torch/lib": b"x"}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(tmp_path, beside):
    refused("pack-unsafe", make_pack(tmp_path, more=[(zipfile.ZipInfo("torch/__init__.py"), b"evil")]))


def test_what_nobody_told_of(tmp_path, beside):
    refused("pack-damaged", make_pack(tmp_path, more=[(zipfile.ZipInfo("sitecustomize.py"), b"evil")]))


def test_good_names():
    assert all(
        is_safe(name)
        for name in ["torch/lib/libtorch_cuda.so", "nvidia/cudnn/lib/libcudnn.so.9", "a+b-1.dist-info/WHEEL", MANIFEST]
    )


# --------------------------------------------------------------------------------------------------- the disk


def test_too_little_room(tmp_path, beside, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(10**9, 10**9, 100 << 20))
    refused("pack-space", make_pack(tmp_path), StorageError)


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_the_disk_fills_up_on_the_way(tmp_path, beside, monkeypatch, at):
    file, count = make_pack(tmp_path), 0
    write = os.write

    def full(descriptor, data):
        nonlocal count
        count += 1
        if count > at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(atomic.os, "write", full)
    refused("disk-full", file, StorageError)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_really_full(tmp_path, beside, monkeypatch):
    home = tmp_path / "small"
    home.mkdir()
    if os.system(f"mount -t tmpfs -o size=1m tmpfs '{home}'"):
        pytest.skip("no disk can be mounted here")
    try:
        monkeypatch.setenv("MENINX_HOME", str(home))
        monkeypatch.setattr(PackFile, "check_room", lambda _pack, _folder: None)
        refused("disk-full", make_pack(tmp_path), StorageError)
    finally:
        os.system(f"umount '{home}'")


def test_a_choice_that_cannot_be_written(tmp_path, beside, monkeypatch):
    choose(make_pack(tmp_path))
    before = choice()
    monkeypatch.setattr(atomic, "write_bytes", lambda *_: (_ for _ in ()).throw(StorageError("disk-full", file="x")))
    with pytest.raises(StorageError):
        choose(make_pack(tmp_path, source=torch_source(extra="b = 1")))
    assert choice() == before
    sweep()
    assert left() == [before.folder.name]


def test_halves_of_a_crash_are_swept(tmp_path, beside):
    half = packs_folder() / f"{atomic.TEMPORARY}dead"
    (half / "torch").mkdir(parents=True)
    choose(make_pack(tmp_path))
    assert left() == [choice().folder.name]


# --------------------------------------------------------------------------------------------------- its test


FAILS = {
    "no gpu": ({"seen": False}, "pack-no-gpu"),
    "import": ({"extra": "raise ImportError('libcudart.so.13: cannot open')"}, "pack-failed"),
    "loader": ({"extra": "raise OSError('wrong driver')"}, "pack-failed"),
    "product": ({"product": "1.5"}, "pack-failed"),
    "learns nothing": ({"rate": "0"}, "pack-failed"),
    "not a number": ({"rate": "float('nan')"}, "pack-failed"),
    "another version": ({"extra": "__version__ = '2.0'"}, "pack-failed"),
    "dies": ({"extra": "os.kill(os.getpid(), 11)"}, "pack-died"),
    "ends": ({"extra": "os._exit(3)"}, "pack-died"),
    "exits": ({"extra": "raise SystemExit(0)"}, "pack-failed"),
}


@pytest.mark.parametrize("what", FAILS)
def test_a_pack_that_fails(tmp_path, beside, what):
    how, code = FAILS[what]
    refused(code, make_pack(tmp_path, source=torch_source(**how)), LearningError)
    assert torchpack.folder() == beside


def test_a_pack_that_fails_leaves_the_one_before(tmp_path, beside):
    choose(make_pack(tmp_path))
    before = choice()
    refused("pack-no-gpu", make_pack(tmp_path, source=torch_source(seen=False)), LearningError)
    assert torchpack.folder() == before.folder


def test_a_pack_that_hangs(tmp_path, beside):
    begun = time.monotonic()
    refused("pack-slow", make_pack(tmp_path, source=torch_source(extra="time.sleep(600)")), LearningError, seconds=4)
    assert time.monotonic() - begun < 60


def test_a_pack_without_torch(tmp_path, beside):
    """Torch of another place is no torch of the pack."""
    file = make_pack(tmp_path, source="raise ModuleNotFoundError('torch')")
    refused("pack-failed", file, LearningError)


@pytest.mark.parametrize("asked", ["pack-unpack", "pack-trial"])
def test_stopped_while_it_is_unpacked_or_tried(tmp_path, beside, asked):
    file, words = make_pack(tmp_path, source=torch_source(extra="time.sleep(600)")), []
    job = choose_job(file, thorough=False, should_stop=lambda: words[0] if words else "")
    for event in job:
        if isinstance(event, Progress) and event.stage == asked:
            words.append("cancel")
            break
    with pytest.raises(Cancelled):
        list(job)
    assert choice() is None
    assert left() == []


# ----------------------------------------------------------------------------------------------- the way back


def break_it(found, how):
    source = torch_source(**how)
    (found.folder / "torch" / "__init__.py").write_text(source, encoding="utf-8")
    shutil.rmtree(found.folder / "torch" / "__pycache__", ignore_errors=True)


def test_a_pack_that_fails_later_is_switched_off_and_can_come_back(tmp_path, beside):
    choose(make_pack(tmp_path))
    found = choice()
    break_it(found, {"seen": False})
    with pytest.raises(LearningError, match="pack-no-gpu"):
        list(check_job(seconds=60, thorough=False))
    off = choice()
    assert off.why is not None
    assert off.why.code == "pack-no-gpu"
    assert torchpack.folder() == beside
    sweep()
    assert off.folder.is_dir()
    break_it(found, {})
    list(check_job(seconds=60, thorough=False))
    assert choice().why is None
    assert torchpack.folder() == found.folder


def test_a_job_that_cannot_load_it_goes_back_by_itself(tmp_path, beside):
    choose(make_pack(tmp_path))
    assert gave_up(ImportError("libcuda"))
    assert torchpack.folder() == beside
    assert choice().why.code == "pack-failed"
    assert not gave_up(ImportError("the pack beside the program is another matter"))


@pytest.mark.parametrize("fault", ["ImportError('libcudart.so.13')", "OSError('wrong driver')"])
def test_the_child_of_a_job_says_that_the_pack_gave_up(tmp_path, beside, monkeypatch, fault):
    choose(make_pack(tmp_path))
    (tmp_path / "needs_torch.py").write_text(f"raise {fault}", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(worker.JOBS, "learn", "needs_torch:job")
    with pytest.raises(LearningError, match="pack-gave-up"):
        worker.events_of(worker.Job("learn"))
    assert torchpack.folder() == beside
    with pytest.raises((ImportError, OSError), match=r"libcudart|driver"):
        worker.events_of(worker.Job("learn"))


def test_nothing_to_check(beside):
    with pytest.raises(LearningError, match="pack-none"):
        list(check_job())


@pytest.mark.parametrize(
    "words", ["", "[]", "{}", '{"folder": 7}', '{"folder": "packs/gone"}', '{"folder": "", "kept": 3}', "\x00"]
)
def test_a_choice_file_of_nonsense_is_no_choice(beside, words):
    (places.data() / torchpack.CHOICE).write_text(words, encoding="utf-8")
    assert choice() is None
    assert torchpack.folder() == beside
    switch_off(LearningError("pack-slow"))
    assert choice() is None


def test_reasons_keep_what_they_say(tmp_path, beside):
    choose(make_pack(tmp_path))
    switch_off(LearningError("pack-failed", reason="ImportError: x"))
    told = json.loads((places.data() / torchpack.CHOICE).read_text(encoding="utf-8"))
    assert told["folder"] == ""
    assert sentence(choice().why) == sentence(LearningError("pack-failed", reason="ImportError: x"))


def test_the_test_leaves_the_environment_as_it_was(tmp_path, beside):
    before = (dict(os.environ), list(sys.path))
    choose(make_pack(tmp_path))
    assert (dict(os.environ), list(sys.path)) == before
    assert isinstance(Path(choice().folder), Path)


def test_the_torch_of_this_environment_passes_the_whole_test():
    """As a pack would: with its networks, from one folder."""
    version = metadata.version("torch")
    folder = Path(str(metadata.distribution("torch").locate_file("")))
    passed = run_trial(folder, torch=version, needs_gpu=False)
    assert passed.torch == version
    assert passed.device == ""
