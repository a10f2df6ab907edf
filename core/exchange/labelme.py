"""Reading labelme: one JSON beside each picture, with polygons, rectangles, circles and small masks."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import InputError
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.json_files import load_json
from core.exchange.local_pictures import Pictures, named
from core.exchange.places import files_of, folders_of
from core.exchange.shapes import ellipse, polygon
from core.exchange.volumes import header_shape
from core.io.files import read_bytes
from core.io.regrid import check_size
from core.messages import sentence, text

_DEEPEST = 4
_KEYS = (b'"shapes"', b'"imagePath"')
_PNG = b"\x89PNG\r\n\x1a\n"
_FAULTS = (LookupError, OverflowError, SyntaxError, TypeError, ValueError, OSError)


def fits(path: Path) -> bool:
    """Whether this is such a file, or a folder that holds some."""
    if path.is_file():
        return _is_one(path)
    return any(_is_one(file) for file in _below(path, 50))


def _below(folder: Path, most: int, depth: int = 0) -> Iterator[Path]:
    for file in files_of(folder, most):
        if file.suffix.casefold() == ".json":
            yield file
    if depth < _DEEPEST:
        for below in folders_of(folder, 10_000):
            yield from _below(below, most, depth + 1)


def _is_one(file: Path) -> bool:
    data = read_bytes(file, Limits().text)
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and all(key in data for key in _KEYS)


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every picture with one mask per label; a picture that was opened and has no shape has none."""
    files = [path] if path.is_file() else [file for file in _below(path, limits.items) if _is_one(file)]
    folders = {file.parent: Pictures(file.parent) for file in files}
    pictures = Pictures(path.parent if path.is_file() else path)
    left: Counter[str] = Counter()
    for file in files:
        try:
            yield _picture(file, (folders[file.parent], pictures), limits, left)
        except InputError as error:
            if len(files) == 1:
                raise
            # the other pictures are still true
            yield Incoming(None, file.name, (1, 1), (), "exchange-case", {"reason": sentence(error)})
    if left:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in left.items())
        yield Incoming(None, path.name, (1, 1), (), "exchange-left-out", {"kinds": kinds})


def _picture(file: Path, places: Sequence[Pictures], limits: Limits, left: Counter[str]) -> Incoming:
    content = load_json(file, limits)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(one, dict) for one in shapes):
        raise InputError("exchange-unreadable", file=file.name)
    wanted = named(str(content.get("imagePath") or ""))
    # the picture lies beside its JSON, whatever folder it lay in when it was drawn on
    image = next(filter(None, (place.find(wanted) for place in places)), None)
    name = wanted.name or file.stem
    try:
        shape = _size(content, image, name, limits)
        masks = tuple(_masks(shapes, shape, name, limits, left))
    except InputError as error:
        return Incoming(image, name, (1, 1), (), "exchange-case", {"reason": sentence(error)})
    except (*_FAULTS, struct.error, zlib.error) as error:
        raise InputError("exchange-unreadable", file=file.name) from error
    return Incoming(image, name, shape, masks)


def _size(content: Mapping[str, Any], image: Path | None, name: str, limits: Limits) -> tuple[int, int]:
    shape = header_shape(image, limits)[1:] if image is not None else None
    rows, columns = content.get("imageHeight"), content.get("imageWidth")
    if shape is not None and rows is None and columns is None:
        return shape
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise InputError("exchange-unreadable", file=name)
    limits.check_shape((rows, columns), name)
    if shape is not None:
        check_size((1, rows, columns), (1, *shape), name)
    return rows, columns


def _masks(
    shapes: list[dict[str, Any]], shape: tuple[int, int], name: str, limits: Limits, left: Counter[str]
) -> Iterator[IncomingMask]:
    arrays: dict[str, NDArray[np.uint8]] = {}
    limits.check_shape((max(1, len({str(one.get("label")) for one in shapes})), *shape), name)
    for one in shapes:
        kind = str(one.get("shape_type") or "polygon")[:40]
        area = _area(one, kind, shape, name)
        if area is None:
            left[kind] += 1
            continue
        label = str(one.get("label") or "").strip() or text("exchange.no_label")
        arrays[label] = arrays[label] | area if label in arrays else area
    for label, array in arrays.items():
        yield IncomingMask(label, array)


def _area(one: Mapping[str, Any], kind: str, shape: tuple[int, int], name: str) -> NDArray[np.uint8] | None:
    """Return the pixels ``[y, x]`` of a shape, None where it has no area (a line, a point)."""
    points = np.asarray(one.get("points", []), dtype=np.float64).reshape(-1, 2)
    if kind == "polygon":
        return polygon(points, shape, overlap=False, file=name)
    if kind == "rectangle" and len(points) == 4:
        return polygon(points, shape, file=name)
    if kind in ("rectangle", "circle", "mask") and len(points) != 2:
        raise InputError("exchange-unreadable", file=name)
    if kind == "rectangle":
        (left, top), (right, bottom) = points
        return polygon([(left, top), (right, top), (right, bottom), (left, bottom)], shape, file=name)
    if kind == "circle":
        radius = float(np.hypot(*(points[1] - points[0])))
        return ellipse(points[0].tolist(), (radius, radius), 0.0, shape, name)
    return _pasted(one, points, shape, name) if kind == "mask" else None


def _pasted(
    one: Mapping[str, Any], points: NDArray[np.float64], shape: tuple[int, int], name: str
) -> NDArray[np.uint8]:
    """Return a small mask, a PNG within the JSON, at its place; its corners are pixels and both belong to it."""
    if not np.isfinite(points).all() or (np.abs(points) > max(shape)).any() or not isinstance(one.get("mask"), str):
        raise InputError("exchange-unreadable", file=name)
    left, top = (int(count) for count in np.rint(points.min(axis=0)))
    right, bottom = (int(count) for count in np.rint(points.max(axis=0)))
    data = base64.b64decode(one["mask"], validate=True)
    size = right - left + 1, bottom - top + 1
    if data[:8] != _PNG or struct.unpack(">II", data[16:24]) != size:
        raise InputError("exchange-unreadable", file=name)
    with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
        if picture.mode not in ("1", "L", "P"):
            raise InputError("exchange-unreadable", file=name)
        small = np.asarray(picture) != 0
    area = np.zeros(shape, np.uint8)
    up, before = max(0, -top), max(0, -left)
    part = small[up : shape[0] - top, before : shape[1] - left]
    area[top + up : top + up + part.shape[0], left + before : left + before + part.shape[1]] = part
    return area
