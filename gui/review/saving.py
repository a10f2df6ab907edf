"""Mask and stripped brain as files of the reader's choice, in the scan's own geometry."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from core.geometry import Array
from core.io import atomic
from core.messages import text
from core.project.exporting import (
    Outputs,
    encode_picture,
    is_picture,
    save_brain,
    save_mask,
    save_outputs,
    scan_stem,
)
from core.project.records import Scan
from core.review.pictures import Panel, Tint, encode_png, row, sheet
from core.review.strip import apply_mask
from core.volume import Volume, Window
from gui.background import Tasks
from gui.notify import Notifier
from gui.review.contents import Shown

PICTURE_HEIGHT = 512
"""Of a slice on a saved picture, in pixels."""
What = Literal["mask", "brain"]


def write(target: Path, what: What, volume: Volume, found: tuple[Array, int], stem: str) -> list[Path]:
    """Write one file, or (``target`` a folder) one per picture of a stack; return them.

    Parameters
    ----------
    found
        ``[z, y, x]`` and the value that is inside.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    mask = found[0] == found[1]
    if needs_folder(volume):
        outputs = Outputs(target, brain=what == "brain", mask=what == "mask")
        return save_outputs(volume, mask, stem, outputs)
    if is_picture(volume):
        pixels = apply_mask(volume, mask).array[0] if what == "brain" else mask[0].astype(np.uint8) * np.uint8(255)
        atomic.write_bytes(target, encode_picture(pixels))
    elif what == "brain":
        save_brain(target, volume, mask)
    else:
        save_mask(target, volume, mask)
    return [target]


def write_picture(target: Path, shown: Sequence[Shown], columns: int, index: int, levels: Window | None) -> list[Path]:
    """Draw panes as one PNG, so many beside each other; return it.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    panels = [
        Panel(one.title, one.volume, (), tuple(Tint(o.mask, o.colors, o.opacity, o.outline) for o in one.overlays))
        for one in shown
    ]
    rows = [panels[first : first + columns] for first in range(0, len(panels), columns)]
    picture = sheet([row(one, index, window=levels, height=PICTURE_HEIGHT) for one in rows])
    atomic.write_bytes(target, encode_png(picture))
    return [target]


def needs_folder(volume: Volume) -> bool:
    """Whether the scan goes out as several pictures."""
    return is_picture(volume) and volume.shape[0] > 1


def with_ending(target: Path, ending: str) -> Path:
    """Give a file name the ending it needs if the person left it out."""
    return target if target.name.casefold().endswith(ending) else target.with_name(target.name + ending)


class Saving(QObject):
    """Asks where, writes in a thread, says what was written."""

    def __init__(self, notifier: Notifier, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self._notifier = notifier
        self._tasks = Tasks(self)
        self._folder = Path.home()

    def ask(self, what: What, scan: Scan, volume: Volume, found: tuple[Array, int], label: str) -> None:
        """Let the person choose a place, then write."""
        stem = scan_stem(scan)
        if needs_folder(volume):
            chosen = QFileDialog.getExistingDirectory(
                self._parent, text(f"review.save_{what}_folder"), str(self._folder)
            )
            target = Path(chosen)
        else:
            ending = ".png" if is_picture(volume) else ".nii.gz"
            kind = "brain" if what == "brain" else f"{label.casefold().replace(' ', '-')}_mask"
            proposal = self._folder / f"{stem}_{kind}{ending}"
            chosen, _ = QFileDialog.getSaveFileName(
                self._parent, text(f"review.save_{what}_title"), str(proposal), text(f"review.filter_{ending[1:3]}")
            )
            target = with_ending(Path(chosen), ending) if chosen else Path()
        if not chosen:
            return
        self._folder = target if needs_folder(volume) else target.parent
        work = functools.partial(write, target, what, volume, found, stem)
        self._tasks.start(work, self._written, self._notifier.error)

    def ask_picture(
        self, scan: Scan, view: str, shown: Sequence[Shown], columns: int, index: int, levels: Window | None
    ) -> None:
        """Let the person choose a file, then draw what panes show into it."""
        stem = f"{scan_stem(scan)}_{view}_{index + 1:03d}.png"
        chosen, _ = QFileDialog.getSaveFileName(
            self._parent, text("review.save_picture_title"), str(self._folder / stem), text("review.filter_pn")
        )
        if not chosen:
            return
        target = with_ending(Path(chosen), ".png")
        self._folder = target.parent
        # two in one place lie beside each other on paper
        wide = max(columns, len(shown) if len(shown) < 4 else columns)
        work = functools.partial(write_picture, target, tuple(shown), wide, index, levels)
        self._tasks.start(work, self._written, self._notifier.error)

    def wait(self) -> None:
        """Wait until everything is written (when the page closes)."""
        self._tasks.wait()

    @Slot(object)
    def _written(self, files: list[Path]) -> None:
        if len(files) == 1:
            self._notifier.tell(text("review.saved_one", file=files[0].name, folder=files[0].parent), "good")
        else:
            self._notifier.tell(text("review.saved_many", count=len(files), folder=files[0].parent), "good")
