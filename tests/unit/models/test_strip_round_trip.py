"""What is stripped is named plainly, and is taken for its scan's own when both are imported."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from decoder_support import HereDecoder
from reader_support import noise, write_nifti, write_picture

from core.events import Finished
from core.io.reading import FindOptions, Found, find_sources
from core.labels import BRAIN
from core.project.importing import ImportOptions, import_job
from core.project.project import Project
from models import loose
from models.loose import strip_job

NAMES = ("T1 head.nii.gz", "Kopf Nr. 0 äöü 脑 🧠 50%.nii.gz", "plain.nii.gz", "(1) a&b.nii")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in this process; what is not black is brain."""
    monkeypatch.setattr(loose, "Decoder", HereDecoder)
    monkeypatch.setattr("core.project.importing.Decoder", HereDecoder)
    monkeypatch.setattr(loose.ClassicalMasker, "masks", lambda _self, volume, _stop: {BRAIN: volume.array > 0})


def scan(folder: Path, name: str, seed: int) -> None:
    write_nifti(folder / name, noise((3, 8, 9), seed, top=2))


def stripped(inputs: list[Path], folder: Path) -> list[str]:
    events = list(strip_job(inputs, folder, model="classical", masks_only=True))
    assert isinstance(events[-1], Finished)
    assert events[-1].result["failed"] == 0
    return sorted(Path(name).name for name in events[-1].result["written"])


def paired(found: Found) -> dict[str, list[str]]:
    assert found.passed == ()
    return {source.name: [mask.name for mask in source.masks if mask] for source in found.sources}


def test_masks_beside_their_scans_are_offered_with_them(tmp_path: Path) -> None:
    for seed, name in enumerate(NAMES):
        scan(tmp_path, name, seed)
    written = stripped([tmp_path], tmp_path)
    assert written == [
        "1_a_b_mask.nii.gz",
        "Kopf_Nr._0_äöü_脑_50_mask.nii.gz",
        "T1_head_mask.nii.gz",
        "plain_mask.nii.gz",
    ]
    together = paired(find_sources([tmp_path]))
    assert together == {
        "T1 head.nii.gz": ["T1_head_mask.nii.gz"],
        "Kopf Nr. 0 äöü 脑 🧠 50%.nii.gz": ["Kopf_Nr._0_äöü_脑_50_mask.nii.gz"],
        "plain.nii.gz": ["plain_mask.nii.gz"],
        "(1) a&b.nii": ["1_a_b_mask.nii.gz"],
    }
    # one file that is named by itself
    assert paired(find_sources([tmp_path / NAMES[0]])) == {NAMES[0]: together[NAMES[0]]}


def test_they_come_in_as_masks_of_their_scans(tmp_path: Path) -> None:
    for seed, name in enumerate(NAMES[:2]):
        scan(tmp_path / "in", name, seed)
    stripped([tmp_path / "in"], tmp_path / "in")
    Project.create(tmp_path / "p.meninx").close()
    result = list(import_job(tmp_path / "p.meninx", [tmp_path / "in"], ImportOptions(label=BRAIN)))[-1]
    assert isinstance(result, Finished)
    assert result.result["masks"] == 2
    with Project.open(tmp_path / "p.meninx") as project:
        for one in project.scans():
            voxels = project.read_volume(one.id).array
            (annotation,) = project.annotations(one.id)
            (mask,) = (project.read_layer(annotation.id, layer) for layer in project.layers(annotation.id))
            assert mask is not None
            np.testing.assert_array_equal(mask > 0, voxels > 0)


def test_pictures_and_folders_of_masks_pair_by_the_plain_name(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "slide a.png", noise((5, 7)))
    write_picture(tmp_path / "masks" / "slide_a_mask.png", noise((5, 7), top=2) * 255)
    for place in (tmp_path, tmp_path / "images"):
        assert paired(find_sources([place])) == {"slide a.png": ["slide_a_mask.png"]}


def test_a_mask_is_never_taken_for_that_of_another_scan(tmp_path: Path) -> None:
    scan(tmp_path, "T1 head.nii.gz", 1)
    scan(tmp_path, "T1_head.nii.gz", 2)
    scan(tmp_path, "T1_head.v2.nii.gz", 3)
    assert stripped([tmp_path], tmp_path) == ["T1_head.v2_mask.nii.gz", "T1_head_2_mask.nii.gz", "T1_head_mask.nii.gz"]
    found = find_sources([tmp_path], FindOptions())
    sources = {source.name: source.masks for source in found.sources}
    assert sources["T1 head.nii.gz"] == ()
    for name in ("T1_head.nii.gz", "T1_head.v2.nii.gz"):
        (mask,) = sources[name]
        assert mask is not None
        voxels = nibabel.load(tmp_path / name).get_fdata()
        np.testing.assert_array_equal(nibabel.load(mask).get_fdata() > 0, voxels > 0)
    # a file of that name that is not stripped claims nothing either
    (tmp_path / "T1_head_mask.nii.gz").unlink()
    (tmp_path / "T1_head_2_mask.nii.gz").unlink()
    assert stripped([tmp_path / "T1 head.nii.gz"], tmp_path) == ["T1_head_2_mask.nii.gz"]


def test_two_names_that_are_alike_when_plain_pair_with_neither(tmp_path: Path) -> None:
    scan(tmp_path, "a b.nii.gz", 1)
    scan(tmp_path, "a&b.nii.gz", 2)
    scan(tmp_path, "a_b_mask.nii.gz", 3)
    found = find_sources([tmp_path])
    assert [source.masks for source in found.sources] == [(), ()]
    assert [one.error.code for one in found.passed] == ["mask-second"]
