"""``manifest.json`` coming back: what Meninx itself wrote says which scan, which reader and which slices."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.exchange import manifest
from core.exchange.incoming import Incoming, Limits
from core.exchange.json_files import load_json
from core.exchange.volumes import plain_color


@dataclass(frozen=True)
class OwnLabel:
    """A label of an export: its number in label maps, its colour and its layer."""

    name: str
    number: int
    color: str
    layer: str


@dataclass(frozen=True)
class OwnScan:
    """One scan of an export."""

    name: str
    shape: tuple[int, int, int]
    digest: str
    reader: str
    patient: str
    finished: Mapping[str, tuple[int, ...]]
    """By label name, for the labels that were begun: slices that are finished."""
    affine: Any = None
    """Where the voxels lie, as it stands in the file."""


@dataclass(frozen=True)
class Own:
    """A manifest of Meninx."""

    format: str
    labels: tuple[OwnLabel, ...] = ()
    scans: tuple[OwnScan, ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict)

    def called(self, name: str) -> str:
        """Return the name that a label has here, given as a file holds it; as it is where none is meant."""
        return self._names.get(name) or self._names.get(_plain(name), name)

    def table(self, names: Mapping[int, str]) -> dict[int, str]:
        """Return the names of a table, which has no tabs or double spaces, as the manifest has them."""
        mine = {one.number: one.name for one in self.labels}
        return {
            number: mine[number] if _plain(mine.get(number, "")) == _plain(name) else self.called(name)
            for number, name in names.items()
        }

    @cached_property
    def _names(self) -> dict[str, str]:
        """Names by themselves, and by what every file holds of them where that tells them apart."""
        plain = Counter(_plain(one.name) for one in self.labels)
        alone = {_plain(one.name): one.name for one in self.labels if plain[_plain(one.name)] == 1}
        return alone | {one.name: one.name for one in self.labels}


def is_own(folder: Path, formats: tuple[str, ...]) -> bool:
    """Whether a folder holds an export by Meninx in one of these formats."""
    file = folder / manifest.NAME
    if not file.is_file() or file.is_symlink():
        return False
    content = load_json(file, Limits())
    return isinstance(content, dict) and "meninx_export" in content and content.get("format") in formats


def beside(path: Path, reader: str, limits: Limits) -> Own | None:
    """Return the manifest of an export by Meninx that a reader reads; None for what another program wrote.

    Raises
    ------
    InputError
        ``exchange-unreadable``, ``exchange-newer``.
    """
    folder = path if path.is_dir() else path.parent
    formats = ("nifti", "bids") if reader == "nifti" else (reader,)
    return load(folder, limits) if is_own(folder, formats) else None


def with_layers(one: Incoming, own: Own) -> Incoming:
    """Return a picture or scan with the layers of its labels, and the labels of which the export says nothing there.

    A slice is finished for the labels of one layer: if labels of several came to lie on the same one, what is
    finished for some of them would be taken for finished for all.
    """
    layers = {label.name: label.layer for label in own.labels}
    called = {mask.label: own.called(mask.label) for mask in one.masks}
    masks = tuple(replace(mask, layer=layers.get(called[mask.label], "")) for mask in one.masks)
    there = set(called.values())
    # without the digest it is nothing that we wrote
    unknown = tuple(label.name for label in own.labels if one.digest and label.name not in there)
    return replace(one, masks=masks, unknown=unknown)


def _plain(name: str) -> str:
    """Return what is left of a label's name in every file: some hold no tabs, others no two spaces."""
    return "".join(sign for sign in name if unicodedata.category(sign)[0] not in "CZ")


def load(folder: Path, limits: Limits) -> Own:
    """Read the manifest of an export.

    Raises
    ------
    InputError
        ``exchange-unreadable``, ``exchange-newer``.
    """
    content = load_json(folder / manifest.NAME, limits)
    if int(content["meninx_export"]) > manifest.FORMAT:
        raise InputError("exchange-newer", file=folder.name)
    labels = tuple(
        OwnLabel(str(one["name"]).strip(), number, plain_color(str(one["color"])), str(one["layer"]))
        for number, one in enumerate(content["labels"], 1)
    )
    if len(labels) > limits.masks or len(content["scans"]) > limits.items:
        raise InputError("exchange-too-large", file=folder.name)
    made = str(content.get("created", ""))[:40]
    scans = tuple(_scan(one, limits, folder, made) for one in content["scans"])
    return Own(str(content["format"]), labels, scans, {one.name: one.color for one in labels if one.color})


def _scan(entry: Mapping[str, Any], limits: Limits, folder: Path, made: str) -> OwnScan:
    z, y, x = (int(count) for count in entry["shape"])
    limits.check_shape((z, y, x), folder.name)
    name = str(entry["name"])
    if not name or any(sign in name for sign in "/\\:\0") or name.startswith("."):
        raise InputError("exchange-unreadable", file=folder.name)
    finished = {
        str(label).strip(): manifest.from_spans(str(facts["finished"]), z) for label, facts in entry["labels"].items()
    }
    # P001 of another project is another patient
    patient = f"{made}/{entry.get('patient', '')}" if entry.get("patient_known") else ""
    digest, reader = str(entry["voxels_sha256"]), str(entry.get("reader", ""))
    return OwnScan(name, (z, y, x), digest, reader, patient, finished, entry.get("affine"))
