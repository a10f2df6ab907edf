"""The report of a run: what it is, how good it is, how that looks. Gathered here, laid out in report_html."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.errors import Cancelled, LearningError, ProjectError
from core.labels import BRAIN
from core.learning import runs
from core.learning.events import TrainingStarted
from core.learning.run_files import name_with_origin
from core.learning.split import Part, Split
from core.learning.warnings import cautions, patients_checking
from core.messages import day, numeral, text
from core.project.predictions import list_predictions, read_prediction
from core.project.project import Project
from core.project.records import Scan, utc_now
from core.review.compare import learnt_truth
from core.review.curves import figure_of
from core.review.evaluation import Plan, closed, measure_scan, plan
from core.review.evaluation_files import drawn, shown_slices
from core.review.figure import png
from core.review.run_compare import FIGURES, Compared, compare_runs, setting_words
from core.review.set_figures import figures
from core.version import VERSION

GoOn = Callable[[], bool]
MOST_ROWS = 60
"""Scans in the table; the worst first."""
_PRIVATE = frozenset({"reader", "encoder_weights", "network"})
"""Settings that name people or places, or stand above already."""
_SCAN_COLUMNS = ("dice", "iou", "hd95", "assd", "sensitivity", "precision", "difference_ml", "missed_slices", "lesions")


@dataclass(frozen=True)
class Table:
    """Words in rows; the first column is a name."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    new_page: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture as PNG with what is to be seen on it."""

    caption: str
    content: bytes
    wide: bool = True
    """Whether it takes the whole width of a page."""


@dataclass(frozen=True)
class Section:
    """A part of the report."""

    title: str
    words: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    new_page: bool = False


@dataclass(frozen=True)
class Report:
    """All of it.

    Parameters
    ----------
    title, lines
        Heading and what stands below it.
    facts
        (name, value) of the run.
    stamps
        Why the numbers may flatter, and what the curves warn of.
    sections
        In order.
    card
        The run's card as Markdown; empty where there is none.
    """

    title: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    stamps: tuple[str, ...]
    sections: tuple[Section, ...]
    card: str = ""


def gather(project: Project, ref: str, *, go_on: GoOn = lambda: True) -> Report:
    """Put the report of a run together; reads its stored predictions, predicts nothing.

    Parameters
    ----------
    ref
        Id, name, number, ``last`` or ``best``.
    go_on
        Asked between scans.

    Raises
    ------
    LearningError
        ``run-unknown``; ``run-classifies`` for a run that draws nothing.
    ProjectError
        ``run-damaged``; damaged scans or masks of what is to be shown.
    Cancelled
        Where ``go_on`` says no.
    """
    (found,) = compare_runs(project, [ref], least=1).runs
    if found.run.config.classifies:
        raise LearningError("run-classifies", name=found.run.name)
    settings = compare_runs(project, [ref], least=1).settings
    parts = dict(found.evaluations) or _measured_now(project, found.run, go_on)
    stamps = [found.curves.stamp if found.curves else "", *(str(facts.get("stamp", "")) for facts in parts.values())]
    stamps += _cautions(project, found.run)
    sections = []
    for part in ("test", "val"):
        if part in parts:
            sections.append(_numbers(found, part, parts[part]))
    if not parts:
        sections.append(Section(text("report.numbers"), (text("report.not_measured", run=found.run.name),)))
    if found.curves is not None:
        picture = Picture(text("report.curves_caption"), png(figure_of(found.curves)))
        sections.append(Section(text("report.curves"), pictures=(picture,), new_page=True))
    for part in ("test", "val"):
        if part in parts:
            shown = _pictures(project, found.run, part, parts[part]["scans"], go_on)
            if shown:
                sections.append(Section(text("report.pictures"), (text("report.pictures_words"),), (), shown, True))
            break
    if settings:
        rows = tuple((setting_words(name), *values) for name, values in settings if name not in _PRIVATE)
        header = (text("report.setting"), text("report.value"))
        sections.append(Section(text("report.settings"), tables=(Table("", header, rows),)))
    lines = (text("report.line", project=project.name, made=day(datetime.fromisoformat(utc_now())), version=VERSION),)
    title = text("report.title", run=found.run.name)
    told = tuple(dict.fromkeys(stamp for stamp in stamps if stamp))
    return Report(title, lines, _facts(project, found), told, tuple(sections), _card(project, found.run))


