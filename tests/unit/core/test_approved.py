"""What a training takes where several people read: approved scans alone, and who decided between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import LearningError
from core.events import never_stop
from core.geometry import Geometry
from core.labels import LabelSet
from core.learning.class_set import find_class_sources
from core.learning.config import TrainingConfig
from core.learning.dataset import find_sources, read_training_set
from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState
from core.team import statuses
from core.team.adjudication import begin_adjudication, make_consensus
from core.volume import Volume

SHAPE = (3, 32, 32)


def read(path: Path) -> Project:
    """Three scans, each read by two people on all slices, the second reader last."""
    project = Project.create(path / "p.meninx")
    project.set_labels(LabelSet().with_label("Tumour"))
    draws = np.random.default_rng(0)
    for number in range(3):
        array = draws.integers(0, 300, SHAPE).astype(np.int16)
        scan = project.add_scan(Volume(array, Geometry(SHAPE, np.eye(4)), modality="MR"), patient=f"Doe {number}")
        for reader in ("anna", "ben"):
            annotation = project.ensure_annotation(scan.id, reader)
            mask = np.zeros(SHAPE, np.uint8)
            mask[:, 4:20, 4:20] = 1
            states = [SliceState(place, Origin.DRAWN, None, True, reader) for place in range(3)]
            project.save_layers(annotation.id, {"lesions": mask}, {"lesions": states}, journal_sequence=0)
        project.classes.set(scan.id, "stroke", "yes" if number else "no", reader="anna", slices=[0, 1, 2])
    return project


def test_only_approved_scans_are_learnt_from(tmp_path: Path) -> None:
    with read(tmp_path) as project:
        one, two, _ = project.scans()
        labels = list(project.labels())
        config = TrainingConfig(labels=("Tumour",), approved=True, size=32)
        assert TrainingConfig.from_json(config.to_json()).approved
        assert not TrainingConfig.from_json({"labels": ["Tumour"]}).approved
        with pytest.raises(LearningError):
            list(read_training_set(project, config, never_stop))
        for scan in (one, two):
            statuses.move(project, [scan.id], ScanStatus.DONE, reader="anna")
            statuses.move(project, [scan.id], ScanStatus.APPROVED, reader="ben")
        assert len(find_sources(project, labels)) == 3
        assert [source.scan.id for source in find_sources(project, labels, approved=True)] == [one.id, two.id]
        classes = TrainingConfig.for_class("stroke", approved=True)
        assert [source.scan.id for source in find_class_sources(project, classes)] == [one.id, two.id]


def test_who_decided_between_readers_counts_before_who_drew_last(tmp_path: Path) -> None:
    with read(tmp_path) as project:
        scan, labels = project.scans()[0], list(project.labels())

        def counts() -> str:
            return find_sources(project, labels)[0].annotation.reader

        assert counts() == "ben"
        make_consensus(project, scan, "majority", by="carl")
        anna = project.annotation(scan.id, "anna")
        assert anna is not None
        project.save_layers(anna.id, {"lesions": np.zeros(SHAPE, np.uint8)}, {}, journal_sequence=0)
        assert counts() == "consensus (majority)"
        decided = begin_adjudication(project, scan, by="carl", start="majority")
        # nothing of it is finished yet
        assert counts() == "consensus (majority)"
        states = [SliceState(place, Origin.DRAWN, None, True, "carl") for place in range(3)]
        project.save_layers(decided.id, {}, {"lesions": states}, journal_sequence=0)
        assert counts() == "carl (adjudication)"
        assert find_sources(project, labels, "anna")[0].annotation.id == anna.id
