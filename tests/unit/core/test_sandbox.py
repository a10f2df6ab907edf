"""The decoding child: slices in order, deaths survived, nothing leaked."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from reader_support import make_series, noise, write_nifti, write_picture

from core.errors import Cancelled, InputError
from core.io import sandbox
from core.io.handover import RING
from core.io.processor import Patience
from core.io.reading import FindOptions, Source, read_source
from core.io.sandbox import Decoder
from core.io.sniff import Format
from core.volume import Volume

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder() as opened:
        yield opened


def one(decoder: Decoder, path: Path) -> Source:
    (source,) = decoder.find([path]).sources
    return source


def child(decoder: Decoder) -> int:
    process = decoder._process
    assert process is not None
    assert process.pid is not None
    return process.pid


def test_header_then_middle_then_rest(decoder: Decoder, tmp_path: Path) -> None:
    make_series(tmp_path, count=7)
    headers: list[Volume] = []
    order: list[int] = []
    first: list[np.ndarray] = []

    def on_slice(index: int) -> None:
        if not order:
            first.append(headers[0].array.copy())
        order.append(index)

    source = one(decoder, tmp_path)
    volume = decoder.read(source, headers.append, on_slice)
    expected = read_source(source)
    assert order == [3, 0, 1, 2, 4, 5, 6]
    assert headers[0].array is volume.array
    assert headers[0].geometry.shape == (7, 6, 8)
    # when the middle slice arrived nothing else was there
    np.testing.assert_array_equal(first[0][3], expected.array[3])
    assert not first[0][[0, 1, 2, 4, 5, 6]].any()
    np.testing.assert_array_equal(volume.array, expected.array)
    np.testing.assert_array_equal(volume.geometry.affine, expected.geometry.affine)


def test_one_warm_child_serves_many(decoder: Decoder, tmp_path: Path) -> None:
    for index in range(3):
        write_picture(tmp_path / f"{index}.png", noise((5, 7), index))
    pids = set()
    for index in range(3):
        volume = decoder.read(Source(Format.PNG, (tmp_path / f"{index}.png",), "x"))
        np.testing.assert_array_equal(volume.array[0], noise((5, 7), index))
        pids.add(child(decoder))
    assert len(pids) == 1


def test_masks_and_headers_come_over(decoder: Decoder, tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii.gz", noise((3, 4, 5)))
    mask = noise((3, 4, 5), top=2)
    write_nifti(tmp_path / "a_mask.nii.gz", mask)
    source = one(decoder, tmp_path / "a.nii.gz")
    volume, shape, dtype = decoder.header(source)
    assert (volume.shape, shape, np.dtype(dtype)) == ((3, 4, 5), (3, 4, 5), np.uint8)
    np.testing.assert_array_equal(decoder.read_masks(source).array, mask)
    np.testing.assert_array_equal(decoder.read_mask_file(tmp_path / "a_mask.nii.gz", volume.geometry).array, mask)


def test_colour_found_late_begins_again(decoder: Decoder, tmp_path: Path) -> None:
    for index in range(3):
        pixels = noise((5, 7, 3), index)
        if index == 1:
            pixels[...] = pixels[..., :1]
        write_picture(tmp_path / f"s{index}.png", pixels)
    headers: list[Volume] = []
    volume = decoder.read(one(decoder, tmp_path), headers.append)
    assert [header.array.ndim for header in headers] == [3, 4]
    np.testing.assert_array_equal(volume.array[2], noise((5, 7, 3), 2))


def test_a_refused_file_keeps_the_child(decoder: Decoder, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    write_picture(tmp_path / "b.png", noise((5, 7)))
    source = Source(Format.PNG, (tmp_path / "a.png",), "a.png")
    with pytest.raises(InputError, match="picture-unreadable"):
        decoder.read(source)
    pid = child(decoder)
    decoder.read(Source(Format.PNG, (tmp_path / "b.png",), "b.png"))
    assert child(decoder) == pid


def test_a_killed_child_is_one_refused_file(decoder: Decoder, tmp_path: Path) -> None:
    make_series(tmp_path, count=30)
    source = one(decoder, tmp_path)
    with pytest.raises(InputError) as caught:
        decoder.read(source, lambda _volume: os.kill(child(decoder), signal.SIGKILL))
    assert caught.value.code == "file-killed-decoder"
    assert caught.value.fields["file"] == source.name
    # the next request finds a fresh child, and the file was innocent
    np.testing.assert_array_equal(decoder.read(source).array, read_source(source).array)


def test_a_child_that_died_between_requests_is_replaced(decoder: Decoder, tmp_path: Path) -> None:
    write_picture(tmp_path / "b.png", noise((5, 7)))
    source = one(decoder, tmp_path)
    process = decoder._process
    assert process is not None
    process.kill()
    process.join(10)
    np.testing.assert_array_equal(decoder.read(source).array[0], noise((5, 7)))


def test_a_search_goes_on_without_the_file_that_killed_it(decoder: Decoder, tmp_path: Path) -> None:
    for index in range(400):
        write_picture(tmp_path / f"x{index}.png", noise((5, 7), index))
    struck: list[str] = []

    def strike(path: Path) -> None:
        if path.name == "x2.png" and not struck:
            struck.append(path.name)
            os.kill(child(decoder), signal.SIGKILL)

    found = decoder.find([tmp_path], FindOptions(as_="pictures"), strike)
    refused = {one.source: one.error.code for one in found.passed}
    # the file that was being looked at is passed over; everything else is found
    assert list(refused.values()) == ["file-killed-decoder"]
    assert len(found.sources) == 399


def test_a_search_goes_on_without_the_file_that_hung_it(tmp_path: Path) -> None:
    for index in range(120):
        write_picture(tmp_path / f"x{index}.png", noise((5, 7), index))
    struck: list[str] = []

    def strike(path: Path) -> None:
        if path.name == "x2.png" and not struck:
            struck.append(path.name)
            os.kill(child(decoder), signal.SIGSTOP)

    with Decoder(patience=Patience(4.0, 4.0)) as decoder:
        found = decoder.find([tmp_path], FindOptions(as_="pictures"), strike)
    assert [one.error.code for one in found.passed] == ["file-decoder-slow"]
    assert len(found.sources) == 119


def test_a_hanging_child_is_given_up(tmp_path: Path) -> None:
    make_series(tmp_path, count=30)
    with Decoder(patience=Patience(20.0, 20.0)) as decoder:
        source = one(decoder, tmp_path)
        decoder._patience = Patience(0.5, 0.5)
        with pytest.raises(InputError, match="file-decoder-slow"):
            decoder.read(source, lambda _volume: os.kill(child(decoder), signal.SIGSTOP))
        decoder._patience = Patience(20.0, 20.0)
        assert decoder.read(source).shape[0] == 30


@pytest.mark.skipif(sys.platform != "linux", reason="the ceiling of this test is RLIMIT_AS")
def test_memory_has_a_ceiling(tmp_path: Path) -> None:
    big = np.zeros((64, 1024, 1024), np.uint8)
    write_nifti(tmp_path / "big.nii.gz", big)
    write_nifti(tmp_path / "small.nii.gz", noise((2, 3, 4)))
    with Decoder(memory=48 << 20) as decoder:
        with pytest.raises(InputError) as caught:
            decoder.read(one(decoder, tmp_path / "big.nii.gz"))
        assert caught.value.code in ("file-too-large", "file-killed-decoder")
        assert decoder.read(one(decoder, tmp_path / "small.nii.gz")).shape == (2, 3, 4)


def test_closing_from_another_thread_cancels(tmp_path: Path) -> None:
    make_series(tmp_path, count=30)
    decoder = Decoder()
    source = one(decoder, tmp_path)
    seen: list[BaseException] = []

    def read() -> None:
        try:
            decoder.read(source, lambda _volume: os.kill(child(decoder), signal.SIGSTOP))
        except Cancelled as error:
            seen.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.5)
    decoder.close()
    thread.join(5)
    assert len(seen) == 1
    with pytest.raises(Cancelled):
        decoder.read(source)


def test_a_caller_that_breaks_off_leaves_no_answer_behind(decoder: Decoder, tmp_path: Path) -> None:
    make_series(tmp_path, count=9)
    source = one(decoder, tmp_path)

    def refuse(_index: int) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError):
        decoder.read(source, None, refuse)
    assert decoder.read(source).shape[0] == 9


def shared() -> set[Path]:
    """The shared memories of this machine (Linux; elsewhere none are listed)."""
    return set(Path("/dev/shm").glob("psm_*"))


def test_nothing_is_left_in_shared_memory_even_by_the_killed() -> None:
    script = """
