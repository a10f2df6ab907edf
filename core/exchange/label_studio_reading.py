"""Reading exports of Label Studio: JSON and JSON-MIN, one task at a time.

A submitted annotation says that its picture is finished: where it has no region of a label there is
none. Predictions come in as such, drafts as unfinished. Who drew is told by a number: an export
holds e-mail addresses, which stay where they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.label_studio_config import Config, config_beside
from core.exchange.label_studio_regions import Region, draw, kind_of, labels_of
from core.exchange.local_pictures import Pictures, named
from core.exchange.places import files_of
from core.exchange.volumes import header_shape
from core.io.files import read_bytes
from core.io.regrid import check_size
from core.messages import sentence, text

_MIN_KEYS = frozenset({"annotator", "annotation_id", "lead_time"})
_PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
_ONE = "annotator"


def fits(path: Path) -> bool:
    """Whether this is such an export, or a folder that holds some."""
    return any(_is_one(file) for file in _files(path, 50))


def _files(path: Path, most: int) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in files_of(path, most) if file.suffix.casefold() == ".json"]


def _is_one(file: Path) -> bool:
    try:
        first = next(_tasks(_text(file, Limits()), file.name), None)
    except InputError:
        return False
    return first is not None and (_is_task(first) or _is_min(first))


def _is_task(task: Mapping[str, Any]) -> bool:
    return isinstance(task.get("data"), dict) and any(
        isinstance(task.get(key), list) for key in ("annotations", "completions", "predictions")
    )


def _is_min(task: Mapping[str, Any]) -> bool:
    return len(_MIN_KEYS & task.keys()) >= 2 and "data" not in task


def _text(file: Path, limits: Limits) -> str:
    try:
        return read_bytes(file, limits.text).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("exchange-unreadable", file=file.name) from error


def _tasks(words: str, file: str) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a list one by one: all of them at once would take many times the file's size."""
    decoder = json.JSONDecoder()
    at = _past_space(words, 0)
    alone = words[at : at + 1] == "{"
    if not alone and words[at : at + 1] != "[":
        raise InputError("exchange-unreadable", file=file)
    at = at if alone else _past_space(words, at + 1)
    while words[at : at + 1] not in ("]", ""):
        try:
            task, at = decoder.raw_decode(words, at)
        except (ValueError, RecursionError) as error:
            raise InputError("exchange-unreadable", file=file) from error
        if not isinstance(task, dict):
            raise InputError("exchange-unreadable", file=file)
        yield task
        at = _past_space(words, at)
        if alone:
            return
        if words[at : at + 1] == ",":
            at = _past_space(words, at + 1)
        elif words[at : at + 1] != "]":
            break
    if words[at : at + 1] != "]":
        # cut off: what was read is true, but it is not all
        raise InputError("exchange-unreadable", file=file)


def _past_space(words: str, at: int) -> int:
    while words[at : at + 1].isspace():
        at += 1
    return at


@dataclass
class _Drawing:
    """What one person or program drew on one picture."""

    who: str
    regions: list[Region] = field(default_factory=list)
    predicted: bool = False
    finished: bool = True
    own: tuple[str, ...] | None = None
    """Labels that are finished, where Meninx wrote it."""
    reader: str = ""
    """Pseudonym, where Meninx wrote it."""


@dataclass
class _Export:
    """What is known of the whole export before its pictures are yielded."""

    path: Path
    limits: Limits
    pictures: Pictures
    config: Config
    readers: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Annotations by picture and by who drew them."""


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every picture of every task with what was drawn on it."""
    folder = path if path.is_dir() else path.parent
    files = [file for file in _files(path, limits.items) if path.is_file() or _is_one(file)]
    if not files:
        raise InputError("exchange-unreadable", file=path.name)
    export = _Export(path, limits, Pictures(folder), config_beside(folder))
    export.labels.update(export.config.labels)
    people: dict[str, None] = {}
    for file in files:
        for task in _tasks(_text(file, limits), file.name):
            _hear(task, export, people)
    export.readers = _readers(list(people))
    for file in files:
        for task in _tasks(_text(file, limits), file.name):
            yield from _of_task(task, export)
    if export.left:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in export.left.items())
        yield Incoming(None, path.name, (1, 1), (), "exchange-left-out", {"kinds": kinds})


def _hear(task: Mapping[str, Any], export: _Export, people: dict[str, None]) -> None:
    """Gather labels and annotators: an empty annotation says something about every label."""
    if not isinstance(task.get("data"), dict) and not _is_min(task):
        raise InputError("exchange-unreadable", file=export.path.name)
    for drawing in _drawings(task, Counter()):
        if not drawing.predicted and not drawing.reader:
            people.setdefault(drawing.who)
        for region in drawing.regions:
            for label in labels_of(region, export.config.names):
                export.labels.setdefault(label, "")
    if len(export.labels) > export.limits.masks:
        raise InputError("exchange-too-large", file=export.path.name)


