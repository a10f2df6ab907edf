"""Correct in the window: all labels of a prediction in one step, with where they came from."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import small_project as small
from PySide6.QtCore import Qt
from shell_support import SHAPE, stroke, wait_loaded

from core.labels import LabelSet
from core.project.records import Origin
from core.project.saver import SaveState
from gui import correcting
from gui.annotate.history_panel import step_words

NAMES = ("Brain", "Tumour")
LAYERS = ("brain", "lesions")


@pytest.fixture
def predicted(opened):
    """The window on a scan that a run of Brain and Tumour has predicted; gives the run's id too."""
    session = opened.session
    run = small.past_run(session.project, labels=NAMES).id
    small.predict(session.project, run, session.scan.id, dict(small.head_of(1, SHAPE, True).masks), shift=0)
    return opened, run


def masks_of(session):
    return {layer: session.editor.mask(layer).copy() for layer in LAYERS}


def same(one, other):
    return all(np.array_equal(one[layer], other[layer]) for layer in LAYERS)


def wanted(session, run):
    """Return the layers as the prediction has them."""
    found = correcting.read_prediction(session.project, run, session.scan.id)
    return {session.labels.named(name).layer: found[name] * session.labels.named(name).value for name in NAMES}


def take(window, qtbot, run, **how):
    with qtbot.waitSignal(window.session.workspace_requested, timeout=10_000):
        window.session.correct_from(run, **how)


def test_labels_that_the_project_lacks_are_added(predicted, qtbot):
    window, run = predicted
    session = window.session
    session.change_labels(LabelSet().with_label("Oedema"))
    take(window, qtbot, run)
    assert [label.name for label in session.labels] == ["Oedema", *NAMES]
    assert same(masks_of(session), wanted(session, run))
    assert all(session.editor.mask(layer).any() for layer in LAYERS)


