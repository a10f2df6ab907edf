"""What the tests of training have in common: a small quick training of discs, and a word said at a moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
from learning_project import disc_project

from core.events import JobEvent, Progress
from core.learning.config import TrainingConfig
from core.learning.events import TrainingStarted
from core.project.project import Project
from models.trainer import train_job

CONFIG = TrainingConfig(
    labels=("Tumour",),
    network="unet_light",
    size=32,
    slices=1,
    epochs=2,
    batch=4,
    steps=6,
    precision="float32",
    learning_rate=3e-3,
)


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch compute in one thread: the same numbers every time."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def project(tmp_path) -> Iterator[Project]:
    """Six patients with six slices of discs each."""
    with disc_project(tmp_path / "p.meninx") as made:
        yield made


def changed(**changes) -> TrainingConfig:
    return dataclasses.replace(CONFIG, **changes)


def of_kind(events, kind) -> list:
    return [event for event in events if isinstance(event, kind)]


def steps_made(events: list[JobEvent]) -> int:
    """Count the steps that a training has told of."""
    return sum(event.stage == "training" for event in of_kind(events, Progress))


def train(
    project: Project,
    config: TrainingConfig | None = CONFIG,
    *,
    word: str = "",
    when: Callable[[list[JobEvent]], bool] = lambda events: False,
    **more,
) -> list[JobEvent]:
    """Train to the end; ``word`` is said as soon as ``when`` the events so far are such, and stands."""
    events: list[JobEvent] = []
    said: list[str] = []

    def heard() -> str:
        if not said and when(events):
            said.append(word)
        return said[0] if said else ""

    for event in train_job(project.path, config, should_stop=heard, **more):
        events.append(event)
    return events


def begun(events: list[JobEvent]) -> bool:
    """Whether the run is there."""
    return bool(of_kind(events, TrainingStarted))
