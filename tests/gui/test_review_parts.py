"""Taking a slice or a region of a prediction over in Review, and training again from its run."""

from __future__ import annotations

import numpy as np
import pytest
import small_project as small
from page_support import page_on
from PySide6.QtCore import Qt
from scipy import ndimage

from core.project.predictions import write_prediction
from core.project.records import Origin
from gui.review.workspace import ReviewWorkspace


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Two scans; the run predicted two separate boxes on the second, which nobody has drawn."""
    path = tmp_path_factory.mktemp("parts") / "small.meninx"
    with small.make_project(path, scans=2) as project:
        run = small.past_run(project)
        said = np.zeros(small.SHAPE, np.uint8)
        said[2:9, 10:30, 10:30] = 1
        said[4:7, 40:50, 40:50] = 1
        scan = project.scans()[1]
        write_prediction(project, run.id, scan.id, {"Brain": said}, {"Brain": said * np.uint8(255)})
    return path


@pytest.fixture
def bench(template, qtbot, tmp_path):
    import shutil

    path = shutil.copytree(template, tmp_path / "small.meninx")
    with page_on(qtbot, path, ReviewWorkspace) as (session, page):
        session.open_scan(session.project.scans()[1].id)
        qtbot.waitUntil(lambda: page.case is not None and page.case.predicted, timeout=15000)
        yield session, page


def drawn(session):
    label = session.labels.named("Brain")
    return session.editor.mask(label.layer) == label.value


def states(session):
    label = session.labels.named("Brain")
    found = {z: session.editor.state(label.layer, z) for z in range(small.SHAPE[0])}
    return {z: (state.origin, state.run, state.finished) for z, state in found.items() if state is not None}


def test_a_click_takes_the_region_and_nothing_else(bench, qtbot):
    session, page = bench
    said = page.label_case.predicted
    heard = []
    session.workspace_requested.connect(heard.append)
    page.bar.parts.menu().actions()[1].trigger()
    assert page.correcting.choosing
    page.panes.hovered.emit((45, 42, 5))
    page.panes.views[1].pressed.emit()
    qtbot.waitUntil(lambda: drawn(session).any(), timeout=15000)
    pieces, _ = ndimage.label(said)
    np.testing.assert_array_equal(drawn(session), pieces == pieces[5, 42, 45])
    assert states(session) == dict.fromkeys((4, 5, 6), (Origin.PREDICTED, page.run.id, False))
    assert heard == [], "several can be taken one after the other"
    assert not page.correcting.choosing
    # Alt+click takes the other one as well; undo takes it back
    view = page.panes.views[0]
    page.panes.set_index(3)
    # a click is between the centres of voxels
    qtbot.mouseClick(
        view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier, view.point_of((12.3, 11.8, 3)).toPoint()
    )
    qtbot.waitUntil(lambda: drawn(session).sum() == said.sum(), timeout=15000)
    session.undo()
    np.testing.assert_array_equal(drawn(session), pieces == pieces[5, 42, 45])


def test_where_nothing_is_predicted_nothing_is_taken(bench):
    session, page = bench
    told = []
    session.notifier.told.connect(lambda *said: told.append(said))
    for place in ((0, 0, 0), (999, 0, 0), None):
        page.correcting.take_region(place)
    assert len(told) == 3
    assert not drawn(session).any()


def test_the_slice_shown_is_taken_and_the_others_stay(bench, qtbot):
    session, page = bench
    page.panes.set_index(5)
    page.bar.parts.menu().actions()[0].trigger()
    qtbot.waitUntil(lambda: drawn(session).any(), timeout=15000)
    wanted = np.zeros(small.SHAPE, bool)
    wanted[5] = page.label_case.predicted[5] != 0
    np.testing.assert_array_equal(drawn(session), wanted)
    assert states(session) == {5: (Origin.PREDICTED, page.run.id, False)}


def test_one_click_trains_again_from_the_run(bench, qtbot):
    session, page = bench
    heard = []
    session.workspace_requested.connect(heard.append)
    page.bar.parts.menu().actions()[-1].trigger()
    work = session.jobs.training
    assert work is not None
    config = work.thread.job.arguments["config"]
    assert config.parent == page.run.id
    assert (config.labels, config.network, config.epochs) == (
        page.run.config.labels,
        page.run.config.network,
        page.run.config.epochs,
    )
    assert heard == ["train"]
    # a second one is refused in words
    errors = []
    session.notifier.told.connect(lambda *said: errors.append(said))
    page.correcting.train_again()
    assert errors


def test_the_surface_is_coloured_by_the_distance_and_a_click_goes_to_the_slice(bench, qtbot):
    session, page = bench
    label = session.labels.named("Brain")
    mask = np.zeros(small.SHAPE, np.uint8)
    mask[2:9, 10:30, 10:26] = 1
    session.put_masks({"Brain": mask}, ())
    qtbot.waitUntil(lambda: session.editor.drawn(label.layer).any(), timeout=15000)
    qtbot.waitUntil(lambda: page.label_case is not None and page.label_case.truth is not None, timeout=15000)
    page.side.difference.space_asked.emit()
    window = page.space.window
    qtbot.waitUntil(
        lambda: window._solid is not None and not window.busy and window.view._seen is not None, timeout=15000
    )
    found = window._solid.found
    # the part that only the run sees lies beyond the reader's mask; nothing of it is short of it but what is inside
    assert found.values.max() == pytest.approx(max(np.abs(found.values)), abs=1e-5)
    assert "mm" in window.words.text()
    picture = window.view._image
    assert picture is not None
    window.which.button(1).click()
    qtbot.waitUntil(lambda: window._solid is not None and window._solid.which == "reference", timeout=15000)
    window.picked.emit((12, 12, 6))
    assert page.panes.index == 6
    # another annotation is followed while the window is open
    session.undo()
    qtbot.waitUntil(lambda: "empty" in window.words.text() or "nothing" in window.words.text(), timeout=15000)
