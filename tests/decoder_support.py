"""The decoder in this process: quick where a test asks many times and kills nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from core.geometry import Geometry
from core.io import reading
from core.io.source import FindOptions, Found, MaskData, Source
from core.volume import Volume


class NearDecoder:
    """Does what :class:`core.io.sandbox.Decoder` does, without a child."""

    def __init__(self, **_limits: Any) -> None:
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
