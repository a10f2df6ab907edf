"""Every operation through the window, by its panel, against scipy and numpy; and what it says where it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from scipy import ndimage
from shell_support import SHAPE, stroke, wait_loaded

from core.editing.operations import Operation, Where
from core.editing.tools import flooding, seeds
from core.geometry import Box
from core.labels import PALETTE, SCRIBBLED_BACKGROUND, background_of
from core.project.records import Origin
from gui.main_window import MainWindow

Mask = np.ndarray
FAR, WIDTH = 7.5, 4.0
"""In mm: two to three voxels of the small head."""
O = Operation  # noqa: E741 - as short as in the panel


@pytest.fixture
def said(opened: MainWindow) -> list[str]:
    heard: list[str] = []
    opened.session.notifier.told.connect(lambda told: heard.append(told.words))
    return heard


def put(window: MainWindow, name: str, region: Mask) -> None:
    """Draw a region as one stroke."""
    editor = window.session.editor
    label = window.session.labels.named(name) if name else background_of("lesions")
    editor.begin("brush", label)
    editor.paint(Box((0, 0, 0), SHAPE), region)
    editor.commit()


def lesions(window: MainWindow) -> Mask:
    return window.session.editor.mask("lesions")


def steps(window: MainWindow) -> list[str]:
    return [step.action for step in window.session.editor.steps()]


def blob() -> Mask:
    """A ragged body, two islands, a hole and a bay."""
    random = np.random.default_rng(3)
    mask = ndimage.gaussian_filter(random.normal(size=SHAPE), (1.0, 3.0, 3.0)) > 0.03
    mask[:, :8], mask[:, -8:], mask[:, :, :8], mask[:, :, -8:] = False, False, False, False
    mask[0] = mask[-1] = False
    mask[2:5, 30:37, 25:32] = True
    mask[3, 33, 28] = False
    mask[3:5, 10:12, 46:48] = True
    return mask


def largest(mask: Mask) -> Mask:
    parts, _count = ndimage.label(mask)
    return parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))


def not_small(mask: Mask, least: int) -> Mask:
    parts, _count = ndimage.label(mask)
    return np.isin(parts, np.flatnonzero(np.bincount(parts.ravel()) >= least)[1:])


def gaussian(mask: Mask, spacing: tuple[float, float, float]) -> Mask:
    widths = [WIDTH / size for size in spacing]
    return ndimage.gaussian_filter(mask.astype(float), widths, mode="nearest", truncate=3.0) >= 0.5


Expected = Callable[[Mask, tuple[float, float, float]], Mask]
EXPECTED: dict[Operation, Expected] = {
    O.GROW: lambda mask, spacing: ndimage.distance_transform_edt(~mask, sampling=spacing) <= FAR * 1.0005,
    O.SHRINK: lambda mask, spacing: ndimage.distance_transform_edt(mask, sampling=spacing) > FAR * 1.0005,
    O.SMOOTH: gaussian,
    O.HOLES: lambda mask, _spacing: ndimage.binary_fill_holes(mask),
    O.LARGEST: lambda mask, _spacing: largest(mask),
    O.SMALL: lambda mask, _spacing: not_small(mask, 30),
}


@pytest.mark.parametrize("operation", EXPECTED, ids=lambda operation: operation.value)
def test_an_operation_of_the_panel_gives_the_voxels_of_another_program(
    opened: MainWindow, qtbot: QtBot, operation: Operation
) -> None:
    panel, session = opened.annotate.operations, opened.session
    session.choose_label("Tumour")
    mask = blob()
    put(opened, "Tumour", mask)
    spacing = session.volume.geometry.spacing
    assert max(spacing[1:]) < FAR
    panel.choose(operation)
    panel.where[Where.SPACE].click()
    panel.amount.setValue(WIDTH if operation is O.SMOOTH else FAR)
    if operation is O.SMALL:
        panel.size_unit.setCurrentIndex(panel.size_unit.findData("voxels"))
        panel.size_unit.activated.emit(panel.size_unit.currentIndex())
        panel.least.setValue(30)
    qtbot.waitUntil(lambda: bool(panel.overlays()), timeout=10_000)
    expected = EXPECTED[operation](mask, spacing)
    assert (expected != mask).any()
    np.testing.assert_array_equal(panel.overlays()[0].mask > 0, expected)
    np.testing.assert_array_equal(lesions(opened) > 0, mask)
    panel.apply.click()
    qtbot.waitUntil(lambda: steps(opened) == ["brush", operation.value], timeout=10_000)
    np.testing.assert_array_equal(lesions(opened) > 0, expected)
    session.undo()
    np.testing.assert_array_equal(lesions(opened) > 0, mask)


def test_small_islands_in_mm3(opened: MainWindow, qtbot: QtBot) -> None:
    panel, session = opened.annotate.operations, opened.session
    session.choose_label("Tumour")
    put(opened, "Tumour", blob())
    panel.choose(O.SMALL)
    panel.where[Where.SPACE].click()
    assert panel.size_unit.currentText() == "mm³"
    voxel = float(np.prod(session.volume.geometry.spacing))
    # the smallest size in mm3 that 30 voxels still have
    panel.least.setValue(round(30 * voxel, 1))
    least = int(np.ceil(panel.least.value() / voxel - 1e-6))
    panel.apply.click()
    qtbot.waitUntil(lambda: steps(opened)[-1:] == ["remove_small"], timeout=10_000)
    np.testing.assert_array_equal(lesions(opened) > 0, not_small(blob(), least))


@pytest.mark.parametrize(
    ("operation", "how"),
    [
        (O.UNITE, lambda one, two: one | two),
        (O.SUBTRACT, lambda one, two: one & ~two),
        (O.INTERSECT, lambda one, two: one & two),
    ],
    ids=["unite", "subtract", "intersect"],
)
def test_two_labels_of_different_layers(
    opened: MainWindow, qtbot: QtBot, operation: Operation, how: Callable[[Mask, Mask], Mask]
) -> None:
    panel = opened.annotate.operations
    opened.session.choose_label("Tumour")
    one, two = blob(), np.roll(blob(), 6, axis=2)
    put(opened, "Tumour", one)
    put(opened, "Brain", two)
    panel.choose(operation)
    panel.other.setCurrentIndex(panel.other.findData("Brain"))
    panel.where[Where.SPACE].click()
    panel.apply.click()
    qtbot.waitUntil(lambda: steps(opened)[-1:] == [operation.value], timeout=10_000)
    np.testing.assert_array_equal(lesions(opened) == 1, how(one, two))
    np.testing.assert_array_equal(opened.session.editor.mask("brain") > 0, two)


def test_move_follows_the_screen_and_is_refused_where_it_would_be_cut(opened: MainWindow, qtbot: QtBot) -> None:
    panel, view = opened.annotate.operations, opened.annotate.views.main
    opened.session.choose_label("Tumour")
    mask = np.zeros(SHAPE, bool)
    mask[view.index, 20:30, 22:31] = True
    put(opened, "Tumour", mask)
    layout = view.plane_view
    assert layout is not None
    before = layout.extract(mask, view.index).copy()
    panel.choose(O.MOVE)
    panel.down.setValue(4)
    panel.right.setValue(-7)
    panel.apply.click()
    qtbot.waitUntil(lambda: steps(opened) == ["brush", "move"], timeout=10_000)
    after = layout.extract(lesions(opened), view.index) > 0
    np.testing.assert_array_equal(after, np.roll(before, (4, -7), axis=(0, 1)))
    panel.choose(O.MOVE)
    panel.down.setValue(60)
    qtbot.waitUntil(lambda: "leave" in panel.words.text() or "outside" in panel.words.text(), timeout=10_000)
    assert not panel.apply.isEnabled()
    panel.close_options()


def test_the_island_under_the_pointer_alone_stays_and_the_slice_before_is_a_copy(
    opened: MainWindow, qtbot: QtBot
) -> None:
    actions, place = opened.actions_table, opened.annotate.views.position[2]
    opened.session.choose_label("Tumour")
    mask = np.zeros(SHAPE, bool)
    mask[place - 1 : place + 1, 20:26, 20:26] = mask[place, 40:44, 30:36] = True
    put(opened, "Tumour", mask)
    opened.annotate.operator.under = (22, 22, place)
    actions["edit_island_keep"].trigger()
    qtbot.waitUntil(lambda: steps(opened)[-1:] == ["island_keep"], timeout=10_000)
    mask[place, 40:44] = False
    np.testing.assert_array_equal(lesions(opened) > 0, mask)
    opened.annotate.operator.under = None
    stroke(opened, (40, 44), (44, 44))
    drawn = lesions(opened)[place].copy()
    actions["edit_copy_previous"].trigger()
    qtbot.waitUntil(lambda: steps(opened)[-1:] == ["copy_previous"], timeout=10_000)
    np.testing.assert_array_equal(lesions(opened)[place - 1], drawn)
    assert opened.annotate.views.position[2] == place - 1


# ------------------------------------------------------------------ islands into labels


def islands() -> Mask:
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 20:28, 20:28] = mask[2:4, 40:45, 20:25] = mask[5, 10:14, 40:44] = mask[6, 50:53, 10:12] = True
    return mask


def test_islands_become_labels_in_one_step_that_undo_takes_back(
    opened: MainWindow, qtbot: QtBot, said: list[str]
) -> None:
    panel, session = opened.annotate.operations, opened.session
    session.choose_label("Tumour")
    put(opened, "Tumour", islands())
    opened.actions_table["edit_split_islands"].trigger()
    panel.where[Where.SPACE].click()
    panel.most.setValue(3)
    qtbot.waitUntil(lambda: panel.words.text().startswith("Tumour is in 4 pieces"), timeout=10_000)
    overlay = panel.overlays()[0]
    # the new labels in their own colours, before they are there
    assert len(set(overlay.colors.values())) == 3
    assert len(session.labels) == 3
    panel.apply.click()
    qtbot.waitUntil(lambda: steps(opened) == ["brush", "split_islands"], timeout=10_000)
    new = [label for label in session.labels if label.name.startswith("Tumour ")]
    assert [label.name for label in new] == ["Tumour 2", "Tumour 3"]
    assert len({label.color for label in session.labels}) == 5
    assert {label.color for label in session.labels} <= set(PALETTE)
    assert session.project.labels() == session.labels
    mask = lesions(opened)
    expected = islands().astype(np.uint8)
    expected[2:4, 40:45, 20:25] = new[0].value
    expected[5, 10:14, 40:44] = new[1].value
    np.testing.assert_array_equal(mask, expected)
    assert said[-1].startswith("Tumour is in 4 pieces")
    assert "the other 1 stay" in said[-1]
    session.undo()
    np.testing.assert_array_equal(mask, islands().astype(np.uint8))
    session.redo()
    np.testing.assert_array_equal(mask, expected)


def test_a_label_in_one_piece_is_not_split(opened: MainWindow, qtbot: QtBot) -> None:
    panel = opened.annotate.operations
    opened.session.choose_label("Tumour")
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 20:28, 20:28] = True
    put(opened, "Tumour", mask)
    panel.choose(O.SPLIT)
    panel.where[Where.SPACE].click()
    qtbot.waitUntil(lambda: panel.words.text().startswith("Tumour is one connected piece"), timeout=10_000)
    assert not panel.apply.isEnabled()
    assert len(opened.session.labels) == 3


# ------------------------------------------------------------------ seeds


@pytest.mark.parametrize("where", [Where.SLICE, Where.SPACE])
def test_seeds_of_two_labels_and_of_what_is_outside_grow_in_one_step(
    opened: MainWindow, qtbot: QtBot, where: Where
) -> None:
    panel, session, volume = opened.annotate.operations, opened.session, opened.session.volume
    place = opened.annotate.views.position[2]
    session.choose_label("Tumour")
    one, two, outside = (np.zeros(SHAPE, bool) for _ in range(3))
    one[place, 30:34, 24:32] = two[place, 40:43, 20:30] = True
    outside[place, :3], outside[place, -3:], outside[place, :, :3], outside[place, :, -3:] = (True,) * 4
    outside[1, 10:50:6, 10:46:6] = outside[6, 10:50:6, 10:46:6] = True
    for name, region in (("Tumour", one), ("Haemorrhage", two), ("", outside)):
        put(opened, name, region)
    given = lesions(opened).copy()
    panel.choose(O.SEEDS)
    panel.where[where].click()
    panel.apply.click()
    qtbot.waitUntil(lambda: steps(opened)[-1:] == ["seeds"], timeout=20_000)
    mask = lesions(opened)
    np.testing.assert_array_equal(mask == SCRIBBLED_BACKGROUND, given == SCRIBBLED_BACKGROUND)
    # seeds keep their own, both labels have grown, and the other slices stay where only one was meant
    np.testing.assert_array_equal(mask[given > 0], given[given > 0])
    assert np.count_nonzero(mask == 1) > np.count_nonzero(one)
    assert np.count_nonzero(mask == 2) > np.count_nonzero(two)
    if where is Where.SLICE:
        np.testing.assert_array_equal(np.delete(mask, place, 0), np.delete(given, place, 0))
        values = volume.values(volume.array[place]).astype(np.float32)
        cost = seeds.slice_cost(values)
        # each pixel has gone to the seed whose cheapest path is shortest; OpenCV's flood knows nothing of it
        from skimage.graph import MCP_Geometric

        least = np.stack([MCP_Geometric(cost).find_costs(np.argwhere(given[place] == kind))[0] for kind in (1, 2, 255)])
        own = np.choose(np.searchsorted([1, 2, 255], np.where(mask[place] == 0, 255, mask[place])), least)
        np.testing.assert_allclose(own, least.min(axis=0), rtol=1e-6)
    else:
        assert session.editor.state("lesions", 4).origin is Origin.INTERPOLATED
        at_once = seeds.grow_in_space(volume.values(volume.array), given, volume.geometry.spacing)
        np.testing.assert_array_equal(np.where(mask == 0, 255, mask)[1:7], at_once[1:7])
    session.undo()
    np.testing.assert_array_equal(mask, given)


def test_seeds_without_a_second_kind_are_refused(opened: MainWindow, qtbot: QtBot) -> None:
    panel = opened.annotate.operations
    opened.session.choose_label("Tumour")
    for words in ("Nothing to grow from", "Only one kind was scribbled"):
        panel.choose(O.SEEDS)
        qtbot.waitUntil(lambda words=words: panel.words.text().startswith(words), timeout=10_000)
        assert not panel.apply.isEnabled()
        panel.close_options()
        stroke(opened, (20, 30), (30, 30))
    assert steps(opened) == ["brush", "brush"] or steps(opened) == ["brush"]


# ------------------------------------------------------------------ long work


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The flood waits at every look until it is let go."""
    import threading

    go = threading.Event()
    heard: list[float] = []

    def wait(told: Callable[[int, int], bool]) -> Callable[[int, int], bool]:
        def slowly(done: int, total: int) -> bool:
            heard.append(done / total)
            went_on = told(done, total)
            go.wait(0.4)
            return went_on

        return slowly

    flood = flooding.flood
    monkeypatch.setattr(flooding, "_STAGE", 4000)
    monkeypatch.setattr(seeds, "flood", lambda values, given, spacing, on: flood(values, given, spacing, wait(on)))
    yield heard
    go.set()


