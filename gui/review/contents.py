"""What a pane of the Review page can show, and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.geometry import Geometry
from core.messages import text
from core.project.project import Project
from core.project.records import Scan
from core.review.entropy import LEVELS, entropy_color
from core.team.assignments import visible
from core.volume import Volume
from gui import theme
from gui.review.case import BOTH, ONLY_PREDICTION, ONLY_REFERENCE, LabelCase, Reference, ReviewCase
from gui.review.numbers import difference_words, volume_words
from gui.train.run_table import RunRow
from gui.viewer.overlay import Overlay, rgb

SCAN, REFERENCE, PREDICTION, STRIPPED = "scan", "reference", "prediction", "stripped"
DIFFERENCE, UNSURE = "difference", "unsure"
OF_THE_PAIR = (SCAN, REFERENCE, PREDICTION, DIFFERENCE, UNSURE, STRIPPED)
"""What belongs to the run and what it is compared with, both chosen above the panes."""
FILL = 0.30
_UNSURE_COLORS = {level: entropy_color(level) for level in range(1, LEVELS)}


@dataclass(frozen=True)
class Choice:
    """One entry of a pane's menu: ``key`` stays the same when words change."""

    key: str
    words: str
    other: Reference | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """What one pane shows.

    Parameters
    ----------
    title, subtitle
        Its words.
    volume
        The scan, or the scan stripped.
    overlays
        Masks over it.
    """

    title: str
    subtitle: str
    volume: Volume
    overlays: tuple[Overlay, ...] = ()


@dataclass(frozen=True, eq=False)
class Scene:
    """All that panes are drawn from.

    Parameters
    ----------
    volume
        The scan.
    reference
        What the prediction is compared with.
    case, label
        None while they are worked out.
    annotation
        Masks (array, value, colour) of the open annotation, shown while nothing is predicted.
    """

    volume: Volume
    reference: Reference
    case: ReviewCase | None = None
    label: LabelCase | None = None
    annotation: Sequence[tuple[Any, int, str]] = ()


def key_of(reference: Reference) -> str:
    """Return the key of another reader's annotation or another run's prediction."""
    return f"{reference.kind}:{reference.id}"


def choices(reference: Reference | None, others: Sequence[Reference]) -> list[Choice]:
    """Return what a pane can show: of the pair that is compared, then what else there is of the scan."""
    found = []
    for key in OF_THE_PAIR:
        words = text(f"review.content_{key}")
        if key == REFERENCE and reference is not None:
            words = reference.words
        found.append(Choice(key, words))
    return found + [Choice(key_of(one), one.words, one) for one in others if one != reference]


def references(project: Project, scan: Scan, reader: str, rows: Sequence[RunRow], chosen: str) -> list[Reference]:
    """Return what a run can be compared with: annotations first, the own one before others; then other runs."""
    # what somebody else reads blind is nobody's to see yet
    readers = [reader, *(one.reader for one in visible(project, scan.id, reader))]
    found = []
    for name in dict.fromkeys(readers):
        words = text("review.annotation_own") if name == reader else text("review.annotation_of", reader=name)
        found.append(Reference("reader", name, words))
    return found + [
        Reference("run", row.run.id, text("review.prediction_of", run=row.run.name))
        for row in rows
        if row.run.comparable and row.run.id != chosen
    ]


def show(choice: Choice, scene: Scene) -> Shown:
    """Return how a pane shows something of a scene."""
    if choice.key == SCAN:
        return Shown(text("review.pane_scan"), "", scene.volume)
    if choice.key == STRIPPED:
        return _stripped(scene)
    if choice.key == REFERENCE:
        return _reference(scene)
    title = text("review.pane_difference" if choice.key == DIFFERENCE else "review.pane_unsure")
    if choice.key == PREDICTION:
        title = text("review.pane_prediction")
    elif choice.other is not None:
        title = choice.words
    if scene.label is None:
        return Shown(title, _not_yet(scene), scene.volume)
    if choice.key == PREDICTION:
        label, color = scene.label, prediction_color(label_color(scene.label))
        overlay = Overlay(label.predicted, {1: rgb(color)}, FILL)
        return Shown(title, prediction_words(label, scene.volume.geometry), scene.volume, (overlay,))
    if choice.key == DIFFERENCE:
        return _difference(title, scene.label, scene)
    if choice.key == UNSURE:
        return _unsure(title, scene.label, scene)
    return _other(title, choice, scene.label, scene)


