"""From a project to arrays in memory: only what was finished counts, and what counts is pinned.

Prepared slices are kept as float16 and masks as uint8, so that thousands of slices fit
into memory and no step ever waits for the disk.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, LearningError
from core.events import JobEvent, Progress, StopCheck
from core.labels import Label
from core.learning.config import TrainingConfig
from core.learning.prepare import Fit, Preparation, intensity_of, neighbours, prepare_slices
from core.learning.split import Candidate
from core.project.project import Project
from core.project.records import Annotation, Scan


@dataclass(frozen=True)
class Source:
    """What one scan gives: whose masks, and which slices of which layer are finished.

    Parameters
    ----------
    scan, annotation
        The scan and the reader's layers on it.
    finished
        Layer to its finished native slices.
    """

    scan: Scan
    annotation: Annotation
    finished: Mapping[str, frozenset[int]]

    @property
    def slices(self) -> tuple[int, ...]:
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
        ``[m, size, size]`` float16, normalised: every slice that is an example or a neighbour of one.
    stacks
        ``[n, slices]`` int32: for each example the rows of ``images`` it is stacked of.
    masks
        ``[n, labels, size, size]`` uint8, 0/1.
    known
        ``[n, labels]`` bool: False where the slice is not finished on that label's layer;
        such a channel is ignored.
    amounts
        ``[n]`` float32: part of the slice that shows any label.
    scan_of, slice_of
        ``[n]`` int32: index into ``scans``, and native slice.
    scans
        The scans in use.
    pins
        Scan id to ``{layer: sha256 of the mask file}``.
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

    def __len__(self) -> int:
        return len(self.stacks)

    def stack(self, examples: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return examples as network input ``[k, slices, size, size]`` float32."""
        return np.asarray(self.images[self.stacks[examples]], dtype=np.float32)

    def candidates(self) -> list[Candidate]:
        """Return what the split needs to know, one entry per scan."""
        found = []
        for number, scan in enumerate(self.scans):
            mine = np.flatnonzero(self.scan_of == number)
            slices = tuple(int(index) for index in self.slice_of[mine])
            amounts = tuple(float(amount) for amount in self.amounts[mine])
            found.append(Candidate(scan.id, scan.patient, scan.patient_known, slices, amounts))
        return found


def find_sources(project: Project, labels: Sequence[Label], reader: str = "") -> list[Source]:
    """Return the scans that have finished slices on the labels' layers.

    Parameters
    ----------
    reader
        Only this reader's annotations; empty takes, for each scan, the one changed last.
    """
    layers = tuple(dict.fromkeys(label.layer for label in labels))
    sources = []
    for scan in project.scans():
        best: Source | None = None
        for annotation in project.annotations(scan.id):
            if reader and annotation.reader != reader:
                continue
            finished = {
                layer: frozenset(state.slice for state in project.slice_states(annotation.id, layer) if state.finished)
                for layer in layers
            }
            if not any(finished.values()):
                continue
            if best is None or annotation.updated > best.annotation.updated:
                best = Source(scan, annotation, finished)
        if best is not None:
            sources.append(best)
    return sources


def count_finished(project: Project, labels: Sequence[Label], reader: str = "") -> tuple[int, int, int]:
    """Return (patients, scans, finished slices) that a training on these labels would use."""
    sources = find_sources(project, labels, reader)
    return len({source.scan.patient for source in sources}), len(sources), sum(len(s.slices) for s in sources)


def read_training_set(
    project: Project, config: TrainingConfig, should_stop: StopCheck
) -> Generator[JobEvent, None, TrainingSet]:
    """Read and prepare everything a training uses; yields progress, returns the set.

    Raises
    ------
    LearningError
        ``finished-none`` or ``finished-few`` if there is nothing (to check) to learn from.
    InputError
        ``label-unknown``.
    Cancelled
        If asked to stop: there is nothing worth keeping yet.
    """
    known_labels = project.labels()
    labels = [known_labels.named(name) for name in config.labels]
    sources = find_sources(project, labels, config.reader)
    examples = sum(len(source.slices) for source in sources)
    words = ", ".join(config.labels)
    if examples == 0:
        raise LearningError("finished-none", labels=words)
    if examples == 1:
        raise LearningError("finished-few", labels=words)
    preparation = Preparation(config.size, config.slices)
    parts = []
    started = time.monotonic()
    for number, source in enumerate(sources):
        if should_stop():
            raise Cancelled
        elapsed = time.monotonic() - started
        left = elapsed / number * (len(sources) - number) if number else -1.0
        rate = number / elapsed if number else 0.0
        yield Progress(number, len(sources), "reading-masks", rate, left, source.scan.name)
        parts.append(_read_source(project, source, labels, preparation))
    yield Progress(len(sources), len(sources), "reading-masks")
    return _joined(tuple(label.name for label in labels), sources, parts, config.size)


