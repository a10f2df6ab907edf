"""From a project to arrays in memory: only what somebody said counts, and what counts is pinned.

A finished slice is known everywhere. One that is not finished counts where a reader scribbled on
the background as well as on a label: strokes are known, and so is the air around the head, which
nobody scribbles on (without it a network draws there: measured); all else is unknown and ignored. A
slice with strokes of labels alone does not count: it looks like half a mask, and would teach that
everything is the label.

Prepared slices are kept as float16 and masks as uint8, so that thousands of slices fit
into memory and no step ever waits for the disk.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.events import JobEvent, Notice, StopCheck, never_stop
from core.labels import SCRIBBLED_BACKGROUND, Label
from core.learning.config import TrainingConfig
from core.learning.grey_look import GreyLook
from core.learning.picture_faults import Faulty
from core.learning.prepare import Preparation, Preparer
from core.learning.prepare_head import Skin, air_around
from core.learning.reading import go_on, joined, only_assigned, prepared, read_each
from core.learning.split import Candidate
from core.project.project import Project
from core.project.records import Annotation, Scan, ScanStatus
from core.team.readers import rank


@dataclass(frozen=True)
class Source:
    """What one scan gives: whose masks, and which slices of which layer are finished or scribbled on.

    Parameters
    ----------
    scan, annotation
        The scan and the reader's layers on it.
    finished
        Layer to its finished native slices.
    scribbled
        Layer to native slices that are not finished and hold strokes of a label and of the background.
    """

    scan: Scan
    annotation: Annotation
    finished: Mapping[str, frozenset[int]]
    scribbled: Mapping[str, frozenset[int]] = field(default_factory=dict)

    @property
    def slices(self) -> tuple[int, ...]:
        """Native slices that count on at least one of the layers, in order."""
        return tuple(sorted(frozenset().union(*self.finished.values(), *self.scribbled.values())))

    @property
    def wholly_known(self) -> tuple[int, ...]:
        """Native slices finished on at least one of the layers, in order."""
        return tuple(sorted(frozenset().union(*self.finished.values())))


@dataclass(frozen=True)
class TrainingSet:
    """Prepared slices and masks.

    Parameters
    ----------
    labels
        Names, in the order of the mask channels.
    images
        ``[m, size, size]`` float16, normalised: a row for every channel of every slice that is an
        example or a neighbour of one.
    stacks
        ``[n, slices * channels]`` int32: for each example the rows of ``images`` it is stacked of.
    masks
        ``[n, labels, size, size]`` uint8, 0/1 and 255 (:data:`core.learning.prepare_fit.UNKNOWN`) where
        nobody said what is there; such a pixel is ignored.
    known
        ``[n, labels]`` bool: False where the slice does not count on that label's layer;
        such a channel is ignored.
    amounts
        ``[n]`` float32: part of the slice that shows any label.
    scan_of, slice_of
        ``[n]`` int32: index into ``scans``, and native slice.
    scans
        The scans in use.
    pins
        Scan id to ``{layer: sha256 of the mask file}``.
    lost
        Display name of each scan of which the preparation (crop, pad, resample) cuts off a part of
        the labels, and that part, 0..1.
    task
        ``classify`` where the masks are single pixels that say yes or no of the slice.
    usual
        How the grey levels of most of the scans lie; None where nothing tells.
    """

    labels: tuple[str, ...]
    images: NDArray[np.float16]
    stacks: NDArray[np.int32]
    masks: NDArray[np.uint8]
    known: NDArray[np.bool_]
    amounts: NDArray[np.float32]
    scan_of: NDArray[np.int32]
    slice_of: NDArray[np.int32]
    scans: tuple[Scan, ...]
    pins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lost: Mapping[str, float] = field(default_factory=dict)
    task: str = "segment"
    usual: GreyLook | None = None

    def __len__(self) -> int:
        return len(self.stacks)

    def candidates(self) -> list[Candidate]:
        """Return what the split needs to know, one entry per scan."""
        found = []
        for number, scan in enumerate(self.scans):
            mine = np.flatnonzero(self.scan_of == number)
            slices = tuple(int(index) for index in self.slice_of[mine])
            amounts = tuple(float(amount) for amount in self.amounts[mine])
            found.append(Candidate(scan.id, scan.patient, scan.patient_known, slices, amounts))
        return found


_both: OrderedDict[str, frozenset[int]] = OrderedDict()
_REMEMBERED = 4096


def find_sources(
    project: Project,
    labels: Sequence[Label],
    reader: str = "",
    *,
    scribbles: bool = True,
    approved: bool = False,
    should_stop: StopCheck = never_stop,
) -> list[Source]:
    """Return the scans that have slices on the labels' layers that count.

    Parameters
    ----------
    reader
        Only this reader's annotations; empty takes, for each scan, an adjudication, else a consensus,
        else the one changed last.
    scribbles
        Whether slices that are not finished count where background was scribbled beside a label.
    approved
        Only scans that a reviewer approved.

    Raises
    ------
    ProjectError
        ``mask-corrupt`` for a damaged mask (only those with scribbles are read).
    Cancelled
        If asked to stop.
    """
    layers = tuple(dict.fromkeys(label.layer for label in labels))
    sources = []
    for scan in project.scans(status=ScanStatus.APPROVED if approved else None):
        go_on(should_stop)
        best: Source | None = None
        for annotation in project.annotations(scan.id):
            if reader and annotation.reader != reader:
                continue
            finished = {
                layer: frozenset(state.slice for state in project.slice_states(annotation.id, layer) if state.finished)
                for layer in layers
            }
            scribbled = (
                {layer: _scribbled(project, annotation, layer, finished[layer]) for layer in layers}
                if scribbles
                else {}
            )
            if not any(finished.values()) and not any(scribbled.values()):
                continue
            if best is None or _weight(annotation) > _weight(best.annotation):
                best = Source(scan, annotation, finished, scribbled)
        if best is not None:
            sources.append(best)
    return sources


def _weight(annotation: Annotation) -> tuple[int, str]:
    return rank(annotation.reader), annotation.updated


def _scribbled(project: Project, annotation: Annotation, layer: str, finished: frozenset[int]) -> frozenset[int]:
    """Return the slices of a layer that are not finished and hold strokes of labels and of the background."""
    newest = project.layers(annotation.id).get(layer)
    if newest is None or not newest.counts.get(SCRIBBLED_BACKGROUND, 0):
        return frozenset()
    if newest.sha256 not in _both:
        # a mask file never changes, so its hash stands for it
        mask = project.read_version(newest)
        _both[newest.sha256] = frozenset(index for index, plane in enumerate(mask) if _has_both(plane))
        while len(_both) > _REMEMBERED:
            _both.popitem(last=False)
    return _both[newest.sha256] - finished


def _has_both(plane: NDArray[np.uint8]) -> bool:
    background = plane == SCRIBBLED_BACKGROUND
    return bool(background.any()) and bool((~background & (plane > 0)).any())


def count_finished(project: Project, labels: Sequence[Label], reader: str = "") -> tuple[int, int, int]:
    """Return (patients, scans, slices) that a training on these labels would use."""
    sources = find_sources(project, labels, reader)
    return len({source.scan.patient for source in sources}), len(sources), sum(len(s.slices) for s in sources)


def read_training_set(
    project: Project, config: TrainingConfig, should_stop: StopCheck
) -> Generator[JobEvent, None, TrainingSet]:
    """Read and prepare everything a training uses; yields progress, returns the set.

    Raises
    ------
    LearningError
        ``finished-none``, ``approved-none`` or ``finished-few`` if there is nothing (to check) to learn from;
        ``prepare-not-ct``, ``prepare-no-spacing`` if a scan cannot be prepared as asked.
    InputError
        ``label-unknown``.
    Cancelled
        If asked to stop: there is nothing worth keeping yet.
    """
    known_labels = project.labels()
    labels = [known_labels.named(name) for name in config.labels]
    found = find_sources(
        project, labels, config.reader, scribbles=config.scribbles, approved=config.approved, should_stop=should_stop
    )
    sources = yield from only_assigned(found, config)
    examples = sum(len(source.slices) for source in sources)
    words = ", ".join(config.labels)
    if examples == 0:
        raise LearningError("approved-none" if config.approved else "finished-none", labels=words)
    if examples == 1:
        raise LearningError("finished-few", labels=words)
    preparation = Preparation.of(config)
    faulty = Faulty(preparation)
    read = partial(_read_source, project, labels, preparation, should_stop, faulty)
    parts = yield from read_each(sources, read, "reading-masks", should_stop)
    yield from faulty.notices()
    data = replace(_joined(tuple(label.name for label in labels), sources, parts), usual=faulty.usual)
    for name, part in data.lost.items():
        yield Notice("training-cut-off", {"name": name, "percent": f"{100 * part:.3g}"})
    return data


@dataclass(frozen=True)
class _Part:
    """One scan's arrays, as in :class:`TrainingSet`; ``stacks`` count within the scan."""

    images: NDArray[np.float16]
    stacks: NDArray[np.int32]
    masks: NDArray[np.uint8]
    known: NDArray[np.bool_]
    slices: tuple[int, ...]
    pins: Mapping[str, str]
    lost: float = 0.0


