"""Ten slices: a training that starts from the brain starter against one from nothing, on people neither has seen.

    python tests/campaigns/brain_tune.py FOLDER [--slices 10] [--epochs 40]

The starter is the one that is shipped (or of ``MENINX_STARTERS``). Ten slices, spread evenly over the scans of one
person, are finished; what comes out is measured on all scans of the other person, and the other way round; three
seeds each. FOLDER keeps the projects and one result per training; what is there is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
from brain_eval import OWN, cases, figures  # noqa: E402

from core.io import atomic  # noqa: E402
from core.learning.config import TrainingConfig  # noqa: E402
from core.learning.runs import find_run, run_folder  # noqa: E402
from core.learning.starters import brain_starter  # noqa: E402
from core.project.project import Project  # noqa: E402
from core.project.records import Origin, SliceState  # noqa: E402
from models.loose import RunMasker  # noqa: E402
from models.trainer import train_job  # noqa: E402

PEOPLE = ("Ljubljana 011+012", "Ljubljana 202")
SEEDS = (0, 1, 2)
ENDS = 0.15
"""Slices are taken from the part of a scan that its mask covers, and a little beyond it at both ends."""


def make_project(path: Path, person: str, data: Path, count: int) -> None:
    """Make a project of one person's scans with so many finished slices, spread evenly over them."""
    names = {name for name, _, one in OWN if one == person}
    mine = [case for case in cases(data) if case.name in names]
    with Project.create(path) as project:
        label = project.ensure_label("Brain")
        for number, case in enumerate(mine):
            volume, mask = case.read()
            assert mask is not None
            scan = project.add_scan(volume, patient=person)
            share = count // len(mine) + (number < count % len(mine))
            covered = np.flatnonzero(mask.any(axis=(1, 2)))
            more = round(ENDS * len(covered))
            first, last = max(0, covered[0] - more), min(len(mask) - 1, covered[-1] + more)
            chosen = {int(index) for index in np.linspace(first, last, share).round()}
            states = [SliceState(index, Origin.DRAWN, finished=index in chosen) for index in sorted(chosen)]
            annotation = project.ensure_annotation(scan.id, "reader")
            only = np.zeros(mask.shape, dtype=np.uint8)
            only[sorted(chosen)] = mask[sorted(chosen)]
            layers = {label.layer: only * np.uint8(label.value)}
            project.save_layers(annotation.id, layers, {label.layer: states}, journal_sequence=0)


def trained(path: Path, config: TrainingConfig, data: Path, others: str) -> dict[str, Any]:
    """Train, and measure on the scans of the other person."""
    run = ""
    began = time.process_time()
    for event in train_job(path, config):
        run = getattr(event, "run", run) or run
    seconds = time.process_time() - began
    with Project.open(path, read_only=True) as project:
        masker = RunMasker(run_folder(project, find_run(project, run).id))
    told = {}
    for case in cases(data):
        if (case.name, case.contrast, others) in OWN:
            volume, truth = case.read()
            assert truth is not None
            told[case.name] = figures(truth, np.asarray(masker.masks(volume, lambda: "")["Brain"]) > 0, volume)
    return {"scans": told, "cpu_seconds": round(seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Ten slices from the starter against ten slices from nothing.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slices", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    given = parser.parse_args()
    data = Path(os.environ.get("MENINX_DATA", ROOT.parent / "shared" / "data"))
    starter = brain_starter()
    if starter is None:
        raise SystemExit("There is no brain starter; set MENINX_STARTERS.")
    usual = replace(starter.config, labels=("Brain",), split="slice", validation_fraction=0.2, test_fraction=0.0)
    usual = replace(usual, epochs=given.epochs, steps=10, batch=8, augment="few", parent=None)
    atomic.make_folder(given.folder)
    means: dict[str, list[float]] = {"starter": [], "scratch": []}
    for number, person in enumerate(PEOPLE):
        path = given.folder / f"person{number}.meninx"
        if not path.exists():
            make_project(path, person, data, given.slices)
        for seed in given.seeds:
            for start in means:
                file = given.folder / f"person{number}-{start}-{seed}.json"
                if not file.is_file():
                    config = replace(usual, seed=seed, parent=starter.name if start == "starter" else None)
                    result = trained(path, config, data, PEOPLE[1 - number])
                    atomic.write_bytes(file, (json.dumps(result, indent=1) + "\n").encode())
                found = json.loads(file.read_text("utf-8"))["scans"].values()
                means[start].append(float(np.mean([one["covered"]["dice"] for one in found])))
                print(file.stem, round(means[start][-1], 4), flush=True)  # noqa: T201
    apart = np.array(means["starter"]) - np.array(means["scratch"])
    told = {"slices": given.slices, "epochs": given.epochs, "starter": means["starter"], "scratch": means["scratch"]}
    told |= {"margin": float(apart.mean()), "margin_least": float(apart.min()), "beats": bool((apart > 0).all())}
    atomic.write_bytes(given.folder / "results.json", (json.dumps(told, indent=1) + "\n").encode())
    print(json.dumps(told, indent=1), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
