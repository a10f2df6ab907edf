"""Runs compared, drawn, exported, taken in elsewhere and deleted, as a person or a script asks for it."""

from __future__ import annotations

import csv
import json
import pickle
import zipfile
from dataclasses import replace
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from review_support import bright_run

from core.commands.line import run as command
from core.errors import LearningError
from core.geometry import Geometry
from core.learning.events import EpochEnded, RunEnded, Scores, TrainingStarted
from core.learning.run_files import LEARNT_FILE, check_safetensors, origin_of
from core.learning.runs import (
    EventLog,
    Pin,
    RunState,
    best_run,
    find_run,
    pin_scans,
    read_pins,
    run_folder,
    update_run,
    write_evaluation,
)
from core.project.predictions import list_predictions, write_prediction
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.review.curves import figure_of, read_curves
from core.review.evaluation import record_look
from core.review.run_compare import compare_runs
from core.volume import Volume

SHAPE = (3, 24, 24)


def said(capsys, *words):
    """Run a command with --json and return (status, its object, stderr)."""
    capsys.readouterr()
    status = command([*[str(word) for word in words], "--json"])
    caught = capsys.readouterr()
    return status, json.loads(caught.out), caught.err


def make_project(path):
    with Project.create(path) as made:
        label = made.ensure_label("Brain")
        for number in range(3):
            random = np.random.default_rng(number)
            mask = np.zeros(SHAPE, np.uint8)
            mask[1:, 6:16, 8:18] = 1
            array = (random.integers(0, 20, SHAPE) + 300 * mask.astype(int)).astype(np.uint16)
            volume = Volume(array, Geometry(SHAPE, np.diag([-1.0, -1.0, 4.0, 1.0])))
            scan = made.add_scan(volume, patient=f"patient {number}")
            annotation = made.ensure_annotation(scan.id, "anna")
            states = [SliceState(z, Origin.DRAWN, None, True, "anna", 0.0) for z in range(SHAPE[0])]
            made.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)
    return path


def trained(project, *, parts=None, dices=(0.3, 0.6, 0.5), reasons=(), parent=None, config=None, label_slices=None):
    """Add a usable run with epochs of these validation Dice, pinned to its scans."""
    ids = [scan.id for scan in project.scans()]
    parts = parts or {"train": ids[:1], "validation": ids[1:2], "test": ids[2:3]}
    run = bright_run(project, parts | {"reasons": list(reasons)})
    log = EventLog(project, run.id)
    log.append(
        TrainingStarted(
            *(run.id, run.name, "unet", 5_000_000, "cpu", "float32", 3, 3, 9, 3, 3, 3, 0.8),
            leaky=bool(reasons),
            label_slices=label_slices,
        )
    )
    for number, dice in enumerate(dices, start=1):
        best = max(dices[:number])
        scores = Scores(1 - dice, dice, dice / (2 - dice), 0.9)
        log.append(EpochEnded(run.id, number, 3, scores, scores, dices.index(best) + 1, best, 1.0, 1e-3))
    log.append(RunEnded(run.id, "done", 1, max(dices)))
    hashes = {scan.id: scan.sha256 for scan in project.scans()}
    pin_scans(project, run.id, [Pin(scan, part, hashes[scan], {}) for part, scans in parts.items() for scan in scans])
    with project.store.transaction() as connection:
        connection.execute("UPDATE run SET parent = ? WHERE id = ?", (parent, run.id))
    if config is not None:
        update_run(project, run.id, config=config(run.config))
    return find_run(project, run.id)


@pytest.fixture
def project(tmp_path):
    with Project.open(make_project(tmp_path / "p.meninx")) as opened:
        yield opened


# --------------------------------------------------------------------- curves


@pytest.mark.parametrize(("slices", "said"), [(4, "newest"), (5, "best")])
def test_the_picture_of_curves_says_which_epoch_is_kept_and_why(project, slices, said):
    figure = figure_of(read_curves(project, trained(project, label_slices=slices)))
    assert [said in words for words, _, _ in figure.legend] == [False, False, True]
    assert said in figure.lines[-1].lower()


