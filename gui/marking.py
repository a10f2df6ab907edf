"""Words and figures that can be marked with the mouse and copied."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLabel


class _Copying(QObject):
    """Claims the key that copies while something is marked: on the scan the same key copies the mask of a slice."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and isinstance(watched, QLabel)
            and event.matches(QKeySequence.StandardKey.Copy)
            and watched.hasSelectedText()
        ):
            event.accept()
            return True
        return super().eventFilter(watched, event)


def let_mark(words: QLabel) -> None:
    """Let what a label says be marked and copied."""
    words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    words.installEventFilter(_Copying(words))
