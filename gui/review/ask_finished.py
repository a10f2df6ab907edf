"""One question before a prediction is taken over slices that somebody has finished."""

from __future__ import annotations

from PySide6.QtWidgets import QMessageBox, QWidget

from core.messages import text


def ask_keep_finished(parent: QWidget, count: int, slices: int) -> bool | None:
    """Ask whether finished slices stay as they are.

    Parameters
    ----------
    count
        How many are finished.
    slices
        How many there are. Where all are finished, leaving them alone would be to do nothing, and is not offered.

    Returns
    -------
    bool or None
        True: they stay. False: they are replaced too (it can be undone). None: do nothing.
    """
    box = QMessageBox(parent)
    box.setWindowTitle(text("review.correct"))
    some = count < slices
    box.setText(text("review.finished_there", count=count) if some else text("review.finished_all"))
    box.setInformativeText(text("review.finished_there_words" if some else "review.finished_all_words"))
    keep = box.addButton(text("review.finished_keep"), QMessageBox.ButtonRole.AcceptRole) if some else None
    replace = box.addButton(text("review.finished_replace"), QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton(text("review.finished_cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(keep or cancel)
    box.setEscapeButton(cancel)
    box.exec()
    answer = box.clickedButton()
    box.deleteLater()
    if some and answer is keep:
        return True
    return False if answer is replace else None
