"""Exporting and taking in as jobs: what lands where, what is refused, what is left when it is called off."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from exchange_support import nothing_else_changed

from core.commands.line import run
from core.errors import Cancelled, InputError, StorageError
from core.events import Finished, Notice, Skipped, never_stop
from core.exchange.exporting import export_job
from core.exchange.items import Out
from core.exchange.registry import FORMATS, READERS, make_format, reader_module
from core.exchange.taking import TakeOptions, look, take_job
from core.geometry import Geometry
from core.io import atomic
from core.io.sandbox import Decoder
from core.messages import text
from core.project.project import Project
from core.project.records import NewLayers, Origin, ScanStatus, SliceState
from core.volume import Volume

AFFINE = np.array([[-0.9, 0.11, 0.3, 81.5], [0.08, -1.1, 0.4, 93.25], [0.1, 0.2, 2.9, -40.0], [0, 0, 0, 1]])
SHAPE = (4, 9, 7)


def states(finished: set[int], reader: str) -> list[SliceState]:
    return [SliceState(z, Origin.DRAWN, None, z in finished, reader) for z in range(SHAPE[0])]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two patients with a brain and a tumour inside it, and one scan that nobody drew on."""
    random = np.random.default_rng(7)
    with Project.create(tmp_path / "p.meninx") as made:
        brain, tumour = made.ensure_label("Brain"), made.ensure_label("Tumour")
        for number in range(2):
            volume = Volume(random.integers(-9, 99, SHAPE).astype(np.int16), Geometry(SHAPE, AFFINE), modality="MR")
            inside = np.zeros(SHAPE, np.uint8)
            inside[:, 1:8, 1 + number : 6] = brain.value
            spot = (random.random(SHAPE) < 0.3).astype(np.uint8) * tumour.value
            layers = {brain.layer: inside, tumour.layer: spot}
            known = {brain.layer: states({0, 1, 2, 3}, "Anna"), tumour.layer: states({0, 2}, "Anna")}
            made.add_scan(volume, patient=f"who{number}", layers=NewLayers("Anna", layers, known))
        made.add_scan(Volume(random.integers(0, 9, SHAPE).astype(np.uint8), Geometry(SHAPE, AFFINE)), patient="who3")
    return tmp_path / "p.meninx"


