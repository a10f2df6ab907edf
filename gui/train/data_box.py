"""What there is to learn from, and what to do when it is too little."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QSizePolicy, QWidget

from core.errors import MeninxError
from core.labels import Label
from core.learning.class_survey import ClassSurvey, survey_class
from core.learning.config import TrainingConfig
from core.learning.survey import FEW_PATIENTS, FEW_SLICES, Survey, survey
from core.messages import numeral, sentence, text
from core.project.project import Project
from gui import plots, theme
from gui.jobs.asking import Asker
from gui.train.watch import counted, grouped

BINS = 16


class DataBox(QWidget):
    """Counts in words, a small histogram of the label's area, one warning at a time.

    The warning, :attr:`advice`, is laid out by the panel: above the button that it speaks of, where it is seen
    whole however low the screen is.
    """

    counted = Signal()
    """:attr:`survey` and :attr:`ready` changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.survey: Survey | ClassSurvey | None = None
        self._names: tuple[str, ...] = ()
        self._stale = threading.Event()
        self._asker = Asker(self)
        self._asker.answered.connect(self._show)
        self._asker.refused.connect(self._refused)
        self._words = theme.label(text("train.counting"), "muted", wrap=True)
        self.advice = theme.label("", "warning", wrap=True)
        self._remark = theme.label("", "warning", wrap=True)
        self._plot = plots.QuietPlot(values=False)
        self._plot.setFixedHeight(84)
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        item = self._plot.getPlotItem()
        self._steps = item.plot(stepMode="center", fillLevel=0, x=[0, 1], y=[0])
        self._plot.tint(self._tint)
        self._caption = theme.label(text("train.area_caption"), "muted")
        outer = theme.column(self, gap=5)
        outer.addWidget(theme.heading(text("train.data")))
        outer.addWidget(self._words)
        outer.addWidget(self._remark)
        outer.addSpacing(2)
        outer.addWidget(self._caption)
        outer.addWidget(self._plot)
        self._plot.hide()
        self._caption.hide()
        self.advice.hide()
        self._remark.hide()

    def _tint(self) -> None:
        self._steps.setPen(plots.pen("best", 1.2))
        self._steps.setBrush(theme.qcolor("best", 90))

    @property
    def ready(self) -> bool:
        """Whether a training of these labels could learn anything."""
        if isinstance(self.survey, ClassSurvey):
            return self.survey.ready
        return self.survey is not None and self.survey.with_label > 0

    @property
    def words(self) -> str:
        """The counts as shown."""
        return self._words.text()

    @property
    def warning(self) -> str:
        """The warning as shown, ``""`` for none."""
        return self.advice.text()

    @property
    def remark(self) -> str:
        """What exploring found, as shown; ``""`` for nothing."""
        return self._remark.text()

    @Slot(list)
    def show_remarks(self, words: list[str]) -> None:
        """Show the weightiest thing that exploring found, the others in its tip."""
        more = text("train.remarks_more", count=len(words) - 1) if len(words) > 1 else ""
        self._remark.setText(f"⚠ {words[0]} {more}".rstrip() if words else "")
        self._remark.setToolTip("\n".join(words))
        self._remark.setVisible(bool(words))

    def count(
        self, project: Project | None, labels: Sequence[Label], reader: str = "", *, approved: bool = False
    ) -> None:
        """Count anew, off the window's thread; of ``approved`` scans alone if asked to."""
        self._names = tuple(label.name for label in labels)
        if project is None or not labels:
            self.forget(project is not None)
            self._say(text("train.no_label_chosen") if project is not None else text("train.no_project"), "")
            self.counted.emit()
            return
        self._stale.set()
        if isinstance(self.survey, ClassSurvey):
            self.survey = None
            self._say(text("train.counting"), "")
        self._stale = stale = threading.Event()
        self._asker.ask(_count, project, tuple(labels), reader, approved, stale)

    def count_class(self, project: Project | None, config: TrainingConfig | None) -> None:
        """Count anew what a class can be learnt from; None where there is none to count."""
        self._stale.set()
        self.show_remarks([])
        if project is None or config is None:
            self._asker.forget()
            self.survey = None
            self._say("", "")
            self.counted.emit()
            return
        if not isinstance(self.survey, ClassSurvey):
            # counts of labels say nothing of a class
            self.survey = None
            self._say(text("train.counting"), "")
        self._asker.ask(survey_class, project, config)

    def forget(self, there: bool) -> None:
        """Forget what was counted; ``there``: a project is open and will be counted."""
        self._stale.set()
        self._asker.forget()
        self.survey = None
        self._say(text("train.counting") if there else text("train.no_project"), "")

    def close_page(self) -> None:
        """Give the count up and end its thread."""
        self._stale.set()
        self._asker.close()

    @Slot(object)
    def _refused(self, error: Exception) -> None:
        self.survey = None
        self._say("", sentence(error) if isinstance(error, MeninxError) else str(error))
        self.counted.emit()

    @Slot(object)
    def _show(self, found: Survey | ClassSurvey) -> None:
        if isinstance(found, ClassSurvey):
            self._show_class(found)
            return
        if not found.complete:
            return
        self.survey = found
        words = ""
        if found.slices:
            words = "\n".join(
                (
                    text(
                        "train.data_scans",
                        scans=counted("annotated_scan", found.scans),
                        patients=counted("patient", found.patients),
                    ),
                    text(
                        "train.data_slices",
                        slices=counted("finished_slice", found.slices),
                        without=grouped(found.without_label),
                    ),
                )
            )
        if found.areas.size:
            words += "\n" + text("train.data_area", area=numeral(100 * found.median_area, ".1f"))
        self._say(words, advice(found, self._names))
        self._draw(found)
        self.counted.emit()

    def _show_class(self, found: ClassSurvey) -> None:
        self.survey = found
        words = ""
        if found.slices:
            scans, patients = counted("scan", found.scans), counted("patient", found.patients)
            words = "\n".join(
                (
                    text("train.data_scans", scans=scans, patients=patients),
                    text("train.data_classes", yes=grouped(found.yes), no=grouped(found.no)),
                )
            )
        self._say(words, class_advice(found))
        self._plot.hide()
        self._caption.hide()
        self.counted.emit()

    def _say(self, words: str, warning: str) -> None:
        self._words.setText(words)
        self._words.setVisible(bool(words))
        self.advice.setText(warning)
        self.advice.setVisible(bool(warning))
        if self.survey is None:
            self._plot.hide()
            self._caption.hide()

    def _draw(self, found: Survey) -> None:
        shown = found.areas.size >= BINS
        self._plot.setVisible(shown)
        self._caption.setVisible(shown)
        if shown:
            counts, edges = np.histogram(100 * found.areas, bins=BINS)
            self._steps.setData(x=edges, y=counts)


