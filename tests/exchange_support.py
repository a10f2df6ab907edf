"""Random annotations, written in a format and read back by what did not write them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from core.exchange import manifest
from core.exchange.incoming import Incoming
from core.exchange.items import ExportOptions, Item, Out
from core.exchange.label_maps import numbers, safe
from core.exchange.reading import fitting, read
from core.exchange.registry import make_format
from core.geometry import Geometry
from core.labels import PALETTE, Label
from core.project.records import Scan, ScanStatus
from core.volume import Volume

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
H5DUMP = shutil.which("h5dump") or ""
"""The HDF Group's own reader; not on every machine."""


def random_affine(random: np.random.Generator) -> NDArray[np.float64]:
    """Return an oblique affine that float32 holds exactly or not, as it comes."""
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(random.uniform(0.3, 5.0, 3))
    affine[:3, 3] = random.uniform(-200.0, 200.0, 3)
    return affine


def random_labels(random: np.random.Generator) -> tuple[Label, ...]:
    """Return 1 to 40 labels on 1 to 3 layers, with names that no file system likes."""
    count = int(random.choice([1, 2, 3, 5, 8, 40], p=[0.25, 0.25, 0.25, 0.15, 0.08, 0.02]))
    layers = ["lesions", "brain", "bone"][: int(random.integers(1, 4))]
    words = [
        "Tumour",
        "Haemorrhage (old)",
        "a/b",
        "Läsion",
        "CON",
        "x" * 90,
        "two  words",
        "Brain",
        "brain.",
        "..",
        "\u65e5",
    ]
    taken: dict[str, int] = {}
    made = []
    for place in range(count):
        layer = layers[int(random.integers(len(layers)))]
        taken[layer] = taken.get(layer, 0) + 1
        name = words[place] if place < len(words) else f"Label number {place}"
        made.append(Label(taken[layer], name, PALETTE[place % len(PALETTE)], "", layer))
    return tuple(made)


def random_item(random: np.random.Generator, labels: tuple[Label, ...], name: str = "P001_S0001") -> Item:
    """Return an annotation: odd sizes, empty, full, speckled or blobby masks, some labels not begun."""
    shape = tuple(int(random.integers(1, most)) for most in (8, 24, 24))
    geometry = Geometry(shape, random_affine(random))
    masks: dict[str, NDArray[np.bool_]] = {}
    finished: dict[str, frozenset[int]] = {}
    origins: dict[str, dict[int, str]] = {}
    for layer in dict.fromkeys(label.layer for label in labels):
        mine = [label for label in labels if label.layer == layer]
        values = random_values(random, shape, len(mine))
        known = frozenset(int(z) for z in np.flatnonzero(random.random(shape[0]) < 0.8))
        if random.random() < 0.1 and len(labels) > len(mine) and masks:
            continue
        for value, label in enumerate(mine, 1):
            masks[label.name] = values == value
            finished[label.name] = known
            origins[label.name] = dict.fromkeys(range(shape[0]), "drawn")
    array = random.integers(-1000, 1000, shape).astype(np.int16)
    scan = Scan(
        "01",
        name.split("_")[1],
        "k",
        name.split("_")[0],
        True,
        "MR",
        shape,
        True,
        True,
        ScanStatus.DONE,
        "",
        "",
        1,
        "ab",
    )
    return Item(scan, Volume(array, geometry, modality="MR"), name, labels, masks, finished, origins, "R", "a")


def random_values(random: np.random.Generator, shape: tuple[int, ...], count: int) -> NDArray[np.uint8]:
    """Return a layer of ``count`` labels."""
    kind = random.integers(4)
    if kind == 0:
        return np.zeros(shape, np.uint8)
    if kind == 1:
        return np.full(shape, random.integers(1, count + 1), np.uint8)
    values = random.integers(0, count + 1, shape).astype(np.uint8)
    if kind == 2:
        # runs, as a brush leaves them
        values = np.sort(values, axis=-1)
    return values


