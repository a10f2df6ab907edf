"""The training job: reads the project, teaches a network, tells how it goes, leaves a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import Cancelled, LearningError
from core.events import Events, Finished, JobEvent, Notice, Progress, StopCheck, never_stop
from core.learning import runs
from core.learning.class_set import read_class_set
from core.learning.config import TrainingConfig
from core.learning.dataset import read_training_set
from core.learning.events import EpochEnded, RunEnded, SamplesDrawn, Scores, TrainingStarted
from core.learning.run_files import name_with_origin
from core.learning.runs import RunState
from core.learning.split import Part, Split
from core.learning.warnings import keeps_newest
from core.project.project import Project
from core.version import VERSION
from models.checkpoint import load_exporter, read_weights_facts
from models.classified import activation_maps
from models.device import is_out_of_memory, precision_name
from models.distributed import has_batch_norm, join
from models.evaluation import baseline_accuracy, evaluate, predicted_masks, thinned
from models.heeding import GivenUp, heeding
from models.networks.registry import count_parameters
from models.pretrained import require_file
from models.previews import pin_examples
from models.recording import RunRecord, slice_counts, versions
from models.sharding import leading
from models.standing import COUNTS, VALUES, stood
from models.starting import Ready, find_resumable

CPU_CHECKED, GPU_CHECKED = 240, 6000
"""At most so many validation slices are checked per epoch, evenly spread over them."""
HURRIED, HURRIED_AT_ONCE, HURRIED_SECONDS = 16, 2, 0.4
"""When a stop comes before the first epoch is through: at most so many validation slices, so few at a time, so long."""
PREVIEW_SECONDS = 15.0
RESUME_SECONDS = 120.0
"""A crash costs at most about this much training."""
SMOOTH_FROM = 30
"""From so many planned epochs on, the best is chosen by the smoothed validation Dice."""
LEAST_GAIN = 1e-3
"""The smoothed Dice must rise by so much to count as better where patience is short: smoothed, it creeps for ever."""


def train_job(
    project_path: Path,
    config: TrainingConfig | None = None,
    *,
    resume: str = "",
    split: Split | None = None,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Train a network on the finished slices of a project.

    Under ``torchrun`` every process runs this job: together they make the steps that one would make.
    Only the first one writes the run and yields events.

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
        memory short; ``team-lost`` where another process of the training ended.
    Cancelled
        On ``"cancel"``, on any word while the slices are read, and on ``"stop"`` before anything is learnt.
    """
    if leading():
        yield Progress(0, 0, "starting")
    wanted = config.device if config else "auto"
    with Project.open(project_path) as project, join(wanted) as team:
        heard = team.hears(should_stop)
        with team.beginning():
            before = find_resumable(project, resume) if resume else None
            config = before.config if before else config
            if config is None:
                raise LearningError("labels-none")
            config.validate()
            if config.encoder_weights and before is None:
                # before minutes of reading, and not after them
                require_file(Path(config.encoder_weights))
            read = read_class_set if config.classifies else read_training_set
            data = yield from team.only_lead(read(project, config, heard))
            # processes that train together must ask equally often, and a failure may keep one of them from it
            alone = should_stop if team.size == 1 else never_stop
            training = _Training(Ready(project, config, data, before, split, team, alone))
        ended = False
        try:
            with team.at_work(training.record.run.id):
                yield from team.only_lead(training.run_all(heard))
            ended = True
        except Cancelled:
            training.end(RunState.CANCELLED)
            ended = True
            raise
        finally:
            # whatever broke it, the run must not look as if it still went on
            if not ended:
                training.end(RunState.FAILED)


