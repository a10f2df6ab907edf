"""Scribbled background (the value 255): drawn and erased like a label, and a label nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from editing_support import AFFINES

from core.commands.versions import _facts
from core.editing.editor import Editor
from core.editing.opening import open_annotation
from core.editing.operations import Base, Operation, Order, Where, carry_out
from core.editing.replacing import respecting
from core.editing.tools.measures import statistics
from core.errors import InputError
from core.events import Finished
from core.geometry import Box, Geometry, Plane
from core.labels import SCRIBBLED_BACKGROUND, LabelSet, background_of
from core.learning.survey import _area
from core.project import relabel
from core.project.exporting import export_job
from core.project.project import Project
from core.project.records import Origin
from core.project.saver import Saver
from core.review.compare import read_truth
from core.review.surface import body_of
from core.volume import Volume

SHAPE = (6, 24, 20)
LABELS = LabelSet().with_label("Brain").with_label("Tumour").with_label("Bleed")
TUMOUR, BLEED = LABELS.named("Tumour"), LABELS.named("Bleed")
BACKGROUND = background_of("lesions")


def grid() -> Geometry:
    return Geometry(SHAPE, AFFINES[0])


def blank(labels: LabelSet = LABELS) -> Editor:
    return Editor(grid(), labels, {}, {}, reader="anna")


def dab(editor: Editor, label, at: tuple[float, float], index: int = 2, radius: float = 3.0, *, erase=False) -> None:
    editor.begin("brush", label, erase=erase)
    editor.dab(editor.geometry.view(Plane.AXIAL), index, at, at, radius)
    editor.commit()


def two_blobs() -> np.ndarray:
    """A tumour and a background scribble on slice 2; a scribble alone on slice 4."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[2, 4:10, 4:10] = TUMOUR.value
    mask[2, 14:20, 4:16] = mask[4, 3:6, 3:6] = 255
    return mask


def test_a_scribble_is_a_step_but_no_label_and_says_nothing_of_a_slice_being_finished() -> None:
    editor = blank()
    dab(editor, BACKGROUND, (8.0, 8.0))
    mask = editor.mask("lesions")
    assert set(np.unique(mask)) == {0, SCRIBBLED_BACKGROUND}
    assert editor.label_voxels(TUMOUR) == editor.label_voxels(BLEED) == 0
    assert not editor.drawn("lesions").any()
    state = editor.state("lesions", 2)
    assert state is not None
    assert (state.origin, state.finished) == (Origin.DRAWN, False)
    assert not editor.finished("lesions").any()
    before = mask.copy()
    # what follows is counted right: the slice holds a label only once there is one
    dab(editor, TUMOUR, (16.0, 12.0))
    assert editor.drawn("lesions").tolist() == [False, False, True, False, False, False]
    assert editor.label_voxels(TUMOUR) == np.count_nonzero(mask == TUMOUR.value)
    editor.undo()
    np.testing.assert_array_equal(mask, before)
    editor.undo()
    assert not mask.any()
    assert editor.snapshot().voxels["lesions"].sum() == 0


def test_it_is_erased_by_its_own_brush_and_by_the_eraser_and_painted_over() -> None:
    for how in ("own", "eraser", "painted"):
        editor = blank()
        dab(editor, BACKGROUND, (8.0, 8.0))
        dab(editor, BLEED, (20.0, 16.0), radius=1.0)
        bleed = editor.mask("lesions") == BLEED.value
        if how == "own":
            dab(editor, BACKGROUND, (8.0, 8.0), radius=30.0, erase=True)
        elif how == "eraser":
            dab(editor, TUMOUR, (8.0, 8.0), radius=30.0, erase=True)
        else:
            dab(editor, TUMOUR, (8.0, 8.0), radius=4.0)
        mask = editor.mask("lesions")
        assert SCRIBBLED_BACKGROUND not in mask
        # no eraser takes another label
        np.testing.assert_array_equal(mask == BLEED.value, bleed)
        assert (how == "painted") == (TUMOUR.value in mask)


