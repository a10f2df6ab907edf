"""Two sets of mask files measured against each other, without a project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError, MeninxError
from core.geometry import Array, Geometry
from core.io.sandbox import Decoder
from core.io.source import FindOptions
from core.review.metrics import Measures, measure
from core.review.summary import summarise

_ENDINGS = re.compile(r"(_(brain_)?mask|_automask|_pred|_prediction|_seg|_gt|_label)$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A true and a predicted mask file of the same scan."""

    name: str
    patient: str
    truth: Path
    predicted: Path


@dataclass(frozen=True, eq=False)
class MaskRow:
    """One value of a pair of mask files; ``value`` is 0 where the masks have one value only."""

    name: str
    patient: str
    value: int
    measures: Measures

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
    is the same voxels; it is never resampled.

    Raises
    ------
    InputError
        What the readers say; ``mask-size-differs``, ``mask-other-grid``.
    """
    geometry = grid_of(decoder, pair.truth)
    true = decoder.read_mask_file(pair.truth, geometry).array
    guess = _on_grid(decoder, pair.predicted, geometry)
    values = sorted({*_values(true), *_values(guess)})
    if len(_values(true)) <= 1 and len(_values(guess)) <= 1:
        return [MaskRow(pair.name, pair.patient, 0, measure(true, guess, geometry))]
    return [
        MaskRow(pair.name, pair.patient, value, measure(true == value, guess == value, geometry)) for value in values
    ]


def _on_grid(decoder: Decoder, path: Path, geometry: Geometry) -> Array:
    try:
        return decoder.read_mask_file(path, geometry).array
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
    facts: dict[str, Any] = {"summary": _summary(rows), "scans": [row.facts() for row in rows]}
    values = sorted({row.value for row in rows})
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