def test_curves_as_files(project, tmp_path, capsys):
    trained(project, reasons=["patients-unknown"])
    folder = tmp_path / "curves"
    status, facts, err = said(capsys, "runs", project.path, "--curves", folder)
    assert status == 0
    assert facts["runs"][0]["files"] == ["run_1_curves.svg", "run_1_curves.png", "run_1_curves.csv"]
    assert str(folder) in err
    with (folder / "run_1_curves.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation_dice"]) for row in rows] == [0.3, 0.6, 0.5]
    assert float(rows[1]["validation_iou"]) == pytest.approx(0.6 / 1.4)
    assert float(rows[0]["baseline_accuracy"]) == 0.8
    assert "may leak" in rows[0]["stamp"]
    drawn = ElementTree.fromstring((folder / "run_1_curves.svg").read_bytes())
    words = " ".join(node.text or "" for node in drawn.iter() if node.tag.endswith("text"))
    for part in ("Loss", "Dice", "IoU", "Pixel accuracy", "all background: 0.8000", "may leak", "best epoch (2)"):
        assert part in words
    lines = [node for node in drawn.iter() if node.tag.endswith("polyline")]
    assert sum(len(line.get("points", "").split()) == 3 and line.get("fill") == "none" for line in lines) >= 8
    picture = cv2.imread(str(folder / "run_1_curves.png"))
    assert picture.shape[1] == 2400
    assert picture[0, 0].tolist() == [255, 255, 255], "on paper"
    # the validation line's colour, in BGR, is there
    assert (np.abs(picture.astype(int) - (0x00, 0x6A, 0xC4)).sum(axis=2) < 12).sum() > 500


def test_a_run_without_an_epoch_is_passed_over_in_words(project, tmp_path, capsys):
    trained(project)
    bright_run(project, {})
    status, facts, err = said(capsys, "runs", project.path, "--curves", tmp_path / "c")
    assert status == 0
    assert facts["skipped"][0]["source"] == "Run 2"
    assert "no curves" in err
    assert len(list((tmp_path / "c").iterdir())) == 3


def test_a_run_by_name_tells_what_its_curves_say(project, capsys):
    flat = [0.1, 0.3, 0.5, 0.6, 0.65, *[0.6] * 12]
    trained(project, dices=tuple(flat))
    status, facts, err = said(capsys, "runs", project.path, "--run", "last")
    assert status == 0
    assert "not got better for 12 epochs" in facts["runs"][0]["warnings"][0]
    assert facts["runs"][0]["warnings"][0] in err


# ----------------------------------------------------------------- comparison


def measured(project, run, dices, *, part="val"):
    rows = [{"scan": f"S{n}", "label": "Brain", "patient": f"P{n}", "dice": dice} for n, dice in enumerate(dices)]
    summary = {"dice": {"mean": float(np.mean(dices)), "median": 0.8, "ci95": [0.5, 0.9], "count": len(dices)}}
    summary |= {"pooled_dice": 0.7, "pooled_dice_ci95": [0.6, 0.8], "scans": len(dices)}
    write_evaluation(project, run, part, {"summary": summary, "scans": rows, "stamp": "Few patients."})


def test_runs_beside_each_other(project, capsys, tmp_path):
    first = trained(project)
    second = trained(project, config=lambda old: old.__class__(labels=("Brain",), loss="bce", size=64, slices=1))
    measured(project, first, [0.8, 0.6, 0.7])
    measured(project, second, [0.85, 0.65, 0.75])
    record_look(project, second.id)
    found = compare_runs(project, ["1", "2"])
    assert found.settings == (("loss", ("dice_ce", "bce")),)
    difference = found.differences["val"][0]
    # every scan is 0.05 better: paired, there is no doubt, though the intervals overlap
    assert difference.mean == pytest.approx(0.05)
    assert difference.ci95 == pytest.approx((0.05, 0.05))
    assert [one.looks for one in found.runs] == [0, 1]
    rows = dict(found.rows("val"))
    assert [spread.mean for spread in rows["dice"]] == pytest.approx([0.7, 0.75])
    assert rows["pooled_dice"][0].ci95 == (0.6, 0.8)
    status, facts, err = said(capsys, "runs", project.path, "--compare", "1", "2", "--curves", tmp_path / "c")
    assert status == 0
    assert facts["comparison"]["settings"] == {"loss": ["dice_ce", "bce"]}
    for part in ("Dice minus that of Run 1", "+0.0500", "0.7000 (0.5 to 0.9)", "Few patients.", "Looks"):
        assert part in err
    assert sorted(file.name for file in (tmp_path / "c").iterdir()) == [
        "compare_run_1_run_2.png",
        "compare_run_1_run_2.svg",
    ]


@pytest.mark.parametrize("refs", [["1"], ["1", "1"], ["1", "2", "3", "4", "5"]])
def test_two_to_four_different_runs(project, refs):
    for _ in range(5):
        trained(project)
    with pytest.raises(LearningError) as caught:
        compare_runs(project, refs)
    assert caught.value.code == "compare-count"


# ------------------------------------------------------------ giving and taking


