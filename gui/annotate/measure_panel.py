"""The section at the right while the ruler is in the hand: what is measured, and what was."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QListWidget, QListWidgetItem, QWidget

from core.editing.editor import Change
from core.editing.tools.measures import Figures
from core.errors import MeninxError
from core.geometry import Plane
from core.labels import Label
from core.messages import text
from core.project.measurement_files import write_measurements
from core.project.measurements import NO_PLANE, Measurement
from core.project.project import Project
from core.volume import Volume
from gui import theme
from gui.annotate.measured import Measured
from gui.annotate.measuring import Kind, MeasureTool, figure_words, label_figures
from gui.annotate.versions_list import plain_list
from gui.background import Tasks
from gui.icons import icon
from gui.marking import let_mark
from gui.session import Session

_ROW, _MOST_ROWS = 22, 6


class MeasurePanel(QWidget):
    """Ruler, angle, area, figures of the label, and the list of what was measured on this scan.

    Parameters
    ----------
    session
        What is open.
    tool
        The ruler.
    """

    def __init__(self, session: Session, tool: MeasureTool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tool = tool
        self._tasks = Tasks(self)
        self.measured = Measured(session, self)
        tool.kept = self.measured
        self._make(tool)
        tool.told.changed.connect(self._show)
        tool.told.done.connect(self.measured.add)
        self.measured.changed.connect(self._fill)
        session.label_changed.connect(self._label_changed)
        session.labels_changed.connect(self._label_changed)
        session.scan_changed.connect(self._label_changed)
        session.mask_changed.connect(self._mask_changed)
        session.project_changed.connect(self._project_changed)
        self._label_changed()
        self._show()
        self._fill()

    def _make(self, tool: MeasureTool) -> None:
        self.kinds = {kind: theme.button(text(f"measure.{kind.value}_name"), "small") for kind in Kind}
        self._group = QButtonGroup(self)
        line = theme.row(gap=6)
        for number, button in enumerate(self.kinds.values()):
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._group.addButton(button, number)
            line.addWidget(button, 1)
        self.kinds[tool.kind].setChecked(True)
        self._group.idClicked.connect(self._chosen)
        self.words = theme.label("", "strong", wrap=True)
        self.ask = theme.button("")
        self.ask.clicked.connect(self.measure_label)
        self.label_words = theme.label("", "muted", wrap=True)
        for words in (self.words, self.label_words):
            let_mark(words)
        self.list = QListWidget()
        plain_list(self.list, text("measure.kept"))
        self.list.itemClicked.connect(self._go)
        self.list.itemActivated.connect(self._go)
        self.list.currentItemChanged.connect(self._enable)
        # of the window: a click in the list leaves the keyboard with the scan, whose keys go on working
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self)
        delete.activated.connect(self.remove)
        self.gone = theme.button(text("measure.remove"), "small", tip=text("measure.remove_tip"))
        self.gone.setIcon(icon("trash", "muted"))
        self.gone.clicked.connect(self.remove)
        self.table = theme.button(text("measure.table"), "small", tip=text("measure.table_tip"))
        self.table.clicked.connect(self._ask_table)
        ends = theme.row(gap=6)
        ends.addWidget(self.gone, 1)
        ends.addWidget(self.table, 1)
        # what grows stands below what is pressed: no button moves from under the pointer
        contents = (line, self.ask, self.words, self.label_words, self.list, ends)
        theme.column(self).addWidget(theme.section(text("measure.title"), *contents))

    @Slot(int)
    def _chosen(self, number: int) -> None:
        self._tool.set_kind(list(Kind)[number])

    @Slot()
    def _show(self) -> None:
        self.words.setText(self._tool.words)

    @Slot()
    def _label_changed(self) -> None:
        label = self._session.label
        self.ask.setText(text("measure.ask", name=label.name if label is not None else ""))
        self.ask.setEnabled(label is not None and self._session.editor is not None)
        self._forget()

    @Slot()
    def _project_changed(self) -> None:
        if self._session.project is None:
            self._tasks.wait()

    @Slot(object)
    def _mask_changed(self, change: Change) -> None:
        if change.kind != "state":
            self._forget()

    def _forget(self) -> None:
        self.label_words.setText("")
        self.label_words.hide()

    # ------------------------------------------------------------- the label

    @Slot()
    def measure_label(self) -> None:
        """Say how much there is of the label and how bright it is, and keep it."""
        session = self._session
        editor, label, volume = session.editor, session.label, session.volume
        if editor is None or label is None or volume is None:
            return
        editor.commit()
        work = functools.partial(_measured, editor.revision, session.token, label, volume, editor.mask(label.layer))
        self._tasks.start(work, self._label_measured, session.notifier.error)

    @Slot(object)
    def _label_measured(self, found: tuple[int, int, Label, Figures | None]) -> None:
        revision, token, label, figures = found
        session = self._session
        editor, scan = session.editor, session.scan
        if editor is None or scan is None or token != session.token or revision != editor.revision:
            return
        words = text("measure.nothing", name=label.name)
        if figures is not None:
            words = figure_words("label", figures, label.name)
            self.measured.add(Measurement(scan.id, session.reader, "label", NO_PLANE, 0, (), label.name, figures))
        self.label_words.setText(words)
        self.label_words.show()

    # --------------------------------------------------------------- the list

    @Slot()
    def _fill(self) -> None:
        chosen = self.chosen()
        self.list.clear()
        for one in reversed(self.measured.all):
            item = QListWidgetItem(self._line(one))
            item.setToolTip(figure_words(one.kind, one.figures, one.label))
            item.setData(Qt.ItemDataRole.UserRole, one)
            item.setSizeHint(QSize(40, _ROW))
            self.list.addItem(item)
            if chosen is not None and one.id == chosen.id:
                self.list.setCurrentItem(item)
        there = bool(self.measured.all)
        self.list.setFixedHeight(_ROW * min(len(self.measured.all), _MOST_ROWS) + 4)
        for widget in (self.list, self.gone, self.table):
            widget.setVisible(there)
        self._enable()
        self._tool.bench.views.sketch_changed()

    def _line(self, one: Measurement) -> str:
        words = figure_words(one.kind, one.figures, one.label, short=True)
        volume = self._session.volume
        if one.plane == NO_PLANE or volume is None:
            return words
        views = ((plane, volume.geometry.view(plane)) for plane in Plane)
        plane = next(plane for plane, view in views if view.slice_axis == one.plane)
        return f"{words}  ·  {text(f'viewer.{plane.value}')} {one.slice + 1}"

    def chosen(self) -> Measurement | None:
        """Return the one that is chosen in the list."""
        item = self.list.currentItem()
        found = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return found if isinstance(found, Measurement) else None

    @Slot()
    def _enable(self) -> None:
        self.gone.setEnabled(self.chosen() is not None and not self._session.read_only)

    @Slot(QListWidgetItem)
    def _go(self, item: QListWidgetItem) -> None:
        one = item.data(Qt.ItemDataRole.UserRole)
        if isinstance(one, Measurement) and one.points:
            middle = np.mean(np.asarray(one.points), axis=0)
            x, y, z = (round(float(value)) for value in middle)
            self._session.position_requested.emit((x, y, z))

    @Slot()
    def remove(self) -> None:
        """Remove the one that is chosen; Ctrl+Z brings it back."""
        one = self.chosen()
        if one is not None:
            self.measured.remove(one)

    @Slot()
    def _ask_table(self) -> None:
        project = self._session.project
        if project is None:
            return
        suggested = str(project.exports_folder / "measurements.csv")
        name, _ = QFileDialog.getSaveFileName(self.window(), text("measure.table_tip"), suggested, "CSV (*.csv)")
        if name:
            self.write_table(Path(name))

    def write_table(self, target: Path) -> None:
        """Write the measurements of all scans as CSV, in a thread."""
        project = self._session.project
        if project is not None:
            self._tasks.start(functools.partial(_write, project, target), self._written, self._session.notifier.error)

    @Slot(object)
    def _written(self, told: tuple[int, str]) -> None:
        count, name = told
        self._session.notifier.tell(text("measure.table_done", count=count, file=name), "good")


def _measured(
    revision: int, token: int, label: Label, volume: Volume, mask: NDArray[np.uint8]
) -> tuple[int, int, Label, Figures | None]:
    return revision, token, label, label_figures(label, volume, mask)


def _write(project: Project, target: Path) -> tuple[int, str]:
    try:
        return write_measurements(project, target), target.name
    except OSError as error:
        raise MeninxError("write-failed", file=target, reason=str(error)) from error
