"""Opening a series of 300 slices, beside SimpleITK on the same files in the same run (DESIGN section 10).

Run alone: ``pytest tests/bench/test_bench_opening.py -s``. The series lie in the
file cache for both. Processor time counts the caller and its decoding children.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from series_support import PACKINGS, SLICES, write_series

from core.io.sandbox import Decoder
from core.volume import Volume

FIRST_S = 1.0
ALL_S = {"raw": 3.0}
COMPRESSED_S = 8.0
MEMORY_TIMES = 3.0
ROUNDS = 3
LINUX = sys.platform == "linux"


@dataclass
class Time:
    """Seconds of one opening."""

    find: float
    first: float
    all: float
    cpu: float


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as opened:
        opened.warm()
        # both children have loaded their decoders
        time.sleep(3)
        yield opened


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def write(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(text + "\n")

    return write


def children(decoder: Decoder) -> list[int]:
    held = (decoder._lead, decoder._helper)
    return [child.process.pid for child in held if child is not None and child.process.pid is not None]


def cpu(decoder: Decoder | None = None) -> float:
    """Processor seconds of this process and of the decoding children (Linux)."""
    seconds = time.process_time()
    for pid in children(decoder) if decoder is not None and LINUX else []:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def ours(decoder: Decoder, folder: Path) -> tuple[Volume, Time]:
    for path in folder.iterdir():
        # headers that the child has kept would flatter it: these are new files to it
        os.utime(path)
    begun, used = time.perf_counter(), cpu(decoder)
    (source,) = decoder.find([folder]).sources
    found = time.perf_counter()
    first: list[float] = []
    volume = decoder.read(source, on_slice=lambda _index: None if first else first.append(time.perf_counter()))
    done = time.perf_counter()
    return volume, Time(found - begun, first[0] - begun, done - begun, cpu(decoder) - used)


def theirs(folder: Path) -> tuple[SimpleITK.Image, Time]:
    begun, used = time.perf_counter(), cpu()
    reader = SimpleITK.ImageSeriesReader()
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    found = time.perf_counter()
    reader.SetFileNames(names)
    image = reader.Execute()
    done = time.perf_counter()
    return image, Time(found - begun, done - begun, done - begun, cpu() - used)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_series_opens_within_its_bar_and_no_slower_than_simpleitk(
    packing: str, decoder: Decoder, tmp_path: Path, say: Callable[[str], None]
) -> None:
    wanted = write_series(tmp_path / "series", packing)
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    our_times, their_times = [], []
    for number in range(ROUNDS):
        volume, taken = ours(decoder, tmp_path / "series")
        our_times.append(taken)
        image, taken = theirs(tmp_path / "series")
        their_times.append(taken)
        if not number:
            values = volume.values(volume.array)
            np.testing.assert_array_equal(values, np.clip(wanted, -1024, 3071))
            np.testing.assert_array_equal(values, SimpleITK.GetArrayFromImage(image))
        del volume, image
    best, other = min(our_times, key=lambda one: one.all), min(their_times, key=lambda one: one.all)
    say(
        f"\n{SLICES} slices, {packing}: found {best.find:.2f} first {best.first:.2f} all {best.all:.2f} s"
        f" (processor {best.cpu:.2f}); SimpleITK found {other.find:.2f} all {other.all:.2f} s"
        f" (processor {other.cpu:.2f}); load {os.getloadavg()[0]:.1f}"
    )
    assert best.first <= FIRST_S
    assert best.all <= ALL_S.get(packing, COMPRESSED_S)
    assert best.all <= other.all


@pytest.mark.skipif(not LINUX, reason="the kernel's own account of memory is read")
def test_a_scan_with_its_mask_needs_three_times_its_data_at_most(tmp_path: Path, say: Callable[[str], None]) -> None:
    """What this process and the children hold at their worst, beyond what they held before."""
    write_series(tmp_path / "series", "JPEG-LS")
    with Decoder() as decoder:
        decoder.warm()
        time.sleep(3)
        before = held() + sum(held(pid) for pid in children(decoder))
        Path("/proc/self/clear_refs").write_text("5")
        (source,) = decoder.find([tmp_path / "series"]).sources
        volume = decoder.read(source)
        mask = np.ones(volume.shape, np.uint8)
        after = held(most=True) + sum(held(pid, most=True) for pid in children(decoder))
        size = volume.array.nbytes
        times = (after - before) / size
        say(f"\nmemory: {times:.2f} times the data of {size >> 20} MB, with a mask of {mask.nbytes >> 20} MB")
        assert times <= MEMORY_TIMES


def held(pid: int | str = "self", *, most: bool = False) -> int:
    name = "VmHWM:" if most else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024
