"""The file of a saved layer: read again on any processor, and never another file in its place."""

from __future__ import annotations

import gzip
import io

import nibabel
import numpy as np
import pytest

from core.geometry import Geometry
from core.project import maskfile

SHAPE = (3, 6, 7)


@pytest.fixture
def oblique() -> Geometry:
    turn = np.deg2rad(18.5)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    affine[:3, :3] @= np.diag([0.5, 0.7, 3.3])
    return Geometry(SHAPE, affine)


def changed(data: bytes, **fields: object) -> bytes:
    """Return a file with other values in its header."""
    raw = gzip.decompress(data)
    header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(raw), check=False)
    for name, value in fields.items():
        header[name] = value
    return gzip.compress(bytes(header.binaryblock) + raw[len(header.binaryblock) :])


def test_the_last_bits_of_the_quaternion_are_no_damage(oblique: Geometry) -> None:
    mask = np.random.default_rng(0).integers(0, 3, SHAPE).astype(np.uint8)
    data = maskfile.encode(mask, oblique).data
    quaternion = np.nextafter(np.float32(maskfile_field(data, "quatern_b")), np.float32(1))
    spacing = maskfile_field(data, "pixdim")
    spacing[1] = np.nextafter(spacing[1], np.float32(9))
    other = changed(data, quatern_b=quaternion, pixdim=spacing)
    assert gzip.decompress(other) != gzip.decompress(data)
    np.testing.assert_array_equal(maskfile.decode(other, oblique), mask)


@pytest.mark.parametrize(
    "fields",
    [{"srow_x": [0.5, 0, 0, 1e-3]}, {"dim": [3, 7, 3, 6, 1, 1, 1, 1]}, {"datatype": 256}, {"sform_code": 2}],
    ids=lambda fields: next(iter(fields)),
)
def test_another_place_or_kind_is_another_file(oblique: Geometry, fields: dict[str, object]) -> None:
    data = maskfile.encode(np.zeros(SHAPE, np.uint8), oblique).data
    with pytest.raises(ValueError, match="header"):
        maskfile.decode(changed(data, **fields), oblique)


def maskfile_field(data: bytes, name: str) -> np.ndarray:
    header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(gzip.decompress(data)), check=False)
    return np.array(header[name])
