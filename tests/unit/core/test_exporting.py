"""Files that leave the program: the scan's own grid, number type and scaling, to the bit."""

from __future__ import annotations

from dataclasses import replace

import cv2
import nibabel as nib
import numpy as np
import pytest
from exchange_support import random_item

from core.errors import InputError
from core.events import Finished, Notice, Skipped, never_stop
from core.exchange.items import ExportOptions, Out
from core.exchange.registry import make_format
from core.geometry import Geometry
from core.io.opener import open_whole
from core.labels import LabelSet
from core.project.exporting import (
    Outputs,
    encode_volume,
    export_job,
    is_picture,
    save_brain,
    save_mask,
    save_outputs,
    stem_of,
)
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.volume import Volume

OBLIQUE = np.array([[-0.9, 0.11, 0.3, 81.5], [0.08, -1.1, 0.4, 93.25], [0.1, 0.2, 2.9, -40.0], [0, 0, 0, 1]])


def scan(dtype=np.int16, affine=OBLIQUE, shape=(4, 6, 5), **more):
    random = np.random.default_rng(5)
    return Volume(random.integers(1, 120, shape).astype(dtype), Geometry(shape, affine), **more)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_brain_file_has_the_scans_own_grid_type_and_scaling(tmp_path, dtype):
    volume = scan(dtype, slope=0.5, intercept=-1024.0)
    mask = np.zeros(volume.shape, np.uint8)
    mask[1:3, 2:5, 1:4] = 1
    save_brain(tmp_path / "b.nii.gz", volume, mask)
    save_mask(tmp_path / "m.nii.gz", volume, mask)
    brain, written = nib.load(tmp_path / "b.nii.gz"), nib.load(tmp_path / "m.nii.gz")
    for made in (brain, written):
        assert made.shape == (5, 6, 4)
        # NIfTI holds the affine in float32
        assert np.array_equal(made.affine, OBLIQUE.astype(np.float32).astype(np.float64))
    assert brain.get_data_dtype() == np.dtype(dtype)
    assert (brain.dataobj.slope, brain.dataobj.inter) == (0.5, -1024.0)
    raw = np.asarray(brain.dataobj.get_unscaled()).transpose(2, 1, 0)
    assert np.array_equal(raw[mask > 0], volume.array[mask > 0])
    assert set(raw[mask == 0]) == {volume.array.min()}
    assert np.array_equal(np.asarray(written.dataobj).transpose(2, 1, 0), mask)


def test_big_endian_half_and_bool_arrays_become_what_nifti_knows(tmp_path):
    for array in (np.ones((2, 3, 4), ">i2"), np.ones((2, 3, 4), np.float16), np.ones((2, 3, 4), bool)):
        (tmp_path / "x.nii.gz").write_bytes(encode_volume(Volume(array, Geometry((2, 3, 4), np.eye(4)))))
        assert np.asarray(nib.load(tmp_path / "x.nii.gz").dataobj).sum() == 24


def test_colour_volume_stays_colour(tmp_path):
    array = np.random.default_rng(1).integers(0, 255, (2, 3, 4, 3)).astype(np.uint8)
    (tmp_path / "x.nii.gz").write_bytes(
        encode_volume(Volume(array, Geometry((2, 3, 4), np.eye(4)), channels=tuple("RGB")))
    )
    read = np.asarray(nib.load(tmp_path / "x.nii.gz").dataobj)
    assert read.shape == (4, 3, 2)
    assert np.array_equal(np.stack([read[name] for name in "RGB"], axis=-1).transpose(2, 1, 0, 3), array)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_picture_goes_out_as_a_picture_of_the_same_size(tmp_path, dtype):
    picture = Volume(np.arange(20, 50, dtype=dtype).reshape(1, 5, 6), Geometry.of_picture(5, 6))
    mask = np.zeros((1, 5, 6), bool)
    mask[0, 1:4, 2:5] = True
    files = save_outputs(picture, mask, "a", Outputs(tmp_path / "out"))
    assert [file.name for file in files] == ["a_brain.png", "a_mask.png"]
    brain, written = (cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files)
    assert brain.dtype == dtype
    assert np.array_equal(brain[mask[0]], picture.array[0][mask[0]])
    assert set(brain[~mask[0]]) == {20}
    assert np.array_equal(written, mask[0] * np.uint8(255))


def test_colour_picture_keeps_its_colours(tmp_path):
    array = np.random.default_rng(1).integers(0, 255, (1, 4, 4, 3)).astype(np.uint8)
    picture = Volume(array, Geometry.of_picture(4, 4), channels=("R", "G", "B"))
    files = save_outputs(picture, np.ones((1, 4, 4)), "a", Outputs(tmp_path))
    assert np.array_equal(cv2.cvtColor(cv2.imread(str(files[0])), cv2.COLOR_BGR2RGB), array[0])


