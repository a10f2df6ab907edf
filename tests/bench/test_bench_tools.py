"""Every tool and operation on a slice of 512x512 and on a scan of 512x512x300, as a table.

Run alone, on a quiet machine: ``pytest tests/bench/test_bench_tools.py -s``. The bars: on a
slice 300 ms; through the scan what takes longer says how far it is and stops when told,
so the longest time between two looks is given too; grow and shrink in mm 1 s.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from core.editing.editor import Editor
from core.editing.operations import Base, Operation, Order, Where, carry_out
from core.editing.replacing import prepare
from core.editing.suggesting import find_regions
from core.editing.tools.growing import in_range, level, wand, wand_in_space
from core.editing.tools.placing import known_values, values_on
from core.editing.tools.scissors import Scissors
from core.editing.tools.shapes import bucket, holes, polygon
from core.geometry import Geometry, Plane, PlaneView
from core.labels import SCRIBBLED_BACKGROUND, LabelSet
from core.volume import Volume

SHAPE = (300, 512, 512)
SPACING = (0.6, 0.45, 0.45)
LABELS = LabelSet().with_label("Brain").with_label("Tumour").with_label("Bleed")
BRAIN, TUMOUR, BLEED = LABELS
SLICE_MS, MARGIN_MS, LOOK_MS = 300.0, 1000.0, 1500.0
"""A slice; grow and shrink through the scan; between two looks at whether somebody stopped it."""
MIDDLE = 150


@dataclass
class Row:
    """A line of the table."""

    name: str
    where: str
    milliseconds: float
    look: float = 0.0


@dataclass
class Table:
    """What was measured."""

    rows: list[Row] = field(default_factory=list)

    def words(self) -> str:
        """Return it as text."""
        lines = [f"{'':34}{'where':10}{'ms':>9}{'longest look, ms':>19}"]
        for row in self.rows:
            look = f"{row.look:19.0f}" if row.look else ""
            lines.append(f"{row.name:34}{row.where:10}{row.milliseconds:9.0f}{look}")
        return "\n".join(lines)


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    made = Table()
    yield made
    sys.stdout.write(f"\n{made.words()}\n")


def ellipsoid(middle: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    parts = [
        ((one - at) * size / radius) ** 2
        for one, at, size, radius in zip((z, y, x), middle, SPACING, radii, strict=True)
    ]
    return (parts[0] + parts[1]) + parts[2] <= 1


@pytest.fixture(scope="module")
def scan() -> Volume:
    """A head: brain 1.3 L, a ring of bone, a tumour; noise."""
    random = np.random.default_rng(1)
    noise = random.normal(0, 30, SHAPE[1:]).astype(np.int16)
    brain, tumour = ellipsoid((150, 256, 256), (60, 85, 65)), ellipsoid((170, 220, 300), (14, 18, 16))
    array = np.empty(SHAPE, np.int16)
    for z in range(SHAPE[0]):
        # the same noise moved about: as good, and there at once
        array[z] = np.roll(noise, (17 * z, 29 * z), axis=(0, 1)) + 100
        array[z][brain[z]] += 500
        array[z][tumour[z]] += 300
    affine = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])
    return Volume(array, Geometry(SHAPE, affine))


@pytest.fixture(scope="module")
def base(scan: Volume) -> Base:
    """Brain drawn with specks and holes; a tumour and a bleed beside it."""
    brain = ellipsoid((150, 256, 256), (60, 85, 65)).astype(np.uint8)
    random = np.random.default_rng(2)
    for z, y, x in random.integers((60, 60, 60), (240, 450, 450), (300, 3)):
        brain[z : z + 2, y : y + 3, x : x + 3] ^= 1
    lesions = np.where(ellipsoid((170, 220, 300), (14, 18, 16)), np.uint8(TUMOUR.value), np.uint8(0))
    lesions[140:160, 240:280, 200:230] = BLEED.value
    lesions[100:104, 300:304, 300:310] = TUMOUR.value
    return Base(LABELS, scan, {"brain": brain, "lesions": lesions})


@pytest.fixture(scope="module")
def scribbled(scan: Volume, base: Base) -> dict[str, Base]:
    """Strokes of a tumour and of what is round it; and of a brain."""
    small = np.zeros(SHAPE, np.uint8)
    small[168:172, 215:225, 290:310] = TUMOUR.value
    large = np.zeros(SHAPE, np.uint8)
    large[148:152, 180:330, 250:262] = large[120:122, 200:300, 200:300] = TUMOUR.value
    for mask, (low, high) in ((small, ((130, 165, 250), (210, 275, 350))), (large, ((40, 50, 90), (260, 460, 420)))):
        for axis in range(3):
            for place in (low[axis], high[axis] - 1):
                face: list[slice | int] = [slice(one, other) for one, other in zip(low, high, strict=True)]
                face[axis] = place
                mask[tuple(face)] = SCRIBBLED_BACKGROUND
    empty = np.zeros(SHAPE, np.uint8)
    return {
        name: Base(LABELS, scan, {"lesions": mask, "brain": empty})
        for name, mask in (("tumour", small), ("brain", large))
    }


def timed(work: Callable[[], object], times: int) -> float:
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return 1000 * statistics.median(spent)


class Looks:
    """The longest time between two looks at whether somebody stopped it."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()

    def __call__(self, _done: int = 0, _total: int = 0) -> bool:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now
        return True


