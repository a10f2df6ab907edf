"""Loose files: brains stripped and masks predicted without a project. No torch is needed.

A batch goes on past a bad file and says at its end how many failed. What lies in a named
folder and is no scan is only listed; a file that was named itself and cannot be used is a failure.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, InputError, LearningError, MeninxError
from core.events import Events, Finished, JobEvent, Notice, Progress, Skipped, StopCheck, never_stop
from core.exchange.stripped_series import write_series
from core.io.sandbox import Decoder
from core.io.sniff import Format, plain_stem, stem
from core.io.source import FindOptions, Source
from core.labels import BRAIN, layer_name
from core.learning.runs import find_run, require_usable
from core.learning.starters import brain_starter, find_starter
from core.project.exporting import Outputs, save_outputs, stem_of
from core.project.project import Project
from core.review import tidy
from core.review.brain_check import BrainCheck, brain_notices
from core.review.rough import classical_brain
from core.review.strip import PLAIN, Stripping, grown
from core.review.tidy import USUAL, Tidying, Ways
from core.volume import Volume
from models.sharding import Shards, leading, share

CLASSICAL = "classical"
Masks = Mapping[str, NDArray[Any]]


class Masker(Protocol):
    """Makes masks for a scan.

    Attributes
    ----------
    labels
        Names of what it can mask.
    check
        What is to be said of the Brain that it masked last; None where there is nothing to go by.
    unlike
        The run's name where the scan that it masked last is in another window than those it learnt from.
    """

    labels: tuple[str, ...]
    check: BrainCheck | None
    unlike: str

    def masks(self, volume: Volume, should_stop: StopCheck) -> Masks:
        """Return a mask ``[z, y, x]`` per label (non-zero is inside)."""
        ...


class ClassicalMasker:
    """The rough brain mask that needs no model."""

    labels: tuple[str, ...] = (BRAIN,)
    check: BrainCheck | None = None
    unlike: str = ""

    def __init__(self, tidying: Tidying = tidy.PLAIN) -> None:
        self._tidying = tidying

    def masks(self, volume: Volume, should_stop: StopCheck) -> Masks:
        """Return the rough Brain mask."""
        mask = classical_brain(volume)
        if self._tidying.bridges:
            mask = tidy.tidy_brain(tidy.without_bridges(mask, volume.geometry, self._tidying.bridges))
        return {BRAIN: grown(mask, volume.geometry, self._tidying.margin)}


class RunMasker:
    """A run of a project."""

    def __init__(self, folder: Path, ways: Ways = USUAL) -> None:
        from models.brain import DISTANCE, predictor_of

        self._ways, self.unlike = ways, ""
        self._predictor = predictor_of(folder, mirrored=self._ways.mirrored)
        self.labels: tuple[str, ...] = tuple(name for name in self._predictor.labels if name != DISTANCE)
        self.check: BrainCheck | None = None

    def masks(self, volume: Volume, should_stop: StopCheck) -> Masks:
        """Return the predicted masks; ``check`` is then what is to be said of a Brain among them."""
        from models.brain import tidied
        from models.views import has_three, in_three_views

        if self._ways.three_views and has_three(volume):
            found: dict[str, NDArray[np.uint8]] = {}
            for _, so_far in in_three_views(self._predictor, volume, should_stop):
                found = so_far
        else:
            found = self._predictor.predict_volume(volume, should_stop=should_stop)
        masks, self.check = tidied(found, volume.geometry, self._ways.tidying, self._predictor.unlearnt(volume))
        self.unlike = self._predictor.name if self._predictor.other_window(volume) else ""
        return masks


def default_model() -> str:
    """Return what strips where nothing was named: the brain starter, or the rough way where there is none."""
    starter = brain_starter()
    return CLASSICAL if starter is None else starter.name


def masker_for(model: str, ways: Ways = USUAL, label: str = "") -> Masker:
    """Return what a ``--model`` names: ``classical``, a starter or ``PROJECT:RUN``.

    With a label ``PROJECT:best`` is the best run that predicts it, if there is one.

    Raises
    ------
    InputError
        ``model-form`` if it is none of them.
    LearningError
        ``run-unknown``, ``run-unusable``, ``model-damaged``.
    ProjectError
        ``project-missing``.
    """
    if model.casefold() == CLASSICAL:
        return ClassicalMasker(ways.tidying)
    starter = find_starter(model)
    if starter is not None:
        return RunMasker(starter.folder, ways)
    path, _, run = model.rpartition(":")
    if not path or not run:
        raise InputError("model-form", given=model)
    with Project.open(Path(path), read_only=True) as project:
        folder = require_usable(project, find_run(project, run, label))
    return RunMasker(folder, ways)


@dataclass
class _Batch:
    """How a batch is going."""

    folder: Path
    inputs: tuple[Path, ...]
    named: frozenset[Path]
    written: list[str] = field(default_factory=list)
    scans: int = 0
    failed: int = 0
    checks: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, inputs: Sequence[Path]) -> _Batch:
        paths = tuple(Path(one) for one in inputs)
        return cls(Path(folder), paths, frozenset(one.absolute() for one in paths if not one.is_dir()))

    def names(self, sources: Sequence[Source]) -> list[str]:
        """Return a name for what is written of each scan that no other has, and that no other file could claim.

        A mask that lies beside a scan is taken for its own when both are imported: what lies in the folder already
        under a plain name comes first.
        """
        there = {stem(file) for file in self.folder.iterdir() if file.is_file()} if self.folder.is_dir() else set()
        found: dict[int, str] = {}
        taken: set[str] = set()
        for number in sorted(range(len(sources)), key=lambda number: self._rank(sources[number])):
            file = _file_of(sources[number])
            plain = plain_stem(file) if file is not None else stem_of(sources[number].name)
            others = there if file is not None and stem(file) != plain else set()
            name, count = plain, 2
            while name.casefold() in taken or name in others:
                name, count = f"{plain}_{count}", count + 1
            taken.add(name.casefold())
            found[number] = name
        return [found[number] for number in range(len(sources))]

    def _rank(self, source: Source) -> tuple[bool, bool]:
        file = _file_of(source)
        return file is None or stem(file) != plain_stem(file), file is None or file.parent != self.folder.absolute()

    def guarded(self, source: Source) -> tuple[Path, ...]:
        return tuple({file.absolute().parent for file in source.files})


def _file_of(source: Source) -> Path | None:
    """Return the file that a scan is called after; None where it is a folder."""
    return source.files[0] if len(source.files) == 1 and source.name == source.files[0].name else None


def strip_job(
    inputs: Sequence[Path],
    folder: Path,
    *,
    model: str = "",
    masks_only: bool = False,
    ways: Ways = USUAL,
    stripping: Stripping = PLAIN,
    volume: int | None = None,
    dicom: bool = False,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Write ``<name>_brain`` and ``<name>_mask`` for files and folders, in their own geometry.

    Parameters
    ----------
    inputs
        Files and folders.
    folder
        Where to.
    model
        ``classical``, a starter or ``PROJECT:RUN``; empty for :func:`default_model`.
    masks_only
        Write no brains.
    ways
        How is predicted, and what is done to the masks.
    stripping
        What becomes of the voxels outside; with ``masks_only`` nothing is cropped.
    volume
        Which volume of a 4-D scan.
    dicom
        The brain of a DICOM scan is written as a DICOM series, in the folder ``<name>_brain``, and not as NIfTI.

    Yields
    ------
    JobEvent
        Progress, Skipped, a Notice for a brain that is doubtful or odd, at the end Finished with ``{"written":
        [...], "scans": n, "failed": n, "checks": {name: ...}}``.

    Raises
    ------
    InputError
        ``nothing-usable``, ``model-form``.
    LearningError
        ``model-no-brain`` if the run does not predict Brain.
    """
    if leading():
        yield Progress(0, 0, "loading-model")
    model = model or default_model()
    with _starting_decoder() as decoder:
        masker = masker_for(model, ways, BRAIN)
        label = next((name for name in masker.labels if name.casefold() == BRAIN.casefold()), None)
        if label is None:
            raise LearningError("model-no-brain", known=", ".join(masker.labels))
        if model.casefold() == CLASSICAL and leading():
            yield Notice("strip-rough")
        wanted = _Wanted({label: ""}, not masks_only, volume, PLAIN if masks_only else stripping, dicom)
        yield from _run(decoder, _Batch.of(folder, inputs), masker, wanted, "stripping", should_stop)


