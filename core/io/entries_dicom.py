"""The elements of a DICOM file in words, and which of them could tell who the patient is.

The rule is that of PS3.15 Annex E turned round: nothing is shown without asking but
what is known to be technical. Names, free text, dates, identifiers and private
values all count as identity, and so does a number or code that is not well formed.
"""

from __future__ import annotations

import contextlib
import re
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydicom.datadict import keyword_for_tag, private_dictionary_description
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import UID

from core.io.dicom_file import load_header, one_sentence
from core.io.elements import FAULTS
from core.io.source import HeaderEntry

LONGEST = 200
"""Characters of a value that are shown."""
_MOST_VALUES = 16
_MOST_ITEMS = 24
_ITEM = (0xFFFE, 0xE000)
_UNKNOWN = 0xFFFFFFFF
_DEEPEST = 12
_SEQUENCE = "SQ"
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_NUMBERS = frozenset({"US", "SS", "UL", "SL", "SV", "UV", "FL", "FD"})
_NUMBER_WORDS = frozenset({"IS", "DS"})
_TECHNICAL_GROUPS = frozenset({0x0002, 0x0018, 0x0020, 0x0028})
"""The file itself, acquisition, relationship of the slices, pixels: their numbers and codes say how, not who."""
_TECHNICAL = frozenset(
    {
        *("SpecificCharacterSet", "ImageType", "Modality", "ConversionType", "PresentationIntentType"),
        *("NumberOfFrames", "LossyImageCompression", "PixelPresentation", "VolumetricProperties"),
        *("VolumeBasedCalculationTechnique", "ComplexImageComponent", "AcquisitionContrast"),
    }
)
"""Codes of other groups that are defined terms."""
_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")
_NUMBER = re.compile(r"[-+0-9.eE ]{0,24}")


def entries(path: Path) -> Iterator[HeaderEntry]:
    """List the elements of a DICOM file, those of sequences deeper; pixels are not read.

    Raises
    ------
    InputError
        As :func:`core.io.dicom_file.load_header`.
    """
    dataset = load_header(path)
    with one_sentence(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from _of(getattr(dataset, "file_meta", None) or Dataset(), 0)
        yield from _of(dataset, 0)


def _of(dataset: Dataset, depth: int) -> Iterator[HeaderEntry]:
    for tag in sorted(dataset.keys()):
        element: DataElement | None = None
        more = 0
        with contextlib.suppress(*FAULTS):
            more = _shorten(dataset, tag)
            found = dataset[tag]
            element = found if isinstance(found, DataElement) else None
        if element is None:
            # damaged: that it is there is all that can be said
            yield HeaderEntry(_tag(tag), keyword_for_tag(tag), "", identity=True, depth=depth)
        elif element.VR == _SEQUENCE:
            yield from _sequence(element, depth, more)
        else:
            yield _entry(element, depth)


def _shorten(dataset: Dataset, tag: BaseTag) -> int:
    """Leave the first items of a sequence that was not read yet; return how many go.

    A file may claim a hundred thousand items (PS3.5, 7.5), each of which costs the library twenty
    microseconds; more than :data:`_MOST_ITEMS` are never listed.
    """
    raw: object = dataset.get_item(tag)
    if not isinstance(raw, RawDataElement) or raw.VR != _SEQUENCE or not isinstance(raw.value, bytes):
        return 0
    head = struct.Struct("<HHI" if raw.is_little_endian else ">HHI")
    place, count, kept = 0, 0, 0
    while place + head.size <= len(raw.value):
        group, element, length = head.unpack_from(raw.value, place)
        if (group, element) != _ITEM or length == _UNKNOWN:
            # no plain list of items: the library knows what to make of it
            return 0
        place += head.size + length
        count += 1
        if count == _MOST_ITEMS:
            kept = place
    if count > _MOST_ITEMS:
        dataset[tag] = raw._replace(value=raw.value[:kept], length=kept)
    return max(0, count - _MOST_ITEMS)


def _sequence(element: DataElement, depth: int, more: int) -> Iterator[HeaderEntry]:
    items: list[Dataset] = list(element.value or [])
    total = len(items) + more
    count = f"{total} item" if total == 1 else f"{total} items"
    yield HeaderEntry(_tag(element.tag), _name(element), count, depth=depth)
    if depth >= _DEEPEST:
        return
    for number, item in enumerate(items[:_MOST_ITEMS], 1):
        if total > 1:
            yield HeaderEntry("", f"{number}.", "", depth=depth + 1)
        yield from _of(item, depth + (2 if total > 1 else 1))
    if total > _MOST_ITEMS:
        yield HeaderEntry("", f"+ {total - _MOST_ITEMS}", "", depth=depth + 1)


def _entry(element: DataElement, depth: int) -> HeaderEntry:
    if element.VR in _BINARY:
        # what bytes hold is never shown, only how many they are
        size = len(element.value) if isinstance(element.value, (bytes, bytearray, str)) else 0
        return HeaderEntry(_tag(element.tag), _name(element), f"{size:,} bytes".replace(",", " "), depth=depth)
    value = _value(element)
    hidden = bool(value) and not is_technical(element)
    return HeaderEntry(_tag(element.tag), _name(element), value, identity=hidden, depth=depth)


def is_technical(element: DataElement) -> bool:
    """Whether an element's value says how a scan was made, and cannot say whose it is.

    Parameters
    ----------
    element
        Of any group; its value counts, not only its kind: a "number" that is none
        may be a name.
    """
    tag, kind = element.tag, str(element.VR)
    if tag.is_private:
        return False
    if kind == "UI":
        # numbers of the standard itself (kind of object, transfer syntax); all others are of the patient's study
        return all(UID(str(value)).name != str(value) for value in _values(element))
    if tag.group not in _TECHNICAL_GROUPS and element.keyword not in _TECHNICAL:
        return False
    if kind in _NUMBERS:
        return True
    if kind in _NUMBER_WORDS:
        return all(_NUMBER.fullmatch(_word(value)) for value in _values(element))
    if kind == "CS":
        return all(_CODE.fullmatch(str(value)) for value in _values(element))
    return kind == "AT"


def _values(element: DataElement) -> list[Any]:
    value = element.value
    return list(value) if isinstance(value, (MultiValue, list, tuple)) else [] if value is None else [value]


def _word(value: Any) -> str:
    return str(getattr(value, "original_string", value))


def _value(element: DataElement) -> str:
    parts = _values(element)
    words = [_one(part) for part in parts[:_MOST_VALUES]]
    more = [f"(+ {len(parts) - _MOST_VALUES})"] if len(parts) > _MOST_VALUES else []
    return shortened(" \\ ".join(words + more))


def _one(part: Any) -> str:
    if isinstance(part, UID):
        known = part.name
        return f"{known} ({part})" if known != str(part) else str(part)
    if isinstance(part, float):
        return f"{part:.10g}"
    return str(part)


def shortened(words: str) -> str:
    """Return words on one line, of a length that can be read."""
    line = "".join(letter if letter.isprintable() else " " for letter in words).strip()
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _tag(tag: BaseTag) -> str:
    return f"({tag.group:04X},{tag.element:04X})"


def _name(element: DataElement) -> str:
    """Name an element as the standard or its maker does; a private one of an unknown maker has no name to trust."""
    tag = element.tag
    if not tag.is_private:
        return str(element.name)
    if tag.is_private_creator:
        return "Private Creator"
    creator = element.private_creator or ""
    with contextlib.suppress(KeyError):
        return f"{private_dictionary_description(tag, creator)} · {creator}"
    return "Private"