def run(order: Order, base: Base, on: Callable[[int, int], bool]) -> None:
    """Do all that a thread does for the window."""
    outcome = carry_out(order, base, on)
    prepare(0, {layer: base.layers[layer] for layer in outcome.layers}, outcome.layers)


_O = Operation
SLICED = (
    _O.SMOOTH, _O.GROW, _O.SHRINK, _O.HOLES, _O.LARGEST, _O.SMALL, _O.SPLIT, _O.UNITE, _O.SUBTRACT, _O.INTERSECT,
    _O.COPY_NEXT, _O.PASTE, _O.MOVE,
)  # fmt: skip


def options(operation: Operation, view: PlaneView) -> dict[str, object]:
    size = "voxels" if operation is _O.SMALL else "mm"
    found: dict[str, object] = {"amount": 20.0 if operation is _O.SMALL else 2.0, "unit": size, "shift": (5, -5)}
    found["other"] = TUMOUR
    found["clip"] = polygon([(100, 100), (100, 300), (300, 300)], (view.rows, view.columns))
    return found


def test_pointer_tools_on_a_slice(table: Table, scan: Volume, base: Base) -> None:
    view = scan.geometry.view(Plane.AXIAL)
    values = values_on(scan, view, MIDDLE)
    mask = view.extract(base.layers["brain"], MIDDLE)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    round_it = [(256 + 150 * float(np.sin(angle)), 256 + 120 * float(np.cos(angle))) for angle in angles]
    scissors = Scissors(values)

    def cut() -> None:
        scissors.anchor((106, 256))
        scissors.path((256, 136))

    editor = Editor(scan.geometry, LABELS, {}, {}, reader="bench")

    def dab(sphere: bool) -> None:
        editor.begin("brush", BRAIN)
        editor.dab(view, MIDDLE, (200.0, 200.0), (230.0, 240.0), 27.0, sphere=sphere)
        editor.cancel()

    tools: dict[str, Callable[[], object]] = {
        "brush, 60 px": lambda: dab(False),
        "brush, ball of 60 px": lambda: dab(True),
        "polygon, lasso (400 points)": lambda: polygon(round_it, values.shape),
        "scissors, a click": cut,
        "fill": lambda: bucket(mask, (256, 256)),
        "holes": lambda: holes(mask > 0),
        "wand": lambda: wand(values, (256, 256), 120.0),
        "trace": lambda: level(values, (256, 256)),
        "threshold": lambda: in_range(values, 300, 900),
    }
    for name, work in tools.items():
        work()
        table.rows.append(Row(name, "slice", timed(work, 7)))
        assert table.rows[-1].milliseconds < SLICE_MS, name


@pytest.mark.parametrize("kinds", [2, 6])
def test_seeds_on_a_slice(table: Table, scan: Volume, kinds: int) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    view = scan.geometry.view(Plane.AXIAL)
    flat = mask[MIDDLE]
    flat[50, 50:460] = flat[460, 50:460] = flat[50:460, 90] = flat[50:460, 420] = SCRIBBLED_BACKGROUND
    for kind in range(1, kinds):
        flat[150 + 30 * kind, 200:300] = kind
    there = Base(LABELS, scan, {"lesions": mask, "brain": mask})
    order = Order(_O.SEEDS, TUMOUR, view, MIDDLE)
    carry_out(order, there)
    table.rows.append(Row(f"seeds, {kinds} kinds", "slice", timed(lambda: carry_out(order, there), 3)))
    assert table.rows[-1].milliseconds < SLICE_MS


