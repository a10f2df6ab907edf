"""Whether two scans lie in one frame of reference: only then is a place of one the same place of the other.

No registration is done anywhere; what headers do not say stays unknown, and is said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

FRAME = "frame"
"""Fact: a salted hash of the DICOM frame of reference, the same for all scans of one."""
SPACE = "space"
"""Fact: what a NIfTI file says its coordinates are (:data:`SPACES`)."""
SPACES: Mapping[int, str] = {1: "scanner", 2: "aligned", 3: "talairach", 4: "mni", 5: "template"}
"""Names of NIfTI's codes for sform and qform."""
_STANDARD = ("talairach", "mni")

Facts = Mapping[str, str | int | float]


class Frames(StrEnum):
    """What is known of the frames of reference of two scans."""

    SHARED = "shared"
    UNKNOWN = "unknown"
    DIFFERENT = "different"
    OTHER_PATIENT = "other_patient"


def compare_frames(one: Facts, other: Facts, *, same_patient: bool | None) -> Frames:
    """Return whether two scans share a frame of reference.

    Parameters
    ----------
    one, other
        Facts of the two scans.
    same_patient
        None where nobody knows.
    """
    if same_patient is False:
        standard = one.get(SPACE) in _STANDARD and one.get(SPACE) == other.get(SPACE)
        return Frames.SHARED if standard else Frames.OTHER_PATIENT
    if FRAME in one and FRAME in other:
        return Frames.SHARED if one[FRAME] == other[FRAME] else Frames.DIFFERENT
    spaces = (one.get(SPACE), other.get(SPACE))
    if None not in spaces and spaces[0] != spaces[1]:
        return Frames.DIFFERENT
    # "scanner" on both sides tells nothing of whether the head was moved between the two
    return Frames.SHARED if spaces[0] in _STANDARD else Frames.UNKNOWN
