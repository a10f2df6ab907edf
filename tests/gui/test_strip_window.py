"""How to predict, and stripping files, from the window: the same as the command line takes."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_project as small
from PySide6.QtWidgets import QDialog

from core.errors import InputError
from core.events import Finished, Skipped
from core.review.strip import Stripping
from core.review.tidy import Tidying, Ways
from gui.dialogs.strip_dialog import StripDialog
from gui.main_window import MainWindow
from gui.review.ways_dialog import WaysDialog
from models.worker import Job, events_of


@pytest.fixture
def window(qtbot, tmp_path):
    path = tmp_path / "small.meninx"
    with small.make_project(path, scans=2, lesion=False) as project:
        small.past_run(project)
    with small.open_session(path) as session:
        made = MainWindow(session)
        qtbot.addWidget(made)
        made.resize(1280, 800)
        made.show()
        yield session, made
        made.review.close_page()


def test_what_is_chosen_once_holds_for_each_prediction(window, qtbot, monkeypatch):
    session, made = window
    made.show_workspace("review")
    session.open_scan(session.project.scans()[0].id)
    qtbot.waitUntil(lambda: made.review.run is not None and session.scan is not None, timeout=15000)
    desk = made.review.predicting
    desk.predict_scan()
    usual = session.jobs.of_kind("predict")[0]
    assert "ways" not in usual.thread.job.arguments
    usual.thread.end(Finished({"scans": [], "name": "Run 1"}))

    def answer(dialog: WaysDialog) -> int:
        dialog.box.mirrored.setChecked(True)
        dialog.box.three_views.setChecked(True)
        dialog.box.smallest.setValue(30)
        dialog.box.margin.setValue(-0.5)
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(WaysDialog, "exec", answer)
    made.review.bar.ways_asked.emit()
    desk.predict_all()
    arguments = session.jobs.of_kind("predict")[0].thread.job.arguments
    assert arguments["ways"] == Ways(mirrored=True, three_views=True, tidying=Tidying(0.0, 30.0, -0.5))
    # what was chosen is shown the next time
    assert WaysDialog(desk.ways, made).ways() == desk.ways
    monkeypatch.setattr(WaysDialog, "exec", lambda dialog: QDialog.DialogCode.Rejected)
    made.review.bar.ways_asked.emit()
    assert desk.ways


def test_the_dialog_asks_what_the_command_asks_and_the_job_does_it(window, qtbot, monkeypatch, tmp_path):
    session, made = window
    scan = session.project.scans()[0]
    from core.project.exporting import encode_volume

    (tmp_path / "head.nii.gz").write_bytes(encode_volume(session.project.read_volume(scan.id)))

    def answer(dialog: StripDialog) -> int:
        assert not dialog.accept_button.isEnabled(), "nothing is listed yet"
        dialog.add([tmp_path / "head.nii.gz"])
        dialog.add([tmp_path / "head.nii.gz"])
        assert dialog.inputs == [tmp_path / "head.nii.gz"]
        assert dialog.accept_button.isEnabled()
        assert not dialog.remove_button.isEnabled(), "nothing is chosen that could be removed"
        dialog.files.setCurrentRow(0)
        assert dialog.remove_button.isEnabled()
        dialog.model.setCurrentIndex(dialog.model.findData("classical"))
        dialog.folder.setText(str(tmp_path / "out"))
        dialog.crop_box.setChecked(True)
        dialog.crop.setValue(4)
        dialog.background_box.setChecked(True)
        dialog.background.setValue(3)
        dialog.soft.setValue(2)
        dialog.dicom.setCurrentIndex(1)
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(StripDialog, "exec", answer)
    made.actions_table["strip"].trigger()
    work = session.jobs.of_kind("strip")[0]
    arguments = work.thread.job.arguments
    assert arguments["stripping"] == Stripping(3.0, 2.0, 4.0)
    assert arguments["dicom"] is True
    # what the window orders is what the job takes
    events = list(events_of(Job("strip", arguments)))
    assert events[-1].result["scans"] == 1
    assert {Path(one).name for one in events[-1].result["written"]} == {"head_brain.nii.gz", "head_mask.nii.gz"}
    told = []
    session.notifier.told.connect(told.append)
    work.thread.say(Skipped("bad.nii", InputError("file-missing", file="bad.nii")))
    work.thread.end(Finished({"scans": 1, "failed": 1}))
    assert told
    assert "bad.nii" in str(told[-1])


def test_runs_that_draw_a_brain_are_offered_and_others_not(window):
    session, made = window
    other = small.past_run(session.project, labels=("Tumour",))
    offered = [model for model, _ in made.commands.stripper.models()]
    assert f"{session.project.path}:Run 1" in offered
    assert f"{session.project.path}:{other.name}" not in offered
    assert offered[-1] == "classical"
