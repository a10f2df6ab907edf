"""One scan, slice by slice: how much of the label, where in the head, how bright, which hue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.geometry import Array, PlaneView
from core.labels import Label
from core.late import cv2
from core.learning.dataset import Source
from core.learning.explore_found import SliceRow
from core.learning.prepare import Preparation, intensity_of
from core.learning.prepare_fit import Cut
from core.learning.prepare_head import Skin, box_around, grey_of
from core.learning.twins import LOOK, fingerprint, look_of
from core.project.project import Project
from core.project.records import Scan
from core.volume import Volume

HEAT = 96
"""Rows and columns of the map of the head."""
HUE_BINS = 72
VIVID = 40
"""Saturation (of 255) from which on a pixel has a hue to speak of."""
DARK = 20
"""Brightness (of 255) below which it has none."""
SCALES: dict[str, tuple[float, float, int]] = {
    "HU": (-200.0, 300.0, 100),
    "grey": (0.0, 256.0, 128),
    "sd": (-3.0, 6.0, 90),
    "degrees": (0.0, 360.0, HUE_BINS),
}
"""Unit to (lowest, highest, bins) of its histogram; what lies beyond is counted at the ends."""
_THINNED = 2
"""Of what lies outside of the label every second pixel along each axis is counted."""


@dataclass
class Sums:
    """What is added up over scans: histograms by unit, and maps of the head by plane.

    Parameters
    ----------
    inside, outside
        Unit to counts.
    heat
        Plane to (sum of label shares, sum of heads, slices, sum of log(height / width)).
    pixels, label_pixels
        Of the known slices.
    """

    inside: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    outside: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    heat: dict[str, HeatSum] = field(default_factory=dict)
    pixels: int = 0
    label_pixels: int = 0


@dataclass
class HeatSum:
    """Maps laid over each other."""

    share: NDArray[np.float64] = field(default_factory=lambda: np.zeros((HEAT, HEAT)))
    head: NDArray[np.float64] = field(default_factory=lambda: np.zeros((HEAT, HEAT)))
    slices: int = 0
    aspect: float = 0.0


@dataclass(frozen=True, eq=False)
class Seen:
    """What one scan gave.

    Parameters
    ----------
    rows
        Of the CSV.
    looks
        uint8 ``[z, LOOK, LOOK]`` (:func:`core.learning.twins.look_of`).
    prints
        A hash of each slice's numbers; empty for a blank one.
    coloured
        Whether it shows colours at all.
    eight_bit
        Whether its numbers are grey values 0-255 as stored.
    """

    rows: tuple[SliceRow, ...]
    looks: NDArray[np.uint8]
    prints: tuple[bytes, ...]
    coloured: bool
    eight_bit: bool


def see(
    project: Project,
    scan: Scan,
    source: Source | None,
    labels: Sequence[Label],
    sums: Sums,
    go_on: Callable[[], bool],
) -> Seen | None:
    """Look at one scan, adding to the sums.

    Parameters
    ----------
    source
        Whose masks of the labels there are, and which slices are finished; None for none.

    Returns
    -------
    Seen or None
        None if it was given up.

    Raises
    ------
    ProjectError
        For a damaged file.
    """
    volume = project.read_volume(scan.id)
    shows, known = _truth(project, source, labels, volume.shape)
    return _Looker(scan, volume, shows, known, sums).look(go_on)


def _truth(
    project: Project, source: Source | None, labels: Sequence[Label], shape: tuple[int, int, int]
) -> tuple[NDArray[np.bool_] | None, frozenset[int]]:
    """Return where any of the labels is (``[z, y, x]``; None for nowhere), and which slices are known."""
    if source is None:
        return None, frozenset()
    shows: NDArray[np.bool_] | None = None
    for layer in dict.fromkeys(label.layer for label in labels):
        mask = project.read_layer(source.annotation.id, layer)
        if mask is not None:
            values = [label.value for label in labels if label.layer == layer]
            mine = mask == values[0] if len(values) == 1 else np.isin(mask, values)
            shows = mine if shows is None else shows | mine
    return shows, frozenset(source.wholly_known)


class _Looker:
    """One scan while it is looked at."""

    def __init__(
        self, scan: Scan, volume: Volume, shows: NDArray[np.bool_] | None, known: frozenset[int], sums: Sums
    ) -> None:
        self.scan, self.volume, self.shows, self.known, self.sums = scan, volume, shows, known, sums
        self.skin = Skin.of(volume)
        self.scale = intensity_of(volume, Preparation())
        array = volume.array
        self.eight_bit = array.dtype == np.uint8 and volume.slope == 1 and volume.intercept == 0
        self.coloured = bool(
            array.ndim == 4
            and array.shape[3] >= 3
            and array.dtype == np.uint8
            and (array[..., 0] != array[..., 1]).any()
        )
        _, row, column = volume.geometry.spacing
        self.pixel = row * column if volume.geometry.spacing_known else float("nan")
        self.view = volume.geometry.view(volume.geometry.native_plane)

    def look(self, go_on: Callable[[], bool]) -> Seen | None:
        total = self.volume.shape[0]
        heads = [self.skin.head(self.volume, index) for index in range(total)]
        cut = box_around(heads)
        rows, looks, prints = [], np.zeros((total, LOOK, LOOK), dtype=np.uint8), []
        for index, head in enumerate(heads):
            if not go_on():
                return None
            stored = np.asarray(self.volume.array[index])
            grey = self.volume.values(grey_of(self.volume, stored))
            if self.volume.inverted:
                grey = -grey
            looks[index] = look_of(grey)
            prints.append(fingerprint(stored))
            rows.append(self._row(index, stored, grey, head > 0, cut))
        return Seen(tuple(rows), looks, tuple(prints), self.coloured, self.eight_bit)

    def _row(self, index: int, stored: Array, grey: NDArray[np.float32], head: NDArray[np.bool_], cut: Cut) -> SliceRow:
        label = None if self.shows is None else self.shows[index]
        count = 0 if label is None else int(np.count_nonzero(label))
        known = index in self.known
        real = -grey if self.volume.inverted else grey
        rest = head if label is None or not count else head & ~label
        hues = self._hues(stored, label if count else None, rest, known)
        inside, outside = float("nan"), float("nan")
        place = (float("nan"), float("nan"))
        if label is not None and count:
            inside = float(real[label].mean())
            place = self._mapped(grey, label, cut, known)
        if known:
            outside = _mean(real, rest)
            self.sums.pixels += grey.size
            self.sums.label_pixels += count
            self._count(real, grey, label if count else None, rest)
        return SliceRow(
            patient=self.scan.patient_name,
            scan=self.scan.name,
            slice=index,
            modality=self.scan.modality,
            rows=grey.shape[0],
            columns=grey.shape[1],
            known=known,
            has_label=count > 0,
            pixels=count,
            area=count / grey.size,
            area_mm2=count * self.pixel,
            head=float(np.count_nonzero(head)) / head.size,
            mean=_mean(real, head),
            inside=inside,
            outside=outside,
            hue_inside=hues[0],
            hue_outside=hues[1],
            row=place[0],
            column=place[1],
        )

    def _count(
        self, real: NDArray[np.float32], grey: NDArray[np.float32], label: NDArray[np.bool_] | None, rest: Array
    ) -> None:
        """Add a known slice to the histograms."""
        thinned = rest[::_THINNED, ::_THINNED]
        units = {"sd": (grey - np.float32(self.scale.mean)) / np.float32(self.scale.deviation)}
        if self.volume.modality == "CT":
            units["HU"] = real
        if self.eight_bit:
            units["grey"] = real
        for unit, values in units.items():
            _add(self.sums.outside, unit, values[::_THINNED, ::_THINNED][thinned])
            if label is not None:
                _add(self.sums.inside, unit, values[label])

    def _hues(
        self, stored: Array, label: NDArray[np.bool_] | None, rest: NDArray[np.bool_], known: bool
    ) -> tuple[float, float]:
        """Return the mean hues inside and outside (degrees), and count them on a known slice."""
        if not self.coloured:
            return float("nan"), float("nan")
        hsv = cv2.cvtColor(np.ascontiguousarray(stored[..., :3]), cv2.COLOR_RGB2HSV_FULL)
        vivid = (hsv[..., 1] >= VIVID) & (hsv[..., 2] >= DARK)
        degrees = hsv[..., 0].astype(np.float32) * np.float32(360 / 256)
        found = []
        for where, counts in ((label, self.sums.inside), (rest, self.sums.outside)):
            values = degrees[where & vivid] if where is not None else degrees[:0, 0]
            if known and values.size:
                _add(counts, "degrees", values)
            found.append(mean_hue(values))
        return found[0], found[1] if known else float("nan")

    def _mapped(
        self, grey: NDArray[np.float32], label: NDArray[np.bool_], cut: Cut, known: bool
    ) -> tuple[float, float]:
        """Lay a slice with the label over the others of its plane; return the label's centre in the box, as shown."""
        used = slice(cut.top, cut.bottom), slice(cut.left, cut.right)
        share = as_shown(_square(label[used].astype(np.float32)), self.view)
        total = float(share.sum())
        if total <= 0:
            return float("nan"), float("nan")
        if known:
            scaled = (grey[used] - np.float32(self.scale.low)) / np.float32(max(self.scale.high - self.scale.low, 1e-6))
            mine = self.sums.heat.setdefault(self.view.plane.value, HeatSum())
            mine.share += share
            mine.head += as_shown(_square(np.clip(np.nan_to_num(scaled), 0, 1)), self.view)
            mine.slices += 1
            _, row, column = self.volume.geometry.spacing
            ratio = ((cut.bottom - cut.top) * row) / ((cut.right - cut.left) * column)
            turned = self.view.row_axis > self.view.column_axis
            mine.aspect += float(np.log(1 / ratio if turned else ratio))
        down, right = (share.sum(axis=1), share.sum(axis=0))
        places = (np.arange(HEAT) + 0.5) / HEAT
        return float((down * places).sum() / total), float((right * places).sum() / total)


