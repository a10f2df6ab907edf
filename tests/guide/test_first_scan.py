"""The first scan in three minutes: every step as the guide says it, in the real window."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import shell_support
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded
from viewer_support import wheel
from walk import nifti

from core.phantom import make_head
from core.project.saver import SaveState
from gui.dialogs.export_dialog import ExportDialog
from gui.main_window import MainWindow

window = shell_support.window
CTRL = Qt.KeyboardModifier.ControlModifier
SHAPE = (24, 64, 56)


def test_three_minutes(window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = tmp_path / "head.nii.gz"
    found = make_head(7, shape=SHAPE)
    nifti(scan, found)
    # 1. Open a scan, on the start page
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(scan)], ""))
    qtbot.mouseClick(window.start.scan, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.can_edit, timeout=120_000)
    wait_loaded(window, qtbot)
    view, session = window.annotate.views.main, window.session
    assert view.index == SHAPE[0] // 2, "it opens at its middle"
    # 2. the wheel turns slices, with Ctrl it zooms
    scale = view.point_of((30.0, 20.0, 0)) - view.point_of((20.0, 20.0, 0))
    wheel(view, 120, keys=CTRL)
    assert (view.point_of((30.0, 20.0, 0)) - view.point_of((20.0, 20.0, 0))).x() > scale.x()
    qtbot.keyClick(view, Qt.Key.Key_R)
    before = view.index
    wheel(view, 120)
    assert view.index != before
    # 3. the brush is in the hand: drag, Shift + wheel, Ctrl, Ctrl+Z
    view.set_index(7)
    editor = session.editor
    assert editor is not None
    assert session.label is not None
    assert session.label.name == "Brain"
    size = window.annotate.hand.size
    wheel(view, 120, keys=Qt.KeyboardModifier.ShiftModifier)
    assert window.annotate.hand.size > size
    window.annotate.hand.set_size(14)
    stroke(window, (22, 32), (36, 32))
    drawn = np.array(editor.mask("brain")[7])
    assert drawn.any()
    stroke(window, (30, 32), (34, 32), keys=CTRL)
    assert editor.mask("brain")[7].sum() < drawn.sum()
    QTest.keyClick(view, Qt.Key.Key_Z, CTRL)
    assert np.array_equal(editor.mask("brain")[7], drawn)
    # 4. five slices on, draw, five more, draw; I fills in between
    for z in (12, 17):
        qtbot.keyClick(view, Qt.Key.Key_PageUp, Qt.KeyboardModifier.ShiftModifier)
        assert view.index == z
        stroke(window, (22, 32), (36, 32))
    qtbot.keyClick(view, Qt.Key.Key_I)
    qtbot.waitUntil(lambda: bool(editor.mask("brain")[9].any() and editor.mask("brain")[15].any()), timeout=120_000)
    # 5. M on each slice that is right
    for z in range(7, 18):
        view.set_index(z)
        qtbot.keyClick(view, Qt.Key.Key_M)
    assert int(editor.finished("brain").sum()) == 11
    # 6. that is all there is to saving
    qtbot.waitUntil(lambda: session.save_state == SaveState.SAVED, timeout=120_000)
    assert "All changes saved" in window.status.saved.text()
    # 7. Ctrl+E writes the mask in the scan's own geometry
    out = tmp_path / "out"
    QTimer.singleShot(100, lambda: _accept(out))
    QTest.keyClick(window, Qt.Key.Key_E, CTRL)
    qtbot.waitUntil(lambda: any(out.rglob("*.nii.gz")), timeout=120_000)
    qtbot.waitUntil(lambda: not session.jobs.running, timeout=120_000)
    (written,) = [path for path in out.rglob("*.nii.gz") if "mask" in path.name]
    mask = nibabel.load(written)
    assert np.array_equal(np.asarray(mask.dataobj).T > 0, editor.mask("brain") > 0)
    assert np.allclose(mask.affine, found.volume.geometry.affine, atol=1e-3)
    # what you opened lies in a scratch project until it is kept
    assert session.is_scratch
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(tmp_path / "mine"), ""))
    window.actions_table["keep_project"].trigger()
    qtbot.waitUntil(lambda: session.project is not None and not session.is_scratch, timeout=120_000)
    assert Path(session.project.path) == tmp_path / "mine.meninx"
    wait_loaded(window, qtbot)


def _accept(folder: Path) -> None:
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, ExportDialog)
    dialog.folder.setText(str(folder))
    dialog.accept_button.click()