def _facts(project: Project, found: Compared) -> tuple[tuple[str, str], ...]:
    run = found.run
    started = found.curves.started if found.curves else None
    facts = [
        (text("report.fact_labels"), ", ".join(run.labels)),
        (text("report.fact_network"), _network(run, started)),
        (text("report.fact_made"), run.created[:16].replace("T", " ") + " UTC"),
        (text("report.fact_learnt"), _learnt(run)),
    ]
    if started is not None:
        words = text("curves.counts", train=started.train, validation=started.validation, test=started.test)
        facts.append((text("report.fact_split"), words))
    if run.best_dice is not None:
        facts.append(
            (
                text("report.fact_best"),
                text("report.best_epoch", dice=numeral(run.best_dice, ".4f"), epoch=run.best_epoch),
            )
        )
    if run.parent is not None:
        names = {one.id: name_with_origin(project, one) for one in runs.list_runs(project) if one.id == run.parent}
        facts.append((text("report.fact_parent"), names.get(run.parent, run.parent)))
    facts.append((text("runs.looks"), str(found.looks)))
    return tuple(facts)


def _learnt(run: runs.Run) -> str:
    words = [text("report.learnt", count=run.scans)]
    if run.slices:
        # of a run that was made elsewhere nobody counted them
        kind = "said" if run.config.classifies else "finished"
        words.append(text(f"report.learnt_{kind}", count=run.slices))
    return ", ".join(words)


def _network(run: runs.Run, started: TrainingStarted | None) -> str:
    try:
        name = text(f"train.network_{run.network}")
    except KeyError:
        # masks of another program, or a network of a later version
        name = run.network
    if started is None:
        return name
    parameters = text("train.parameters", count=numeral(started.parameters / 1e6, ".1f"))
    return f"{name}, {parameters}"


def _cautions(project: Project, run: runs.Run) -> list[str]:
    try:
        split: Split | None = Split.from_json(runs.read_split_file(project, run.id))
    except (ProjectError, KeyError, ValueError):
        # it ended before it had one; verify names a damaged file
        split = None
    try:
        epochs = runs.history(project, run.id)
        events = runs.read_events(project, run.id)
    except ProjectError:
        return []
    started = next((event for event in events if isinstance(event, TrainingStarted)), None)
    return (
        [one.words for one in cautions(started, epochs, validation_patients=patients_checking(split))] if epochs else []
    )


def _card(project: Project, run: runs.Run) -> str:
    file = runs.run_folder(project, run.id) / runs.CARD_FILE
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        # a card is for people; without one the report still says all that is known
        return ""


def _measured_now(project: Project, run: runs.Run, go_on: GoOn) -> dict[str, Mapping[str, Any]]:
    """Measure the validation scans that are predicted already; empty where there are none."""
    try:
        made = plan(project, run.id, "val")
    except (LearningError, ProjectError):
        return {}
    there = {record.scan for record in list_predictions(project, run=run.id)}
    rows = []
    for scan in made.scans:
        _check(go_on)
        if scan.id in there:
            rows += measure_scan(project, made, scan)
    return {"val": closed(project, made, rows, ()).facts()} if rows else {}


def _check(go_on: GoOn) -> None:
    if not go_on():
        raise Cancelled


def _numbers(found: Compared, part: str, facts: Mapping[str, Any]) -> Section:
    rows = list(facts["scans"])
    measured = Compared(found.run, found.curves, {part: facts}, found.looks)
    summary = []
    for name in FIGURES:
        value = measured.figure(part, name)
        if value is None or value.mean is None:
            continue
        form = ".3f" if abs(value.mean) < 10 else ".1f"
        median = "" if value.median is None else numeral(value.median, form)
        interval = ""
        if value.ci95 is not None:
            interval = text("report.interval", low=numeral(value.ci95[0], form), high=numeral(value.ci95[1], form))
        summary.append((text(f"evaluate.name_{name}"), numeral(value.mean, form), median, interval, str(value.count)))
    counts = tuple(
        (text(f"train.counts_{name}"), str(count))
        for name in ("scans", "patients", "missed", "spurious", "missed_slices", "spurious_slices")
        if (count := measured.count(part, name)) is not None
    )
    header = tuple(text(f"report.column_{name}") for name in ("figure", "mean", "median", "interval", "values"))
    tables = (
        Table(text("report.summary"), header, tuple(summary), text("train.figures_note")),
        Table(text("report.counts"), (text("report.column_count"), text("report.column_number")), counts),
        scan_table(rows),
    )
    drawn_figures = figures(rows)
    pictures = tuple(
        Picture(text(f"report.{name}_caption"), content, wide=False) for name, content in drawn_figures.items()
    )
    where = text(f"evaluate.part_{part}")
    stamp = (str(facts["stamp"]),) if facts.get("stamp") else ()
    return Section(text("report.numbers_of", part=where), stamp, tables, pictures)


