"""Long trainings on the LGG set: five folds against a plain MONAI loop, recipes on one fold, a learning curve.

Ours begins as the brain starter does, which comes with the program and never saw these patients; beside it on one
fold the same from nothing. The plain loop sees two and a half times as many slices, which takes it about as long;
*long* is ours three times as long, an hour of one core a fold.

    python tests/campaigns/lgg.py FOLDER [--only WORD ...] [--table] [--anew]

FOLDER keeps the project, the runs and one result per training; what is there is not done again, and a
training that was broken off goes on where it was. Results that were recorded (tests/campaigns/recorded) are not made
again either, but with --anew. Nothing is chosen by what the test patients show: epoch,
threshold and smallest piece follow from the patients that check.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
from lgg_data import (  # noqa: E402
    FOLDS,
    LABEL,
    READER,
    Rule,
    Sides,
    best_rule,
    finish_only,
    folds_of,
    in_hash_order,
    open_project,
    patient_folders,
    score,
    truth_of,
)
from numpy.typing import NDArray  # noqa: E402

from core.io import atomic  # noqa: E402
from core.learning import runs  # noqa: E402
from core.learning.config import TrainingConfig  # noqa: E402
from core.learning.events import EpochEnded  # noqa: E402
from core.learning.split import Split  # noqa: E402
from models.inference import Predictor  # noqa: E402
from models.trainer import train_job  # noqa: E402

BASE = TrainingConfig(
    labels=(LABEL,), size=192, slices=3, epochs=16, steps=60, batch=8, foreground=0.5, reader=READER, seed=0
)
"""Tumour slices plus as many others: half of each batch shows a tumour. 7,680 slices are seen."""
STARTED = replace(BASE, parent="brain")
LONG = replace(STARTED, epochs=3 * STARTED.epochs)
SEEN = BASE.epochs * BASE.steps * BASE.batch
PLAIN_SEEN, PLAIN_ROUNDS = 19_200, 40
SMALL = replace(BASE, size=128, epochs=40, steps=10, augment="few")
COUNTS, SEEDS = (5, 10, 20, 40), (0, 1, 2)


RECORDED = Path(__file__).resolve().parent / "recorded"
"""Results of trainings that took hours, by campaign: so that another machine goes on, and figures can be checked."""


def take_recorded(name: str, results: Path) -> None:
    """Lay the recorded results of a campaign into its folder, but for those that were made there."""
    for file in sorted((RECORDED / name).glob("*.json")):
        if not (results / file.name).is_file():
            atomic.write_bytes(results / file.name, file.read_bytes())


class Campaign:
    """The folder of the campaign and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        atomic.make_folder(folder / "results")
        self.project, self.scans = open_project(folder)
        self.folds = folds_of(self.scans)
        self.truth: dict[str, NDArray[np.bool_]] = {}

    def sides(self, test: int, learn: Sequence[int] = ()) -> Sides:
        """Return a fold as the test, and the others (or only some) as what is learnt from."""
        learn = learn or [fold for fold in range(FOLDS) if fold != test]
        return Sides.of([name for fold in learn for name in self.folds[fold]], self.folds[test])

    def result(self, key: str) -> dict[str, Any] | None:
        file = self.folder / "results" / f"{key}.json"
        return json.loads(file.read_text("utf-8")) if file.is_file() else None

    def keep(self, key: str, facts: Mapping[str, Any]) -> None:
        machine = {"cores": os.cpu_count(), "threads": os.environ.get("OMP_NUM_THREADS", ""), "cpu": _cpu()}
        facts = {"key": key, **facts, "machine": machine, "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
        atomic.write_bytes(self.folder / "results" / f"{key}.json", (json.dumps(facts) + "\n").encode())

    def true(self, name: str) -> NDArray[np.bool_]:
        if name not in self.truth:
            self.truth[name] = truth_of(self.project, self.scans[name])
        return self.truth[name]

    def trained(self, key: str, config: TrainingConfig, split: Split | None) -> runs.Run:
        """Train, go on with the training, or return the run that is there."""
        note = self.folder / "results" / f"{key}.run"
        before = runs.find_run(self.project, note.read_text("utf-8").strip()) if note.is_file() else None
        if before is not None and before.usable:
            return before
        resume = before.id if before is not None and before.resumable else ""
        if not resume:
            note.unlink(missing_ok=True)
        for event in train_job(self.project.path, None if resume else config, resume=resume, split=split):
            run = getattr(event, "run", "")
            if run and not note.is_file():
                atomic.write_bytes(note, run.encode())
            if isinstance(event, EpochEnded):
                merit, what = event.validation.merit, "Dice" if event.validation.auc is None else "AUC"
                _say(f"{key} epoch {event.epoch}: check {what} {merit:.4f}, best {event.best_dice:.4f}", event.seconds)
        return runs.find_run(self.project, note.read_text("utf-8").strip())

    def probabilities(self, run: runs.Run, names: Sequence[str], *, mirrored: bool) -> dict[str, NDArray[np.float32]]:
        predictor = Predictor(runs.run_folder(self.project, run.id), mirrored=mirrored)
        return {
            name: predictor.predict_volume(self.project.read_volume(self.scans[name].id))[LABEL].astype(np.float32)
            / 255
            for name in names
        }

    def scored(self, found: Mapping[str, NDArray[np.float32]], rule: Rule) -> dict[str, Any]:
        return {name: score(self.true(name), rule.mask(probability)) for name, probability in found.items()}

    # trainings

    def ours(self, key: str, config: TrainingConfig, sides: Sides) -> None:
        """Train one of our networks and score it, as it predicts by default and at its best."""
        run = self.trained(key, config, sides.split(self.scans))
        plain = self.scored(self.probabilities(run, sides.test, mirrored=False), Rule())
        checking = self.probabilities(run, sides.check, mirrored=True)
        rule = best_rule([(self.true(name), probability) for name, probability in checking.items()])
        tuned = self.scored(self.probabilities(run, sides.test, mirrored=True), rule)
        facts = {"config": run.config.to_json(), "run": run.name, "seconds": run.seconds, "best_epoch": run.best_epoch}
        self.keep(key, {**facts, "check_dice": run.best_dice, "rule": asdict(rule), "plain": plain, "tuned": tuned})

    def monai(self, key: str, sides: Sides) -> None:
        """Train MONAI's own way on tumour slices plus as many others."""
        import monai_loop

        started = time.monotonic()
        pictures = {name: _pictures(name) for name in self.scans}
        chosen = [pair for name in sides.train for pair in self._balanced(name, pictures[name])]
        files = monai_loop.Files(chosen, [pictures[name] for name in sides.check])
        network = monai_loop.train(
            files,
            size=BASE.size,
            batch=BASE.batch,
            slices=PLAIN_SEEN,
            rounds=PLAIN_ROUNDS,
            seed=BASE.seed,
            told=lambda number, dice: _say(f"{key} round {number}: check Dice {dice:.4f}"),
            keep=self.folder / "results" / f"{key}.pt",
        )

        def found(names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
            return {
                name: monai_loop.predict(network, pictures[name], BASE.size, self.scans[name].shape[1:])
                for name in names
            }

        seconds = time.monotonic() - started
        rule = best_rule([(self.true(name), probability) for name, probability in found(sides.check).items()])
        tests = found(sides.test)
        plain, tuned = self.scored(tests, Rule()), self.scored(tests, rule)
        self.keep(key, {"seconds": seconds, "rule": asdict(rule), "plain": plain, "tuned": tuned})

    def _balanced(self, name: str, pictures: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
        shown = self.true(name).any(axis=(1, 2))
        others = in_hash_order([str(index) for index in np.flatnonzero(~shown)], f"{name} ")
        return [pictures[index] for index in [*np.flatnonzero(shown), *map(int, others[: int(shown.sum())])]]

    def frozen(self) -> None:
        """Freeze the encoder of a run that was trained on other patients; beside it the same from scratch."""
        before = self.sides(0, (1, 2))
        parent = self.trained("fold0-other", BASE, before.split(self.scans))
        half = self.sides(0, (3, 4))
        if self.result("fold0-frozen") is None:
            self.ours("fold0-frozen", replace(BASE, parent=parent.id, freeze="encoder"), half)
        if self.result("fold0-half") is None:
            self.ours("fold0-half", BASE, half)

    def curve(self, parent: runs.Run, count: int, seed: int) -> None:
        """Train on a few finished slices, from scratch and from a parent."""
        reader = f"few-{count}-{seed}"
        finish_only(self.project, reader, self._few(count, seed))
        config = replace(SMALL, reader=reader, seed=seed, test_fraction=0.0)
        for way, setting in (("scratch", config), ("parent", replace(config, parent=parent.id))):
            key = f"curve-{count}-{seed}-{way}"
            if self.result(key) is None:
                run = self.trained(key, setting, None)
                found = self.probabilities(run, self.folds[0], mirrored=False)
                self.keep(key, {"run": run.name, "seconds": run.seconds, "plain": self.scored(found, Rule())})

    def curve_parent(self) -> runs.Run:
        config = replace(SMALL, epochs=30, steps=50, augment="segment")
        run = self.trained("curve-0-parent", config, self.sides(0, (1, 2)).split(self.scans))
        if self.result("curve-0-parent") is None:
            found = self.probabilities(run, self.folds[0], mirrored=False)
            self.keep("curve-0-parent", {"run": run.name, "seconds": run.seconds, "plain": self.scored(found, Rule())})
        return run

    def _few(self, count: int, seed: int) -> dict[str, list[int]]:
        """Choose slices over as many patients as there are: three that show the tumour, then one that does not."""
        names = in_hash_order([*self.folds[3], *self.folds[4]], f"few {seed} ")
        random = np.random.default_rng(seed)
        chosen: dict[str, list[int]] = {}
        for number in range(count):
            name = names[number % len(names)]
            shown = self.true(name).any(axis=(1, 2))
            pool = np.flatnonzero(shown if number % 4 < 3 else ~shown)
            taken = chosen.setdefault(self.scans[name].id, [])
            free = [int(index) for index in pool if int(index) not in taken]
            taken.append(int(random.choice(free)))
        return {scan: sorted(slices) for scan, slices in chosen.items()}

    def jobs(self) -> dict[str, Callable[[], None]]:
        """Return everything there is to do, by key, in order."""
        jobs: dict[str, Callable[[], None]] = {}
        for fold in range(FOLDS):
            jobs[f"fold{fold}-unet"] = lambda fold=fold: self.ours(f"fold{fold}-unet", STARTED, self.sides(fold))
            jobs[f"fold{fold}-monai"] = lambda fold=fold: self.monai(f"fold{fold}-monai", self.sides(fold))
        for fold in range(FOLDS):
            jobs[f"fold{fold}-long"] = lambda fold=fold: self.ours(f"fold{fold}-long", LONG, self.sides(fold))
        bce = replace(BASE, loss="bce", slices=1, augment="none")
        attention = replace(BASE, network="attention_unet")
        jobs["fold0-scratch"] = lambda: self.ours("fold0-scratch", BASE, self.sides(0))
        jobs["fold0-attention"] = lambda: self.ours("fold0-attention", attention, self.sides(0))
        jobs["fold0-bce"] = lambda: self.ours("fold0-bce", bce, self.sides(0))
        jobs["fold0-frozen"] = jobs["fold0-half"] = self.frozen
        for count in COUNTS:
            for seed in SEEDS:
                for way in ("scratch", "parent"):
                    jobs[f"curve-{count}-{seed}-{way}"] = lambda count=count, seed=seed: self.curve(
                        self.curve_parent(), count, seed
                    )
        return jobs


def _pictures(name: str) -> list[tuple[Path, Path]]:
    """Return a patient's pictures and masks in the order of their numbers."""
    folder = next(item for item in patient_folders() if item.name == name)
    files = [item for item in folder.iterdir() if not item.stem.endswith("_mask") and item.suffix != ".csv"]
    files.sort(key=lambda item: int(re.findall(r"\d+", item.stem)[-1]))
    return [(item, next(folder.glob(f"{item.stem}_mask.*"))) for item in files]


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _say(words: str, seconds: float | None = None) -> None:
    after = "" if seconds is None else f", {seconds:.0f} s"
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {words}{after}", flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the project and the results are kept")
    parser.add_argument("--only", nargs="+", default=[], help="only trainings whose key holds one of these words")
    parser.add_argument("--table", action="store_true", help="print what is there and train nothing")
    parser.add_argument("--anew", action="store_true", help="make what was recorded again")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    (folder / "results").mkdir(parents=True, exist_ok=True)
    if not arguments.anew:
        take_recorded("lgg", folder / "results")
    # the salts of this project's patients stay with it
    os.environ["MENINX_HOME"] = str(folder / "home")
    from lgg_table import table

    if not arguments.table:
        campaign = Campaign(folder)
        for key, job in campaign.jobs().items():
            wanted = not arguments.only or any(word in key for word in arguments.only)
            if wanted and campaign.result(key) is None:
                _say(f"{key}: begun")
                job()
        campaign.project.close()
    print(table(folder / "results", (SEEN, PLAIN_SEEN), COUNTS, SEEDS))  # noqa: T201


if __name__ == "__main__":
    main()
