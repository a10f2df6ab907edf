"""A scan opened by itself while its mask lies beside it: offered, taken in, shown at once."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from core.editing.opening import open_annotation
from core.errors import ProjectError
from core.phantom import make_head
from core.project.importing import ImportOptions
from core.project.project import Project
from core.project.records import Origin, SliceState
from gui.dialogs.import_dialog import ImportDialog
from gui.main_window import MainWindow
from gui.notify import Told


def head_file(folder: Path) -> tuple[Path, np.ndarray]:
    head = make_head(3, shape=(8, 64, 56))
    mask = head.masks["Brain"].astype(np.uint8)
    affine = head.volume.geometry.affine
    scan = folder / "anna_t1.nii.gz"
    nib.save(nib.Nifti1Image(head.volume.array.transpose(2, 1, 0), affine), scan)
    nib.save(nib.Nifti1Image(mask.transpose(2, 1, 0), affine), folder / "anna_t1_mask.nii.gz")
    return scan, mask


def open_and_take_the_offer(window: MainWindow, qtbot: QtBot, scan: Path) -> list[Told]:
    """All that is told, from here on, once the scan is open and its one offer was taken."""
    session, told = window.session, []
    session.notifier.told.connect(told.append)
    window.intake.open(scan)
    qtbot.waitUntil(lambda: session.scan is not None and not session.jobs.running, timeout=60_000)
    (offer,) = [one for one in told if one.action is not None]
    assert offer.words == "A mask lies beside this scan."
    offer.action()
    return told


def test_a_mask_beside_the_scan_is_offered_and_comes_into_the_open_scan(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    scan, mask = head_file(tmp_path)
    session, asked = window.session, []
    window.intake.masks_asked.disconnect()
    window.intake.masks_asked.connect(asked.append)
    told = open_and_take_the_offer(window, qtbot, scan)
    assert asked == [[scan]]
    window.intake.take(asked[0], ImportOptions(label="Brain", reader=session.reader))
    qtbot.waitUntil(lambda: session.editor is not None and session.editor.mask("brain").any(), timeout=60_000)
    assert np.array_equal(session.editor.mask("brain"), mask)
    assert session.editor.finished("brain").all()
    assert session.labels.find("Brain") is not None
    # the message follows the end of the job
    qtbot.waitUntil(lambda: told[-1].words == "The mask came in.", timeout=60_000)
    assert not session.jobs.running


def test_the_page_that_asks_for_the_label_has_chosen_the_scan_whose_mask_it_is(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    scan, _ = head_file(tmp_path)
    open_and_take_the_offer(window, qtbot, scan)
    (page,) = window.findChildren(ImportDialog)
    qtbot.waitUntil(lambda: bool(page.model.rows), timeout=60_000)
    assert [(row.present, row.checked) for row in page.model.rows] == [("S0001", True)]
    assert page.accept_button.isEnabled()
    page.reject()


def test_masks_that_came_in_meanwhile_are_never_saved_over(project_path: Path) -> None:
    with Project.open(project_path) as project:
        scan = project.scans()[0]
        opened = open_annotation(project, scan.id, "anna", journal=False)
        other = project.ensure_annotation(scan.id, "anna")
        whole = np.ones(scan.shape, np.uint8)
        states = [SliceState(number, Origin.IMPORTED, None, True, "anna", 0.0) for number in range(scan.shape[0])]
        project.save_layers(other.id, {"brain": whole}, {"brain": states}, journal_sequence=0)
        with pytest.raises(ProjectError, match="annotation-appeared"):
            opened.ensure()
        assert project.read_layer(other.id, "brain").all()
        opened.close()
