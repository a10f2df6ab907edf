"""Decoding children that come to no end, each in its own way."""

from __future__ import annotations

import time
from multiprocessing.connection import Connection
from typing import Any

from core.io import decoding

WORK = 0.5
"""Seconds of processor time that an honest child needs."""


def spins(connection: Connection[Any, Any], memory: int) -> None:
    """Answer the first request with work without end."""
    del memory
    connection.send(("ready", None))
    connection.recv()
    while True:
        pass


def sleeps(connection: Connection[Any, Any], memory: int) -> None:
    """Answer the first request with silence."""
    del memory
    connection.send(("ready", None))
    connection.recv()
    while True:
        time.sleep(60)


def works(connection: Connection[Any, Any], memory: int) -> None:
    """Answer the first request after some work."""
    del memory
    connection.send(("ready", None))
    connection.recv()
    begun = time.process_time()
    while time.process_time() - begun < WORK:
        pass
    connection.send(("done", None))


def spins_over_a_slice(connection: Connection[Any, Any], memory: int) -> None:
    """Decode as always, but for the slices: the first comes to no end."""

    def hand_over(connection: Connection[Any, Any], *_facts: Any) -> None:
        # where the slices go, and the first that is wanted
        connection.recv()
        connection.recv()
        while True:
            pass

    decoding.hand_over = hand_over
    decoding.serve(connection, memory)
