"""From folders to scans: pairs, stacks, patients; nothing passed over in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reader_support import make_series, noise, write_nifti, write_picture

from core.errors import InputError
from core.io.conventions import Numbers, meaning
from core.io.reading import FindOptions, Found, find_sources, open_source, read_masks
from core.io.source import MaskData


def find(folder: Path, **options: object) -> Found:
    return find_sources([folder], FindOptions(**options))  # type: ignore[arg-type]  # spelt per test


def reasons(found: Found) -> dict[str, str]:
    return {one.source: one.error.code for one in found.passed}


def slices(folder: Path, names: list[str], size: tuple[int, int] = (6, 8)) -> None:
    for seed, name in enumerate(names):
        write_picture(folder / name, noise(size, seed))


def test_patient_folders_become_stacks_in_natural_order(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        slices(tmp_path / patient, [f"{patient}_{number}.png" for number in range(1, 12)])
        slices(tmp_path / patient, [f"{patient}_{number}_mask.png" for number in range(1, 12)])
    (tmp_path / "patients.csv").write_text("a,b\n")
    found = find(tmp_path)
    assert [source.patient for source in found.sources] == ["p1", "p2"]
    first = found.sources[0]
    assert [path.name for path in first.files][8:] == ["p1_9.png", "p1_10.png", "p1_11.png"]
    assert [mask.name for mask in first.masks if mask][9:] == ["p1_10_mask.png", "p1_11_mask.png"]
    assert reasons(found) == {"patients.csv": "file-no-scan"}
    assert [notice.key for notice in found.notices] == ["stacks-made"]


def test_pictures_stay_apart_when_asked(tmp_path: Path) -> None:
    slices(tmp_path / "p1", ["p1_1.png", "p1_2.png"])
    found = find(tmp_path, as_="pictures")
    assert [source.name for source in found.sources] == ["p1_1.png", "p1_2.png"]
    assert {source.patient for source in found.sources} == {"p1"}
    assert found.notices == ()


def test_pictures_of_several_sizes_are_no_stack(tmp_path: Path) -> None:
    slices(tmp_path / "p", ["a1.png", "a2.png"])
    slices(tmp_path / "p", ["a3.png"], (9, 9))
    assert len(find(tmp_path).sources) == 3


def test_an_images_folder_holds_pictures_of_many(tmp_path: Path) -> None:
    slices(tmp_path / "images", ["1.png", "2.png"])
    slices(tmp_path / "masks", ["1.png"])
    found = find(tmp_path)
    assert [(source.patient, source.has_masks) for source in found.sources] == [(None, True), (None, False)]
    assert len(find(tmp_path, as_="stack").sources) == 1


def test_an_images_folder_of_one_patient_is_a_stack(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        slices(tmp_path / patient / "images", ["1.png", "2.png", "10.png"])
        slices(tmp_path / patient / "labels", ["1.png", "2.png", "10.png"])
    found = find(tmp_path)
    assert [(source.patient, len(source.files)) for source in found.sources] == [("p1", 3), ("p2", 3)]
    assert all(source.has_masks for source in found.sources)


@pytest.mark.parametrize("folder", ["masks", "mask", "labels", "gt"])
def test_mask_folders_pair_by_stem_whatever_the_endings(tmp_path: Path, folder: str) -> None:
    write_picture(tmp_path / "images" / "x.tif", noise((6, 8)))
    write_picture(tmp_path / folder / "x.png", noise((6, 8)))
    (source,) = find(tmp_path).sources
    assert [mask.name for mask in source.masks if mask] == ["x.png"]
    # named alone, the folder or the file still finds its masks
    assert find(tmp_path / "images").sources[0].has_masks
    assert find(tmp_path / "images" / "x.tif").sources[0].has_masks


def test_a_folder_named_like_the_label_holds_its_masks(tmp_path: Path) -> None:
    for folder in ("images", "labels", "brain"):
        slices(tmp_path / folder, [f"{number}.png" for number in range(5)])
    plain = find(tmp_path)
    assert plain.sources[0].masks[0] == tmp_path / "labels" / "0.png"
    assert reasons(plain) == {"brain": "mask-other-set-many"}
    named = find(tmp_path, mask_folder="Brain")
    assert named.sources[0].masks[0] == tmp_path / "brain" / "0.png"
    assert reasons(named) == {"labels": "mask-second-many"}


def test_nifti_pairs_and_other_programs_masks(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "a_mask.nii.gz", "b.nii", "b_automask.nii.gz", "c_mask.nii.gz"):
        write_nifti(tmp_path / name, noise((2, 3, 4), top=2))
    found = find(tmp_path)
    assert {source.name: source.has_masks for source in found.sources} == {"a.nii.gz": True, "b.nii": False}
    assert all(source.patient is None for source in found.sources)
    assert {source.name: [path.name for path in source.predicted if path] for source in found.sources} == {
        "a.nii.gz": [],
        "b.nii": ["b_automask.nii.gz"],
    }
    assert reasons(found) == {"c_mask.nii.gz": "mask-alone"}
    assert find(tmp_path / "b.nii").sources[0].predicted == (tmp_path / "b_automask.nii.gz",)
    (alone,) = find(tmp_path / "a.nii.gz").sources
    assert alone.masks == (tmp_path / "a_mask.nii.gz",)
    (unpaired,) = find_sources([tmp_path / "a.nii.gz"], FindOptions(pair_masks=False)).sources
    assert not unpaired.has_masks


def test_patients_by_each_way(tmp_path: Path) -> None:
    slices(tmp_path / "images", ["p049_s01.png", "p049_s02.png", "p050_s01.png"])
    way = "name:(p\\d+)_"
    found = find(tmp_path, patient_from=way)
    assert [source.patient for source in found.sources] == ["p049", "p049", "p050"]
    stacked = find(tmp_path, patient_from=way, as_="stack")
    assert [(source.patient, len(source.files)) for source in stacked.sources] == [("p049", 2), ("p050", 1)]
    table = tmp_path / "who.csv"
    table.write_text("file;patient\np049_s01.png;A\np049_s02;B\n")
    found = find(tmp_path, patient_from=f"csv:{table}")
    assert [source.patient for source in found.sources] == ["A", "B", None]
    assert {source.patient for source in find(tmp_path, patient_from="none").sources} == {None}
    assert {source.patient for source in find(tmp_path, patient_from="folder").sources} == {tmp_path.name}


def test_dicom_patients_come_from_the_header(tmp_path: Path) -> None:
    make_series(tmp_path / "x")
    assert find(tmp_path).sources[0].patient == "PAT-7"
    assert find(tmp_path, patient_from="folder").sources[0].patient == "x"
    assert find(tmp_path, patient_from="none").sources[0].patient is None


@pytest.mark.parametrize("way", ["nonsense", "name:", "name:(", "csv:"])
def test_a_wrong_way_is_refused(tmp_path: Path, way: str) -> None:
    with pytest.raises(InputError, match="patient-"):
        find(tmp_path, patient_from=way)


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="file-missing"):
        find(tmp_path / "nowhere")
    assert find(tmp_path) == Found()


@pytest.mark.parametrize(
    ("values", "picture", "expected", "named", "convention"),
    [
        ([0, 1], True, [0, 1], (1,), "0/1"),
        ([0, 255], True, [0, 1], (1,), "0/255"),
        ([0, 65535], True, [0, 1], (1,), "0/65535"),
        ([0, 10000], True, [0, 1], (1,), "0/max"),
        ([0, 2035], False, [0, 1], (1,), "0/max"),
        ([0, 3], False, [0, 3], (3,), "labels"),
        ([0, 1, 2, 6], True, [0, 1, 2, 6], (1, 2, 6), "labels"),
        ([0, 40, 127, 128, 200, 255], True, [0, 0, 0, 1, 1, 1], (1,), "soft"),
        ([0, 2, 41, 2035], False, [0, 2, 41, 2035], (2, 41, 2035), "labels"),
        ([0, 0], True, [0, 0], (), "empty"),
    ],
)
def test_what_mask_numbers_mean(
    values: list[int], picture: bool, expected: list[int], named: tuple[int, ...], convention: str
) -> None:
    result = meaning(Numbers(np.array([[values]]), picture=picture), (True,), "m.png")
    assert result.array.ravel().tolist() == expected
    assert result.values == named
    assert result.convention == convention


def masks_of(folder: Path) -> MaskData:
    (source,) = find(folder).sources
    return read_masks(source, open_source(source))


def test_mask_of_another_size_or_place_or_lossy(tmp_path: Path) -> None:
    write_picture(tmp_path / "s" / "x.png", noise((6, 8)))
    write_picture(tmp_path / "s" / "x_mask.png", noise((6, 9)))
    with pytest.raises(InputError) as caught:
        masks_of(tmp_path / "s")
    assert caught.value.code == "mask-size"
    assert (caught.value.fields["size"], caught.value.fields["scan"]) == ("9 x 6", "8 x 6")
    write_picture(tmp_path / "j" / "x.png", noise((6, 8)))
    write_picture(tmp_path / "j" / "x_mask.jpg", noise((6, 8)))
    with pytest.raises(InputError, match="mask-lossy"):
        masks_of(tmp_path / "j")
    write_picture(tmp_path / "w" / "x.png", noise((6, 8)))
    write_picture(tmp_path / "w" / "x_mask.webp", noise((6, 8)), quality=80)
    with pytest.raises(InputError, match="mask-lossy"):
        masks_of(tmp_path / "w")
    write_nifti(tmp_path / "n" / "x.nii", noise((2, 3, 4)), np.eye(4))
    write_nifti(tmp_path / "n" / "x_mask.nii", noise((2, 3, 4), top=2), np.diag([1, 1, 1.5, 1]))
    with pytest.raises(InputError, match="mask-grid"):
        masks_of(tmp_path / "n")


def test_masks_of_some_slices_leave_the_others_unknown(tmp_path: Path) -> None:
    slices(tmp_path / "p", ["p_1.png", "p_2.png", "p_3.png", "p_4.png"])
    write_picture(tmp_path / "p" / "p_2_mask.png", np.full((6, 8), 255, np.uint8))
    write_picture(tmp_path / "p" / "p_3_mask.png", np.zeros((6, 8), np.uint8))
    write_picture(tmp_path / "p" / "p_4_mask.png", np.zeros((5, 5), np.uint8))
    masks = masks_of(tmp_path / "p")
    assert masks.present == (False, True, True, False)
    assert masks.array.any(axis=(1, 2)).tolist() == [False, True, False, False]
    assert [(one.source, one.error.code) for one in masks.passed] == [("p_4_mask.png", "mask-size")]


def test_softened_nifti_masks_and_probabilities(tmp_path: Path) -> None:
    write_nifti(tmp_path / "x.nii", noise((2, 3, 4)))
    soft = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    write_nifti(tmp_path / "x_mask.nii", soft)
    np.testing.assert_array_equal(masks_of(tmp_path).array, (soft > 0.5).astype(np.uint8))


def test_palette_masks_keep_their_index(tmp_path: Path) -> None:
    from PIL import Image

    write_picture(tmp_path / "x.png", noise((6, 8)))
    index = noise((6, 8), top=3)
    mask = Image.fromarray(index)
    mask.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    mask.save(tmp_path / "x_mask.png")
    np.testing.assert_array_equal(masks_of(tmp_path).array[0], index)
