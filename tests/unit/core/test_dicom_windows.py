"""Grey level windows of a DICOM header: numbers, tables, names without identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from reader_support import noise, write_dicom

from core.io.reading import Source, read_source
from core.io.sniff import Format
from core.io.windows import safe_name
from core.volume import Volume, Window


def one(path: Path, **elements: Any) -> Volume:
    write_dicom(path, noise((6, 5), top=4096, dtype="uint16"), **elements)
    return read_source(Source(Format.DICOM, (path,), path.name))


def table(start: int, values: list[int], name: str = "") -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(values), start, 16]
    item.LUTData = np.array(values, "<u2").tobytes()
    if name:
        item.LUTExplanation = name
    return item


def test_windows_come_with_their_names(tmp_path: Path) -> None:
    volume = one(
        tmp_path / "x.dcm",
        WindowCenter=["40", "600", "50"],
        WindowWidth=["80", "2800", "0"],
        WindowCenterWidthExplanation=["BRAIN", "Bone", "nothing"],
    )
    assert volume.windows == (Window(40, 80, "BRAIN"), Window(600, 2800, "Bone"))


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR", "LINEAR_EXACT"])
def test_every_function_shows_the_same_range(tmp_path: Path, function: str) -> None:
    volume = one(tmp_path / "x.dcm", WindowCenter="40", WindowWidth="80", VOILUTFunction=function)
    assert [(window.low, window.high) for window in volume.windows] == [(0, 80)]


def test_a_table_of_grey_levels_becomes_its_window(tmp_path: Path) -> None:
    rise = [0] * 100 + [round(step * 65535 / 50) for step in range(1, 51)] + [65535] * 30
    volume = one(tmp_path / "x.dcm", VOILUTSequence=Sequence([table(1000, rise, "NORMAL"), table(0, [7] * 9)]))
    (window,) = volume.windows
    assert (window.low, window.high, window.name) == (1099, 1149, "NORMAL")


def test_a_table_that_begins_below_zero_and_one_that_falls(tmp_path: Path) -> None:
    values = [0] * 10 + list(range(0, 65535, 655)) + [65535] * 10
    low = one(
        tmp_path / "a.dcm", RescaleIntercept="-1024", VOILUTSequence=Sequence([table(65536 - 500, values)])
    ).windows[0]
    assert (low.low, low.high) == (-490, -500 + 10 + len(range(0, 65535, 655)))
    falling = one(tmp_path / "b.dcm", VOILUTSequence=Sequence([table(100, values[::-1])])).windows[0]
    assert 100 <= falling.low < falling.high <= 100 + len(values)


def test_an_enhanced_file_says_its_windows_by_frame(tmp_path: Path) -> None:
    frames = []
    for index in range(3):
        position, grey, item = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0.0, 0.0, 3.0 * index]
        grey.WindowCenter, grey.WindowWidth, grey.WindowCenterWidthExplanation = str(100 * index), "50", "SOFT TISSUE"
        item.PlanePositionSequence, item.FrameVOILUTSequence = Sequence([position]), Sequence([grey])
        frames.append(item)
    plane, shared = Dataset(), Dataset()
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = Sequence([plane])
    path = tmp_path / "x.dcm"
    groups = {
        "PerFrameFunctionalGroupsSequence": Sequence(frames),
        "SharedFunctionalGroupsSequence": Sequence([shared]),
    }
    write_dicom(path, noise((3, 6, 5)), WindowCenter="1", WindowWidth="2", **groups)
    volume = read_source(Source(Format.DICOM, (path,), "x"))
    # that of the middle slice, which is shown first
    assert volume.windows == (Window(100, 50, "SOFT TISSUE"),)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("BRAIN", "BRAIN"),
        ("Soft Tissue", "Soft Tissue"),
        ("WINDOW1", "WINDOW1"),
        (" bone  window ", "bone window"),
        ("CANARY", ""),
        ("BRAIN Doe^Jane", ""),
        ("Brain Jane", ""),
        ("19330102", ""),
        ("brain 12345678", ""),
        ("", ""),
        ("\x1b[31mbrain", ""),
        ("brain " * 20, ""),
    ],
)
def test_only_words_for_windows_are_kept(text: str, shown: str) -> None:
    assert safe_name(text) == shown
