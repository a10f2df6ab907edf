"""Header window, masks of a file for the open scan, and names in the worklist: identity only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from reader_support import make_series, write_nifti
from shell_support import wait_loaded

from core.labels import LabelSet
from core.phantom import make_head
from core.project.project import Project
from core.project.records import Origin
from gui.dialogs.header_panel import HeaderPanel
from gui.dialogs.mask_dialog import MaskDialog
from gui.main_window import MainWindow
from gui.settings import Settings, user_folder
from gui.worklist.delegate import HEIGHT, NAMED_HEIGHT
from gui.worklist.model import Role

CANARY = "ZZCANARY"


@pytest.fixture
def series(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> MainWindow:
    """The window on a DICOM series of somebody called the canary."""
    identity = {
        "PatientName": f"{CANARY}^Anna",
        "PatientID": f"{CANARY}-7",
        "SeriesDescription": f"{CANARY} t1",
    }
    make_series(tmp_path / "A", EchoTime="12.5", **identity)
    files = [str(file) for file in sorted((tmp_path / "A").iterdir())]
    volume = replace(make_head(0, shape=(5, 24, 20)).volume, facts={"echo_time": 12.5})
    with Project.create(tmp_path / "one.meninx") as project:
        project.set_labels(LabelSet().with_label("Brain"))
        project.add_scan(volume, patient=f"{CANARY}-7", description="MR axial", source=files, identity=identity)
    assert window.intake.open_project(tmp_path / "one.meninx")
    wait_loaded(window, qtbot)
    return window


@pytest.fixture
def panel(series: MainWindow, qtbot: QtBot) -> Iterator[HeaderPanel]:
    """The header window, with the original read."""
    series.actions_table["header"].trigger()
    made = series.commands.header_panel
    assert made is not None
    qtbot.waitUntil(lambda: len(made.model.lines) > 30, timeout=20_000)
    yield made
    series.commands.close()


def rows(panel: HeaderPanel) -> list[tuple[str, str, str]]:
    """What the table shows."""
    table = panel.table.model()
    return [
        tuple(str(table.data(table.index(row, column))).strip() for column in range(3))  # type: ignore[misc]
        for row in range(table.rowCount())
    ]


def test_the_header_is_listed_without_identity(panel: HeaderPanel) -> None:
    shown = rows(panel)
    assert ("", "Echo time (ms)", "12.5") in shown, "what the project keeps"
    assert ("(0018,0081)", "Echo Time", "12.5") in shown, "what the original says"
    assert ("(0010,0010)", "Patient's Name", "hidden") in shown
    assert CANARY not in repr(shown)
    assert CANARY not in repr(panel.model.lines), "it did not even reach this process"
    assert "hidden, because they could tell who the patient is" in panel.note.text()


def test_identity_is_shown_when_asked_and_hidden_again(panel: HeaderPanel, series: MainWindow, qtbot: QtBot) -> None:
    panel.identity.setChecked(True)
    qtbot.waitUntil(lambda: CANARY in repr(rows(panel)), timeout=20_000)
    assert ("(0010,0010)", "Patient's Name", f"{CANARY}^Anna") in rows(panel)
    assert CANARY not in panel.windowTitle() + series.windowTitle()
    panel.identity.setChecked(False)
    qtbot.waitUntil(lambda: CANARY not in repr(rows(panel)), timeout=20_000)
    panel.identity.setChecked(True)
    series.session.scan_changed.emit()
    assert not panel.identity.isChecked(), "not carried over to another scan"
    assert CANARY not in repr(rows(panel))


def test_the_search_finds_tags_names_and_values(panel: HeaderPanel) -> None:
    for words in ("0018,0081", "echo time", "12.5"):
        panel.search.setText(words)
        found = [row for row in rows(panel) if row[2]]
        assert ("(0018,0081)", "Echo Time", "12.5") in found
        assert len(found) < 5
    panel.search.setText("nothing of the kind")
    assert [row for row in rows(panel) if row[2]] == []


def test_each_file_of_a_series_can_be_looked_at(panel: HeaderPanel, qtbot: QtBot) -> None:
    assert (panel.file.minimum(), panel.file.maximum()) == (1, 5)

    def number() -> str:
        return next(value for tag, _, value in rows(panel) if tag == "(0020,0013)")

    first = number()
    panel.file.setValue(5)
    qtbot.waitUntil(lambda: number() != first, timeout=20_000)


def test_without_the_original_the_facts_are_still_shown(panel: HeaderPanel, series: MainWindow, qtbot: QtBot) -> None:
    link = series.session.project.links.scan(series.session.scan.id)
    for file in link.source:
        Path(file).unlink()
    panel.file.setValue(2)
    qtbot.waitUntil(lambda: "no longer where it was" in panel.note.text(), timeout=20_000)
    assert ("", "Echo time (ms)", "12.5") in rows(panel)
    assert not panel.identity.isEnabled()


def test_a_scan_of_another_workstation_says_so(opened: MainWindow, qtbot: QtBot) -> None:
    (user_folder() / "links.sqlite").unlink(missing_ok=True)
    opened.commands.show_header()
    panel = opened.commands.header_panel
    assert panel is not None
    qtbot.waitUntil(lambda: "does not know which files" in panel.note.text(), timeout=20_000)
    assert ("", "Size (x, y, z)", "56 × 64 × 8") in rows(panel)
    opened.commands.show_header()
    assert opened.commands.header_panel is None, "the same key puts it away"


# ------------------------------------------------------------------------ names


def test_names_stand_in_the_worklist_only_when_asked(series: MainWindow, qtbot: QtBot) -> None:
    model, view = series.worklist.model, series.worklist.list
    index = model.index(0)
    assert model.data(index, Role.NAMED) == ""
    assert CANARY not in str(model.data(index, Qt.ItemDataRole.ToolTipRole))
    assert view.sizeHintForIndex(index).height() == HEIGHT
    series.worklist.filter.setText(CANARY.lower())
    assert model.rowCount() == 0, "the filter finds no names either"
    series.worklist.filter.clear()
    qtbot.mouseClick(series.worklist.names_button, Qt.MouseButton.LeftButton)
    words = f"{CANARY} Anna  ·  {CANARY}-7  ·  {CANARY} t1"
    qtbot.waitUntil(lambda: model.data(model.index(0), Role.NAMED) == words, timeout=10_000)
    assert view.sizeHintForIndex(model.index(0)).height() == NAMED_HEIGHT
    assert series.actions_table["show_names"].isChecked()
    series.worklist.filter.setText("anna")
    assert model.rowCount() == 1
    assert Settings().preferences.show_names, "remembered for this workstation"
    assert CANARY not in series.windowTitle()
    series.actions_table["show_names"].trigger()
    assert model.rowCount() == 0
    series.worklist.filter.clear()
    assert model.data(model.index(0), Role.NAMED) == ""


def test_no_name_gets_into_the_project_or_the_log(series: MainWindow, qtbot: QtBot) -> None:
    series.session.show_names(True)
    model = series.worklist.model
    qtbot.waitUntil(lambda: CANARY in str(model.data(model.index(0), Role.NAMED)), timeout=10_000)
    project = series.session.project
    assert project is not None
    series.session.save_now()
    held = {file for file in project.path.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()}
    assert held == set()
    others = [file for file in user_folder().glob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
    assert [file.name for file in others] == ["links.sqlite"]


def test_a_project_without_links_says_that_nobody_is_known(opened: MainWindow, qtbot: QtBot) -> None:
    (user_folder() / "links.sqlite").unlink(missing_ok=True)
    assert not opened.worklist.names_note.isVisible()
    opened.session.show_names(True)
    qtbot.waitUntil(opened.worklist.names_note.isVisible, timeout=10_000)
    assert opened.worklist.names_note.text().startswith("This workstation knows no names")
    opened.session.show_names(False)
    assert not opened.worklist.names_note.isVisible()


# ------------------------------------------------------------------------ masks


def dropped(window: MainWindow, qtbot: QtBot, path: Path) -> MaskDialog:
    """Drop a mask on the window and wait until it was read."""
    window.commands.take_dropped([path])
    dialog = window.commands.mask_dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: not dialog.busy.isVisible(), timeout=20_000)
    return dialog


def test_a_mask_on_the_same_grid_is_put_on_as_the_label_that_is_named(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    session = opened.session
    drawn = np.zeros(session.volume.shape, np.uint8)
    drawn[2:5, 20:40, 20:30] = 1
    write_nifti(tmp_path / "x_mask.nii.gz", drawn, session.volume.geometry.affine)
    dialog = dropped(opened, qtbot, tmp_path / "x_mask.nii.gz")
    assert "0 and 1" in dialog.said.text()
    assert "8 of 8 slices" in dialog.said.text()
    dialog.fields[1].setCurrentText("Tumour")
    qtbot.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)
    tumour = session.labels.find("Tumour")
    qtbot.waitUntil(lambda: (session.editor.mask(tumour.layer) == tumour.value).any(), timeout=10_000)
    np.testing.assert_array_equal(session.editor.mask(tumour.layer) == tumour.value, drawn == 1)
    assert session.editor.finished(tumour.layer).all()
    assert session.editor.state(tumour.layer, 3).origin is Origin.IMPORTED
    session.undo()
    session.undo()
    assert not (session.editor.mask(tumour.layer) == tumour.value).any()


def test_a_mask_on_another_grid_is_resampled_only_after_it_was_said(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    session = opened.session
    z, y, x = session.volume.shape
    coarse = np.zeros((z, y // 2, x // 2), np.uint8)
    coarse[3:6, 8:20, 8:20] = 1
    affine = session.volume.geometry.affine @ np.diag([2.0, 2.0, 1.0, 1.0])
    # the corner of the first voxel stays where it was
    affine[:3, 3] += session.volume.geometry.affine[:3, :2] @ [0.5, 0.5]
    nib.save(nib.Nifti1Image(coarse.T, affine), tmp_path / "x_mask.nii.gz")
    dialog = dropped(opened, qtbot, tmp_path / "x_mask.nii.gz")
    assert "another grid" in dialog.said.text()
    assert not dialog.accept_button.isVisible()
    assert dialog.found is None
    assert not session.editor.undo_available, "nothing happened yet"
    qtbot.mouseClick(dialog.resample, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.found is not None, timeout=20_000)
    assert dialog.found.data.resampled
    assert "nearest voxel" in dialog.said.text()
    dialog.accept()
    qtbot.waitUntil(lambda: session.editor.mask("brain").any(), timeout=10_000)
    expected = coarse.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(session.editor.mask("brain")[:, : expected.shape[1], : expected.shape[2]], expected)


def resampled_as_brain(opened: MainWindow, qtbot: QtBot, file: Path) -> None:
    """Drop a mask of another grid on the scan, and have it resampled and taken as Brain."""
    dialog = dropped(opened, qtbot, file)
    qtbot.mouseClick(dialog.resample, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.found is not None, timeout=20_000)
    dialog.fields[1].setCurrentText("Brain")
    dialog.accept()
    qtbot.waitUntil(lambda: opened.session.editor.finished("brain").any(), timeout=10_000)


def test_slices_that_a_mask_does_not_reach_keep_what_is_drawn(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    session = opened.session
    drawn = np.zeros(session.volume.shape, np.uint8)
    drawn[:, 5:9, 5:9] = 1
    session.put_masks({"Brain": drawn}, ())
    qtbot.waitUntil(lambda: session.editor.drawn("brain").all(), timeout=10_000)
    affine = session.volume.geometry.affine.copy()
    # the third and the fourth slice, a tenth of a slice off
    affine[:3, 3] += affine[:3, 2] * 2.1
    write_nifti(tmp_path / "x_mask.nii.gz", np.ones((2, *drawn.shape[1:]), np.uint8), affine)
    resampled_as_brain(opened, qtbot, tmp_path / "x_mask.nii.gz")
    assert session.editor.finished("brain").nonzero()[0].tolist() == [2, 3]
    assert session.editor.mask("brain")[2:4].all()
    others = [0, 1, *range(4, len(drawn))]
    np.testing.assert_array_equal(session.editor.mask("brain")[others], drawn[others])


def test_what_is_drawn_beside_the_grid_of_a_mask_stays(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    session = opened.session
    drawn = np.zeros(session.volume.shape, np.uint8)
    drawn[1:3, 5:9, 5:9] = 1
    session.put_masks({"Brain": drawn}, ())
    qtbot.waitUntil(lambda: session.editor.mask("brain").any(), timeout=10_000)
    affine = session.volume.geometry.affine.copy()
    affine[:3, 3] += affine[:3, 0] * 12 + affine[:3, 2] * 0.1
    z, y, x = drawn.shape
    write_nifti(tmp_path / "x_mask.nii.gz", np.ones((z, y, x - 12), np.uint8), affine)
    resampled_as_brain(opened, qtbot, tmp_path / "x_mask.nii.gz")
    np.testing.assert_array_equal(session.editor.mask("brain")[:, :, :12], drawn[:, :, :12])
    assert session.editor.mask("brain")[:, :, 12:].all()
    assert session.editor.finished("brain").tolist() == [number not in (1, 2) for number in range(z)]


def test_locked_labels_stay_and_the_slices_they_keep_are_not_finished(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened.session
    told: list[str] = []
    monkeypatch.setattr(session.notifier, "tell", lambda words, *_args, **_more: told.append(words))
    for name in ("Tumour", "Oedema"):
        session.change_labels(session.labels.with_label(name))
    layer = session.labels.named("Oedema").layer
    drawn = np.zeros(session.volume.shape, np.uint8)
    drawn[3, 20:22, 20:22] = 1
    session.put_masks({"Oedema": drawn}, ())
    qtbot.waitUntil(lambda: session.editor.drawn(layer).any(), timeout=10_000)
    session.change_labels(session.labels.with_changed("Oedema", locked=True))
    mask = np.zeros(drawn.shape, np.uint8)
    mask[2:5, 20:24, 20:24] = 1
    write_nifti(tmp_path / "x_mask.nii.gz", mask, session.volume.geometry.affine)
    dialog = dropped(opened, qtbot, tmp_path / "x_mask.nii.gz")
    dialog.fields[1].setCurrentText("Oedema")
    dialog.accept()
    assert "locked" in dialog.said.text()
    assert dialog.isVisible(), "another label can be chosen"
    dialog.fields[1].setCurrentText("Tumour")
    dialog.accept()
    qtbot.waitUntil(lambda: session.editor.finished(layer).any(), timeout=10_000)
    assert session.editor.label_voxels(session.labels.named("Tumour")) == 3 * 16 - 4
    assert (~session.editor.finished(layer)).nonzero()[0].tolist() == [3]
    assert "4 voxels" in told[-1]
    assert "slices 4 " in told[-1]


def test_each_value_of_a_label_map_is_asked_for(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    session = opened.session
    drawn = np.zeros(session.volume.shape, np.uint8)
    drawn[2, 10:20, 10:20], drawn[3, 10:20, 10:20], drawn[4, 10:20, 10:20] = 1, 5, 9
    write_nifti(tmp_path / "x_mask.nii.gz", drawn, session.volume.geometry.affine)
    dialog = dropped(opened, qtbot, tmp_path / "x_mask.nii.gz")
    assert list(dialog.fields) == [1, 5, 9]
    assert not dialog.accept_button.isEnabled(), "which labels they are only the person knows"
    dialog.fields[1].setCurrentText("Tumour")
    dialog.fields[9].setCurrentText("Oedema")
    dialog.finish.setChecked(False)
    dialog.accept()
    oedema = session.labels.find("Oedema")
    assert oedema is not None
    qtbot.waitUntil(lambda: (session.editor.mask(oedema.layer) == oedema.value).any(), timeout=10_000)
    tumour = session.labels.find("Tumour")
    assert (session.editor.mask(tumour.layer) == tumour.value).sum() == 100
    assert not session.editor.finished(tumour.layer).any()
    assert session.editor.mask(tumour.layer)[3].max() == 0, "value 5 was left out"


def test_what_is_no_mask_is_one_sentence(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "x_mask.nii.gz").write_bytes(b"this is no mask" * 30)
    dialog = dropped(opened, qtbot, tmp_path / "x_mask.nii.gz")
    assert "x_mask.nii.gz" in dialog.said.text()
    assert not dialog.accept_button.isVisible()
    dialog.reject()
    assert opened.commands.mask_dialog is None
    assert not opened.session.editor.undo_available
