"""One of several processes that open the same project at once, as the window does, and draw if they may.

Run by test_many_openers.py as ``python lock_child.py PROJECT TIMES NUMBER``. Whoever may draw makes a
file that must not be there, draws, saves, and takes the file away. It writes ``wrote COUNT`` and
``looked COUNT`` at its end, and ``crossed`` if two were drawing at once.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from core.editing.opening import open_annotation
from core.errors import MeninxError
from core.geometry import Plane
from core.project.saver import Saver
from gui.opening import open_for_drawing


def draw(path: Path, number: int, count: int) -> None:
    opened = open_for_drawing(path, f"reader {number}")
    try:
        if opened.lock is None:
            assert opened.project.read_only
            assert opened.reason
            open_annotation(opened.project, "S0001", "anna", journal=False)
            return
        marker = path.parent / "drawing"
        descriptor = os.open(marker, os.O_CREAT | os.O_EXCL)
        os.close(descriptor)
        annotation = open_annotation(opened.project, "S0001", "anna")
        saver = Saver(opened.project, annotation)
        editor = annotation.editor
        view = editor.geometry.view(Plane.AXIAL)
        editor.begin("brush", opened.project.labels().named("Brain"), erase=count % 2 == 1)
        at = (float(5 + number * 3), float(5 + count % 20))
        editor.dab(view, 0, at, at, 1.6)
        editor.commit()
        saver.close()
        marker.unlink()
        print("drew", flush=True)  # noqa: T201
    finally:
        opened.close()


def main(path: str, times: str, number: str) -> None:
    for count in range(int(times)):
        try:
            draw(Path(path), int(number), count)
        except FileExistsError:
            print("crossed", flush=True)  # noqa: T201
        except MeninxError as error:
            print("error", error, flush=True)  # noqa: T201
        time.sleep(0.002 * int(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
