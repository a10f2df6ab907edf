"""A whole session of a person, off the screen: open files, draw, strip, train, predict, export, start again.

``python session_child.py FOLDER`` runs it in a folder that holds nothing yet and prints one line of JSON. The names of
files, project and folders are those that break programs: blanks, umlauts, CJK, an emoji, ``%``, ``#``, ``&``.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("MENINX_PATIENCE", "240"))
HEADS = 3
SHAPE = (6, 64, 56)
MOST = 12
"""Times that files are taken."""
ODD = "Müller & Söhne 脳 🧠 100% #1"


def main(folder: Path) -> int:
    """Run the session; return the exit status."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "gui")]
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from gui.app import make_application
    from gui.log import start_log

    files = make_files(folder / f"Eingang {ODD}")
    start_log()
    make_application()
    project = folder / f"Projekt {ODD}.meninx"
    told = first_sitting(project, files, folder)
    told |= second_sitting(project, told["voxels"])
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    return 0


def make_files(folder: Path) -> list[Path]:
    """Write made-up heads as files with odd names."""
    import nibabel

    from core.phantom import make_head

    folder.mkdir(parents=True)
    made = []
    for seed in range(HEADS):
        head = make_head(seed, shape=SHAPE)
        image = nibabel.Nifti1Image(head.volume.array.transpose(2, 1, 0), head.volume.geometry.affine)
        made.append(folder / f"Kopf Nr. {seed} äöü 脑 🧠 %d%s 50%.nii.gz")
        nibabel.save(image, made[-1])
    return made


def until(met: Callable[[], object], what: str) -> None:
    """Let the window work until something is so."""
    from PySide6.QtTest import QTest

    end = time.monotonic() + PATIENCE
    while not met():
        if time.monotonic() > end:
            raise TimeoutError(what)
        QTest.qWait(20)


def shown_window() -> object:
    """Return the window of a new start."""
    from gui.main_window import MainWindow
    from gui.session import Session
    from gui.settings import Settings

    settings = Settings()
    settings.preferences.tour_seen = settings.preferences.research_notice_seen = True
    window = MainWindow(Session(settings))
    window.resize(1280, 800)
    window.show()
    window.warm()
    until(window.isVisible, "the window")
    return window


def first_sitting(project: Path, files: list[Path], folder: Path) -> dict[str, object]:
    """Bring the files in, draw, strip, explore, train, predict and export."""
    from PySide6.QtTest import QTest

    from core.learning.config import TrainingConfig
    from core.learning.runs import list_runs
    from core.project.importing import ImportOptions
    from gui.jobs.runners import Job

    window = shown_window()
    session = window.session
    assert window.intake.create_project(project)
    for _ in range(MOST):
        # on a machine that does much else a file may be given up as too slow; what is here is not taken twice
        if len(session.project.scans()) < HEADS:
            window.intake.take(files, ImportOptions(label="Brain"))
            until(lambda: not session.jobs.running, "the import")
    assert len(session.project.scans()) == HEADS
    voxels = {scan.id: draw(window, scan.id) for scan in session.project.scans()}
    session.save_now()
    until(lambda: session.save_state.value == "saved", "saving")

    def job(work: object, what: str) -> dict[str, object]:
        until(lambda: not work.running, what)
        assert work.error is None, f"{what}: {work.error}"
        return work.result

    stripped = folder / f"Gestrippt {ODD}"
    job(session.jobs.start(Job("strip", {"inputs": files[:1], "folder": stripped, "model": "classical"})), "stripping")
    explored = folder / f"Zahlen {ODD}"
    asked = {"project_path": project, "labels": ("Brain",), "folder": explored}
    job(session.jobs.start(Job("explore", asked)), "exploring")
    config = TrainingConfig(labels=("Brain",), network="unet_light", size=32, slices=1, epochs=1, steps=2)
    job(session.jobs.start_training(config), "training")
    (run,) = list_runs(session.project)
    job(session.jobs.start_prediction(run.id), "predicting")
    out = folder / f"Ausgang {ODD}"
    facts = {"folder": out, "scans": list(voxels), "label": "Brain", "mask": True, "brain": True}
    exported = job(session.jobs.start_export(facts), "exporting")["files"]
    for name in ("train", "review", "annotate"):
        window.show_workspace(name)
        QTest.qWait(300)
    session.put_away()
    window.close()
    return {
        "voxels": voxels,
        "stripped": sorted(path.name for path in stripped.iterdir()),
        "exported": len(exported),
        "figures": figures(explored),
        "titles": window.windowTitle(),
    }


def draw(window: object, scan: str) -> int:
    """Draw on three slices of a scan and call them finished; return the voxels."""
    import numpy as np
    from shell_support import stroke

    session = window.session
    session.open_scan(scan)
    until(lambda: session.scan is not None and session.scan.id == scan and not session.loading, "opening a scan")
    until(lambda: session.can_edit, "the right to draw")
    session.choose_label("Brain")
    window.actions_table["brush"].trigger()
    window.annotate.hand.set_size(22)
    for index in (2, 3, 4):
        window.annotate.views.main.set_index(index)
        for y in (24, 32, 40):
            stroke(window, (20, y), (36, y))
        session.set_finished(["brain"], [index], True)
    voxels = int(np.count_nonzero(session.editor.mask("brain")))
    assert voxels
    return voxels


def figures(folder: Path) -> int:
    """Return how many figures with a point the tables hold; one with a comma is refused."""
    found = 0
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.reader(file):
                for cell in row:
                    if cell.replace(".", "", 1).replace("-", "", 1).isdigit() and "." in cell:
                        found += 1
                    assert not cell.replace(",", "", 1).isdigit() or "," not in cell, (path.name, cell)
    return found


def second_sitting(project: Path, voxels: dict[str, int]) -> dict[str, object]:
    """Start again on the project of last time; all must be there."""
    import numpy as np
    from PySide6.QtCore import QLocale
    from PySide6.QtWidgets import QDoubleSpinBox

    window = shown_window()
    session = window.session
    recent = session.settings.recent_projects()
    assert recent[0] == project, recent
    assert window.intake.open_project(recent[0])
    for scan, drawn in voxels.items():
        session.open_scan(scan)
        until(lambda scan=scan: session.scan is not None and session.scan.id == scan and not session.loading, "a scan")
        assert int(np.count_nonzero(session.editor.mask("brain"))) == drawn
    problems = session.project.verify()
    title = window.windowTitle()
    size = window.annotate.options.findChildren(QDoubleSpinBox)
    told = [spin.text() for spin in size if spin.isVisible()]
    session.put_away()
    window.close()
    return {"problems": problems, "title": title, "point": QLocale.system().decimalPoint(), "fields": told}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
