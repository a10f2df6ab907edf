"""What each step of the preparation does to a scan, before and after, to be judged by eye."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.io import atomic
from core.late import cv2
from core.learning.prepare import Preparation, Preparer
from core.learning.prepare_steps import CT_WINDOWS, GREY, canonical, value_of
from core.messages import numeral, sentence, text
from core.review.figure import INK, QUIET
from core.volume import Volume

WINDOWS = "windows"
SHOWN = ("clip", "zscore", "denoise=median", "denoise=nlm", "table", "bone", "crop", "centre", WINDOWS)
"""Steps that change how a slice looks, in the order in which they are shown."""
_TILE, _GAP, _TOP, _FOOT = 384, 16, 118, 58
_MOST_TAKEN = 4.0
"""What noise removal takes off is shown so many times stronger, for it is faint."""


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture: uint8 ``[rows, columns]`` from darkest to brightest, and the values that these are."""

    picture: NDArray[np.uint8]
    words: str


@dataclass(frozen=True, eq=False)
class Shown:
    """One step on one slice.

    Parameters
    ----------
    step
        One of :data:`SHOWN`.
    used
        Whether the preparation looked at has it.
    before, after
        The slice without and with it, all other steps as they are; ``after`` has one picture per window. Of noise
        removal a last one is what was taken off.
    why
        Why this scan cannot be prepared so, in a sentence; then there are no pictures.
    """

    step: str
    used: bool
    before: Tile | None = None
    after: tuple[Tile, ...] = ()
    why: str = ""

    @property
    def name(self) -> str:
        """The step in two or three words."""
        return text(f"prepare.name_{self.step.replace('=', '_')}")

    @property
    def titles(self) -> tuple[str, ...]:
        """A word for each picture: without the step, with it, what was taken off."""
        after = [text("prepare.after")] * len(self.after)
        if self.step.startswith("denoise") and after:
            after[-1] = text("prepare.rest")
        return (text("prepare.before"), *after) if self.before is not None else ()

    @property
    def words(self) -> str:
        """What it does."""
        if self.step == WINDOWS:
            return text("prepare.windows", names=", ".join(CT_WINDOWS))
        name, _, value = self.step.partition("=")
        return text(f"prepare.step_{name}", value=value)


def with_step(preparation: Preparation, step: str, *, used: bool) -> Preparation:
    """Return a preparation with one of :data:`SHOWN` switched on or off."""
    if step == WINDOWS:
        return replace(preparation, channels=CT_WINDOWS if used else GREY)
    name = step.partition("=")[0]
    others = [one for one in preparation.steps if one.partition("=")[0] != name]
    return replace(preparation, steps=canonical([*others, step] if used else others))


def is_used(preparation: Preparation, step: str) -> bool:
    """Whether a preparation has one of :data:`SHOWN`."""
    if step == WINDOWS:
        return preparation.channels == CT_WINDOWS
    name, _, value = step.partition("=")
    return value_of(preparation.steps, name) == value


def look(
    volume: Volume, index: int, preparation: Preparation, *, name: str = "", go_on: Callable[[], bool] = lambda: True
) -> Iterator[Shown]:
    """Yield what each step does to a native slice.

    Parameters
    ----------
    preparation
        What is done besides; the slice alone is looked at, without its neighbours.
    name
        Of the scan, for sentences.
    go_on
        Asked before each step; False gives the rest up.
    """
    alone = replace(preparation, slices=1)
    for step in SHOWN:
        if not go_on():
            return
        used = is_used(alone, step)
        try:
            before = _tiles(volume, index, with_step(alone, step, used=False), name)
            after = _tiles(volume, index, with_step(alone, step, used=True), name)
        except LearningError as error:
            yield Shown(step, used, why=sentence(error))
            continue
        taken = (_taken(before[0], after[0]),) if step.startswith("denoise") else ()
        yield Shown(step, used, before[0][1], (*(tile for _, tile in after), *taken))


_Values = NDArray[np.float32]


def _tiles(volume: Volume, index: int, preparation: Preparation, name: str) -> list[tuple[_Values, Tile]]:
    found = Preparer(volume, preparation, name=name).slices([index]).astype(np.float32)
    windows = preparation.channels == CT_WINDOWS
    return [
        (values, Tile(_eight_bits(values), _range(values, channel if windows else "")))
        for values, channel in zip(found, preparation.channels, strict=True)
    ]


def _range(values: _Values, channel: str) -> str:
    words = text("prepare.values", low=numeral(float(values.min()), ".2f"), high=numeral(float(values.max()), ".2f"))
    return f"{channel}: {words}" if channel else words


def _eight_bits(values: _Values) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    return np.asarray(np.rint((values - low) * np.float32(255 / max(high - low, 1e-6))), dtype=np.uint8)


def _taken(before: tuple[_Values, Tile], after: tuple[_Values, Tile]) -> Tile:
    values = before[0]
    spread = max(float(values.max() - values.min()), 1e-6)
    rest = (values - after[0]) * np.float32(_MOST_TAKEN * 255 / spread)
    return Tile(np.clip(128 + rest, 0, 255).astype(np.uint8), text("prepare.taken", times=numeral(_MOST_TAKEN, "g")))


def sheet(shown: Shown, scan: str, index: int) -> NDArray[np.uint8]:
    """Return one step as a picture for print, RGB: before and after beside each other, with words."""
    from core.learning.explore_pictures import Sheet

    tiles = [tile for tile in (shown.before, *shown.after) if tile is not None]
    count = max(2, len(tiles))
    page = Sheet(shown.name, width=2 * _GAP + count * _TILE + (count - 1) * _GAP, height=_TOP + _TILE + _FOOT)
    said = text("prepare.of", scan=scan, slice=index + 1, words=shown.words)
    for number, line in enumerate(textwrap.wrap(said, (page.width - 60) // 6)[:3]):
        page.words((_GAP + 24, 60 + 17 * number), line, 12, QUIET)
    for number, (tile, title) in enumerate(zip(tiles, shown.titles, strict=True)):
        left = _GAP + number * (_TILE + _GAP)
        page.paste(np.repeat(tile.picture[..., None], 3, axis=2), left, _TOP, _TILE, _TILE)
        page.words((left, _TOP + _TILE + 18), title, 13, INK, strong=True)
        page.words((left, _TOP + _TILE + 38), tile.words, 12, QUIET)
    return page.content()


def write(folder: Path, found: Sequence[Shown], scan: str, index: int) -> list[Path]:
    """Write one PNG per step that could be shown.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    atomic.make_folder(folder)
    files = []
    for number, one in enumerate([one for one in found if one.before is not None], start=1):
        done, content = cv2.imencode(".png", cv2.cvtColor(sheet(one, scan, index), cv2.COLOR_RGB2BGR))
        if not done:
            raise ValueError(one.step)
        file = folder / f"{scan}_slice{index + 1}_{number}_{one.step.replace('=', '-')}.png"
        atomic.write_bytes(file, content.tobytes())
        files.append(file)
    return files
