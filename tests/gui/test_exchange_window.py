"""Exporting for another tool and taking its export in, through the window's own dialogs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from exchange_text_support import picture, region, task
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from core.exchange.exporting import export_job
from core.exchange.label_studio_rle import encode
from core.geometry import Geometry
from core.labels import LabelSet
from core.project.project import Project
from core.project.records import NewLayers, Origin, SliceState
from core.volume import Volume
from gui.dialogs.box_dialog import BoxDialog
from gui.dialogs.export_dialog import ExportDialog
from gui.dialogs.foreign_dialog import ForeignDialog
from gui.main_window import MainWindow

SHAPE = (3, 8, 9)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An nnU-Net data set of two scans, the labels of one of them damaged."""
    random = np.random.default_rng(2)
    with Project.create(tmp_path / "p.meninx") as project:
        label = project.ensure_label("Tumour")
        for number in range(2):
            layer = random.integers(0, 2, SHAPE).astype(np.uint8)
            states = [SliceState(z, Origin.DRAWN, None, True, "Anna") for z in range(3)]
            new = NewLayers("Anna", {label.layer: layer}, {label.layer: states})
            array = random.integers(0, 99, SHAPE).astype(np.int16)
            project.add_scan(Volume(array, Geometry(SHAPE, np.eye(4))), patient=f"{number}", layers=new)
    list(export_job(tmp_path / "p.meninx", "nnunet", tmp_path / "out"))
    (tmp_path / "out" / "labelsTr" / "P002_S0002.nii.gz").write_bytes(b"nothing")
    return tmp_path / "out"


@pytest.fixture
def foreign(qtbot: QtBot, export: Path) -> Iterator[ForeignDialog]:
    dialog = ForeignDialog(export, LabelSet().with_label("Brain"))
    qtbot.addWidget(dialog)
    dialog.show()
    yield dialog
    dialog.reject()


def test_the_look_says_what_lands_and_what_does_not(qtbot: QtBot, foreign: ForeignDialog) -> None:
    assert not foreign.accept_button.isEnabled()
    qtbot.waitUntil(lambda: foreign.plan is not None, timeout=30_000)
    assert foreign.accept_button.isEnabled()
    assert "1 of them" in foreign.said.text()
    assert foreign.table.rowCount() == 2
    # what will not land stands first, with its reason
    assert foreign.table.item(0, 0).text() == "P002_S0002_0000.nii.gz"
    assert "left out" in foreign.table.item(0, 1).text()
    assert foreign.table.item(1, 2).text() == "Tumour"
    foreign.fields["Tumour"].setText(" Lesion ")
    assert foreign.options().labels == {"Tumour": "Lesion"}


def test_a_picture_that_lies_elsewhere_is_shown_with_its_address(qtbot: QtBot, tmp_path: Path) -> None:
    made = task([region("brushlabels", {"format": "rle", "rle": encode(np.ones((20, 30)) > 0), "brushlabels": ["A"]})])
    made["data"] = {"image": "https://pictures.example/a/brain.png?key=secret"}
    (tmp_path / "e.json").write_text(json.dumps([made]))
    dialog = ForeignDialog(tmp_path / "e.json", LabelSet())
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: dialog.plan is not None, timeout=30_000)
    told = dialog.table.item(0, 1).text()
    assert "https://pictures.example/a/brain.png" in told
    assert "secret" not in told
    assert dialog.table.item(0, 1).toolTip() == told
    assert dialog.table.rowHeight(0) > dialog.table.verticalHeader().defaultSectionSize(), "read whole, on two lines"
    dialog.reject()


