"""How good yes and no are, to look at: ROC, calibration, confusion matrix, and the most wrong slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QComboBox, QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from core.messages import numeral, text
from gui import plots, theme
from gui.jobs.asking import Asker
from gui.plots import QuietPlot
from gui.train.curves import Elided
from gui.train.samples import Tile

LEVELS = (("slices", "summary", "curves"), ("scans", "scan_summary", "scan_curves"))
SHOWN = 8
"""Of the most wrong slices."""
_ACROSS = 4


class Confusion(QWidget):
    """Four cells: rows are the truth, columns what was said."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cells: tuple[int, int, int, int] = (0, 0, 0, 0)
        """Yes called yes, yes called no, no called yes, no called no."""
        self.setMinimumSize(190, 150)

    def show_cells(self, summary: Mapping[str, Any]) -> None:
        """Show the counts of a summary."""
        self.cells = (
            int(summary.get("true_yes", 0)),
            int(summary.get("false_no", 0)),
            int(summary.get("false_yes", 0)),
            int(summary.get("true_no", 0)),
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, top, gap = 66, 24, 4
        width, height = (self.width() - left - gap) / 2, (self.height() - top - gap) / 2
        painter.setFont(theme.font("small"))
        painter.setPen(theme.qcolor("muted"))
        centred = int(Qt.AlignmentFlag.AlignCenter)
        yes, no = text("train.word_yes"), text("train.word_no")
        for number, word in enumerate((yes, no)):
            across = QRectF(left + number * (width + gap), 0, width, top)
            painter.drawText(across, centred, text("train.confusion_said", word=word))
            down = QRectF(0, top + number * (height + gap), left - 6, height)
            painter.drawText(down, int(Qt.AlignmentFlag.AlignCenter), text("train.confusion_truly", word=word))
        for number, count in enumerate(self.cells):
            row, column = divmod(number, 2)
            total = sum(self.cells[2 * row : 2 * row + 2])
            share = count / total if total else 0.0
            cell = QRectF(left + column * (width + gap), top + row * (height + gap), width, height)
            color = QColor(theme.color("accent" if row == column else "danger"))
            color.setAlphaF(0.12 + 0.6 * share)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color)
            painter.drawRoundedRect(cell, 5, 5)
            painter.setPen(theme.qcolor("text_bright"))
            painter.setFont(theme.font("body", weight=QFont.Weight.DemiBold))
            painter.drawText(cell.adjusted(0, 0, 0, -16), centred, str(count))
            painter.setFont(theme.font("small"))
            painter.setPen(theme.qcolor("text"))
            painter.drawText(cell.adjusted(0, 18, 0, 0), centred, numeral(share, ".1%") if total else "–")
        painter.end()


class CurvePlot(QFrame):
    """A curve between 0 and 1 with its diagonal."""

    def __init__(self, title: str, across: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "card")
        self._words = theme.label("", "muted")
        self._plot = QuietPlot()
        self._plot.setMinimumSize(140, 120)
        item = self._plot.getPlotItem()
        item.getAxis("left").setWidth(34)
        self._diagonal = item.plot(x=[0, 1], y=[0, 1])
        self._line = item.plot(antialias=True, symbolSize=5, symbolPen=None)
        self._line.setSymbol(None)
        self._point = pg.ScatterPlotItem(size=9, pen=None)
        item.addItem(self._point)
        self._plot.tint(self._tint)
        self._plot.setXRange(0, 1, padding=0.02)
        self._plot.setYRange(0, 1, padding=0.02)
        top = theme.row(gap=theme.space("xs"))
        top.addWidget(theme.label(title, "strong"))
        top.addStretch(1)
        top.addWidget(self._words)
        outer = theme.column(self, gap=2)
        outer.setContentsMargins(12, 7, 12, 6)
        outer.addLayout(top)
        outer.addWidget(self._plot, 1)
        foot = Elided(across, role="muted")
        foot.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        outer.addWidget(foot)

    def _tint(self) -> None:
        self._diagonal.setPen(plots.pen("muted", 1, Qt.PenStyle.DotLine))
        self._line.setPen(plots.pen("train", 2))
        self._line.setSymbolBrush(theme.color("train"))
        self._point.setBrush(theme.qcolor("validation"))

    @property
    def words(self) -> str:
        """What stands beside the title."""
        return self._words.text()

    def points(self) -> list[tuple[float, float]]:
        """Return what is drawn."""
        xs, ys = self._line.getData()
        return [] if xs is None else [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]

    def show_curve(
        self,
        points: Sequence[Sequence[float]],
        words: str,
        *,
        dots: bool = False,
        at: tuple[float, float] | None = None,
    ) -> None:
        """Draw another curve; ``at`` is marked."""
        self._line.setData([point[0] for point in points], [point[1] for point in points])
        self._line.setSymbol("o" if dots else None)
        self._point.setData([] if at is None else [at[0]], [] if at is None else [at[1]])
        self._words.setText(words)


