"""The same strokes and slices as the benches of the viewer, on napari: optional, in an environment of its own.

napari is no part of this project and not in its lock::

    python -m venv /somewhere && /somewhere/bin/pip install "napari[pyqt6]"
    xvfb-run -a /somewhere/bin/python tests/bench/compare_napari.py

One plane is shown (napari shows one), in as many pixels as our largest pane has.
A frame counts as done when its events were handled and the graphics library says
that it has finished drawing. Our figures
for the same machine come from ``pytest tests/bench/test_bench_viewer.py -s``; run
both in turn, with nothing else at work.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

import napari
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

SHAPE = (300, 512, 512)
PANE = (868, 954)
RADII = (20, 60)


def scan() -> NDArray[np.int16]:
    """Return the scan of the benches: ``int16 [z, y, x]``."""
    random = np.random.default_rng(1)
    slices = [
        gaussian_filter(random.normal(600, 300, SHAPE[1:]).astype(np.float32), 2).astype(np.int16) for _ in range(8)
    ]
    return np.stack([slices[index % 8] for index in range(SHAPE[0])])


def mask() -> NDArray[np.uint8]:
    """Return the ball of the benches: ``uint8 [z, y, x]``."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    ball = ((z - 150) / 130) ** 2 + ((y - 256) / 200) ** 2 + ((x - 256) / 160) ** 2
    return (ball < 1).astype(np.uint8)


def main() -> None:
    """Measure and print one JSON object."""
    viewer = napari.Viewer(show=True)
    window = viewer.window._qt_viewer
    window.window().resize(PANE[0] + 330, PANE[1] + 120)
    viewer.add_image(scan(), contrast_limits=(0, 1200))
    labels = viewer.add_labels(mask(), opacity=0.25)
    from qtpy.QtWidgets import QApplication
    from vispy.gloo import gl

    app = QApplication.instance()
    for _ in range(20):
        app.processEvents()
    canvas = window.canvas._scene_canvas

    def timed(act: Callable[[], object]) -> tuple[float, float]:
        start, used = time.perf_counter(), time.process_time()
        act()
        app.processEvents()
        canvas.set_current()
        gl.glFinish()
        return (time.perf_counter() - start) * 1e3, (time.process_time() - used) * 1e3

    found: dict[str, object] = {"napari": napari.__version__, "pane": list(canvas.size), "load": os.getloadavg()[0]}

    def note(what: str, times: list[tuple[float, float]]) -> None:
        wall, cpu = np.array(times).T
        found[what] = {
            "median": round(float(np.median(wall)), 1),
            "p95": round(float(np.percentile(wall, 95)), 1),
            "processor_median": round(float(np.median(cpu)), 1),
        }

    places = [*range(150, 180), *range(180, 150, -1)]
    note("scroll", [timed(lambda place=place: viewer.dims.set_point(0, place)) for place in places])
    labels.mode = "paint"
    labels.selected_label = 1
    for radius in RADII:
        labels.brush_size = 2 * radius
        times = []
        for stroke in range(8):
            angles = np.arange(40) / 40 * 2 * np.pi
            rows = 256 + 120 * np.sin(angles)
            columns = 200 + 15 * stroke + 80 * np.cos(angles)
            value = 2 if stroke % 2 else 1
            with labels.block_history():
                for row, column in zip(rows, columns, strict=True):
                    point = (viewer.dims.current_step[0], round(float(row)), round(float(column)))
                    times.append(timed(lambda point=point, value=value: labels.paint(point, value)))
        note(f"brush, radius {radius} px", times)
    viewer.close()
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
