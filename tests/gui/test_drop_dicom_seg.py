"""A DICOM SEG that is dropped on the window goes onto the scan shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from core.io.dicom_seg import read_segmentation
from core.project.importing import ImportOptions
from core.project.project import Project
from gui.main_window import MainWindow


def test_a_dropped_segmentation_goes_onto_the_scan_shown(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, data_root: Path
) -> None:
    case = data_root / "dicom/dcmqi_seg/23x38x3"
    session = window.session
    Project.create(tmp_path / "p.meninx").close()
    window.intake.open_project(tmp_path / "p.meninx")
    window.intake.take([case / "image"], ImportOptions())
    qtbot.waitUntil(lambda: session.editor is not None and not session.jobs.running, timeout=60_000)
    window.commands.take_dropped([case / "seg/label.seg"])
    dialog = window.commands.mask_dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.found is not None, timeout=60_000)
    # the file itself says what it is
    assert list(dialog.names().values()) == ["Liver"]
    assert "322" in "".join(str(count) for count in dialog.found.counts.values())
    dialog.accept()
    label = session.labels.named("Liver")
    mask = read_segmentation(case / "seg/label.seg").masks[1]
    assert mask is not None
    qtbot.waitUntil(lambda: bool(session.editor.mask(label.layer).any()), timeout=20_000)
    assert np.array_equal(session.editor.mask(label.layer) == label.value, mask)
    assert session.editor.finished(label.layer).all()