def test_picture_stack_is_written_under_the_names_of_its_files(tmp_path):
    stack = Volume(np.ones((2, 4, 4), np.uint8), Geometry.of_picture(4, 4, 2))
    inputs = [tmp_path / "s_9.webp", tmp_path / "s_10.webp"]
    files = save_outputs(stack, np.ones((2, 4, 4)), "s", Outputs(tmp_path / "o", brain=False), inputs)
    assert [file.name for file in files] == ["s_9_mask.png", "s_10_mask.png"]
    unnamed = save_outputs(stack, np.ones((2, 4, 4)), "s", Outputs(tmp_path / "o", brain=False))
    assert [file.name for file in unnamed] == ["s_0001_mask.png", "s_0002_mask.png"]


def test_float_pictures_are_not_squeezed_into_png():
    assert not is_picture(Volume(np.ones((1, 4, 4), np.float32), Geometry.of_picture(4, 4)))
    assert not is_picture(scan())


def test_a_mask_beside_the_input_is_never_written_over(tmp_path):
    """``strip scan.nii.gz -o .`` would otherwise replace the reader's own ``scan_mask.nii.gz``."""
    precious = tmp_path / "x_mask.nii.gz"
    precious.write_bytes(b"drawn by hand")
    with pytest.raises(InputError) as caught:
        save_outputs(scan(), np.ones((4, 6, 5)), "x", Outputs(tmp_path, guarded=(tmp_path,)))
    assert caught.value.code == "output-in-the-way"
    assert precious.read_bytes() == b"drawn by hand"
    assert not (tmp_path / "x_brain.nii.gz").exists()


def test_margin_counts_in_both_files(tmp_path):
    volume = scan(affine=np.diag([1.0, 1.0, 1.0, 1.0]))
    mask = np.zeros(volume.shape, np.uint8)
    mask[2, 3, 2] = 1
    files = save_outputs(volume, mask, "x", Outputs(tmp_path, margin=1.0))
    brain, written = (np.asarray(nib.load(file).dataobj) for file in files)
    assert written.sum() == 7
    assert (brain > volume.array.min()).sum() <= 7


def test_stems():
    assert stem_of("oms011_t1w.nii.gz") == "oms011_t1w"
    assert stem_of("IM 0001.dcm") == "IM_0001"
    assert stem_of("series.folder") == "series.folder"
    assert stem_of("../..") == "scan"


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p.meninx") as made:
        made.ensure_label("Brain")
        whole, part, none = (made.add_scan(scan(shape=(4, 6, 5 + n)), patient=f"p{n}") for n in range(3))
        for one, finished in ((whole, 4), (part, 2)):
            annotation = made.ensure_annotation(one.id, "anna")
            mask = np.ones(one.shape, np.uint8)
            states = [SliceState(z, Origin.DRAWN, None, True, "anna", 0.0) for z in range(finished)]
            made.save_layers(annotation.id, {"brain": mask}, {"brain": states}, journal_sequence=0)
        yield made, (whole, part, none)


def test_export_job_writes_what_is_there_and_lists_the_rest(project, tmp_path):
    made, (whole, part, none) = project
    events = list(export_job(made.path, tmp_path / "out", never_stop))
    result = next(event for event in events if isinstance(event, Finished)).result
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    stems = [f"{one.patient_name}_{one.name}" for one in (whole, part)]
    assert names == sorted(f"{stem}_{kind}.nii.gz" for stem in stems for kind in ("brain", "mask"))
    assert len(result["files"]) == 4
    assert [event.source for event in events if isinstance(event, Skipped)] == [none.name]
    assert [event.fields["scan"] for event in events if isinstance(event, Notice)] == [part.name]
    assert nib.load(tmp_path / "out" / f"{stems[0]}_brain.nii.gz").shape == whole.shape[::-1]


def test_export_of_nothing_is_an_error(project, tmp_path):
    made, (_, _, none) = project
    with pytest.raises(InputError) as caught:
        list(export_job(made.path, tmp_path / "out", never_stop, scans=[none.id]))
    assert caught.value.code == "nothing-exported"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["nifti", "bids", "nrrd"])
def test_colours_of_sixteen_bits_are_never_one_channel(tmp_path, format):
    colours = np.random.default_rng(1).integers(0, 65536, (2, 9, 8, 3)).astype(np.uint16)
    volume = Volume(colours, Geometry((2, 9, 8), OBLIQUE), channels=("R", "G", "B"))
    with pytest.raises(InputError, match="nifti-colours"):
        encode_volume(volume)
    labels = LabelSet().with_label("Tumour").labels
    item = replace(random_item(np.random.default_rng(2), labels), volume=volume)
    item = replace(item, masks={"Tumour": np.ones(volume.shape, bool)})
    out = Out(tmp_path, ExportOptions(images=True))
    made = make_format(format)
    made.begin(out, labels)
    made.add(item, out)
    assert out.notices == [Notice("export-nifti-shown", {"scan": item.scan.name})]
    (file,) = [one for one in tmp_path.rglob("*.nii.gz") if "mask" not in one.name]
    read = open_whole(file, None)
    found = np.stack([read.slice(z) for z in range(2)])
    assert found.shape == colours.shape
    assert found.dtype == np.uint8
    for channel in range(3):
        order = np.argsort(colours[..., channel], axis=None)
        assert (np.diff(found[..., channel].ravel()[order].astype(int)) >= 0).all(), "brighter stays brighter"
        assert len(np.unique(found[..., channel])) > 50
