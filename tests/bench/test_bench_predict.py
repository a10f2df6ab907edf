"""Prediction on the processor: a head stripped from file to file, 300 slices beside eager torch (DESIGN section 10).

Run alone on a quiet machine: ``pytest tests/bench/test_bench_predict.py -s --override-ini=addopts=-q``. The head is a
made-up one of 1 mm; a real one is timed too where the scans lie (``MENINX_DATA``). Figures go to docs/benchmarks.md.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from core.events import Finished
from core.learning.config import TrainingConfig
from core.learning.prepare import Preparation
from core.phantom import make_head
from core.volume import Volume
from models.checkpoint import export_model
from models.device import autocast
from models.inference import BATCH, Predictor
from models.loose import strip_job
from models.networks.registry import build_network

ROOT = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("MENINX_DATA", ROOT.parent / "shared" / "data")) / "strip" / "jane_t1.nii.gz"
STRIP_S = 4.0
SLICES_S = 12.0 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else 25.0
ROUNDS = 3
EAGER_BATCHES = 12


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the least seconds on the clock, and the processor time of that round."""
    found = []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - began, time.process_time() - used))
    return min(found)


def head_file(folder: Path) -> Path:
    """Write a made-up head of 256 x 256 x 180, 1 mm."""
    image = make_head(1, shape=(180, 256, 256), spacing=(1.0, 1.0, 1.0)).volume
    file = folder / "head.nii.gz"
    nib.save(nib.Nifti1Image(image.array.transpose(2, 1, 0), image.geometry.affine), file)
    return file


def test_a_head_is_stripped_within_four_seconds(tmp_path: Path) -> None:
    files = [head_file(tmp_path), *([REAL] if REAL.is_file() else [])]
    for file in files:

        def strip(file: Path = file) -> None:
            (done,) = [event for event in strip_job([file], tmp_path / "out") if isinstance(event, Finished)]
            assert done.result["failed"] == 0

        clock, processor = seconds(strip)
        say(f"strip {file.name}: {clock:.2f} s, {processor:.1f} of the processor (bar {STRIP_S:.0f})")
        assert clock <= STRIP_S


def test_300_slices_are_predicted_beside_eager_torch(tmp_path: Path) -> None:
    config = TrainingConfig(labels=("Brain",))
    torch.manual_seed(0)
    network = build_network(config.network, inputs=config.slices, outputs=1, size=config.size).eval()
    preparation = Preparation.of(config)
    facts = {"name": "bench", "labels": ["Brain"], "task": "segment"}
    export_model(tmp_path, network, preparation, facts)
    predictor, volume = Predictor(tmp_path), thick()
    predictor.predict_volume(
        replace(volume, array=volume.array[:8], geometry=replace(volume.geometry, shape=(8, 512, 512)))
    )
    ours, processor = seconds(lambda: predictor.predict_volume(volume))
    say(f"300 slices of 512 x 512: {ours:.1f} s, {processor:.1f} of the processor (bar {SLICES_S:.0f})")

    # torch is spared the preparation of slices, which ours has in its time
    rates = {"ours": volume.shape[0] / ours}
    batch = torch.randn(BATCH, preparation.inputs, config.size, config.size)
    for name, precision in (("torch float32", torch.float32), ("torch bfloat16", torch.bfloat16)):

        def eager(precision: torch.dtype = precision) -> None:
            with torch.inference_mode(), autocast(torch.device("cpu"), precision):
                for _ in range(EAGER_BATCHES):
                    network(batch)

        rates[name] = BATCH * EAGER_BATCHES / seconds(eager)[0]
    say(f"slices a second at {config.size}: " + ", ".join(f"{name} {rate:.1f}" for name, rate in rates.items()))
    assert ours <= SLICES_S
    assert rates["ours"] >= max(rates.values())


def thick() -> Volume:
    """Return 300 slices of 512 x 512: a made-up head, each slice ten times."""
    head = make_head(2, shape=(30, 512, 512)).volume
    return replace(
        head, array=np.repeat(head.array, 10, axis=0), geometry=replace(head.geometry, shape=(300, 512, 512))
    )
