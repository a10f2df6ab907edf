"""A NIfTI file that goes through a project comes out where it was, form by form, for every program."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from core.geometry import Geometry
from core.io.masks import read_single_mask
from core.io.reading import find_sources, read_source
from core.project.exporting import encode_mask, save_brain, save_mask
from core.project.project import Project
from core.volume import Volume

SHAPE = (5, 6, 7)


def placed(turn: tuple[float, float, float] = (12, -5, 8), shear: float = 0.0) -> NDArray[np.float64]:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() @ np.diag([-0.9, 1.1, 3.0])
    affine[:3, 2] += shear * affine[:3, 1]
    affine[:3, 3] = (81.5, -93.25, 40.0)
    return affine


def through_a_project(tmp_path: Path, picture: nibabel.Nifti1Image) -> tuple[Volume, list[nibabel.Nifti1Image]]:
    """Import a file into a project and export mask and brain; return the scan and the two files."""
    nibabel.save(picture, tmp_path / "in.nii.gz")
    (source,) = find_sources([tmp_path / "in.nii.gz"]).sources
    with Project.create(tmp_path / "p.meninx") as project:
        scan = project.add_scan(read_source(source), patient=None, source=["in"], identity={})
        volume = project.read_volume(scan.id)
    mask = np.zeros(volume.shape, np.uint8)
    mask[1:3, 2:4, 1:5] = 1
    save_mask(tmp_path / "mask.nii.gz", volume, mask)
    save_brain(tmp_path / "brain.nii.gz", volume, mask)
    back = read_single_mask(tmp_path / "mask.nii.gz", volume.geometry)
    assert not back.resampled
    np.testing.assert_array_equal(back.array, mask)
    return volume, [nibabel.load(tmp_path / name) for name in ("mask.nii.gz", "brain.nii.gz")]


def blank() -> nibabel.Nifti1Image:
    array = np.random.default_rng(3).integers(1, 900, SHAPE[::-1]).astype(np.int16)
    return nibabel.Nifti1Image(array, None)


@pytest.mark.parametrize(("sform", "qform"), [(1, 1), (2, 1), (4, 1), (3, 2), (4, 4)])
def test_codes_are_kept(tmp_path: Path, sform: int, qform: int) -> None:
    picture = blank()
    picture.set_sform(placed(), sform)
    picture.set_qform(placed(), qform)
    _, files = through_a_project(tmp_path, picture)
    for made in files:
        assert (int(made.header["sform_code"]), int(made.header["qform_code"])) == (sform, qform)
        np.testing.assert_allclose(made.header.get_sform(), picture.header.get_sform(), atol=1e-6)
        np.testing.assert_allclose(made.header.get_qform(), picture.header.get_qform(), atol=1e-5)
        np.testing.assert_allclose(made.header.get_zooms(), picture.header.get_zooms(), rtol=1e-6)


@pytest.mark.parametrize("form", ["sform", "qform"])
def test_a_form_that_was_not_there_is_written_like_the_other(tmp_path: Path, form: str) -> None:
    picture = blank()
    getattr(picture, f"set_{form}")(placed(), 3)
    picture.header["qform_code" if form == "sform" else "sform_code"] = 0
    _, files = through_a_project(tmp_path, picture)
    for made in files:
        assert (int(made.header["sform_code"]), int(made.header["qform_code"])) == (3, 3)
        for affine in (made.header.get_sform(), made.header.get_qform()):
            np.testing.assert_allclose(affine, placed(), atol=1e-4)


def test_two_forms_that_differ_are_both_kept_so_every_program_sees_mask_and_scan_together(tmp_path: Path) -> None:
    picture = blank()
    picture.set_sform(placed(), 4)
    picture.set_qform(placed((0, 0, 0)), 1)
    volume, files = through_a_project(tmp_path, picture)
    assert float(volume.facts["qform_differs_mm"]) > 1
    np.testing.assert_allclose(volume.geometry.affine, placed(), atol=1e-5)
    for made in files:
        np.testing.assert_allclose(made.header.get_sform(), placed(), atol=1e-5)
        np.testing.assert_allclose(made.header.get_qform(), picture.header.get_qform(), atol=1e-4)
    theirs, scan = (sitk.ReadImage(str(tmp_path / name)) for name in ("mask.nii.gz", "in.nii.gz"))
    for index in ((0, 0, 0), (6, 5, 4)):
        np.testing.assert_allclose(
            theirs.TransformIndexToPhysicalPoint(index), scan.TransformIndexToPhysicalPoint(index), atol=1e-3
        )


@pytest.mark.parametrize("shear", [0.15, -0.4, 0.002])
def test_a_sheared_grid_goes_out_with_its_sform_alone(tmp_path: Path, shear: float) -> None:
    picture = blank()
    picture.set_sform(placed(shear=shear), 2)
    picture.header["qform_code"] = 0
    _, files = through_a_project(tmp_path, picture)
    for made in files:
        assert (int(made.header["sform_code"]), int(made.header["qform_code"])) == (2, 0)
        np.testing.assert_allclose(made.affine, placed(shear=shear), atol=1e-5)


def test_a_small_shear_over_many_voxels_is_not_hidden_in_a_quaternion() -> None:
    # each entry of the affine within a thousandth, the far corner out by half a millimetre
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[0, 1] = 9e-4
    volume = Volume(np.zeros((2, 600, 4), np.int16), Geometry((2, 600, 4), affine))
    made = nibabel.Nifti1Image.from_bytes(gzip.decompress(encode_mask(volume, np.zeros((2, 600, 4)))))
    assert int(made.header["qform_code"]) == 0
    assert int(made.header["sform_code"]) == 1


def test_a_scan_without_a_place_goes_out_without_one_that_could_be_believed(tmp_path: Path) -> None:
    picture = blank()
    picture.header.set_zooms((0.5, 0.7, 2.0))
    picture.header["sform_code"] = picture.header["qform_code"] = 0
    volume, files = through_a_project(tmp_path, picture)
    assert not volume.geometry.orientation_known
    for made in files:
        np.testing.assert_allclose(made.header.get_zooms(), (0.5, 0.7, 2.0), rtol=1e-6)
        np.testing.assert_allclose(made.affine, picture.header.get_best_affine(), atol=1e-5)
        assert (int(made.header["sform_code"]), int(made.header["qform_code"])) == (0, 0)
    theirs, scan = (sitk.ReadImage(str(tmp_path / name)) for name in ("mask.nii.gz", "in.nii.gz"))
    assert theirs.TransformIndexToPhysicalPoint((6, 5, 4)) == scan.TransformIndexToPhysicalPoint((6, 5, 4))
