"""What is measured is kept, shown again after a restart, listed, removed and brought back, and goes out as a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from pytestqt.qtbot import QtBot
from shell_support import mouse, wait_loaded

from core.project.project import Project
from gui.annotate.measuring import Kind
from gui.main_window import MainWindow


def click(window: MainWindow, x: float, y: float) -> None:
    view = window.annotate.views.main
    place = view.point_of((x, y, view.index))
    mouse(view, QEvent.Type.MouseButtonPress, place)
    mouse(view, QEvent.Type.MouseButtonRelease, place)


def kept(window: MainWindow) -> list[str]:
    session = window.session
    return [one.kind for one in session.project.measurements.of_scan(session.scan.id)]


def lines(window: MainWindow) -> int:
    view = window.annotate.views.main
    sketch = window.annotate.kit.ruler.sketch(view.plane_view, view.index)
    return 0 if sketch is None else len(sketch.lines)


def test_kept_listed_shown_on_its_slice_and_there_after_a_restart(opened: MainWindow, qtbot: QtBot) -> None:
    annotate, panel = opened.annotate, opened.annotate.measure
    opened.actions_table["ruler"].trigger()
    click(opened, 10, 20)
    click(opened, 40, 60)
    panel.kinds[Kind.AREA].click()
    for place in ((10, 20), (40, 20), (40, 50), (10, 50)):
        click(opened, *place)
    annotate.kit.ruler.key("accept")
    qtbot.waitUntil(lambda: kept(opened) == ["distance", "area"], timeout=5000)
    x, y, here = annotate.views.position
    assert panel.list.count() == 2
    assert panel.list.item(1).text().endswith(f"Axial {here + 1}")
    assert lines(opened) == 2
    annotate.views.go_to((x, y, here - 1))
    assert lines(opened) == 0
    panel.list.itemClicked.emit(panel.list.item(0))
    assert annotate.views.position[2] == here
    session, path = opened.session, opened.session.project.path
    with Project.open(path, read_only=True) as project:
        first = project.measurements.of_scan(session.scan.id)[0]
    _, dy, dx = session.volume.geometry.spacing
    assert first.figures["length"] == pytest.approx(np.hypot(30 * dx, 40 * dy))
    scan = session.scan.id
    session.close_project()
    opened.intake.open_project(path)
    wait_loaded(opened, qtbot)
    session.open_scan(scan)
    qtbot.waitUntil(lambda: panel.list.count() == 2, timeout=5000)


def test_removed_and_brought_back_by_undo(opened: MainWindow, qtbot: QtBot) -> None:
    panel = opened.annotate.measure
    opened.actions_table["ruler"].trigger()
    for length in (20, 30):
        click(opened, 10, 20)
        click(opened, 10 + length, 20)
    qtbot.waitUntil(lambda: len(kept(opened)) == 2, timeout=5000)
    words = [panel.list.item(row).text() for row in range(2)]
    panel.list.setCurrentRow(1)
    panel.gone.click()
    qtbot.waitUntil(lambda: len(kept(opened)) == 1, timeout=5000)
    assert [panel.list.item(row).text() for row in range(panel.list.count())] == words[:1]
    assert lines(opened) == 1
    opened.actions_table["undo"].trigger()
    qtbot.waitUntil(lambda: len(kept(opened)) == 2, timeout=5000)
    assert [panel.list.item(row).text() for row in range(2)] == words
    for left in (1, 0):
        opened.actions_table["undo"].trigger()
        qtbot.waitUntil(lambda left=left: len(kept(opened)) == left, timeout=5000)
    assert panel.list.isHidden()
    for _ in range(2):
        opened.actions_table["redo"].trigger()
    qtbot.waitUntil(lambda: len(kept(opened)) == 2, timeout=5000)
    # as the guide says: a click in the list, and Delete
    place = panel.list.visualItemRect(panel.list.item(1)).center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.keyClick(opened.annotate.views.main, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(kept(opened)) == 1, timeout=5000)


def test_another_scan_has_its_own_and_all_go_into_one_table(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    panel, session = opened.annotate.measure, opened.session
    opened.actions_table["ruler"].trigger()
    click(opened, 10, 20)
    click(opened, 40, 60)
    first = session.scan.id
    opened.commands.next_scan()
    qtbot.waitUntil(lambda: session.scan.id != first and not session.loading, timeout=10_000)
    assert panel.list.count() == 0
    panel.kinds[Kind.ANGLE].click()
    for place in ((10, 20), (40, 20), (40, 50)):
        click(opened, *place)
    qtbot.waitUntil(lambda: kept(opened) == ["angle"], timeout=5000)
    panel.write_table(tmp_path / "out.csv")
    qtbot.waitUntil(lambda: (tmp_path / "out.csv").exists(), timeout=5000)
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert [row.split(",")[2] for row in rows] == ["kind", "distance", "angle"]


def test_a_label_that_is_measured_is_kept_too(opened: MainWindow, qtbot: QtBot) -> None:
    panel, session = opened.annotate.measure, opened.session
    label = session.labels.named("Tumour")
    editor = session.editor
    session.choose_label("Tumour")
    new = editor.mask("lesions").copy()
    new[2:4, 20:30, 20:30] = label.value
    editor.replace("lesions", new, action="import", label=label, origin="drawn")
    opened.actions_table["ruler"].trigger()
    panel.ask.click()
    qtbot.waitUntil(lambda: kept(opened) == ["label"], timeout=5000)
    (one,) = session.project.measurements.all()
    assert (one.label, one.figures["voxels"]) == ("Tumour", 200.0)
    assert panel.list.item(0).text().startswith("Tumour: ")
