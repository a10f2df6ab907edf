"""Runs beside each other: their figures with how sure they are, and the settings that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import LearningError, ProjectError
from core.io import atomic
from core.learning import runs
from core.learning.config import TrainingConfig
from core.messages import numeral, text
from core.project.project import Project
from core.review.curves import MOST, RunCurves, read_curves, slug
from core.review.evaluation import count_looks
from core.review.evaluation_files import table
from core.review.summary import MASK_FIGURES, Spread, spread

FIGURES = ("auc", *MASK_FIGURES)
"""Rows of the comparison, as they stand in a summary."""
COUNTS = (
    "scans",
    "patients",
    "empty",
    "missed",
    "spurious",
    "slices_with_label",
    "missed_slices",
    "empty_slices",
    "spurious_slices",
    "lesions",
    "lesions_found",
    "lesions_false",
)
"""Counts below them."""
PARTS = ("val", "test")
_NOT_SETTINGS = frozenset({"assigned"})


@dataclass(frozen=True)
class Compared:
    """One run of a comparison.

    Parameters
    ----------
    run
        Its row.
    curves
        None where no epoch of it ended.
    evaluations
        Part (``val test``) to what measuring gave; without those that were never measured.
    looks
        How often its test scans were looked at.
    """

    run: runs.Run
    curves: RunCurves | None
    evaluations: Mapping[str, Mapping[str, Any]]
    looks: int

    def figure(self, part: str, name: str) -> Spread | None:
        """Return a figure of a part with its interval; None where it was not measured."""
        found = self.evaluations.get(part, {}).get("summary", {})
        value = found.get(name)
        if isinstance(value, Mapping):
            interval = value.get("ci95")
            sure = None if interval is None else (float(interval[0]), float(interval[1]))
            return None if value.get("mean") is None else Spread(value["mean"], value["median"], sure, value["count"])
        interval = found.get(f"{name}_ci95")
        sure = None if interval is None else (float(interval[0]), float(interval[1]))
        return None if value is None else Spread(float(value), None, sure, int(found.get("scans", 0)))

    def count(self, part: str, name: str) -> int | None:
        """Return a count of a part; None where it was not measured."""
        value = self.evaluations.get(part, {}).get("summary", {}).get(name)
        return int(value) if isinstance(value, int) else None

    def stamp(self, part: str) -> str:
        """Return what stands beside the numbers of a part."""
        return str(self.evaluations.get(part, {}).get("stamp", ""))


@dataclass(frozen=True)
class RunComparison:
    """One run, or two to four beside each other.

    Parameters
    ----------
    runs
        In the order asked for.
    settings
        (name of a setting, its value in words for each run), only where they differ; of one
        run alone, where it differs from the usual.
    differences
        Part to, for each run after the first, its Dice minus that of the first on the scans
        that both were measured on; None where there are none.
    """

    runs: tuple[Compared, ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    differences: Mapping[str, tuple[Spread | None, ...]]

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts that at least one run was measured on."""
        return tuple(part for part in PARTS if any(part in one.evaluations for one in self.runs))

    def rows(self, part: str) -> list[tuple[str, list[Spread | None]]]:
        """Return (figure, value of each run) of a part; figures that nobody has are left out."""
        found = [(name, [one.figure(part, name) for one in self.runs]) for name in FIGURES]
        return [(name, values) for name, values in found if any(value is not None for value in values)]

    def counts(self, part: str) -> list[tuple[str, list[int | None]]]:
        """Return (what is counted, value of each run) of a part."""
        found = [(name, [one.count(part, name) for one in self.runs]) for name in COUNTS]
        return [(name, values) for name, values in found if any(value is not None for value in values)]

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "runs": [
                {
                    "id": one.run.id,
                    "name": one.run.name,
                    "best_dice": one.run.best_dice,
                    "best_epoch": one.run.best_epoch,
                    "seconds": one.run.seconds,
                    "test_looks": one.looks,
                    **{
                        part: {"summary": facts["summary"], "stamp": facts.get("stamp", "")}
                        for part, facts in one.evaluations.items()
                    },
                }
                for one in self.runs
            ],
            "settings": {name: list(values) for name, values in self.settings},
            "dice_minus_first": {
                part: [None if one is None else one.facts() for one in values]
                for part, values in self.differences.items()
            },
        }


