"""Label Studio's labelling interface: XML that names the pictures, the tools, the labels and their colours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from PIL import ImageColor

from core.errors import InputError
from core.exchange.places import files_of
from core.io.files import read_bytes
from core.labels import Label, LabelSet

FILE = "label_config.xml"
IMAGE, TOOL = "image", "brush"
"""Names of the picture and of the brush in what we write."""
_TOOLS = frozenset(
    {"brushlabels", "polygonlabels", "rectanglelabels", "ellipselabels", "bitmasklabels", "labels", "vectorlabels"}
)
_LONGEST, _DEEPEST, _MOST = 4 << 20, 64, 20_000
_LONGEST_COLOR = 40
_SEEN_THROUGH = re.compile(r"rgba\((\s*\d+\s*,\s*\d+\s*,\s*\d+)\s*,[\s\d.%]*\)", re.IGNORECASE)


@dataclass(frozen=True)
class Config:
    """A labelling interface.

    Parameters
    ----------
    labels
        Names and colours (``#rrggbb`` or empty) in their order.
    images
        Name of a picture to the key of a task's data that it shows.
    shows
        Name of a tool to the name of the picture that it draws on.
    names
        What stands for a label in an export (its alias) to its name.
    """

    labels: tuple[tuple[str, str], ...] = ()
    images: Mapping[str, str] = field(default_factory=dict)
    shows: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def label_set(self) -> LabelSet:
        """Return the labels as a project has them."""
        made = LabelSet()
        for name, color in self.labels:
            taken = {label.color for label in made}
            made = made.with_label(name, color="" if color in taken else color)
        return made


def read_config(data: bytes, file: str) -> Config:
    """Read a labelling interface. No document type, so no entity of its own, is taken.

    Raises
    ------
    InputError
        ``exchange-unreadable``, ``exchange-too-large``.
    """
    if len(data) > _LONGEST:
        raise InputError("exchange-too-large", file=file)
    taker = _Taker(file)
    parser = expat.ParserCreate()
    parser.StartElementHandler = taker.start
    parser.EndElementHandler = taker.end
    parser.StartDoctypeDeclHandler = taker.refuse
    parser.EntityDeclHandler = taker.refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InputError("exchange-unreadable", file=file) from error
    return Config(tuple(taker.labels.items()), taker.images, taker.shows, taker.names)


def read_file(path: Path) -> Config:
    """Read a labelling interface that has labels from a file of its own.

    Raises
    ------
    InputError
        As :func:`read_config`; ``exchange-no-labels``, ``file-missing``.
    """
    config = read_config(read_bytes(path, _LONGEST), path.name)
    if not config.labels:
        raise InputError("exchange-no-labels", file=path.name)
    return config


class _Taker:
    """Hears elements; knows how many and how deep they are."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0
        self._open: list[str] = []
        self.labels: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.shows: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def refuse(self, *_facts: object) -> None:
        """Refuse a document type and entities: nothing of Label Studio has them."""
        raise InputError("exchange-unreadable", file=self._file)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Hear an element begin."""
        self._count += 1
        tag = tag.casefold()
        if not self._open and tag != "view":
            raise InputError("exchange-unreadable", file=self._file)
        self._open.append(tag)
        if self._count > _MOST or len(self._open) > _DEEPEST:
            raise InputError("exchange-too-large", file=self._file)
        name = attributes.get("name", "")
        if tag == "image" and name:
            self.images[name] = (attributes.get("value") or attributes.get("valueList") or "").removeprefix("$")
        elif tag in _TOOLS and name:
            self.shows[name] = attributes.get("toName", "")
        elif tag == "label" and any(one in _TOOLS for one in self._open[:-1]):
            shown = attributes.get("value", "").strip()
            if shown:
                self.labels[shown] = self.labels.get(shown) or plain_color(attributes.get("background", ""))
                self.names[attributes.get("alias", "").strip() or shown] = shown

    def end(self, _tag: str) -> None:
        """Hear an element end."""
        self._open.pop()


def plain_color(word: str) -> str:
    """Return a colour of the web (``red``, ``#f00``, ``rgba(...)``) as ``#rrggbb``, or nothing."""
    # how much shows through is no part of a colour here
    word = _SEEN_THROUGH.sub(r"rgb(\1)", word.strip())
    if not word or len(word) > _LONGEST_COLOR:
        return ""
    try:
        red, green, blue, *_ = ImageColor.getrgb(word)
    except ValueError:
        return ""
    return f"#{red:02x}{green:02x}{blue:02x}"


def config_beside(folder: Path) -> Config:
    """Return the labelling interface that lies in a folder, empty where none can be read."""
    files = [file for file in files_of(folder, 10_000) if file.suffix.casefold() == ".xml"]
    for file in sorted(files, key=lambda one: (one.name != FILE, one.name))[:20]:
        try:
            return read_config(read_bytes(file, _LONGEST), file.name)
        except InputError:
            # some other XML
            continue
    return Config()


def word_of(name: str) -> str:
    """Return a label's name without signs that XML cannot hold."""
    return "".join(
        sign for sign in name if unicodedata.category(sign) not in ("Cc", "Cs") and sign not in "\ufffe\uffff"
    )


def write_config(labels: Sequence[Label]) -> bytes:
    """Return a labelling interface with a brush and these labels."""
    rows = [f"    <Label value={quoteattr(word_of(one.name))} background={quoteattr(one.color)}/>" for one in labels]
    lines = [
        "<View>",
        f'  <Image name="{IMAGE}" value="${IMAGE}" zoom="true" zoomControl="true"/>',
        f'  <BrushLabels name="{TOOL}" toName="{IMAGE}">',
        *rows,
        "  </BrushLabels>",
        "</View>",
    ]
    return ("\n".join(lines) + "\n").encode()