def _readers(people: list[str]) -> dict[str, str]:
    """Return a pseudonym for each annotator; one alone is whoever takes the export in."""
    if len(people) < 2:
        return dict.fromkeys(people, "")
    taken = {who for who in people if who.isascii() and who.isdigit()}
    free = (str(number) for number in range(1, len(people) + len(taken) + 1) if str(number) not in taken)
    return {who: f"{_ONE}-{who if who in taken else next(free)}" for who in people}


def _who(value: Any) -> str:
    """Return what tells annotators apart: their number, or else their address, which never leaves this module."""
    if isinstance(value, dict):
        value = value.get("id", value.get("email", ""))
    return str(value) if isinstance(value, (int, str)) and len(str(value)) <= 200 else ""


def _drawings(task: Mapping[str, Any], left: Counter[str]) -> list[_Drawing]:
    """Return what was drawn on a task's pictures, by whom; what is passed over is counted."""
    if not _is_task(task):
        return [_of_min(task)] if _is_min(task) else []
    found = []
    for one in task.get("annotations") or task.get("completions") or []:
        if one.get("was_cancelled") or one.get("skipped"):
            left[text("exchange.left_skipped")] += 1
            continue
        own = one.get("meninx_finished")
        labels = tuple(str(name) for name in own) if isinstance(own, list) else None
        who = _who(one.get("completed_by", ""))
        found.append(_Drawing(who, _regions(one), own=labels, reader=_who(one.get("meninx_reader", ""))))
    for draft in task.get("drafts") or []:
        if isinstance(draft, dict) and draft.get("result") and draft.get("annotation") is None:
            found.append(_Drawing(_who(draft.get("user", "")), _regions(draft), finished=False))
    predictions = [one for one in task.get("predictions") or [] if isinstance(one, dict) and one.get("result")]
    predictions.sort(key=lambda one: (str(one.get("created_at", "")), str(one.get("id", ""))))
    if len(predictions) > 1:
        left[text("exchange.left_older")] += len(predictions) - 1
    found += [_Drawing("", _regions(one), predicted=True) for one in predictions[-1:]]
    return found


def _regions(annotation: Mapping[str, Any]) -> list[Region]:
    """Return the regions of an annotation; a label may stand in a result of its own with the same id."""
    results = [one for one in annotation.get("result") or [] if isinstance(one, dict)]
    named_apart: dict[str, dict[str, Any]] = {}
    for one in results:
        if one.get("type") == "labels" and isinstance(one.get("value"), dict) and kind_of(one) == "":
            named_apart[str(one.get("id"))] = one["value"]
    found = []
    for one in results:
        value = one.get("value")
        if not isinstance(value, dict) or (one.get("type") == "labels" and kind_of(one) == ""):
            continue
        beside = named_apart.get(str(one.get("id")), {})
        if "labels" in beside and "labels" not in value:
            value = {**value, "labels": beside["labels"]}
        found.append(Region({**one, "value": value}))
    return found


def _of_min(row: Mapping[str, Any]) -> _Drawing:
    """Return what a row of JSON-MIN holds: values by tool, sizes among them."""
    drawing = _Drawing(_who(row.get("annotator", "")))
    for key, values in row.items():
        if not isinstance(values, list):
            continue
        for value in values:
            if isinstance(value, dict) and "original_width" in value:
                sizes = {name: value.get(name) for name in ("original_width", "original_height", "image_rotation")}
                drawing.regions.append(Region({"from_name": key, "type": value.get("type"), "value": value} | sizes))
    return drawing


def _of_task(task: Mapping[str, Any], export: _Export) -> Iterator[Incoming]:
    """Yield the pictures of a task; what is wrong with one of them leaves the others true."""
    name = str(task.get("file_upload") or task.get("id") or "")[:200]
    try:
        references = _references(task, export.config)
        drawings = _drawings(task, export.left)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError("exchange-unreadable", file=export.path.name) from error
    if not references:
        yield Incoming(None, named(name).name or name, (1, 1), (), "exchange-no-picture")
        return
    for place, reference in references.items():
        mine = [_on(drawing, place, references, export.config) for drawing in drawings]
        yield _picture(reference, str(task.get("file_upload") or ""), mine, task, export)


