"""NIfTI: masks and label maps that lie where their scan lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.exchange.items import Item, Out
from core.exchange.label_maps import maps_of, safe, table
from core.labels import Label
from core.project.exporting import encode_values, encode_volume, fits_nifti
from core.volume import Volume, auto_window


class NiftiFormat:
    """``<scan>_<label>_mask.nii.gz`` and, or, ``<scan>_<layer>_labels.nii.gz`` with ``labels.tsv``."""

    name = "nifti"

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Write the table of labels."""
        out.file("labels.tsv", table(labels))

    def add(self, item: Item, out: Out) -> None:
        """Write one scan's masks."""
        if out.options.layout in ("each", "both"):
            for label in item.labels:
                if label.name in item.masks:
                    data = encode_values(item.volume, item.masks[label.name].astype(np.uint8))
                    out.file(f"{item.name}_{safe(label, item.labels)}_mask.nii.gz", data)
        if out.options.layout in ("map", "both"):
            for layer, values in maps_of(item).items():
                out.file(f"{item.name}{layer}_labels.nii.gz", encode_values(item.volume, values))
        if out.options.images:
            out.file(f"{item.name}.nii.gz", encode_image(item, out))

    def finish(self, out: Out) -> None:
        """Nothing stands for all of them but the table."""


def encode_image(item: Item, out: Out) -> bytes:
    """Return a scan as ``.nii.gz``; colours that NIfTI cannot hold in 8 bits, as they are shown, which is told."""
    volume = item.volume
    if fits_nifti(volume):
        return encode_volume(volume)
    out.tell("export-nifti-shown", scan=item.scan.name)
    return encode_volume(replace(volume, array=_shown(volume), channels=volume.channels[:3], slope=1.0, intercept=0.0))


def _shown(volume: Volume) -> NDArray[np.uint8]:
    window = auto_window(volume)
    shown = np.empty((*volume.shape, 3), np.uint8)
    for z, plane in enumerate(volume.array):
        level = np.clip((volume.values(plane[..., :3]) - window.low) / max(window.width, 1e-6), 0.0, 1.0)
        shown[z] = np.nan_to_num(level * 255.0).round()
    return shown
