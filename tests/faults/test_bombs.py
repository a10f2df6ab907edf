"""Small files that ask for gigabytes or hours: refused soon, in words, with little memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bomb_support import BOMBS, HEAVY, MB
from reader_support import noise, write_picture

from core.errors import InputError
from core.geometry import Geometry
from core.io.processor import Patience, processor_seconds
from core.io.sandbox import Decoder
from core.messages import sentence

SECONDS = 2.0
"""Of the child's processor time per step: what a person would wait on an idle machine."""
PATIENCE = 30.0
"""Of waiting: the machine may be shared."""
MEMORY = 256 * MB
"""By which the child may grow over what it has when it is warm."""
GRID = Geometry((8, 8, 8), np.eye(4))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a child uses is read from /proc")


class Watched:
    """A decoder whose child is measured step by step."""

    def __init__(self) -> None:
        self.decoder = Decoder(patience=Patience(PATIENCE, 4 * PATIENCE))
        self.worst = 0.0
        self._child = 0
        self._base = 0

    def begin(self, folder: Path) -> None:
        """Warm the child up and forget what it used before."""
        self.decoder.warm()
        self.decoder.find([folder])
        assert self.decoder._process is not None
        self._child = self.decoder._process.pid or 0
        Path(f"/proc/{self._child}/clear_refs").write_text("5")
        self._base = self._most()

    def _most(self) -> int:
        words = Path(f"/proc/{self._child}/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in words if line.startswith("VmHWM"))

    def grown(self) -> int:
        """Return by how much the child has grown at most since :meth:`begin`."""
        return self._most() - self._base

    def spent(self) -> float:
        """Return the processor seconds of the child."""
        spent = processor_seconds(self._child)
        assert spent is not None
        return spent

    def same_child(self) -> bool:
        return self.decoder._process is not None and self.decoder._process.pid == self._child


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.decoder.close()


def steps_of(decoder: Decoder, path: Path) -> Iterator[object]:
    """Do what an import, and the choice of a mask, would do with a file; yield what each step gave or raised."""
    try:
        found = decoder.find([path])
    except InputError as error:
        yield error
        return
    yield found
    yield from (passed.error for passed in found.passed)
    for source in found.sources:
        own = replace(source, masks=(path,))
        looks = (
            lambda source=source: decoder.entries(source, identity=False),
            lambda source=source: decoder.preview(source),
            lambda source=source: decoder.read(source),
            lambda own=own: decoder.read_masks(own),
        )
        for look in looks:
            try:
                yield look()
            except InputError as error:
                yield error
    try:
        yield decoder.read_mask_file(path, GRID)
    except InputError as error:
        yield error


def hold(watched: Watched, path: Path, empty: Path) -> list[object]:
    """Run all steps on a file within the bounds; return what they gave."""
    watched.begin(empty)
    seen: list[object] = []
    before, start = watched.spent(), time.monotonic()
    for result in steps_of(watched.decoder, path):
        assert watched.same_child(), f"{path.name} ended the child: {result}"
        spent = watched.spent()
        assert spent - before <= SECONDS, f"{path.name}: {spent - before:.1f} s for {result}"
        assert watched.grown() <= MEMORY, f"{path.name}: {watched.grown() // MB} MB for {result}"
        if isinstance(result, InputError):
            words = sentence(result)
            assert words.endswith("."), words
            assert "\n" not in words
        seen.append(result)
        before = spent
    assert time.monotonic() - start < PATIENCE
    return seen


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_small(name: str, watched: Watched, tmp_path: Path) -> None:
    path, empty = tmp_path / name, tmp_path / "empty"
    empty.mkdir()
    BOMBS[name](path)
    assert path.stat().st_size < 40 * MB
    seen = hold(watched, path, empty)
    assert any(isinstance(result, InputError) for result in seen)
    read = [result for result in seen if type(result).__name__ in ("Volume", "MaskData", "Preview")]
    assert not read, f"{name} was read: {read}"


@pytest.mark.parametrize("name", HEAVY)
def test_what_is_heavy_beside_the_pixels_costs_little(name: str, watched: Watched, tmp_path: Path) -> None:
    path, empty = tmp_path / name, tmp_path / "empty"
    empty.mkdir()
    HEAVY[name](path)
    assert path.stat().st_size < 40 * MB
    assert hold(watched, path, empty)


def test_a_folder_of_bombs_hides_no_scan(watched: Watched, tmp_path: Path) -> None:
    for name in ("lying.png", "rle-65535.dcm", "declared-8-gb.nii.gz", "lies.zip"):
        BOMBS[name](tmp_path / name)
    write_picture(tmp_path / "whole.png", noise((12, 10)))
    found = watched.decoder.find([tmp_path])
    read = [source for source in found.sources if source.name == "whole.png"]
    assert watched.decoder.read(read[0]).shape == (1, 12, 10)
