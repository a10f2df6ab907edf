"""A DICOM series stripped with a soft edge, a background and a crop: the same numbers where they were in the world."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pydicom
import pytest
from decoder_support import HereDecoder
from reader_support import make_series

from core.commands.line import run as command
from core.errors import InputError
from core.exchange.stripped_series import write_series
from core.review.strip import Stripping, strip_scan


def read(folder):
    found = HereDecoder().find([folder]).sources[0]
    return found, HereDecoder().read(found)


@pytest.mark.parametrize("orientation", [(1.0, 0, 0, 0, 1.0, 0), (0, 1.0, 0, 0, 0, -1.0)])
def test_the_series_is_the_stripped_scan_and_lies_where_it_lay(tmp_path, orientation):
    make_series(
        tmp_path / "in",
        orientation=orientation,
        shape=(14, 16),
        RescaleSlope="2",
        RescaleIntercept="-1024",
        Modality="CT",
    )
    source, volume = read(tmp_path / "in")
    kept = np.zeros(volume.shape, bool)
    kept[1:4, 4:9, 5:9] = True
    how = Stripping(background=-1000.0, soft=2.5, crop=1.0)
    files = write_series(HereDecoder(), source.files, volume, kept, tmp_path / "out" / "head_brain", how=how)
    assert len(files) == len(source.files), "each slice stays"
    _, made = read(tmp_path / "out")
    wanted, mask = strip_scan(volume, kept, Stripping(background=-1000.0, soft=2.5, crop=1.0, slices_stay=True))
    assert made.shape == wanted.shape < volume.shape
    assert made.geometry.matches(wanted.geometry)
    assert np.array_equal(made.values(made.array), wanted.values(wanted.array))
    assert np.array_equal(made.values(made.array)[mask], volume.values(volume.array)[kept])
    for file in files:
        dataset = pydicom.dcmread(file)
        assert "cropped" in dataset.DerivationDescription
        assert all(len(str(one.original_string)) <= 16 for one in dataset.ImagePositionPatient)
        assert (dataset.Rows, dataset.Columns) == made.shape[1:]


def test_a_background_that_does_not_fit_leaves_nothing(tmp_path):
    make_series(tmp_path / "in")
    source, volume = read(tmp_path / "in")
    how = Stripping(background=1e7)
    with pytest.raises(InputError, match="strip-background"):
        write_series(HereDecoder(), source.files, volume, np.ones(volume.shape), tmp_path / "out" / "b", how=how)
    assert not (tmp_path / "out").exists()


def test_the_command_writes_series_and_mask_that_lie_alike(tmp_path, capsys):
    make_series(tmp_path / "in", shape=(32, 32), spacing=(6.0, 6.0), count=9)
    words = ["strip", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--dicom", "--crop", "0", "--json"]
    assert command(words) == 0
    facts = json.loads(capsys.readouterr().out)
    masks = [one for one in facts["written"] if one.endswith("_mask.nii.gz")]
    series = [one for one in facts["written"] if one.endswith(".dcm")]
    assert len(masks) == 1
    assert len(series) == 9
    _, made = read(tmp_path / "out")
    mask = nib.load(masks[0])
    assert mask.shape[::-1] == made.shape
    assert np.allclose(mask.affine, made.geometry.affine, atol=1e-3)
