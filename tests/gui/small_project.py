"""A small phantom project, past runs and predictions on disk, and jobs told by hand."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QObject, Signal

from core.events import JobEvent
from core.ids import new_id
from core.io import atomic
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded, RunEnded, Sample, SamplesDrawn, Scores, TrainingStarted
from core.learning.runs import EventLog, Run, RunState, create_run, find_run, run_folder, update_run
from core.phantom import Phantom, make_head
from core.project.predictions import write_prediction
from core.project.project import Project
from core.project.records import Origin, SliceState
from gui.session import Session
from models.worker import Job

READER = "reader-a"
SHAPE = (12, 72, 64)


class Scripted(QObject):
    """In place of a job's thread: says what the test tells it to."""

    said = Signal(object, object)
    ended = Signal(object)

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job_id = new_id()
        self.job = job
        self.orders: list[str] = []

    def start(self) -> None:
        self.orders.append("start")

    def stop(self) -> None:
        self.orders.append("stop")

    def pause(self) -> None:
        self.orders.append("pause")

    def cancel(self) -> None:
        self.orders.append("cancel")

    def close(self, seconds: float) -> bool:
        self.orders.append("close")
        return True

    def forget(self) -> None:
        self.deleteLater()

    def say(self, *events: JobEvent) -> None:
        for event in events:
            self.said.emit(self.job_id, event)

    def end(self, last: JobEvent) -> None:
        self.say(last)
        self.ended.emit(self.job_id)


@functools.cache
def head_of(seed: int, shape: tuple[int, int, int], lesion: bool) -> Phantom:
    """Return a phantom; the same one is not made twice."""
    return make_head(seed, shape=shape, lesion="tumour" if lesion else None)


def make_project(path: Path, *, scans: int = 3, shape: tuple[int, int, int] = SHAPE, lesion: bool = True) -> Project:
    """Return an open project of phantom heads, Brain (and Tumour) drawn and finished on all but the last."""
    project = Project.create(path, name="small")
    project.ensure_label("Brain")
    if lesion:
        project.ensure_label("Tumour")
    for number in range(scans):
        head = head_of(number + 1, shape, lesion)
        scan = project.add_scan(head.volume, patient=f"somebody {number}", description="T1 phantom")
        if number < scans - 1 or scans == 1:
            draw(project, scan.id, head.masks)
    return project


def draw(project: Project, scan: str, masks: dict[str, np.ndarray], *, finished: bool = True) -> None:
    """Save masks as the reader's, every slice in the same state."""
    layers: dict[str, np.ndarray] = {}
    for name, mask in masks.items():
        label = project.labels().find(name)
        if label is not None:
            layer = layers.setdefault(label.layer, np.zeros(mask.shape, np.uint8))
            layer[mask] = label.value
    states = {
        layer: [SliceState(z, Origin.DRAWN, None, finished, READER) for z in range(mask.shape[0])]
        for layer, mask in layers.items()
    }
    annotation = project.ensure_annotation(scan, READER)
    project.save_layers(annotation.id, layers, states, journal_sequence=0)


def epochs_of(run: str, count: int, *, planned: int = 0, top: float = 0.97) -> list[EpochEnded]:
    """Return plausible epochs."""
    found: list[EpochEnded] = []
    best, best_epoch = 0.0, 0
    for epoch in range(1, count + 1):
        grown = 1 - math.exp(-epoch / 7)
        wobble = 0.006 * math.sin(epoch * 2.3)
        dice = 0.2 + (top - 0.2) * grown
        validation = dice - 0.02 + wobble
        if validation > best:
            best, best_epoch = validation, epoch
        scores = [
            Scores(
                1.1 * math.exp(-epoch / 6) + 0.07 + extra, value, value / (2 - value), 0.8 + 0.19 * grown - extra / 4
            )
            for value, extra in ((dice, 0.0), (validation, 0.03 + abs(wobble)))
        ]
        found.append(EpochEnded(run, epoch, planned or count, *scores, best_epoch, best, 6.2, 1e-3))
    return found


def started(run: str, name: str, *, epochs: int = 30) -> TrainingStarted:
    """Return the first event of a run."""
    return TrainingStarted(run, name, "unet", 7_870_000, "cpu", "bfloat16", epochs, 8, 192, 134, 29, 29, 0.81, False)


def sample_pictures(project: Project, run: str, epoch: int) -> SamplesDrawn:
    """Write four pictures as the trainer does: grey, true outline, predicted fill."""
    samples = []
    names = [scan.name for scan in project.scans()]
    for number in range(4):
        head = head_of(number % 2 + 1, (24, 96, 80), False)
        z = 7 + 4 * number
        grey = head.volume.grey()[z].astype(np.float32)
        grey = np.clip(255 * grey / max(float(np.percentile(grey, 99.5)), 1.0), 0, 255).astype(np.uint8)
        mask = head.masks["Brain"][z].astype(np.uint8)
        picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
        fill = cv2.warpAffine(mask, np.array([[1, 0, 2], [0, 1, 1]], np.float32), mask.shape[::-1]) > 0
        picture[fill] = (0.7 * picture[fill] + 0.3 * np.array([182, 196, 46])).astype(np.uint8)
        edges, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, edges, -1, (182, 196, 46), 1)
        done, content = cv2.imencode(".png", picture)
        assert done
        file = f"samples/{epoch:04d}-{number}.png"
        (run_folder(project, run) / "samples").mkdir(exist_ok=True)
        atomic.write_bytes(run_folder(project, run) / file, content.tobytes())
        samples.append(Sample(names[number % len(names)], z, 0.95 + 0.01 * number, file))
    return SamplesDrawn(run, epoch, tuple(samples))


def past_run(
    project: Project,
    *,
    state: RunState = RunState.DONE,
    parent: str | None = None,
    top: float = 0.97,
    usable: bool = True,
    network: str = "unet",
    labels: tuple[str, ...] = ("Brain",),
) -> Run:
    """Store a run with its events, as if it had been trained."""
    run = create_run(project, TrainingConfig(labels, network=network, parent=parent), scans=8, slices=192)
    log = EventLog(project, run.id)
    log.append(started(run.id, run.name))
    epochs = epochs_of(run.id, 30, top=top)
    for event in epochs:
        log.append(event)
    log.append(sample_pictures(project, run.id, 30))
    log.append(RunEnded(run.id, state.value, epochs[-1].best_epoch, epochs[-1].best_dice))
    update_run(
        project, run.id, state=state, best_epoch=epochs[-1].best_epoch, best_dice=epochs[-1].best_dice, seconds=186.0
    )
    if usable:
        for name in ("model.json", "model.onnx"):
            atomic.write_bytes(run_folder(project, run.id) / name, b"{}")
    return find_run(project, run.id)


def predict(project: Project, run: str, scan: str, masks: dict[str, np.ndarray], *, shift: int = 2) -> None:
    """Store a prediction: the given masks moved a little, a bit missing."""
    guess = {}
    for name, mask in masks.items():
        moved = np.roll(mask, shift, axis=2).astype(np.uint8)
        moved[: max(1, len(moved) // 8)] = 0
        guess[name] = moved
    write_prediction(
        project, run, scan, guess, {name: (mask * 255).astype(np.uint8) for name, mask in guess.items()}, seconds=1.0
    )


@contextmanager
def open_session(path: Path) -> Iterator[Session]:
    """Open a session on a project with scripted jobs; closed at the end."""
    session = Session()
    session.reader = READER
    session.jobs._make_thread = Scripted
    session.open_project(path)
    try:
        yield session
    finally:
        session.put_away()
        session.close()
