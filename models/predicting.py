"""The prediction job: masks for the scans of a project, without torch."""

from __future__ import annotations

import functools
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import Cancelled, LearningError, MeninxError
from core.events import Events, Finished, Notice, Progress, ScanReady, Skipped, StopCheck, never_stop
from core.learning import runs
from core.learning.starters import run_of
from core.project.class_predictions import read_classes
from core.project.predictions import list_predictions, write_prediction
from core.project.project import Project
from core.project.records import Scan
from core.review.brain_check import brain_notices
from core.review.fitness import learnt, unlike
from core.review.suggest import MIRRORED
from core.review.tidy import USUAL, Ways
from models.brain import predictor_of, tidied
from models.classifying import ClassPredictor, Gate, classify_scan
from models.inference import Predictor
from models.sharding import Shards, leading, share
from models.views import FEWEST, has_three, in_three_views


def predict_job(
    project_path: Path,
    run: str,
    scans: Sequence[str] = (),
    *,
    missing_only: bool = False,
    gate: str = "",
    ways: Ways = USUAL,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Predict scans of a project with one of its runs.

    Under ``torchrun`` each process predicts its share of the scans; the first one yields progress,
    what the others passed over, and the result of all.

    Parameters
    ----------
    run
        Id, name, number, ``last`` or ``best``; or a starter, which the project takes in as a run.
    scans
        Ids or display names; none means all. With ``missing_only`` those that it has predicted are passed over.
    gate
        A run that classifies: slices it calls clean stay empty.
    should_stop
        Any word ends it; what is predicted by then stays.

    Yields
    ------
    JobEvent
        Progress in slices, ``ScanReady``, ``Skipped`` for a scan that could not be read, ``Finished`` with
        ``{"run", "name", "scans", "slices", "seconds"}``; a run that classifies leaves
        :mod:`core.project.class_predictions` instead of masks and adds ``yes``.

    Raises
    ------
    LearningError
        ``run-unknown``, ``run-unusable``, ``model-damaged``; ``run-draws``, ``run-classifies`` for a wrong gate.
    InputError
        ``scan-unknown``.
    Cancelled
        On ``"cancel"``.
    """
    if leading():
        yield Progress(0, 0, "loading-model")
    with Project.open(project_path) as project:
        found = run_of(project, run)
        wanted = _wanted(project, found, scans, missing_only=missing_only)
        shards = Shards(project.predictions_folder, f"predicting-{found.id}")
        work = _work(project, found, sum(scan.shape[0] for scan in share(wanted)), gate, ways)
        odd = unlike(learnt(project, found), wanted)
        if odd and leading():
            yield Notice("run-unlike", {"run": found.name, "count": len(odd), "scans": ", ".join(odd[:5])})
        yield from _with_others(work, share(wanted), shards, should_stop)
        word = should_stop()
        if word == "cancel":
            raise Cancelled
        for name, odd_ones in work.windows.items():
            if leading():
                yield Notice("run-window", {"run": name, "count": len(odd_ones), "scans": ", ".join(odd_ones[:5])})
        result = _result(found, wanted, work, shards.others)
        if word and leading():
            yield Notice("predicting-stopped", {"done": len(result["scans"]), "total": len(wanted)})
        yield Finished(result)


def _wanted(project: Project, run: runs.Run, refs: Sequence[str], *, missing_only: bool) -> list[Scan]:
    """Return the scans that are asked for, perhaps without those that the run has predicted already."""
    scans = [project.scan(ref) for ref in refs] if refs else project.scans()
    there = _predicted(project, run, scans) if missing_only else set()
    return [scan for scan in scans if scan.id not in there]


def _with_others(work: _Work, mine: Sequence[Scan], shards: Shards, should_stop: StopCheck) -> Events:
    """Predict this process's share and put it together with the others'; only the first one tells of it."""
    skipped: list[Skipped] = []
    for event in work.predict_all(mine, should_stop):
        if isinstance(event, Skipped):
            skipped.append(event)
        if leading():
            yield event
    shards.tell({"scans": work.names, "slices": work.predicted, **work.told}, skipped)
    yield from shards.gather(should_stop)


def _work(project: Project, run: runs.Run, total: int, gate: str, ways: Ways) -> _Work:
    """Make ready what predicts with a run, and refuse what does not go together."""
    folder = runs.require_usable(project, run)
    if not run.config.classifies:
        before = Gate(project, gate) if gate else None
        return _MaskWork(project, run, predictor_of(folder, mirrored=ways.mirrored), total, before, ways)
    if gate:
        raise LearningError("run-classifies", name=run.name)
    return _ClassWork(project, run, ClassPredictor(folder, mirrored=ways.mirrored), total)


def _result(run: runs.Run, wanted: Sequence[Scan], work: _Work, others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all processes did, as if one had predicted them all."""
    names = {*work.names, *(name for told in others for name in told["scans"])}
    return {
        "run": run.id,
        "name": run.name,
        "scans": [scan.name for scan in wanted if scan.name in names],
        "slices": work.predicted + sum(told["slices"] for told in others),
        "seconds": round(work.elapsed(), 2),
        **{key: value + sum(told[key] for told in others) for key, value in work.told.items()},
    }


def _predicted(project: Project, run: runs.Run, scans: Sequence[Scan]) -> set[str]:
    """Return the scans that a run has predicted already."""
    if run.config.classifies:
        return {scan.id for scan in scans if read_classes(project, run.id, scan.id) is not None}
    return {record.scan for record in list_predictions(project, run=run.id)}


class _Work(ABC):
    """What a batch of scans has come to."""

    def __init__(self, project: Project, run: runs.Run, total: int) -> None:
        self.project, self.run, self.total = project, run, total
        self.told: dict[str, int] = {"windows": 0}
        self.windows: dict[str, list[str]] = {}
        """Of the run, and of its gate: names of scans in another window than what it learnt from."""
        self.done = self.predicted = 0
        self.names: list[str] = []
        self._started = time.monotonic()

    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def predict_all(self, scans: Sequence[Scan], should_stop: StopCheck) -> Events:
        for scan in scans:
            if should_stop():
                return
            try:
                yield from self.predict(scan, should_stop)
            except Cancelled:
                return
            except MeninxError as error:
                self.done += scan.shape[0]
                yield Skipped(scan.name, error)
                continue
            except MemoryError:
                # one scan too large for this computer does not end the others
                self.done += scan.shape[0]
                yield Skipped(scan.name, LearningError("scan-too-large", scan=scan.name))
                continue
            self.names.append(scan.name)
            yield ScanReady(scan.id)

    @abstractmethod
    def predict(self, scan: Scan, should_stop: StopCheck) -> Events:
        """Predict one scan and store what was found."""

    def _window(self, scan: Scan, names: Sequence[str]) -> None:
        """Remember a scan that is in another window than what the runs of these names learnt from."""
        for name in names:
            self.windows.setdefault(name, []).append(scan.name)
        self.told["windows"] += bool(names)

    def _counted(self, scan: Scan) -> None:
        self.done += scan.shape[0]
        self.predicted += scan.shape[0]

    def _progress(self, inside: int, scan: Scan) -> Progress:
        done = self.done + inside
        rate = (self.predicted + inside) / max(1e-6, self.elapsed())
        left = (self.total - done) / rate if self.predicted + inside else -1.0
        return Progress(done, self.total, "predicting", rate, left, scan.name)


class _MaskWork(_Work):
    """Scans that are drawn on."""

    def __init__(
        self, project: Project, run: runs.Run, predictor: Predictor, total: int, gate: Gate | None, ways: Ways
    ) -> None:
        super().__init__(project, run, total)
        self.predictor, self.gate, self.ways = predictor, gate, ways
        if gate is not None:
            self.told |= {"clean": 0, "emptied": 0}

    def predict(self, scan: Scan, should_stop: StopCheck) -> Events:
        started = time.monotonic()
        yield self._progress(0, scan)
        volume = self.project.read_volume(scan.id)
        probabilities = {}
        three = self.ways.three_views and has_three(volume)
        if self.ways.three_views and not three:
            yield Notice("predict-one-view", {"scan": scan.name, "fewest": FEWEST})
        predict = functools.partial(in_three_views, self.predictor) if three else self.predictor.predict_in_pieces
        for done, found in predict(volume, should_stop):
            yield self._progress(done, scan)
            probabilities = found
        strange = self.predictor.unlearnt(volume)
        masks, check = tidied(probabilities, volume.geometry, self.ways.tidying, strange)
        probabilities = {name: probabilities[name] for name in masks}
        facts = self.ways.facts() | ({"views": 3} if three else {})
        if check is not None:
            facts["brain"] = check.to_json()
            yield from brain_notices(scan.name, check)
        if self.predictor.mirrored_doubt:
            doubts = self.predictor.mirrored_doubt
            facts[MIRRORED] = {name: [round(float(one), 4) for one in doubts[name]] for name in masks}
        if self.gate is not None:
            facts["gate"] = self.gate.close(self.gate.asked(scan, volume, should_stop), masks)
            for key in ("clean", "emptied"):
                self.told[key] += len(facts["gate"][key])
        others = [self.run.name] if self.predictor.other_window(volume) else []
        if self.gate is not None and self.gate.other_window(volume):
            facts["gate"]["other_window"] = True
            others.append(self.gate.run.name)
        self._window(scan, others)
        seconds = time.monotonic() - started
        write_prediction(self.project, self.run.id, scan.id, masks, probabilities, seconds=seconds, facts=facts)
        self._counted(scan)


class _ClassWork(_Work):
    """Scans that are classified."""

    def __init__(self, project: Project, run: runs.Run, predictor: ClassPredictor, total: int) -> None:
        super().__init__(project, run, total)
        self.predictor = predictor
        self.told |= {"yes": 0}

    def predict(self, scan: Scan, should_stop: StopCheck) -> Events:
        yield self._progress(0, scan)
        volume = self.project.read_volume(scan.id)
        for done in classify_scan(self.project, self.run.id, self.predictor, scan, volume, should_stop):
            yield self._progress(done, scan)
        self._window(scan, [self.run.name] if self.predictor.other_window(volume) else [])
        found = read_classes(self.project, self.run.id, scan.id)
        self.told["yes"] += int(found.said.sum()) if found is not None else 0
        self._counted(scan)
