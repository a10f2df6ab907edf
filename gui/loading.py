"""Opening a scan, away from the window: what the thread does and what it brings back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.editing.opening import OpenAnnotation, open_annotation
from core.errors import MeninxError
from core.labels import Label
from core.project.project import Project
from core.project.records import Scan, ScanStatus
from core.project.saver import Saver, SaveState
from core.team.finishing import finish
from core.volume import Volume, Window, auto_window
from gui.glimpse import Glimpse, Teller

BINS = 128
_AIR_BELOW_HU = -300.0
"""Air and the table's foam are below, fat is well above."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often grey values occur.

    Parameters
    ----------
    counts
        Per bin, float, the most common tissue bin = 1; square-rooted so that small peaks show.
    low, high
        Values at the outer edges.
    share_1, share_99
        Values below which 1 % and 99 % of what is not air are.
    """

    counts: NDArray[np.float64]
    low: float
    high: float
    share_1: float = 0.0
    share_99: float = 1.0


@dataclass(eq=False)
class LoadedScan:
    """All that belongs to the scan that is shown; ``start`` is the voxel (x, y, z) to begin at."""

    scan: Scan
    volume: Volume
    opened: OpenAnnotation
    saver: Saver | None
    window: Window
    histogram: Histogram
    token: int
    start: tuple[int, int, int]
    closed: bool = False
    """Its saver and its journal have ended: it can be looked at, not drawn on."""


@dataclass(frozen=True)
class LoadOrder:
    """What to open and what to put away first; ``label`` is the one it is opened for.

    With ``between``, the scan that is left is closed before the next is opened, and this is
    done meanwhile: work on masks of which none may be open.
    """

    project: Project
    scan_id: str
    reader: str
    token: int
    leaving: LoadedScan | None = None
    mark_left: ScanStatus | None = None
    label: Label | None = None
    between: Callable[[], object] | None = None
    ahead: Callable[[Project, str], Volume | None] | None = None
    """Returns the scan if it was read ahead."""


OnState = Callable[[int, SaveState, MeninxError | None], None]
_AT_ONCE = 0.25
"""Seconds within which a scan may take its time without a glimpse of it."""


def load(order: LoadOrder, on_state: OnState, on_glimpse: Callable[[Glimpse], None]) -> LoadedScan:
    """Save what is left behind, then open a scan (runs in a thread).

    A large scan is told of as it is read (``on_glimpse``).

    Nothing of the old scan is given up before the new one is there: an error
    leaves the old one open, with its unsaved mark.

    Raises
    ------
    MeninxError
        Of saving the old scan or of reading the new one.
    """
    leave(order.leaving, order.project, order.mark_left)
    if order.between is not None:
        if order.leaving is not None:
            close_loaded(order.leaving)
        order.between()
    project, token = order.project, order.token
    scan = project.scan(order.scan_id)
    volume = order.ahead(project, scan.id) if order.ahead is not None else None
    if volume is None:
        volume = project.read_volume(scan.id, Teller(on_glimpse, scan.id, _AT_ONCE))
    opened = open_annotation(project, scan.id, order.reader, journal=not project.read_only)

    def heard(state: SaveState, error: MeninxError | None) -> None:
        on_state(token, state, error)

    # worked out here also where the header has a window: the panes ask for it in the window's thread
    automatic = auto_window(volume)
    window = volume.windows[0] if volume.modality == "CT" and volume.windows else automatic
    histogram = histogram_of(volume)
    saver = None if project.read_only else Saver(project, opened, heard)
    start = first_voxel(volume, opened, order.label)
    loaded = LoadedScan(scan, volume, opened, saver, window, histogram, token, start)
    if order.leaving is not None and not order.leaving.closed:
        try:
            close_loaded(order.leaving)
        except MeninxError:
            close_loaded(loaded, discard=True)
            raise
    return loaded


def first_voxel(volume: Volume, opened: OpenAnnotation, label: Label | None) -> tuple[int, int, int]:
    """Return the voxel (x, y, z) to begin at: amid the slice with most of the label, else the middle of the scan."""
    slices, rows, columns = volume.shape
    middle = (columns // 2, rows // 2, slices // 2)
    if label is None:
        return middle
    drawn = opened.editor.mask(label.layer) == label.value
    amounts = np.count_nonzero(drawn, axis=(1, 2))
    if not amounts.any():
        return middle
    z = int(amounts.argmax())
    y, x = (int(np.median(places)) for places in np.nonzero(drawn[z]))
    return x, y, z


def leave(loaded: LoadedScan | None, project: Project | None, status: ScanStatus | None) -> None:
    """Save a scan that is about to be left, and give it a status if one is meant.

    Raises
    ------
    StorageError
        If it could not be saved; its status then stays as it was.
    """
    if loaded is None or loaded.closed:
        return
    if loaded.saver is not None:
        loaded.saver.flush()
    if status is None or project is None or project.read_only:
        return
    if status is ScanStatus.DONE:
        finish(project, loaded.scan.id, loaded.opened.reader)
    else:
        project.set_status(loaded.scan.id, status)


def close_loaded(loaded: LoadedScan, *, discard: bool = False) -> None:
    """Save a scan and let go of it: its saver's thread and its journal.

    Raises
    ------
    MeninxError
        If it could not be saved and ``discard`` is not set; nothing is closed then.
    """
    if loaded.saver is not None:
        loaded.saver.close(discard=discard)
    else:
        loaded.opened.close()
    loaded.closed = True


def histogram_of(volume: Volume) -> Histogram:
    """Count the grey values of a sample of a scan (about a million voxels)."""
    stored = volume.grey()
    step = max(1, int(np.ceil((stored.size / 1_000_000) ** (1 / 3))))
    sample = stored[:: step if stored.shape[0] > step else 1, ::step, ::step].ravel()
    if volume.padding is not None:
        sample = sample[sample != volume.padding]
    values = volume.values(sample)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return Histogram(np.zeros(BINS), 0.0, 1.0)
    body = values[values > _AIR_BELOW_HU] if volume.modality == "CT" else values[values > values.min()]
    share_1, share_99 = (float(value) for value in np.percentile(body if body.size else values, (1.0, 99.0)))
    low, high = float(values.min()), float(np.percentile(values, 99.9))
    high = high if high > low else low + 1.0
    bins = BINS
    if np.issubdtype(stored.dtype, np.integer):
        # bins of whole grey steps: others would hold now one step, now two, and look like a comb
        step_value = abs(volume.slope) or 1.0
        wide = max(1, round((high - low) / step_value / BINS)) * step_value
        bins = max(2, int(np.ceil((high - low) / wide)))
        low, high = low - step_value / 2, low - step_value / 2 + bins * wide
    counts, _ = np.histogram(values, bins=bins, range=(low, high))
    # air would flatten everything else
    shown = np.sqrt(counts.astype(np.float64))
    tallest = float(np.sort(shown)[-min(3, shown.size)]) or 1.0
    return Histogram(np.minimum(shown / tallest, 1.0), low, high, share_1, share_99)
