"""Runs of before, read from their folders (files are read: not for the window's thread)."""

from __future__ import annotations

from core.errors import ProjectError
from core.learning.runs import read_events, read_split_file
from core.learning.split import Split
from core.learning.warnings import patients_checking
from core.project.project import Project
from gui.train.watch import RunWatch


def read_watch(project: Project, run: str) -> RunWatch:
    """Return a past run folded from its stored events."""
    watch = RunWatch(run=run)
    for event in read_events(project, run):
        watch.fold(event)
    _, watch.reasons, watch.checking = read_split_facts(project, run)
    return watch


def read_split_facts(project: Project, run: str) -> tuple[str, tuple[str, ...], int | None]:
    """Return a run's id, why its numbers may flatter, and how many patients check it."""
    try:
        split = Split.from_json(read_split_file(project, run))
    except (ProjectError, KeyError, ValueError):
        # it ended before it was split, or the file is damaged: verify names it
        return run, (), None
    return run, split.reasons, patients_checking(split)
