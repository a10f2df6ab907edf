"""DICOM headers without the person: PS3.15 basic profile, deny by default.

Only what is listed here stays, and of it only values that can be nothing else than
what they should be: numbers are numbers, words are of the standard's own terms,
UIDs are replaced by others (the same for the same), dates are moved by as many days
for all of a patient. Free text, names, times, private elements, overlays, icons and
everything that nobody thought of are left out.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from core.io.elements import FAULTS, word
from core.version import VERSION

_FARTHEST_DAYS = 3650
"""Dates are moved back by one day to ten years."""
_STANDARD = "1.2.840.10008."
_CODES = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
)
_CLEANED = ("113101", "Clean Pixel Data Option")
_SHOWN_KINDS = frozenset({"US", "SC", "OT", "XC", "ES", "GM", "DG", "XA", "RF", "CR", "DX"})
"""Modalities that often have words burnt into their pictures."""

_NUMBER_NAMES = """
    InstanceNumber SeriesNumber AcquisitionNumber EchoNumbers SliceThickness KVP RepetitionTime EchoTime InversionTime
    MagneticFieldStrength SpacingBetweenSlices FlipAngle DiffusionBValue ImagePositionPatient ImageOrientationPatient
    PixelSpacing SliceLocation SamplesPerPixel PlanarConfiguration NumberOfFrames Rows Columns BitsAllocated BitsStored
    HighBit PixelRepresentation PixelPaddingValue PixelPaddingRangeLimit FloatPixelPaddingValue
    FloatPixelPaddingRangeLimit DoubleFloatPixelPaddingValue DoubleFloatPixelPaddingRangeLimit WindowCenter WindowWidth
    RescaleIntercept RescaleSlope SmallestImagePixelValue LargestImagePixelValue GantryDetectorTilt XRayTubeCurrent
    ExposureTime Exposure DataCollectionDiameter ReconstructionDiameter TriggerTime TemporalPositionIdentifier
    NumberOfTemporalPositions ImagesInAcquisition AcquisitionMatrix EchoTrainLength NumberOfAverages PixelBandwidth
    PercentSampling PercentPhaseFieldOfView SAR NumberOfPhaseEncodingSteps EffectiveEchoTime
    DiffusionGradientOrientation DimensionIndexValues InStackPositionNumber TemporalPositionIndex
    FrameAcquisitionNumber LossyImageCompressionRatio LUTDescriptor LUTData
"""
_UIDS = frozenset({"SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"}) | frozenset(
    {"ReferencedSOPInstanceUID", "DimensionOrganizationUID", "IrradiationEventUID"}
)
_CLASSES = frozenset({"SOPClassUID", "ReferencedSOPClassUID"})
_TAGS = frozenset({"DimensionIndexPointer", "FunctionalGroupPointer"})
_DATES = frozenset({"StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"})
_SEQUENCE_NAMES = """
    SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence PixelMeasuresSequence PlanePositionSequence
    PlaneOrientationSequence FrameContentSequence FrameVOILUTSequence PixelValueTransformationSequence
    MRImageFrameTypeSequence CTImageFrameTypeSequence MREchoSequence MRDiffusionSequence
    DiffusionGradientDirectionSequence MRTimingAndRelatedParametersSequence DimensionOrganizationSequence
    DimensionIndexSequence ModalityLUTSequence VOILUTSequence
"""
_IMAGE_WORDS = """
    ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER MPR MIP REFORMATTED CSA OTHER M P R I NORM DIS2D DIS3D FM FFE
    SE IR MAGNITUDE PHASE REAL IMAGINARY MIXED NONE VOLUME SAMPLED DISTORTED MAXIMUM MINIMUM MEAN AVERAGE RESAMPLED
    ADDITION SUBTRACTION FILTERED DIFFUSION TRACEW ADC FA T1 T2 T2_STAR PROTON_DENSITY FLAIR STIR DIFFUSION_ANISO
    PERFUSION FLUID_ATTENUATED MONOECHO MONO MOSAIC ND UNKNOWN BASELINE DYNAMIC MULTIPLE RATIO T1_STAR WATER FAT
    IN_PHASE OUT_PHASE COMPOSED COLOR MONOCHROME CT_SOM5 SPI SEQ SPIRAL HELIX VOLUME_RENDER