def apply_job(
    inputs: Sequence[Path],
    folder: Path,
    *,
    model: str,
    ways: Ways = USUAL,
    volume: int | None = None,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Write the masks that a run predicts for files and folders, in their own geometry.

    ``<name>_mask`` if the run has one label, else ``<name>_<label>_mask`` for each.
    Parameters, events and errors as :func:`strip_job`.
    """
    if leading():
        yield Progress(0, 0, "loading-model")
    with _starting_decoder() as decoder:
        masker = masker_for(model, ways)
        single = len(masker.labels) == 1
        suffixes = {name: "" if single else f"_{layer_name(name)}" for name in masker.labels}
        wanted = _Wanted(suffixes, False, volume)
        yield from _run(decoder, _Batch.of(folder, inputs), masker, wanted, "applying", should_stop)


@contextlib.contextmanager
def _starting_decoder() -> Iterator[Decoder]:
    """Start the child that reads while the model is being loaded."""
    with Decoder() as decoder:
        decoder.warm(helper=False)
        yield decoder


@dataclass(frozen=True)
class _Wanted:
    """What to write: file name suffix by label, brains too or not, and how; which volume to read; DICOM as DICOM."""

    suffixes: Mapping[str, str]
    brain: bool
    volume: int | None
    stripping: Stripping = PLAIN
    dicom: bool = False


def _run(
    decoder: Decoder, batch: _Batch, masker: Masker, wanted: _Wanted, stage: str, should_stop: StopCheck
) -> Events:
    """Do a batch; under ``torchrun`` this process's share of it, of which the first one tells with the others'."""
    shards = Shards(batch.folder, stage)
    passed: list[Skipped] = []
    sources: list[Source] = []
    for event in _find(decoder, batch, wanted.volume, sources):
        if shards.rank == 0:
            yield event
    if shards.rank:
        # what all of them find is counted once
        batch.failed = 0
    # named before they are shared out: no two processes may take one name
    named = share(list(zip(sources, batch.names(sources), strict=True)))
    for event in _do(decoder, batch, masker, wanted, named, stage, should_stop):
        if isinstance(event, Skipped):
            passed.append(event)
        if shards.rank == 0:
            yield event
    mine = {"written": batch.written, "scans": batch.scans, "failed": batch.failed, "checks": batch.checks}
    shards.tell(mine, passed)
    yield from shards.gather(should_stop)
    for told in shards.others:
        batch.written += told["written"]
        batch.scans += told["scans"]
        batch.failed += told["failed"]
        batch.checks |= told["checks"]
    if should_stop() == "cancel":
        raise Cancelled
    if shards.rank == 0 and not batch.scans and not should_stop():
        raise InputError("nothing-usable", file=", ".join(path.name or str(path) for path in batch.inputs))
    if shards.rank == 0:
        yield Progress(len(sources), len(sources), stage)
    counted = {"written": batch.written, "scans": batch.scans, "failed": batch.failed}
    yield Finished(counted | {"checks": batch.checks})


def _do(
    decoder: Decoder,
    batch: _Batch,
    masker: Masker,
    wanted: _Wanted,
    named: Sequence[tuple[Source, str]],
    stage: str,
    should_stop: StopCheck,
) -> Events:
    started = time.monotonic()
    for number, (source, name) in enumerate(named):
        if should_stop():
            return
        rate = number / max(time.monotonic() - started, 1e-6)
        left = (len(named) - number) / rate if number else -1.0
        yield Progress(number, len(named), stage, rate, left, source.name)
        try:
            scan = decoder.read(source)
            masks = masker.masks(scan, should_stop)
            _write(scan, masks, wanted, source, batch, name, decoder)
        except Cancelled:
            return
        except MeninxError as error:
            batch.failed += 1
            yield Skipped(source.name, error)
            continue
        yield from source.notices
        if masker.check is not None:
            batch.checks[name] = masker.check.to_json()
            yield from brain_notices(source.name, masker.check)
        if masker.unlike:
            yield Notice("run-window", {"run": masker.unlike, "count": 1, "scans": source.name})
        batch.scans += 1


def _find(decoder: Decoder, batch: _Batch, volume: int | None, sources: list[Source]) -> Iterator[JobEvent]:
    """Find the scans of the batch; a named path that is not there is one failure, not the end."""
    there = []
    for path in batch.inputs:
        if path.exists():
            there.append(path)
        else:
            batch.failed += 1
            yield Skipped(path.name, InputError("file-missing", file=path))
    found = decoder.find(there, FindOptions(volume=volume))
    named = {path.name for path in batch.named}
    for passed in found.passed:
        batch.failed += passed.source in named
        yield Skipped(passed.source, passed.error)
    yield from found.notices
    sources += found.sources


def _write(
    scan: Volume, masks: Masks, wanted: _Wanted, source: Source, batch: _Batch, name: str, decoder: Decoder
) -> None:
    series = wanted.dicom and wanted.brain and source.format is Format.DICOM
    for label, suffix in wanted.suffixes.items():
        brain = wanted.brain and not series
        # the mask of a series lies where its slices lie
        how = replace(wanted.stripping, slices_stay=series)
        outputs = Outputs(batch.folder, brain, True, 0.0, suffix, batch.guarded(source), how)
        mask = np.asarray(masks[label])
        if series:
            folder = batch.folder / f"{name}{suffix}_brain"
            made = write_series(decoder, source.files, scan, mask, folder, how=how)
            batch.written += [file.as_posix() for file in made]
        batch.written += [file.as_posix() for file in save_outputs(scan, mask, name, outputs, source.files)]
