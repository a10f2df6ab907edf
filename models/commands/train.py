"""Train a network on the finished slices of a project."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.commands.runs import run_warnings
from core.errors import InputError
from core.events import JobEvent
from core.learning.config import (
    AUGMENTATIONS,
    CLASSIFIERS,
    DEVICES,
    ENCODER_CLASSIFIERS,
    ENCODER_NETWORKS,
    FREEZES,
    LEVELS,
    LOSSES,
    MIRRORS,
    NETWORKS,
    SLICES,
    SPLITS,
    TASKS,
    TrainingConfig,
)
from core.learning.events import EpochEnded, TrainingStarted
from core.learning.prepare_steps import parse, parse_channels
from core.learning.runs import find_run
from core.learning.split_file import read_assigned
from core.learning.starters import find_starter
from core.messages import text
from core.project.project import Project
from models.sharding import hush_others, leading
from models.worker import Job, events_of

_TAKERS = (*ENCODER_NETWORKS, *ENCODER_CLASSIFIERS)
_DEFAULT = TrainingConfig(labels=("-",))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("project", type=Path, help=text("learning.project_help"))
    add = parser.add_argument
    add("--label", dest="labels", action="append", metavar="NAME", help=text("learning.labels_help"))
    add("--task", choices=TASKS, help=text("learning.task_help"))
    add("--class", dest="class_name", metavar="NAME", help=text("learning.class_help"))
    add("--yes", dest="class_yes", action="append", metavar="VALUE", help=text("learning.yes_help"))
    add("--level", choices=LEVELS, help=text("learning.level_help"))
    add("--smoothing", type=float, help=text("learning.smoothing_help"))
    add("--network", choices=(*NETWORKS, *CLASSIFIERS), help=text("learning.network_help", default=_DEFAULT.network))
    add("--parent", metavar="RUN|STARTER", help=text("learning.parent_help"))
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, help=text("learning.epochs_help", default=_DEFAULT.epochs))
    length.add_argument("--minutes", type=float, help=text("learning.minutes_help"))
    add("--loss", choices=LOSSES, help=text("learning.loss_help", default=_DEFAULT.loss))
    add("--size", type=int, help=text("learning.size_help", default=_DEFAULT.size))
    add("--slices", type=int, choices=SLICES, help=text("learning.slices_help", default=_DEFAULT.slices))
    add("--prepare", metavar="STEPS", help=text("learning.prepare_help", default=",".join(_DEFAULT.prepare)))
    add("--channels", metavar="NAMES", help=text("learning.channels_help"))
    add("--augment", choices=AUGMENTATIONS, help=text("learning.augment_help", default=_DEFAULT.augment))
    add("--mirror", choices=MIRRORS, help=text("learning.mirror_help"))
    add("--encoder-weights", metavar="FILE", help=text("learning.encoder_help", networks=", ".join(_TAKERS)))
    add("--freeze", choices=FREEZES, help=text("learning.freeze_help"))
    add("--split", metavar="slice|FILE", help=text("learning.split_help"))
    add("--folds", type=int, metavar="K", help=text("learning.folds_help"))
    add("--fold", type=int, metavar="I", help=text("learning.fold_help"))
    add("--patience", type=int, metavar="N", help=text("learning.patience_help"))
    add("--batch", type=int, help=text("learning.batch_help"))
    add("--steps", type=int, help=text("learning.steps_help"))
    add("--learning-rate", type=float, help=text("learning.rate_help"))
    add("--device", choices=DEVICES, help=text("learning.device_help"))
    add("--seed", type=int, help=text("learning.seed_help"))
    add("--reader", help=text("learning.reader_help"))
    add("--only-approved", dest="approved", action="store_true", default=None, help=text("learning.approved_help"))
    add("--resume", metavar="RUN", default="", help=text("learning.resume_help"))
    add("--config", type=Path, metavar="FILE", help=text("learning.config_help"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Train and return the run's facts."""
    hush_others()
    config = None if arguments.resume else _config(arguments)
    facts: dict[str, Any] = {}
    epochs: list[dict[str, Any]] = []

    def told(event: JobEvent) -> None:
        if isinstance(event, TrainingStarted):
            facts["baseline_accuracy"] = event.baseline_accuracy
            facts["slices"] = {"train": event.train, "validation": event.validation, "test": event.test}
            line.say(_started(event))
        elif isinstance(event, EpochEnded):
            train, validation = (
                {name: round(value, 6) for name, value in asdict(scores).items() if value is not None}
                for scores in (event.train, event.validation)
            )
            epochs.append({"epoch": event.epoch, "train": train, "validation": validation, "seconds": event.seconds})
            line.say(_epoch(event))

    arguments_of_job = {"project_path": arguments.project, "config": config, "resume": arguments.resume}
    result = line.follow(events_of(Job("train", arguments_of_job), line.should_stop), told)
    if leading():
        line.say(_ended(result))
        facts["warnings"] = _warnings(arguments.project, result["run"], line)
    return {**result, **facts, "history": epochs}


