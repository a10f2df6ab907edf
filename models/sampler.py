"""Which slices a step sees: a forced third that shows a label, a quarter that shows none, the rest in turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

EMPTY = 1 / 4
"""Part of each batch that shows no label at all: without such slices a network sees the label everywhere."""
MOST_REPEATED = 4
"""An empty slice comes at most so many times as often as if all slices came in turn (few empties, many others)."""
DOUBLED = 2
"""How often a slice of weight comes for every other one."""


class Sampler:
    """Batches of example numbers, the same for the same seed and epoch.

    Parameters
    ----------
    amounts
        ``[n]``: for each training example, the part of the slice that shows a label.
    batch
        Examples per step.
    foreground
        Part of each batch that is forced to show a label (small lesions: drawn evenly over
        slices, not by area, so that small ones are seen as often as large ones).
    least_steps, most_steps
        An epoch shows every example about once, within these bounds: few slices are shown
        several times over, very many only in part.
    seed
        Of the run.
    empty
        Part of each batch that shows no label at all.
    doubled
        ``[n]`` bool: examples that come twice as often (slices corrected since the parent run).
    """

    def __init__(
        self,
        amounts: NDArray[np.float32],
        *,
        batch: int,
        foreground: float,
        least_steps: int,
        most_steps: int,
        seed: int,
        doubled: NDArray[np.bool_] | None = None,
        empty: float = EMPTY,
    ) -> None:
        self._count = len(amounts)
        times = np.where(np.zeros(self._count, bool) if doubled is None else doubled, DOUBLED, 1)
        shows = amounts > 0
        empties = int(np.count_nonzero(~shows))
        both = 0 < empties < self._count
        self._batch, self._seed = batch, seed
        self._forced = min(round(batch * foreground), batch - 1) if both else 0
        quiet = min(round(batch * empty), -(-MOST_REPEATED * empties * batch // self._count)) if both else 0
        # one place at least stays for slices in turn
        self._quiet = max(0, min(quiet, batch - self._forced - 1))
        self._all = np.repeat(np.arange(self._count), times)
        self._positive = np.repeat(np.flatnonzero(shows), times[shows])
        self._empty = np.repeat(np.flatnonzero(~shows), times[~shows])
        self._least_steps, self._most_steps = least_steps, most_steps

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return max(self._least_steps, min(self._most_steps, -(-self._count // self._batch)))

    def epoch(self, number: int) -> Iterator[NDArray[np.int64]]:
        """Yield the batches of an epoch (counted from 1), each ``[batch]``."""
        random = np.random.default_rng((self._seed, number))
        in_turn = self._batch - self._forced - self._quiet
        pools = ((self._positive, self._forced), (self._empty, self._quiet), (self._all, in_turn))
        yield from np.concatenate([self._rounds(random, pool, self.steps, places) for pool, places in pools], axis=1)

    @staticmethod
    def _rounds(random: np.random.Generator, pool: NDArray[np.int64], steps: int, places: int) -> NDArray[np.int64]:
        """Shuffle the pool again and again until it fills ``[steps, places]``."""
        wanted = steps * places
        rounds = -(-wanted // max(1, len(pool)))
        shuffled = [random.permutation(pool) for _ in range(rounds)] or [pool[:0]]
        return np.concatenate(shuffled)[:wanted].reshape(steps, places)