def test_whose_the_pictures_are_is_chosen_before_they_are_taken_in(
    qtbot: QtBot, opened: MainWindow, tmp_path: Path
) -> None:
    drawn = {"format": "rle", "rle": encode(np.ones((20, 30)) > 0), "brushlabels": ["A"]}
    names = ["anna-first.png", "anna-later.png", "ben-first.png", "1.png"]
    tasks = [task([region("brushlabels", drawn)], name) for name in names]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "e.json").write_text(json.dumps(tasks))
    for number, name in enumerate(names):
        picture(tmp_path / "in" / name, value=number)
    foreign, session = opened.commands.foreign, opened.session
    before = {scan.id for scan in session.project.scans()}
    foreign.look(tmp_path / "in")
    dialog = foreign.dialog
    qtbot.waitUntil(lambda: dialog.plan is not None, timeout=30_000)
    assert dialog.patient_row.isVisible()
    assert dialog.options().patient_from == ""
    dialog.patient.choose("name")
    for typed, said in (("([a-z]+", "check its brackets"), ("([a-z]+)-", "2 patients. Of 1 nobody says")):
        dialog.patient.pattern.clear()
        qtbot.keyClicks(dialog.patient.pattern, typed)
        qtbot.waitUntil(lambda said=said: said in dialog.patients.text(), timeout=10_000)
    assert dialog.options().patient_from == "name:([a-z]+)-"
    qtbot.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.project.scans()) == len(before) + 4, timeout=60_000)
    qtbot.waitUntil(lambda: not session.jobs.running, timeout=30_000)
    came = [scan for scan in session.project.scans() if scan.id not in before]
    assert sorted(Counter(scan.patient for scan in came if scan.patient_known).values()) == [1, 2]
    assert [scan.patient_known for scan in came].count(False) == 1


def test_the_first_scan_is_shown_where_nothing_was(qtbot: QtBot, opened: MainWindow, tmp_path: Path) -> None:
    foreign, session = opened.commands.foreign, opened.session
    session.create_project(tmp_path / "empty.meninx")
    assert session.scan is None
    drawn = {"format": "rle", "rle": encode(np.ones((20, 30)) > 0), "brushlabels": ["A"]}
    (tmp_path / "in").mkdir()
    for number, name in enumerate(("a", "b", "c")):
        picture(tmp_path / "in" / f"{name}.png", value=number)
    tasks = [task([region("brushlabels", drawn)], f"{name}.png") for name in ("a", "b", "c")]
    (tmp_path / "in" / "e.json").write_text(json.dumps(tasks))
    foreign.look(tmp_path / "in")
    qtbot.waitUntil(lambda: foreign.dialog.plan is not None, timeout=30_000)
    qtbot.mouseClick(foreign.dialog.accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.project.scans()) == 3, timeout=60_000)
    qtbot.waitUntil(lambda: not session.jobs.running and session.scan is not None, timeout=30_000)
    assert session.scan.name == session.project.scans()[0].name
    shown = session.scan
    # what comes in later leaves what is looked at where it is
    picture(tmp_path / "in" / "d.png", value=9)
    (tmp_path / "in" / "e.json").write_text(json.dumps([task([region("brushlabels", drawn)], "d.png")]))
    foreign.look(tmp_path / "in")
    qtbot.waitUntil(lambda: foreign.dialog.plan is not None, timeout=30_000)
    qtbot.mouseClick(foreign.dialog.accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(session.project.scans()) == 4, timeout=60_000)
    qtbot.waitUntil(lambda: not session.jobs.running, timeout=30_000)
    assert session.scan.id == shown.id


def test_labels_come_from_the_code_of_an_interface(qtbot: QtBot, opened: MainWindow, tmp_path: Path) -> None:
    session = opened.session
    (tmp_path / "interface.xml").write_text(
        '<View><Image name="i" value="$image"/><BrushLabels name="b" toName="i">'
        '<Label value="Oedema" background="red"/><Label value="brain"/></BrushLabels></View>'
    )
    before = len(session.labels)
    opened.commands.foreign.take_labels(tmp_path / "interface.xml")
    qtbot.waitUntil(lambda: session.labels.find("Oedema") is not None, timeout=30_000)
    assert session.labels.named("Oedema").color == "#ff0000"
    assert len(session.labels) == before + 1


