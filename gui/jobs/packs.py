"""The GPU pack in the settings: what is chosen, and the jobs that choose and check it."""

from __future__ import annotations

from pathlib import Path

from models.torchpack_choice import Choice, can_choose, choice, died, remove
from models.worker import Job

__all__ = ["Choice", "can_choose", "check_pack", "choice", "choose_pack", "died", "remove"]


def choose_pack(file: Path) -> Job:
    """Return the job that unpacks a pack file, tests it and uses it."""
    return Job("choose_pack", {"file": file})


def check_pack() -> Job:
    """Return the job that tests the chosen pack once more."""
    return Job("check_pack")
