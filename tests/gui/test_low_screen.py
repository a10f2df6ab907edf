"""A low screen (1920 x 1080 at 150 %): nothing of the figures in Review is squeezed."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from gui import theme
from gui.review.side import ReviewSide


@pytest.mark.parametrize("height", [600, 640, 700, 760, 900, 1100])
def test_rows_keep_their_height_and_the_difference_gives_way(qtbot: QtBot, height: int) -> None:
    side = ReviewSide()
    qtbot.addWidget(side)
    theme.dress(side)
    side.show_figures(True)
    side.show_difference(True)
    side.setMinimumHeight(1)
    side.resize(288, height)
    side.show()
    qtbot.wait(30)
    labels = [label for label in side.numbers.children() if getattr(label, "text", None) and label.isVisible()]
    assert len(labels) > 20
    for label in labels:
        assert label.height() >= label.sizeHint().height()
    assert side.save_mask.geometry().bottom() <= height
    if height != 700:
        assert side.difference.isVisible() == (height > 700)
