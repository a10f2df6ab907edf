"""COCO: one JSON with pictures, categories and run lengths; polygons and both kinds of run lengths come in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from core.errors import InputError
from core.exchange.coco_rle import decode, encode, outline
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.items import Item, Out
from core.exchange.json_files import load_json
from core.exchange.label_maps import numbers
from core.exchange.label_studio import slice_name
from core.exchange.label_studio_config import plain_color
from core.exchange.local_pictures import Pictures, named
from core.exchange.places import files_of
from core.exchange.png import shown_pictures
from core.exchange.volumes import header_shape
from core.io.files import read_bytes
from core.io.regrid import check_size
from core.labels import Label
from core.messages import sentence, text
from core.project.exporting import encode_picture

FILE = "annotations.json"
_KEYS = (b'"images"', b'"annotations"', b'"categories"')


class CocoFormat:
    """``annotations.json`` with compressed run lengths, one annotation per label and slice, and ``images/``.

    Without pictures only slices that are drawn or finished are listed.
    """

    name = "coco"

    def __init__(self) -> None:
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._categories: list[dict[str, Any]] = []

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Take the labels as categories."""
        given = numbers(labels)
        self._categories = [{"id": given[one.name], "name": one.name, "color": one.color} for one in labels]

    def add(self, item: Item, out: Out) -> None:
        """Take one scan's slices; its pictures are written at once."""
        given = numbers(item.labels)
        depth, rows, columns = item.volume.shape
        unfinished = False
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for z in range(depth):
            there = {label.name: item.mask(label)[z] for label in item.labels if item.mask(label)[z].any()}
            finished = [name for name, slices in item.finished.items() if z in slices]
            unfinished |= bool(there.keys() - set(finished))
            if not there and not finished and not out.options.images:
                continue
            about = {"file_name": f"{slice_name(item, z)}.png", "width": columns, "height": rows}
            number = len(self._images) + len(images) + 1
            images.append({"id": number} | about | _own(item, z, finished))
            for name, mask in there.items():
                identity = len(self._annotations) + len(annotations) + 1
                annotations.append(_annotation(identity, number, given[name], mask))
        if out.options.images:
            for z, pixels in enumerate(shown_pictures(item.volume)):
                out.file(f"images/{slice_name(item, z)}.png", encode_picture(pixels))
        self._images += images
        self._annotations += annotations
        if unfinished:
            out.tell("export-unfinished", scan=item.scan.name)

    def finish(self, out: Out) -> None:
        """Write the JSON."""
        content = {
            "info": {"description": "Meninx", "version": "1.0"},
            "licenses": [],
            "images": self._images,
            "annotations": self._annotations,
            "categories": self._categories,
        }
        out.file(FILE, (json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n").encode())


def _own(item: Item, z: int, finished: Sequence[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {"meninx_slice": z + 1, "meninx_voxels": item.scan.sha256, "meninx_finished": finished}
    return facts | ({"meninx_reader": item.reader} if item.reader else {})


def _annotation(identity: int, image: int, category: int, mask: NDArray[np.bool_]) -> dict[str, Any]:
    rle = encode(mask)
    return {
        "id": identity,
        "image_id": image,
        "category_id": category,
        "segmentation": rle,
        "area": int(np.count_nonzero(mask)),
        "bbox": [float(one) for one in coco_mask.toBbox(rle)],
        "iscrowd": 0,
    }


def fits(path: Path) -> bool:
    """Whether this is such a file, or a folder that holds some (also in ``annotations``)."""
    return any(_is_one(file) for file in _files(path, 50))


def _files(path: Path, most: int) -> list[Path]:
    if path.is_file():
        return [path]
    folders = (path, path / "annotations")
    return [file for folder in folders for file in files_of(folder, most) if file.suffix.casefold() == ".json"]


def _is_one(file: Path) -> bool:
    data = read_bytes(file, Limits().text)
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and all(key in data for key in _KEYS)


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every picture with one mask per category that is drawn on it; boxes alone are no masks."""
    files = [file for file in _files(path, limits.items) if path.is_file() or _is_one(file)]
    if not files:
        raise InputError("exchange-unreadable", file=path.name)
    folder = path if path.is_dir() else path.parent
    if folder.name == "annotations" and path.is_file():
        folder = folder.parent
    pictures = Pictures(folder)
    left: Counter[str] = Counter()
    for file in files:
        content = load_json(file, limits)
        categories = _categories(content, file, limits)
        drawn: dict[Any, list[Mapping[str, Any]]] = {}
        for one in content["annotations"]:
            drawn.setdefault(one["image_id"], []).append(one)
        for image in content["images"]:
            yield _picture(image, drawn.get(image["id"], []), categories, pictures, limits, left)
    if left:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in left.items())
        yield Incoming(None, path.name, (1, 1), (), "exchange-left-out", {"kinds": kinds})


def _categories(content: Any, file: Path, limits: Limits) -> dict[Any, tuple[str, str]]:
    """Return name and colour of each category."""
    lists = [content.get(key) for key in ("images", "annotations", "categories")] if isinstance(content, dict) else []
    if len(lists) != 3 or not all(isinstance(one, list) for one in lists):
        raise InputError("exchange-unreadable", file=file.name)
    if len(content["categories"]) > limits.masks or len(content["images"]) > limits.items:
        raise InputError("exchange-too-large", file=file.name)
    found: dict[Any, tuple[str, str]] = {}
    for one in content["categories"]:
        color = one.get("color", "")
        found[one["id"]] = (str(one["name"]).strip(), plain_color(color) if isinstance(color, str) else "")
    return found


def _picture(
    image: Mapping[str, Any],
    drawn: Sequence[Mapping[str, Any]],
    categories: Mapping[Any, tuple[str, str]],
    pictures: Pictures,
    limits: Limits,
    left: Counter[str],
) -> Incoming:
    """Return one picture with its masks, or with why it is left out."""
    wanted = named(str(image.get("file_name") or image.get("coco_url") or ""))
    name = wanted.name or text("exchange.no_name")
    found = pictures.find(wanted)
    facts = {"url": wanted.url} if wanted.url else {}
    try:
        shape = int(image["height"]), int(image["width"])
        limits.check_shape(shape, name)
        if found is not None:
            check_size((1, *shape), (1, *header_shape(found, limits)[1:]), name)
        masks = tuple(_masks(image, drawn, categories, shape, name, limits, left))
    except InputError as error:
        return Incoming(found, name, (1, 1), (), "exchange-case", {"reason": sentence(error), **facts})
    digest, place = image.get("meninx_voxels"), image.get("meninx_slice")
    if isinstance(digest, str) and isinstance(place, int) and 0 < len(digest) <= 128 and place > 0:
        return Incoming(found, name, shape, masks, fields=dict(facts), digest=digest, place=place - 1)
    return Incoming(found, name, shape, masks, fields=dict(facts))


def _masks(
    image: Mapping[str, Any],
    drawn: Sequence[Mapping[str, Any]],
    categories: Mapping[Any, tuple[str, str]],
    shape: tuple[int, int],
    name: str,
    limits: Limits,
    left: Counter[str],
) -> Iterator[IncomingMask]:
    arrays: dict[str, NDArray[np.uint8]] = {}
    colors = dict(categories.values())
    limits.check_shape((max(1, len({str(one.get("category_id")) for one in drawn})), *shape), name)
    for one in drawn:
        if one.get("category_id") not in categories:
            raise InputError("exchange-unreadable", file=name)
        area = _area(one.get("segmentation"), shape, name)
        if area is None:
            left[text("exchange.left_boxes")] += 1
            continue
        label = categories[one["category_id"]][0] or text("exchange.no_label")
        arrays[label] = arrays[label] | area if label in arrays else area
    own = image.get("meninx_finished")
    finished = [str(label) for label in own][: limits.masks] if isinstance(own, list) else None
    for label in finished or ():
        arrays.setdefault(label, np.zeros(shape, np.uint8))
    reader = image.get("meninx_reader", "")
    who = reader[:200] if isinstance(reader, str) else ""
    for label, array in arrays.items():
        known = None if finished is None or label in finished else ()
        yield IncomingMask(label, array, None, who, color=colors.get(label, ""), finished=known)


def _area(segmentation: Any, shape: tuple[int, int], name: str) -> NDArray[np.uint8] | None:
    """Return the pixels ``[y, x]`` of one annotation, None where it is a box alone."""
    if isinstance(segmentation, dict):
        counts, size = segmentation.get("counts"), segmentation.get("size")
        if not isinstance(counts, (list, str)) or size != list(shape):
            raise InputError("exchange-unreadable", file=name)
        return decode(counts, shape, name)
    if segmentation is None or segmentation == []:
        return None
    if not isinstance(segmentation, list):
        raise InputError("exchange-unreadable", file=name)
    polygons = segmentation if isinstance(segmentation[0], list) else [segmentation]
    area = np.zeros(shape, np.uint8)
    for polygon in polygons:
        area |= outline(polygon, shape, name)
    return area