def test_a_run_goes_to_another_project_and_predicts_there(project, tmp_path, capsys):
    run = trained(project, reasons=["patients-unknown"])
    measured(project, run, [0.8])
    status, facts, _ = said(capsys, "runs", project.path, "--export", "last", "-o", tmp_path / "out.zip")
    assert status == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as zipped:
        names = {name.partition("/")[2] for name in zipped.namelist()}
        assert zipped.testzip() is None
    assert {"model.onnx", "model.json", "learnt.json", "evaluation-val.json", "run_1_curves.png", "SHA256SUMS"} <= names
    assert set(facts["files"]) == names
    # the other project holds one scan that the run learnt from, under another id
    other = make_project(tmp_path / "other.meninx")
    status, facts, err = said(capsys, "import-run", other, tmp_path / "out.zip")
    assert status == 0, err
    assert facts["origin"] == "out.zip", "its model does not say what it was called"
    assert facts["learnt_here"] == 3
    assert facts["left"] == [], "curves and figures are for people, not worth a word"
    with Project.open(other) as there:
        taken = find_run(there, facts["run"])
        assert taken.usable
        assert taken.state is RunState.DONE
        assert taken.best_dice is None, "it was chosen on other scans"
        assert best_run(there) is None
        assert origin_of(there, taken.id)
        pins = {pin.scan_sha256: pin.part for pin in read_pins(there, taken.id)}
        assert pins[there.scans()[0].sha256] == "train"
        assert not list((there.runs_folder).glob(".tmp-*"))
    status, facts, _ = said(capsys, "predict", other, "--run", "last")
    assert status == 0
    assert len(facts["scans"]) == 3
    status, _, err = said(capsys, "verify", other)
    assert status == 0, err


def test_a_folder_is_taken_too_and_what_it_leaves_is_told(project, tmp_path, capsys):
    trained(project)
    said(capsys, "runs", project.path, "--export", "1", "-o", tmp_path / "out")
    (tmp_path / "out" / "resume.pt").write_bytes(b"x")
    (tmp_path / "out" / "card.md").write_text("A card that somebody wrote on.")
    other = make_project(tmp_path / "other.meninx")
    status, facts, err = said(capsys, "import-run", other, tmp_path / "out")
    assert status == 0
    assert "resume.pt" in facts["left"]
    assert "left out" in err
    with Project.open(other) as there:
        assert not (run_folder(there, facts["run"]) / "resume.pt").exists()


class Bomb:
    def __reduce__(self):
        return (print, ("opened!",))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "foreign-none"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"no model"), "foreign-damaged"),
        (lambda folder: (folder / "model.json").write_text("[1]"), "foreign-damaged"),
        (lambda folder: (folder / "model.json").write_text('{"labels": ["Brain"]}'), "foreign-damaged"),
        (lambda folder: (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb())), "foreign-damaged"),
        (lambda folder: (folder / "config.json").write_text('{"network": "future"}'), "foreign-other"),
        (lambda folder: (folder / "events.jsonl").write_text(""), "foreign-damaged"),
        (lambda folder: (folder / "model.onnx").rename(folder / "model.pth"), "foreign-pickle"),
    ],
)
def test_what_is_no_run_is_refused_in_words_and_nothing_is_opened(project, tmp_path, capsys, spoil, code):
    trained(project)
    said(capsys, "runs", project.path, "--export", "1", "-o", tmp_path / "out")
    spoil(tmp_path / "out")
    other = make_project(tmp_path / "other.meninx")
    status, facts, err = said(capsys, "import-run", other, tmp_path / "out")
    assert (status, facts["error"]["code"]) == (1, code)
    assert err.strip().endswith(".")
    assert "opened!" not in err
    with Project.open(other) as there:
        assert there.store.rows("SELECT count(*) FROM run")[0][0] == 0
        assert not [path for path in there.runs_folder.glob("*") if path.is_dir()]


def test_a_pickle_alone_is_refused(project, tmp_path, capsys):
    (tmp_path / "weights.pth").write_bytes(pickle.dumps(Bomb()))
    status, facts, err = said(capsys, "import-run", project.path, tmp_path / "weights.pth")
    assert (status, facts["error"]["code"]) == (1, "foreign-pickle")
    assert "opened!" not in err


