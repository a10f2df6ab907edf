"""What the tests of drawing share: small grids, random strokes, a project with one scan."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from core.editing.editor import Editor
from core.editing.replacing import prepare
from core.geometry import Geometry, Plane
from core.labels import LabelSet
from core.project.project import Project
from core.project.records import Origin
from core.volume import Volume

LABELS = LabelSet().with_label("Brain").with_label("Tumour").with_label("Oedema")
BRAIN, TUMOUR, OEDEMA = LABELS
# anisotropic, with flipped axes: the first in LPS, the second in a sagittal acquisition
AFFINES = (
    np.diag([-0.5, -0.7, 3.0, 1.0]),
    np.array([[0.0, 0.0, 2.0, -5.0], [-0.8, 0.0, 0.0, 3.0], [0.0, -0.6, 0.0, 9.0], [0.0, 0.0, 0.0, 1.0]]),
)


def grid(shape=(6, 12, 10), which=0) -> Geometry:
    return Geometry(shape, AFFINES[which])


def editor(geometry=None, **rest) -> Editor:
    return Editor(geometry or grid(), LABELS, {}, {}, reader="anna", **rest)


@dataclass(frozen=True)
class Stroke:
    plane: Plane
    index: int
    points: tuple[tuple[float, float], ...]
    radius: float
    label: int
    erase: bool
    sphere: bool

    def apply(self, target: Editor):
        view = target.geometry.view(self.plane)
        target.begin("brush", LABELS.labels[self.label], erase=self.erase)
        for start, end in zip(self.points, self.points[1:] or self.points, strict=False):
            target.dab(view, self.index, start, end, self.radius, sphere=self.sphere)
        return target.commit()


@dataclass(frozen=True)
class Finish:
    layers: tuple[str, ...]
    slices: tuple[int, ...]
    finished: bool

    def apply(self, target: Editor):
        return target.set_finished(self.layers, self.slices, self.finished)


@dataclass(frozen=True)
class Replace:
    layer: str
    seed: int
    origin: Origin

    def apply(self, target: Editor):
        rng = np.random.default_rng(self.seed)
        new = rng.integers(0, 3, target.geometry.shape, dtype=np.uint8) * (rng.random(target.geometry.shape) < 0.3)
        return target.replace(self.layer, new.astype(np.uint8), action="correct", origin=self.origin, run="run1")


@dataclass(frozen=True)
class Correct:
    """Several layers in one step, as a prediction that is taken over."""

    seed: int
    layers: tuple[str, ...] = ("lesions", "brain")

    def apply(self, target: Editor):
        target.commit()
        rng = np.random.default_rng(self.seed)
        shape = target.geometry.shape
        old = {name: target.mask(name) for name in self.layers}
        new = {name: rng.integers(0, 3, shape, dtype=np.uint8) * (rng.random(shape) < 0.2) for name in self.layers}
        ready = prepare(target.revision, old, new)
        return target.put(ready, action="correct", origin=Origin.PREDICTED, run="run1")


@dataclass(frozen=True)
class Move:
    kind: str

    def apply(self, target: Editor):
        return target.undo() if self.kind == "undo" else target.redo()


_point = st.tuples(st.floats(-4, 16), st.floats(-4, 16))
strokes = st.builds(
    Stroke,
    plane=st.sampled_from(Plane),
    index=st.integers(0, 9),
    points=st.lists(_point, min_size=1, max_size=4).map(tuple),
    radius=st.floats(0.1, 4.0),
    label=st.integers(0, 2),
    erase=st.booleans(),
    sphere=st.booleans(),
)
finishes = st.builds(
    Finish,
    layers=st.sampled_from([("brain",), ("lesions",), ("brain", "lesions")]),
    slices=st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple),
    finished=st.booleans(),
)
replaces = st.builds(
    Replace, layer=st.sampled_from(["brain", "lesions"]), seed=st.integers(0, 99), origin=st.sampled_from(Origin)
)
corrections = st.builds(Correct, seed=st.integers(0, 99))
moves = st.builds(Move, kind=st.sampled_from(["undo", "redo"]))
steps = st.one_of(strokes, strokes, finishes, replaces, corrections)
operations = st.one_of(strokes, finishes, replaces, corrections, moves, moves)


def state_of(target: Editor):
    """Return all that a step may change, comparable: non-zero layers, and states but for the seconds."""
    layers = {name: target.mask(name).tobytes() for name in ("brain", "lesions")}
    states = {}
    for name in ("brain", "lesions"):
        for number in range(target.geometry.shape[0]):
            state = target.state(name, number)
            if state is not None:
                states[name, number] = state
    return layers, states


@contextlib.contextmanager
def small_project(folder: Path, shape=(6, 12, 10)):
    """Give a project with one scan of :func:`grid` and the labels above, and the scan's id."""
    with Project.create(folder / "small.meninx") as project:
        rng = np.random.default_rng(0)
        volume = Volume(rng.integers(0, 900, shape, dtype=np.int16), grid(shape))
        scan = project.add_scan(volume, patient="somebody")
        project.set_labels(LABELS)
        yield project, scan.id
