"""HDF5 archives: which array is the scan, how its axes are read, and nothing outside of the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from reader_support import noise

from core.errors import InputError
from core.io.archive import entries_of, pick
from core.io.preview import preview_source
from core.io.reading import FindOptions, Source, find_sources, read_source
from core.io.sniff import Format, sniff
from core.volume import Volume


def source(path: Path, dataset: str = "", volume: int | None = None) -> Source:
    return Source(Format.HDF5, (path,), path.name, dataset=dataset, volume=volume)


def read(path: Path, dataset: str = "", volume: int | None = None) -> Volume:
    assert sniff(path) is Format.HDF5
    return read_source(source(path, dataset, volume))


def refused(path: Path, dataset: str = "", volume: int | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read(path, dataset, volume)
    assert caught.value.fields["file"] == path.name
    return caught.value


def archive(path: Path, **arrays: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name.replace("__", "/"), data=array)
    return path


def matlab(path: Path, **arrays: NDArray[Any]) -> Path:
    """Write as MATLAB 7.3 does: a block of its own first, axes the other way round."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            dataset = file.create_dataset(name.replace("__", "/"), data=np.ascontiguousarray(array.T))
            dataset.attrs["MATLAB_class"] = np.bytes_(str(array.dtype))
        file.create_group("#refs#").create_dataset("a", data=noise((30, 30)))
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def test_the_only_array_is_the_scan(tmp_path: Path) -> None:
    array = noise((6, 7, 8), top=3000, dtype="int16")
    path = archive(tmp_path / "a.h5", deep__er__scan=array, times=np.arange(50.0), affine=np.eye(4), name="Jane Doe")
    volume = read(path)
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.int16
    assert not volume.geometry.spacing_known
    assert not volume.geometry.orientation_known
    assert "scan" not in str(dict(volume.facts))