def test_it_is_not_drawn_over_what_is_locked() -> None:
    editor = blank()
    dab(editor, TUMOUR, (8.0, 8.0))
    tumour = editor.mask("lesions").copy()
    editor.set_labels(LABELS.with_changed("Tumour", locked=True))
    dab(editor, BACKGROUND, (8.0, 8.0), radius=6.0)
    mask = editor.mask("lesions")
    assert SCRIBBLED_BACKGROUND in mask
    np.testing.assert_array_equal(mask == TUMOUR.value, tumour > 0)
    allowed = respecting(mask, np.full_like(mask, 255), (TUMOUR.value,))
    np.testing.assert_array_equal(allowed == TUMOUR.value, tumour > 0)


@pytest.mark.parametrize(
    "operation",
    [
        Operation.GROW, Operation.SMOOTH, Operation.HOLES, Operation.LARGEST, Operation.SMALL, Operation.COPY_NEXT,
        Operation.UNITE, Operation.PASTE, Operation.MOVE, Operation.SPLIT,
    ],
)  # fmt: skip
def test_no_operation_takes_it_for_a_label_or_writes_over_it(operation: Operation) -> None:
    mask = two_blobs()
    mask[2, 20:22, 15:18] = TUMOUR.value
    other = np.zeros(SHAPE, np.uint8)
    other[2, 2:22, 2:18] = 1
    there = Base(LABELS, Volume(np.zeros(SHAPE, np.float32), grid()), {"lesions": mask, "brain": other})
    view = there.geometry.view(Plane.AXIAL)
    clip = np.ones((view.rows, view.columns), bool)
    unit = "voxels" if operation is Operation.SMALL else "px"
    more = {"other": LABELS.named("Brain"), "shift": (1, 1), "clip": clip}
    wanted = Order(operation, TUMOUR, view, 2, Where.SLICE, amount=2.5, unit=unit, **more)
    after = carry_out(wanted, there).layers["lesions"]
    np.testing.assert_array_equal(after == 255, mask == 255)


@pytest.mark.parametrize("where", [Where.SLICE, Where.SPACE])
def test_it_is_cleared_on_the_slice_or_everywhere(where: Where) -> None:
    mask = two_blobs()
    there = Base(LABELS, Volume(np.zeros(SHAPE, np.float32), grid()), {"lesions": mask, "brain": mask * 0})
    order = Order(Operation.CLEAR_SCRIBBLES, TUMOUR, there.geometry.view(Plane.AXIAL), 4, where)
    after = carry_out(order, there).layers["lesions"]
    np.testing.assert_array_equal(after == TUMOUR.value, mask == TUMOUR.value)
    assert (after == 255).any(axis=(1, 2)).tolist() == [where is Where.SLICE and z == 2 for z in range(6)]
    again = Base(LABELS, there.volume, {"lesions": np.zeros_like(mask), "brain": mask * 0})
    with pytest.raises(InputError, match="scribbles-none"):
        carry_out(order, again)


def test_interpolation_goes_past_it_and_leaves_it() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[0, 6:16, 6:16] = mask[5, 6:16, 6:16] = TUMOUR.value
    mask[2, 8:10, 8:10] = 255
    base = Base(
        LABELS,
        Volume(np.zeros(SHAPE, np.float32), grid()),
        {"lesions": mask, "brain": mask * 0},
        interpolated={"lesions": np.array([False, False, True, False, False, False])},
    )
    order = Order(Operation.INTERPOLATE, TUMOUR, base.geometry.view(Plane.AXIAL), 2, by_values=False)
    after = carry_out(order, base).layers["lesions"]
    assert (after == TUMOUR.value).any(axis=(1, 2)).all()
    np.testing.assert_array_equal(after == 255, mask == 255)


# ------------------------------------------------------------------ what leaves the editor


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[tuple[Project, str]]:
    """A scan with a tumour on slice 2, a scribble beside it, a scribble alone on slice 4; saved and read again."""
    with Project.create(tmp_path / "scribbled.meninx") as project:
        project.set_labels(LABELS)
        array = np.random.default_rng(1).integers(1, 900, SHAPE).astype(np.int16)
        scan = project.add_scan(Volume(array, grid()), patient="one", description="T1").id
        opened = open_annotation(project, scan, "anna")
        saver = Saver(project, opened)
        mask = two_blobs()
        for label, value in ((TUMOUR, TUMOUR.value), (BACKGROUND, 255)):
            opened.editor.begin("brush", label)
            opened.editor.paint(Box((0, 0, 0), SHAPE), mask == value)
            opened.editor.commit()
        saver.close()
        yield project, scan