class WrongTile(Tile):
    """A slice that can be clicked on."""

    clicked = Signal(str, int)
    """Display name of the scan, and the slice (from 0)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(120, 150)
        self._place: tuple[str, int] | None = None

    def show_slice(self, picture: QImage, row: Mapping[str, Any]) -> None:
        """Show one of the most wrong slices."""
        self._place = (str(row["scan"]), int(row["slice"]) - 1)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        title = text("train.sample_title", scan=row["scan"], slice=row["slice"])
        truth = text(f"train.word_{row['truth']}")
        words = text("train.sample_class", truth=truth, percent=numeral(100 * float(row["probability"]), ".0f"))
        self.show_picture(picture, title, words if not picture.isNull() else f"{title}\n{words}")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self._place is not None and self.rect().contains(event.position().toPoint()):
            self.clicked.emit(*self._place)


def _load(folder: Path, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], QImage]]:
    """Runs in a thread."""
    return [(row, QImage(str(folder / row["picture"])) if row.get("picture") else QImage()) for row in rows]


def _left_out(facts: Mapping[str, Any], level: str) -> str:
    """Say which slices or scans were not measured, as nobody said what they are; empty where there are none."""
    left_out = list(facts.get("open_scans", ()))
    if level == "scans" and left_out:
        return "\n" + text("evaluate.open_scans", count=len(left_out), scans=", ".join(left_out))
    if level == "slices" and facts.get("unsaid"):
        return "\n" + text("evaluate.unsaid", count=facts["unsaid"])
    return ""


class ClassLook(QWidget):
    """What measuring a run that classifies gave."""

    open_asked = Signal(str, int)
    """Display name of a scan, and its slice (from 0)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Mapping[str, Mapping[str, Any]] = {}
        self._folder = Path()
        self._asker = Asker(self)
        self._asker.answered.connect(self._show_wrong)
        self.part = QComboBox()
        self.part.currentIndexChanged.connect(self._fill)
        self._levels = QButtonGroup(self)
        self.roc = CurvePlot(text("train.roc"), text("train.roc_across"))
        self.calibration = CurvePlot(text("train.calibration"), text("train.calibration_across"))
        self.confusion = Confusion()
        self._counts = theme.label("", "muted", wrap=True)
        self._none = theme.label(text("train.no_mistakes"), "muted")
        self.tiles: list[WrongTile] = []
        self._grid = QGridLayout()
        self._grid.setSpacing(theme.space("s"))
        for column in range(_ACROSS):
            self._grid.setColumnStretch(column, 1)
        outer = theme.column(self, gap=theme.space("s"))
        outer.addLayout(self._top())
        outer.addLayout(self._cards())
        outer.addWidget(self._counts)
        outer.addSpacing(4)
        outer.addWidget(theme.heading(text("train.most_wrong")))
        outer.addWidget(self._none)
        outer.addLayout(self._grid)

    def _top(self) -> QHBoxLayout:
        line = theme.row(gap=theme.space("xs"))
        line.addWidget(self.part)
        for number, (name, _, _) in enumerate(LEVELS):
            button = theme.button(text(f"review.level_{name}"), "small")
            button.setCheckable(True)
            button.setChecked(number == 0)
            self._levels.addButton(button, number)
            line.addWidget(button)
        self._levels.idClicked.connect(self._fill)
        line.addStretch(1)
        return line

    def _cards(self) -> QHBoxLayout:
        matrix = QFrame()
        matrix.setProperty("area", "card")
        box: QVBoxLayout = theme.column(matrix, gap=4)
        box.setContentsMargins(12, 7, 12, 10)
        box.addWidget(theme.label(text("train.confusion"), "strong"))
        box.addWidget(self.confusion, 1)
        cards = theme.row(gap=theme.space("s"))
        for card in (self.roc, self.calibration, matrix):
            card.setFixedHeight(248)
            cards.addWidget(card, 1)
        return cards

    def show_run(self, folder: Path, evaluations: Mapping[str, Mapping[str, Any]]) -> None:
        """Show what a run's folder holds: part (``val test``) to the facts of an evaluation."""
        self._folder, self._found = folder, evaluations
        kept = self.part.currentData()
        self.part.blockSignals(True)
        self.part.clear()
        for part in evaluations:
            self.part.addItem(text(f"train.class_part_{part}"), part)
        self.part.setCurrentIndex(max(0, self.part.findData(kept)))
        self.part.blockSignals(False)
        self.part.setEnabled(len(evaluations) > 1)
        self._fill()

    @Slot()
    def _fill(self) -> None:
        facts = self._found.get(str(self.part.currentData()))
        if facts is None:
            return
        level, summary_key, curves_key = LEVELS[max(0, self._levels.checkedId())]
        summary, curves = facts[summary_key], facts[curves_key]
        auc = summary["auc"]["mean"]
        false = summary["specificity"]["mean"]
        caught = summary["sensitivity"]["mean"]
        at = None if false is None or caught is None else (1 - false, caught)
        self.roc.show_curve(curves["roc"], "" if auc is None else text("train.roc_auc", auc=numeral(auc, ".3f")), at=at)
        bins = [(one["mean"], one["share"]) for one in curves["reliability"]]
        self.calibration.show_curve(
            bins, text("train.calibration_error", error=numeral(summary["ece"], ".3f")), dots=True
        )
        self.confusion.show_cells(summary)
        counted = text("evaluate.class_counts", **{key: summary[key] for key in ("count", "yes", "patients")})
        self._counts.setText(
            f"{counted}  ·  {text('train.class_threshold', threshold=numeral(summary['threshold'], '.3f'))}"
            + _left_out(facts, level)
        )
        self._asker.ask(_load, self._folder, facts["most_wrong"][:SHOWN])

    @Slot(object)
    def _show_wrong(self, loaded: Sequence[tuple[Mapping[str, Any], QImage]]) -> None:
        while len(self.tiles) < len(loaded):
            tile = WrongTile()
            tile.setFixedHeight(190)
            tile.clicked.connect(self.open_asked)
            self._grid.addWidget(tile, len(self.tiles) // _ACROSS, len(self.tiles) % _ACROSS)
            self.tiles.append(tile)
        for number, tile in enumerate(self.tiles):
            tile.setVisible(number < len(loaded))
            if number < len(loaded):
                row, picture = loaded[number]
                tile.show_slice(picture, row)
        self._none.setVisible(not loaded)

    def close_page(self) -> None:
        """End the loading thread."""
        self._asker.close()