def mean_hue(degrees: NDArray[np.float32]) -> float:
    """Return the mean direction of hues, 0..360; NaN for none, or where they point everywhere alike."""
    if not degrees.size:
        return float("nan")
    turns = np.exp(1j * np.radians(degrees.astype(np.float64))).mean()
    return float(np.degrees(np.angle(turns)) % 360) if abs(turns) > 1e-6 else float("nan")


def as_shown(square: NDArray[np.float32], view: PlaneView) -> NDArray[np.float32]:
    """Turn a native slice as it is shown on the screen."""
    turned = square.T if view.row_axis > view.column_axis else square
    return turned[:: -1 if view.flip_rows else 1, :: -1 if view.flip_columns else 1]


def _square(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """Resize to the map; each of its pixels gets the mean of what lies below it, so that no small label is lost."""
    tall, wide = (max(1, -(-HEAT // count)) for count in part.shape)
    if tall > 1 or wide > 1:
        part = np.repeat(np.repeat(part, tall, axis=0), wide, axis=1)
    return np.asarray(cv2.resize(part, (HEAT, HEAT), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _mean(values: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    chosen = values[where]
    return float(chosen.mean()) if chosen.size else float("nan")


def _add(counts: dict[str, NDArray[np.float64]], unit: str, values: NDArray[np.float32]) -> None:
    low, high, bins = SCALES[unit]
    places = ((np.nan_to_num(values) - np.float32(low)) * np.float32(bins / (high - low))).clip(0, bins - 1)
    counted = np.bincount(places.astype(np.int32).ravel(), minlength=bins)
    counts[unit] = counts.get(unit, np.zeros(bins)) + counted
