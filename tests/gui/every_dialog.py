"""Every dialog of the program over an open project, one after the other; those that read are shown read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QDialog, QWidget
from pytestqt.qtbot import QtBot
from reader_support import write_nifti

from core.exchange.exporting import export_job
from core.learning.config import TrainingConfig
from core.messages import text
from core.team.bundle import bundle_job
from gui import keymap
from gui.annotate.surface_panel import SurfacePanel
from gui.dialogs.about import AboutDialog
from gui.dialogs.box_dialog import BoxDialog
from gui.dialogs.class_dialog import ClassDialog
from gui.dialogs.command_palette import CommandPalette
from gui.dialogs.export_dialog import ExportDialog
from gui.dialogs.fault_dialog import FaultDialog
from gui.dialogs.foreign_dialog import ForeignDialog
from gui.dialogs.header_panel import HeaderPanel
from gui.dialogs.import_dialog import ImportDialog
from gui.dialogs.keys_sheet import KeysDialog
from gui.dialogs.label_dialog import LabelDialog
from gui.dialogs.licences_dialog import LicencesDialog
from gui.dialogs.log_dialog import LogDialog
from gui.dialogs.mask_dialog import MaskDialog
from gui.dialogs.mend_dialog import MendDialog
from gui.dialogs.questions import Question
from gui.dialogs.reasons_dialog import ReasonsDialog
from gui.dialogs.settings_dialog import SettingsDialog
from gui.dialogs.strip_dialog import StripDialog
from gui.guide.window import GuideWindow
from gui.main_window import MainWindow
from gui.review.surface_window import SurfaceWindow
from gui.review.ways_dialog import WaysDialog
from gui.settings import Preferences
from gui.team.bundle_dialog import BundleDialog
from gui.team.merge_dialog import MergeDialog
from gui.team.reader_dialog import ReaderDialog
from gui.team.timeline import TimelineDialog
from gui.train.expert import ExpertDialog
from gui.train.prepare_dialog import PrepareDialog
from gui.worklist.scan_dialogs import NameDialog, TwoReadersDialog, WordsDialog

Shown = Iterator[tuple[str, QWidget]]


def dialogs(window: MainWindow, folder: Path, qtbot: QtBot) -> Shown:
    """Make every dialog; the caller shows each before it asks for the next.

    Parameters
    ----------
    window
        With a project open and a scan shown.
    folder
        An empty one, for the files that some dialogs are about.
    qtbot
        Waits until such a file was read.
    """
    yield from _of_the_program(window)
    yield from _of_the_project(window)
    yield from _of_the_team(window)
    yield from _of_files(window, folder, qtbot)


def unseen(seen: set[type]) -> set[str]:
    """Names of the program's dialogs that are not among those seen."""

    def below(kind: type) -> set[type]:
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    kinds = {kind for kind in below(QDialog) if kind.__module__.startswith("gui.") and not kind.__subclasses__()}
    return {kind.__name__ for kind in kinds - seen}


def _of_the_program(window: MainWindow) -> Shown:
    settings = SettingsDialog(Preferences(), window)
    for place in range(settings.tabs.count()):
        settings.tabs.setCurrentIndex(place)
        yield f"settings-{place}", settings
    yield "keys", KeysDialog(keymap.load("default"), window)
    yield "about", AboutDialog(window)
    yield "licences", LicencesDialog(window)
    yield "log", LogDialog(window)
    yield "fault", FaultDialog("IndexError: 3", window.session, window)
    yield "fault-over", FaultDialog("IndexError: 3", None, window, goes_on=False)
    yield "palette", CommandPalette(window.actions_table, window)
    yield "question", Question(text("train.delete_title"), text("train.delete_stays"), text("train.delete_yes"), window)
    yield "guide", GuideWindow(window)


def _of_the_project(window: MainWindow) -> Shown:
    session, project = window.session, window.session.project
    assert project is not None
    assert session.scan is not None
    assert session.volume is not None
    scan = session.scan
    yield "label", LabelDialog(session.labels, "", window)
    yield "class", ClassDialog("", (), window)
    export = ExportDialog(
        session.labels, "Brain", (scan.id, scan.name), [scan.id], Path("/tmp"), window, volume=session.volume
    )
    for place in range(export.formats.count()):
        export.formats.setCurrentRow(place)
        yield f"export-{export.format}", export
    yield "boxes", BoxDialog(session.volume, [(2, 3, 10, 8)], window)
    yield "import", ImportDialog(session, window.intake.take, (), window)
    yield (
        "strip",
        StripDialog([("brain", "brain"), ("classical", text("strip_page.model_classical"))], [], Path("/tmp"), window),
    )
    yield "expert", ExpertDialog(TrainingConfig(("Brain",)), window)
    yield "prepare", PrepareDialog(project, scan, TrainingConfig(("Brain",)), volume=session.volume, parent=window)
    yield "ways", WaysDialog({}, window)
    yield "mend", MendDialog(scan.name, "One sentence.", "3 minutes ago", ["a.mnx"], window)
    yield "mend-again", MendDialog(scan.name, "One sentence.", "", ["a.mnx"], window)
    yield (
        "reasons",
        ReasonsDialog("2 files were passed over.", [("a.dcm", "a.dcm: is no scan."), ("b", "Why.")], window),
    )
    yield "surface", SurfacePanel(session, window)
    yield "surface-distance", SurfaceWindow(session.notifier, window)
    yield "header", HeaderPanel(session, window)


def _of_the_team(window: MainWindow) -> Shown:
    session = window.session
    assert session.scan is not None
    scan = session.scan
    yield "bundle", BundleDialog(session, [scan.id], ["Anna", "Bernd"], window)
    yield "reader", ReaderDialog("Anna", ["Anna"], window)
    yield "timeline", TimelineDialog(session, scan.id, window)
    yield "returned", WordsDialog("why_returned", 2, window)
    yield "tag", NameDialog("tag", window)
    yield "two", TwoReadersDialog(["Anna", "Bernd"], 2, window)


def _of_files(window: MainWindow, folder: Path, qtbot: QtBot) -> Shown:
    """Dialogs about a file, before it was read and after."""
    session = window.session
    assert session.project is not None
    assert session.volume is not None
    for _ in bundle_job(session.project.path, folder / "back.mnxbundle", with_scans=False, by="Ben"):
        pass
    merge = MergeDialog(session, folder / "back.mnxbundle", window)
    yield from _read(qtbot, "merge", merge, lambda: merge.said.text() != text("team.merge_looking"))
    for _ in export_job(session.project.path, "nnunet", folder / "out"):
        pass
    foreign = ForeignDialog(folder / "out", session.labels, window)
    yield from _read(qtbot, "foreign", foreign, lambda: foreign.plan is not None)
    drawn = np.zeros(session.volume.shape, np.uint8)
    drawn[2:5, 20:40, 20:30] = 1
    write_nifti(folder / "x_mask.nii.gz", drawn, session.volume.geometry.affine)
    mask = MaskDialog(session, folder / "x_mask.nii.gz", window)
    yield from _read(qtbot, "mask", mask, lambda: bool(mask.fields))


def _read(qtbot: QtBot, place: str, dialog: QWidget, ready: Callable[[], bool]) -> Shown:
    yield place, dialog
    qtbot.waitUntil(ready, timeout=30_000)
    yield f"{place}-read", dialog
