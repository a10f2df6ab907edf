"""Which formats there are, going out and coming in; a format's module is loaded when it is used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from core.errors import InputError

if TYPE_CHECKING:
    from core.exchange.items import Format

FORMATS: dict[str, str] = {
    "nifti": "core.exchange.nifti:NiftiFormat",
    "nrrd": "core.exchange.nrrd:NrrdFormat",
    "dicom-seg": "core.exchange.dicom_seg:DicomSegFormat",
    "png": "core.exchange.png:PngFormat",
    "coco": "core.exchange.coco:CocoFormat",
    "label-studio": "core.exchange.label_studio:LabelStudioFormat",
    "hdf5": "core.exchange.hdf5:Hdf5Format",
    "nnunet": "core.exchange.nnunet:NnunetFormat",
    "bids": "core.exchange.bids:BidsFormat",
}
"""Name on the command line to ``module:class``."""

READERS: dict[str, str] = {
    "label-studio": "core.exchange.label_studio",
    "coco": "core.exchange.coco",
    "labelme": "core.exchange.labelme",
    "yolo": "core.exchange.yolo",
    "dicom-seg": "core.exchange.dicom_seg_reading",
    "nnunet": "core.exchange.nnunet_reading",
    "decathlon": "core.exchange.decathlon",
    "nrrd": "core.exchange.nrrd_reading",
    "hdf5": "core.exchange.hdf5_reading",
    "nifti": "core.exchange.nifti_reading",
    "png": "core.exchange.png_reading",
}
"""Modules with ``fits(path)`` and ``read(path, limits)``, asked in this order: the most telling content first."""


def make_format(name: str) -> Format:
    """Return a new format.

    Raises
    ------
    InputError
        ``format-unknown``.
    """
    target = FORMATS.get(name)
    if target is None:
        raise InputError("format-unknown", name=name, known=", ".join(FORMATS))
    module, kind = target.split(":")
    made: Format = getattr(importlib.import_module(module), kind)()
    return made


def reader_module(name: str) -> Any:
    """Return the module that reads a foreign export."""
    return importlib.import_module(READERS[name])