def test_what_is_no_export_is_refused_in_words(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "odd.txt").write_text("nothing")
    dialog = ForeignDialog(tmp_path / "odd.txt", LabelSet())
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: "odd.txt" in dialog.said.text(), timeout=30_000)
    assert not dialog.accept_button.isEnabled()
    dialog.reject()


def test_every_format_says_what_it_takes(qtbot: QtBot, tmp_path: Path) -> None:
    labels = LabelSet().with_label("Brain").with_label("Tumour")
    dialog = ExportDialog(labels, "Brain", ("id", "S0001"), ["id", "other"], tmp_path)
    qtbot.addWidget(dialog)
    folders = set()
    for row in range(1, dialog.formats.count()):
        dialog.formats.setCurrentRow(row)
        taken = dialog.arguments()
        assert taken["format"] == dialog.format
        assert taken["labels"] == ["Brain", "Tumour"]
        # what is a list of pictures brings them along, as its line says
        assert taken["images"] == (taken["format"] in ("coco", "label-studio"))
        assert dialog.about.text()
        folders.add(taken["target"])
    assert len(folders) == dialog.formats.count() - 1, "each export has a folder of its own"
    for row in range(2):
        dialog.labels.item(row).setCheckState(Qt.CheckState.Unchecked)
    assert not dialog.accept_button.isEnabled()
    dialog.labels.item(1).setCheckState(Qt.CheckState.Checked)
    assert dialog.arguments()["labels"] == ["Tumour"]
    assert dialog.accept_button.isEnabled()


def test_boxes_over_words_are_drawn_and_go_out(qtbot: QtBot, tmp_path: Path) -> None:
    array = np.random.default_rng(1).integers(0, 900, (5, 40, 60)).astype(np.int16)
    volume = Volume(array, Geometry(array.shape, np.eye(4)))
    dialog = ExportDialog(LabelSet().with_label("Brain"), "Brain", ("id", "S0001"), [], tmp_path, volume=volume)
    qtbot.addWidget(dialog)
    rows = [dialog.formats.item(row).data(Qt.ItemDataRole.UserRole) for row in range(dialog.formats.count())]
    dialog.formats.setCurrentRow(rows.index("dicom-seg"))
    assert dialog.boxes_button.isHidden()
    dialog.images_box.setChecked(True)
    assert dialog.boxes_button.isHidden(), "identity stays in: nothing is blanked"
    dialog.deidentify_box.setChecked(True)
    assert not dialog.boxes_button.isHidden()
    asked = BoxDialog(volume, dialog.boxes)
    qtbot.addWidget(asked)
    asked.show()
    picture = asked.picture
    for start, end in (((3, 5), (20, 9)), ((50, 39), (30, 30))):
        qtbot.mousePress(picture, Qt.MouseButton.LeftButton, pos=picture.place_of(*start).toPoint())
        qtbot.mouseMove(picture, picture.place_of(10, 7).toPoint())
        qtbot.mouseRelease(picture, Qt.MouseButton.LeftButton, pos=picture.place_of(*end).toPoint())
    assert len(asked.boxes) == 2
    for (left, top, width, height), wanted in zip(asked.boxes, ((3, 5, 20, 9), (30, 30, 50, 39)), strict=True):
        # every pixel that was touched, and the place on the screen is rounded
        assert np.abs(np.array((left, top, left + width, top + height)) - wanted).max() <= 1
    qtbot.mouseClick(picture, Qt.MouseButton.LeftButton, pos=picture.place_of(40, 35).toPoint())
    assert len(asked.boxes) == 1
    dialog.boxes = asked.boxes
    assert dialog.arguments()["boxes"] == asked.boxes
    dialog.deidentify_box.setChecked(False)
    assert dialog.arguments()["boxes"] == ()
