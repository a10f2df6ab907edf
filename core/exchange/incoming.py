"""What other tools drew, on its way in: the records, and which reader fits.

Readers (:data:`core.exchange.registry.READERS`) run in the decoding child only. A reader is a
module with ``fits(path: Path) -> bool``, by content and quickly, and
``read(path: Path, limits: Limits) -> Iterator[Incoming]``.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.events import Notice
from core.io.patients import Patients
from core.io.sniff import Format


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader may take; past it, it raises ``InputError`` ``exchange-too-large``.

    Parameters
    ----------
    voxels
        Of one mask.
    items
        Pictures or scans of one export.
    masks
        Masks of one picture or scan.
    text
        Bytes of a JSON, XML or text file.
    """

    voxels: int = 1 << 30
    items: int = 200_000
    masks: int = 5_000
    text: int = 1 << 30

    def check_shape(self, shape: tuple[int, ...], name: str) -> None:
        """Refuse a claimed shape before anything of that size is made.

        Raises
        ------
        InputError
            ``exchange-too-large``.
        """
        count = 1
        for one in shape:
            count *= max(1, int(one))
        if count > self.voxels or any(int(one) < 1 for one in shape):
            raise InputError("exchange-too-large", file=name)


@dataclass(frozen=True, eq=False)
class IncomingMask:
    """One label on a picture or scan.

    Parameters
    ----------
    label
        Its name as the other tool has it.
    array
        uint8 of 0 and 1, ``[y, x]`` or ``[z, y, x]``.
    slice
        Native slice that a ``[y, x]`` array lies on; None for pictures and whole scans.
    reader
        Who drew it, a pseudonym or empty: never an e-mail address.
    predicted
        Whether a program made it: it comes in as a prediction.
    color
        ``#rrggbb`` or empty.
    finished
        Slices of the array on which zero means background; None for all of them.
    layer
        Layer that the label has in the project it comes from, where Meninx wrote it; empty else.
    """

    label: str
    array: NDArray[np.uint8]
    slice: int | None = None
    reader: str = ""
    predicted: bool = False
    color: str = ""
    finished: tuple[int, ...] | None = None
    layer: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross to another process packed: one bit per voxel, and mostly runs."""
        packed = zlib.compress(np.packbits(self.array != 0).tobytes(), 1)
        facts = (self.label, self.slice, self.reader, self.predicted, self.color, self.finished, self.layer)
        return _unpacked, (packed, self.array.shape, facts)


def _unpacked(packed: bytes, shape: tuple[int, ...], facts: tuple[Any, ...]) -> IncomingMask:
    count = int(np.prod(shape, dtype=np.int64))
    bits = np.unpackbits(np.frombuffer(zlib.decompress(packed), np.uint8), count=count)
    label, slice_, reader, predicted, color, finished, layer = facts
    return IncomingMask(label, bits.reshape(shape), slice_, reader, predicted, color, finished, layer)


@dataclass(frozen=True, eq=False)
class Incoming:
    """One picture or scan of a foreign export with what was drawn on it.

    Parameters
    ----------
    image
        Local file; None where only a URL or nothing was given.
    name
        File name without folders, for matching against scans that are there.
    shape
        ``(y, x)`` of a picture or ``(z, y, x)`` of a scan; the masks have it too.
    masks
        What was drawn.
    problem
        Key below ``[notices]`` where something will not land, or empty; its words get ``name``
        and ``fields``. ``fields`` may hold ``url``, where the picture lies for others; nothing is fetched.
    patient
        Identity text of the patient, or empty where the export does not say.
    affine
        Where the masks lie (voxel x, y, z to RAS mm), or None where the format does not say.
    volume, dataset
        Which volume of several, or which array of an archive, ``image`` means.
    digest
        Of the voxels, where the export was made by Meninx (:func:`core.project.scanfile.pixel_hash`).
    place
        Native slice of the scan ``name`` that a ``(y, x)`` picture is, or None.
    stack
        Pictures that are the slices of one scan, in order, where the export says so; ``image`` is the first.
    series, frame
        DICOM series that the masks were drawn on, and its frame of reference: identity, never kept.
    notices
        What the person should know about how it was read.
    unknown
        Labels of the export of which nothing is said here, so that no zero is their background.
    """

    image: Path | None
    name: str
    shape: tuple[int, int] | tuple[int, int, int]
    masks: tuple[IncomingMask, ...] = ()
    problem: str = ""
    fields: dict[str, str | int] = field(default_factory=dict)
    patient: str = ""
    affine: NDArray[np.float64] | None = None
    volume: int | None = None
    dataset: str = ""
    digest: str = ""
    place: int | None = None
    stack: tuple[Path, ...] = ()
    series: tuple[str, ...] = ()
    frame: str = ""
    notices: tuple[Notice, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One row of the preview: a picture or scan, and what would land on it."""

    name: str
    shape: tuple[int, ...]
    image: Path | None
    labels: tuple[tuple[str, int], ...]
    readers: tuple[str, ...] = ()
    predicted: int = 0
    problem: Notice | None = None
    overlaps: frozenset[tuple[str, str]] = frozenset()
    colors: tuple[tuple[str, str], ...] = ()
    url: str = ""
    layers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, one: Incoming) -> Line:
        """Return what can be said of one without its voxels."""
        labels: dict[str, int] = {}
        for mask in one.masks:
            labels[mask.label] = labels.get(mask.label, 0) + int(np.count_nonzero(mask.array))
        readers = tuple(sorted({mask.reader for mask in one.masks if mask.reader}))
        problem = Notice(one.problem, {"name": one.name} | one.fields) if one.problem else None
        predicted = sum(mask.predicted for mask in one.masks)
        colors = {mask.label: mask.color for mask in one.masks if mask.color}
        return cls(
            one.name,
            one.shape,
            one.image,
            tuple(labels.items()),
            readers,
            predicted,
            problem,
            _overlaps(one.masks),
            tuple(colors.items()),
            str(one.fields.get("url", "")),
            tuple({mask.label: mask.layer for mask in one.masks if mask.layer}.items()),
        )


