"""One run as the page shows it: folded from its events, live or from ``events.jsonl``."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.events import Failed, JobEvent, Notice, Progress, WasCancelled
from core.learning.config import CLASSIFIERS
from core.learning.events import EpochEnded, RunEnded, Sample, SamplesDrawn, TrainingStarted
from core.learning.warnings import cautions
from core.messages import numeral, sentence, text
from core.review.curves import RunCurves
from gui.jobs.jobs import time_left

_FAULTS = ("training-letters", "training-window", "training-other-window")
"""Notices that stay to be read while the curves are looked at."""


@dataclass
class RunWatch:
    """What is known of one run.

    Parameters
    ----------
    run
        Id, ``""`` until the child says it.
    started
        Its first event, None before.
    epochs
        Ended epochs in order.
    samples
        Newest pictures of the pinned validation slices.
    progress, overall
        Newest progress while it runs, of whatever stage; and the newest of the training as a whole.
    state
        ``waiting running``, or the last word: a run state, ``failed``, ``cancelled``.
    words
        Why it failed, or what else must be said.
    notices, faults
        What was said on the way; of it, what is wrong with the pictures.
    reasons
        Why its numbers may flatter, from its split; empty until that is read.
    checking
        How many patients its validation has; None until that is known.
    asks_class
        Yes or no of a class was asked for; once it has started, its network tells.
    """

    run: str = ""
    started: TrainingStarted | None = None
    epochs: list[EpochEnded] = field(default_factory=list)
    samples: tuple[Sample, ...] = ()
    samples_epoch: int = 0
    progress: Progress | None = None
    overall: Progress | None = None
    state: str = "waiting"
    words: str = ""
    notices: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    reasons: tuple[str, ...] = ()
    checking: int | None = None
    asks_class: bool = False

    def fold(self, event: JobEvent) -> None:
        """Take one event in."""
        match event:
            case TrainingStarted():
                self.started, self.run, self.state = event, event.run, "running"
            case EpochEnded():
                self.epochs = [old for old in self.epochs if old.epoch < event.epoch]
                self.epochs.append(event)
            case SamplesDrawn():
                self.samples, self.samples_epoch = event.pictures, event.epoch
            case Progress():
                self.progress = event
                if event.stage == "training":
                    self.overall = event
            case RunEnded():
                self.state = event.state
            case Notice():
                words = text(f"notices.{event.key}", **event.fields)
                self.notices.append(words)
                if event.key in _FAULTS:
                    self.faults.append(words)
            case Failed():
                self.state, self.words = "failed", sentence(event.error)
            case WasCancelled():
                self.state = "cancelled"
            case _:
                pass

    def going_on(self) -> RunWatch:
        """Return the same run as it goes on: with its curves and pictures from before."""
        return RunWatch(
            self.run,
            epochs=list(self.epochs),
            samples=self.samples,
            samples_epoch=self.samples_epoch,
            asks_class=self.classifies,
        )

    @property
    def curves(self) -> RunCurves:
        """What its curves are drawn from."""
        name = self.started.name if self.started is not None else ""
        return RunCurves(name, self.started, tuple(self.epochs), self.reasons)

    @property
    def stamp(self) -> str:
        """Why its numbers may flatter, in words; empty where nothing speaks against them."""
        return self.curves.stamp

    @property
    def cautions(self) -> list[str]:
        """What is wrong with its pictures, and what its curves say, in plain words."""
        if not self.epochs:
            return list(self.faults)
        return self.faults + [
            one.words for one in cautions(self.started, self.epochs, validation_patients=self.checking)
        ]

    @property
    def classifies(self) -> bool:
        """Whether it learns yes or no of a class."""
        return self.started.network in CLASSIFIERS if self.started is not None else self.asks_class

    @property
    def baseline(self) -> float | None:
        """Accuracy of an answer that needs no learning, None until that is known."""
        return self.started.baseline_accuracy if self.started is not None else None

    @property
    def last(self) -> EpochEnded | None:
        """The epoch that ended last."""
        return self.epochs[-1] if self.epochs else None

    @property
    def fraction(self) -> float:
        """Part done, 0..1: by epochs where they are counted, else by the progress sent."""
        progress = self.overall if self.started is not None else self.progress
        if progress is not None and progress.total > 0:
            return min(1.0, progress.done / progress.total)
        last = self.last
        if last is not None and last.epochs:
            return last.epoch / last.epochs
        return 0.0

    def facts(self) -> str:
        """Return the line beside the name: network, parameters, scans, split."""
        event = self.started
        if event is None:
            return ""
        parts = [
            network_words(event.network),
            text("train.parameters", count=numeral(event.parameters / 1e6, ".1f")),
            f"{counted('scan', event.scans)}, {counted('slice', event.slices)}",
            text(
                "train.split_counts",
                train=grouped(event.train),
                validation=grouped(event.validation),
                test=grouped(event.test),
            ),
        ]
        return " · ".join(parts)

    def line(self) -> str:
        """Return the line below the bar: epoch, rate, device, time left, best so far."""
        parts: list[str] = []
        last, progress, started = self.last, self.overall, self.started
        if self.state == "running":
            epoch = (last.epoch if last else started.epoch if started else 0) + 1
            planned = (last.epochs if last else 0) or (started.epochs if started else 0)
            if planned:
                parts.append(text("jobs.epoch", epoch=min(epoch, planned), epochs=planned))
            else:
                parts.append(text("train.epoch_alone", epoch=epoch))
            between = self.progress is not None and self.progress.stage != "training"
            if self.progress is not None and between:
                parts.append(text(f"stages.{self.progress.stage}"))
            elif progress is not None and progress.rate > 0:
                parts.append(text("train.rate", rate=grouped(progress.rate)))
        elif last is not None:
            parts.append(text("train.epochs_done" if last.epoch > 1 else "train.epoch_done", epochs=last.epoch))
        if started is not None:
            parts.append(device_words(started.device))
        if self.state == "running" and progress is not None and progress.seconds_left >= 0:
            parts.append(time_left(progress.seconds_left))
        if last is not None and last.best_epoch > 0:
            kind = "_class" if self.classifies else ""
            best = f"train.best_so_far{kind}" if self.state == "running" else f"train.best{kind}"
            parts.append(
                text(
                    "train.kept" if self.curves.newest else best,
                    epoch=last.best_epoch,
                    dice=numeral(last.best_dice, ".4f"),
                )
            )
        return "  ·  ".join(parts)


def network_words(name: str) -> str:
    """Return a network's name for people."""
    return text(f"train.network_{name}")


def device_words(device: str) -> str:
    """Return a device's name for people (``cuda:0`` is ``cuda``)."""
    kind = device.partition(":")[0]
    return text(f"train.device_{kind}") if kind in ("cpu", "cuda", "mps") else device


def grouped(amount: float) -> str:
    """Write a count with thin groups of three: ``1 180``."""
    return numeral(amount, ",.0f" if amount >= 10 or amount == int(amount) else ".1f")


def counted(what: str, amount: int) -> str:
    """Write a count with its noun: ``1 scan``, ``34 scans``; ``what`` is a key ending of ``train.count_``."""
    return text(f"train.count_{what}" if amount == 1 else f"train.count_{what}s", count=grouped(amount))


def clock(seconds: float) -> str:
    """Write a duration as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