class _Training:
    """One run while it trains."""

    def __init__(self, ready: Ready) -> None:
        self.config, self.data, self.split, self.parts = ready.config, ready.data, ready.split, ready.parts
        self.learner, self.team, self.notices = ready.learner, ready.team, ready.notices
        self.yes_patients, self.label_slices = ready.yes_patients, ready.label_slices
        self.newest = keeps_newest(self.label_slices)
        self.encoder_sha256 = ready.encoder_sha256
        self.parent_name = "-" if ready.parent is None else name_with_origin(ready.project, ready.parent)
        before = ready.before
        self.record = RunRecord(ready.project, ready.team, ready.config, ready.data, ready.split, before)
        self.seconds = before.seconds if before else 0.0
        self.epoch, self.best_epoch, self.best_dice = 0, 0, -1.0
        self.smoothed, self.best_smoothed = -1.0, -1.0
        self.risen, self.risen_epoch, self.glanced = -1.0, 0, False
        self._clock = self._previewed = self._saved = time.monotonic()
        if ready.state is not None:
            self._restore(ready.state)
        self.resumed = ready.state is not None
        on_gpu = self.learner.device.type != "cpu"
        self.checked = thinned(self.parts[Part.VALIDATION], GPU_CHECKED if on_gpu else CPU_CHECKED)
        self.pinned = pin_examples(self.data, self.parts[Part.VALIDATION])

    # the whole way

    def run_all(self, should_stop: StopCheck) -> Events:
        yield from self.notices
        yield from self.record.notices
        yield Progress(0, 0, "probing")
        if not (self.resumed and self.learner.seen):
            # also where a pause came before the first step, and so may have broken the trial off
            self.learner.probe(lambda: self.team.size > 1 or not should_stop())
        load_exporter()
        yield self.record.kept(self._started())
        word = should_stop()
        if word == "stop" and self.learner.updates and not self.best_epoch:
            # paused within its first epoch: what it learnt there is kept, as where Stop comes within it
            word = yield from self._epoch(should_stop)
        while not word and not self._budget_spent():
            word = yield from self._epoch(should_stop)
            if not word and self._tired():
                yield Notice("training-no-better", {"patience": self.config.patience, "epoch": self.best_epoch})
                break
        if word == "cancel" or (word == "stop" and not self.best_epoch):
            # stopped before the first step: there is nothing to keep
            raise Cancelled
        if word == "pause":
            self._save()
            yield from self._close(RunState.PAUSED)
            return
        yield Progress(0, 0, "exporting")
        self.record.export(self.learner, self._model_facts(), self.parts[Part.VALIDATION])
        yield from self._close(RunState.STOPPED if word == "stop" else RunState.DONE)

    def end(self, state: RunState) -> None:
        """Write the run's row for the last time."""
        # again: a crash may have come between the weights and the row
        best = {"best_epoch": self.best_epoch, "best_dice": self.best_dice} if self.best_epoch else {}
        self.record.update(state=state, seconds=self._elapsed(), **best)

    def _epoch(self, should_stop: StopCheck) -> Generator[JobEvent, None, str]:
        """Train and check one epoch (or the rest of it after a resume); return the word that ended it."""
        started = self._elapsed()
        number = self.epoch + 1
        self.learner.begin_epoch(number)
        word, begun = "", False
        # however short the time (a computer may have slept), without a step there is nothing to score
        while self.learner.steps_left() and not word and not (begun and self._out_of_time()):
            yield from self._step(number, should_stop)
            begun = True
            yield self._progress(number)
            word = should_stop()
            if not word:
                # nobody waits
                if self._preview_due():
                    yield self.record.kept(self._preview(number))
                self._save_now_and_then()
        if word in {"pause", "cancel"} or (word == "stop" and (self.best_epoch or not self.learner.updates)):
            # half an epoch is not an epoch: the best so far stands
            return word
        train = self.learner.tally.gathered(self.team).scores()
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
            yield self.record.kept(self._preview(number))
        yield self.record.kept(self._ended_epoch(number, train, validation, started))
        word = word or should_stop()
        if not word:
            self._save_now_and_then()
        return word

    # pieces

    def _heeding(self, network: nn.Module, should_stop: StopCheck) -> AbstractContextManager[None]:
        """Let passes through a network be broken off by Stop and Cancel (a pause comes back to the whole step)."""
        if self.team.size > 1 or self.learner.device.type != "cpu":
            # the others would wait for this one's part; a graphics card has done a step before anybody could stop it
            return nullcontext()
        return heeding(network, lambda: should_stop() in {"stop", "cancel"})

    def _step(self, number: int, should_stop: StopCheck) -> Events:
        """Make one step, with less at a time as long as the memory is short; none if it is broken off."""
        done = self.team.agreed(self._done_part(number))
        while True:
            try:
                with self._heeding(self.learner.network, should_stop):
                    self.learner.step(done)
            except GivenUp:
                return
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # beyond this block: the error's frames hold the memory of the step
                short = error.with_traceback(None)
            else:
                return
            yield self._spare(short)

    def _spare(self, error: BaseException) -> Notice:
        """Need less memory from now on, and say how."""
        device, batch = self.learner.device.type, self.learner.batch
        way = self.learner.save_memory()
        if not way:
            raise LearningError("device-memory-short", device=device) from error
        if way == "cpu":
            return Notice("training-on-cpu", {"device": device})
        key = "training-small-batch-norm" if has_batch_norm(self.learner.network) else "training-small-batch"
        return Notice(key, {"at_once": self.learner.at_once, "batch": batch})

    def _check(self, word: str, should_stop: StopCheck) -> Generator[JobEvent, None, tuple[Scores | None, str]]:
        """Score the average weights on validation; return None for the scores if it was ended before.

        Whoever presses Stop waits for this: with a best of an earlier epoch it ends at
        once, and without one a few slices must do, as there is nothing to choose between. A run that is paused
        checks its epoch when it goes on.
        """
        if not word:
            checking = self._evaluation(self.checked, should_stop)
            try:
                while not word:
                    yield next(checking)
                    word = should_stop()
            except StopIteration as done:
                return done.value, ""
            except GivenUp:
                word = should_stop()
        if word in {"pause", "cancel"} or self.best_epoch:
            return None, word
        return (yield from self._glance()), word

    def _glance(self) -> Generator[JobEvent, None, Scores]:
        """Score a few validation slices, among them some with the label, for half a second."""
        few = np.array(list(dict.fromkeys([*self.pinned, *thinned(self.checked, HURRIED)])), dtype=np.int64)
        started, most = time.monotonic(), max(HURRIED_AT_ONCE, self.team.size)
        scores: Scores = yield from self._evaluation(
            few, most=most, enough=lambda: self.team.agreed(time.monotonic() - started) >= HURRIED_SECONDS
        )
        self.glanced = True
        yield Notice("training-glanced")
        return scores

    def _evaluation(
        self,
        examples: NDArray[np.int64],
        should_stop: StopCheck = never_stop,
        *,
        most: int = 0,
        enough: Callable[[], bool] = lambda: False,
    ) -> Generator[JobEvent, None, Scores]:
        """Score the average weights; from the start again, with less at a time, where the memory is short."""
        learner = self.learner
        while True:
            checking = evaluate(
                learner.average,
                self.data,
                examples,
                learner.loss,
                batch=most or learner.batch,
                at_once=learner.at_once,
                device=learner.device,
                precision=learner.precision,
                team=self.team,
                enough=enough,
            )
            try:
                with self._heeding(learner.average, should_stop):
                    return (yield from checking)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                short = error.with_traceback(None)
            yield self._spare(short)

    def _judge(self, number: int, validation: Scores) -> None:
        """Keep the weights if the validation (Dice, or the AUC of a class) says so, or too few slices check to say."""
        self.epoch = number
        # nnU-Net's smoothing: one lucky epoch of many does not decide
        merit = validation.merit
        self.smoothed = 0.9 * self.smoothed + 0.1 * merit if self.smoothed >= 0 else merit
        if self.smoothed > self.risen + LEAST_GAIN:
            self.risen, self.risen_epoch = self.smoothed, number
        smooth = self.config.minutes <= 0 and self.config.epochs >= SMOOTH_FROM
        value = self.smoothed if smooth else merit
        if self.config.classifies:
            # an AUC is soon as good as it can be: among equals, who is surer of what is right
            value = round(value, 4) - 1e-5 * min(validation.loss, 5.0)
        if self.newest:
            value = float(number)
        if value > self.best_smoothed:
            facts = {"best_epoch": number, "best_dice": merit, "best_smoothed": value, "newest": self.newest}
            if self.glanced:
                # should it go on after all, this is not what whole epochs must exceed
                facts["best_smoothed"] = -1.0
            self.record.save_weights(self.learner.average, facts)
            # where the disk was full, the weights of before stand, with their figures
            self.best_smoothed, self.best_dice, self.best_epoch = value, merit, number

    def _tired(self) -> bool:
        """Whether the validation Dice has not risen for as long as the settings are patient; few slices cannot tell."""
        return not self.newest and 0 < self.config.patience <= self.epoch - self.risen_epoch

    def _ended_epoch(self, number: int, train: Scores, validation: Scores, started: float) -> EpochEnded:
        self.record.update(best_epoch=self.best_epoch, best_dice=self.best_dice, seconds=self._elapsed())
        return EpochEnded(
            run=self.record.run.id,
            epoch=number,
            epochs=self._planned(),
            train=train,
            validation=validation,
            best_epoch=self.best_epoch,
            best_dice=self.best_dice,
            seconds=self._elapsed() - started,
            learning_rate=self.learner.rate,
        )

    def _preview_due(self) -> bool:
        return self.team.lead and bool(self.pinned.size) and time.monotonic() - self._previewed > PREVIEW_SECONDS

    def _preview(self, number: int) -> JobEvent:
        if not self.team.lead:
            return Progress(0, 0, "validating")
        learner = self.learner
        show: Callable[..., Iterable[NDArray[Any]]] = activation_maps if self.config.classifies else predicted_masks
        masks = list(show(learner.average, self.data, self.pinned, learner.device, learner.precision))
        self._previewed = time.monotonic()
        return SamplesDrawn(self.record.run.id, number, self.record.draw(number, self.data, self.pinned, masks))

    def _close(self, state: RunState) -> Events:
        run = self.record.run
        # the last of its events: what ends a run seals them
        ended = self.record.kept(RunEnded(run.id, state.value, self.best_epoch, max(0.0, self.best_dice)))
        self.end(state)
        yield ended
        yield Finished(
            {
                "run": run.id,
                "name": run.name,
                "state": state.value,
                "epochs": max(self.epoch, self.best_epoch),
                "best_epoch": self.best_epoch,
                "best_dice": round(max(0.0, self.best_dice), 6),
                "seconds": round(self._elapsed(), 2),
                "device": self.learner.device.type,
                "task": self.config.task,
                "leaky": self.split.leaky,
                "processes": self.team.size,
            }
        )

    def _model_facts(self) -> dict[str, Any]:
        run = self.record.run
        return {
            "version": VERSION,
            "run": run.id,
            "name": run.name,
            "created": run.created,
            "labels": list(self.config.labels),
            "task": self.config.task,
            "class_name": self.config.class_name,
            "network": self.config.network,
            "parameters": count_parameters(self.learner.network),
            "parent": self.config.parent or "-",
            "parent_name": self.parent_name,
            "held": round(self.learner.held, 4),
            "encoder_sha256": self.encoder_sha256,
            "mirror": self.config.mirror,
            "device": self.learner.device.type,
            "precision": precision_name(self.learner.precision),
            "processes": self.team.size,
            "torch": str(torch.__version__),
            "versions": versions(),
            "epochs": max(self.epoch, self.best_epoch),
            "best_epoch": self.best_epoch,
            "best_dice": round(self.best_dice, 6),
            "scans": len(self.data.scans),
            "slices": slice_counts(self.parts),
            "baseline_accuracy": round(baseline_accuracy(self.data, self.parts[Part.VALIDATION]), 6),
            "leaky": list(self.split.reasons),
            "grey_levels": None if self.data.usual is None else self.data.usual.to_json(),
        }

    def _started(self) -> TrainingStarted:
        counts = slice_counts(self.parts)
        return TrainingStarted(
            run=self.record.run.id,
            name=self.record.run.name,
            network=self.config.network,
            parameters=count_parameters(self.learner.network),
            device=self.learner.device.type,
            precision=precision_name(self.learner.precision),
            epochs=self._planned(),
            scans=len(self.data.scans),
            slices=len(self.data),
            train=counts["train"],
            validation=counts["validation"],
            test=counts["test"],
            baseline_accuracy=baseline_accuracy(self.data, self.checked),
            leaky=self.split.leaky,
            epoch=self.epoch,
            yes_patients=self.yes_patients,
            label_slices=self.label_slices,
        )

    # time

    def _elapsed(self) -> float:
        now = time.monotonic()
        self.seconds += now - self._clock
        self._clock = now
        return self.seconds

    def _planned(self) -> int:
        return 0 if self.config.minutes > 0 else self.config.epochs

    def _out_of_time(self) -> bool:
        return self.config.minutes > 0 and self.team.agreed(self._elapsed()) >= self.config.minutes * 60

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
        if self.team.agreed(time.monotonic() - self._saved) > RESUME_SECONDS:
            self._save()

    def _save(self) -> None:
        state: dict[str, Any] = {name: getattr(self, name) for name in (*COUNTS, *VALUES, "newest")}
        state |= {"seconds": self._elapsed(), "encoder_sha256": self.encoder_sha256}
        self.record.save_resume({**state, "learner": self.learner.state()})
        self._saved = time.monotonic()

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            best = read_weights_facts(self.record.folder)
            for name, value in stood(state, best, newest=self.newest).items():
                setattr(self, name, value)
            self.learner.restore(state["learner"])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            self.record.update(state=RunState.FAILED)
            raise LearningError("model-damaged", file=self.record.folder / runs.RESUME_FILE) from error
