"""Libraries that are loaded at their first use: some 150 MB that the window's first picture need not wait for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import cv2
    import h5py
else:

    class _Late:
        """Stands for a module; what was asked for once is kept, so that a call costs what it always did."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            found = getattr(importlib.import_module(self._name), name)
            setattr(self, name, found)
            return found

    cv2 = _Late("cv2")
    h5py = _Late("h5py")

__all__ = ["cv2", "h5py", "load"]


def load() -> None:
    """Load them now: where there is time, or before this process may grow no more."""
    for name in ("h5py", "cv2"):
        importlib.import_module(name)