@pytest.mark.parametrize("operation", SLICED, ids=lambda operation: operation.value)
def test_an_operation_on_a_slice(table: Table, base: Base, operation: Operation) -> None:
    view = base.geometry.view(Plane.AXIAL)
    order = Order(operation, BRAIN, view, MIDDLE, **options(operation, view))  # type: ignore[arg-type] # by name
    looks = Looks()
    took = timed(lambda: run(order, base, looks), 3)
    table.rows.append(Row(operation.value, "slice", took))
    # the layer of the whole scan is copied, compared and counted with it
    assert took < SLICE_MS


THROUGH = (
    _O.SMOOTH, _O.GROW, _O.SHRINK, _O.HOLES, _O.LARGEST, _O.SMALL, _O.SPLIT, _O.ISLAND_KEEP, _O.UNITE, _O.SUBTRACT,
    _O.INTERSECT, _O.MOVE,
)  # fmt: skip


@pytest.mark.parametrize("operation", THROUGH, ids=lambda operation: operation.value)
@pytest.mark.parametrize("label", [BRAIN, TUMOUR], ids=["brain", "tumour"])
def test_an_operation_through_the_scan(table: Table, base: Base, operation: Operation, label) -> None:
    view = base.geometry.view(Plane.AXIAL)
    more = options(operation, view) | {"at": (170, 220, 300), "other": BLEED if label is BRAIN else BRAIN}
    order = Order(operation, label, view, MIDDLE, Where.SPACE, **more)  # type: ignore[arg-type] # by name
    looks = Looks()
    took = timed(lambda: run(order, base, looks), 1)
    looks()
    table.rows.append(Row(operation.value, label.name.lower(), took, 1000 * looks.longest))
    assert looks.longest * 1000 < LOOK_MS
    if operation in (_O.GROW, _O.SHRINK):
        assert took < MARGIN_MS


@pytest.mark.parametrize("what", ["tumour", "brain"])
def test_seeds_through_the_scan(table: Table, scribbled: dict[str, Base], what: str) -> None:
    there = scribbled[what]
    order = Order(_O.SEEDS, TUMOUR, there.geometry.view(Plane.AXIAL), MIDDLE, Where.SPACE)
    looks = Looks()
    took = timed(lambda: run(order, there, looks), 1)
    table.rows.append(Row("seeds", what, took, 1000 * looks.longest))
    assert looks.longest * 1000 < LOOK_MS


def test_interpolation_between_ten_slices(table: Table, base: Base) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[60:241:20] = base.layers["brain"][60:241:20]
    there = Base(LABELS, base.volume, {"brain": mask, "lesions": base.layers["lesions"]})
    order = Order(_O.INTERPOLATE, BRAIN, there.geometry.view(Plane.AXIAL), MIDDLE)
    looks = Looks()
    took = timed(lambda: run(order, there, looks), 1)
    table.rows.append(Row("interpolate, 9 gaps of 19 slices", "brain", took, 1000 * looks.longest))
    assert looks.longest * 1000 < LOOK_MS


def test_wand_threshold_and_suggestions_through_the_scan(table: Table, scan: Volume, base: Base) -> None:
    def allowed(z: int) -> np.ndarray:
        return in_range(known_values(scan, scan.array[z]), 450, 1200)

    looks = Looks()
    took = timed(lambda: wand_in_space(allowed, SHAPE, (150, 256, 256), looks), 1)
    table.rows.append(Row("wand", "scan", took, 1000 * looks.longest))
    looks = Looks()

    def threshold() -> None:
        for z in range(SHAPE[0]):
            looks()
            allowed(z)

    table.rows.append(Row("threshold", "scan", timed(threshold, 1), 1000 * looks.longest))
    looks = Looks()
    took = timed(lambda: find_regions("run", "Brain", "sum", base.layers["brain"], looks), 1)
    table.rows.append(Row("suggest: find regions", "scan", took, 1000 * looks.longest))
    found = find_regions("run", "Brain", "sum", base.layers["brain"])
    empty = np.zeros(SHAPE, np.uint8)
    table.rows.append(Row("suggest: what is open", "scan", timed(lambda: found.open_numbers(empty), 1)))
    there = Base(LABELS, scan, {"brain": empty, "lesions": empty})
    order = Order(
        _O.SUGGEST_REGIONS,
        BRAIN,
        scan.geometry.view(Plane.AXIAL),
        MIDDLE,
        Where.SPACE,
        suggestion=found,
        numbers=(1, 2, 3),
    )
    table.rows.append(Row("suggest: accept three regions", "scan", timed(lambda: run(order, there, looks), 1)))
    assert all(row.look < LOOK_MS for row in table.rows[-5:])
