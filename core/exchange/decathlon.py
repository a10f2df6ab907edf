"""Reading the Medical Segmentation Decathlon: ``dataset.json`` lists pairs of scans and label maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.exchange.incoming import Incoming, Limits
from core.exchange.json_files import load_json
from core.exchange.places import within
from core.exchange.volumes import by_value, header_shape, read_numbers, stem_of_file
from core.messages import sentence

_MOST_CHANNELS = 64


def fits(path: Path) -> bool:
    """Whether this is the folder, or the ``dataset.json``, of a Decathlon task (numbers to names)."""
    file = path if path.name == "dataset.json" else path / "dataset.json"
    if not file.is_file():
        return False
    content = load_json(file, Limits(text=64 << 20))
    if not isinstance(content, dict) or not isinstance(content.get("training"), list):
        return False
    labels = content.get("labels")
    return isinstance(labels, dict) and all(str(key).isdecimal() for key in labels)


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every scan that has a label map; of scans with several channels the first has the masks."""
    file = path if path.name == "dataset.json" else path / "dataset.json"
    content = load_json(file, limits)
    names = {int(key): str(name).strip() or f"Label {key}" for key, name in content["labels"].items() if int(key) != 0}
    modality = content.get("modality")
    channels = len(modality) if isinstance(modality, dict) else 1
    if not 1 <= channels <= _MOST_CHANNELS:
        raise InputError("exchange-unreadable", file=path.name)
    for entry in content["training"]:
        yield from _entry(file.parent, entry, names, channels, limits)


def _entry(root: Path, entry: Any, names: Mapping[int, str], channels: int, limits: Limits) -> Iterator[Incoming]:
    if not isinstance(entry, dict):
        raise InputError("exchange-unreadable", file=root.name)
    told, drawn = str(entry.get("image", "")), str(entry.get("label", ""))
    name = told.replace("\\", "/").rpartition("/")[2]
    image, mask = within(root, told), within(root, drawn)
    if mask is None:
        yield Incoming(image, name, (1, 1, 1), (), "exchange-file-gone", {"file": drawn[-80:]})
        return
    try:
        numbers = read_numbers(mask, limits)
        masks = by_value(numbers.array, names, mask)
        several = channels > 1
        case = stem_of_file(name)
        shape, affine = numbers.geometry.shape, numbers.affine
        yield Incoming(image, name, shape, masks, patient=case, affine=affine, volume=0 if several else None)
        if image is not None and several:
            shape = header_shape(image, limits)
            for channel in range(1, channels):
                yield Incoming(image, name, shape, patient=case, volume=channel)
    except InputError as error:
        yield Incoming(image, name, (1, 1, 1), (), "exchange-case", {"reason": sentence(error)})