def written(item: Item, format: str, folder: Path, **options: Any) -> Path:
    """Write one annotation with its manifest; return the folder."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    out = Out(folder, ExportOptions(**options))
    made = make_format(format)
    made.begin(out, item.labels)
    made.add(item, out)
    made.finish(out)
    facts = manifest.Facts(format, "all", out.options, item.labels, True)
    manifest.write(out, facts, [manifest.about(item, [])])
    return folder


def truth(item: Item, label: Label) -> NDArray[np.bool_]:
    return item.mask(label)


def same(found: NDArray[Any], wanted: NDArray[np.bool_], told: str) -> None:
    assert found.shape == wanted.shape, (told, found.shape, wanted.shape)
    assert np.array_equal(np.asarray(found) != 0, wanted), told


def check_affine(image: sitk.Image, item: Item, tolerance: float) -> None:
    """SimpleITK sees the grid where the scan lies."""
    spacing, origin = np.array(image.GetSpacing()), np.array(image.GetOrigin())
    turn = np.array(image.GetDirection()).reshape(3, 3)
    seen = np.eye(4)
    seen[:3, :3], seen[:3, 3] = turn * spacing, origin
    apart = np.abs(seen - LPS @ item.volume.geometry.affine).max()
    assert apart <= tolerance, (apart, tolerance)


def by_simpleitk(path: Path) -> tuple[NDArray[Any], sitk.Image]:
    image = sitk.ReadImage(str(path))
    return sitk.GetArrayFromImage(image), image


def check_nifti(item: Item, folder: Path) -> None:
    """Every mask and map by SimpleITK; NIfTI holds the affine in float32."""
    written(item, "nifti", folder, layout="both")
    given = numbers(item.labels)
    layers = {label.layer for label in item.labels}
    for label in item.labels:
        if label.name not in item.masks:
            continue
        array, image = by_simpleitk(folder / f"{item.name}_{safe(label, item.labels)}_mask.nii.gz")
        assert set(np.unique(array)) <= {0, 1}
        same(array, truth(item, label), label.name)
        check_affine(image, item, 1e-4)
        end = "" if len(layers) == 1 else f"_{label.layer}"
        array, image = by_simpleitk(folder / f"{item.name}{end}_labels.nii.gz")
        same(array == given[label.name], truth(item, label), label.name)


def check_nrrd(item: Item, folder: Path) -> None:
    """Layers and values as the header says them, by SimpleITK; the affine to the last bits of float64."""
    path = written(item, "nrrd", folder) / f"{item.name}.seg.nrrd"
    array, image = by_simpleitk(path)
    check_affine(image, item, 1e-9)
    keys = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    begun = [label for label in item.labels if label.name in item.masks]
    for place, label in enumerate(begun):
        assert keys[f"Segment{place}_Name"] == " ".join(label.name.split())
        layer, value = int(keys[f"Segment{place}_Layer"]), int(keys[f"Segment{place}_LabelValue"])
        volume = array if array.ndim == 3 else array[..., layer]
        same(volume == value, truth(item, label), label.name)
        colour = [round(float(part) * 255) for part in keys[f"Segment{place}_Color"].split()]
        assert "#" + "".join(f"{part:02x}" for part in colour) == label.color
    assert f"Segment{len(begun)}_Name" not in keys


def check_png(item: Item, folder: Path) -> None:
    """Every slice by Pillow: 0 and 255 per label, indices with the label's colour in the palette."""
    written(item, "png", folder, layout="both")
    given = numbers(item.labels)
    layers = {label.layer for label in item.labels}
    for label in item.labels:
        if label.name not in item.masks:
            continue
        end = "" if len(layers) == 1 else f"_{label.layer}"
        for z in range(item.volume.shape[0]):
            stem = item.name if item.volume.shape[0] == 1 else f"{item.name}_{z + 1:04d}"
            file = folder / "masks" / safe(label, item.labels) / f"{stem}.png"
            wanted = truth(item, label)[z]
            if not file.exists():
                assert not wanted.any()
                assert z not in item.finished[label.name]
                continue
            with Image.open(file) as picture:
                array = np.asarray(picture)
            assert set(np.unique(array)) <= {0, 255}
            same(array, wanted, label.name)
            file = folder / f"labels{end}" / f"{stem}.png"
            with Image.open(file) as picture:
                assert picture.mode == "P"
                same(np.asarray(picture) == given[label.name], wanted, label.name)
                colour = picture.getpalette()[3 * given[label.name] : 3 * given[label.name] + 3]
            assert "#" + "".join(f"{part:02x}" for part in colour) == label.color


def by_h5dump(path: Path, dataset: h5py.Dataset) -> NDArray[np.uint8]:
    """Return an array of bytes as the HDF Group's own tool writes it out."""
    raw = path.with_suffix(".raw")
    subprocess.run([H5DUMP, "-d", dataset.name, "-b", "LE", "-o", raw, path], check=True, stdout=subprocess.DEVNULL)
    found = np.frombuffer(raw.read_bytes(), np.uint8).reshape(dataset.shape)
    raw.unlink()
    return found


def check_hdf5(item: Item, folder: Path) -> None:
    """Masks, names, slices and affine by h5py; the masks by h5dump too, where that is installed."""
    path = written(item, "hdf5", folder, images=True) / f"{item.name}.h5"
    with h5py.File(path, "r") as file:
        assert np.array_equal(file.attrs["affine"], item.volume.geometry.affine)
        assert np.array_equal(file["image"][()], item.volume.array)
        found = {one.attrs["label"]: one for one in file["masks"].values()}
        assert found.keys() == item.masks.keys()
        for label in item.labels:
            if label.name in found:
                same(found[label.name][()], truth(item, label), label.name)
                if H5DUMP:
                    same(by_h5dump(path, found[label.name]), truth(item, label), label.name)
                assert frozenset(found[label.name].attrs["finished"].tolist()) == item.finished[label.name]


