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
from core.io.masks import meaning
from core.io.sandbox import Decoder
from core.io.sniff import Format
from core.io.source import FindOptions
from core.review.metrics import Measures, measure
from core.review.summary import summarise

_ENDINGS = re.compile(r"(_(brain_)?mask|_automask|_pred|_prediction|_seg|_gt|_label)$", re.IGNORECASE)
_NEAR = 0.01
"""Two grids are one if their corners lie within this part of a voxel (headers round differently)."""


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

    Raises
    ------
    InputError
        What the readers say; ``mask-size-differs``, ``mask-place``.
    """
    true, geometry = read_loose_mask(decoder, pair.truth)
    guess, other = read_loose_mask(decoder, pair.predicted)
    if true.shape != guess.shape:
        size, wanted = ("x".join(str(count) for count in reversed(mask.shape)) for mask in (guess, true))
        raise InputError("mask-size-differs", size=size, wanted=wanted)
    if geometry.orientation_known and other.orientation_known and not _same_place(geometry, other):
        raise InputError("mask-place", file=pair.predicted.name)
    values = sorted({*_values(true), *_values(guess)})
    if len(_values(true)) <= 1 and len(_values(guess)) <= 1:
        return [MaskRow(pair.name, pair.patient, 0, measure(true, guess, geometry))]
    return [
        MaskRow(pair.name, pair.patient, value, measure(true == value, guess == value, geometry)) for value in values
    ]


def _values(mask: Array) -> list[int]:
    return [int(value) for value in np.unique(mask) if value]


def read_loose_mask(decoder: Decoder, path: Path) -> tuple[Array, Geometry]:
    """Read a mask file by the conventions of :mod:`core.io.masks`, in the decoding child."""
    found = decoder.find([path], FindOptions(as_="pictures", pair_masks=False))
    if not found.sources:
        raise found.passed[0].error if found.passed else InputError("mask-unreadable", file=path.name)
    source = found.sources[0]
    volume = decoder.read(source)
    array = volume.array if volume.array.ndim == 3 else volume.array.max(axis=3)
    values = array if volume.slope == 1 and volume.intercept == 0 else volume.values(array)
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise InputError("mask-values", file=path.name)
        rounded = np.rint(values)
        soft = float(np.abs(values - rounded).max(initial=0.0)) > 1e-3
        # a probability map: inside where it is more likely than not
        values = (values > 0.5 * max(1.0, float(values.max()))).astype(np.uint8) if soft else rounded.astype(np.int64)
    present = (True,) * values.shape[0]
    return meaning(values, present, path, picture=source.format is not Format.NIFTI).array, volume.geometry


def _same_place(one: Geometry, other: Geometry) -> bool:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * (np.array(one.shape[::-1]) - 1)
    apart = float(np.abs(one.to_world(corners) - other.to_world(corners)).max())
    return apart <= max(1e-3, _NEAR * min(one.spacing))


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
