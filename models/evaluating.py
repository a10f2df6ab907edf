"""The evaluation job: predict what is missing, then measure. No torch is needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from core.errors import Cancelled, InputError, MeninxError
from core.events import Events, Finished, JobEvent, Progress, Skipped, StopCheck, never_stop
from core.io.sandbox import Decoder
from core.learning import runs
from core.learning.split import Part
from core.project.imported_masks import Told
from core.project.predictions import list_predictions
from core.project.project import Project
from core.review.evaluation import PARTS, Evaluation, Plan, Row, closed, measure_scan, plan, record_look
from core.review.evaluation_files import scan_pictures, write_numbers
from core.review.gating import gate_facts
from core.review.mask_files import MaskRow, facts_of, find_pairs, measure_all
from models.class_evaluating import evaluate_classes_job
from models.predicting import predict_job


def evaluate_job(
    project_path: Path,
    run: str,
    *,
    on: str = "val",
    reader: str | None = None,
    folder: Path | None = None,
    should_stop: StopCheck = never_stop,
) -> Events:
    """Measure a run on a part of its project.

    Parameters
    ----------
    run
        Id, name, number, ``last`` or ``best``.
    on
        ``val``, ``test`` (each look is recorded) or ``all``.
    reader
        Whose annotations are the truth; None takes those the run was trained on.
    folder
        Where to write numbers and pictures; None writes none.

    Yields
    ------
    JobEvent
        Progress, Skipped, at the end Finished with :meth:`core.review.evaluation.Evaluation.facts`,
        which are kept in the run's folder.

    Raises
    ------
    LearningError
        ``run-unknown``, ``run-unusable``, ``part-empty``, ``nothing-to-measure``.
    """
    with Project.open(Path(project_path)) as project:
        made = plan(project, run, on)
        if made.run.config.classifies:
            yield from evaluate_classes_job(
                project, made, reader, None if folder is None else Path(folder), should_stop
            )
            return
        missing = _unpredicted(project, made)
        if missing:
            # its Finished is not ours
            for event in predict_job(Path(project_path), made.run.id, missing, should_stop=should_stop):
                if not isinstance(event, Finished):
                    yield event
        if should_stop():
            raise Cancelled
        if Part.TEST in PARTS[on]:
            record_look(project, made.run.id)
        rows: list[Row] = []
        unmeasured: list[str] = []
        for number, scan in enumerate(made.scans):
            if should_stop():
                raise Cancelled
            yield Progress(number, len(made.scans), "measuring", detail=scan.name)
            try:
                found = measure_scan(project, made, scan, reader)
                if found and folder is not None:
                    scan_pictures(project, made, scan, Path(folder), reader)
            except MeninxError as error:
                yield Skipped(scan.name, error)
                continue
            rows += found
            if not found:
                unmeasured.append(scan.name)
        yield Progress(len(made.scans), len(made.scans), "measuring")
        result: Evaluation = closed(project, made, rows, unmeasured)
        facts = result.facts() | gate_facts(project, made)
        # another reader's truth is another question: only the run's own is its figure
        if reader is None and not project.read_only:
            runs.write_evaluation(project, made.run, on, facts)
        if folder is not None:
            write_numbers(Path(folder), facts)
        yield Finished(facts)


def _unpredicted(project: Project, made: Plan) -> list[str]:
    """Return the scans without a prediction by the run as it is now (a resumed run has new weights)."""
    model = runs.run_folder(project, made.run.id) / runs.ONNX_FILE
    changed = datetime.fromtimestamp(model.stat().st_mtime, UTC) if model.is_file() else None
    fresh = {
        record.scan
        for record in list_predictions(project, run=made.run.id)
        # the record's time is in whole seconds
        if changed is None or datetime.fromisoformat(record.created) >= changed.replace(microsecond=0)
    }
    return [scan.id for scan in made.scans if scan.id not in fresh]


def measure_files_job(
    truth: Path, predicted: Path, *, folder: Path | None = None, should_stop: StopCheck = never_stop
) -> Events:
    """Measure predicted mask files against true ones: two files, or two folders paired by name.

    Yields
    ------
    JobEvent
        Progress, Skipped, Notice where two numbers were taken as the same mask or as two labels, at the end Finished
        with ``{"summary", "scans", "leaky", "stamp", "failed"}``.
        A true mask without a prediction is a failure: it must not make the mean better in silence.

    Raises
    ------
    InputError
        ``file-missing``, ``masks-unlike``, ``masks-unpaired``, ``nothing-usable``.
    """
    pairs, lonely = find_pairs(Path(truth), Path(predicted))
    failed = 0
    for name, error in lonely:
        failed += error.code == "mask-no-prediction"
        yield Skipped(name, error)
    rows: list[MaskRow] = []
    told = Told()
    with Decoder() as decoder:
        for number, found in measure_all(decoder, pairs):
            if should_stop():
                raise Cancelled
            yield Progress(number + 1, len(pairs), "measuring", detail=pairs[number].name)
            if isinstance(found, list):
                rows += found
                yield from told.about(tuple(notice for row in found for notice in row.notices))
            elif len(pairs) == 1 and not lonely:
                raise found[1]
            else:
                failed += 1
                yield Skipped(*found)
    yield from told.at_the_end()
    yield from _finish(rows, failed, Path(truth), folder)


def _finish(rows: list[MaskRow], failed: int, truth: Path, folder: Path | None) -> Iterator[JobEvent]:
    if not rows:
        raise InputError("nothing-usable", file=truth.name)
    facts = facts_of(rows)
    if folder is not None:
        write_numbers(Path(folder), facts)
    yield Finished(facts | {"failed": failed})
