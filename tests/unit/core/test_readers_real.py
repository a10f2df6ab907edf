"""The readers on real scans; every file ends in a volume or one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from core.errors import InputError
from core.io.sandbox import Decoder
from core.io.source import FindOptions, Source
from core.messages import sentence
from core.volume import Volume

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as opened:
        yield opened


def read_one(decoder: Decoder, path: Path) -> Volume:
    (source,) = decoder.find([path], FindOptions(pair_masks=False, volume=0)).sources
    return decoder.read(source)


@pytest.mark.parametrize("folder", ["dicom", "nifti_odd", "ct/ich_masks_hu/dicom_example"])
def test_every_odd_file_is_read_or_refused_in_words(decoder: Decoder, data_root: Path, folder: str) -> None:
    files = [path for path in sorted((data_root / folder).rglob("*")) if path.is_file()]
    assert files
    read = 0
    for path in files:
        found = decoder.find([path], FindOptions(pair_masks=False, volume=0))
        reasons = [one.error for one in found.passed]
        for source in found.sources:
            try:
                volume = decoder.read(source)
            except InputError as error:
                reasons.append(error)
            else:
                read += 1
                assert volume.array.shape[:3] == volume.shape, path
        assert found.sources or reasons, path
        for error in reasons:
            assert error.code not in ("file-killed-decoder", "file-decoder-slow"), path
            assert sentence(error).count("\n") == 0, path
    assert read >= 2


def test_the_same_picture_in_every_lossless_packing(decoder: Decoder, data_root: Path) -> None:
    folder = data_root / "dicom" / "wg04"
    reference = read_one(decoder, folder / "MR3_UNC").array
    for packing in ("JPLL", "JLSL", "J2KR", "RLE"):
        np.testing.assert_array_equal(read_one(decoder, folder / f"MR3_{packing}").array, reference)
        for other in ("CT1", "MR1"):
            packed = read_one(decoder, folder / f"{other}_{packing}").array
            np.testing.assert_array_equal(packed, read_one(decoder, folder / f"{other}_RLE").array)


def test_a_real_series_in_a_zip(decoder: Decoder, data_root: Path) -> None:
    (source,) = decoder.find([data_root / "dicom" / "real_mr"]).sources
    volume = decoder.read(source)
    assert volume.array.shape == (96, 256, 256)
    assert volume.modality == "MR"
    np.testing.assert_allclose(volume.geometry.spacing, (0.9, 0.859375, 0.859375), atol=1e-3)
    (notice,) = source.notices
    assert notice.key == "slices-oblique"
    assert notice.fields["degrees"] == pytest.approx(volume.geometry.oblique_degrees, abs=0.05)


def test_a_real_ct_names_its_gap_its_tilt_and_the_stray_slice(decoder: Decoder, data_root: Path) -> None:
    found = decoder.find([data_root / "ct" / "head_ct_series"])
    stray, series = sorted(found.sources, key=lambda source: len(source.files))
    assert [notice.key for notice in stray.notices] == ["slices-oblique", "slice-stray"]
    assert [notice.key for notice in series.notices] == ["slices-missing", "slices-tilted"]
    assert series.notices[0].fields["count"] == 1
    volume = decoder.read(series)
    assert volume.shape == (41, 512, 512)
    blank = int(volume.facts["missing_slices"])
    assert (volume.array[blank] == volume.padding).all()
    assert [index for index in range(41) if np.ptp(volume.array[index]) == 0] == [blank]
    assert float(volume.facts["tilt_degrees"]) == pytest.approx(8.5, abs=0.1)
    # air about -1000, skull above 700 HU
    values = volume.values(volume.array[20])
    assert values.min() < -900
    assert values.max() > 700


def test_mosaics_are_taken_apart(decoder: Decoder, data_root: Path) -> None:
    (source,) = decoder.find([data_root / "dicom" / "mosaic" / "ax" / "axasc36"], FindOptions(volume=0)).sources
    volume = decoder.read(source)
    assert volume.array.shape == (36, 64, 64)
    assert volume.geometry.axis_codes == "LPS"


@pytest.mark.parametrize("name", ["oms011_t1w", "oms011_flair", "mni152_2mm_t1", "headext_t1"])
def test_nifti_is_what_nibabel_says(decoder: Decoder, data_root: Path, name: str) -> None:
    path = data_root / "strip" / f"{name}.nii.gz"
    volume = read_one(decoder, path)
    theirs = nibabel.load(path)
    np.testing.assert_allclose(volume.values(volume.array), np.asarray(theirs.dataobj).T, rtol=1e-5)
    np.testing.assert_allclose(volume.geometry.affine, theirs.affine)


def test_odd_nifti_is_what_nibabel_says(decoder: Decoder, data_root: Path) -> None:
    for path in sorted((data_root / "nifti_odd").rglob("*.nii*")):
        if "dconn" in path.name:
            continue
        volume = read_one(decoder, path)
        theirs = nibabel.load(path)
        array = np.asarray(theirs.dataobj)
        array = array.reshape(*array.shape[:3], -1)[..., 0] if array.ndim > 3 else array
        np.testing.assert_allclose(volume.values(volume.array), array.T, rtol=1e-4, atol=1e-4, err_msg=path.name)
        np.testing.assert_allclose(volume.geometry.affine, theirs.affine, err_msg=path.name)


def test_a_mask_pairs_with_its_head(decoder: Decoder, data_root: Path) -> None:
    (source,) = decoder.find([data_root / "strip" / "oms011_t1w.nii.gz"]).sources
    masks = decoder.read_masks(source)
    volume = decoder.read(source)
    litres = masks.array.sum() * volume.geometry.voxel_ml / 1000
    assert 0.9 < litres < 1.7


def test_the_tumour_set_is_found_whole(decoder: Decoder, data_root: Path) -> None:
    found = decoder.find([data_root / "lgg"])
    assert len(found.sources) == 61
    assert len({source.patient for source in found.sources}) == 61
    assert [(one.source, one.error.code) for one in found.passed] == [("patients.csv", "file-no-scan")]
    assert sum(len(source.files) for source in found.sources) == sum(
        len(list(folder.glob("*.webp"))) for folder in (data_root / "lgg").iterdir()
    )
    for source in found.sources:
        numbers = [int(path.stem.rsplit("_", 1)[1]) for path in source.files]
        assert numbers == sorted(numbers)
        assert all(
            mask is not None and mask.stem == f"{path.stem}_mask"
            for path, mask in zip(source.files, source.masks, strict=True)
        )


def test_flat_slices_and_their_brain_folder(decoder: Decoder, data_root: Path) -> None:
    folder = data_root / "strip" / "t1_2d_slices"
    named = decoder.find([folder], FindOptions(mask_folder="Brain"))
    assert len(named.sources) == 24
    assert {mask.parent.name for source in named.sources for mask in source.masks if mask} == {"brain"}
    assert [one.error.code for one in named.passed] == ["mask-second-many"]
    values: set[int] = set()
    for source in decoder.find([folder]).sources:
        values |= set(decoder.read_masks(source).values)
    assert {2, 3, 4, 5, 6} <= values <= set(range(1, 7))


def test_unnamed_pairs_come_in_as_scans(decoder: Decoder, data_root: Path) -> None:
    found = decoder.find([data_root / "strip" / "flair_2d_pairs"])
    assert len(found.sources) == 15
    assert not any(source.has_masks for source in found.sources)
    scan = next(source for source in found.sources if source.name == "IM-7903-0017.dcm")
    mask = next(source for source in found.sources if source.name == "BM-7903-0017.dcm")
    pair = Source(scan.format, scan.files, scan.name, masks=mask.files)
    assert decoder.read_masks(pair).values == (1,)
    other = next(source for source in found.sources if source.name == "BM-6175-0017.dcm")
    # another patient: it lies elsewhere, which is told before its size
    with pytest.raises(InputError, match="mask-elsewhere"):
        decoder.read_masks(Source(scan.format, scan.files, scan.name, masks=other.files))
