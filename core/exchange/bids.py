"""BIDS derivatives: masks and label maps of subjects, with the sidecars that say what they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.exchange.items import Item, Out
from core.exchange.label_maps import maps_of, numbers
from core.exchange.nifti import encode_image
from core.labels import BRAIN, Label
from core.project.exporting import encode_values, stem_of
from core.version import VERSION

_BIDS = "1.10.0"


class BidsFormat:
    """``sub-P001/anat/sub-P001_acq-S0001_..._mask.nii.gz`` or ``_dseg.nii.gz`` with ``_dseg.tsv``."""

    name = "bids"

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Write what the data set is."""
        description = {
            "Name": "Masks drawn in Meninx",
            "BIDSVersion": _BIDS,
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "Meninx", "Version": VERSION}],
            "SourceDatasets": [],
        }
        out.file("dataset_description.json", _json(description))
        out.file("README", b"Masks drawn in Meninx, on the grid of their scans. manifest.json says more of each.\n")

    def add(self, item: Item, out: Out) -> None:
        """Write one scan's masks."""
        where = f"sub-{item.scan.patient_name}/anat/sub-{item.scan.patient_name}_acq-{item.scan.name}"
        if out.options.layout in ("each", "both"):
            entities = _entities(item.labels)
            for label in item.labels:
                if label.name in item.masks:
                    stem = f"{where}_space-orig_label-{entities[label.name]}_desc-manual_mask"
                    mask = item.masks[label.name].astype(np.uint8)
                    out.file(f"{stem}.nii.gz", encode_values(item.volume, mask))
                    out.file(f"{stem}.json", _json(_sidecar(item, [label])))
        if out.options.layout in ("map", "both"):
            for layer, values in maps_of(item).items():
                there = [label for label in item.labels if layer in ("", f"_{stem_of(label.layer)}")]
                desc = "".join(filter(str.isalnum, layer)) or "manual"
                stem = f"{where}_space-orig_desc-{desc}_dseg"
                out.file(f"{stem}.nii.gz", encode_values(item.volume, values))
                out.file(f"{stem}.tsv", _lookup(item, there))
                out.file(f"{stem}.json", _json(_sidecar(item, there)))
        if out.options.images:
            suffix = "ct" if item.volume.modality == "CT" else "MRI"
            out.file(f"{where}_space-orig_desc-source_{suffix}.nii.gz", encode_image(item, out))

    def finish(self, out: Out) -> None:
        """Nothing more stands for all of them."""


def _entities(labels: Sequence[Label]) -> dict[str, str]:
    """Return the value of ``label-`` by label name: letters and digits only, unlike any other's."""
    found: dict[str, str] = {}
    for place, label in enumerate(labels, 1):
        plain = "".join(letter for letter in label.name if letter.isascii() and letter.isalnum()) or f"L{place}"
        taken = {one.casefold() for one in found.values()}
        found[label.name] = plain if plain.casefold() not in taken else f"{plain}x{place}"
    return found


def _sidecar(item: Item, labels: Sequence[Label]) -> dict[str, Any]:
    finished = {label.name: sorted(item.finished.get(label.name, ())) for label in labels}
    kinds = {"Brain" if label.name.casefold() == BRAIN.casefold() else "ROI" for label in labels}
    return {
        "Type": kinds.pop() if len(kinds) == 1 else "ROI",
        "Labels": [label.name for label in labels],
        "SpatialReference": "orig",
        "FinishedSlices": finished,
    }


def _lookup(item: Item, labels: Sequence[Label]) -> bytes:
    given = numbers(item.labels)
    rows = ["index\tname\tcolor"]
    rows += [f"{given[label.name]}\t{' '.join(label.name.split())}\t{label.color}" for label in labels]
    return ("\n".join(rows) + "\n").encode()


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
