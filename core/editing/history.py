"""The stack of steps that can be taken back, bounded in memory.

The newest steps are held whole. Older ones keep their name only and are loaded
from the journal when somebody undoes that far; where there is no journal, or
where it has dropped them, they are forgotten, oldest first.
"""

from __future__ import annotations

from typing import Protocol

from core.editing.steps import Step

MEMORY_LIMIT = 64 << 20
"""Bytes that all steps of an annotation may take in memory."""


class Archive(Protocol):
    """Where older steps can be had from (the journal)."""

    @property
    def floor(self) -> int:
        """Sequence of the oldest step that may still be undone; 0 while none was dropped."""

    def load(self, sequence: int) -> Step | None:
        """Return a whole step, None if it is gone."""


class History:
    """Undo and redo stack.

    Parameters
    ----------
    archive
        Where older steps can be had from; None forgets them instead.
    limit
        Bytes in memory.
    """

    def __init__(self, archive: Archive | None = None, *, limit: int = MEMORY_LIMIT) -> None:
        self._archive = archive
        self._limit = limit
        self._steps: list[Step] = []
        self._bare = 0  # so many of the oldest steps are held without their payload
        self._bytes = 0
        self.position = 0
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def bytes_held(self) -> int:
        """Memory the steps take, about."""
        return self._bytes

    def steps(self) -> list[Step]:
        """Return all steps, newest last; those from :attr:`position` on are undone."""
        return list(self._steps)

    def attach(self, archive: Archive) -> None:
        """Say where older steps can be had from."""
        self._archive = archive

    def push(self, step: Step) -> None:
        """Add a step that was just done; what was undone before is gone."""
        for gone in self._steps[self.position :]:
            self._bytes -= gone.cost
        del self._steps[self.position :]
        self._bare = min(self._bare, self.position)
        self._steps.append(step)
        self._bytes += step.cost
        self.position += 1
        self._bound()

    def next_undo(self) -> Step | None:
        """Return the step that undo takes back, whole, or None."""
        if self._archive is not None and self.position:
            # what the journal dropped is not undone from memory either: after the next
            # start the journal could not follow
            floor = self._archive.floor
            if self._steps[self.position - 1].sequence < floor:
                self.forget(self.position)
        return self.whole(self.position - 1) if self.position else None

    def next_redo(self) -> Step | None:
        """Return the step that redo does again, whole, or None."""
        return self.whole(self.position) if self.position < len(self._steps) else None

    def moved(self, by: int) -> None:
        """Move the position after an undo (-1), a redo (+1) or on reading it back."""
        self.position = min(max(self.position + by, 0), len(self._steps))

    def forget(self, count: int) -> None:
        """Drop the oldest steps, at most those that are done."""
        count = min(count, self.position)
        for gone in self._steps[:count]:
            self._bytes -= gone.cost
        del self._steps[:count]
        self._bare = max(0, self._bare - count)
        self.position -= count
        self.forgotten += count

    def whole(self, place: int) -> Step | None:
        """Return a step with its payload; forget it and all before it if that is gone."""
        step = self._steps[place]
        if place >= self._bare:
            return step
        loaded = self._archive.load(step.sequence) if self._archive is not None else None
        if loaded is None and place < self.position:
            self.forget(place + 1)
        return loaded

    def _bound(self) -> None:
        # the newest step is always held: a step that was done can be taken back
        while self._bytes > self._limit and self._archive is not None and self._bare < len(self._steps) - 1:
            whole = self._steps[self._bare]
            bare = whole.without_content()
            self._steps[self._bare] = bare
            self._bytes -= whole.cost - bare.cost
            self._bare += 1
        while self._bytes > self._limit and self.position > 1:
            self.forget(1)
