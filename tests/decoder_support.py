"""The decoder in this process: quick where a test asks many times and kills nothing."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from core.exchange import originals
from core.exchange import reading as exports
from core.exchange.incoming import Line
from core.geometry import Geometry
from core.io import reading
from core.io.source import FindOptions, Found, MaskData, Source
from core.volume import Volume


class NearDecoder:
    """Does what :class:`core.io.sandbox.Decoder` does, without a child."""

    def __init__(self, **_limits: Any) -> None:
        return

    def warm(self, *, helper: bool = True) -> None:
        return

    def find(
        self, paths: Sequence[Path], options: FindOptions | None = None, on_file: Callable[[Path], None] | None = None
    ) -> Found:
        return reading.find_sources(paths, options, on_file)

    def read(self, source: Source, on_header: Any = None, on_slice: Callable[[int], None] | None = None) -> Volume:
        volume = reading.read_source(source)
        for index in range(volume.shape[0]):
            if on_slice is not None:
                on_slice(index)
        return volume

    def read_masks(self, source: Source, *, resample: bool = False) -> MaskData:
        return reading.read_masks(source, reading.open_source(source), resample=resample)

    def read_mask_file(self, path: Path, geometry: Geometry, *, resample: bool = False) -> MaskData:
        return reading.read_single_mask(path, geometry, resample=resample)

    def __enter__(self) -> NearDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class HereDecoder(NearDecoder):
    """Reads in this process what else a child reads: a child a test would take most of its time."""

    def originals(self, order: originals.Order, on_one: Callable[[Any], None]) -> None:
        for one in originals.answer(order):
            on_one(one)

    def exchange(self, path: Path, on_one: Callable[[Line, bytes], None], reader: str = "") -> str:
        reader = reader or exports.fitting(path)
        for one in exports.read(path, reader):
            on_one(Line.of(one), pickle.dumps(one))
        return reader

    def close(self) -> None:
        return


def stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports and exports read in this process."""
    for module in ("core.exchange.dicom_seg", "core.project.importing", "core.exchange.taking", "core.commands.masks"):
        monkeypatch.setattr(f"{module}.Decoder", HereDecoder)
