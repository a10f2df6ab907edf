import numpy as np
import pytest
from exploring_support import head

from core.errors import LearningError
from core.events import Notice, Progress
from core.geometry import Geometry
from core.labels import SCRIBBLED_BACKGROUND
from core.learning.config import TrainingConfig
from core.learning.dataset import count_finished, find_sources, read_training_set
from core.learning.prepare_fit import UNKNOWN
from core.learning.survey import survey
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.volume import Volume


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "home"))
    with Project.create(tmp_path / "p.meninx") as made:
        yield made


def scribbled(project, patient: str = "a"):
    """Slices: 0 finished, 1 scribbled, 2 label alone, 3 background alone, 4 another label, 5 nothing."""
    spot, other = project.ensure_label("Spot"), project.ensure_label("Other")
    assert spot.layer == other.layer
    array, _ = head(len(project.scans()), slices=6)
    scan = project.add_scan(Volume(array, Geometry(array.shape, np.diag([-1.0, -1.0, 3.0, 1.0]))), patient=patient)
    mask = np.zeros(array.shape, np.uint8)
    mask[[0, 1, 2], 20:24, 20:40] = spot.value
    mask[[1, 3, 4], 40:44, 10:50] = SCRIBBLED_BACKGROUND
    mask[[1, 4], 30:33, 20:40] = other.value
    annotation = project.ensure_annotation(scan.id, "reader")
    states = [SliceState(index, Origin.DRAWN, finished=index == 0) for index in range(5)]
    project.save_layers(annotation.id, {spot.layer: mask}, {spot.layer: states}, journal_sequence=0)
    return mask, spot, other


def inside(size: float = 1.0) -> np.ndarray:
    """Return the ellipse of the head, or a larger one."""
    y, x = np.mgrid[:64, :64] / 64
    return ((y - 0.5) / 0.42) ** 2 + ((x - 0.5) / 0.36) ** 2 <= size**2


def read(project, **changes):
    config = TrainingConfig(**{"labels": ("Spot",), "size": 64, "slices": 1, **changes})
    config.validate()
    job, events = read_training_set(project, config, lambda: ""), []
    while True:
        try:
            events.append(next(job))
        except StopIteration as end:
            return end.value, events


def test_strokes_are_known_and_the_rest_of_their_slice_is_not(project):
    mask, spot, other = scribbled(project)
    data, _ = read(project)
    assert data.slice_of.tolist() == [0, 1, 4]
    assert data.masks.dtype == np.uint8
    # finished: known everywhere
    assert np.array_equal(data.masks[0, 0], mask[0] == spot.value)
    # scribbled: label 1, background and the other label of the layer 0, all else in the head unknown
    expected = np.full((64, 64), UNKNOWN)
    expected[(mask[1] == SCRIBBLED_BACKGROUND) | (mask[1] == other.value)] = 0
    expected[mask[1] == spot.value] = 1
    assert np.array_equal(data.masks[1, 0][inside()], expected[inside()])
    # and what is well away from the head is air
    assert not data.masks[1, 0][~inside(1.2)].any()
    assert not (data.masks[2, 0] == 1).any()
    assert data.known.all()
    # unknown pixels are no label
    assert data.amounts.tolist() == pytest.approx([80 / 4096, 80 / 4096, 0])
    assert data.pins


def test_strokes_in_the_air_say_that_the_head_was_not_found(project):
    mask, spot, _ = scribbled(project)
    mask = mask.copy()
    mask[1, 1:4, 1:6] = spot.value
    annotation = project.annotations(project.scans()[0].id)[0]
    project.save_layers(annotation.id, {spot.layer: mask}, {}, journal_sequence=0)
    data, _ = read(project)
    found = data.masks[1, 0]
    assert (found[1:4, 1:6] == 1).all()
    assert (found[55:, :8] == UNKNOWN).all()


def test_both_labels_of_a_layer_learn_from_one_scribble(project):
    mask, spot, other = scribbled(project)
    data, _ = read(project, labels=("Spot", "Other"))
    first, second = data.masks[1]
    assert ((first == 1) == (mask[1] == spot.value)).all()
    assert ((second == 1) == (mask[1] == other.value)).all()
    assert ((first == UNKNOWN) == (second == UNKNOWN)).all()


def test_a_label_of_another_layer_stays_unknown_there(project):
    scribbled(project)
    project.ensure_label("Brain")
    data, _ = read(project, labels=("Spot", "Brain"))
    assert data.known.tolist() == [[True, False]] * 3


def test_scribbles_can_be_left_out(project):
    scribbled(project)
    scribbled(project, "b")
    data, _ = read(project, scribbles=False)
    assert data.slice_of.tolist() == [0, 0]
    assert not (data.masks == UNKNOWN).any()
    labels = [project.labels().named("Spot")]
    assert len(find_sources(project, labels, scribbles=False)[0].slices) == 1


def test_they_are_counted_apart(project):
    scribbled(project)
    labels = [project.labels().named("Spot")]
    assert count_finished(project, labels) == (1, 1, 3)
    found = survey(project, labels)
    assert (found.slices, found.scribbled, found.unfinished, found.with_label) == (3, 2, 2, 2)


def test_scribbles_alone_are_enough_to_learn_from(project):
    mask, _, _ = scribbled(project)
    annotation = project.annotations(project.scans()[0].id)[0]
    project.save_layers(annotation.id, {}, {"lesions": [SliceState(1, Origin.DRAWN)]}, journal_sequence=0)
    data, _ = read(project)
    assert data.slice_of.tolist() == [1, 4]
    assert mask.any()


def test_strokes_without_background_are_half_a_mask_and_do_not_count(tmp_path):
    with Project.create(tmp_path / "q.meninx") as project:
        label = project.ensure_label("Spot")
        array, mask = head(0)
        scan = project.add_scan(Volume(array, Geometry(array.shape, np.diag([-1.0, -1.0, 3.0, 1.0]))), patient="a")
        annotation = project.ensure_annotation(scan.id, "reader")
        states = [SliceState(index, Origin.DRAWN) for index in range(4)]
        layer = (mask * label.value).astype(np.uint8)
        project.save_layers(annotation.id, {label.layer: layer}, {label.layer: states}, journal_sequence=0)
        with pytest.raises(LearningError, match="finished-none"):
            read(project)


def test_a_label_that_the_preparation_cuts_off_is_told(project):
    scribbled(project)
    _, events = read(project, size=32, prepare=("clip", "zscore", "pad"))
    told = [event for event in events if isinstance(event, Notice)]
    # rows 20 to 23 and columns 20 to 39 of 64, of which 16 to 47 are seen: all of the label is
    assert told == []
    _, events = read(project, size=32, labels=("Other",), prepare=("clip", "zscore", "resample=0.5"))
    told = [event for event in events if isinstance(event, Notice)]
    assert [(event.key, event.fields["name"]) for event in told] == [("training-cut-off", "S0001")]
    assert all(isinstance(event, (Notice, Progress)) for event in events)


def test_channels_are_rows_of_their_own(project):
    scribbled(project)
    data, _ = read(project, slices=3, channels=("red", "green", "blue"))
    assert data.stacks.shape == (3, 9)
    assert data.images[data.stacks].shape == (3, 9, 64, 64)
    assert len(data.images) == 3 * len({0, 1, 2, 3, 4, 5})