def _warnings(path: Path, run: str, line: Line) -> list[str]:
    """Say what the curves of a run say."""
    with Project.open(path, read_only=True) as project:
        words: list[str] = run_warnings(project, find_run(project, run))["warnings"]
    for one in words:
        line.say(one)
    return words


def _config(arguments: argparse.Namespace) -> TrainingConfig:
    """Put together the settings: the file's, then what the line says."""
    values: dict[str, Any] = _from_file(arguments.config) if arguments.config else {}
    for name in _PLAIN:
        given = getattr(arguments, name)
        if given is not None:
            values[name] = given
    if arguments.class_name is not None and arguments.task is None:
        values["task"] = "classify"
    if arguments.epochs is not None:
        values["minutes"] = 0.0
    if arguments.channels is not None:
        values["channels"] = list(parse_channels(arguments.channels))
    with Project.open(arguments.project, read_only=True) as project:
        if arguments.parent:
            starter = find_starter(arguments.parent)
            if starter is not None:
                values["parent"], before = starter.name, starter.config
            else:
                parent = find_run(project, arguments.parent)
                values["parent"], before = parent.id, parent.config
            # what the line leaves open follows the parent, for its weights to fit
            for name in _OF_PARENT:
                values.setdefault(name, getattr(before, name))
            values.setdefault("labels", list(before.labels))
        if arguments.prepare is not None:
            values["prepare"] = list(parse(arguments.prepare, values.get("prepare", _DEFAULT.prepare)))
        values |= _split(project, arguments.split)
        values["labels"] = [project.labels().named(name).name for name in values.get("labels", ())]
    return TrainingConfig.from_json(values)


_OF_PARENT = ("network", "slices", "size", "channels", "prepare", "task", "class_name", "class_yes", "level")
_PLAIN: tuple[str, ...] = (
    "labels",
    "network",
    "epochs",
    "minutes",
    "loss",
    "size",
    "slices",
    "batch",
    "steps",
    "learning_rate",
)
_PLAIN += ("device", "seed", "reader", "augment", "mirror", "encoder_weights", "freeze", "folds", "fold", "patience")
_PLAIN += ("task", "class_name", "class_yes", "level", "smoothing", "approved")
"""Arguments that are settings as they are."""


def _split(project: Project, given: str | None) -> dict[str, Any]:
    """Return the settings of ``--split``: a word, or the parts that a file names."""
    if given is None:
        return {}
    if given in SPLITS:
        return {"split": given}
    return {"assigned": list(read_assigned(project, Path(given)))}


def _from_file(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise InputError("config-unreadable", file=file) from error
    if not isinstance(values, dict):
        raise InputError("config-unreadable", file=file)
    return values


def _started(event: TrainingStarted) -> str:
    return text(
        "learning.class_started" if event.network in CLASSIFIERS else "learning.started",
        name=event.name,
        network=event.network,
        device=event.device,
        precision=event.precision,
        train=event.train,
        validation=event.validation,
        test=event.test,
        baseline=event.baseline_accuracy,
    )


def _ended(result: dict[str, Any]) -> str:
    return text(
        "learning.class_ended" if result.get("task") == "classify" else "learning.ended",
        name=result["name"],
        state=result["state"],
        dice=result["best_dice"],
        epoch=result["best_epoch"],
        seconds=result["seconds"],
    )


def _epoch(event: EpochEnded) -> str:
    if event.validation.auc is not None:
        return _class_epoch(event)
    return text(
        "learning.epoch",
        epoch=event.epoch,
        of=text("learning.of", epochs=event.epochs) if event.epochs else "",
        train_loss=event.train.loss,
        loss=event.validation.loss,
        train_dice=event.train.dice,
        dice=event.validation.dice,
        iou=event.validation.iou,
        accuracy=event.validation.accuracy,
        seconds=event.seconds,
        best=event.best_dice,
        best_epoch=event.best_epoch,
    )


def _class_epoch(event: EpochEnded) -> str:
    found = event.validation
    return text(
        "learning.class_epoch",
        epoch=event.epoch,
        of=text("learning.of", epochs=event.epochs) if event.epochs else "",
        train_loss=event.train.loss,
        loss=found.loss,
        train_auc=event.train.merit,
        auc=found.merit,
        sensitivity=found.sensitivity,
        specificity=found.specificity,
        accuracy=found.accuracy,
        seconds=event.seconds,
        best=event.best_dice,
        best_epoch=event.best_epoch,
    )
