"""A disk that remembers: what a machine may find after the power went at any moment.

While a program works, its calls to the system are recorded. From the record come the
states that a crash may leave: of what was written to a file since its last fsync any part
may be missing, torn at a sector, or zeros; of what happened to the names in a folder since
its last fsync any part may not have happened, in any combination.

SQLite calls the system past Python. Its files are compared before and after each commit; what
differs counts as written without order, then as pushed to the disk (``synchronous=FULL``).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.project.store import Store

SECTOR = 512
_CALLS = ("open", "close", "write", "fsync", "lseek", "ftruncate", "replace", "rename", "unlink", "mkdir", "dup")
_INDEX = ("project.sqlite", "project.sqlite-wal")
_PAGE = 4096
_FOLDER = -1


@dataclass(frozen=True)
class Op:
    """One thing that happened: ``write``, ``cut`` or ``sync`` of a file (by number); ``name``, ``gone`` or
    ``sync_names`` of a folder; ``saved`` when the person was told."""

    kind: str
    file: int = 0
    at: int = 0
    data: bytes = b""
    path: str = ""
    source: str = ""


@dataclass
class _Held:
    """What a descriptor stands for: a file by number, or a folder by name."""

    file: int
    folder: str = ""
    at: int = 0


@dataclass
class Recorder:
    """Records what happens below a folder.

    Parameters
    ----------
    root
        The folder; what is in it now is on the disk.
    """

    root: Path
    ops: list[Op] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._held: dict[int, _Held] = {}
        there = sorted(self.root.rglob("*"))
        self.base = {str(path.relative_to(self.root)): path for path in there}
        self._files = {name: number for number, name in enumerate(self.base) if self.base[name].is_file()}
        self.names = {name: self._files.get(name, _FOLDER) for name in self.base}
        self.content = {number: self.base[name].read_bytes() for name, number in self._files.items()}
        self._next = len(self.base)
        self._index = {name: _read(self.root / name) for name in _INDEX}

    def _inside(self, path: Any) -> str | None:
        try:
            return str(Path(os.fsdecode(path)).relative_to(self.root)) if not isinstance(path, int) else None
        except ValueError:
            return None

    def note(self, **facts: Any) -> None:
        """Add to the record."""
        with self._lock:
            self.ops.append(Op(**facts))

    # -- calls of the program itself -----------------------------------------------------

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Put the recorder under ``os`` and under the index for a while."""
        real = {name: getattr(os, name) for name in _CALLS}
        transaction, close = Store.transaction, Store.close
        recorder = self

        def wrapped(name: str) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                with recorder._lock:
                    result = real[name](*arguments, **named)
                    getattr(recorder, f"on_{name}")(result, *arguments)
                    return result

            return call

        @contextlib.contextmanager
        def committed(store: Store) -> Iterator[Any]:
            with transaction(store) as connection:
                yield connection
            recorder._compare()

        def closed(store: Store) -> None:
            with recorder._lock:
                close(store)
                recorder._compare()

        for name in _CALLS:
            setattr(os, name, wrapped(name))
        Store.transaction, Store.close = committed, closed
        try:
            yield
        finally:
            Store.transaction, Store.close = transaction, close
            for name in _CALLS:
                setattr(os, name, real[name])

    def on_open(self, result: int, path: Any, *_: Any) -> None:
        name = self._inside(path)
        if name is None:
            return
        if (self.root / name).is_dir():
            self._held[result] = _Held(_FOLDER, name)
        else:
            self._held[result] = _Held(self._files[name] if name in self._files else self._new(name))

    def on_dup(self, result: int, descriptor: int) -> None:
        if descriptor in self._held:
            self._held[result] = self._held[descriptor]

    def on_close(self, _result: None, descriptor: int) -> None:
        self._held.pop(descriptor, None)

    def on_write(self, result: int, descriptor: int, data: Any) -> None:
        held = self._held.get(descriptor)
        if held is not None:
            self.note(kind="write", file=held.file, at=held.at, data=bytes(memoryview(data)[:result]))
            held.at += result

    def on_lseek(self, result: int, descriptor: int, *_: Any) -> None:
        if descriptor in self._held:
            self._held[descriptor].at = result

    def on_ftruncate(self, _result: None, descriptor: int, length: int) -> None:
        if descriptor in self._held:
            self.note(kind="cut", file=self._held[descriptor].file, at=length)

    def on_fsync(self, _result: None, descriptor: int) -> None:
        held = self._held.get(descriptor)
        if held is not None and held.file == _FOLDER:
            self.note(kind="sync_names", path=held.folder)
        elif held is not None:
            self.note(kind="sync", file=held.file)

    def on_replace(self, _result: None, source: Any, target: Any) -> None:
        old, new = self._inside(source), self._inside(target)
        if old is not None and new is not None:
            file = self._files.pop(old)
            self._files[new] = file
            self.note(kind="name", file=file, path=new, source=old)

    on_rename = on_replace

    def on_unlink(self, _result: None, path: Any, **_: Any) -> None:
        name = self._inside(path)
        if name is not None:
            self._files.pop(name, None)
            self.note(kind="gone", path=name)

    def on_mkdir(self, _result: None, path: Any, *_: Any) -> None:
        name = self._inside(path)
        if name is not None:
            self.note(kind="name", file=_FOLDER, path=name)

    def _new(self, path: str) -> int:
        self._next += 1
        self._files[path] = self._next
        self.note(kind="name", file=self._next, path=path)
        return self._next

    def _compare(self) -> None:
        """Find what SQLite did since the last look."""
        with self._lock:
            index, log = _INDEX
            # the log is written before what is taken from it, and goes only after that is safe
            for name in (log, index) if (self.root / log).exists() else (index, log):
                before, now = self._index[name], _read(self.root / name)
                self._index[name] = now
                if now == before:
                    continue
                if now is None:
                    self.note(kind="gone", path=name)
                    self._files.pop(name, None)
                    self.note(kind="sync_names", path=".")
                    continue
                file = self._files[name] if before is not None else self._new(name)
                old = before or b""
                if len(now) < len(old):
                    self.note(kind="cut", file=file, at=len(now))
                for at in range(0, len(now), _PAGE):
                    if now[at : at + _PAGE] != old[at : at + _PAGE]:
                        self.note(kind="write", file=file, at=at, data=now[at : at + _PAGE])
                self.note(kind="sync", file=file)
                if before is None:
                    self.note(kind="sync_names", path=".")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class State:
    """What a machine finds after a crash: names (None: a folder) with what is in the files.

    Parameters
    ----------
    names
        Path to content.
    after
        So many operations had begun.
    saved
        What the person had been told by then.
    """

    names: dict[str, bytes | None]
    after: int
    saved: int

    @property
    def digest(self) -> bytes:
        """Name it, so that no state is looked at twice."""
        hasher = hashlib.sha256(str(self.saved).encode())
        for name, content in sorted(self.names.items()):
            hasher.update(f"{name} {content is None} ".encode())
            hasher.update(hashlib.sha256(content or b"").digest())
        return hasher.digest()


