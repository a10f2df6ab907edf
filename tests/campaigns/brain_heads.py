"""Real heads that the brain starter may learn from: licences allow it, and each mask is trusted as far as it goes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from brain_eval import cases

from core.learning.synth_real import RealHead, real_head
from core.project import scanfile

CC_BY = "CC BY 4.0 (Lesjak et al., Ljubljana)"
LEARNT: dict[str, tuple[str, float]] = {
    "oms011_flair": (CC_BY, 1.0),
    "oms011_t1w": (CC_BY, 1.0),
    "oms011_t2w": (CC_BY, 1.0),
    "oms012_flair": (CC_BY, 1.0),
    "oms012_t1w": (CC_BY, 1.0),
    "oms202_flair": (CC_BY, 1.0),
    "oms202_t1w": (CC_BY, 1.0),
    "jane_t1": ("PDDL", 0.3),
    "headext_t1": ("BSD-2-Clause style", 0.3),
}
"""Scan: licence, trust. Masks that another network made are trusted less. Left out: what is non-commercial or of
unknown licence, and the MNI152 average, which measures only."""


Found = tuple[RealHead, dict[str, Any]]


def real_heads(data: Path, without: Sequence[str] = ()) -> list[Found]:
    """Return the heads that are learnt from, but for those of some people, each with what is to be told of it."""
    return list(_real_heads(data, without))


def _real_heads(data: Path, without: Sequence[str]) -> Iterator[Found]:
    for case in cases(data):
        if case.name not in LEARNT or case.person in without:
            continue
        licence, trust = LEARNT[case.name]
        volume, mask = case.read()
        assert mask is not None, case.name
        facts = {"name": case.name, "person": case.person, "licence": licence, "trust": trust}
        with tempfile.TemporaryDirectory() as folder:
            # the hash that a project knows the scan by
            facts["sha256"] = scanfile.write(Path(folder) / "scan.h5", volume)
        yield real_head(case.name, case.person, volume, mask, trust), facts
