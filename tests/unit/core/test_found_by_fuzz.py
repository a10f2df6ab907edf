"""What the long fuzz met in readers: odd samples, a mask whose colour comes late."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from reader_support import noise, write_dicom

from core.errors import InputError
from core.geometry import Geometry
from core.io.dicom_file import headers
from core.io.reading import find_sources, read_single_mask


def test_two_samples_a_pixel_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "two.dcm"
    dataset = write_dicom(path, noise((24, 20, 3)))
    dataset.SamplesPerPixel = 2
    dataset.save_as(path)
    with pytest.raises(InputError) as refused:
        headers(path)
    assert refused.value.code == "dicom-pixels"


def test_a_mask_whose_first_frames_are_grey_may_have_colour_later(tmp_path: Path) -> None:
    frames = np.zeros((5, 24, 20, 3), np.uint8)
    frames[0, 4:10, 4:10] = (255, 0, 0)
    frames[4, 4:10, 4:10] = (255, 0, 0)
    path = tmp_path / "mask.dcm"
    dataset = write_dicom(path, frames[0])
    dataset.NumberOfFrames = 5
    dataset.PixelData = frames.tobytes()
    dataset.save_as(path)
    masks = read_single_mask(path, Geometry.of_picture(24, 20, 5))
    assert masks.array.shape == (5, 24, 20)
    assert (masks.array[0] > 0).sum() == 36
    assert not masks.array[2].any()


def test_a_zip_member_whose_own_name_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "one.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("ä.txt", b"words")
    whole = bytearray(path.read_bytes())
    # the name beside the data, not the one in the directory at the end
    whole[30] = 0xFF
    path.write_bytes(whole)
    found = find_sources([path])
    assert not found.sources
    assert [passed.error.code for passed in found.passed] == ["zip-unreadable"]
