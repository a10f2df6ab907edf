"""The training job: reads the project, teaches a network, tells how it goes, leaves a run."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import Cancelled, LearningError, MeninxError
from core.events import Events, Finished, JobEvent, Notice, Progress, StopCheck, never_stop
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.dataset import TrainingSet, read_training_set
from core.learning.events import EpochEnded, RunEnded, SamplesDrawn, Scores, TrainingStarted
from core.learning.runs import EventLog, Pin, Run, RunState
from core.learning.split import Part, Split, make_split, mark_ancestors
from core.project.project import Project
from core.version import VERSION
from models import checkpoint
from models.device import is_out_of_memory
from models.evaluation import baseline_accuracy, evaluate, predicted_masks, thinned
from models.learner import Learner
from models.networks.registry import count_parameters
from models.previews import draw_samples, pin_examples

CPU_CHECKED, GPU_CHECKED = 240, 6000
"""At most so many validation slices are checked per epoch, evenly spread over them."""
HURRIED = 16
"""Validation slices looked at when a stop comes before the first epoch is through."""
PREVIEW_SECONDS = 15.0
RESUME_SECONDS = 120.0
"""A crash costs at most about this much training."""
SMOOTH_FROM = 30
"""From so many planned epochs on, the best is chosen by the smoothed validation Dice."""


def train_job(
    project_path: Path,
    config: TrainingConfig | None = None,
    *,
    resume: str = "",
    split: Split | None = None,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Train a network on the finished slices of a project.

    Parameters
    ----------
    project_path
        The project's folder. It is opened beside a window that draws in it: only runs are written.
    config
        The settings of a new run.
    resume
        Instead: a paused or interrupted run to go on with (id, name, number, ``last``).
    split
        Who trains, checks and tests; None deals the patients by the settings.
    should_stop
        ``"stop"`` keeps the best, ``"pause"`` leaves what resumes, ``"cancel"`` just ends.

    Yields
    ------
    JobEvent
        Progress, notices, the events of :mod:`core.learning.events`, and ``Finished`` with
        ``{"run", "name", "state", "best_epoch", "best_dice", "epochs", "seconds"}``.

    Raises
    ------
    LearningError
        If there is nothing to learn from, a setting is bad, the device is missing or its
        memory short.
    Cancelled
        On ``"cancel"``, or on any word before the first step.
    """
    yield Progress(0, 0, "starting")
    with Project.open(project_path) as project:
        before = _resumable(project, resume) if resume else None
        config = before.config if before else config
        if config is None:
            raise LearningError("labels-none")
        config.validate()
        data = yield from read_training_set(project, config, should_stop)
        training = _Training(project, config, data, before, split)
        ended = False
        try:
            yield from training.run_all(should_stop)
            ended = True
        except Cancelled:
            training.end(RunState.CANCELLED)
            ended = True
            raise
        finally:
            # whatever broke it, the run must not look as if it still went on
            if not ended:
                training.end(RunState.FAILED)


def _resumable(project: Project, ref: str) -> Run:
    run = runs.find_run(project, ref)
    if not run.resumable:
        raise LearningError("run-not-resumable", name=run.name, state=run.state.value)
    return run


