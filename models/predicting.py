"""The prediction job: masks for the scans of a project, without torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from core.errors import Cancelled, MeninxError
from core.events import Events, Finished, Notice, Progress, ScanReady, Skipped, StopCheck, never_stop
from core.learning import runs
from core.project.predictions import list_predictions, write_prediction
from core.project.project import Project
from core.project.records import Scan
from models.inference import Predictor, masks_of


def predict_job(
    project_path: Path,
    run: str,
    scans: Sequence[str] = (),
    *,
    missing_only: bool = False,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Predict scans of a project with one of its runs.

    Parameters
    ----------
    project_path
        The project's folder.
    run
        Id, name, number, ``last`` or ``best``.
    scans
        Ids or display names; none means all.
    missing_only
        Pass over scans that this run has predicted already.
    should_stop
        Any word ends it; what is predicted by then stays.

    Yields
    ------
    JobEvent
        Progress in slices, ``ScanReady`` with the id of each stored scan, ``Skipped`` for a scan
        that could not be read, ``Finished`` with ``{"run", "name", "scans", "slices", "seconds"}``.

    Raises
    ------
    LearningError
        ``run-unknown``, ``run-unusable``, ``model-damaged``.
    InputError
        ``scan-unknown``.
    Cancelled
        On ``"cancel"``.
    """
    yield Progress(0, 0, "loading-model")
    with Project.open(project_path) as project:
        found = runs.find_run(project, run)
        folder = runs.require_usable(project, found)
        wanted = [project.scan(ref) for ref in scans] if scans else project.scans()
        if missing_only:
            there = {record.scan for record in list_predictions(project, run=found.id)}
            wanted = [scan for scan in wanted if scan.id not in there]
        predictor = Predictor(folder)
        work = _Work(project, found.id, predictor, sum(scan.shape[0] for scan in wanted))
        done: list[str] = []
        for scan in wanted:
            if should_stop():
                break
            try:
                yield from work.predict(scan, should_stop)
            except Cancelled:
                break
            except MeninxError as error:
                work.done += scan.shape[0]
                yield Skipped(scan.name, error)
                continue
            done.append(scan.name)
            yield ScanReady(scan.id)
        word = should_stop()
        if word == "cancel":
            raise Cancelled
        if word:
            yield Notice("predicting-stopped", {"done": len(done), "total": len(wanted)})
        yield Finished(
            {
                "run": found.id,
                "name": found.name,
                "scans": done,
                "slices": work.predicted,
                "seconds": round(work.elapsed(), 2),
            }
        )


class _Work:
    """What a batch of scans has come to."""

    def __init__(self, project: Project, run: str, predictor: Predictor, total: int) -> None:
        self.project, self.run, self.predictor, self.total = project, run, predictor, total
        self.done = self.predicted = 0
        self._started = time.monotonic()

    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def predict(self, scan: Scan, should_stop: StopCheck) -> Events:
        started = time.monotonic()
        yield self._progress(0, scan)
        volume = self.project.read_volume(scan.id)
        probabilities = {}
        for done, found in self.predictor.predict_in_pieces(volume, should_stop):
            yield self._progress(done, scan)
            probabilities = found
        masks = masks_of(probabilities)
        seconds = time.monotonic() - started
        write_prediction(self.project, self.run, scan.id, masks, probabilities, seconds=seconds)
        self.done += scan.shape[0]
        self.predicted += scan.shape[0]

    def _progress(self, inside: int, scan: Scan) -> Progress:
        done = self.done + inside
        rate = (self.predicted + inside) / max(1e-6, self.elapsed())
        left = (self.total - done) / rate if self.predicted + inside else -1.0
        return Progress(done, self.total, "predicting", rate, left, scan.name)
