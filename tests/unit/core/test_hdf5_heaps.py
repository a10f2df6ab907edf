"""Texts of an HDF5 file in a damaged heap: one sentence, where the library would go round for ever."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from exchange_support import random_item, random_labels, written

from core.errors import InputError
from core.io.hdf5_heaps import refuse_endless
from core.io.processor import Patience
from core.io.sandbox import Decoder

HEAD = 16
"""Of a heap, and of each object in it, where sizes have 8 bytes."""


def free_of_nothing(data: bytearray, heap: int) -> None:
    """Say of the free rest of a heap that it has no size: 5 of the first 2,000 mutants of seed 20261121."""
    at = heap + HEAD
    while struct.unpack_from("<H", data, at)[0]:
        at += HEAD + -(-struct.unpack_from("<Q", data, at + 8)[0] // 8) * 8
    struct.pack_into("<Q", data, at + 8, 0)


def size_runs_over(data: bytearray, heap: int) -> None:
    """Give the first text a size that, with its head, is 2 to the 64: nothing."""
    struct.pack_into("<Q", data, heap + HEAD + 8, (1 << 64) - HEAD)


def length_runs_away(data: bytearray, heap: int) -> None:
    """Let the first attribute say that its text has 4 GB: mutant 503 of the same seed."""
    struct.pack_into("<I", data, data.index(struct.pack("<Q", heap)) - 4, 0xFFFF000C)


WAYS: tuple[Callable[[bytearray, int], None], ...] = (free_of_nothing, size_runs_over, length_runs_away)


def damage(path: Path, way: Callable[[bytearray, int], None]) -> Path:
    data = bytearray(path.read_bytes())
    way(data, data.index(b"GCOL"))
    path.write_bytes(data)
    return path


def export(folder: Path) -> Path:
    random = np.random.default_rng(1)
    item = random_item(random, random_labels(random))
    return written(item, "hdf5", folder) / f"{item.name}.h5"


@pytest.mark.parametrize("way", WAYS)
def test_an_export_with_a_damaged_heap_is_refused_soon(tmp_path: Path, way: Callable[[bytearray, int], None]) -> None:
    path = damage(export(tmp_path / "out"), way)
    with Decoder(patience=Patience(8.0, 60.0)) as decoder:
        with pytest.raises(InputError) as told:
            decoder.exchange(path, lambda _line, _packed: None, "hdf5")
        with pytest.raises(InputError):
            decoder.exchange(path, lambda _line, _packed: None)
    # and not given up for going round for ever
    assert told.value.code == "exchange-unreadable"


@pytest.mark.parametrize("way", WAYS)
def test_a_scan_with_a_damaged_heap_is_read_without_its_texts(
    tmp_path: Path, way: Callable[[bytearray, int], None]
) -> None:
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["image"] = np.arange(6 * 7 * 8, dtype=np.uint16).reshape(6, 7, 8)
        file["image"].attrs["spacing"] = "three millimetres"
        file["image"].attrs["note"] = "x" * 40
    damage(path, way)
    with Decoder(patience=Patience(8.0, 60.0)) as decoder:
        source = decoder.find([path]).sources[0]
        shown = decoder.entries(source, identity=True)
        assert decoder.read(source).array.sum() == np.arange(6 * 7 * 8).sum()
    names = [entry.name for entry in shown]
    assert "/image" in names
    assert "spacing" not in names


def test_sound_heaps_are_read(tmp_path: Path) -> None:
    path = tmp_path / "texts.h5"
    for sizes in ((8, 8), (4, 4), (8, 4)):
        kind = h5py.h5p.create(h5py.h5p.FILE_CREATE)
        kind.set_sizes(*sizes)
        with h5py.File(h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_TRUNC, kind)) as file:
            file["words"] = np.array(["word " * (number % 300) for number in range(3_000)], dtype=h5py.string_dtype())
            file.attrs["text"] = "a text"
        refuse_endless(path)
        if sizes[1] == 8:
            damage(path, free_of_nothing)
            with pytest.raises(OSError, match="without an end"):
                refuse_endless(path)


def test_small_sizes_and_a_block_in_front(tmp_path: Path) -> None:
    path = tmp_path / "texts.h5"
    kind = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    kind.set_sizes(8, 4)
    kind.set_userblock(1024)
    with h5py.File(h5py.h5f.create(str(path).encode(), h5py.h5f.ACC_TRUNC, kind)) as file:
        file.attrs["text"] = "a text"
    data = bytearray(path.read_bytes())
    free = data.index(b"GCOL") + HEAD + HEAD + 8
    assert data[free : free + 2] == b"\0\0"
    assert int.from_bytes(data[free + 8 : free + 12], "little") > 0
    refuse_endless(path)
    data[free + 8 : free + 12] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(OSError, match="without an end"):
        refuse_endless(path)


def test_a_heap_across_two_blocks_of_reading_and_in_a_zip(tmp_path: Path) -> None:
    path = export(tmp_path / "out")
    whole = path.read_bytes()
    place = whole.index(b"GCOL")
    moved = whole[:place] + bytes((1 << 20) - place - 3) + whole[place:]
    path.write_bytes(moved)
    refuse_endless(path)
    damage(path, free_of_nothing)
    with pytest.raises(OSError, match="without an end"):
        refuse_endless(path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bundle:
        bundle.write(path, "inside/a.h5")
    with pytest.raises(OSError, match="without an end"):
        refuse_endless(tmp_path / "a.zip" / "inside" / "a.h5")
