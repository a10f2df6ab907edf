"""nnU-Net raw data (version 2): ``imagesTr``, ``labelsTr`` and ``dataset.json``."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.items import Item, Out
from core.labels import Label, numbered_label
from core.project.exporting import encode_values, encode_volume
from core.volume import Volume

ENDING = ".nii.gz"
IGNORE = "ignore"
_MEANT = ("background", IGNORE)
_UNKNOWN = 0xFFFF
_MOST = 30_000
"""nnU-Net keeps labels in 16 bits with a sign."""


@dataclass(frozen=True)
class _Case:
    """A scan whose labels wait for the numbers that they get once all scans are known."""

    name: str
    like: Volume
    packed: bytes

    def values(self) -> NDArray[np.uint16]:
        return np.frombuffer(zlib.decompress(self.packed), np.uint16).reshape(self.like.shape)


class NnunetFormat:
    """A dataset that ``nnUNetv2_plan_and_preprocess`` takes.

    Labels are numbered 1, 2, 3, ... without gaps. Where labels of different layers overlap, every mixture
    gets a number of its own, and the labels are written as nnU-Net's *regions*. Voxels of slices that are not
    finished, and on which nothing is drawn, get the highest number: nnU-Net's *ignore* label.
    """

    name = "nnunet"

    def __init__(self) -> None:
        self._labels: tuple[Label, ...] = ()
        self._cases: list[_Case] = []
        self._mixtures: dict[tuple[int, ...], int] = {}
        self._unknown = False
        self._channels = 0
        self._modalities: set[str] = set()
        self._sizes: Counter[str] = Counter()
        self._absent: Counter[str] = Counter()

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Give the labels their numbers."""
        self._labels = tuple(labels)
        self._mixtures = {(place,): place for place in range(1, len(labels) + 1)}

    def add(self, item: Item, out: Out) -> None:
        """Write one scan, and keep its labels until all mixtures are known.

        Raises
        ------
        InputError
            ``export-channels`` where a scan has another number of colours than those before.
        """
        array = item.volume.array
        channels = 1 if array.ndim == 3 else min(3, array.shape[3])
        if self._channels not in (0, channels):
            raise InputError("export-channels", scan=item.scan.name, found=channels, wanted=self._channels)
        for channel in range(channels):
            one = item.volume if array.ndim == 3 else replace(item.volume, array=array[..., channel], channels=())
            out.file(f"imagesTr/{item.name}_{channel:04d}{ENDING}", encode_volume(one))
        self._channels = channels
        self._modalities.add(item.volume.modality)
        packed = zlib.compress(self._mixed(item).tobytes(), 1)
        nothing = np.empty((0, 0, 0), np.uint8)
        self._cases.append(_Case(item.name, replace(item.volume, array=nothing), packed))

    def _mixed(self, item: Item) -> NDArray[np.uint16]:
        """Return which mixture of labels each voxel holds, ``[z, y, x]``; mixtures not met before are numbered."""
        values = np.zeros(item.volume.shape, dtype=np.uint16)
        for place, label in enumerate(item.labels, 1):
            mask = item.masks.get(label.name)
            if mask is None:
                continue
            self._sizes[label.name] += int(np.count_nonzero(mask))
            before = values[mask]
            values[mask] = self._with(before, place)
        for label in item.labels:
            if label.name not in item.masks:
                # one number per voxel cannot say that only this label is unknown there
                self._absent[label.name] += 1
        for z in range(values.shape[0]):
            if not all(z in slices for slices in item.finished.values()):
                plane = values[z]
                plane[plane == 0] = _UNKNOWN
                self._unknown = True
        return values

    def _with(self, before: NDArray[np.uint16], place: int) -> NDArray[np.uint16]:
        """Return the mixtures with one more label in them."""
        members = {number: mixture for mixture, number in self._mixtures.items()}
        after = before.copy()
        for number in np.unique(before):
            mixture = (*members.get(int(number), ()), place)
            after[before == number] = self._mixtures.setdefault(mixture, len(self._mixtures) + 1)
        return after

    def finish(self, out: Out) -> None:
        """Write the labels and ``dataset.json``.

        Raises
        ------
        InputError
            ``export-mixtures`` where the labels overlap in more ways than nnU-Net has numbers for.
        """
        ignore = len(self._mixtures) + 1
        if ignore > _MOST:
            raise InputError("export-mixtures", count=len(self._mixtures))
        kind = np.dtype(np.uint8) if ignore < 256 else np.dtype(np.uint16)
        for case in self._cases:
            values = case.values()
            numbers: NDArray[np.uint8 | np.uint16] = np.where(values == _UNKNOWN, ignore, values).astype(kind)
            out.file(f"labelsTr/{case.name}{ENDING}", encode_values(case.like, numbers))
        if len(self._mixtures) > len(self._labels):
            out.tell("export-regions", count=len(self._mixtures) - len(self._labels))
        for name, scans in self._absent.items():
            out.tell("export-not-begun", label=name, scans=scans)
        if self._unknown:
            out.tell("export-ignore")
        out.file("dataset.json", (json.dumps(self._dataset(ignore), indent=1, ensure_ascii=False) + "\n").encode())

    def _dataset(self, ignore: int) -> dict[str, Any]:
        mixed = len(self._mixtures) > len(self._labels)
        places = {label.name: place for place, label in enumerate(self._labels, 1)}
        ordered = list(self._labels)
        if mixed:
            # the larger first: what comes later covers it when nnU-Net makes one map of its regions
            ordered.sort(key=lambda label: -self._sizes[label.name])
        names = _names(self._labels)
        labels: dict[str, Any] = {"background": 0}
        for label in ordered:
            place = places[label.name]
            holding = sorted(number for mixture, number in self._mixtures.items() if place in mixture)
            labels[names[label.name]] = holding if mixed else place
        if self._unknown:
            labels[IGNORE] = ignore
        dataset: dict[str, Any] = {
            "channel_names": {str(channel): name for channel, name in enumerate(self._channel_names())},
            "labels": labels,
            "numTraining": len(self._cases),
            "file_ending": ENDING,
        }
        if mixed:
            dataset["regions_class_order"] = [places[label.name] for label in ordered]
        return dataset

    def _channel_names(self) -> list[str]:
        if self._channels == 3:
            return ["R", "G", "B"]
        known = self._modalities == {"CT"}, self._modalities == {"MR"}
        # "CT" makes nnU-Net scale by Hounsfield units; anything else is scaled picture by picture
        return ["CT" if known[0] else "MRI" if known[1] else "image"]


def _names(labels: Sequence[Label]) -> dict[str, str]:
    """Return what labels are called: their own names, but for the two that mean something else there."""
    taken = {label.name.casefold() for label in labels}
    found: dict[str, str] = {}
    for label in labels:
        name = label.name
        if name.casefold() in _MEANT:
            name = f"{name}_label"
            name = name if name.casefold() not in taken else numbered_label(name, taken)
            taken.add(name.casefold())
        found[label.name] = name
    return found
