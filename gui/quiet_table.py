"""The looks of tables that are read and not written: whole rows, no lines, no numbers."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractItemView, QTableView


def make_quiet(table: QTableView, row_height: int = 0) -> None:
    """Give a table these looks.

    Parameters
    ----------
    table
        The table; whether it has a border stays as it is.
    row_height
        Pixels; 0 for the usual.
    """
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.verticalHeader().hide()
    if row_height:
        table.verticalHeader().setDefaultSectionSize(row_height)
    table.horizontalHeader().setHighlightSections(False)
