"""Frames of reference: which scans may be laid on one another without a warning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.frames import FRAME, SPACE, Frames, compare_frames
from core.geometry import Geometry
from core.project.project import Project
from core.volume import Volume


@pytest.mark.parametrize(
    ("one", "other", "same_patient", "wanted"),
    [
        ({FRAME: "a"}, {FRAME: "a"}, True, Frames.SHARED),
        ({FRAME: "a"}, {FRAME: "a"}, None, Frames.SHARED),
        ({FRAME: "a"}, {FRAME: "b"}, True, Frames.DIFFERENT),
        ({FRAME: "a"}, {}, True, Frames.UNKNOWN),
        ({FRAME: "a"}, {SPACE: "scanner"}, True, Frames.UNKNOWN),
        ({SPACE: "scanner"}, {SPACE: "scanner"}, True, Frames.UNKNOWN),
        ({SPACE: "scanner"}, {SPACE: "mni"}, True, Frames.DIFFERENT),
        ({SPACE: "mni"}, {SPACE: "mni"}, None, Frames.SHARED),
        ({SPACE: "mni"}, {SPACE: "mni"}, False, Frames.SHARED),
        ({SPACE: "scanner"}, {SPACE: "scanner"}, False, Frames.OTHER_PATIENT),
        ({FRAME: "a"}, {FRAME: "a"}, False, Frames.OTHER_PATIENT),
        ({}, {}, None, Frames.UNKNOWN),
    ],
)
def test_what_headers_say_of_two_scans(one: dict, other: dict, same_patient: bool | None, wanted: Frames) -> None:
    assert compare_frames(one, other, same_patient=same_patient) is wanted
    assert compare_frames(other, one, same_patient=same_patient) is wanted


def test_the_frame_is_kept_as_a_salted_hash(tmp_path: Path) -> None:
    uids = ("1.2.840.99.1234.5678", "1.2.840.99.1234.5678", "1.2.840.99.8765.4321")
    found = []
    for name in ("one", "two"):
        with Project.create(tmp_path / f"{name}.meninx") as project:
            for seed, uid in enumerate(uids):
                array = np.full((2, 4, 4), seed, np.int16)
                volume = Volume(array, Geometry(array.shape, np.eye(4)), facts={"format": "dicom"})
                identity = {"FrameOfReferenceUID": uid, "PatientID": "secret"}
                scan = project.add_scan(volume, patient="secret", identity=identity)
                found.append(str(project.read_volume(scan.id).facts[FRAME]))
    first, again, other, elsewhere = found[0], found[1], found[2], found[3]
    assert first == again
    assert other != first
    assert elsewhere != first
    for file in (tmp_path / "one.meninx").rglob("*"):
        assert not file.is_file() or b"99.1234" not in file.read_bytes()