def check_nnunet(item: Item, folder: Path) -> None:
    """Numbers as dataset.json says them, by SimpleITK; scan and labels on one grid."""
    written(item, "nnunet", folder)
    dataset = json.loads((folder / "dataset.json").read_text())
    array, image = by_simpleitk(folder / "labelsTr" / f"{item.name}.nii.gz")
    scan, grid = by_simpleitk(folder / "imagesTr" / f"{item.name}_0000.nii.gz")
    assert np.array_equal(scan, item.volume.array)
    assert image.GetSpacing() == grid.GetSpacing()
    assert image.GetOrigin() == grid.GetOrigin()
    assert image.GetDirection() == grid.GetDirection()
    check_affine(image, item, 1e-4)
    assert dataset["numTraining"] == 1
    assert dataset["channel_names"] == {"0": "MRI"}
    values = {name: value if isinstance(value, list) else [value] for name, value in dataset["labels"].items()}
    used = sorted({one for many in values.values() for one in many})
    assert used == list(range(len(used))), "numbers without gaps, background 0"
    assert set(np.unique(array)) <= set(used)
    for label in item.labels:
        same(np.isin(array, values[label.name]), truth(item, label), label.name)
    if "ignore" in values:
        assert values["ignore"] == [used[-1]]
        unknown = array == used[-1]
        for z in range(array.shape[0]):
            drawn = np.any([truth(item, label)[z] for label in item.labels], axis=0)
            whole = all(z in slices for slices in item.finished.values())
            same(unknown[z], np.zeros_like(drawn) if whole else ~drawn, f"ignore {z}")


def check_bids(item: Item, folder: Path) -> None:
    """Maps by SimpleITK, named by their own table."""
    written(item, "bids", folder, layout="both")
    assert json.loads((folder / "dataset_description.json").read_text())["DatasetType"] == "derivative"
    found: set[str] = set()
    for table in folder.rglob("*_dseg.tsv"):
        rows = [line.split("\t") for line in table.read_text().splitlines()]
        array, image = by_simpleitk(table.with_suffix(".nii.gz"))
        check_affine(image, item, 1e-4)
        for index, name, color in rows[1:]:
            label = next(one for one in item.labels if " ".join(one.name.split()) == name)
            assert label.color == color
            if label.name in item.masks:
                same(array == int(index), truth(item, label), name)
                found.add(label.name)
    assert found == set(item.masks)


CHECKS: dict[str, Callable[[Item, Path], None]] = {
    "nifti": check_nifti,
    "nrrd": check_nrrd,
    "png": check_png,
    "hdf5": check_hdf5,
    "nnunet": check_nnunet,
    "bids": check_bids,
}
"""Format to what reads it with a foreign library and compares every voxel."""


def check_reader(item: Item, folder: Path, format: str) -> None:
    """What lies in a folder is read by our own reader, found by content, as it was drawn."""
    assert fitting(folder) == {"bids": "nifti"}.get(format, format)
    (one,) = read(folder)
    assert one.problem == "", one.fields
    check_incoming(item, one, format)


def check_incoming(item: Item, one: Incoming, format: str) -> None:
    assert one.shape == item.volume.shape
    found = {mask.label: mask for mask in one.masks}
    named = {" ".join(label.name.split()): label for label in item.labels}
    named |= {label.name: label for label in item.labels}
    assert len(found) == len(one.masks)
    for name in set(item.masks) - {named[name].name for name in found}:
        # a picture that nobody drew on or finished has no file, so a label may be missing that says nothing
        assert format == "png"
        assert not item.masks[name].any()
        assert not item.finished[name]
    for name, mask in found.items():
        label = named[name]
        same(mask.array, truth(item, label), name)
        if format not in ("nnunet", "nrrd"):
            assert frozenset(mask.finished or ()) == item.finished[label.name], name
    if one.affine is not None:
        assert np.allclose(one.affine, item.volume.geometry.affine, atol=1e-4, rtol=1e-6)


@contextmanager
def nothing_else_changed(folder: Path, inside: Path) -> Iterator[None]:
    """Fail where anything in a folder changed but what lies inside another."""
    before = _listing(folder, inside)
    yield
    assert _listing(folder, inside) == before


def _listing(folder: Path, inside: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in folder.rglob("*"):
        if path != inside and inside not in path.parents:
            status = path.lstat()
            found[path.as_posix()] = (status.st_size, status.st_mtime_ns if path.is_file() else 0)
    return found
