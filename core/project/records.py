"""What a project holds, as frozen records."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.labels import SCRIBBLED_BACKGROUND

DEFAULT_READER = "reader"


class Origin(StrEnum):
    """How the mask of a slice came about."""

    DRAWN = "drawn"
    PREDICTED = "predicted"
    CORRECTED = "corrected"
    INTERPOLATED = "interpolated"
    IMPORTED = "imported"


class ScanStatus(StrEnum):
    """Where a scan stands in the work."""

    TO_DO = "to_do"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    APPROVED = "approved"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Scan:
    """One imported volume or picture, known by a pseudonym.

    Parameters
    ----------
    id
        Lower-case ULID.
    name
        Display name, ``S0001``.
    patient, patient_name, patient_known
        Key (a salted hash, or random where the patient is unknown), ``P001``, and
        whether anything said who it is.
    modality
        ``MR``, ``CT`` or empty.
    shape
        Voxels along (z, y, x).
    spacing_known, orientation_known
        See :class:`core.geometry.Geometry`.
    status
        Where it stands.
    created
        UTC, ISO 8601.
    description
        Words without identity.
    channels
        1 for grey scans.
    sha256
        Of the voxels, their dtype and shape (:func:`core.project.scanfile.pixel_hash`).
    """

    id: str
    name: str
    patient: str
    patient_name: str
    patient_known: bool
    modality: str
    shape: tuple[int, int, int]
    spacing_known: bool
    orientation_known: bool
    status: ScanStatus
    created: str
    description: str
    channels: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """One reader's layers on one scan.

    ``journal_sequence`` is the last journal step that the saved layers contain;
    ``round`` counts repeated readings by the same reader.
    """

    id: str
    scan: str
    reader: str
    created: str
    updated: str
    journal_sequence: int = 0
    round: int = 1


@dataclass(frozen=True, slots=True)
class SliceState:
    """What is known about one native slice (array axis z) of a layer.

    Zero means background only where ``finished``; elsewhere it is unknown.
    ``seconds`` is the time spent drawing on it, ``run`` the run it was predicted by.
    """

    slice: int
    origin: Origin
    run: str | None = None
    finished: bool = False
    reader: str = DEFAULT_READER
    seconds: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class NewLayers:
    """Masks that come in together with their scan.

    Parameters
    ----------
    reader
        Whose annotation they begin.
    layers
        By layer name: uint8 ``[z, y, x]`` on the scan's grid.
    states
        By layer name: what is known per slice.
    facts
        For the audit, without identity.
    """

    reader: str
    layers: Mapping[str, NDArray[np.uint8]]
    states: Mapping[str, Sequence[SliceState]]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One saved, immutable version of a layer.

    Parameters
    ----------
    annotation, layer, sequence
        Which; sequences count from 1 within annotation and layer.
    sha256
        Of the file.
    file
        Relative to the project, with ``/``.
    journal_sequence
        Last journal step it contains.
    created
        UTC, ISO 8601.
    counts
        Voxels per value, zero left out.
    who, action
        Who saved it, and by doing what (a word of the audit: ``draw``, ``import``); empty if not known.
    removed
        When its file was thinned out, UTC; empty while the file is there.
    remap
        JSON, value in the file to the value that is meant, where a merge gave a label another value; else empty.
    """

    annotation: str
    layer: str
    sequence: int
    sha256: str
    file: str
    journal_sequence: int
    created: str
    counts: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    who: str = ""
    action: str = ""
    removed: str = ""
    remap: str = ""

    @property
    def voxels(self) -> int:
        """How many voxels have any label; scribbled background is none."""
        return sum(count for value, count in self.counts.items() if value != SCRIBBLED_BACKGROUND)


@dataclass(frozen=True, slots=True)
class ClassValue:
    """A named value on a scan, or on one of its slices where ``slice`` is not None."""

    scan: str
    slice: int | None
    name: str
    value: str
    reader: str


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the audit: who did what, when, chained to the line before."""

    sequence: int
    at: str
    who: str
    action: str
    facts: Mapping[str, Any]
    hash: str


def utc_now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def current_reader() -> str:
    """Return the name of who is logged in, or :data:`DEFAULT_READER` where there is no such thing."""
    try:
        return getpass.getuser() or DEFAULT_READER
    except (OSError, KeyError, ImportError):
        return DEFAULT_READER
