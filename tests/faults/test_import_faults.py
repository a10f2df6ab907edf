"""A scan and its masks come in together or not at all, whatever the disk does and whenever the import is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from decoder_support import NearDecoder
from disk_support import NUMBERS, SHAPE, FaultyDisk, SmallDisk, begun, faulty, head, mounted, noise
from reader_support import noise as picture
from reader_support import write_picture

from core.errors import StorageError
from core.events import ScanReady
from core.project import importing
from core.project.importing import ImportOptions, import_job
from core.project.project import Project
from core.project.records import NewLayers, Origin, SliceState

MOST_CALLS = 120


def layers() -> NewLayers:
    states = [SliceState(index, Origin.IMPORTED, None, True, "anna", 0.0) for index in range(SHAPE[0])]
    return NewLayers("anna", {"brain": noise(7), "lesions": noise(8)}, {"brain": states, "lesions": states})


def files(project: Project) -> set[str]:
    found = [file for folder in ("scans", "masks") for file in (project.path / folder).rglob("*") if file.is_file()]
    return {file.relative_to(project.path).as_posix() for file in found}


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{NUMBERS[number]}-{number}")
def test_a_scan_with_masks_at_every_call(tmp_path: Path, number: int) -> None:
    project, _ = begun(tmp_path / "p")
    with project:
        before = files(project)
        for at in range(1, MOST_CALLS):
            caught = None
            with faulty(FaultyDisk(number, at, once=True)) as disk:
                try:
                    project.add_scan(head(5), patient="Roe", layers=layers())
                except StorageError as error:
                    caught = error
            if disk.failed == "":
                break
            assert caught is not None, disk.failed
            assert [scan.name for scan in project.scans()] == ["S0001"]
            left = files(project) - before
            # only where the folder itself could not be pushed is a file there, named by no row
            assert not left or disk.failed in {"fsync", "open", "close"}
            for name in left:
                (project.path / name).unlink()
            assert project.verify() == []
        assert disk.failed == ""
        first, second = project.scans()
        assert (first.name, second.name) == ("S0001", "S0002")
        (annotation,) = project.annotations(second.id)
        np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), noise(7))
        np.testing.assert_array_equal(project.read_layer(annotation.id, "lesions"), noise(8))
        assert len(project.slice_states(annotation.id, "brain")) == SHAPE[0]
        assert project.verify() == []


def test_a_disk_that_fills_up_at_any_byte(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "6m") as small:
        if small is None:
            # none may be mounted here: a full disk at every call instead
            test_a_scan_with_masks_at_every_call(tmp_path, 28)
        else:
            fill(small)


def fill(small: SmallDisk) -> None:
    project, _ = begun(small.root / "p")
    refused = added = 0
    with project:
        for free in range(0, 160_000, 8192):
            small.leave(free)
            before, scans = files(project), len(project.scans())
            try:
                project.add_scan(head(free + 7), patient=f"Roe {free}", layers=layers())
                added += 1
            except StorageError:
                refused += 1
                assert len(project.scans()) == scans
                assert files(project) == before
            small.release()
            assert project.verify() == [], free
        assert all(len(project.layers(project.annotations(scan.id)[0].id)) > 0 for scan in project.scans())
    assert refused > 2
    assert added > 2


# ------------------------------------------------------------------ killed


def patients(folder: Path, count: int) -> None:
    for name in (f"P{number:02d}" for number in range(count)):
        for number in range(1, 4):
            write_picture(folder / name / f"{name}_{number}.png", picture((64, 64), hash_of(name, number)))
            write_picture(folder / name / f"{name}_{number}_mask.png", picture((64, 64), number, top=2) * np.uint8(255))


def hash_of(name: str, number: int) -> int:
    return sum(name.encode()) * 100 + number


def bring(project: Path, source: Path) -> None:
    """Import in a child that will be killed."""
    importing.Decoder = NearDecoder  # type: ignore[misc, assignment]  # a grandchild would outlive the kill
    for _event in import_job(project, [source], ImportOptions(label="Tumour", reader="anna")):
        continue


def test_an_import_killed_at_any_moment_leaves_whole_scans(tmp_path: Path) -> None:
    patients(tmp_path / "set", 12)
    context = multiprocessing.get_context("spawn")
    random = np.random.default_rng(11)
    seen = set()
    for turn in range(3):
        path = tmp_path / f"p{turn}"
        Project.create(path).close()
        child = context.Process(target=bring, args=(path, tmp_path / "set"))
        child.start()
        wait_for_scans(path, child)
        time.sleep(float(random.uniform(0, 0.25)))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        with Project.open(path) as project:
            scans = project.scans()
            seen.add(len(scans))
            for scan in scans:
                (annotation,) = project.annotations(scan.id)
                layer = project.read_layer(annotation.id, "lesions")
                assert layer is not None
                assert layer.any()
                assert len(project.slice_states(annotation.id, "lesions")) == 3
            assert project.verify() == []
    assert any(0 < count < 12 for count in seen), seen


def wait_for_scans(path: Path, child: multiprocessing.process.BaseProcess) -> None:
    """Wait until the first scan's file is being written, or the child is done."""
    until = time.monotonic() + 60
    while not any((path / "scans").iterdir()) and child.is_alive():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_taking_back_on_a_disk_that_fails_takes_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "Decoder", NearDecoder)
    patients(tmp_path / "set", 2)
    Project.create(tmp_path / "p").close()
    ready: list[str] = []
    real = Project.set_labels

    def full(self: Project, labels: object) -> None:
        if len(ready) == 2:
            raise StorageError("disk-full", file="project.sqlite")
        real(self, labels)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(Project, "set_labels", full)
    job = import_job(
        tmp_path / "p", [tmp_path / "set"], ImportOptions(label="Tumour"), lambda: "cancel" if len(ready) > 1 else ""
    )
    with pytest.raises(StorageError):
        # the list grows while the job asks how long it is
        ready.extend(event.scan for event in job if isinstance(event, ScanReady))
    with Project.open(tmp_path / "p") as project:
        assert len(project.scans()) == 2
        assert all(project.annotations(scan.id) for scan in project.scans())
        assert project.verify() == []
