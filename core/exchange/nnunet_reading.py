"""Reading nnU-Net raw data, version 2: ``dataset.json`` names the labels, the folders hold the cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.json_files import load_json
from core.exchange.nnunet import IGNORE
from core.exchange.places import files_of
from core.exchange.volumes import Numbers, header_shape, read_numbers, values_of
from core.messages import sentence

_FOLDERS = (("labelsTr", "imagesTr"), ("labelsTs", "imagesTs"))


def fits(path: Path) -> bool:
    """Whether this is the folder, or the ``dataset.json``, of nnU-Net raw data (names to numbers)."""
    root = path.parent if path.name == "dataset.json" else path
    if not (root / "dataset.json").is_file() or not (root / "imagesTr").is_dir():
        return False
    content = load_json(root / "dataset.json", Limits(text=1 << 20))
    return isinstance(content, dict) and _is_v2(content)


def _is_v2(content: Mapping[str, Any]) -> bool:
    labels = content.get("labels")
    if not isinstance(labels, dict) or not labels:
        return False
    return all(isinstance(value, (int, list)) for value in labels.values()) and "background" in labels


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every case: its first channel with the masks, the other channels without."""
    root = path.parent if path.name == "dataset.json" else path
    content = load_json(root / "dataset.json", limits)
    labels = _labels(content, root)
    ending = str(content.get("file_ending", ".nii.gz"))
    if not ending.startswith(".") or "/" in ending or "\\" in ending:
        raise InputError("exchange-unreadable", file=path.name)
    for folder, images in _FOLDERS:
        channels = _channels(root / images, ending, limits)
        drawn = {file.name.removesuffix(ending): file for file in files_of(root / folder, limits.items)}
        for case in sorted(channels.keys() | drawn.keys()):
            if case in drawn or case in channels:
                yield from _case(case, channels.get(case, {}), drawn.get(case), labels, limits)


def _labels(content: Mapping[str, Any], root: Path) -> dict[str, tuple[int, ...]]:
    """Return the numbers of each label: one, or several for a region."""
    if not _is_v2(content):
        raise InputError("exchange-unreadable", file=root.name)
    found: dict[str, tuple[int, ...]] = {}
    for name, value in content["labels"].items():
        numbers = tuple(int(one) for one in value) if isinstance(value, list) else (int(value),)
        if name.strip() and numbers != (0,):
            found[name.strip()] = numbers
    return found


def _channels(folder: Path, ending: str, limits: Limits) -> dict[str, dict[int, Path]]:
    """Return the files of each case by channel: ``CASE_0000.nii.gz`` is the first."""
    found: dict[str, dict[int, Path]] = {}
    for file in files_of(folder, limits.items):
        stem = file.name.removesuffix(ending)
        case, _, number = stem.rpartition("_")
        if file.name.endswith(ending) and case and len(number) == 4 and number.isdecimal() and number.isascii():
            found.setdefault(case, {})[int(number)] = file
    return found


def _case(
    case: str, channels: dict[int, Path], drawn: Path | None, labels: Mapping[str, tuple[int, ...]], limits: Limits
) -> Iterator[Incoming]:
    first = min(channels, default=None)
    image = channels[first] if first is not None else None
    if drawn is not None:
        yield _with_masks(case, image, drawn, labels, limits)
    for channel, file in sorted(channels.items()):
        if channel == first and drawn is not None:
            continue
        try:
            yield Incoming(file, file.name, header_shape(file, limits), patient=case)
        except InputError as error:
            yield Incoming(file, file.name, (1, 1, 1), (), "exchange-case", {"reason": sentence(error)})


def _with_masks(
    case: str, image: Path | None, drawn: Path, labels: Mapping[str, tuple[int, ...]], limits: Limits
) -> Incoming:
    name = image.name if image is not None else case
    try:
        numbers = read_numbers(drawn, limits)
        masks = tuple(_masks(numbers, labels, drawn))
    except InputError as error:
        # the other cases are still true
        return Incoming(image, name, (1, 1, 1), (), "exchange-case", {"reason": sentence(error)})
    return Incoming(image, name, numbers.geometry.shape, masks, patient=case, affine=numbers.affine)


def _masks(numbers: Numbers, labels: Mapping[str, tuple[int, ...]], path: Path) -> Iterator[IncomingMask]:
    array = numbers.array
    finished: tuple[int, ...] | None = None
    ignored = labels.get(IGNORE, ())
    if ignored:
        unknown = np.isin(array, ignored)
        finished = tuple(z for z in range(array.shape[0]) if not unknown[z].any())
    for name, values in labels.items():
        if name != IGNORE:
            yield IncomingMask(name, np.isin(array, values).astype(np.uint8), finished=finished)
    named = {value for values in labels.values() for value in values}
    for value in values_of(array, path):
        if value not in named:
            yield IncomingMask(f"Label {value}", (array == value).astype(np.uint8), finished=finished)
