"""The three plots of a run on a low screen: what is to be said of them does not cover them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from core.learning.events import EpochEnded, Scores
from gui import theme
from gui.plots import QuietPlot
from gui.train.curves import CurveCard, Curves

WORDS = "Only one patient checks this training: the validation figures say little about others. Finish slices of more."


def epochs(count: int, least: float) -> list[EpochEnded]:
    scores = [Scores(loss=0.1, dice=0.9, iou=0.8, accuracy=least + 0.01 * n) for n in range(count)]
    return [EpochEnded("run", n + 1, 0, one, one, 1, 0.9, 1.0, 1e-3) for n, one in enumerate(scores)]


@pytest.fixture
def curves(qtbot: QtBot) -> Iterator[Curves]:
    """The plots in a splitter that is too low for all that it holds, as on a small screen."""
    split = QSplitter(Qt.Orientation.Vertical)
    split.setChildrenCollapsible(False)
    theme.dress(split)
    qtbot.addWidget(split)
    made, other = Curves(), QWidget()
    other.setMinimumHeight(40)
    split.addWidget(made)
    split.addWidget(other)
    split.setSizes([10, 400])
    split.resize(740, 420)
    split.show()
    yield made
    split.close()


def test_words_in_many_lines_take_no_room_from_the_plots(curves, qtbot):
    curves.show_epochs(epochs(2, 0.9), 0.8, stamp="Patients unknown.", cautions=[WORDS, WORDS])
    plot = curves.accuracy._plot
    qtbot.waitUntil(lambda: curves.caution.height() > 60)
    qtbot.waitUntil(lambda: plot.height() >= plot.minimumHeight())
    for card in (curves.loss, curves.overlap, curves.accuracy):
        assert card._plot.geometry().bottom() < card.height() - 3


@pytest.mark.parametrize("baseline", [0.3, 0.8, 0.99])
def test_the_words_at_the_line_of_all_background_are_whole_and_off_the_curves(curves, qtbot, baseline):
    curves.show_epochs(epochs(2, 0.9), baseline, stamp="Patients unknown.", cautions=[WORDS])
    card = curves.accuracy
    box, mark = card._plot.getPlotItem().getViewBox(), card._floor.label
    qtbot.waitUntil(lambda: card._plot.height() >= card._plot.minimumHeight())
    qtbot.wait(50)
    line, last = (box.mapViewToDevice(QPointF(2.0, value)).y() for value in (baseline, 0.91))
    assert mark.isVisible()
    words, plot = mark.mapRectToDevice(mark.boundingRect()), box.mapRectToDevice(box.boundingRect())
    assert words.top() >= plot.top() - 3
    assert words.bottom() <= plot.bottom() + 3
    if last < line:
        assert words.top() >= line - 3
    else:
        assert words.bottom() <= line + 3


@pytest.mark.parametrize("width", [198, 260, 420])
def test_the_words_at_the_line_are_whole_or_but_the_figure(qtbot, width):
    card = CurveCard({"accuracy": "Accuracy"})
    theme.dress(card)
    qtbot.addWidget(card)
    card.resize(width, 160)
    card.show()
    card.show_epochs(epochs(2, 0.2), baseline=0.83, floor="train.baseline_mark_class")
    qtbot.wait(30)
    mark = card._floor.label
    assert mark.isVisible() == (width < 300)
    if mark.isVisible():
        assert "0.83" in mark.toPlainText()
        assert mark.boundingRect().width() <= card._plot.getPlotItem().getViewBox().width()


def test_the_wheel_over_a_plot_scrolls_the_page(qtbot):
    area, plot = QScrollArea(), QuietPlot()
    qtbot.addWidget(area)
    plot.setMinimumSize(200, 900)
    area.setWidget(plot)
    area.resize(240, 200)
    area.show()
    at = QPointF(100, 100)
    down = QWheelEvent(
        at,
        QPointF(area.mapToGlobal(QPoint(100, 100))),
        QPoint(),
        QPoint(0, -240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(plot.viewport(), down)
    assert not down.isAccepted()