def test_a_zip_cannot_choose_where_it_is_written(project, tmp_path, capsys):
    trained(project)
    said(capsys, "runs", project.path, "--export", "1", "-o", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as zipped:
        for file in (tmp_path / "out").iterdir():
            zipped.write(file, f"run/{file.name}")
        zipped.writestr("run/../../../escaped.json", "{}")
        zipped.writestr("/escaped.json", "{}")
    other = make_project(tmp_path / "other.meninx")
    status, _, _ = said(capsys, "import-run", other, tmp_path / "evil.zip")
    assert status == 0
    assert not list(tmp_path.rglob("escaped.json"))
    (tmp_path / "cut.zip").write_bytes((tmp_path / "evil.zip").read_bytes()[:-400])
    status, facts, _ = said(capsys, "import-run", other, tmp_path / "cut.zip")
    assert (status, facts["error"]["code"]) in {(1, "foreign-damaged"), (1, "foreign-missing")}
    with zipfile.ZipFile(tmp_path / "flipped.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(tmp_path / "out" / "model.json", "run/model.json")
    data = bytearray((tmp_path / "flipped.zip").read_bytes())
    data[60:80] = b"\xff" * 20
    (tmp_path / "flipped.zip").write_bytes(data)
    status, facts, _ = said(capsys, "import-run", other, tmp_path / "flipped.zip")
    assert (status, facts["error"]["code"]) == (1, "foreign-damaged")


def test_safetensors_are_known_by_their_bytes(tmp_path):
    table = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    file = tmp_path / "m.safetensors"
    good = len(table).to_bytes(8, "little") + table + b"\0" * 8
    file.write_bytes(good)
    check_safetensors(file)
    for bad in (good[:-1], good + b"x", b"", b"\xff" * 40, good.replace(b"data_offsets", b"data_offsetz")):
        file.write_bytes(bad)
        with pytest.raises(LearningError):
            check_safetensors(file)


def test_what_an_ancestor_learnt_travels_along(project, tmp_path, capsys):
    ids = [scan.id for scan in project.scans()]
    parent = trained(project, parts={"train": ids[:2], "validation": ids[2:]})
    trained(project, parts={"train": ids[2:], "validation": ids[1:2]}, parent=parent.id)
    said(capsys, "runs", project.path, "--export", "2", "-o", tmp_path / "out")
    learnt = {row["sha256"]: row["part"] for row in json.loads((tmp_path / "out" / LEARNT_FILE).read_text())["scans"]}
    assert set(learnt.values()) == {"train"}
    assert len(learnt) == 3


def test_an_export_tells_nothing_of_this_computer_or_its_people(project, tmp_path, capsys):
    def local(old):
        told = {
            "network": "resnet18_unet",
            "encoder_weights": "/home/somebody/weights.pth",
            "reader": "anna",
            "assigned": ("train KEY",),
        }
        return replace(old, **told)

    trained(project, config=local)
    said(capsys, "runs", project.path, "--export", "1", "-o", tmp_path / "out")
    for file in (tmp_path / "out").iterdir():
        content = file.read_bytes()
        for word in (b"somebody", b"anna", b"train KEY", b"patient 0"):
            assert word not in content, file.name


def test_nothing_is_written_over(project, tmp_path, capsys):
    trained(project)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    status, facts, _ = said(capsys, "runs", project.path, "--export", "1", "-o", tmp_path / "out")
    assert (status, facts["error"]["code"]) == (1, "export-there")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine.txt"]
    status, facts, _ = said(capsys, "runs", project.path, "--export", "1")
    assert facts["error"]["code"] == "export-where"


# ------------------------------------------------------------------- deletion


def test_a_run_is_deleted_with_its_predictions_and_nothing_else(project, capsys):
    run, other = trained(project), trained(project)
    scan = project.scans()[0].id
    mask = np.ones(SHAPE, np.uint8)
    for one in (run, other):
        write_prediction(project, one.id, scan, {"Brain": mask}, {"Brain": mask})
    record_look(project, run.id)
    status, facts, err = said(capsys, "runs", project.path, "--delete", "1")
    assert (status, facts["error"]["code"]) == (1, "delete-unsure")
    assert "1 predictions" in err
    assert find_run(project, "1").usable
    status, facts, _ = said(capsys, "runs", project.path, "--delete", "1", "--yes")
    assert status == 0
    assert facts["predictions"] == 1
    assert not run_folder(project, run.id).exists()
    assert not (project.predictions_folder / run.id).exists()
    assert [record.run for record in list_predictions(project)] == [other.id]
    assert find_run(project, "2").usable
    kept = [json.loads(row[0]) for row in project.store.rows("SELECT facts FROM audit WHERE action = 'delete-run'")]
    assert kept[0]["test_looks"] == 1
    status, _, err = said(capsys, "verify", project.path)
    assert status == 0, err


def test_a_parent_and_a_running_run_stay(project, capsys):
    parent = trained(project)
    trained(project, parent=parent.id)
    status, facts, err = said(capsys, "runs", project.path, "--delete", "1", "--yes")
    assert (status, facts["error"]["code"]) == (1, "run-has-children")
    assert "Run 2" in err
    running = trained(project)
    update_run(project, running.id, state=RunState.RUNNING)
    from core.learning.runs import mark_alive

    mark_alive(project, running.id)
    _, facts, _ = said(capsys, "runs", project.path, "--delete", "3", "--yes")
    assert facts["error"]["code"] == "run-is-running"
