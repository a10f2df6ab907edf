"""DICOM SEG: masks as a viewer of a hospital takes them, tied to the very pictures they were drawn on.

Written only where the originals are at hand and unchanged: who the patient is stands
in them and nowhere in the project.
"""

from __future__ import annotations

import hashlib
import io
import uuid
import warnings
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from core.errors import InputError
from core.exchange.deidentify import Person, record
from core.exchange.dicom_seg_reading import ENDING
from core.exchange.items import Item, Out
from core.exchange.originals import Copy, Order, Original
from core.io.dicom_seg import lab_of
from core.io.sandbox import Decoder
from core.labels import Label
from core.project.records import Origin
from core.review.strip import background_of
from core.version import VERSION

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription

_SCHEME = "99MENINX"
_STRUCTURE = ("91723000", "Anatomical Structure")
_ABNORMAL = ("49755003", "Morphologically Abnormal Structure")
_TISSUE = ("85756007", "Tissue")
_TYPES: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "brain": (_STRUCTURE, ("12738006", "Brain")),
    "cerebellum": (_STRUCTURE, ("113305005", "Cerebellum")),
    "ventricle": (_STRUCTURE, ("35764002", "Brain ventricle")),
    "ventricles": (_STRUCTURE, ("35764002", "Brain ventricle")),
    "skull": (_STRUCTURE, ("89546000", "Skull")),
    "tumour": (_ABNORMAL, ("108369006", "Neoplasm")),
    "tumor": (_ABNORMAL, ("108369006", "Neoplasm")),
    "glioma": (_ABNORMAL, ("108369006", "Neoplasm")),
    "lesion": (_ABNORMAL, ("52988006", "Lesion")),
    "lesions": (_ABNORMAL, ("52988006", "Lesion")),
    "haemorrhage": (_ABNORMAL, ("50960005", "Hemorrhage")),
    "hemorrhage": (_ABNORMAL, ("50960005", "Hemorrhage")),
    "haematoma": (_ABNORMAL, ("35566002", "Hematoma")),
    "hematoma": (_ABNORMAL, ("35566002", "Hematoma")),
    "oedema": (_ABNORMAL, ("79654002", "Edema")),
    "edema": (_ABNORMAL, ("79654002", "Edema")),
    "necrosis": (_ABNORMAL, ("6574001", "Necrosis")),
    "cyst": (_ABNORMAL, ("367643001", "Cyst")),
}
"""Labels that SNOMED CT has a word for: property category and type. All others get a code of our own."""
_LONGEST = 64
"""Letters of a name in DICOM."""
_PROGRAM = "Meninx"
_FEWEST = 8
"""Pixels of a slice: highdicom 0.28.2 packs frames of less than a byte to wrong places (found by our round trips)."""