"""
_WORDS: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "Modality": "MR CT PT NM US CR DX XA RF OT SC SEG MG ES XC GM DG",
        "ImageType": _IMAGE_WORDS,
        "FrameType": _IMAGE_WORDS,
        "PixelPresentation": "MONOCHROME COLOR MIXED TRUE_COLOR",
        "VolumetricProperties": "VOLUME SAMPLED DISTORTED MIXED",
        "VolumeBasedCalculationTechnique": "NONE MAX_IP MIN_IP VOLUME_RENDER SURFACE_RENDER MPR CURVED_MPR MIXED",
        "ComplexImageComponent": "MAGNITUDE PHASE REAL IMAGINARY MIXED",
        "AcquisitionContrast": _IMAGE_WORDS,
        "PhotometricInterpretation": "MONOCHROME1 MONOCHROME2 RGB YBR_FULL YBR_FULL_422",
        "PatientPosition": "HFS HFP HFDR HFDL FFS FFP FFDR FFDL",
        "BodyPartExamined": "BRAIN HEAD SKULL NECK HEADNECK CHEST ABDOMEN PELVIS SPINE CSPINE ORBIT FACE",
        "ScanningSequence": "SE IR GR EP RM",
        "SequenceVariant": "SK MTC SS TRSS SP MP OSP NONE",
        "MRAcquisitionType": "2D 3D",
        "InPlanePhaseEncodingDirection": "ROW COL COLUMN OTHER",
        "RescaleType": "HU US OD MGML Z_EFF ED EDW HU_MOD PCT",
        "ModalityLUTType": "HU US OD",
        "VOILUTFunction": "LINEAR LINEAR_EXACT SIGMOID",
        "LossyImageCompression": "00 01",
        "LossyImageCompressionMethod": "ISO_10918_1 ISO_14495_1 ISO_15444_1 ISO_15444_15",
        "BurnedInAnnotation": "YES NO",
        "ContentQualification": "PRODUCT RESEARCH SERVICE",
        "PresentationLUTShape": "IDENTITY INVERSE",
        "DimensionOrganizationType": "3D 3D_TEMPORAL",
        "DiffusionDirectionality": "DIRECTIONAL BMATRIX ISOTROPIC NONE",
    }.items()
}
_MARKED = frozenset({"ImageType", "FrameType"})
"""Their values have places: what is not known becomes OTHER there."""
_EMPTY = ("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName", "StudyID", "StudyTime")
"""What every file must have, if only empty."""
_STACK = re.compile(r"\d{1,4}")


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands in the file instead.

    Parameters
    ----------
    name
        Pseudonym, ``P001``: name and ID.
    patient
        The patient's key in the project: decides how far the dates move.
    secret
        Key for UIDs and dates; without it nobody can tell from them what they were.
    boxes
        (x, y, width, height) in pixels that are blanked in every picture: burnt-in words.
    """

    name: str
    patient: str
    secret: str
    boxes: tuple[tuple[int, int, int, int], ...] = ()

    def uid(self, original: str) -> str:
        """Return the UID that stands for another one, always the same."""
        digest = hmac.new(self.secret.encode(), f"uid:{original.strip()}".encode(), hashlib.sha256).digest()
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    @property
    def days(self) -> int:
        """By how many days the dates of this patient move."""
        digest = hmac.new(self.secret.encode(), f"days:{self.patient}".encode(), hashlib.sha256).digest()
        return -1 - int.from_bytes(digest[:8], "big") % _FARTHEST_DAYS


def deidentify(dataset: Dataset, person: Person) -> Dataset:
    """Return a new header that says what the old one says of the picture, and nothing of the person.

    Parameters
    ----------
    dataset
        The header; it is left as it is. Pixels are not taken over.
    person
        Who stands in it instead.

    Returns
    -------
    Dataset
        With what was done recorded in ``DeidentificationMethodCodeSequence``.
    """
    made = _cleaned(dataset, person)
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName = made.PatientID = person.name
    for name in _EMPTY:
        setattr(made, name, "")
    for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if name not in made:
            setattr(made, name, person.uid(f"none:{name}:{word(dataset, 'SOPInstanceUID')}"))
    record(made, boxes=bool(person.boxes))
    if person.boxes:
        made.BurnedInAnnotation = "NO"
    return made