@dataclass(frozen=True)
class _Part:
    """One scan's arrays, as in :class:`TrainingSet`; ``stacks`` count within the scan."""

    images: NDArray[np.float16]
    stacks: NDArray[np.int32]
    masks: NDArray[np.uint8]
    known: NDArray[np.bool_]
    slices: tuple[int, ...]
    pins: Mapping[str, str]


def _read_source(project: Project, source: Source, labels: Sequence[Label], preparation: Preparation) -> _Part:
    volume = project.read_volume(source.scan.id)
    fit = Fit.of(volume.geometry, preparation.size)
    total = volume.shape[0]
    stacks = [neighbours(index, preparation.slices, total) for index in source.slices]
    needed = sorted({index for stack in stacks for index in stack})
    row_of = {index: row for row, index in enumerate(needed)}
    images = prepare_slices(volume, intensity_of(volume, preparation), fit, needed)
    layers: dict[str, Any] = {}
    pins: dict[str, str] = {}
    for layer, finished in source.finished.items():
        if finished:
            versions = project.layer_versions(source.annotation.id, layer)
            layers[layer] = project.read_layer(source.annotation.id, layer)
            pins[layer] = versions[-1].sha256 if versions else ""
    masks = np.zeros((len(stacks), len(labels), preparation.size, preparation.size), dtype=np.uint8)
    known = np.zeros((len(stacks), len(labels)), dtype=np.bool_)
    for row, index in enumerate(source.slices):
        for channel, label in enumerate(labels):
            known[row, channel] = index in source.finished[label.layer]
            array = layers.get(label.layer)
            if known[row, channel] and array is not None:
                masks[row, channel] = fit.forward_mask(array[index] == label.value)
    rows = np.array([[row_of[index] for index in stack] for stack in stacks], dtype=np.int32)
    return _Part(images, rows, masks, known, source.slices, pins)


def _joined(labels: tuple[str, ...], sources: Sequence[Source], parts: list[_Part], size: int) -> TrainingSet:
    counts = [len(part.slices) for part in parts]
    offsets = np.cumsum([0, *(len(part.images) for part in parts)])
    stacks = np.concatenate([part.stacks + offset for part, offset in zip(parts, offsets[:-1], strict=True)])
    known = np.concatenate([part.known for part in parts])
    slice_of = np.concatenate([np.array(part.slices, dtype=np.int32) for part in parts])
    pins = {source.scan.id: part.pins for source, part in zip(sources, parts, strict=True)}
    images = np.empty((int(offsets[-1]), size, size), dtype=np.float16)
    masks = np.empty((len(stacks), len(labels), size, size), dtype=np.uint8)
    row = 0
    for number, (part, offset) in enumerate(zip(parts, offsets[:-1], strict=True)):
        images[offset : offset + len(part.images)] = part.images
        masks[row : row + counts[number]] = part.masks
        row += counts[number]
        # the part's own arrays are let go as they are copied: only one copy of most stays in memory
        parts[number] = _Part(images[:0], part.stacks, masks[:0], part.known, part.slices, part.pins)
    return TrainingSet(
        labels=labels,
        images=images,
        stacks=stacks.astype(np.int32),
        masks=masks,
        known=known,
        amounts=masks.any(axis=1).mean(axis=(1, 2), dtype=np.float32),
        scan_of=np.repeat(np.arange(len(sources), dtype=np.int32), counts),
        slice_of=slice_of,
        scans=tuple(source.scan for source in sources),
        pins=pins,
    )