class DicomSegFormat:
    """``<scan>_seg.dcm``: one segment per label; with ``images`` the scan's own files in ``<scan>/`` beside it."""

    name = "dicom-seg"

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Make ready to read the originals."""
        self._decoder = Decoder()
        # called off, it is never told to finish
        self._close = weakref.finalize(self, self._decoder.close)

    def add(self, item: Item, out: Out) -> None:
        """Write one scan's masks, and its files where asked for.

        Raises
        ------
        InputError
            ``seg-no-source``, ``originals-gone``, ``originals-changed``, ``originals-mosaic``.
        """
        person = Person(item.scan.patient_name, item.scan.patient, out.secret, out.options.boxes)
        shown = person if out.options.deidentify else None
        kept = item.kept if out.options.stripped else None
        order = order_of(item, shown, kept=kept)
        originals = _read(self._decoder, order)
        missing = [one.z for one in originals if not one.frame]
        if any(mask[z].any() for mask in item.masks.values() for z in missing):
            out.tell("seg-missing-slices", scan=item.scan.name, slices=", ".join(str(z + 1) for z in missing))
        out.file(f"{item.name}{ENDING}", encode(item, originals, shown))
        if shown is None:
            out.tell("seg-identity")
        if any(len(item.finished.get(name, ())) < item.volume.shape[0] for name in item.masks):
            out.tell("export-unfinished", scan=item.scan.name)
        if out.options.images:
            self._files(item, out, replace(order, files_wanted=True))

    def finish(self, out: Out) -> None:
        """End the reading of originals."""
        self._close()

    def _files(self, item: Item, out: Out, order: Order) -> None:
        words: list[bool] = []

        def write(copy: Copy) -> None:
            out.file(f"{item.name}/{copy.number:04d}.dcm", copy.data)
            words.append(copy.words)

        self._decoder.originals(order, write)
        if any(words) and not out.options.boxes:
            out.tell("seg-words", scan=item.scan.name)


def order_of(item: Item, person: Person | None, *, kept: NDArray[np.bool_] | None = None, files: bool = False) -> Order:
    """Return what is asked of a scan's originals.

    Raises
    ------
    InputError
        ``seg-no-source`` where it did not come from DICOM, or this workstation does not know from where.
    """
    known = item.source
    if known is None or not known.source or item.volume.facts.get("format") != "dicom":
        raise InputError("seg-no-source", scan=item.scan.name)
    background = 0.0
    if kept is not None:
        stored = background_of(item.volume)
        background = float(stored) * item.volume.slope + item.volume.intercept
    return Order(
        tuple(Path(one) for one in known.source),
        item.scan.name,
        item.scan.sha256,
        item.volume.geometry,
        files,
        person,
        kept,
        background,
        new_uid(),
    )


def new_uid() -> str:
    """Return a UID that was never used, short enough for a number behind it."""
    return f"2.25.{uuid.uuid4().int}"


def _read(decoder: Decoder, order: Order) -> list[Original]:
    found: list[Original] = []
    decoder.originals(order, found.append)
    return found


def encode(item: Item, originals: Sequence[Original], person: Person | None) -> bytes:
    """Return a scan's masks as a binary DICOM SEG.

    Parameters
    ----------
    item
        The masks.
    originals
        One per slice, in order.
    person
        Who stands in it instead of the patient; None for the patient.

    Raises
    ------
    InputError
        ``seg-headers`` where the originals lack what a DICOM SEG needs of them; ``seg-tiny`` for slices of
        fewer than 8 pixels.
    """
    if item.volume.shape[1] * item.volume.shape[2] < _FEWEST:
        raise InputError("seg-tiny", scan=item.scan.name)
    there = [one.z for one in originals if one.frame]
    sources = [one.header for one in originals if one.header is not None]
    labels = [label for label in item.labels if label.name in item.masks]
    pixels = np.stack([item.masks[label.name][there] for label in labels], axis=-1).astype(np.uint8)
    even = item.volume.geometry.depth_known and len(there) == item.volume.shape[0]
    with warnings.catch_warnings():
        # it speaks of empty masks and of names without a caret, which are both as they should be
        warnings.simplefilter("ignore")
        try:
            made = _segmentation(item, sources, labels, pixels, sparse=even)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError("seg-headers", scan=item.scan.name) from error
        if len(sources) == 1:
            _renumber(made, [one.frame for one in originals if one.frame])
        if person is not None:
            record(made)
        target = io.BytesIO()
        made.save_as(target, enforce_file_format=True)
    return target.getvalue()


def _segmentation(
    item: Item,
    sources: Sequence[Dataset],
    labels: Sequence[Label],
    pixels: NDArray[np.uint8],
    *,
    sparse: bool,
) -> Segmentation:
    from highdicom.seg import Segmentation, SegmentationTypeValues  # slow to load, and rarely needed

    made: Segmentation = Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_description(item, label, place) for place, label in enumerate(labels, 1)],
        series_instance_uid=new_uid(),
        series_number=9001,
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer=_PROGRAM,
        manufacturer_model_name=_PROGRAM,
        software_versions=VERSION,
        device_serial_number="0",
        content_description="Masks drawn in Meninx",
        content_creator_name=item.reader[:_LONGEST].replace("\\", " ").replace("=", " ") or None,
        content_label="MASKS",
        specific_character_set="ISO_IR 192",
        # where slices lie unevenly every plane is written: they are told apart by their order alone
        omit_empty_frames=sparse,
    )
    made.SeriesDescription = "Masks"
    measures = made.SharedFunctionalGroupsSequence[0].get("PixelMeasuresSequence")
    if sparse and measures and item.volume.shape[0] > 1:
        # left out by the library where the gantry is tilted; who reads a few planes needs it to know what lies between
        x, y, z = item.volume.geometry.affine[:3, :3].T
        normal = np.cross(x, y)
        distance = abs(float(z @ normal)) / float(np.linalg.norm(normal))
        measures[0].SpacingBetweenSlices = DSfloat(distance, auto_format=True)
    return made


def _description(item: Item, label: Label, place: int) -> SegmentDescription:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from highdicom.sr import CodedConcept

    category, kind = codes_of(label)
    origins = set(item.origins.get(label.name, {}).values())
    way = SegmentAlgorithmTypeValues.MANUAL
    if origins & {Origin.PREDICTED, Origin.CORRECTED, Origin.INTERPOLATED}:
        way = SegmentAlgorithmTypeValues.SEMIAUTOMATIC
    if origins == {Origin.PREDICTED}:
        way = SegmentAlgorithmTypeValues.AUTOMATIC
    learnt = CodedConcept("123110", "DCM", "Artificial Intelligence")
    made: Any = SegmentDescription(
        segment_number=place,
        segment_label=label.name[:_LONGEST].replace("\\", " "),
        segmented_property_category=CodedConcept(category[0], "SCT", category[1]),
        segmented_property_type=CodedConcept(*kind),
        algorithm_type=way,
        algorithm_identification=None
        if way is SegmentAlgorithmTypeValues.MANUAL
        else AlgorithmIdentificationSequence(_PROGRAM, learnt, VERSION),
        tracking_uid=new_uid(),
        # of any length: our own reader finds the whole name here
        tracking_id=label.name,
        display_color=CIELabColor(0.0, 0.0, 0.0),
    )
    # theirs rounds through fewer digits than there are
    made.RecommendedDisplayCIELabValue = list(lab_of(label.color))
    return made


def codes_of(label: Label) -> tuple[tuple[str, str], tuple[str, str, str]]:
    """Return the code of a label's category, and (value, scheme, meaning) of what it is."""
    known = _TYPES.get(label.name.casefold())
    if known is not None:
        return known[0], (known[1][0], "SCT", known[1][1])
    # a value for a name, the same in every file
    value = "M" + hashlib.sha256(label.name.casefold().encode()).hexdigest()[:12].upper()
    return _TISSUE, (value, _SCHEME, label.name[:_LONGEST].replace("\\", " "))


def _renumber(made: Dataset, frames: Sequence[int]) -> None:
    """Refer to frames by their numbers in their own file, of which only those of this scan were shown."""
    for group in made.PerFrameFunctionalGroupsSequence:
        for derived in group.get("DerivationImageSequence") or ():
            for source in derived.get("SourceImageSequence") or ():
                told = source.get("ReferencedFrameNumber")
                if told is not None:
                    source.ReferencedFrameNumber = frames[int(told) - 1]
