"""Import once more: known by content; cancelled: nothing is left; another program's masks are predictions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoder_support import NearDecoder
from reader_support import make_series, noise, write_dicom, write_nifti, write_picture
from tiff_support import write_tiff

from core.commands import line
from core.errors import Cancelled, InputError
from core.events import Finished, JobEvent, Notice, ScanReady, Skipped
from core.io.reading import find_sources
from core.io.source import Chosen
from core.learning.runs import ensure_imported, find_run, list_runs
from core.messages import text
from core.project import importing
from core.project.importing import ImportOptions, import_job
from core.project.links import home
from core.project.predictions import list_predictions, read_prediction
from core.project.project import Project
from core.project.records import Origin, SliceState

AFFINE = np.diag([-1.0, -1.0, 3.0, 1.0])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "P"
    Project.create(path).close()
    return path


@pytest.fixture(autouse=True)
def near(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Decode in this process, but where the child itself matters."""
    if request.node.get_closest_marker("child") is None:
        monkeypatch.setattr(importing, "Decoder", NearDecoder)


def imported(project: Path, *sources: Path, **options: Any) -> tuple[dict[str, Any], list[JobEvent]]:
    events = list(import_job(project, sources, ImportOptions(reader="anna", **options)))
    assert isinstance(events[-1], Finished)
    return events[-1].result, events


def skipped(events: list[JobEvent]) -> dict[str, str]:
    return {event.source: event.error.code for event in events if isinstance(event, Skipped)}


def notices(events: list[JobEvent]) -> list[str]:
    found = [event for event in events if isinstance(event, Notice)]
    # every one of them has its words
    assert all(text(f"notices.{notice.key}", **notice.fields) for notice in found)
    return [notice.key for notice in found]


# ------------------------------------------------------------------ known by content


