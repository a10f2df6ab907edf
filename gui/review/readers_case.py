"""Two readers of one scan beside each other: what the page shows, worked out in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.labels import LabelSet
from core.learning.first_label import first_label
from core.project.project import Project
from core.project.records import Scan
from core.review.agreement import Agreement, Reading, agree, readings
from core.review.compare import compare_label
from core.review.ranking import RankedSlice, worst_slices
from core.team.adjudication import has_consensus
from core.team.assignments import Assignment, assignments, still_blind, visible

ONLY_FIRST, ONLY_SECOND, BOTH = 1, 2, 3
"""Values of :attr:`ReadersCase.difference`."""


@dataclass(frozen=True)
class ReadersQuestion:
    """What the page wants to see; an empty name leaves the choice to what is there."""

    project: Project
    scan: Scan
    labels: LabelSet
    label: str
    first: str
    second: str
    viewer: str


@dataclass(frozen=True, eq=False)
class ReadersCase:
    """The answer.

    Parameters
    ----------
    scan
        Id.
    readers
        Whose annotations may be seen, oldest first.
    given
        Who was given the scan.
    blind
        Whether somebody still reads it blind.
    label, first, second
        What is compared; empty where there is nothing.
    masks
        By reader: bool ``[z, y, x]``.
    agreement
        None where no slice is finished by both.
    difference
        uint8 ``[z, y, x]`` on the slices that both finished.
    per_slice
        Dice of each native slice, NaN where unknown.
    ranked
        Slices on which they differ most first.
    together
        Whether there is a consensus: all persons who finished slices of some layer finished one together.
    """

    scan: str
    readers: tuple[str, ...] = ()
    given: tuple[Assignment, ...] = ()
    blind: bool = False
    label: str = ""
    first: str = ""
    second: str = ""
    masks: Mapping[str, Reading] | None = None
    agreement: Agreement | None = None
    difference: NDArray[np.uint8] | None = None
    per_slice: NDArray[np.float64] | None = None
    ranked: tuple[RankedSlice, ...] = ()
    together: bool = False


def answer(question: ReadersQuestion) -> ReadersCase:
    """Read and compare (not for the window's thread).

    Raises
    ------
    MeninxError
        For damaged files.
    """
    return replace(_compared(question), together=has_consensus(question.project, question.scan))


def _compared(question: ReadersQuestion) -> ReadersCase:
    project, scan = question.project, question.scan
    readers = tuple(dict.fromkeys(one.reader for one in visible(project, scan.id, question.viewer)))
    given = tuple(assignments(project, scan.id))
    blind = still_blind(project, scan.id)
    label = question.labels.find(question.label) or first_label(project, question.labels, scan.id)
    first, second = _pair(readers, question.first, question.second)
    if label is None or not first or blind:
        return ReadersCase(scan.id, readers, given, blind, label.name if label else "", first, second)
    names = [first] if not second else [first, second]
    masks = {one.reader: one for one in readings(project, scan, label, names)}
    if second not in masks or first not in masks:
        return ReadersCase(scan.id, readers, given, blind, label.name, first, second, masks)
    one, other = masks[first], masks[second]
    known = one.known & other.known
    geometry = project.geometry(scan.id)
    compared = compare_label(label.name, one.mask, other.mask.astype(np.uint8), geometry, known)
    difference = np.zeros(scan.shape, np.uint8)
    difference[one.mask & ~other.mask] = ONLY_FIRST
    difference[other.mask & ~one.mask] = ONLY_SECOND
    difference[one.mask & other.mask] = BOTH
    difference[~known] = 0
    return ReadersCase(
        scan.id,
        readers,
        given,
        blind,
        label.name,
        first,
        second,
        masks,
        agree(scan, label.name, one, other, geometry),
        difference,
        compared.per_slice,
        tuple(replace(one, reason="differs") for one in worst_slices(compared)),
    )


def _pair(readers: tuple[str, ...], first: str, second: str) -> tuple[str, str]:
    """Return the two that are compared: those asked for where they are there, else the first two."""
    one = first if first in readers else next((name for name in readers if name != second), "")
    other = second if second in readers and second != one else next((name for name in readers if name != one), "")
    return one, other