def layer_of(project: Project, scan: str) -> np.ndarray:
    annotation = project.annotation(scan, "anna")
    assert annotation is not None
    layer = project.read_layer(annotation.id, "lesions")
    assert layer is not None
    return layer


def test_it_is_kept_on_disk_and_counted_as_nothing(saved: tuple[Project, str]) -> None:
    project, scan = saved
    np.testing.assert_array_equal(layer_of(project, scan), two_blobs())
    annotation = project.annotation(scan, "anna")
    assert annotation is not None
    version = project.layers(annotation.id)["lesions"]
    assert version.voxels == _facts(version, "")["voxels"] == 36
    # training asks for it, so the counts by value have it
    assert version.counts[255] == np.count_nonzero(two_blobs() == 255)
    truth, known = read_truth(project, annotation, TUMOUR, SHAPE[0])
    np.testing.assert_array_equal(truth, two_blobs() == TUMOUR.value)
    assert not known.any()
    for label in (TUMOUR, BLEED):
        area = _area(project, annotation, [label], SHAPE)
        np.testing.assert_allclose(area * 24 * 20, (two_blobs() == label.value).sum(axis=(1, 2)))
    reopened = open_annotation(project, scan, "anna", journal=False)
    assert reopened.editor.drawn("lesions").tolist() == [False, False, True, False, False, False]
    assert reopened.editor.label_voxels(TUMOUR) == 36


def test_no_export_knows_it(saved: tuple[Project, str], tmp_path: Path) -> None:
    project, scan = saved
    folder = tmp_path / "out"
    events = list(export_job(project.path, folder, lambda: False, label="Tumour"))
    assert isinstance(events[-1], Finished)
    masks = [np.asarray(nib.load(file).dataobj).transpose(2, 1, 0) for file in folder.rglob("*_mask.nii.gz")]
    brains = [np.asarray(nib.load(file).dataobj).transpose(2, 1, 0) for file in folder.rglob("*_brain.nii.gz")]
    assert len(masks) == len(brains) == 1
    np.testing.assert_array_equal(masks[0], (two_blobs() == TUMOUR.value).astype(np.uint8))
    # the stripped scan keeps what the label covers and nothing that was scribbled
    volume = project.read_volume(scan)
    inside = two_blobs() == TUMOUR.value
    np.testing.assert_array_equal(brains[0][inside], volume.array[inside])
    assert len(np.unique(brains[0][~inside])) == 1


def test_figures_and_the_surface_are_of_the_label_alone(saved: tuple[Project, str]) -> None:
    project, scan = saved
    volume, mask = project.read_volume(scan), layer_of(project, scan)
    found = statistics(volume.values(volume.array), mask == TUMOUR.value)
    assert found.voxels == 36
    body = body_of(mask == TUMOUR.value, volume.geometry)
    alone = body_of(two_blobs() == TUMOUR.value, volume.geometry)
    assert body is not None
    assert alone is not None
    np.testing.assert_array_equal(body.density, alone.density)
    assert body_of(mask == BLEED.value, volume.geometry) is None


def test_a_label_that_moves_to_a_scribbled_layer_wins(saved: tuple[Project, str]) -> None:
    project, scan = saved
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened)
    dab(opened.editor, LABELS.named("Brain"), (15.0, 8.0), radius=2.0)
    brain = opened.editor.mask("brain") == 1
    saver.close()
    assert (layer_of(project, scan)[brain] == 255).any()
    done = relabel.carry_out(project, relabel.plan_move(project.labels(), "Brain", "lesions"))
    assert done.covered == 0
    value = project.labels().named("Brain").value
    np.testing.assert_array_equal(layer_of(project, scan) == value, brain)
