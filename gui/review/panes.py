"""Scan, annotation, prediction and stripped brain: four panes that move together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from core.geometry import Geometry
from core.messages import text
from core.volume import Volume, Window
from gui import theme
from gui.review.case import LabelCase, Reference, ReviewCase
from gui.review.numbers import difference_words, volume_words
from gui.viewer.compare_panes import ComparePanes
from gui.viewer.overlay import Overlay, rgb

SCAN, REFERENCE, PREDICTION, STRIPPED = range(4)
FILL = 0.30


class ReviewPanes(ComparePanes):
    """The four panes with their words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(4, parent)
        self._subject: Volume | None = None
        self.index_changed.connect(self._say_slice)

    def show_volume(self, volume: Volume | None, window: Window | None, start: int | None = None) -> None:
        """Show another scan at a slice (its middle if None), its masks still unknown."""
        self._subject = volume
        self.set_volume(volume, window=window)
        if volume is not None:
            self.set_index(volume.shape[0] // 2 if start is None else start)

    def show_case(
        self,
        case: ReviewCase | None,
        label: LabelCase | None,
        volume: Volume,
        reference: Reference,
        annotation: Sequence[tuple[Any, int, str]],
    ) -> None:
        """Give each pane its masks and words.

        Parameters
        ----------
        case, label
            None while they are worked out.
        volume
            The scan.
        reference
            What the prediction is compared with.
        annotation
            Masks (array, value, colour) shown while nothing is predicted.
        """
        geometry = volume.geometry
        self.set_pane(SCAN, text("review.pane_scan"), self._slice_words())
        title = text("review.pane_annotation") if reference.kind == "reader" else reference.words
        if label is None:
            overlays = [Overlay(mask, {value: rgb(color)}, FILL) for mask, value, color in annotation]
            self.set_pane(REFERENCE, title, "", overlays if reference.kind == "reader" else ())
            words = text("review.pane_reading" if case is None else "review.pane_not_predicted")
            self.set_pane(PREDICTION, text("review.pane_prediction"), words)
            self._show_stripped(case, label, words, volume)
            return
        color = label.label.color if label.label is not None else theme.color("best")
        self.set_pane(REFERENCE, title, reference_words(label, geometry), _truth_overlays(label, reference, color))
        prediction = [Overlay(label.predicted, {1: rgb(prediction_color(color))}, FILL)]
        self.set_pane(PREDICTION, text("review.pane_prediction"), prediction_words(label, geometry), prediction)
        self._show_stripped(case, label, text("review.stripped_not"), volume)

    def _show_stripped(self, case: ReviewCase | None, label: LabelCase | None, words: str, volume: Volume) -> None:
        stripped = case.stripped if case is not None else None
        if stripped is not None:
            name = label.name if label is not None else ""
            words, volume = text(f"review.stripped_by_{stripped[1]}", label=name), stripped[0]
        self.set_pane(STRIPPED, text("review.pane_stripped"), words, (), volume)

    def _slice_words(self) -> str:
        return text("review.slice_of", slice=self.index + 1, slices=self.slices) if self._subject is not None else ""

    @Slot()
    def _say_slice(self) -> None:
        self.set_subtitle(SCAN, self._slice_words())


def _truth_overlays(label: LabelCase, reference: Reference, color: str) -> list[Overlay]:
    if label.truth is None:
        return []
    shown = color if reference.kind == "reader" else theme.color("only_reader")
    return [Overlay(label.truth[0], {label.truth[1]: rgb(shown)}, FILL)]


def prediction_color(color: str) -> str:
    """Return amber for predictions, or blue where the label itself is amber."""
    red, green, blue = rgb(color)
    amber = red > 190 and 110 < green < 220 and blue < 110
    return theme.color("accent_bright" if amber else "validation")


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
