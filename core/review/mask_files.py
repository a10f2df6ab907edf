"""Two sets of mask files measured against each other, without a project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError, MeninxError
from core.events import Notice
from core.geometry import Array, Geometry
from core.io.conventions import colour_word
from core.io.sandbox import Decoder
from core.io.source import FindOptions, MaskData
from core.review.metrics import Measures, measure
from core.review.summary import summarise

_ENDINGS = re.compile(r"(_(brain_)?mask|_automask|_pred|_prediction|_seg|_gt|_label)$", re.IGNORECASE)

_NUMBERED = frozenset({"0/1", "labels", "palette"})
"""Conventions (:data:`core.io.conventions.CONVENTIONS`) whose values are numbers of labels."""


@dataclass(frozen=True)
class Pair:
    """A true and a predicted mask file of the same scan."""

    name: str
    patient: str
    truth: Path
    predicted: Path


@dataclass(frozen=True, eq=False)
class MaskRow:
    """One value of a pair of mask files.

    Parameters
    ----------
    value
        What is told of it as its label; 0 where the masks have one value only.
    alone
        That one value, by which the row is told where other pairs have other values; 0 where nothing is drawn.
    notices
        Whether two numbers were taken as the same mask, or as two labels.
    """

    name: str
    patient: str
    value: int
    measures: Measures
    alone: int = 0
    notices: tuple[Notice, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        label = {"label": str(self.value)} if self.value else {}
        return {"scan": self.name} | label | self.measures.facts()


def plain_stem(path: Path) -> str:
    """Return a mask file's name without endings: ``s1_mask.nii.gz`` and ``s1.png`` are both ``s1``."""
    name = path.name
    for ending in (".gz", path.suffix if path.suffix != ".gz" else Path(name.removesuffix(".gz")).suffix):
        name = name.removesuffix(ending)
    return _ENDINGS.sub("", name)


def find_pairs(truth: Path, predicted: Path) -> tuple[list[Pair], list[tuple[str, MeninxError]]]:
    """Pair the mask files of two files or two folders by name.

    Returns
    -------
    tuple
        Pairs, and what has no partner with its reason.

    Raises
    ------
    InputError
        ``file-missing``; ``masks-unlike`` for a file against a folder; ``masks-unpaired``
        if nothing pairs.
    """
    for path in (truth, predicted):
        if not path.exists():
            raise InputError("file-missing", file=path)
    if truth.is_dir() != predicted.is_dir():
        raise InputError("masks-unlike", truth=truth.name, predicted=predicted.name)
    if not truth.is_dir():
        return [Pair(plain_stem(truth), plain_stem(truth), truth, predicted)], []
    true, guesses = _by_key(truth), _by_key(predicted)
    pairs = [Pair(key, _patient(key), true[key], guesses[key]) for key in true if key in guesses]
    lonely: list[tuple[str, MeninxError]] = []
    for code, some, others in (("mask-no-prediction", true, guesses), ("mask-no-truth", guesses, true)):
        lonely += [(one.name, InputError(code, file=one.name)) for key, one in some.items() if key not in others]
    if not pairs:
        raise InputError("masks-unpaired", truth=truth, predicted=predicted)
    return pairs, lonely


def _patient(key: str) -> str:
    """Return the patient of a file: its folder where it lies in one, else itself."""
    return key.rpartition("/")[0] or key


