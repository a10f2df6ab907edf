"""Broken DICOM segmentations: what can be read, or one sentence, and nothing else.

pytest tests/fuzz/test_fuzz_dicom_seg.py                     1,000 mutants
MENINX_SEED=7 pytest tests/fuzz/test_fuzz_dicom_seg.py -m soak    10,000
"""

from __future__ import annotations

import io
import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from fuzz_bytes import any_bytes, write_anew
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from core.errors import InputError
from core.exchange import reading
from core.exchange.incoming import Limits
from core.io.dicom_seg import SEGMENTATION
from core.messages import sentence

SEED = int(os.environ.get("MENINX_SEED", "20261121"))
SHAPE = (3, 5, 7)
NUMBERS = ("Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "MaximumFractionalValue")
NASTY = (0, 1, 2, 3, 7, 255, 4095, 65535)
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "SegmentSequence")
PLACES = ("0", "-0", "1e308", "-1e308", "nan", "1e-300", "99999999", "")


def seed() -> pydicom.Dataset:
    """Return a small segmentation of two segments."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = SEGMENTATION
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    made.Modality, made.SegmentationType = "SEG", "BINARY"
    made.NumberOfFrames, made.Rows, made.Columns = SHAPE
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 1
    made.HighBit = made.PixelRepresentation = 0
    shared, orientation, measures = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [1, 2], 3
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    made.SharedFunctionalGroupsSequence = [shared]
    frames, segments = [], []
    for number in range(SHAPE[0]):
        frame, position, named = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 3 * number]
        named.ReferencedSegmentNumber = number % 2 + 1
        frame.PlanePositionSequence, frame.SegmentIdentificationSequence = [position], [named]
        frames.append(frame)
    for number in (1, 2):
        segment = Dataset()
        segment.SegmentNumber, segment.SegmentLabel = number, f"Segment {number}"
        segment.RecommendedDisplayCIELabValue = [30000, 20000, 40000]
        segments.append(segment)
    made.PerFrameFunctionalGroupsSequence, made.SegmentSequence = frames, segments
    bits = np.random.default_rng(1).integers(0, 2, SHAPE).astype(np.uint8)
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    made.PixelData = packed + b"\0" * (len(packed) % 2)
    return made


def encoded(dataset: pydicom.Dataset) -> bytes:
    target = io.BytesIO()
    dataset.save_as(target, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return target.getvalue()


def mutant(chance: random.Random, whole: bytes) -> bytes:
    """Return damaged bytes, or a whole file that says something impossible."""
    if chance.random() < 0.4:
        return any_bytes(whole, chance)
    made = seed()
    for _ in range(chance.randint(1, 3)):
        way = chance.randrange(5)
        if way == 0:
            setattr(made, chance.choice(NUMBERS), chance.choice(NASTY))
        elif way == 1:
            group = chance.choice(made.get(chance.choice(GROUPS)) or [Dataset()])
            for name in chance.sample(list(group.keys()), min(1, len(group))):
                del group[name]
        elif way == 2 and made.PerFrameFunctionalGroupsSequence:
            place = chance.choice(made.PerFrameFunctionalGroupsSequence).get("PlanePositionSequence")
            if place:
                element = place[0].data_element("ImagePositionPatient")
                words = [chance.choice(PLACES) for _ in range(3)]
                place[0][0x00200032] = pydicom.DataElement(0x00200032, "UN", "\\".join(words).encode())
                assert element is not None
        elif way == 3:
            made.PixelData = made.PixelData[: chance.randrange(0, 14) * 2]
        else:
            made.SegmentationType = chance.choice(("FRACTIONAL", "LABELMAP", "BINARY", "x"))
    return encoded(made)


def many(folder: Path, count: int) -> Counter[str]:
    chance, whole, ends = random.Random(SEED), encoded(seed()), Counter[str]()
    file = folder / "mutant.dcm"
    said: set[str] = set()
    limits = Limits(voxels=1 << 22)
    for number in range(count):
        write_anew(file, mutant(chance, whole))
        try:
            for one in reading.read(file, "dicom-seg", limits):
                assert one.affine is not None
                assert np.isfinite(one.affine).all()
                assert all(mask.array.shape == one.shape for mask in one.masks), number
            ends["read"] += 1
        except InputError as error:
            said.add(sentence(error))
            ends[error.code] += 1
    assert all(words.endswith(".") for words in said), said
    assert [one.name for one in folder.iterdir()] == ["mutant.dcm"]
    return ends


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom.*", "ignore:.*VR.*:UserWarning")
def test_a_thousand_broken_segmentations(tmp_path: Path) -> None:
    ends = many(tmp_path, 1_000)
    assert ends["read"] > 50, ends
    assert len(ends) >= 4, ends


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom.*", "ignore:.*VR.*:UserWarning")
def test_ten_thousand_broken_segmentations(tmp_path: Path) -> None:
    assert many(tmp_path, 10_000)["read"] > 500