def scan_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the scans of an evaluation in words, the worst first."""
    ordered = sorted(rows, key=lambda row: (row.get("dice") is not None, row.get("dice") or 0.0))
    several = len({row["label"] for row in rows}) > 1
    header = [text("report.column_scan"), *([text("report.column_label")] if several else [])]
    header += [text(f"report.column_{name}") for name in _SCAN_COLUMNS]
    told = []
    for row in ordered[:MOST_ROWS]:
        first = f"{row['scan']}  {row.get('patient', '')}".strip()
        cells = [cell(row, name) for name in _SCAN_COLUMNS]
        told.append((first, *([str(row["label"])] if several else []), *cells))
    note = text("report.rows_left_out", count=len(ordered) - MOST_ROWS) if len(ordered) > MOST_ROWS else ""
    return Table(text("report.scans"), tuple(header), tuple(told), note, new_page=True)


def cell(row: Mapping[str, Any], name: str) -> str:
    """Word one fact of a scan; ``-`` where it has no value."""
    if name in ("hd95", "assd"):
        unit = "mm" if f"{name}_mm" in row else "px"
        value = row.get(f"{name}_{unit}")
        return "–" if value is None else f"{numeral(value, '.1f')} {unit}"
    if name == "lesions":
        return f"{row.get('lesions_found', 0)} / {row.get('lesions', 0)}"
    value = row.get(name)
    if value is None:
        return "–"
    if name.endswith("_ml"):
        return numeral(value, "+.1f").replace("-", "−")
    return str(value) if isinstance(value, int) else numeral(value, ".3f")


def _pictures(
    project: Project, run: runs.Run, part: str, rows: Sequence[Mapping[str, Any]], go_on: GoOn
) -> tuple[Picture, ...]:
    """Draw the worst, the middle and the best scan of each label, of those that are predicted still."""
    made = plan(project, run.id, part)
    names = {scan.name: scan for scan in made.scans}
    there = {record.scan for record in list_predictions(project, run=run.id)}
    shown: list[Picture] = []
    for label in run.labels:
        measured = [
            row
            for row in sorted(rows, key=lambda row: row.get("dice") or 0.0)
            if row["label"] == label and row.get("dice") is not None
            if row["scan"] in names and names[row["scan"]].id in there
        ]
        last = len(measured) - 1
        picks: dict[int, str] = {}
        if last == 0:
            picks = {0: "only"}
        elif last > 0:
            picks = {0: "worst", last: "best"}
            picks.setdefault(last // 2, "middle")
        for index, which in sorted(picks.items()):
            _check(go_on)
            row = measured[index]
            caption = text(f"report.{which}", scan=row["scan"], label=label, dice=numeral(row["dice"], ".3f"))
            stripped = index == last
            shown += _scan_pictures(project, made, names[str(row["scan"])], label, caption, stripped=stripped)
    return tuple(shown)


def _scan_pictures(
    project: Project, made: Plan, scan: Scan, name: str, caption: str, *, stripped: bool
) -> list[Picture]:
    volume = project.read_volume(scan.id)
    predicted = read_prediction(project, made.run.id, scan.id)[name]
    label = project.labels().find(name)
    truth, known = (None, None)
    if label is not None:
        truth, known, _ = learnt_truth(project, scan.id, label, scan.shape[0], made.run.config.reader)
        known &= made.slices_of(scan)
    slices = shown_slices(truth, predicted, volume, known)
    brain = stripped and name.casefold() == BRAIN.casefold()
    found = dict(drawn(volume, truth, predicted, slices[:1], stripped=brain))
    pictures = [Picture(caption, found["compared" if "compared" in found else "mask"])]
    if brain:
        pictures.append(Picture(text("report.stripped", scan=scan.name), found["stripped"]))
    return pictures


__all__ = ["Part", "Picture", "Report", "Section", "Table", "cell", "gather", "scan_table"]