def _read_source(
    project: Project,
    labels: Sequence[Label],
    preparation: Preparation,
    should_stop: StopCheck,
    faulty: Faulty,
    source: Source,
) -> _Part:
    volume = project.read_volume(source.scan.id)
    faulty.look(volume, source.scan.name)
    preparer = Preparer(volume, preparation, name=source.scan.name)
    needed, stacks = preparer.stacks(source.slices)
    images = prepared(preparer, needed, should_stop)
    layers: dict[str, NDArray[np.uint8] | None] = {}
    pins: dict[str, str] = {}
    for layer, finished in source.finished.items():
        if finished or source.scribbled.get(layer):
            versions = project.layer_versions(source.annotation.id, layer)
            layers[layer] = project.read_layer(source.annotation.id, layer)
            pins[layer] = versions[-1].sha256 if versions else ""
    masks = np.zeros((len(stacks), len(labels), preparation.size, preparation.size), dtype=np.uint8)
    known = np.zeros((len(stacks), len(labels)), dtype=np.bool_)
    drawn = kept = 0.0
    skin = Skin.of(volume) if any(source.scribbled.values()) else None
    for row, index in enumerate(source.slices):
        go_on(should_stop)
        fit = preparer.fit(index)
        for channel, label in enumerate(labels):
            array = layers.get(label.layer)
            plane = None if array is None else array[index]
            if index in source.finished[label.layer]:
                known[row, channel] = True
                if plane is not None:
                    masks[row, channel] = fit.forward_mask(plane == label.value)
            elif plane is not None and skin is not None and index in source.scribbled.get(label.layer, ()):
                known[row, channel] = True
                air = air_around(skin.head(volume, index))
                masks[row, channel] = fit.forward_strokes(*_said(plane, label, air))
            if plane is not None and known[row, channel] and not fit.whole:
                drawn += float(np.count_nonzero(plane == label.value))
                kept += float(fit.kept(plane == label.value))
    return _Part(images, stacks, masks, known, source.slices, pins, 1 - kept / drawn if drawn else 0.0)


