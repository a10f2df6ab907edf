"""Reading YOLO-seg: a text beside each picture, a line per outline: number of the class, then x y x y ... (0..1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.local_pictures import Pictures, named
from core.exchange.places import files_of, folders_of, within
from core.exchange.shapes import polygon
from core.exchange.volumes import VOLUME_ENDINGS, header_shape
from core.io.files import opened, read_bytes
from core.messages import sentence, text

_LISTS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "classes.txt", "obj.names")
_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", *VOLUME_ENDINGS)
_LABELS, _IMAGES = "labels", "images"
_DEEPEST = 4
_HEAD = 1 << 16
_MOST_NAMES = 10_000
_LIST_BYTES = 4 << 20


def fits(path: Path) -> bool:
    """Whether a folder has texts of outlines, and says what its classes are called or keeps them in ``labels``."""
    if not path.is_dir():
        return False
    with_names = any((path / name).is_file() for name in _LISTS)
    return any(_is_one(file) for file in _texts(path, 20, everywhere=with_names))


def _texts(path: Path, most: int, *, everywhere: bool = True) -> Iterator[Path]:
    """Yield the texts below a folder; where nothing names the classes, only those below ``labels``."""
    for file in _below(path, most, 0):
        apart = file.name.casefold() in _LISTS or file.suffix.casefold() != ".txt"
        if not apart and (everywhere or _LABELS in file.relative_to(path).parts[:-1]):
            yield file


def _below(folder: Path, most: int, depth: int) -> Iterator[Path]:
    yield from files_of(folder, most)
    if depth < _DEEPEST:
        for below in folders_of(folder, 10_000):
            yield from _below(below, most, depth + 1)


def _is_one(file: Path) -> bool:
    with opened(file) as held:
        line, _, more = held.read(_HEAD).partition(b"\n")
    words = line.split()
    try:
        # of a line that is longer than what was read the last number may be half
        _numbers(words if more or len(line) < _HEAD else words[:-1])
    except ValueError:
        return False
    return True


def _numbers(words: Sequence[bytes]) -> tuple[int, NDArray[np.float64]]:
    """Return the class and the corners of a line."""
    if len(words) < 5 or not words[0].isdigit() or len(words[0]) > 6:
        raise ValueError("no line of YOLO")
    return int(words[0]), np.array([float(word) for word in words[1:]], dtype=np.float64)


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every picture that has a text; an empty one says that nothing is on it. Boxes alone are no masks."""
    names = _names(path)
    pictures = Pictures(path)
    left: Counter[str] = Counter()
    for file in _texts(path, limits.items):
        image = _image_of(path, file) or pictures.find(named(f"{file.stem}.png"), *_ENDINGS)
        name = image.name if image is not None else file.stem
        if image is None:
            yield Incoming(None, name, (1, 1), (), "exchange-picture-gone")
            continue
        try:
            shape = header_shape(image, limits)[1:]
            masks = tuple(_masks(file, shape, names, limits, left))
        except InputError as error:
            yield Incoming(image, name, (1, 1), (), "exchange-case", {"reason": sentence(error)})
            continue
        yield Incoming(image, name, shape, masks)
    if left:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in left.items())
        yield Incoming(None, path.name, (1, 1), (), "exchange-left-out", {"kinds": kinds})


def _image_of(path: Path, file: Path) -> Path | None:
    """Return the picture of a text: where ``labels`` of its path reads ``images``, or beside it."""
    parts = file.relative_to(path).parts[:-1]
    mirrored = "/".join(_IMAGES if part == _LABELS else part for part in parts)
    for folder in dict.fromkeys((mirrored, "/".join(parts))):
        for ending in _ENDINGS:
            found = within(path, f"{folder}/{file.stem}{ending}".lstrip("/"))
            if found is not None:
                return found
    return None


def _masks(
    file: Path, shape: tuple[int, int], names: Sequence[str], limits: Limits, left: Counter[str]
) -> Iterator[IncomingMask]:
    arrays: dict[str, NDArray[np.uint8]] = {}
    boxes = 0
    for line in read_bytes(file, limits.text).splitlines():
        if not line.strip():
            continue
        try:
            number, corners = _numbers(line.split())
        except ValueError as error:
            raise InputError("exchange-unreadable", file=file.name) from error
        if len(corners) == 4:
            boxes += 1
            continue
        if len(corners) % 2:
            raise InputError("exchange-unreadable", file=file.name)
        label = names[number] if number < len(names) and names[number] else f"Class {number}"
        area = polygon(corners.reshape(-1, 2) * (shape[1], shape[0]), shape, overlap=False, file=file.name)
        arrays[label] = arrays[label] | area if label in arrays else area
        limits.check_shape((len(arrays), *shape), file.name)
    if boxes:
        left[text("exchange.left_boxes")] += boxes
    elif not arrays:
        arrays = {label: np.zeros(shape, np.uint8) for label in names if label}
    for label, array in arrays.items():
        yield IncomingMask(label, array)


def _names(path: Path) -> list[str]:
    """Return what the classes are called, by number; empty where nothing says."""
    for name in _LISTS:
        file = path / name
        if not file.is_file() or file.is_symlink():
            continue
        try:
            words = read_bytes(file, _LIST_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError("exchange-unreadable", file=name) from error
        found = [line.strip() for line in words.splitlines()] if name.endswith(("txt", "names")) else _of_yaml(words)
        if any(found):
            return found[:_MOST_NAMES]
    return []


def _of_yaml(words: str) -> list[str]:
    """Return ``names`` of the few lines of YAML that YOLO's tools write: a list, or numbers with names."""
    match = re.search(r"^names[ \t]*:[ \t]*(.*)$", words, re.MULTILINE)
    if match is None:
        return []
    inline = match.group(1).partition(" #")[0].strip()
    if inline:
        body = words[match.start(1) :]
        end = body.find("]" if inline[0] == "[" else "}")
        parts = body[1:end].split(",") if inline[0] in "[{" and end > 0 else []
    else:
        lines = words[match.end() :].splitlines()[1:]
        parts = []
        for line in lines:
            if line.strip() and not line.startswith((" ", "\t", "-")):
                break
            parts.append(line.partition(" #")[0].strip().removeprefix("- "))
    return _numbered([part.strip() for part in parts if part.strip()])


def _numbered(parts: Sequence[str]) -> list[str]:
    found: dict[int, str] = {}
    for place, part in enumerate(parts):
        match = re.fullmatch(r"(\d{1,6})\s*:\s*(.*)", part)
        number, word = (int(match.group(1)), match.group(2)) if match else (place, part)
        if number < _MOST_NAMES:
            found[number] = word.strip("'\"").strip()
    return [found.get(number, "") for number in range(max(found, default=-1) + 1)]