def test_work_that_takes_longer_is_told_of_and_stopped_by_a_button(
    opened: MainWindow, qtbot: QtBot, slow: list[float]
) -> None:
    progress, operator = opened.annotate.options.progress, opened.annotate.operator
    opened.session.choose_label("Tumour")
    one, outside = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    one[4, 30:34, 24:32] = True
    outside[1], outside[6] = True, True
    put(opened, "Tumour", one)
    put(opened, "", outside)
    before = lesions(opened).copy()
    operator.do(O.SEEDS, where=Where.SPACE)
    # not at once: what is quick is not told of
    assert progress.isHidden()
    qtbot.waitUntil(lambda: progress.isVisible() and len(slow) > 1, timeout=5000)
    assert "%" in progress.words.text()
    progress.stop.click()
    assert progress.isHidden()
    assert not operator.busy
    looks = len(slow)
    qtbot.wait(900)
    # the thread heard of it at its next look and did no more
    assert len(slow) <= looks + 1
    assert slow[-1] < 1
    np.testing.assert_array_equal(lesions(opened), before)
    assert steps(opened) == ["brush", "brush"]


# ------------------------------------------------------------------ pictures without spacing


def test_a_picture_without_spacing_goes_by_pixels(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    picture = (np.random.default_rng(1).random((60, 50)) * 255).astype(np.uint8)
    file = tmp_path / "slice.png"
    assert cv2.imwrite(str(file), picture)
    with qtbot.waitSignal(window.session.scan_changed, timeout=20_000):
        window.intake.take([file])
    wait_loaded(window, qtbot)
    qtbot.waitUntil(lambda: window.session.editor is not None, timeout=10_000)
    session, panel, operator = window.session, window.annotate.operations, window.annotate.operator
    assert not session.volume.geometry.spacing_known
    heard: list[str] = []
    session.notifier.told.connect(lambda told: heard.append(told.words))
    label = session.label
    editor = session.editor
    mask = np.zeros((1, 60, 50), bool)
    mask[0, 20:30, 20:28] = True
    editor.begin("brush", label)
    editor.paint(Box((0, 0, 0), (1, 60, 50)), mask)
    editor.commit()
    # asked for in mm (by a script, say) it is refused in words
    operator.do(O.GROW, amount=3.0, unit="mm")
    qtbot.waitUntil(lambda: any("millimetres" in words for words in heard), timeout=10_000)
    assert steps(window) == ["brush"]
    # the window offers pixels
    panel.choose(O.GROW)
    assert panel.amount.suffix() == " px"
    panel.amount.setValue(3.0)
    panel.apply.click()
    qtbot.waitUntil(lambda: steps(window) == ["brush", "grow"], timeout=10_000)
    away = ndimage.distance_transform_edt(~mask[0])
    np.testing.assert_array_equal(editor.mask(label.layer)[0] > 0, away <= 3.0)
    panel.choose(O.SMALL)
    assert [panel.size_unit.itemData(place) for place in range(panel.size_unit.count())] == ["voxels"]
    panel.close_options()
