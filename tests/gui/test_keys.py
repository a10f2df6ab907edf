"""Keys and mouse: presets, own keys, clashes; the cheat sheet, the palette and the tour."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot
from shell_support import window as window

from core.phantom import make_head
from gui import keymap
from gui.actions import ACTIONS, words_of
from gui.dialogs.command_palette import CommandPalette, rank
from gui.dialogs.keys_sheet import KeysDialog
from gui.dialogs.settings_dialog import SettingsDialog
from gui.main_window import MainWindow
from gui.settings import Preferences, Settings
from gui.tour import STEPS
from gui.viewer.slice_view import SliceView

KNOWN = {spec.id for spec in ACTIONS}


@pytest.mark.parametrize("preset", keymap.PRESETS)
def test_presets_name_real_actions_and_never_clash(preset: str) -> None:
    found = keymap.load(preset)
    assert set(found.keys) <= KNOWN
    assert keymap.conflicts(found.keys) == {}
    assert set(found.mouse) == set(keymap.MOUSE)
    assert all(does in keymap.MOUSE[entry] for entry, does in found.mouse.items())
    for keys in found.keys.values():
        for key in keys:
            # what Qt doesn't know it would drop in silence
            assert QKeySequence(key).toString(), key


@pytest.mark.parametrize("preset", keymap.PRESETS)
def test_one_press_is_one_key(preset: str) -> None:
    """Qt hears a press as both Shift+] and }, and does nothing at all where two keys fit it."""
    with_shift = {
        f"Shift+{plain}": typed for plain, typed in zip("1234567890-=[];',./`", '!@#$%^&*()_+{}:"<>?~', strict=True)
    }
    pressed = [with_shift.get(key, key) for keys in keymap.load(preset).keys.values() for key in keys]
    assert sorted(pressed) == sorted(set(pressed))


def test_nothing_that_can_be_done_is_without_a_key_in_one_preset_only() -> None:
    usual = {name for name, keys in keymap.load().keys.items() if keys}
    for preset in keymap.PRESETS[1:]:
        assert {name for name, keys in keymap.load(preset).keys.items() if keys} >= usual


def test_presets_do_what_their_tools_do() -> None:
    assert keymap.load("itk_snap").keys["overlay"] == ("S",)
    assert keymap.load("itk_snap").mouse["right_drag"] == "zoom"
    assert "Z" in keymap.load("slicer").keys["undo"]
    assert keymap.load("pacs").keys["window_2"] == ("2",)
    assert keymap.load("pacs").mouse["left_navigate"] == "window"


def test_own_keys_stand_over_the_preset_and_nonsense_is_left_out() -> None:
    changes = {"brush": ["Q"], "erase": [], "mouse.wheel": ["zoom"], "mouse.right_drag": ["fly"], "undo": "Z"}
    found = keymap.load("default", changes)  # type: ignore[arg-type] # a broken preferences file
    assert found.keys["brush"] == ("Q",)
    assert found.keys["erase"] == ()
    assert found.keys["undo"] == ("Ctrl+Z",)
    assert (found.mouse["wheel"], found.mouse["right_drag"]) == ("zoom", "window")
    assert keymap.load("emacs").preset == "default"


def test_conflicts_are_named() -> None:
    found = keymap.load("default", {"brush": ["E"]})
    assert keymap.conflicts(found.keys) == {"E": ["brush", "erase"]}


def test_every_action_belongs_to_a_group_with_words(qtbot: QtBot) -> None:
    sheet = KeysDialog()
    qtbot.addWidget(sheet)
    listed = {words for group in ("draw", "view", "scans", "program") for _keys, words in sheet.rows(group)}
    numbered = ("label_", "window_")
    wanted = {words_of(spec.id) for spec in ACTIONS if keymap.load().keys.get(spec.id) and spec.id[:-1] not in numbered}
    assert wanted <= listed
    shown = [label.text() for label in sheet.findChildren(QLabel)]
    assert "window (across), level (down)" in shown
    assert "1 … 9" in shown


def test_the_sheet_shows_the_keymap_in_force(qtbot: QtBot) -> None:
    sheet = KeysDialog(keymap.load("pacs"))
    qtbot.addWidget(sheet)
    shown = [label.text() for label in sheet.findChildren(QLabel)]
    assert "Keys: As at a reading station (PACS)" in shown
    assert "1 … 6" in shown


def test_settings_take_a_key_from_its_owner_and_say_so(qtbot: QtBot) -> None:
    dialog = SettingsDialog(Preferences())
    qtbot.addWidget(dialog)
    page = dialog.keys
    page.select("navigate")
    page.pressed.setKeySequence(QKeySequence("B"))
    assert page.problem.text() == "B is now: Brush. It will be taken from there."
    page.set_button.click()
    assert page.changes == {"navigate": ["B"], "brush": []}
    assert page.keymap.keys["navigate"] == ("B",)
    assert page.problem.text() == ""
    assert dialog.accept_button.isEnabled()
    page.pressed.setKeySequence(QKeySequence("N"))
    page.add_button.click()
    assert page.keymap.keys["navigate"] == ("B", "N")
    page.reset.click()
    assert page.changes == {}
    assert page.keymap == keymap.load()


def test_settings_show_a_clash_of_a_broken_file_and_wait_for_its_end(qtbot: QtBot) -> None:
    dialog = SettingsDialog(Preferences(keys={"brush": ["E"]}))
    qtbot.addWidget(dialog)
    page = dialog.keys
    assert "E stands for several actions: Brush, Erase" in page.problem.text()
    assert not dialog.accept_button.isEnabled()
    page.select("brush")
    page.clear_button.click()
    assert dialog.accept_button.isEnabled()


def test_settings_preset_and_mouse(qtbot: QtBot) -> None:
    dialog = SettingsDialog(Preferences())
    qtbot.addWidget(dialog)
    page = dialog.keys
    page.preset.setCurrentIndex(keymap.PRESETS.index("itk_snap"))
    page.preset.activated.emit(page.preset.currentIndex())
    assert page.keymap.preset == "itk_snap"
    assert page.mouse["right_drag"].currentData() == "zoom"
    box = page.mouse["right_drag"]
    box.setCurrentIndex(box.findData("erase"))
    box.activated.emit(box.currentIndex())
    assert page.changes == {"mouse.right_drag": ["erase"]}
    page.search.setText("undo")
    shown = [ACTIONS[row].id for row in range(page.table.rowCount()) if not page.table.isRowHidden(row)]
    assert shown == ["undo"]


def test_own_keys_survive_a_restart_and_act_at_once(window: MainWindow) -> None:
    preferences = window.session.settings.preferences
    preferences.keymap, preferences.keys = "slicer", {"palette": ["Ctrl+P"]}
    assert window.session.settings.save() is None
    again = Settings().preferences
    window.actions_table.use(keymap.load(again.keymap, again.keys))
    assert window.actions_table["palette"].shortcut() == QKeySequence("Ctrl+P")
    assert QKeySequence("Z") in window.actions_table["undo"].shortcuts()
    assert "Ctrl+P" in window.actions_table["palette"].toolTip()


def test_rank_prefers_beginnings_and_finds_letters_in_order() -> None:
    assert rank("Larger brush", "bru") == 0
    assert rank("Larger brush", "rush") == 10
    assert rank("Larger brush", "lgb") == 100
    assert rank("Larger brush", "bz") is None
    assert rank("Larger brush", "larger br") == 0
    assert rank("Larger brush", "") == 0


def test_palette_finds_and_chooses_only_what_is_possible(window: MainWindow, qtbot: QtBot) -> None:
    palette = CommandPalette(window.actions_table, window)
    qtbot.addWidget(palette)
    palette.show()
    assert "palette" not in palette.model.ids
    qtbot.keyClicks(palette.field, "new pro")
    assert palette.model.ids[0] == "new_project"
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.chosen == "new_project"
    other = CommandPalette(window.actions_table, window)
    qtbot.addWidget(other)
    qtbot.keyClicks(other.field, "undo")
    assert not window.actions_table["undo"].isEnabled()
    qtbot.keyClick(other.field, Qt.Key.Key_Return)
    assert other.chosen == ""
    other.field.setText("xyzzy")
    assert not other.none.isHidden()


def test_tour_has_five_steps_inside_the_window_and_is_shown_once(window: MainWindow, qtbot: QtBot) -> None:
    window.pages.setCurrentIndex(1)
    ended = []
    window.commands.show_tour()
    tour = window.commands._tour
    assert tour is not None
    tour.ended.connect(lambda: ended.append(True))
    assert len(STEPS) == 5
    seen = []
    for step in range(5):
        assert tour.step == step
        assert window.rect().contains(tour.card.geometry())
        seen.append(tour.title.text())
        # what is below can still be clicked
        assert window.childAt(QPoint(5, 5)) is not None
        tour.next_button.click()
    assert len(set(seen)) == 5
    assert ended == [True]
    assert Settings().preferences.tour_seen
    assert window.commands._tour is None


def test_tour_can_be_skipped_with_escape(window: MainWindow, qtbot: QtBot) -> None:
    window.pages.setCurrentIndex(1)
    window.commands.show_tour()
    tour = window.commands._tour
    assert tour is not None
    qtbot.keyClick(tour.next_button, Qt.Key.Key_Return)
    assert tour.step == 1
    qtbot.keyClick(tour.next_button, Qt.Key.Key_Escape)
    assert window.commands._tour is None


def test_the_first_scan_hears_the_keys_before_the_pointer_was_over_it(opened: MainWindow) -> None:
    focused = opened.focusWidget()
    assert isinstance(focused, SliceView)
    assert focused.isVisible()


def test_escape_ends_the_tour_from_anywhere_in_the_window(opened: MainWindow, qtbot: QtBot) -> None:
    for part in (opened.worklist.filter, opened.annotate.views.main, opened):
        opened.commands.show_tour()
        assert opened.commands._tour is not None
        part.setFocus()
        qtbot.keyClick(part, Qt.Key.Key_Escape)
        assert opened.commands._tour is None


def test_the_tour_steps_back_when_something_is_brought_in(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    opened.commands.show_tour()
    path = tmp_path / "head.nii.gz"
    volume = make_head(5, shape=(12, 64, 56)).volume
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(volume.array.T), volume.geometry.affine), path)
    opened.intake.open(path)
    qtbot.waitUntil(lambda: opened.commands._tour is None, timeout=30_000)
    qtbot.waitUntil(lambda: not opened.session.jobs.running, timeout=60_000)
    opened.commands.show_tour()
    opened.commands.ask_import()
    assert opened.commands._tour is None


def test_the_bar_says_what_the_mouse_does_under_each_preset(window: MainWindow) -> None:
    bar = window.annotate.options
    assert "right-drag window" in bar.hint.text()
    window.actions_table.use(keymap.load("slicer"))
    assert "right-drag zoom" in bar.hint.text()
    window.actions_table.use(keymap.load("default"))
    assert "right-drag window" in bar.hint.text()
    for preset in keymap.PRESETS:
        for tool in ("brush", "erase", "ruler", "navigate"):
            window.actions_table.use(keymap.load(preset))
            window.annotate.hand.take(tool)
            assert "{" not in bar.hint.text()
