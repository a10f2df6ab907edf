"""Reading folders of PNG masks: ``masks/<label>/<picture>.png``, or ``labels/<picture>.png`` with ``labels.tsv``.

``images/<picture>.png`` holds the pictures, where they came along. What Meninx wrote says in its manifest
which pictures are the slices of one scan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.label_maps import called
from core.exchange.own import Own, OwnScan, is_own, load
from core.exchange.places import files_of, folders_of, within
from core.exchange.volumes import beside, read_table, values_of
from core.geometry import Array
from core.io.mask_pictures import read_mask_picture
from core.labels import Label
from core.messages import sentence

_MASKS = "masks"
_IMAGES = "images"
_MAP = re.compile(r"labels(_.+)?")
_LABELS_AT_ONCE = 4
_SLICE = re.compile(r"(.+)_(\d{4,6})")


def fits(path: Path) -> bool:
    """Whether a folder has masks by label, or label maps, as PNG."""
    if not path.is_dir():
        return False
    if is_own(path, ("png",)):
        # where nothing is drawn or finished there are no pictures
        return True
    by_label = any(_pngs(folder, 1_000) for folder in folders_of(path / _MASKS, 1_000))
    return by_label or any(_pngs(folder, 1_000) for folder in _map_folders(path))


def _pngs(folder: Path, most: int) -> list[Path]:
    return [file for file in files_of(folder, most) if file.suffix.casefold() == ".png"]


def _map_folders(path: Path) -> list[Path]:
    return [folder for folder in folders_of(path, 1_000) if _MAP.fullmatch(folder.name)]


@dataclass
class _Picture:
    """The mask files of one picture, with the label of each (None: a label map)."""

    files: list[tuple[Path, str | None]] = field(default_factory=list)


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every picture with its masks; the slices of a scan that Meninx wrote come together."""
    own = load(path, limits) if is_own(path, ("png",)) else Own("")
    names, colors = read_table(path / "labels.tsv", limits)
    names, colors = own.table(names), {**colors, **own.colors}
    pictures = _pictures(path, own, limits)
    stacks = {scan.name: scan for scan in own.scans}
    for scan in own.scans:
        mine = {stem: pictures.pop(stem) for stem in list(pictures) if _scan_of(stem, stacks) == scan.name}
        files = _slices(path / _IMAGES, scan)
        image = files[0] if files else None
        try:
            masks = tuple(_stack(scan, mine, names, colors, limits))
        except InputError as error:
            yield Incoming(image, scan.name, scan.shape, (), "exchange-case", {"reason": sentence(error)})
            continue
        made = Incoming(image, scan.name, scan.shape, masks, digest=scan.digest, patient=scan.patient)
        yield replace(made, stack=files) if len(files) > 1 else made
    for stem, picture in pictures.items():
        yield _single(path, stem, picture, names, colors, limits)


def _slices(folder: Path, scan: OwnScan) -> tuple[Path, ...]:
    """Return the pictures of a scan that Meninx wrote, if all of them came along."""
    depth = scan.shape[0]
    stems = [scan.name] if depth == 1 else [f"{scan.name}_{z + 1:04d}" for z in range(depth)]
    files = [within(folder, f"{stem}.png") for stem in stems]
    return tuple(file for file in files if file is not None) if all(files) else ()


def _scan_of(stem: str, stacks: Mapping[str, OwnScan]) -> str:
    """Return which scan of the manifest a picture is a slice of, or nothing."""
    if stem in stacks:
        return stem
    match = _SLICE.fullmatch(stem)
    return match.group(1) if match is not None and match.group(1) in stacks else ""


