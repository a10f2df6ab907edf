"""Why some of many things could not be done: a sentence for each, in a list that scrolls and can be copied."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from gui.dialogs.base import Dialog


class ReasonsDialog(Dialog):
    """All reasons, a line each.

    Parameters
    ----------
    title
        What they are the reasons of.
    reasons
        Names with sentences; one that begins with its name already is not named twice.
    """

    def __init__(self, title: str, reasons: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(title, "", parent, width=640)
        lines = [said if said.startswith((f"{name}:", f"{name} ")) else f"{name}: {said}" for name, said in reasons]
        self.words = QPlainTextEdit("\n".join(lines))
        self.words.setReadOnly(True)
        self.words.setAccessibleName(title)
        self.words.setMinimumHeight(240)
        self.body.addWidget(self.words, 1)
