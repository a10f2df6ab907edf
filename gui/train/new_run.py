"""The panel that starts a training: a few plain choices, the data, one button."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QLayout, QScrollArea, QSpinBox, QVBoxLayout, QWidget

from core.labels import Label, LabelSet
from core.learning.config import (
    CLASS_LOSSES,
    CLASSIFIERS,
    DEFAULT_EPOCHS,
    ENCODER_CLASSIFIERS,
    ENCODER_NETWORKS,
    LOSSES,
    NETWORKS,
    SLICES,
    TASKS,
    TrainingConfig,
)
from core.learning.first_label import first_label
from core.learning.starters import starts_shipped
from core.messages import numeral, text
from core.project.project import Project
from gui import theme
from gui.jobs.asking import Asker
from gui.train.class_choice import ClassChoice
from gui.train.data_box import DataBox
from gui.train.expert import ExpertDialog
from gui.train.run_table import RunRow
from gui.wheel import WheelScrolls

SIZES = (128, 160, 192, 224, 256, 320, 384, 512)
USUAL = {"segment": TrainingConfig(labels=("-",)), "classify": TrainingConfig.for_class("-")}
"""What is usual for each task."""
OFFERED = {"segment": (NETWORKS, LOSSES), "classify": (CLASSIFIERS, CLASS_LOSSES)}
"""Networks and losses of each task."""
DEFAULT_MINUTES = 10
SCRATCH = ""


class NewRunPanel(QFrame):
    """Choices of a training."""

    start_asked = Signal(object)
    """A valid :class:`TrainingConfig`."""
    labels_chosen = Signal(list)
    """The :class:`core.labels.Label` that are ticked."""
    pictures_asked = Signal(object)
    """Show what each step of the preparation does; the :class:`TrainingConfig` as it is chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "right")
        self.setFixedWidth(theme.space("side"))
        self._project: Project | None = None
        self._labels = LabelSet()
        self._experts = dict(USUAL)
        self._rows: Sequence[RunRow] = ()
        self._checks: dict[str, QCheckBox] = {}
        self._said = False
        """Whether somebody has chosen labels in this project."""
        self._asker = Asker(self)
        self._asker.answered.connect(self._suggest)
        self._parents: dict[str, TrainingConfig] = {}
        self._shipped: list[tuple[str, TrainingConfig]] | None = None
        self._running = False
        self._read_only = False
        self._make_choices()
        self.data = DataBox()
        self.data.counted.connect(self._refresh)
        self.start = theme.primary_button(text("train.start"))
        self.start.setMinimumHeight(36)
        self.start.clicked.connect(self._start)
        self._why = theme.label("", "muted", wrap=True)
        self._lay_out()
        self._refresh()

    # --------------------------------------------------------------- layout

    def _make_choices(self) -> None:
        self.task = _combo((task, text(f"train.task_{task}")) for task in TASKS)
        self.task.currentIndexChanged.connect(self._task_changed)
        self.classes = ClassChoice()
        self.classes.changed.connect(self._class_changed)
        self.network = _combo((name, text(f"train.network_{name}_long")) for name in NETWORKS)
        self.parent_run = _combo([(SCRATCH, text("train.from_scratch"))])
        self.parent_run.currentIndexChanged.connect(self._parent_changed)
        self.slice_size = _combo((str(size), text("train.size_words", size=size)) for size in SIZES)
        self.slice_size.setCurrentIndex(SIZES.index(256))
        self.slices = _combo((str(count), text(f"train.slices_{count}")) for count in SLICES)
        self.slices.setCurrentIndex(SLICES.index(3))
        self.loss = _combo((name, text(f"train.loss_{name}")) for name in LOSSES)
        self.budget = QSpinBox()
        self.budget.setRange(1, 10_000)
        self.budget.setValue(DEFAULT_MINUTES)
        self.budget.lineEdit().setTextMargins(7, 0, 0, 0)
        self.budget.setAccessibleName(text("train.budget"))
        self.budget_unit = _combo((unit, text(f"train.unit_{unit}")) for unit in ("minutes", "epochs"))
        self.budget_unit.setAccessibleName(text("train.budget_unit"))
        self.budget_unit.currentIndexChanged.connect(self._unit_changed)
        self.approved = QCheckBox(text("train.approved"))
        self.approved.setToolTip(text("train.approved_tip"))
        self.approved.toggled.connect(self.recount)
        self.expert = theme.button(text("train.expert_open"))
        self.expert.clicked.connect(self._open_expert)
        self.pictures = theme.button(text("train.pictures_open"), tip=text("train.pictures_tip"))
        self.pictures.clicked.connect(self._ask_pictures)

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setProperty("area", "clear")
        column = theme.column(inner, margin=theme.space("m"), gap=theme.space("m"))
        column.setContentsMargins(theme.space("m"), theme.space("m"), theme.space("m"), theme.space("s"))
        column.addWidget(theme.heading(text("train.new_run")))
        column.addLayout(_field("task", self.task))
        self._label_box = QVBoxLayout()
        self._label_box.setSpacing(0)
        self._label_part = QWidget()
        self._label_part.setProperty("area", "clear")
        theme.column(self._label_part).addLayout(_field("labels", self._label_box))
        column.addWidget(self._label_part)
        column.addWidget(self.classes)
        self.classes.hide()
        column.addLayout(_field("network", self.network))
        column.addLayout(_field("start_from", self.parent_run))
        pair = theme.row()
        pair.addLayout(_field("size", self.slice_size), 1)
        pair.addLayout(_field("slices", self.slices), 1)
        column.addLayout(pair)
        column.addLayout(_field("loss", self.loss))
        budget = theme.row()
        budget.addWidget(self.budget, 1)
        budget.addWidget(self.budget_unit, 1)
        column.addLayout(_field("budget", budget))
        column.addWidget(self.approved)
        column.addWidget(self.expert)
        column.addWidget(self.pictures)
        column.addSpacing(theme.space("xs"))
        column.addWidget(self.data)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        WheelScrolls(inner)
        foot = theme.column(gap=6)
        foot.setContentsMargins(theme.space("m"), theme.space("s"), theme.space("m"), theme.space("m"))
        foot.addWidget(self.data.advice)
        foot.addWidget(self._why)
        foot.addWidget(self.start)
        outer = theme.column(self, gap=0)
        outer.addWidget(scroll, 1)
        outer.addLayout(foot)

    # ---------------------------------------------------------------- facts

    def set_project(self, project: Project | None, labels: LabelSet, *, read_only: bool) -> None:
        """Offer another project's labels; the choice is kept where a label is still there.

        The data are not counted: :meth:`recount` does, and only while somebody looks.
        """
        chosen = (
            {name for name, check in self._checks.items() if check.isChecked()}
            if project is self._project and self._checks
            else {next((label.name for label in labels), "")}
        )
        if project is not self._project:
            self.data.forget(project is not None)
            self._asker.forget()
            self._said = False
            self._as_usual()
        self._project, self._labels, self._read_only = project, labels, read_only
        while self._label_box.count():
            item = self._label_box.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.hide()
                old.deleteLater()
        self._checks = {}
        for label in labels:
            check = QCheckBox(label.name)
            check.setIcon(swatch(label.color))
            check.setChecked(label.name in chosen)
            check.toggled.connect(self._choose)
            self._checks[label.name] = check
            self._label_box.addWidget(check)
        if not self._checks:
            self._label_box.addWidget(theme.label(text("train.no_labels_yet"), "muted", wrap=True))
        self.classes.read(project)
        self.labels_chosen.emit(self.chosen_labels())
        self._refresh()

    def set_runs(self, rows: Sequence[RunRow]) -> None:
        """Offer the usable runs of the task as a start."""
        self._rows = rows
        kept = str(self.parent_run.currentData() or SCRATCH)
        self.parent_run.blockSignals(True)
        self.parent_run.clear()
        self.parent_run.addItem(text("train.from_scratch"), SCRATCH)
        # what says yes or no of slices is no start for what draws, nor the other way round
        starts = [row for row in rows if row.run.usable and row.run.config.classifies == self.classifies]
        self._parents = {row.run.id: row.run.config for row in starts}
        for row in starts:
            self.parent_run.addItem(self._start_words(row), row.run.id)
        if self._shipped is None:
            # they come with the program: read once, not at each project
            self._shipped = starts_shipped()
        for name, config in () if self.classifies else self._shipped:
            self._parents[name] = config
            self.parent_run.addItem(text("train.from_starter", name=name), name)
        self.parent_run.setCurrentIndex(max(0, self.parent_run.findData(kept)))
        self.parent_run.blockSignals(False)
        self._parent_changed()

    def _start_words(self, row: RunRow) -> str:
        """Return how a run is offered as a start; one from elsewhere has no figure here, but a name there."""
        if row.origin and row.run.best_dice is None:
            return f"{row.run.name} · {row.origin}"
        figure = numeral(row.run.best_dice, ".3f") if row.run.best_dice is not None else "-"
        key = "train.from_run_class" if self.classifies else "train.from_run"
        return text(key, run=row.run.name, dice=figure) + ("  ★" if row.best else "")

    def set_running(self, running: bool) -> None:
        """Say whether a training runs: only one may."""
        self._running = running
        self._refresh()

    @property
    def chosen_task(self) -> str:
        """``segment`` or ``classify``."""
        return str(self.task.currentData())

    @property
    def classifies(self) -> bool:
        """Whether yes or no of a class is to be learnt."""
        return self.chosen_task == "classify"

    def choose_task(self, task: str) -> None:
        """Choose what is learnt."""
        self.task.setCurrentIndex(self.task.findData(task))

    def start_from(self, run: str) -> None:
        """Choose a run as the start of the next one."""
        index = self.parent_run.findData(run)
        if index >= 0:
            self.parent_run.setCurrentIndex(index)

    def chosen_labels(self) -> list[Label]:
        """Labels that are ticked."""
        return [label for label in self._labels if label.name in self._checks and self._checks[label.name].isChecked()]

    def config(self) -> TrainingConfig:
        """Return the choices as a config (not validated)."""
        minutes = str(self.budget_unit.currentData()) == "minutes"
        network = str(self.network.currentData())
        expert = self._experts[self.chosen_task]
        if network not in (*ENCODER_NETWORKS, *ENCODER_CLASSIFIERS) and expert.encoder_weights:
            # a file chosen for another network means nothing to this one
            expert = replace(expert, encoder_weights="")
        if self.classifies:
            chosen = self.classes
            level = chosen.chosen_level
            expert = replace(expert, labels=(), class_name=chosen.chosen, class_yes=chosen.yes, level=level)
        else:
            expert = replace(expert, labels=tuple(label.name for label in self.chosen_labels()))
        return replace(
            expert,
            network=network,
            loss=str(self.loss.currentData()),
            size=int(self.slice_size.currentData()),
            slices=int(self.slices.currentData()),
            epochs=DEFAULT_EPOCHS if minutes else self.budget.value(),
            minutes=float(self.budget.value()) if minutes else 0.0,
            parent=str(self.parent_run.currentData() or "") or None,
            approved=self.approved.isChecked(),
        )

    # ---------------------------------------------------------------- slots

    @Slot()
    def recount(self) -> None:
        """Count the data of the chosen labels anew."""
        chosen = self.chosen_labels()
        if self.classifies:
            config = self.config()
            self.data.count_class(self._project, config if config.class_name and config.class_yes else None)
        else:
            reader, approved = self._experts["segment"].reader, self.approved.isChecked()
            self.data.count(self._project, chosen, reader, approved=approved)
        self.labels_chosen.emit(chosen)
        self._refresh()
        if self._project is not None and len(self._checks) > 1 and not (self._said or self.classifies):
            # at the end: the answer may be there at once, and counts anew
            self._asker.ask(first_label, self._project, tuple(self._labels))

    @Slot()
    def _choose(self) -> None:
        self._said = True
        self._asker.forget()
        self.recount()

    @Slot(object)
    def _suggest(self, label: Label | None) -> None:
        """Choose the label that can be learnt, as long as nobody has chosen one."""
        if label is None or self._said or label.name not in self._checks or self._checks[label.name].isChecked():
            return
        for name, check in self._checks.items():
            check.blockSignals(True)
            check.setChecked(name == label.name)
            check.blockSignals(False)
        self.recount()

    @Slot()
    def recount_classes(self) -> None:
        """Something else was said of a scan or a slice."""
        self.classes.read(self._project)

    @Slot()
    def _class_changed(self) -> None:
        if self.classifies:
            self.recount()

    @Slot()
    def _task_changed(self) -> None:
        """Offer what goes with the task, with what is usual for it."""
        task, usual = self.chosen_task, USUAL[self.chosen_task]
        self._label_part.setVisible(not self.classifies)
        self.classes.setVisible(self.classifies)
        networks, losses = OFFERED[task]
        for combo, words in (
            (self.network, [(name, text(f"train.network_{name}_long")) for name in networks]),
            (self.loss, [(name, text(f"train.loss_{name}{'_class' if self.classifies else ''}")) for name in losses]),
        ):
            combo.clear()
            for value, shown in words:
                combo.addItem(shown, value)
        self.network.setCurrentIndex(self.network.findData(usual.network))
        self.loss.setCurrentIndex(self.loss.findData(usual.loss))
        self.slice_size.setCurrentIndex(self.slice_size.findData(str(usual.size)))
        self.set_runs(self._rows)
        self.recount()

    @Slot()
    def _refresh(self) -> None:
        why = ""
        if self._project is None:
            why = "train.no_project"
        elif self._read_only:
            why = "train.why_read_only"
        elif self._running:
            why = "train.why_running"
        elif self.classifies:
            if not self.classes.chosen:
                why = "train.no_class_chosen"
            elif not self.classes.yes:
                why = "train.only_no_said" if self.classes.only_no else "train.no_yes_chosen"
        elif not self.chosen_labels():
            why = "train.no_label_chosen"
        ready = not why and self.data.ready
        self.start.setEnabled(ready)
        self._why.setText(text(why) if why and self._project is not None else "")
        self._why.setVisible(bool(self._why.text()))

    @Slot()
    def _parent_changed(self) -> None:
        # Weights fit only the network they were learnt in, and the input it was shown.
        parent = self._parents.get(str(self.parent_run.currentData()))
        if parent is not None:
            self.network.setCurrentIndex(max(0, self.network.findData(parent.network)))
            self.slices.setCurrentIndex(max(0, self.slices.findData(str(parent.slices))))
            if self.slice_size.findData(str(parent.size)) < 0:
                self.slice_size.addItem(text("train.size_words", size=parent.size), str(parent.size))
            self.slice_size.setCurrentIndex(self.slice_size.findData(str(parent.size)))
            task = self.chosen_task
            self._experts[task] = replace(self._experts[task], prepare=parent.prepare, channels=parent.channels)
            if parent.classifies:
                self.classes.choose(parent.class_name)
        for control in (self.network, self.slices):
            control.setEnabled(parent is None)
            control.setToolTip(text("train.network_of_parent") if parent is not None else "")

    def _as_usual(self) -> None:
        """Forget what was set for another project: its size, its minutes, its reader."""
        self._experts = dict(USUAL)
        self.parent_run.setCurrentIndex(0)
        self.task.setCurrentIndex(0)
        usual = USUAL[self.chosen_task]
        self.network.setCurrentIndex(self.network.findData(usual.network))
        self.loss.setCurrentIndex(self.loss.findData(usual.loss))
        self.slices.setCurrentIndex(self.slices.findData(str(usual.slices)))
        self.slice_size.setCurrentIndex(self.slice_size.findData(str(usual.size)))
        self.budget_unit.setCurrentIndex(0)
        self.budget.setValue(DEFAULT_MINUTES)
        self.approved.setChecked(False)

    @Slot()
    def _unit_changed(self) -> None:
        minutes = str(self.budget_unit.currentData()) == "minutes"
        self.budget.setValue(DEFAULT_MINUTES if minutes else DEFAULT_EPOCHS)

    @Slot()
    def _open_expert(self) -> None:
        dialog = ExpertDialog(self._expert_start(), self)
        if dialog.exec():
            self._experts[self.chosen_task] = dialog.config
        dialog.deleteLater()

    def _expert_start(self) -> TrainingConfig:
        # the network decides whether there is an encoder to give weights to
        return replace(self._experts[self.chosen_task], network=str(self.network.currentData()))

    @Slot()
    def _ask_pictures(self) -> None:
        self.pictures_asked.emit(self.config())

    def use_preparation(self, steps: tuple[str, ...], channels: tuple[str, ...]) -> None:
        """Prepare the next run's slices so; a run that starts from another keeps what that was shown."""
        task = self.chosen_task
        self._experts[task] = replace(self._experts[task], prepare=steps, channels=channels)

    @Slot()
    def _start(self) -> None:
        self.start_asked.emit(self.config())

    def close_page(self) -> None:
        """End the counting thread."""
        self._asker.close()
        self.data.close_page()
        self.classes.close_page()


def _combo(choices: Iterable[tuple[str, str]]) -> QComboBox:
    made = QComboBox()
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(4)
    for value, words in choices:
        made.addItem(words, value)
    return made


def _field(key: str, control: QWidget | QLayout) -> QVBoxLayout:
    box = theme.column(gap=4)
    named = control if isinstance(control, QWidget) else None
    box.addWidget(theme.label(text(f"train.{key}"), "muted", of=named))
    if isinstance(control, QWidget):
        box.addWidget(control)
    else:
        box.addLayout(control)
    return box


def swatch(color: str) -> QIcon:
    """Return a small rounded square of a label's colour."""
    drawn = QPixmap(28, 28)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(color))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawRoundedRect(2, 2, 24, 24, 6, 6)
    painter.end()
    return QIcon(drawn)
