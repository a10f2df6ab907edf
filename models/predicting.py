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
from models.sharding import Shards, leading, share


def predict_job(
    project_path: Path,
    run: str,
    scans: Sequence[str] = (),
    *,
    missing_only: bool = False,
    mirrored: bool = False,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Predict scans of a project with one of its runs.

    Under ``torchrun`` each process predicts its share of the scans; the first one yields progress,
    what the others passed over, and the result of all.

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
    mirrored
        Average each slice with its left-right mirror image: half as fast, a little better.
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
    if leading():
        yield Progress(0, 0, "loading-model")
    with Project.open(project_path) as project:
        found = runs.find_run(project, run)
        folder = runs.require_usable(project, found)
        wanted = [project.scan(ref) for ref in scans] if scans else project.scans()
        if missing_only:
            there = {record.scan for record in list_predictions(project, run=found.id)}
            wanted = [scan for scan in wanted if scan.id not in there]
        shards = Shards(project.predictions_folder, f"predicting-{found.id}")
        mine = share(wanted)
        predictor = Predictor(folder, mirrored=mirrored)
        work = _Work(project, found.id, predictor, sum(scan.shape[0] for scan in mine))
        skipped: list[Skipped] = []
        for event in work.predict_all(mine, should_stop):
            if isinstance(event, Skipped):
                skipped.append(event)
            if shards.rank == 0:
                yield event
        shards.tell({"scans": work.names, "slices": work.predicted}, skipped)
        yield from shards.gather(should_stop)
        names = [*work.names, *(name for told in shards.others for name in told["scans"])]
        word = should_stop()
        if word == "cancel":
            raise Cancelled
        if word and shards.rank == 0:
            yield Notice("predicting-stopped", {"done": len(names), "total": len(wanted)})
        yield Finished(
            {
                "run": found.id,
                "name": found.name,
                # as if one had predicted them all
                "scans": [scan.name for scan in wanted if scan.name in set(names)],
                "slices": work.predicted + sum(told["slices"] for told in shards.others),
                "seconds": round(work.elapsed(), 2),
            }
        )


class _Work:
    """What a batch of scans has come to."""

    def __init__(self, project: Project, run: str, predictor: Predictor, total: int) -> None:
        self.project, self.run, self.predictor, self.total = project, run, predictor, total
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
            self.names.append(scan.name)
            yield ScanReady(scan.id)

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
