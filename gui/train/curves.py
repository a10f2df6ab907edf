"""Loss, Dice or IoU, and pixel accuracy of a run, growing while it trains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QBrush, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QPushButton, QSizePolicy, QWidget

from core.learning.events import EpochEnded
from core.messages import numeral, text
from gui import plots, theme
from gui.plots import QuietPlot
from gui.train.caution import CautionBar

PARTS = ("train", "validation")
OVERLAP = ("dice", "iou")
OF_CLASS = ("auc", "sensitivity", "specificity")
"""What the middle card shows of a run that draws, and of one that says yes or no."""
NARROW = 300
"""Below this width (px) a card's title does not fit beside its values."""
MOST_WORDS = 0.85
"""Part of a plot's width that the words at its dotted line may take."""


def dashes(color: str) -> QPen:
    """Return the pen of the line at the best epoch, in a colour of the theme."""
    pen = QPen(theme.qcolor(color), plots.density())
    pen.setCosmetic(True)
    pen.setDashPattern([4.0, 4.0])
    return pen


class Dash(QWidget):
    """The short stroke of a legend, in a colour of the theme."""

    def __init__(self, color: str, *, dashed: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color, self._dashed = color, dashed
        self.setFixedSize(QSize(20, 12))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = dashes(self._color) if self._dashed else QPen(theme.qcolor(self._color), 2.0)
        if not self._dashed:
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        middle = self.height() / 2
        painter.drawLine(QPointF(2, middle), QPointF(self.width() - 2, middle))
        painter.end()


class Elided(QLabel):
    """Words, such as a bold title, that never ask for more room than there is."""

    def __init__(self, words: str, parent: QWidget | None = None, *, role: theme.Role = "strong") -> None:
        super().__init__(parent)
        theme.set_role(self, role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._words = ""
        self.set_words(words)

    def set_words(self, words: str) -> None:
        """Show other words."""
        self._words = words
        self.setToolTip(words)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.ensurePolished()
        cut = self._cut(self._words)
        # what is in brackets is for wide cards; the tip still says it
        self.setText(cut if cut == self._words else self._cut(self._words.partition(" (")[0]))

    def _cut(self, words: str) -> str:
        # asked of the cut itself: it counts parts of a pixel that the width of the words does not
        return self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, self.width())


class CurveCard(QFrame):
    """One plot: title, the two newest values, two curves, the best epoch.

    Parameters
    ----------
    titles
        What it can show: measure name (a field of ``Scores``) to words. With more
        than one, the title is a switch.
    """

    def __init__(self, titles: dict[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "card")
        self._measure = next(iter(titles))
        self._epochs: Sequence[EpochEnded] = ()
        self._baseline: float | None = None
        self._drawn_narrow = False
        self._floor_key = "train.baseline_mark"
        self._title: Elided | None = None
        self._switch = QButtonGroup(self)
        self._offered: dict[str, str] = {}
        self._names = theme.row(gap=theme.space("xs"))
        top = theme.row(gap=theme.space("xs"))
        top.addLayout(self._names, 1)
        self.offer(titles)
        self._now = {part: QLabel() for part in PARTS}
        for part in PARTS:
            theme.style(self._now[part], f"color: ${part}; font-size: 12px; font-weight: 600;")
            self._now[part].setToolTip(text(f"train.{part}"))
            top.addWidget(self._now[part])
        self._plot = QuietPlot(whole=True)
        self._plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._plot.setMinimumSize(120, 90)
        item = self._plot.getPlotItem()
        item.getAxis("left").setWidth(38)
        self._curves = {part: item.plot(antialias=True, symbolSize=5, symbolPen=None) for part in PARTS}
        self._best = pg.InfiniteLine(angle=90)
        self._floor = pg.InfiniteLine(
            angle=0, label="", labelOpts={"position": 0.98, "anchors": [(1.0, 0.0), (1.0, 0.0)]}
        )
        for line in (self._best, self._floor):
            line.setVisible(False)
            item.addItem(line)
        self._plot.tint(self._tint)
        item.getViewBox().sigResized.connect(self._resized)
        outer = theme.column(self, margin=theme.space("s"), gap=2)
        outer.setContentsMargins(12, 7, 12, 4)
        outer.addLayout(top)
        outer.addWidget(self._plot, 1)

    def _tint(self) -> None:
        for part, curve in self._curves.items():
            curve.setPen(plots.pen(part, 2))
            curve.setSymbolBrush(theme.color(part))
        self._best.setPen(dashes("best"))
        self._floor.setPen(plots.pen("muted", 1, Qt.PenStyle.DotLine))
        self._floor.label.setColor(theme.color("muted"))
        # curves run below the words: they are read all the same
        self._floor.label.fill = QBrush(theme.qcolor("card", 215))

    def offer(self, titles: dict[str, str]) -> None:
        """Offer other measures; what is shown stays where it is still among them."""
        if titles == self._offered:
            return
        self._offered = dict(titles)
        if self._measure not in titles:
            self._measure = next(iter(titles))
        while self._names.count():
            item = self._names.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.hide()
                old.deleteLater()
        for button in self._switch.buttons():
            self._switch.removeButton(button)
        self._title = None
        if len(titles) == 1:
            self._title = Elided(titles[self._measure])
            self._names.addWidget(self._title, 1)
            return
        for name, words in titles.items():
            self._names.addWidget(self._switch_button(name, words))
        self._names.addStretch(1)

    def _switch_button(self, name: str, words: str) -> QPushButton:
        button = theme.button(words, "flat")
        button.setProperty("kind", "switch")
        button.setCheckable(True)
        button.setChecked(name == self._measure)
        button.setObjectName(name)
        theme.style(
            button,
            "QPushButton { border: none; background: transparent; padding: 0 6px 0 0; min-height: 18px;"
            " color: $muted; font-weight: 600; }"
            "QPushButton:hover { color: $text; }"
            "QPushButton:checked { color: $text_bright; }",
        )
        self._switch.addButton(button)
        button.clicked.connect(self._switched)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # the card is often filled before it is known how wide it is
        if (event.size().width() < NARROW) != self._drawn_narrow:
            self._draw()

    @Slot(object)
    def _resized(self, _box: object) -> None:
        # the words at the dotted line hang on the width of the plot, what lies below it on its height
        self._mark(self._epochs)
        self._range()

    @Slot()
    def _switched(self) -> None:
        chosen = self._switch.checkedButton()
        if chosen is not None:
            self._measure = chosen.objectName()
            self._draw()

    @property
    def measure(self) -> str:
        """Which score is shown."""
        return self._measure

    def series(self, part: str) -> tuple[list[float], list[float]]:
        """Return (epochs, values) of ``train`` or ``validation`` as drawn."""
        xs, ys = self._curves[part].getData()
        return ([], []) if xs is None else (list(xs), list(ys))

    def set_title(self, words: str) -> None:
        """Change the title."""
        if self._title is not None:
            self._title.set_words(words)

    def show_epochs(
        self, epochs: Sequence[EpochEnded], *, baseline: float | None = None, floor: str = "train.baseline_mark"
    ) -> None:
        """Draw the epochs; ``baseline`` is marked by a dotted line that says what it is by ``floor``."""
        self._epochs, self._baseline, self._floor_key = epochs, baseline, floor
        self._draw()

    def _draw(self) -> None:
        epochs = self._epochs
        numbers = np.array([event.epoch for event in epochs], dtype=float)
        for part in PARTS:
            values = np.array([getattr(getattr(event, part), self._measure) for event in epochs], dtype=float)
            shown = np.isfinite(values)
            self._curves[part].setData(numbers[shown], values[shown])
            # A point alone has no line: it needs its dot to be seen.
            self._curves[part].setSymbol("o" if shown.sum() == 1 else None)
            self._now[part].setText(numeral(values[-1], ".3f") if len(values) and shown[-1] else "")
        self._drawn_narrow = self.width() < NARROW
        self._mark(epochs)
        self._range()

    def _mark(self, epochs: Sequence[EpochEnded]) -> None:
        best = epochs[-1].best_epoch if epochs else 0
        self._best.setVisible(best > 0)
        self._best.setValue(best)
        self._floor.setVisible(self._baseline is not None and bool(epochs))
        if self._baseline is not None:
            self._floor.setValue(self._baseline)
            side = 1.0 if self._falls_short() else 0.0
            self._floor.label.anchors = [(1.0, side), (1.0, side)]
            # where the title has no room for it, the line itself says what it is
            figure = numeral(self._baseline, ".3f")
            mark = text(self._floor_key, baseline=figure) if self.width() < NARROW else ""
            self._floor.label.setFormat(mark)
            room = MOST_WORDS * self._plot.getPlotItem().getViewBox().width()
            if self._floor.label.boundingRect().width() > room > 0:
                # words would hide the curves; the tip of the title says of what
                self._floor.label.setFormat(figure)
            self._floor.label.setVisible(bool(mark))

    def _range(self) -> None:
        drawn = [values for part in PARTS for values in self.series(part)[1]]
        self._plot.setXRange(1.0, max(5.0, float(self._epochs[-1].epoch) if self._epochs else 1.0), padding=0.02)
        low, high = (min(drawn), max(drawn)) if drawn else (0.0, 1.0)
        if not drawn:
            pass
        elif self._measure == "loss":
            low, high = 0.0, high * 1.05
        else:
            if self._baseline is not None:
                low = min(low, self._baseline)
            low, high = self._with_room(low)
        self._plot.setYRange(low, max(high, low + 1e-3), padding=0.02)

    def _falls_short(self) -> bool:
        """Whether the curves end below the dotted line, and its words stand above it."""
        last = [values[-1] for part in PARTS for values in self.series(part)[1:] if values]
        return self._baseline is not None and bool(last) and max(last) < self._baseline

    def _with_room(self, low: float) -> tuple[float, float]:
        """Return the range from the lowest value to 1, with room for the words of the dotted line."""
        high = 1.0 + 0.02 * (1.0 - low)
        if self._baseline is None or self.width() >= NARROW:
            return low - 0.06 * (1.0 - low), high
        words = float(self._floor.label.boundingRect().height())
        tall = max(2 * words, self._plot.getPlotItem().getViewBox().height())
        if self._falls_short():
            low -= 0.06 * (1.0 - low)
            # what the words take of the height lies between the line and the top
            return low, max(high, (self._baseline - low * words / tall) / (1 - words / tall))
        # what has learnt runs above the line
        return low - max(0.18, words / max(words, tall - words)) * (1.0 - low), high


class Curves(QWidget):
    """The three plots with one legend, and what is to be known to read them."""

    save_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loss = CurveCard({"loss": text("train.loss_curve")})
        self.overlap = CurveCard({name: text(f"train.{name}_curve") for name in OVERLAP})
        self.accuracy = CurveCard({"accuracy": text("train.accuracy_curve")})
        legend = theme.row(gap=6)
        legend.addWidget(theme.heading(text("train.curves")))
        legend.addStretch(1)
        marks = ((part, part, False) for part in PARTS)
        for key, color, dashed in (*marks, ("best_epoch", "best", True)):
            legend.addSpacing(theme.space("s"))
            legend.addWidget(Dash(color, dashed=dashed))
            # the last of them says which epoch is kept
            self.kept = theme.label(text(f"train.{key}"), "muted")
            legend.addWidget(self.kept)
        self.save = theme.button(text("train.save_curves"), "small", tip=text("train.save_curves_tip"))
        self.save.clicked.connect(self.save_asked)
        legend.addSpacing(theme.space("m"))
        legend.addWidget(self.save)
        cards = theme.row(gap=theme.space("s"))
        for card in (self.loss, self.overlap, self.accuracy):
            cards.addWidget(card, 1)
        outer = theme.column(self, gap=6)
        self.caution = CautionBar()
        outer.addLayout(legend)
        outer.addWidget(self.caution)
        outer.addLayout(cards, 1)

    def minimumSizeHint(self) -> QSize:
        # a splitter does not ask how high words are in so many lines: the plots would pay for them
        least, lay = super().minimumSizeHint(), self.layout()
        if lay is not None and self.caution.isVisibleTo(self):
            least.setHeight(max(least.height(), lay.totalMinimumHeightForWidth(self.width())))
        return least

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def say_kept(self, newest: bool) -> None:
        """Say in the legend whether the dashed line is the newest epoch, kept for want of slices, or the best."""
        self.kept.setText(text("train.newest_epoch" if newest else "train.best_epoch"))

    def show_epochs(
        self,
        epochs: Sequence[EpochEnded],
        baseline: float | None,
        *,
        stamp: str = "",
        cautions: Sequence[str] = (),
        classifies: bool = False,
    ) -> None:
        """Draw a run's epochs.

        Parameters
        ----------
        baseline
            Accuracy of "all background", or of "no everywhere".
        stamp
            Why the numbers may flatter.
        cautions
            What the curves say, in words.
        classifies
            It learns yes or no of a class; where epochs are there, they tell.
        """
        self.caution.show_words(stamp, cautions)
        self.save.setEnabled(bool(epochs))
        self.loss.show_epochs(epochs)
        if epochs:
            classifies = epochs[0].validation.auc is not None
        kind = "_class" if classifies else ""
        self.overlap.offer({name: text(f"train.{name}_curve") for name in (OF_CLASS if classifies else OVERLAP)})
        self.overlap.show_epochs(epochs)
        if baseline is None:
            self.accuracy.set_title(text(f"train.accuracy_curve{kind}"))
        else:
            self.accuracy.set_title(text(f"train.accuracy_baseline{kind}", baseline=numeral(baseline, ".3f")))
        self.accuracy.show_epochs(epochs, baseline=baseline, floor=f"train.baseline_mark{kind}")
