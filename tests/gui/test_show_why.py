"""Why files were passed over can be read in full, and for as long as it takes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from core.errors import InputError
from core.events import Finished
from core.messages import sentence
from gui.dialogs.reasons_dialog import ReasonsDialog
from gui.main_window import MainWindow


def test_all_reasons_are_listed_once_and_the_offer_stays(window: MainWindow, tmp_path: Path) -> None:
    skipped = [
        (str(tmp_path / f"scan{number}.nii"), InputError("file-missing", file=tmp_path / f"scan{number}.nii"))
        for number in range(16)
    ]
    skipped.append((str(tmp_path / "b.nii"), InputError("export-nothing")))
    window.intake._tell_result(Finished({"scans": ["x"]}), skipped)
    toast = window.toasts.toasts[-1]
    assert toast.told.seconds == 0, "it does not leave by itself"
    assert toast.told.action is not None
    seen: list[list[str]] = []

    def read() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, ReasonsDialog)
        seen.append(dialog.words.toPlainText().splitlines())
        dialog.reject()

    QTimer.singleShot(100, read)
    toast.told.action()
    (lines,) = seen
    assert len(lines) == 17
    assert lines[-1] == f"b.nii: {sentence(InputError('export-nothing'))}"


def test_a_sentence_that_begins_with_the_name_has_it_once(window: MainWindow) -> None:
    dialog = ReasonsDialog("Why", [("a.nii", "a.nii: no scan."), ("b", "because."), ("c.nii", "No.")], window)
    assert dialog.words.toPlainText().splitlines() == ["a.nii: no scan.", "b: because.", "c.nii: No."]
    dialog.deleteLater()
