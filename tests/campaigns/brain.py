"""The brain starter from nothing: maps, then training on made-up slices.

    python tests/campaigns/brain.py FOLDER [--maps FOLDER] [--workers N] [--device auto|cpu|cuda] [--steps N]
    python tests/campaigns/brain.py FOLDER --begin OTHER [--without PERSON ...]

FOLDER keeps everything: a training that was broken off goes on where it was. ``--steps`` stops after so many steps
of this call (to try it). Nothing in the first looks at a real scan. The second begins with what another folder
learnt and takes real heads beside the made-up ones (``brain_heads.py`` tells which), but for the people left out.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from brain_heads import real_heads  # noqa: E402

from core.io import atomic  # noqa: E402
from core.io.opener import open_whole  # noqa: E402
from core.learning.config import TrainingConfig  # noqa: E402
from core.learning.runs import RESUME_FILE  # noqa: E402
from core.learning.synth import MadeUp  # noqa: E402
from core.learning.synth_maps import HeadMap, head_map, load_maps, save_maps, upright  # noqa: E402
from core.learning.synth_plane import STACK  # noqa: E402
from core.learning.synth_real import RealHead  # noqa: E402
from models import checkpoint  # noqa: E402
from models.device import use_threads  # noqa: E402
from models.starter_export import export_starter  # noqa: E402
from models.synth_learner import Batch, Recipe, SynthLearner, checking, examples_of  # noqa: E402

CHECK_MAPS = ("training_seg_05", "training_seg_13", "training_seg_20")
"""Heads that are not learnt from: an atrophied one, a small one, a large one."""
EXPORT_SIZE = 160
PREPARE = ("clip", "zscore", "crop")
"""How a real scan is prepared: as the made-up slices are, the head filling most of the square."""
SAVE_SECONDS = 150
WITH_REAL = Recipe(stages=((2_000, 160),), rate=3e-4, seed=12, real=4)
"""How real heads are learnt from, after the made-up ones and half and half with them."""
LOG_STEPS, CHECK_STEPS = 50, 500
MAPS_FILE, RECIPE_FILE, LOG_FILE = "maps.npz", "recipe.json", "log.jsonl"


def made_maps(folder: Path, source: Path) -> list[HeadMap]:
    """Return the maps, made once of the label maps in a folder."""
    file = folder / MAPS_FILE
    if not file.is_file():
        maps = []
        for path in sorted(source.glob("*.nii.gz")):
            scan = open_whole(path)
            codes = np.stack([scan.slice(index) for index in range(scan.shape[0])]).astype(np.int32)
            maps.append(head_map(path.name.removesuffix(".nii.gz"), upright(codes, scan.volume.geometry)))
            say(f"map {maps[-1].name}: brain {maps[-1].brain.sum() / 1000:.0f} mL")
        if not maps:
            raise SystemExit(f"No label maps in {source}.")
        atomic.write_bytes(file, save_maps(maps))
    return load_maps(file)


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)  # noqa: T201


def note(folder: Path, facts: dict[str, Any]) -> None:
    """Add a line to the log; one cut short by a crash is only a line of a log."""
    with (folder / LOG_FILE).open("a", encoding="utf-8") as log:
        log.write(json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **facts}) + "\n")


_maps: list[HeadMap] = []
_heads: list[RealHead] = []


def _begin_worker(file: str, heads: Sequence[RealHead]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _maps[:] = _learnt_from(load_maps(Path(file)))
    _heads[:] = heads


def _examples(recipe: Recipe, step: int) -> list[MadeUp]:
    return examples_of(_maps, recipe, step, _heads)


def _learnt_from(maps: Sequence[HeadMap]) -> list[HeadMap]:
    return [one for one in maps if one.name not in CHECK_MAPS]


def batches(
    recipe: Recipe, first: int, maps: Sequence[HeadMap], heads: Sequence[RealHead], file: Path, workers: int
) -> Iterator[Batch]:
    """Yield the batch of each step from ``first`` on, made here or by other processes ahead of time."""
    if workers < 1:
        for step in range(first, recipe.steps):
            yield Batch.of(examples_of(maps, recipe, step, heads))
        return
    with ProcessPoolExecutor(workers, initializer=_begin_worker, initargs=(str(file), heads)) as pool:
        waiting: deque[Future[list[MadeUp]]] = deque()
        ahead = first
        for _ in range(first, recipe.steps):
            while ahead < recipe.steps and len(waiting) < 4 * workers:
                waiting.append(pool.submit(_examples, recipe, ahead))
                ahead += 1
            yield Batch.of(waiting.popleft().result())


def recipe_of(folder: Path, new: Recipe | None = None) -> Recipe:
    """Return the recipe of a folder; a new folder gets that of this version."""
    file = folder / RECIPE_FILE
    if not file.is_file():
        atomic.write_bytes(file, (json.dumps((new or Recipe()).to_json(), indent=1) + "\n").encode())
    return Recipe.from_json(json.loads(file.read_text("utf-8")))


def train(given: argparse.Namespace) -> SynthLearner:
    """Train, or go on."""
    folder, workers, steps = given.folder, given.workers, given.steps
    atomic.make_folder(folder)
    recipe = recipe_of(folder, WITH_REAL if given.begin else None)
    maps = made_maps(folder, given.maps)
    found = real_heads(given.data, given.without) if recipe.real else []
    heads = [head for head, _ in found]
    use_threads()
    learner = SynthLearner(recipe, given.device)
    if (folder / RESUME_FILE).is_file():
        learner.restore(checkpoint.read_resume(folder, learner.device))
        say(f"goes on at step {learner.step} of {recipe.steps}")
    elif given.begin:
        before = checkpoint.read_resume(given.begin, learner.device)
        learner.begin_from(before)
        note(folder, {"begun_from": int(before["step"]), "seconds_before": float(before["seconds"])})
        note(folder, {"heads": [facts for _, facts in found]})
        say(f"begins with step {before['step']} of {given.begin.name}, {len(heads)} real heads beside made-up ones")
    else:
        learner.probe(Batch.of(examples_of(maps, recipe, 0)))
        say(f"begins: {recipe.steps} steps on {learner.device.type}, {learner.precision}")
    note(folder, {"commit": _commit(), "step": learner.step})
    last = min(recipe.steps, learner.step + steps) if steps else recipe.steps
    checked: dict[int, list[MadeUp]] = {}
    saved, started, counted = time.monotonic(), time.monotonic(), 0
    sums = {"brain": 0.0, "distance": 0.0}
    for batch in batches(recipe, learner.step, _learnt_from(maps), heads, folder / MAPS_FILE, workers):
        if learner.step >= last:
            break
        told = learner.learn(batch)
        sums, counted = {name: total + told[name] for name, total in sums.items()}, counted + 1
        if learner.step % LOG_STEPS == 0:
            mean = {name: round(total / counted, 5) for name, total in sums.items()}
            pace = counted * recipe.batch / (time.monotonic() - started)
            note(folder, {"step": learner.step, **mean, "rate": told["rate"], "cpu": round(learner.seconds, 1)})
            say(f"step {learner.step}: brain {mean['brain']:.4f}, distance {mean['distance']:.4f}, {pace:.1f} slices/s")
            sums, started, counted = dict.fromkeys(sums, 0.0), time.monotonic(), 0
        if learner.step % CHECK_STEPS == 0 or learner.step == recipe.steps:
            size = recipe.size(learner.step)
            if size not in checked:
                held_out = [one for one in maps if one.name in CHECK_MAPS]
                checked = {size: checking(held_out, recipe, size)}
            figures = {name: round(value, 5) for name, value in learner.check(checked[size]).items()}
            note(folder, {"step": learner.step, "size": size, "check": figures, "cpu": round(learner.seconds, 1)})
            say(f"step {learner.step} check: {figures}")
        if time.monotonic() - saved > SAVE_SECONDS:
            checkpoint.save_resume(folder, learner.state())
            saved = time.monotonic()
    checkpoint.save_resume(folder, learner.state())
    say(f"{learner.step} of {recipe.steps} steps, {learner.seconds / 3600:.2f} core-hours")
    return learner


def _commit() -> str:
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()


def export(folder: Path, target: Path) -> None:
    """Write the starter of the averaged weights that are there so far."""
    recipe = recipe_of(folder)
    learner = SynthLearner(recipe, "cpu")
    learner.restore(checkpoint.read_resume(folder, learner.device))
    lines = [json.loads(line) for line in (folder / LOG_FILE).read_text("utf-8").splitlines()]
    commit = next((line["commit"] for line in reversed(lines) if "commit" in line), _commit())
    checks = [line for line in lines if "check" in line and line["step"] <= learner.step]
    begun = next((line for line in lines if "begun_from" in line), {"begun_from": 0, "seconds_before": 0.0})
    heads: list[dict[str, Any]] = next((line["heads"] for line in lines if "heads" in line), [])
    facts = {
        "name": "brain",
        "run": "starter-brain",
        "made_up": not heads,
        # heads that were made up are MR, whatever their contrast
        "modalities": ["MR"],
        "real_heads": heads,
        "steps": learner.step,
        "of_steps": recipe.steps,
        "steps_before": begun["begun_from"],
        "core_hours": round((learner.seconds + begun["seconds_before"]) / 3600, 2),
        "recipe": recipe.to_json(),
        "maps": sorted(one.name for one in load_maps(folder / MAPS_FILE)),
        "check_maps": list(CHECK_MAPS),
        "check": checks[-1] if checks else None,
        "commit": commit,
        "torch": torch.__version__,
    }
    config = TrainingConfig(labels=("Brain",), network=recipe.network, size=EXPORT_SIZE, slices=STACK, prepare=PREPARE)
    difference = export_starter(target, learner.average.eval(), config, facts)
    say(f"exported step {learner.step} to {target}, largest difference {difference:.2g}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the brain starter on made-up heads.")
    parser.add_argument("folder", type=Path)
    data = Path(os.environ.get("MENINX_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=data, help="real scans")
    parser.add_argument("--begin", type=Path, help="folder of a training to begin with; real heads are learnt from too")
    parser.add_argument("--without", nargs="+", default=[], help="people that are left out of the real heads")
    parser.add_argument("--maps", type=Path, default=data / "labelmaps" / "synthseg")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--export", type=Path, help="write the starter of what is there so far, and train no further")
    given = parser.parse_args()
    if given.export:
        export(given.folder, given.export)
        return
    train(given)


if __name__ == "__main__":
    main()
