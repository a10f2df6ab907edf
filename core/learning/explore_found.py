"""What exploring a project finds, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.events import JobEvent
from core.messages import text


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice, as it stands in the CSV.

    Parameters
    ----------
    patient, scan
        Display names (``P001``, ``S0001``).
    slice
        Native index, from 0.
    modality
        ``MR``, ``CT`` or empty.
    rows, columns
        Its size.
    known
        Whether it is finished on a chosen label's layer; else nobody has said what is there.
    has_label
        Whether any chosen label is on it (also where it is not finished).
    pixels
        How many pixels show a label.
    area
        Their part of the slice, 0..1.
    area_mm2
        Their area; NaN where the spacing is not known.
    head
        Part of the slice that is not air, 0..1.
    mean, inside, outside
        Mean intensity of what is not air, of the label, and of what is neither (real values;
        NaN where there is none, ``outside`` also where the slice is not finished).
    hue_inside, hue_outside
        Mean hue in degrees; NaN for grey scans.
    row, column
        Centre of the label within the box around the head, 0..1 as shown on the screen; NaN without one.
    """

    patient: str
    scan: str
    slice: int
    modality: str
    rows: int
    columns: int
    known: bool
    has_label: bool
    pixels: int
    area: float
    area_mm2: float
    head: float
    mean: float
    inside: float
    outside: float
    hue_inside: float
    hue_outside: float
    row: float
    column: float


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often each value is met inside and outside of the labels, on known slices.

    Parameters
    ----------
    unit
        ``HU``, ``grey`` (stored 8-bit numbers), ``sd`` (deviations from the mean of each scan) or ``degrees``.
    edges
        float64 ``[n + 1]``.
    inside, outside
        float64 ``[n]``: part of the pixels, each adding up to 1 (or 0 where there are none).
    """

    unit: str
    edges: NDArray[np.float64]
    inside: NDArray[np.float64]
    outside: NDArray[np.float64]

    @property
    def peak_inside(self) -> float:
        """Value met most often inside; NaN for none."""
        return self._peak(self.inside)

    @property
    def peak_outside(self) -> float:
        """Value met most often outside; NaN for none."""
        return self._peak(self.outside)

    def _peak(self, counts: NDArray[np.float64]) -> float:
        if not counts.any():
            return float("nan")
        at = int(counts.argmax())
        return float(self.edges[at] + self.edges[at + 1]) / 2


@dataclass(frozen=True, eq=False)
class Heat:
    """Where in the head the label lies.

    Parameters
    ----------
    plane
        Plane of the slices that were laid over each other (``axial``, ...).
    share
        float32 ``[96, 96]``, 0..1: of the slices that show the label, the part that show it here.
        The square is the box around the head, as shown on the screen.
    head
        float32 ``[96, 96]``, 0..1: the mean head below it.
    aspect
        Height of the box by its width in the mean, for drawing it in true proportions.
    slices
        How many were laid over each other.
    left_out
        Slices with the label that lie in another plane.
    """

    plane: str
    share: NDArray[np.float32]
    head: NDArray[np.float32]
    aspect: float
    slices: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Size:
    """Scans of one size.

    Parameters
    ----------
    rows, columns
        Of a slice.
    slices
        Fewest and most slices of these scans.
    spacing
        Voxel size along (z, y, x) in mm, to three digits; None where it is not known.
    modality, channels
        Of these scans.
    scans
        Display names.
    """

    rows: int
    columns: int
    slices: tuple[int, int]
    spacing: tuple[float, float, float] | None
    modality: str
    channels: int
    scans: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Twin:
    """Two patients (or two scans of one unknown origin) that look the same.

    Parameters
    ----------
    patients
        Display names.
    scans, slices
        The pair of slices that are most alike.
    count
        How many slices of the first have a counterpart in the second.
    exact
        How many of those are the same pixel for pixel.
    likeness
        Correlation of the fine detail of the pair, 0..1.
    """

    patients: tuple[str, str]
    scans: tuple[str, str]
    slices: tuple[int, int]
    count: int
    exact: int
    likeness: float


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at before training; worded by ``explore.warn_<key>``.

    Parameters
    ----------
    key
        Which.
    fields
        Facts for the words.
    scans
        Display names of the scans it is about, to open them; may be empty.
    """

    key: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    scans: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """One plain sentence."""
        return text(f"explore.warn_{self.key}", **self.fields)


@dataclass(frozen=True, eq=False)
class Exploration:
    """What :func:`core.learning.explore.explore` found.

    Parameters
    ----------
    labels
        Names; a slice "shows the label" if it shows any of them.
    scans, patients, patients_unknown
        In the project; ``patients_unknown`` scans have no named patient.
    patients_with_label, scans_with_label
        Of those, with at least one pixel of a label.
    slices, known, with_label, scribbled, unfinished
        Slices in all; finished; finished and showing the label; unfinished but with scribbled
        background and strokes; other slices that were begun and not finished.
    label_share
        Part of all pixels of the known slices that show the label, 0..1.
    rows
        Every slice, scan after scan.
    intensity, hue
        Histograms; None where no known slice shows the label (hue: or no scan is coloured).
    heat
        None where no slice shows the label.
    sizes
        Commonest first.
    twins
        Most alike first.
    compared
        Slices that were compared with those of other patients (blank ones and, past
        :data:`core.learning.twins.MOST`, some are passed over).
    empty
        Scans with finished slices of which none shows the label.
    warnings
        In the order of their weight.
    complete
        False if it was given up.
    seconds
        How long it took.
    """

    labels: tuple[str, ...] = ()
    scans: int = 0
    patients: int = 0
    patients_unknown: int = 0
    patients_with_label: int = 0
    scans_with_label: int = 0
    slices: int = 0
    known: int = 0
    with_label: int = 0
    scribbled: int = 0
    unfinished: int = 0
    label_share: float = 0.0
    rows: tuple[SliceRow, ...] = ()
    intensity: Histogram | None = None
    hue: Histogram | None = None
    heat: Heat | None = None
    sizes: tuple[Size, ...] = ()
    twins: tuple[Twin, ...] = ()
    compared: int = 0
    empty: tuple[str, ...] = ()
    warnings: tuple[Remark, ...] = ()
    complete: bool = True
    seconds: float = 0.0

    @property
    def without_label(self) -> int:
        """Known slices that show none of the labels."""
        return self.known - self.with_label

    @property
    def areas(self) -> NDArray[np.float32]:
        """Part of the slice that the label covers, for each known slice that shows it, float32 ``[with_label]``."""
        return np.array([row.area for row in self.rows if row.known and row.has_label], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Explored(JobEvent):
    """The result of :func:`core.learning.explore.explore_job`, whole; it crosses the pipe to the window."""

    found: Exploration
