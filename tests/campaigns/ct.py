"""Long trainings on the CT sets: haemorrhage yes or no per slice, then masks, gated by the classifier and not.

    python tests/campaigns/ct.py FOLDER [--only WORD ...] [--table] [--tiny] [--anew]

FOLDER keeps the project, the runs and one result per training; what is there is not done again, and a training
that was broken off goes on where it was. Results that were recorded (tests/campaigns/recorded) are not made again
either, but with --anew. Five folds by patient over all CT-ICH sets together. Nothing is chosen by
what the test patients show: epochs, thresholds and the classifier that gates follow from the patients that check.
The arms that end in 128 see as many slices of the same size as each other (but for *long*, which sees three times
as many): they alone are compared with each other. A network of masks is asked for yes or no as well: by its surest
thousandth of a slice, a number that was fixed before anything was tested.
MENINX_VGG16 may name a file of ImageNet weights (torchvision's names) for VGG16 with batch norm.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
from ct_data import (  # noqa: E402
    CHECKING,
    CLASS,
    FOLDS,
    INFARCTS,
    LABEL,
    READER,
    SECOND,
    folds_of,
    open_project,
    split_of,
)
from ct_table import table  # noqa: E402
from lgg import Campaign, _say, take_recorded  # noqa: E402
from lgg_data import dice  # noqa: E402

from core.io import atomic  # noqa: E402
from core.learning import runs  # noqa: E402
from core.learning.class_set import find_class_sources  # noqa: E402
from core.learning.config import TrainingConfig  # noqa: E402
from core.learning.split import Part, Split  # noqa: E402
from core.project.records import Scan  # noqa: E402
from models.classifying import ClassPredictor  # noqa: E402
from models.inference import Predictor, masks_of  # noqa: E402

WEIGHTS = os.environ.get("MENINX_VGG16", "")
BASE = TrainingConfig.for_class(
    CLASS, size=192, slices=1, epochs=20, steps=60, batch=16, reader=READER, seed=0, test_fraction=0.2
)
SHORT = replace(BASE, size=128, epochs=6, steps=64)
"""What is tried beside each other: 6,144 slices are seen. Few epochs, for each checks all slices that check."""
STEPS = ("clip", "zscore")
ARMS: Mapping[str, TrainingConfig] = {
    "light": BASE,
    "light-128": SHORT,
    "light-crop-128": replace(SHORT, prepare=(*STEPS, "crop")),
    "light-denoise-128": replace(SHORT, prepare=("clip", "denoise=median", "zscore")),
    "light-centre-128": replace(SHORT, prepare=(*STEPS, "centre")),
    "light-table-128": replace(SHORT, prepare=(*STEPS, "table")),
    "light-all-128": replace(SHORT, prepare=("clip", "denoise=median", "zscore", "table", "crop", "centre")),
    "light-neighbours-128": replace(SHORT, slices=3),
    "light-plain-128": replace(SHORT, prepare=()),
    "light-long-128": replace(SHORT, epochs=3 * SHORT.epochs),
    "vgg16_bn-128": replace(SHORT, network="vgg16_bn", encoder_weights=WEIGHTS),
    "vgg16-128": replace(SHORT, network="vgg16"),
}
ONE_FOLD = ("vgg16-128",)
"""Twelve times as slow as the light one: on one fold only, to see whether it learns at all without batch norm."""
MASKS = TrainingConfig(
    labels=(LABEL,), size=192, slices=1, epochs=24, steps=25, batch=8, augment="few", foreground=0.5, reader=READER
)
SUREST = 1000
TINY = {"epochs": 1, "steps": 3, "batch": 4, "size": 64}


class Strokes(Campaign):
    """The folder of the campaign and what is in it."""

    def __init__(self, folder: Path, *, tiny: bool) -> None:
        self.folder, self.tiny = folder, tiny
        atomic.make_folder(folder / "results")
        self.project, self.by_patient = open_project(folder)
        self.folds = folds_of(self.project, self.by_patient)
        self.truth = {}

    def _split(self, test: int) -> Any:
        return split_of(self.project, self.by_patient, self.folds, test)

    def _short(self, config: TrainingConfig) -> TrainingConfig:
        return replace(config, **TINY) if self.tiny else config

    def _tested(self, fold: int) -> list[tuple[str, Scan]]:
        return [(name, scan) for name in self.by_patient if self.folds[name] == fold for scan in self.by_patient[name]]

    def classify(self, arm: str, fold: int) -> None:
        """Train a classifier and say of each slice of the test patients what it is."""
        key = f"class-{arm}-{fold}"
        run = self.trained(key, self._short(ARMS[arm]), self._split(fold))
        predictor = ClassPredictor(runs.run_folder(self.project, run.id))
        said = {source.scan.id: source.said for source in find_class_sources(self.project, run.config)}
        rows = []
        for name, scan in self._tested(fold):
            if scan.id not in said:
                continue
            for _, found in predictor.in_pieces(self.project.read_volume(scan.id)):
                probability = found
            rows += [[name, z, bool(yes), round(float(probability[z]), 6)] for z, yes in sorted(said[scan.id].items())]
        facts = {"run": run.name, "seconds": run.seconds, "best_epoch": run.best_epoch, "check_auc": run.best_dice}
        self.keep(key, {**facts, "config": run.config.to_json(), "rule": predictor.rule.to_json(), "rows": rows})

    def gate(self, fold: int) -> tuple[str, ClassPredictor] | None:
        """Return the classifier of this fold that is best on the patients that check; of single slices only."""
        kept = {arm: self.result(f"class-{arm}-{fold}") for arm, config in ARMS.items() if config.slices == 1}
        there = {arm: facts for arm, facts in kept.items() if facts is not None}
        if not there:
            return None
        best = max(there, key=lambda arm: (there[arm]["check_auc"], arm))
        # one that was recorded on another machine is made again: seeded, it is the same but for rounding
        run = self.trained(f"class-{best}-{fold}", self._short(ARMS[best]), self._split(fold))
        return best, ClassPredictor(runs.run_folder(self.project, run.id))

    def draw(self, fold: int) -> None:
        """Train on masks and measure the test patients, gated and not."""
        key = f"mask-{fold}"
        run = self.trained(key, self._short(MASKS), self._split(fold))
        predictor = Predictor(runs.run_folder(self.project, run.id))
        gate = self.gate(fold)
        rows = self._measured(self._tested(fold), predictor, LABEL, gate[1] if gate else None)
        facts = {"run": run.name, "seconds": run.seconds, "best_epoch": run.best_epoch, "check_dice": run.best_dice}
        facts |= {"config": run.config.to_json(), "gate": gate[0] if gate else ""}
        self.keep(key, {**facts, "rows": rows, "asked": self._asked(fold, predictor)})

    def _asked(self, fold: int, predictor: Predictor) -> list[list[Any]]:
        """Ask a network of masks whether slices show a haemorrhage: how sure it is where it is surest."""
        said = {source.scan.id: source.said for source in find_class_sources(self.project, BASE)}
        rows = []
        for name, scan in self._tested(fold):
            if scan.id not in said:
                continue
            found = predictor.predict_volume(self.project.read_volume(scan.id))[LABEL].reshape(scan.shape[0], -1)
            count = max(1, found.shape[1] // SUREST)
            surest = np.partition(found, -count, axis=1)[:, -count:].mean(axis=1) / 255
            rows += [[name, z, bool(yes), round(float(surest[z]), 6)] for z, yes in sorted(said[scan.id].items())]
        return rows

    def _measured(
        self, scans: Iterable[tuple[str, Scan]], predictor: Predictor, name: str, gate: ClassPredictor | None = None
    ) -> list[dict[str, Any]]:
        """Return one row per finished slice of a label."""
        label = self.project.labels().named(name)
        rows = []
        for patient, scan in scans:
            annotation = self.project.annotation(scan.id, READER)
            states = self.project.slice_states(annotation.id, label.layer) if annotation else []
            finished = [state.slice for state in states if state.finished]
            layer = self.project.read_layer(annotation.id, label.layer) if annotation and finished else None
            if layer is None or not finished:
                continue
            volume = self.project.read_volume(scan.id)
            found = masks_of(predictor.predict_volume(volume))[name].astype(bool)
            probability = np.ones(scan.shape[0])
            if gate is not None:
                for _, so_far in gate.in_pieces(volume):
                    probability = so_far
            rows += [
                {
                    "patient": patient,
                    "slice": z,
                    "clean": bool(gate is not None and probability[z] < gate.rule.gate_threshold),
                    **_counts(layer[z] == label.value, found[z]),
                }
                for z in finished
            ]
        return rows

    def second(self, test: int) -> None:
        """Train on the infarcts of one of the two patients, and measure the other.

        With one patient to learn from, a part of that one's own slices chooses the epoch: the choice
        flatters, the figure of the other patient does not.
        """
        names = sorted(name for name in self.by_patient if name.startswith("AISD"))
        away, learnt = names[test], [name for name in names if name != names[test]]
        scans = [scan for name in learnt for scan in self.by_patient[name]]
        checking = {scan.id for scan in scans[:: round(1 / CHECKING)]}
        split = Split(
            {
                Part.TRAIN: tuple(scan.id for scan in scans if scan.id not in checking),
                Part.VALIDATION: tuple(scan.id for scan in scans if scan.id in checking),
                Part.TEST: tuple(scan.id for scan in self.by_patient[away]),
            },
            patients={scan.patient: Part.TRAIN for scan in scans} | {self.by_patient[away][0].patient: Part.TEST},
        )
        config = replace(MASKS, labels=(SECOND,), epochs=MASKS.epochs // 2)
        key = f"infarct-{test}"
        run = self.trained(key, self._short(config), split)
        predictor = Predictor(runs.run_folder(self.project, run.id))
        rows = self._measured([(away, scan) for scan in self.by_patient[away]], predictor, SECOND)
        self.keep(key, {"run": run.name, "seconds": run.seconds, "check_dice": run.best_dice, "gate": "", "rows": rows})

    def jobs(self) -> dict[str, Callable[[], None]]:
        """Return everything there is to do, by key, in order."""
        jobs: dict[str, Callable[[], None]] = {}
        for arm in ARMS:
            for fold in range(1 if arm in ONE_FOLD else FOLDS):
                jobs[f"class-{arm}-{fold}"] = lambda arm=arm, fold=fold: self.classify(arm, fold)
        for fold in range(FOLDS):
            jobs[f"mask-{fold}"] = lambda fold=fold: self.draw(fold)
        for patient in range(INFARCTS):
            jobs[f"infarct-{patient}"] = lambda patient=patient: self.second(patient)
        return jobs


def _counts(truth: Any, found: Any) -> dict[str, Any]:
    both, either = int(np.count_nonzero(truth & found)), int(np.count_nonzero(truth | found))
    return {
        "both": both,
        "either": either,
        "true": int(truth.sum()),
        "found": int(found.sum()),
        "dice": dice(truth, found),
    }


def main() -> None:
    """Do what is left to do, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the project and the results are kept")
    parser.add_argument("--only", nargs="+", default=[], help="only trainings whose key holds one of these words")
    parser.add_argument("--table", action="store_true", help="print what is there and train nothing")
    parser.add_argument("--tiny", action="store_true", help="a few steps each: whether everything works")
    parser.add_argument("--anew", action="store_true", help="make what was recorded again")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    (folder / "results").mkdir(parents=True, exist_ok=True)
    if not (arguments.anew or arguments.tiny):
        take_recorded("ct", folder / "results")
    # the salts of this project's patients stay with it
    os.environ["MENINX_HOME"] = str(folder / "home")
    if not arguments.table:
        campaign = Strokes(folder, tiny=arguments.tiny)
        for key, job in campaign.jobs().items():
            wanted = not arguments.only or any(word in key for word in arguments.only)
            if wanted and campaign.result(key) is None:
                _say(f"{key}: begun")
                job()
        campaign.project.close()
    print(table(folder / "results", tuple(ARMS), FOLDS))  # noqa: T201


if __name__ == "__main__":
    main()
