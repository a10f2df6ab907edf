"""DICOM SEG out and in: every voxel at its place in the patient, read by pydicom alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from decoder_support import HereDecoder, stay
from exchange_support import random_item, random_labels
from numpy.typing import NDArray
from reader_support import AXIAL, SAGITTAL, make_series, oblique

from core.commands.line import run
from core.errors import InputError, MeninxError
from core.events import Finished, Notice, Skipped
from core.exchange import originals
from core.exchange.dicom_seg import encode
from core.exchange.exporting import export_job
from core.exchange.taking import TakeOptions, look, take_job
from core.geometry import Geometry
from core.io.dicom_seg import hex_of, lab_of, read_segmentation
from core.io.regrid import lies_within, padded
from core.project.importing import ImportOptions, import_job
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.volume import Volume

PATIENT = {
    "PatientName": "Doe^Jane",
    "PatientID": "PAT-7",
    "PatientBirthDate": "19700101",
    "PatientSex": "F",
    "StudyDate": "20200102",
}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    stay(monkeypatch)


def imported(folder: Path, source: Path) -> Path:
    """Import a series into a new project."""
    path = folder / "p.meninx"
    Project.create(path).close()
    list(import_job(path, [source], ImportOptions()))
    return path


def draw(path: Path, masks: dict[str, NDArray[np.bool_]], *, finished: set[int] | None = None, scan: int = 0) -> None:
    """Put masks on a scan; a brain has its layer, others share one unless they overlap."""
    with Project.open(path) as project:
        one = project.scans()[scan]
        annotation = project.ensure_annotation(one.id, "Anna")
        layers: dict[str, NDArray[np.uint8]] = {}
        for name, mask in masks.items():
            label = project.ensure_label(name)
            layer = layers.setdefault(label.layer, np.zeros(one.shape, np.uint8))
            layer[mask] = label.value
        known = set(range(one.shape[0])) if finished is None else finished
        rows = [SliceState(z, Origin.DRAWN, None, z in known, "Anna") for z in range(one.shape[0])]
        project.save_layers(annotation.id, layers, dict.fromkeys(layers, rows), journal_sequence=0, action="import")


def plain_read(file: Path) -> dict[str, NDArray[np.float64]]:
    """Return, per segment name, where its voxels lie (RAS mm, sorted), from nothing but the standard's own words."""
    dataset = pydicom.dcmread(file)
    count, rows, columns = int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")[: count * rows * columns]
    frames = bits.reshape(count, rows, columns)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    full = "TrackingID" if dataset.Manufacturer == "Meninx" else "SegmentLabel"
    names = {int(one.SegmentNumber): str(one[full].value) for one in dataset.SegmentSequence}
    points: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names.values()}
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    between_rows, between_columns = (float(one) for one in shared.PixelMeasuresSequence[0].PixelSpacing)
    for frame, group in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        segment = group if "SegmentIdentificationSequence" in group else shared
        number = int(segment.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        origin = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        y, x = np.nonzero(frame)
        lps = origin + x[:, None] * between_columns * cosines[:3] + y[:, None] * between_rows * cosines[3:]
        points[names[number]].append(lps * [-1, -1, 1])
    return {name: ordered(np.concatenate(parts) if parts else np.empty((0, 3))) for name, parts in points.items()}


def ordered(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[np.lexsort(np.round(points, 3).T)]


def expected(mask: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.float64]:
    z, y, x = np.nonzero(mask)
    return ordered(geometry.to_world(np.stack([x, y, z], axis=1)))


def spots(shape: tuple[int, ...], seed: int) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random(shape) < 0.3


TILTED = {"orientation": AXIAL, "step": (0.0, -1.1, 3.0)}
GRIDS: dict[str, dict[str, Any]] = {
    "axial": {},
    "tilted gantry": TILTED,
    "sagittal": {"orientation": SAGITTAL},
    "oblique": {"orientation": oblique(17.0)},
    "one slice": {"count": 1},
    "uneven": {"keep": None},
}


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.usefixtures("here")
def test_every_voxel_is_where_it_was_drawn(tmp_path: Path, kind: str) -> None:
    make_series(tmp_path / "in", **GRIDS[kind], **PATIENT)
    if kind == "uneven":
        place = tmp_path / "in" / "IM0004.dcm"
        moved = pydicom.dcmread(place)
        moved.ImagePositionPatient = [*moved.ImagePositionPatient[:2], moved.ImagePositionPatient[2] + 1.37]
        moved.save_as(place)
    project = imported(tmp_path, tmp_path / "in")
    with Project.open(project, read_only=True) as opened:
        geometry = opened.geometry(opened.scans()[0].id)
    shape = geometry.shape
    tumour = spots(shape, 2)
    masks = {
        "Brain": spots(shape, 1),
        "Tumour": tumour,
        "Odd thing": spots(shape, 3) & ~tumour,
        "Nowhere": np.zeros(shape, bool),
    }
    masks["Tumour"][-1] = False
    draw(project, masks)
    list(export_job(project, "dicom-seg", tmp_path / "out"))
    file = next((tmp_path / "out").glob("*_seg.dcm"))
    found = plain_read(file)
    assert list(found) == ["Brain", "Tumour", "Odd thing", "Nowhere"]
    for name, mask in masks.items():
        wanted = expected(mask, geometry)
        assert len(found[name]) == len(wanted)
        if kind != "uneven":
            assert np.abs(found[name] - wanted).max(initial=0.0) < 1e-3, name
    # and it comes back, bit by bit, with what is known of each slice
    Project.create(tmp_path / "new.meninx").close()
    list(import_job(tmp_path / "new.meninx", [tmp_path / "in"], ImportOptions()))
    list(take_job(tmp_path / "new.meninx", tmp_path / "out"))
    with Project.open(tmp_path / "new.meninx", read_only=True) as new:
        (annotation,) = new.annotations(new.scans()[0].id)
        for name, mask in masks.items():
            label = new.labels().named(name)
            layer = new.read_layer(annotation.id, label.layer)
            assert layer is not None
            assert np.array_equal(layer == label.value, mask), name
        assert annotation.reader == "Anna"


def test_it_refers_to_the_slices_it_was_drawn_on(tmp_path: Path) -> None:
    make_series(tmp_path / "in", **PATIENT)
    project = imported(tmp_path, tmp_path / "in")
    mask = np.zeros((5, 6, 8), bool)
    mask[1, 2, 3] = mask[4, 0, 0] = True
    draw(project, {"Tumour": mask})
    notices = [event.key for event in export_job(project, "dicom-seg", tmp_path / "out") if isinstance(event, Notice)]
    assert notices == ["seg-identity"]
    made = pydicom.dcmread(next((tmp_path / "out").glob("*_seg.dcm")))
    sources = {str(one.SOPInstanceUID): one for one in map(pydicom.dcmread, (tmp_path / "in").iterdir())}
    for group in made.PerFrameFunctionalGroupsSequence:
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        named = sources[source.ReferencedSOPInstanceUID]
        assert list(named.ImagePositionPatient) == list(group.PlanePositionSequence[0].ImagePositionPatient)
    assert made.NumberOfFrames == 2
    one = next(iter(sources.values()))
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", *PATIENT):
        assert made[name].value == one[name].value
    assert made.SeriesInstanceUID != one.SeriesInstanceUID
    listed = made.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {item.ReferencedSOPInstanceUID for item in listed} == set(sources)
    segment = made.SegmentSequence[0]
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "108369006"
    assert segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue == "49755003"
    assert hex_of(segment.RecommendedDisplayCIELabValue) == "#ff5d5d"


@pytest.mark.usefixtures("here")
def test_a_label_without_a_word_of_the_standard_gets_a_code_of_ours(tmp_path: Path) -> None:
    make_series(tmp_path / "in", **PATIENT)
    project = imported(tmp_path, tmp_path / "in")
    draw(project, {"Odd thing": np.ones((5, 6, 8), bool)})
    list(export_job(project, "dicom-seg", tmp_path / "out"))
    made = pydicom.dcmread(next((tmp_path / "out").glob("*_seg.dcm")))
    code = made.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    assert (code.CodingSchemeDesignator, code.CodeMeaning) == ("99MENINX", "Odd thing")


@pytest.mark.usefixtures("here")
def test_frames_of_one_file_are_referred_to_by_their_numbers(data_root: Path, tmp_path: Path) -> None:
    project = imported(tmp_path, data_root / "dicom/dcmqi_seg/23x38x3/multiframe")
    mask = np.zeros((3, 38, 23), bool)
    mask[2, 5, 6] = True
    draw(project, {"Brain": mask})
    list(export_job(project, "dicom-seg", tmp_path / "out"))
    made = pydicom.dcmread(next((tmp_path / "out").glob("*_seg.dcm")))
    source = pydicom.dcmread(data_root / "dicom/dcmqi_seg/23x38x3/multiframe/mf.dcm")
    (group,) = made.PerFrameFunctionalGroupsSequence
    (told,) = group.DerivationImageSequence[0].SourceImageSequence
    named = source.PerFrameFunctionalGroupsSequence[int(told.ReferencedFrameNumber) - 1]
    place = "PlanePositionSequence"
    assert list(named[place][0].ImagePositionPatient) == list(group[place][0].ImagePositionPatient)


def spoil(folder: Path, how: str) -> None:
    if how == "gone":
        shutil.rmtree(folder)
        return
    for file in list(folder.iterdir())[:1]:
        dataset = pydicom.dcmread(file)
        if how == "a pixel":
            data = bytearray(dataset.PixelData)
            data[0] ^= 1
            dataset.PixelData = bytes(data)
        else:
            dataset.ImagePositionPatient = [999, 0, 0]
        dataset.save_as(file)


@pytest.mark.parametrize(
    ("how", "code"), [("gone", "originals-gone"), ("a pixel", "originals-changed"), ("a place", "originals-changed")]
)
@pytest.mark.usefixtures("here")
def test_without_unchanged_originals_one_sentence(tmp_path: Path, how: str, code: str) -> None:
    make_series(tmp_path / "in", **PATIENT)
    project = imported(tmp_path, tmp_path / "in")
    draw(project, {"Brain": np.ones((5, 6, 8), bool)})
    spoil(tmp_path / "in", how)
    events: list[Any] = []
    with pytest.raises(MeninxError) as told:
        events.extend(export_job(project, "dicom-seg", tmp_path / "out"))
    assert told.value.code == code
    assert [event.error.code for event in events if isinstance(event, Skipped)] == [code]
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("here")
def test_pictures_are_refused_for_what_they_are_not_for_a_mask_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "p.meninx"
    with Project.create(path) as project:
        project.add_scan(Volume(np.zeros((5, 6, 8), np.int16), Geometry((5, 6, 8), np.eye(4))), patient="one")
    draw(path, {"Brain": np.ones((5, 6, 8), bool)})
    with pytest.raises(InputError, match="seg-no-source"):
        list(export_job(path, "dicom-seg", tmp_path / "out"))


def test_without_links_one_sentence(tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_series(tmp_path / "in", **PATIENT)
    project = imported(tmp_path, tmp_path / "in")
    draw(project, {"Brain": np.ones((5, 6, 8), bool)})
    (own_home / "links.sqlite").unlink()
    assert run(["export", str(project), "--format", "dicom-seg", "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "did not come from DICOM files, or this workstation does not know" in said
    assert "Traceback" not in said


# ------------------------------------------------------------------ coming in


@pytest.mark.parametrize("folder", ["23x38x3", "24x38x3"])
@pytest.mark.usefixtures("here")
def test_the_files_of_another_tool_land_on_their_scan(data_root: Path, tmp_path: Path, folder: str) -> None:
    case = data_root / "dicom/dcmqi_seg" / folder
    project = imported(tmp_path, case / "image")
    with HereDecoder() as decoder:
        plan = look(decoder, case / "seg/label.seg")
    assert plan.reader == "dicom-seg"
    assert list(plan.labels) == ["Liver"]
    list(take_job(project, case / "seg/label.seg", TakeOptions(reader="Anna")))
    wanted = plain_read(case / "seg/label.seg")["Liver"]
    assert len(wanted) == plan.labels["Liver"]
    with Project.open(project, read_only=True) as opened:
        scan = opened.scans()[0]
        (annotation,) = opened.annotations(scan.id)
        label = opened.labels().named("Liver")
        layer = opened.read_layer(annotation.id, label.layer)
        assert layer is not None
        found = expected(layer == label.value, opened.geometry(scan.id))
        assert np.abs(found - wanted).max() < 1e-3
        assert label.color == "#d98265"


@pytest.mark.usefixtures("here")
def test_a_sparse_file_with_overlaps_lands_on_layers(data_root: Path, tmp_path: Path) -> None:
    case = data_root / "dicom/dcmqi_seg"
    project = imported(tmp_path, case / "ct-3slice")
    list(take_job(project, case / "partial_overlaps.dcm", TakeOptions(reader="Anna")))
    wanted = plain_read(case / "partial_overlaps.dcm")
    with Project.open(project, read_only=True) as opened:
        scan = opened.scans()[0]
        (annotation,) = opened.annotations(scan.id)
        assert len(opened.labels().layers) > 1
        for name, points in wanted.items():
            label = opened.labels().named(name)
            layer = opened.read_layer(annotation.id, label.layer)
            assert layer is not None
            found = expected(layer == label.value, opened.geometry(scan.id))
            assert np.abs(found - points).max() < 1e-3, name


@pytest.mark.usefixtures("here")
def test_the_masks_command_takes_it(data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = data_root / "dicom/dcmqi_seg"
    project = imported(tmp_path, case / "23x38x3/image")
    words = ["masks", str(project), "S0001", str(case / "23x38x3/seg/label.seg"), "--label", "Tumour"]
    assert run([*words, "--reader", "Anna"]) == 0
    assert "322" in capsys.readouterr().out
    with Project.open(project, read_only=True) as opened:
        (annotation,) = opened.annotations(opened.scans()[0].id)
        layer = opened.read_layer(annotation.id, opened.labels().named("Tumour").layer)
    assert layer is not None
    assert int(layer.astype(bool).sum()) == 322
    # one number cannot say two segments
    (tmp_path / "big").mkdir()
    big = imported(tmp_path / "big", case / "ct-3slice")
    code = run(["masks", str(big), "S0001", str(case / "partial_overlaps.dcm"), "--label", "Tumour"])
    assert code == 1
    assert "overlap" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_a_file_of_no_scan_here_is_told_of(data_root: Path, tmp_path: Path) -> None:
    case = data_root / "dicom/dcmqi_seg"
    project = imported(tmp_path, case / "ct-3slice")
    events: list[Any] = []
    with pytest.raises(InputError, match="nothing-usable"):
        events.extend(take_job(project, case / "23x38x3/seg/label.seg"))
    assert [event.error.code for event in events if isinstance(event, Skipped)] == ["seg-no-scan"]


def fractional(source: Path, target: Path) -> NDArray[np.uint8]:
    """Make probabilities of a binary file; the largest value is 200."""
    dataset = pydicom.dcmread(source)
    values = np.random.default_rng(5).integers(0, 201, (3, dataset.Rows, dataset.Columns)).astype(np.uint8)
    dataset.SegmentationType, dataset.SegmentationFractionalType = "FRACTIONAL", "PROBABILITY"
    dataset.MaximumFractionalValue = 200
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = values.tobytes() + b"\0" * (values.size % 2)
    dataset.save_as(target)
    return values


@pytest.mark.usefixtures("here")
def test_probabilities_are_cut_at_a_half_and_it_is_said(data_root: Path, tmp_path: Path) -> None:
    case = data_root / "dicom/dcmqi_seg/23x38x3"
    project = imported(tmp_path, case / "image")
    values = fractional(case / "seg/label.seg", tmp_path / "soft.dcm")
    events = list(take_job(project, tmp_path / "soft.dcm", TakeOptions(reader="Anna")))
    told = [event for event in events if isinstance(event, Notice) and event.key == "seg-threshold"]
    assert told[0].fields["percent"] == 50
    assert isinstance(events[-1], Finished)
    found = read_segmentation(tmp_path / "soft.dcm")
    (mask,) = found.masks.values()
    assert mask is not None
    assert np.array_equal(mask, values >= 100)


def test_every_packing_gives_the_same_mask(data_root: Path) -> None:
    folder = data_root / "dicom/pydicom_data"
    plain = read_segmentation(folder / "liver.dcm").masks[1]
    for file in ("liver_expb", "liver_j2k", "liver_rle", "liver_deflate"):
        other = read_segmentation(folder / f"{file}.dcm").masks[1]
        assert other is not None
        assert np.array_equal(other, plain), file


def test_a_colour_survives_the_standards_own_space() -> None:
    random = np.random.default_rng(1)
    for red, green, blue in random.integers(0, 256, (300, 3)):
        color = f"#{red:02x}{green:02x}{blue:02x}"
        assert hex_of(lab_of(color)) == color


def test_a_part_of_a_grid_is_put_at_its_place() -> None:
    affine = np.array([[0.9, 0.1, 0.3, -5.0], [0.0, 1.1, -0.4, 7.0], [0.05, 0.0, 2.9, 1.0], [0, 0, 0, 1.0]])
    ours = Geometry((6, 7, 8), affine)
    part = affine.copy()
    part[:3, 3] = affine[:3, :3] @ [2, 1, 3] + affine[:3, 3]
    block = spots((2, 3, 4), 4).astype(np.uint8)
    made = padded(block, Geometry((2, 3, 4), part), ours)
    assert made is not None
    assert np.array_equal(made[3:5, 1:4, 2:6], block)
    assert made.sum() == block.sum()
    # turned round along z: the same voxels
    turned = part.copy()
    turned[:3, 2] = -part[:3, 2]
    turned[:3, 3] = part[:3, 3] + part[:3, 2]
    again = padded(np.ascontiguousarray(block[::-1]), Geometry((2, 3, 4), turned), ours)
    assert again is not None
    assert np.array_equal(again, made)
    # a single plane, whatever it says of the next one
    alone = part.copy()
    alone[:3, 2] *= 1.7
    single = padded(block[:1], Geometry((1, 3, 4), alone), ours)
    assert single is not None
    assert np.array_equal(single[3, 1:4, 2:6], block[0])
    off = part.copy()
    off[:3, 3] += 0.2
    assert padded(block, Geometry((2, 3, 4), off), ours) is None
    # beyond the scan's edge, where nothing is drawn
    beyond = part.copy()
    beyond[:3, 3] += affine[:3, :3] @ [3, 0, 2]
    wide, grid = block.copy(), Geometry((2, 3, 4), beyond)
    assert not lies_within(grid, ours)
    assert lies_within(Geometry((2, 3, 4), part), ours)
    wide[1:, :, :] = wide[:, :, 3:] = 0
    cut = padded(wide, grid, ours)
    assert cut is not None
    assert np.array_equal(cut[5, 1:4, 5:], wide[0, :, :3])
    assert cut.sum() == wide.sum()
    wide[1, 0, 0] = 1
    assert padded(wide, grid, ours) is None
    elsewhere = part.copy()
    elsewhere[:3, 3] += affine[:3, :3] @ [40, 0, 0]
    assert padded(np.zeros_like(block), Geometry((2, 3, 4), elsewhere), ours) is None


def random_grid(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[Geometry, list[originals.Original]]:
    """Return a turned, tilted grid, and headers of the slices that lie so."""
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    spacing = random.uniform(0.3, 3.0, 2)
    across, down = np.round(turn[:, 0], 9), np.round(turn[:, 1], 9)
    step = np.cross(across, down) * random.uniform(0.5, 5.0) + down * random.uniform(-0.4, 0.4)
    origin = random.uniform(-99, 99, 3)
    affine = np.eye(4)
    affine[:3] = np.stack([across * spacing[1], down * spacing[0], step, origin], axis=1)
    headers = []
    for z in range(shape[0]):
        made = pydicom.Dataset()
        made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", f"1.2.3.{z + 1}"
        made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = "1.2.1", "1.2.2", "1.2.4"
        made.Modality, made.Rows, made.Columns = "MR", *shape[1:]
        for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
            setattr(made, name, "")
        made.StudyDate = made.StudyTime = ""
        numbers = {"ImagePositionPatient": origin + step * z, "ImageOrientationPatient": [*across, *down]}
        for name, values in (numbers | {"PixelSpacing": spacing}).items():
            setattr(made, name, [pydicom.valuerep.DSfloat(float(value), auto_format=True) for value in values])
        made.SliceThickness = "1"
        headers.append(originals.Original(z, made))
    return Geometry((shape[0], shape[1], shape[2]), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine), headers


def rounds(folder: Path, count: int) -> None:
    file = folder / "P001_S0001_seg.dcm"
    for number in range(count):
        random = np.random.default_rng((20261121, number))
        item = random_item(random, random_labels(random))
        geometry, headers = random_grid(random, item.volume.shape)
        item = replace(item, volume=replace(item.volume, geometry=geometry))
        if item.volume.shape[1] * item.volume.shape[2] < 8:
            with pytest.raises(InputError, match="seg-tiny"):
                encode(item, headers, None)
            continue
        file.write_bytes(encode(item, headers, None))
        found = plain_read(file)
        assert list(found) == [label.name for label in item.labels if label.name in item.masks], number
        for name, points in found.items():
            wanted = expected(item.masks[name], geometry)
            assert len(points) == len(wanted), (number, name)
            # whichever way they are sorted, each lies where one was drawn
            near = np.abs(geometry.to_voxel(points) - np.rint(geometry.to_voxel(points))).max(initial=0.0)
            assert near < 1e-3, (number, name)
            at = np.rint(geometry.to_voxel(points)).astype(int)
            assert item.masks[name][at[:, 2], at[:, 1], at[:, 0]].all(), (number, name)
        again = read_segmentation(file)
        drawn = [item.masks[label.name] for label in item.labels if label.name in item.masks]
        for segment, ours in zip(again.segments, drawn, strict=True):
            mask = again.masks[segment.number]
            if mask is None:
                assert not ours.any()
                continue
            whole = padded(mask, again.geometry, geometry)
            assert whole is not None, number
            assert np.array_equal(whole, ours), (number, segment.name)


def test_fifty_random_masks_are_the_same_bit_by_bit(tmp_path: Path) -> None:
    rounds(tmp_path, 50)


@pytest.mark.soak
def test_a_thousand_random_masks_are_the_same_bit_by_bit(tmp_path: Path) -> None:
    rounds(tmp_path, 1_000)