def _count(project: Project, labels: Sequence[Label], reader: str, approved: bool, stale: threading.Event) -> Survey:
    return survey(project, labels, reader=reader, approved=approved, go_on=lambda: not stale.is_set())


def advice(found: Survey, names: Sequence[str]) -> str:
    """Return the one thing to say about the data, with what to do; ``""`` if it is well."""
    label = ", ".join(names)
    if not found.slices:
        key = "advice_unfinished" if found.unfinished else "advice_nothing"
        return text(f"train.{key}", label=label, count=found.unfinished)
    if not found.with_label:
        return text("train.advice_all_empty", label=label)
    if found.patients < FEW_PATIENTS:
        patients = counted("patient", found.patients)
        return text("train.advice_few_patients", patients=patients, least=FEW_PATIENTS)
    if found.slices < FEW_SLICES:
        return text("train.advice_few_slices", count=found.slices)
    if found.patients_unknown:
        return text("train.advice_unknown", count=found.patients_unknown)
    if found.unfinished:
        return text("train.advice_some_unfinished", count=found.unfinished)
    return ""


def class_advice(found: ClassSurvey) -> str:
    """Return the one thing to say about the slices of a class; ``""`` if it is well."""
    if found.refused:
        return found.refused
    if found.patients < FEW_PATIENTS:
        return text("train.advice_class_patients", patients=counted("patient", found.patients), least=FEW_PATIENTS)
    if found.patients_yes < FEW_PATIENTS:
        return text("train.advice_class_yes", patients=counted("patient", found.patients_yes), least=FEW_PATIENTS)
    if found.patients_unknown:
        return text("train.advice_unknown", count=found.patients_unknown)
    if found.unknown:
        return text("train.advice_class_unknown", count=grouped(found.unknown))
    return ""