def masks_of(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return, by pixel hash of the scan, every label's mask."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with Project.open(path, read_only=True) as project:
        for scan in project.scans():
            for annotation in project.annotations(scan.id):
                for label in project.labels():
                    layer = project.read_layer(annotation.id, label.layer)
                    if layer is not None:
                        found.setdefault(scan.sha256, {})[label.name] = layer == label.value
    return found


def finished_of(path: Path) -> dict[str, dict[str, set[int]]]:
    found: dict[str, dict[str, set[int]]] = {}
    with Project.open(path, read_only=True) as project:
        for scan in project.scans():
            for annotation in project.annotations(scan.id):
                for label in project.labels():
                    rows = project.slice_states(annotation.id, label.layer)
                    found.setdefault(scan.sha256, {})[label.name] = {row.slice for row in rows if row.finished}
    return found


@pytest.mark.parametrize("format", ["nifti", "nrrd", "nnunet", "bids"])
def test_a_project_goes_out_and_comes_into_another_one(project: Path, tmp_path: Path, format: str) -> None:
    list(export_job(project, format, tmp_path / "out", images=True))
    Project.create(tmp_path / "new.meninx").close()
    events = list(take_job(tmp_path / "new.meninx", tmp_path / "out"))
    assert events[-1].result["scans"] == ["S0001", "S0002"]
    before, after = masks_of(project), masks_of(tmp_path / "new.meninx")
    assert before.keys() == after.keys(), "the scans are the same voxels"
    for digest, labels in before.items():
        assert labels.keys() == after[digest].keys()
        for name, mask in labels.items():
            assert np.array_equal(mask, after[digest][name]), name
    if format != "nnunet":
        assert finished_of(tmp_path / "new.meninx") == finished_of(project)
        with Project.open(tmp_path / "new.meninx", read_only=True) as new:
            assert {a.reader for scan in new.scans() for a in new.annotations(scan.id)} == {"Anna"}
    with Project.open(tmp_path / "new.meninx", read_only=True) as new:
        brain, tumour = new.labels().named("Brain"), new.labels().named("Tumour")
        assert brain.layer != tumour.layer
        assert new.verify() == []


@pytest.mark.parametrize("format", ["nifti", "nrrd", "png", "hdf5", "bids"])
def test_masks_without_pictures_find_their_scan_by_its_voxels(project: Path, tmp_path: Path, format: str) -> None:
    list(export_job(project, format, tmp_path / "out"))
    with Project.open(project) as opened, Project.create(tmp_path / "new.meninx") as new:
        for scan in opened.scans():
            new.add_scan(opened.read_volume(scan.id), patient=None)
    list(take_job(tmp_path / "new.meninx", tmp_path / "out"))
    before, after = masks_of(project), masks_of(tmp_path / "new.meninx")
    for digest, labels in before.items():
        for name, mask in labels.items():
            assert np.array_equal(mask, after[digest][name]), name
    assert finished_of(tmp_path / "new.meninx") == finished_of(project)


def test_what_is_drawn_is_never_written_over(project: Path, tmp_path: Path) -> None:
    list(export_job(project, "nrrd", tmp_path / "out"))
    before = masks_of(project)
    events = list(take_job(project, tmp_path / "out"))
    assert [event.error.code for event in events if isinstance(event, Skipped)] == ["exchange-drawn"] * 2
    after = masks_of(project)
    assert all(
        np.array_equal(mask, after[key][name]) for key, labels in before.items() for name, mask in labels.items()
    )
    events = list(take_job(project, tmp_path / "out", TakeOptions(reader="Bea")))
    assert events[-1].result["masks"] == 2
    with Project.open(project, read_only=True) as opened:
        assert [a.reader for a in opened.annotations(opened.scans()[0].id)] == ["Anna", "Bea"]


def test_labels_are_renamed_and_left_out(project: Path, tmp_path: Path) -> None:
    list(export_job(project, "nrrd", tmp_path / "out", images=True))
    Project.create(tmp_path / "new.meninx").close()
    list(take_job(tmp_path / "new.meninx", tmp_path / "out", TakeOptions({"Brain": "", "Tumour": "Lesion"})))
    with Project.open(tmp_path / "new.meninx", read_only=True) as new:
        assert [label.name for label in new.labels()] == ["Lesion"]


def test_the_manifest_names_every_file_and_says_what_is_finished(project: Path, tmp_path: Path) -> None:
    (*_, last) = export_job(project, "nifti", tmp_path / "out", images=True)
    assert isinstance(last, Finished)
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    listed = {entry["name"]: entry for entry in content["files"]}
    there = {p.relative_to(tmp_path / "out").as_posix(): p for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert set(there) == {*listed, "manifest.json"}
    for name, entry in listed.items():
        assert hashlib.sha256(there[name].read_bytes()).hexdigest() == entry["sha256"]
        assert there[name].stat().st_size == entry["size"]
    tumour = content["scans"][0]["labels"]["Tumour"]
    assert tumour["finished"] == "0,2"
    assert tumour["origins"] == {"drawn": "0-3"}
    assert content["complete"] is True
    assert content["scans"][0]["reader"] == "Anna"
    list(export_job(project, "nifti", tmp_path / "out2", deidentify=True))
    assert "Anna" not in (tmp_path / "out2" / "manifest.json").read_text()


def test_only_done_and_only_approved(project: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        list(export_job(project, "nifti", tmp_path / "out", only="done"))
    assert refused.value.code == "export-none-so"
    with Project.open(project) as opened:
        first, second, _ = opened.scans()
        opened.set_status(first.id, ScanStatus.DONE)
        opened.set_status(second.id, ScanStatus.APPROVED)
    (*_, done) = export_job(project, "nifti", tmp_path / "done", only="done")
    (*_, approved) = export_job(project, "nifti", tmp_path / "approved", only="approved")
    assert done.result["scans"] == ["S0001", "S0002"]
    assert approved.result["scans"] == ["S0002"]


def test_a_scan_that_was_asked_for_and_has_no_mask_is_told_of(project: Path, tmp_path: Path) -> None:
    events = list(export_job(project, "nifti", tmp_path / "a"))
    assert [event.key for event in events if isinstance(event, Notice)] == ["export-without"]
    events = list(export_job(project, "nifti", tmp_path / "b", scans=["S0001", "S0003"]))
    assert [event.source for event in events if isinstance(event, Skipped)] == ["S0003"]


def test_stripped_brains_have_no_face(project: Path, tmp_path: Path) -> None:
    import nibabel

    list(export_job(project, "nifti", tmp_path / "out", stripped=True, labels=["Tumour"]))
    scan = np.asarray(nibabel.load(tmp_path / "out" / "P001_S0001.nii.gz").dataobj).transpose(2, 1, 0)
    with Project.open(project, read_only=True) as opened:
        volume = opened.read_volume(opened.scans()[0].id)
        inside = masks_of(project)[opened.scans()[0].sha256]["Brain"]
    assert np.array_equal(scan[inside], volume.array[inside])
    assert set(np.unique(scan[~inside])) == {volume.array.min()}


@pytest.mark.parametrize("word", ["cancel", "stop"])
def test_called_off_leaves_nothing_and_stopped_says_so(project: Path, tmp_path: Path, word: str) -> None:
    asked = iter(["", word, word, word])
    job = export_job(project, "nifti", tmp_path / "out" / "deep", lambda: next(asked))
    if word == "cancel":
        with pytest.raises(Cancelled):
            list(job)
        assert not (tmp_path / "out" / "deep").exists()
        return
    (*_, last) = job
    assert last.result["scans"] == ["S0001"]
    assert json.loads((tmp_path / "out" / "deep" / "manifest.json").read_text())["complete"] is False


def test_a_full_disk_leaves_nothing(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = atomic.write_bytes
    written: list[Path] = []

    def full(target: Path, data: bytes) -> None:
        written.append(target)
        if len(written) == 3:
            raise StorageError("disk-full", file=target)
        whole(target, data)

    monkeypatch.setattr(atomic, "write_bytes", full)
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError):
        list(export_job(project, "nifti", tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_with_something_in_it_and_the_project_itself_are_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for target, code in ((tmp_path / "full", "export-folder"), (project / "scans" / "x", "export-in-project")):
        with pytest.raises(InputError) as refused:
            list(export_job(project, "nifti", target))
        assert refused.value.code == code
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    list(export_job(project, "nifti", project / "exports" / "here"))


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../../x", "a//b", "", "C:\\x", "a\\b", "con", "a/NUL.png", "x ", "x.", "a\0b", "x" * 200],
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "root").mkdir()
    out = Out(tmp_path / "root")
    with nothing_else_changed(tmp_path, tmp_path / "none"), pytest.raises(InputError) as refused:
        out.file(name, b"x")
    assert refused.value.code == "export-name"
    out.file("a/B.txt", b"x")
    with pytest.raises(InputError):
        out.file("A/b.TXT", b"y")


def test_an_export_changes_nothing_but_its_target(project: Path, tmp_path: Path) -> None:
    with nothing_else_changed(project, project / "project.sqlite"):
        list(export_job(project, "png", tmp_path / "out", images=True, layout="both"))


def test_links_and_names_that_lead_out_are_not_followed(project: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    list(export_job(project, "nnunet", secret))
    theirs = tmp_path / "theirs"
    (theirs / "imagesTr").mkdir(parents=True)
    (theirs / "labelsTr").mkdir()
    case = "P001_S0001"
    (theirs / "labelsTr" / f"{case}.nii.gz").symlink_to(secret / "labelsTr" / f"{case}.nii.gz")
    (theirs / "imagesTr" / f"{case}_0000.nii.gz").symlink_to(secret / "imagesTr" / f"{case}_0000.nii.gz")
    (theirs / "dataset.json").write_bytes((secret / "dataset.json").read_bytes())
    with Decoder() as decoder:
        assert look(decoder, theirs, "nnunet").lines == ()
        for name in ("../secret/imagesTr/", str(secret / "imagesTr") + "/"):
            entry = {"image": f"{name}{case}_0000.nii.gz", "label": f"{name}../labelsTr/{case}.nii.gz"}
            task = {"labels": {"0": "background", "1": "x"}, "modality": {"0": "MR"}, "training": [entry]}
            (theirs / "dataset.json").write_text(json.dumps(task))
            (line,) = look(decoder, theirs, "decathlon").lines
            assert line.image is None
            assert line.problem is not None
            assert line.problem.key == "exchange-file-gone"


def test_the_decathlon_comes_in_with_all_its_channels(tmp_path: Path) -> None:
    import nibabel

    random = np.random.default_rng(1)
    task = tmp_path / "Task01_Brain"
    for folder in ("imagesTr", "labelsTr"):
        (task / folder).mkdir(parents=True)
    channels = random.integers(0, 99, (7, 9, 4, 2)).astype(np.int16)
    labels = random.integers(0, 3, (7, 9, 4)).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(channels, AFFINE), task / "imagesTr" / "A_1.nii.gz")
    nibabel.save(nibabel.Nifti1Image(labels, AFFINE), task / "labelsTr" / "A_1.nii.gz")
    entry = {"image": "./imagesTr/A_1.nii.gz", "label": "./labelsTr/A_1.nii.gz"}
    facts = {"labels": {"0": "background", "1": "edema", "2": "core"}, "modality": {"0": "FLAIR", "1": "T1"}}
    (task / "dataset.json").write_text(json.dumps(facts | {"training": [entry]}))
    Project.create(tmp_path / "new.meninx").close()
    (*_, last) = take_job(tmp_path / "new.meninx", task)
    assert last.result["tool"] == "decathlon"
    with Project.open(tmp_path / "new.meninx", read_only=True) as new:
        first, second = new.scans()
        assert first.patient == second.patient
        assert np.array_equal(new.read_volume(second.id).array, channels[..., 1].T)
        (annotation,) = new.annotations(first.id)
        for name, value in (("edema", 1), ("core", 2)):
            label = new.labels().named(name)
            layer = new.read_layer(annotation.id, label.layer)
            assert np.array_equal(layer == label.value, value == labels.T)
        assert new.annotations(second.id) == []


def test_slicer_segmentations_with_layers_and_a_cropped_one(tmp_path: Path, project: Path) -> None:
    list(export_job(project, "nrrd", tmp_path / "out"))
    with Decoder() as decoder:
        plan = look(decoder, tmp_path / "out" / "P001_S0001.seg.nrrd")
    assert plan.reader == "nrrd"
    assert set(plan.labels) == {"Brain", "Tumour"}
    assert plan.overlaps == {("Brain", "Tumour")}
    # cut to its middle, as Slicer writes it, and in another order of axes
    scan = SimpleITK.ReadImage(str(tmp_path / "out" / "P001_S0001.seg.nrrd"))
    part = SimpleITK.Flip(SimpleITK.VectorIndexSelectionCast(scan, 1)[1:7, 2:9, 1:3], (True, False, True))
    for key in scan.GetMetaDataKeys():
        if key.startswith("Segment1_"):
            part.SetMetaData(key.replace("Segment1_", "Segment0_"), scan.GetMetaData(key))
    part.SetMetaData("Segment0_Layer", "0")
    (tmp_path / "cut").mkdir()
    SimpleITK.WriteImage(part, str(tmp_path / "cut" / "P001_S0001.seg.nrrd"), True)
    with Project.open(project, read_only=True) as opened, Project.create(tmp_path / "new.meninx") as new:
        first = opened.scans()[0]
        scan_there = new.add_scan(opened.read_volume(first.id), patient=None, source=["/x/P001_S0001.nii.gz"])
    wanted = np.zeros(SHAPE, bool)
    wanted[1:3, 2:9, 1:7] = masks_of(project)[first.sha256]["Tumour"][1:3, 2:9, 1:7]
    list(take_job(tmp_path / "new.meninx", tmp_path / "cut"))
    assert np.array_equal(masks_of(tmp_path / "new.meninx")[scan_there.sha256]["Tumour"], wanted)


def test_command_line_export_look_and_take(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(project), "--format", "nnunet", "-o", str(tmp_path / "out"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["scans"] == ["S0001", "S0002"]
    new = tmp_path / "new.meninx"
    assert run(["import", str(new), str(tmp_path / "out"), "--look", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tool"] == "nnunet"
    assert set(told["labels"]) == {"Brain", "Tumour"}
    assert not new.exists()
    assert run(["import", str(new), str(tmp_path / "out"), "--from", "auto", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["masks"] == 2
    assert run(["import", str(new), str(tmp_path / "out"), "--from", "word"]) == 1
    assert run(["export", str(project), "--format", "nifti", "-o", str(tmp_path / "out")]) == 1
    (tmp_path / "odd.json").write_text("{}")
    assert run(["import", str(tmp_path / "none.meninx"), str(tmp_path / "odd.json"), "--from", "auto"]) == 1
    assert not (tmp_path / "none.meninx").exists()


def test_cancelled_taking_leaves_the_project_as_it_was(project: Path, tmp_path: Path) -> None:
    list(export_job(project, "nifti", tmp_path / "out", images=True))
    Project.create(tmp_path / "new.meninx").close()
    words = iter([""] * 4)
    with pytest.raises(Cancelled):
        list(take_job(tmp_path / "new.meninx", tmp_path / "out", None, lambda: next(words, "cancel")))
    with Project.open(tmp_path / "new.meninx", read_only=True) as new:
        assert new.scans() == []
        assert list(new.labels()) == []
    list(take_job(tmp_path / "new.meninx", tmp_path / "out", None, never_stop))


def test_every_format_and_reader_is_there_and_has_its_words() -> None:
    for name in FORMATS:
        assert make_format(name).name == name
        assert text(f"exchange.name_{name.replace('-', '_')}")
        assert text(f"exchange.about_{name.replace('-', '_')}")
    for name in READERS:
        module = reader_module(name)
        assert callable(module.fits)
        assert callable(module.read)
        assert text(f"exchange.reader_{name.replace('-', '_')}")
