"""The window's start loads nothing that only some of its tools and pages, or the decoding child, need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "scipy",
    "skimage",
    "pydicom",
    "nibabel",
    "nrrd",
    "gdcm",
    "PIL",
    "pyqtgraph",
    "cv2",
    "h5py",
    "torch",
    "monai",
    "openvino",
    "onnx",
    "gui.train.workspace",
    "gui.review.workspace",
)


def test_start_of_the_window_loads_no_decoder_and_no_slow_library() -> None:
    code = f"import gui.app, sys; print([name for name in {HEAVY} if name in sys.modules])"
    root = Path(__file__).parents[2]
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
