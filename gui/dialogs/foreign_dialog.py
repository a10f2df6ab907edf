"""What another tool exported: what will land where, and what will not, before anything is taken."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from core.errors import MeninxError
from core.exchange.incoming import Line, Plan
from core.exchange.taking import TakeOptions, look
from core.io.regrid import size_words
from core.io.sandbox import Decoder
from core.labels import LabelSet
from core.messages import numeral, sentence, text
from gui import theme
from gui.dialogs.base import Dialog
from gui.dialogs.importing.patients import PatientChoice
from gui.jobs.asking import Asker

_MOST_ROWS = 500
_LABEL_ROWS = 5
_ROW = 36
_MARGIN = 14
_NARROWEST = 200


class ForeignDialog(Dialog):
    """Reads an export beside the window and shows it; labels may be given other names, or left out.

    Parameters
    ----------
    path
        File or folder of the other tool.
    labels
        The project's labels: names that are there already are said to be.
    folder
        Where the dialog for a table of patients begins.
    """

    _counted = Signal(int)

    def __init__(self, path: Path, labels: LabelSet, parent: QWidget | None = None, *, folder: str = "") -> None:
        super().__init__(text("foreign.title"), text("foreign.accept"), parent, width=760)
        self.path = path
        self._labels = labels
        self._folder = folder
        self.plan: Plan | None = None
        self.fields: dict[str, QLineEdit] = {}
        self._decoder = Decoder()
        self._asker = Asker(self)
        self._asker.answered.connect(self._show_plan)
        self._asker.refused.connect(self._refused)
        self._counted.connect(self._show_count)
        self._patient_asker = Asker(self)
        self._patient_asker.answered.connect(self._show_patients)
        self._patient_asker.refused.connect(self._no_patients)
        self.body.addWidget(theme.label(path.name, "strong", wrap=True))
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.said = theme.label(text("foreign.reading"), wrap=True)
        self.table = self._make_table()
        self.names = theme.label(text("foreign.names"), wrap=True)
        self.rows = QWidget()
        self._grid = QGridLayout(self.rows)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.space("m"))
        self._grid.setColumnStretch(1, 1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setWidget(self.rows)
        self.patient = self._make_patients()
        self.hint = theme.label(text("foreign.hint"), "muted", wrap=True)
        parts = (self.busy, self.said, self.table, self.names, self.area, self.patient_row, self.hint)
        for widget in parts:
            self.body.addWidget(widget)
        self._show(reading=True)
        self._asker.ask(look, self._decoder, path, "", self._counted.emit)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 4)
        table.setHorizontalHeaderLabels([text(f"foreign.column_{name}") for name in ("name", "size", "drawn", "lands")])
        table.setAccessibleName(text("foreign.column_name"))
        table.verticalHeader().hide()
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setShowGrid(False)
        table.setMinimumHeight(200)
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        table.horizontalHeader().setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate((230, 110, 160)):
            table.setColumnWidth(column, width)
        table.setItemDelegateForColumn(0, _Names(table))
        return table

    def _make_patients(self) -> PatientChoice:
        choice = PatientChoice(self._folder)
        choice.changed.connect(self._count_patients)
        self.patients = theme.label("", "muted", wrap=True)
        self.patient_row = QWidget()
        self.patient_row.setProperty("area", "clear")
        line = theme.row(self.patient_row, gap=theme.space("m"))
        line.addWidget(theme.label(text("dialogs.patient")))
        line.addWidget(choice)
        line.addWidget(self.patients, 1)
        return choice

    @Slot()
    def _count_patients(self) -> None:
        """Tell how many patients that makes, or what is wrong with a pattern or a table."""
        way = self.patient.way()
        self.patients.setText("")
        if self.plan is not None and way not in ("", "dicom"):
            # files' headers are read when they are taken in; names can be told at once
            self._patient_asker.ask(self.plan.patients, way)

    @Slot(object)
    def _show_patients(self, counted: tuple[int, int]) -> None:
        patients, unknown = counted
        words = text("foreign.patients", count=patients)
        more = text("foreign.patients_unknown", count=unknown) if unknown else ""
        theme.set_role(self.patients, "muted")
        self.patients.setText(f"{words} {more}".strip())

    @Slot(object)
    def _no_patients(self, error: MeninxError) -> None:
        theme.set_role(self.patients, "danger")
        self.patients.setText(sentence(error))

    def options(self) -> TakeOptions:
        """Return what the person chose."""
        labels = {theirs: field.text().strip() for theirs, field in self.fields.items()}
        return TakeOptions(labels, patient_from=self.patient.way())

    def _show(self, *, reading: bool) -> None:
        self.busy.setVisible(reading)
        read = self.plan is not None
        self.table.setVisible(read)
        self.hint.setVisible(read)
        self.names.setVisible(read and bool(self.fields))
        self.area.setVisible(read and bool(self.fields))
        self.patient_row.setVisible(self.plan is not None and self.plan.brings_scans)
        self.accept_button.setEnabled(read and self._landing() > 0)

    def _landing(self) -> int:
        return sum(line.problem is None for line in self.plan.lines) if self.plan is not None else 0

    @Slot(int)
    def _show_count(self, count: int) -> None:
        self.said.setText(text("foreign.reading_count", count=count))

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self.said.setText(sentence(error))
        theme.set_role(self.said, "danger")
        self._show(reading=False)

    @Slot(object)
    def _show_plan(self, plan: Plan) -> None:
        self.plan = plan
        left = len(plan.lines) - self._landing()
        tool = text(f"exchange.reader_{plan.reader.replace('-', '_')}")
        self.said.setText(text("foreign.found", tool=tool, count=len(plan.lines), left=left))
        # what will not land stands first: it is what a person must know
        ordered = sorted(plan.lines, key=lambda line: line.problem is None)[:_MOST_ROWS]
        self.table.setRowCount(len(ordered))
        for row, line in enumerate(ordered):
            self._fill(row, line)
        for row, (name, voxels) in enumerate(plan.labels.items()):
            self._add_label(row, name, voxels)
        self.area.setFixedHeight(_ROW * min(_LABEL_ROWS, max(1, len(self.fields))) + 8)
        self._show(reading=False)

    def _fill(self, row: int, line: Line) -> None:
        shape = line.shape if len(line.shape) == 3 else (1, *line.shape)
        drawn = ", ".join(name for name, voxels in line.labels if voxels) or text("foreign.nothing")
        if line.problem is not None:
            lands = text(f"notices.{line.problem.key}", **line.problem.fields)
            if line.url:
                lands = f"{lands} {text('foreign.address', url=line.url)}"
        elif line.image is None:
            lands = text("foreign.at_address", url=line.url) if line.url else text("foreign.by_name")
        else:
            lands = text("foreign.with_picture")
        size = size_words(shape)
        cells = (line.name, size, drawn, lands)
        if line.problem is not None or line.url:
            # one sentence across the row: it is what a person must read
            said = lands if line.problem is not None else " · ".join((size, drawn, lands))
            cells = (line.name, said, "", "")
            self.table.setSpan(row, 1, 1, 3)
            self.table.setRowHeight(row, self._sentence_height(said))
        for column, words in enumerate(cells):
            item = QTableWidgetItem(words)
            item.setToolTip(words)
            if line.problem is not None:
                item.setForeground(theme.qcolor("warning"))
            self.table.setItem(row, column, item)

    def _sentence_height(self, words: str) -> int:
        """Return how high a row is that shows a sentence whole, beside the name."""
        width = self.table.viewport().width() - self.table.columnWidth(0) - _MARGIN
        room = QRect(0, 0, max(_NARROWEST, width), 1000)
        return max(
            _ROW, self.table.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, words).height() + _MARGIN
        )

    def _add_label(self, row: int, name: str, voxels: int) -> None:
        field = QLineEdit(name)
        field.setPlaceholderText(text("foreign.left_out"))
        field.setAccessibleName(name)
        self.fields[name] = field
        there = self._labels.find(name) is not None
        self._grid.addWidget(theme.label(name), row, 0)
        self._grid.addWidget(field, row, 1)
        known = text("foreign.is_there" if there else "foreign.is_new", voxels=numeral(voxels, ","))
        self._grid.addWidget(theme.label(known, "muted"), row, 2, Qt.AlignmentFlag.AlignRight)

    def done(self, result: int) -> None:
        """Close; what is still being read is given up."""
        self._decoder.close()
        self._asker.close()
        self._patient_asker.close()
        super().done(result)


class _Names(QStyledItemDelegate):
    """File names on one line: of a long one, its beginning and its end."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        option.features &= ~QStyleOptionViewItem.ViewItemFeature.WrapText
        option.textElideMode = Qt.TextElideMode.ElideMiddle
