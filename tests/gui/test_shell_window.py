"""The window around the work: ways in, messages, locks, saving that fails, closing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot
from shell_support import make_project, stroke, wait_loaded

from core.errors import InputError, StorageError
from core.labels import LabelSet
from core.phantom import make_head
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.records import ScanStatus
from core.project.saver import SaveState
from gui import keymap
from gui.actions import ACTIONS, words_of
from gui.dialogs.about import AboutDialog
from gui.dialogs.export_dialog import ExportDialog
from gui.dialogs.keys_sheet import KeysDialog
from gui.dialogs.label_dialog import LabelDialog
from gui.intake import is_scratch
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Preferences, Settings, user_folder


def nifti(path: Path, seed: int = 5) -> Path:
    """Write a small head as NIfTI."""
    import nibabel as nib

    head = make_head(seed, shape=(8, 48, 40))
    image = nib.Nifti1Image(np.asarray(head.volume.array).transpose(2, 1, 0), head.volume.geometry.affine)
    nib.save(image, path)
    return path


def words(window: MainWindow) -> list[str]:
    return [toast.told.words for toast in window.toasts.toasts]


def test_starts_calmly_and_says_what_to_do(window: MainWindow) -> None:
    assert window.pages.currentWidget() is window.start
    assert window.windowTitle() == "Meninx"
    assert not window.top.tabs["train"].isEnabled()
    assert window.start.scan.accessibleName() == "Open a scan"
    assert window.start.project.accessibleName() == "Open a project"
    assert window.start.demo.accessibleName() == "Make a demo project"


def test_opens_a_project_on_the_first_scan_to_do(opened: MainWindow, project_path: Path) -> None:
    assert opened.pages.currentWidget() is not opened.start
    assert opened.windowTitle() == "small – Meninx"
    assert opened.session.scan is not None
    assert opened.session.scan.name == "S0001"
    assert Settings().preferences.recent == [str(project_path)]
    assert not opened.banner.isVisible()


def test_recent_projects_are_on_the_start_page(opened: MainWindow, qtbot: QtBot) -> None:
    close = opened.actions_table["start_page"]
    assert close.isEnabled()
    opened.commands.go_to_start()
    assert not close.isEnabled(), "there is nothing to close any more"
    assert opened.session.project is None
    assert opened.pages.currentWidget() is opened.start
    assert [button.text().split()[0] for button in opened.start.recent_buttons] == ["small"]
    qtbot.mouseClick(opened.start.recent_buttons[0], Qt.MouseButton.LeftButton)
    wait_loaded(opened, qtbot)


def test_a_file_without_a_project_opens_in_a_scratch_project(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window.intake.open(nifti(tmp_path / "head.nii.gz"))
    project = window.session.project
    assert project is not None
    assert is_scratch(project.path)
    qtbot.waitUntil(lambda: window.session.scan is not None and not window.session.loading, timeout=60_000)
    assert window.banner.isVisible()
    assert window.session.can_edit
    stroke(window, (15, 20), (25, 20))
    qtbot.waitUntil(lambda: not window.session.jobs.running, timeout=30_000)
    drawn = window.session.editor.mask("brain").copy() if window.session.editor else None
    target = tmp_path / "kept.meninx"
    window.intake.keep_as(target)
    qtbot.waitUntil(lambda: window.session.scan is not None, timeout=20_000)
    assert window.session.project is not None
    assert window.session.project.path == target
    assert not project.path.exists()
    assert window.session.project.name == "kept"
    assert "The project is now kept.meninx." in words(window)
    assert window.windowTitle().startswith("kept")
    assert not window.banner.isVisible()
    assert window.session.editor is not None
    np.testing.assert_array_equal(window.session.editor.mask("brain"), drawn)
    assert window.session.project.verify() == []


def test_a_project_that_is_kept_elsewhere_still_shows_the_scan_that_was_shown(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    session, project = opened.session, opened.session.project
    assert project is not None
    assert opened.actions_table["keep_project"].text() == "Save a copy…"
    last = project.scans()[-1]
    with qtbot.waitSignal(session.scan_changed, timeout=20_000):
        session.open_scan(last.id)
    opened.intake.keep_as(tmp_path / "copy.meninx")
    qtbot.waitUntil(lambda: session.project is not None and session.scan is not None, timeout=20_000)
    assert session.project.path == tmp_path / "copy.meninx"
    assert session.scan.id == last.id
    # else nobody could tell which of the two they draw in
    assert session.project.name == "copy"
    assert opened.windowTitle().startswith("copy")
    told = [said for said in words(opened) if said.startswith("Copied to")]
    assert len(told) == 1
    assert told[0].endswith("copy.meninx; you are now working in the copy.")


def test_a_file_that_is_no_scan_is_one_plain_sentence(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    bad = tmp_path / "broken.nii.gz"
    bad.write_bytes(b"this is no scan" * 40)
    window.intake.open(bad)
    qtbot.waitUntil(lambda: bool(words(window)) and not window.session.jobs.running, timeout=60_000)
    assert any("broken.nii.gz" in said for said in words(window))
    assert window.worklist.model.total == 0


def test_a_path_that_is_not_there_is_said(window: MainWindow, tmp_path: Path) -> None:
    window.intake.open(tmp_path / "nothing.nii")
    assert any("nothing.nii" in said for said in words(window))
    assert window.session.project is None


def test_dropping_a_project_opens_it(window: MainWindow, project_path: Path, qtbot: QtBot) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(project_path))])
    drop = QDropEvent(
        QPointF(300, 300),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(drop)
    wait_loaded(window, qtbot)
    assert window.session.project is not None
    assert window.session.project.name == "small"


def test_a_second_window_is_read_only_and_says_who_draws(window: MainWindow, project_path: Path, qtbot: QtBot) -> None:
    holder = AnnotationLock(project_path, "dr-other")
    holder.acquire()
    try:
        assert window.intake.open_project(project_path)
        wait_loaded(window, qtbot)
        assert window.session.read_only
        assert window.banner.isVisible()
        assert "dr-other" in window.banner_words.text()
        assert window.status.saved.text() == "Read-only"
        assert not window.actions_table["brush"].isEnabled()
        stroke(window, (20, 30), (36, 30))
        assert window.session.editor is not None
        assert not window.session.editor.mask("brain").any()
        assert any("dr-other" in said for said in words(window))
    finally:
        holder.release()


def test_a_failed_save_is_shown_and_nothing_is_given_up(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened.session
    assert session.project is not None
    assert session.scan is not None
    first = session.scan.id

    def full(*_args: object, **_facts: object) -> None:
        raise StorageError("disk-full", file="project.sqlite")

    with monkeypatch.context() as broken:
        broken.setattr(session.project, "save_layers", full)
        stroke(opened, (20, 30), (36, 30))
        qtbot.waitUntil(lambda: session.save_state is SaveState.FAILED, timeout=15_000)
        assert opened.status.saved.text().startswith("Not saved: ")
        opened.commands.next_scan()
        qtbot.waitUntil(lambda: not session.loading, timeout=15_000)
        assert session.scan.id == first
        assert session.editor is not None
        assert session.editor.mask("brain").any()
        assert session.can_edit
    session.save_now()
    qtbot.waitUntil(lambda: session.save_state is SaveState.SAVED, timeout=15_000)


def test_strokes_of_a_crash_come_back_with_a_word(opened: MainWindow, qtbot: QtBot, project_path: Path) -> None:
    session = opened.session
    stroke(opened, (20, 30), (36, 30))
    stroke(opened, (20, 40), (36, 40))
    assert session.loaded is not None
    assert session.loaded.opened.journal is not None
    assert session.editor is not None
    drawn = session.editor.mask("brain").copy()
    session.loaded.opened.journal.sync()
    # what a crash leaves: the folder as it is now, without the save that would follow
    import shutil

    crashed = project_path.parent / "crashed.meninx"
    shutil.copytree(project_path, crashed)
    (crashed / "meninx.lock").unlink(missing_ok=True)
    opened.intake.open_project(crashed)
    qtbot.waitUntil(lambda: bool(session.scan) and bool(session.project and session.project.path == crashed))
    wait_loaded(opened, qtbot)
    assert any(said.startswith("2 strokes were recovered") for said in words(opened))
    assert session.editor is not None
    np.testing.assert_array_equal(session.editor.mask("brain"), drawn)
    qtbot.waitUntil(lambda: session.save_state is SaveState.SAVED and not session.editor.dirty, timeout=15_000)


def test_closing_saves_what_was_drawn(opened: MainWindow, project_path: Path) -> None:
    stroke(opened, (20, 30), (36, 30))
    assert opened.session.scan is not None
    scan, reader = opened.session.scan.id, opened.session.reader
    assert opened.close()
    with Project.open(project_path, read_only=True) as project:
        annotation = project.annotation(scan, reader)
        assert annotation is not None
        mask = project.read_layer(annotation.id, "brain")
        assert mask is not None
        assert mask.any()
        assert project.scan(scan).status is ScanStatus.IN_PROGRESS
    assert not (project_path / "meninx.lock").exists()


def test_workspaces_by_tab_and_key(opened: MainWindow, qtbot: QtBot) -> None:
    qtbot.mouseClick(opened.top.tabs["train"], Qt.MouseButton.LeftButton)
    assert opened.workspaces.currentWidget() is opened.train
    assert not opened.actions_table["brush"].isEnabled()
    qtbot.keyClick(opened, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert opened.workspaces.currentWidget() is opened.review
    assert opened.top.tabs["review"].isChecked()
    opened.session.workspace_requested.emit("annotate")
    assert opened.workspaces.currentWidget() is opened.annotate
    assert opened.actions_table["brush"].isEnabled()


def test_masks_hide_while_the_key_is_held(opened: MainWindow, qtbot: QtBot) -> None:
    seen: list[bool] = []
    view = opened.annotate.views.main
    original = opened.annotate.views.set_overlays_visible

    def watch(visible: bool) -> None:
        seen.append(visible)
        original(visible)

    opened.annotate.views.set_overlays_visible = watch  # type: ignore[method-assign]
    qtbot.keyPress(view, Qt.Key.Key_QuoteLeft)
    qtbot.keyRelease(view, Qt.Key.Key_QuoteLeft)
    assert seen == [False, True]


def test_errors_are_told_once_and_stay(window: MainWindow) -> None:
    error = InputError("file-missing", file="a.nii")
    window.session.notifier.error(error)
    window.session.notifier.error(error)
    assert words(window) == ["a.nii is not there; check the path."]


def test_preferences_survive_and_damage_does_not_matter(qapp: object) -> None:
    settings = Settings()
    settings.preferences.brush_size = 7.5
    settings.preferences.sphere = True
    assert settings.save() is None
    assert Settings().preferences.brush_size == 7.5
    (user_folder() / "preferences.json").write_text('{"brush_size": "wide", "sphere": true, "new": 1}')
    assert Settings().preferences == Preferences(sphere=True)
    (user_folder() / "preferences.json").write_text("{half")
    assert Settings().preferences == Preferences()


def test_every_action_has_words_and_keys_are_unique_within_reach() -> None:
    keys = keymap.load().keys
    known = {spec.id for spec in ACTIONS}
    assert set(keys) <= known
    for spec in ACTIONS:
        assert words_of(spec.id)
    used = [key for name in known for key in keys.get(name, [])]
    assert len(used) == len(set(used))


def test_no_single_letter_takes_anything_away() -> None:
    letters = {name for name, keys in keymap.load().keys.items() for key in keys if len(key) == 1 and key.isalpha()}
    tools = {"brush", "erase", "navigate", "polygon", "lasso", "scissors", "fill", "wand", "level", "threshold"}
    tools |= {"limit", "limit_invert", "ruler", "angle", "area", "suggestions"}
    looks = {"opacity_down", "opacity_up", "outline", "overlay", "flip", "reset_view"}
    # these only add, and are shown before they are taken
    adds = {"edit_interpolate", "edit_fill_holes", "finished"}
    assert letters <= tools | looks | adds


def test_label_dialog_makes_and_changes_labels(qtbot: QtBot) -> None:
    labels = LabelSet().with_label("Brain")
    dialog = LabelDialog(labels)
    qtbot.addWidget(dialog)
    assert not dialog.accept_button.isEnabled()
    dialog.name.setText("brain")
    assert not dialog.accept_button.isEnabled()
    assert "already" in dialog.problem.text()
    dialog.name.setText("Tumour")
    dialog.accept()
    made = dialog.result_labels.named("Tumour")
    assert (made.layer, made.value) == ("lesions", 1)
    assert made.color != labels.named("Brain").color
    change = LabelDialog(dialog.result_labels, "Tumour")
    qtbot.addWidget(change)
    change.name.setText("Glioma")
    change.accept()
    assert change.result_labels.find("Tumour") is None
    assert change.result_labels.named("Glioma").value == 1


def test_adding_a_label_shows_it_and_draws_with_it(opened: MainWindow) -> None:
    session = opened.session
    session.change_labels(session.labels.with_label("Oedema"))
    session.choose_label("Oedema")
    assert [row.label.name for row in opened.annotate.labels.rows][-1] == "Oedema"
    assert opened.annotate.labels.rows[-1].current
    stroke(opened, (20, 30), (36, 30))
    assert session.editor is not None
    assert session.label is not None
    assert session.editor.label_voxels(session.label) > 0
    session.show_label("Oedema", False)
    stroke(opened, (20, 40), (36, 40))
    assert "hidden" in words(opened)[-1]


def test_about_says_what_it_is_not_for(qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QLabel

    about = AboutDialog()
    qtbot.addWidget(about)
    said = [label.text() for label in about.findChildren(QLabel)]
    assert "For research use only, not for diagnosis." in said
    sheet = KeysDialog()
    qtbot.addWidget(sheet)
    assert any(label.text() == "Brush" for label in sheet.findChildren(QLabel))


def test_a_newer_project_is_refused_and_the_open_one_stays(opened: MainWindow, tmp_path: Path) -> None:
    newer = make_project(tmp_path / "newer.meninx", heads=0)
    (newer / "meninx.json").write_text('{"format": 99, "min_reader": 99}')
    before = opened.session.project
    assert not opened.intake.open_project(newer)
    assert opened.session.project is before
    assert words(opened)


def test_a_session_alone_opens_and_closes_without_threads_left(project_path: Path, qtbot: QtBot) -> None:
    session = Session(Settings())
    session.open_project(project_path)
    assert session.project is not None
    session.open_scan(session.project.scans()[0].id)
    qtbot.waitUntil(lambda: session.scan is not None, timeout=10_000)
    session.close()
    assert session.project is None


def test_export_writes_the_mask_of_the_scan_shown(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    import nibabel as nib

    session = opened.session
    stroke(opened, (20, 30), (36, 30))
    assert session.scan is not None
    assert session.editor is not None
    drawn = session.editor.mask("brain").copy()
    dialog = ExportDialog(
        session.labels, "Brain", (session.scan.id, session.scan.name), [session.scan.id], tmp_path / "out"
    )
    qtbot.addWidget(dialog)
    opened.commands.export(dialog.arguments())
    qtbot.waitUntil(lambda: any("was written to" in said for said in words(opened)), timeout=60_000)
    files = list((tmp_path / "out").glob("*.nii.gz"))
    assert len(files) == 1
    np.testing.assert_array_equal(np.asarray(nib.load(files[0]).dataobj).transpose(2, 1, 0) != 0, drawn != 0)


def test_export_dialog_needs_something_to_write(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = ExportDialog(LabelSet().with_label("Brain"), "Brain", ("id", "S0001"), ["id"], tmp_path)
    qtbot.addWidget(dialog)
    assert dialog.accept_button.isEnabled()
    dialog.mask_box.setChecked(False)
    assert not dialog.accept_button.isEnabled()
    dialog.brain_box.setChecked(True)
    dialog.which.setCurrentIndex(1)
    assert dialog.arguments()["scans"] == ["id"]
    assert dialog.arguments()["brain"] is True


def test_what_was_offered_ends_with_its_project(opened: MainWindow, tmp_path: Path) -> None:
    notifier, toasts = opened.session.notifier, opened.toasts
    done: list[str] = []
    notifier.offer("A label was deleted.", "Undo", lambda: done.append("undo"))
    notifier.offer("Another language", "Start again", lambda: done.append("again"), lasts=True)
    notifier.tell("In passing")
    opened.session.create_project(tmp_path / "other.meninx")
    assert [toast.told.words for toast in toasts.toasts] == ["Another language", "In passing"]
    assert done == []


def test_a_drop_that_brings_nothing_asks_nothing(window: MainWindow, qtbot: QtBot) -> None:
    window.commands.take_dropped([])
    qtbot.wait(100)
    assert window.commands.import_page is None
    assert window.session.project is None
    assert not window.session.jobs.running