def record(dataset: Dataset, *, boxes: bool = False) -> None:
    """Say in a file what was done to it (PS3.15 E.3)."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = f"Meninx {VERSION}: basic profile, deny by default"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    codes = (*_CODES, _CLEANED) if boxes else _CODES
    dataset.DeidentificationMethodCodeSequence = Items(_code(*one) for one in codes)


def may_show_words(dataset: Dataset) -> bool:
    """Whether a picture may have words burnt in: it says so, or is of a kind that often has and does not deny it."""
    said = word(dataset, "BurnedInAnnotation")
    secondary = word(dataset, "SOPClassUID").startswith("1.2.840.10008.5.1.4.1.1.7")
    return said == "YES" or (said != "NO" and (secondary or word(dataset, "Modality") in _SHOWN_KINDS))


def _code(value: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, "DCM", meaning
    return made


def _cleaned(dataset: Dataset, person: Person) -> Dataset:
    made = Dataset()
    for tag in sorted(dataset.keys()):
        if tag.is_private or tag.group in (0x0000, 0x0002):
            continue
        try:
            element = dataset[tag]
            name = element.keyword
            rule = _RULES.get(name)
            value = None if rule is None else rule(name, element.value, person)
        except FAULTS:
            # a value that cannot be read cannot be shown to be harmless
            continue
        if value is not None:
            made.add_new(tag, _KINDS.get(name, element.VR), value)
    return made


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (MultiValue, list, tuple)) else [value]


def _whole_again(parts: list[Any]) -> Any:
    return parts if len(parts) != 1 else parts[0]


def _number(name: str, value: Any, _person: Person) -> Any:
    if isinstance(value, bytes):
        # a table of numbers: bytes, as it is
        return value if name == "LUTData" else None
    parts = _parts(value)
    if not parts or not all(math.isfinite(float(part)) for part in parts):
        return None
    return value


def _word(name: str, value: Any, _person: Person) -> Any:
    parts = [str(part).strip() for part in _parts(value)]
    known = _WORDS[name]
    if name in _MARKED:
        return _whole_again([part if part in known else "OTHER" for part in parts])
    return _whole_again(parts) if parts and all(part in known for part in parts) else None


def _uid(_name: str, value: Any, person: Person) -> Any:
    parts = [person.uid(str(part)) for part in _parts(value) if str(part)]
    return _whole_again(parts) if parts else None


def _class(_name: str, value: Any, _person: Person) -> Any:
    return value if re.fullmatch(r"[0-9.]{1,64}", str(value)) and str(value).startswith(_STANDARD) else None


def _tag(_name: str, value: Any, _person: Person) -> Any:
    return Tag(int(value)) if not Tag(int(value)).is_private else None


def _date(_name: str, value: Any, person: Person) -> Any:
    found = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})", str(value).strip())
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    moved = date(year, month, day) + timedelta(days=person.days)
    return moved.strftime("%Y%m%d") if moved.year >= 1000 else None


def _sequence(_name: str, value: Any, person: Person) -> Any:
    return Items([_cleaned(item, person) for item in value])


def _stack(_name: str, value: Any, _person: Person) -> Any:
    return value if _STACK.fullmatch(str(value).strip()) else None


_Rule = Callable[[str, Any, Person], Any]
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_NUMBER_NAMES.split(), _number),
    **dict.fromkeys(_WORDS, _word),
    **dict.fromkeys(_UIDS, _uid),
    **dict.fromkeys(_CLASSES, _class),
    **dict.fromkeys(_TAGS, _tag),
    **dict.fromkeys(_DATES, _date),
    **dict.fromkeys(_SEQUENCE_NAMES.split(), _sequence),
    "StackID": _stack,
}
"""What stays, by keyword; nothing else does."""
_KINDS = {"ImageType": "CS", "FrameType": "CS"}


def blank(pixels: Any, boxes: tuple[tuple[int, int, int, int], ...], value: float) -> Any:
    """Return a picture ``[y, x(, c)]`` with boxes (x, y, width, height) made one value; a copy where there are any."""
    if not boxes:
        return pixels
    made = pixels.copy()
    for x, y, width, height in boxes:
        made[max(0, y) : max(0, y + height), max(0, x) : max(0, x + width)] = value
    return made
