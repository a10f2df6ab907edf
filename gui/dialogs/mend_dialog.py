"""What can be done about a damaged mask."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from core.messages import text
from gui import theme
from gui.dialogs.base import Dialog


class MendDialog(Dialog):
    """Names the damaged files, and offers to make them again or to open what is whole.

    Parameters
    ----------
    scan
        Name of the scan.
    words
        What is wrong with which file.
    when
        When the version to be opened was saved, in words; empty where the very masks can be made again.
    files
        Names of the damaged files.
    """

    def __init__(self, scan: str, words: str, when: str, files: Sequence[str], parent: QWidget | None = None) -> None:
        accept = text("dialogs.mend_version", when=when) if when else text("dialogs.mend_again")
        super().__init__(text("dialogs.mend_title", scan=scan), accept, parent, width=520)
        self.files = list(files)
        self.body.addWidget(theme.label(words, wrap=True))
        told = text("dialogs.mend_version_words", when=when) if when else text("dialogs.mend_again_words")
        self.body.addWidget(theme.label(told, wrap=True))
        self.body.addWidget(theme.label(text("dialogs.mend_kept"), "muted", wrap=True))
        self.cancel_button.setText(text("dialogs.mend_leave"))