class Model:
    """Goes through a record and says what a crash may leave at each place.

    Parameters
    ----------
    recorder
        What was recorded.
    rng
        Chooses among states where there are too many.
    """

    def __init__(self, recorder: Recorder, rng: np.random.Generator) -> None:
        self._ops = recorder.ops
        self._rng = rng
        self._content: dict[int, bytes] = dict(recorder.content)
        self._names: dict[str, int] = dict(recorder.names)
        self._writes: list[Op] = []
        self._entries: list[Op] = []
        self._saved = 0

    def states(self, each: int) -> Iterator[State]:
        """Give states, at most so many after each operation: with nothing pending, all of it, then by chance."""
        for number, op in enumerate(self._ops):
            self._take(op)
            if op.kind == "saved":
                continue
            seen: set[bytes] = set()
            for made in self._after(number, each):
                if made.digest not in seen:
                    seen.add(made.digest)
                    yield made

    def _take(self, op: Op) -> None:
        if op.kind in ("write", "cut"):
            self._writes.append(op)
        elif op.kind in ("name", "gone"):
            self._entries.append(op)
        elif op.kind == "sync":
            for one in self._writes:
                if one.file == op.file:
                    self._content[op.file] = _applied(self._content.get(op.file, b""), one, one.data)
            self._writes = [one for one in self._writes if one.file != op.file]
        elif op.kind == "sync_names":
            ours = [one for one in self._entries if str(Path(one.path).parent) == op.path]
            for one in ours:
                _renamed(self._names, one)
            self._entries = [one for one in self._entries if one not in ours]
        else:
            self._saved = op.at

    def _after(self, number: int, each: int) -> Iterator[State]:
        writes, entries = len(self._writes), len(self._entries)
        yield self._state(number, [0] * writes, [False] * entries)
        yield self._state(number, [2] * writes, [True] * entries)
        for _ in range(each - 2):
            if not writes and not entries:
                return
            # in the order they were asked for, or in any
            in_order = self._rng.random() < 0.5
            kept = int(self._rng.integers(writes + 1))
            fates = [2 if place < kept else 0 for place in range(writes)]
            if not in_order:
                fates = [int(fate) for fate in self._rng.integers(0, 4, writes)]
            elif kept < writes:
                fates[kept] = int(self._rng.integers(0, 4))
            until = int(self._rng.integers(entries + 1))
            named = [place < until if in_order else bool(self._rng.integers(2)) for place in range(entries)]
            yield self._state(number, fates, named)

    def _state(self, number: int, fates: list[int], named: list[bool]) -> State:
        """Make a state; a write may be 0 missing, 1 torn, 2 whole, 3 zeros where the file grew."""
        content = {}
        for op, fate in zip(self._writes, fates, strict=True):
            if fate == 0:
                continue
            data = op.data
            if fate == 1 and op.kind == "write":
                data = data[: SECTOR * int(self._rng.integers(len(data) // SECTOR + 1))]
            before = content.get(op.file, self._content.get(op.file, b""))
            if fate == 3 and op.kind == "write":
                # room that was given to the file and never written; what was there before is not wiped
                there = before[op.at : op.at + len(data)]
                data = there + bytes(len(data) - len(there))
            content[op.file] = _applied(before, op, data)
        names = dict(self._names)
        for op, done in zip(self._entries, named, strict=True):
            if done:
                _renamed(names, op)
        folders = {name for name, file in names.items() if file == _FOLDER} | {"."}
        found: dict[str, bytes | None] = {}
        for name, file in names.items():
            if all(str(parent) in folders for parent in Path(name).parents):
                found[name] = None if file == _FOLDER else content.get(file, self._content.get(file, b""))
        return State(found, number, self._saved)


def _applied(content: bytes, op: Op, data: bytes) -> bytes:
    if op.kind == "cut":
        return content[: op.at] + bytes(max(0, op.at - len(content)))
    grown = content + bytes(max(0, op.at - len(content)))
    return grown[: op.at] + data + grown[op.at + len(data) :]


def _renamed(names: dict[str, int], op: Op) -> None:
    if op.kind == "gone":
        names.pop(op.path, None)
        return
    # a name that was moved is gone from where it was, if it ever got there
    if op.source:
        names.pop(op.source, None)
    names[op.path] = op.file