def _not_yet(scene: Scene) -> str:
    return text("review.pane_reading" if scene.case is None else "review.pane_not_predicted")


def _stripped(scene: Scene) -> Shown:
    title = text("review.pane_stripped")
    stripped = scene.case.stripped if scene.case is not None else None
    if stripped is None:
        words = text("review.stripped_not") if scene.label is not None else _not_yet(scene)
        return Shown(title, words, scene.volume)
    name = scene.label.name if scene.label is not None else ""
    return Shown(title, text(f"review.stripped_by_{stripped[1]}", label=name), stripped[0])


def _reference(scene: Scene) -> Shown:
    reference, label = scene.reference, scene.label
    reader = reference.kind == "reader"
    title = text("review.pane_annotation") if reader else reference.words
    if label is None:
        masks = tuple(Overlay(mask, {value: rgb(color)}, FILL) for mask, value, color in scene.annotation)
        return Shown(title, "", scene.volume, masks if reader else ())
    words = reference_words(label, scene.volume.geometry)
    if label.truth is None:
        return Shown(title, words, scene.volume)
    color = label_color(label) if reader else theme.scan_color("only_reader")
    mask, value = label.truth
    return Shown(title, words, scene.volume, (Overlay(mask, {value: rgb(color)}, FILL),))


def _difference(title: str, label: LabelCase, scene: Scene) -> Shown:
    if not label.compared.known.any():
        return Shown(title, text("review.difference_none"), scene.volume)
    key = "reader" if scene.reference.kind == "reader" else "run"
    only = {
        ONLY_PREDICTION: rgb(theme.scan_color("only_prediction")),
        ONLY_REFERENCE: rgb(theme.scan_color("only_reader")),
    }
    overlays = (
        Overlay(label.difference, {BOTH: rgb(theme.scan_color("both"))}, opacity=0.22, outline=False),
        Overlay(label.difference, only, opacity=0.8, outline=False),
    )
    return Shown(title, text(f"review.difference_words_{key}"), scene.volume, overlays)


def _unsure(title: str, label: LabelCase, scene: Scene) -> Shown:
    if label.unsure is None:
        known = scene.case is not None and scene.case.asked_unsure
        return Shown(title, text("review.unsure_none" if known else "review.pane_reading"), scene.volume)
    overlay = Overlay(label.unsure, _UNSURE_COLORS, opacity=0.85, outline=False)
    return Shown(title, text("review.unsure_words"), scene.volume, (overlay,))


def _other(title: str, choice: Choice, label: LabelCase, scene: Scene) -> Shown:
    if choice.other is None or choice.other not in label.others:
        return Shown(title, text("review.pane_reading"), scene.volume)
    found = label.others[choice.other]
    if found is None:
        key = "not_drawn" if choice.other.kind == "reader" else "pane_not_predicted"
        return Shown(title, text(f"review.{key}"), scene.volume)
    mask, value = found
    color = theme.scan_color("run_4" if choice.other.kind == "run" else "run_3")
    return Shown(title, "", scene.volume, (Overlay(mask, {value: rgb(color)}, FILL),))


def label_color(label: LabelCase) -> str:
    """Return the colour of a label, as the project has it now."""
    return label.label.color if label.label is not None else theme.scan_color("best")


def prediction_color(color: str) -> str:
    """Return amber for predictions, or blue where the label itself is amber."""
    red, green, blue = rgb(color)
    amber = red > 190 and 110 < green < 220 and blue < 110
    return theme.scan_color("accent_bright" if amber else "validation")


def reference_words(label: LabelCase, geometry: Geometry) -> str:
    """Return the line below the reference's title: its volume and how much of it is finished."""
    compared = label.compared
    if not label.truth_voxels:
        return text("review.not_drawn")
    words = volume_words(label.truth_voxels, geometry)
    if not compared.whole:
        words += "   " + text("review.finished_of", finished=compared.finished, slices=len(compared.known))
    return words


def prediction_words(label: LabelCase, geometry: Geometry) -> str:
    """Return the line below the prediction's title: its volume and how it differs."""
    words = volume_words(label.predicted_voxels, geometry)
    measures = label.compared.measures
    if measures is not None and label.compared.whole and measures.difference_percent is not None:
        difference = difference_words(measures, geometry)
        words += "   " + difference[difference.rindex("(") :]
    return words