def _said(
    plane: NDArray[np.uint8], label: Label, air: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where a scribbled slice says that the label is, and where that it is not, ``[rows, columns]``."""
    strokes = (plane > 0) & (plane != SCRIBBLED_BACKGROUND)
    yes = plane == label.value
    # labels of one layer exclude one another: a stroke of another says that it is not this one
    no = (plane > 0) & ~yes
    # whoever drew in the "air" knows better than the program where the head is
    return yes, no if (strokes & air).any() else no | air


def _joined(labels: tuple[str, ...], sources: Sequence[Source], parts: list[_Part]) -> TrainingSet:
    counts = [len(part.slices) for part in parts]
    offsets = np.cumsum([0, *(len(part.images) for part in parts)])
    stacks = np.concatenate([part.stacks + offset for part, offset in zip(parts, offsets[:-1], strict=True)])
    known = np.concatenate([part.known for part in parts])
    slice_of = np.concatenate([np.array(part.slices, dtype=np.int32) for part in parts])
    pins = {source.scan.id: part.pins for source, part in zip(sources, parts, strict=True)}
    lost = {source.scan.name: part.lost for source, part in zip(sources, parts, strict=True) if part.lost > 0}
    images, masks = [part.images for part in parts], [part.masks for part in parts]
    # only the lists hold the arrays now: each is let go of as it is copied
    parts.clear()
    mask = joined(masks)
    return TrainingSet(
        labels=labels,
        images=joined(images),
        stacks=stacks.astype(np.int32),
        masks=mask,
        known=known,
        amounts=_amounts(mask),
        scan_of=np.repeat(np.arange(len(sources), dtype=np.int32), counts),
        slice_of=slice_of,
        scans=tuple(source.scan for source in sources),
        pins=pins,
        lost=lost,
    )


def _amounts(masks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the part of each example that shows any label (unknown pixels show none), ``[n]``."""
    return np.array([(one == 1).any(axis=0).mean(dtype=np.float32) for one in masks], dtype=np.float32)
