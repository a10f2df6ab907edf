"""One slice of a series is broken in its pixels: it is named, and the rest comes in at its true place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reader_support import make_series, noise, write_picture

from core.events import Finished, Notice, ScanReady, Skipped
from core.io.sandbox import Decoder
from core.project.importing import ImportOptions, import_job
from core.project.project import Project


def imported(folder: Path, source: Path, **options: object) -> list[object]:
    with Project.create(folder):
        pass
    return list(import_job(folder, [source], ImportOptions(**options)))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("bad", [1, 2])
def test_the_rest_of_a_series_loads(tmp_path: Path, bad: int) -> None:
    make_series(tmp_path / "series", count=5)
    with Decoder() as decoder:
        (source,) = decoder.find([tmp_path / "series"]).sources
        whole = decoder.read(source)
    cut_short(tmp_path / "series" / f"IM{bad:04d}.dcm")
    events = imported(tmp_path / "p.meninx", tmp_path / "series")
    (skipped,) = [event for event in events if isinstance(event, Skipped)]
    assert (skipped.source, skipped.error.code) == (f"IM{bad:04d}.dcm", "file-truncated")
    assert any(isinstance(event, Notice) and event.key == "slices-unread" for event in events)
    with Project.open(tmp_path / "p.meninx") as project:
        (scan,) = project.scans()
        volume = project.read_volume(scan.id)
    assert volume.geometry.shape == whole.geometry.shape
    np.testing.assert_allclose(volume.geometry.affine, whole.geometry.affine)
    kept = [z for z in range(5) if (volume.array[z] == whole.array[z]).all()]
    assert len(kept) == 4


def test_a_series_broken_all_over_is_refused(tmp_path: Path) -> None:
    make_series(tmp_path / "series", count=6)
    for index in range(4):
        cut_short(tmp_path / "series" / f"IM{index:04d}.dcm")
    write_picture(tmp_path / "series" / "whole.png", noise((12, 10)))
    events = imported(tmp_path / "p.meninx", tmp_path / "series")
    # those that were tried are named, and only the picture came in
    assert sum(isinstance(event, Skipped) for event in events) >= 3
    assert sum(isinstance(event, ScanReady) for event in events) == 1
    assert any(isinstance(event, Finished) for event in events)