@pytest.mark.parametrize(
    ("stored", "shape"),
    [
        ((7, 8), (1, 7, 8)),
        ((6, 7, 8), (6, 7, 8)),
        ((1, 7, 8), (1, 7, 8)),
        ((6, 7, 8, 1), (6, 7, 8)),
        ((1, 1, 6, 7, 8), (6, 7, 8)),
        ((7, 8, 3), (1, 7, 8, 3)),
        ((7, 8, 4), (1, 7, 8, 3)),
        ((6, 7, 8, 3), (6, 7, 8, 3)),
        ((2, 7, 8), (2, 7, 8)),
    ],
)
def test_axes_make_a_picture_a_stack_or_a_colour(
    tmp_path: Path, stored: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    array = noise(stored)
    volume = read(archive(tmp_path / "a.h5", data=array))
    assert volume.array.shape == shape
    kept = array[..., :3] if len(shape) == 4 else array
    np.testing.assert_array_equal(volume.array.ravel(), kept.ravel())


def test_short_axes_that_are_no_colour_ask_which(tmp_path: Path) -> None:
    modalities = noise((9, 8, 4)).astype(np.float64)
    path = archive(tmp_path / "a.h5", image=modalities)
    assert refused(path).fields["volumes"] == 4
    np.testing.assert_array_equal(read(path, volume=2).array[0], modalities[..., 2])
    batch = noise((6, 2, 9, 8))
    path = archive(tmp_path / "b.h5", image=batch)
    assert refused(path).fields["volumes"] == 2
    np.testing.assert_array_equal(read(path, volume=1).array, batch[:, 1])
    times = noise((5, 6, 9, 8))
    path = archive(tmp_path / "c.h5", image=times)
    assert refused(path).fields["volumes"] == 5
    np.testing.assert_array_equal(read(path, volume=3).array, times[3])
    assert refused(path, volume=5).code == "volume-unknown"


def test_several_arrays_ask_and_one_can_be_named(tmp_path: Path) -> None:
    first, second = noise((6, 7, 8)), noise((6, 7, 8), seed=1)
    path = archive(tmp_path / "a.h5", t1=first, deep__t2=second)
    error = refused(path)
    assert error.code == "dataset-needed"
    assert error.fields["count"] == 2
    assert error.fields["datasets"] == "deep/t2 (6 x 7 x 8), t1 (6 x 7 x 8)"
    np.testing.assert_array_equal(read(path, "t1").array, first)
    np.testing.assert_array_equal(read(path, "/deep/t2").array, second)
    unknown = refused(path, "t3")
    assert unknown.code == "dataset-unknown"
    assert unknown.fields["dataset"] == "t3"


def test_a_long_list_is_shortened(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.h5", **{f"scan{number:02}": noise((5, 5)) for number in range(40)})
    error = refused(path)
    assert error.fields["count"] == 40
    assert str(error.fields["datasets"]).endswith("scan11 (5 x 5), ...")


@pytest.mark.parametrize(
    ("scan", "mask"),
    [
        ("image", "mask"),
        ("images", "masks"),
        ("data", "label"),
        ("x", "y"),
        ("img", "gt"),
        ("cjdata/image", "cjdata/tumorMask"),
    ],
)
def test_a_mask_beside_its_scan_is_noticed(tmp_path: Path, scan: str, mask: str) -> None:
    array = noise((6, 7, 8))
    path = archive(tmp_path / "a.h5", **{scan.replace("/", "__"): array, mask.replace("/", "__"): array > 128})
    np.testing.assert_array_equal(read(path).array, array)
    assert pick(path, "", entries_of(path)) == (scan, mask)
    assert preview_source(source(path)).mask_dataset == mask
    # and the mask can be named like any other array
    np.testing.assert_array_equal(read(path, mask).array, (array > 128).astype(np.uint8))


def test_a_mask_of_another_size_is_not_its_mask(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.h5", image=noise((6, 7, 8)), mask=noise((6, 7, 9)))
    assert pick(path, "", entries_of(path)) == ("image", "")


def test_a_preview_of_many_arrays_shows_the_first(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.h5", b=noise((6, 7, 8)) + 1, a=noise((3, 9, 9)) // 2 + 7)
    seen = preview_source(source(path))
    assert seen.datasets == ("a", "b")
    assert seen.shape == (3, 9, 9)
    assert seen.low >= 7
    assert preview_source(source(path, "b")).shape == (6, 7, 8)


@pytest.mark.parametrize(
    ("name", "value", "sizes"),
    [
        ("element_size_um", [3000.0, 2000.0, 1000.0], (3.0, 2.0, 1.0)),
        ("spacing", [3.0, 2.0, 1.0], (3.0, 2.0, 1.0)),
        ("resolution", 0.5, (0.5, 0.5, 0.5)),
        ("PixelSpacing", [0.25, 0.75], (1.0, 0.25, 0.75)),
        ("pixdim", [1.0, 2.0, 3.0], (3.0, 2.0, 1.0)),
    ],
)
def test_voxel_sizes_of_attributes(tmp_path: Path, name: str, value: Any, sizes: tuple[float, ...]) -> None:
    path = archive(tmp_path / "a.h5", image=noise((6, 7, 8)))
    with h5py.File(path, "r+") as file:
        file["image"].attrs[name] = value
    geometry = read(path).geometry
    np.testing.assert_allclose(geometry.spacing, sizes)
    assert geometry.spacing_known
    assert not geometry.orientation_known


@pytest.mark.parametrize("value", [[0.0, 1.0, 1.0], [np.nan] * 3, "one", [1.0] * 7])
def test_sizes_that_are_none_are_pixels(tmp_path: Path, value: Any) -> None:
    path = archive(tmp_path / "a.h5", image=noise((6, 7, 8)))
    with h5py.File(path, "r+") as file:
        file.attrs["spacing"] = value
    assert not read(path).geometry.spacing_known


def test_matlab_arrays_are_turned_back(tmp_path: Path) -> None:
    picture, stack, colour = noise((9, 7)), noise((9, 7, 5), top=900, dtype="int16"), noise((9, 7, 3))
    np.testing.assert_array_equal(read(matlab(tmp_path / "a.mat", image=picture)).array[0], picture)
    np.testing.assert_array_equal(read(matlab(tmp_path / "b.mat", image=stack)).array, stack.transpose(2, 0, 1))
    np.testing.assert_array_equal(read(matlab(tmp_path / "c.mat", image=colour)).array[0], colour)
    volume = read(matlab(tmp_path / "d.mat", cjdata__image=picture, cjdata__tumorMask=(picture > 9).astype(np.uint8)))
    np.testing.assert_array_equal(volume.array[0], picture)
    assert dict(volume.facts) == {"format": "matlab", "datasets": 2, "mask_dataset": 1}


def test_an_old_matlab_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x01IM" + bytes(200))
    found = find_sources([tmp_path], FindOptions())
    assert [one.error.code for one in found.passed] == ["format-matlab"]


@pytest.mark.parametrize("chunks", [None, (1, 20, 20), (4, 8, 8), (10, 20, 20)])
@pytest.mark.parametrize("packing", [None, "gzip", "lzf"])
def test_chunks_and_packings(tmp_path: Path, chunks: Any, packing: str | None) -> None:
    if packing and not chunks:
        chunks = True
    array = noise((10, 20, 20), top=3000, dtype=">i2")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", data=array, chunks=chunks, compression=packing, shuffle=packing is not None)
    volume = read(tmp_path / "a.h5")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.int16


def test_half_floats_and_truth_values_become_common_ones(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.h5", half=noise((6, 7)).astype(np.float16), yes=noise((6, 7)) > 99)
    assert read(path, "half").array.dtype == np.float32
    assert read(path, "yes").array.dtype == np.uint8


def test_nothing_outside_of_the_file_is_read(tmp_path: Path) -> None:
    secret = archive(tmp_path / "secret.h5", image=noise((6, 7, 8)))
    (tmp_path / "secret.raw").write_bytes(bytes(6 * 7 * 8))
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["image"] = h5py.ExternalLink(str(secret), "/image")
    assert refused(tmp_path / "link.h5").code == "archive-elsewhere"
    assert refused(tmp_path / "link.h5", "image").code == "archive-elsewhere"
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((6, 7, 8), np.uint8)
        layout[:] = h5py.VirtualSource(str(secret), "image", (6, 7, 8))
        file.create_virtual_dataset("image", layout)
    assert refused(tmp_path / "virtual.h5").code == "archive-elsewhere"
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("image", (6, 7, 8), np.uint8, external=[(str(tmp_path / "secret.raw"), 0, 336)])
    assert refused(tmp_path / "external.h5").code == "archive-elsewhere"


def test_links_within_the_file_neither_double_nor_hang(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.h5", image=noise((6, 7, 8)))
    with h5py.File(path, "r+") as file:
        file["again"] = file["image"]
        file["soft"] = h5py.SoftLink("/image")
        file["loop"] = h5py.SoftLink("/loop")
        group = file.create_group("group")
        group["back"] = file["/"]
    assert [entry.name for entry in entries_of(path)] == ["again"]
    assert read(path).shape == (6, 7, 8)


def test_bombs_and_hollow_arrays(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("image", (60000, 60000, 60), np.float64, chunks=(100, 100, 1), compression="gzip")
    assert refused(tmp_path / "bomb.h5").code == "file-too-large"
    with h5py.File(tmp_path / "hollow.h5", "w") as file:
        file.create_dataset("image", (300, 512, 512), np.int16, chunks=(1, 512, 512))
    assert refused(tmp_path / "hollow.h5").code == "file-empty"
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        chunk = file.create_dataset("image", (4096, 512, 512), np.uint8, chunks=(4096, 512, 512), compression="gzip")
        chunk.id.write_direct_chunk((0, 0, 0), b"x" * 40)
    assert refused(tmp_path / "chunk.h5").code == "file-too-large"


def test_a_filter_from_outside_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((6, 7))
        properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
        space = h5py.h5s.create_simple((6, 7))
        made = h5py.h5d.create(file.id, b"image", h5py.h5t.NATIVE_UINT8, space, properties)
        made.write_direct_chunk((0, 0), b"packed by something else")
    assert refused(tmp_path / "a.h5").code == "archive-filter"


def test_no_scan_and_damage_are_one_sentence(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.h5", weights=np.arange(100.0), matrix=np.eye(4), points=noise((99, 3)), words="text")
    assert refused(path).code == "archive-no-scan"
    whole = archive(tmp_path / "b.h5", image=noise((60, 70, 8))).read_bytes()
    (tmp_path / "c.h5").write_bytes(whole[: len(whole) // 2])
    assert refused(tmp_path / "c.h5").code == "archive-unreadable"
    (tmp_path / "d.h5").write_bytes(b"no such thing")
    assert refused(tmp_path / "d.h5").code == "archive-unreadable"


def test_reading_neither_locks_nor_changes_the_file(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.h5", image=noise((6, 7, 8)))
    words = f"import h5py; file = h5py.File({str(path)!r}, 'r+'); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        before = path.read_bytes(), path.stat().st_mtime_ns
        assert read(path).shape == (6, 7, 8)
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
        holder.kill()
    assert [one.name for one in tmp_path.iterdir()] == ["a.h5"]


def test_an_archive_is_found_with_the_array_that_was_asked_for(tmp_path: Path) -> None:
    archive(tmp_path / "a.h5", t1=noise((6, 7, 8)), t2=noise((6, 7, 8)))
    (found,) = find_sources([tmp_path], FindOptions(dataset="t2")).sources
    assert found.dataset == "t2"
    np.testing.assert_array_equal(read_source(found).array, noise((6, 7, 8)))
