"""The program that gets killed: opens a project, draws, undoes and saves until the end comes.

Run by test_kill_store.py as ``python kill_child.py PROJECT SCAN SEED DELAY LIMIT``
(LIMIT: bytes of the journal before old steps are dropped, 0 the program's own). Every
line it writes is one fact, told the moment it is true, with the monotonic clock:

    phase NAME TIME            open, begin, stroke, commit, saving or saved begins
    opened SEQUENCE HASH TIME  what was there
    commit SEQUENCE HASH TIME  a step, undo or redo was acknowledged to the person
    saved SEQUENCE TIME        the person was told SAVED
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from core.editing.editor import Editor
from core.editing.opening import open_annotation
from core.editing.replacing import prepare
from core.errors import MeninxError
from core.geometry import Plane
from core.project.journal import Journal
from core.project.project import Project
from core.project.records import Origin
from core.project.saver import Saver, SaveState


def say(*words: object) -> None:
    # one write below PIPE_BUF: lines of the two threads never mix
    line = " ".join(str(word) for word in (*words, time.monotonic()))
    os.write(1, f"{line}\n".encode())


def digest(editor: Editor, *, history: bool) -> str:
    """Name everything that must come back: voxels, states, and where the history stands."""
    hasher = hashlib.sha256()
    for layer in ("brain", "lesions"):
        hasher.update(editor.mask(layer).tobytes())
        states = [editor.state(layer, number) for number in range(editor.geometry.shape[0])]
        hasher.update(repr(states).encode())
    redoable = len(editor.steps()) - editor.position
    hasher.update(f"{redoable} {editor.position if history else ''}".encode())
    return hasher.hexdigest()


def draw(editor: Editor, rng: np.random.Generator) -> None:
    labels = editor.labels.labels
    chance = rng.random()
    if chance < 0.15:
        say("phase", "commit")
        editor.undo()
    elif chance < 0.22:
        say("phase", "commit")
        editor.redo()
    elif chance < 0.3:
        say("phase", "commit")
        editor.set_finished(["brain"], [int(rng.integers(editor.geometry.shape[0]))], bool(rng.random() < 0.7))
    elif chance < 0.34:
        say("phase", "commit")
        correct(editor, rng)
    else:
        say("phase", "begin")
        view = editor.geometry.view(list(Plane)[int(rng.integers(3))])
        editor.begin("brush", labels[int(rng.integers(len(labels)))], erase=rng.random() < 0.2)
        say("phase", "stroke")
        index = int(rng.integers(view.slices))
        at = rng.uniform(0, (view.rows, view.columns))
        radius, sphere = rng.uniform(0.5, 12), bool(rng.random() < 0.2)
        for _ in range(int(rng.integers(1, 8))):
            to = at + rng.normal(0, 6, 2)
            editor.dab(view, index, tuple(at), tuple(to), radius, sphere=sphere)
            at = to
            time.sleep(rng.uniform(0, 0.004))
        say("phase", "commit")
        editor.commit()


def correct(editor: Editor, rng: np.random.Generator) -> None:
    """Take something over into both layers, as one step."""
    z, y, x = (int(rng.integers(count)) for count in editor.geometry.shape)
    new = {layer: editor.mask(layer).copy() for layer in ("brain", "lesions")}
    for mask in new.values():
        mask[z : z + 5, y : y + 9, x : x + 9] ^= 1
    ready = prepare(editor.revision, {layer: editor.mask(layer) for layer in new}, new)
    editor.put(ready, action="correct", origin=Origin.PREDICTED, run="run1")


def main(path: str, scan: str, seed: str, delay: str, limit: str) -> None:
    say("phase", "open")
    rng = np.random.default_rng(int(seed))
    whole = limit == "0"
    if not whole:
        Journal.trim.__kwdefaults__["limit"] = int(limit)
    with Project.open(Path(path)) as project:
        opened = open_annotation(project, scan, "anna")
        editor = opened.editor
        say("opened", editor.sequence, digest(editor, history=whole))

        def heard(state: SaveState, _: MeninxError | None) -> None:
            if state is SaveState.SAVING:
                say("phase", "saving")
            elif state is SaveState.SAVED:
                # the saver marks the editor before it tells, so this is what is safe
                say("saved", editor._saved)
                say("phase", "saved")

        saver = Saver(project, opened, heard, delay=float(delay), longest=max(0.2, 2 * float(delay)))
        while True:
            before = editor.sequence
            draw(editor, rng)
            if editor.sequence != before:
                say("commit", editor.sequence, digest(editor, history=whole))
            if float(delay) < 1 and rng.random() < 0.03:
                saver.flush()
            time.sleep(rng.uniform(0, 0.02))


if __name__ == "__main__":
    main(*sys.argv[1:])
