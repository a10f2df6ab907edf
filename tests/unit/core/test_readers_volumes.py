"""NIfTI's traps, and what nibabel reads: FreeSurfer, MINC, AFNI, Philips PAR/REC, pairs and Analyze."""

from __future__ import annotations

import gzip
import struct
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from reader_support import noise

from core.errors import InputError
from core.io.reading import FindOptions, Source, find_sources, open_source, read_source
from core.io.sniff import Format, sniff
from core.messages import sentence
from core.volume import Volume

AFFINE = np.array([[0.0, -2.0, 0.1, 5.0], [-1.5, 0.0, 0.2, 6.0], [0.1, 0.2, 3.0, -7.0], [0, 0, 0, 1]])
WHEEL = Path(nibabel.__file__).parent / "tests" / "data"
"""Test files that come with nibabel."""


def read(path: Path, volume: int | None = None) -> Volume:
    (source,) = find_sources([path], FindOptions(pair_masks=False, volume=volume)).sources
    return read_source(source)


def refused(path: Path, volume: int | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        read(path, volume)
    assert "\n" not in sentence(caught.value)
    return caught.value


def nifti(path: Path, array: NDArray[Any], affine: NDArray[Any] | None = AFFINE, kind: Any = None) -> bytearray:
    """Write ``[z, y, x]`` (or more axes before) and return its bytes, to be spoilt."""
    image = (kind or nibabel.Nifti1Image)(np.ascontiguousarray(array.T), affine)
    nibabel.save(image, path)
    return bytearray(path.read_bytes())


def patched(path: Path, **fields: Any) -> Path:
    """Change fields of a NIfTI-1 header in place, unchecked."""
    raw = bytearray(path.read_bytes())
    header = np.ndarray((), nibabel.Nifti1Header.template_dtype, buffer=raw)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(bytes(raw))
    return path


# ------------------------------------------------------------------ NIfTI: where it is


def test_two_places_that_differ_are_told_in_millimetres(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(noise((4, 5, 6)).T, None)
    image.set_sform(np.diag([1.0, 1.0, 1.0, 1.0]), 1)
    moved = np.diag([1.0, 1.0, 1.0, 1.0])
    moved[0, 3] = 2.5
    image.set_qform(moved, 1)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.geometry.affine, np.eye(4))
    assert volume.facts["qform_differs_mm"] == pytest.approx(2.5)


def test_two_places_that_agree_are_not_told(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(noise((4, 5, 6)).T, None)
    for place in (image.set_sform, image.set_qform):
        place(np.diag([-1.0, 2.0, 3.0, 1.0]), 1)
    nibabel.save(image, tmp_path / "a.nii")
    assert "qform_differs_mm" not in read(tmp_path / "a.nii").facts


def test_a_sform_of_zeros_leaves_the_place_to_the_qform(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(noise((4, 5, 6)).T, None)
    image.set_qform(np.diag([1.0, 2.0, 3.0, 1.0]), 1)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read(patched(tmp_path / "a.nii", sform_code=1, srow_x=0, srow_y=0, srow_z=0))
    np.testing.assert_allclose(volume.geometry.affine, np.diag([1.0, 2.0, 3.0, 1.0]), atol=1e-6)
    assert volume.facts["sform_unusable"] == 1


def test_no_usable_place_keeps_sizes_and_no_letters(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii", noise((4, 5, 6)))
    volume = read(patched(tmp_path / "a.nii", srow_x=np.nan, qform_code=0))
    assert not volume.geometry.orientation_known
    assert volume.geometry.spacing_known
    assert volume.facts["place_unusable"] == 1


@pytest.mark.parametrize(("qfac", "sign"), [(0.0, 1), (1.0, 1), (-1.0, -1)])
def test_qfac(tmp_path: Path, qfac: float, sign: int) -> None:
    image = nibabel.Nifti1Image(noise((4, 5, 6)).T, None)
    image.set_qform(np.diag([1.0, 2.0, 3.0, 1.0]), 1)
    image.set_sform(None, 0)
    nibabel.save(image, tmp_path / "a.nii")
    raw = patched(tmp_path / "a.nii", pixdim=[qfac, 1, 2, 3, 1, 1, 1, 1])
    np.testing.assert_allclose(read(raw).geometry.affine, np.diag([1.0, 2.0, 3.0 * sign, 1.0]), atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_quaternions_are_those_of_nibabel(tmp_path: Path, seed: int) -> None:
    from scipy.spatial.transform import Rotation

    affine = np.eye(4)
    turn = Rotation.random(rng=seed).as_matrix() if seed else np.diag([-1.0, -1.0, 1.0])
    affine[:3, :3] = turn * [0.5, 1.5, -2.5]
    affine[:3, 3] = (10, -20, 30)
    image = nibabel.Nifti1Image(noise((4, 5, 6)).T, None)
    image.set_qform(affine, 1)
    image.set_sform(None, 0)
    nibabel.save(image, tmp_path / "a.nii")
    theirs = nibabel.load(tmp_path / "a.nii").affine
    np.testing.assert_allclose(read(tmp_path / "a.nii").geometry.affine, theirs, atol=1e-4)


@pytest.mark.parametrize("size", [0.0, np.nan, np.inf])
def test_a_voxel_size_that_is_none_is_pixels(tmp_path: Path, size: float) -> None:
    nifti(tmp_path / "a.nii", noise((4, 5, 6)))
    raw = patched(tmp_path / "a.nii", sform_code=0, qform_code=0, pixdim=[1, 1, size, 3, 1, 1, 1, 1])
    volume = read(raw)
    assert not volume.geometry.spacing_known
    assert volume.facts["sizes_unusable"] == 1


def test_a_negative_voxel_size_is_its_amount(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii", noise((4, 5, 6)))
    raw = patched(tmp_path / "a.nii", sform_code=0, qform_code=0, pixdim=[1, -1, 2, -3, 1, 1, 1, 1])
    geometry = read(raw).geometry
    assert geometry.spacing == (3.0, 2.0, 1.0)
    assert geometry.spacing_known


def test_one_slice_needs_no_thickness(tmp_path: Path) -> None:
    nifti(tmp_path / "a.nii", noise((1, 5, 6)))
    raw = patched(tmp_path / "a.nii", sform_code=0, qform_code=0, pixdim=[1, 1, 2, 0, 0, 0, 0, 0])
    assert read(raw).geometry.spacing_known


# ------------------------------------------------------------------ NIfTI: what the numbers are


@pytest.mark.parametrize(
    ("slope", "intercept", "expected", "told"),
    [
        (2.0, -5.0, (2.0, -5.0), False),
        (0.0, 5.0, (1.0, 0.0), False),
        (np.nan, np.nan, (1.0, 0.0), False),
        (np.inf, 0.0, (1.0, 0.0), True),
        (2.0, np.nan, (1.0, 0.0), True),
        (-1.0, 100.0, (-1.0, 100.0), False),
    ],
)
def test_scaling(tmp_path: Path, slope: float, intercept: float, expected: tuple[float, float], told: bool) -> None:
    array = noise((4, 5, 6), top=900, dtype="int16")
    nifti(tmp_path / "a.nii", array)
    volume = read(patched(tmp_path / "a.nii", scl_slope=slope, scl_inter=intercept))
    assert (volume.slope, volume.intercept) == expected
    np.testing.assert_array_equal(volume.array, array)
    assert ("scaling_ignored" in volume.facts) is told


@pytest.mark.parametrize("dtype", ["int8", "uint16", "uint32", "int64", "uint64", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_numbers_of_every_kind_and_order(tmp_path: Path, dtype: str, order: str, kind: Any) -> None:
    array = noise((3, 4, 5), top=100, dtype=dtype)
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    nibabel.save(kind(array.T, AFFINE, header), tmp_path / "a.nii.gz")
    volume = read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.dtype(dtype)
    np.testing.assert_allclose(volume.geometry.affine, AFFINE, atol=1e-6)


@pytest.mark.parametrize(("code", "bits"), [(32, 64), (1792, 128), (1, 1), (0, 0), (1536, 128)])
def test_numbers_that_make_no_picture(tmp_path: Path, code: int, bits: int) -> None:
    nifti(tmp_path / "a.nii", noise((3, 4, 5)).astype(np.float64))
    assert refused(patched(tmp_path / "a.nii", datatype=code, bitpix=bits)).code == "nifti-numbers"


def test_colour_with_alpha_loses_the_alpha(tmp_path: Path) -> None:
    colours = noise((2, 3, 4, 4))
    packed = np.zeros((4, 3, 2), [(name, "u1") for name in "RGBA"])
    for index, name in enumerate("RGBA"):
        packed[name] = colours[..., index].T
    nibabel.save(nibabel.Nifti1Image(packed, AFFINE), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "a.nii.gz").array, colours[..., :3])


def test_vectors_are_volumes_to_choose_from(tmp_path: Path) -> None:
    array = noise((3, 1, 2, 4, 5)).astype(np.float32)
    image = nibabel.Nifti1Image(np.ascontiguousarray(array.T), AFFINE)
    image.header.set_intent("vector")
    nibabel.save(image, tmp_path / "a.nii")
    assert refused(tmp_path / "a.nii").fields["volumes"] == 3
    np.testing.assert_array_equal(read(tmp_path / "a.nii", 2).array, array[2, 0])


def test_a_map_of_labels_is_noticed(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(noise((2, 4, 5)).T, AFFINE)
    image.header.set_intent("label")
    nibabel.save(image, tmp_path / "a.nii")
    assert read(tmp_path / "a.nii").facts["label_map"] == 1


@pytest.mark.parametrize("shape", [(5, 7), (7,)])
def test_one_and_two_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    nibabel.save(nibabel.Nifti1Image(noise(shape), AFFINE), tmp_path / "a.nii")
    if len(shape) == 1:
        assert refused(tmp_path / "a.nii").code == "nifti-not-scan"
    else:
        np.testing.assert_array_equal(read(tmp_path / "a.nii").array[0], noise(shape).T)


def test_extensions_are_passed_over_and_not_kept(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    image = nibabel.Nifti1Image(array.T, AFFINE)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Jane Doe, born 1970" * 99))
    image.header["descrip"] = b"Jane Doe"
    nibabel.save(image, tmp_path / "a.nii.gz")
    volume = read(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(volume.array, array)
    assert "Jane" not in str(dict(volume.facts))


# ------------------------------------------------------------------ NIfTI: how it lies in the file


def test_the_name_does_not_say_whether_it_is_packed(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    raw = bytes(nifti(tmp_path / "a.nii", array))
    (tmp_path / "a.nii").write_bytes(gzip.compress(raw))
    (tmp_path / "b.nii.gz").write_bytes(raw)
    for name in ("a.nii", "b.nii.gz"):
        np.testing.assert_array_equal(read(tmp_path / name).array, array)


def test_a_gzip_of_several_members_and_with_zeros_behind(tmp_path: Path) -> None:
    array = noise((3, 40, 50))
    raw = bytes(nifti(tmp_path / "a.nii", array))
    parts = [gzip.compress(raw[start : start + 999]) for start in range(0, len(raw), 999)]
    (tmp_path / "a.nii.gz").write_bytes(b"".join(parts) + bytes(512))
    np.testing.assert_array_equal(read(tmp_path / "a.nii.gz").array, array)


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_cut_off_says_how_much_is_there(tmp_path: Path, packed: bool) -> None:
    raw = bytes(nifti(tmp_path / "a.nii", noise((8, 40, 50))))
    cut = raw[: 352 + 3 * 2000 + 7]
    (tmp_path / "a.nii").write_bytes(gzip.compress(cut) if packed else cut)
    error = refused(tmp_path / "a.nii")
    assert error.code == "volume-truncated"
    assert error.fields == {"file": "a.nii", "there": 3, "slices": 8}


def test_a_flipped_bit_of_packed_numbers_is_found(tmp_path: Path) -> None:
    raw = bytes(nifti(tmp_path / "a.nii", np.zeros((8, 40, 50), np.uint8)))
    stored = bytearray(gzip.compress(raw, compresslevel=0))
    stored[5000] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(bytes(stored))
    assert refused(tmp_path / "a.nii.gz").code == "file-truncated"


@pytest.mark.parametrize(
    ("offset", "code"),
    [(1e9, "file-truncated"), (np.nan, "nifti-unreadable"), (-400.0, "nifti-unreadable"), (3e38, "file-too-large")],
)
def test_a_place_of_numbers_beyond_the_file(tmp_path: Path, offset: float, code: str) -> None:
    nifti(tmp_path / "a.nii", noise((8, 40, 50)))
    assert refused(patched(tmp_path / "a.nii", vox_offset=offset)).code == code


def test_a_place_of_zero_follows_the_header(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    nifti(tmp_path / "a.nii", array)
    np.testing.assert_array_equal(read(patched(tmp_path / "a.nii", vox_offset=0)).array, array)


def test_the_middle_slice_comes_without_the_rest(tmp_path: Path) -> None:
    """A packed volume is unpacked once and forwards: its middle is there when half of it is."""
    array = noise((9, 40, 50), top=3000, dtype="int16")
    nifti(tmp_path / "a.nii.gz", array)
    stored = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(stored[: int(len(stored) * 0.7)])
    scan = open_source(Source(Format.NIFTI, (tmp_path / "a.nii.gz",), "a.nii.gz"))
    np.testing.assert_array_equal(scan.slice(4), array[4])
    np.testing.assert_array_equal(scan.slice(0), array[0])
    with pytest.raises(InputError, match="volume-truncated"):
        scan.slice(8)


def test_in_a_zip(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    nifti(tmp_path / "a.nii.gz", array)
    nibabel.save(nibabel.Nifti1Pair(array.T, AFFINE), tmp_path / "b.img")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as bundle:
        for name in ("a.nii.gz", "b.hdr", "b.img"):
            bundle.write(tmp_path / name, f"in/{name}")
    found = find_sources([tmp_path / "all.zip"], FindOptions())
    assert [source.name for source in found.sources] == ["a.nii.gz", "b.hdr"]
    assert found.passed == ()
    for source in found.sources:
        np.testing.assert_array_equal(read_source(source).array, array)


# ------------------------------------------------------------------ pairs


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Pair])
@pytest.mark.parametrize("named", ["a.hdr", "a.img"])
def test_a_pair_is_one_scan_whichever_half_is_named(tmp_path: Path, kind: Any, named: str) -> None:
    array = noise((3, 4, 5), top=900, dtype="int16")
    nibabel.save(kind(array.T, AFFINE), tmp_path / "a.img")
    volume = read(tmp_path / named)
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.geometry.affine, AFFINE, atol=1e-6)
    assert [source.name for source in find_sources([tmp_path], FindOptions()).sources] == ["a.hdr"]


def test_half_a_pair_says_what_is_missing(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Pair(noise((3, 4, 5)).T, AFFINE), tmp_path / "a.img")
    (tmp_path / "a.img").rename(tmp_path / "b.img")
    assert refused(tmp_path / "a.hdr").fields == {"file": "a.hdr", "data": "a.img"}
    (passed,) = find_sources([tmp_path / "b.img"], FindOptions()).passed
    assert passed.error.code == "format-numbers"


@pytest.mark.parametrize("order", ["<", ">"])
def test_analyze_has_sizes_and_no_letters(tmp_path: Path, order: str) -> None:
    array = noise((3, 4, 5), top=900, dtype="int16")
    header = nibabel.AnalyzeHeader(endianness=order)
    header.set_data_dtype(np.dtype("int16").newbyteorder(order))
    image = nibabel.AnalyzeImage(array.T, np.diag([-1.0, 2.0, 3.0, 1.0]), header)
    nibabel.save(image, tmp_path / "a.img")
    assert sniff(tmp_path / "a.hdr") is Format.ANALYZE
    volume = read(tmp_path / "a.hdr")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.geometry.spacing == (3.0, 2.0, 1.0)
    assert volume.geometry.spacing_known
    assert not volume.geometry.orientation_known


# ------------------------------------------------------------------ FreeSurfer


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
@pytest.mark.parametrize("ending", [".mgh", ".mgz"])
def test_freesurfer_is_what_nibabel_says(tmp_path: Path, dtype: str, ending: str) -> None:
    array = noise((4, 5, 6), top=120, dtype=dtype)
    nibabel.save(nibabel.MGHImage(array.T, AFFINE), tmp_path / f"a{ending}")
    volume = read(tmp_path / f"a{ending}")
    np.testing.assert_array_equal(volume.array, array)
    assert volume.array.dtype == np.dtype(dtype)
    np.testing.assert_allclose(volume.geometry.affine, AFFINE, atol=1e-4)
    assert volume.geometry.orientation_known


def test_freesurfer_without_a_place_has_no_letters(tmp_path: Path) -> None:
    nibabel.save(nibabel.MGHImage(noise((4, 5, 6)).T, AFFINE), tmp_path / "a.mgh")
    raw = bytearray((tmp_path / "a.mgh").read_bytes())
    raw[28:30] = b"\0\0"
    (tmp_path / "a.mgh").write_bytes(bytes(raw))
    geometry = read(tmp_path / "a.mgh").geometry
    assert not geometry.orientation_known
    assert not geometry.spacing_known


def test_freesurfer_frames_ask_which(tmp_path: Path) -> None:
    array = noise((3, 4, 5, 6)).astype(np.float32)
    nibabel.save(nibabel.MGHImage(np.ascontiguousarray(array.T), AFFINE), tmp_path / "a.mgz")
    assert refused(tmp_path / "a.mgz").fields["volumes"] == 3
    np.testing.assert_array_equal(read(tmp_path / "a.mgz", 1).array, array[1])


@pytest.mark.parametrize(
    ("dims", "kind", "code"),
    [
        ((2000, 2000, 2000, 1), 3, "file-too-large"),
        ((400, 400, 400, 1), 0, "file-truncated"),
        ((0, 4, 4, 1), 0, "mgh-unreadable"),
        ((-4, 4, 4, 1), 0, "mgh-unreadable"),
        ((4, 4, 4, 1), 77, "mgh-unreadable"),
        ((5, 4, 9, 1), 0, "volume-truncated"),
    ],
)
def test_freesurfer_headers_that_lie(tmp_path: Path, dims: tuple[int, ...], kind: int, code: str) -> None:
    head = struct.pack(">7ih", 1, *dims, kind, 0, 1)
    body = np.array([1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], ">f4").tobytes()
    (tmp_path / "a.mgz").write_bytes(gzip.compress((head + body).ljust(284, b"\0") + bytes(100)))
    assert refused(tmp_path / "a.mgz").code == code


# ------------------------------------------------------------------ MINC, AFNI, PAR/REC


def outcome(path: Path, volume: int | None = 0) -> tuple[Any, ...]:
    found = find_sources([path], FindOptions(pair_masks=False, volume=volume))
    errors = [one.error for one in found.passed]
    for source in found.sources:
        try:
            ours = read_source(source)
        except InputError as error:
            errors.append(error)
        else:
            assert ours.array.shape[:3] == ours.shape
            return (*ours.shape, ours.array.dtype.name, ours.geometry.axis_codes, ours.facts.get("volumes", 1))
    (error,) = errors
    assert "\n" not in sentence(error)
    return (error.code,)


@pytest.mark.parametrize(
    "name",
    [
        *("tiny.mnc", "minc1_1_scale.mnc", "minc1_4d.mnc", "minc1-no-att.mnc", "small.mnc", "minc2_1_scale.mnc"),
        *("minc2_4d.mnc", "minc2-no-att.mnc", "minc2-4d-d.mnc", "test.mgz", "anatomical.nii", "functional.nii"),
        *("example4d+orig.HEAD", "scaled+tlrc.HEAD", "phantom_EPI_asc_CLEAR_2_1.PAR", "phantom_varscale.PAR"),
        *("example_nifti2.nii.gz", "example4d.nii.gz", "standard.nii.gz"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # nibabel's own
def test_files_of_nibabel_are_what_nibabel_says(name: str) -> None:
    path = WHEEL / name
    ours, theirs = read(path, 0), nibabel.load(path)
    minc = name.endswith(".mnc")
    array, affine = np.asarray(theirs.dataobj), theirs.affine
    if array.ndim == 4:
        array = array[0] if minc else array[..., 0]
    expected, place = (array, affine[:, [2, 1, 0, 3]]) if minc else (array.T, affine)
    np.testing.assert_allclose(ours.values(ours.array), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.geometry.affine, place, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bad_datatype+orig.HEAD", "afni-unreadable"),
        ("bad_attribute+orig.HEAD", "afni-unreadable"),
        ("phantom_truncated.PAR", "par-rec-unreadable"),
        ("T1.PAR", "data-missing"),
        ("nifti1.hdr", "data-missing"),
        ("analyze.hdr", "data-missing"),
        ("row_major.dconn.nii", "nifti-not-scan"),
    ],
)
def test_files_of_nibabel_that_are_refused(name: str, code: str) -> None:
    assert outcome(WHEEL / name) == (code,)


def test_afni_sizes_that_are_too_few(tmp_path: Path) -> None:
    words = (WHEEL / "scaled+tlrc.HEAD").read_bytes().decode()
    at = words.index("name  = DELTA")
    end = words.index("type", at)
    cut = words[:at] + "name  = DELTA\ncount = 1\n 3\n\n" + words[end:]
    (tmp_path / "a+tlrc.HEAD").write_text(cut)
    (tmp_path / "a+tlrc.BRIK").write_bytes((WHEEL / "scaled+tlrc.BRIK").read_bytes())
    assert outcome(tmp_path / "a+tlrc.HEAD") == ("afni-unreadable",)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # nibabel's own
def test_a_table_with_several_volumes_asks_which() -> None:
    assert refused(WHEEL / "phantom_EPI_asc_CLEAR_2_1.PAR").fields["volumes"] == 3
    assert refused(WHEEL / "example4d+orig.HEAD").fields["volumes"] == 3
    assert refused(WHEEL / "minc2_4d.mnc").fields["volumes"] == 2
    theirs = np.asarray(nibabel.load(WHEEL / "phantom_EPI_asc_CLEAR_2_1.PAR").dataobj)
    ours = read(WHEEL / "phantom_EPI_asc_CLEAR_2_1.PAR", 2)
    np.testing.assert_allclose(ours.values(ours.array), theirs[..., 2].T, rtol=1e-4)


def test_minc_that_leads_to_another_file_is_refused(tmp_path: Path) -> None:
    import h5py

    (tmp_path / "a.mnc").write_bytes((WHEEL / "small.mnc").read_bytes())
    with h5py.File(tmp_path / "a.mnc", "r+") as file:
        del file["minc-2.0/image/0/image"]
        file["minc-2.0/image/0/image"] = h5py.ExternalLink("elsewhere.mnc", "/image")
    assert refused(tmp_path / "a.mnc").code == "archive-elsewhere"


@pytest.mark.parametrize("name", ["tiny.mnc", "small.mnc", "test.mgz", "example4d+orig.HEAD", "T1.PAR"])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_half_a_file_is_one_sentence(tmp_path: Path, name: str, share: float) -> None:
    whole = (WHEEL / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    (code,) = outcome(tmp_path / name, 0)
    assert code not in ("file-killed-decoder", "affine-bad")


ODD = {
    "CT_AVM.nii.gz": (154, 242, 256, "uint8", "RAS", 1),
    "CT_pitch.nii.gz": (58, 248, 175, "uint8", "RAS", 1),
    "chris_MRA.nii.gz": (120, 256, 200, "uint8", "RAS", 1),
    "dwi_3d_oblique.nii.gz": (39, 72, 72, "uint8", "LAS", 1),
    "fmri_int32.nii.gz": (60, 90, 90, "int32", "LAS", 1),
    "fmri_pitch.nii.gz": (35, 64, 64, "uint8", "RAS", 1),
    "mnia_label.nii.gz": (182, 218, 182, "float32", "LAS", 1),
    "pcasl.nii.gz": (20, 68, 52, "float32", "RAS", 10),
    "anatomical.nii": (25, 41, 33, "int16", "LAS", 1),
    "example4d+orig.BRIK.gz": (25, 41, 33, "int16", "LPS", 3),
    "example4d+orig.HEAD": (25, 41, 33, "int16", "LPS", 3),
    "example4d.nii.gz": (24, 96, 128, "int16", "LAS", 2),
    "example_nifti2.nii.gz": (12, 20, 32, "int16", "LAS", 2),
    "functional.nii": (3, 21, 17, "int16", "LAS", 20),
    "minc1_4d.mnc": (10, 20, 20, "float32", "RAS", 2),
    "minc2_4d.mnc": (10, 20, 20, "float32", "RAS", 2),
    "phantom_EPI_asc_CLEAR_2_1.PAR": (9, 64, 64, "uint16", "LPS", 3),
    "phantom_EPI_asc_CLEAR_2_1.REC": (9, 64, 64, "uint16", "LPS", 3),
    "reoriented_anat_moved.nii": (22, 26, 21, "float32", "RAS", 1),
    "resampled_anat_moved.nii": (3, 21, 17, "float32", "LAS", 1),
    "row_major.dconn.nii": ("nifti-not-scan",),
    "scaled+tlrc.BRIK": (43, 54, 47, "int16", "RAS", 1),
    "scaled+tlrc.HEAD": (43, 54, 47, "int16", "RAS", 1),
    "small.mnc": (18, 28, 29, "float32", "RAS", 1),
    "someones_anatomy.nii.gz": (56, 67, 57, "uint8", "RAS", 1),
    "someones_epi.nii.gz": (33, 61, 53, "uint8", "RAS", 1),
    "test.mgz": (5, 4, 3, "float32", "SAR", 2),
    "tiny.mnc": (10, 20, 20, "float32", "RAS", 1),
}
"""Each file of the odd ones, and how it ends: size, numbers, orientation, volumes; or its one sentence."""


@pytest.mark.real
def test_each_odd_file_ends_as_it_should(data_root: Path) -> None:
    files = [path for path in sorted((data_root / "nifti_odd").rglob("*")) if path.is_file()]
    assert {path.name: outcome(path) for path in files} == ODD
