"""Reading ``.seg.nrrd`` of 3D Slicer: segments by name and colour, in layers that may overlap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.own import Own, OwnScan, is_own, load
from core.exchange.places import files_of
from core.exchange.volumes import Numbers, beside, read_numbers
from core.io.files import opened
from core.io.nrrd import MAX_HEADER
from core.messages import sentence

_SEGMENT = re.compile(r"Segment(\d{1,4})_(Name|Color|LabelValue|Layer)")
_ENDING = ".seg.nrrd"
_MOST_LAYERS = 250


@dataclass(frozen=True)
class _Segment:
    name: str
    value: int
    layer: int
    color: str


def fits(path: Path) -> bool:
    """Whether this is a segmentation of Slicer, or a folder that holds some."""
    if path.is_dir():
        return any(file.name.casefold().endswith(_ENDING) for file in files_of(path, 10_000))
    with opened(path) as file:
        return file.read(4) == b"NRRD" and bool(_fields(path))


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every segmentation; one that is damaged is told of, and the others are read."""
    folder = path if path.is_dir() else path.parent
    files = [path] if path.is_file() else [one for one in files_of(path, limits.items) if _is_one(one)]
    ours = load(folder, limits) if is_own(folder, ("nrrd",)) else Own("")
    known = {scan.name: scan for scan in ours.scans}
    for file in files:
        try:
            yield _segmentation(file, known.get(_stem(file)), ours, limits)
        except InputError as error:
            if len(files) == 1:
                raise
            yield Incoming(None, file.name, (1, 1, 1), (), "exchange-case", {"reason": sentence(error)})


def _is_one(file: Path) -> bool:
    return file.name.casefold().endswith(_ENDING)


def _stem(file: Path) -> str:
    return file.name[: -len(_ENDING)] if _is_one(file) else file.name.rpartition(".")[0]


def _segmentation(file: Path, own: OwnScan | None, ours: Own, limits: Limits) -> Incoming:
    segments = _segments(_fields(file))
    if own is not None:
        # a header has no tabs or double spaces; the manifest says what is finished by the names themselves
        segments = [replace(segment, name=ours.called(segment.name)) for segment in segments]
    if not segments:
        raise InputError("exchange-unreadable", file=file.name)
    layers = max(segment.layer for segment in segments) + 1
    if layers > _MOST_LAYERS:
        raise InputError("exchange-too-large", file=file.name)
    stem = _stem(file)
    image = _image(file, stem)
    read_layers = {number: _layer(file, number, limits) for number in sorted({one.layer for one in segments})}
    first = next(iter(read_layers.values()))
    shape = first.geometry.shape
    if shape == (1, 1, 1):
        # Slicer keeps a segmentation without a voxel as a single empty one
        return Incoming(image, stem, shape, (), "exchange-empty")
    masks = tuple(_mask(segment, read_layers[segment.layer], own) for segment in segments)
    digest, patient = (own.digest, own.patient) if own is not None else ("", "")
    return Incoming(image, stem, shape, masks, affine=first.affine, digest=digest, patient=patient)


def _image(file: Path, stem: str) -> Path | None:
    found = beside(file.parent, stem)
    return None if found == file else found


def _layer(file: Path, number: int, limits: Limits) -> Numbers:
    try:
        return read_numbers(file, limits, number)
    except InputError as error:
        if error.code == "volume-unknown" and number == 0:
            return read_numbers(file, limits)
        raise


def _mask(segment: _Segment, layer: Numbers, own: OwnScan | None) -> IncomingMask:
    array = (layer.array == segment.value).astype(np.uint8)
    finished = None if own is None else own.finished.get(segment.name)
    reader = "" if own is None else own.reader
    return IncomingMask(segment.name, array, reader=reader, color=segment.color, finished=finished)


def _fields(file: Path) -> dict[int, dict[str, str]]:
    """Return what a header says of its segments, by their number."""
    found: dict[int, dict[str, str]] = {}
    with opened(file) as read_:
        raw = read_.read(MAX_HEADER)
    for line in raw.split(b"\n"):
        words = line.decode("utf-8", "replace").rstrip("\r")
        if not words:
            break
        key, sign, value = words.partition(":=")
        match = _SEGMENT.fullmatch(key.strip())
        if sign and match is not None:
            found.setdefault(int(match.group(1)), {})[match.group(2)] = value
    return found


def _segments(fields: Mapping[int, Mapping[str, str]]) -> list[_Segment]:
    segments: list[_Segment] = []
    for number, facts in sorted(fields.items()):
        value, layer = facts.get("LabelValue", str(number + 1)), facts.get("Layer", "0")
        if not (value.strip().isdecimal() and layer.strip().isdecimal()):
            raise ValueError("LabelValue")
        name = facts.get("Name", "").strip() or f"Segment {number + 1}"
        color = _color(facts.get("Color", ""))
        segments.append(_Segment(name, int(value), int(layer), color))
    return segments


def _color(words: str) -> str:
    parts = [float(part) for part in words.split()]
    if len(parts) != 3 or not all(0.0 <= part <= 1.0 for part in parts):
        return ""
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
