"""Reading folders of NIfTI masks: what Meninx wrote, BIDS derivatives, and pairs of scans and masks by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.json_files import load_json
from core.exchange.label_maps import called
from core.exchange.own import Own, OwnScan, is_own, load
from core.exchange.places import files_of, folders_of
from core.exchange.volumes import beside, by_value, read_numbers, read_table, stem_of_file
from core.labels import Label
from core.messages import sentence

_ONE = "_mask"
_MAPS = ("_labels", "_dseg", "_seg", "_label", "_segmentation")
_ENDINGS = (".nii.gz", ".nii")
_DEEPEST = 4
_BIDS = re.compile(r"(sub-[A-Za-z0-9]+)((?:_(?:ses|acq|run|task|ce|rec)-[A-Za-z0-9]+)*)(_.+)?")
_OWN_BIDS = re.compile(r"sub-(P\d+)_acq-(S\d+)")
_UNNAMED = "Mask"


def fits(path: Path) -> bool:
    """Whether a folder (or one below it) holds NIfTI masks by the names that tools give them."""
    return path.is_dir() and any(_kind(file) for file in _below(path, 5_000))


def _below(folder: Path, most: int, depth: int = 0) -> Iterator[Path]:
    for file in files_of(folder, most):
        if file.name.casefold().endswith(_ENDINGS):
            yield file
    if depth < _DEEPEST:
        for inside in folders_of(folder, most):
            yield from _below(inside, most, depth + 1)


def _kind(file: Path) -> str:
    """Return the end of a mask's name, empty for other files."""
    stem = stem_of_file(file.name).casefold()
    return next((end for end in (_ONE, *_MAPS) if stem.endswith(end) and len(stem) > len(end)), "")


@dataclass
class _Group:
    """The mask files of one scan."""

    image: Path | None
    name: str
    own: OwnScan | None
    files: list[tuple[Path, str]] = field(default_factory=list)


@dataclass
class _Drawn:
    """What the files of one scan hold, by label."""

    masks: dict[str, IncomingMask] = field(default_factory=dict)
    affine: NDArray[np.float64] | None = None
    problem: str = ""

    def take(self, mask: IncomingMask) -> None:
        known = self.masks.get(mask.label)
        if known is not None:
            mask = replace(known, array=known.array | mask.array, color=known.color or mask.color)
        self.masks[mask.label] = mask

    @property
    def shape(self) -> tuple[int, int, int] | None:
        for mask in self.masks.values():
            z, y, x = mask.array.shape
            return z, y, x
        return None


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield every scan with the masks that are named after it."""
    own = load(path, limits) if is_own(path, ("nifti", "bids")) else Own("")
    names, colors = _table(path / "labels.tsv", own, limits)
    for group in _groups(path, own, limits):
        drawn = _Drawn()
        for file, label in group.files:
            try:
                _read_file(file, label, drawn, names, colors, limits, own)
            except InputError as error:
                # the other files are still true
                drawn.problem = sentence(error)
        masks = tuple(_known(mask, group.own) for mask in drawn.masks.values())
        if group.own is not None:
            # a label map names labels that were not begun; what is drawn is kept whatever it is called
            masks = tuple(mask for mask in masks if mask.label in group.own.finished or mask.array.any())
        problem = "exchange-case" if drawn.problem else ""
        fields: dict[str, str | int] = {"reason": drawn.problem} if drawn.problem else {}
        made = Incoming(group.image, group.name, drawn.shape or (1, 1, 1), masks, problem, fields, affine=drawn.affine)
        if group.own is not None:
            made = replace(made, digest=group.own.digest, patient=group.own.patient)
        yield made


def _groups(path: Path, own: Own, limits: Limits) -> list[_Group]:
    """Put the mask files of a folder together, scan by scan."""
    scans = {scan.name: scan for scan in own.scans}
    labels = called([Label(one.number, one.name, one.color, "", one.layer) for one in own.labels])
    groups: dict[tuple[Path, str], _Group] = {}
    for file in _below(path, limits.items):
        if not _kind(file):
            continue
        base, label = _base(file, scans)
        bids = _OWN_BIDS.fullmatch(base)
        scan = scans.get(base if bids is None else f"{bids.group(1)}_{bids.group(2)}")
        image = _image(file.parent, base)
        name = scan.name if scan is not None else image.name if image is not None else base
        group = groups.setdefault((file.parent, base), _Group(image, name, scan))
        group.files.append((file, labels.get(label.casefold(), label) if scan is not None else label))
    return list(groups.values())


def _base(file: Path, scans: Mapping[str, OwnScan]) -> tuple[str, str]:
    """Split the name of a mask file into the scan's and the label's."""
    end = _kind(file)
    stem = stem_of_file(file.name)[: -len(end)]
    entities = _BIDS.fullmatch(stem)
    if entities is not None:
        label = re.search(r"_label-([A-Za-z0-9]+)", entities.group(3) or "")
        return entities.group(1) + entities.group(2), label.group(1) if label else ""
    longest = max((name for name in scans if stem == name or stem.startswith(f"{name}_")), key=len, default="")
    if longest:
        return longest, stem[len(longest) + 1 :]
    parts = stem.split("_")
    for count in range(len(parts), 0, -1):
        base = "_".join(parts[:count])
        if base and beside(file.parent, base) is not None:
            return base, "_".join(parts[count:])
    return stem, ""


def _image(folder: Path, base: str) -> Path | None:
    """Return the scan that masks belong to, if its file is there."""
    found = beside(folder, base)
    for ending in ("_space-orig_desc-source_MRI", "_space-orig_desc-source_ct", "_T1w", "_T2w", "_FLAIR"):
        found = found or beside(folder, base + ending)
    return found


def _table(path: Path, own: Own, limits: Limits) -> tuple[dict[int, str], dict[str, str]]:
    """Return names by number and colours by name, called as the manifest has them."""
    names, colors = read_table(path, limits)
    ours = own.table(names)
    return ours, {ours[number]: colors[name] for number, name in names.items() if name in colors}


def _read_file(
    file: Path,
    label: str,
    drawn: _Drawn,
    names: Mapping[int, str],
    colors: Mapping[str, str],
    limits: Limits,
    own: Own,
) -> None:
    numbers = read_numbers(file, limits)
    if drawn.shape not in (None, numbers.geometry.shape):
        raise InputError("exchange-unreadable", file=file.name)
    drawn.affine = numbers.affine
    if _kind(file) == _ONE:
        label = _sidecar_label(file, limits) or label or _UNNAMED
        drawn.take(IncomingMask(label, (numbers.array != 0).astype(np.uint8), color=colors.get(label, "")))
        return
    table, shades = _table(file.with_name(f"{stem_of_file(file.name)}.tsv"), own, limits)
    for mask in by_value(numbers.array, table or names, file, colors={**colors, **shades}):
        drawn.take(mask)


def _sidecar_label(file: Path, limits: Limits) -> str:
    """Return what the JSON beside a BIDS mask calls its label."""
    beside_it = file.with_name(f"{stem_of_file(file.name)}.json")
    if not beside_it.is_file() or beside_it.is_symlink():
        return ""
    content: Any = load_json(beside_it, limits)
    found = content.get("Labels") if isinstance(content, dict) else None
    return str(found[0]).strip() if isinstance(found, list) and len(found) == 1 else ""


def _known(mask: IncomingMask, own: OwnScan | None) -> IncomingMask:
    """Add what the manifest says of a mask."""
    if own is None:
        return mask
    return replace(mask, reader=own.reader, finished=own.finished.get(mask.label, ()))
