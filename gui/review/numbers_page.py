"""All figures of the chosen run: a table to sort, what a selection comes to, and two pictures of the set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPixmap, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QButtonGroup, QComboBox, QHeaderView, QPushButton, QTableView, QWidget

from core.messages import numeral, text
from core.review.effort import Effort
from core.review.set_figures import SCREEN
from core.review.set_numbers import SCAN_COLUMNS, SLICE_COLUMNS, ScanNumbers, means
from gui import theme
from gui.quiet_table import make_quiet
from gui.review.numbers import grouped_decimal, time_words
from gui.review.numbers_model import NumbersModel, Row
from gui.roomy import FoldingBar

LEVELS = ("scans", "slices")
PARTS = ("seen", "validation", "train", "none", "test")
"""``seen``: all but the test scans, which are looked at on purpose only; ``none``: scans the run never met."""
_PADDING = 26
_FIT_ROWS = 24


class NumbersPage(QWidget):
    """The page; :class:`gui.review.numbers_desk.NumbersDesk` feeds it."""

    shown_changed = Signal()
    """Other rows are shown or selected: the pictures are of those."""
    open_asked = Signal(str, int)
    """Id of a scan, and its slice (from 0) or -1."""
    save_asked = Signal()
    test_looked_at = Signal()
    """The figures of the test scans are shown: that is counted."""
    seen = Signal()
    """The page is looked at again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: dict[str, ScanNumbers] = {}
        self._columns: tuple[str, ...] = ()
        self._test_told = False
        self.model = NumbersModel()
        self.table = QTableView()
        self.table.setModel(self.model)
        make_quiet(self.table, 28)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setSortingEnabled(True)
        self.table.horizontalHeader().setSortIndicator(SCAN_COLUMNS.index("dice"), Qt.SortOrder.AscendingOrder)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.horizontalHeader().setMinimumSectionSize(44)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        self.table.doubleClicked.connect(self._open)
        self.table.setToolTip(text("review.numbers_tip"))
        self.table.setAccessibleName(text("review.numbers_name"))
        self.levels = QButtonGroup(self)
        self.label = QComboBox()
        self.label.setAccessibleName(text("review.label_name"))
        self.label.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.label.setMinimumWidth(120)
        self.label.currentIndexChanged.connect(self._fill)
        self._said = theme.label("", "muted")
        self.save = theme.button(text("review.save_table"), "small", tip=text("review.save_table_tip"))
        self.save.clicked.connect(self.save_asked)
        self.summary = theme.label("", wrap=True)
        self.warning = theme.label("", "warning", wrap=True)
        self.warning.hide()
        self.part = QComboBox()
        self.part.setAccessibleName(text("review.part_name"))
        for name in PARTS:
            self.part.addItem(text(f"review.part_choice_{name}"), name)
        self.part.setToolTip(text("review.part_choice_tip"))
        self.part.currentIndexChanged.connect(self._part_chosen)
        self.volumes, self.scores = FigureView(), FigureView()
        self._lay_out()

    def _lay_out(self) -> None:
        bar = FoldingBar(34, 32, theme.space("xs"), margin=0, wide=1)
        bar.setProperty("area", "clear")
        top, end = bar.lines
        for number, name in enumerate(LEVELS):
            button = theme.button(text(f"review.level_{name}"), "small", tip=text(f"review.level_{name}_tip"))
            button.setCheckable(True)
            button.setChecked(number == 0)
            self.levels.addButton(button, number)
            top.addWidget(button)
        self.levels.idClicked.connect(self._fill)
        top.addSpacing(theme.space("s"))
        top.addWidget(self.part)
        top.addWidget(self.label)
        top.addStretch(0)
        end.addWidget(self._said, 1)
        end.addWidget(self.save)
        pictures = theme.row(gap=theme.space("m"))
        pictures.addWidget(self.volumes, 1)
        pictures.addWidget(self.scores, 1)
        outer = theme.column(self, margin=theme.space("m"), gap=theme.space("s"))
        outer.addWidget(bar)
        outer.addWidget(self.table, 1)
        outer.addWidget(self.summary)
        outer.addWidget(self.warning)
        outer.addLayout(pictures)

    # ------------------------------------------------------------ what is shown

    @property
    def level(self) -> str:
        """``scans`` or ``slices``."""
        return LEVELS[max(0, self.levels.checkedId())]

    def set_level(self, name: str) -> None:
        """Show scans or slices."""
        button = self.levels.button(LEVELS.index(name))
        if isinstance(button, QPushButton):
            button.setChecked(True)
        self._fill()

    @property
    def chosen_label(self) -> str:
        """Label shown alone; empty for all."""
        return str(self.label.currentData() or "")

    def begin(self, labels: Sequence[str]) -> None:
        """Forget the figures: another run is measured."""
        self._found = {}
        self._test_told = False
        if self.chosen_part == "test":
            # another run's test scans are another look: asked for anew
            self.part.setCurrentIndex(0)
        kept = self.chosen_label
        self.label.blockSignals(True)
        self.label.clear()
        self.label.addItem(text("review.all_labels"), "")
        for name in labels:
            self.label.addItem(name, name)
        self.label.setCurrentIndex(max(0, self.label.findData(kept)))
        self.label.blockSignals(False)
        self.label.setVisible(len(labels) > 1)
        self.show_figures({})
        self._fill()

    def add(self, found: Sequence[ScanNumbers]) -> None:
        """Show more scans, or what is new of those shown; what is sorted, chosen and selected stays."""
        self._found |= {one.scan: one for one in found}
        self._fill_again()
        self._tell_test()

    def keep(self, scans: Collection[str]) -> None:
        """Show these scans (ids) only: others are predicted no more."""
        if not self._found.keys() <= set(scans):
            self._found = {scan: one for scan, one in self._found.items() if scan in scans}
            self._fill_again()

    @property
    def measured(self) -> bool:
        """Whether there are figures, shown or not."""
        return any(one.labels for one in self._found.values())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.seen.emit()

    def say(self, words: str) -> None:
        """Say how far the measuring is."""
        self._said.setText(words)

    def show_figures(self, pictures: Mapping[str, QImage]) -> None:
        """Show the pictures of the set."""
        self.volumes.show_picture(pictures.get("bland_altman"))
        self.scores.show_picture(pictures.get("boxes"))

    @property
    def selected(self) -> list[Row]:
        """The rows that are selected; all where none is."""
        rows = self.model.rows
        chosen = [rows[index.row()] for index in self.table.selectionModel().selectedRows() if index.row() < len(rows)]
        return chosen or list(rows)

    def scan_rows(self) -> list[Row]:
        """Return the figures per scan of what is selected, for the pictures."""
        if self.level == "scans":
            return self.selected
        wanted = {(row["scan_id"], row["label"]) for row in self.selected}
        return [row for one in self._found.values() for row in one.labels if (row["scan_id"], row["label"]) in wanted]

    @property
    def chosen_part(self) -> str:
        """Part shown (of :data:`PARTS`)."""
        return str(self.part.currentData())

    def choose_part(self, name: str) -> None:
        """Show another part."""
        self.part.setCurrentIndex(PARTS.index(name))

    def _of_part(self, row: Row) -> bool:
        part = self.chosen_part
        return row["part"] != "test" if part == "seen" else row["part"] == ("" if part == "none" else part)

    @Slot()
    def _part_chosen(self) -> None:
        self._fill()
        self._tell_test()

    def _tell_test(self) -> None:
        if self.chosen_part == "test" and self.model.rowCount() and not self._test_told:
            self._test_told = True
            self.test_looked_at.emit()

    @Slot()
    def _fill(self) -> None:
        scans = self.level == "scans"
        label = self.chosen_label
        rows = [row for one in self._found.values() for row in (one.labels if scans else one.slices)]
        shown = [row for row in rows if (not label or row["label"] == label) and self._of_part(row)]
        columns: tuple[str, ...] = SCAN_COLUMNS if scans else SLICE_COLUMNS
        if self.label.count() <= 2:
            columns = tuple(name for name in columns if name != "label")
        other, self._columns = columns != self._columns, columns
        self.model.show_rows(shown, columns)
        name, down = self.model.sorted_by
        header = self.table.horizontalHeader()
        if name in columns:
            order = Qt.SortOrder.DescendingOrder if down else Qt.SortOrder.AscendingOrder
            header.blockSignals(True)
            header.setSortIndicator(columns.index(name), order)
            header.blockSignals(False)
        self._fit(anew=other)
        self.save.setEnabled(bool(shown))
        self._sum_up()
        self.shown_changed.emit()

    def _fill_again(self) -> None:
        """Show other figures of what is shown; the rows that were selected are selected again."""
        rows, selection = self.model.rows, QItemSelection()
        chosen = {_key(rows[index.row()]) for index in self.table.selectionModel().selectedRows()}
        self._fill()
        for number, row in enumerate(self.model.rows if chosen else ()):
            if _key(row) in chosen:
                index = self.model.index(number, 0)
                selection.select(index, index)
        if not selection.isEmpty():
            flags = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().select(selection, flags.Select | flags.Rows)

    def _fit(self, *, anew: bool) -> None:
        """Make every column at least as wide as its words; the rows are alike, so the first few tell."""
        metrics = self.table.fontMetrics()
        header = self.table.horizontalHeader()
        for number in range(self.model.columnCount()):
            words = [str(self.model.headerData(number, Qt.Orientation.Horizontal)).rstrip() + "    "]
            words += [
                str(self.model.data(self.model.index(row, number)))
                for row in range(min(_FIT_ROWS, self.model.rowCount()))
            ]
            if self.model.columns[number] == "part":
                words += [text(f"review.part_name_{name}") for name in ("train", "validation", "test")]
            wide = max(metrics.horizontalAdvance(one) for one in words) + _PADDING
            header.resizeSection(number, wide if anew else max(wide, header.sectionSize(number)))

    @Slot()
    def _selected(self) -> None:
        self._sum_up()
        self.shown_changed.emit()

    def _sum_up(self) -> None:
        rows = self.selected
        chosen = bool(self.table.selectionModel().selectedRows())
        learnt = {row["scan"] for row in rows if row["part"] == "train"}
        parts = [text(f"review.sum_{'selected' if chosen else 'all'}_{self.level}", count=len(rows))]
        for name, (mean, median, _) in means(rows).items():
            if name in ("hd95", "assd"):
                unit = str(rows[0].get("unit", ""))
                figure = text("review.sum_mean", mean=f"{numeral(mean, '.1f')} {unit}", median=numeral(median, ".1f"))
            elif name == "difference_ml":
                sign = "+" if mean > 0 else "−" if mean < 0 else ""
                figure = f"{sign}{grouped_decimal(abs(mean))} mL"
            else:
                figure = text("review.sum_mean", mean=numeral(mean, ".3f"), median=numeral(median, ".3f"))
            title = text("review.column_volume") if name == "difference_ml" else text(f"review.column_{name}")
            parts.append(f"{title} {figure}")
        effort = sum((row["effort"] for row in rows if "effort" in row), Effort())
        if effort.slices:
            # how much of the predictions was corrected: the honest measure of whether the loop pays
            pace = time_words(effort.pace or 0.0)
            parts.append(
                text("review.sum_effort", dice=numeral(effort.dice or 0, ".3f"), pace=pace, slices=effort.slices)
            )
        self.summary.setText("   ·   ".join(parts) if rows else "")
        self.warning.setText(text("review.sum_learnt", count=len(learnt)) if learnt else "")
        self.warning.setVisible(bool(learnt))

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        row = self.model.rows[index.row()]
        self.open_asked.emit(str(row["scan_id"]), int(row["slice"]) - 1 if "slice" in row else -1)


def _key(row: Row) -> tuple[object, ...]:
    return row["scan_id"], row["label"], row.get("slice")


class FigureView(QWidget):
    """A picture that keeps its proportions; no room where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture = QPixmap()
        self._scaled = QPixmap()
        policy = self.sizePolicy()
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(380, 210)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return min(300, round(width * SCREEN.size[1] / SCREEN.size[0]))

    def show_picture(self, picture: QImage | None) -> None:
        """Show a picture; None for none."""
        self._picture = QPixmap() if picture is None else QPixmap.fromImage(picture)
        self._scaled = QPixmap()
        self.setVisible(picture is not None)
        self.update()

    @property
    def filled(self) -> bool:
        """Whether there is a picture."""
        return not self._picture.isNull()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._picture.isNull():
            return
        ratio = self.devicePixelRatioF()
        size = self._picture.size().scaled(self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio)
        if self._scaled.size() != size:
            # once for each size: scaling well takes longer than all else on the page
            self._scaled = self._picture.scaled(
                size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            self._scaled.setDevicePixelRatio(ratio)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._scaled)
        painter.end()