class _Training:
    """One run while it trains."""

    def __init__(
        self, project: Project, config: TrainingConfig, data: TrainingSet, before: Run | None, split: Split | None
    ) -> None:
        self.project, self.config, self.data = project, config, data
        self.parent = runs.find_run(project, config.parent) if config.parent else None
        self.split = (
            Split.from_json(runs.read_split_file(project, before.id))
            if before
            else split or _split(project, config, data)
        )
        self.parts = _examples(data, self.split)
        if not len(self.parts[Part.TRAIN]) or not len(self.parts[Part.VALIDATION]):
            raise LearningError("finished-few", labels=", ".join(config.labels))
        # everything that can be refused is refused before the run is there
        self.learner = Learner(config, data, self.parts[Part.TRAIN])
        self.notices: list[Notice] = [Notice(f"training-leaky-{reason}") for reason in self.split.reasons]
        if self.parent is not None:
            weights = checkpoint.read_weights(runs.require_usable(project, self.parent))
            if self.learner.start_from(weights, self.parent):
                self.notices.append(Notice("training-parent-heads"))
        self.run = before or runs.create_run(project, config, scans=len(data.scans), slices=len(data))
        self.folder = runs.run_folder(project, self.run.id)
        self._register(resumed=before is not None)
        self.log = EventLog(project, self.run.id)
        self.colors = [project.labels().named(name).color for name in data.labels]
        self.seconds = before.seconds if before else 0.0
        self.epoch, self.best_epoch, self.best_dice = 0, 0, -1.0
        self.smoothed, self.best_smoothed = -1.0, -1.0
        self._clock = self._previewed = self._saved = time.monotonic()
        if before:
            self._restore(checkpoint.read_resume(self.folder, self.learner.device))
        on_gpu = self.learner.device.type != "cpu"
        self.checked = thinned(self.parts[Part.VALIDATION], GPU_CHECKED if on_gpu else CPU_CHECKED)
        self.pinned = pin_examples(data, self.parts[Part.VALIDATION])

    # the whole way

    def run_all(self, should_stop: StopCheck) -> Events:
        yield from self.notices
        yield Progress(0, 0, "probing")
        self.learner.probe()
        yield self._kept(self._started())
        word = ""
        while not word and not self._budget_spent():
            try:
                word = yield from self._epoch(should_stop)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                yield Notice("training-small-batch", {"batch": self._smaller_batch(error)})
        if word == "cancel":
            raise Cancelled
        if word == "pause":
            yield from self._pause()
            return
        yield Progress(0, 0, "exporting")
        self._export()
        yield from self._close(RunState.STOPPED if word == "stop" else RunState.DONE)

    def end(self, state: RunState) -> None:
        """Write the run's row for the last time."""
        runs.update_run(self.project, self.run.id, state=state, seconds=self._elapsed())

    def _epoch(self, should_stop: StopCheck) -> Generator[JobEvent, None, str]:
        """Train and check one epoch (or the rest of it after a resume); return the word that ended it."""
        started = self._elapsed()
        number = self.epoch + 1
        self.learner.begin_epoch(number)
        word = ""
        while self.learner.steps_left() and not word and not self._out_of_time():
            self.learner.step(self._done_part(number))
            yield self._progress(number)
            if self.pinned.size and time.monotonic() - self._previewed > PREVIEW_SECONDS:
                yield self._kept(self._preview(number))
            word = should_stop()
        if word in {"pause", "cancel"} or (word == "stop" and self.best_epoch):
            # half an epoch is not an epoch: the best so far stands
            return word
        train = self.learner.tally.scores()
        if not np.isfinite(train.loss):
            if not self.best_epoch:
                raise LearningError("loss-diverged", epoch=number)
            yield Notice("training-diverged", {"epoch": number})
            return "stop"
        validation, word = yield from self._check(word, should_stop)
        if validation is None:
            return word
        self._judge(number, validation)
        if not word:
            yield self._kept(self._preview(number))
        yield self._kept(self._ended_epoch(number, train, validation, started))
        self._save_now_and_then()
        return word or should_stop()

    # pieces

    def _check(self, word: str, should_stop: StopCheck) -> Generator[JobEvent, None, tuple[Scores | None, str]]:
        """Score the average weights on validation; return None for the scores if it was ended before.

        Whoever presses Stop waits for this: with a best of an earlier epoch it ends at
        once, and without one a few slices must do, as there is nothing to choose between.
        """
        if not word:
            checking = self._evaluation(self.checked)
            while True:
                try:
                    yield next(checking)
                except StopIteration as done:
                    return done.value, ""
                word = should_stop()
                if word in {"stop", "cancel"}:
                    checking.close()
                    break
        if word == "cancel" or self.best_epoch:
            return None, word
        return (yield from self._evaluation(thinned(self.checked, HURRIED))), word

    def _evaluation(self, examples: NDArray[np.int64]) -> Generator[JobEvent, None, Scores]:
        learner = self.learner
        return evaluate(
            learner.average,
            self.data,
            examples,
            learner.loss,
            batch=learner.batch,
            device=learner.device,
            precision=learner.precision,
        )

    def _judge(self, number: int, validation: Scores) -> None:
        """Keep the weights if validation Dice says that they are the best so far."""
        self.epoch = number
        # nnU-Net's smoothing: one lucky epoch of many does not decide
        self.smoothed = 0.9 * self.smoothed + 0.1 * validation.dice if self.smoothed >= 0 else validation.dice
        smooth = self.config.minutes <= 0 and self.config.epochs >= SMOOTH_FROM
        value = self.smoothed if smooth else validation.dice
        if value > self.best_smoothed:
            self.best_smoothed, self.best_dice, self.best_epoch = value, validation.dice, number
            checkpoint.save_weights(self.folder, self.learner.average)

    def _ended_epoch(self, number: int, train: Scores, validation: Scores, started: float) -> EpochEnded:
        runs.update_run(
            self.project, self.run.id, best_epoch=self.best_epoch, best_dice=self.best_dice, seconds=self._elapsed()
        )
        return EpochEnded(
            run=self.run.id,
            epoch=number,
            epochs=self._planned(),
            train=train,
            validation=validation,
            best_epoch=self.best_epoch,
            best_dice=self.best_dice,
            seconds=self._elapsed() - started,
            learning_rate=self.learner.rate,
        )

    def _preview(self, number: int) -> SamplesDrawn:
        learner = self.learner
        masks = list(predicted_masks(learner.average, self.data, self.pinned, learner.device, learner.precision))
        samples = draw_samples(self.folder, number, self.data, self.pinned, masks, self.colors)
        self._previewed = time.monotonic()
        return SamplesDrawn(self.run.id, number, samples)

    def _pause(self) -> Events:
        self._save()
        yield from self._close(RunState.PAUSED)

    def _close(self, state: RunState) -> Events:
        self.end(state)
        yield self._kept(RunEnded(self.run.id, state.value, self.best_epoch, max(0.0, self.best_dice)))
        yield Finished(
            {
                "run": self.run.id,
                "name": self.run.name,
                "state": state.value,
                "epochs": self.epoch,
                "best_epoch": self.best_epoch,
                "best_dice": round(max(0.0, self.best_dice), 6),
                "seconds": round(self._elapsed(), 2),
                "device": self.learner.device.type,
                "leaky": self.split.leaky,
            }
        )

    def _export(self) -> None:
        network = self.learner.fresh_network()
        if checkpoint.load_matching(network, checkpoint.read_weights(self.folder)):
            raise LearningError("model-damaged", file=self.folder / runs.WEIGHTS_FILE)
        facts = self._model_facts()
        difference = checkpoint.export_model(self.folder, network, self.learner.preparation, facts)
        checkpoint.write_card(self.folder, {**facts, "difference": f"{difference:.1e}"})
        # a finished run is not resumed: a child run goes on from its weights
        (self.folder / runs.RESUME_FILE).unlink(missing_ok=True)

    def _model_facts(self) -> dict[str, Any]:
        counts = {part.value: len(self.parts[part]) for part in Part}
        return {
            "version": VERSION,
            "run": self.run.id,
            "name": self.run.name,
            "created": self.run.created,
            "labels": list(self.data.labels),
            "network": self.config.network,
            "parameters": count_parameters(self.learner.network),
            "parent": self.config.parent or "-",
            "device": self.learner.device.type,
            "precision": str(self.learner.precision).removeprefix("torch."),
            "torch": str(torch.__version__),
            "epochs": self.epoch,
            "best_epoch": self.best_epoch,
            "best_dice": round(self.best_dice, 6),
            "scans": len(self.data.scans),
            "slices": counts,
            "baseline_accuracy": round(baseline_accuracy(self.data, self.parts[Part.VALIDATION]), 6),
            "leaky": list(self.split.reasons),
        }

    def _register(self, *, resumed: bool) -> None:
        """Write down what the run learns from."""
        if resumed:
            runs.mark_alive(self.project, self.run.id)
            runs.update_run(self.project, self.run.id, state=RunState.RUNNING)
            return
        runs.write_split(self.project, self.run.id, self.split.to_json())
        listed = runs.read_split(self.project, self.run.id)
        scans = {scan.id: scan for scan in self.data.scans}
        pins = {
            scan: Pin(scan, part, scans[scan].sha256, self.data.pins.get(scan, {}))
            # train last: a scan that stands in two parts was trained on
            for part in ("test", "validation", "train")
            for scan in listed[part]
        }
        runs.pin_scans(self.project, self.run.id, list(pins.values()))

    def _started(self) -> TrainingStarted:
        return TrainingStarted(
            run=self.run.id,
            name=self.run.name,
            network=self.config.network,
            parameters=count_parameters(self.learner.network),
            device=self.learner.device.type,
            precision=str(self.learner.precision).removeprefix("torch."),
            epochs=self._planned(),
            scans=len(self.data.scans),
            slices=len(self.data),
            train=len(self.parts[Part.TRAIN]),
            validation=len(self.parts[Part.VALIDATION]),
            test=len(self.parts[Part.TEST]),
            baseline_accuracy=baseline_accuracy(self.data, self.checked),
            leaky=self.split.leaky,
            epoch=self.epoch,
        )

    def _smaller_batch(self, error: BaseException) -> int:
        if self.learner.batch <= 1:
            raise LearningError("device-memory-short", device=self.learner.device.type) from error
        self.learner.set_batch(self.learner.batch // 2)
        return self.learner.batch

    def _kept(self, event: JobEvent) -> JobEvent:
        self.log.append(event)
        return event

    # time

    def _elapsed(self) -> float:
        now = time.monotonic()
        self.seconds += now - self._clock
        self._clock = now
        return self.seconds

    def _planned(self) -> int:
        return 0 if self.config.minutes > 0 else self.config.epochs

    def _out_of_time(self) -> bool:
        return self.config.minutes > 0 and self._elapsed() >= self.config.minutes * 60

    def _budget_spent(self) -> bool:
        if self.config.minutes > 0:
            # at least one epoch is judged, however short the time
            return self.epoch > 0 and self._out_of_time()
        return self.epoch >= self.config.epochs

    def _done_part(self, number: int) -> float:
        """Part of the whole training that is behind, 0..1."""
        if self.config.minutes > 0:
            return min(1.0, self._elapsed() / (self.config.minutes * 60))
        return min(1.0, (number - 1 + self.learner.position / self.learner.steps) / self.config.epochs)

    def _progress(self, number: int) -> Progress:
        part = max(1e-6, self._done_part(number))
        seconds = self._elapsed()
        done = self.learner.seen
        total = max(done, round(done / part))
        left = seconds * (1 - part) / part
        where = f"{number}/{self._planned()}" if self._planned() else str(number)
        return Progress(done, total, "training", self.learner.speed, left, where)

    # resuming

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved > RESUME_SECONDS:
            self._save()

    def _save(self) -> None:
        own = ("epoch", "best_epoch", "best_dice", "smoothed", "best_smoothed")
        state: dict[str, Any] = {name: getattr(self, name) for name in own}
        checkpoint.save_resume(self.folder, {**state, "seconds": self._elapsed(), "learner": self.learner.state()})
        self._saved = time.monotonic()

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            for name in ("epoch", "best_epoch"):
                setattr(self, name, int(state[name]))
            for name in ("best_dice", "smoothed", "best_smoothed", "seconds"):
                setattr(self, name, float(state[name]))
            self.learner.restore(state["learner"])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise LearningError("model-damaged", file=self.folder / runs.RESUME_FILE) from error


def _split(project: Project, config: TrainingConfig, data: TrainingSet) -> Split:
    """Split the data; who an ancestor trained on stays on the training side."""
    inherited: dict[str, Part] = {}
    trained: set[str] = set()
    patient_of = {scan.id: scan.patient for scan in data.scans}
    parent = runs.find_run(project, config.parent) if config.parent else None
    for ancestor in reversed(runs.ancestors(project, parent.id if parent else None)):
        try:
            parts = runs.read_split(project, ancestor.id)
        except MeninxError:
            continue  # an ancestor whose folder was taken away: its pins still count below
        for part in (Part.TEST, Part.VALIDATION, Part.TRAIN):
            inherited |= {patient_of[scan]: part for scan in parts[part.value] if scan in patient_of}
    for ancestor in runs.ancestors(project, parent.id if parent else None):
        trained |= {pin.scan for pin in runs.read_pins(project, ancestor.id) if pin.part == Part.TRAIN}
    split = make_split(
        data.candidates(),
        seed=config.seed,
        validation=config.validation_fraction,
        test=config.test_fraction,
        inherited=inherited,
    )
    return mark_ancestors(split, trained)


def _examples(data: TrainingSet, split: Split) -> dict[Part, NDArray[np.int64]]:
    """Return the example numbers of each part; scans that came after the split belong to none."""
    found: dict[Part, list[int]] = {part: [] for part in Part}
    for example in range(len(data)):
        scan = data.scans[int(data.scan_of[example])].id
        try:
            found[split.part_of(scan, int(data.slice_of[example]))].append(example)
        except (KeyError, StopIteration):
            continue
    return {part: np.array(examples, dtype=np.int64) for part, examples in found.items()}
