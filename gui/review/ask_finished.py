"""One question before a prediction is taken over slices that somebody has finished."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget

from core.messages import text


def ask_keep_finished(parent: QWidget, count: int) -> bool | None:
    """Ask whether finished slices stay as they are.

    Parameters
    ----------
    count
        How many are finished.

    Returns
    -------
    bool or None
        True: they stay. False: they are replaced too (it can be undone). None: do nothing.
    """
    box = QMessageBox(parent)
    box.setWindowTitle(text("review.correct"))
    box.setText(text("review.finished_there", count=count))
    box.setInformativeText(text("review.finished_there_words"))
    keep = box.addButton(text("review.finished_keep"), QMessageBox.ButtonRole.AcceptRole)
    replace = box.addButton(text("review.finished_replace"), QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton(text("review.finished_cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(cancel)
    box.exec()
    answer = box.clickedButton()
    box.deleteLater()
    return {keep: True, replace: False}.get(answer) if answer in (keep, replace) else None