def _pictures(path: Path, own: Own, limits: Limits) -> dict[str, _Picture]:
    """Gather the mask files of a folder, picture by picture."""
    labels = [Label(one.number, one.name, one.color, "", one.layer) for one in own.labels]
    names = called(labels)
    found: dict[str, _Picture] = {}
    for folder in folders_of(path / _MASKS, limits.masks):
        label = names.get(folder.name.casefold(), folder.name)
        for file in _pngs(folder, limits.items):
            found.setdefault(file.stem, _Picture()).files.append((file, label))
    for folder in _map_folders(path):
        for file in _pngs(folder, limits.items):
            found.setdefault(file.stem, _Picture()).files.append((file, None))
    if len(found) > limits.items:
        raise InputError("exchange-too-large", file=path.name)
    return dict(sorted(found.items()))


def _single(
    path: Path, stem: str, picture: _Picture, names: Mapping[int, str], colors: Mapping[str, str], limits: Limits
) -> Incoming:
    image = beside(path / _IMAGES, stem)
    name = image.name if image is not None else stem
    try:
        arrays = _arrays(picture, names, limits)
    except InputError as error:
        return Incoming(image, name, (1, 1), (), "exchange-case", {"reason": sentence(error)})
    rows, columns = next(iter(arrays.values())).shape if arrays else (1, 1)
    masks = tuple(IncomingMask(label, array, color=colors.get(label, "")) for label, array in arrays.items())
    return Incoming(image, name, (rows, columns), masks)


def _arrays(picture: _Picture, names: Mapping[int, str], limits: Limits) -> dict[str, NDArray[np.uint8]]:
    """Return the masks ``[y, x]`` of one picture by label."""
    found: dict[str, NDArray[np.uint8]] = {}
    for file, label in picture.files:
        page = _page(file, limits)
        if found and page.shape != next(iter(found.values())).shape:
            raise InputError("exchange-unreadable", file=file.name)
        if label is not None:
            parts = {label: page != 0}
        else:
            numbers = dict(names) | {n: f"Label {n}" for n in values_of(page[None], file) if n not in names}
            parts = {name: page == number for number, name in numbers.items()}
        for name, hits in parts.items():
            found[name] = found[name] | hits.astype(np.uint8) if name in found else hits.astype(np.uint8)
    return found


def _page(file: Path, limits: Limits) -> Array:
    pages = read_mask_picture(file).pages
    if len(pages) != 1 or pages[0].ndim != 2:
        # colours are no numbers: which label each one is, nobody has said
        raise InputError("exchange-colours", file=file.name)
    limits.check_shape(pages[0].shape, file.name)
    return pages[0]


def _stack(
    scan: OwnScan,
    pictures: Mapping[str, _Picture],
    names: Mapping[int, str],
    colors: Mapping[str, str],
    limits: Limits,
) -> Iterator[IncomingMask]:
    """Yield the masks ``[z, y, x]`` of a scan that Meninx wrote; slices without a file are empty."""
    if not pictures:
        return
    limits.check_shape((*scan.shape, max(1, len(scan.finished) // _LABELS_AT_ONCE)), scan.name)
    arrays = {label: np.zeros(scan.shape, np.uint8) for label in scan.finished}
    for stem, picture in pictures.items():
        match = _SLICE.fullmatch(stem)
        z = int(match.group(2)) - 1 if stem != scan.name and match is not None else 0
        for label, page in _arrays(picture, names, limits).items():
            if label not in arrays and not page.any():
                # a label map names labels that were not begun
                continue
            if not 0 <= z < scan.shape[0] or page.shape != scan.shape[1:]:
                raise InputError("exchange-unreadable", file=stem)
            if label not in arrays:
                # drawn under a name that the manifest does not have: kept all the same
                limits.check_shape((*scan.shape, max(1, len(arrays) // _LABELS_AT_ONCE)), scan.name)
                arrays[label] = np.zeros(scan.shape, np.uint8)
            arrays[label][z] |= page
    for label, array in arrays.items():
        finished = scan.finished.get(label, ())
        yield IncomingMask(label, array, reader=scan.reader, color=colors.get(label, ""), finished=finished)
