"""Which slices a step sees: a forced third that shows a label, the rest in turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


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
    ) -> None:
        self._count = len(amounts)
        self._positive = np.flatnonzero(amounts > 0)
        self._batch = batch
        self._seed = seed
        self._forced = round(batch * foreground) if 0 < len(self._positive) < self._count else 0
        self._forced = min(self._forced, batch - 1) if batch > 1 else 0
        self._least_steps, self._most_steps = least_steps, most_steps

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return max(self._least_steps, min(self._most_steps, -(-self._count // self._batch)))

    def epoch(self, number: int) -> Iterator[NDArray[np.int64]]:
        """Yield the batches of an epoch (counted from 1), each ``[batch]``."""
        random = np.random.default_rng((self._seed, number))
        in_turn = self._batch - self._forced
        plain = self._rounds(random, np.arange(self._count), self.steps * in_turn)
        forced = self._rounds(random, self._positive, self.steps * self._forced)
        for step in range(self.steps):
            mine = forced[step * self._forced : (step + 1) * self._forced]
            yield np.concatenate([mine, plain[step * in_turn : (step + 1) * in_turn]])

    @staticmethod
    def _rounds(random: np.random.Generator, pool: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
        """Shuffle the pool again and again until there are enough."""
        if wanted == 0:
            return np.zeros(0, dtype=np.int64)
        rounds = -(-wanted // len(pool))
        return np.concatenate([random.permutation(pool) for _ in range(rounds)])[:wanted]
