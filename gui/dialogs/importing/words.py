"""What was found, in words: only from header facts that hold no identity."""

from __future__ import annotations

from collections.abc import Mapping

from core.distances import between_slices
from core.events import Notice
from core.geometry import OBLIQUE_DEGREES
from core.io import remarks as odd
from core.io.conventions import colour_word
from core.io.sniff import PICTURES, Format
from core.io.source import MaskData, Preview, Source
from core.messages import comma, numeral, sentence, text
from gui.dialogs.importing.looker import Seen, SeenMask

STRAY = "slice-stray"
HARMLESS = frozenset({"slices-oblique"})
"""Notices that are told as a remark: nothing is lost or uncertain."""


def kind(source: Source, seen: Seen | None) -> str:
    """Say what a scan is: "MR axial, 24 slices, T2?"; the format alone until it was looked at."""
    preview = seen.preview if seen is not None else None
    slices = len(source.files) if preview is None else preview.shape[0]
    if source.format in PICTURES:
        key = "picture" if slices == 1 else "stack"
        return text(f"importing.{key}", count=slices)
    if preview is None:
        return text(f"importing.format_{source.format.value.replace('-', '_')}")
    volume = preview.volume
    parts = [volume.modality or text(f"importing.format_{source.format.value.replace('-', '_')}")]
    if volume.geometry.orientation_known:
        parts.append(text(f"import.{volume.geometry.native_plane}"))
    words = [" ".join(parts), text("import.slices" if slices > 1 else "import.slice", slices=slices)]
    guess = weighting(volume.facts) if volume.modality == "MR" and preview.volumes == 1 else ""
    if guess:
        words.append(text("importing.guess", weighting=guess))
    return ", ".join(words)


def weighting(facts: Mapping[str, str | int | float]) -> str:
    """Guess what a MR scan is weighted by from its times (ms), as the textbooks have it; empty where they don't say."""
    echo, repetition, inversion = (_number(facts, name) for name in ("echo_time", "repetition_time", "inversion_time"))
    if echo is None or repetition is None:
        return ""
    if inversion is not None and inversion >= 1500 and echo >= 60 and repetition >= 4000:
        return "FLAIR"
    if echo >= 60 and repetition >= 1500:
        return "T2"
    if echo <= 30 and (repetition <= 1000 or (inversion is not None and 300 <= inversion <= 1400)):
        return "T1"
    if echo <= 40 and repetition >= 1500 and inversion is None:
        return "PD"
    return ""


def _number(facts: Mapping[str, str | int | float], name: str) -> float | None:
    value = facts.get(name)
    return float(value) if isinstance(value, (int, float)) else None


def size(preview: Preview) -> str:
    """Say how many voxels a scan has and how large they are."""
    z, y, x = preview.shape[:3]
    pixels = f"{x} × {y} × {z}" if z > 1 else f"{x} × {y}"
    geometry = preview.volume.geometry
    if not geometry.spacing_known:
        return f"{pixels}  ·  {text('importing.no_spacing')}"
    _, dy, dx = geometry.spacing
    millimetres = f"{dx:.3g} × {dy:.3g} × {between_slices(geometry)} mm" if z > 1 else f"{dx:.3g} × {dy:.3g} mm"
    return f"{pixels}  ·  {comma(millimetres)}"


def files(source: Source) -> str:
    """Count the files of a scan."""
    return text("importing.one_file" if len(source.files) == 1 else "importing.files", count=len(source.files))


def warnings(source: Source, seen: Seen | None) -> list[str]:
    """Say in plain words what is irregular about a scan."""
    found = [_notice(notice, source) for notice in source.notices if notice.key not in HARMLESS]
    if seen is None:
        return found
    if seen.error is not None:
        return [sentence(seen.error)]
    if seen.mask is not None and seen.mask.error is not None:
        found.append(text("importing.mask_unusable", reason=sentence(seen.mask.error)))
    preview = seen.preview
    if preview is not None:
        found += [_notice(notice, source) for notice in odd.remarks(source.name, preview.volume)]
    if preview is not None and not preview.volume.geometry.spacing_known and source.format not in PICTURES:
        found.append(text("importing.spacing_unknown"))
    return found