def test_a_renamed_file_is_the_scan_that_is_there(project: Path, tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii.gz", noise((3, 6, 5)), AFFINE)
    imported(project, tmp_path / "a.nii.gz")
    (tmp_path / "a.nii.gz").rename(tmp_path / "quite another.nii.gz")
    result, events = imported(project, tmp_path / "quite another.nii.gz")
    assert (result["scans"], result["present"]) == ([], 1)
    assert skipped(events) == {"quite another.nii.gz": "scan-present"}


def test_a_series_and_the_nifti_made_of_it_are_one_scan(project: Path, tmp_path: Path) -> None:
    """As dcm2niix does: rows the other way round, real values instead of stored ones."""
    affine = make_series(tmp_path / "s", count=4, RescaleSlope="2", RescaleIntercept="-1024")
    imported(project, tmp_path / "s")
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        volume = opened.read_volume(scan.id)
    values = volume.values(volume.array)[:, ::-1]
    flip = np.eye(4)
    flip[1, 1], flip[1, 3] = -1, values.shape[1] - 1
    write_nifti(tmp_path / "n.nii.gz", values.astype(np.float32), affine @ flip)
    result, _ = imported(project, tmp_path / "n.nii.gz")
    assert (result["scans"], result["present"]) == ([], 1)


def test_the_mask_of_a_scan_known_in_another_order_lands_where_it_belongs(project: Path, tmp_path: Path) -> None:
    voxels = noise((4, 6, 5), top=900, dtype="int16")
    truth = np.zeros((4, 6, 5), np.uint8)
    truth[1, 2:4, 1:3] = 1
    write_nifti(tmp_path / "one" / "a.nii.gz", voxels, AFFINE)
    imported(project, tmp_path / "one")
    flip = np.diag([-1.0, 1.0, -1.0, 1.0])
    flip[0, 3], flip[2, 3] = 4, 3
    turned = AFFINE @ flip
    write_nifti(tmp_path / "two" / "b.nii.gz", voxels[::-1, :, ::-1], turned)
    write_nifti(tmp_path / "two" / "b_mask.nii.gz", truth[::-1, :, ::-1], turned)
    result, _ = imported(project, tmp_path / "two", label="Tumour")
    assert (result["scans"], result["masks"], result["present"]) == ([], 1, 1)
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        (annotation,) = opened.annotations(scan.id)
        np.testing.assert_array_equal(opened.read_layer(annotation.id, "lesions") > 0, truth > 0)
        assert opened.verify() == []


def test_pictures_are_known_in_another_format(project: Path, tmp_path: Path) -> None:
    pages = [noise((6, 8), page) for page in range(3)]
    write_tiff(tmp_path / "a.tif", pages)
    imported(project, tmp_path / "a.tif")
    for number, page in enumerate(pages):
        write_picture(tmp_path / "p" / f"p_{number}.png", page)
    assert imported(project, tmp_path / "p")[0]["present"] == 1


def test_the_same_voxels_elsewhere_are_another_scan_and_told(project: Path, tmp_path: Path) -> None:
    voxels = noise((3, 6, 5))
    write_nifti(tmp_path / "a.nii", voxels, AFFINE)
    moved = AFFINE.copy()
    moved[2, 3] = 12
    write_nifti(tmp_path / "b.nii", voxels, moved)
    result, events = imported(project, tmp_path / "a.nii", tmp_path / "b.nii")
    assert len(result["scans"]) == 2
    assert "scan-twin" in notices(events)


def test_nearly_the_same_is_not_the_same(project: Path, tmp_path: Path) -> None:
    voxels = noise((40, 50, 50), top=900, dtype="int16")
    other = voxels.copy()
    # not among the samples that the index looks at
    other[1, 1, 1] += 1
    write_nifti(tmp_path / "a.nii", voxels, AFFINE)
    write_nifti(tmp_path / "b.nii", other, AFFINE)
    assert len(imported(project, tmp_path / "a.nii", tmp_path / "b.nii")[0]["scans"]) == 2


def test_a_damaged_scan_may_come_in_again(project: Path, tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", noise((3, 6, 5)), AFFINE)
    imported(project, tmp_path / "a.nii")
    with Project.open(project) as opened:
        (file,) = (opened.path / "scans").iterdir()
        file.write_bytes(b"gone")
    write_nifti(tmp_path / "a.nii", noise((3, 6, 5)).astype(np.int16), AFFINE)
    assert imported(project, tmp_path / "a.nii")[0]["scans"] == ["S0002"]


# ------------------------------------------------------------------ chosen


def test_only_what_was_chosen_comes_in(project: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_nifti(tmp_path / "d" / f"{name}.nii", noise((2, 3, 4), ord(name)), AFFINE)
    (tmp_path / "d" / "words.txt").write_text("x")
    keys = {source.name: source.key for source in find_sources([tmp_path / "d"]).sources}
    result, _ = imported(project, tmp_path / "d", chosen=(Chosen(keys["b.nii"]),))
    assert (len(result["scans"]), result["skipped"]) == (1, 0)
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        np.testing.assert_array_equal(opened.read_volume(scan.id).array, noise((2, 3, 4), ord("b")))


def test_the_chosen_volume_of_several(project: Path, tmp_path: Path) -> None:
    pages = [noise((5, 7), page) for page in range(4)]
    write_tiff(tmp_path / "a.tif", pages, description="ImageJ=1\nimages=4\nchannels=2\nslices=2\n")
    (source,) = find_sources([tmp_path / "a.tif"]).sources
    assert skipped(refused(project, tmp_path / "a.tif")) == {"a.tif": "volume-needed"}
    imported(project, tmp_path / "a.tif", chosen=(Chosen(source.key, volume=1),))
    with Project.open(project) as opened:
        np.testing.assert_array_equal(opened.read_volume(opened.scans()[0].id).array, np.stack([pages[1], pages[3]]))


def refused(project: Path, *sources: Path) -> list[JobEvent]:
    """Import what cannot be used; return what was said until the error."""
    events: list[JobEvent] = []
    job = import_job(project, sources, ImportOptions())
    with pytest.raises(InputError, match="nothing-usable"):
        events.extend(job)
    return events


# ------------------------------------------------------------------ stopped and cancelled


def patients(folder: Path, names: str = "ABC") -> None:
    for name in names:
        for number in range(1, 4):
            write_picture(folder / name / f"{name}_{number}.png", noise((16, 16), 10 * ord(name) + number))
            mask = np.zeros((16, 16), np.uint8)
            mask[2 : 2 + number, 3:9] = 255
            write_picture(folder / name / f"{name}_{number}_mask.png", mask)


def cancelled(project: Path, *sources: Path, after: int = 2, **options: Any) -> list[JobEvent]:
    ready: list[str] = []
    events: list[JobEvent] = []
    job = import_job(
        project, sources, ImportOptions(reader="anna", **options), lambda: "cancel" if len(ready) >= after else ""
    )
    follow(job, events, ready.append)
    assert len(ready) == after
    return events


def follow(job: Iterator[JobEvent], events: list[JobEvent], on_scan: Callable[[str], None]) -> None:
    """Follow a job to its cancelling."""
    try:
        for event in job:
            events.append(event)
            if isinstance(event, ScanReady):
                on_scan(event.scan)
    except Cancelled:
        return
    pytest.fail("was not cancelled")


def files(folder: Path) -> set[str]:
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*")}
    return {name for name in found if not name.startswith("project.sqlite")}


def linked(table: str) -> int:
    with sqlite3.connect(home() / "links.sqlite") as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_cancel_leaves_nothing_behind(project: Path, tmp_path: Path) -> None:
    patients(tmp_path / "set")
    before = files(project)
    cancelled(project, tmp_path / "set", label="Tumour")
    with Project.open(project) as opened:
        assert opened.scans() == []
        assert list(opened.labels()) == []
        for table in ("scan", "patient", "annotation", "layer_version", "slice_state", "prediction"):
            assert opened.store.row(f"SELECT count(*) FROM {table}")[0] == 0, table
        assert opened.verify() == []
    assert files(project) == before
    assert (linked("scan"), linked("patient")) == (0, 0)
    # and it can come in after all
    assert len(imported(project, tmp_path / "set", label="Tumour")[0]["scans"]) == 3


def test_cancel_leaves_alone_what_was_there(project: Path, tmp_path: Path) -> None:
    patients(tmp_path / "set")
    imported(project, tmp_path / "set" / "A")
    with Project.open(project) as opened:
        opened.ensure_label("Brain")
    before = files(project)
    # A is there and gets its masks, B comes in, then it is called off
    cancelled(project, tmp_path / "set", label="Tumour")
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        assert (scan.name, str(scan.status)) == ("S0001", "to_do")
        assert opened.annotations(scan.id) == []
        assert [label.name for label in opened.labels()] == ["Brain"]
        assert opened.verify() == []
    assert files(project) == before
    assert linked("scan") == 1


def test_cancel_keeps_what_somebody_has_drawn_on(project: Path, tmp_path: Path) -> None:
    patients(tmp_path / "set")
    ready: list[str] = []
    job = import_job(
        project,
        [tmp_path / "set"],
        ImportOptions(label="Tumour", reader="anna"),
        lambda: "cancel" if len(ready) > 1 else "",
    )
    events: list[JobEvent] = []

    def on_scan(name: str) -> None:
        ready.append(name)
        if name == "S0001":
            draw(project, name)

    follow(job, events, on_scan)
    assert [event.fields["scans"] for event in events if isinstance(event, Notice) and event.key == "import-kept"] == [
        "S0001"
    ]
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        assert {annotation.reader for annotation in opened.annotations(scan.id)} == {"anna", "ben"}
        assert opened.labels().find("Tumour") is not None
        assert opened.verify() == []


def draw(project: Path, name: str) -> None:
    with Project.open(project) as opened:
        scan = opened.scan(name)
        annotation = opened.ensure_annotation(scan.id, "ben")
        mask = np.zeros(scan.shape, np.uint8)
        mask[0, 2, 2] = 1
        states = [SliceState(0, Origin.DRAWN, None, True, "ben", 1.0)]
        opened.save_layers(annotation.id, {"lesions": mask}, {"lesions": states}, journal_sequence=1)


def test_stop_keeps_what_is_in(project: Path, tmp_path: Path) -> None:
    patients(tmp_path / "set")
    ready: list[str] = []
    job = import_job(project, [tmp_path / "set"], ImportOptions(label="Tumour"), lambda: "stop" if ready else "")
    for event in job:
        if isinstance(event, ScanReady):
            ready.append(event.scan)
    with Project.open(project) as opened:
        assert [scan.name for scan in opened.scans()] == ["S0001"]
        assert len(opened.annotations(opened.scans()[0].id)) == 1


def test_cancel_ends_the_reading_of_a_long_scan(project: Path, tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii", noise((60, 8, 8)), AFFINE)
    asked: list[int] = []

    def word() -> str:
        asked.append(1)
        return "cancel" if len(asked) > 30 else ""

    with pytest.raises(Cancelled):
        list(import_job(project, [tmp_path / "a.nii"], ImportOptions(), word))
    # in the middle of its slices, not at its end
    assert len(asked) < 45
    with Project.open(project) as opened:
        assert opened.scans() == []


# ------------------------------------------------------------------ what another program made


def automasks(folder: Path) -> np.ndarray:
    write_nifti(folder / "h.nii.gz", noise((4, 6, 5), top=900, dtype="int16"), AFFINE)
    guess = noise((4, 6, 5), 3, top=2)
    write_nifti(folder / "h_automask.nii.gz", guess, AFFINE)
    return guess


def test_an_automask_is_a_prediction_and_never_drawn(project: Path, tmp_path: Path) -> None:
    guess = automasks(tmp_path / "d")
    result, events = imported(project, tmp_path / "d", label="Brain")
    assert (result["masks"], result["predictions"]) == (0, 1)
    assert "predictions-taken" in notices(events)
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        assert opened.annotations(scan.id) == []
        (record,) = list_predictions(opened, scan=scan.id)
        np.testing.assert_array_equal(read_prediction(opened, record.run, scan.id)["Brain"], guess)
        run = find_run(opened, record.run)
        assert (run.imported, run.comparable, run.usable, run.labels) == (True, True, False, ("Brain",))
        # it trained nothing, so it is none of the runs
        assert list_runs(opened) == []
        assert str(tmp_path) not in run.name
        assert ensure_imported(opened, ["Brain"]) == run.id
        assert opened.verify() == []
    again, _ = imported(project, tmp_path / "d", label="Brain")
    assert (again["predictions"], again["present"]) == (0, 1)


def test_an_automask_that_comes_later_joins_its_scan(project: Path, tmp_path: Path) -> None:
    guess = automasks(tmp_path / "d")
    (tmp_path / "d" / "h_automask.nii.gz").rename(tmp_path / "later.nii.gz")
    imported(project, tmp_path / "d", label="Brain")
    (tmp_path / "later.nii.gz").rename(tmp_path / "d" / "h_automask.nii.gz")
    result, events = imported(project, tmp_path / "d" / "h.nii.gz", label="Brain")
    assert (result["present"], result["predictions"]) == (1, 1)
    assert [event.scan for event in events if isinstance(event, ScanReady)] == ["S0001"]
    with Project.open(project) as opened:
        (record,) = list_predictions(opened)
        np.testing.assert_array_equal(read_prediction(opened, record.run, record.scan)["Brain"], guess)


def test_cancel_takes_predictions_back_too(project: Path, tmp_path: Path) -> None:
    automasks(tmp_path / "d")
    write_nifti(tmp_path / "d" / "z.nii.gz", noise((2, 3, 4)), AFFINE)
    cancelled(project, tmp_path / "d", after=1, label="Brain")
    with Project.open(project) as opened:
        assert list_predictions(opened) == []
        assert not list(opened.predictions_folder.rglob("*.gz"))
        assert opened.verify() == []


# ------------------------------------------------------------------ masks


def test_how_masks_were_read_is_told_once(project: Path, tmp_path: Path) -> None:
    patients(tmp_path / "set")
    _, events = imported(project, tmp_path / "set", label="Tumour")
    told = [event.fields for event in events if isinstance(event, Notice) and event.key == "masks-read"]
    assert told == [{"count": 3, "convention": "0 and 255"}]


def test_many_notices_of_a_kind_are_counted(project: Path, tmp_path: Path) -> None:
    for number in range(6):
        write_picture(tmp_path / "images" / f"x{number}.png", noise((9, 9), number))
        write_picture(tmp_path / "masks" / f"x{number}.png", np.full((9, 9), 255, np.uint8))
    _, events = imported(project, tmp_path / "images", label="Tumour", as_="pictures")
    assert notices(events).count("mask-inverted") == 3
    (more,) = [event for event in events if isinstance(event, Notice) and event.key == "masks-more"]
    assert more.fields["count"] == 3


def test_colours_are_named_by_their_colour(project: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "d" / "x.png", noise((6, 8)))
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[1:3, 1:4], pixels[4:6, 1:4] = (255, 0, 0), (0, 0, 255)
    write_picture(tmp_path / "d" / "x_mask.png", pixels)
    _, events = imported(project, tmp_path / "d", label="Tumour")
    (told,) = [event.error for event in events if isinstance(event, Skipped)]
    assert (told.code, told.fields["colours"]) == ("mask-colours", "#0000ff, #ff0000")
    _, events = imported(project, tmp_path / "d", label="#ff0000=Core")
    codes = [event.error.code for event in events if isinstance(event, Skipped)]
    assert codes == ["mask-unnamed", "scan-present"]
    result, _ = imported(project, tmp_path / "d", label="#ff0000=Core, #0000FF=Oedema")
    assert result["masks"] == 1
    with Project.open(project) as opened:
        (annotation,) = opened.annotations(opened.scans()[0].id)
        layer = opened.read_layer(annotation.id, "lesions")
        assert (layer == opened.labels().named("Core").value)[0, 1:3, 1:4].all()
        assert np.count_nonzero(layer) == 12


def test_one_name_for_several_values_is_told(project: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "x.png", noise((6, 8)))
    write_picture(tmp_path / "labels" / "x.png", noise((6, 8), top=3))
    _, events = imported(project, tmp_path / "images", label="Bleed")
    (told,) = [event for event in events if isinstance(event, Notice) and event.key == "masks-merged"]
    assert told.fields == {"file": "x.png", "values": "1, 2", "label": "Bleed"}


def test_a_mask_of_one_number_may_be_named_by_it(project: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "d" / "x.png", noise((6, 8)))
    write_picture(tmp_path / "d" / "x_mask.png", noise((6, 8), 1, top=2) * np.uint8(255))
    # nothing is lost in silence where the name is of another number
    _, events = imported(project, tmp_path / "d", label="2=Core")
    assert skipped(events) == {"x.png": "mask-unnamed"}
    result, _ = imported(project, tmp_path / "d", label="255=Core")
    assert result["masks"] == 1


def test_resampled_masks_are_told_and_audited(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_nifti(tmp_path / "d" / "h.nii.gz", noise((8, 12, 10), top=900, dtype="int16"), np.diag([2.0, 2.0, 2.0, 1.0]))
    block = np.zeros((16, 24, 20), np.uint8)
    block[4:12, 4:12, 4:12] = 1
    write_nifti(tmp_path / "d" / "h_mask.nii.gz", block)
    _, events = imported(project, tmp_path / "d", label="Brain")
    assert skipped(events) == {"h.nii.gz": "mask-grid"}
    result, events = imported(project, tmp_path / "d", label="Brain", resample_masks=True)
    assert result["masks"] == 1
    assert "masks-resampled" in notices(events)
    with Project.open(project) as opened:
        (annotation,) = opened.annotations(opened.scans()[0].id)
        layer = opened.read_layer(annotation.id, "brain")
        assert np.count_nonzero(layer) * 8 == np.count_nonzero(block)
        rows = opened.store.rows("SELECT facts FROM audit WHERE action = 'import'")
        assert ['"resampled": true' in row[0] or '"resampled":true' in row[0] for row in rows] == [True]
    # the same on the command line, for one scan
    file = tmp_path / "d" / "h_mask.nii.gz"
    words = ["masks", str(project), "S0001", str(file), "--label", "Tumour"]
    assert line.run(words) == 1
    assert "--resample-masks" in capsys.readouterr().err
    assert line.run([*words, "--resample-masks"]) == 0
    assert "nearest voxel" in capsys.readouterr().out


def test_a_scan_and_its_mask_in_one_archive(project: Path, tmp_path: Path) -> None:
    import h5py

    voxels, truth = noise((4, 12, 14), top=900, dtype="int16"), noise((4, 12, 14), 1, top=2)
    with h5py.File(tmp_path / "x.h5", "w") as archive:
        archive["image"] = voxels
        archive["mask"] = truth
    result, _ = imported(project, tmp_path / "x.h5", label="Tumour")
    assert (result["scans"], result["masks"]) == (["S0001"], 1)
    with Project.open(project) as opened:
        (scan,) = opened.scans()
        np.testing.assert_array_equal(opened.read_volume(scan.id).array, voxels)
        (annotation,) = opened.annotations(scan.id)
        np.testing.assert_array_equal(opened.read_layer(annotation.id, "lesions") > 0, truth > 0)


def test_a_broken_scan_among_good_ones_is_listed_and_the_rest_goes_on(project: Path, tmp_path: Path) -> None:
    patients(tmp_path / "set", "AB")
    broken = tmp_path / "set" / "A" / "A_2.png"
    write_picture(broken, noise((64, 64), 1))
    whole = broken.read_bytes()
    for number in (1, 3):
        write_picture(tmp_path / "set" / "A" / f"A_{number}.png", noise((64, 64), number))
    # its header is whole, its pixels are not
    broken.write_bytes(whole[: len(whole) - 100])
    write_dicom(tmp_path / "set" / "x.dcm", noise((4, 4)), PixelData=b"1")
    result, events = imported(project, tmp_path / "set")
    assert len(result["scans"]) == 2
    assert skipped(events) == {"A_2.png": "picture-unreadable", "x.dcm": "file-truncated"}
    # the slice that is not there is told
    assert "slices-unread" in notices(events)
