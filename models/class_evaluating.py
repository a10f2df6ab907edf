"""The evaluation of a run that classifies: ask it what is missing, then measure. No torch is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors import Cancelled
from core.events import Events, Finished, Progress, StopCheck
from core.io import atomic
from core.learning import runs
from core.learning.split import Part
from core.project.class_predictions import read_classes
from core.project.project import Project
from core.review.class_evaluation import (
    WRONG_FOLDER,
    ClassEvaluation,
    evaluate_classes,
    sources_of,
    write_class_files,
)
from core.review.class_pictures import activation_picture, encoded
from core.review.evaluation import PARTS, Plan, record_look
from models.classifying import ClassPredictor, classify_scan

PICTURED = 12
"""So many of the most wrong slices are shown with where the run saw a yes."""


def evaluate_classes_job(
    project: Project, made: Plan, reader: str | None, folder: Path | None, should_stop: StopCheck
) -> Events:
    """Measure a run that classifies, as :func:`models.evaluating.evaluate_job` does one that draws.

    Yields
    ------
    JobEvent
        Progress, at the end Finished with :meth:`core.review.class_evaluation.ClassEvaluation.facts`.

    Raises
    ------
    LearningError
        ``run-unusable``, ``class-nothing`` and those of a project without the class.
    Cancelled
        If asked to stop.
    """
    sources = sources_of(project, made, reader)
    predictor = ClassPredictor(runs.require_usable(project, made.run))
    asked = [scan for scan in made.scans if scan.id in sources]
    for number, scan in enumerate(asked):
        if should_stop():
            raise Cancelled
        yield Progress(number, len(asked), "classifying", detail=scan.name)
        known = read_classes(project, made.run.id, scan.id)
        if known is None or known.model != predictor.model:
            for _ in classify_scan(project, made.run.id, predictor, scan, should_stop=should_stop):
                pass
    if Part.TEST in PARTS[made.on]:
        record_look(project, made.run.id)
    result = evaluate_classes(project, made, reader=reader)
    facts = result.facts()
    if reader is None and not project.read_only:
        kept = runs.run_folder(project, made.run.id) / f"{WRONG_FOLDER}-{made.on}"
        names = _wrong_pictures(project, result, predictor, kept)
        for row, name in zip(facts["most_wrong"], names, strict=False):
            row["picture"] = f"{kept.name}/{name}"
        _remove_others(kept, names)
        runs.write_evaluation(project, made.run, made.on, facts)
    if folder is not None:
        write_class_files(folder, facts)
        _wrong_pictures(project, result, predictor, folder / WRONG_FOLDER)
    yield Finished(facts)


def _wrong_pictures(project: Project, result: ClassEvaluation, predictor: ClassPredictor, folder: Path) -> list[str]:
    """Show the most wrong slices, each with where the run saw a yes; return the files' names."""
    names = []
    for number, row in enumerate(result.most_wrong()[:PICTURED], start=1):
        atomic.make_folder(folder)
        grey, activation = predictor.looked_at(project.read_volume(row.scan_id), row.slice)
        truth = "yes" if row.truth else "no"
        names.append(f"{number:02d}_{row.scan}_slice{row.slice + 1}_truly_{truth}_{row.probability:.2f}.png")
        atomic.write_bytes(folder / names[-1], encoded(activation_picture(grey, activation)))
    return names


def _remove_others(folder: Path, names: Sequence[str]) -> None:
    """Remove pictures of an earlier measuring."""
    for file in folder.glob("*.png") if folder.is_dir() else ():
        if file.name not in names:
            file.unlink(missing_ok=True)
