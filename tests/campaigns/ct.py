"""Long trainings on the CT sets: haemorrhage yes or no per slice, then masks, gated by the classifier and not.

    python tests/campaigns/ct.py FOLDER [--only WORD ...] [--table] [--tiny]

FOLDER keeps the project, the runs and one result per training; what is there is not done again, and a training
that was broken off goes on where it was. Five folds by patient over all CT-ICH sets together. Nothing is chosen by
what the test patients show: epochs, thresholds and the classifier that gates follow from the patients that check.
MENINX_VGG16 may name a file of ImageNet weights (torchvision's names) for VGG16 with batch norm.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import numpy as np  # noqa: E402
from ct_data import CLASS, FOLDS, LABEL, READER, SECOND, folds_of, open_project, split_of  # noqa: E402
from ct_table import table  # noqa: E402
from lgg import Campaign, _say  # noqa: E402
from lgg_data import dice  # noqa: E402

from core.io import atomic  # noqa: E402
from core.learning import runs  # noqa: E402
from core.learning.class_set import find_class_sources  # noqa: E402
from core.learning.config import TrainingConfig  # noqa: E402
from core.project.records import Scan  # noqa: E402
from models.classifying import ClassPredictor  # noqa: E402
from models.inference import Predictor, masks_of  # noqa: E402

WEIGHTS = os.environ.get("MENINX_VGG16", "")
BASE = TrainingConfig.for_class(
    CLASS, size=192, slices=1, epochs=30, steps=60, batch=16, reader=READER, seed=0, test_fraction=0.2
)
STEPS = ("clip", "zscore")
ARMS: Mapping[str, TrainingConfig] = {
    "light": BASE,
    "light-crop": replace(BASE, prepare=(*STEPS, "crop")),
    "light-denoise": replace(BASE, prepare=("clip", "denoise=nlm", "zscore")),
    "light-centre": replace(BASE, prepare=(*STEPS, "centre")),
    "light-all": replace(BASE, prepare=("clip", "denoise=nlm", "zscore", "crop", "centre")),
    "light-neighbours": replace(BASE, slices=3),
    "vgg16_bn": replace(BASE, network="vgg16_bn", size=160, epochs=16, encoder_weights=WEIGHTS),
    "vgg16": replace(BASE, network="vgg16", size=160, epochs=16),
}
MASKS = TrainingConfig(
    labels=(LABEL,), size=256, slices=1, epochs=40, steps=25, batch=8, augment="few", foreground=0.5, reader=READER
)
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
        run = runs.find_run(self.project, there[best]["run"])
        return best, ClassPredictor(runs.run_folder(self.project, run.id))

    def draw(self, fold: int) -> None:
        """Train on masks and measure the test patients, gated and not."""
        key = f"mask-{fold}"
        run = self.trained(key, self._short(MASKS), self._split(fold))
        predictor = Predictor(runs.run_folder(self.project, run.id))
        gate = self.gate(fold)
        label = self.project.labels().named(LABEL)
        rows = []
        for name, scan in self._tested(fold):
            annotation = self.project.annotation(scan.id, READER)
            states = self.project.slice_states(annotation.id, label.layer) if annotation else []
            finished = [state.slice for state in states if state.finished]
            layer = self.project.read_layer(annotation.id, label.layer) if annotation and finished else None
            if layer is None or not finished:
                continue
            volume = self.project.read_volume(scan.id)
            found = masks_of(predictor.predict_volume(volume))[LABEL].astype(bool)
            probability = np.ones(scan.shape[0])
            if gate is not None:
                for _, so_far in gate[1].in_pieces(volume):
                    probability = so_far
            rows += [
                {
                    "patient": name,
                    "slice": z,
                    "clean": bool(gate is not None and probability[z] < gate[1].rule.gate_threshold),
                    **_counts(layer[z] == label.value, found[z]),
                }
                for z in finished
            ]
        facts = {"run": run.name, "seconds": run.seconds, "best_epoch": run.best_epoch, "check_dice": run.best_dice}
        self.keep(key, {**facts, "config": run.config.to_json(), "gate": gate[0] if gate else "", "rows": rows})

    def second(self) -> None:
        """Train on the infarcts: one patient alone, so that the figure leaks, and is stamped so."""
        config = replace(MASKS, labels=(SECOND,), split="slice", test_fraction=0.2)
        run = self.trained("infarct", self._short(config), None)
        self.keep("infarct", {"run": run.name, "seconds": run.seconds, "check_dice": run.best_dice})

    def jobs(self) -> dict[str, Callable[[], None]]:
        """Return everything there is to do, by key, in order."""
        jobs: dict[str, Callable[[], None]] = {}
        for arm in ARMS:
            for fold in range(FOLDS):
                jobs[f"class-{arm}-{fold}"] = lambda arm=arm, fold=fold: self.classify(arm, fold)
        for fold in range(FOLDS):
            jobs[f"mask-{fold}"] = lambda fold=fold: self.draw(fold)
        jobs["infarct"] = self.second
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
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
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