def _by_key(folder: Path) -> dict[str, Path]:
    """Return mask files by their place below a folder; of several, the one that says it is the mask."""
    found: dict[str, tuple[int, Path]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        key = (path.parent.relative_to(folder) / plain_stem(path)).as_posix()
        name = path.name.split(".")[0].casefold()
        rank = 0 if name.endswith("_mask") else 1 if _ENDINGS.search(name) else 2
        if key not in found or rank < found[key][0]:
            found[key] = (rank, path)
    return {key: path for key, (_, path) in found.items()}


def measure_pair(decoder: Decoder, pair: Pair) -> list[MaskRow]:
    """Measure a pair of mask files; label maps value by value.

    The predicted mask may be stored in another order than the true one, as long as it
    is the same voxels; it is never resampled. Of two files with one value each the
    values are the same mask if they are equal, or if one of them is no label's number
    (such as 255, a colour, or a map of probabilities): class 1 is not class 2.

    Raises
    ------
    InputError
        What the readers say; ``mask-size-differs``, ``mask-other-grid``.
    """
    geometry = grid_of(decoder, pair.truth)
    read = decoder.read_mask_file(pair.truth, geometry), _on_grid(decoder, pair.predicted, geometry)
    true, guess = (masks.array for masks in read)
    found = [_values(masks.array) for masks in read]
    values = sorted({*found[0], *found[1]})
    numbers = {value for masks, there in zip(read, found, strict=True) if _numbered(masks) for value in there}
    single = all(len(there) <= 1 for there in found)
    same = single and len(numbers) <= 1
    notices: tuple[Notice, ...] = ()
    if single and all(found) and read[0].top != read[1].top:
        truth, predicted = (_number_words(masks) for masks in read)
        fields = {"name": pair.name, "truth": truth, "predicted": predicted}
        notices = (Notice("masks-same" if same else "masks-apart", fields),)
    if same:
        alone = next(iter(numbers or values), 0)
        return [MaskRow(pair.name, pair.patient, 0, measure(true, guess, geometry), alone, notices)]
    rows = [
        MaskRow(pair.name, pair.patient, value, measure(true == value, guess == value, geometry)) for value in values
    ]
    return [replace(rows[0], notices=notices), *rows[1:]]


def _number_words(masks: MaskData) -> str:
    return colour_word(masks.top) if masks.convention == "colour" else str(masks.top)


def _on_grid(decoder: Decoder, path: Path, geometry: Geometry) -> MaskData:
    try:
        return decoder.read_mask_file(path, geometry)
    except InputError as error:
        if error.code not in ("mask-size", "mask-slices", "mask-grid", "mask-elsewhere"):
            raise
        found = grid_of(decoder, path).shape
        if sorted(found) != sorted(geometry.shape):
            size, wanted = ("x".join(str(count) for count in reversed(shape)) for shape in (found, geometry.shape))
            raise InputError("mask-size-differs", size=size, wanted=wanted) from error
        raise InputError("mask-other-grid", file=path.name) from error


def _values(mask: Array) -> list[int]:
    return [int(value) for value in np.unique(mask) if value]


def _numbered(masks: MaskData) -> bool:
    """Return whether the values of a mask are numbers of labels, and do not just stand for "drawn"."""
    # a number too large for a label was read as 1
    return masks.convention in _NUMBERED and (len(masks.values) != 1 or masks.values[0] == masks.top)


def grid_of(decoder: Decoder, path: Path) -> Geometry:
    """Return the grid of a mask file, read in the decoding child.

    Raises
    ------
    InputError
        ``mask-unreadable`` and what the readers say.
    """
    found = decoder.find([path], FindOptions(as_="pictures", pair_masks=False))
    if not found.sources:
        raise found.passed[0].error if found.passed else InputError("mask-unreadable", file=path.name)
    return decoder.preview(found.sources[0]).volume.geometry


def facts_of(rows: Sequence[MaskRow]) -> dict[str, Any]:
    """Return the ``--json`` object of rows: summary, by value where there are several, and scans."""
    values = sorted({row.value or row.alone for row in rows} - {0})
    if len(values) > 1:
        # what has one value only is told by it beside the others
        rows = [replace(row, value=row.value or row.alone) for row in rows]
    facts: dict[str, Any] = {"summary": _summary(rows), "scans": [row.facts() for row in rows]}
    if len(values) > 1:
        facts["labels"] = {str(value): _summary([row for row in rows if row.value == value]) for value in values}
    return facts | {"leaky": False, "stamp": ""}


def _summary(rows: Sequence[MaskRow]) -> dict[str, Any]:
    return summarise([row.measures for row in rows], [row.patient for row in rows]).facts()


def measure_all(
    decoder: Decoder, pairs: Sequence[Pair]
) -> Iterator[tuple[int, list[MaskRow] | tuple[str, MeninxError]]]:
    """Measure pairs one by one; a bad pair gives its name and error in place of rows."""
    for number, pair in enumerate(pairs):
        try:
            yield number, measure_pair(decoder, pair)
        except InputError as error:
            yield number, (pair.name, error)
