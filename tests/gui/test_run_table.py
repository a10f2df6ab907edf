"""The table of runs in a narrow window: no figure is cut, and its head says what the figures are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from core.learning.config import TrainingConfig
from core.learning.runs import Run, RunState
from core.messages import text
from gui import theme
from gui.train.run_table import COLUMNS, RunRow, RunTable, _shared


def run(name: str, *, classifies: bool) -> Run:
    config = (
        TrainingConfig(labels=(), task="classify", class_name="ich", network="vgg16_bn")
        if classifies
        else TrainingConfig(labels=("Brain",))
    )
    made = "2026-01-01T00:00:00Z"
    return Run(name, name, made, RunState.DONE, config.network, None, config.labels, 1, 0.9612, 60.0, 12, 375, config)


@pytest.fixture
def table(qtbot: QtBot) -> RunTable:
    made = RunTable()
    theme.dress(made)
    qtbot.addWidget(made)
    made.resize(736, 160)
    made.show()
    return made


def row(name: str, parent: str = "", *, classifies: bool = True) -> RunRow:
    return RunRow(run(name, classifies=classifies), parent, test_dice=0.931, test_interval=(0.9, 0.96))


@pytest.mark.parametrize("parent", ["", "Run 1"])
def test_no_figure_is_cut_where_the_name_of_the_network_is_long(table, qtbot, parent):
    table.set_rows([row("Run 1"), row("Run 2", parent)])
    qtbot.wait(20)
    assert table.horizontalHeader().length() <= table.viewport().width()
    assert not table.horizontalScrollBar().isVisible()
    assert table.isColumnHidden(COLUMNS.index("parent")) == (not parent)


def test_no_word_is_cut_where_there_is_room_for_it(table, qtbot):
    table.resize(1000, 160)
    table.set_rows([row("Run 1"), row("Run 12", "Starter: tumour, 192", classifies=False)])
    qtbot.wait(20)
    assert table.horizontalHeader().length() == pytest.approx(table.viewport().width(), abs=len(COLUMNS))
    for number in range(len(COLUMNS)):
        assert table.columnWidth(number) >= table.sizeHintForColumn(number)


def test_what_no_run_has_goes_before_a_name_is_cut(table, qtbot):
    table.resize(880, 160)
    rows = [row("Run 1"), row("Run 12", "Starter: tumour, 192", classifies=False)]
    table.set_rows([replace(one, test_dice=None, test_interval=None) for one in rows])
    qtbot.wait(20)
    assert table.isColumnHidden(COLUMNS.index("looks"))
    parent = COLUMNS.index("parent")
    assert table.columnWidth(parent) >= table.sizeHintForColumn(parent)
    # measured on the test scans, a run says so
    table.set_rows([replace(one, looks=1) for one in rows])
    assert not any(table.isColumnHidden(COLUMNS.index(name)) for name in ("looks", "test_dice"))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=4), st.integers(-100, 2000))
def test_a_width_is_shared_so_that_only_the_long_are_cut(wanted, room):
    widths = _shared(wanted, room)
    assert sum(widths) <= max(0, room)
    if sum(wanted) <= room:
        assert all(width >= wish for width, wish in zip(widths, wanted, strict=True))
        return
    # whoever is cut has no less than whoever is not
    cut = [width for width, wish in zip(widths, wanted, strict=True) if width < wish]
    assert max(widths) <= min(cut) + len(wanted)


def test_the_head_says_auc_where_all_runs_say_yes_or_no(table):
    heads = [COLUMNS.index(name) for name in ("val_dice", "test_dice")]

    def shown() -> list[str]:
        return [table.runs.headerData(one, Qt.Orientation.Horizontal) for one in heads]

    def cells(number: int) -> list[str]:
        return [table.runs.index(number, one).data() for one in heads]

    table.set_rows([row("Run 1")])
    assert shown() == [text("train.column_val_dice_class"), text("train.column_test_dice_class")]
    assert not any(text("evaluate.name_auc") in words for words in cells(0))
    table.set_rows([row("Run 1"), row("Run 2", classifies=False)])
    assert shown() == [text("train.column_val_dice"), text("train.column_test_dice")]
    # beside runs that draw, each figure says that it is another
    assert all(words.startswith(text("evaluate.name_auc")) for words in cells(0))
