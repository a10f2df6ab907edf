"""Opening a NIfTI volume of 512 x 512 x 300, plain and packed, beside SimpleITK and nibabel in the same run.

Run alone: ``pytest tests/bench/test_bench_volumes.py -s``. The best of three rounds of
each; the file lies in the file cache for all. SimpleITK brings a quicker inflate
(zlib-ng) than the zlib of Python, so for packed files nibabel, which has the same one,
is the bar, and SimpleITK is told.
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from core.io.sandbox import Decoder
from core.io.sniff import Format
from core.io.source import Source

SHAPE = (300, 512, 512)
ROUNDS = 3
FIRST_S = 1.0
SLACK = 1.1
"""Two runs of one and the same differ by as much."""
GROWS_TIMES = 1.3
"""What the decoding child may grow by, in sizes of the data: one copy of it and what is on the way."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("volumes")
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 800, SHAPE[2])
    array = (rng.normal(0, 30, SHAPE) + ramp).astype(np.int16)
    plain = folder / "plain" / "a.nii"
    # ITK opens a plain file of the same name in place of a packed one
    packed = folder / "packed" / "b.nii.gz"
    for path in (plain, packed):
        path.parent.mkdir()
    nibabel.save(nibabel.Nifti1Image(array.T, np.diag([0.5, 0.5, 1.0, 1.0])), plain)
    packed.write_bytes(gzip.compress(plain.read_bytes(), compresslevel=1))
    return {"plain": plain, "packed": packed}


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as opened:
        opened.warm()
        yield opened


def used(decoder: Decoder) -> float:
    """Processor seconds of this process and of the decoding child (Linux; else the clock)."""
    if sys.platform != "linux":
        return time.perf_counter()
    assert decoder._lead is not None
    fields = Path(f"/proc/{decoder._lead.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def best(decoder: Decoder, work: Callable[[], NDArray[np.int16]]) -> tuple[float, float, NDArray[np.int16]]:
    """Return the least seconds and the least processor seconds of some rounds."""
    seconds, busy = [], []
    for _ in range(ROUNDS):
        begun, before = time.perf_counter(), used(decoder)
        array = work()
        seconds.append(time.perf_counter() - begun)
        busy.append(used(decoder) - before)
    return min(seconds), min(busy), array


def resident(decoder: Decoder, field: str) -> int:
    """Bytes of memory of the decoding child (Linux)."""
    assert decoder._lead is not None
    words = Path(f"/proc/{decoder._lead.process.pid}/status").read_text()
    return int(next(line for line in words.splitlines() if line.startswith(field)).split()[1]) * 1024


@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_a_volume_opens_no_slower_than_elsewhere(
    decoder: Decoder, files: dict[str, Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = files[kind]
    source = Source(Format.NIFTI, (path,), path.name)
    decoder.header(source)
    before = resident(decoder, "VmRSS") if sys.platform == "linux" else 0
    firsts: list[float] = []

    def ours() -> NDArray[np.int16]:
        begun = time.perf_counter()
        seen: list[float] = []
        volume = decoder.read(source, on_slice=lambda _index: seen.append(time.perf_counter() - begun))
        firsts.append(seen[0])
        return volume.array

    own, own_busy, array = best(decoder, ours)
    grown = (resident(decoder, "VmHWM") - before if sys.platform == "linux" else 0) / array.nbytes
    itk, itk_busy, theirs = best(decoder, lambda: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path)))
    np.testing.assert_array_equal(array, theirs)
    # its data must be in memory, not mapped: the disk would be read later
    nib, nib_busy, _ = best(decoder, lambda: np.array(nibabel.load(path, mmap=False).dataobj, copy=None))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{kind}: ours {own:.2f} s (processor {own_busy:.2f} s, first slice {min(firsts):.2f} s), "
            f"SimpleITK {itk:.2f} ({itk_busy:.2f}) s, nibabel {nib:.2f} ({nib_busy:.2f}) s; "
            f"the child grew by {grown:.2f} times the data\n"
        )
    assert min(firsts) <= FIRST_S
    assert own <= SLACK * (itk if kind == "plain" else nib)
    assert grown <= GROWS_TIMES
