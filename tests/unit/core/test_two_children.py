"""A second decoding child: it helps with long compressed scans, and its faults are those of the file."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless
from reader_support import make_series, noise

from core.errors import Cancelled, InputError
from core.io import children, sandbox
from core.io.handover import Ring
from core.io.processor import Patience
from core.io.reading import Source, read_source
from core.io.sandbox import Decoder
from core.project.lock import is_alive

SLICES = 40


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoder]:
    monkeypatch.setattr(sandbox, "cores", lambda: 2)
    with Decoder() as opened:
        opened.warm()
        yield opened


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A compressed series, long enough for two."""
    folder = tmp_path / "series"
    make_series(folder, count=SLICES, shape=(48, 56))
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    return folder


def found(decoder: Decoder, folder: Path) -> Source:
    (source,) = decoder.find([folder]).sources
    return source


def wait_for_helper(decoder: Decoder) -> None:
    """Let the second child load its decoders; it says so on its line."""
    assert decoder._helper is not None
    assert decoder._helper.connection.poll(60)


def helper_pid(decoder: Decoder) -> int:
    assert decoder._helper is not None
    pid = decoder._helper.process.pid
    assert pid is not None
    return pid


def test_two_children_make_one_volume(decoder: Decoder, packed: Path) -> None:
    wait_for_helper(decoder)
    source = found(decoder, packed)
    expected = read_source(source)
    for _ in range(3):
        order: list[int] = []
        volume = decoder.read(source, None, order.append)
        np.testing.assert_array_equal(volume.array, expected.array)
        assert sorted(order) == list(range(SLICES))
        assert order[0] == SLICES // 2


def test_one_processor_needs_no_second_child(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "cores", lambda: 1)
    with Decoder() as decoder:
        decoder.warm()
        source = found(decoder, packed)
        np.testing.assert_array_equal(decoder.read(source).array, read_source(source).array)
        assert decoder._helper is None


def test_a_plain_series_is_read_by_one(decoder: Decoder, tmp_path: Path) -> None:
    wait_for_helper(decoder)
    make_series(tmp_path / "plain", count=SLICES)
    os.kill(helper_pid(decoder), signal.SIGSTOP)
    try:
        assert decoder.read(found(decoder, tmp_path / "plain")).shape[0] == SLICES
    finally:
        os.kill(helper_pid(decoder), signal.SIGCONT)


def test_a_helper_that_is_still_starting_is_not_waited_for(decoder: Decoder, packed: Path) -> None:
    assert decoder._helper is not None
    os.kill(helper_pid(decoder), signal.SIGSTOP)
    try:
        assert decoder.read(found(decoder, packed)).shape[0] == SLICES
    finally:
        os.kill(helper_pid(decoder), signal.SIGCONT)


def test_a_helper_that_dies_is_one_refused_file(decoder: Decoder, packed: Path) -> None:
    wait_for_helper(decoder)
    source = found(decoder, packed)
    os.kill(helper_pid(decoder), signal.SIGSTOP)
    killed: list[int] = []

    def kill(_index: int) -> None:
        if not killed:
            killed.append(helper_pid(decoder))
            os.kill(killed[0], signal.SIGKILL)

    with pytest.raises(InputError) as caught:
        decoder.read(source, None, kill)
    assert (caught.value.code, caught.value.fields["file"]) == ("file-killed-decoder", "series")
    # the file was innocent, and both children are there again
    np.testing.assert_array_equal(decoder.read(source).array, read_source(source).array)


def test_a_helper_that_hangs_is_given_up(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "cores", lambda: 2)
    with Decoder(patience=Patience(30.0, 30.0)) as decoder:
        decoder.warm()
        wait_for_helper(decoder)
        source = found(decoder, packed)
        decoder._patience = Patience(0.7, 0.7)
        begun = time.monotonic()
        with pytest.raises(InputError, match="file-decoder-slow"):
            decoder.read(source, lambda _volume: os.kill(helper_pid(decoder), signal.SIGSTOP))
        assert time.monotonic() - begun < 20


def test_a_damaged_slice_is_told_whoever_met_it(decoder: Decoder, packed: Path) -> None:
    wait_for_helper(decoder)
    source = found(decoder, packed)
    for victim in (source.files[5], source.files[6], source.files[30]):
        whole = victim.read_bytes()
        broken = bytearray(whole)
        start = whole.index(b"\xe0\x7f\x10\x00OB") + 30
        broken[start : start + 12] = bytes(12)
        victim.write_bytes(broken)
        with pytest.raises(InputError) as caught:
            decoder.read(source)
        assert (caught.value.code, caught.value.fields["file"]) == ("dicom-pixels", victim.name)
        victim.write_bytes(whole)
        np.testing.assert_array_equal(decoder.read(source).array, read_source(source).array)


def test_breaking_off_and_closing_leave_nothing(
    decoder: Decoder, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[Path] = []
    offer = children.offer

    def noted(*facts: Any) -> Ring:
        ring = offer(*facts)
        rings.append(Path("/dev/shm") / ring._memory.name)
        return ring

    monkeypatch.setattr(children, "offer", noted)
    wait_for_helper(decoder)
    source = found(decoder, packed)

    def refuse(index: int) -> None:
        if index == 7:
            raise KeyError(index)

    with pytest.raises(KeyError):
        decoder.read(source, None, refuse)
    assert decoder.read(source).shape[0] == SLICES
    pids = [helper_pid(decoder), child_pid(decoder)]
    with pytest.raises(Cancelled):
        decoder.read(source, None, lambda _index: decoder.close())
    assert len(rings) >= 4
    assert not any(ring.exists() for ring in rings)
    assert not any(is_alive(pid) for pid in pids)


def child_pid(decoder: Decoder) -> int:
    assert decoder._lead is not None
    pid = decoder._lead.process.pid
    assert pid is not None
    return pid


def test_colour_found_late_needs_no_help(decoder: Decoder, tmp_path: Path) -> None:
    folder = tmp_path / "colour"
    make_series(folder, count=SLICES)
    for number, path in enumerate(sorted(folder.iterdir())):
        pixels = noise((6, 8, 3), number)
        if number != 3:
            pixels[...] = pixels[..., :1]
        dataset = pydicom.dcmread(path)
        dataset.SamplesPerPixel, dataset.PlanarConfiguration, dataset.PhotometricInterpretation = 3, 0, "RGB"
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation, dataset.PixelData = 7, 0, pixels.tobytes()
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(path)
    volume = decoder.read(found(decoder, folder))
    assert volume.channels == ("R", "G", "B")
    np.testing.assert_array_equal(volume.array[3], noise((6, 8, 3), 3))
