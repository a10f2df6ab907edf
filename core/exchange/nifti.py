"""NIfTI: masks and label maps that lie where their scan lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.exchange.items import Item, Out
from core.exchange.label_maps import maps_of, safe, table
from core.labels import Label
from core.project.exporting import encode_values, encode_volume


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
            out.file(f"{item.name}.nii.gz", encode_volume(item.volume))

    def finish(self, out: Out) -> None:
        """Nothing stands for all of them but the table."""
