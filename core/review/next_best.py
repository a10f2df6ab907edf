"""Which slices are best drawn next: doubtful ones, spread over patients and labels, and some by lot.

Ranking by doubt alone picks the same hard patient again and again, and never meets what a
run is sure of and wrong about. Active learning on scans has hardly beaten drawing lots among
slices that show the label (nnActive 2025), so a share of the picks is drawn that way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.messages import numeral, text

TERMS = ("unsure", "mirrored", "beside", "previous")
"""What makes a slice doubtful: entropy at the edge; the mirrored slice drawn otherwise; unlike the slices
beside it; the run before drew it otherwise."""
LOT = 1 / 3
"""Part of the picks that is drawn by lot."""
SHOWN = 2 / 3
"""Of those, the part that shows the label (as predicted)."""
GAP = 5
"""Picks of one scan lie so many slices apart; less in scans of few slices."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A native slice of a scan that could be drawn, for one label.

    Parameters
    ----------
    scan, patient
        Ids.
    name
        Display name of the scan.
    label
        Name.
    slice, slices
        Native index, and how many the scan has.
    doubts
        Some of :data:`TERMS`, 0 to 1 each; what nobody knows is left out.
    shown
        Whether the label is predicted there.
    """

    scan: str
    patient: str
    name: str
    label: str
    slice: int
    slices: int
    doubts: Mapping[str, float]
    shown: bool

    @property
    def score(self) -> float:
        """Mean of the doubts that are known."""
        return sum(self.doubts.values()) / len(self.doubts) if self.doubts else 0.0


@dataclass(frozen=True, slots=True)
class Pick:
    """A slice to be drawn next.

    Parameters
    ----------
    lot
        It was drawn by lot.
    before
        Name of the run that the term ``previous`` compares with.
    """

    candidate: Candidate
    lot: bool = False
    before: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Keys of :data:`TERMS` that speak for it, the weightiest first; ``lot`` for one by lot."""
        if self.lot:
            return ("lot_shown" if self.candidate.shown else "lot",)
        order = sorted(self.candidate.doubts.items(), key=lambda item: -item[1])
        most = order[0][1]
        # what weighs less than half as much is no reason of its own
        return tuple(name for name, doubt in order if doubt > 0 and 2 * doubt >= most)[:2]

    @property
    def words(self) -> str:
        """The reasons in a sentence."""
        said = [self._word(name) for name in self.reasons]
        joined = said[0] if len(said) == 1 else text("ranking.and", one=said[0], other=said[1])
        return joined[:1].upper() + joined[1:]

    def _word(self, name: str) -> str:
        doubt = self.candidate.doubts.get(name, 0.0)
        return text(f"ranking.best_{name}", doubt=numeral(doubt, ".2f"), percent=round(100 * doubt), run=self.before)


@dataclass
class _Drawn:
    """What is picked so far."""

    picks: list[Pick] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    patients: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[int]] = field(default_factory=dict)

    def take(self, pick: Pick) -> None:
        one = pick.candidate
        self.picks.append(pick)
        self.labels[one.label] += 1
        self.patients[one.patient] += 1
        self.places.setdefault(one.scan, []).append(one.slice)

    def is_free(self, one: Candidate) -> bool:
        gap = gap_of(one.slices)
        return all(abs(one.slice - other) >= gap for other in self.places.get(one.scan, ()))


def gap_of(slices: int) -> int:
    """Return how far apart the picks of a scan of so many slices lie at least."""
    return max(1, min(GAP, slices // 8))


def choose(
    candidates: Iterable[Candidate],
    count: int,
    *,
    lot: float = LOT,
    seed: int = 0,
    before: Mapping[str, str] | None = None,
) -> list[Pick]:
    """Pick slices: each next one from the label, and of it the patients, that have the fewest so far.

    Parameters
    ----------
    candidates
        In any order.
    count
        At most so many.
    lot
        Part drawn by lot, evenly among the others; 1 draws all.
    seed
        Of the lots.
    before
        Label to the name of the run that the term ``previous`` compares with.

    Returns
    -------
    list of Pick
        In the order in which they are best drawn.
    """
    left = sorted(candidates, key=lambda one: (one.scan, one.slice, one.label))
    random = np.random.default_rng(seed)
    drawn = _Drawn()
    for number in range(count):
        left = [one for one in left if drawn.is_free(one)]
        if not left:
            break
        by_lot = int((number + 1) * lot + 1e-9) > int(number * lot + 1e-9)
        fewest = min(drawn.labels[one.label] for one in left)
        pool = [one for one in left if drawn.labels[one.label] == fewest]
        found = None if by_lot else _most_doubtful(pool, drawn)
        chosen = found or _by_lot(pool, drawn, random)
        drawn.take(Pick(chosen, found is None, (before or {}).get(chosen.label, "")))
    return drawn.picks


def _most_doubtful(pool: Sequence[Candidate], drawn: _Drawn) -> Candidate | None:
    """Return the most doubtful slice of the patients with the fewest picks; None where nothing is doubtful."""
    doubtful = [one for one in pool if one.score > 0]
    # the first of equals: the order of the pool is the same each time
    return max(doubtful, key=lambda one: (-drawn.patients[one.patient], one.score), default=None)


def _by_lot(pool: Sequence[Candidate], drawn: _Drawn, random: np.random.Generator) -> Candidate:
    fewest = min(drawn.patients[one.patient] for one in pool)
    even = [one for one in pool if drawn.patients[one.patient] == fewest]
    shown = [one for one in even if one.shown]
    # patients first: a scan of many slices is not more likely than one of few
    some = shown if shown and random.random() < SHOWN else even
    patients = sorted({one.patient for one in some})
    patient = patients[int(random.integers(len(patients)))]
    mine = [one for one in some if one.patient == patient]
    return mine[int(random.integers(len(mine)))]