def test_one_ctrl_z_takes_brain_and_tumour_back(predicted, qtbot):
    window, run = predicted
    session = window.session
    stroke(window, (5, 5), (12, 9))
    before = masks_of(session)
    take(window, qtbot, run)
    assert same(masks_of(session), wanted(session, run))
    assert all(session.editor.mask(layer).any() for layer in LAYERS)
    assert [step.action for step in session.editor.steps()] == ["brush", "correct"]
    assert window.annotate.history.model.rowCount() == 3
    touched = session.editor.steps()[-1].slices
    words = step_words(session.editor.steps()[-1], session.labels)
    assert words == f"Correction · slices {touched[0] + 1}–{touched[-1] + 1}"
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert same(masks_of(session), before)
    assert session.editor.position == 1
    qtbot.keyClick(window, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert same(masks_of(session), wanted(session, run))


def test_the_slices_say_which_run_they_come_from_until_somebody_draws_on_them(predicted, qtbot):
    window, run = predicted
    session = window.session
    take(window, qtbot, run)
    editor = session.editor
    touched = editor.steps()[-1].slices
    for layer in LAYERS:
        for number in np.flatnonzero(editor.drawn(layer)):
            state = editor.state(layer, int(number))
            assert (state.origin, state.run, state.finished) == (Origin.PREDICTED, run, False)
    number = window.annotate.views.main.index
    assert number in touched
    stroke(window, (2, 2), (6, 4))
    state = editor.state("brain", number)
    assert (state.origin, state.run) == (Origin.CORRECTED, run)
    assert editor.state("brain", touched[-1]).origin is Origin.PREDICTED
    session.save_now()
    qtbot.waitUntil(lambda: session.save_state == SaveState.SAVED, timeout=10_000)
    annotation = session.project.annotation(session.scan.id, session.reader)
    saved = {state.slice: state for state in session.project.slice_states(annotation.id, "brain")}
    assert (saved[number].origin, saved[number].run) == (Origin.CORRECTED, run)
    assert (saved[touched[-1]].origin, saved[touched[-1]].run) == (Origin.PREDICTED, run)


def test_undo_of_it_outlives_the_session(predicted, qtbot):
    window, run = predicted
    session, path, scan = window.session, window.session.project.path, window.session.scan.id
    take(window, qtbot, run)
    full = masks_of(session)
    session.close_project()
    with qtbot.waitSignal(session.scan_changed, timeout=10_000):
        assert window.intake.open_project(path)
    wait_loaded(window, qtbot)
    session.open_scan(scan)
    qtbot.waitUntil(lambda: session.scan.id == scan and not session.loading, timeout=10_000)
    assert same(masks_of(session), full)
    session.undo()
    assert not any(session.editor.mask(layer).any() for layer in LAYERS)
    assert not session.editor.undo_available
    assert session.project.verify() == []


@pytest.mark.parametrize("keep", [True, False])
def test_finished_slices_stay_when_asked(predicted, qtbot, keep):
    window, run = predicted
    session = window.session
    editor, goal = session.editor, wanted(session, run)
    full = [int(number) for number in np.flatnonzero(goal["brain"].any(axis=(1, 2)))][1:3]
    editor.set_finished(LAYERS, full, True)
    take(window, qtbot, run, keep_finished=keep)
    for layer in LAYERS:
        assert editor.finished(layer)[full].all() == (keep or not goal[layer][full].any())
        assert editor.mask(layer)[full].any() == (goal[layer][full].any() and not keep)
        others = [number for number in range(SHAPE[0]) if number not in full]
        np.testing.assert_array_equal(editor.mask(layer)[others], goal[layer][others])


def test_taking_the_same_again_is_no_step(predicted, qtbot):
    window, run = predicted
    take(window, qtbot, run)
    take(window, qtbot, run)
    assert len(window.session.editor.steps()) == 1


def test_it_is_made_ready_off_the_windows_thread(predicted, qtbot, monkeypatch):
    window, run = predicted
    threads = []
    real = correcting.make_ready

    def watched(order, base):
        threads.append(threading.current_thread())
        return real(order, base)

    monkeypatch.setattr(correcting, "make_ready", watched)
    take(window, qtbot, run)
    assert len(threads) == 1
    assert threading.main_thread() not in threads


def test_what_is_drawn_meanwhile_is_not_lost(predicted, qtbot, monkeypatch):
    window, run = predicted
    session = window.session
    blood = session.labels.named("Haemorrhage")
    goes_on = threading.Event()
    bases = []
    real = correcting.make_ready

    def slow(order, base):
        bases.append(base)
        assert goes_on.wait(10)
        return real(order, base)

    monkeypatch.setattr(correcting, "make_ready", slow)
    session.correct_from(run)
    qtbot.waitUntil(lambda: len(bases) == 1, timeout=10_000)
    editor, view = session.editor, window.annotate.views.main.plane_view
    editor.begin("brush", blood)
    editor.dab(view, 0, (3, 3), (3, 8), 2.0)
    goes_on.set()
    # while the stroke is open it is made ready again and again, and not put in
    qtbot.waitUntil(lambda: len(bases) >= 3, timeout=10_000)
    assert editor.stroking
    with qtbot.waitSignal(session.workspace_requested, timeout=10_000):
        editor.commit()
    drawn = editor.label_voxels(blood)
    assert drawn > 0
    assert [step.action for step in editor.steps()] == ["brush", "correct"]
    assert editor.label_voxels(session.labels.named("Brain")) == np.count_nonzero(wanted(session, run)["brain"])
    session.undo()
    assert editor.label_voxels(blood) == drawn
    assert not editor.mask("brain").any()


def test_another_scan_opened_meanwhile_gets_nothing(predicted, qtbot):
    window, run = predicted
    session = window.session
    other = next(scan.id for scan in session.project.scans() if scan.id != session.scan.id)
    session.correct_from(run)
    session.open_scan(other)
    qtbot.waitUntil(lambda: session.scan.id == other and not session.loading, timeout=10_000)
    qtbot.wait(100)
    assert session.editor.steps() == []
    assert not session.editor.mask("brain").any()


def test_a_slice_on_which_the_run_draws_nothing_is_said_to_be_one(predicted, qtbot):
    window, run = predicted
    session = window.session
    found = correcting.read_prediction(session.project, run, session.scan.id)
    drawn = np.zeros(SHAPE[0], dtype=bool)
    for name in NAMES:
        drawn |= found[name].any(axis=(1, 2))
    empty, full = int(np.flatnonzero(~drawn)[0]), int(np.flatnonzero(drawn)[0])
    said = []
    tell = session.notifier.tell
    session.notifier.tell = lambda words, *rest: (said.append(words), tell(words, *rest))
    for count, number in enumerate((empty, full, full)):
        session.correct_from(run, only=correcting.Only(slices=(number,)))
        qtbot.waitUntil(lambda before=count: len(said) > before, timeout=10_000)
    assert [words.split(":")[0].split(".")[0] for words in said] == [
        "The run draws nothing here",
        "Taken into your annotation",
        "Your annotation has this already",
    ]
    assert not any(session.editor.drawn(layer)[empty] for layer in LAYERS)
