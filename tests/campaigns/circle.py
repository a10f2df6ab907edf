"""Does it pay to draw the suggested slices? Predict, draw ten, learn on, predict: against ten drawn by lot.

    python tests/campaigns/circle.py FOLDER [--seeds N] [--patients N] [--epochs N] [--more N] [--table]

The truth of the LGG slices plays the reader. For each seed a run learns from a few slices of some patients and
predicts patients it never met. Ten of their slices are suggested (core.review.suggest), ten others drawn by lot,
spread over as many patients and skewed to slices on which the tumour is predicted; both are replaced by the truth,
and a run learns on from each. All three are scored on patients that nobody touched. FOLDER keeps everything; what is
there is not done again. Nothing is tuned by what comes out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
from lgg_data import LABEL, READER, dice, finish_only, in_hash_order, patient_folders, truth_of  # noqa: E402

from core.events import Skipped  # noqa: E402
from core.io import atomic  # noqa: E402
from core.learning import runs  # noqa: E402
from core.learning.config import TrainingConfig  # noqa: E402
from core.learning.split import Part, Split  # noqa: E402
from core.project.importing import ImportOptions, import_job  # noqa: E402
from core.project.project import Project  # noqa: E402
from core.project.records import Scan  # noqa: E402
from core.review.next_best import LOT, Pick  # noqa: E402
from core.review.suggest import Wish, suggest  # noqa: E402
from core.review.tidy import Ways  # noqa: E402
from models.inference import Predictor, masks_of  # noqa: E402
from models.predicting import predict_job  # noqa: E402
from models.trainer import train_job  # noqa: E402

COUNT = 10
ARMS = {"suggested": LOT, "lots": 1.0}
"""Which part of the ten is drawn by lot."""
BASE = TrainingConfig(
    labels=(LABEL,), size=128, slices=3, epochs=40, steps=10, batch=8, foreground=0.5, augment="few", test_fraction=0.0
)
MORE = 15
"""Epochs that a run learns on for."""


@dataclass(frozen=True)
class Roles:
    """Names of patients: few slices to begin with, all slices to choose the epoch, to be suggested from, to test."""

    begin: tuple[str, ...]
    check: tuple[str, ...]
    pool: tuple[str, ...]
    test: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> Roles:
        """Deal patients: a fifth tests, a tenth checks, a third begins, the rest is the pool; at least one each."""
        ordered = in_hash_order(names, "circle ")
        test, check = max(1, len(names) // 5), max(1, len(names) // 10)
        begin = max(1, (len(names) - test - check) // 2)
        cuts = np.cumsum([test, check, begin])
        parts = [tuple(ordered[first:last]) for first, last in zip([0, *cuts], [*cuts, None], strict=True)]
        return cls(parts[2], parts[1], parts[3], parts[0])


class Circle:
    """The folder of the campaign and what is in it."""

    def __init__(self, folder: Path, patients: int, base: TrainingConfig, more: int) -> None:
        self.folder, self.base, self.more = folder, base, more
        atomic.make_folder(folder / "results")
        self.project, self.scans = open_some(folder, patients)
        self.roles = Roles.of(list(self.scans))

    def result(self, key: str) -> dict[str, Any] | None:
        file = self.folder / "results" / f"{key}.json"
        return json.loads(file.read_text("utf-8")) if file.is_file() else None

    def keep(self, key: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        told = {"key": key, **facts, "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
        atomic.write_bytes(self.folder / "results" / f"{key}.json", (json.dumps(told, indent=1) + "\n").encode())
        return told

    def seed(self, seed: int) -> None:
        """Go round once: begin, then both arms."""
        start = self._begin(seed)
        begun = self._trained(f"{seed}-begin", replace(self.base, seed=seed), start)
        for arm, lot in ARMS.items():
            key = f"{seed}-{arm}"
            if self.result(key) is not None:
                continue
            picks = self._picks(key, begun, lot, seed)
            chosen = {scan: [*start.get(scan, []), *picks.get(scan, [])] for scan in {*start, *picks}}
            config = replace(self.base, seed=seed, epochs=self.more, parent=begun.id)
            began = time.process_time()
            run = self._trained(key, config, chosen)
            scores = self._scores(run)
            self.keep(key, {"run": run.name, "picks": picks, "scores": scores, "cpu": time.process_time() - began})
            _say(f"{key}: Dice {np.mean(list(scores.values())):.4f}")
        if self.result(f"{seed}-begin") is None:
            self.keep(f"{seed}-begin", {"run": begun.name, "slices": start, "scores": self._scores(begun)})

    def _begin(self, seed: int) -> dict[str, list[int]]:
        """Choose ten slices of the patients to begin with: three that show the tumour, then one that does not."""
        random = np.random.default_rng(seed)
        names = in_hash_order(self.roles.begin, f"begin {seed} ")
        chosen: dict[str, list[int]] = {}
        for number in range(COUNT):
            scan = self.scans[names[number % len(names)]]
            shown = truth_of(self.project, scan).any(axis=(1, 2))
            taken = chosen.setdefault(scan.id, [])
            pool = [int(z) for z in np.flatnonzero(shown if number % 4 < 3 else ~shown) if int(z) not in taken]
            if pool:
                taken.append(int(random.choice(pool)))
        return chosen

    def _trained(self, key: str, config: TrainingConfig, chosen: Mapping[str, Sequence[int]]) -> runs.Run:
        """Train on these slices, go on with the training, or return the run that is there."""
        note = self.folder / "results" / f"{key}.run"
        before = runs.find_run(self.project, note.read_text("utf-8").strip()) if note.is_file() else None
        if before is not None and before.usable:
            return before
        resume = before.id if before is not None and before.resumable else ""
        checking = {self.scans[name].id: range(self.scans[name].shape[0]) for name in self.roles.check}
        reader = f"circle-{key}"
        finish_only(self.project, reader, {**chosen, **{scan: list(slices) for scan, slices in checking.items()}})
        split = Split(
            {Part.TRAIN: tuple(chosen), Part.VALIDATION: tuple(checking), Part.TEST: ()},
            patients=self._patients({Part.TRAIN: chosen, Part.VALIDATION: checking}),
        )
        settings = None if resume else replace(config, reader=reader)
        for event in train_job(self.project.path, settings, resume=resume, split=split):
            run = getattr(event, "run", "")
            if run and not note.is_file():
                atomic.write_bytes(note, run.encode())
        return runs.find_run(self.project, note.read_text("utf-8").strip())

    def _patients(self, parts: Mapping[Part, Mapping[str, Any]]) -> dict[str, Part]:
        return {self.project.scan(scan).patient: part for part, scans in parts.items() for scan in scans}

    def _picks(self, key: str, run: runs.Run, lot: float, seed: int) -> dict[str, list[int]]:
        """Predict the pool once, and choose ten of its slices; what is chosen is kept."""
        known = self.result(f"{key}-picks")
        if known is None:
            pool = [self.scans[name].id for name in self.roles.pool]
            for event in predict_job(self.project.path, run.id, pool, missing_only=True, ways=Ways(mirrored=True)):
                if isinstance(event, Skipped):
                    raise SystemExit(f"{event.source}: {event.error}")
            wish = Wish(run.id, COUNT, scans=tuple(pool), reader=f"circle-{seed}-begin", lot=lot, seed=seed)
            found = suggest(self.project, run, wish).picks
            known = self.keep(f"{key}-picks", {"picks": [_facts(pick) for pick in found]})
        picks: dict[str, list[int]] = {}
        for one in known["picks"]:
            picks.setdefault(one["scan"], []).append(one["slice"])
        return picks

    def _scores(self, run: runs.Run) -> dict[str, float]:
        """Return the Dice of each test patient, as the run predicts by default."""
        predictor = Predictor(runs.run_folder(self.project, run.id))
        found = {}
        for name in self.roles.test:
            scan = self.scans[name]
            said = masks_of(predictor.predict_volume(self.project.read_volume(scan.id)))[LABEL]
            found[name] = dice(truth_of(self.project, scan), said > 0)
        return found

    def table(self, seeds: Sequence[int]) -> str:
        """Return what came out so far: mean Dice of the test patients, and the difference patient by patient."""
        rows = [f"{len(self.roles.test)} test patients, {len(self.roles.pool)} in the pool, {COUNT} slices"]
        rows.append(f"{'seed':>5} {'begun':>8} {'suggested':>10} {'by lot':>8} {'difference':>11}")
        differences: list[float] = []
        for seed in seeds:
            found = [self.result(f"{seed}-{key}") for key in ("begin", *ARMS)]
            if not all(found):
                continue
            scores = [np.array([one["scores"][name] for name in self.roles.test]) for one in found if one]
            differences.append(float((scores[1] - scores[2]).mean()))
            means = [float(one.mean()) for one in scores]
            rows.append(f"{seed:>5} {means[0]:>8.4f} {means[1]:>10.4f} {means[2]:>8.4f} {differences[-1]:>+11.4f}")
        if differences:
            spread = np.std(differences, ddof=1) if len(differences) > 1 else float("nan")
            better = sum(one > 0 for one in differences)
            rows.append(
                f"suggested minus by lot: {np.mean(differences):+.4f} (deviation over seeds {spread:.4f}), "
                f"better in {better} of {len(differences)}"
            )
        return "\n".join(rows)


def _facts(pick: Pick) -> dict[str, Any]:
    one = pick.candidate
    doubts = {name: round(value, 4) for name, value in one.doubts.items()}
    return {"scan": one.scan, "slice": one.slice, "lot": pick.lot, "doubts": doubts, "reason": pick.words}


def open_some(folder: Path, patients: int) -> tuple[Project, dict[str, Scan]]:
    """Open the campaign's project, importing that many patients (0: all) the first time; scans by patient."""
    path = folder / "circle.meninx"
    folders = patient_folders()
    wanted = in_hash_order([item.name for item in folders], "circle ")[: patients or None]
    if not path.exists():
        Project.create(path).close()
        options = ImportOptions(label=LABEL, patient_from="folder", as_="stack", reader=READER)
        for event in import_job(path, [item for item in folders if item.name in wanted], options):
            if isinstance(event, Skipped):
                raise SystemExit(f"{event.source}: {event.error}")
    project = Project.open(path)
    names = project.links.patients()
    scans = {names[scan.patient]: scan for scan in project.scans()}
    if sorted(scans) != sorted(wanted):
        raise SystemExit(f"{len(scans)} patients are in {path}, not {len(wanted)}: take another folder")
    return project, scans


def _say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {words}", flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the project and the results are kept")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--patients", type=int, default=0, help="only so many patients; 0 for all")
    parser.add_argument("--epochs", type=int, default=BASE.epochs, help="of the run to begin with")
    parser.add_argument("--more", type=int, default=MORE, help="epochs that are learnt on for")
    parser.add_argument("--table", action="store_true", help="print what is there and train nothing")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    # the salts of this project's patients stay with it
    os.environ["MENINX_HOME"] = str(folder / "home")
    circle = Circle(folder, arguments.patients, replace(BASE, epochs=arguments.epochs), arguments.more)
    for seed in range(0 if arguments.table else arguments.seeds):
        began, used = time.monotonic(), time.process_time()
        circle.seed(seed)
        _say(f"seed {seed}: {time.monotonic() - began:.0f} s, {time.process_time() - used:.0f} s of processor")
    print(circle.table(range(arguments.seeds)))  # noqa: T201
    circle.project.close()


if __name__ == "__main__":
    main()
