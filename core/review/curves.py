"""The curves of a run as pictures for print, and of several runs over each other."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import LearningError, ProjectError
from core.io import atomic
from core.learning import runs
from core.learning.events import EpochEnded, TrainingStarted
from core.learning.warnings import keeps_newest
from core.messages import numeral, text
from core.project.project import Project
from core.review.evaluation import stamp_of
from core.review.figure import Figure, Plot, Series, png, svg

MEASURES = ("loss", "dice", "iou", "accuracy")
CLASS_MEASURES = ("loss", "auc", "sensitivity", "specificity", "accuracy")
"""Of a run that classifies."""
TRAIN, VALIDATION = "#1f5fbf", "#c46a00"
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Of runs beside each other: four colours of Okabe and Ito that colour-blind people tell apart."""
MOST = len(PALETTE)


@dataclass(frozen=True)
class RunCurves:
    """What the curves of one run are drawn from.

    Parameters
    ----------
    name
        Of the run.
    started
        Its first event; None where it was lost.
    epochs
        In order.
    reasons
        Why its numbers may flatter (of its split).
    """

    name: str
    started: TrainingStarted | None
    epochs: tuple[EpochEnded, ...]
    reasons: tuple[str, ...] = ()

    @property
    def stamp(self) -> str:
        """What stands beside every number; empty where nothing speaks against them."""
        if self.reasons:
            return stamp_of(self.reasons)
        return text("curves.leaky") if self.started is not None and self.started.leaky else ""

    @property
    def baseline(self) -> float | None:
        """Accuracy of calling all background."""
        return None if self.started is None else self.started.baseline_accuracy

    @property
    def classifies(self) -> bool:
        """Whether the run says yes or no of slices."""
        return bool(self.epochs) and self.epochs[0].validation.auc is not None

    @property
    def measures(self) -> tuple[str, ...]:
        """What there is a curve of."""
        return CLASS_MEASURES if self.classifies else MEASURES

    @property
    def newest(self) -> bool:
        """Whether the newest epoch is kept, as too few slices check to tell which is best."""
        return self.started is not None and keeps_newest(self.started.label_slices)

    @property
    def best_epoch(self) -> int:
        """The epoch that is kept; 0 before the first."""
        return self.epochs[-1].best_epoch if self.epochs else 0

    def values(self, part: str, measure: str) -> list[float]:
        """Return a curve; ``part`` is ``train`` or ``validation``."""
        found = [getattr(getattr(event, part), measure) for event in self.epochs]
        return [float("nan") if value is None else float(value) for value in found]


def read_curves(project: Project, run: runs.Run) -> RunCurves:
    """Read the curves of a run.

    Raises
    ------
    LearningError
        ``curves-none`` if no epoch of it ended.
    ProjectError
        ``run-damaged``.
    """
    events = runs.read_events(project, run.id)
    started = next((event for event in events if isinstance(event, TrainingStarted)), None)
    epochs = tuple(runs.history(project, run.id))
    if not epochs:
        raise LearningError("curves-none", name=run.name)
    try:
        reasons = tuple(str(reason) for reason in runs.read_split_file(project, run.id).get("reasons", ()))
    except ProjectError:
        # an old run without its split; its first event still says whether it leaks
        reasons = ()
    return RunCurves(run.name, started, epochs, reasons)


def figure_of(curves: RunCurves) -> Figure:
    """Lay out loss, Dice, IoU and accuracy of one run, train and validation."""
    plots = []
    for measure in curves.measures:
        xs = [event.epoch for event in curves.epochs]
        series = [
            Series(text("train.train"), TRAIN, xs, curves.values("train", measure), dashed=True),
            Series(text("train.validation"), VALIDATION, xs, curves.values("validation", measure)),
        ]
        baseline = curves.baseline if measure == "accuracy" else None
        plots.append(_plot(measure, series, baseline, curves.best_epoch or None, classifies=curves.classifies))
    legend = [
        (text("curves.train"), TRAIN, True),
        (text("curves.validation"), VALIDATION, False),
        (text("curves.newest" if curves.newest else "curves.best", epoch=curves.best_epoch), "#5b6572", True),
    ]
    return Figure(text("curves.title", run=curves.name), _facts(curves), plots, legend, curves.stamp)


