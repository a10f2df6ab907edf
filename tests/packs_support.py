"""Made-up packs: a torch of one file that does just enough, and pack files of every kind of badness."""

from __future__ import annotations

import hashlib
import json
import stat
import sysconfig
import zipfile
from pathlib import Path

from core.packs import MANIFEST, this_python

TORCH = """
import os, time
import numpy as np
__version__ = "9.9.0+{name}"
{extra}

class Tensor:
    def __init__(self, array, made_of=None):
        self.array, self.made_of = np.asarray(array, np.float32), made_of
    def to(self, device):
        return self
    cpu = to_cpu = lambda self: self
    def numpy(self):
        return self.array
    def __matmul__(self, other):
        return Tensor(self.array @ other.array * {product})
    def __pow__(self, power):
        return Tensor(self.array ** power, self.made_of)
    def mean(self):
        return Tensor(self.array.mean(), self.made_of)
    def backward(self):
        self.made_of.learnt = True
    def detach(self):
        return self
    def __float__(self):
        return float(self.array)

def from_numpy(array):
    return Tensor(array)

def device(name):
    return name

class cuda:
    is_available = staticmethod(lambda: {seen})
    get_device_name = staticmethod(lambda number: "NVIDIA Made Up 9000")

class _Layer:
    scale = 1.0
    def to(self, device):
        return self
    def parameters(self):
        return [self]
    def __call__(self, picture):
        return Tensor(picture.array * self.scale, self)

class nn:
    Conv2d = staticmethod(lambda *size, **more: _Layer())

class _SGD:
    def __init__(self, layers, lr):
        self.layers = layers
    def zero_grad(self):
        pass
    def step(self):
        for layer in self.layers:
            layer.scale *= 1 - {rate}

class optim:
    SGD = _SGD
"""


def torch_source(
    *, name: str = "cu130", extra: str = "", product: str = "1", seen: bool = True, rate: str = "0.1"
) -> str:
    """Return a torch that passes the test, or fails it as wanted."""
    return TORCH.format(name=name, extra=extra, product=product, seen=seen, rate=rate)


def manifest(content: dict[str, bytes], **other: object) -> dict[str, object]:
    """Return the manifest of files, for this Python and this platform unless said otherwise."""
    facts: dict[str, object] = {
        "schema": 1,
        "name": "cu130",
        "torch": "9.9.0+cu130",
        "python": this_python(),
        "platform": sysconfig.get_platform(),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in content.items()},
    }
    return facts | other


def make_pack(
    folder: Path,
    *,
    source: str | None = None,
    files: dict[str, bytes] | None = None,
    told: dict[str, object] | None = None,
    more: list[tuple[zipfile.ZipInfo, bytes]] | None = None,
    name: str = "Meninx-gpu-test.pack",
) -> Path:
    """Write a pack file by hand.

    Parameters
    ----------
    source
        Of ``torch/__init__.py``; one that passes if None.
    files
        Beside it, by name.
    told
        Stands in the manifest in place of the truth.
    more
        Entries that nobody tells of, or that are no plain files.
    """
    content = {"torch/__init__.py": (source or torch_source()).encode(), "torch/lib/big.bin": bytes(range(256)) * 9000}
    content |= files or {}
    words = json.dumps(manifest(content, **(told or {}))).encode()
    file = folder / name
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.comment = hashlib.sha256(words).hexdigest().encode()
        zipped.writestr(MANIFEST, words)
        for each, data in content.items():
            info = zipfile.ZipInfo(each)
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(info, data)
        for info, data in more or []:
            zipped.writestr(info, data)
    return file
