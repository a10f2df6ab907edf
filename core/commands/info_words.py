"""What ``info`` says of a scan: a page for one, a table for many, the same facts for ``--json``."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.distances import between_slices
from core.errors import MeninxError
from core.events import Notice
from core.geometry import OBLIQUE_DEGREES, Geometry
from core.io.source import MaskData, Preview, Source
from core.messages import comma, numeral, sentence, text

WIDTH = 100
_TITLE = 14
_MOST_ROWS = 16
_NAME = 34
_MOST_NOTES = 8
_MOST_NAMES = 6
_MOST_SKIPPED = 8
_ACQUISITION = (
    ("echo_time", "ms"),
    ("repetition_time", "ms"),
    ("inversion_time", "ms"),
    ("flip_angle", "°"),
    ("field_strength", "T"),
    ("kvp", "kV"),
    ("slice_thickness", "mm"),
    ("b_value", "s/mm²"),
    ("bits_stored", ""),
)


@dataclass(frozen=True)
class Seen:
    """A scan that was looked at.

    Parameters
    ----------
    source, preview
        Its files, and what they say.
    notices
        Everything a person should know of it.
    masks, refused
        Its masks as they were read, or why they were not.
    close
        Whether its middle slice was looked at (else the preview is of the header alone).
    """

    source: Source
    preview: Preview
    notices: tuple[Notice, ...] = ()
    masks: MaskData | None = None
    refused: MeninxError | None = None
    close: bool = False


def facts(seen: Seen) -> dict[str, Any]:
    """Return what is known of a scan, with stable keys; nothing of who the patient is."""
    source, preview = seen.source, seen.preview
    volume, geometry = preview.volume, preview.volume.geometry
    window = preview.window
    return {
        "name": source.name,
        "format": str(source.format),
        "packing": str(volume.facts.get("packing", "")) or None,
        "files": len(source.files),
        "shape": list(preview.shape),
        "dtype": preview.dtype.lstrip("<>|="),
        "spacing": [round(size, 6) for size in geometry.spacing],
        "unit": geometry.unit,
        "axes": geometry.axis_codes if geometry.orientation_known else None,
        "oblique_degrees": round(geometry.oblique_degrees, 2) if geometry.orientation_known else None,
        "affine": [[float(value) for value in row] for row in geometry.affine],
        "modality": volume.modality or None,
        "slope": volume.slope,
        "intercept": volume.intercept,
        "channels": list(volume.channels),
        "range": [preview.low, preview.high] if seen.close else None,
        "window": [window.low, window.high] if window is not None else None,
        "windows": [[one.low, one.high, one.name] for one in volume.windows],
        "volumes": preview.volumes if preview.volumes > 1 else int(volume.facts.get("volumes", 1)),
        "datasets": list(preview.datasets),
        "mask_dataset": preview.mask_dataset or None,
        "facts": dict(volume.facts),
        "patient_known": source.patient is not None,
        "masks": sum(mask is not None for mask in source.masks),
        "mask_convention": seen.masks.convention if seen.masks is not None else None,
        "mask_values": list(seen.masks.values) if seen.masks is not None else None,
        "mask_refused": sentence(seen.refused) if seen.refused is not None else None,
        "notices": [text(f"notices.{notice.key}", **notice.fields) for notice in seen.notices],
    }


def page(seen: Seen) -> list[str]:
    """Return what there is to say of one scan, a screenful."""
    lines = [seen.source.name]
    for title, words in _rows(seen):
        lines += textwrap.wrap(
            words,
            WIDTH,
            initial_indent=f"  {text(f'info.row_{title}'):<{_TITLE}}",
            subsequent_indent=" " * (_TITLE + 2),
            break_on_hyphens=False,
        )
    notes = [text(f"notices.{notice.key}", **notice.fields) for notice in seen.notices]
    for note in notes[:_MOST_NOTES]:
        # the name stands above already
        lines += _note(note.removeprefix(f"{seen.source.name}: "))
    if len(notes) > _MOST_NOTES:
        lines.append("  ! " + text("info.more_notes", count=len(notes) - _MOST_NOTES))
    return lines


def _rows(seen: Seen) -> Iterator[tuple[str, str]]:
    source, preview = seen.source, seen.preview
    volume, geometry = preview.volume, preview.volume.geometry
    yield "what", _what(seen)
    yield "size", _size(preview)
    yield "voxels", _voxels(geometry)
    yield "place", _place(geometry, volume.facts)
    yield "numbers", _numbers(preview)
    if seen.close and preview.window is not None:
        unit = " HU" if volume.modality == "CT" else ""
        where = "range" if preview.shape[0] > 1 else "range_one"
        shown = text(f"info.{where}", low=_short(preview.low), high=_short(preview.high), unit=unit)
        window = text("info.window", low=_short(preview.window.low), high=_short(preview.window.high))
        yield "values", f"{shown}; {window}"
    if volume.windows:
        pairs = [
            f"{one.name + ' ' if one.name else ''}{_short(one.low)} to {_short(one.high)}" for one in volume.windows
        ]
        yield "windows", ", ".join(_shortened(pairs))
    if preview.volumes > 1:
        yield "volumes", text("info.volumes_choose", volumes=preview.volumes, last=preview.volumes - 1)
    elif int(volume.facts.get("volumes", 1)) > 1:
        yield "volumes", text("info.volume_chosen", volume=volume.facts["volume"], volumes=volume.facts["volumes"])
    if preview.datasets:
        names = ", ".join(_shortened(preview.datasets))
        key = "info.arrays_taken" if preview.dataset else "info.arrays_choose"
        yield "arrays", text(key, names=names, dataset=preview.dataset)
    taken = _acquisition(volume.facts)
    if taken:
        yield "taken", taken
    if source.has_masks or preview.mask_dataset:
        yield "mask", _mask(seen)
    yield "patient", text("info.patient_known" if source.patient is not None else "info.patient_unknown")


def _what(seen: Seen) -> str:
    source, volume = seen.source, seen.preview.volume
    key = str(volume.facts.get("format", source.format)).replace("-", "_")
    version = f"-{volume.facts['version']}" if "version" in volume.facts else ""
    parts = [text(f"info.format_{key}") + version]
    parts += [volume.modality] if volume.modality else []
    parts += [text("info.pair")] if "pair" in volume.facts else []
    packing = str(volume.facts.get("packing", ""))
    parts += [text("info.packed", packing=packing)] if packing else []
    parts += [text("info.files", files=len(source.files))] if len(source.files) > 1 else []
    return ", ".join(parts)


def _size(preview: Preview) -> str:
    z, y, x = preview.shape[:3]
    size = f"{x} x {y}" + (f" x {z}" if z > 1 else "")
    unit = text("info.voxels" if z > 1 else "info.pixels_count")
    colour = ", " + text("info.channels", names=", ".join(preview.volume.channels)) if preview.volume.channels else ""
    count = int(np.prod(preview.shape, dtype=np.int64)) * np.dtype(preview.dtype).itemsize
    return f"{size} {unit}{colour}, {_bytes(count)}"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{numeral(count, '.3g')} {unit}"


def _voxels(geometry: Geometry) -> str:
    if not geometry.spacing_known:
        return text("info.pixels")
    _, y, x = geometry.spacing
    return comma(f"{x:.4g} x {y:.4g} x {between_slices(geometry, 4)} mm")


def _place(geometry: Geometry, told: Any) -> str:
    if not geometry.orientation_known:
        return text("info.orientation_unknown")
    codes = geometry.axis_codes
    words = [
        text(
            "info.axes", codes=codes, **{axis: text(f"info.to_{code}") for axis, code in zip("xyz", codes, strict=True)}
        ),
        text("info.slices", plane=str(geometry.native_plane)),
    ]
    tilt = float(told.get("tilt_degrees", 0.0))
    if tilt:
        words.append(text("info.tilted", degrees=numeral(tilt, ".3g")))
    angle = geometry.oblique_degrees
    if angle >= OBLIQUE_DEGREES and not tilt:
        words.append(text("info.oblique", degrees=numeral(angle, ".3g")))
    return ", ".join(words)


def _numbers(preview: Preview) -> str:
    volume = preview.volume
    words = text("info.stored", dtype=np.dtype(preview.dtype).name)
    if (volume.slope, volume.intercept) != (1.0, 0.0):
        scale = "" if volume.slope == 1 else f" x {numeral(volume.slope, '.6g')}"
        words += ", " + text("info.scaled", scale=scale)
        words += (
            f" {'+' if volume.intercept > 0 else '-'} {numeral(abs(volume.intercept), '.6g')}"
            if volume.intercept
            else ""
        )
    if volume.modality == "CT":
        words += ", HU"
    if volume.padding is not None:
        words += ", " + text("info.padding", value=_short(volume.padding))
    if volume.inverted:
        words += ", " + text("info.inverted")
    return words


def _acquisition(told: Any) -> str:
    found = [
        f"{text(f'info.{name}')} {_short(float(told[name]))}{unit if unit == '°' else ' ' + unit if unit else ''}"
        for name, unit in _ACQUISITION
        if isinstance(told.get(name), (int, float))
    ]
    return ", ".join(found)


def _mask(seen: Seen) -> str:
    source = seen.source
    if not source.has_masks:
        return text("info.mask_inside", name=seen.preview.mask_dataset)
    files = [mask for mask in source.masks if mask is not None]
    inside = seen.preview.mask_dataset
    name = inside or files[0].name if len(files) == 1 else text("info.files", files=len(files))
    if seen.masks is not None:
        values = ", ".join(_shortened([str(value) for value in seen.masks.values])) or "-"
        meaning = text(f"conventions.{seen.masks.convention}") if seen.masks.convention else ""
        return f"{name}: {meaning}" + (f" ({values})" if seen.masks.convention in ("labels", "palette", "rgb") else "")
    if seen.refused is not None:
        return sentence(seen.refused)
    return name


def _short(value: float) -> str:
    return numeral(value, ".0f") if abs(value) >= 1000 or value == round(value) else numeral(value, ".4g")


def _shortened(names: Sequence[str]) -> list[str]:
    left = len(names) - _MOST_NAMES
    return [*names[:_MOST_NAMES], text("info.more", count=left)] if left > 0 else list(names)


def table(folder: str, seen: Sequence[Seen]) -> list[str]:
    """Return what there is to say of many scans: patients, their scans, and how often each oddity occurs."""
    groups: dict[str | None, list[Seen]] = {}
    for one in seen:
        groups.setdefault(one.source.patient, []).append(one)
    unknown = groups.pop(None, [])
    counts = [_count("scan", len(seen))]
    counts += [_count("patient", len(groups))] if groups else []
    counts += [_count("unknown", len(unknown))] if unknown else []
    counts += [_count("masked", sum(one.source.has_masks for one in seen))]
    lines = [f"{folder}: {', '.join(counts)}"]
    # never who it is: names are not for the command line
    titled = [(text("info.patient", number=number), scans) for number, scans in enumerate(groups.values(), 1)]
    titled += [("?", unknown)] if unknown else []
    shown = titled[:_MOST_ROWS]
    most = _rows_each([len(scans) for _title, scans in shown])
    for title, scans in shown:
        lines += [f"  {title if one is scans[0] else '':<5}{_row(one)}" for one in scans[:most]]
        lines += [f"       {_count('further', len(scans) - most)}"] if len(scans) > most else []
    if len(titled) > len(shown):
        lines.append(f"  {text('info.more_patients', count=len(titled) - len(shown))}")
    return lines + _oddities(seen)


def _count(what: str, count: int) -> str:
    return text(f"info.{what}_one" if count == 1 else f"info.{what}_many", count=count)


def _rows_each(sizes: Sequence[int]) -> int:
    """Return how many scans of each group can be shown in a screenful."""
    most = 1
    while most < max(sizes) and sum(min(size, most + 1) for size in sizes) <= _MOST_ROWS:
        most += 1
    return most


def _oddities(seen: Sequence[Seen]) -> list[str]:
    kinds = Counter(notice.key for one in seen for notice in one.notices)
    lines: list[str] = []
    for key, count in kinds.most_common(_MOST_NOTES):
        first = next(notice for one in seen for notice in one.notices if notice.key == key)
        words = text(f"notices.{key}", **first.fields)
        lines += _note(words if count == 1 else f"{words} {text('info.and_others', count=count - 1)}")
    return lines


def _note(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, initial_indent="  ! ", subsequent_indent="    ", break_on_hyphens=False)


def skipped(passed: Sequence[tuple[str, MeninxError]]) -> list[str]:
    """Return why inputs were passed over, a long list shortened."""
    lines: list[str] = []
    for source, error in passed[:_MOST_SKIPPED]:
        reason = sentence(error)
        # most sentences name the file themselves
        named = reason.startswith(source.rsplit("/", 1)[-1])
        words = text("info.skipped", reason=reason) if named else text("line.skipped", source=source, reason=reason)
        lines += textwrap.wrap(words, WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
    if len(passed) > _MOST_SKIPPED:
        lines.append(text("info.more_skipped", count=len(passed) - _MOST_SKIPPED))
    return lines


def _row(seen: Seen) -> str:
    preview, geometry = seen.preview, seen.preview.volume.geometry
    z, y, x = preview.shape[:3]
    spacing = geometry.spacing
    key = str(preview.volume.facts.get("format", seen.source.format)).replace("-", "_")
    name = seen.source.name
    extras = (
        text("info.volumes", volumes=preview.volumes) if preview.volumes > 1 else "",
        text("info.arrays", count=len(preview.datasets)) if len(preview.datasets) > 1 else "",
        text("info.mask") if seen.source.has_masks else "",
        "!" if seen.notices else "",
    )
    cells = (
        f"{name if len(name) <= _NAME else name[: _NAME - 3] + '...':<{_NAME}}",
        f"{preview.volume.modality or text(f'info.format_{key}').split()[0]:<9}",
        f"{f'{x}x{y}x{z}':<13}",
        f"{f'{spacing[2]:.3g}x{spacing[1]:.3g}x{between_slices(geometry)} mm' if geometry.spacing_known else 'px':<20}",
        f"{geometry.axis_codes if geometry.orientation_known else '':<3}",
        " ".join(extra for extra in extras if extra),
    )
    return " ".join(cells).rstrip()