import os, signal, sys
from pathlib import Path
import numpy as np
from core.errors import InputError
from core.io.sandbox import Decoder
if __name__ == "__main__":
    with Decoder() as decoder:
        (source,) = decoder.find([Path(sys.argv[1])]).sources
        decoder.read(source)
        for _ in range(3):
            try:
                decoder.read(source, lambda _v: os.kill(decoder._process.pid, signal.SIGKILL))
            except InputError as error:
                print(error.code)
"""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        make_series(Path(folder) / "s", count=12)
        file = Path(folder) / "script.py"
        file.write_text(script)
        before = shared()
        done = subprocess.run(
            [sys.executable, file, Path(folder) / "s"],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        after = shared()
    assert done.stdout.split() == ["file-killed-decoder"] * 3
    assert done.stderr == ""
    assert done.returncode == 0
    assert after - before == set()


def test_the_window_side_loads_no_decoder() -> None:
    code = "import core.io.sandbox, sys; print([name for name in sys.modules if name.startswith('core.io')])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not {"core.io.reading", "core.io.dicom", "core.io.raster", "core.io.nifti"} & set(
        ast.literal_eval(done.stdout)
    )
    assert sandbox.PATIENCE.busy == 10


def test_a_scan_larger_than_the_ring_comes_over_whole(decoder: Decoder, tmp_path: Path) -> None:
    array = np.arange(50 * 900 * 1000, dtype=np.uint32).astype(np.uint8).reshape(50, 900, 1000)
    assert array.nbytes > RING
    write_nifti(tmp_path / "a.nii", array)
    np.testing.assert_array_equal(decoder.read(one(decoder, tmp_path / "a.nii")).array, array)