def compare_figure(several: Sequence[RunCurves]) -> Figure:
    """Lay out the validation curves of up to :data:`MOST` runs over each other.

    Raises
    ------
    LearningError
        ``compare-count`` for fewer than two or too many.
    """
    if not 2 <= len(several) <= MOST:
        raise LearningError("compare-count", most=MOST)
    plots = []
    # of runs of both kinds, what both have
    for measure in [name for name in several[0].measures if all(name in one.measures for one in several)]:
        series = [
            Series(one.name, color, [event.epoch for event in one.epochs], one.values("validation", measure))
            for one, color in zip(several, PALETTE, strict=False)
        ]
        same = {one.baseline for one in several}
        baseline = next(iter(same)) if measure == "accuracy" and len(same) == 1 else None
        plots.append(_plot(measure, series, baseline, None, classifies=several[0].classifies))
    legend = [(one.name, color, False) for one, color in zip(several, PALETTE, strict=False)]
    stamps = [text("curves.stamp_of", run=one.name, stamp=one.stamp) for one in several if one.stamp]
    lines = [text("curves.compare_line")]
    return Figure(text("curves.compare_title"), lines, plots, legend, " ".join(stamps))


def _facts(curves: RunCurves) -> list[str]:
    started = curves.started
    if started is None:
        return []
    counts = text("curves.counts", train=started.train, validation=started.validation, test=started.test)
    name = text(f"train.network_{started.network}")
    size = text("train.parameters", count=numeral(started.parameters / 1e6, ".1f"))
    last = curves.epochs[-1]
    line = "curves.newest_line" if curves.newest else "curves.best_line"
    line += "_class" if curves.classifies else ""
    best = text(line, epoch=last.best_epoch, dice=numeral(last.best_dice, ".4f"))
    return [f"{name}, {size}. {counts}", best]


def _plot(
    measure: str, series: Sequence[Series], baseline: float | None, mark: float | None, *, classifies: bool
) -> Plot:
    values = np.array([value for one in series for value in one.ys if np.isfinite(value)], dtype=float)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if measure == "loss":
        low, high = min(0.0, low), max(high * 1.05, 1e-3)
    else:
        low = low if baseline is None else min(low, baseline)
        # a curve of scores ends at 1: how much is left to gain is seen
        low, high = max(0.0, low - 0.08 * (1.0 - low)), 1.0
        if high - low < 1e-3:
            low = high - 1e-3
    kind = "_class" if classifies and measure == "accuracy" else ""
    floor = None if baseline is None else (baseline, text(f"curves.baseline{kind}", baseline=numeral(baseline, ".4f")))
    title = text(f"train.{measure}_curve{kind}")
    return Plot(title, series, low, high, text("curves.epoch"), floor, mark)


def curves_table(curves: RunCurves) -> str:
    """Return the curves as CSV: one row per epoch."""
    out = io.StringIO()
    columns = [f"{part}_{measure}" for part in ("train", "validation") for measure in curves.measures]
    stamp = curves.stamp
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["epoch", *columns, "baseline_accuracy", "learning_rate", "seconds", *(["stamp"] if stamp else [])])
    for event in curves.epochs:
        scores = [getattr(getattr(event, part), name) for part in ("train", "validation") for name in curves.measures]
        row = [event.epoch, *scores, curves.baseline, event.learning_rate, event.seconds]
        writer.writerow([*row, stamp] if stamp else row)
    return out.getvalue()


def write_curves(folder: Path, curves: RunCurves) -> list[Path]:
    """Write the curves of a run as SVG, PNG and CSV into a folder, made if it is not there.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    stem = f"{slug(curves.name)}_curves"
    figure = figure_of(curves)
    atomic.make_folder(folder)
    return _written(folder, stem, {"svg": svg(figure), "png": png(figure), "csv": curves_table(curves).encode()})


def write_comparison(folder: Path, several: Sequence[RunCurves]) -> list[Path]:
    """Write the curves of several runs over each other as SVG and PNG.

    Raises
    ------
    LearningError
        ``compare-count``.
    StorageError
        If the disk refuses.
    """
    figure = compare_figure(several)
    atomic.make_folder(folder)
    stem = "compare_" + "_".join(slug(one.name) for one in several)
    return _written(folder, stem[:100], {"svg": svg(figure), "png": png(figure)})


def _written(folder: Path, stem: str, contents: dict[str, bytes]) -> list[Path]:
    files = []
    for ending, content in contents.items():
        files.append(folder / f"{stem}.{ending}")
        atomic.write_bytes(files[-1], content)
    return files


def slug(name: str) -> str:
    """Return a run's name as it can stand in a file's name."""
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_") or "run"
