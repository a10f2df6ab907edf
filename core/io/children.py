"""Decoding children as their caller sees them: one process each, and how slices are taken from one or two."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from core.errors import MeninxError
from core.geometry import Array
from core.io.decoding import serve
from core.io.handover import Ring, offer
from core.io.processor import Patience, Spell

_STARTING = Patience(60.0, 300.0)
"""What a child may take to start on a busy machine, before any file is to blame."""
_LOOK = 0.25
"""Seconds after which is looked what a child that says nothing does."""
_END = 5.0
"""Seconds that an ended process may take to go: one that waits for a dead disk cannot."""
_AHEAD = 3
"""Slices asked of a child before it has sent the last one: enough never to wait, few enough to share fairly."""

Word = tuple[str, Any]


class GoneError(Exception):
    """A child died (``file-killed-decoder``) or gave no sign of life for too long (``file-decoder-slow``)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Child:
    """One spawned process that decodes.

    Parameters
    ----------
    memory
        Bytes by which it may grow.
    entry
        What runs in it.
    """

    def __init__(self, memory: int, entry: Callable[[Connection[Any, Any], int], None] = serve) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self.process = context.Process(target=entry, args=(theirs, memory), name="meninx-decoder", daemon=True)
        self.process.start()
        theirs.close()
        assert self.process.pid is not None
        self.pid: int = self.process.pid
        self.connection: Connection[Any, Any] = ours
        self.ready = False

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.is_alive()

    def receive(self, patience: Patience) -> Word:
        """Return its next word.

        Raises
        ------
        GoneError
            If it is dead, or silent for longer than it may be.
        """
        while True:
            spell: Spell | None = None
            try:
                while not self.connection.poll(_LOOK):
                    spell = spell or Spell(self.pid)
                    if spell.outlasts(patience) and (self.ready or spell.outlasts(_STARTING)):
                        raise GoneError("file-decoder-slow")
                kind, payload = self.connection.recv()
            except (EOFError, OSError) as error:
                raise GoneError("file-killed-decoder") from error
            if kind != "ready":
                return kind, payload
            self.ready = True

    def last_word(self, patience: Patience) -> Word:
        """Return the word that ends what it is doing; slices on the way are let go."""
        while True:
            kind, payload = self.receive(patience)
            if kind in ("done", "error", "header"):
                return kind, payload

    def say(self, word: object) -> None:
        """Send it a word; if it is gone, its own next word says so."""
        with contextlib.suppress(OSError):
            self.connection.send(word)

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.join(_END)
        if self.process.exitcode is not None:
            self.process.close()
        self.connection.close()


@dataclass
class _Member:
    child: Child
    ring: Ring
    free: list[int]
    busy: int = 0
    heard: float = 0.0
    spell: Spell | None = None


class Intake:
    """Takes the slices of one array in, from a child that has announced it and a second one that helps.

    Parameters
    ----------
    array
        What is filled.
    order
        Slices in the order in which they are wanted.
    on_slice
        Called with the number of each slice that is there.
    patience
        What a child may take for one slice.
    """

    def __init__(
        self,
        array: Array,
        order: Sequence[int],
        on_slice: Callable[[int], None],
        patience: Patience,
    ) -> None:
        self._array = array
        self._todo = deque(order)
        self._left = len(order)
        self._on_slice = on_slice
        self._patience = patience
        self._crew: dict[Connection[Any, Any], _Member] = {}
        self._stopped = False
        self._begun = False

    def run(self, lead: Child, helper: Child | None = None, shared: bytes = b"") -> Word:
        """Take all slices in, and return the word with which the first child ends.

        Parameters
        ----------
        lead
            The child that announced the array.
        helper
            Another one; it may still be starting.
        shared
            What the helper needs to decode slices of the same scan.

        Raises
        ------
        GoneError
            If a child dies or is silent for too long.
        MeninxError
            What the helper says of a slice that it could not decode.
        """
        with contextlib.ExitStack() as memories:
            self._join(lead, memories)
            while self._left and not self._stopped:
                if helper is not None and helper.ready and self._begun:
                    helper.say(("share", shared, self._array.shape, self._array.dtype.str))
                    self._join(helper, memories)
                    helper = None
                starting = [helper.connection] if helper is not None and not helper.ready else []
                for ready in self._heard([*self._crew, *starting]):
                    if ready in self._crew:
                        self._hear(self._crew[ready])
                    elif helper is not None and not _starts(helper):
                        helper = None
                self._look()
            for member in self._crew.values():
                member.child.say(None)
            word = lead.last_word(self._patience)
            for member in self._crew.values():
                if member.child is not lead:
                    _raise_error(member.child.last_word(self._patience))
            return word

    def _join(self, child: Child, memories: contextlib.ExitStack) -> None:
        ring = offer(child.connection, memories, self._array.shape, self._array.dtype.str)
        member = _Member(child, ring, list(range(ring.slots)))
        self._crew[child.connection] = member
        self._ask(member)

    def _ask(self, member: _Member) -> None:
        """Ask a child for the next slices."""
        member.heard, member.spell = time.monotonic(), None
        while self._todo and member.free and member.busy < _AHEAD:
            member.child.say((self._todo.popleft(), member.free.pop()))
            member.busy += 1

    def _hear(self, member: _Member) -> None:
        try:
            kind, payload = member.child.connection.recv()
        except (EOFError, OSError) as error:
            raise GoneError("file-killed-decoder") from error
        if kind == "slice":
            index, slot = payload
            self._array[index] = member.ring.slot(slot)
            self._begun = True
            member.free.append(slot)
            member.busy -= 1
            self._left -= 1
            self._ask(member)
            self._on_slice(index)
        elif kind == "stopped":
            self._stopped = True

    def _heard(self, connections: list[Connection[Any, Any]]) -> list[Any]:
        """Wait for words."""
        try:
            return wait(connections, _LOOK)
        except OSError as error:
            # closed from elsewhere meanwhile
            raise GoneError("file-killed-decoder") from error

    def _look(self) -> None:
        now = time.monotonic()
        for member in self._crew.values():
            if member.busy and now - member.heard > _LOOK:
                member.spell = member.spell or Spell(member.child.pid)
                if member.spell.outlasts(self._patience):
                    raise GoneError("file-decoder-slow")


def _starts(helper: Child) -> bool:
    """Whether a child that has spoken for the first time is ready; if it died no file is to blame."""
    try:
        helper.ready = helper.connection.recv()[0] == "ready"
    except (EOFError, OSError):
        return False
    return helper.ready


def _raise_error(word: Word) -> None:
    if word[0] == "error":
        error: MeninxError = word[1]
        raise error