def _data(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a task is about: a row of JSON-MIN holds it itself."""
    found = task.get("data")
    return found if isinstance(found, dict) else task


def _references(task: Mapping[str, Any], config: Config) -> dict[tuple[str, int], str]:
    """Return what a task says of its pictures: key and number of the picture to its reference."""
    data = _data(task)
    wanted = [key for key in config.images.values() if key in data]
    if not wanted:
        wanted = [key for key, value in data.items() if any(_is_picture(one) for one in _listed(value))]
        usual = [key for key in wanted if key in ("image", "img", "picture")]
        wanted = usual or wanted[:1]
    found: dict[tuple[str, int], str] = {}
    for key in wanted:
        for number, one in enumerate(_listed(data[key])):
            found[key, number] = one
    return found


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def _is_picture(word: str) -> bool:
    return named(word).name.casefold().endswith(_PICTURE_ENDINGS) or word[:11].casefold() == "data:image/"


def _on(
    drawing: _Drawing, place: tuple[str, int], references: Mapping[tuple[str, int], str], config: Config
) -> _Drawing:
    """Return what of a drawing lies on one picture of several."""
    if len(references) == 1:
        return drawing
    key, number = place
    kept = []
    for region in drawing.regions:
        shown = config.images.get(region.picture, "")
        keys = {one for one, _number in references}
        mine = shown == key or (shown not in keys and next(iter(keys)) == key)
        if mine and region.number == number:
            kept.append(region)
    return replace(drawing, regions=kept)


def _picture(
    reference: str, upload: str, drawings: list[_Drawing], task: Mapping[str, Any], export: _Export
) -> Incoming:
    """Return one picture with its masks, or with why it is left out."""
    wanted = named(reference)
    if not wanted.name:
        wanted = named(upload)
    image = export.pictures.find(wanted)
    name = wanted.name or text("exchange.no_name")
    facts = {"url": wanted.url} if wanted.url else {}
    regions = [region for drawing in drawings for region in drawing.regions]
    try:
        shape = _shape(regions, image, name, export.limits) or _own_size(task, name, export.limits)
        turned = next((region.turned for region in regions if region.turned), 0)
        if turned:
            return Incoming(image, name, (1, 1), (), "exchange-turned", {"degrees": round(turned), **facts})
        masks = tuple(_masks(drawings, shape, str(image or name), export)) if shape is not None else ()
    except InputError as error:
        return Incoming(image, name, (1, 1), (), "exchange-case", {"reason": sentence(error), **facts})
    if shape is None and image is None and any(drawing.finished and not drawing.predicted for drawing in drawings):
        # an empty annotation, and nothing says how large its picture is
        return Incoming(None, name, (1, 1), (), "exchange-no-size", dict(facts))
    digest, place = _own(task)
    return Incoming(image, name, shape or (1, 1), masks, fields=dict(facts), digest=digest, place=place)


def _shape(regions: list[Region], image: Path | None, name: str, limits: Limits) -> tuple[int, int] | None:
    """Return rows and columns as the file and every region have them; None where nothing says."""
    shape: tuple[int, int] | None = None
    if image is not None:
        _depth, rows, columns = header_shape(image, limits)
        shape = rows, columns
    for region in regions:
        size = region.size
        if size is None:
            continue
        limits.check_shape(size, name)
        if shape is not None:
            check_size((1, *size), (1, *shape), name)
        shape = size
    return shape


def _masks(drawings: list[_Drawing], shape: tuple[int, int], picture: str, export: _Export) -> Iterator[IncomingMask]:
    """Yield one mask per drawing and label; of what is finished also for labels that have no region."""
    name = Path(picture).name
    export.limits.check_shape((max(1, len(drawings)), max(1, len(export.labels)), *shape), name)
    for drawing in drawings:
        arrays: dict[str, NDArray[np.uint8]] = {}
        for region in drawing.regions:
            area = draw(region, shape, name)
            if area is None:
                export.left[region.kind or text("exchange.left_unknown")] += 1
                continue
            for label in labels_of(region, export.config.names) or [text("exchange.no_label")]:
                arrays[label] = arrays[label] | area if label in arrays else area
        reader = drawing.reader or export.readers.get(drawing.who, "")
        if not drawing.predicted:
            export.seen[picture, reader] += 1
            if export.seen[picture, reader] > 1:
                # a second opinion of the same person is not mixed with the first
                reader = f"{reader or _ONE}-{export.seen[picture, reader]}"
        if drawing.finished and not drawing.predicted:
            for label in export.labels if drawing.own is None else drawing.own:
                arrays.setdefault(label, np.zeros(shape, np.uint8))
        for label, array in arrays.items():
            done = drawing.finished and (drawing.own is None or label in drawing.own)
            color = export.labels.get(label, "")
            yield IncomingMask(label, array, None, reader, drawing.predicted, color, None if done else ())


def _own_size(task: Mapping[str, Any], name: str, limits: Limits) -> tuple[int, int] | None:
    """Return rows and columns, where Meninx wrote them."""
    size = _data(task).get("meninx_size")
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(count, int) for count in size):
        return None
    limits.check_shape(tuple(size), name)
    return size[0], size[1]


def _own(task: Mapping[str, Any]) -> tuple[str, int | None]:
    """Return which scan's slice a picture is, where Meninx wrote it."""
    data = _data(task)
    digest, place = data.get("meninx_voxels"), data.get("meninx_slice")
    if isinstance(digest, str) and isinstance(place, int) and 0 < len(digest) <= 128 and place > 0:
        return digest, place - 1
    return "", None