def remarks(seen: Seen | None) -> list[str]:
    """Say what is worth knowing about a scan and no cause for concern."""
    preview = seen.preview if seen is not None else None
    if preview is None or not preview.volume.geometry.orientation_known or preview.volume.facts.get("tilt_degrees"):
        return []
    degrees = preview.volume.geometry.oblique_degrees
    return [text("importing.oblique", degrees=numeral(degrees, ".0f"))] if degrees >= OBLIQUE_DEGREES else []


def mask(source: Source, seen: Seen | None) -> str:
    """Say what lies beside a scan as its mask, and how its numbers read; empty where there is none."""
    preview = seen.preview if seen is not None else None
    if preview is not None and preview.mask_dataset and not source.has_masks:
        return text("importing.mask_inside", dataset=preview.mask_dataset)
    if not source.has_masks:
        return text("importing.mask_predicted") if any(source.predicted) else ""
    found = seen.mask if seen is not None else None
    if found is None:
        return text("importing.mask")
    if found.error is not None:
        return text("importing.mask_no")
    return text("importing.mask_is", convention=convention(found))


def convention(found: SeenMask | MaskData, *, resampled: bool = True) -> str:
    """Say what the numbers of a mask are taken to mean, and (if told to) whether it was resampled."""
    if len(found.values) > 1:
        shown = ", ".join(value_word(found, value) for value in found.values[:8])
        words = text("importing.convention_labels", values=shown + (", …" if len(found.values) > 8 else ""))
    else:
        words = text(f"conventions.{found.convention}") if found.convention else text("importing.convention_one")
    return f"{words}, {text('importing.resampled')}" if found.resampled and resampled else words


def value_word(found: SeenMask | MaskData, value: int) -> str:
    """Write a value of a mask: a number, or a colour as ``#rrggbb``; as the import takes it before ``=NAME``."""
    return colour_word(value) if found.convention == "rgb" else str(value)


def choice(seen: Seen | None, volume: int | None, dataset: str) -> str:
    """Say which of several volumes or datasets is taken; empty where there is nothing to choose."""
    preview = seen.preview if seen is not None else None
    if preview is None:
        return ""
    parts = []
    if len(preview.datasets) > 1:
        parts.append(text("importing.dataset_is", dataset=dataset or taken_dataset(preview)))
    count = volumes_of(preview)
    if count > 1:
        parts.append(text("importing.volume_is", number=(volume or 0) + 1, count=count))
    return "  ·  ".join(parts)


def volumes_of(preview: Preview) -> int:
    """Return how many volumes there are to choose from, also where one is chosen already."""
    return preview.volumes if preview.volumes > 1 else int(preview.volume.facts.get("volumes", 1))


def taken_dataset(preview: Preview) -> str:
    """Return the array of an archive that is taken unless another is chosen: the first that is no mask."""
    scans = [name for name in preview.datasets if name != preview.mask_dataset]
    return preview.dataset or next(iter(scans or preview.datasets), "")


def where(source: Source) -> str:
    """Name the file or folder of a scan."""
    first = source.files[0]
    return source.name if len(source.files) == 1 or source.format is Format.DICOM else first.parent.name or source.name


def _notice(notice: Notice, source: Source) -> str:
    """Word a notice without the name that it begins with: it stands beside it already."""
    if notice.key == STRAY:
        return text("importing.stray")
    return without_name(notice, source.name)


def without_name(notice: Notice, name: str) -> str:
    """Word a notice without the name of the file that it begins with."""
    rest = text(f"notices.{notice.key}", **notice.fields).removeprefix(f"{name}: ")
    return rest[:1].upper() + rest[1:]
