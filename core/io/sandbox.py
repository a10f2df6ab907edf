"""The decoding child: files from outside are read there, never here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from core.io.reading import find_sources, open_source, read_masks, read_source
from core.io.source import FindOptions, Found, MaskData, Source
from core.volume import Volume

OnHeader = Callable[[Volume], None]
OnSlice = Callable[[int], None]


class Decoder:
    """Reads files from outside; one caller at a time."""

    def find(self, paths: Sequence[Path], options: FindOptions | None = None) -> Found:
        """Find the scans in files and folders (:func:`core.io.finding.find_sources`)."""
        return find_sources(paths, options)

    def read(self, source: Source, on_header: OnHeader | None = None, on_slice: OnSlice | None = None) -> Volume:
        """Read a whole scan."""
        volume = read_source(source)
        if on_header is not None:
            on_header(volume)
        if on_slice is not None:
            for index in range(volume.shape[0]):
                on_slice(index)
        return volume

    def read_masks(self, source: Source) -> MaskData:
        """Read the masks of a scan and check that they fit it."""
        return read_masks(source, open_source(source))

    def close(self) -> None:
        """End the child."""

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