def compare_runs(project: Project, refs: Sequence[str], *, least: int = 2) -> RunComparison:
    """Put two to four runs beside each other.

    Parameters
    ----------
    refs
        Ids, names, numbers, ``last`` or ``best``.
    least
        1 to take one run alone too.

    Raises
    ------
    LearningError
        ``run-unknown``; ``compare-count`` for one run, for too many, or for the same one twice.
    ProjectError
        ``run-damaged``.
    """
    chosen = [runs.find_run(project, ref) for ref in refs]
    if not least <= len({run.id for run in chosen}) == len(chosen) <= MOST:
        raise LearningError("compare-count", most=MOST)
    compared = tuple(_compared(project, run) for run in chosen)
    names = {run.id: run.name for run in runs.list_runs(project)}
    first = compared[0]
    differences = {
        part: tuple(_difference(first, other, part) for other in compared[1:])
        for part in PARTS
        if any(part in one.evaluations for one in compared)
    }
    return RunComparison(compared, _settings(chosen, names), differences)


def _compared(project: Project, run: runs.Run) -> Compared:
    try:
        curves = read_curves(project, run)
    except LearningError:
        # nothing to draw, but its settings and figures can be compared
        curves = None
    evaluations = {}
    for part in PARTS:
        try:
            facts = runs.read_evaluation(project, run, part)
        except ProjectError:
            # a damaged figure is no figure; verify names the file
            facts = None
        if facts is not None:
            evaluations[part] = facts
    return Compared(run, curves, evaluations, count_looks(project, run.id))


def _settings(chosen: Sequence[runs.Run], names: Mapping[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    records = [_record(run.config) for run in chosen]
    # a run keeps what was done of what it was left to choose: that is as usual where it would be chosen again
    usual = _record(TrainingConfig(chosen[0].labels)) | {"mirror": _mirrored(replace(chosen[0].config, mirror="auto"))}
    found = []
    for name in records[0]:
        values = [record[name] for record in records]
        alike = values if len(values) > 1 else [usual[name], *values]
        if name in _NOT_SETTINGS or all(value == alike[0] for value in alike):
            continue
        words = tuple(names.get(str(value), _words(value)) for value in values)
        found.append((name, words))
    return tuple(found)


def _record(config: TrainingConfig) -> dict[str, Any]:
    return config.to_json() | {"mirror": _mirrored(config)}


def _mirrored(config: TrainingConfig) -> str:
    return "yes" if config.mirrors else "no"


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "—"
    if isinstance(value, float):
        return numeral(value, "g")
    return str(value) if value not in (None, "") else "—"


def _difference(first: Compared, other: Compared, part: str) -> Spread | None:
    """Return the mean difference in Dice, paired by scan and label, patients drawn with replacement.

    The figures of the first and the second run move together, for both meet the same hard
    scans: two intervals that overlap can still be told apart by their paired difference.
    """
    one, two = (_dices(run, part) for run in (first, other))
    shared = [key for key in one if key in two]
    values = [two[key][0] - one[key][0] for key in shared]
    return spread(values, [one[key][1] for key in shared]) if values else None


def _dices(one: Compared, part: str) -> dict[tuple[str, str], tuple[float, str]]:
    rows = one.evaluations.get(part, {}).get("scans", [])
    return {
        (str(row["scan"]), str(row["label"])): (float(row["dice"]), str(row.get("patient") or row["scan"]))
        for row in rows
        if row.get("dice") is not None
    }


def write_comparison_table(folder: Path, found: RunComparison) -> list[Path]:
    """Write the figures of a comparison as CSV: one row per run, part and figure.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    rows: list[dict[str, Any]] = []
    for part in found.parts:
        for one in found.runs:
            told = {"run": one.run.name, "part": part}
            stamp = {"stamp": one.stamp(part)}
            for name in FIGURES:
                value = one.figure(part, name)
                if value is not None:
                    low, high = value.ci95 or (None, None)
                    facts = {"figure": name, "value": value.mean, "ci95_low": low, "ci95_high": high}
                    rows.append(told | facts | stamp)
            counts = [(name, one.count(part, name)) for name in COUNTS]
            rows += [told | {"figure": name, "value": value} | stamp for name, value in counts if value is not None]
    atomic.make_folder(folder)
    file = folder / ("figures_" + "_".join(slug(one.run.name) for one in found.runs)[:100] + ".csv")
    atomic.write_bytes(file, table(rows).encode())
    return [file]


def setting_words(name: str) -> str:
    """Return a setting's name for people."""
    try:
        return text(f"train.setting_{name}")
    except KeyError:
        return name.replace("_", " ")
