"""From the classes that people gave to arrays: which slices are yes, which are no, and the slices themselves.

A slice that nobody said anything of is unknown and is not used. Of several readers who said
something of a slice, the one who said it last counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.events import JobEvent, Notice, StopCheck
from core.learning.config import TrainingConfig
from core.learning.dataset import TrainingSet
from core.learning.picture_faults import Faulty
from core.learning.prepare import Preparation, Preparer
from core.learning.reading import joined, only_assigned, prepared, read_each
from core.project.classes import ClassValue
from core.project.project import Project
from core.project.records import Scan, ScanStatus

_ENGLISH_NO = ("no", "0", "false", "none", "negative", "neg", "clean", "clear", "normal", "healthy", "absent", "n")
_GERMAN_NO = ("nein", "kein", "keine", "keiner", "keines", "negativ", "gesund", "unauffällig", "ohne")
_NO = frozenset((*_ENGLISH_NO, *_GERMAN_NO))
_NO_BEFORE = (
    *("no ", "no-", "no_", "non-", "non_", "non ", "not ", "not-", "not_", "without "),
    *("kein ", "kein-", "keine ", "keine-", "nicht ", "nicht-", "ohne "),
)


def says_no(value: str) -> bool:
    """Whether a value is a word for no, such as ``no``, ``0`` or ``no-stroke``."""
    folded = value.strip().casefold()
    return folded in _NO or folded.startswith(_NO_BEFORE)


def yes_values(name: str, values: Sequence[str], chosen: Sequence[str] = ()) -> frozenset[str]:
    """Return which values of a class count as yes; all others are no.

    Parameters
    ----------
    values
        Those in use.
    chosen
        Those a person chose; none leaves it to the words.

    Raises
    ------
    LearningError
        ``class-yes-unknown``; ``class-which`` where no value is a word for no.
    """
    by_fold = {value.casefold(): value for value in values}
    for value in chosen:
        if value.casefold() not in by_fold:
            raise LearningError("class-yes-unknown", name=name, value=value, values=", ".join(values) or "-")
    if chosen:
        return frozenset(by_fold[value.casefold()] for value in chosen)
    yes = frozenset(value for value in values if not says_no(value))
    if len(values) > 1 and len(yes) == len(values):
        raise LearningError("class-which", name=name, values=", ".join(values))
    return yes


@dataclass(frozen=True)
class ClassSource:
    """What is known of one scan: native slice to yes (True) or no."""

    scan: Scan
    said: Mapping[int, bool]

    @property
    def slices(self) -> tuple[int, ...]:
        """Native slices of which it is known, in order."""
        return tuple(sorted(self.said))

    @property
    def pin(self) -> str:
        """Hash of what was said."""
        words = json.dumps([[index, self.said[index]] for index in self.slices])
        return hashlib.sha256(words.encode()).hexdigest()


def find_class_sources(project: Project, config: TrainingConfig) -> list[ClassSource]:
    """Return the scans with slices of which the class is known.

    At the level of slices, what was said of a whole scan counts for its slices where it is a
    single slice, or where the scan is no: then every slice is. At the level of scans every
    slice counts as its scan does, and a scan of which only slices were named is yes if one
    of them is, and no if all of them are.

    Raises
    ------
    LearningError
        ``class-none``, ``class-not-there``, ``class-only-scans``, ``class-only-slices``, ``class-one``,
        ``class-which``, ``class-yes-unknown``.
    """
    everything = project.classes.all()
    known = sorted({one.name for one in everything})
    name = next((one for one in known if one.casefold() == config.class_name.casefold()), "")
    if not name:
        if not known:
            raise LearningError("class-none", name=config.class_name)
        raise LearningError("class-not-there", name=config.class_name, known=", ".join(known))
    by_scan: dict[str, list[ClassValue]] = {}
    for one in everything:
        if one.name == name and config.reader in ("", one.reader):
            by_scan.setdefault(one.scan, []).append(one)
    values = sorted({one.value for rows in by_scan.values() for one in rows})
    yes = yes_values(name, values, config.class_yes)
    listed = project.scans(status=ScanStatus.APPROVED if config.approved else None)
    scans = [scan for scan in listed if scan.id in by_scan]
    said = {scan.id: _said(scan, by_scan[scan.id], yes, config.level) for scan in scans}
    sources = [ClassSource(scan, said[scan.id]) for scan in scans if said[scan.id]]
    kinds = {kind for source in sources for kind in source.said.values()}
    if len(kinds) < 2:
        if values and {value in yes for value in values} == {True, False}:
            raise LearningError("class-only-slices" if config.level == "scan" else "class-only-scans", name=name)
        raise LearningError("class-one", name=name, value=", ".join(values) or "-")
    return sources


def _said(scan: Scan, rows: Sequence[ClassValue], yes: frozenset[str], level: str) -> dict[int, bool]:
    depth = scan.shape[0]
    whole: bool | None = None
    slices: dict[int, bool] = {}
    for one in sorted(rows, key=lambda row: row.updated):
        if one.slice is None:
            whole = one.value in yes
        elif one.slice < depth:
            slices[one.slice] = one.value in yes
    if level == "scan":
        if whole is None and slices:
            # a scan is no only where every slice was looked at
            whole = True if any(slices.values()) else (False if len(slices) == depth else None)
        return {} if whole is None else dict.fromkeys(range(depth), whole)
    if whole is not None and (depth == 1 or not whole):
        slices = dict.fromkeys(range(depth), whole) | slices
    return slices


def read_class_set(
    project: Project, config: TrainingConfig, should_stop: StopCheck
) -> Generator[JobEvent, None, TrainingSet]:
    """Read and prepare the slices of which the class is known; yields progress, returns the set.

    The set's masks are single pixels, ``[n, 1, 1, 1]``: 1 for yes, 0 for no.

    Raises
    ------
    LearningError
        As :func:`find_class_sources`; ``prepare-not-ct``, ``prepare-no-spacing``.
    Cancelled
        If asked to stop: there is nothing worth keeping yet.
    """
    sources = yield from only_assigned(find_class_sources(project, config), config)
    used = sum(len(source.said) for source in sources)
    unknown = sum(scan.shape[0] for scan in project.scans()) - used
    if unknown > 0:
        yield Notice("training-class-unknown", {"name": config.class_name, "count": unknown, "used": used})
    preparation = Preparation.of(config)
    faulty = Faulty(preparation)

    def read(source: ClassSource) -> tuple[NDArray[np.float16], NDArray[np.int32]]:
        volume = project.read_volume(source.scan.id)
        faulty.look(volume, source.scan.name)
        preparer = Preparer(volume, preparation, name=source.scan.name)
        needed, stacks = preparer.stacks(source.slices)
        return prepared(preparer, needed, should_stop), stacks

    parts = yield from read_each(sources, read, "reading-slices", should_stop)
    yield from faulty.notices()
    offsets = np.cumsum([0, *(len(images) for images, _ in parts)])
    stacks = [rows + offset for (_, rows), offset in zip(parts, offsets[:-1], strict=True)]
    images = [images for images, _ in parts]
    # only the list holds the arrays now: each is let go of as it is copied
    parts.clear()
    return replace(_joined(config.class_name, sources, images, stacks), usual=faulty.usual)


def _joined(
    name: str, sources: Sequence[ClassSource], images: list[NDArray[np.float16]], stacks: list[NDArray[np.int32]]
) -> TrainingSet:
    truth = np.array([source.said[index] for source in sources for index in source.slices], dtype=np.uint8)
    counts = [len(source.said) for source in sources]
    return TrainingSet(
        labels=(name,),
        images=joined(images),
        stacks=np.concatenate(stacks).astype(np.int32),
        masks=truth[:, None, None, None],
        known=np.ones((len(truth), 1), dtype=np.bool_),
        amounts=truth.astype(np.float32),
        scan_of=np.repeat(np.arange(len(sources), dtype=np.int32), counts),
        slice_of=np.array([index for source in sources for index in source.slices], dtype=np.int32),
        scans=tuple(source.scan for source in sources),
        pins={source.scan.id: {"class": source.pin} for source in sources},
        task="classify",
    )
