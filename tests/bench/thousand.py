"""One scan of 512 x 512 x 1000 in the real window, in a process of its own so that its memory can be told.

Run by ``test_bench_thousand.py``, or by hand: ``python tests/bench/thousand.py FOLDER``. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication
from viewer_driver import Times, circle, wheel

from core.geometry import Geometry
from core.project.project import Project
from core.volume import Volume
from gui import theme
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings

SHAPE = (1000, 512, 512)
PAGE_MB = 2**20


def make(folder: Path) -> Path:
    """Write the project; the noise compresses about as badly as a thin CT does."""
    random = np.random.default_rng(1)
    slices = [
        cv2.GaussianBlur(random.normal(600, 300, SHAPE[1:]).astype(np.float32), (0, 0), 2).astype(np.int16)
        for _ in range(8)
    ]
    array = np.empty(SHAPE, np.int16)
    for index in range(SHAPE[0]):
        array[index] = slices[index % 8]
    path = folder / "thousand.meninx"
    with Project.create(path) as project:
        project.ensure_label("Brain")
        project.add_scan(Volume(array, Geometry(SHAPE, np.diag([0.5, 0.5, 0.3, 1.0])), modality="MR"), patient="one")
    return path


def memory(name: str) -> float:
    """Return this process's memory in MB, as the kernel counts it (Linux; elsewhere 0)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


def main(path: Path) -> None:
    """Open, scroll, draw, undo; print what it took."""
    app = QApplication(sys.argv)
    theme.apply(app)
    settings = Settings()
    settings.preferences.tour_seen = True
    window = MainWindow(Session(settings))
    window.resize(1920, 1080)
    window.show()
    app.processEvents()
    start = time.perf_counter()
    window.intake.open_project(path)
    session, views = window.session, window.annotate.views
    while session.scan is None or session.loading:
        app.processEvents()
        time.sleep(0.002)
    app.processEvents()
    first = time.perf_counter() - start
    scroll, strokes = Times(), Times()
    for view in views.views:
        for turned in [-120] * 40 + [120] * 40:
            scroll.take(lambda view=view, turned=turned: wheel(view, turned))  # type: ignore[misc]
    window.annotate.hand.set_size(60)
    for number in range(8):
        circle(views.main, strokes, QPointF(views.main.rect().center()) + QPointF(20.0 * number - 80, 0))
    at_rest = memory("VmRSS:")
    found = {
        "first_slice_s": round(first, 2),
        "scroll": scroll.words(),
        "scroll_p99": scroll.share(99),
        "stroke": strokes.words(),
        "stroke_p99": strokes.share(99),
        "rss_mb": round(at_rest),
        "most_mb": round(memory("VmHWM:")),
    }
    session.put_away()
    window.close()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    main(place if place.suffix == ".meninx" else make(place))
