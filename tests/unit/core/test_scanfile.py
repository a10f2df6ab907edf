"""Chunks packed by hand are what HDF5 itself reads, in every dtype and shape; a flipped bit is noticed."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ProjectError
from core.geometry import Geometry
from core.io import chunks
from core.project import scanfile
from core.volume import Volume

DTYPES = ["uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64", ">i2", ">f4"]


def volume_of(shape: tuple[int, ...], dtype: str, seed: int) -> Volume:
    chance = np.random.default_rng(seed)
    array = (chance.random(shape) * 100).astype(dtype)
    channels = ("R", "G", "B") if len(shape) == 4 else ()
    return Volume(array, Geometry(shape[:3], np.diag([-1.0, -1.0, 2.0, 1.0])), channels=channels)


@given(
    dtype=st.sampled_from(DTYPES),
    size=st.tuples(st.integers(1, 4), st.integers(1, 13), st.integers(1, 9)),
    colour=st.booleans(),
    chunk=st.sampled_from([1, 40, 200, 1 << 20]),
)
@settings(max_examples=60, deadline=None)
def test_hdf5_reads_what_was_packed(
    tmp_path_factory: pytest.TempPathFactory, dtype: str, size: tuple[int, int, int], colour: bool, chunk: int
) -> None:
    volume = volume_of((*size, 3) if colour else size, dtype, 5)
    target = tmp_path_factory.mktemp("scan") / "one.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanfile, "_CHUNK_BYTES", chunk)
        digest = scanfile.write(target, volume)
    with h5py.File(target) as file:
        found = file["voxels"][:]
    assert np.array_equal(found, volume.array)
    assert found.dtype == volume.array.dtype.newbyteorder("<")
    assert np.array_equal(scanfile.read_slices(target, 0, size[0]), volume.array)
    assert np.array_equal(scanfile.read(target).array, volume.array)
    assert np.array_equal(scanfile.read_slices(target, size[0] - 1, size[0]), volume.array[-1:])
    assert digest == scanfile.pixel_hash(volume)


def test_a_flipped_bit_in_the_voxels_is_noticed_while_reading(tmp_path: Path) -> None:
    target = tmp_path / "one.h5"
    volume = volume_of((3, 40, 40), "int16", 1)
    scanfile.write(target, volume)
    with h5py.File(target) as file:
        place = file["voxels"].id.get_chunk_info(1)
    whole = bytearray(target.read_bytes())
    noticed = 0
    for at in range(place.byte_offset, place.byte_offset + place.size, max(1, place.size // 50)):
        broken = bytearray(whole)
        broken[at] ^= 4
        target.write_bytes(broken)
        try:
            found = scanfile.read_slices(target, 0, 3)
        except ProjectError:
            noticed += 1
        else:
            # a bit that fills up the last byte of a stream means nothing
            assert np.array_equal(found, volume.array)
    assert noticed >= 50


def test_files_of_older_programs_with_a_checksum_more_are_read(tmp_path: Path) -> None:
    volume = volume_of((3, 20, 18), "int16", 2)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        voxels = file.create_dataset(
            "voxels", data=volume.array, chunks=(1, 20, 18), compression="gzip", shuffle=True, fletcher32=True
        )
        assert np.array_equal(chunks.read(voxels, 1, 3), volume.array[1:3])
        assert np.array_equal(np.stack(list(chunks.slices(voxels))), volume.array)
        plain = file.create_dataset("plain", data=volume.array)
        assert np.array_equal(chunks.read(plain, 0, 2), volume.array[:2])
