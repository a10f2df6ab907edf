"""HDF5: one file per scan, the layout of docs/formats.md."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.exchange.items import Item, Out
from core.exchange.label_maps import numbers, safe
from core.labels import Label
from core.late import h5py

KIND = "meninx-masks"
LAYOUT = 1
_GROWS_BY = 1 << 22


class Hdf5Format:
    """``<scan>.h5``: ``/masks/<label>`` uint8 of 0 and 1 ``[z, y, x]``, on request ``/image``."""

    name = "hdf5"

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Nothing stands for all of them."""

    def add(self, item: Item, out: Out) -> None:
        """Write one scan's masks."""
        out.file(f"{item.name}.h5", encode(item, image=out.options.images))

    def finish(self, out: Out) -> None:
        """Nothing stands for all of them."""


def encode(item: Item, *, image: bool) -> bytes:
    """Return a scan's masks (and the scan) as HDF5 made in memory."""
    given = numbers(item.labels)
    with h5py.File("masks.h5", "w", driver="core", backing_store=False, block_size=_GROWS_BY) as file:
        file.attrs["format"] = KIND
        file.attrs["version"] = LAYOUT
        file.attrs["axes"] = "zyx"
        file.attrs["affine"] = item.volume.geometry.affine
        file.attrs["affine_maps"] = "voxel (x, y, z) to RAS mm"
        file.attrs["spacing_known"] = item.volume.geometry.spacing_known
        file.attrs["orientation_known"] = item.volume.geometry.orientation_known
        masks = file.create_group("masks")
        for label in item.labels:
            if label.name not in item.masks:
                continue
            mask = item.masks[label.name].astype(np.uint8)
            made = masks.create_dataset(
                safe(label, item.labels), data=mask, chunks=(1, *mask.shape[1:]), compression="gzip", compression_opts=1
            )
            made.attrs["label"] = label.name
            made.attrs["color"] = label.color
            made.attrs["layer"] = label.layer
            made.attrs["value"] = given[label.name]
            made.attrs["finished"] = np.array(sorted(item.finished.get(label.name, ())), dtype=np.int64)
        if image:
            array = item.volume.array
            stored = file.create_dataset(
                "image", data=array, chunks=(1, *array.shape[1:]), compression="gzip", compression_opts=1, shuffle=True
            )
            stored.attrs["slope"] = item.volume.slope
            stored.attrs["intercept"] = item.volume.intercept
            stored.attrs["modality"] = item.volume.modality
        file.flush()
        return bytes(file.id.get_file_image())