def _overlaps(masks: tuple[IncomingMask, ...]) -> frozenset[tuple[str, str]]:
    """Return the pairs of labels of which one reader's masks share a pixel."""
    found: set[tuple[str, str]] = set()
    groups: dict[tuple[Any, ...], list[IncomingMask]] = {}
    for mask in masks:
        groups.setdefault((mask.reader, mask.predicted, mask.slice, mask.array.shape), []).append(mask)
    for group in groups.values():
        if len({mask.label for mask in group}) < 2:
            continue
        total = np.zeros(group[0].array.shape, np.uint16)
        for mask in group:
            total += mask.array != 0
        shared = total > 1
        if not shared.any():
            continue
        hits = [(mask.label, (mask.array != 0)[shared]) for mask in group]
        for place, (name, ours) in enumerate(hits):
            for other, theirs in hits[place + 1 :]:
                if other != name and (ours & theirs).any():
                    found.add((min(name, other), max(name, other)))
    return frozenset(found)


@dataclass(frozen=True)
class Plan:
    """What an export of another tool would bring.

    Parameters
    ----------
    path
        What was looked at.
    reader
        Key of :data:`core.exchange.registry.READERS`.
    lines
        One per picture or scan.
    """

    path: Path
    reader: str
    lines: tuple[Line, ...] = ()

    @property
    def colors(self) -> dict[str, str]:
        """Colours by label name, where the export has them."""
        return {name: color for line in self.lines for name, color in line.colors}

    @property
    def layers(self) -> dict[str, str]:
        """Layers by label name, where Meninx wrote the export."""
        return {name: layer for line in self.lines for name, layer in line.layers}

    @property
    def overlaps(self) -> frozenset[tuple[str, str]]:
        """Pairs of labels that share a pixel somewhere: they need layers of their own."""
        return frozenset().union(*(line.overlaps for line in self.lines))

    @property
    def _images(self) -> frozenset[Path]:
        return frozenset(line.image for line in self.lines if line.image is not None and line.problem is None)

    @property
    def brings_scans(self) -> bool:
        """Whether pictures came along: whose they are is asked then."""
        return bool(self._images)

    def patients(self, way: str) -> tuple[int, int]:
        """Return how many patients the files' names and folders make, and how many files tell of none.

        Parameters
        ----------
        way
            As :class:`core.io.patients.Patients` takes it, but for what only headers know.

        Raises
        ------
        InputError
            What is wrong with a pattern or a table.
        """
        asked = Patients(way)
        names = [asked.of(path, Format.PNG, root=path.parent) for path in self._images]
        return len({name for name in names if name}), sum(not name for name in names)

    @property
    def labels(self) -> dict[str, int]:
        """Voxels by label name, in the order of their first mask."""
        found: dict[str, int] = {}
        for line in self.lines:
            for name, count in line.labels:
                found[name] = found.get(name, 0) + count
        return found
