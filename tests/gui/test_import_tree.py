"""The import page: what the files hold, what is chosen of it, and what comes in."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot
from reader_support import make_series, noise, write_dicom, write_nifti, write_picture
from shell_support import wait_loaded

from core.errors import InputError
from core.io.sniff import Format
from core.io.source import Found, Passed, Source
from core.phantom import make_head
from gui.bringing import Bringer
from gui.dialogs.import_dialog import ImportDialog
from gui.dialogs.importing.delegate import FoundDelegate
from gui.dialogs.importing.looker import Known, Seen
from gui.dialogs.importing.model import ImportModel, Role
from gui.dialogs.importing.words import weighting
from gui.intake import is_scratch
from gui.main_window import MainWindow

CANARY = "ZZCANARY"


def cd(folder: Path) -> Path:
    """A CD of two patients: a series with a gap, one without, a picture with a mask, a 4-D file, a text."""
    make_series(
        folder / "A", PatientID=f"{CANARY}-1", PatientName=f"{CANARY}^Anna", EchoTime="90", RepetitionTime="4000"
    )
    make_series(folder / "B", PatientID="P2", PatientName="Berta", keep=(0, 1, 3, 4))
    head = make_head(1, shape=(4, 24, 20))
    write_nifti(folder / "head.nii.gz", head.volume.array, head.volume.geometry.affine)
    write_nifti(folder / "head_mask.nii.gz", head.masks["Brain"].astype(np.uint8), head.volume.geometry.affine)
    write_nifti(folder / "run4d.nii.gz", noise((3, 4, 6, 5), dtype="uint8"))
    (folder / "readme.txt").write_text("no scan")
    return folder


def wait_page(window: MainWindow, qtbot: QtBot) -> ImportDialog:
    """Wait until the page shows what was found and has looked at all of it."""

    def seen() -> bool:
        page = window.commands.import_page
        return page is not None and bool(page.model.rows) and all(row.seen for row in page.model.rows)

    qtbot.waitUntil(seen, timeout=30_000)
    page = window.commands.import_page
    assert page is not None
    return page


@pytest.fixture
def page(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> Iterator[ImportDialog]:
    """The page on the CD, everything looked at."""
    window.commands.take_dropped([cd(tmp_path / "cd")])
    yield wait_page(window, qtbot)
    window.commands.close()


def by_place(page: ImportDialog) -> dict[str, object]:
    return {row.source.files[0].parent.name or "": row for row in page.model.rows}


def row_of(page: ImportDialog, ending: str):
    (found,) = [row for row in page.model.rows if row.source.files[0].as_posix().endswith(ending)]
    return found


def shown(page: ImportDialog, row) -> str:
    """What the details say of a row."""
    page.tree.setCurrentIndex(page.model.index_of(row))
    return "\n".join((page.details.title.text(), page.details.facts.text(), page.details.warnings.text()))


def test_a_cd_is_shown_as_patients_and_scans(page: ImportDialog) -> None:
    assert [group.title for group in page.model.groups] == ["Patient 1", "Patient 2", "Patient unknown"]
    assert [group.hint for group in page.model.groups] == ["A", "B", ""]
    assert page.count.text() == "4 of 4 scans chosen  ·  2 patients"
    words = shown(page, row_of(page, "A/IM0000.dcm"))
    assert "MR axial, 5 slices, T2?" in words
    assert "8 × 6 × 5" in words
    assert "1 × 2 × 3 mm" in words
    assert "5 files" in words
    assert "missing (slice 3)" in shown(page, row_of(page, "B/IM0000.dcm"))
    assert "mask: 0 and 1" in shown(page, row_of(page, "head.nii.gz"))
    assert all(row.picture is not None for row in page.model.rows)
    assert [page.passed.list.topLevelItem(0).text(column) for column in (0, 1)] == [
        "readme.txt",
        "readme.txt is a document or table, not a scan.",
    ]


def test_no_name_is_shown_unless_asked(page: ImportDialog, window: MainWindow) -> None:
    def words() -> str:
        model = page.model
        tops = [model.index(number, 0) for number in range(model.rowCount())]
        said = [str(model.data(top)) for top in tops]
        said += [str(model.data(model.index(0, 0, top))) for top in tops]
        return "\n".join(said + [label.text() for label in page.findChildren(QLabel)])

    for row in page.model.rows:
        page.tree.setCurrentIndex(page.model.index_of(row))
        assert CANARY not in words()
    page.names.setChecked(True)
    assert f"{CANARY} Anna" in words()
    assert window.session.settings.preferences.show_names, "it is remembered for this workstation"
    assert CANARY not in window.windowTitle() + page.windowTitle()
    page.names.setChecked(False)
    assert CANARY not in words()


def test_choosing_all_none_and_by_patient(page: ImportDialog, qtbot: QtBot) -> None:
    qtbot.mouseClick(page.none_button, Qt.MouseButton.LeftButton)
    assert page.model.chosen() == []
    assert not page.accept_button.isEnabled()
    model = page.model
    patient = model.index(0, 0)
    # a click on the box of the patient
    place = page.tree.visualRect(patient).topLeft() + QPoint(38, 18)
    qtbot.mouseClick(page.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert [row.group for row in model.chosen()] == [0]
    assert page.accept_button.text() == "Import 1 scan"
    qtbot.mouseClick(page.all_button, Qt.MouseButton.LeftButton)
    assert len(model.chosen()) == 4
    unknown = model.index(2, 0)
    model.toggle(model.index(0, 0, unknown))
    assert model.data(unknown, Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.PartiallyChecked
    page.tree.setCurrentIndex(model.index(0, 0, patient))
    qtbot.keyClick(page.tree, Qt.Key.Key_Space)
    assert len(model.chosen()) == 2
    # a click beside the box folds
    place = page.tree.visualRect(patient).topLeft() + QPoint(200, 18)
    qtbot.mouseClick(page.tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert not page.tree.isExpanded(patient)


def test_one_of_several_volumes_is_chosen_and_looked_at(page: ImportDialog, qtbot: QtBot) -> None:
    row = row_of(page, "run4d.nii.gz")
    assert page.model.picks()[-1].volume in (None, 0)
    page.tree.setCurrentIndex(page.model.index_of(row))
    assert page.details.volume.isVisible()
    before = row.picture
    page.details.volume.setValue(3)
    qtbot.waitUntil(lambda: row.seen.volume == 2, timeout=10_000)
    assert row.picture is not before
    assert page.details.slider.value() == 3
    (pick,) = [pick for pick in page.model.picks() if pick.key == row.source.key]
    assert pick.volume == 2
    # who chose once may choose again
    assert page.details.volume.isVisible()
    assert page.details.volume.maximum() == 3
    page.details.volume.setValue(2)
    qtbot.waitUntil(lambda: row.seen.volume == 1, timeout=10_000)


def test_what_is_chosen_comes_in_and_nothing_else(page: ImportDialog, window: MainWindow, qtbot: QtBot) -> None:
    page.model.set_all(False)
    for ending in ("B/IM0000.dcm", "head.nii.gz", "run4d.nii.gz"):
        page.model.toggle(page.model.index_of(row_of(page, ending)))
    page.model.choose(row_of(page, "run4d.nii.gz"), volume=1)
    page.choices.label.setCurrentText("Brain")
    closed = []
    page.finished.connect(closed.append)
    qtbot.mouseClick(page.accept_button, Qt.MouseButton.LeftButton)
    assert page.cancel_button.isVisible()
    assert not page.accept_button.isVisible()
    qtbot.waitUntil(lambda: bool(closed), timeout=60_000)
    wait_loaded(window, qtbot)
    project = window.session.project
    assert project is not None
    scans = project.scans()
    assert sorted(scan.description for scan in scans) == ["MR axial 5 slices", "axial 4 slices", "axial 4 slices"]
    volume = project.read_volume(next(scan.id for scan in scans if scan.shape == (4, 6, 5)))
    assert volume.facts["volume"] == 1
    masked = next(scan for scan in scans if scan.shape == (4, 24, 20))
    (annotation,) = project.annotations(masked.id)
    assert project.read_layer(annotation.id, "brain").any()


def test_cancel_leaves_nothing_behind(page: ImportDialog, window: MainWindow, qtbot: QtBot) -> None:
    page.start()
    assert page.work is not None
    folder = window.session.project.path
    assert is_scratch(folder)
    page.reject()
    assert page.isVisible(), "it stays until the import has ended"
    qtbot.waitUntil(lambda: page.work is None, timeout=30_000)
    assert page.problem.text() == "The import was cancelled."
    assert page.problem.property("role") == "muted", "one asked for it: nothing went wrong"
    assert window.session.project is None
    assert not folder.exists()
    assert page.accept_button.isEnabled(), "it can be begun again"


def test_patients_are_put_together_another_way(page: ImportDialog, qtbot: QtBot) -> None:
    page.model.toggle(page.model.index_of(row_of(page, "A/IM0000.dcm")))
    page.choices.patient.choose("folder")
    qtbot.waitUntil(lambda: [group.hint for group in page.model.groups] == ["A", "B", ""], timeout=20_000)
    assert not row_of(page, "A/IM0000.dcm").checked, "what was chosen stays chosen"
    assert page.options().patient_from == "folder"


def test_what_is_in_the_project_already_is_left_out(page: ImportDialog, window: MainWindow, qtbot: QtBot) -> None:
    page.start()
    qtbot.waitUntil(lambda: window.commands.import_page is None, timeout=60_000)
    wait_loaded(window, qtbot)
    folder = Path(window.session.project.links.scan(window.session.scan.id).source[0]).parents[1]
    moved = folder.with_name("copy of the cd")
    shutil.copytree(folder, moved)
    window.intake.bring([moved])
    again = wait_page(window, qtbot)
    # the series are known by their numbers; files by where they were
    assert [row.present != "" for row in again.model.rows] == [True, True, False, False]
    assert [row.checked for row in again.model.rows] == [False, False, True, True]
    assert [group.title for group in again.model.groups][:2] == ["P001", "P002"]
    window.commands.close()


def test_one_plain_scan_opens_at_once(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    make_series(tmp_path / "A", PatientID="P1")
    window.commands.take_dropped([tmp_path / "A"])
    wait_loaded(window, qtbot)
    qtbot.waitUntil(lambda: not window.session.jobs.running, timeout=30_000)
    assert window.session.scan.shape == (5, 6, 8)
    assert window.commands.import_page is None, "nobody was asked anything"


def test_one_plain_scan_opens_at_once_also_after_a_long_search(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_series(tmp_path / "A", PatientID="P1")
    monkeypatch.setattr("gui.bringing.PATIENCE_MS", 0)
    shown_first = []
    window.intake.page_asked.connect(lambda *facts: shown_first.append(facts[3]))
    fresh = Bringer(window.session, window)
    fresh.page_asked.connect(window.intake.page_asked)
    fresh.look([tmp_path / "A"])
    wait_loaded(window, qtbot)
    assert shown_first == [None], "the page told how far the search was"
    qtbot.waitUntil(lambda: window.commands.import_page is None, timeout=10_000)
    qtbot.waitUntil(lambda: not window.session.jobs.running, timeout=30_000)


def test_a_file_with_several_volumes_asks_which(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    write_nifti(tmp_path / "run.nii.gz", noise((3, 4, 6, 5)))
    window.intake.open(tmp_path / "run.nii.gz")
    page = wait_page(window, qtbot)
    assert page.details.volume.maximum() == 3
    page.start()
    qtbot.waitUntil(lambda: window.commands.import_page is None, timeout=60_000)
    wait_loaded(window, qtbot)
    assert window.session.scan.shape == (4, 6, 5)


def test_values_of_masks_are_asked_for_their_labels(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    labels = np.zeros((8, 9), np.uint8)
    labels[2:4], labels[5:7] = 1, 4
    for number in (1, 2):
        write_picture(tmp_path / "anna" / f"s_{number}.png", noise((8, 9), seed=number))
        write_picture(tmp_path / "anna" / f"s_{number}_mask.png", labels)
    window.commands.take_dropped([tmp_path / "anna"])
    page = wait_page(window, qtbot)
    assert "several labels (1, 4)" in shown(page, page.model.rows[0])
    qtbot.waitUntil(lambda: bool(page.choices.value_names), timeout=10_000)
    # no field is spoken of where none is shown
    assert not page.choices.value_names["1"].isVisible()
    assert "stay out until you choose a label" in page.choices.mask_words.text()
    page.choices.label.setCurrentText("Bleed")
    assert page.choices.value_names["1"].isVisible()
    assert "left empty is called as the field shows" in page.choices.mask_words.text()
    assert list(page.choices.value_names) == ["1", "4"]
    assert page.choices.value_names["1"].placeholderText() == "Bleed"
    assert page.options().label == "Bleed"
    page.choices.value_names["4"].setText("Oedema, near")
    assert page.choices.value_names["1"].placeholderText() == "Bleed 1"
    assert page.options().label == "1=Bleed 1,4=Oedema  near"
    page.start()
    qtbot.waitUntil(lambda: window.commands.import_page is None, timeout=60_000)
    assert {label.name for label in window.session.labels} >= {"Bleed 1", "Oedema  near"}


def test_what_a_program_drew_is_shown_beside_its_scan(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    for number in (1, 2):
        write_nifti(tmp_path / f"head{number}.nii.gz", noise((6, 8, 9), seed=number))
    write_nifti(tmp_path / "head2_automask.nii.gz", np.ones((6, 8, 9), np.uint8))
    window.commands.take_dropped([tmp_path])
    page = wait_page(window, qtbot)
    assert ["automask" in shown(page, row) for row in page.model.rows] == [False, True]


def test_voxels_that_are_no_numbers_are_told_though_the_page_could_not_know(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    for number in range(5):
        voxels = np.random.default_rng(number).normal(100, 20, (5, 24, 20)).astype(np.float32)
        voxels[0, 3:5, 3:6] = np.nan
        write_nifti(tmp_path / "scans" / f"head{number}.nii.gz", voxels)
    said: list[str] = []
    notifier = window.session.notifier
    tell = notifier.tell
    notifier.tell = lambda words, *rest, **more: (said.append(words), tell(words, *rest, **more))[1]  # type: ignore[method-assign]
    window.commands._import([tmp_path / "scans"])
    page = wait_page(window, qtbot)
    qtbot.mouseClick(page.accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any("5 scans came in" in words for words in said), timeout=30_000)
    told = [words for words in said if "6 of 2400 voxels are no numbers" in words]
    assert len(told) < 5, "the first are told, the others counted"
    assert told[-1].startswith(f"{5 - (len(told) - 1)} more like this")


def test_a_search_can_be_stopped(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    for number in range(400):
        write_dicom(tmp_path / "many" / f"{number}.dcm", np.zeros((4, 4), np.int16), SeriesInstanceUID=f"1.2.{number}")
    window.commands.ask_import()
    page = window.commands.import_page
    assert page is not None
    page.add([tmp_path / "many"])
    assert page.searching.isVisible()
    qtbot.mouseClick(page.searching.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.problem.text() == "The search was stopped.", timeout=10_000)
    assert page.invitation.isVisible()
    page.add([tmp_path / "many"])
    qtbot.waitUntil(lambda: len(page.model.rows) == 400, timeout=30_000)
    window.commands.close()


def test_where_nothing_is_a_scan_the_reasons_stand_below_an_invitation_to_choose_again(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("hello", "utf-8")
    (tmp_path / "empty").mkdir()
    write_nifti(tmp_path / "head.nii.gz", np.random.default_rng(1).normal(100, 20, (5, 24, 20)).astype(np.float32))
    window.commands.ask_import()
    page = window.commands.import_page
    assert page is not None
    page.add([tmp_path / "letters"])
    qtbot.waitUntil(lambda: page.problem.text().startswith("Nothing here can be read"), timeout=30_000)
    assert page.invitation.isVisible()
    assert page.invitation.zone.isVisible()
    listed = page.invitation.passed.list
    assert listed.isVisible()
    assert [listed.topLevelItem(0).text(column) for column in (0, 1)] == [
        "letter.txt",
        "letter.txt is a document or table, not a scan.",
    ]
    assert not page.files_button.isVisible()
    assert not page.accept_button.isEnabled()
    page.add([tmp_path / "empty"])
    qtbot.waitUntil(lambda: page.problem.text().startswith("There are no files in it."), timeout=30_000)
    assert page.invitation.zone.isVisible()
    assert not page.invitation.passed.isVisible()
    page.add([tmp_path / "head.nii.gz"])
    qtbot.waitUntil(lambda: len(page.model.rows) == 1, timeout=30_000)
    assert not page.invitation.isVisible()
    assert not page.problem.isVisible()
    assert not page.passed.isVisible(), "the letter was of another choice"
    window.commands.close()


@pytest.mark.timing
def test_the_window_is_never_blocked_while_files_are_looked_at(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    for number in range(150):
        write_dicom(tmp_path / f"{number}.dcm", np.zeros((32, 32), np.int16), SeriesInstanceUID=f"1.2.{number}")
    turns: list[float] = []
    last = time.thread_time()

    def beat() -> None:
        # what the window's thread worked since the last turn, whatever else runs on this machine
        nonlocal last
        now = time.thread_time()
        turns.append(now - last)
        last = now

    timer = QTimer()
    timer.timeout.connect(beat)
    window.commands.take_dropped([tmp_path])
    qtbot.waitUntil(lambda: window.commands.import_page is not None, timeout=30_000)
    timer.start(5)
    last = time.thread_time()
    page = wait_page(window, qtbot)
    timer.stop()
    assert len(page.model.rows) == 150
    assert len(turns) > 20
    assert float(np.percentile(turns, 99)) < 0.05
    window.commands.close()


def many(count: int) -> Found:
    sources = [
        Source(Format.DICOM, (Path(f"/cd/{number}/1.dcm"),), f"{number}", f"patient {number // 4}")
        for number in range(count)
    ]
    passed = [Passed(f"{number}.txt", InputError("file-foreign", file=f"{number}.txt")) for number in range(count)]
    return Found(tuple(sources), tuple(passed))


def test_a_thousand_series_cost_nothing_until_they_are_seen(qtbot: QtBot) -> None:
    from gui.dialogs.importing.tree import FoundTree

    model = ImportModel()
    wished = []
    model.wished.connect(wished.append)
    tree = FoundTree()
    qtbot.addWidget(tree)
    tree.setModel(model)
    tree.setItemDelegate(FoundDelegate(tree))
    tree.resize(700, 500)
    tree.show()
    before = time.perf_counter()
    model.set_found(many(1000), Known())
    tree.expandAll()
    assert time.perf_counter() - before < 1.0
    qtbot.waitUntil(lambda: bool(wished), timeout=5000)
    assert len({source.key for source in wished}) < 12, "only what is in sight is asked for"
    last = model.index_of(model.rows[-1])
    tree.scrollTo(last)
    qtbot.waitUntil(lambda: wished[-1].key in {row.source.key for row in model.rows[-12:]}, timeout=5000)
    model.take_seen(Seen(model.rows[-1].source.key, None, "", error=InputError("file-truncated", file="x.dcm")))
    assert not model.rows[-1].checked
    model.toggle(last)
    assert not model.rows[-1].checked, "what cannot be read cannot be chosen"
    assert len(model.chosen()) == 999
    assert model.data(QModelIndex(), Role.ROW) is None


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"echo_time": 10.0, "repetition_time": 500.0}, "T1"),
        ({"echo_time": 3.0, "repetition_time": 2300.0, "inversion_time": 900.0}, "T1"),
        ({"echo_time": 100.0, "repetition_time": 5000.0}, "T2"),
        ({"echo_time": 120.0, "repetition_time": 9000.0, "inversion_time": 2500.0}, "FLAIR"),
        ({"echo_time": 20.0, "repetition_time": 2500.0}, "PD"),
        ({"echo_time": 50.0, "repetition_time": 1200.0}, ""),
        ({"repetition_time": 500.0}, ""),
    ],
)
def test_weighting_is_guessed_from_the_times(facts: dict[str, float], words: str) -> None:
    assert weighting(facts) == words


def test_files_dropped_on_the_page_are_added(page: ImportDialog, qtbot: QtBot, tmp_path: Path) -> None:
    make_series(tmp_path / "C", PatientID="P3")
    page.add([tmp_path / "C"])
    qtbot.waitUntil(lambda: len(page.model.rows) == 5, timeout=20_000)
    assert page.where.text() == "From  cd  ·  C"
    assert page.event(QEvent(QEvent.Type.None_)) is False
