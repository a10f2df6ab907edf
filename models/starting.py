"""What a training begins with: who learns, who checks, and a network with its first weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.events import Notice, StopCheck, never_stop
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.dataset import TrainingSet, find_sources
from core.learning.frozen import refuse_frozen
from core.learning.reading import go_on
from core.learning.run_files import learnt_hashes, origin_of
from core.learning.runs import Run
from core.learning.split import Part, Split
from core.learning.split_project import split_for, stamped
from core.learning.starters import run_of
from core.learning.warnings import ENOUGH_YES, keeps_newest
from core.messages import text
from core.project.project import Project
from core.project.records import Origin
from models import checkpoint
from models.distributed import Team, splits_batch_norm
from models.learner import Learner
from models.recording import file_hash


def find_resumable(project: Project, ref: str) -> Run:
    """Return a run that can go on.

    Raises
    ------
    LearningError
        ``run-unknown``, ``run-not-resumable``.
    """
    run = runs.find_run(project, ref)
    if not run.resumable:
        raise LearningError("run-not-resumable", name=run.name, state=run.state.value)
    return run


class Ready:
    """What a training begins with: everything that can be refused is made before there is a run.

    Parameters
    ----------
    project, config, data
        What is learnt from, and how.
    before
        The run that goes on, or None.
    split
        Who trains, checks and tests; None deals the patients by the settings.
    team
        The processes that train together.
    should_stop
        Asked on the way, as some of it takes a while.

    Attributes
    ----------
    parts
        Example numbers of each part.
    learner
        The network, with the weights that it begins with.
    notices
        What the person should know.
    yes_patients
        Of a class: patients with a yes who check; None for masks.
    label_slices
        Of masks: slices that show a label and check; None for a class.
    state
        What the run that goes on left, or None.

    Raises
    ------
    LearningError
        ``finished-few``, ``parent-differs``, ``device-missing``, ``model-damaged`` and others.
    Cancelled
        If asked to stop.
    """

    def __init__(
        self,
        project: Project,
        config: TrainingConfig,
        data: TrainingSet,
        before: Run | None,
        split: Split | None,
        team: Team,
        should_stop: StopCheck = never_stop,
    ) -> None:
        self.project, self.config, self.data, self.before, self.team = project, config, data, before, team
        if config.parent and not before:
            # a starter becomes a run of the project: one process takes it in for all
            config = replace(config, parent=team.told(run_of(project, config.parent).id if team.lead else ""))
            self.config = config
        self.parent = runs.find_run(project, config.parent) if config.parent else None
        self.split = self._split(split, should_stop)
        self.parts = _examples(data, self.split)
        train = self.parts[Part.TRAIN]
        if not len(train) or not len(self.parts[Part.VALIDATION]):
            raise LearningError("finished-few", labels=", ".join(data.labels))
        if config.classifies:
            _check_kinds(data, self.parts)
        corrects = self.parent is not None and not config.classifies
        doubled = _corrected_since(project, config, data, self.parent)[train] if corrects else None
        known = self.parent.config.meanings if self.parent else ()
        self.learner = Learner(config, data, train, team=team, doubled=doubled, known=known)
        self.notices = [Notice(f"training-leaky-{reason}") for reason in self.split.reasons]
        self.yes_patients, self.label_slices = self._look_at_checking()
        go_on(should_stop)
        self._take_weights(train)
        go_on(should_stop)
        self.learner.begin(resumed=before is not None)
        self.encoder_sha256 = "" if before else file_hash(config.encoder_weights)
        if config.mirror == "auto" and config.sided and config.augment != "none":
            self.notices.append(Notice("training-not-mirrored", {"name": config.sided}))
        # once read, only its name and hash are kept: where it lies may tell who somebody is
        weights_name = Path(config.encoder_weights).name
        self.config = replace(config, encoder_weights=weights_name, mirror="yes" if config.mirrors else "no")
        if splits_batch_norm(self.learner.network, self.learner.device, team):
            self.notices.append(Notice("training-batch-norm"))
        self.state: dict[str, Any] | None = None
        if before:
            folder = runs.run_folder(project, before.id)
            self.state = checkpoint.read_resume(folder, self.learner.device)
            self.encoder_sha256 = str(self.state.get("encoder_sha256", ""))

    def _split(self, given: Split | None, should_stop: StopCheck) -> Split:
        """Who trains, checks and tests: as the run that goes on had it, as given, or dealt by the settings."""
        if self.before:
            split = Split.from_json(runs.read_split_file(self.project, self.before.id))
            refuse_frozen(self.project, split)
            return split
        if given is not None:
            line = runs.ancestors(self.project, self.parent.id if self.parent else None)
            return stamped(self.project, given, self.data, line, should_stop)
        return split_for(self.project, self.config, self.data, should_stop)

    def _look_at_checking(self) -> tuple[int | None, int | None]:
        """Count patients with a yes, or slices with a label, that check, and tell of too few."""
        checking = self.parts[Part.VALIDATION]
        if self.config.classifies:
            people = _people_with_yes(self.data, checking)
            if people < ENOUGH_YES:
                self.notices.append(Notice("training-few-check", {"count": people, "name": self.data.labels[0]}))
            return people, None
        shown = int(np.count_nonzero(self.data.amounts[checking]))
        if keeps_newest(shown):
            key = "training-few-shown" if shown else "training-none-shown"
            self.notices.append(Notice(key, {"count": shown}))
        return None, shown

    def _take_weights(self, train: NDArray[np.int64]) -> None:
        """Begin with what the parent learnt; a run that goes on has its own weights."""
        if self.parent is None or self.before:
            return
        weights = checkpoint.read_weights(runs.require_usable(self.project, self.parent))
        other = _other_modality(self.project, self.data, train, self.parent)
        unseen = 0.0 if other else _unseen(self.project, self.data, train, self.parent)
        if self.learner.start_from(weights, self.parent, unseen=unseen):
            self.notices.append(Notice("training-parent-class" if self.config.classifies else "training-parent-heads"))


def _unseen(project: Project, data: TrainingSet, train: NDArray[np.int64], parent: Run) -> float:
    """Return the part of the scans that a run and its ancestors learnt from which is not learnt from here, 0..1.

    Of a run that came without word of what it learnt from, it is all.
    """
    known = {sha for sha, part in learnt_hashes(project, parent.id).items() if part == Part.TRAIN}
    shown = {data.scans[int(scan)].sha256 for scan in np.unique(data.scan_of[train])}
    return len(known - shown) / len(known) if known else 1.0


def _other_modality(project: Project, data: TrainingSet, train: NDArray[np.int64], parent: Run) -> bool:
    """Whether a run and its ancestors are known to have learnt from other modalities alone than what is learnt from."""
    shown = {data.scans[int(scan)].modality for scan in np.unique(data.scan_of[train])}
    here = {scan.id: scan.modality for scan in project.scans()}
    before: set[str] = set()
    for run in runs.ancestors(project, parent.id):
        said = {here.get(pin.scan, "") for pin in runs.read_pins(project, run.id) if pin.part == Part.TRAIN}
        if origin_of(project, run.id):
            # what came from elsewhere must tell itself, as starters do: which of its scans are here too says little
            told = runs.read_model_facts(project, run.id).get("modalities")
            said = {str(modality) for modality in told} if isinstance(told, list) else set()
        before |= said or {""}
    return "" not in shown | before and before.isdisjoint(shown)


def _check_kinds(data: TrainingSet, parts: Mapping[Part, NDArray[np.int64]]) -> None:
    """Refuse to learn a class of which one kind is not shown, or could not be checked."""
    for part in (Part.TRAIN, Part.VALIDATION):
        if len(np.unique(data.amounts[parts[part]] > 0)) < 2:
            doing = text(f"learning.to_{part.value}")
            raise LearningError("class-part-one", part=doing, name=data.labels[0])


def _people_with_yes(data: TrainingSet, examples: NDArray[np.int64]) -> int:
    shown = examples[data.amounts[examples] > 0]
    return len({data.scans[int(number)].patient for number in data.scan_of[shown]})


def _examples(data: TrainingSet, split: Split) -> dict[Part, NDArray[np.int64]]:
    """Return the example numbers of each part; scans that came after the split belong to none."""
    found: dict[Part, list[int]] = {part: [] for part in Part}
    for example in range(len(data)):
        scan = data.scans[int(data.scan_of[example])].id
        try:
            found[split.part_of(scan, int(data.slice_of[example]))].append(example)
        except (KeyError, StopIteration):
            continue
    return {part: np.array(examples, dtype=np.int64) for part, examples in found.items()}


def _corrected_since(
    project: Project, config: TrainingConfig, data: TrainingSet, parent: Run | None
) -> NDArray[np.bool_]:
    """Return which examples ``[n]`` were corrected since the parent run learnt: what it got wrong counts double.

    A layer whose masks it learnt as they are now holds nothing new, whatever other layers are learnt beside it.
    """
    learnt = {pin.scan: dict(pin.masks) for pin in runs.read_pins(project, parent.id)} if parent else {}
    labels = [project.labels().named(name) for name in config.labels]
    found = np.zeros(len(data), dtype=bool)
    places = {scan.id: number for number, scan in enumerate(data.scans)}
    for source in find_sources(project, labels, config.reader, scribbles=config.scribbles, approved=config.approved):
        scan = source.scan.id
        if scan not in places:
            continue
        before, now = learnt.get(scan, {}), data.pins.get(scan, {})
        corrected = {
            state.slice
            for layer in source.finished
            if before.get(layer) != now.get(layer)
            for state in project.slice_states(source.annotation.id, layer)
            if state.origin is Origin.CORRECTED
        }
        found |= (data.scan_of == places[scan]) & np.isin(data.slice_of, sorted(corrected))
    return found
